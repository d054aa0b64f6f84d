//! Examples of the right form, for values of the wrong type.

use crate::spec::field::{Holds, Key};
use crate::spec::section::Section;

/// An example of a table, and a remark after it, by the table's name in messages.
const FORMS: &[(&str, &str, &str)] = &[
    ("stack", "{ name = \"demo\" }", ""),
    ("cors", "{ origins = [\"https://app.example.com\"] }", ", or origins = [\"*\"] for the pages of every origin"),
    (
        "domain",
        "{ name = \"api.example.com\", certificate = \"arn:aws:acm:REGION:ACCOUNT:certificate/ID\" }",
        ", with the certificate's ARN",
    ),
    (
        "integration",
        "{ http = \"https://…\" }",
        " for a server, or { mock = { status = 200, body = \"ok\" } } for a fixed answer",
    ),
    ("mock", "{ status = 200, body = \"ok\" }", ""),
    ("logs", "{ access = true, execution = \"error\" }", ""),
    ("an entry of allow", "{ actions = [\"s3:GetObject\"], resources = [\"arn:{partition}:s3:::photos/*\"] }", ""),
    ("a trigger", "{ schedule = \"rate(5 minutes)\" }", ""),
    ("a destination", "{ queue = \"dead\" }", ""),
    ("a VPC", "{ subnets = [\"subnet-…\"], security_groups = [\"sg-…\"] }", ""),
    ("a login", "{ domain = \"my-app\", callbacks = [\"https://app.example.com/callback\"] }", ""),
    (
        "mail",
        "{ ses = \"arn:aws:ses:REGION:ACCOUNT:identity/example.com\", from = \"Orders <no-reply@example.com>\" }",
        "; without `ses` and `from`, Cognito's own sender sends the e-mails",
    ),
    (
        "a client secret",
        "{ secret = \"Google\", key = \"client_secret\" }",
        ", and name the source of the value in the secret: [secrets.Google] with client_secret = { env = \"VARIABLE\" }; \
         the value itself is never in this file",
    ),
    ("hooks", "{ pre_sign_up = \"FUNCTION\" }", ""),
    ("a password rule", "{ minimum_length = 14 }", ""),
    ("quota", "{ requests = 10000, per = \"month\" }", ""),
    ("countries", "{ block = [\"XX\"] }", ", with a code of two letters for each country"),
];

/// The help for a value that must be the table at this path, as in `api.cors`, or an entry of a list of tables, as in
/// `functions.F.allow.0`. `None` if there is no example.
pub(in crate::spec) fn of(what: &str, path: &str) -> Option<String> {
    let (_, example, remark) = FORMS.iter().find(|(known, ..)| *known == what)?;
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    Some(match list_of(path) {
        Some(entries) => format!("write each as [[{entries}]], or {} = [{example}]{remark}", last(entries)),
        None => format!("write {} = {example}{remark}", last(path)),
    })
}

/// The help for a value that must be a list of tables at this place, as in `functions.F.allow`.
pub(in crate::spec) fn list(what: &str, at: &str) -> String {
    // The places in `[api]` do not name it.
    let name = if at == "routes" { "api.routes" } else { at };
    of(what, &format!("{name}.0")).unwrap_or_else(|| format!("write each as [[{name}]]"))
}

/// The help for a value that must be a table with names of the user's choice.
pub(in crate::spec) fn by_name(key: &Key) -> Option<String> {
    let value = match key.holds {
        Holds::Variables(_) | Holds::NamedTexts | Holds::Tags | Holds::Reasons => "\"…\"",
        Holds::Lists => "[\"…\"]",
        _ => return None,
    };
    Some(format!("write {} = {{ \"NAME\" = {value} }}", key.name))
}

/// The keys of a table, for help.
pub(in crate::spec) fn keys(section: &'static dyn Section) -> String {
    let keys: Vec<&str> = section.keys().iter().map(|key| key.name).collect();
    match keys.as_slice() {
        [] => format!("{} has no settings", section.what()),
        keys => format!("{} has the keys {}", section.what(), keys.join(", ")),
    }
}

/// The list of tables that has an entry at this path.
fn list_of(path: &str) -> Option<&str> {
    let (list, number) = path.rsplit_once('.')?;
    number.parse::<usize>().is_ok().then_some(list)
}

#[cfg(test)]
mod tests {
    use toml::de::{DeTable, DeValue};

    use super::*;
    use crate::spec::sections::ROOT;

    /// The table of this name, searched below another.
    fn find(within: &'static dyn Section, what: &str) -> Option<&'static dyn Section> {
        if within.what() == what {
            return Some(within);
        }
        within.keys().into_iter().find_map(|key| match key.holds {
            Holds::Table(inner)
            | Holds::Tables(inner)
            | Holds::Named(_, inner)
            | Holds::NamedTables(inner)
            | Holds::Variables(inner)
            | Holds::Auth(_, inner)
            | Holds::Secrets(_, inner) => find(inner, what),
            _ => None,
        })
    }

    #[test]
    fn every_example_has_keys_of_its_table() {
        for (what, example, _) in FORMS {
            let section = find(&ROOT, what).unwrap_or_else(|| panic!("no table is called {what}"));
            let keys: Vec<&str> = section.keys().iter().map(|key| key.name).collect();
            let text = format!("x = {example}");
            let document = DeTable::parse(&text).expect(what).into_inner();
            let Some(DeValue::Table(table)) = document.get("x").map(toml::Spanned::get_ref) else {
                panic!("{example}")
            };
            for key in table.keys() {
                assert!(keys.contains(&key.get_ref().as_ref()), "{what}: {}", key.get_ref());
            }
        }
    }

    /// The help for the only mistake in a file.
    fn help(file: &str) -> String {
        let mistakes = crate::spec::parse(&format!("[stack]\nname = \"demo\"\n{file}")).expect_err(file);
        let [mistake] = mistakes.as_slice() else { panic!("{file}: {mistakes:?}") };
        mistake.help.clone().unwrap_or_default()
    }

    #[test]
    fn a_value_of_the_wrong_type_gets_the_right_form() {
        let function = "[functions.F]\nsource = \"f\"\n";
        let route = "[[api.routes]]\nroute = \"GET /\"\nauth = \"none\"\n";
        let api = |keys: &str| format!("{function}[api]\n{keys}\n{route}function = \"F\"\n");
        let pool = |keys: &str| format!("[pools.P]\n{keys}\n");
        for (file, expected) in [
            (api("cors = true"), "write cors = { origins = [\"https://app.example.com\"] }"),
            (api("cors = \"*\""), "origins = [\"*\"] for the pages of every origin"),
            (api("domain = \"api.example.com\""), "write domain = { name = \"api.example.com\", certificate = "),
            (format!("{function}{route}integration = \"mock\""), "{ mock = { status = 200, body = \"ok\" } }"),
            (format!("{function}{route}integration = {{ mock = true }}"), "write mock = { status = 200"),
            (
                format!("{function}allow = [\"s3:GetObject\"]"),
                "write each as [[functions.F.allow]], or allow = [{ actions = [\"s3:GetObject\"]",
            ),
            (
                format!("{function}[functions.F.allow]\nactions = []"),
                "write each as [[functions.F.allow]], or allow = [",
            ),
            (format!("{function}trigger = \"rate(5 minutes)\""), "write trigger = { schedule = "),
            (format!("{function}triggers = {{}}"), "write each as [[functions.F.triggers]]"),
            (format!("{function}environment = [\"A=b\"]"), "write environment = { \"NAME\" = \"…\" }"),
            (format!("{function}reads_parameters = \"/app/url\""), "write [\"/app/url\"]"),
            (format!("{function}[api]\nroutes = {{}}"), "write each as [[api.routes]]"),
            (pool("mail = { from = \"ann@example.com\" }"), "write mail = { ses = \"arn:aws:ses:"),
            (pool("login = { callbacks = [\"https://app.example.com/\"] }"), "write login = { domain = \"my-app\""),
            (pool("login = true"), "write login = { domain = \"my-app\""),
            (pool("tokens = 5"), "tokens has the keys id_minutes, "),
            (pool("providers = \"Google\""), "write each as [pools.P.providers.NAME]"),
            (pool("scopes = [\"read\"]"), "write scopes = { \"NAME\" = [\"…\"] }"),
        ] {
            let said = help(&file);
            assert!(said.contains(expected), "{file}: {said}");
        }
    }
}

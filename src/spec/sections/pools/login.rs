//! `login` of a pool: its domain, and the sign-in pages that Cognito hosts there.

use std::collections::BTreeSet;

use super::Pool;
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{List, Required};
use crate::spec::reader::{Located, Reader, Table};
use crate::spec::section::section;

/// The form of a domain's first part.
const DOMAIN: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";

/// Words that a domain must not contain.
const RESERVED: [&str; 3] = ["amazon", "aws", "cognito"];

/// Schemes that no application registers, and that browsers treat in a way of their own.
const NOT_OF_APPS: [&str; 11] =
    ["about", "blob", "data", "file", "ftp", "ftps", "javascript", "mailto", "vbscript", "ws", "wss"];

/// How many addresses a client may have of either kind, and how long one may be (docs/aws.md, Hosted sign-in).
const MOST_ADDRESSES: usize = 100;
const LONGEST_ADDRESS: usize = 1024;

/// The scopes that every pool has, beside those of its own APIs.
const STANDARD_SCOPES: [&str; 5] = ["openid", "email", "phone", "profile", "aws.cognito.signin.user.admin"];

/// The scope that is asked for if the stack file names none: without it, there is no ID token.
const OPENID: &str = "openid";

section! {
    LOGIN: LoginKeys = "a login";
    domain: Required = form(
        DOMAIN,
        "The first part of the pool's domain, DOMAIN.auth.REGION.amazoncognito.com, at which programs get their tokens and users find Cognito's sign-in pages. It must be unique among all pools of the region, in all accounts.",
    );
    callbacks: List = texts(
        "The addresses to which the sign-in pages may send a user back with a code, as in https://app.example.com/callback. An application exchanges the code for tokens, with PKCE. Only https://, http://localhost for tests, and addresses of mobile apps such as myapp://callback. Left out: there are no sign-in pages.",
    );
    logouts: List = texts("The addresses to which a user may be sent after signing out, in the same form.");
    scopes: List = texts(
        "The scopes that an application may ask for: openid, email, phone, profile, aws.cognito.signin.user.admin, and scopes of the pool such as orders/read. Left out: openid.",
    );
}

/// The domain of a pool, and its sign-in pages if it has callbacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Login {
    /// The first part of the domain.
    pub domain: String,
    /// The addresses to which users are sent back with a code. Empty: there are no sign-in pages.
    pub callbacks: Vec<String>,
    /// The addresses to which users are sent after signing out.
    pub logouts: Vec<String>,
    /// The scopes that an application may ask for. Empty if there are no sign-in pages.
    pub scopes: BTreeSet<String>,
}

impl Login {
    /// Whether users can sign in at the domain.
    pub(super) fn has_pages(&self) -> bool {
        !self.callbacks.is_empty()
    }
}

pub(super) fn login(reader: &mut Reader, table: &Table) -> Login {
    let LoginKeys { domain: domain_key, callbacks, logouts, scopes: scopes_key } = &LOGIN;
    let domain = domain(reader, table, domain_key);
    let callbacks = addresses(reader, table, callbacks);
    let logouts = addresses(reader, table, logouts);
    let scopes: Vec<Located> = reader.list(table, scopes_key);
    // A mistake in the callbacks was reported.
    if callbacks.is_empty() && table.get(&LOGIN.callbacks.key).is_none() {
        for (key, is_given) in [(&LOGIN.logouts, !logouts.is_empty()), (scopes_key, !scopes.is_empty())] {
            if let Some(item) = table.get(&key.key).filter(|_| is_given) {
                let message =
                    format!("`{}` is for users who sign in at the domain, and there are no callbacks", key.key.name);
                let help = "name the addresses to which users return in `callbacks`, or remove the key";
                reader.diagnostic(&item.span(), message, Some(help.to_owned()));
            }
        }
    }
    let given: BTreeSet<String> = scopes.into_iter().map(|(scope, _)| scope).collect();
    let scopes = match (callbacks.is_empty(), given.is_empty()) {
        (true, _) => BTreeSet::new(),
        (false, true) => BTreeSet::from([OPENID.to_owned()]),
        (false, false) => given,
    };
    Login { domain, callbacks, logouts, scopes }
}

fn domain(reader: &mut Reader, table: &Table, key: &Required) -> String {
    let Some((domain, span)) = reader.required(table, key) else { return String::new() };
    let charset = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fits = (1..=63).contains(&domain.len()) && domain.chars().all(charset);
    if !fits || domain.starts_with('-') || domain.ends_with('-') {
        let help = "it has 1 to 63 characters of a-z, 0-9 and -, and neither begins nor ends with -";
        reader.diagnostic(&span, format!("{domain:?} is not a valid domain"), Some(help.to_owned()));
    } else if let Some(word) = RESERVED.iter().find(|word| domain.contains(*word)) {
        let help = format!("a domain must not contain {}", RESERVED.join(", "));
        reader.diagnostic(&span, format!("Cognito takes no domain with {word} in it"), Some(help));
    }
    domain
}

/// The addresses in a list. Reports those that Cognito or this program does not accept.
fn addresses(reader: &mut Reader, table: &Table, key: &List) -> Vec<String> {
    let given = reader.list(table, key);
    if given.len() > MOST_ADDRESSES
        && let Some(item) = table.get(&key.key)
    {
        let message =
            format!("`{}` has {} addresses, and Cognito takes at most {MOST_ADDRESSES}", key.key.name, given.len());
        reader.diagnostic(&item.span(), message, None);
    }
    for (address, span) in &given {
        if let Err((why, help)) = address_is_valid(address) {
            reader.diagnostic(span, format!("{address:?} {why}"), Some(help.to_owned()));
        }
    }
    given.into_iter().map(|(address, _)| address).collect()
}

/// Checks an address to which Cognito sends users. The error says what is wrong and what to write instead.
fn address_is_valid(address: &str) -> Result<(), (&'static str, &'static str)> {
    const HELP: &str = "write it as https://app.example.com/callback";
    let Some((scheme, rest)) = address.split_once("://") else { return Err(("is not an address", HELP)) };
    let of_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let is_plain = |c: char| c.is_ascii_graphic() && c != '\\';
    if scheme.is_empty() || !scheme.chars().all(of_scheme) || rest.is_empty() || !address.chars().all(is_plain) {
        return Err(("is not an address", HELP));
    }
    if NOT_OF_APPS.iter().any(|other| scheme.eq_ignore_ascii_case(other)) {
        return Err(("leads to no application that could take the code", HELP));
    }
    if address.len() > LONGEST_ADDRESS {
        return Err(("is too long", "an address has at most 1024 characters"));
    }
    if address.contains('#') {
        return Err(("has a fragment", "Cognito takes no address with #: remove that part"));
    }
    if address.contains('*') {
        return Err(("has an asterisk", "Cognito compares whole addresses: name each address"));
    }
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    if host.contains('@') {
        return Err(("has a user or a password", "write the address without them"));
    }
    let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    if is_web && scheme != scheme.to_lowercase() {
        return Err(("does not begin with small letters", HELP));
    }
    let (name, port) = host.split_once(':').unwrap_or((host, "443"));
    if is_web && (name.is_empty() || !port.parse::<u16>().is_ok_and(|port| port != 0)) {
        return Err(("has no host, or a port that does not exist", HELP));
    }
    if scheme.eq_ignore_ascii_case("http") && name != "localhost" {
        return Err((
            "would send the code without encryption",
            "write https://; only http://localhost is allowed, for tests",
        ));
    }
    Ok(())
}

/// Reports scopes that neither Cognito nor the pool has, and combinations that Cognito refuses.
pub(super) fn check(name: &str, pool: &Pool, checks: &mut Checks) {
    let Some(login) = pool.pages() else { return };
    let own: Vec<String> = pool.scope_names().collect();
    let known: Vec<&str> = STANDARD_SCOPES.into_iter().chain(own.iter().map(String::as_str)).collect();
    let place = |scope: &str| format!("pools.{name}.login.scopes.{scope}");
    for scope in &login.scopes {
        if scope.is_empty() {
            checks.report([Diagnostic::new(place(scope), "a scope is empty")]);
        }
        checks.one_of_key(place(scope), "scope", scope, &known, (&format!("pools.{name}"), "scopes"));
    }
    if !login.scopes.contains(OPENID) {
        let message = "without the scope openid, users who sign in get no ID token";
        checks.report([Diagnostic::new(format!("pools.{name}.login.scopes"), message).help("add \"openid\"")]);
    }
}

#[cfg(test)]
mod tests {
    use super::Login;
    use crate::spec::parse;

    fn file(login: &str) -> String {
        format!(
            "[stack]\nname = \"demo\"\n[pools.People]\nscopes = {{ orders = [\"read\"] }}\nlogin = {{ domain = \"demo-login\"{login} }}\n"
        )
    }

    fn read(login: &str) -> Login {
        parse(&file(login)).expect("a sound file").pools["People"].login.clone().expect("a login")
    }

    #[test]
    fn without_callbacks_there_are_no_pages_and_with_them_openid_is_asked_for() {
        let domain = read("");
        assert!(!domain.has_pages() && domain.scopes.is_empty());
        let pages = read(", callbacks = [\"https://app.example.com/cb\"], logouts = [\"https://app.example.com\"]");
        assert!(pages.has_pages());
        assert_eq!(pages.scopes.into_iter().collect::<Vec<_>>(), ["openid"]);
        let own = read(", callbacks = [\"http://localhost:8976/\"], scopes = [\"openid\", \"orders/read\"]");
        assert_eq!(own.scopes.into_iter().collect::<Vec<_>>(), ["openid", "orders/read"]);
        read(", callbacks = [\"myapp://callback\"]");
    }

    #[test]
    fn what_cognito_would_refuse_or_an_attacker_would_like_is_a_mistake() {
        let callback = |address: &str| format!(", callbacks = [\"{address}\"]");
        let sound = callback("https://app.example.com/cb");
        for (login, expected) in [
            (callback("app.example.com"), "is not an address"),
            (callback("http://app.example.com"), "would send the code without encryption"),
            (callback("http://localhost.example.com"), "would send the code without encryption"),
            (callback("https://app.example.com/#/cb"), "has a fragment"),
            (callback("https://*.example.com/cb"), "has an asterisk"),
            (callback("https://me@app.example.com/cb"), "has a user or a password"),
            (", logouts = [\"https://app.example.com\"]".to_owned(), "`logouts` is for users who sign in"),
            (", scopes = [\"openid\"]".to_owned(), "`scopes` is for users who sign in"),
            (format!("{sound}, scopes = [\"openid\", \"orders/raed\"]"), "there is no scope called orders/raed"),
            (format!("{sound}, scopes = [\"email\"]"), "without the scope openid"),
            (format!("{sound}, scopes = [\"openid\", \"\"]"), "a scope is empty"),
            (callback("javascript://x"), "leads to no application"),
            (callback("ftp://app.example.com/"), "leads to no application"),
            (callback("HTTPS://app.example.com/"), "does not begin with small letters"),
            (callback("https:///cb"), "has no host"),
            (callback("http://localhost:0/cb"), "has no host, or a port"),
            (callback("http://localhost:99999/cb"), "has no host, or a port"),
            (callback("https://äpp.example.com/cb"), "is not an address"),
            (
                ", callbacks = \"https://app.example.com\", logouts = [\"https://app.example.com\"]".to_owned(),
                "`callbacks`",
            ),
        ] {
            let mistakes = parse(&file(&login)).expect_err(&login);
            assert!(mistakes.len() == 1 && mistakes[0].message.contains(expected), "{login}: {mistakes:?}");
        }
    }
}

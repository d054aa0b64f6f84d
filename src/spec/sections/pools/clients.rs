//! Scopes of a pool's APIs, and further app clients.

use std::collections::{BTreeMap, BTreeSet};

use super::Pool;
use crate::choices::SignInFlow;
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Flag, List, Lists, WordList};
use crate::spec::reader::{Reader, Table};
use crate::spec::section::section;

/// How many APIs a pool may name, and how many scopes an API may have (docs/aws.md, Scopes and machine clients).
const MOST_SERVERS: usize = 25;
const MOST_SCOPES: usize = 100;

section! {
    CLIENT: ClientKeys = "a client";
    secret: Flag = or(
        false,
        "Whether the client has a secret, without which it gets no tokens. `up` writes it to a secret of Secrets Manager, and nowhere else. AWS cannot change it later.",
    );
    flows: WordList<Option<SignInFlow>> = of(
        &["srp", "password", "admin-password", "custom", "client-credentials"],
        &[
            Some(SignInFlow::Srp),
            Some(SignInFlow::Password),
            Some(SignInFlow::AdminPassword),
            Some(SignInFlow::Custom),
            None,
        ],
        &["srp"],
        "The ways to get tokens. With client-credentials, which cannot be combined with others, the client is a program that gets access tokens for itself with its secret. With the other flows, users sign in.",
    );
    scopes: List = texts("The scopes that a program may ask for, as in orders/read. Only with client-credentials.");
}

/// A further app client of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolClient {
    /// Whether it has a secret.
    pub secret: bool,
    /// How users sign in with it. Empty: it is a program that gets tokens for itself.
    pub flows: Vec<SignInFlow>,
    /// The scopes that such a program may ask for, as in `orders/read`.
    pub scopes: BTreeSet<String>,
    /// Whether the stack file lists `client-credentials` beside other flows, which is a mistake.
    mixed: bool,
    /// Whether no flow in the stack file is known, which was reported.
    unknown: bool,
}

impl PoolClient {
    /// Whether it is a program that gets tokens for itself.
    pub fn is_machine(&self) -> bool {
        self.flows.is_empty()
    }
}

pub(super) fn client(reader: &mut Reader, _: &str, table: &Table) -> PoolClient {
    let ClientKeys { secret, flows, scopes } = &CLIENT;
    let given = reader.words(table, flows);
    let flows: Vec<SignInFlow> = given.iter().copied().flatten().collect();
    PoolClient {
        secret: reader.flag(table, secret),
        mixed: !flows.is_empty() && given.contains(&None),
        unknown: given.is_empty(),
        flows,
        scopes: reader.list(table, scopes).into_iter().map(|(scope, _)| scope).collect(),
    }
}

/// The scopes of each API that the pool names.
pub(super) fn scopes(reader: &mut Reader, table: &Table, key: &Lists) -> BTreeMap<String, BTreeSet<String>> {
    let is = |text: &str, longest: usize, more: &str| {
        (1..=longest).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.:-".contains(c) || more.contains(c))
    };
    let mut all = BTreeMap::new();
    for ((server, span), scopes) in reader.lists(table, key) {
        if !is(&server, 100, "/") {
            let help = "names of APIs have 1 to 100 characters of A-Z, a-z, 0-9 and _ . : / -".to_owned();
            reader.diagnostic(&span, format!("{server:?} is not a valid name of an API"), Some(help));
        }
        if scopes.is_empty() || scopes.len() > MOST_SCOPES {
            reader.diagnostic(&span, format!("`{server}` must have 1 to {MOST_SCOPES} scopes"), None);
        }
        for (scope, span) in scopes.iter().filter(|(scope, _)| !is(scope, 64, "")) {
            let help = "scopes have 1 to 64 characters of A-Z, a-z, 0-9 and _ . : -".to_owned();
            reader.diagnostic(span, format!("{scope:?} is not a valid scope"), Some(help));
        }
        all.insert(server, scopes.into_iter().map(|(scope, _)| scope).collect());
    }
    all
}

/// Checks the clients and scopes of a pool.
pub(super) fn check(name: &str, pool: &Pool, checks: &mut Checks) {
    if pool.scopes.len() > MOST_SERVERS {
        let message = format!("a pool has scopes of at most {MOST_SERVERS} APIs");
        checks.report([Diagnostic::new(format!("pools.{name}.scopes"), message)]);
    }
    let known: Vec<String> = pool.scope_names().collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    for (client, wanted) in &pool.clients {
        let at = |key: &str| format!("pools.{name}.clients.{client}{key}");
        let (of_pool, of_client) = (format!("pools.{name}"), at(""));
        for scope in &wanted.scopes {
            checks.one_of_key(at(&format!(".scopes.{scope}")), "scope", scope, &known, (&of_pool, "scopes"));
        }
        let has_domain = pool.login.is_some() || checks.is_unread(&of_pool, "login");
        if wanted.unknown || checks.is_unread(&of_client, "flows") {
            continue;
        }
        let mut flaw = |key: &str, message: &str, help: &str| {
            checks.report([Diagnostic::new(at(key), message.to_owned()).help(help)]);
        };
        if wanted.mixed {
            flaw(".flows", "client-credentials cannot stand beside other flows", "make two clients");
        } else if wanted.is_machine() {
            if !wanted.secret {
                flaw("", "a client with client-credentials needs a secret", "set secret = true");
            }
            if wanted.scopes.is_empty() {
                let help = "name some in `scopes`, such as [\"orders/read\"]";
                flaw("", "a client with client-credentials needs scopes", help);
            }
            if !has_domain {
                let help = format!("set login = {{ domain = \"DOMAIN\" }} for [pools.{name}]");
                flaw(
                    "",
                    "a client with client-credentials gets its tokens at the domain of its pool, which has none",
                    &help,
                );
            }
        } else if !wanted.scopes.is_empty() {
            let help = "remove `scopes`: tokens of users who sign in with a password contain no scopes of the pool";
            flaw(".scopes", "only a client with client-credentials can have scopes", help);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::choices::SignInFlow;
    use crate::spec::{Pool, parse};

    const SOUND: &str = "scopes = { orders = [\"read\", \"write\"] }\nlogin = { domain = \"demo-login\" }\n\
        [pools.People.clients.partner]\nsecret = true\nflows = [\"client-credentials\"]\nscopes = [\"orders/read\"]\n\
        [pools.People.clients.app]\n";

    fn file(pool: &str) -> String {
        format!("[stack]\nname = \"demo\"\n[pools.People]\n{pool}\n")
    }

    fn read(pool: &str) -> Pool {
        parse(&file(pool)).expect("a sound file").pools["People"].clone()
    }

    fn mistakes(pool: &str) -> Vec<String> {
        parse(&file(pool)).err().unwrap_or_default().into_iter().map(|mistake| mistake.message).collect()
    }

    #[test]
    fn scopes_clients_and_the_domain_are_read() {
        let pool = read(SOUND);
        assert_eq!(pool.scope_names().collect::<Vec<_>>(), ["orders/read", "orders/write"]);
        assert_eq!(pool.login.map(|login| login.domain).as_deref(), Some("demo-login"));
        let (partner, app) = (&pool.clients["partner"], &pool.clients["app"]);
        assert!(partner.is_machine() && partner.secret && partner.scopes.contains("orders/read"));
        assert_eq!((app.flows.as_slice(), app.secret, app.is_machine()), (&[SignInFlow::Srp][..], false, false));
    }

    #[test]
    fn scopes_that_are_no_list_are_one_mistake() {
        for wrong in ["'q'", "[1]"] {
            let mistakes = mistakes(&format!("scopes = {{ z = {wrong} }}"));
            assert!(mistakes.len() == 1 && mistakes[0].starts_with("`z` must be a list of strings"), "{mistakes:?}");
        }
    }

    #[test]
    fn what_cannot_work_is_a_mistake() {
        for (from, to, expected) in [
            ("orders/read\"]", "orders/raed\"]", "there is no scope called orders/raed"),
            ("secret = true\n", "", "a client with client-credentials needs a secret"),
            ("scopes = [\"orders/read\"]\n", "", "a client with client-credentials needs scopes"),
            ("login = { domain = \"demo-login\" }\n", "", "at the domain of its pool, which has none"),
            ("flows = [\"client-credentials\"]", "flows = [\"client-credentials\", \"srp\"]", "cannot stand beside"),
            ("flows = [\"client-credentials\"]\n", "", "only a client with client-credentials can have scopes"),
            ("flows = [\"client-credentials\"]", "flows = [\"USER_SRP_AUTH\"]", "takes srp, password"),
            ("\"demo-login\"", "\"demo-aws\"", "Cognito takes no domain with aws in it"),
            ("\"demo-login\"", "\"Demo\"", "\"Demo\" is not a valid domain"),
            ("\"read\", \"write\"]", "\"read\", \"a/b\"]", "\"a/b\" is not a valid scope"),
            (
                "{ orders = [\"read\", \"write\"] }",
                "{ orders = [\"read\"], \"a b\" = [\"x\"] }",
                "is not a valid name of an API",
            ),
            (
                "{ orders = [\"read\", \"write\"] }",
                "{ orders = [\"read\"], none = [] }",
                "`none` must have 1 to 100 scopes",
            ),
        ] {
            let changed = SOUND.replace(from, to);
            assert_ne!(changed, SOUND, "{from}");
            let mistakes = mistakes(&changed);
            assert!(mistakes.len() == 1 && mistakes[0].contains(expected), "{from} -> {to}: {mistakes:?}");
        }
    }
}

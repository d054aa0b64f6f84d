//! `[authorizers]`: functions that decide who may call routes.

use std::collections::BTreeMap;

use super::{Api, Part, Stack};
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Key, List, Nested, Number, Required};
use crate::spec::reader::{Reader, Table, joined};
use crate::spec::rules::NAME;
use crate::spec::section::section;
use crate::spec::sections::functions;

pub(super) static KEY: Nested<AuthorizerKeys> =
    Nested::named("authorizers", NAME, &AUTHORIZER, "Functions that decide who may call routes, by name.");

section! {
    AUTHORIZER: AuthorizerKeys = "an authorizer";
    function: Required = text(
        "The function that decides. For a REST API it returns a policy, and for an HTTP API { isAuthorized: true } or false.",
    );
    identity: List = required(
        "The parts of a request that identify the caller, as in header:X-Partner or query:key. A request without them gets 401, and the function is not called.",
    );
    cache_s: Number = range(
        0, 3600, 0, "How many seconds API Gateway caches an answer for the same identity. For a REST API, the policy must then name all routes that the caller may call: requests to other routes get 403. For an HTTP API, an answer is cached for one route.",
    );
}

/// A function that decides who may call routes.
#[derive(Debug, Clone, PartialEq)]
pub struct LambdaAuthorizer {
    pub function: String,
    pub identity: Vec<Identity>,
    /// How long API Gateway caches an answer, in seconds.
    pub cache_s: u32,
    /// The pool whose groups its function checks, if the function is one of this program. The stack file does not have
    /// such an entry.
    pub pool: Option<String>,
}

/// The part of a request that identifies the caller for an authorizer (an identity source).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    Header(String),
    Query(String),
}

impl Identity {
    fn parse(text: &str) -> Option<Self> {
        let (place, name) = text.split_once(':')?;
        let sound = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        match place {
            "header" if sound => Some(Self::Header(name.to_owned())),
            "query" if sound => Some(Self::Query(name.to_owned())),
            _ => None,
        }
    }
}

impl Part for BTreeMap<String, LambdaAuthorizer> {
    fn key() -> &'static Key {
        &KEY.key
    }

    fn read(reader: &mut Reader, root: &Table) -> Self {
        reader.each(root, &KEY, |reader, _, table| authorizer(reader, table))
    }

    fn check(&self, checks: &mut Checks) {
        for (name, authorizer) in self.iter().filter(|(_, authorizer)| authorizer.pool.is_none()) {
            let place = joined(&joined(KEY.key.name, name), AUTHORIZER.function.key.name);
            checks.exists(place, "function", &authorizer.function, &[&functions::KEY.key]);
        }
        let twins = twins(checks);
        checks.report(twins);
    }
}

fn authorizer(reader: &mut Reader, table: &Table) -> LambdaAuthorizer {
    let AuthorizerKeys { function, identity, cache_s } = &AUTHORIZER;
    let function = reader.required_or(table, function);
    let given = reader.list(table, identity);
    if let Some(span) = Reader::nothing_in(table, identity) {
        let help = "write identity = [\"header:X-Partner\"]".to_owned();
        reader.diagnostic(
            &span,
            format!("{} has no `identity`, the part of a request that identifies the caller", table.what),
            Some(help),
        );
    }
    let mut parts = Vec::new();
    for (text, span) in &given {
        if let Some(part) = Identity::parse(text) {
            parts.push(part);
        } else {
            let help = "write header:NAME or query:NAME".to_owned();
            reader.diagnostic(span, format!("{text:?} is no part of a request"), Some(help));
        }
    }
    LambdaAuthorizer { function, identity: parts, cache_s: reader.number(table, cache_s), pool: None }
}

/// Reports entries with the name of a pool's authorizer. API Gateway accepts each name only once.
fn twins(checks: &Checks) -> Vec<Diagnostic> {
    let stack = checks.stack;
    let taken = |name: &&String| stack.pool_names().any(|pool| stack.authorizer_of(pool) == Some(*name));
    let flaw = |name: &String| {
        let message = format!("a pool's authorizer is called {name} too");
        Diagnostic::new(joined(KEY.key.name, name), message).help("rename one of them")
    };
    let written = stack.authorizers.iter().filter(|(_, authorizer)| authorizer.pool.is_none());
    written.map(|(name, _)| name).filter(taken).map(flaw).collect()
}

impl Stack {
    /// The authorizers that decide about the routes of an API.
    pub fn authorizers_of<'a>(&'a self, api: &'a Api) -> impl Iterator<Item = (&'a String, &'a LambdaAuthorizer)> {
        let named = |name: &String| api.routes.iter().any(|route| route.authorizer().as_ref() == Some(name));
        self.authorizers.iter().filter(move |(name, _)| named(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn file(authorizer: &str, route: &str) -> Result<Stack, Vec<Diagnostic>> {
        parse(&format!(
            "[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\n[functions.Check]\nsource = \"c\"\n[pools.P]\n\
             authorizer = \"Users\"\n[authorizers.Partner]\n{authorizer}\n[[api.routes]]\nroute = \"GET /a\"\n\
             function = \"F\"\n{route}\n"
        ))
    }

    const SOUND: &str = "function = \"Check\"\nidentity = [\"header:X-Partner\", \"query:key\"]\ncache_s = 60";

    #[test]
    fn a_route_names_the_function_that_decides() {
        let stack = file(SOUND, "authorizer = \"Partner\"").expect("sound");
        let authorizer = &stack.authorizers["Partner"];
        let identity = [Identity::Header("X-Partner".into()), Identity::Query("key".into())];
        assert_eq!((authorizer.identity.as_slice(), authorizer.cache_s), (identity.as_slice(), 60));
        let api = stack.api.as_ref().expect("an API");
        assert_eq!(stack.authorizers_of(api).map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["Partner"]);
    }

    #[test]
    fn mistakes_of_authorizers_are_reported() {
        for (authorizer, route, says) in [
            (SOUND, "authorizer = \"Partners\"", "there is no authorizer called Partners"),
            (SOUND, "authorizer = \"Partner\"\npool = \"P\"", "not both"),
            (SOUND, "authorizer = \"Partner\"\nauth = \"none\"", "not both"),
            (SOUND, "", "does not declare its authorization"),
            ("function = \"Chek\"\nidentity = [\"header:X\"]", "authorizer = \"Partner\"", "there is no function"),
            ("function = \"Check\"\nidentity = []", "authorizer = \"Partner\"", "has no `identity`"),
            ("function = \"Check\"\nidentity = [\"X-Partner\"]", "authorizer = \"Partner\"", "no part of a request"),
        ] {
            let mistakes = file(authorizer, route).expect_err(says);
            assert!(mistakes.iter().any(|one| one.message.contains(says)), "{says}: {mistakes:?}");
        }
        let twin = parse(&format!(
            "[functions.Check]\nsource = \"c\"\n[pools.P]\nauthorizer = \"Partner\"\n[authorizers.Partner]\n{SOUND}\n"
        ));
        assert!(twin.expect_err("a twin").iter().any(|one| one.message.contains("a pool's authorizer")));
    }
}

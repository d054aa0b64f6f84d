//! `[identity_pools]`

use std::collections::BTreeMap;

use super::{Api, ApiKind, Part, Route, Stack, api, pools};
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Key, List, Nested, Required};
use crate::spec::names::caller_role;
use crate::spec::policies;
use crate::spec::reader::{Reader, Table, joined};
use crate::spec::rules::Names;
use crate::spec::section::section;

/// An identity pool's role has a longer name than the pool itself: the name and `-caller`.
const NAME: Names = Names { form: "^[A-Za-z0-9_-]{1,32}$", longest: 32 };

pub(super) static KEY: Nested<IdentityPoolKeys> =
    Nested::named("identity_pools", NAME, &IDENTITY_POOL, "Cognito identity pools, by name.");

section! {
    IDENTITY_POOL: IdentityPoolKeys = "an identity pool";
    pool: Required = text("The pool whose users get temporary credentials.");
    invokes: List = required(
        "The routes that these credentials may call, as in \"Age GET /age\": the API's name and the route.",
    );
}

/// Temporary credentials for a pool's users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityPool {
    pub pool: String,
    /// The routes that the credentials may call. They allow nothing else.
    pub invokes: Vec<Invoke>,
}

/// A reference to a route, as in `Age GET /age`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoke {
    /// The API's name; `None` for the API without a name.
    pub api: Option<String>,
    pub route: String,
}

impl Stack {
    /// The routes that an identity pool's credentials open, each with its API. Entries that lead nowhere are left out;
    /// reading the file reports them.
    pub fn opened<'a>(&'a self, invokes: &'a [Invoke]) -> impl Iterator<Item = (&'a Invoke, &'a Api, &'a Route)> {
        invokes.iter().filter_map(|invoke| {
            let (_, api) = self.all_apis().find(|(name, _)| *name == invoke.api.as_deref())?;
            let route = api.routes.iter().find(|route| route.name() == invoke.route)?;
            Some((invoke, api, route))
        })
    }
}

impl Part for BTreeMap<String, IdentityPool> {
    fn key() -> &'static Key {
        &KEY.key
    }

    fn read(reader: &mut Reader, root: &Table) -> Self {
        reader.each(root, &KEY, identity_pool)
    }

    fn check(&self, checks: &mut Checks) {
        for (name, identity) in self {
            checks.exists(format!("identity_pools.{name}.pool"), "pool", &identity.pool, &[&pools::KEY.key]);
            for (index, invoke) in identity.invokes.iter().enumerate() {
                self::invoke(checks, format!("identity_pools.{name}.invokes.{index}"), invoke);
            }
            checks.report(too_large(checks, name, identity));
        }
        twins(self, checks);
    }
}

/// Checks that an entry of `invokes` is the route of a REST API.
fn invoke(checks: &mut Checks, place: String, invoke: &Invoke) {
    let wanted = |(name, _): &(Option<&str>, &Api)| *name == invoke.api.as_deref();
    let routes: Vec<String> =
        checks.stack.all_apis().filter(wanted).flat_map(|(_, api)| api.routes.iter().map(Route::name)).collect();
    let known: Vec<&str> = routes.iter().map(String::as_str).collect();
    match &invoke.api {
        Some(name) if !checks.has(&[&api::FURTHER.key], name) => {
            checks.exists(place.clone(), "api", name, &[&api::FURTHER.key]);
        }
        _ => checks.one_of(place.clone(), "route", &invoke.route, &known),
    }
    if checks.stack.all_apis().filter(wanted).any(|(_, api)| api.kind == ApiKind::Http) {
        let message =
            format!("{} is a route of an HTTP API; identity pools can allow routes of REST APIs only", invoke.route);
        checks.report([Diagnostic::new(place, message)]);
    }
}

/// Identity pools whose roles would have the same name as each other's or as a function's. Reported at the later one.
fn twins(all: &BTreeMap<String, IdentityPool>, checks: &mut Checks) {
    // Role names are unique regardless of case (docs/aws.md, Roles). The later of two functions counts.
    let functions: BTreeMap<String, &String> =
        checks.stack.functions.keys().map(|name| (name.to_lowercase(), name)).collect();
    let mut callers: BTreeMap<String, &str> = BTreeMap::new();
    for name in all.keys() {
        let role = caller_role(name).to_lowercase();
        let message = if let Some(twin) = functions.get(&role) {
            format!("the function {twin} and the identity pool {name} would have the same role name")
        } else if let Some(twin) = callers.insert(role, name) {
            format!("the identity pools {twin} and {name} would have the same role name: IAM ignores case")
        } else {
            continue;
        };
        checks.report([Diagnostic::new(format!("identity_pools.{name}"), message).help("rename one of them")]);
    }
}

fn too_large(checks: &Checks, name: &str, wanted: &IdentityPool) -> Option<Diagnostic> {
    let opened = checks.stack.opened(&wanted.invokes);
    let arns: Vec<String> = opened.map(|(_, api, route)| api::invoke_arn(api, route, &checks.longest)).collect();
    let size = policies::invoke_only(&arns).to_string().len();
    (size > policies::MAX_POLICY).then(|| {
        let message = format!(
            "the role of the identity pool {name} would need a policy of {size} characters; IAM allows {}",
            policies::MAX_POLICY
        );
        Diagnostic::new(format!("identity_pools.{name}"), message)
            .help("allow fewer routes, or a greedy route such as ANY /files/{proxy+}")
    })
}

fn identity_pool(reader: &mut Reader, _name: &str, table: &Table) -> IdentityPool {
    let IdentityPoolKeys { pool, invokes } = &IDENTITY_POOL;
    let pool = reader.required_or(table, pool);
    let routes = reader.list(table, invokes);
    if routes.is_empty() {
        let help = "name the routes that its credentials may call, as in invokes = [\"GET /items\"]";
        reader.diagnostic(&table.span, "the credentials of this identity pool may call nothing", Some(help.into()));
    }
    let mut opened = Vec::new();
    for (text, span) in routes {
        reader.remember(joined(&table.at(&invokes.key), &opened.len().to_string()), span);
        // `Age GET /age`, or `GET /age` of the API without a name.
        let (api, route) = match text.splitn(3, ' ').collect::<Vec<_>>().as_slice() {
            [api, method, path] => (Some((*api).to_owned()), format!("{method} {path}")),
            _ => (None, text),
        };
        opened.push(Invoke { api, route });
    }
    IdentityPool { pool, invokes: opened }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::rules;

    #[test]
    fn the_longest_name_leaves_room_for_the_name_of_the_role() {
        assert_eq!(NAME.longest + caller_role("").len(), rules::NAME.longest);
        let fits = |length| rules::name("identity_pools", &"i".repeat(length), NAME).is_ok();
        assert!(fits(32) && !fits(33));
    }
}

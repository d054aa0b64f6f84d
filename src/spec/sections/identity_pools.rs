//! `[identity_pools]`

use std::collections::BTreeMap;

use super::allow::{self, ALLOW, AllowKeys, Allowed};
use super::{Api, ApiKind, Auth, Part, Route, Stack, api, pools};
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Key, List, Nested, Required};
use crate::spec::grants::granted_to_callers;
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
    pool: Required = text("The user pool whose users get temporary credentials.");
    invokes: List = texts(
        "The routes that these credentials may call, as in \"Age GET /age\": the API's name and the route. Optional beside `allow`.",
    );
    allow: Nested<AllowKeys> = some_tables(
        &ALLOW,
        "Further permissions of these credentials. IAM's variables distinguish users: ${cognito-identity.amazonaws.com:sub} is the id that the identity pool gives a user.",
    );
}

/// Temporary credentials for a pool's users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityPool {
    pub pool: String,
    /// The routes that the credentials may call.
    pub invokes: Vec<Invoke>,
    /// The further permissions of the credentials.
    pub allow: Vec<Allowed>,
}

/// A reference to a route, as in `Age GET /age`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoke {
    /// The API's name; `None` for the API without a name.
    pub api: Option<String>,
    pub route: String,
}

impl Stack {
    /// The routes that an identity pool's credentials may call, each with its API. Entries without such a route are
    /// left out; reading the file reports them.
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
            allow::check(&format!("identity_pools.{name}"), &identity.allow, checks);
            checks.report(opened_beside(checks.stack, name, identity));
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

/// Reports routes that the role would allow although `invokes` does not name them: in policies, `*` stands for slashes
/// too.
fn opened_beside(stack: &Stack, name: &str, identity: &IdentityPool) -> Vec<Diagnostic> {
    let mut flaws = Vec::new();
    for (of, api) in stack.all_apis() {
        let named = |route: &Route| {
            identity.invokes.iter().any(|invoke| invoke.api.as_deref() == of && invoke.route == route.name())
        };
        let (invoked, others): (Vec<&Route>, Vec<&Route>) = api.routes.iter().partition(|route| named(route));
        let signed: Vec<&Route> = others.into_iter().filter(|route| route.auth == Auth::Iam).collect();
        let allowed: Vec<(&str, &str)> =
            invoked.iter().map(|route| (route.method.as_str(), route.path.as_str())).collect();
        for opened in api.requests_opened_by(&allowed, &signed) {
            let message = format!(
                "the role would also allow {}, which the route {} answers: the resource that the policy must allow for {} covers it",
                opened.request, opened.signed, opened.allowed_for
            );
            let help = "in policies `*` stands for slashes too: add the route to `invokes`, move it to an API of its own, \
                        [apis.NAME], or give it a path that the other route's does not cover";
            flaws.push(Diagnostic::new(format!("identity_pools.{name}.invokes"), message).help(help));
        }
    }
    flaws
}

/// Reports identity pools whose role would have the same name as the role of a function or of an earlier identity pool.
fn twins(all: &BTreeMap<String, IdentityPool>, checks: &mut Checks) {
    // Role names are unique regardless of case (docs/aws.md, Roles). Of two functions with the same lower-case name,
    // the map has the later one.
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
    let granted = granted_to_callers(wanted, checks.stack, &checks.longest);
    let granted = granted.iter().map(|grant| grant.clone().with_pools(&|_| Some(longest_pool(checks))).statement());
    let size = policies::callers(&arns, granted).to_string().len();
    (size > policies::MAX_POLICY).then(|| {
        let message = format!(
            "the role of the identity pool {name} would need a policy of {size} characters; IAM allows {}",
            policies::MAX_POLICY
        );
        Diagnostic::new(format!("identity_pools.{name}"), message)
            .help("allow fewer routes, or a greedy route such as ANY /files/{proxy+}")
    })
}

/// A sample ARN with the greatest length that a pool's ARN can have.
fn longest_pool(checks: &Checks) -> String {
    checks.longest.arn("cognito-idp", &format!("userpool/{}_123456789", checks.longest.region))
}

fn identity_pool(reader: &mut Reader, _name: &str, table: &Table) -> IdentityPool {
    let IdentityPoolKeys { pool, invokes, allow } = &IDENTITY_POOL;
    let pool = reader.required_or(table, pool);
    let routes = reader.list(table, invokes);
    if let Some(span) = Reader::nothing_in(table, invokes)
        && table.get(&allow.key).is_none()
    {
        let help = "name the routes that its credentials may call, as in invokes = [\"GET /items\"], or what else they \
                    allow, with `allow`";
        reader.diagnostic(&span, "the credentials of this identity pool may do nothing", Some(help.into()));
    }
    let allow = allow::read(reader, table, allow);
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
    IdentityPool { pool, invokes: opened, allow }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{parse, rules};

    /// The messages of all mistakes in a stack with this identity pool and these routes, all of which are signed.
    fn mistakes(identity: &str, routes: &[&str]) -> Vec<String> {
        let route = |route: &&str| format!("[[api.routes]]\nroute = \"{route}\"\nfunction = \"F\"\nauth = \"iam\"\n");
        let routes: String = routes.iter().map(route).collect();
        let text = format!(
            "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[pools.P]\n[identity_pools.I]\npool = \"P\"\n\
             {identity}\n[api]\n{routes}"
        );
        parse(&text).err().unwrap_or_default().into_iter().map(|flaw| flaw.message).collect()
    }

    #[test]
    fn a_route_that_an_invoked_one_covers_must_be_invoked_too() {
        let routes = ["GET /a/{id}", "GET /a/{id}/admin"];
        let found = mistakes("invokes = [\"GET /a/{id}\"]", &routes);
        assert!(found.len() == 1 && found[0].contains("also allow GET /a/x/admin"), "{found:?}");
        for invokes in ["\"GET /a/{id}\", \"GET /a/{id}/admin\"", "\"GET /a/{id}/admin\""] {
            assert_eq!(mistakes(&format!("invokes = [{invokes}]"), &routes), Vec::<String>::new(), "{invokes}");
        }
        assert_eq!(mistakes("invokes = [\"GET /a\"]", &["GET /a", "GET /a/{id}"]), Vec::<String>::new());
        let greedy = ["GET /a/{proxy+}", "GET /a/b/{id}"];
        let found = mistakes("invokes = [\"GET /a/b/{id}\"]", &greedy);
        assert!(found.len() == 1 && found[0].contains("also allow GET /a/b/x/x"), "{found:?}");
    }

    #[test]
    fn credentials_may_do_what_the_entries_of_allow_say() {
        let photos = "[{ actions = [\"s3:GetObject\"], resources = [\"arn:{partition}:s3:::photos/${cognito-identity.amazonaws.com:sub}/*\"] }]";
        assert_eq!(mistakes(&format!("allow = {photos}"), &["GET /a"]), Vec::<String>::new());
        assert_eq!(mistakes("", &["GET /a"]), ["the credentials of this identity pool may do nothing"]);
        let unknown = "[{ actions = [\"dynamodb:GetItem\"], resources = [\"{table.notes}\"] }]";
        assert_eq!(mistakes(&format!("allow = {unknown}"), &["GET /a"]), ["there is no table called notes"]);
        let wide = "[{ actions = [\"s3:*\"], resources = [\"arn:{partition}:s3:::photos/*\"] }]";
        assert!(mistakes(&format!("allow = {wide}"), &["GET /a"])[0].contains("stands for"));
    }

    #[test]
    fn the_longest_name_leaves_room_for_the_name_of_the_role() {
        assert_eq!(NAME.longest + caller_role("").len(), rules::NAME.longest);
        let fits = |length| rules::name("identity_pools", &"i".repeat(length), NAME).is_ok();
        assert!(fits(32) && !fits(33));
    }
}

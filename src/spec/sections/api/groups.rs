//! `groups` of routes: the groups of a pool whose users may call a route. API Gateway cannot check groups. Each pool
//! with such routes has a function of this program that checks them, and a Lambda authorizer that calls the function.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Api, ApiKind, Auth, Route};
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::reader::Reader;
use crate::spec::rules::{self, NAME};
use crate::spec::sections::{Identity, LambdaAuthorizer, Stack, Variable, functions};

/// The folder of the function in this program.
const SOURCE: &str = "lambdas/groups";

/// How long API Gateway caches an answer for a token, in seconds. An API's own authorizer for a pool has the same time.
const CACHE_S: u32 = 300;

/// The greatest length of a resource in the policy that an authorizer returns, in characters (docs/aws.md, Lambda
/// authorizers).
const RESOURCE_MAX: usize = 512;

/// The characters of `arn:<partition>:execute-api:<region>:<account>:<api>/`, at most.
const RESOURCE_START: usize = 72;

/// The name of the function that checks the groups of a pool, and of the authorizer that asks it.
pub(in crate::spec) fn checker(pool: &str) -> String {
    format!("{pool}Groups")
}

impl Route {
    /// The entry of [`Stack::authorizers`] that decides about the route's callers.
    pub fn authorizer(&self) -> Option<String> {
        match &self.auth {
            Auth::Lambda(name) => Some(name.clone()),
            Auth::Pool(pool) if !self.groups.is_empty() => Some(checker(pool)),
            Auth::Pool(_) | Auth::Iam | Auth::None => None,
        }
    }

    /// The pool whose tokens API Gateway itself checks for it.
    pub fn pool_of_gateway(&self) -> Option<&String> {
        match &self.auth {
            Auth::Pool(pool) if self.groups.is_empty() => Some(pool),
            Auth::Pool(_) | Auth::Lambda(_) | Auth::Iam | Auth::None => None,
        }
    }

    /// The pool whose groups the route demands.
    fn pool_of_groups(&self) -> Option<&String> {
        match &self.auth {
            Auth::Pool(pool) if !self.groups.is_empty() => Some(pool),
            Auth::Pool(_) | Auth::Lambda(_) | Auth::Iam | Auth::None => None,
        }
    }

    /// Whether every token that this route accepts is also accepted by `other`, a route of the same REST API and pool.
    fn is_within(&self, other: &Self) -> bool {
        let same_kind = self.scopes.is_empty() == other.scopes.is_empty();
        same_kind && self.groups.is_subset(&other.groups) && self.scopes.is_subset(&other.scopes)
    }
}

impl Api {
    fn grouped<'a>(&'a self, pool: &'a str) -> impl Iterator<Item = &'a Route> + Clone {
        self.routes.iter().filter(move |route| route.pool_of_groups().is_some_and(|of| of == pool))
    }

    /// Whether a policy that allows the first route also allows a request that the second one answers.
    fn also_allows(&self, allowed: &Route, other: &Route) -> bool {
        let allowed = (allowed.method.as_str(), allowed.path.as_str());
        (allowed.0, allowed.1) != (other.method.as_str(), other.path.as_str())
            && !self.requests_opened_by(&[allowed], &[other]).is_empty()
    }

    /// The rules by which the function checks the routes, as JSON. The function's source describes the form.
    fn rules(&self, pool: &str) -> Value {
        let mut rules: BTreeMap<(&BTreeSet<String>, &BTreeSet<String>), Vec<String>> = BTreeMap::new();
        for route in self.grouped(pool) {
            rules.entry((&route.groups, &route.scopes)).or_default().push(route.name());
        }
        let rule = |((groups, scopes), routes): ((&BTreeSet<String>, &BTreeSet<String>), Vec<String>)| {
            let mut rule = json!({ "groups": groups, "routes": routes });
            if !scopes.is_empty() {
                rule["scopes"] = json!(scopes);
            }
            rule
        };
        let mut covered: BTreeMap<String, Vec<String>> = BTreeMap::new();
        // The function's answer to an HTTP API applies to one route only.
        for route in self.grouped(pool).filter(|_| self.kind == ApiKind::Rest) {
            let others = self.grouped(pool).filter(|other| self.also_allows(route, other));
            let others: Vec<String> = others.map(Route::name).collect();
            if !others.is_empty() {
                covered.insert(route.name(), others);
            }
        }
        let mut all = json!({ "rules": rules.into_iter().map(rule).collect::<Vec<_>>() });
        if !covered.is_empty() {
            all["covered"] = json!(covered);
        }
        all
    }
}

impl Stack {
    /// The pools of which routes demand groups. An unknown pool is reported elsewhere.
    fn pools_with_groups(&self) -> BTreeSet<String> {
        let pools = self.all_routes().filter_map(|(_, route)| route.pool_of_groups());
        pools.filter(|pool| self.pool_names().any(|known| known == pool.as_str())).cloned().collect()
    }

    /// The groups of a pool that routes demand.
    pub fn groups_of_routes(&self, pool: &str) -> Vec<String> {
        let of_pool = self.all_apis().flat_map(|(_, api)| api.grouped(pool)).flat_map(|route| &route.groups);
        of_pool.cloned().collect::<BTreeSet<String>>().into_iter().collect()
    }

    /// The variables of the function that checks the groups of this pool.
    fn variables_of_checker(&self, pool: &str) -> BTreeMap<String, Variable> {
        let own = self.pools.get(pool);
        // A program that gets tokens for itself is in no group.
        let further = own.into_iter().flat_map(|pool| &pool.clients).filter(|(_, client)| !client.is_machine());
        let further = further.map(|(client, _)| Variable::FurtherClientId(pool.to_owned(), client.clone()));
        let clients = std::iter::once(Variable::ClientId(pool.to_owned())).chain(further).enumerate();
        let mut variables: BTreeMap<String, Variable> =
            clients.map(|(number, client)| (format!("CLIENT_{number}"), client)).collect();
        variables.insert("ISSUER".to_owned(), Variable::Issuer(pool.to_owned()));
        let apis = self.all_apis().filter(|(_, api)| api.grouped(pool).next().is_some());
        for (number, (name, api)) in apis.enumerate() {
            variables.insert(format!("API_{number}"), Variable::ApiId(name.map(str::to_owned)));
            variables.insert(format!("RULES_{number}"), Variable::Text(api.rules(pool).to_string()));
        }
        variables
    }
}

/// Adds the functions that check groups, and the authorizers that ask them. An entry of the stack file with such a name
/// stays, and [`check`] reports it.
pub(in crate::spec) fn add_checkers(reader: &mut Reader, stack: &mut Stack) {
    for pool in stack.pools_with_groups() {
        let (name, variables) = (checker(&pool), stack.variables_of_checker(&pool));
        let function = functions::shipped(reader, &name, SOURCE, variables);
        let authorizer = LambdaAuthorizer {
            function: name.clone(),
            identity: vec![Identity::Header("Authorization".to_owned())],
            cache_s: CACHE_S,
            pool: Some(pool),
        };
        stack.functions.entry(name.clone()).or_insert(function);
        stack.authorizers.entry(name).or_insert(authorizer);
    }
}

/// Reports groups that the pool of a route does not have, and groups of a route without a pool. Places begin with
/// `within`.
pub(super) fn check(within: &str, api: &Api, checks: &mut Checks) {
    for (index, route) in api.routes.iter().enumerate().filter(|(_, route)| !route.groups.is_empty()) {
        let place = format!("{within}routes.{index}.groups");
        let Auth::Pool(pool) = &route.auth else {
            if checks.is_unread(&format!("{within}routes.{index}"), "pool") {
                continue;
            }
            let help = "remove `groups`, or name a `pool`, whose tokens name the groups of a user";
            checks.report([Diagnostic::new(place, "only a route with a pool can be for groups").help(help)]);
            continue;
        };
        checks.report(name_is_taken(&place, pool, checks));
        checks.report(not_told_apart(&place, api, (pool, route)));
        checks.report(too_long_for_a_policy(&place, api, route));
        // The groups of an existing pool outside of the stack are not known, and an unknown pool is reported elsewhere.
        let Some(wanted) = checks.stack.pools.get(pool) else { continue };
        let known: Vec<&str> = wanted.groups.iter().map(String::as_str).collect();
        for group in &route.groups {
            let from = format!("pools.{pool}");
            checks.one_of_key(format!("{place}.{group}"), "group", group, &known, (&from, "groups"));
        }
    }
}

/// Names of the stack file that the function or the authorizer of a pool would have too, and names that are too long.
fn name_is_taken(place: &str, pool: &str, checks: &Checks) -> Option<Diagnostic> {
    let name = checker(pool);
    let flaw = |message: String, help: &str| Some(Diagnostic::new(place.to_owned(), message).help(help));
    if rules::name("functions", &name, NAME).is_err() {
        let message =
            format!("the function that checks the groups of {pool} would be called {name}, which is too long");
        return flaw(message, "give the pool a shorter name");
    }
    // IAM ignores case in the names of roles.
    let stack = checks.stack;
    let function = stack.functions.iter().find(|(known, function)| {
        known.eq_ignore_ascii_case(&name) && !function.packed().is_some_and(|packed| packed.shipped)
    });
    if let Some((twin, _)) = function {
        let message = format!("the function that checks the groups of {pool} would be called {name}, like {twin}");
        return flaw(message, "rename the function");
    }
    let authorizers = stack.authorizers.iter().filter(|(_, authorizer)| authorizer.pool.is_none());
    let taken = authorizers.map(|(known, _)| known).chain(stack.pool_names().filter_map(|of| stack.authorizer_of(of)));
    taken.into_iter().any(|known| *known == name).then(|| {
        let message =
            format!("the authorizer that checks the groups of {pool} would be called {name}, as another one is");
        Diagnostic::new(place.to_owned(), message).help("rename the other authorizer")
    })
}

/// Routes whose callers a policy cannot tell apart. IAM's `*`, which stands for a path parameter, covers slashes too.
/// If a policy allows a route that covers this one, it must deny this one, and the denial must not cover a third route
/// that it allows.
fn not_told_apart(place: &str, api: &Api, (pool, denied): (&str, &Route)) -> Option<Diagnostic> {
    if api.kind == ApiKind::Http {
        return None;
    }
    let others = || api.grouped(pool).filter(|other| !other.is_within(denied));
    let (covering, covered) = others()
        .filter(|other| api.also_allows(other, denied))
        .find_map(|covering| Some((covering, others().find(|other| api.also_allows(denied, other))?)))?;
    let allowed = if covering.name() == covered.name() {
        covering.name()
    } else {
        format!("{} and {}", covering.name(), covered.name())
    };
    let message =
        format!("a policy cannot allow {allowed} and deny {}: in policies `*` stands for slashes too", denied.name());
    let help =
        "let the same groups call them, move one of them to an API of its own, [apis.NAME], or use `kind = \"http\"`";
    Some(Diagnostic::new(place.to_owned(), message).help(help))
}

/// Reports a route whose ARN is too long for the policy that the function returns.
fn too_long_for_a_policy(place: &str, api: &Api, route: &Route) -> Option<Diagnostic> {
    // `*` stands for a parameter.
    let length_of = |part: &str| if part.starts_with('{') { 1 } else { part.len() };
    let path: usize = route.path.split('/').skip(1).map(|part| "/".len() + length_of(part)).sum();
    let length = RESOURCE_START + api.stage.len() + 1 + route.method.len() + path;
    (api.kind == ApiKind::Rest && length > RESOURCE_MAX).then(|| {
        let message = format!(
            "the route's ARN would have up to {length} characters, and in the policy that checks groups it may have {RESOURCE_MAX}"
        );
        Diagnostic::new(place.to_owned(), message).help("shorten the path, or use `kind = \"http\"`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn file(api: &str, routes: &[(&str, &str)]) -> Result<Stack, Vec<String>> {
        let route =
            |(route, keys): &(&str, &str)| format!("[[api.routes]]\nroute = \"{route}\"\nfunction = \"F\"\n{keys}\n");
        let routes: String = routes.iter().map(route).collect();
        let text = format!(
            "[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\n[pools.P]\ngroups = [\"a\", \"b\"]\n\
             scopes = {{ o = [\"r\"] }}\nlogin = {{ domain = \"d\" }}\n{api}\n{routes}"
        );
        parse(&text).map_err(|flaws| flaws.into_iter().map(|flaw| flaw.message).collect())
    }

    const A: &str = "pool = \"P\"\ngroups = [\"a\"]";
    const B: &str = "pool = \"P\"\ngroups = [\"b\"]";
    const BOTH: &str = "pool = \"P\"\ngroups = [\"a\", \"b\"]";

    #[test]
    fn a_pool_with_grouped_routes_has_one_function_and_one_authorizer_that_check_them() {
        let further = "[pools.P.clients.web]\nflows = [\"srp\"]\n[api]";
        let stack = file(further, &[("GET /a", A), ("GET /b", B), ("GET /c", "pool = \"P\"")]).expect("sound");
        let api = stack.api.as_ref().expect("an API");
        let authorizers: Vec<Option<String>> = api.routes.iter().map(Route::authorizer).collect();
        assert_eq!(authorizers, [Some("PGroups".to_owned()), Some("PGroups".to_owned()), None]);
        let function = &stack.functions["PGroups"];
        assert!(function.packed().is_some_and(|packed| packed.shipped));
        let names: Vec<&str> = function.environment.keys().map(String::as_str).collect();
        assert_eq!(names, ["API_0", "CLIENT_0", "CLIENT_1", "ISSUER", "RULES_0"]);
        let rules = r#"{"rules":[{"groups":["a"],"routes":["GET /a"]},{"groups":["b"],"routes":["GET /b"]}]}"#;
        assert_eq!(function.environment["RULES_0"], Variable::Text(rules.to_owned()));
        assert_eq!(stack.authorizers["PGroups"].pool.as_deref(), Some("P"));
    }

    #[test]
    fn the_function_knows_scopes_and_the_routes_that_another_one_covers() {
        let scoped = format!("{A}\nscopes = [\"o/r\"]");
        let routes = [("GET /a/{id}", A), ("GET /a/{id}/admin", B), ("GET /s", scoped.as_str())];
        let stack = file("[api]", &routes).expect("sound");
        let rules = stack.api.as_ref().expect("an API").rules("P");
        assert_eq!(rules["rules"][1], json!({ "groups": ["a"], "scopes": ["o/r"], "routes": ["GET /s"] }));
        assert_eq!(rules["covered"], json!({ "GET /a/{id}": ["GET /a/{id}/admin"] }));
        let stack = file("[api]\nkind = \"http\"", &routes).expect("sound");
        assert_eq!(stack.api.as_ref().expect("an API").rules("P")["covered"], Value::Null);
    }

    #[test]
    fn callers_that_a_policy_cannot_tell_apart_are_refused() {
        let greedy = [("GET /a/{proxy+}", A), ("GET /a/b/{id}", B)];
        let found = file("[api]", &greedy).expect_err("refused");
        assert!(found.iter().any(|message| message.contains("a policy cannot allow")), "{found:?}");
        for (api, routes) in [
            ("[api]", vec![("GET /a/{proxy+}", A), ("GET /a/b/{id}", A)]),
            ("[api]\nkind = \"http\"", greedy.to_vec()),
            ("[api]", vec![("GET /a/{id}", A), ("GET /a/me", B)]),
            ("[api]", vec![("GET /a/{id}", BOTH), ("GET /a/{id}/admin", B)]),
            ("[api]", vec![("ANY /a", A), ("GET /a", B)]),
        ] {
            file(api, &routes).expect("sound");
        }
    }

    #[test]
    fn mistakes_of_groups_are_reported() {
        for (api, keys, says) in [
            ("[api]", "pool = \"P\"\ngroups = [\"c\"]", "there is no group called c"),
            ("[api]", "auth = \"none\"\ngroups = [\"a\"]", "only a route with a pool"),
            ("[functions.pgroups]\nsource = \"x\"\n[api]", A, "would be called PGroups, like pgroups"),
            (
                "[authorizers.PGroups]\nfunction = \"F\"\nidentity = [\"header:X\"]\n[api]",
                A,
                "would be called PGroups, as another one is",
            ),
            ("[pools.Q]\nauthorizer = \"PGroups\"\n[api]", A, "would be called PGroups, as another one is"),
            ("[api]", "pool = \"P\"\ngroups = []", "nobody"),
        ] {
            let found = file(api, &[("GET /a", keys)]).expect_err(says);
            assert!(found.iter().any(|message| message.contains(says)), "{says}: {found:?}");
        }
        let route = format!("GET /{}/{{id}}", "x".repeat(450));
        assert!(file("[api]", &[(&route, A)]).expect_err("too long")[0].contains("may have 512"));
        file("[api]\nkind = \"http\"", &[(&route, A)]).expect("an answer to an HTTP API has no ARN");
        let long = format!("{}Pool", "x".repeat(30));
        let text = format!(
            "[functions.F]\nsource = \"f\"\n[pools.{long}]\ngroups = [\"a\"]\n[[api.routes]]\nroute = \"GET /\"\n\
             function = \"F\"\npool = \"{long}\"\ngroups = [\"a\"]\n"
        );
        assert!(parse(&text).expect_err("too long")[0].message.contains("too long"));
    }
}

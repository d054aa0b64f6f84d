//! The common parts of both kinds of API: their ids, the permissions to call functions through them, and the log of
//! requests.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::functions::Ready;
use super::id::IdOf;
use super::identity::Pools;
use super::{Input, http_api, plans, rest_api};
use crate::aws::Encryption;
use crate::aws::apigateway::RestApi;
use crate::aws::apigatewayv2::HttpApi;
use crate::aws::lambda::Permission;
use crate::aws::logs::LogGroup;
use crate::aws::wafv2::WebAcl;
use crate::engine::{Graph, Handle, Id, Needs, Resource};
use crate::scope::Scope;
use crate::spec::{Api, ApiKind, Route, Stack};

/// The ids of one API's parts, of either kind. Those of a named API contain its name, so that the ids of two APIs
/// differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ApiIds<'a>(pub(crate) Option<&'a str>);

impl ApiIds<'_> {
    /// `stage.development`, or `stage.Age.development`.
    pub(super) fn of<R: Resource>(self, what: &str, name: &str) -> IdOf<R> {
        match self.0 {
            None => IdOf::new(what, name),
            Some(api) => IdOf::new(what, &format!("{api}.{name}")),
        }
    }

    pub(crate) fn access_log(self) -> IdOf<LogGroup> {
        self.of("api", "access-log")
    }

    /// The stage's id, which is the same for both kinds of API.
    pub(crate) fn stage(self, name: &str) -> Id {
        self.rest_stage(name).into()
    }

    /// The id of all routes of an API of this kind.
    pub(crate) fn all_routes(self, kind: ApiKind) -> Id {
        match kind {
            ApiKind::Rest => self.routes().into(),
            ApiKind::Http => self.http_routes().into(),
        }
    }

    /// `permission.GET /age AgeFn`, or `permission.Age GET /age AgeFn`.
    fn permission(self, route: &Route, function: &str) -> IdOf<Permission> {
        IdOf::new("permission", &self.within(&format!("{} {function}", route.name())))
    }

    /// A route's name among those of all APIs: `GET /age`, or `Age GET /age`.
    pub(crate) fn within(self, route: &str) -> String {
        self.0.map_or_else(|| route.to_owned(), |api| format!("{api} {route}"))
    }

    /// The API's name in AWS.
    pub(super) fn physical(self, scope: &Scope) -> String {
        scope.physical(self.0.unwrap_or("api"))
    }

    /// The API's description in AWS.
    pub(super) fn description(self, scope: &Scope) -> String {
        match self.0 {
            None => format!("The API of the stack {}", scope.stack),
            Some(name) => format!("The API {name} of the stack {}", scope.stack),
        }
    }
}

/// The resources that the parts of every API are made from.
pub(super) struct Parts<'a> {
    pub rest_apis: &'a RestApis,
    pub http_apis: &'a HttpApis,
    pub functions: &'a BTreeMap<String, Ready>,
    pub pools: &'a Pools,
    pub firewall: Option<Handle<WebAcl>>,
}

/// The REST APIs, by name.
pub(super) type RestApis = BTreeMap<Option<String>, Handle<RestApi>>;

/// The HTTP APIs, by name.
pub(super) type HttpApis = BTreeMap<Option<String>, Handle<HttpApi>>;

/// The parts of every API, and the usage plans of the REST APIs.
pub(super) fn apis(graph: &mut Graph, from: Input<'_>, parts: &Parts<'_>) {
    let log_role = rest_api::log_role(graph, from);
    let mut asking = Vec::new();
    for (name, wanted) in from.stack.all_apis() {
        let key = name.map(str::to_owned);
        if let Some(root) = parts.rest_apis.get(&key) {
            let stage = rest_api::api(graph, from, (name, wanted), *root, parts, log_role);
            asking.extend(wanted.asks_for_keys().then_some(stage));
        }
        if let Some(root) = parts.http_apis.get(&key) {
            http_api::api(graph, from, (name, wanted), *root, parts);
        }
    }
    plans::plans(graph, from, &asking);
}

/// The pools whose tokens the API itself checks.
pub(super) fn pools_of(wanted: &Api) -> BTreeSet<&String> {
    wanted.routes.iter().filter_map(Route::pool_of_gateway).collect()
}

/// The id of the statement in a function's resource policy for the route of this name.
pub(super) fn permission_sid(name: &str) -> String {
    format!("securelambda-api-{}", &hex::encode(Sha256::digest(name))[..16])
}

/// Lets an API call a route's function. `stage` contains the stage and other resources that must exist first. `at`
/// returns the API's id and the stage's name from their outputs.
pub(super) fn invoke_permission<N: Needs + Send + Sync + 'static>(
    graph: &mut Graph,
    ids: ApiIds<'_>,
    route: &Route,
    ready: Ready,
    stage: N,
    at: fn(N::Out) -> (String, String),
    scope: &Scope,
) -> Handle<Permission> {
    // The id contains the function: if a route moves to another function, the old permission is removed after the move.
    let id = ids.permission(route, route.function().map_or("", String::as_str));
    // Two APIs may have routes of the same name with the same function.
    let sid = permission_sid(&ids.within(&route.name()));
    let (route, scope) = (route.clone(), scope.clone());
    let needs = (ready.called, ready.policy, stage);
    id.add_under(graph, ready.function, needs, move |(called, _, stage)| {
        let (api_id, stage) = at(stage);
        let source = scope.execute_api_arn(&api_id, &stage, &route.method, &route.path);
        called.permission(&sid, "apigateway.amazonaws.com", source)
    })
}

/// The name of the group of an API's access log.
pub(super) fn access_log_name(ids: ApiIds<'_>, scope: &Scope) -> String {
    format!("/aws/vendedlogs/apis/{}", ids.physical(scope))
}

/// How many days the logs of an API are kept: as long as the longest kept log of its functions.
pub(super) fn retention_days(functions: &BTreeMap<String, Ready>, wanted: &Api, stack: &Stack) -> i32 {
    let called = wanted.routes.iter().filter_map(Route::function).filter(|name| functions.contains_key(*name));
    let days = called.filter_map(|name| stack.functions.get(name)).map(|function| function.log_retention_days).max();
    i32::try_from(days.unwrap_or(14)).unwrap_or(14)
}

/// The stage's access log, which is kept as long as the longest kept log of the API's functions.
pub(super) fn access_log(
    graph: &mut Graph,
    Input { stack, scope, encrypted_by, .. }: Input<'_>,
    ids: ApiIds<'_>,
    functions: &BTreeMap<String, Ready>,
    wanted: &Api,
) -> Handle<LogGroup> {
    let id = ids.access_log();
    let group = LogGroup {
        id: id.to_string(),
        name: access_log_name(ids, scope),
        retention_days: retention_days(functions, wanted, stack),
        account: scope.account.clone(),
        kms_key: Encryption::default(),
    };
    id.add(graph, encrypted_by.clone(), move |kms_key| LogGroup { kms_key, ..group.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Bundles;
    use crate::spec::parse;
    use crate::topology::{SecretValues, desired};

    #[test]
    fn the_ids_of_three_apis_differ() {
        // The APIs have the names of API parts, and all have the same route.
        let api = |name: &str, kind: &str| {
            format!(
                "[apis.{name}]\nkind = \"{kind}\"\nstage = \"live\"\n[[apis.{name}.routes]]\nroute = \"GET /x\"\n\
                 function = \"F\"\npool = \"P\"\n"
            )
        };
        let text = format!(
            "[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\n[pools.P]\n{}{}{}",
            api("http", "http"),
            api("routes", "http"),
            api("rest", "rest")
        );
        let stack = parse(&text).expect("a sound file");
        let scope = Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            stack: "demo".into(),
            ..Scope::default()
        };
        // The graph takes no id twice.
        let graph = desired(&stack, &scope, None, &Bundles::default(), &SecretValues::default(), None);
        let ids: Vec<&str> = graph.ids().map(|(id, _)| id.as_str()).collect();
        for id in ["api.http.http", "api.routes.http", "api.rest.rest", "api.http.http-routes", "api.rest.routes"] {
            assert!(ids.contains(&id), "no {id} among {ids:?}");
        }
        for (id, kind) in graph.ids() {
            let Some((what, rest)) = id.as_str().split_once('.') else { panic!("{id} has no parts") };
            let api = rest.split(['.', ' ']).next().unwrap_or_default();
            if !["api", "stage", "authorizer", "permission"].contains(&what) {
                continue;
            }
            // No part of an API depends on another API.
            for need in graph.needs(id) {
                let (on, rest) = need.parts();
                let other = rest.split('.').next().unwrap_or_default();
                assert!(!["api", "stage"].contains(&on) || other == api, "{kind} {id} needs {need}");
            }
        }
        let permission = graph.needs(&Id::new("permission", "routes GET /x F"));
        assert!(permission.contains(&&Id::new("stage", "routes.live")), "{permission:?}");
    }

    #[test]
    fn ids_of_a_named_api_contain_its_name() {
        let (bare, named) = (ApiIds(None), ApiIds(Some("Age")));
        assert_eq!([bare.rest().as_str(), bare.http().as_str()], ["api.rest", "api.http"]);
        assert_eq!(named.http().as_str(), "api.Age.http");
        assert_eq!([bare.within("GET /x"), named.within("GET /x")], ["GET /x", "Age GET /x"]);
    }
}

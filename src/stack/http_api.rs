//! An HTTP API, its stage, and who may call through it.
//!
//! Its stage deploys every change by itself, so there is no last step that puts all of it in force at once. Instead a route
//! is made with its authorizer in one call, the stage with its throttle and its log in another, and until there is a stage
//! nothing answers at all. Permissions to invoke wait for the stage: no function is ever reachable before its throttle is
//! on (reference, 10). Where routes are there already, they change only once what they lead to is there and may be called.

use std::collections::BTreeMap;

use super::api::{permission_sid, pools_of};
use super::functions::Ready;
use super::identity::Pools;
use super::model::{Api, Auth, Route, Stack};
use crate::aws::apigateway::execute_api_arn;
use crate::aws::apigatewayv2::{HttpApi, HttpAuthorization, HttpRoute, HttpRoutes, HttpStage, JwtAuthorizer};
use crate::aws::cognito::issuer;
use crate::aws::lambda::Permission;
use crate::aws::logs::LogGroup;
use crate::engine::{Graph, Handle, Id};
use crate::scope::Scope;

/// What an API and what hangs under it are called. The API without a name has the shorter ones.
struct Names<'a>(Option<&'a str>);

impl Names<'_> {
    /// The API's own id, and that of anything there is one of.
    fn one(&self, what: &str) -> Id {
        Id::new(what, self.0.unwrap_or("http"))
    }

    /// The id of one of several.
    fn each(&self, what: &str, name: &str) -> Id {
        Id::new(what, &self.within(name))
    }

    /// A name that no other API's has.
    fn within(&self, name: &str) -> String {
        self.0.map_or_else(|| name.to_owned(), |api| format!("{api} {name}"))
    }

    /// The API's name in AWS.
    fn physical(&self, scope: &Scope) -> String {
        self.0.map_or_else(|| scope.physical("api"), |api| scope.physical(&format!("{api}-api")))
    }
}

/// The ids of an HTTP API and of its stage.
pub fn ids(name: Option<&str>, stage: &str) -> (Id, Id) {
    let names = Names(name);
    (names.one("api"), names.each("stage", stage))
}

pub(super) fn api(
    graph: &mut Graph,
    (name, wanted): (Option<&str>, &Api),
    stack: &Stack,
    scope: &Scope,
    functions: &BTreeMap<String, Ready>,
    pools: &Pools,
) {
    let names = Names(name);
    let id = names.one("api");
    let http = HttpApi {
        id: id.to_string(),
        name: names.physical(scope),
        description: format!("The API of the stack {}", scope.stack),
    };
    let api = graph.add(id, (), move |()| http.clone());
    let authorizers = authorizers(graph, api, &names, wanted, stack, scope, pools);
    let logs = access_log(graph, &names, scope, functions, wanted, stack);
    let stage = stage(graph, api, logs, &names, wanted);
    let called = wanted.routes.iter().filter_map(|route| Some((route, *functions.get(&route.function)?)));
    let permissions: Vec<Handle<Permission>> =
        called.map(|(route, ready)| invoke_permission(graph, &names, route, ready, stage, scope)).collect();
    let routes = routes(graph, api, &names, wanted, scope, &authorizers);
    for permission in permissions {
        graph.change_after(routes, permission);
    }
}

/// One authorizer a pool that some route names. It takes tokens that were made for the pool's client.
fn authorizers(
    graph: &mut Graph,
    api: Handle<HttpApi>,
    names: &Names<'_>,
    wanted: &Api,
    stack: &Stack,
    scope: &Scope,
    pools: &Pools,
) -> BTreeMap<String, Handle<JwtAuthorizer>> {
    let mut authorizers = BTreeMap::new();
    for name in pools_of(wanted) {
        let (Some(pool), Some(handle), Some(client)) =
            (stack.pools.get(name), pools.pools.get(name), pools.clients.get(name))
        else {
            continue;
        };
        let (authorizer, scope) = (pool.authorizer.clone(), scope.clone());
        let id = names.each("authorizer", &authorizer);
        let added = graph.add_under(api, id, (api, *handle, *client), move |(api, pool, client)| JwtAuthorizer {
            api_id: api.id,
            name: authorizer.clone(),
            issuer: issuer(&scope, &pool.id),
            audience: client.client_id,
        });
        authorizers.insert(name.clone(), added);
    }
    authorizers
}

/// Where the stage logs every request; kept for as long as the longest log of the functions that it calls.
fn access_log(
    graph: &mut Graph,
    names: &Names<'_>,
    scope: &Scope,
    functions: &BTreeMap<String, Ready>,
    wanted: &Api,
    stack: &Stack,
) -> Handle<LogGroup> {
    let called = wanted.routes.iter().map(|route| &route.function).filter(|name| functions.contains_key(*name));
    let days = called.filter_map(|name| stack.functions.get(name)).map(|function| function.log_retention_days).max();
    let id = names.one("access-log");
    let group = LogGroup {
        id: id.to_string(),
        name: format!("/aws/vendedlogs/apis/{}", names.physical(scope)),
        retention_days: i32::try_from(days.unwrap_or(14)).unwrap_or(14),
    };
    graph.add(id, (), move |()| group.clone())
}

fn stage(
    graph: &mut Graph,
    api: Handle<HttpApi>,
    logs: Handle<LogGroup>,
    names: &Names<'_>,
    wanted: &Api,
) -> Handle<HttpStage> {
    let id = names.each("stage", &wanted.stage);
    let (name, tag) = (wanted.stage.clone(), id.to_string());
    let (rate_limit, burst_limit) = (f64::from(wanted.rate_limit), i32::try_from(wanted.burst_limit).unwrap_or(50));
    graph.add_under(api, id, (api, logs), move |(api, logs)| HttpStage {
        id: tag.clone(),
        api_id: api.id,
        name: name.clone(),
        rate_limit,
        burst_limit,
        log_group_arn: logs.arn,
    })
}

fn routes(
    graph: &mut Graph,
    api: Handle<HttpApi>,
    names: &Names<'_>,
    wanted: &Api,
    scope: &Scope,
    authorizers: &BTreeMap<String, Handle<JwtAuthorizer>>,
) -> Handle<HttpRoutes> {
    let (wanted, scope) = (wanted.routes.clone(), scope.clone());
    graph.add_under(api, names.one("routes"), (api, authorizers.clone()), move |(api, authorizers)| {
        let made = |route: &Route| HttpRoute {
            authorization: match &route.auth {
                Auth::Pool(pool) => HttpAuthorization::Jwt {
                    authorizer_id: authorizers.get(pool).map(|found| found.id.clone()).unwrap_or_default(),
                },
                Auth::Iam => HttpAuthorization::Iam,
                Auth::None => HttpAuthorization::None,
            },
            // It follows from the function's name, so that the API need not wait for the function.
            function_arn: scope.arn("lambda", &format!("function:{}", scope.physical(&route.function))),
        };
        HttpRoutes {
            routes: wanted.iter().map(|route| (route.name(), made(route))).collect(),
            authorizers: authorizers.values().map(|one| (one.id.clone(), one.name.clone())).collect(),
            api_id: api.id,
        }
    })
}

fn invoke_permission(
    graph: &mut Graph,
    names: &Names<'_>,
    route: &Route,
    ready: Ready,
    stage: Handle<HttpStage>,
    scope: &Scope,
) -> Handle<Permission> {
    // A route that moves to another function gets another permission; the first goes after the move.
    let id = names.each("permission", &format!("{} {}", route.name(), route.function));
    let sid = permission_sid(&names.within(&route.name()));
    let (route, scope) = (route.clone(), scope.clone());
    let needs = (ready.function, ready.policy, stage);
    graph.add_under(ready.function, id, needs, move |(function, _, stage)| Permission {
        function: function.name,
        sid: sid.clone(),
        principal: "apigateway.amazonaws.com".into(),
        source_arn: execute_api_arn(&scope, &stage.api_id, &stage.name, &route.method, &route.path),
    })
}

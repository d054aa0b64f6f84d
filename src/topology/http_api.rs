//! An HTTP API, its stage, and the permissions to call functions through it.
//!
//! The stage deploys every change by itself, so no last step puts all changes in force at once. Instead, one call
//! creates a route with its authorizer, and another the stage with its throttle and its log; without a stage nothing
//! answers. Permissions to invoke wait for the stage, so no function is reachable before the throttle is on
//! (docs/aws.md, Stages of HTTP APIs). Routes that exist are changed once their functions exist and the API may call
//! them.

use std::collections::BTreeMap;

use super::apis::{ApiIds, Parts, access_log, invoke_permission, pools_of};
use super::id::IdOf;
use super::identity::Pools;
use super::{Input, authorizers, cors};
use crate::aws::apigatewayv2::{
    HTTP_TIMEOUT_MS, HttpAnswering, HttpApi, HttpAuthorization, HttpIntegration, HttpRoute, HttpRoutes, HttpStage,
    JwtAuthorizer,
};
use crate::aws::cognito::issuer;
use crate::aws::lambda::Permission;
use crate::aws::logs::LogGroup;
use crate::engine::{Graph, Handle};
use crate::scope::Scope;
use crate::spec::{Api, Auth, Route, Stack};

impl ApiIds<'_> {
    pub(crate) fn http(self) -> IdOf<HttpApi> {
        self.of("api", "http")
    }

    /// Another id than that of the routes of a REST API: an API that changes its kind has routes of the other kind in the
    /// state.
    fn http_routes(self) -> IdOf<HttpRoutes> {
        self.of("api", "http-routes")
    }

    fn jwt_authorizer(self, name: &str) -> IdOf<JwtAuthorizer> {
        self.of("authorizer", name)
    }

    pub(crate) fn http_stage(self, name: &str) -> IdOf<HttpStage> {
        self.of("stage", name)
    }
}

pub(super) fn api(
    graph: &mut Graph,
    from: Input<'_>,
    (name, wanted): (Option<&str>, &Api),
    &Parts { functions, pools, .. }: &Parts<'_>,
) -> Handle<HttpApi> {
    let Input { stack, scope, .. } = from;
    let ids = ApiIds(name);
    let id = ids.http();
    let http = HttpApi {
        id: id.to_string(),
        name: ids.physical(scope),
        description: ids.description(scope),
        cors: cors::of_http(wanted),
    };
    let api = id.add(graph, (), move |()| http.clone());
    let by_pool = authorizers(graph, api, ids, wanted, stack, scope, pools);
    let (by_function, asking) = authorizers::of_http(graph, api, ids, (wanted, stack, scope), functions);
    let logs = access_log(graph, from, ids, functions, wanted);
    let stage = stage(graph, api, logs, ids, wanted);
    let called = wanted.routes.iter().filter_map(|route| Some((route, *functions.get(&route.function)?)));
    let permissions = called.map(|(route, ready)| {
        invoke_permission(graph, ids, route, ready, stage, |stage| (stage.api_id, stage.name), scope)
    });
    let permissions: Vec<Handle<Permission>> = permissions.chain(asking).collect();
    let routes = routes(graph, api, ids, wanted, scope, (&by_pool, &by_function));
    for permission in permissions {
        graph.order_after(routes, permission);
    }
    api
}

/// An authorizer for each pool that the API's routes name. It accepts tokens that were issued for the pool's client.
fn authorizers(
    graph: &mut Graph,
    api: Handle<HttpApi>,
    ids: ApiIds<'_>,
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
        let id = ids.jwt_authorizer(&authorizer);
        let added = id.add_under(graph, api, (api, *handle, *client), move |(api, pool, client)| JwtAuthorizer {
            api_id: api.id,
            name: authorizer.clone(),
            issuer: issuer(&scope, &pool.id),
            audience: client.client_id,
        });
        authorizers.insert(name.clone(), added);
    }
    authorizers
}

fn stage(
    graph: &mut Graph,
    api: Handle<HttpApi>,
    logs: Handle<LogGroup>,
    ids: ApiIds<'_>,
    wanted: &Api,
) -> Handle<HttpStage> {
    let id = ids.http_stage(&wanted.stage);
    let (name, tag) = (wanted.stage.clone(), id.to_string());
    let (rate_limit, burst_limit) = (f64::from(wanted.rate_limit), i32::try_from(wanted.burst_limit).unwrap_or(50));
    id.add_under(graph, api, (api, logs), move |(api, logs)| HttpStage {
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
    ids: ApiIds<'_>,
    wanted: &Api,
    scope: &Scope,
    (authorizers, by_function): (&BTreeMap<String, Handle<JwtAuthorizer>>, &authorizers::OfHttp),
) -> Handle<HttpRoutes> {
    let (wanted, scope) = (wanted.routes.clone(), scope.clone());
    let needs = (api, authorizers.clone(), by_function.clone());
    ids.http_routes().add_under(graph, api, needs, move |(api, authorizers, by_function)| {
        let made = |route: &Route| HttpRoute {
            authorization: match &route.auth {
                Auth::Pool(pool) => HttpAuthorization::Jwt {
                    authorizer_id: authorizers.get(pool).map(|found| found.id.clone()).unwrap_or_default(),
                },
                Auth::Lambda(name) => HttpAuthorization::Custom {
                    authorizer_id: by_function.get(name).map(|found| found.id.clone()).unwrap_or_default(),
                },
                Auth::Iam => HttpAuthorization::Iam,
                Auth::None => HttpAuthorization::None,
            },
            integration: HttpIntegration {
                // The ARN follows from the function's name, so the API does not wait for the function.
                answer: HttpAnswering::Function(
                    scope.arn("lambda", &format!("function:{}", scope.physical(&route.function))),
                ),
                timeout_ms: route.timeout_ms().unwrap_or(HTTP_TIMEOUT_MS),
            },
        };
        HttpRoutes {
            routes: wanted.iter().map(|route| (route.name(), made(route))).collect(),
            authorizers: authorizers
                .values()
                .map(|one| (one.id.clone(), one.name.clone()))
                .chain(by_function.values().map(|one| (one.id.clone(), one.name.clone())))
                .collect(),
            api_id: api.id,
        }
    })
}

//! An HTTP API, its stage, and the permissions to call functions through it.
//!
//! The stage deploys every change by itself, so no last step puts all changes in force at once. Instead, one call
//! creates a route with its authorizer, and another the stage with its throttle and its log; without a stage nothing
//! answers. Permissions to invoke wait for the stage, so no function is reachable before the throttle is on
//! (docs/aws.md, Stages of HTTP APIs). Routes that exist are changed once their functions exist and the API may call
//! them.

use std::collections::BTreeMap;

use super::api::{invoke_permission, pools_of};
use super::encryption::EncryptedBy;
use super::functions::Ready;
use super::identity::Pools;
use super::ids::ApiIds;
use crate::aws::Encryption;
use crate::aws::apigatewayv2::{HttpApi, HttpAuthorization, HttpRoute, HttpRoutes, HttpStage, JwtAuthorizer};
use crate::aws::cognito::issuer;
use crate::aws::lambda::Permission;
use crate::aws::logs::LogGroup;
use crate::engine::{Graph, Handle};
use crate::scope::Scope;
use crate::spec::{Api, Auth, Route, Stack};

pub(super) fn api(
    graph: &mut Graph,
    (name, wanted): (Option<&str>, &Api),
    stack: &Stack,
    scope: &Scope,
    (functions, encrypted_by): (&BTreeMap<String, Ready>, &EncryptedBy),
    pools: &Pools,
) -> Handle<HttpApi> {
    let ids = ApiIds(name);
    let id = ids.http();
    let http = HttpApi { id: id.to_string(), name: ids.physical(scope), description: ids.description(scope) };
    let api = id.add(graph, (), move |()| http.clone());
    let authorizers = authorizers(graph, api, ids, wanted, stack, scope, pools);
    let logs = access_log(graph, ids, (stack, scope), functions, wanted, encrypted_by);
    let stage = stage(graph, api, logs, ids, wanted);
    let called = wanted.routes.iter().filter_map(|route| Some((route, *functions.get(&route.function)?)));
    let permissions = called.map(|(route, ready)| {
        invoke_permission(graph, ids, route, ready, stage, |stage| (stage.api_id, stage.name), scope)
    });
    let permissions: Vec<Handle<Permission>> = permissions.collect();
    let routes = routes(graph, api, ids, wanted, scope, &authorizers);
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

/// The name of the group of an API's access log.
pub(super) fn access_log_name(ids: ApiIds<'_>, scope: &Scope) -> String {
    format!("/aws/vendedlogs/apis/{}", ids.physical(scope))
}

/// How many days the logs of an API are kept: as long as the longest kept log of its functions.
pub(super) fn retention_days(functions: &BTreeMap<String, Ready>, wanted: &Api, stack: &Stack) -> i32 {
    let called = wanted.routes.iter().map(|route| &route.function).filter(|name| functions.contains_key(*name));
    let days = called.filter_map(|name| stack.functions.get(name)).map(|function| function.log_retention_days).max();
    i32::try_from(days.unwrap_or(14)).unwrap_or(14)
}

/// The stage's access log, which is kept as long as the longest kept log of the API's functions.
pub(super) fn access_log(
    graph: &mut Graph,
    ids: ApiIds<'_>,
    (stack, scope): (&Stack, &Scope),
    functions: &BTreeMap<String, Ready>,
    wanted: &Api,
    encrypted_by: &EncryptedBy,
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
    authorizers: &BTreeMap<String, Handle<JwtAuthorizer>>,
) -> Handle<HttpRoutes> {
    let (wanted, scope) = (wanted.routes.clone(), scope.clone());
    ids.http_routes().add_under(graph, api, (api, authorizers.clone()), move |(api, authorizers)| {
        let made = |route: &Route| HttpRoute {
            authorization: match &route.auth {
                Auth::Pool(pool) => HttpAuthorization::Jwt {
                    authorizer_id: authorizers.get(pool).map(|found| found.id.clone()).unwrap_or_default(),
                },
                Auth::Iam => HttpAuthorization::Iam,
                Auth::None => HttpAuthorization::None,
            },
            // The ARN follows from the function's name, so the API does not wait for the function.
            function_arn: scope.arn("lambda", &format!("function:{}", scope.physical(&route.function))),
        };
        HttpRoutes {
            routes: wanted.iter().map(|route| (route.name(), made(route))).collect(),
            authorizers: authorizers.values().map(|one| (one.id.clone(), one.name.clone())).collect(),
            api_id: api.id,
        }
    })
}

//! An HTTP API, its stage, and the permissions to call functions through it.
//!
//! The stage deploys every change by itself, so no last step puts all changes in force at once. Instead, one call
//! creates a route with its authorizer, and another the stage with its throttle and its log; without a stage nothing
//! answers. Permissions to invoke wait for the stage, so no function is reachable before the throttle is on
//! (docs/aws.md, Stages of HTTP APIs). Routes that exist are changed once their functions exist and the API may call
//! them.

use std::collections::{BTreeMap, BTreeSet};

use super::apis::{ApiIds, HttpApis, Parts, access_log, invoke_permission, pools_of};
use super::id::IdOf;
use super::identity::Pools;
use super::source::Source;
use super::{Input, authorizers, cors, domains, targets};
use crate::aws::apigatewayv2::{
    HTTP_TIMEOUT_MS, HttpApi, HttpAuthorization, HttpDefaultEndpoint, HttpIntegration, HttpRoute, HttpRouteLimit,
    HttpRouteLimits, HttpRoutes, HttpStage, JwtAuthorizer,
};
use crate::aws::cognito::{AppClient, issuer};
use crate::aws::lambda::Permission;
use crate::aws::logs::LogGroup;
use crate::engine::{Deferred, Graph, Handle};
use crate::scope::Scope;
use crate::spec::{Api, ApiKind, Auth, Limits, Route, Stack, has_programs};

impl ApiIds<'_> {
    pub(crate) fn http(self) -> IdOf<HttpApi> {
        self.of("api", "http")
    }

    /// Another id than that of the routes of a REST API: an API that changes its kind has routes of the other kind in the
    /// state.
    pub(super) fn http_routes(self) -> IdOf<HttpRoutes> {
        self.of("api", "http-routes")
    }

    pub(crate) fn http_route_limits(self) -> IdOf<HttpRouteLimits> {
        self.of("api", "http-route-limits")
    }

    fn http_default_endpoint(self) -> IdOf<HttpDefaultEndpoint> {
        self.of("api", "http-default-endpoint")
    }

    fn jwt_authorizer(self, name: &str) -> IdOf<JwtAuthorizer> {
        self.of("authorizer", name)
    }

    pub(crate) fn http_stage(self, name: &str) -> IdOf<HttpStage> {
        self.of("stage", name)
    }
}

/// The HTTP APIs, without routes, stages and other parts.
pub(super) fn roots(graph: &mut Graph, Input { stack, scope, .. }: Input<'_>) -> HttpApis {
    let mut roots = HttpApis::new();
    for (name, wanted) in stack.all_apis().filter(|(_, api)| api.kind == ApiKind::Http) {
        let ids = ApiIds(name);
        let id = ids.http();
        let http = HttpApi {
            id: id.to_string(),
            name: ids.physical(scope),
            description: ids.description(scope),
            cors: cors::of_http(wanted),
            default_endpoint: wanted.default_endpoint,
        };
        roots.insert(name.map(str::to_owned), id.add(graph, (), move |()| http.clone()));
    }
    roots
}

pub(super) fn api(
    graph: &mut Graph,
    from: Input<'_>,
    (name, wanted): (Option<&str>, &Api),
    api: Handle<HttpApi>,
    &Parts { functions, pools, .. }: &Parts<'_>,
) {
    let Input { stack, scope, .. } = from;
    let ids = ApiIds(name);
    let by_pool = authorizers(graph, api, ids, wanted, stack, scope, pools);
    let (by_function, asking) = authorizers::of_http(graph, api, ids, (wanted, stack, scope), functions);
    let logs = access_log(graph, from, ids, functions, wanted);
    let stage = stage(graph, api, logs, ids, wanted);
    let called = wanted.routes.iter().filter_map(|route| Some((route, *functions.get(route.function()?)?)));
    let permissions = called.map(|(route, ready)| {
        invoke_permission(graph, ids, route, ready, stage, |stage| (stage.api_id, stage.name), scope)
    });
    let permissions: Vec<Handle<Permission>> = permissions.chain(asking).collect();
    let routes = routes(graph, api, ids, wanted, (stack, scope), (&by_pool, &by_function));
    for permission in permissions {
        graph.order_after(routes, permission);
    }
    let domain = domains::domain(graph, wanted, stage, |stage| (stage.api_id, stage.name));
    if !wanted.default_endpoint {
        let closed = ids.http_default_endpoint();
        let closed = closed.add_under(graph, api, api, |api| HttpDefaultEndpoint { api_id: api.id });
        if let Some(domain) = domain {
            domain.comes_before(graph, closed);
        }
    }
    route_limits(graph, ids, wanted, stage, routes);
}

/// The limits of the routes that have their own, if there are any. AWS takes them only for routes that exist.
fn route_limits(
    graph: &mut Graph,
    ids: ApiIds<'_>,
    wanted: &Api,
    stage: Handle<HttpStage>,
    routes: Handle<HttpRoutes>,
) {
    let of = |(route, limits): (&Route, Limits)| {
        let burst = i32::try_from(limits.burst).unwrap_or(i32::MAX);
        (route.name(), HttpRouteLimit { rate: f64::from(limits.rate), burst })
    };
    let limits: BTreeMap<String, HttpRouteLimit> = wanted.limited_routes().map(of).collect();
    if limits.is_empty() {
        return;
    }
    // The limits can be read while the routes are missing.
    ids.http_route_limits().add_under(graph, stage, (stage, Deferred(routes)), move |(stage, _)| HttpRouteLimits {
        api_id: stage.api_id,
        stage: stage.name,
        limits: limits.clone(),
    });
}

/// The authorizers of pools, by the pool's name and whether they admit programs that get tokens for themselves.
type OfPools = BTreeMap<(String, bool), Handle<JwtAuthorizer>>;

/// An authorizer for each pool that the API's routes name. It accepts tokens that were issued for the pool's clients.
/// Only routes with scopes admit programs that get tokens for themselves, so these routes have another authorizer if
/// the pool has such programs.
fn authorizers(
    graph: &mut Graph,
    api: Handle<HttpApi>,
    ids: ApiIds<'_>,
    wanted: &Api,
    stack: &Stack,
    scope: &Scope,
    pools: &Pools,
) -> OfPools {
    let mut authorizers = BTreeMap::new();
    for name in pools_of(wanted) {
        let (Some(authorizer), Some(source), Some(client)) =
            (stack.authorizer_of(name), pools.pools.get(name), pools.clients.get(name))
        else {
            continue;
        };
        // In a pool that the stack does not manage, it has no programs.
        let own = stack.pools.get(name);
        let two = own.is_some_and(|pool| has_programs(wanted, name, pool));
        for programs in [false].into_iter().chain(two.then_some(true)) {
            let further = own.into_iter().flat_map(|pool| &pool.clients);
            let further = further.filter(|(_, client)| programs || !client.is_machine());
            let further = further.filter_map(|(client, _)| pools.further.get(&(name.clone(), client.clone())));
            let further = further.map(|client| Source::Own(*client));
            let clients: Vec<Source<AppClient>> = std::iter::once(client.clone()).chain(further).collect();
            let (authorizer, scope) = (authorizer_name(authorizer, programs), scope.clone());
            let id = ids.jwt_authorizer(&authorizer);
            let added =
                id.add_under(graph, api, (api, source.clone(), clients), move |(api, pool, clients)| JwtAuthorizer {
                    api_id: api.id,
                    name: authorizer.clone(),
                    issuer: issuer(&scope, &pool.id),
                    audience: clients.into_iter().map(|client| client.client_id).collect(),
                });
            authorizers.insert((name.clone(), programs), added);
        }
    }
    authorizers
}

fn authorizer_name(of_pool: &str, programs: bool) -> String {
    if programs { format!("{of_pool}WithScopes") } else { of_pool.to_owned() }
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
    let limited: BTreeSet<String> = wanted.limited_routes().map(|(route, _)| route.name()).collect();
    id.add_under(graph, api, (api, logs), move |(api, logs)| HttpStage {
        id: tag.clone(),
        api_id: api.id,
        name: name.clone(),
        rate_limit,
        burst_limit,
        limited: limited.clone(),
        log_group_arn: logs.arn,
    })
}

fn routes(
    graph: &mut Graph,
    api: Handle<HttpApi>,
    ids: ApiIds<'_>,
    wanted: &Api,
    (stack, scope): (&Stack, &Scope),
    (authorizers, by_function): (&OfPools, &authorizers::OfHttp),
) -> Handle<HttpRoutes> {
    let (wanted, stack, scope) = (wanted.routes.clone(), stack.clone(), scope.clone());
    let needs = (api, authorizers.clone(), by_function.clone());
    ids.http_routes().add_under(graph, api, needs, move |(api, authorizers, by_function)| {
        let made = |route: &Route| {
            let of_function = |name: Option<String>| HttpAuthorization::Custom {
                authorizer_id: name
                    .and_then(|name| by_function.get(&name))
                    .map(|found| found.id.clone())
                    .unwrap_or_default(),
            };
            let authorization = match &route.auth {
                Auth::Pool(pool) if route.groups.is_empty() => {
                    let of = |programs| authorizers.get(&(pool.clone(), programs));
                    let authorizer = if route.scopes.is_empty() { of(false) } else { of(true).or(of(false)) };
                    HttpAuthorization::Jwt {
                        authorizer_id: authorizer.map(|found| found.id.clone()).unwrap_or_default(),
                        scopes: route.scopes.clone(),
                    }
                }
                Auth::Pool(_) | Auth::Lambda(_) => of_function(route.authorizer()),
                Auth::Iam => HttpAuthorization::Iam,
                Auth::None => HttpAuthorization::None,
            };
            let answer = targets::of_http(route, &stack, &scope)?;
            let timeout_ms = route.timeout_ms().unwrap_or(HTTP_TIMEOUT_MS);
            let integration = HttpIntegration { answer, timeout_ms };
            Some((route.name(), HttpRoute { authorization, integration }))
        };
        HttpRoutes {
            routes: wanted.iter().filter_map(made).collect(),
            authorizers: authorizers
                .values()
                .map(|one| (one.id.clone(), one.name.clone()))
                .chain(by_function.values().map(|one| (one.id.clone(), one.name.clone())))
                .collect(),
            api_id: api.id,
        }
    })
}

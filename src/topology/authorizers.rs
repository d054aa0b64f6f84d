//! The functions that decide who may call routes: an authorizer in each API whose routes name it, and API Gateway's
//! permission to ask its function.

use std::collections::{BTreeMap, BTreeSet};

use super::apis::{ApiIds, permission_sid};
use super::functions::Ready;
use super::id::IdOf;
use crate::aws::apigateway::{AuthorizerOutputs, LambdaAuthorizer, RestApi, integration_uri};
use crate::aws::apigatewayv2::{HttpApi, HttpLambdaAuthorizer};
use crate::aws::lambda::Permission;
use crate::engine::{Graph, Handle, Needs};
use crate::scope::Scope;
use crate::spec::{Api, Identity, LambdaAuthorizer as Wanted, Stack};

impl ApiIds<'_> {
    fn lambda_authorizer(self, name: &str) -> IdOf<LambdaAuthorizer> {
        self.of("lambda-authorizer", name)
    }

    /// Another id than in a REST API: an API that changes its kind has authorizers of the other kind in the state.
    fn http_lambda_authorizer(self, name: &str) -> IdOf<HttpLambdaAuthorizer> {
        self.of("http-lambda-authorizer", name)
    }

    fn authorizer_permission(self, name: &str) -> IdOf<Permission> {
        IdOf::new("permission", &self.within(&format!("authorizer {name}")))
    }
}

/// The URI of an authorizer's function, and the authorizer in the stack file.
struct Asks<'a> {
    uri: String,
    wanted: &'a Wanted,
}

impl<'a> Asks<'a> {
    fn of(wanted: &'a Wanted, stack: &Stack, scope: &Scope) -> Self {
        Self { uri: integration_uri(scope, &stack.called_arn(scope, &wanted.function)), wanted }
    }

    fn cache_s(&self) -> i32 {
        i32::try_from(self.wanted.cache_s).unwrap_or_default()
    }

    /// The identity sources, with a REST API's names for the parts of a request. The policy that the function returns
    /// names the routes to which it applies, so the route need not be an identity source.
    fn in_rest(&self) -> BTreeSet<String> {
        let part = |identity: &Identity| match identity {
            Identity::Header(name) => format!("method.request.header.{name}"),
            Identity::Query(name) => format!("method.request.querystring.{name}"),
        };
        self.wanted.identity.iter().map(part).collect()
    }

    /// The identity sources, with an HTTP API's names. A cached answer allows every route, so the route is one of the
    /// identity sources if answers are cached (docs/aws.md, Lambda authorizers).
    fn in_http(&self) -> BTreeSet<String> {
        let part = |identity: &Identity| match identity {
            Identity::Header(name) => format!("$request.header.{name}"),
            Identity::Query(name) => format!("$request.querystring.{name}"),
        };
        let route = (self.wanted.cache_s > 0).then(|| "$context.routeKey".to_owned());
        self.wanted.identity.iter().map(part).chain(route).collect()
    }
}

/// The authorizers of a REST API, by name.
pub(super) type OfRest = BTreeMap<String, Handle<LambdaAuthorizer>>;

/// The authorizers of an HTTP API, by name.
pub(super) type OfHttp = BTreeMap<String, Handle<HttpLambdaAuthorizer>>;

/// The authorizers of a REST API, and the permissions to ask their functions.
pub(super) fn of_rest(
    graph: &mut Graph,
    api: Handle<RestApi>,
    ids: ApiIds<'_>,
    (wanted, stack, scope): (&Api, &Stack, &Scope),
    functions: &BTreeMap<String, Ready>,
) -> (OfRest, Vec<Handle<Permission>>) {
    let (mut authorizers, mut permissions) = (BTreeMap::new(), Vec::new());
    for (name, authorizer) in stack.authorizers_of(wanted) {
        let asks = Asks::of(authorizer, stack, scope);
        let made = rest_authorizer(name, &asks);
        let handle = ids
            .lambda_authorizer(name)
            .add_under(graph, api, api, move |api| LambdaAuthorizer { api_id: api.id, ..made.clone() });
        permissions.extend(permission(graph, ids, (name, authorizer), functions, handle, scope));
        authorizers.insert(name.clone(), handle);
    }
    (authorizers, permissions)
}

/// An authorizer of a REST API, without the API's id.
fn rest_authorizer(name: &str, asks: &Asks<'_>) -> LambdaAuthorizer {
    LambdaAuthorizer {
        api_id: String::new(),
        name: name.to_owned(),
        uri: asks.uri.clone(),
        identity: asks.in_rest(),
        cache_s: asks.cache_s(),
    }
}

/// Represents the authorizers of a REST API in its deployments.
pub(super) fn fingerprint(wanted: &Api, stack: &Stack, scope: &Scope) -> String {
    let of = |(name, authorizer): (&String, &Wanted)| {
        " ".to_owned() + &rest_authorizer(name, &Asks::of(authorizer, stack, scope)).fingerprint()
    };
    stack.authorizers_of(wanted).map(of).collect()
}

/// The authorizers of an HTTP API, and the permissions to ask their functions.
pub(super) fn of_http(
    graph: &mut Graph,
    api: Handle<HttpApi>,
    ids: ApiIds<'_>,
    (wanted, stack, scope): (&Api, &Stack, &Scope),
    functions: &BTreeMap<String, Ready>,
) -> (OfHttp, Vec<Handle<Permission>>) {
    let (mut authorizers, mut permissions) = (BTreeMap::new(), Vec::new());
    for (name, authorizer) in stack.authorizers_of(wanted) {
        let asks = Asks::of(authorizer, stack, scope);
        let (uri, identity, cache_s, named) = (asks.uri.clone(), asks.in_http(), asks.cache_s(), name.clone());
        let made = move |api_id: String| HttpLambdaAuthorizer {
            api_id,
            name: named.clone(),
            uri: uri.clone(),
            identity: identity.clone(),
            cache_s,
        };
        let handle = ids.http_lambda_authorizer(name).add_under(graph, api, api, move |api| made(api.id));
        permissions.extend(permission(graph, ids, (name, authorizer), functions, handle, scope));
        authorizers.insert(name.clone(), handle);
    }
    (authorizers, permissions)
}

/// Lets exactly this authorizer call its function.
fn permission<A: Needs<Out = AuthorizerOutputs> + Send + Sync + 'static>(
    graph: &mut Graph,
    ids: ApiIds<'_>,
    (name, wanted): (&str, &Wanted),
    functions: &BTreeMap<String, Ready>,
    authorizer: A,
    scope: &Scope,
) -> Option<Handle<Permission>> {
    let ready = *functions.get(&wanted.function)?;
    let (sid, scope) = (sid(ids, name), scope.clone());
    let needs = (ready.called, ready.policy, authorizer);
    let made =
        ids.authorizer_permission(name).add_under(graph, ready.function, needs, move |(called, _, authorizer)| {
            let AuthorizerOutputs { api_id, id, .. } = authorizer;
            let source = scope.arn("execute-api", &format!("{api_id}/authorizers/{id}"));
            called.permission(&sid, "apigateway.amazonaws.com", source)
        });
    Some(made)
}

/// The id of the statement in the resource policy of an authorizer's function.
fn sid(ids: ApiIds<'_>, name: &str) -> String {
    permission_sid(&ids.within(&format!("authorizer {name}")))
}

/// The ids of the statements that let authorizers call this function.
pub(super) fn sids<'a>(stack: &'a Stack, function: &'a str) -> impl Iterator<Item = String> + 'a {
    stack.all_apis().flat_map(move |(api, wanted)| {
        let asked = stack.authorizers_of(wanted).filter(move |(_, authorizer)| authorizer.function == function);
        asked.map(move |(name, _)| sid(ApiIds(api), name))
    })
}

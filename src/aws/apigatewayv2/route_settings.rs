//! Routes and integrations of an HTTP API as AWS has them, and their comparison with the wanted ones.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigatewayv2::types;

use super::routes::{PAYLOAD, TIMEOUT_MS};
use super::{HttpAuthorization, HttpRoute, HttpRoutes, given, listed};
use crate::engine::{Comparison, Effect};

/// Routes, integrations and authorizers, as read from AWS.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveHttpRoutes {
    /// Routes by their keys.
    pub routes: BTreeMap<String, LiveHttpRoute>,
    /// By id.
    pub integrations: BTreeMap<String, LiveHttpIntegration>,
    /// The names of all authorizers by id.
    pub authorizers: BTreeMap<String, String>,
}

/// A route, as read from AWS.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveHttpRoute {
    /// An id that AWS chose.
    pub id: String,
    /// `NONE`, `JWT`, `AWS_IAM` or `CUSTOM`.
    pub authorization_type: String,
    /// With `JWT` and `CUSTOM`.
    pub authorizer_id: Option<String>,
    /// If there are any, a token must have one of them.
    pub scopes: BTreeSet<String>,
    pub integration_id: String,
}

/// An integration, as read from AWS.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveHttpIntegration {
    /// `AWS_PROXY` for a function that sees the whole request.
    pub kind: String,
    /// The function's ARN.
    pub uri: String,
    /// The format of requests to functions.
    pub payload: String,
    /// In milliseconds; none is AWS's default.
    pub timeout_ms: Option<i32>,
    /// The role that calls the function instead of API Gateway itself.
    pub credentials: Option<String>,
    /// The private network that it goes through.
    pub vpc_link: Option<String>,
    /// What is changed in requests, by its name, as in `overwrite:header.x-who`.
    pub request_parameters: BTreeMap<String, String>,
    /// The status codes whose answers are changed.
    pub response_parameters: BTreeSet<String>,
}

impl LiveHttpRoute {
    pub(super) fn of(route: types::Route) -> (String, Self) {
        let live = Self {
            id: route.route_id.unwrap_or_default(),
            authorization_type: route.authorization_type.map_or("NONE".into(), |kind| kind.as_str().to_owned()),
            authorizer_id: given(route.authorizer_id),
            scopes: route.authorization_scopes.unwrap_or_default().into_iter().collect(),
            integration_id: route.target.unwrap_or_default().trim_start_matches("integrations/").to_owned(),
        };
        (route.route_key.unwrap_or_default(), live)
    }
}

impl LiveHttpIntegration {
    pub(super) fn of(one: types::Integration) -> (String, Self) {
        let live = Self {
            kind: one.integration_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            uri: one.integration_uri.unwrap_or_default(),
            payload: one.payload_format_version.unwrap_or_default(),
            timeout_ms: one.timeout_in_millis,
            credentials: given(one.credentials_arn),
            vpc_link: given(one.connection_id),
            request_parameters: one.request_parameters.unwrap_or_default().into_iter().collect(),
            response_parameters: one.response_parameters.unwrap_or_default().into_keys().collect(),
        };
        (one.integration_id.unwrap_or_default(), live)
    }

    /// A plain proxy to a function, as this program creates it.
    pub(super) fn proxy(function_arn: &str) -> Self {
        let (kind, payload) = ("AWS_PROXY".to_owned(), PAYLOAD.to_owned());
        Self { kind, payload, uri: function_arn.to_owned(), timeout_ms: Some(TIMEOUT_MS), ..Self::default() }
    }

    /// The function's ARN, if nothing else differs from what this program creates.
    pub(super) fn plain_function(&self) -> Option<&String> {
        Self::proxy(&self.uri).compare("", self).is_as_wanted().then_some(&self.uri)
    }

    fn compare(&self, key: &str, live: &Self) -> Comparison {
        let field = |what: &str| format!("{key} Integration.{what}");
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
        let parameters = live.request_parameters.iter().map(|(name, value)| format!("{name}={value}"));
        Comparison::default()
            .guard(field("IntegrationType"), &self.kind, &live.kind)
            .guard(field("IntegrationUri"), &self.uri, &live.uri)
            // A function that expects one format may misread the other.
            .guard(field("PayloadFormatVersion"), &self.payload, &live.payload)
            .plain(field("TimeoutInMillis"), TIMEOUT_MS, live.timeout_ms.unwrap_or(TIMEOUT_MS))
            // With a role the function's own policy is not asked who may call it.
            .guard(field("CredentialsArn"), "none", or_none(&live.credentials))
            .plain(field("ConnectionId"), "none", or_none(&live.vpc_link))
            // A function may trust a header that only the gateway sets.
            .guard(field("RequestParameters"), "none", listed(parameters))
            .plain(field("ResponseParameters"), "none", listed(&live.response_parameters))
    }
}

impl HttpRoutes {
    /// Contains an authorizer's name instead of its id, for messages.
    fn named<'a>(&'a self, id: Option<&'a str>) -> &'a str {
        id.map_or("none", |id| self.authorizers.get(id).map_or(id, String::as_str))
    }

    /// The settings of one route.
    pub(super) fn compare_route(&self, key: &str, want: &HttpRoute, live: &LiveHttpRoutes) -> Comparison {
        let Some(route) = live.routes.get(key) else {
            return Comparison::default().plain(key, "a route", "none");
        };
        let field = |what: &str| format!("{key} {what}");
        let kind = want.authorization.kind();
        // A closed route that should be open is not weaker.
        let opens = want.authorization != HttpAuthorization::None;
        let judge = |same: bool| match (same, opens) {
            (true, _) => Effect::Same,
            (false, true) => Effect::Weakens,
            (false, false) => Effect::Differs,
        };
        let (ours, theirs) = (self.named(want.authorization.authorizer()), self.named(route.authorizer_id.as_deref()));
        let mut compared = Comparison::default()
            .judged(field("AuthorizationType"), kind.as_str(), &route.authorization_type, {
                judge(kind.as_str() == route.authorization_type)
            })
            .judged(field("AuthorizerId"), ours, theirs, judge(ours == theirs))
            // Fewer tokens pass.
            .plain(field("AuthorizationScopes"), "none", listed(&route.scopes));
        let missing = LiveHttpIntegration::default();
        let integration = live.integrations.get(&route.integration_id).unwrap_or(&missing);
        compared.extend(LiveHttpIntegration::proxy(&want.function_arn).compare(key, integration));
        compared
    }

    /// The ids and names of authorizers that the stack does not have.
    pub(super) fn other_authorizers<'a>(
        &'a self,
        live: &'a LiveHttpRoutes,
    ) -> impl Iterator<Item = (&'a String, &'a String)> {
        live.authorizers.iter().filter(|(id, _)| !self.authorizers.contains_key(*id))
    }

    /// The keys of routes that the stack does not have, with who may call them.
    fn other_routes(&self, live: &LiveHttpRoutes) -> Vec<String> {
        let others = live.routes.iter().filter(|(key, _)| !self.routes.contains_key(*key));
        let who = |route: &LiveHttpRoute| match route.authorizer_id.as_deref() {
            Some(id) => format!("{} {}", route.authorization_type, self.named(Some(id))),
            None => route.authorization_type.clone(),
        };
        others.map(|(key, route)| format!("{key} ({})", who(route))).collect()
    }

    pub(super) fn compare_all(&self, live: &LiveHttpRoutes) -> Comparison {
        let mut compared = Comparison::default();
        for (key, want) in &self.routes {
            compared.extend(self.compare_route(key, want, live));
        }
        compared = compared.nothing_else("other routes", self.other_routes(live));
        let used = |id: &String| live.routes.values().any(|route| route.integration_id == *id);
        let idle: Vec<&String> = live.integrations.keys().filter(|id| !used(id)).collect();
        // Only after the routes are correct: before that a new route may still need one of them.
        let effect = Effect::differs_unless(idle.is_empty() || !compared.is_as_wanted());
        let others: Vec<&String> = self.other_authorizers(live).map(|(_, name)| name).collect();
        // An authorizer alone opens nothing. A route that names it is a difference of the route.
        let unnamed = Effect::differs_unless(others.is_empty());
        compared.judged("integrations that no route uses", "none", listed(idle), effect).judged(
            "other authorizers",
            "none",
            listed(others),
            unnamed,
        )
    }
}

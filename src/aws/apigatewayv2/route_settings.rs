//! Routes of an HTTP API as AWS has them, and their comparison with the wanted ones.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigatewayv2::types;

use super::{HttpAuthorization, HttpRoute, HttpRoutes, LiveHttpIntegration, given, listed};
use crate::aws::apigateway::{UNWANTED_SCOPES_OF_HTTP, scopes_effect};
use crate::engine::{Comparison, Effect};

/// Routes, integrations and authorizers, as read from AWS.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveHttpRoutes {
    /// Routes by their keys.
    pub routes: BTreeMap<String, LiveHttpRoute>,
    /// The integrations by id.
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
    /// The authorizer's id, with `JWT` and `CUSTOM`.
    pub authorizer_id: Option<String>,
    /// If there are any, a token must have one of them.
    pub scopes: BTreeSet<String>,
    pub integration_id: String,
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

impl HttpRoutes {
    /// The name of the authorizer with this id, for messages; the id if the stack does not have it.
    fn named<'a>(&'a self, id: Option<&'a str>) -> &'a str {
        id.map_or("none", |id| self.authorizers.get(id).map_or(id, String::as_str))
    }

    /// Compares the settings of one route.
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
        let scopes = want.authorization.scopes();
        let mut compared = Comparison::default()
            .judged(field("AuthorizationType"), kind.as_str(), &route.authorization_type, {
                judge(kind.as_str() == route.authorization_type)
            })
            .judged(field("AuthorizerId"), ours, theirs, judge(ours == theirs))
            .judged(
                field("AuthorizationScopes"),
                listed(&scopes),
                listed(&route.scopes),
                scopes_effect(&scopes, &route.scopes, UNWANTED_SCOPES_OF_HTTP),
            );
        let missing = LiveHttpIntegration::default();
        let integration = live.integrations.get(&route.integration_id).unwrap_or(&missing);
        compared.extend(want.integration.compare(key, integration));
        compared
    }

    /// The ids and names of authorizers that the stack does not have.
    pub(super) fn other_authorizers<'a>(
        &'a self,
        live: &'a LiveHttpRoutes,
    ) -> impl Iterator<Item = (&'a String, &'a String)> {
        live.authorizers.iter().filter(|(id, _)| !self.authorizers.contains_key(*id))
    }

    /// The keys of routes that the stack does not have, with their authorization.
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
        // Unused integrations differ only after the routes are correct. Before that, a new route may still need one of
        // them.
        let effect = Effect::differs_unless(idle.is_empty() || !compared.is_as_wanted());
        let others: Vec<&String> = self.other_authorizers(live).map(|(_, name)| name).collect();
        // An authorizer that no route uses opens nothing. A route that uses it differs itself.
        let unnamed = Effect::differs_unless(others.is_empty());
        compared.judged("integrations that no route uses", "none", listed(idle), effect).judged(
            "other authorizers",
            "none",
            listed(others),
            unnamed,
        )
    }
}

//! Methods as AWS has them, and their comparison with the wanted ones.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::types;

use super::authorizers::{UNWANTED_SCOPES, scopes_effect};
use super::{Authorization, LiveIntegration, Method, given, listed};
use crate::engine::{Comparison, Effect};

/// The beginning of the names of a path's parameters.
const PATH: &str = "method.request.path.";

/// An API's methods and authorizers as AWS has them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveRoutes {
    /// By name, as in `POST /lambda1`.
    pub methods: BTreeMap<String, LiveMethod>,
    /// The names of all authorizers by id.
    pub authorizers: BTreeMap<String, String>,
}

/// A method as AWS has it.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveMethod {
    pub resource_id: String,
    /// `POST`, or `ANY` for all.
    pub http_method: String,
    /// `COGNITO_USER_POOLS`, `AWS_IAM`, `CUSTOM` or `NONE`.
    pub authorization: String,
    pub authorizer_id: Option<String>,
    /// If there are any, the authorizer demands an access token with one of them instead of an ID token.
    pub scopes: BTreeSet<String>,
    /// Whether callers need an API key.
    pub api_key_required: bool,
    pub validator_id: Option<String>,
    /// The model's name by content type.
    pub models: BTreeMap<String, String>,
    /// The parameters that are required, as in `method.request.path.id`.
    pub required: BTreeSet<String>,
    /// The declared answers, with their headers by status.
    pub responses: BTreeMap<String, BTreeSet<String>>,
    /// `None` if the method was left without one.
    pub integration: Option<LiveIntegration>,
}

impl LiveMethod {
    pub(super) fn of(resource_id: String, http_method: String, method: types::Method) -> Self {
        let parameters = method.request_parameters.unwrap_or_default().into_iter();
        Self {
            resource_id,
            http_method,
            authorizer_id: given(method.authorizer_id.as_deref()),
            validator_id: given(method.request_validator_id.as_deref()),
            authorization: method.authorization_type.unwrap_or_default(),
            scopes: method.authorization_scopes.unwrap_or_default().into_iter().collect(),
            api_key_required: method.api_key_required.unwrap_or_default(),
            models: method.request_models.unwrap_or_default().into_iter().collect(),
            required: parameters.filter(|(_, required)| *required).map(|(name, _)| name).collect(),
            responses: method.method_responses.unwrap_or_default().into_iter().map(declared).collect(),
            integration: method.method_integration.map(LiveIntegration::of),
        }
    }
}

/// A declared answer and its headers.
fn declared((status, response): (String, types::MethodResponse)) -> (String, BTreeSet<String>) {
    (status, response.response_parameters.unwrap_or_default().into_keys().collect())
}

/// Declared answers as a comparison shows them.
fn answers(all: &BTreeMap<String, BTreeSet<String>>) -> String {
    let shown = |(status, headers): (&String, &BTreeSet<String>)| {
        if headers.is_empty() { status.clone() } else { format!("{status} with {}", listed(headers)) }
    };
    listed(all.iter().map(shown))
}

pub(super) fn or_none(text: Option<&str>) -> String {
    text.unwrap_or("none").to_owned()
}

pub(super) fn pairs(all: &BTreeMap<String, String>, between: &str) -> String {
    listed(all.iter().map(|(name, value)| format!("{name}{between}{value}")))
}

impl Method {
    /// Without a required parameter more requests reach the function. The parameters of a path are always present.
    fn lost_parameters(&self, live: &LiveMethod) -> Effect {
        let lost = self.required.difference(&live.required).any(|name| !name.starts_with(PATH));
        if self.required == live.required { Effect::Same } else { Effect::of_difference(lost) }
    }

    /// Compares the method without its integration. `name` begins the names of the fields, as in `POST /lambda1`.
    /// `authorizers` are the names of the API's authorizers by id.
    pub(super) fn compare(&self, name: &str, live: &LiveMethod, authorizers: &BTreeMap<String, String>) -> Comparison {
        let field = |what: &str| format!("{name} {what}");
        let kind = self.authorization.kind();
        // A closed route that should be open is not weaker.
        let opens = self.authorization != Authorization::None;
        let differs = if opens { Effect::Weakens } else { Effect::Differs };
        let who = if kind == live.authorization { Effect::Same } else { differs };
        let compared = Comparison::default().judged(field("authorizationType"), kind, &live.authorization, who);
        // An authorizer that is not ours is named by its id.
        let named = |id: Option<&str>| or_none(id.map(|id| authorizers.get(id).map_or(id, String::as_str)));
        let authorizer = self.authorization.authorizer_id();
        let (want, is) = (named(authorizer), named(live.authorizer_id.as_deref()));
        // Without a key the caller is not identified, and no usage plan limits its requests.
        let keys = match (self.api_key_required, live.api_key_required) {
            (true, false) => Effect::Weakens,
            (want, is) => Effect::differs_unless(want == is),
        };
        // More validation refuses more requests.
        let validation = match (self.validator_id == live.validator_id, &self.validator_id) {
            (true, _) => Effect::Same,
            (false, Some(_)) => Effect::Weakens,
            (false, None) => Effect::Differs,
        };
        let scopes = self.authorization.scopes();
        // An authorizer of an open method has no effect.
        let idle = authorizer.is_none() && kind == live.authorization;
        let effect = if idle || want == is { Effect::Same } else { differs };
        compared
            .judged(field("authorizerId"), want, is, effect)
            .judged(
                field("authorizationScopes"),
                listed(&scopes),
                listed(&live.scopes),
                scopes_effect(&scopes, &live.scopes, UNWANTED_SCOPES),
            )
            .judged(field("apiKeyRequired"), self.api_key_required, live.api_key_required, keys)
            .judged(
                field("requestValidatorId"),
                or_none(self.validator_id.as_deref()),
                or_none(live.validator_id.as_deref()),
                validation,
            )
            .guard(field("requestModels"), pairs(&self.models(), " "), pairs(&live.models, " "))
            .judged(
                field("requestParameters"),
                listed(&self.required),
                listed(&live.required),
                self.lost_parameters(live),
            )
            .plain(field("methodResponses"), answers(&self.declared()), answers(&live.responses))
    }
}

#[cfg(test)]
mod tests {
    use super::super::routes::tests::method;
    use super::*;

    #[test]
    fn a_closed_route_that_should_be_open_is_not_weaker() {
        let open = Method { authorization: Authorization::None, ..method() };
        let live = super::super::routes::tests::live_method();
        let drift = open.compare("POST /x", &live, &BTreeMap::new()).drift();
        let seen: Vec<_> = drift.iter().map(|drift| (drift.field.as_str(), drift.weakens)).collect();
        assert_eq!(seen, [("POST /x authorizationType", false), ("POST /x authorizerId", false)]);
    }

    #[test]
    fn a_route_that_no_longer_asks_for_a_key_weakens() {
        let keyed = Method { api_key_required: true, ..method() };
        let live = super::super::routes::tests::live_method();
        let drift = keyed.compare("POST /x", &live, &BTreeMap::new()).drift();
        assert_eq!(drift, [crate::engine::Drift::weakening("POST /x apiKeyRequired", true, false)]);
    }

    #[test]
    fn a_lost_parameter_of_the_query_weakens_and_one_more_does_not() {
        let name = "method.request.querystring.from".to_owned();
        let mut want = method();
        let bare = super::super::routes::tests::live_method();
        let mut live = bare.clone();
        live.required.insert(name.clone());
        let more = want.compare("POST /x", &live, &BTreeMap::new()).drift();
        want.required.insert(name);
        let lost = want.compare("POST /x", &bare, &BTreeMap::new()).drift();
        assert_eq!((more[0].weakens, lost[0].weakens), (false, true));
        assert!(want.compare("POST /x", &live, &BTreeMap::new()).is_as_wanted());
    }

    #[test]
    fn declared_answers_differ() {
        let mut live = super::super::routes::tests::live_method();
        live.responses.insert("200".into(), BTreeSet::new());
        let drift = method().compare("POST /x", &live, &BTreeMap::new()).drift();
        assert_eq!((drift.len(), drift[0].field.as_str(), drift[0].weakens), (1, "POST /x methodResponses", false));
    }
}

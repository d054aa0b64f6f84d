//! All methods of an API, as one resource: their authorization, the validation of their requests, and their
//! integrations. This file describes and compares them; the calls are in `methods.rs`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::route_settings::{LiveMethod, LiveRoutes};
use super::{BELOW, Integration, READ, listed};
use crate::aws::apigateway::SERVICE;
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Comparison, Effect, Resource};
use crate::layer::Layer;

/// The content types of a method's models: JSON, and `$default` for all that are not listed. Without `$default`, a
/// request with another `Content-Type` reaches the function unchecked (docs/aws.md, Request validation). On AWS
/// `$default` includes JSON, which is listed for emulators that do not implement `$default`.
pub(super) const CHECKED_TYPES: [&str; 2] = ["application/json", "$default"];

/// All wanted methods of an API.
#[derive(Debug, Clone)]
pub struct Routes {
    pub api_id: String,
    /// By name, as in `POST /lambda1`.
    pub methods: BTreeMap<String, Method>,
    /// The names of the API's authorizers by id. It must have no others.
    pub authorizers: BTreeMap<String, String>,
    /// Represents the settings that are deployed and not visible in the methods: the models' schemas, the
    /// authorizers' user pools. A new value makes a new deployment.
    pub fingerprint: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Method {
    pub resource_id: String,
    /// `POST`, or `ANY` for all.
    pub http_method: String,
    /// The authorization that callers need.
    pub authorization: Authorization,
    /// Whether callers must also send an API key of a usage plan.
    pub api_key_required: bool,
    /// The id of the validator that checks its requests.
    pub validator_id: Option<String>,
    /// The name of the model of its JSON bodies.
    pub model: Option<String>,
    /// The parameters that it requires, by AWS's names, as in `method.request.path.id`.
    pub required: BTreeSet<String>,
    pub integration: Integration,
}

/// The authorization that callers of a method need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// Callers with a token that this authorizer accepts: an ID token or, if there are scopes, an access token with one of
    /// them.
    Cognito { authorizer_id: String, scopes: BTreeSet<String> },
    /// Callers whom the function of this authorizer admits.
    Custom { authorizer_id: String },
    /// Callers who sign with AWS credentials that allow it.
    Iam,
    /// All callers.
    None,
}

impl Authorization {
    /// AWS's name for the authorization type.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Cognito { .. } => "COGNITO_USER_POOLS",
            Self::Custom { .. } => "CUSTOM",
            Self::Iam => "AWS_IAM",
            Self::None => "NONE",
        }
    }

    pub(crate) fn authorizer_id(&self) -> Option<&str> {
        match self {
            Self::Cognito { authorizer_id, .. } | Self::Custom { authorizer_id } => Some(authorizer_id),
            Self::Iam | Self::None => None,
        }
    }

    /// The scopes of which a token must have one; none if an ID token is wanted.
    pub(crate) fn scopes(&self) -> BTreeSet<String> {
        match self {
            Self::Cognito { scopes, .. } => scopes.clone(),
            Self::Custom { .. } | Self::Iam | Self::None => BTreeSet::new(),
        }
    }
}

/// The outputs of an API's methods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoutesOutputs {
    pub api_id: String,
    /// The [`Routes::hash`] of the wanted methods.
    pub hash: String,
}

/// Methods are found in their API. The hash is not used for finding; it is passed on to the outputs, which
/// contain the wanted hash even if AWS shows no difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoutesKey {
    pub(super) api_id: String,
    pub(super) hash: String,
}

impl Method {
    /// The answers that it declares, with their headers by status. A function behind a proxy integration needs none.
    pub(crate) fn declared(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.integration.answer.mock().map(super::mock::Mock::declared).unwrap_or_default()
    }

    pub(crate) fn models(&self) -> BTreeMap<String, String> {
        let models = self.model.iter().flat_map(|model| CHECKED_TYPES.map(|kind| (kind.to_owned(), model.clone())));
        models.collect()
    }
}

impl Routes {
    /// The ids and names of authorizers that the stack does not have.
    pub(super) fn other_authorizers<'a>(
        &'a self,
        live: &'a LiveRoutes,
    ) -> impl Iterator<Item = (&'a String, &'a String)> {
        live.authorizers.iter().filter(|(id, _)| !self.authorizers.contains_key(*id))
    }

    /// Sixteen hexadecimal digits for everything that is deployed, including ids. The same stack has the same hash
    /// in every run, and every change that needs a deployment changes it.
    pub fn hash(&self) -> String {
        // Each part ends with a zero byte, which no part contains. JSON is not used, because the order of its keys
        // depends on how the crate was built. Then a new build could cause a deployment.
        let mut digest = Sha256::new();
        let mut part = |text: &str| digest.update(format!("{text}\0"));
        part(&self.api_id);
        // A changed policy takes effect with the next deployment.
        part(super::tls::POLICY.as_str());
        part(&self.fingerprint);
        for (name, method) in &self.methods {
            part(name);
            part(&method.resource_id);
            part(&method.http_method);
            part(method.authorization.kind());
            part(method.authorization.authorizer_id().unwrap_or_default());
            for scope in method.authorization.scopes() {
                part(&scope);
            }
            // A stack without keys keeps the hash that it had in older versions.
            if method.api_key_required {
                part("API key");
            }
            part(method.validator_id.as_deref().unwrap_or_default());
            for (kind, model) in method.models() {
                part(&kind);
                part(&model);
            }
            part(&method.required.iter().map(String::as_str).collect::<Vec<_>>().join(","));
            method.integration.parts(&mut part);
        }
        let digest = digest.finalize();
        let first = digest.iter().take(8).fold(0_u64, |hash, byte| (hash << 8) | u64::from(*byte));
        format!("{first:016x}")
    }

    /// The live method of this name, if it is on the wanted path: a path that was created again has another id.
    pub(super) fn live_for<'a>(
        method: &Method,
        name: &str,
        live: &'a BTreeMap<String, LiveMethod>,
    ) -> Option<&'a LiveMethod> {
        live.get(name).filter(|live| live.resource_id == method.resource_id)
    }
}

impl Resource for Routes {
    const KIND: &'static str = "apigateway.routes";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = RoutesKey;
    type Outputs = RoutesOutputs;
    type Live = LiveRoutes;

    fn key(&self) -> RoutesKey {
        RoutesKey { api_id: self.api_id.clone(), hash: self.hash() }
    }

    fn identity(outputs: &RoutesOutputs) -> String {
        outputs.api_id.clone()
    }

    fn removal_command(_: &RoutesOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &Self::Live) -> Comparison {
        let mut compared = Comparison::default();
        for (name, method) in &self.methods {
            match Self::live_for(method, name, &live.methods) {
                None => compared = compared.plain(name, "present", "absent"),
                Some(live) => {
                    compared.extend(method.compare(name, live, &self.authorizers));
                    compared.extend(method.integration.compare(name, live.integration.as_ref()));
                }
            }
        }
        let unwanted = live.methods.keys().filter(|name| !self.methods.contains_key(*name));
        // An authorizer that no method uses opens nothing. A method that uses it differs itself.
        let others: Vec<&String> = self.other_authorizers(live).map(|(_, name)| name).collect();
        let effect = Effect::differs_unless(others.is_empty());
        compared.nothing_else("other methods", unwanted).judged("other authorizers", "none", listed(others), effect)
    }
}

impl Described for Routes {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "routes",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &[],
        permissions: &[
            READ,
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: BELOW,
                rights: &[
                    Permissions { needs: &[Usage::Update], actions: &["apigateway:POST"] },
                    Permissions { needs: &[Usage::Create, Usage::Update], actions: &["apigateway:PUT"] },
                    Permissions { needs: &[Usage::Update], actions: &["apigateway:PATCH"] },
                    Permissions { needs: &[Usage::Delete, Usage::Update], actions: &["apigateway:DELETE"] },
                ],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "API",
            holds: "routes match the stack file, and there are no others",
            read: "GetResources, GetAuthorizers",
        },
    };
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::{Answering, LiveIntegration, TIMEOUT_MS};
    use super::*;
    use crate::engine::Drift;

    pub(crate) const URI: &str = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:f/invocations";

    pub(crate) fn method() -> Method {
        Method {
            resource_id: "p1".into(),
            http_method: "POST".into(),
            authorization: Authorization::Cognito { authorizer_id: "a1".into(), scopes: BTreeSet::new() },
            api_key_required: false,
            validator_id: Some("v1".into()),
            model: Some("Request".into()),
            required: BTreeSet::from(["method.request.path.id".into()]),
            integration: Integration { answer: Answering::Function { uri: URI.into() }, timeout_ms: TIMEOUT_MS },
        }
    }

    pub(crate) fn routes() -> Routes {
        let methods = BTreeMap::from([("POST /x/{id}".to_owned(), method())]);
        let authorizers = BTreeMap::from([("a1".into(), "First".into()), ("a2".into(), "Second".into())]);
        Routes { api_id: "abc".into(), methods, authorizers, fingerprint: "f".into() }
    }

    /// Methods without other authorizers than ours.
    pub(crate) fn live_routes(methods: impl IntoIterator<Item = (String, LiveMethod)>) -> LiveRoutes {
        LiveRoutes { methods: methods.into_iter().collect(), authorizers: routes().authorizers }
    }

    pub(crate) fn live_method() -> LiveMethod {
        LiveMethod {
            resource_id: "p1".into(),
            http_method: "POST".into(),
            authorization: "COGNITO_USER_POOLS".into(),
            authorizer_id: Some("a1".into()),
            scopes: BTreeSet::new(),
            api_key_required: false,
            validator_id: Some("v1".into()),
            models: CHECKED_TYPES.map(|kind| (kind.to_owned(), "Request".to_owned())).into(),
            required: BTreeSet::from(["method.request.path.id".into()]),
            responses: BTreeMap::new(),
            integration: Some(integration()),
        }
    }

    pub(crate) fn integration() -> LiveIntegration {
        LiveIntegration {
            kind: "AWS_PROXY".into(),
            http_method: "POST".into(),
            uri: URI.into(),
            timeout_ms: TIMEOUT_MS,
            ..LiveIntegration::default()
        }
    }

    fn fields(live: LiveMethod) -> Vec<(String, bool)> {
        let live = live_routes([("POST /x/{id}".to_owned(), live)]);
        routes().drift(&live).into_iter().map(|drift| (drift.field, drift.weakens)).collect()
    }

    #[test]
    fn less_protection_weakens() {
        assert_eq!(fields(live_method()), []);
        let with = |change: fn(&mut LiveMethod)| {
            let mut live = live_method();
            change(&mut live);
            live
        };
        let table = [
            (with(|live| live.authorization = "NONE".into()), "authorizationType", true),
            (with(|live| live.authorizer_id = Some("a2".into())), "authorizerId", true),
            (with(|live| live.authorizer_id = None), "authorizerId", true),
            (with(|live| live.scopes = BTreeSet::from(["x/y".into()])), "authorizationScopes", true),
            (with(|live| live.api_key_required = true), "apiKeyRequired", false),
            (with(|live| live.validator_id = None), "requestValidatorId", true),
            (with(|live| live.models.clear()), "requestModels", true),
            (with(|live| _ = live.models.insert(CHECKED_TYPES[0].into(), "Empty".into())), "requestModels", true),
            // Bodies of every other content type would reach the function unchecked.
            (with(|live| _ = live.models.remove("$default")), "requestModels", true),
            (with(|live| live.required.clear()), "requestParameters", false),
            (with(|live| live.integration = None), "methodIntegration", false),
            (
                with(|live| live.integration = Some(LiveIntegration { kind: "MOCK".into(), ..integration() })),
                "methodIntegration.type",
                true,
            ),
            (
                with(|live| live.integration = Some(LiveIntegration { uri: "arn:g".into(), ..integration() })),
                "methodIntegration.uri",
                true,
            ),
            (
                with(|live| live.integration = Some(LiveIntegration { timeout_ms: 100, ..integration() })),
                "methodIntegration.timeoutInMillis",
                false,
            ),
        ];
        for (live, field, weakens) in table {
            assert_eq!(fields(live), [(format!("POST /x/{{id}} {field}"), weakens)]);
        }
    }

    #[test]
    fn differences_name_authorizers() {
        let live = |id: &str| {
            live_routes([(
                "POST /x/{id}".to_owned(),
                LiveMethod { authorizer_id: Some(id.to_owned()), ..live_method() },
            )])
        };
        let field = "POST /x/{id} authorizerId";
        assert_eq!(routes().drift(&live("a2")), [Drift::weakening(field, "First", "Second")]);
        assert_eq!(routes().drift(&live("a9")), [Drift::weakening(field, "First", "a9")]);
    }

    #[test]
    fn missing_and_extra_methods_are_differences() {
        let missing = routes().drift(&live_routes([]));
        assert_eq!(missing, vec![Drift::new("POST /x/{id}", "present", "absent")]);
        let both = live_routes([
            ("POST /x/{id}".to_owned(), LiveMethod { resource_id: "old".into(), ..live_method() }),
            ("ANY /y".to_owned(), live_method()),
        ]);
        let drift: Vec<_> = routes().drift(&both).into_iter().map(|drift| (drift.field, drift.weakens)).collect();
        assert_eq!(drift, [("POST /x/{id}".to_owned(), false), ("other methods".to_owned(), true)]);
        let unwanted = routes().drift(&both).pop().expect("two");
        assert_eq!(unwanted, Drift::weakening("other methods", "none", "ANY /y"));
    }

    #[test]
    fn other_authorizers_are_named() {
        let mut live = live_routes([("POST /x/{id}".to_owned(), live_method())]);
        live.authorizers.insert("a9".into(), "Stranger".into());
        assert_eq!(routes().drift(&live), [Drift::new("other authorizers", "none", "Stranger")]);
    }

    #[test]
    fn the_hash_covers_exactly_the_deployed_settings() {
        let base = routes().hash();
        assert_eq!(base.len(), 16);
        assert_eq!(base, routes().hash());
        assert_eq!(base, "5a964d6fe4b77fb5", "the same in every build of this program");
        let each = |change: fn(&mut Method)| {
            let mut routes = routes();
            routes.methods.values_mut().for_each(change);
            routes
        };
        let changed = [
            Routes { fingerprint: "g".into(), ..routes() },
            Routes { api_id: "def".into(), ..routes() },
            Routes { methods: BTreeMap::new(), ..routes() },
            each(|method| method.resource_id = "p2".into()),
            each(|method| method.http_method = "ANY".into()),
            each(|method| method.authorization = Authorization::None),
            each(|method| {
                method.authorization = Authorization::Cognito { authorizer_id: "a2".into(), scopes: BTreeSet::new() }
            }),
            each(|method| method.validator_id = None),
            each(|method| method.model = None),
            each(|method| method.required.clear()),
            each(|method| method.integration.answer = Answering::Function { uri: "arn:x".into() }),
            each(|method| method.integration.timeout_ms = 50),
        ];
        let mut hashes = BTreeSet::from([base]);
        for routes in changed {
            assert!(hashes.insert(routes.hash()), "one change hashes like another");
        }
    }
}

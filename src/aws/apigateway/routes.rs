//! All methods of an API, as one resource: who may call them, what their requests must look like, and which functions
//! answer. This file describes and compares them; the calls are in `methods.rs`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BELOW, READ};
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Comparison, Drift, Resource};
use crate::layer::Layer;
use crate::regions::Service;

/// The longest time that a function may take to answer, unless the quota was raised (docs/aws.md, Paths, methods and
/// integrations).
pub(super) const TIMEOUT_MS: i32 = 29_000;

/// The content types of a method's models: JSON, and all that are not listed. Without the second a request
/// with another `Content-Type` reaches the function unchecked (docs/aws.md, Request validation). On AWS the second
/// includes the first, which is for endpoints that do not implement the second.
pub(super) const CHECKED_TYPES: [&str; 2] = ["application/json", "$default"];

/// All methods of an API. Each is answered by a function.
#[derive(Debug, Clone)]
pub struct Routes {
    pub api_id: String,
    /// By name, as in `POST /lambda1`.
    pub methods: BTreeMap<String, Method>,
    /// The names of the API's authorizers by id, for messages.
    pub authorizers: BTreeMap<String, String>,
    /// Represents the settings that are deployed and not visible in the methods: the models' schemas, the
    /// authorizers' user pools. A new value makes a new deployment.
    pub fingerprint: String,
}

/// One method.
#[derive(Debug, Clone, PartialEq)]
pub struct Method {
    pub resource_id: String,
    /// `POST`, or `ANY` for all.
    pub http_method: String,
    /// Who may call it.
    pub authorization: Authorization,
    /// The id of the validator that checks its requests.
    pub validator_id: Option<String>,
    /// The name of the model of its JSON bodies.
    pub model: Option<String>,
    /// The names of its path's parameters, `id` for `/items/{id}`; each is required.
    pub path_parameters: Vec<String>,
    /// See [`super::integration_uri`].
    pub integration_uri: String,
}

/// Who may call a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// Callers with a token that this authorizer accepts.
    Cognito { authorizer_id: String },
    /// Callers who sign with AWS credentials that allow it.
    Iam,
    /// All callers.
    None,
}

impl Authorization {
    /// AWS's name for it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Cognito { .. } => "COGNITO_USER_POOLS",
            Self::Iam => "AWS_IAM",
            Self::None => "NONE",
        }
    }

    pub(super) fn authorizer_id(&self) -> Option<&str> {
        match self {
            Self::Cognito { authorizer_id } => Some(authorizer_id),
            Self::Iam | Self::None => None,
        }
    }
}

/// The API's methods.
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
    /// `None` if the method was left without one.
    pub integration: Option<LiveIntegration>,
}

/// A method's integration as AWS has it.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveIntegration {
    /// `AWS_PROXY` for a function that sees the whole request.
    pub kind: String,
    /// The HTTP method that calls the function: always `POST`.
    pub http_method: String,
    /// Where it goes.
    pub uri: String,
    /// In milliseconds.
    pub timeout_ms: i32,
}

/// The differences of one method.
pub(super) struct Differences {
    /// Of the method itself.
    pub method: Vec<Drift>,
    /// Of its integration.
    pub integration: Vec<Drift>,
}

impl Method {
    /// The required parameters, by AWS's names.
    pub(super) fn required(&self) -> BTreeSet<String> {
        self.path_parameters.iter().map(|name| format!("method.request.path.{name}")).collect()
    }

    pub(super) fn models(&self) -> BTreeMap<String, String> {
        let models = self.model.iter().flat_map(|model| CHECKED_TYPES.map(|kind| (kind.to_owned(), model.clone())));
        models.collect()
    }

    /// `name` begins the names of the fields, as in `POST /lambda1`. `authorizers` are the names of the API's
    /// authorizers by id.
    pub(super) fn differences(
        &self,
        name: &str,
        live: &LiveMethod,
        authorizers: &BTreeMap<String, String>,
    ) -> Differences {
        let field = |what: &str| format!("{name} {what}");
        let mut method = Vec::new();
        let mut compare = |what: &str, want: String, live: String, weakens: bool| {
            if want != live {
                method.push(Drift { weakens, ..Drift::new(field(what), want, live) });
            }
        };
        let or_none = |text: Option<&str>| text.unwrap_or("none").to_owned();
        let listed = |all: &BTreeSet<String>| or_none((!all.is_empty()).then(|| join(all.iter())).as_deref());
        let models = |all: &BTreeMap<String, String>| {
            let all: BTreeSet<String> = all.iter().map(|(kind, name)| format!("{kind} {name}")).collect();
            listed(&all)
        };
        compare("authorization", self.authorization.kind().to_owned(), live.authorization.clone(), true);
        // An authorizer that is not ours is named by its id.
        let named = |id: Option<&str>| or_none(id.map(|id| authorizers.get(id).map_or(id, String::as_str)));
        let authorizer = self.authorization.authorizer_id();
        // An authorizer of an open method has no effect.
        let idle = authorizer.is_none() && self.authorization.kind() == live.authorization;
        if !idle {
            compare("authorizer", named(authorizer), named(live.authorizer_id.as_deref()), true);
        }
        compare("authorizationScopes", listed(&BTreeSet::new()), listed(&live.scopes), true);
        compare("apiKeyRequired", false.to_string(), live.api_key_required.to_string(), false);
        compare("validator", or_none(self.validator_id.as_deref()), or_none(live.validator_id.as_deref()), true);
        compare("model", models(&self.models()), models(&live.models), true);
        compare("requestParameters", listed(&self.required()), listed(&live.required), false);
        Differences { method, integration: self.integration_differences(name, live.integration.as_ref()) }
    }

    pub(super) fn integration_differences(&self, name: &str, live: Option<&LiveIntegration>) -> Vec<Drift> {
        let field = |what: &str| format!("{name} {what}");
        let Some(live) = live else {
            return vec![Drift::new(field("integration"), &self.integration_uri, "none")];
        };
        let mut drifts = Vec::new();
        if live.kind != "AWS_PROXY" || live.http_method != "POST" {
            let live = format!("{} {}", live.kind, live.http_method);
            drifts.push(Drift::weakening(field("integration"), "AWS_PROXY POST", live));
        }
        if live.uri != self.integration_uri {
            drifts.push(Drift::weakening(field("integration uri"), &self.integration_uri, &live.uri));
        }
        if live.timeout_ms != TIMEOUT_MS {
            drifts.push(Drift::new(field("integration timeoutInMillis"), TIMEOUT_MS, live.timeout_ms));
        }
        drifts
    }
}

fn join<'a>(all: impl Iterator<Item = &'a String>) -> String {
    all.map(String::as_str).collect::<Vec<_>>().join(", ")
}

impl Routes {
    /// Sixteen hexadecimal digits for everything that is deployed, including ids. The same stack has the same hash
    /// in every run, and every change that needs a deployment changes it.
    pub fn hash(&self) -> String {
        // Each part ends with a zero byte, which no part contains. JSON would not do: the order of its keys depends on
        // how the crate was built, and then every new build would deploy.
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
            part(method.validator_id.as_deref().unwrap_or_default());
            for (kind, model) in method.models() {
                part(&kind);
                part(&model);
            }
            part(&method.required().into_iter().collect::<Vec<_>>().join(","));
            part(&method.integration_uri);
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
    type Live = BTreeMap<String, LiveMethod>;

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
        let drift: Vec<Drift> = {
            let wanted = self.methods.iter().flat_map(|(name, method)| match Self::live_for(method, name, live) {
                None => vec![Drift::new(name, "present", "absent")],
                Some(live) => {
                    let Differences { mut method, integration } = method.differences(name, live, &self.authorizers);
                    method.extend(integration);
                    method
                }
            });
            let extra = live.keys().filter(|name| !self.methods.contains_key(*name));
            wanted.chain(extra.map(|name| Drift::weakening(name, "absent", "present"))).collect()
        };
        drift.into_iter().collect()
    }
}

impl Described for Routes {
    const ABOUT: Kind = Kind {
        service: Service::ApiGateway,
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
            read: "GetResources",
        },
    };
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) const URI: &str = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:f/invocations";

    pub(crate) fn method() -> Method {
        Method {
            resource_id: "p1".into(),
            http_method: "POST".into(),
            authorization: Authorization::Cognito { authorizer_id: "a1".into() },
            validator_id: Some("v1".into()),
            model: Some("Request".into()),
            path_parameters: vec!["id".into()],
            integration_uri: URI.into(),
        }
    }

    pub(crate) fn routes() -> Routes {
        let methods = BTreeMap::from([("POST /x/{id}".to_owned(), method())]);
        let authorizers = BTreeMap::from([("a1".into(), "First".into()), ("a2".into(), "Second".into())]);
        Routes { api_id: "abc".into(), methods, authorizers, fingerprint: "f".into() }
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
            integration: Some(integration()),
        }
    }

    fn integration() -> LiveIntegration {
        LiveIntegration {
            kind: "AWS_PROXY".into(),
            http_method: "POST".into(),
            uri: URI.into(),
            timeout_ms: TIMEOUT_MS,
        }
    }

    fn fields(live: LiveMethod) -> Vec<(String, bool)> {
        let live = BTreeMap::from([("POST /x/{id}".to_owned(), live)]);
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
            (with(|live| live.authorization = "NONE".into()), "authorization", true),
            (with(|live| live.authorizer_id = Some("a2".into())), "authorizer", true),
            (with(|live| live.authorizer_id = None), "authorizer", true),
            (with(|live| live.scopes = BTreeSet::from(["x/y".into()])), "authorizationScopes", true),
            (with(|live| live.api_key_required = true), "apiKeyRequired", false),
            (with(|live| live.validator_id = None), "validator", true),
            (with(|live| live.models.clear()), "model", true),
            (with(|live| _ = live.models.insert(CHECKED_TYPES[0].into(), "Empty".into())), "model", true),
            // Bodies of every other content type would reach the function unchecked.
            (with(|live| _ = live.models.remove("$default")), "model", true),
            (with(|live| live.required.clear()), "requestParameters", false),
            (with(|live| live.integration = None), "integration", false),
            (
                with(|live| live.integration = Some(LiveIntegration { kind: "MOCK".into(), ..integration() })),
                "integration",
                true,
            ),
            (
                with(|live| live.integration = Some(LiveIntegration { uri: "arn:g".into(), ..integration() })),
                "integration uri",
                true,
            ),
            (
                with(|live| live.integration = Some(LiveIntegration { timeout_ms: 100, ..integration() })),
                "integration timeoutInMillis",
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
            BTreeMap::from([(
                "POST /x/{id}".to_owned(),
                LiveMethod { authorizer_id: Some(id.to_owned()), ..live_method() },
            )])
        };
        let field = "POST /x/{id} authorizer";
        assert_eq!(routes().drift(&live("a2")), [Drift::weakening(field, "First", "Second")]);
        assert_eq!(routes().drift(&live("a9")), [Drift::weakening(field, "First", "a9")]);
    }

    #[test]
    fn missing_and_extra_methods_are_differences() {
        let missing = routes().drift(&BTreeMap::new());
        assert_eq!(missing, vec![Drift::new("POST /x/{id}", "present", "absent")]);
        let both = BTreeMap::from([
            ("POST /x/{id}".to_owned(), LiveMethod { resource_id: "old".into(), ..live_method() }),
            ("ANY /y".to_owned(), live_method()),
        ]);
        let drift: Vec<_> = routes().drift(&both).into_iter().map(|drift| (drift.field, drift.weakens)).collect();
        assert_eq!(drift, [("POST /x/{id}".to_owned(), false), ("ANY /y".to_owned(), true)]);
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
            each(|method| method.authorization = Authorization::Cognito { authorizer_id: "a2".into() }),
            each(|method| method.validator_id = None),
            each(|method| method.model = None),
            each(|method| method.path_parameters.clear()),
            each(|method| method.integration_uri.push('x')),
        ];
        let mut hashes = BTreeSet::from([base]);
        for routes in changed {
            assert!(hashes.insert(routes.hash()), "one change hashes like another");
        }
        // The order of a path's parameters means nothing.
        let (ab, ba) = (
            each(|method| method.path_parameters = vec!["a".into(), "b".into()]),
            each(|method| method.path_parameters = vec!["b".into(), "a".into()]),
        );
        assert_eq!(ab.hash(), ba.hash());
    }
}

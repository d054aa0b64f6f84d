//! The settings of a REST API as AWS has them, and their comparison with the wanted ones.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::types;
use serde_json::Value;

use super::{LiveGatewayResponse, Mends, RestApi, given, listed, remove, replace, segment};
use crate::engine::Effect;
use crate::policy::{Policy, one_or_many};

/// AWS's default: callers send API keys in a header.
const API_KEY_SOURCE: &str = "HEADER";

/// Settings that take effect with the next deployment (docs/aws.md, TLS of REST APIs and Deployments).
const IN_FORCE_WHEN_DEPLOYED: [&str; 8] = [
    "securityPolicy",
    "endpointAccessMode",
    "disableExecuteApiEndpoint",
    "endpointConfiguration.types",
    "policy",
    "apiKeySource",
    "binaryMediaTypes",
    "minimumCompressionSize",
];

/// The prefix of the fields of gateway responses. These take effect with the next deployment too.
const GATEWAY_RESPONSES: &str = "gatewayResponses";

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveRestApi {
    pub id: String,
    pub name: String,
    pub description: String,
    /// `REGIONAL`, `EDGE` or `PRIVATE`; AWS allows just one.
    pub endpoint_types: Vec<String>,
    /// Whether its default endpoint, the host name that AWS gives it, is disabled.
    pub execute_api_disabled: bool,
    /// The TLS policy of its default endpoint; `None` means TLS 1.0.
    pub security_policy: Option<String>,
    /// `STRICT` or `BASIC`.
    pub access_mode: Option<String>,
    /// The resource policy, as a JSON document.
    pub policy: Option<String>,
    /// Where callers send API keys: `HEADER` or `AUTHORIZER`. None is AWS's default.
    pub api_key_source: Option<String>,
    /// The content types of bodies that are passed on as bytes.
    pub binary_media_types: BTreeSet<String>,
    /// The size, in bytes, from which answers are compressed.
    pub minimum_compression_size: Option<i32>,
    /// The customised gateway responses by type, as in `DEFAULT_4XX`.
    pub gateway_responses: BTreeMap<String, LiveGatewayResponse>,
}

impl LiveRestApi {
    pub(super) fn of(api: types::RestApi, gateway_responses: BTreeMap<String, LiveGatewayResponse>) -> Self {
        let types = api.endpoint_configuration.and_then(|endpoint| endpoint.types).unwrap_or_default();
        Self {
            id: api.id.unwrap_or_default(),
            name: api.name.unwrap_or_default(),
            description: api.description.unwrap_or_default(),
            endpoint_types: types.iter().map(|kind| kind.as_str().to_owned()).collect(),
            execute_api_disabled: api.disable_execute_api_endpoint,
            security_policy: api.security_policy.map(|policy| policy.as_str().to_owned()),
            access_mode: api.endpoint_access_mode.map(|mode| mode.as_str().to_owned()),
            policy: given(api.policy.as_deref()).map(|policy| unescaped(&policy)),
            api_key_source: api.api_key_source.map(|source| source.as_str().to_owned()),
            binary_media_types: api.binary_media_types.unwrap_or_default().into_iter().collect(),
            minimum_compression_size: api.minimum_compression_size,
            gateway_responses,
        }
    }
}

/// API Gateway returns a policy as the inside of a JSON string: its quotes are escaped (docs/aws.md, Resource policies
/// of REST APIs).
fn unescaped(policy: &str) -> String {
    serde_json::from_str(&format!("\"{policy}\"")).unwrap_or_else(|_| policy.to_owned())
}

/// The effect of one statement of a policy.
struct StatementEffect {
    allows: bool,
    /// Whether it denies, or has a condition.
    narrows: bool,
    /// The ARNs that it names. If it names none, it holds for all.
    resources: Vec<String>,
}

/// The statements of a policy; `None` if it cannot be read.
fn effects(policy: &str) -> Option<Vec<StatementEffect>> {
    let document: Value = serde_json::from_str(policy).ok()?;
    let statements = match document.get("Statement")? {
        Value::Array(statements) => statements.clone(),
        one => vec![one.clone()],
    };
    let effect = |one: &Value| {
        let effect = one.get("Effect")?.as_str()?;
        let resources = one.get("Resource").map(one_or_many).into_iter().flatten();
        Some(StatementEffect {
            allows: effect == "Allow",
            narrows: effect == "Deny" || one.get("Condition").is_some(),
            resources: resources.filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    };
    statements.iter().map(effect).collect()
}

/// Whether two names with the wildcards `*` and `?` may match the same resource.
fn overlap(one: &str, other: &str) -> bool {
    let literal = |name: &str| !name.contains(['*', '?']);
    if literal(one) && literal(other) {
        return one == other;
    }
    let [one, other] = [one, other].map(|name| name.split(['*', '?']).next().unwrap_or_default());
    one.starts_with(other) || other.starts_with(one)
}

impl RestApi {
    /// An `Allow` statement opens IAM-signed routes to callers whose own policies do not allow the call. A `Deny`
    /// statement excludes callers (docs/aws.md, Resource policies of REST APIs).
    fn foreign_policy_effect(&self, live: &LiveRestApi) -> Effect {
        let Some(policy) = &live.policy else { return Effect::Same };
        let Some(effects) = effects(&self.spelled_out(policy, &live.id)) else { return Effect::Weakens };
        let signed: Vec<String> = self
            .signed_routes
            .iter()
            .map(|route| self.spelled_out(&format!("\"{route}\""), &live.id).trim_matches('"').to_owned())
            .collect();
        let opens = |one: &StatementEffect| {
            let meets = |resource: &String| signed.iter().any(|route| overlap(route, resource));
            one.allows && !signed.is_empty() && (one.resources.is_empty() || one.resources.iter().any(meets))
        };
        // A policy that admits only some networks allows these, or it allows everybody and denies all other networks.
        // The policy from a stack file's `allow_from` is of the second kind, and allows nothing on signed routes.
        let narrows = effects.iter().any(|one| one.narrows);
        if narrows && !effects.iter().any(opens) { Effect::Differs } else { Effect::Weakens }
    }

    /// Replaces the short form `execute-api:/` by the API's own ARN, as API Gateway does in the policies that it
    /// returns.
    fn spelled_out(&self, policy: &str, api_id: &str) -> String {
        policy.replace("\"execute-api:/", &format!("\"{}{api_id}/", self.invoked_as))
    }

    /// A resource policy with the API's own ARN in place of the short form.
    pub(crate) fn expanded(&self, policy: &Policy, api_id: &str) -> Policy {
        Policy::parse(&self.spelled_out(&policy.to_string(), api_id)).unwrap_or_else(|_| policy.clone())
    }

    fn policy_effect(&self, live: &LiveRestApi) -> Effect {
        let Some(want) = &self.policy else { return self.foreign_policy_effect(live) };
        let denies = want.statements().any(|statement| statement["Effect"] == "Deny");
        let Some(policy) = &live.policy else { return Effect::of_difference(denies) };
        let [want, live] = [&want.to_string(), policy].map(|text| Policy::parse(&self.spelled_out(text, &live.id)));
        match (want, live) {
            (Ok(want), Ok(live)) => want.judge(&live),
            _ => Effect::Weakens,
        }
    }

    /// The customised gateway responses, if the stack itself has none.
    pub(super) fn foreign_responses<'a>(
        &self,
        live: &'a LiveRestApi,
    ) -> impl Iterator<Item = (&'a String, &'a LiveGatewayResponse)> {
        let ours = self.has_gateway_responses;
        live.gateway_responses.iter().filter(move |_| !ours)
    }

    pub(super) fn mends(&self, live: &LiveRestApi) -> Mends {
        let regional = live.endpoint_types == ["REGIONAL"];
        let kind = live.endpoint_types.first().map_or("EDGE", String::as_str);
        let kind = replace(format!("/endpointConfiguration/types/{kind}"), "REGIONAL");
        // AWS refuses a change of the type alone (docs/aws.md, TLS of REST APIs).
        let with_policy = [kind].into_iter().chain(self.tls_patches());
        let policy = live.policy.as_deref().unwrap_or("none");
        let wanted = self.policy.as_ref().map(ToString::to_string);
        let set = replace("/policy", wanted.as_deref().unwrap_or_default());
        let wanted = wanted.map_or("none".to_owned(), |text| self.spelled_out(&text, &live.id));
        let endpoint = endpoint_effect(self.default_endpoint, live.execute_api_disabled);
        // A release closes the default endpoint, because the custom domain must work before that.
        let opening = self.default_endpoint.then(|| replace("/disableExecuteApiEndpoint", false));
        let key_source = live.api_key_source.as_deref().unwrap_or(API_KEY_SOURCE);
        let binary = self.binary_patches(live);
        let size = live.minimum_compression_size.map_or("none".to_owned(), |size| size.to_string());
        let mut mends = Mends::default()
            .plain("name", &self.name, &live.name, [replace("/name", &self.name)])
            .plain("description", &self.description, &live.description, [replace("/description", &self.description)])
            .plain("endpointConfiguration.types", "REGIONAL", listed(&live.endpoint_types), with_policy)
            .judged("disableExecuteApiEndpoint", !self.default_endpoint, live.execute_api_disabled, endpoint, opening)
            .judged("policy", wanted, policy, self.policy_effect(live), [set])
            .plain("apiKeySource", API_KEY_SOURCE, key_source, [replace("/apiKeySource", API_KEY_SOURCE)])
            .plain("binaryMediaTypes", listed(&self.binary), listed(&live.binary_media_types), binary)
            .plain("minimumCompressionSize", "none", size, [unset("/minimumCompressionSize")]);
        for (kind, response) in self.foreign_responses(live) {
            let effect = Effect::of_difference(response.weakens(&BTreeMap::new()));
            mends = mends.judged(format!("{GATEWAY_RESPONSES} {kind}"), "AWS's own", response, effect, []);
        }
        if self.foreign_responses(live).next().is_none() && !self.has_gateway_responses {
            mends = mends.plain(GATEWAY_RESPONSES, "AWS's own", "AWS's own", []);
        }
        let before = mends.patches.len();
        let mut mends = self.tls_mends(mends, live.security_policy.as_deref(), live.access_mode.as_deref());
        if !regional {
            // The patches of the endpoint type contain the TLS settings already.
            mends.patches.truncate(before);
        }
        mends
    }

    /// Adds the missing content types, and removes the others.
    fn binary_patches(&self, live: &LiveRestApi) -> Vec<types::PatchOperation> {
        let path = |kind: &String| format!("/binaryMediaTypes/{}", segment(kind));
        let add = |kind| types::PatchOperation::builder().op(types::Op::Add).path(path(kind)).build();
        let missing = self.binary.difference(&live.binary_media_types).map(add);
        missing.chain(live.binary_media_types.difference(&self.binary).map(|kind| remove(path(kind)))).collect()
    }

    /// Whether correcting these settings needs a deployment to take effect.
    pub(super) fn awaits_deployment(mends: &Mends) -> bool {
        let deployed = |field: &str| IN_FORCE_WHEN_DEPLOYED.contains(&field) || field.starts_with(GATEWAY_RESPONSES);
        mends.compared.drift().iter().any(|drift| deployed(&drift.field))
    }
}

/// A default endpoint that is open although the stack closes it weakens the API. A closed one that should be open only
/// differs.
fn endpoint_effect(open: bool, disabled: bool) -> Effect {
    match (open, disabled) {
        (false, false) => Effect::Weakens,
        (true, true) => Effect::Differs,
        (true, false) | (false, true) => Effect::Same,
    }
}

/// A patch that removes a value: a `replace` without a value (docs/aws.md, Creating and finding REST APIs).
fn unset(path: &str) -> types::PatchOperation {
    types::PatchOperation::builder().op(types::Op::Replace).path(path).build()
}

#[cfg(test)]
mod tests {
    use super::super::api::tests::{live, want};
    use serde_json::json;

    use super::*;
    use crate::engine::Resource;

    const ANYONE: &str = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke"}}"#;
    const OFFICE: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*"},{"Effect":"Deny","Principal":"*"}]}"#;
    const NETWORK: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}]}"#;
    const NOBODY: &str = r#"{"Statement":[{"Effect":"Deny","Principal":"*"}]}"#;

    fn weakens(want: &RestApi, live: &LiveRestApi) -> Option<bool> {
        let drift = want.drift(live);
        assert!(drift.len() < 2, "{drift:?}");
        drift.first().map(|drift| drift.weakens)
    }

    #[test]
    fn a_resource_policy_weakens_if_it_can_open_a_route() {
        let with = |policy: &str| LiveRestApi { policy: Some(policy.to_owned()), ..live() };
        let signed = RestApi { signed_routes: vec!["execute-api:/live/GET/signed".into()], ..want() };
        for (policy, unsigned_weakens, signed_weakens) in [
            (ANYONE, true, true),
            (OFFICE, false, true),
            (NETWORK, false, true),
            (NOBODY, false, false),
            ("no JSON", true, true),
        ] {
            assert_eq!(weakens(&want(), &with(policy)), Some(unsigned_weakens), "{policy}");
            assert_eq!(weakens(&signed, &with(policy)), Some(signed_weakens), "{policy}");
        }
        let patches = want().mends(&with(ANYONE)).patches;
        assert_eq!((patches[0].path(), patches[0].value()), (Some("/policy"), Some("")));
    }

    #[test]
    fn the_policy_of_an_allow_from_that_was_taken_from_the_file_weakens_only_if_it_opens_signed_routes() {
        let with = |resource: &str| {
            let deny = json!({ "Effect": "Deny", "Principal": "*", "Condition": { "NotIpAddress": {} } });
            let allow = json!({ "Effect": "Allow", "Principal": "*", "Resource": [resource] });
            LiveRestApi { id: "abc".into(), policy: Some(Policy::new([deny, allow]).to_string()), ..live() }
        };
        let signed = |route: &str| RestApi { signed_routes: vec![format!("execute-api:/live/GET/{route}")], ..want() };
        let spelled = "arn:aws:execute-api:eu-central-1:123456789012:abc/live/GET/open";
        for (route, resource, expected) in [
            ("signed", "execute-api:/live/GET/open", false),
            ("signed", spelled, false),
            ("open", spelled, true),
            ("open/*", "execute-api:/live/GET/open/a", true),
            ("signed", "execute-api:/live/*", true),
            ("signed", "*", true),
        ] {
            assert_eq!(weakens(&signed(route), &with(resource)), Some(expected), "{route} {resource}");
        }
    }

    #[test]
    fn a_policy_of_the_stacks_own_weakens_if_it_admits_more() {
        let deny = |network: &str| {
            json!({ "Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
                "Condition": { "NotIpAddress": { "aws:SourceIp": network } } })
        };
        let allow = json!({ "Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/live/GET/x" });
        let policy = Policy::new([deny("203.0.113.0/24"), allow.clone()]);
        let want = RestApi { policy: Some(policy.clone()), ..want() };
        // API Gateway returns a policy with the API's own ARN.
        let spelled = policy.to_string().replace("execute-api:/", "arn:aws:execute-api:eu-central-1:123456789012:abc/");
        let with = |policy: Option<String>| LiveRestApi { id: "abc".into(), policy, ..live() };
        assert_eq!(weakens(&want, &with(Some(spelled))), None);
        assert_eq!(weakens(&want, &with(Some(policy.to_string()))), None);
        assert_eq!(weakens(&want, &with(None)), Some(true));
        let wider = Policy::new([deny("203.0.113.0/20"), allow.clone()]);
        assert_eq!(weakens(&want, &with(Some(wider.to_string()))), Some(true));
        assert_eq!(weakens(&want, &with(Some(Policy::new([allow]).to_string()))), Some(true));
        assert_eq!(weakens(&want, &with(Some(Policy::new([deny("203.0.113.0/24")]).to_string()))), Some(false));
        let mends = want.mends(&with(None));
        assert!(mends.patches[0].value().is_some_and(|value| value.contains("NotIpAddress")));
        assert!(RestApi::awaits_deployment(&mends));
    }

    #[test]
    fn a_policy_is_read_as_api_gateway_writes_it() {
        assert_eq!(unescaped(r#"{\"Statement\":[]}"#), r#"{"Statement":[]}"#);
        assert_eq!(unescaped(r#"{"Statement":[]}"#), r#"{"Statement":[]}"#);
    }

    #[test]
    fn answers_of_the_gateway_that_somebody_customised_are_reset_unless_the_stack_has_some() {
        let response = |value: &str| LiveGatewayResponse {
            parameters: BTreeMap::from([("gatewayresponse.header.X".to_owned(), value.to_owned())]),
            ..LiveGatewayResponse::default()
        };
        for (response, expected) in [(response("'x'"), false), (response("method.request.header.Cookie"), true)] {
            let live = LiveRestApi {
                gateway_responses: BTreeMap::from([("DEFAULT_4XX".to_owned(), response.clone())]),
                ..live()
            };
            assert_eq!(weakens(&want(), &live), Some(expected), "{response}");
            let mends = want().mends(&live);
            assert!(mends.patches.is_empty() && RestApi::awaits_deployment(&mends));
            assert_eq!(mends.compared.drift()[0].field, "gatewayResponses DEFAULT_4XX");
            let own = RestApi { has_gateway_responses: true, ..want() };
            assert_eq!((weakens(&own, &live), own.foreign_responses(&live).count()), (None, 0));
        }
    }

    #[test]
    fn a_closed_endpoint_that_somebody_opened_weakens() {
        let shut = RestApi { default_endpoint: false, ..want() };
        assert_eq!(weakens(&shut, &live()), Some(true));
        let mends = shut.mends(&live());
        // The release that follows closes the endpoint.
        assert!(mends.patches.is_empty() && RestApi::awaits_deployment(&mends));
        let disabled = LiveRestApi { execute_api_disabled: true, ..live() };
        assert_eq!((weakens(&shut, &disabled), weakens(&want(), &disabled)), (None, Some(false)));
    }

    #[test]
    fn settings_set_by_hand_differ_and_are_set_back() {
        let table = [
            (LiveRestApi { api_key_source: Some("AUTHORIZER".into()), ..live() }, "/apiKeySource"),
            (
                LiveRestApi { binary_media_types: BTreeSet::from(["image/*".into()]), ..live() },
                "/binaryMediaTypes/image~1*",
            ),
            (LiveRestApi { minimum_compression_size: Some(1024), ..live() }, "/minimumCompressionSize"),
        ];
        for (live, path) in table {
            assert_eq!(weakens(&want(), &live), Some(false));
            let mends = want().mends(&live);
            assert_eq!(mends.patches.iter().filter_map(|patch| patch.path()).collect::<Vec<_>>(), [path]);
            assert!(RestApi::awaits_deployment(&mends));
        }
        assert!(!RestApi::awaits_deployment(&want().mends(&LiveRestApi { name: "x".into(), ..live() })));
    }

    #[test]
    fn binary_types_are_added_and_removed_one_by_one() {
        let want = RestApi { binary: ["a/b", "c/*"].map(str::to_owned).into(), ..want() };
        let live = LiveRestApi { binary_media_types: ["c/*", "d/e"].map(str::to_owned).into(), ..live() };
        let mends = want.mends(&live);
        let patches: Vec<_> = mends.patches.iter().map(|one| (one.op().cloned(), one.path())).collect();
        let expected = [
            (Some(types::Op::Add), Some("/binaryMediaTypes/a~1b")),
            (Some(types::Op::Remove), Some("/binaryMediaTypes/d~1e")),
        ];
        assert_eq!((patches, weakens(&want, &live)), (expected.to_vec(), Some(false)));
    }

    #[test]
    fn every_setting_is_shown() {
        let compared = want().compare(&live());
        let fields: Vec<&str> = compared.settings().iter().map(|setting| setting.field.as_str()).collect();
        let expected = [
            "name",
            "description",
            "endpointConfiguration.types",
            "disableExecuteApiEndpoint",
            "policy",
            "apiKeySource",
            "binaryMediaTypes",
            "minimumCompressionSize",
            "gatewayResponses",
            "securityPolicy",
            "endpointAccessMode",
        ];
        assert_eq!(fields, expected);
    }
}

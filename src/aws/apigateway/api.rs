//! The REST API itself. Its tag marks everything below it as ours.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::Config;
use aws_sdk_apigateway::operation::get_rest_api::GetRestApiOutput;
use aws_sdk_apigateway::types::{
    self, ApiStatus, EndpointAccessMode, EndpointConfiguration, EndpointType, PatchOperation, SecurityPolicy,
};
use serde::{Deserialize, Serialize};

use super::super::error::{OrAbsent, OrFail, several};
use super::super::retries::NotAfter;
use super::super::settle::{confirmed, settled, until};
use super::super::tags::{described, tag_map};
use super::refusals::{API_DELETE_RATE, API_UPDATING, BAD_REQUEST};
use super::tagging::RETAG;
use super::tls::ACCESS_MODE;
use super::{APIS, ApiGateway, BELOW, LiveGatewayResponse, LiveRestApi, Mends, PAGE, replace};
use crate::aws::apigateway::SERVICE;
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::choices::Tls;
use crate::engine::{Comparison, Failure, Found, Listing, Provider, Resource, Retag, Tags, Task};
use crate::layer::Layer;
use crate::policy::Policy;
use crate::scope::Whose;

/// How long a change of the security policy may take, in seconds. AWS says "about 15 minutes".
const POLICY_CHANGE_S: u64 = 1500;

/// A regional REST API, without its paths and methods.
#[derive(Debug, Clone)]
pub struct RestApi {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// The name. AWS allows several APIs of one name.
    pub name: String,
    /// A sentence for the console.
    pub description: String,
    /// Whether the region has security policies that begin with `SecurityPolicy_` (docs/aws.md, What differs between
    /// partitions).
    pub enhanced_tls: bool,
    pub tls: Tls,
    /// Its routes for IAM-signed requests, as a resource policy names them, with `execute-api:/` for its own ARN.
    pub signed_routes: Vec<String>,
    /// The content types of bodies that are passed on as bytes.
    pub binary: BTreeSet<String>,
    /// Whether it answers at its default endpoint, the host name that AWS gives it. A [`super::Release`] closes the
    /// default endpoint of an existing API, after the custom domain works.
    pub default_endpoint: bool,
    /// The resource policy, with `execute-api:/` for its own ARN. `None`: every caller that a route admits.
    pub policy: Option<Policy>,
    /// The beginning of the API's ARN for invocations, up to its id: `arn:aws:execute-api:<region>:<account>:`.
    pub invoked_as: String,
    /// Whether its gateway responses are a resource of the stack: [`super::GatewayResponses`].
    pub has_gateway_responses: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestApiOutputs {
    /// Ten characters of AWS's choice; also the first part of its host name.
    pub id: String,
    pub root_resource_id: String,
    pub name: String,
    /// How many times a setting was corrected that takes effect with the next deployment, such as TLS or the resource
    /// policy. Each correction makes a new deployment.
    #[serde(default)]
    pub revision: u32,
}

/// An API is found by its name among those with our tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestApiKey {
    pub(super) name: String,
}

impl Resource for RestApi {
    const KIND: &'static str = "apigateway.rest_api";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = false;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = RestApiKey;
    type Outputs = RestApiOutputs;
    type Live = LiveRestApi;

    fn key(&self) -> RestApiKey {
        RestApiKey { name: self.name.clone() }
    }

    fn identity(outputs: &RestApiOutputs) -> String {
        outputs.id.clone()
    }

    fn removal_command(outputs: &RestApiOutputs) -> Option<String> {
        Some(format!("aws apigateway delete-rest-api --rest-api-id {}", outputs.id))
    }

    fn compare(&self, live: &LiveRestApi) -> Comparison {
        self.mends(live).compared
    }
}

impl Described for RestApi {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "REST API",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &["apigatewayv2.api_mapping"],
        permissions: &[
            RETAG,
            StatementTemplate {
                sid: Sid::FindOwn,
                on: APIS,
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Survivors, Usage::Doctor],
                    actions: &["apigateway:GET"],
                }],
            },
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: BELOW,
                rights: &[
                    Permissions {
                        needs: &[Usage::Create, Usage::Update],
                        actions: &["apigateway:PATCH", "apigateway:UpdateRestApiPolicy"],
                    },
                    // An update resets gateway responses.
                    Permissions { needs: &[Usage::Delete, Usage::Update], actions: &["apigateway:DELETE"] },
                ],
            },
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: &["arn:{partition}:apigateway:{region}::/restapis"],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["apigateway:POST"] }],
            },
            StatementTemplate {
                sid: Sid::TagWhatIsMade,
                on: &[
                    "arn:{partition}:apigateway:{region}::/tags/arn%3A{partition}%3Aapigateway%3A{region}%3A%3A%2Frestapis%2F${*}",
                ],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["apigateway:PUT"] }],
            },
            // API Gateway creates a role of its own with an account's first API.
            StatementTemplate {
                sid: Sid::FirstApi,
                on: &["arn:{partition}:iam::{account}:role/aws-service-role/ops.apigateway.amazonaws.com/*"],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["iam:CreateServiceLinkedRole"] }],
            },
        ],
        rates: &[
            Rate::one_in(3, Calls::Requests(&["POST"], "/restapis")),
            Rate::one_in(30, Calls::Requests(&["DELETE"], "/restapis/*")),
        ],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "API",
            holds: "settings match the stack file",
            read: "GetRestApi, GetGatewayResponses",
        },
    };
}

impl ApiGateway {
    fn owns(&self, api: &types::RestApi) -> bool {
        self.scope.owns(described(api.tags(), self.emulated))
    }

    fn found_api(
        api: types::RestApi,
        root_resource_id: String,
        responses: BTreeMap<String, LiveGatewayResponse>,
    ) -> Found<RestApi> {
        let (id, name) = (api.id.clone().unwrap_or_default(), api.name.clone().unwrap_or_default());
        let outputs = RestApiOutputs { id, root_resource_id, name, revision: 0 };
        Found { outputs, live: LiveRestApi::of(api, responses) }
    }

    /// The id of the path `/`: `given`, if AWS's answer contained it; otherwise it is read.
    async fn root(&self, id: &str, given: Option<String>) -> Result<String, Failure> {
        if let Some(root) = given {
            return Ok(root);
        }
        let root = self.resources(id, false).await?.unwrap_or_default().remove("/").and_then(|root| root.id);
        root.ok_or_else(|| Failure::refused(format!("the API {id} has no path /")))
    }

    /// Patches the API, and waits until it can be changed and deployed again.
    pub(super) async fn patch_api(
        &self,
        id: &str,
        name: &str,
        patches: Vec<PatchOperation>,
        task: &Task,
    ) -> Result<(), Failure> {
        let updated = self.write(id, task, &[&API_UPDATING], || async {
            let call = self.client.update_rest_api().rest_api_id(id).set_patch_operations(Some(patches.clone()));
            call.send().await.or_fail(&format!("update the REST API {name}"))
        });
        self.available(id, updated.await?.api_status(), task).await
    }

    /// Waits until the API can be changed and deployed, if an answer said that it cannot yet.
    async fn available(&self, id: &str, status: Option<&ApiStatus>, task: &Task) -> Result<(), Failure> {
        if matches!(status, None | Some(ApiStatus::Available)) {
            return Ok(());
        }
        until(task, "the API is still being updated", (1000, 5000), POLICY_CHANGE_S, || async {
            let api = self.client.get_rest_api().rest_api_id(id).send().await;
            let api = api.or_fail(&format!("read the REST API {id}"))?;
            match api.api_status() {
                None | Some(ApiStatus::Available) => Ok(Some(())),
                Some(ApiStatus::Failed) => {
                    let why = api.api_status_message().unwrap_or("no reason given");
                    Err(Failure::refused(format!("the REST API {id} could not be updated: {why}")))
                }
                Some(_) => Ok(None),
            }
        })
        .await
    }
}

/// Turns the answer about one API into an entry of the list. Both have the same fields and different types.
fn as_listed(api: GetRestApiOutput) -> types::RestApi {
    types::RestApi::builder()
        .set_id(api.id)
        .set_name(api.name)
        .set_description(api.description)
        .set_tags(api.tags)
        .set_endpoint_configuration(api.endpoint_configuration)
        .set_root_resource_id(api.root_resource_id)
        .disable_execute_api_endpoint(api.disable_execute_api_endpoint)
        .set_security_policy(api.security_policy)
        .set_endpoint_access_mode(api.endpoint_access_mode)
        .set_policy(api.policy)
        .set_api_key_source(api.api_key_source)
        .set_binary_media_types(api.binary_media_types)
        .set_minimum_compression_size(api.minimum_compression_size)
        .build()
}

impl Provider<RestApi> for ApiGateway {
    async fn read(
        &self,
        key: &RestApiKey,
        known: Option<&RestApiOutputs>,
        _: &Task,
    ) -> Result<Option<Found<RestApi>>, Failure> {
        let doing = format!("read the REST API {}", key.name);
        if let Some(known) = known {
            let (api, responses) = tokio::join!(
                self.client.get_rest_api().rest_api_id(&known.id).send(),
                self.gateway_responses(&known.id),
            );
            if let Some(api) = api.or_fail(&doing).or_absent()?.map(as_listed) {
                if !self.owns(&api) {
                    return Err(Failure::foreign("the REST API", &self.arn(&format!("/restapis/{}", known.id))));
                }
                let root = self.root(&known.id, api.root_resource_id.clone()).await?;
                let mut found = Self::found_api(api, root, responses?);
                found.outputs.revision = known.revision;
                return Ok(Some(found));
            }
        }
        // Names are not unique: APIs of that name without our tag are somebody else's.
        let mut ours = Vec::new();
        let mut pages = self.client.get_rest_apis().limit(PAGE).into_paginator().send();
        while let Some(page) = pages.next().await {
            let items = page.or_fail(&doing)?.items.unwrap_or_default().into_iter();
            ours.extend(items.filter(|api| api.name() == Some(&key.name) && self.owns(api)));
        }
        if ours.len() > 1 {
            let ids: Vec<&str> = ours.iter().filter_map(types::RestApi::id).collect();
            return Err(several("REST APIs", &key.name, &ids));
        }
        let Some(api) = ours.pop() else { return Ok(None) };
        let id = api.id().unwrap_or_default();
        let (root, responses) =
            tokio::try_join!(self.root(id, api.root_resource_id.clone()), self.gateway_responses(id))?;
        Ok(Some(Self::found_api(api, root, responses)))
    }

    async fn create(&self, want: &RestApi, task: &Task) -> Result<RestApiOutputs, Failure> {
        let create = |enhanced_tls: bool| {
            settled(task, &[], move || async move {
                let want = RestApi { enhanced_tls, ..want.clone() };
                let endpoint = EndpointConfiguration::builder().types(EndpointType::Regional).build();
                let call = self.once.create_rest_api().name(&want.name).description(&want.description);
                // A security policy that is set at creation takes effect at once. A later change takes about 15
                // minutes.
                let call = call.security_policy(want.policy());
                let call = call.set_endpoint_access_mode(want.enhanced_tls.then_some(ACCESS_MODE));
                let call = call.endpoint_configuration(endpoint).disable_execute_api_endpoint(!want.default_endpoint);
                let binary = (!want.binary.is_empty()).then(|| want.binary.iter().cloned().collect());
                call.set_binary_media_types(binary)
                    .set_tags(Some(tag_map(&self.scope, &want.id)))
                    .send()
                    .await
                    .or_fail(&format!("create the REST API {}", want.name))
            })
        };
        let made = match create(want.enhanced_tls).await {
            // The region does not know the newer policies yet. The older one demands TLS 1.2 too.
            Err(failure) if want.enhanced_tls && want.tls == Tls::V1_2 && BAD_REQUEST.is(&failure) => {
                create(false).await
            }
            made => made,
        };
        let made = made?;
        let id = made.id.unwrap_or_default();
        self.available(&id, made.api_status.as_ref(), task).await?;
        // An emulator may have ignored the security policy.
        let dropped = want.tls_mends(
            Mends::default(),
            made.security_policy.as_ref().map(SecurityPolicy::as_str),
            made.endpoint_access_mode.as_ref().map(EndpointAccessMode::as_str),
        );
        // The first call could set the resource policy only if the operator were allowed to set that of every API.
        let policy = want.policy.as_ref().map(|policy| replace("/policy", policy));
        let patches: Vec<PatchOperation> = dropped.patches.into_iter().chain(policy).collect();
        if !patches.is_empty() {
            self.patch_api(&id, &want.name, patches, task).await?;
        }
        let root_resource_id = self.root(&id, made.root_resource_id).await?;
        Ok(RestApiOutputs { id, root_resource_id, name: want.name.clone(), revision: 0 })
    }

    async fn update(&self, want: &RestApi, found: &Found<RestApi>, task: &Task) -> Result<RestApiOutputs, Failure> {
        let id = &found.outputs.id;
        let mends = want.mends(&found.live);
        let awaits_deployment = RestApi::awaits_deployment(&mends);
        let foreign = want.foreign_responses(&found.live).map(|(kind, _)| kind);
        self.reset_gateway_responses(id, foreign, task).await?;
        if !mends.patches.is_empty() {
            self.patch_api(id, &want.name, mends.patches, task).await?;
        }
        let revision = found.outputs.revision + u32::from(awaits_deployment);
        Ok(RestApiOutputs { name: want.name.clone(), revision, ..found.outputs.clone() })
    }

    async fn tags(&self, of: &RestApiOutputs, _: &Task) -> Result<Option<Tags>, Failure> {
        self.tags_at(&self.arn(&format!("/restapis/{}", of.id))).await
    }

    async fn retag(&self, of: &RestApiOutputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(&self.arn(&format!("/restapis/{}", of.id)), change, task).await
    }

    async fn delete(&self, gone: &RestApiOutputs, task: &Task) -> Result<(), Failure> {
        let deleted = self.write(&gone.id, task, &[&API_DELETE_RATE], || async {
            let call = self.client.delete_rest_api().rest_api_id(&gone.id).customize();
            let call = call.config_override(Config::builder().retry_classifier(NotAfter::THROTTLE));
            call.send().await.or_fail(&format!("delete the REST API {}", gone.name))
        });
        if deleted.await.or_absent()?.is_none() {
            return Ok(());
        }
        // Until the API cannot be read, the list shows it too, and the check for leftovers would find it.
        let seen_gone = until(task, "the API is not gone yet", (500, 2000), 60, || async {
            let api = self.client.get_rest_api().rest_api_id(&gone.id).send().await;
            let api = api.or_fail(&format!("read the REST API {}", gone.name)).or_absent()?;
            Ok(api.is_none().then_some(()))
        });
        confirmed(seen_gone.await)
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        self.list_apis(whose).await
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::{Cause, Drift};

    const OURS: &str = r#"{"id":"abc","name":"demo-api","description":"d","rootResourceId":"r00t",
        "endpointConfiguration":{"types":["REGIONAL"]},"apiStatus":"AVAILABLE","disableExecuteApiEndpoint":false,
        "securityPolicy":"SecurityPolicy_TLS13_1_2_2021_06","endpointAccessMode":"STRICT",
        "tags":{"securelambda:stack":"demo","securelambda:resource":"api.main"}}"#;

    /// A list without customised gateway responses.
    const RESPONSES: &str = r#"{"item":[{"responseType":"DEFAULT_4XX","defaultResponse":true}]}"#;

    pub(crate) fn want() -> RestApi {
        RestApi {
            id: "api.main".into(),
            name: "demo-api".into(),
            description: "d".into(),
            enhanced_tls: true,
            tls: Tls::V1_2,
            signed_routes: Vec::new(),
            default_endpoint: true,
            policy: None,
            invoked_as: "arn:aws:execute-api:eu-central-1:123456789012:".into(),
            has_gateway_responses: false,
            binary: BTreeSet::new(),
        }
    }

    const NONE: &str = r#"{"__type":"NotFoundException"}"#;

    fn outputs() -> RestApiOutputs {
        RestApiOutputs { id: "abc".into(), root_resource_id: "r00t".into(), name: "demo-api".into(), revision: 0 }
    }

    pub(crate) fn live() -> LiveRestApi {
        LiveRestApi {
            name: "demo-api".into(),
            description: "d".into(),
            endpoint_types: vec!["REGIONAL".into()],
            execute_api_disabled: false,
            security_policy: Some("SecurityPolicy_TLS13_1_2_2021_06".into()),
            access_mode: Some("STRICT".into()),
            ..LiveRestApi::default()
        }
    }

    fn task() -> Task {
        Task::detached("api.main")
    }

    #[test]
    fn every_setting_that_differs_is_named_and_has_its_patch() {
        assert_eq!(want().drift(&live()), vec![]);
        let table = [
            (LiveRestApi { name: "x".into(), ..live() }, "name", "/name"),
            (LiveRestApi { description: String::new(), ..live() }, "description", "/description"),
            (
                LiveRestApi { endpoint_types: vec!["EDGE".into()], ..live() },
                "endpointConfiguration.types",
                "/endpointConfiguration/types/EDGE",
            ),
            (
                LiveRestApi { execute_api_disabled: true, ..live() },
                "disableExecuteApiEndpoint",
                "/disableExecuteApiEndpoint",
            ),
        ];
        for (live, field, path) in table {
            let mends = want().mends(&live);
            let drift = mends.compared.drift();
            assert_eq!(drift.len(), 1);
            assert_eq!(drift[0].field, field);
            assert!(!drift[0].weakens);
            assert_eq!(mends.patches[0].path(), Some(path));
        }
    }

    #[test]
    fn tls_1_0_weakens_and_a_stricter_policy_does_not() {
        let with = |policy: Option<&str>, mode: Option<&str>| LiveRestApi {
            security_policy: policy.map(str::to_owned),
            access_mode: mode.map(str::to_owned),
            ..live()
        };
        for weak in [with(None, None), with(Some("TLS_1_0"), None), with(Some("TLS_1_0"), Some("STRICT"))] {
            let mends = want().mends(&weak);
            let paths: Vec<_> = mends.patches.iter().filter_map(|patch| patch.path()).collect();
            assert_eq!(paths, ["/securityPolicy", "/endpointAccessMode"], "{weak:?}");
            assert!(mends.compared.drift()[0].weakens);
        }
        let basic = want().mends(&with(Some("SecurityPolicy_TLS13_1_3_2025_09"), Some("BASIC")));
        let drift = basic.compared.drift();
        assert_eq!((drift[0].field.as_str(), drift.len(), basic.patches.len()), ("endpointAccessMode", 1, 1));
        let strict = with(Some("SecurityPolicy_TLS13_1_3_2025_09"), Some("STRICT"));
        assert_eq!(want().drift(&strict), vec![]);
        assert_eq!(want().drift(&with(Some("TLS_1_2"), None)), vec![]);
        // An API for TLS 1.3 must not accept TLS 1.2.
        let strictest = RestApi { tls: Tls::V1_3, ..want() };
        assert_eq!(strictest.drift(&strict), vec![]);
        let mends = strictest.mends(&live());
        assert_eq!(
            mends.compared.drift(),
            [Drift::weakening(
                "securityPolicy",
                "SecurityPolicy_TLS13_1_3_2025_09",
                "SecurityPolicy_TLS13_1_2_2021_06"
            )]
        );
        assert_eq!(mends.patches.len(), 2);
        let basic = strictest.mends(&with(Some("SecurityPolicy_TLS13_1_2_2021_06"), Some("BASIC")));
        assert_eq!((basic.compared.drift().len(), basic.patches.len()), (2, 2), "each setting is patched once");
    }

    #[tokio::test]
    async fn an_api_for_tls_1_3_is_not_created_with_an_older_policy() {
        let want = RestApi { tls: Tls::V1_3, ..want() };
        let refused = r#"{"__type":"BadRequestException","message":"Invalid security policy"}"#;
        let (clients, http) = replay(vec![(400, refused)]);
        let made = Provider::<RestApi>::create(&ApiGateway::new(&clients), &want, &task()).await;
        assert_eq!(made.map_err(|failure| failure.cause), Err(Cause::Refused));
        assert!(asked(&http)[0].1.contains(r#""securityPolicy":"SecurityPolicy_TLS13_1_3_2025_09""#));
    }

    #[tokio::test]
    async fn customised_answers_of_the_gateway_are_read_and_reset() {
        let custom = r#"{"item":[{"responseType":"DEFAULT_4XX","statusCode":"200","defaultResponse":false},
            {"responseType":"UNAUTHORIZED","statusCode":"401","defaultResponse":true}]}"#;
        let (clients, http) = replay(vec![(200, OURS), (200, custom), (202, "")]);
        let gateway = ApiGateway::new(&clients);
        let found = Provider::<RestApi>::read(&gateway, &want().key(), Some(&outputs()), &task()).await;
        let found = found.expect("no failure").expect("found");
        let drift = want().drift(&found.live);
        assert_eq!((drift.len(), drift[0].field.as_str(), drift[0].weakens), (1, "gatewayResponses DEFAULT_4XX", true));
        let mended = Provider::<RestApi>::update(&gateway, &want(), &found, &task()).await;
        assert_eq!(mended.map(|outputs| outputs.revision), Ok(1), "it is deployed");
        let reset = &asked(&http)[2].0;
        assert!(reset.starts_with("DELETE") && reset.ends_with("/gatewayresponses/DEFAULT_4XX"), "{reset}");
    }

    /// A region without the newer policies refuses them, and refuses an access mode too.
    #[tokio::test]
    async fn regions_with_legacy_policies_use_the_one_with_tls_1_2() {
        let want = RestApi { enhanced_tls: false, ..want() };
        let weak = want.mends(&LiveRestApi { security_policy: Some("TLS_1_0".into()), access_mode: None, ..live() });
        let patches: Vec<_> = weak.patches.iter().map(|patch| (patch.path(), patch.value())).collect();
        assert_eq!(patches, [(Some("/securityPolicy"), Some("TLS_1_2"))]);
        let sound = OURS
            .replace("SecurityPolicy_TLS13_1_2_2021_06", "TLS_1_2")
            .replace(r#""endpointAccessMode":"STRICT","#, "");
        let (clients, http) = replay(vec![(201, &sound)]);
        let made = Provider::<RestApi>::create(&ApiGateway::new(&clients), &want, &task()).await;
        assert_eq!(made, Ok(outputs()));
        let body = &asked(&http)[0].1;
        assert!(body.contains(r#""securityPolicy":"TLS_1_2""#) && !body.contains("endpointAccessMode"), "{body}");
    }

    #[test]
    fn a_change_of_the_endpoint_type_sets_the_policy_too() {
        let edge = LiveRestApi {
            endpoint_types: vec!["EDGE".into()],
            security_policy: Some("SecurityPolicy_TLS13_2025_EDGE".into()),
            ..live()
        };
        let mends = want().mends(&edge);
        let paths: Vec<_> = mends.patches.iter().filter_map(|patch| patch.path()).collect();
        assert_eq!(paths, ["/endpointConfiguration/types/EDGE", "/securityPolicy", "/endpointAccessMode"]);
    }

    #[tokio::test]
    async fn a_region_that_does_not_know_the_policy_gets_the_older_one() {
        let refused = r#"{"__type":"BadRequestException","message":"Invalid security policy"}"#;
        let older = OURS.replace("SecurityPolicy_TLS13_1_2_2021_06", "TLS_1_2");
        let (clients, http) = replay(vec![(400, refused), (201, &older)]);
        let made = Provider::<RestApi>::create(&ApiGateway::new(&clients), &want(), &task()).await;
        assert_eq!(made, Ok(outputs()));
        let body = &asked(&http)[1].1;
        assert!(body.contains(r#""securityPolicy":"TLS_1_2""#) && !body.contains("endpointAccessMode"), "{body}");
    }

    #[tokio::test]
    async fn settings_that_need_a_deployment_make_one() {
        let (clients, _) = replay(vec![(200, OURS), (200, OURS)]);
        let gateway = ApiGateway::new(&clients);
        let changed = |live| Found { outputs: outputs(), live };
        let tls = changed(LiveRestApi { security_policy: None, ..live() });
        let mended = Provider::<RestApi>::update(&gateway, &want(), &tls, &task()).await;
        assert_eq!(mended.map(|outputs| outputs.revision), Ok(1));
        let described = changed(LiveRestApi { description: "x".into(), ..live() });
        let mended = Provider::<RestApi>::update(&gateway, &want(), &described, &task()).await;
        assert_eq!(mended.map(|outputs| outputs.revision), Ok(0));
    }

    #[tokio::test]
    async fn a_policy_that_was_dropped_is_set_again() {
        let dropped = r#"{"id":"abc","name":"demo-api","rootResourceId":"r00t"}"#;
        let (clients, http) = replay(vec![(201, dropped), (200, OURS)]);
        let made = Provider::<RestApi>::create(&ApiGateway::new(&clients), &want(), &task()).await;
        assert_eq!(made, Ok(outputs()));
        let patch = &asked(&http)[1];
        assert!(patch.0.starts_with("PATCH") && patch.1.contains("/securityPolicy"), "{patch:?}");
    }

    #[tokio::test]
    async fn an_unchanged_api_costs_two_concurrent_calls_by_id() {
        let (clients, http) = replay(vec![(200, OURS), (200, RESPONSES)]);
        let found =
            Provider::<RestApi>::read(&ApiGateway::new(&clients), &want().key(), Some(&outputs()), &task()).await;
        let found = found.expect("no failure").expect("found");
        assert_eq!(found.outputs, outputs());
        assert_eq!(want().drift(&found.live), vec![]);
        assert_eq!(asked(&http).len(), 2);
    }

    #[tokio::test]
    async fn without_an_id_an_api_is_found_by_name_and_tag_on_any_page() {
        let foreign = OURS.replace("\"abc\"", "\"zzz\"").replace(r#""securelambda:stack":"demo","#, "");
        let first = format!(r#"{{"item":[{foreign}],"position":"next"}}"#);
        let second = format!(r#"{{"item":[{OURS}]}}"#);
        let (clients, http) = replay(vec![(404, NONE), (404, NONE), (200, &first), (200, &second), (200, RESPONSES)]);
        let gone = RestApiOutputs { id: "old".into(), ..outputs() };
        let found = Provider::<RestApi>::read(&ApiGateway::new(&clients), &want().key(), Some(&gone), &task()).await;
        assert_eq!(found.expect("no failure").expect("found").outputs, outputs());
        assert!(asked(&http)[3].0.contains("position=next"));
    }

    #[tokio::test]
    async fn two_apis_of_ours_with_one_name_are_an_error() {
        let list = format!(r#"{{"item":[{OURS},{}]}}"#, OURS.replace("\"abc\"", "\"def\""));
        let (clients, _) = replay(vec![(200, &list)]);
        let failure = Provider::<RestApi>::read(&ApiGateway::new(&clients), &want().key(), None, &task())
            .await
            .expect_err("refused");
        assert_eq!(failure.cause, Cause::Refused);
        assert!(failure.to_string().contains("abc, def"), "{failure}");
    }

    #[tokio::test]
    async fn a_recorded_api_without_our_tag_is_foreign() {
        let (clients, _) =
            replay(vec![(200, r#"{"id":"abc","name":"demo-api","rootResourceId":"r00t"}"#), (200, RESPONSES)]);
        let found =
            Provider::<RestApi>::read(&ApiGateway::new(&clients), &want().key(), Some(&outputs()), &task()).await;
        let failure = found.expect_err("a stranger");
        assert_eq!(failure.cause, Cause::Foreign);
        assert!(failure.to_string().contains("arn:aws:apigateway:eu-central-1::/restapis/abc"), "{failure}");
    }

    #[tokio::test]
    async fn a_create_sets_tags_and_waits() {
        let updating = OURS.replace("AVAILABLE", "UPDATING");
        let (clients, http) = replay(vec![(201, &updating), (200, OURS)]);
        let made = Provider::<RestApi>::create(&ApiGateway::new(&clients), &want(), &task()).await;
        assert_eq!(made, Ok(outputs()));
        let body = &asked(&http)[0].1;
        assert!(body.contains(r#""securelambda:stack":"demo""#), "{body}");
        assert!(body.contains(r#""types":["REGIONAL"]"#), "{body}");
        assert!(body.contains(r#""securityPolicy":"SecurityPolicy_TLS13_1_2_2021_06""#), "{body}");
        assert!(body.contains(r#""endpointAccessMode":"STRICT""#), "{body}");
    }

    #[tokio::test]
    async fn an_unanswered_create_is_not_repeated() {
        let (clients, http) = replay(vec![(503, r#"{"__type":"ServiceUnavailableException"}"#)]);
        let made = Provider::<RestApi>::create(&ApiGateway::new(&clients), &want(), &task()).await;
        assert_eq!(made.map_err(|failure| failure.cause), Err(Cause::Unknown));
        assert_eq!(asked(&http).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deletion_waits_until_the_api_cannot_be_read() {
        let gone = r#"{"__type":"NotFoundException"}"#;
        let (clients, http) = replay(vec![(202, ""), (200, OURS), (404, gone)]);
        let deleted = Provider::<RestApi>::delete(&ApiGateway::new(&clients), &outputs(), &task()).await;
        assert_eq!((deleted, asked(&http).len()), (Ok(()), 3));
    }

    #[tokio::test]
    async fn deleting_a_missing_api_succeeds() {
        let (clients, _) = replay(vec![(404, r#"{"__type":"NotFoundException"}"#)]);
        let gateway = ApiGateway::new(&clients);
        assert_eq!(Provider::<RestApi>::delete(&gateway, &outputs(), &task()).await, Ok(()));
    }
}

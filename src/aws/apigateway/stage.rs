//! The stage, which callers reach. It is public as soon as it exists, so its throttle is set at once. It cannot be
//! created without a deployment; which one it serves later is a [`Release`](super::Release).

use std::collections::{BTreeMap, HashMap};

use aws_sdk_apigateway::operation::get_stage::GetStageOutput;
use aws_sdk_apigateway::types::PatchOperation;
use serde::{Deserialize, Serialize};

use super::super::error::{OrAbsent, OrFail};
use super::super::refusals::MAY_NOT_TAG;
use super::super::tag_map;
use super::{ApiGateway, BELOW, Mend, READ, drifts, patches, remove, replace};
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Comparison, Drift, Failure, Found, Listing, Provider, Resource, Task};
use crate::layer::Layer;
use crate::regions::Service;
use crate::scope::Whose;

/// The key of the setting for all methods without one of their own.
const ALL: &str = "*/*";

/// A stage. Its limits hold for each method by itself: see docs/aws.md, API Gateway, REST APIs.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Its id in the stack, for its tags.
    pub id: String,
    pub api_id: String,
    /// Its name, the first part of every path: 1 to 128 of `A-Z a-z 0-9 _ -`.
    pub name: String,
    /// The deployment that it serves at first; `None` if there is none yet.
    pub deployment_id: Option<String>,
    /// Requests a second, for each method.
    pub rate_limit: f64,
    /// The burst, for each method.
    pub burst_limit: i32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageOutputs {
    pub api_id: String,
    pub name: String,
    /// `arn:aws:apigateway:<region>::/restapis/<api>/stages/<name>`.
    pub arn: String,
}

/// A stage is looked up by name in its API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageKey {
    pub(super) api_id: String,
    pub(super) name: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LiveStage {
    /// Another deployment gets this percentage of the requests.
    pub canary_percent: Option<f64>,
    /// By path and method, as in `*/*` or `~1items/GET`.
    pub settings: BTreeMap<String, LiveSetting>,
}

/// The settings of some of a stage's methods.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LiveSetting {
    /// Requests a second; negative: no limit.
    pub rate: f64,
    /// The burst; negative: no limit.
    pub burst: i32,
    /// Bodies and tokens are written to the log.
    pub data_trace: bool,
}

impl Stage {
    fn mends(&self, live: &LiveStage) -> Vec<Mend> {
        let mut mends = Vec::new();
        if let Some(percent) = live.canary_percent {
            let drift = Drift::weakening("canarySettings", "none", format!("{percent} %"));
            mends.push((drift, vec![remove("/canarySettings")]));
        }
        let all = live.settings.get(ALL);
        let [rate, burst] = self.throttle();
        let limits = [
            ("throttlingRateLimit", self.rate_limit, all.map(|all| all.rate), rate),
            ("throttlingBurstLimit", self.burst_limit.into(), all.map(|all| all.burst.into()), burst),
        ];
        for (limit, want, live, patch) in limits {
            let field = format!("{limit} of each route");
            let drift = match live {
                None => Drift::weakening(field, want, "the account's"),
                Some(live) if lifts(live, want) => Drift::weakening(field, want, live),
                Some(live) if !same(live, want) => Drift::new(field, want, live),
                Some(_) => continue,
            };
            mends.push((drift, vec![patch]));
        }
        if all.is_some_and(|all| all.data_trace) {
            let drift = Drift::weakening("*/* dataTraceEnabled", false, true);
            mends.push((drift, vec![replace("/*/*/logging/dataTrace", false)]));
        }
        // A method's own setting overrides the stage's. Settings that protect more are kept. Of the others
        // only the whole setting can be removed, not a single value (docs/aws.md, Stages).
        for (key, own) in live.settings.iter().filter(|(key, _)| *key != ALL) {
            let lifted = lifts(own.rate, self.rate_limit) || lifts(own.burst.into(), self.burst_limit.into());
            if lifted || own.data_trace {
                let LiveSetting { rate, burst, data_trace } = own;
                let live = format!("rate {rate}, burst {burst}, dataTrace {data_trace}");
                let drift = Drift::weakening(format!("methodSettings {key}"), "none of its own", live);
                mends.push((drift, vec![remove(pointer(key))]));
            }
        }
        mends
    }

    /// The settings that `CreateStage` cannot make (docs/aws.md, Stages).
    fn throttle(&self) -> [PatchOperation; 2] {
        [replace("/*/*/throttling/rateLimit", self.rate_limit), replace("/*/*/throttling/burstLimit", self.burst_limit)]
    }
}

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

/// Whether a limit allows more than the wanted one.
fn lifts(limit: f64, most: f64) -> bool {
    limit < 0.0 || (limit > most && !same(limit, most))
}

/// A setting's key as the path of a patch. The resource path is one segment of it, with escaped slashes. AWS returns
/// keys with these escapes, emulators without.
fn pointer(key: &str) -> String {
    let (path, method) = key.rsplit_once('/').unwrap_or((key, "*"));
    let path = if path.contains("~1") { path.to_owned() } else { path.replace('~', "~0").replace('/', "~1") };
    format!("/{path}/{method}")
}

impl Resource for Stage {
    const KIND: &'static str = "apigateway.stage";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = StageKey;
    type Outputs = StageOutputs;
    type Live = LiveStage;

    fn key(&self) -> StageKey {
        StageKey { api_id: self.api_id.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &StageOutputs) -> String {
        format!("{}/{}", outputs.api_id, outputs.name)
    }

    fn removal_command(outputs: &StageOutputs) -> Option<String> {
        Some(format!("aws apigateway delete-stage --rest-api-id {} --stage-name {}", outputs.api_id, outputs.name))
    }

    fn compare(&self, live: &LiveStage) -> Comparison {
        let drift = { drifts(self.mends(live)) };
        drift.into_iter().collect()
    }
}

impl Described for Stage {
    const ABOUT: Kind = Kind {
        service: Service::ApiGateway,
        label: "stage",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &[],
        permissions: &[
            READ,
            // Creating it deletes deployments that no stage uses any more.
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: BELOW,
                rights: &[
                    Permissions { needs: &[Usage::Create], actions: &["apigateway:POST"] },
                    Permissions { needs: &[Usage::Create, Usage::Update], actions: &["apigateway:PATCH"] },
                    Permissions { needs: &[Usage::Delete, Usage::Create], actions: &["apigateway:DELETE"] },
                ],
            },
            // AWS knows the name of the stage that is being created. Its documentation does not say whether IAM is
            // asked about that name or about an asterisk. If it is the name, the stage is created without tags.
            StatementTemplate {
                sid: Sid::TagWhatIsMade,
                on: &[
                    "arn:{partition}:apigateway:{region}::/tags/arn%3A{partition}%3Aapigateway%3A{region}%3A%3A%2Frestapis%2F*%2Fstages%2F${*}",
                ],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["apigateway:PUT"] }],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "stage {}",
            holds: "throttling of each route matches the stack file",
            read: "GetStage",
        },
    };
}

impl ApiGateway {
    pub(super) fn stage_outputs(&self, api: &str, name: &str) -> StageOutputs {
        StageOutputs {
            api_id: api.to_owned(),
            name: name.to_owned(),
            arn: self.arn(&format!("/restapis/{api}/stages/{name}")),
        }
    }

    /// All patches in one call, so that callers never see half of a change.
    async fn patch_stage(&self, want: &Stage, patches: Vec<PatchOperation>, task: &Task) -> Result<(), Failure> {
        let updated = self.write(&want.api_id, task, &[], || async {
            let call = self.client.update_stage().rest_api_id(&want.api_id).stage_name(&want.name);
            let call = call.set_patch_operations(Some(patches.clone()));
            call.send().await.or_fail(&format!("update the stage {}", want.name))
        });
        updated.await.map(drop)
    }
}

fn seen(stage: GetStageOutput) -> LiveStage {
    let settings = stage.method_settings.unwrap_or_default().into_iter().map(|(key, setting)| {
        let live = LiveSetting {
            rate: setting.throttling_rate_limit,
            burst: setting.throttling_burst_limit,
            data_trace: setting.data_trace_enabled,
        };
        (key, live)
    });
    LiveStage {
        settings: settings.collect(),
        canary_percent: stage.canary_settings.map(|canary| canary.percent_traffic),
    }
}

impl Provider<Stage> for ApiGateway {
    async fn read(&self, key: &StageKey, _: Option<&StageOutputs>, _: &Task) -> Result<Option<Found<Stage>>, Failure> {
        let call = self.client.get_stage().rest_api_id(&key.api_id).stage_name(&key.name);
        let stage = call.send().await.or_fail(&format!("read the stage {}", key.name)).or_absent()?;
        Ok(stage.map(|stage| Found { outputs: self.stage_outputs(&key.api_id, &key.name), live: seen(stage) }))
    }

    async fn create(&self, want: &Stage, task: &Task) -> Result<StageOutputs, Failure> {
        let Some(deployment) = &want.deployment_id else {
            return Err(Failure::refused(format!("could not create the stage {}: nothing is deployed", want.name)));
        };
        let create = async |tags: Option<HashMap<String, String>>| {
            let made = self.write(&want.api_id, task, &[], || async {
                let call = self.once.create_stage().rest_api_id(&want.api_id).stage_name(&want.name);
                let call = call.deployment_id(deployment).set_tags(tags.clone());
                call.send().await.or_fail(&format!("create the stage {}", want.name))
            });
            made.await
        };
        match create(Some(tag_map(&self.scope, &want.id))).await {
            // The operator's policy cannot allow tagging any stage. A denied call did nothing, and a stage also
            // inherits its API's tags, so it is created without tags.
            Err(failure) if MAY_NOT_TAG.is(&failure) => create(None).await?,
            made => made?,
        };
        // An interrupted `down` may have left deployments of an earlier stage.
        let keep = [deployment.as_str()];
        let prune = self.prune_deployments(&want.api_id, &keep, task);
        tokio::join!(self.patch_stage(want, want.throttle().into(), task), prune).0?;
        Ok(self.stage_outputs(&want.api_id, &want.name))
    }

    async fn update(&self, want: &Stage, found: &Found<Stage>, task: &Task) -> Result<StageOutputs, Failure> {
        // The stage stays: it keeps its web ACL, its throttle and its address.
        self.patch_stage(want, patches(want.mends(&found.live)), task).await?;
        Ok(self.stage_outputs(&want.api_id, &want.name))
    }

    async fn delete(&self, gone: &StageOutputs, task: &Task) -> Result<(), Failure> {
        let deleted = self.write(&gone.api_id, task, &[], || async {
            let call = self.client.delete_stage().rest_api_id(&gone.api_id).stage_name(&gone.name);
            call.send().await.or_fail(&format!("delete the stage {}", gone.name))
        });
        deleted.await.or_absent().map(drop)
    }

    async fn list(&self, _: &Whose) -> Result<Listing, Failure> {
        Ok(Listing::with_parent())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Cause;

    const OURS: &str = r#"{"stageName":"development","deploymentId":"d1","methodSettings":{"*/*":{
        "throttlingRateLimit":50.0,"throttlingBurstLimit":50,"dataTraceEnabled":false,"metricsEnabled":false}}}"#;

    fn want() -> Stage {
        Stage {
            id: "stage.development".into(),
            api_id: "abc".into(),
            name: "development".into(),
            deployment_id: Some("d1".into()),
            rate_limit: 50.0,
            burst_limit: 50,
        }
    }

    fn setting(rate: f64, burst: i32, data_trace: bool) -> LiveSetting {
        LiveSetting { rate, burst, data_trace }
    }

    fn live(settings: &[(&str, LiveSetting)]) -> LiveStage {
        let settings = settings.iter().map(|(key, setting)| ((*key).to_owned(), *setting)).collect();
        LiveStage { canary_percent: None, settings }
    }

    fn task() -> Task {
        Task::detached("stage.development")
    }

    #[test]
    fn settings_that_allow_more_weaken_and_are_patched() {
        let all = (ALL, setting(50.0, 50, false));
        assert_eq!(want().drift(&live(&[all])), vec![]);
        let stricter = ("~1lambda1/POST", setting(50.0, 10, false));
        assert_eq!(want().drift(&live(&[all, stricter])), vec![]);
        let table = [
            (LiveStage { canary_percent: Some(10.0), ..live(&[all]) }, vec!["/canarySettings"]),
            (live(&[]), vec!["/*/*/throttling/rateLimit", "/*/*/throttling/burstLimit"]),
            (live(&[(ALL, setting(10_000.0, 50, false))]), vec!["/*/*/throttling/rateLimit"]),
            (live(&[(ALL, setting(50.0, 5000, false))]), vec!["/*/*/throttling/burstLimit"]),
            (live(&[(ALL, setting(-1.0, -1, false))]), vec!["/*/*/throttling/rateLimit", "/*/*/throttling/burstLimit"]),
            (live(&[(ALL, setting(50.0, 50, true))]), vec!["/*/*/logging/dataTrace"]),
            (live(&[all, ("~1lambda1/POST", setting(51.0, 50, false))]), vec!["/~1lambda1/POST"]),
            (live(&[all, ("/items/{id}/GET", setting(1.0, 51, false))]), vec!["/~1items~1{id}/GET"]),
            (live(&[all, ("items/GET", setting(-1.0, -1, false))]), vec!["/items/GET"]),
            (live(&[all, ("~1/GET", setting(1.0, 1, true))]), vec!["/~1/GET"]),
        ];
        for (live, paths) in table {
            let mends = want().mends(&live);
            assert!(mends.iter().all(|(drift, _)| drift.weakens), "{mends:?}");
            let patched: Vec<_> = mends.iter().flat_map(|(_, patches)| patches).filter_map(|one| one.path()).collect();
            assert_eq!(patched, paths);
        }
    }

    #[test]
    fn a_lower_limit_does_not_weaken() {
        let drift = want().drift(&live(&[(ALL, setting(10.0, 50, false))]));
        assert_eq!(drift, vec![Drift::new("throttlingRateLimit of each route", 50, 10)]);
    }

    #[tokio::test]
    async fn an_unchanged_stage_costs_one_call() {
        let (clients, http) = replay(vec![(200, OURS)]);
        let found = Provider::<Stage>::read(&ApiGateway::new(&clients), &want().key(), None, &task())
            .await
            .expect("no failure");
        let found = found.expect("found");
        assert_eq!(want().drift(&found.live), vec![]);
        assert_eq!(found.outputs.arn, "arn:aws:apigateway:eu-central-1::/restapis/abc/stages/development");
        assert_eq!(asked(&http).len(), 1);
    }

    #[tokio::test]
    async fn a_stage_is_created_with_tags_and_throttled_at_once() {
        let (clients, http) = replay(vec![(201, OURS), (200, OURS)]);
        let made = Provider::<Stage>::create(&ApiGateway::new(&clients), &want(), &task()).await;
        assert_eq!(made.expect("made").name, "development");
        let asked = asked(&http);
        assert!(asked[0].1.contains(r#""securelambda:stack":"demo""#), "{asked:?}");
        assert!(asked[1].1.contains(r#""path":"/*/*/throttling/rateLimit","value":"50""#), "{asked:?}");
    }

    #[tokio::test]
    async fn a_stage_that_may_not_be_tagged_is_created_without_tags() {
        let denied = |action: &str, on: &str| {
            let resource = format!("arn:aws:apigateway:eu-central-1::{on}");
            format!(
                r#"{{"__type":"AccessDeniedException","message":"User: arn:me is not authorized to perform: {action} on resource: {resource}"}}"#
            )
        };
        let tags =
            denied("apigateway:PUT", "/tags/arn%3Aaws%3Aapigateway%3Aeu-central-1%3A%3A%2Frestapis%2Fabc%2Fstages%2Fx");
        let (clients, http) = replay(vec![(403, tags.as_str()), (201, OURS), (200, OURS)]);
        Provider::<Stage>::create(&ApiGateway::new(&clients), &want(), &task()).await.expect("made");
        assert!(!asked(&http)[1].1.contains("securelambda:stack"), "{:?}", asked(&http));
        // Denied for another reason it stays denied.
        let stages = denied("apigateway:POST", "/restapis/abc/stages");
        let (clients, http) = replay(vec![(403, stages.as_str())]);
        Provider::<Stage>::create(&ApiGateway::new(&clients), &want(), &task()).await.expect_err("denied");
        assert_eq!(asked(&http).len(), 1);
    }

    #[tokio::test]
    async fn deployments_of_an_earlier_stage_are_deleted() {
        let deployments =
            r#"{"item":[{"id":"d0","description":"securelambda x"},{"id":"d1","description":"securelambda y"}]}"#;
        let stages = r#"{"item":[{"stageName":"development","deploymentId":"d1"}]}"#;
        let (clients, http) = replay(vec![(201, OURS), (200, OURS), (200, deployments), (200, stages), (202, "")]);
        Provider::<Stage>::create(&ApiGateway::new(&clients), &want(), &task()).await.expect("made");
        let asked = asked(&http);
        assert!(asked[4].0.starts_with("DELETE") && asked[4].0.ends_with("/deployments/d0"), "{asked:?}");
    }

    #[tokio::test]
    async fn an_existing_stage_is_read() {
        let (clients, _) = replay(vec![(409, r#"{"__type":"ConflictException","message":"Stage already exists"}"#)]);
        let made = Provider::<Stage>::create(&ApiGateway::new(&clients), &want(), &task()).await;
        assert_eq!(made.map_err(|failure| failure.cause), Err(Cause::Exists));
    }

    #[tokio::test]
    async fn an_update_keeps_the_deployment_and_patches_the_throttle() {
        let (clients, http) = replay(vec![(200, OURS)]);
        let gateway = ApiGateway::new(&clients);
        let live = live(&[(ALL, setting(10.0, 50, false))]);
        let found = Found { outputs: gateway.stage_outputs("abc", "development"), live };
        let elsewhere = Stage { deployment_id: None, ..want() };
        Provider::<Stage>::update(&gateway, &elsewhere, &found, &task()).await.expect("converged");
        let patch = r#"{"patchOperations":[{"op":"replace","path":"/*/*/throttling/rateLimit","value":"50"}]}"#;
        assert_eq!(asked(&http).iter().map(|(_, body)| body.as_str()).collect::<Vec<_>>(), [patch]);
    }

    #[tokio::test]
    async fn a_stage_is_not_created_without_a_deployment() {
        let (clients, http) = replay(vec![]);
        let want = Stage { deployment_id: None, ..want() };
        let made = Provider::<Stage>::create(&ApiGateway::new(&clients), &want, &task()).await;
        assert_eq!((made.map_err(|failure| failure.cause), asked(&http).len()), (Err(Cause::Refused), 0));
    }
}

//! The stage, which callers reach. It is public as soon as it exists, so its throttle is set at once. It cannot be
//! created without a deployment. A [`Release`](super::Release) sets the deployment that it serves later.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_apigateway::types::PatchOperation;
use serde::{Deserialize, Serialize};

use super::super::error::{OrAbsent, OrFail};
use super::super::tags::{pairs, read, tag_map};
use super::refusals::{API_LOG_ROLE, MAY_NOT_TAG};
use super::stage_settings::LiveStage;
use super::tagging::RETAG;
use super::{ApiGateway, BELOW, MethodLimits, READ};
use crate::aws::apigateway::SERVICE;
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::choices::ExecutionLog;
use crate::engine::{Comparison, Failure, Found, Provider, Resource, Retag, Tags, Task};
use crate::layer::Layer;

/// One line for each request, without the caller's identity and without contents. It must contain the request's id
/// (docs/aws.md, Logs of REST APIs).
pub(super) const FORMAT: &str = r#"{"requestId":"$context.requestId","time":"$context.requestTime","method":"$context.httpMethod","route":"$context.resourcePath","status":"$context.status","error":"$context.error.message","authorizer":"$context.authorizer.error","firewall":"$context.waf.status","latencyMs":"$context.responseLatency"}"#;

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
    /// The limits of methods that have their own, as in `GET /items/{id}`. Those of an existing stage belong to its
    /// [`Release`](super::Release).
    pub limits: BTreeMap<String, MethodLimits>,
    /// The ARN of the access log's group, without `:*` at its end; `None` for no access log.
    pub access_log: Option<String>,
    pub execution_log: ExecutionLog,
    /// The account that owns the API: twelve digits.
    pub account: String,
    /// Whether requests are traced by X-Ray.
    pub tracing: bool,
}

impl Stage {
    /// The format of a line of the access log.
    pub(crate) const ACCESS_LOG_FORMAT: &'static str = FORMAT;
}

impl ExecutionLog {
    /// AWS's name for the log level.
    pub(crate) fn level(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Error => "ERROR",
            Self::Info => "INFO",
        }
    }
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
        self.mends(live).compared.nothing_else("other stages", &live.others)
    }
}

impl Described for Stage {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "stage",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &["apigatewayv2.api_mapping"],
        permissions: &[
            RETAG,
            READ,
            // Creating it deletes deployments that no stage uses any more.
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: BELOW,
                rights: &[
                    Permissions { needs: &[Usage::Create], actions: &["apigateway:POST"] },
                    Permissions { needs: &[Usage::Create, Usage::Update], actions: &["apigateway:PATCH"] },
                    // An update deletes stages that the stack does not have.
                    Permissions {
                        needs: &[Usage::Delete, Usage::Create, Usage::Update],
                        actions: &["apigateway:DELETE"],
                    },
                ],
            },
            // AWS's documentation does not say whether IAM checks the ARN with the new stage's name or with an
            // asterisk. If it is the name, tagging is denied, and the stage is created without tags.
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
            holds: "throttling matches the stack file, and there are no other stages",
            read: "GetStages",
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
        let updated = self.write(&want.api_id, task, &[&API_LOG_ROLE], || async {
            let call = self.client.update_stage().rest_api_id(&want.api_id).stage_name(&want.name);
            let call = call.set_patch_operations(Some(patches.clone()));
            call.send().await.or_fail(&format!("update the stage {}", want.name))
        });
        updated.await.map(drop)
    }

    async fn delete_stage(&self, api: &str, name: &str, task: &Task) -> Result<(), Failure> {
        let deleted = self.write(api, task, &[], || async {
            let call = self.client.delete_stage().rest_api_id(api).stage_name(name);
            call.send().await.or_fail(&format!("delete the stage {name}"))
        });
        deleted.await.or_absent().map(drop)
    }
}

impl Provider<Stage> for ApiGateway {
    async fn read(&self, key: &StageKey, _: Option<&StageOutputs>, _: &Task) -> Result<Option<Found<Stage>>, Failure> {
        let stages = self.client.get_stages().rest_api_id(&key.api_id).send().await;
        let stages = stages.or_fail(&format!("read the stage {}", key.name)).or_absent()?;
        let stages = stages.and_then(|answer| answer.item).unwrap_or_default();
        let (ours, others): (Vec<_>, Vec<_>) =
            stages.into_iter().partition(|stage| stage.stage_name() == Some(&key.name));
        let others = others.into_iter().filter_map(|stage| stage.stage_name).collect();
        Ok(ours.into_iter().next().map(|stage| Found {
            outputs: self.stage_outputs(&key.api_id, &key.name),
            live: LiveStage::of(stage, others),
        }))
    }

    async fn create(&self, want: &Stage, task: &Task) -> Result<StageOutputs, Failure> {
        let Some(deployment) = &want.deployment_id else {
            return Err(Failure::refused(format!("could not create the stage {}: nothing is deployed", want.name)));
        };
        let create = async |tags: Option<HashMap<String, String>>| {
            let made = self.write(&want.api_id, task, &[], || async {
                let call = self.once.create_stage().rest_api_id(&want.api_id).stage_name(&want.name);
                let call = call.deployment_id(deployment).set_tags(tags.clone());
                let call = call.set_tracing_enabled(want.tracing.then_some(true));
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
        tokio::join!(self.patch_stage(want, want.all_limits(), task), prune).0?;
        // The logs are set after the throttle, because they may have to wait for the account's role for logs.
        let logs = want.logs();
        if !logs.is_empty() {
            self.patch_stage(want, logs, task).await?;
        }
        Ok(self.stage_outputs(&want.api_id, &want.name))
    }

    async fn update(&self, want: &Stage, found: &Found<Stage>, task: &Task) -> Result<StageOutputs, Failure> {
        // The stage stays: it keeps its web ACL, its throttle and its address.
        let patches = want.mends(&found.live).patches;
        if !patches.is_empty() {
            self.patch_stage(want, patches, task).await?;
        }
        // Other stages are deleted, because the stack's throttle and web ACL do not protect them.
        for name in &found.live.others {
            self.delete_stage(&want.api_id, name, task).await?;
        }
        Ok(self.stage_outputs(&want.api_id, &want.name))
    }

    async fn tags(&self, of: &StageOutputs, _: &Task) -> Result<Option<Tags>, Failure> {
        let answer = self.client.get_stage().rest_api_id(&of.api_id).stage_name(&of.name).send().await;
        let answer = answer.or_fail(&format!("read the tags of the stage {}", of.name)).or_absent()?;
        Ok(answer.map(|answer| read(pairs(answer.tags()))))
    }

    async fn retag(&self, of: &StageOutputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(&of.arn, change, task).await
    }

    async fn delete(&self, gone: &StageOutputs, task: &Task) -> Result<(), Failure> {
        self.delete_stage(&gone.api_id, &gone.name, task).await
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::stage_settings::tests::throttled;
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::{Cause, Drift};

    const OURS: &str = r#"{"stageName":"development","deploymentId":"d1","methodSettings":{"*/*":{
        "throttlingRateLimit":50.0,"throttlingBurstLimit":50,"dataTraceEnabled":false,"metricsEnabled":false}}}"#;

    pub(crate) fn want() -> Stage {
        Stage {
            id: "stage.development".into(),
            api_id: "abc".into(),
            name: "development".into(),
            deployment_id: Some("d1".into()),
            rate_limit: 50.0,
            burst_limit: 50,
            limits: BTreeMap::new(),
            access_log: None,
            execution_log: ExecutionLog::Off,
            account: "123456789012".into(),
            tracing: false,
        }
    }

    fn stages(others: &str) -> String {
        format!(r#"{{"item":[{OURS}{others}]}}"#)
    }

    fn task() -> Task {
        Task::detached("stage.development")
    }

    #[tokio::test]
    async fn an_unchanged_stage_costs_one_call() {
        let (clients, http) = replay(vec![(200, &stages(""))]);
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
        // A call that is denied for another reason is not repeated.
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
        let live = throttled(10.0, 50);
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

    #[tokio::test]
    async fn other_stages_are_found_and_removed() {
        let (clients, http) = replay(vec![(200, &stages(r#",{"stageName":"open"}"#)), (202, "")]);
        let gateway = ApiGateway::new(&clients);
        let found = Provider::<Stage>::read(&gateway, &want().key(), None, &task()).await.expect("no failure");
        let found = found.expect("found");
        assert_eq!(want().drift(&found.live), [Drift::weakening("other stages", "none", "open")]);
        Provider::<Stage>::update(&gateway, &want(), &found, &task()).await.expect("converged");
        let call = &asked(&http)[1].0;
        assert!(call.starts_with("DELETE") && call.ends_with("/restapis/abc/stages/open"), "{call}");
    }

    #[tokio::test]
    async fn logs_follow_the_throttle() {
        let none = r#"{"item":[]}"#;
        let (clients, http) = replay(vec![(201, OURS), (200, OURS), (200, none), (200, none), (200, OURS)]);
        let want = Stage {
            access_log: Some("arn:aws:logs:eu-central-1:123456789012:log-group:demo".into()),
            execution_log: ExecutionLog::Error,
            tracing: true,
            ..want()
        };
        Provider::<Stage>::create(&ApiGateway::new(&clients), &want, &task()).await.expect("made");
        let asked = asked(&http);
        assert!(asked[0].1.contains(r#""tracingEnabled":true"#), "{asked:?}");
        assert!(!asked[1].1.contains("logging"), "{asked:?}");
        let logs = &asked.last().expect("a call").1;
        for part in [r#""path":"/accessLogSettings/destinationArn""#, "$context.requestId", r#""value":"ERROR""#] {
            assert!(logs.contains(part), "{part}: {logs}");
        }
        assert!(!logs.contains("dataTrace"), "bodies and tokens are not logged");
    }
}

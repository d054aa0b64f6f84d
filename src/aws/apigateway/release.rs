//! The deployment that a stage serves. The stage itself is created early, because its throttle and its web ACL depend
//! on it. It is pointed to the new deployment last, when everything that the deployment needs exists.
//!
//! A deployment is a snapshot: callers see the old API before this one call and the new API after it. The stage keeps
//! its address, its throttle and its web ACL. Limits of single methods are set after that, because AWS accepts them
//! only for methods that the stage serves.
//!
//! A release also closes the host name that AWS gave the API, if the stack file wants that: it comes after the custom
//! domain, by which callers reach the API from then on.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::error::{OrAbsent, OrFail};
use super::limits::{method_of, own_key};
use super::{ApiGateway, BELOW, LiveSetting, LiveStage, Mends, MethodLimits, READ, replace};
use crate::aws::apigateway::SERVICE;
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::choices::ExecutionLog;
use crate::engine::{Comparison, Failure, Found, Lag, Provider, Resource, Task};
use crate::layer::Layer;

/// The deployment that a stage serves.
#[derive(Debug, Clone)]
pub struct Release {
    pub api_id: String,
    pub stage: String,
    pub deployment_id: String,
    /// The limits of methods that have their own, as in `GET /items/{id}`.
    pub limits: BTreeMap<String, MethodLimits>,
    /// The execution log of these methods, which is the same as for all other methods of the stage.
    pub execution_log: ExecutionLog,
    /// Whether the API answers at the host name that AWS gave it. [`super::RestApi`] compares it and opens it.
    pub default_endpoint: bool,
}

/// The deployment that a stage serves, and its settings of single methods.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveRelease {
    pub deployment_id: String,
    /// The settings of single methods, by AWS's key.
    pub settings: BTreeMap<String, LiveSetting>,
}

/// The outputs are also the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleaseOutputs {
    pub api_id: String,
    pub stage: String,
}

impl LiveRelease {
    /// The key under which AWS has the settings of a method, such as `GET /items/{id}`.
    pub(crate) fn key_of(&self, method: &str) -> String {
        let key = self.settings.keys().find(|key| method_of(key) == method);
        key.cloned().unwrap_or_else(|| own_key(method))
    }
}

impl Release {
    fn limit_mends(&self, live: &LiveRelease) -> Mends {
        self.limits.iter().fold(Mends::default(), |mends, (method, limits)| {
            let own = live.settings.iter().filter(|(key, _)| method_of(key) == *method).map(|(_, own)| own);
            limits.mends(mends, method, self.execution_log, own)
        })
    }
}

impl Resource for Release {
    const KIND: &'static str = "apigateway.release";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    /// Until all of API Gateway's servers answer from the new deployment, some may still call functions of the old one
    /// (docs/aws.md, Deployments).
    const LAG: Option<Lag> = Some(Lag {
        time: Duration::from_mins(1),
        before_removing: &["lambda.function", "lambda.permission"],
        why: "some of AWS's servers may answer from the old deployment for a minute; the functions that it uses are removed after that",
    });
    type Key = ReleaseOutputs;
    type Outputs = ReleaseOutputs;
    type Live = LiveRelease;

    fn key(&self) -> ReleaseOutputs {
        ReleaseOutputs { api_id: self.api_id.clone(), stage: self.stage.clone() }
    }

    fn identity(outputs: &ReleaseOutputs) -> String {
        format!("{}/{}", outputs.api_id, outputs.stage)
    }

    fn removal_command(_: &ReleaseOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &LiveRelease) -> Comparison {
        let mut compared = Comparison::default().guard("deploymentId", &self.deployment_id, &live.deployment_id);
        compared.extend(self.limit_mends(live).compared);
        compared
    }
}

impl Described for Release {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "release",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &[],
        permissions: &[
            READ,
            // An update deletes deployments that no stage uses any more.
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: BELOW,
                rights: &[
                    Permissions { needs: &[Usage::Create, Usage::Update], actions: &["apigateway:PATCH"] },
                    Permissions { needs: &[Usage::Update, Usage::Delete], actions: &["apigateway:DELETE"] },
                ],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "API",
            holds: "the stage serves this deployment, and limits of single routes match the stack file",
            read: "GetStage",
        },
    };
}

impl ApiGateway {
    /// Reads the deployment that a stage serves; `None` if there is no such stage.
    async fn released(&self, key: &ReleaseOutputs) -> Result<Option<LiveRelease>, Failure> {
        let call = self.client.get_stage().rest_api_id(&key.api_id).stage_name(&key.stage);
        let stage = call.send().await.or_fail(&format!("read the stage {}", key.stage)).or_absent()?;
        Ok(stage.map(|stage| LiveRelease {
            deployment_id: stage.deployment_id.unwrap_or_default(),
            settings: LiveStage::settings(stage.method_settings),
        }))
    }

    /// Sets the limits that differ, all in one call.
    async fn limit(&self, want: &Release, live: &LiveRelease, task: &Task) -> Result<(), Failure> {
        let patches = want.limit_mends(live).patches;
        if patches.is_empty() {
            return Ok(());
        }
        let limited = self.write(&want.api_id, task, &[], || async {
            let call = self.client.update_stage().rest_api_id(&want.api_id).stage_name(&want.stage);
            let call = call.set_patch_operations(Some(patches.clone()));
            call.send().await.or_fail(&format!("limit single routes of the stage {}", want.stage))
        });
        limited.await.map(drop)
    }

    /// Closes the API's default endpoint, and returns whether it was open. The change takes effect with the next change
    /// of a stage (docs/aws.md, Custom domains).
    async fn close_default_endpoint(&self, api_id: &str, task: &Task) -> Result<bool, Failure> {
        let api = self.client.get_rest_api().rest_api_id(api_id).send().await;
        if api.or_fail(&format!("read the REST API {api_id}"))?.disable_execute_api_endpoint() {
            return Ok(false);
        }
        self.patch_api(api_id, api_id, vec![replace("/disableExecuteApiEndpoint", true)], task).await?;
        Ok(true)
    }

    /// Closes the default endpoint if that is wanted, then moves the stage to the deployment. The stage is not moved if
    /// it serves the deployment already and no closed endpoint needs the change.
    async fn release(&self, want: &Release, before: &str, task: &Task) -> Result<(), Failure> {
        let closed = !want.default_endpoint && self.close_default_endpoint(&want.api_id, task).await?;
        if before == want.deployment_id && !closed {
            return Ok(());
        }
        let patch = replace("/deploymentId", &want.deployment_id);
        let moved = self.write(&want.api_id, task, &[], || async {
            let call = self.client.update_stage().rest_api_id(&want.api_id).stage_name(&want.stage);
            let call = call.patch_operations(patch.clone());
            call.send()
                .await
                .or_fail(&format!("move the stage {} to the deployment {}", want.stage, want.deployment_id))
        });
        moved.await?;
        // For some seconds some of AWS's servers still serve the previous deployment (docs/aws.md, Deployments). It
        // is deleted when the next one is released.
        self.prune_deployments(&want.api_id, &[&want.deployment_id, before], task).await;
        Ok(())
    }
}

impl Provider<Release> for ApiGateway {
    async fn read(
        &self,
        key: &ReleaseOutputs,
        _: Option<&ReleaseOutputs>,
        _: &Task,
    ) -> Result<Option<Found<Release>>, Failure> {
        let live = self.released(key).await?;
        Ok(live.map(|live| Found { outputs: key.clone(), live }))
    }

    async fn create(&self, want: &Release, task: &Task) -> Result<ReleaseOutputs, Failure> {
        // The stage was just created, with this deployment unless somebody else changed it.
        let before = self.released(&want.key()).await?.unwrap_or_default();
        self.release(want, &before.deployment_id, task).await?;
        self.limit(want, &before, task).await?;
        Ok(want.key())
    }

    async fn update(&self, want: &Release, found: &Found<Release>, task: &Task) -> Result<ReleaseOutputs, Failure> {
        self.release(want, &found.live.deployment_id, task).await?;
        self.limit(want, &found.live, task).await?;
        Ok(found.outputs.clone())
    }

    /// A stage always serves a deployment, so there is nothing to delete but the stage.
    async fn delete(&self, _: &ReleaseOutputs, _: &Task) -> Result<(), Failure> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Drift;

    const STAGE: &str = r#"{"stageName":"development","deploymentId":"d1"}"#;

    fn want(deployment: &str) -> Release {
        Release {
            api_id: "abc".into(),
            stage: "development".into(),
            deployment_id: deployment.into(),
            limits: BTreeMap::new(),
            execution_log: ExecutionLog::Off,
            default_endpoint: true,
        }
    }

    fn task() -> Task {
        Task::detached("api.release")
    }

    #[tokio::test]
    async fn an_unchanged_release_costs_one_read() {
        let (clients, http) = replay(vec![(200, STAGE)]);
        let gateway = ApiGateway::new(&clients);
        let found = Provider::<Release>::read(&gateway, &want("d1").key(), None, &task()).await.expect("no failure");
        let found = found.expect("found");
        assert_eq!(want("d1").drift(&found.live), []);
        let (idle, _) = replay(vec![]);
        Provider::<Release>::update(&ApiGateway::new(&idle), &want("d1"), &found, &task()).await.expect("done");
        assert_eq!(asked(&http).len(), 1);
    }

    #[tokio::test]
    async fn without_its_stage_a_release_is_absent() {
        let (clients, _) = replay(vec![(404, r#"{"__type":"NotFoundException"}"#)]);
        let found = Provider::<Release>::read(&ApiGateway::new(&clients), &want("d1").key(), None, &task()).await;
        assert!(found.expect("no failure").is_none());
    }

    #[tokio::test]
    async fn one_patch_moves_the_stage_and_older_deployments_are_deleted() {
        let deployments = r#"{"item":[{"id":"d0","description":"securelambda x"},
            {"id":"d1","description":"securelambda y"},{"id":"d2","description":"securelambda z"}]}"#;
        let stages = r#"{"item":[{"stageName":"development","deploymentId":"d2"}]}"#;
        let (clients, http) = replay(vec![(200, STAGE), (200, deployments), (200, stages), (202, "")]);
        let found = Found {
            outputs: want("d2").key(),
            live: LiveRelease { deployment_id: "d1".into(), ..LiveRelease::default() },
        };
        let drift = want("d2").drift(&found.live);
        assert_eq!(drift, [Drift::weakening("deploymentId", "d2", "d1")]);
        Provider::<Release>::update(&ApiGateway::new(&clients), &want("d2"), &found, &task()).await.expect("moved");
        let asked = asked(&http);
        assert_eq!(asked[0].1, r#"{"patchOperations":[{"op":"replace","path":"/deploymentId","value":"d2"}]}"#);
        assert!(asked[3].0.starts_with("DELETE") && asked[3].0.ends_with("/deployments/d0"), "{asked:?}");
        assert_eq!(asked.len(), 4, "the one before is kept: {asked:?}");
    }

    #[tokio::test]
    async fn limits_of_single_routes_follow_the_deployment_that_has_the_routes() {
        let none = r#"{"item":[]}"#;
        let limits = BTreeMap::from([("GET /a".to_owned(), MethodLimits { rate: 5.0, burst: 10 })]);
        let want = Release { limits, ..want("d2") };
        let live = r#"{"stageName":"development","deploymentId":"d1","methodSettings":{
            "*/*":{"throttlingRateLimit":50.0,"throttlingBurstLimit":50},
            "~1a/GET":{"throttlingRateLimit":5.0,"throttlingBurstLimit":10,"loggingLevel":"OFF"}}}"#;
        // A new route, and a lost limit.
        let (clients, http) = replay(vec![(200, STAGE), (200, STAGE), (200, none), (200, none), (200, STAGE)]);
        let gateway = ApiGateway::new(&clients);
        let found = Provider::<Release>::read(&gateway, &want.key(), None, &task()).await.expect("no failure");
        let found = found.expect("found");
        assert!(want.drift(&found.live).iter().all(|drift| drift.weakens));
        Provider::<Release>::update(&gateway, &want, &found, &task()).await.expect("limited");
        let asked = asked(&http);
        assert!(asked[1].1.contains("/deploymentId"), "{asked:?}");
        assert!(
            asked[4].1.contains(r#"{"op":"replace","path":"/~1a/GET/throttling/rateLimit","value":"5"}"#),
            "{asked:?}"
        );
        // The limits are as wanted; only the deployment differs.
        let (clients, _) = replay(vec![(200, live)]);
        let gateway = ApiGateway::new(&clients);
        let found = Provider::<Release>::read(&gateway, &want.key(), None, &task()).await.expect("no failure");
        let drift = want.drift(&found.expect("found").live);
        assert_eq!(drift, [Drift::weakening("deploymentId", "d2", "d1")]);
    }

    #[tokio::test]
    async fn an_open_host_name_is_closed_before_the_stage_is_moved_and_not_twice() {
        let (open, closed) =
            (r#"{"id":"abc","disableExecuteApiEndpoint":false}"#, r#"{"disableExecuteApiEndpoint":true}"#);
        let none = r#"{"item":[]}"#;
        let want = Release { default_endpoint: false, ..want("d2") };
        let live = |deployment: &str| LiveRelease { deployment_id: deployment.into(), ..LiveRelease::default() };
        // The stage is moved even to the deployment that it serves, because this makes the change take effect.
        for before in ["d1", "d2"] {
            let (clients, http) = replay(vec![(200, open), (200, closed), (200, STAGE), (200, none), (200, none)]);
            let found = Found { outputs: want.key(), live: live(before) };
            Provider::<Release>::update(&ApiGateway::new(&clients), &want, &found, &task()).await.expect("closed");
            let asked = asked(&http);
            let patch = r#"{"patchOperations":[{"op":"replace","path":"/disableExecuteApiEndpoint","value":"true"}]}"#;
            assert_eq!(asked[1].1, patch);
            assert!(asked[2].1.contains("/deploymentId"), "{asked:?}");
        }
        let (clients, http) = replay(vec![(200, STAGE), (200, closed)]);
        let same = Release { deployment_id: "d1".into(), ..want };
        Provider::<Release>::create(&ApiGateway::new(&clients), &same, &task()).await.expect("made");
        assert_eq!(asked(&http).len(), 2);
    }

    #[tokio::test]
    async fn a_new_stage_is_moved_only_if_it_serves_another_deployment() {
        for (deployment, calls) in [("d1", 1), ("d2", 4)] {
            let none = r#"{"item":[]}"#;
            let (clients, http) = replay(vec![(200, STAGE), (200, STAGE), (200, none), (200, none)]);
            Provider::<Release>::create(&ApiGateway::new(&clients), &want(deployment), &task()).await.expect("made");
            assert_eq!(asked(&http).len(), calls);
        }
    }
}

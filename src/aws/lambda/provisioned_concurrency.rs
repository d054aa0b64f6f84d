//! Provisioned concurrency: instances of a function that are ready before they are called (docs/aws.md, Versions and
//! provisioned concurrency).

use aws_sdk_lambda::operation::get_provisioned_concurrency_config::GetProvisionedConcurrencyConfigOutput;
use aws_sdk_lambda::types::ProvisionedConcurrencyStatusEnum as Status;
use serde::{Deserialize, Serialize};

use super::alias::{BUDGET, PACE};
use super::refusals::FUNCTION_BUSY;
use super::{FUNCTIONS, Lambda};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::lambda::SERVICE;
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::{settled, until};
use crate::choices::LIVE;
use crate::engine::{Comparison, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

const EXECUTIONS: &str = "ProvisionedConcurrentExecutions";

/// The provisioned concurrency of a function's alias `live`.
#[derive(Debug, Clone)]
pub struct ProvisionedConcurrency {
    /// The function's name.
    pub function: String,
    /// The number of instances: 1 or more.
    pub executions: i32,
}

/// The outputs are also the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProvisionedOutputs {
    pub function: String,
}

#[derive(Debug, Clone)]
pub struct ProvisionedLive {
    pub(super) executions: i32,
    pub(super) status: Status,
    pub(super) reason: String,
}

/// The requested number of ready instances in a comparison, as read from AWS.
pub fn provisioned_concurrency(comparison: &Comparison) -> Option<i64> {
    let setting = comparison.settings().iter().find(|setting| setting.field == EXECUTIONS);
    setting.and_then(|setting| setting.live.parse().ok())
}

impl ProvisionedLive {
    pub(super) fn new(read: GetProvisionedConcurrencyConfigOutput) -> Self {
        Self {
            executions: read.requested_provisioned_concurrent_executions.unwrap_or_default(),
            status: read.status.unwrap_or(Status::Ready),
            reason: read.status_reason.unwrap_or_else(|| "no reason given".to_owned()),
        }
    }

    /// The failure for instances that do not start.
    pub(super) fn failure(&self, function: &str) -> Failure {
        Failure::refused(format!("instances of the function {function} do not start: {}", self.reason))
            .hint("the function's log shows the reason; fix the function, then run `up` again")
    }

    fn status(&self) -> String {
        match &self.status {
            Status::Failed => format!("{}: {}", self.status.as_str(), self.reason),
            status => status.as_str().to_owned(),
        }
    }
}

impl Resource for ProvisionedConcurrency {
    const KIND: &'static str = "lambda.provisioned_concurrency";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = false;
    const GUARDS: bool = false;
    const SETTLES_IN: usize = 10; // instances start within minutes
    type Key = ProvisionedOutputs;
    type Outputs = ProvisionedOutputs;
    type Live = ProvisionedLive;

    fn key(&self) -> ProvisionedOutputs {
        ProvisionedOutputs { function: self.function.clone() }
    }

    fn identity(outputs: &ProvisionedOutputs) -> String {
        format!("{}:{LIVE}", outputs.function)
    }

    fn removal_command(outputs: &ProvisionedOutputs) -> Option<String> {
        let name = &outputs.function;
        Some(format!("aws lambda delete-provisioned-concurrency-config --function-name {name} --qualifier {LIVE}"))
    }

    fn compare(&self, live: &ProvisionedLive) -> Comparison {
        Comparison::default().plain(EXECUTIONS, self.executions, live.executions).plain(
            "Status",
            Status::Ready.as_str(),
            live.status(),
        )
    }
}

impl Described for ProvisionedConcurrency {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "provisioned concurrency",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::Lambda,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: FUNCTIONS,
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Create, Usage::Update],
                    actions: &["lambda:GetFunction", "lambda:GetProvisionedConcurrencyConfig"],
                }],
            },
            // An alias carries no tags.
            StatementTemplate {
                sid: Sid::OwnByName,
                on: FUNCTIONS,
                rights: &[
                    Permissions {
                        needs: &[Usage::Create, Usage::Update],
                        actions: &["lambda:PutProvisionedConcurrencyConfig"],
                    },
                    Permissions { needs: &[Usage::Delete], actions: &["lambda:DeleteProvisionedConcurrencyConfig"] },
                ],
            },
        ],
        rates: &[Rate::per_second(100, Calls::Requests(&["GET"], "/*/functions/*"))],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "{}",
            holds: "the number of ready instances matches the stack file",
            read: "GetProvisionedConcurrencyConfig",
        },
    };
}

impl Lambda {
    /// Requests this many ready instances, and does not wait for them.
    async fn provision(&self, function: &str, executions: i32, task: &Task) -> Result<(), Failure> {
        let doing = format!("keep {executions} instances of the function {function} ready");
        let put = settled(task, &[&FUNCTION_BUSY], || async {
            let call = self.client.put_provisioned_concurrency_config().function_name(function).qualifier(LIVE);
            call.provisioned_concurrent_executions(executions).send().await.or_fail(&doing)
        });
        put.await.map(drop)
    }

    async fn provisioned_ready(&self, function: &str, task: &Task) -> Result<(), Failure> {
        until(task, "the instances are not ready yet", PACE, BUDGET, || async {
            let Some(live) = self.provisioned(function).await? else { return Ok(None) };
            match &live.status {
                Status::Ready => Ok(Some(())),
                Status::Failed => Err(live.failure(function)),
                _ => Ok(None),
            }
        })
        .await
    }

    /// Reduces the ready instances to at most `most`, because AWS refuses to reserve fewer executions than a function
    /// has ready instances.
    pub(super) async fn provision_at_most(&self, function: &str, most: i32, task: &Task) -> Result<(), Failure> {
        match self.provisioned(function).await? {
            Some(live) if live.executions > most => {
                self.provision(function, most, task).await?;
                self.provisioned_ready(function, task).await
            }
            _ => Ok(()),
        }
    }
}

impl Provider<ProvisionedConcurrency> for Lambda {
    async fn read(
        &self,
        key: &ProvisionedOutputs,
        _: Option<&ProvisionedOutputs>,
        _: &Task,
    ) -> Result<Option<Found<ProvisionedConcurrency>>, Failure> {
        let (function, live) = tokio::join!(self.read(&key.function), self.provisioned(&key.function));
        let (Some(live), Some(function)) = (live?, function?) else { return Ok(None) };
        Ok(self.owns(&function)?.then(|| Found { outputs: key.clone(), live }))
    }

    async fn create(&self, want: &ProvisionedConcurrency, task: &Task) -> Result<ProvisionedOutputs, Failure> {
        self.provision(&want.function, want.executions, task).await?;
        self.provisioned_ready(&want.function, task).await?;
        Ok(want.key())
    }

    async fn update(
        &self,
        want: &ProvisionedConcurrency,
        found: &Found<ProvisionedConcurrency>,
        task: &Task,
    ) -> Result<ProvisionedOutputs, Failure> {
        if found.live.executions != want.executions || found.live.status == Status::Failed {
            self.provision(&want.function, want.executions, task).await?;
        }
        if !want.drift(&found.live).is_empty() {
            self.provisioned_ready(&want.function, task).await?;
        }
        Ok(found.outputs.clone())
    }

    async fn vouch(&self, recorded: &ProvisionedOutputs, _: &Task) -> Result<bool, Failure> {
        self.vouched(&self.scope.arn("lambda", &format!("function:{}", recorded.function))).await
    }

    async fn delete(&self, gone: &ProvisionedOutputs, task: &Task) -> Result<(), Failure> {
        let doing = format!("remove the provisioned concurrency of the function {}", gone.function);
        let deleted = settled(task, &[&FUNCTION_BUSY], || async {
            let call = self.client.delete_provisioned_concurrency_config().function_name(&gone.function);
            call.qualifier(LIVE).send().await.or_fail(&doing)
        });
        deleted.await.or_absent().map(drop)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::super::sample::task;
    use super::*;
    use crate::aws::testing::{replay, requests};
    use crate::engine::Drift;

    fn want() -> ProvisionedConcurrency {
        ProvisionedConcurrency { function: "demo-f".into(), executions: 2 }
    }

    fn read(executions: i32, status: &str) -> String {
        json!({ "RequestedProvisionedConcurrentExecutions": executions, "Status": status, "StatusReason": "why" })
            .to_string()
    }

    fn live(executions: i32, status: Status) -> ProvisionedLive {
        ProvisionedLive { executions, status, reason: "why".into() }
    }

    #[test]
    fn another_number_and_instances_that_are_not_ready_differ() {
        assert_eq!(want().drift(&live(2, Status::Ready)), []);
        assert_eq!(want().drift(&live(3, Status::Ready)), [Drift::new(EXECUTIONS, 2, 3)]);
        assert_eq!(want().drift(&live(2, Status::InProgress)), [Drift::new("Status", "READY", "IN_PROGRESS")]);
        assert_eq!(want().drift(&live(2, Status::Failed)), [Drift::new("Status", "READY", "FAILED: why")]);
    }

    #[tokio::test]
    async fn create_waits_until_the_instances_are_ready() {
        let answers = [(202, read(2, "IN_PROGRESS")), (200, read(2, "IN_PROGRESS")), (200, read(2, "READY"))];
        let (clients, http) = replay(answers.iter().map(|(status, body)| (*status, body.as_str())).collect());
        Provider::<ProvisionedConcurrency>::create(&Lambda::new(&clients), &want(), &task()).await.unwrap();
        let requests = requests(&http);
        assert!(requests[0].contains("/provisioned-concurrency?Qualifier=live"), "{requests:?}");
        assert!(requests[0].contains(r#"{"ProvisionedConcurrentExecutions":2}"#), "{requests:?}");
        assert_eq!(requests.len(), 3);
    }

    #[tokio::test]
    async fn instances_that_fail_say_why() {
        let answers = [(202, read(2, "IN_PROGRESS")), (200, read(2, "FAILED"))];
        let (clients, _) = replay(answers.iter().map(|(status, body)| (*status, body.as_str())).collect());
        let failed = Provider::<ProvisionedConcurrency>::create(&Lambda::new(&clients), &want(), &task()).await;
        assert!(failed.unwrap_err().to_string().ends_with("do not start: why"));
    }

    #[tokio::test]
    async fn none_are_ready_where_aws_says_so() {
        let none = json!({ "__type": "ProvisionedConcurrencyConfigNotFoundException",
            "message": "No Provisioned Concurrency Config found for this function" });
        let (clients, _) = replay(vec![(404, &none.to_string())]);
        assert!(Lambda::new(&clients).provisioned("demo-f").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn fewer_are_ready_before_fewer_executions_are_reserved() {
        let answers = [(200, read(5, "READY")), (202, read(2, "READY")), (200, read(2, "READY"))];
        let (clients, http) = replay(answers.iter().map(|(status, body)| (*status, body.as_str())).collect());
        Lambda::new(&clients).provision_at_most("demo-f", 2, &task()).await.unwrap();
        assert!(requests(&http)[1].contains(r#"{"ProvisionedConcurrentExecutions":2}"#));
    }
}

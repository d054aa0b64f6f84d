//! CloudWatch Logs: log groups and their events.
//!
//! A group's ARN ends in `:*` for some calls and must not for others (docs/aws.md, Log groups). The create call cannot
//! set the retention. The only way to read a group is a list by prefix.

mod events;
mod inventory;

use serde::{Deserialize, Serialize};

use super::error::{OrAbsent, OrFail};
use super::retries::{client, once};
use super::settle::{LOGS_BUSY, LOGS_TAGGED, LOGS_VISIBLE, Wait, settled};
use super::{Clients, pairs, tag_map};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Comparison, Drift, Failure, Found, Listing, Provider, Resource, Task};
use crate::layer::Layer;
use crate::regions::Service;
use crate::scope::{Owner, Scope, Whose};

pub use events::LogEvent;

/// The beginning of the names of groups that API Gateway writes the execution logs of REST APIs to. After it come the
/// API's id, which AWS never gives twice, and the stage (docs/aws.md, Logs of REST APIs).
pub const EXECUTION_LOGS: &str = "API-Gateway-Execution-Logs_";

/// What identifies a request to CloudWatch Logs.
const TARGET: &str = "Logs_";

/// Some calls name a group with `:*` at the end and others without; this pattern covers both.
const GROUPS: &[&str] = &["{arn:logs}:log-group:/aws/lambda/{stack}-*"];

/// A log group. It is created before its function, so that no function needs the permission to create one.
#[derive(Debug, Clone)]
pub struct LogGroup {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// 1 to 512 of `A-Z a-z 0-9 . - _ / #`.
    pub name: String,
    /// How long events are kept, in days; one of the periods that AWS allows (docs/aws.md, Log groups).
    pub retention_days: i32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogGroupOutputs {
    pub name: String,
    /// `arn:aws:logs:<region>:<account>:log-group:<name>`, without `:*`.
    pub arn: String,
}

/// A log group is looked up by its name, from which its ARN follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogGroupKey {
    id: String,
    name: String,
}

#[derive(Debug, Clone)]
pub struct LogGroupLive {
    /// In days; `None`: events are kept for ever.
    pub retention_days: Option<i32>,
}

impl Resource for LogGroup {
    const KIND: &'static str = "logs.group";
    const GUARDS: bool = true; // no function may make one
    type Key = LogGroupKey;
    type Outputs = LogGroupOutputs;
    type Live = LogGroupLive;

    fn key(&self) -> LogGroupKey {
        LogGroupKey { id: self.id.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &LogGroupOutputs) -> String {
        outputs.arn.clone()
    }

    fn removal_command(outputs: &LogGroupOutputs) -> Option<String> {
        Some(format!("aws logs delete-log-group --log-group-name {}", outputs.name))
    }

    fn compare(&self, live: &LogGroupLive) -> Comparison {
        let drift = {
            let field = "retentionInDays";
            match live.retention_days {
                Some(days) if days == self.retention_days => Vec::new(),
                Some(days) => vec![Drift::new(field, self.retention_days, days)],
                None => vec![Drift::weakening(field, self.retention_days, "never expires")],
            }
        };
        drift.into_iter().collect()
    }
}

impl Described for LogGroup {
    const ABOUT: Kind = Kind {
        service: Service::Logs,
        label: "log group",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::Logs,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: GROUPS,
                rights: &[
                    Permissions { needs: &[Usage::Read, Usage::Survivors], actions: &["logs:ListTagsForResource"] },
                    Permissions { needs: &[Usage::ReadLogs], actions: &["logs:FilterLogEvents"] },
                ],
            },
            // By name: `PutRetentionPolicy` follows `CreateLogGroup` at once, when IAM may not see the tags yet.
            StatementTemplate {
                sid: Sid::OwnByName,
                on: GROUPS,
                rights: &[
                    Permissions { needs: &[Usage::Create, Usage::Update], actions: &["logs:PutRetentionPolicy"] },
                    Permissions { needs: &[Usage::Delete], actions: &["logs:DeleteLogGroup"] },
                ],
            },
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: GROUPS,
                rights: &[Permissions {
                    needs: &[Usage::Create],
                    actions: &["logs:CreateLogGroup", "logs:TagResource"],
                }],
            },
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Survivors],
                    actions: &["logs:DescribeLogGroups"],
                }],
            },
        ],
        rates: &[
            Rate::per_second(10, Calls::Operations(TARGET, &["CreateLogGroup"])),
            Rate::per_second(10, Calls::Operations(TARGET, &["DeleteLogGroup"])),
            Rate::per_second(10, Calls::Operations(TARGET, &["DescribeLogGroups"])),
            Rate::per_second(5, Calls::Operations(TARGET, &["PutRetentionPolicy"])),
            // 10 and 25 in some regions; the lowest rate is used everywhere.
            Rate::per_second(5, Calls::Operations(TARGET, &["FilterLogEvents"])),
            Rate::per_second(5, Calls::Operations(TARGET, &["ListTagsForResource"])),
        ],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "log of {}",
            holds: "retention matches the stack file",
            read: "DescribeLogGroups",
        },
    };
}

/// Looks after log groups.
#[derive(Debug, Clone)]
pub struct Logs {
    client: aws_sdk_cloudwatchlogs::Client,
    /// Without the SDK's retries, for calls that create.
    once: aws_sdk_cloudwatchlogs::Client,
    scope: Scope,
}

impl Logs {
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: client!(aws_sdk_cloudwatchlogs, &clients.sdk),
            once: once!(aws_sdk_cloudwatchlogs, &clients.once),
            scope: clients.scope.clone(),
        }
    }

    fn outputs(&self, name: &str) -> LogGroupOutputs {
        LogGroupOutputs { name: name.to_owned(), arn: self.scope.arn("logs", &format!("log-group:{name}")) }
    }

    async fn retain(&self, want: &LogGroup, task: &Task) -> Result<(), Failure> {
        let doing = format!("set the retention of the log group {}", want.name);
        // An operator may change these by their tags alone.
        let waits: &[&Wait] = if want.name.starts_with(EXECUTION_LOGS) {
            &[&LOGS_VISIBLE, &LOGS_BUSY, &LOGS_TAGGED]
        } else {
            &[&LOGS_VISIBLE, &LOGS_BUSY]
        };
        let set = settled(task, waits, || async {
            let call = self.client.put_retention_policy().log_group_name(&want.name);
            call.retention_in_days(want.retention_days).send().await.or_fail(&doing)
        });
        set.await.map(drop)
    }
}

impl Provider<LogGroup> for Logs {
    async fn read(
        &self,
        key: &LogGroupKey,
        _: Option<&LogGroupOutputs>,
        _: &Task,
    ) -> Result<Option<Found<LogGroup>>, Failure> {
        let outputs = self.outputs(&key.name);
        let doing = format!("read the log group {}", key.name);
        let (groups, tags) = tokio::join!(
            self.client.describe_log_groups().log_group_name_prefix(&key.name).send(),
            self.client.list_tags_for_resource().resource_arn(&outputs.arn).send(),
        );
        // The list is in ASCII order, so the name itself comes before longer names: one page is enough.
        let groups = groups.or_fail(&doing)?.log_groups.unwrap_or_default();
        let Some(group) = groups.into_iter().find(|group| group.log_group_name() == Some(&key.name)) else {
            return Ok(None);
        };
        let Some(tags) = tags.or_fail(&doing).or_absent()? else { return Ok(None) };
        // API Gateway may have created it, for an API whose id is in its name.
        let of_our_api = key.name.starts_with(EXECUTION_LOGS) && Owner::read(pairs(tags.tags())).is_none();
        if !of_our_api && !self.scope.owns(pairs(tags.tags())) {
            return Err(Failure::foreign("the log group", &outputs.arn));
        }
        Ok(Some(Found { outputs, live: LogGroupLive { retention_days: group.retention_in_days } }))
    }

    async fn create(&self, want: &LogGroup, task: &Task) -> Result<LogGroupOutputs, Failure> {
        let doing = format!("create the log group {}", want.name);
        let tags = tag_map(&self.scope, &want.id);
        let made = settled(task, &[&LOGS_BUSY], || async {
            let call = self.once.create_log_group().log_group_name(&want.name).set_tags(Some(tags.clone()));
            call.send().await.or_fail(&doing)
        });
        made.await?;
        self.retain(want, task).await?;
        Ok(self.outputs(&want.name))
    }

    async fn update(&self, want: &LogGroup, found: &Found<LogGroup>, task: &Task) -> Result<LogGroupOutputs, Failure> {
        let drift = want.drift(&found.live);
        if !drift.is_empty() {
            self.retain(want, task).await?;
        }
        Ok(found.outputs.clone())
    }

    async fn vouch(&self, recorded: &LogGroupOutputs, _: &Task) -> Result<bool, Failure> {
        let tags = self.client.list_tags_for_resource().resource_arn(&recorded.arn).send().await;
        let tags = tags.or_fail(&format!("read the tags of the log group {}", recorded.name)).or_absent()?;
        Ok(tags.is_none_or(|tags| self.scope.owns(pairs(tags.tags()))))
    }

    async fn delete(&self, gone: &LogGroupOutputs, task: &Task) -> Result<(), Failure> {
        let doing = format!("delete the log group {}", gone.name);
        let deleted = settled(task, &[&LOGS_BUSY], || async {
            self.client.delete_log_group().log_group_name(&gone.name).send().await.or_fail(&doing)
        });
        deleted.await.or_absent().map(drop)
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        self.list_groups(whose).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{replay, requests};
    use crate::engine::Cause;

    fn want() -> LogGroup {
        LogGroup { id: "log_group.f".into(), name: "/aws/lambda/demo-f".into(), retention_days: 14 }
    }

    const GROUPS: &str = r#"{"logGroups":[
        {"logGroupName":"/aws/lambda/demo-f","retentionInDays":14},
        {"logGroupName":"/aws/lambda/demo-fun","retentionInDays":1}]}"#;
    const OURS: &str = r#"{"tags":{"securelambda:stack":"demo","securelambda:resource":"log_group.f"}}"#;

    #[test]
    fn drift_names_the_retention_and_no_retention_weakens() {
        let drift = |days| want().drift(&LogGroupLive { retention_days: days });
        assert_eq!(drift(Some(14)), []);
        assert_eq!(drift(Some(1)), [Drift::new("retentionInDays", 14, 1)]);
        assert_eq!(drift(None), [Drift::weakening("retentionInDays", 14, "never expires")]);
    }

    #[tokio::test]
    async fn an_unchanged_group_is_found_by_its_exact_name_and_costs_two_reads() {
        let (clients, http) = replay(vec![(200, GROUPS), (200, OURS)]);
        let found = Logs::new(&clients).read(&want().key(), None, &Task::detached("x")).await.unwrap().unwrap();
        assert_eq!(want().drift(&found.live), []);
        assert_eq!(found.outputs.arn, "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/demo-f");
        assert_eq!(requests(&http).len(), 2);
        let (idle, _) = replay(vec![]);
        Logs::new(&idle).update(&want(), &found, &Task::detached("x")).await.unwrap();
    }

    #[tokio::test]
    async fn a_longer_name_is_another_group() {
        let (clients, _) = replay(vec![
            (200, r#"{"logGroups":[{"logGroupName":"/aws/lambda/demo-fun"}]}"#),
            (400, r#"{"__type":"ResourceNotFoundException","message":"no"}"#),
        ]);
        assert!(Logs::new(&clients).read(&want().key(), None, &Task::detached("x")).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_group_without_our_tag_is_foreign() {
        let (clients, _) = replay(vec![(200, GROUPS), (200, r#"{"tags":{"securelambda:stack":"other"}}"#)]);
        let failure = Logs::new(&clients).read(&want().key(), None, &Task::detached("x")).await.unwrap_err();
        assert_eq!(failure.cause, Cause::Foreign);
    }

    #[tokio::test]
    async fn create_tags_in_that_call_and_waits_until_retention_can_be_set() {
        let (clients, http) = replay(vec![
            (200, "{}"),
            (400, r#"{"__type":"ResourceNotFoundException","message":"The specified log group does not exist."}"#),
            (200, "{}"),
        ]);
        Logs::new(&clients).create(&want(), &Task::detached("x")).await.unwrap();
        let requests = requests(&http);
        assert!(
            requests[0].contains("CreateLogGroup") && requests[0].contains(r#""securelambda:stack":"demo""#),
            "{requests:?}"
        );
        assert!(
            requests[2].contains("PutRetentionPolicy") && requests[2].contains(r#""retentionInDays":14"#),
            "{requests:?}"
        );
    }

    #[tokio::test]
    async fn an_existing_group_and_a_lost_answer_have_different_causes() {
        for (status, code, cause) in [
            (400, "ResourceAlreadyExistsException", Cause::Exists),
            (503, "ServiceUnavailableException", Cause::Unknown),
            (400, "InvalidParameterException", Cause::Refused),
        ] {
            let body = format!(r#"{{"__type":"{code}","message":"words"}}"#);
            let (clients, _) = replay(vec![(status, &body)]);
            let failure = Logs::new(&clients).create(&want(), &Task::detached("x")).await.unwrap_err();
            assert_eq!(failure.cause, cause, "{code}");
        }
    }

    #[tokio::test]
    async fn deleting_a_missing_group_succeeds() {
        let (clients, _) = replay(vec![(400, r#"{"__type":"ResourceNotFoundException","message":"no"}"#)]);
        let logs = Logs::new(&clients);
        logs.delete(&logs.outputs("/aws/lambda/demo-f"), &Task::detached("x")).await.unwrap();
    }
}

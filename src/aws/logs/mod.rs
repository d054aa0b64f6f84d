//! CloudWatch Logs: log groups and their events.
//!
//! A group's ARN ends in `:*` for some calls and must not for others (docs/aws.md, Log groups). The create call cannot
//! set the retention. The only way to read a group is a list by prefix.

mod access;
mod calls;
mod events;
mod inventory;
mod live;
pub mod refusals;
mod tagging;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use self::access::AccountPolicy;
use self::refusals::{LOGS_BUSY, LOGS_KEY};
use super::error::{OrAbsent, OrFail};
use super::retries::{client, once};
use super::service::AwsService;
use super::settle::settled;
use super::tags::{pairs, tag_map};
use super::unsupported::UNSUPPORTED;
use super::{Clients, Encryption, keys};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Comparison, Effect, Failure, Found, Listing, Provider, Resource, Retag, Tags, Task};
use crate::layer::Layer;
use crate::policy::Policy;
use crate::regions::Service;
use crate::scope::{Owner, Scope, Whose};

pub use access::OwnPolicy;
pub use events::LogEvent;
pub use live::{LogGroupLive, SubscriptionFilter};

pub const SERVICE: Service = Service::new("logs", "CloudWatch Logs");

pub(super) const ABOUT: AwsService = AwsService {
    names: &[SERVICE.name],
    refusals: refusals::REFUSALS,
    waits: refusals::WAITS,
    #[cfg(test)]
    tests: refusals::tests::WAITS,
};

/// The beginning of the names of groups that API Gateway writes the execution logs of REST APIs to. After it come the
/// API's id, which AWS never gives twice, and the stage (docs/aws.md, Logs of REST APIs).
pub const EXECUTION_LOGS: &str = "API-Gateway-Execution-Logs_";

const POLICY: &str = "resourcePolicy";

/// The prefix of the header `x-amz-target` of a request to CloudWatch Logs.
const TARGET: &str = "Logs_";

/// Some calls name a group with `:*` at the end and others without; this pattern covers both.
const GROUPS: &[&str] = &["{arn:logs}:log-group:/aws/lambda/{stack}-*"];

/// The permission to read a group's subscription filters, for log groups of every kind.
pub(in crate::aws) const READ_GROUP: Permissions =
    Permissions { needs: &[Usage::Read], actions: &["logs:DescribeSubscriptionFilters"] };

/// The permission to change the users' tags on log groups of every kind.
pub(in crate::aws) const fn retag_groups(on: &'static [&'static str]) -> StatementTemplate {
    StatementTemplate {
        sid: Sid::RetagOwn,
        on,
        rights: &[Permissions { needs: &[Usage::Update], actions: &["logs:TagResource", "logs:UntagResource"] }],
    }
}

/// The permissions to remove other receivers and writers of a group's events.
pub(in crate::aws) const REPAIR_GROUP: Permissions = Permissions {
    needs: &[Usage::Update],
    actions: &[
        "logs:DeleteResourcePolicy",
        "logs:DeleteSubscriptionFilter",
        "logs:DisassociateKmsKey",
        "logs:PutBearerTokenAuthentication",
    ],
};

/// A log group. It is created before its function, so that no function needs the permission to create one.
#[derive(Debug, Clone)]
pub struct LogGroup {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// 1 to 512 of `A-Z a-z 0-9 . - _ / #`.
    pub name: String,
    /// How long events are kept, in days; one of the periods that AWS allows (docs/aws.md, Log groups).
    pub retention_days: i32,
    /// The account that owns it: twelve digits.
    pub account: String,
    /// Its encryption at rest.
    pub kms_key: Encryption,
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

impl Resource for LogGroup {
    const KIND: &'static str = "logs.group";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = false;
    const GUARDS: bool = true; // functions have no permission to create a group
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
        let days = live.retention_days.map_or_else(|| "never expires".to_owned(), |days| days.to_string());
        let retention = match (live.retention_days, &live.retention_policy) {
            (Some(days), _) if days == self.retention_days => Effect::Same,
            // Events are deleted before somebody may need them as evidence.
            (Some(days), None) if days < self.retention_days => Effect::Weakens,
            // The account's policy replaces the group's retention, which then cannot be seen or changed.
            (_, Some(_)) => Effect::Same,
            (Some(_), None) => Effect::Differs,
            (None, None) => Effect::Weakens,
        };
        let mut compared = Comparison::default()
            .judged("retentionInDays", self.retention_days, days, retention)
            .nothing_else("subscriptionFilters", &live.subscription_filters)
            .judged(POLICY, "none", shown(live.policy.as_ref()), policy_effect(live.policy.as_ref()))
            .guard("bearerTokenAuthenticationEnabled", false, live.takes_bearer_tokens);
        let by_key = |so_far| keys::compared(so_far, "kmsKeyId", &self.kms_key, live.kms_key.as_ref(), &self.account);
        // The emulator cannot give a group another key (docs/local.md).
        compared = if live.emulated && !by_key(Comparison::default()).is_as_wanted() {
            let want = self.kms_key.key().map_or("none", String::as_str);
            compared.judged("kmsKeyId", want, UNSUPPORTED, Effect::Same)
        } else {
            by_key(compared)
        };
        let by_account =
            if live.account_grants.is_empty() { "none".to_owned() } else { live.account_grants.join(", ") };
        compared = compared.judged("resourcePolicies of the account", &by_account, &by_account, Effect::Same);
        // Settings that the stack file does not set and that give nobody access are kept.
        for (name, value) in &live.others {
            compared = compared.judged(*name, value, value, Effect::Same);
        }
        compared
    }
}

fn shown(policy: Option<&OwnPolicy>) -> String {
    policy.map_or_else(|| "none".to_owned(), |policy| policy.document.to_string())
}

/// The stack gives no group a policy. A policy that only denies does not weaken.
fn policy_effect(policy: Option<&OwnPolicy>) -> Effect {
    match policy.map(|policy| Policy::default().judge(&policy.document)) {
        None => Effect::Same,
        Some(Effect::Weakens) => Effect::Weakens,
        Some(Effect::Same | Effect::Differs) => Effect::Differs,
    }
}

impl Described for LogGroup {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "log group",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::Logs,
        gone_before: &[],
        permissions: &[
            retag_groups(GROUPS),
            StatementTemplate {
                sid: Sid::FindOwn,
                on: GROUPS,
                rights: &[
                    Permissions { needs: &[Usage::Read, Usage::Survivors], actions: &["logs:ListTagsForResource"] },
                    READ_GROUP,
                    Permissions { needs: &[Usage::ReadLogs], actions: &["logs:FilterLogEvents"] },
                ],
            },
            // By name: `PutRetentionPolicy` follows `CreateLogGroup` at once, when IAM may not see the tags yet.
            StatementTemplate {
                sid: Sid::OwnByName,
                on: GROUPS,
                rights: &[
                    Permissions {
                        needs: &[Usage::Create, Usage::Update],
                        actions: &["logs:AssociateKmsKey", "logs:PutRetentionPolicy"],
                    },
                    REPAIR_GROUP,
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
                rights: &[
                    Permissions { needs: &[Usage::Read, Usage::Survivors], actions: &["logs:DescribeLogGroups"] },
                    Permissions { needs: &[Usage::Read], actions: &["logs:DescribeResourcePolicies"] },
                ],
            },
        ],
        rates: &[
            Rate::per_second(10, Calls::Operations(TARGET, &["CreateLogGroup"])),
            Rate::per_second(10, Calls::Operations(TARGET, &["DeleteLogGroup"])),
            Rate::per_second(10, Calls::Operations(TARGET, &["DescribeLogGroups"])),
            // Less than AWS allows: the program has no need for more.
            Rate::per_second(5, Calls::Operations(TARGET, &["PutRetentionPolicy"])),
            // Some regions allow 10 or 25. The lowest rate is used everywhere.
            Rate::per_second(5, Calls::Operations(TARGET, &["FilterLogEvents"])),
            Rate::per_second(5, Calls::Operations(TARGET, &["ListTagsForResource"])),
        ],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "log of {}",
            holds: "retention matches the stack file, and nobody else receives or writes the events",
            read: "DescribeLogGroups, DescribeSubscriptionFilters and DescribeResourcePolicies",
        },
    };
}

/// Manages log groups.
#[derive(Debug, Clone)]
pub struct Logs {
    client: aws_sdk_cloudwatchlogs::Client,
    /// Without the SDK's retries, for calls that create.
    once: aws_sdk_cloudwatchlogs::Client,
    scope: Scope,
    /// Whether calls go to an emulator.
    emulated: bool,
    account_policies: Arc<OnceCell<Vec<AccountPolicy>>>,
}

impl Logs {
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: client!(aws_sdk_cloudwatchlogs, &clients.sdk),
            once: once!(aws_sdk_cloudwatchlogs, &clients.once),
            scope: clients.scope.clone(),
            emulated: clients.is_emulator(),
            account_policies: Arc::default(),
        }
    }

    fn outputs(&self, name: &str) -> LogGroupOutputs {
        LogGroupOutputs { name: name.to_owned(), arn: self.scope.arn("logs", &format!("log-group:{name}")) }
    }
}

impl Provider<LogGroup> for Logs {
    async fn read(
        &self,
        key: &LogGroupKey,
        _: Option<&LogGroupOutputs>,
        task: &Task,
    ) -> Result<Option<Found<LogGroup>>, Failure> {
        let outputs = self.outputs(&key.name);
        let doing = format!("read the log group {}", key.name);
        let (groups, tags, filters, policy, account) = tokio::join!(
            self.client.describe_log_groups().log_group_name_prefix(&key.name).send(),
            self.client.list_tags_for_resource().resource_arn(&outputs.arn).send(),
            self.subscription_filters(&key.name),
            async { if task.only_finds() { Ok(None) } else { self.own_policy(&outputs).await } },
            async { if task.only_finds() { Ok(&[][..]) } else { self.account_policies().await } },
        );
        // The list is in ASCII order, so the name itself comes before longer names: one page is enough.
        let groups = groups.or_fail(&doing)?.log_groups.unwrap_or_default();
        let Some(group) = groups.into_iter().find(|group| group.log_group_name() == Some(&key.name)) else {
            return Ok(None);
        };
        let Some(tags) = tags.or_fail(&doing).or_absent()? else { return Ok(None) };
        // API Gateway may have created the group without our tags, for an API of ours whose id is in the group's name.
        let of_our_api = key.name.starts_with(EXECUTION_LOGS) && Owner::read(pairs(tags.tags())).is_none();
        if !of_our_api && !self.scope.owns(pairs(tags.tags())) {
            return Err(Failure::foreign("the log group", &outputs.arn));
        }
        let Some(filters) = filters.or_absent()? else { return Ok(None) };
        let account_grants = account?.iter().flat_map(|policy| policy.grants_on(&outputs.arn)).collect();
        let live = LogGroupLive {
            policy: policy?,
            account_grants,
            emulated: self.emulated,
            ..LogGroupLive::read(group, filters)
        };
        Ok(Some(Found { outputs, live }))
    }

    async fn create(&self, want: &LogGroup, task: &Task) -> Result<LogGroupOutputs, Failure> {
        let doing = format!("create the log group {}", want.name);
        let tags = tag_map(&self.scope, &want.id);
        let made = settled(task, &[&LOGS_BUSY, &LOGS_KEY], || async {
            let call = self.once.create_log_group().log_group_name(&want.name).set_tags(Some(tags.clone()));
            call.set_kms_key_id(want.kms_key.key().cloned()).send().await.or_fail(&doing)
        });
        made.await?;
        self.retain(want, task).await?;
        Ok(self.outputs(&want.name))
    }

    async fn update(&self, want: &LogGroup, found: &Found<LogGroup>, task: &Task) -> Result<LogGroupOutputs, Failure> {
        for setting in want.drift(&found.live) {
            match setting.field.as_str() {
                "retentionInDays" => self.retain(want, task).await?,
                "subscriptionFilters" => {
                    for filter in &found.live.subscription_filters {
                        self.remove_filter(&want.name, &filter.name, task).await?;
                    }
                }
                POLICY => {
                    if let Some(policy) = &found.live.policy {
                        self.remove_policy(&found.outputs, policy, task).await?;
                    }
                }
                "bearerTokenAuthenticationEnabled" => self.refuse_bearer_tokens(&found.outputs, task).await?,
                "kmsKeyId" => self.set_key(want, task).await?,
                _ => {}
            }
        }
        Ok(found.outputs.clone())
    }

    async fn tags(&self, of: &LogGroupOutputs, _: &Task) -> Result<Option<Tags>, Failure> {
        self.tags_at(&of.arn).await
    }

    async fn retag(&self, of: &LogGroupOutputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(&of.arn, change, task).await
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
    use crate::engine::{Cause, Drift};

    fn want() -> LogGroup {
        LogGroup {
            id: "log_group.f".into(),
            name: "/aws/lambda/demo-f".into(),
            retention_days: 14,
            account: "123456789012".into(),
            kms_key: Encryption::default(),
        }
    }

    const NO_FILTERS: &str = r#"{"subscriptionFilters":[]}"#;
    const NO_POLICIES: &str = r#"{"resourcePolicies":[]}"#;
    const ABSENT: &str = r#"{"__type":"ResourceNotFoundException","message":"no"}"#;

    const GROUPS: &str = r#"{"logGroups":[
        {"logGroupName":"/aws/lambda/demo-f","retentionInDays":14},
        {"logGroupName":"/aws/lambda/demo-fun","retentionInDays":1}]}"#;
    const OURS: &str = r#"{"tags":{"securelambda:stack":"demo","securelambda:resource":"log_group.f"}}"#;

    #[test]
    fn keeping_events_for_longer_differs_and_for_a_shorter_time_or_for_ever_weakens() {
        let drift = |days| want().drift(&LogGroupLive { retention_days: days, ..LogGroupLive::default() });
        assert_eq!(drift(Some(14)), []);
        assert_eq!(drift(Some(1)), [Drift::weakening("retentionInDays", 14, 1)]);
        assert_eq!(drift(Some(30)), [Drift::new("retentionInDays", 14, 30)]);
        assert_eq!(drift(None), [Drift::weakening("retentionInDays", 14, "never expires")]);
    }

    #[tokio::test]
    async fn the_key_of_the_stack_file_is_given_when_it_is_made_and_later() {
        let key = "arn:aws:kms:eu-central-1:123456789012:key/k";
        let want = LogGroup { kms_key: Encryption::With(key.into()), ..want() };
        let bare = LogGroupLive { retention_days: Some(14), ..LogGroupLive::default() };
        assert_eq!(want.drift(&bare), [Drift::weakening("kmsKeyId", key, "none")]);
        assert_eq!(want.drift(&LogGroupLive { emulated: true, ..bare.clone() }), []);
        let found = Found { outputs: LogGroupOutputs { name: want.name.clone(), arn: "arn:l".into() }, live: bare };
        let (clients, http) = replay(vec![(200, ""), (200, ""), (200, "")]);
        let (logs, task) = (Logs::new(&clients), Task::detached("x"));
        logs.create(&want, &task).await.unwrap();
        logs.update(&want, &found, &task).await.unwrap();
        let requests = requests(&http);
        for request in [&requests[0], &requests[2]] {
            assert!(request.contains(&format!(r#""kmsKeyId":"{key}""#)), "{requests:?}");
        }
        assert!(requests[2].contains("AssociateKmsKey"), "{requests:?}");
    }

    #[tokio::test]
    async fn an_unchanged_group_is_found_by_its_exact_name_and_costs_five_reads_at_once() {
        let (clients, http) =
            replay(vec![(200, GROUPS), (200, OURS), (200, NO_FILTERS), (200, NO_POLICIES), (200, NO_POLICIES)]);
        let found = Logs::new(&clients).read(&want().key(), None, &Task::detached("x")).await.unwrap().unwrap();
        assert_eq!(want().drift(&found.live), []);
        assert_eq!(found.outputs.arn, "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/demo-f");
        assert_eq!(requests(&http).len(), 5);
        let (idle, _) = replay(vec![]);
        Logs::new(&idle).update(&want(), &found, &Task::detached("x")).await.unwrap();
    }

    #[tokio::test]
    async fn a_longer_name_is_another_group() {
        let (clients, _) = replay(vec![
            (200, r#"{"logGroups":[{"logGroupName":"/aws/lambda/demo-fun"}]}"#),
            (400, ABSENT),
            (400, ABSENT),
            (200, NO_POLICIES),
            (200, NO_POLICIES),
        ]);
        assert!(Logs::new(&clients).read(&want().key(), None, &Task::detached("x")).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_group_without_our_tag_is_foreign() {
        let (clients, _) = replay(vec![
            (200, GROUPS),
            (200, r#"{"tags":{"securelambda:stack":"other"}}"#),
            (200, NO_FILTERS),
            (200, NO_POLICIES),
            (200, NO_POLICIES),
        ]);
        let failure = Logs::new(&clients).read(&want().key(), None, &Task::detached("x")).await.unwrap_err();
        assert_eq!(failure.cause, Cause::Foreign);
    }

    #[tokio::test]
    async fn who_else_receives_or_writes_events_is_named_and_removed() {
        let group = r#"{"logGroups":[{"logGroupName":"/aws/lambda/demo-f","retentionInDays":14,
            "kmsKeyId":"arn:aws:kms:eu-central-1:999999999999:key/k","bearerTokenAuthenticationEnabled":true,
            "deletionProtectionEnabled":true,"dataProtectionStatus":"ACTIVATED"}]}"#;
        let filters =
            r#"{"subscriptionFilters":[{"filterName":"copy","destinationArn":"arn:aws:logs:r:9:destination:d"}]}"#;
        let statement = r#"{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"delivery.logs.amazonaws.com\"},\"Action\":\"logs:PutLogEvents\",\"Resource\":\"*\"}"#;
        let policy = |name: &str| {
            format!(
                r#"{{"resourcePolicies":[{{{name}"policyDocument":"{{\"Version\":\"2012-10-17\",\"Statement\":[{statement}]}}","revisionId":"7"}}]}}"#
            )
        };
        let (own, of_account) = (policy(""), policy(r#""policyName":"Delivery","#));
        let (clients, http) = replay(vec![(200, group), (200, OURS), (200, filters), (200, &own), (200, &of_account)]);
        let found = Logs::new(&clients).read(&want().key(), None, &Task::detached("x")).await.unwrap().unwrap();
        let asked = requests(&http);
        assert!(asked[3].contains(r#""policyScope":"RESOURCE""#) && asked[3].contains(r#"demo-f""#), "{asked:?}");
        assert!(!asked[4].contains("resourceArn"), "{asked:?}");
        let document = found.live.policy.as_ref().unwrap().document.to_string();
        let expected = [
            Drift::weakening("subscriptionFilters", "none", "copy to arn:aws:logs:r:9:destination:d"),
            Drift::weakening("resourcePolicy", "none", document),
            Drift::weakening("bearerTokenAuthenticationEnabled", false, true),
            Drift::weakening("kmsKeyId", "no key of another account", "arn:aws:kms:eu-central-1:999999999999:key/k"),
        ];
        assert_eq!(want().drift(&found.live), expected, "protection that was set by hand is kept");
        let compared = want().compare(&found.live);
        let shown = compared.settings().iter().find(|setting| setting.field == "resourcePolicies of the account");
        assert!(shown.unwrap().live.starts_with("Delivery: {"), "{shown:?}");
        let (clients, http) = replay(vec![(200, "{}"); 4]);
        Logs::new(&clients).update(&want(), &found, &Task::detached("x")).await.unwrap();
        let requests = requests(&http);
        assert!(requests[0].contains("DeleteSubscriptionFilter") && requests[0].contains("copy"), "{requests:?}");
        assert!(requests[1].contains("DeleteResourcePolicy") && requests[1].contains(r#""expectedRevisionId":"7""#));
        assert!(!requests[1].contains("policyName"), "only the group's own: {requests:?}");
        assert!(requests[2].contains("PutBearerTokenAuthentication") && requests[2].contains("false"), "{requests:?}");
        assert!(requests[3].contains("DisassociateKmsKey"), "{requests:?}");
    }

    #[test]
    fn a_key_of_the_account_and_its_retention_policy_are_kept() {
        let live = LogGroupLive {
            retention_policy: Some("a-year".into()),
            retention_days: Some(365),
            kms_key: Some("arn:aws:kms:eu-central-1:123456789012:key/k".into()),
            ..LogGroupLive::default()
        };
        assert_eq!(want().drift(&live), []);
    }

    #[tokio::test]
    async fn a_policy_that_only_denies_differs_and_a_group_that_is_only_looked_for_is_asked_for_none() {
        let policy = |effect: &str| {
            let statement = serde_json::json!({ "Effect": effect, "Principal": "*", "Action": "logs:*" });
            OwnPolicy { document: Policy::new([statement]), revision: None }
        };
        let drift = |effect: &str| {
            let live =
                LogGroupLive { retention_days: Some(14), policy: Some(policy(effect)), ..LogGroupLive::default() };
            want().drift(&live)[0].weakens
        };
        assert_eq!((drift("Allow"), drift("Deny")), (true, false));
        let (clients, http) = replay(vec![(200, GROUPS), (200, OURS), (200, NO_FILTERS)]);
        let task = Task::detached("x").only_finding();
        assert!(Logs::new(&clients).read(&want().key(), None, &task).await.unwrap().is_some());
        assert_eq!(requests(&http).len(), 3);
    }

    #[tokio::test]
    async fn the_accounts_policies_are_read_once() {
        let read = [(200, GROUPS), (200, OURS), (200, NO_FILTERS), (200, NO_POLICIES)];
        let (clients, http) = replay([read.to_vec(), vec![(200, NO_POLICIES)], read.to_vec()].concat());
        let logs = Logs::new(&clients);
        for _ in 0..2 {
            assert!(logs.read(&want().key(), None, &Task::detached("x")).await.unwrap().is_some());
        }
        assert_eq!(requests(&http).len(), 9);
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

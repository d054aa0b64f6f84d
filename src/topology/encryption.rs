//! The key that encrypts the stack's data: one that the stack creates, one that the stack file names, or AWS's.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::apis::{ApiIds, access_log_name};
use super::rest_stage::execution_log_name;
use super::{Input, alarms, edge, functions};
use crate::aws::Encryption;
use crate::aws::apigateway::RestApi;
use crate::aws::kms::{Key, alias_of};
use crate::choices::ExecutionLog;
use crate::engine::{Graph, Handle, Needs};
use crate::policy::Policy;
use crate::scope::Scope;
use crate::spec::{ApiKind, KmsKey, Stack};

/// The ids of the resources that this file adds.
pub(crate) mod ids {
    use crate::aws::kms::Key;
    use crate::topology::id::IdOf;

    /// The key that the stack creates.
    pub(crate) fn key() -> IdOf<Key> {
        IdOf::new("key", "stack")
    }
}

/// After how many days AWS replaces the material of the stack's key: a year, as auditors expect.
const ROTATION_DAYS: i32 = 365;

/// The encryption of a resource, as a dependency of its description.
#[derive(Debug, Clone)]
pub(super) enum EncryptedBy {
    Known(Encryption),
    Own(Handle<Key>),
}

impl Needs for EncryptedBy {
    type Out = Encryption;

    fn indices(&self) -> Vec<usize> {
        match self {
            Self::Known(_) => Vec::new(),
            Self::Own(key) => key.indices(),
        }
    }

    fn read(&self, outputs: &dyn Fn(usize) -> Value) -> Encryption {
        match self {
            Self::Known(encryption) => encryption.clone(),
            Self::Own(key) => Encryption::With(key.read(outputs).arn),
        }
    }
}

/// Adds the stack's key, if the stack file wants one. `former` is the ARN of the key that the stack made earlier and
/// still has.
pub(super) fn encryption(
    graph: &mut Graph,
    from: Input<'_>,
    former: Option<&str>,
    rest_apis: &BTreeMap<Option<String>, Handle<RestApi>>,
) -> EncryptedBy {
    match (&from.stack.kms_key, former) {
        (Some(KmsKey::Create), _) => EncryptedBy::Own(key(graph, from, rest_apis)),
        (Some(KmsKey::Arn(arn)), _) => EncryptedBy::Known(Encryption::With(arn.clone())),
        (None, Some(former)) => EncryptedBy::Known(Encryption::Without(former.to_owned())),
        (None, None) => EncryptedBy::Known(Encryption::Unchosen),
    }
}

fn key(
    graph: &mut Graph,
    Input { stack, scope, .. }: Input<'_>,
    rest_apis: &BTreeMap<Option<String>, Handle<RestApi>>,
) -> Handle<Key> {
    let id = ids::key();
    // API Gateway chooses the names of the groups of execution logs, by the API's id.
    let logged =
        stack.all_apis().filter(|(_, api)| api.kind == ApiKind::Rest && api.logs.execution != ExecutionLog::Off);
    let logged: Vec<(String, Handle<RestApi>)> =
        logged.filter_map(|(name, api)| Some((api.stage.clone(), *rest_apis.get(&name.map(str::to_owned))?))).collect();
    let (stages, apis): (Vec<String>, Vec<Handle<RestApi>>) = logged.into_iter().unzip();
    let names = log_groups(stack, scope);
    let sending = stack.topics.iter().filter(|(_, topic)| topic.queues().next().is_some());
    let sending: Vec<String> = sending.map(|(name, _)| scope.arn("sns", &scope.physical(name))).collect();
    let topic = stack.has_alarms_topic().then(|| scope.arn("sns", &alarms::topic_name(scope)));
    let wanted = Key {
        id: id.to_string(),
        alias: alias_of(&scope.stack),
        description: format!("Encrypts the data of the stack {}", scope.stack),
        policy: Policy::default(),
        rotation_days: ROTATION_DAYS,
        roles: scope.role_arn(""),
    };
    let scope = scope.clone();
    id.add(graph, apis, move |apis| {
        let execution = stages.iter().zip(apis).map(|(stage, api)| execution_log_name(&api.id, stage));
        let names: Vec<String> = names.iter().cloned().chain(execution).collect();
        Key { policy: policy(&scope, &names, topic.as_deref(), &sending), ..wanted.clone() }
    })
}

/// The names of the stack's log groups that follow from the stack file.
fn log_groups(stack: &Stack, scope: &Scope) -> Vec<String> {
    let of_functions = stack.functions.keys().map(|name| functions::log_group_name(scope, name));
    let of_apis = stack
        .all_apis()
        .filter(|(_, api)| api.kind == ApiKind::Http || api.logs.access)
        .map(|(name, _)| access_log_name(ApiIds(name), scope));
    let of_firewall = stack.firewall.as_ref().filter(|firewall| firewall.log).map(|_| edge::log_name(scope));
    of_functions.chain(of_apis).chain(of_firewall).collect()
}

/// The key policy. The account's IAM policies decide about all principals but AWS's services (docs/aws.md, Keys of a
/// stack). CloudWatch Logs may use the key for the stack's groups, CloudWatch for the topic of its alarms, and SNS for
/// queues that get messages of topics.
fn policy(scope: &Scope, log_groups: &[String], alarms: Option<&str>, sending: &[String]) -> Policy {
    let account = json!({
        "Sid": "AccountDecides",
        "Effect": "Allow",
        "Principal": { "AWS": format!("arn:{}:iam::{}:root", scope.partition, scope.account) },
        "Action": "kms:*",
        "Resource": "*",
    });
    let groups: Vec<String> = log_groups.iter().map(|name| scope.arn("logs", &format!("log-group:{name}"))).collect();
    let logs = (!groups.is_empty()).then(|| {
        json!({
            "Sid": "LogGroups",
            "Effect": "Allow",
            "Principal": { "Service": scope.host("logs") },
            "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            "Resource": "*",
            "Condition": { "ArnEquals": { "kms:EncryptionContext:aws:logs:arn": groups } },
        })
    });
    let alarms = alarms.map(|topic| {
        json!({
            "Sid": "Alarms",
            "Effect": "Allow",
            "Principal": { "Service": "cloudwatch.amazonaws.com" },
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": { "StringEquals": { "kms:EncryptionContext:aws:sns:topicArn": topic } },
        })
    });
    let topics = (!sending.is_empty()).then(|| {
        json!({
            "Sid": "TopicsToQueues",
            "Effect": "Allow",
            "Principal": { "Service": "sns.amazonaws.com" },
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": {
                "ArnEquals": { "aws:SourceArn": sending },
                "StringEquals": { "aws:SourceAccount": scope.account },
            },
        })
    });
    Policy::new([account].into_iter().chain(logs).chain(alarms).chain(topics))
}

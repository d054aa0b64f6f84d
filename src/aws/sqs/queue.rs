//! A queue and its settings.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::redrive::NOWHERE;
use super::refusals::{DEAD_LETTER_QUEUE, QUEUE_NAME};
use super::{QUEUES, Redrive, Sqs};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::{confirmed, settled, until};
use crate::aws::sqs::SERVICE;
use crate::aws::tags::tag_map;
use crate::aws::{Encryption, keys};
use crate::engine::{Comparison, Effect, Failure, Found, Listing, Provider, Resource, Retag, Tags, Task};
use crate::layer::Layer;
use crate::policy::Policy;
use crate::scope::Whose;

/// While a deleted queue can still be seen: the first and the longest pause between two reads, in milliseconds, and the
/// total time in seconds.
const PACE: (u64, u64) = (1000, 5000);
const BUDGET: u64 = 120;

/// Attributes that identify the queue, count its messages or say when it was changed.
const IDENTIFYING: [&str; 6] = [
    "QueueArn",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
];

const POLICY: &str = "Policy";
const KEY: &str = "KmsMasterKeyId";
const OWN_ENCRYPTION: &str = "SqsManagedSseEnabled";
const KEPT_FOR: &str = "MessageRetentionPeriod";
const MOVED_TO: &str = "RedrivePolicy";
const HIDDEN_FOR: &str = "VisibilityTimeout";

/// The seconds in a day.
const DAY: u32 = 86_400;

/// The actions that send, receive and change messages.
const WITH_MESSAGES: [&str; 5] =
    ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:PurgeQueue"];

#[derive(Debug, Clone)]
pub struct Queue {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// 1 to 80 of `A-Z a-z 0-9 _ -`. The name of a FIFO queue ends in `.fifo`.
    pub name: String,
    /// Its ARN, which follows from the name.
    pub arn: String,
    /// The account that owns the queue: twelve digits.
    pub account: String,
    /// Whether it keeps the order of messages. AWS cannot change this later.
    pub fifo: bool,
    /// The retention of messages in days: 1 to 14.
    pub retention_days: u32,
    /// The visibility timeout of a received message in seconds, if the stack file sets it.
    pub visibility_s: Option<u32>,
    /// The ARNs of the topics that may send to it.
    pub topics: Vec<String>,
    /// The dead-letter queue for messages that were delivered too often.
    pub dead_letters: Option<Redrive>,
    /// Its encryption at rest. Without a key, it is SQS's own encryption.
    pub kms_key: Encryption,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueOutputs {
    /// `arn:aws:sqs:<region>:<account>:<name>`.
    pub arn: String,
}

impl QueueOutputs {
    pub fn name(&self) -> &str {
        self.arn.rsplit(':').next().unwrap_or(&self.arn)
    }
}

/// A queue is looked up by its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueKey {
    pub(super) id: String,
    pub(super) name: String,
}

/// A queue's settings.
#[derive(Debug, Clone)]
pub struct QueueLive {
    /// Without statements if the queue has none.
    pub policy: Policy,
    /// The attributes by AWS's names, except the policy and the attributes in `IDENTIFYING`.
    pub attributes: BTreeMap<String, String>,
}

impl Queue {
    /// The queue's policy. It allows only the stack's topics to send: principals of this account need IAM policies of
    /// their own. It denies other accounts everything, and denies everybody to send, receive and change messages
    /// without TLS.
    pub(crate) fn policy(&self) -> Policy {
        let deny = |sid: &str, actions: serde_json::Value, condition: serde_json::Value| {
            json!({
                "Sid": sid,
                "Effect": "Deny",
                "Principal": "*",
                "Action": actions,
                "Resource": self.arn,
                "Condition": condition,
            })
        };
        // AWS's own services have no account, so this denial must not apply to them.
        let others = json!({
            "StringNotEquals": { "aws:PrincipalAccount": self.account },
            "Bool": { "aws:PrincipalIsAWSService": "false" },
        });
        let topics = (!self.topics.is_empty()).then(|| {
            json!({
                "Sid": "OwnTopics",
                "Effect": "Allow",
                "Principal": { "Service": "sns.amazonaws.com" },
                "Action": "sqs:SendMessage",
                "Resource": self.arn,
                "Condition": { "ArnEquals": { "aws:SourceArn": self.topics } },
            })
        });
        let denied = [
            deny("OnlyOverTls", json!(WITH_MESSAGES), json!({ "Bool": { "aws:SecureTransport": "false" } })),
            deny("NoOtherAccounts", json!("sqs:*"), others),
        ];
        Policy::new(denied.into_iter().chain(topics))
    }

    /// The attributes that a new queue is given.
    fn attributes(&self) -> HashMap<Attribute, String> {
        let encrypted = match self.kms_key.key() {
            Some(key) => (Attribute::KmsMasterKeyId, key.clone()),
            None => (Attribute::SqsManagedSseEnabled, "true".to_owned()),
        };
        let always = [
            (Attribute::Policy, self.policy().to_string()),
            encrypted,
            (Attribute::MessageRetentionPeriod, self.retention_s()),
        ];
        let fifo = self.fifo.then(|| (Attribute::FifoQueue, "true".to_owned()));
        let moved = self.dead_letters.as_ref().map(|moved| (Attribute::RedrivePolicy, moved.to_string()));
        let hidden = self.visibility_s.map(|seconds| (Attribute::VisibilityTimeout, seconds.to_string()));
        always.into_iter().chain(fifo).chain(moved).chain(hidden).collect()
    }

    /// The retention in seconds, as SQS expects it.
    fn retention_s(&self) -> String {
        self.retention_seconds().to_string()
    }

    pub(crate) fn retention_seconds(&self) -> u32 {
        self.retention_days * DAY
    }

    fn moved_to(&self) -> String {
        self.dead_letters.as_ref().map_or_else(|| NOWHERE.to_owned(), ToString::to_string)
    }
}

impl Resource for Queue {
    const KIND: &'static str = "sqs.queue";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = false;
    const GUARDS: bool = false;
    type Key = QueueKey;
    type Outputs = QueueOutputs;
    type Live = QueueLive;

    fn key(&self) -> QueueKey {
        QueueKey { id: self.id.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &QueueOutputs) -> String {
        outputs.arn.clone()
    }

    fn removal_command(outputs: &QueueOutputs) -> Option<String> {
        let name = outputs.name();
        Some(format!(
            "aws sqs delete-queue --queue-url \"$(aws sqs get-queue-url --queue-name {name} --query QueueUrl --output text)\""
        ))
    }

    fn compare(&self, live: &QueueLive) -> Comparison {
        let attribute = |name: &str, default: &str| {
            let value = live.attributes.get(name).filter(|value| !value.is_empty());
            value.map_or(default, String::as_str).to_owned()
        };
        let key = live.attributes.get(KEY).filter(|key| !key.is_empty());
        let policy = self.policy();
        let compared = Comparison::default().judged(POLICY, &policy, &live.policy, policy.judge(&live.policy));
        // The KMS key comes before SQS's own encryption: a queue has one of them, and an update makes the changes in
        // this order.
        let mut compared = keys::compared(compared, KEY, &self.kms_key, key, &self.account);
        let own = attribute(OWN_ENCRYPTION, "false");
        // `keys::compared` has already reported that the stack file's key is missing.
        let by_key = self.kms_key.key().is_some() || key.is_some_and(|key| self.kms_key.keeps(key, &self.account));
        let encrypted = if by_key { Effect::Same } else { Effect::weakens_unless(own == "true") };
        let moved_to = attribute(MOVED_TO, NOWHERE);
        let moved = Redrive::judge(self.dead_letters.as_ref(), &moved_to);
        compared = compared
            .judged(OWN_ENCRYPTION, "true", own, encrypted)
            .plain(KEPT_FOR, self.retention_s(), attribute(KEPT_FOR, "none"))
            .judged(MOVED_TO, self.moved_to(), moved_to, moved);
        if let Some(seconds) = self.visibility_s {
            compared = compared.plain(HIDDEN_FOR, seconds, attribute(HIDDEN_FOR, "none"));
        }
        // Attributes that the stack file does not set and that give nobody access are kept.
        for (name, value) in &live.attributes {
            let compared_above = [KEY, OWN_ENCRYPTION, KEPT_FOR, MOVED_TO].contains(&name.as_str());
            if !compared_above && (name != HIDDEN_FOR || self.visibility_s.is_none()) {
                compared = compared.judged(name, value, value, Effect::Same);
            }
        }
        compared
    }
}

impl Described for Queue {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "queue",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::Sqs,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::RetagOwn,
                on: QUEUES,
                rights: &[Permissions { needs: &[Usage::Update], actions: &["sqs:TagQueue", "sqs:UntagQueue"] }],
            },
            StatementTemplate {
                sid: Sid::FindOwn,
                on: QUEUES,
                rights: &[
                    Permissions {
                        needs: &[Usage::Read],
                        actions: &["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags"],
                    },
                    Permissions { needs: &[Usage::Survivors], actions: &["sqs:ListQueueTags"] },
                ],
            },
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: QUEUES,
                rights: &[Permissions { needs: &[Usage::Update], actions: &["sqs:SetQueueAttributes"] }],
            },
            StatementTemplate {
                sid: Sid::OwnByName,
                on: QUEUES,
                rights: &[Permissions { needs: &[Usage::Delete], actions: &["sqs:DeleteQueue"] }],
            },
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: QUEUES,
                rights: &[Permissions { needs: &[Usage::Create], actions: &["sqs:CreateQueue", "sqs:TagQueue"] }],
            },
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[Permissions { needs: &[Usage::Survivors], actions: &["sqs:ListQueues"] }],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "queue {}",
            holds: "its messages are encrypted, and only this account can use it, over TLS",
            read: "GetQueueAttributes",
        },
    };
}

impl Sqs {
    async fn set(&self, url: &str, attribute: Attribute, value: &str, task: &Task) -> Result<(), Failure> {
        let doing = format!("set {} of the queue {}", attribute.as_str(), super::name_of(url));
        let set = settled(task, &[&DEAD_LETTER_QUEUE], || async {
            let call = self.client.set_queue_attributes().queue_url(url).attributes(attribute.clone(), value);
            call.send().await.or_fail(&doing)
        });
        set.await.map(drop)
    }
}

impl Provider<Queue> for Sqs {
    async fn read(&self, key: &QueueKey, _: Option<&QueueOutputs>, _: &Task) -> Result<Option<Found<Queue>>, Failure> {
        let Some(url) = self.url(&key.name).await? else { return Ok(None) };
        let doing = format!("read the queue {}", key.name);
        let (attributes, ours) = tokio::join!(
            self.client.get_queue_attributes().queue_url(&url).attribute_names(Attribute::All).send(),
            self.is_ours(&url),
        );
        let Some(ours) = ours? else { return Ok(None) };
        let outputs = QueueOutputs { arn: self.scope.arn("sqs", &key.name) };
        if !ours {
            return Err(Failure::foreign("the queue", &outputs.arn));
        }
        let Some(attributes) = attributes.or_fail(&doing).or_absent()? else { return Ok(None) };
        let attributes = attributes.attributes.unwrap_or_default().into_iter();
        let mut attributes: BTreeMap<String, String> =
            attributes.map(|(name, value)| (name.as_str().to_owned(), value)).collect();
        let policy = match attributes.remove(POLICY).filter(|policy| !policy.is_empty()) {
            Some(policy) => Policy::parse(&policy)
                .map_err(|error| Failure::refused(format!("could not {doing}: its policy is not JSON: {error}")))?,
            None => Policy::default(),
        };
        attributes.retain(|name, value| !value.is_empty() && !IDENTIFYING.contains(&name.as_str()));
        Ok(Some(Found { outputs, live: QueueLive { policy, attributes } }))
    }

    fn predict(&self, want: &Queue) -> Option<QueueOutputs> {
        Some(QueueOutputs { arn: self.scope.arn("sqs", &want.name) })
    }

    async fn create(&self, want: &Queue, task: &Task) -> Result<QueueOutputs, Failure> {
        let doing = format!("create the queue {}", want.name);
        let made = settled(task, &[&QUEUE_NAME, &DEAD_LETTER_QUEUE], || async {
            let call = self.once.create_queue().queue_name(&want.name).set_attributes(Some(want.attributes()));
            call.set_tags(Some(tag_map(&self.scope, &want.id))).send().await.or_fail(&doing)
        });
        made.await?;
        Ok(QueueOutputs { arn: self.scope.arn("sqs", &want.name) })
    }

    async fn update(&self, want: &Queue, found: &Found<Queue>, task: &Task) -> Result<QueueOutputs, Failure> {
        let drift = want.drift(&found.live);
        let Some(url) = self.url(&want.name).await?.filter(|_| !drift.is_empty()) else {
            return Ok(found.outputs.clone());
        };
        for setting in drift {
            match setting.field.as_str() {
                POLICY => self.set(&url, Attribute::Policy, &want.policy().to_string(), task).await?,
                // An empty value turns off the encryption with a KMS key, or removes the redrive policy.
                KEY => {
                    let key = want.kms_key.key().map_or("", String::as_str);
                    self.set(&url, Attribute::KmsMasterKeyId, key, task).await?;
                }
                MOVED_TO => {
                    let moved = want.dead_letters.as_ref().map(ToString::to_string).unwrap_or_default();
                    self.set(&url, Attribute::RedrivePolicy, &moved, task).await?;
                }
                OWN_ENCRYPTION => self.set(&url, Attribute::SqsManagedSseEnabled, "true", task).await?,
                HIDDEN_FOR => self.set(&url, Attribute::VisibilityTimeout, &setting.want, task).await?,
                KEPT_FOR => self.set(&url, Attribute::MessageRetentionPeriod, &want.retention_s(), task).await?,
                _ => {}
            }
        }
        Ok(found.outputs.clone())
    }

    async fn tags(&self, of: &QueueOutputs, _: &Task) -> Result<Option<Tags>, Failure> {
        let Some(url) = self.url(of.name()).await? else { return Ok(None) };
        self.tags_at(&url).await
    }

    async fn retag(&self, of: &QueueOutputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        let Some(url) = self.url(of.name()).await? else { return Ok(()) };
        self.retag_at(&url, change, task).await
    }

    async fn vouch(&self, recorded: &QueueOutputs, _: &Task) -> Result<bool, Failure> {
        let Some(url) = self.url(recorded.name()).await? else { return Ok(true) };
        Ok(self.is_ours(&url).await?.unwrap_or(true))
    }

    async fn delete(&self, gone: &QueueOutputs, task: &Task) -> Result<(), Failure> {
        let name = gone.name();
        let Some(url) = self.url(name).await? else { return Ok(()) };
        let deleted = self.client.delete_queue().queue_url(&url).send().await;
        if deleted.or_fail(&format!("delete the queue {name}")).or_absent()?.is_none() {
            return Ok(());
        }
        let seen_gone = until(task, "the queue is not gone yet", PACE, BUDGET, || async {
            Ok(self.url(name).await?.is_none().then_some(()))
        });
        confirmed(seen_gone.await)
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        Ok(self.queues(whose).await)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{replay, requests};
    use crate::engine::{Cause, Drift};

    const ARN: &str = "arn:aws:sqs:eu-central-1:123456789012:demo-dead";
    const RETENTION: &str = "1209600";
    const URL: &str = r#"{"QueueUrl":"https://sqs.eu-central-1.amazonaws.com/123456789012/demo-dead"}"#;
    const OURS: &str = r#"{"Tags":{"securelambda:stack":"demo"}}"#;
    const ABSENT: &str =
        r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}"#;

    fn want() -> Queue {
        Queue {
            id: "queue.dead".into(),
            name: "demo-dead".into(),
            arn: ARN.into(),
            account: "123456789012".into(),
            fifo: false,
            retention_days: 14,
            visibility_s: None,
            topics: Vec::new(),
            dead_letters: None,
            kms_key: Encryption::default(),
        }
    }

    /// AWS's answer for a queue that is equal to `want`, except for the attributes in `changes`.
    fn attributes(changes: &[(&str, &str)]) -> String {
        let mut attributes = json!({
            "QueueArn": ARN, "ApproximateNumberOfMessages": "3", "ApproximateNumberOfMessagesNotVisible": "1",
            "ApproximateNumberOfMessagesDelayed": "0", "CreatedTimestamp": "1764400000",
            "LastModifiedTimestamp": "1764400000", "VisibilityTimeout": "30", "MaximumMessageSize": "1048576",
            "MessageRetentionPeriod": RETENTION, "DelaySeconds": "0", "ReceiveMessageWaitTimeSeconds": "0",
            "SqsManagedSseEnabled": "true", "Policy": want().policy().to_string(),
        });
        for (name, value) in changes {
            attributes[*name] = json!(value);
        }
        json!({ "Attributes": attributes }).to_string()
    }

    fn task() -> Task {
        Task::detached("queue.dead")
    }

    async fn found(changes: &[(&str, &str)]) -> Found<Queue> {
        let (clients, _) = replay(vec![(200, URL), (200, &attributes(changes)), (200, OURS)]);
        Provider::<Queue>::read(&Sqs::new(&clients), &want().key(), None, &task()).await.unwrap().unwrap()
    }

    async fn drift(changes: &[(&str, &str)]) -> Vec<Drift> {
        want().drift(&found(changes).await.live)
    }

    #[tokio::test]
    async fn a_new_queue_is_as_wanted_and_every_setting_is_evidence() {
        let found = found(&[]).await;
        assert_eq!((want().drift(&found.live), found.outputs.arn.as_str()), (vec![], ARN));
        let compared = want().compare(&found.live);
        let fields: Vec<&str> = compared.settings().iter().map(|setting| setting.field.as_str()).collect();
        let expected = [
            "Policy",
            "KmsMasterKeyId",
            "SqsManagedSseEnabled",
            "MessageRetentionPeriod",
            "RedrivePolicy",
            "DelaySeconds",
            "MaximumMessageSize",
            "ReceiveMessageWaitTimeSeconds",
            "VisibilityTimeout",
        ];
        assert_eq!(fields, expected);
    }

    #[tokio::test]
    async fn a_statement_for_others_weakens_and_a_further_denial_does_not() {
        let with = |statement| want().policy().with(statement).to_string();
        let anybody = json!({ "Effect": "Allow", "Principal": "*", "Action": "sqs:ReceiveMessage", "Resource": ARN });
        let denial = json!({ "Effect": "Deny", "Principal": "*", "Action": "sqs:PurgeQueue", "Resource": ARN });
        for (policy, weakens) in [(with(anybody), true), (with(denial), false), (String::new(), true)] {
            let drift = drift(&[("Policy", &policy)]).await;
            assert!(matches!(drift.as_slice(), [one] if one.field == "Policy" && one.weakens == weakens), "{drift:?}");
        }
    }

    #[tokio::test]
    async fn a_key_of_the_account_is_kept_and_anothers_or_none_weakens() {
        let own = "arn:aws:kms:eu-central-1:123456789012:key/k";
        assert_eq!(drift(&[("KmsMasterKeyId", own), ("SqsManagedSseEnabled", "false")]).await, []);
        let plain = Drift::weakening("SqsManagedSseEnabled", "true", "false");
        assert_eq!(drift(&[("SqsManagedSseEnabled", "false")]).await, std::slice::from_ref(&plain));
        let theirs = "arn:aws:kms:eu-central-1:999999999999:key/k";
        let by_them = [Drift::weakening("KmsMasterKeyId", "no key of another account", theirs), plain];
        assert_eq!(drift(&[("KmsMasterKeyId", theirs), ("SqsManagedSseEnabled", "false")]).await, by_them);
    }

    #[tokio::test]
    async fn shorter_keeping_and_another_queue_behind_it_differ() {
        let behind = r#"{"deadLetterTargetArn":"arn:q","maxReceiveCount":1}"#;
        let drift = drift(&[("MessageRetentionPeriod", "60"), ("RedrivePolicy", behind), ("DelaySeconds", "5")]).await;
        let expected =
            [Drift::new("MessageRetentionPeriod", RETENTION, 60), Drift::weakening("RedrivePolicy", "none", behind)];
        assert_eq!(drift, expected);
    }

    #[tokio::test]
    async fn a_dead_letter_queue_is_demanded_and_set() {
        let want = Queue { dead_letters: Some(Redrive { queue: "arn:q".into(), after: 5 }), ..want() };
        let found = found(&[("RedrivePolicy", "")]).await;
        let policy = want.moved_to();
        assert_eq!(want.drift(&found.live), [Drift::new("RedrivePolicy", &policy, NOWHERE)]);
        let (clients, http) = replay(vec![(200, URL), (200, "{}")]);
        Provider::<Queue>::update(&Sqs::new(&clients), &want, &found, &task()).await.unwrap();
        let call = &requests(&http)[1];
        assert!(call.contains(&json!({ "RedrivePolicy": policy }).to_string()), "{call}");
        assert_eq!(want.drift(&self::found(&[("RedrivePolicy", &policy)]).await.live), []);
    }

    #[tokio::test]
    async fn a_message_is_hidden_as_long_as_its_function_needs() {
        let want = Queue { visibility_s: Some(60), ..want() };
        assert_eq!(want.attributes()[&Attribute::VisibilityTimeout], "60");
        let found = found(&[]).await;
        assert_eq!(want.drift(&found.live), [Drift::new(HIDDEN_FOR, 60, 30)]);
        let (clients, http) = replay(vec![(200, URL), (200, "{}")]);
        Provider::<Queue>::update(&Sqs::new(&clients), &want, &found, &task()).await.unwrap();
        assert!(requests(&http)[1].contains(r#""VisibilityTimeout":"60""#));
    }

    #[test]
    fn a_fifo_queue_is_created_as_one() {
        let fifo = Queue { fifo: true, name: "demo-dead.fifo".into(), ..want() };
        assert_eq!(fifo.attributes()[&Attribute::FifoQueue], "true");
        assert!(!want().attributes().contains_key(&Attribute::FifoQueue));
    }

    #[tokio::test]
    async fn an_update_sets_what_differs_and_turns_another_key_off_first() {
        let found = found(&[
            ("Policy", ""),
            ("KmsMasterKeyId", "arn:aws:kms:eu-central-1:999999999999:key/k"),
            ("SqsManagedSseEnabled", "false"),
        ])
        .await;
        let (clients, http) = replay(vec![(200, URL), (200, "{}"), (200, "{}"), (200, "{}")]);
        Provider::<Queue>::update(&Sqs::new(&clients), &want(), &found, &task()).await.unwrap();
        let calls = requests(&http);
        assert!(calls[1].contains("NoOtherAccounts") && calls[1].contains("SecureTransport"), "{calls:?}");
        assert!(calls[2].contains(r#""Attributes":{"KmsMasterKeyId":""}"#), "{calls:?}");
        assert!(calls[3].contains(r#""Attributes":{"SqsManagedSseEnabled":"true"}"#), "{calls:?}");
        let (idle, http) = replay(vec![(200, URL)]);
        let sound = self::found(&[]).await;
        Provider::<Queue>::update(&Sqs::new(&idle), &want(), &sound, &task()).await.unwrap();
        assert!(requests(&http).len() <= 1);
    }

    #[tokio::test]
    async fn one_call_creates_it_with_its_tags_and_all_settings() {
        let (clients, http) = replay(vec![(200, URL)]);
        let outputs = Provider::<Queue>::create(&Sqs::new(&clients), &want(), &task()).await.unwrap();
        assert_eq!(outputs.arn, ARN);
        let call = &requests(&http)[0];
        for part in ["securelambda:stack", "SqsManagedSseEnabled", RETENTION, "NoOtherAccounts"] {
            assert!(call.contains(part), "{part} in {call}");
        }
    }

    #[tokio::test]
    async fn a_queue_of_others_is_foreign_and_a_missing_one_absent() {
        let theirs = r#"{"Tags":{"securelambda:stack":"other"}}"#;
        let (clients, _) = replay(vec![(200, URL), (200, &attributes(&[])), (200, theirs)]);
        let read = Provider::<Queue>::read(&Sqs::new(&clients), &want().key(), None, &task()).await;
        assert_eq!(read.unwrap_err().cause, Cause::Foreign);
        let (clients, _) = replay(vec![(400, ABSENT)]);
        let read = Provider::<Queue>::read(&Sqs::new(&clients), &want().key(), None, &task()).await;
        assert!(read.unwrap().is_none());
    }

    #[tokio::test]
    async fn delete_returns_once_it_is_gone() {
        let gone = QueueOutputs { arn: ARN.into() };
        let (clients, http) = replay(vec![(200, URL), (200, ""), (200, URL), (400, ABSENT), (400, ABSENT)]);
        let sqs = Sqs::new(&clients);
        Provider::<Queue>::delete(&sqs, &gone, &task()).await.unwrap();
        assert_eq!(requests(&http).len(), 4);
        Provider::<Queue>::delete(&sqs, &gone, &task()).await.unwrap();
    }

    #[tokio::test]
    async fn all_messages_are_counted_also_those_that_are_being_read() {
        let (clients, _) = replay(vec![(400, ABSENT)]);
        assert_eq!(Sqs::new(&clients).messages(ARN).await.unwrap(), None);
        let counts =
            r#"{"Attributes":{"ApproximateNumberOfMessages":"3","ApproximateNumberOfMessagesNotVisible":"1"}}"#;
        let (clients, _) = replay(vec![(200, URL), (200, counts)]);
        assert_eq!(Sqs::new(&clients).messages(ARN).await.unwrap(), Some(4));
    }
}

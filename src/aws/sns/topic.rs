//! A topic, its settings, and its subscriptions.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::refusals::SNS_BUSY;
use super::{API_VERSION, Address, Sns, Subscribed, Subscription, TOPICS};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::settled;
use crate::aws::sns::SERVICE;
use crate::aws::tags::tags;
use crate::aws::{Encryption, keys};
use crate::engine::{Comparison, Effect, Failure, Found, Listing, Provider, Resource, Retag, Tags, Task};
use crate::layer::Layer;
use crate::policy::Policy;
use crate::scope::Whose;

/// The field of the stack file's addresses that have no subscription.
const NOBODY: &str = "Subscriptions.Missing";

/// Attributes that identify the topic, count its subscriptions, or follow from another attribute.
const IDENTIFYING: [&str; 6] = [
    "TopicArn",
    "Owner",
    "SubscriptionsConfirmed",
    "SubscriptionsPending",
    "SubscriptionsDeleted",
    "EffectiveDeliveryPolicy",
];

#[derive(Debug, Clone)]
pub struct Topic {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// 1 to 256 of `A-Z a-z 0-9 _ -`.
    pub name: String,
    /// Its ARN, which follows from the name.
    pub arn: String,
    /// The account that owns the topic: twelve digits.
    pub account: String,
    /// The ARNs of the functions and queues that receive its messages. Other subscriptions are deleted.
    pub subscribers: Vec<String>,
    /// The ARNs of all functions of the stack. An unwanted subscription of one of them does not weaken.
    pub functions: Vec<String>,
    /// The addresses that receive its messages, each after its owner has confirmed that.
    pub addresses: Vec<Address>,
    /// The pattern of the ARNs of the alarms that may publish to it through CloudWatch.
    pub alarms: Option<String>,
    /// Whether messages must be published over TLS.
    pub tls_only: bool,
    /// Whether SNS sends traces of the messages to X-Ray.
    pub tracing: bool,
    /// How SNS signs messages: 1 with SHA-1, 2 with SHA-256.
    pub signature_version: u8,
    /// Its encryption at rest.
    pub kms_key: Encryption,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TopicOutputs {
    /// `arn:aws:sns:<region>:<account>:<name>`.
    pub arn: String,
}

/// A topic is looked up by its name, from which its ARN follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TopicKey {
    pub(super) id: String,
    pub(super) name: String,
}

/// A topic's settings.
#[derive(Debug, Clone)]
pub struct TopicLive {
    pub policy: Policy,
    /// The attributes by AWS's names, except the policy and the attributes in `IDENTIFYING`.
    pub attributes: BTreeMap<String, String>,
    pub subscriptions: Vec<Subscribed>,
    /// The functions and queues of the subscriptions that the state has, by ARN. The engine itself deletes those that
    /// are not wanted any more, after it has created their replacements.
    pub recorded: BTreeSet<String>,
}

/// The subscriptions, or `none`.
fn list(subscriptions: &[&Subscribed]) -> String {
    let each: Vec<String> = subscriptions.iter().map(ToString::to_string).collect();
    if each.is_empty() { "none".to_owned() } else { each.join(", ") }
}

impl Topic {
    /// The subscriptions that the stack does not want.
    fn unwanted<'a>(&'a self, live: &'a TopicLive) -> impl Iterator<Item = &'a Subscribed> {
        let wanted = |one: &Subscribed| match one.protocol.as_str() {
            "lambda" | "sqs" => self.subscribers.contains(&one.endpoint) || live.recorded.contains(&one.endpoint),
            _ => self.addresses.iter().any(|address| address.is(one)),
        };
        live.subscriptions.iter().filter(move |one| !wanted(one))
    }

    /// The addresses that have no subscription, whether confirmed or not.
    fn unsubscribed<'a>(&'a self, live: &'a TopicLive) -> impl Iterator<Item = &'a Address> {
        self.addresses.iter().filter(|address| !live.subscriptions.iter().any(|one| address.is(one)))
    }

    /// The policy, if it is not the one that AWS gives to every topic.
    pub(crate) fn own_policy(&self) -> Option<Policy> {
        (self.tls_only || self.alarms.is_some()).then(|| self.policy())
    }

    /// The ARN of an address's subscription, if its owner has confirmed it.
    pub(crate) fn confirmed<'a>(address: &Address, live: &'a TopicLive) -> Option<&'a str> {
        live.subscriptions.iter().find(|one| address.is(one))?.arn.as_deref()
    }

    pub(crate) fn tracing_mode(&self) -> &'static str {
        if self.tracing { "Active" } else { "PassThrough" }
    }

    /// The attributes that a new topic does not have.
    fn beyond_defaults(&self) -> Vec<(&'static str, String)> {
        let mut beyond = Vec::new();
        if let Some(policy) = self.own_policy() {
            beyond.push(("Policy", policy.to_string()));
        }
        if self.tracing {
            beyond.push(("TracingConfig", self.tracing_mode().to_owned()));
        }
        if self.signature_version != 1 {
            beyond.push(("SignatureVersion", self.signature_version.to_string()));
        }
        if let Some(key) = self.kms_key.key() {
            beyond.push(("KmsMasterKeyId", key.clone()));
        }
        beyond
    }
}

impl Resource for Topic {
    const KIND: &'static str = "sns.topic";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = false;
    const GUARDS: bool = false;
    type Key = TopicKey;
    type Outputs = TopicOutputs;
    type Live = TopicLive;

    fn key(&self) -> TopicKey {
        TopicKey { id: self.id.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &TopicOutputs) -> String {
        outputs.arn.clone()
    }

    fn removal_command(outputs: &TopicOutputs) -> Option<String> {
        Some(format!("aws sns delete-topic --topic-arn {}", outputs.arn))
    }

    fn compare(&self, live: &TopicLive) -> Comparison {
        let attribute =
            |name: &str, default: &str| live.attributes.get(name).map_or(default, String::as_str).to_owned();
        let (pending, confirmed): (Vec<_>, Vec<_>) = self.unwanted(live).partition(|one| one.arn.is_none());
        let own = |one: &&Subscribed| one.protocol == "lambda" && self.functions.contains(&one.endpoint);
        let foreign = match confirmed.as_slice() {
            [] => Effect::Same,
            // This happens, for example, after a trigger was moved to another topic.
            all if all.iter().all(own) => Effect::Differs,
            _ => Effect::Weakens,
        };
        let waiting = list(&pending);
        let signature = attribute("SignatureVersion", "1");
        let signed = match signature.parse::<u8>() {
            Ok(version) if version == self.signature_version => Effect::Same,
            Ok(version) if version > self.signature_version => Effect::Differs,
            _ => Effect::Weakens,
        };
        let mut compared = Comparison::default()
            .judged("Policy", self.policy(), &live.policy, self.judge_policy(&live.policy))
            .judged("Subscriptions", "none", list(&confirmed), foreign)
            // A pending subscription receives nothing.
            .judged("Subscriptions.PendingConfirmation", "none", &waiting, Effect::differs_unless(waiting == "none"))
            .plain("TracingConfig", self.tracing_mode(), attribute("TracingConfig", "PassThrough"))
            .judged("SignatureVersion", self.signature_version, signature, signed);
        if !self.addresses.is_empty() {
            let missing: Vec<&str> = self.unsubscribed(live).map(|address| address.endpoint.as_str()).collect();
            let text = if missing.is_empty() { "none".to_owned() } else { missing.join(", ") };
            compared = compared.guard(NOBODY, "none", text);
        }
        let key = live.attributes.get("KmsMasterKeyId");
        compared = keys::compared(compared, "KmsMasterKeyId", &self.kms_key, key, &self.account);
        // Attributes that the stack file does not set and that give nobody access are kept.
        for (name, value) in &live.attributes {
            if !["TracingConfig", "SignatureVersion", "KmsMasterKeyId"].contains(&name.as_str()) {
                compared = compared.judged(name, value, value, Effect::Same);
            }
        }
        compared
    }
}

impl Described for Topic {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "topic",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::Sns,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::RetagOwn,
                on: TOPICS,
                rights: &[Permissions { needs: &[Usage::Update], actions: &["sns:TagResource", "sns:UntagResource"] }],
            },
            StatementTemplate {
                sid: Sid::FindOwn,
                on: TOPICS,
                rights: &[
                    Permissions {
                        needs: &[Usage::Read],
                        actions: &["sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:ListTagsForResource"],
                    },
                    Permissions { needs: &[Usage::Survivors], actions: &["sns:ListTagsForResource"] },
                ],
            },
            StatementTemplate {
                sid: Sid::OwnByName,
                on: TOPICS,
                rights: &[
                    Permissions { needs: &[Usage::Delete], actions: &["sns:DeleteTopic"] },
                    Permissions { needs: &[Usage::Create, Usage::Update], actions: &["sns:SetTopicAttributes"] },
                    Permissions { needs: &[Usage::Update], actions: &["sns:Unsubscribe"] },
                ],
            },
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: TOPICS,
                rights: &[Permissions { needs: &[Usage::Create], actions: &["sns:CreateTopic", "sns:TagResource"] }],
            },
            StatementTemplate {
                sid: Sid::SubscribeAddresses,
                on: &["{told-topics}"],
                rights: &[Permissions { needs: &[Usage::Create, Usage::Update], actions: &["sns:Subscribe"] }],
            },
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[Permissions {
                    needs: &[Usage::Survivors],
                    actions: &["sns:ListSubscriptions", "sns:ListTopics"],
                }],
            },
        ],
        rates: &[
            Rate::per_second(
                10,
                Calls::Operations(API_VERSION, &["TagResource", "UntagResource", "ListTagsForResource"]),
            ),
            Rate::per_second(30, Calls::Operations(API_VERSION, &["CreateTopic"])),
            Rate::per_second(30, Calls::Operations(API_VERSION, &["ListSubscriptionsByTopic"])),
        ],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "topic {}",
            holds: "nobody but the subscribers of the stack file receives its messages, and only this account can use it",
            read: "GetTopicAttributes and ListSubscriptionsByTopic",
        },
    };
}

impl Sns {
    async fn set(&self, arn: &str, attribute: &str, value: &str, task: &Task) -> Result<(), Failure> {
        let doing = format!("set {attribute} of {arn}");
        let set = settled(task, &[&SNS_BUSY], || async {
            let call = self.client.set_topic_attributes().topic_arn(arn).attribute_name(attribute);
            call.attribute_value(value).send().await.or_fail(&doing)
        });
        set.await.map(drop)
    }
}

impl Provider<Topic> for Sns {
    async fn read(
        &self,
        key: &TopicKey,
        _: Option<&TopicOutputs>,
        task: &Task,
    ) -> Result<Option<Found<Topic>>, Failure> {
        let arn = self.scope.arn("sns", &key.name);
        let doing = format!("read the topic {}", key.name);
        let (attributes, tags, subscriptions) = tokio::join!(
            self.client.get_topic_attributes().topic_arn(&arn).send(),
            self.client.list_tags_for_resource().resource_arn(&arn).send(),
            self.subscriptions_of(&arn),
        );
        let Some(attributes) = attributes.or_fail(&doing).or_absent()? else { return Ok(None) };
        let Some(tags) = tags.or_fail(&doing).or_absent()? else { return Ok(None) };
        if !self.scope.owns(tags.tags().iter().map(|tag| (tag.key(), tag.value()))) {
            return Err(Failure::foreign("the topic", &arn));
        }
        let Some(subscriptions) = subscriptions? else { return Ok(None) };
        let mut attributes: BTreeMap<String, String> = attributes.attributes.unwrap_or_default().into_iter().collect();
        let policy = attributes.remove("Policy").unwrap_or_else(|| "{}".to_owned());
        let policy = Policy::parse(&policy)
            .map_err(|error| Failure::refused(format!("could not {doing}: its policy is not JSON: {error}")))?;
        attributes.retain(|name, value| !value.is_empty() && !IDENTIFYING.contains(&name.as_str()));
        let recorded = task.recorded_parts::<Subscription>().filter(|key| key.topic == arn);
        let recorded = recorded.map(|key| key.endpoint).collect();
        let subscriptions = subscriptions.iter().map(Subscribed::read).collect();
        let live = TopicLive { policy, attributes, subscriptions, recorded };
        Ok(Some(Found { outputs: TopicOutputs { arn }, live }))
    }

    fn predict(&self, want: &Topic) -> Option<TopicOutputs> {
        Some(TopicOutputs { arn: self.scope.arn("sns", &want.name) })
    }

    async fn create(&self, want: &Topic, task: &Task) -> Result<TopicOutputs, Failure> {
        let made = settled(task, &[&SNS_BUSY], || async {
            let tags = tags(&self.scope, &want.id, |key, value| {
                aws_sdk_sns::types::Tag::builder().key(key).value(value).build()
            })?;
            let call = self.once.create_topic().name(&want.name).set_tags(Some(tags));
            call.send().await.or_fail(&format!("create the topic {}", want.name))
        });
        let arn = made.await?.topic_arn.unwrap_or_else(|| self.scope.arn("sns", &want.name));
        for (name, value) in want.beyond_defaults() {
            self.set(&arn, name, &value, task).await?;
        }
        for address in &want.addresses {
            self.subscribe_address(&arn, address, task).await?;
        }
        Ok(TopicOutputs { arn })
    }

    async fn update(&self, want: &Topic, found: &Found<Topic>, task: &Task) -> Result<TopicOutputs, Failure> {
        let arn = &found.outputs.arn;
        for setting in want.drift(&found.live) {
            match setting.field.as_str() {
                "Policy" => self.set(arn, "Policy", &want.policy().to_string(), task).await?,
                "Subscriptions" => {
                    for subscription in want.unwanted(&found.live).filter_map(|one| one.arn.as_ref()) {
                        self.unsubscribe(subscription, task).await?;
                    }
                }
                NOBODY => {
                    for address in want.unsubscribed(&found.live) {
                        self.subscribe_address(arn, address, task).await?;
                    }
                }
                "TracingConfig" => self.set(arn, "TracingConfig", want.tracing_mode(), task).await?,
                "SignatureVersion" => {
                    self.set(arn, "SignatureVersion", &want.signature_version.to_string(), task).await?;
                }
                // An empty name turns off the encryption with a KMS key.
                "KmsMasterKeyId" => {
                    let key = want.kms_key.key().map_or("", String::as_str);
                    self.set(arn, "KmsMasterKeyId", key, task).await?;
                }
                _ => {}
            }
        }
        Ok(found.outputs.clone())
    }

    async fn tags(&self, of: &TopicOutputs, _: &Task) -> Result<Option<Tags>, Failure> {
        self.tags_at(&of.arn).await
    }

    async fn retag(&self, of: &TopicOutputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(&of.arn, change, task).await
    }

    async fn vouch(&self, recorded: &TopicOutputs, _: &Task) -> Result<bool, Failure> {
        let tags = self.client.list_tags_for_resource().resource_arn(&recorded.arn).send().await;
        let tags = tags.or_fail(&format!("read the tags of {}", recorded.arn)).or_absent()?;
        Ok(tags.is_none_or(|tags| self.scope.owns(tags.tags().iter().map(|tag| (tag.key(), tag.value())))))
    }

    async fn delete(&self, gone: &TopicOutputs, task: &Task) -> Result<(), Failure> {
        let deleted = settled(task, &[&SNS_BUSY], || async {
            self.client.delete_topic().topic_arn(&gone.arn).send().await.or_fail(&format!("delete {}", gone.arn))
        });
        deleted.await.or_absent().map(drop)
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        self.list_topics(whose).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::super::policy::OWNER_MAY_BY_EMULATOR;
    use super::*;
    use crate::aws::testing::{replay, requests};
    use crate::engine::Drift;

    const ARN: &str = "arn:aws:sns:eu-central-1:123456789012:demo-t";
    const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:demo-f";
    const OTHER: &str = "arn:aws:lambda:eu-central-1:123456789012:function:demo-g";

    fn want() -> Topic {
        Topic {
            id: "topic.t".into(),
            name: "demo-t".into(),
            arn: ARN.into(),
            account: "123456789012".into(),
            subscribers: vec![FUNCTION.into()],
            functions: vec![FUNCTION.into(), OTHER.into()],
            addresses: Vec::new(),
            alarms: None,
            tls_only: false,
            tracing: false,
            signature_version: 1,
            kms_key: Encryption::default(),
        }
    }

    fn subscribed(protocol: &str, endpoint: &str, arn: Option<&str>) -> Subscribed {
        Subscribed { protocol: protocol.into(), endpoint: endpoint.into(), arn: arn.map(str::to_owned) }
    }

    /// The topic after its creation, with the subscription of the function.
    fn live() -> TopicLive {
        let policy = format!(
            r#"{{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{{"Sid":"__default_statement_ID",
            "Effect":"Allow","Principal":{{"AWS":"*"}},"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes",
            "SNS:AddPermission","SNS:RemovePermission","SNS:DeleteTopic","SNS:Subscribe",
            "SNS:ListSubscriptionsByTopic","SNS:Publish"],"Resource":"{ARN}",
            "Condition":{{"StringEquals":{{"AWS:SourceOwner":"123456789012"}}}}}}]}}"#
        );
        TopicLive {
            policy: Policy::parse(&policy).unwrap(),
            attributes: BTreeMap::new(),
            subscriptions: vec![subscribed("lambda", FUNCTION, Some("arn:sub:1"))],
            recorded: BTreeSet::new(),
        }
    }

    fn with(name: &str, value: &str) -> TopicLive {
        TopicLive { attributes: [(name.to_owned(), value.to_owned())].into(), ..live() }
    }

    fn also(subscription: Subscribed) -> TopicLive {
        TopicLive { subscriptions: [live().subscriptions, vec![subscription]].concat(), ..live() }
    }

    fn beside(statement: serde_json::Value) -> TopicLive {
        TopicLive { policy: Policy::new(live().policy.statements().cloned().chain([statement])), ..live() }
    }

    #[test]
    fn a_new_topic_is_as_wanted_on_aws_and_on_the_emulator() {
        assert_eq!(want().drift(&live()), []);
        let emulated = TopicLive { policy: want().policy_with(&OWNER_MAY_BY_EMULATOR), ..live() };
        assert_eq!(want().drift(&emulated), []);
    }

    #[test]
    fn an_open_policy_weakens_and_a_stricter_one_differs() {
        let anybody = json!({ "Effect": "Allow", "Principal": "*", "Action": "SNS:Publish", "Resource": ARN });
        let denial = json!({ "Effect": "Deny", "Principal": "*", "Action": "SNS:*", "Resource": ARN,
            "Condition": { "Bool": { "aws:SecureTransport": "false" } } });
        for (live, weakens) in [
            (beside(anybody), true),
            (beside(denial.clone()), false),
            (TopicLive { policy: Policy::default(), ..live() }, false),
        ] {
            let drift = want().drift(&live);
            assert!(matches!(drift.as_slice(), [one] if one.field == "Policy" && one.weakens == weakens), "{drift:?}");
        }
        let strict = Topic { tls_only: true, ..want() };
        assert!(strict.drift(&live())[0].weakens, "without the denial");
        assert_eq!(strict.drift(&TopicLive { policy: strict.policy(), ..live() }), []);
        assert!(!strict.drift(&beside(denial))[0].weakens, "a wider denial");
    }

    #[test]
    fn subscriptions_of_others_are_named() {
        for (one, field, text, weakens) in [
            (
                subscribed("email", "eve@example.com", Some("arn:sub:9")),
                "Subscriptions",
                "email eve@example.com (9)",
                true,
            ),
            (
                subscribed("email", "eve@example.com", None),
                "Subscriptions.PendingConfirmation",
                "email eve@example.com (not confirmed)",
                false,
            ),
            (subscribed("lambda", OTHER, Some("arn:sub:9")), "Subscriptions", &format!("lambda {OTHER} (9)"), false),
            (subscribed("lambda", "arn:l", Some("arn:sub:9")), "Subscriptions", "lambda arn:l (9)", true),
        ] {
            let drift = want().drift(&also(one));
            let expected =
                if weakens { Drift::weakening(field, "none", text) } else { Drift::new(field, "none", text) };
            assert_eq!(drift, [expected]);
        }
    }

    #[test]
    fn a_subscription_on_record_is_the_engines_to_end() {
        let renamed = also(subscribed("lambda", "arn:l", Some("arn:sub:9")));
        assert!(want().drift(&renamed)[0].weakens);
        assert_eq!(want().drift(&TopicLive { recorded: BTreeSet::from(["arn:l".to_owned()]), ..renamed }), []);
    }

    #[test]
    fn settings_without_a_key_in_the_file_are_kept() {
        for kept in [
            with("DisplayName", "Greetings"),
            with("LambdaFailureFeedbackRoleArn", "arn:aws:iam::123456789012:role/feedback"),
            with("KmsMasterKeyId", "alias/aws/sns"),
            with("DeliveryPolicy", "{}"),
        ] {
            assert_eq!(want().drift(&kept), []);
            assert_eq!(
                want().compare(&kept).settings().len(),
                6 + usize::from(!kept.attributes.contains_key("KmsMasterKeyId"))
            );
        }
        assert_eq!(
            want().drift(&with("TracingConfig", "Active")),
            [Drift::new("TracingConfig", "PassThrough", "Active")]
        );
        assert_eq!(want().drift(&with("SignatureVersion", "2")), [Drift::new("SignatureVersion", 1, 2)]);
        let second = Topic { signature_version: 2, ..want() };
        assert_eq!(second.drift(&live()), [Drift::weakening("SignatureVersion", 2, 1)]);
    }

    #[tokio::test]
    async fn what_others_added_is_read_and_removed() {
        let entry = |key: &str, value: &str| format!("<entry><key>{key}</key><value>{value}</value></entry>");
        let open = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sns:*","Resource":"*"}]}"#;
        let attributes = format!(
            "<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes>{}{}{}{}</Attributes></GetTopicAttributesResult></GetTopicAttributesResponse>",
            entry("Policy", &open.replace('"', "&quot;")),
            entry("TopicArn", ARN),
            entry("DisplayName", ""),
            entry("TracingConfig", "Active"),
        );
        let tags = "<ListTagsForResourceResponse><ListTagsForResourceResult><Tags><member><Key>securelambda:stack</Key>\
                    <Value>demo</Value></member></Tags></ListTagsForResourceResult></ListTagsForResourceResponse>";
        let member = |arn: &str, protocol: &str, endpoint: &str| {
            format!(
                "<member><SubscriptionArn>{arn}</SubscriptionArn><Protocol>{protocol}</Protocol><Endpoint>{endpoint}</Endpoint></member>"
            )
        };
        let subscriptions = format!(
            "<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult><Subscriptions>{}{}{}</Subscriptions></ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>",
            member("arn:sub:1", "lambda", FUNCTION),
            member("arn:sub:9", "https", "https://eve.example.com/?key=x"),
            member("PendingConfirmation", "email", "eve@example.com"),
        );
        let answers =
            vec![(200, &*attributes), (200, tags), (200, &*subscriptions), (200, "<x/>"), (200, "<x/>"), (200, "<x/>")];
        let (clients, http) = replay(answers);
        let (sns, task) = (Sns::new(&clients), Task::detached("topic.t"));
        let found = Provider::<Topic>::read(&sns, &want().key(), None, &task).await.unwrap().unwrap();
        let fields: Vec<_> = want().drift(&found.live).into_iter().map(|one| (one.field, one.weakens)).collect();
        let expected = [
            ("Policy", true),
            ("Subscriptions", true),
            ("Subscriptions.PendingConfirmation", false),
            ("TracingConfig", false),
        ];
        assert_eq!(fields, expected.map(|(field, weakens)| (field.to_owned(), weakens)));
        Provider::<Topic>::update(&sns, &want(), &found, &task).await.unwrap();
        let calls = requests(&http);
        assert!(calls[3].contains("SetTopicAttributes") && calls[3].contains("SourceOwner"), "{calls:?}");
        assert!(calls[4].contains("Unsubscribe") && calls[4].contains("arn%3Asub%3A9"), "{calls:?}");
        assert!(calls[5].contains("AttributeName=TracingConfig") && calls[5].contains("PassThrough"), "{calls:?}");
    }

    #[test]
    fn only_the_alarms_of_the_stack_may_publish_beside_the_account() {
        let told = Topic { alarms: Some("arn:aws:cloudwatch:eu-central-1:123456789012:alarm:demo-*".into()), ..want() };
        let publish = told.policy().statement("Alarms").cloned().unwrap();
        assert_eq!(publish["Principal"], json!({ "Service": "cloudwatch.amazonaws.com" }));
        assert_eq!(publish["Condition"]["StringEquals"]["aws:SourceAccount"], "123456789012");
        assert!(!told.drift(&live())[0].weakens, "without it nobody is told, and nobody more may publish");
        assert_eq!(told.drift(&TopicLive { policy: told.policy(), ..live() }), []);
        let of_anybody = json!({ "Sid": "Alarms", "Effect": "Allow", "Principal": publish["Principal"],
            "Action": "sns:Publish", "Resource": ARN });
        assert!(told.drift(&beside(of_anybody))[0].weakens, "alarms of every account");
    }

    #[tokio::test]
    async fn addresses_are_subscribed_and_kept() {
        let told =
            Topic { addresses: vec![Address::email("ops@example.com"), Address::email("dev@example.com")], ..want() };
        let ops = also(subscribed("email", "ops@example.com", None));
        let missing = [Drift::weakening("Subscriptions.Missing", "none", "dev@example.com")];
        assert_eq!(told.drift(&ops), missing, "one that is not confirmed yet counts");
        let asked = "<SubscribeResponse><SubscribeResult/></SubscribeResponse>";
        let (clients, http) = replay(vec![(200, asked)]);
        let found = Found { outputs: TopicOutputs { arn: ARN.into() }, live: ops };
        let sns = Sns::new(&clients);
        Provider::<Topic>::update(&sns, &told, &found, &Task::detached("topic.t")).await.unwrap();
        let calls = requests(&http);
        assert!(calls[0].contains("Protocol=email") && calls[0].contains("dev%40example.com"), "{calls:?}");
        assert_eq!(calls.len(), 1);
    }

    #[tokio::test]
    async fn settings_beyond_the_defaults_are_made_after_the_topic() {
        let made = format!(
            "<CreateTopicResponse><CreateTopicResult><TopicArn>{ARN}</TopicArn></CreateTopicResult></CreateTopicResponse>"
        );
        let (clients, http) = replay(vec![(200, &made), (200, "<x/>"), (200, "<x/>")]);
        let want = Topic { tls_only: true, signature_version: 2, ..want() };
        Provider::<Topic>::create(&Sns::new(&clients), &want, &Task::detached("topic.t")).await.unwrap();
        let calls = requests(&http);
        assert!(calls[1].contains("AttributeName=Policy") && calls[1].contains("SecureTransport"), "{calls:?}");
        assert!(
            calls[2].contains("AttributeName=SignatureVersion") && calls[2].contains("AttributeValue=2"),
            "{calls:?}"
        );
    }
}

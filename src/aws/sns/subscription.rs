//! The subscription of a function or a queue to a topic.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::refusals::SNS_BUSY;
use super::{Sns, TOPICS, confirmed};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::{settled, until};
use crate::aws::sns::SERVICE;
use crate::engine::{Comparison, Effect, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// A function that is called with every message of a topic, or a queue that gets every message.
#[derive(Debug, Clone)]
pub struct Subscription {
    pub topic: String,
    /// The ARN of the function or the queue.
    pub endpoint: String,
    /// Whether it gets the raw message, without SNS's JSON document around it.
    pub raw: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubscriptionOutputs {
    /// The topic's ARN, followed by an id that AWS chose.
    pub arn: String,
}

/// A subscription is found among those of its topic by its endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubscriptionKey {
    pub(super) topic: String,
    /// The member has this name because state files of earlier versions contain only functions.
    #[serde(rename = "function")]
    pub(super) endpoint: String,
}

impl SubscriptionKey {
    fn protocol(&self) -> &'static str {
        protocol(&self.endpoint)
    }
}

impl Subscription {
    /// SNS's protocol for the receiver.
    pub(crate) fn protocol(&self) -> &'static str {
        protocol(&self.endpoint)
    }
}

/// SNS's protocol for the endpoint with this ARN.
fn protocol(arn: &str) -> &'static str {
    if arn.split(':').nth(2) == Some("sqs") { "sqs" } else { "lambda" }
}

/// A subscription's settings, by AWS's names. Those without a value are left out.
#[derive(Debug, Clone, Default)]
pub struct SubscriptionLive {
    pub attributes: BTreeMap<String, String>,
}

impl SubscriptionLive {
    fn get(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("none", String::as_str)
    }
}

/// The effect of a redrive policy. AWS accepts only dead-letter queues of the topic's account.
fn redrive(policy: &str, topic: &str) -> Effect {
    let account = |arn: &str| arn.split(':').nth(4).map(str::to_owned);
    let queue = serde_json::from_str::<Value>(policy).ok();
    let queue = queue.as_ref().and_then(|policy| policy.get("deadLetterTargetArn")).and_then(Value::as_str);
    match queue.and_then(account) {
        _ if policy == "none" => Effect::Same,
        Some(of) if account(topic) == Some(of.clone()) => Effect::Differs,
        _ => Effect::Weakens,
    }
}

impl Resource for Subscription {
    const KIND: &'static str = "sns.subscription";
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true; // without it, the function or the queue gets no messages
    const GOES_WITH_PARENT: bool = true;
    type Key = SubscriptionKey;
    type Outputs = SubscriptionOutputs;
    type Live = SubscriptionLive;

    fn key(&self) -> SubscriptionKey {
        SubscriptionKey { topic: self.topic.clone(), endpoint: self.endpoint.clone() }
    }

    fn identity(outputs: &SubscriptionOutputs) -> String {
        outputs.arn.clone()
    }

    fn removal_command(outputs: &SubscriptionOutputs) -> Option<String> {
        Some(format!("aws sns unsubscribe --subscription-arn {}", outputs.arn))
    }

    fn compare(&self, live: &SubscriptionLive) -> Comparison {
        let queue = live.get("RedrivePolicy");
        Comparison::default()
            // Messages that do not match the filter never reach the function or the queue.
            .guard("FilterPolicy", "none", live.get("FilterPolicy"))
            .plain(
                "RawMessageDelivery",
                self.raw,
                live.attributes.get("RawMessageDelivery").map_or("false", String::as_str),
            )
            .judged("RedrivePolicy", "none", queue, redrive(queue, &self.topic))
    }
}

impl Described for Subscription {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "subscription",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::Sns,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: TOPICS,
                rights: &[Permissions { needs: &[Usage::Read], actions: &["sns:ListSubscriptionsByTopic"] }],
            },
            // Sources disagree whether it can be limited to a topic (docs/aws.md, Permissions of single calls).
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[Permissions { needs: &[Usage::Read], actions: &["sns:GetSubscriptionAttributes"] }],
            },
            // AWS checks these permissions on the topic: a policy cannot name a subscription.
            StatementTemplate {
                sid: Sid::OwnByName,
                on: TOPICS,
                rights: &[
                    Permissions { needs: &[Usage::Delete], actions: &["sns:Unsubscribe"] },
                    Permissions { needs: &[Usage::Update], actions: &["sns:SetSubscriptionAttributes"] },
                ],
            },
            StatementTemplate {
                sid: Sid::SubscribeFunctions,
                on: TOPICS,
                rights: &[Permissions { needs: &[Usage::Create], actions: &["sns:Subscribe"] }],
            },
            StatementTemplate {
                sid: Sid::SubscribeQueues,
                on: &["{queued-topics}"],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["sns:Subscribe"] }],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "{}",
            holds: "the subscription exists and delivers every message of its topic",
            read: "ListSubscriptionsByTopic and GetSubscriptionAttributes",
        },
    };
}

impl Sns {
    /// `None` if there is no such subscription.
    async fn attributes(&self, arn: &str) -> Result<Option<SubscriptionLive>, Failure> {
        let answer = self.client.get_subscription_attributes().subscription_arn(arn).send().await;
        let answer = answer.or_fail(&format!("read the subscription {arn}")).or_absent()?;
        Ok(answer.map(|answer| {
            let all = answer.attributes.unwrap_or_default().into_iter();
            SubscriptionLive { attributes: all.filter(|(_, value)| !["", "{}"].contains(&value.as_str())).collect() }
        }))
    }
}

impl Provider<Subscription> for Sns {
    async fn read(
        &self,
        key: &SubscriptionKey,
        known: Option<&SubscriptionOutputs>,
        _: &Task,
    ) -> Result<Option<Found<Subscription>>, Failure> {
        // The recorded subscription is read in parallel with the list. The list shows whether it is still the
        // subscription of this endpoint.
        let recorded = async {
            match known {
                Some(known) => self.attributes(&known.arn).await,
                None => Ok(None),
            }
        };
        let (listed, recorded) = tokio::join!(self.subscriptions_of(&key.topic), recorded);
        let listed = listed?.unwrap_or_default();
        let mut ours =
            listed.iter().filter(|one| one.protocol() == Some(key.protocol()) && one.endpoint() == Some(&key.endpoint));
        let Some(arn) = ours.find_map(confirmed) else { return Ok(None) };
        let live = match known {
            Some(known) if known.arn == arn => recorded?,
            _ => self.attributes(arn).await?,
        };
        // The subscription was deleted in the meantime.
        let Some(live) = live else { return Ok(None) };
        Ok(Some(Found { outputs: SubscriptionOutputs { arn: arn.to_owned() }, live }))
    }

    async fn create(&self, want: &Subscription, task: &Task) -> Result<SubscriptionOutputs, Failure> {
        // A repeated call answers with the same ARN (docs/aws.md, Subscriptions). That is how the program waits for a
        // pending subscription.
        let doing = format!("subscribe {} to {}", want.endpoint, want.topic);
        let made = until(task, "the subscription is not confirmed yet", (500, 2000), 120, || async {
            let call = self.once.subscribe().topic_arn(&want.topic).endpoint(&want.endpoint);
            let call = call.protocol(protocol(&want.endpoint));
            let raw = want.raw.then(|| ("RawMessageDelivery".to_owned(), "true".to_owned()));
            let call = call.set_attributes(raw.map(|raw| [raw].into()));
            let made = settled(task, &[&SNS_BUSY], || async {
                call.clone().return_subscription_arn(true).send().await.or_fail(&doing)
            });
            Ok(made.await?.subscription_arn.filter(|arn| arn.starts_with("arn:")))
        });
        Ok(SubscriptionOutputs { arn: made.await? })
    }

    async fn update(
        &self,
        want: &Subscription,
        found: &Found<Subscription>,
        task: &Task,
    ) -> Result<SubscriptionOutputs, Failure> {
        for setting in want.drift(&found.live) {
            // An empty object removes the filter policy, and a missing value removes the redrive policy (docs/aws.md,
            // Subscriptions).
            let value = match setting.field.as_str() {
                "FilterPolicy" => Some("{}"),
                "RedrivePolicy" => None,
                _ => Some(setting.want.as_str()),
            };
            let doing = format!("set {} of the subscription {}", setting.field, found.outputs.arn);
            let set = settled(task, &[&SNS_BUSY], || async {
                let call = self.client.set_subscription_attributes().subscription_arn(&found.outputs.arn);
                call.attribute_name(&setting.field)
                    .set_attribute_value(value.map(str::to_owned))
                    .send()
                    .await
                    .or_fail(&doing)
            });
            set.await?;
        }
        Ok(found.outputs.clone())
    }

    async fn delete(&self, gone: &SubscriptionOutputs, task: &Task) -> Result<(), Failure> {
        self.unsubscribe(&gone.arn, task).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{replay, requests};
    use crate::engine::Drift;

    const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:demo-t";
    const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:demo-f";

    fn want() -> Subscription {
        Subscription { topic: TOPIC.into(), endpoint: FUNCTION.into(), raw: false }
    }

    fn with(name: &str, value: &str) -> SubscriptionLive {
        SubscriptionLive { attributes: [(name.to_owned(), value.to_owned())].into() }
    }

    #[test]
    fn what_withholds_or_diverts_messages_weakens() {
        let queue = |account: &str| format!(r#"{{"deadLetterTargetArn":"arn:aws:sqs:eu-central-1:{account}:q"}}"#);
        let filter = r#"{"kind":["never"]}"#;
        let (ours, theirs) = (queue("123456789012"), queue("999999999999"));
        for (live, drift) in [
            (SubscriptionLive::default(), None),
            (with("Protocol", "lambda"), None),
            (with("RawMessageDelivery", "false"), None),
            (with("RawMessageDelivery", "true"), Some(Drift::new("RawMessageDelivery", "false", "true"))),
            (with("FilterPolicy", filter), Some(Drift::weakening("FilterPolicy", "none", filter))),
            (with("RedrivePolicy", &ours), Some(Drift::new("RedrivePolicy", "none", &ours))),
            (with("RedrivePolicy", &theirs), Some(Drift::weakening("RedrivePolicy", "none", &theirs))),
            (with("RedrivePolicy", "odd"), Some(Drift::weakening("RedrivePolicy", "none", "odd"))),
        ] {
            assert_eq!(want().drift(&live), Vec::from_iter(drift));
            assert_eq!(want().compare(&live).settings().len(), 3);
        }
    }

    fn listed(arn: &str) -> String {
        format!(
            "<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult><Subscriptions><member><SubscriptionArn>{arn}\
             </SubscriptionArn><Protocol>lambda</Protocol><Endpoint>{FUNCTION}</Endpoint></member></Subscriptions>\
             </ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>"
        )
    }

    fn attributes(name: &str, value: &str) -> String {
        format!(
            "<GetSubscriptionAttributesResponse><GetSubscriptionAttributesResult><Attributes><entry><key>{name}</key>\
             <value>{value}</value></entry></Attributes></GetSubscriptionAttributesResult></GetSubscriptionAttributesResponse>"
        )
    }

    #[tokio::test]
    async fn a_recorded_subscription_is_read_at_once_and_another_one_after_the_list() {
        let known = SubscriptionOutputs { arn: "arn:s:1".into() };
        let task = Task::detached("subscription.f");
        for (arn, known, calls) in [("arn:s:1", Some(&known), 2), ("arn:s:2", Some(&known), 3), ("arn:s:1", None, 2)] {
            let (list, filter) = (listed(arn), attributes("FilterPolicy", "{}"));
            let (clients, http) = replay(vec![(200, &list), (200, &filter), (200, &filter)]);
            let sns = Sns::new(&clients);
            let found = Provider::<Subscription>::read(&sns, &want().key(), known, &task).await.unwrap().unwrap();
            assert_eq!(found.outputs.arn, arn);
            assert_eq!(want().drift(&found.live), [], "an empty filter lets everything through");
            assert_eq!(requests(&http).len(), calls);
        }
        let pending = listed("PendingConfirmation");
        let (clients, _) = replay(vec![(200, &pending)]);
        let found = Provider::<Subscription>::read(&Sns::new(&clients), &want().key(), None, &task).await.unwrap();
        assert!(found.is_none());
    }

    #[tokio::test]
    async fn a_queue_may_get_the_message_alone() {
        let queue = "arn:aws:sqs:eu-central-1:123456789012:demo-q";
        let want = Subscription { topic: TOPIC.into(), endpoint: queue.into(), raw: true };
        let drift = [Drift::new("RawMessageDelivery", "true", "false")];
        assert_eq!(want.drift(&SubscriptionLive::default()), drift);
        assert_eq!(want.drift(&with("RawMessageDelivery", "true")), []);
        let made = "<SubscribeResponse><SubscribeResult><SubscriptionArn>arn:s:1</SubscriptionArn></SubscribeResult></SubscribeResponse>";
        let (clients, http) = replay(vec![(200, made)]);
        let task = Task::detached("subscription.q");
        Provider::<Subscription>::create(&Sns::new(&clients), &want, &task).await.unwrap();
        let call = &requests(&http)[0];
        assert!(call.contains("Protocol=sqs") && call.contains("RawMessageDelivery"), "{call}");
    }

    #[tokio::test]
    async fn an_update_removes_filter_and_queue_as_aws_wants_it() {
        let live = SubscriptionLive {
            attributes: [("FilterPolicy", r#"{"a":["b"]}"#), ("RedrivePolicy", "odd")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        };
        let found = Found::<Subscription> { outputs: SubscriptionOutputs { arn: "arn:s:1".into() }, live };
        let (clients, http) = replay(vec![(200, "<x/>"), (200, "<x/>")]);
        let task = Task::detached("subscription.f");
        Provider::<Subscription>::update(&Sns::new(&clients), &want(), &found, &task).await.unwrap();
        let calls = requests(&http);
        assert!(calls[0].contains("FilterPolicy") && calls[0].contains("AttributeValue=%7B%7D"), "{calls:?}");
        assert!(calls[1].contains("RedrivePolicy") && !calls[1].contains("AttributeValue"), "{calls:?}");
    }
}

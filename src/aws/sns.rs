//! SNS: topics, and the subscription of a function to a topic.
//!
//! `CreateTopic` for an existing topic succeeds only with the same attributes and tags, so the program reads first, and
//! the tags are the same in every run. A topic's ARN is known before it exists. Deleting a topic deletes its
//! subscriptions; deleting a function does not.

mod inventory;

use serde::{Deserialize, Serialize};

use super::error::{OrAbsent, OrFail};
use super::retries::{client, once};
use super::settle::{SNS_BUSY, settled};
use super::{Clients, tags};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Comparison, Failure, Found, Listing, Provider, Resource, Task};
use crate::layer::Layer;
use crate::regions::Service;
use crate::scope::{Scope, Whose};

/// What identifies a request to SNS.
const API_VERSION: &str = "2010-03-31";

const TOPICS: &[&str] = &["{arn:sns}:{stack}-*"];

#[derive(Debug, Clone)]
pub struct Topic {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// 1 to 256 of `A-Z a-z 0-9 _ -`.
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TopicOutputs {
    /// `arn:aws:sns:<region>:<account>:<name>`.
    pub arn: String,
}

/// A topic is looked up by its name, from which its ARN follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TopicKey {
    id: String,
    name: String,
}

impl Resource for Topic {
    const KIND: &'static str = "sns.topic";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = false;
    const GUARDS: bool = false;
    type Key = TopicKey;
    type Outputs = TopicOutputs;
    type Live = ();

    fn key(&self) -> TopicKey {
        TopicKey { id: self.id.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &TopicOutputs) -> String {
        outputs.arn.clone()
    }

    fn removal_command(outputs: &TopicOutputs) -> Option<String> {
        Some(format!("aws sns delete-topic --topic-arn {}", outputs.arn))
    }

    fn compare(&self, (): &()) -> Comparison {
        Comparison::default()
    }
}

impl Described for Topic {
    const ABOUT: Kind = Kind {
        service: Service::Sns,
        label: "topic",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::Sns,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: TOPICS,
                rights: &[
                    Permissions {
                        needs: &[Usage::Read],
                        actions: &["sns:GetTopicAttributes", "sns:ListTagsForResource"],
                    },
                    Permissions { needs: &[Usage::Survivors], actions: &["sns:ListTagsForResource"] },
                ],
            },
            StatementTemplate {
                sid: Sid::OwnByName,
                on: TOPICS,
                rights: &[Permissions { needs: &[Usage::Delete], actions: &["sns:DeleteTopic"] }],
            },
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: TOPICS,
                rights: &[Permissions { needs: &[Usage::Create], actions: &["sns:CreateTopic", "sns:TagResource"] }],
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
        ],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "topic {}",
            holds: "settings match the stack file",
            read: "GetTopicAttributes",
        },
    };
}

/// A function that is called with every message of a topic.
#[derive(Debug, Clone)]
pub struct Subscription {
    pub topic: String,
    pub function: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubscriptionOutputs {
    /// The topic's ARN, followed by an id that AWS chose.
    pub arn: String,
}

/// A subscription is found among those of its topic by its function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubscriptionKey {
    topic: String,
    function: String,
}

impl Resource for Subscription {
    const KIND: &'static str = "sns.subscription";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true; // the trigger is cut
    type Key = SubscriptionKey;
    type Outputs = SubscriptionOutputs;
    type Live = ();

    fn key(&self) -> SubscriptionKey {
        SubscriptionKey { topic: self.topic.clone(), function: self.function.clone() }
    }

    fn identity(outputs: &SubscriptionOutputs) -> String {
        outputs.arn.clone()
    }

    fn removal_command(outputs: &SubscriptionOutputs) -> Option<String> {
        Some(format!("aws sns unsubscribe --subscription-arn {}", outputs.arn))
    }

    fn compare(&self, (): &()) -> Comparison {
        Comparison::default()
    }
}

impl Described for Subscription {
    const ABOUT: Kind = Kind {
        service: Service::Sns,
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
            // AWS checks this permission on the topic: a policy cannot name a subscription.
            StatementTemplate {
                sid: Sid::OwnByName,
                on: TOPICS,
                rights: &[Permissions { needs: &[Usage::Delete], actions: &["sns:Unsubscribe"] }],
            },
            StatementTemplate {
                sid: Sid::SubscribeFunctions,
                on: TOPICS,
                rights: &[Permissions { needs: &[Usage::Create], actions: &["sns:Subscribe"] }],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "{}",
            holds: "it is subscribed to its topic",
            read: "ListSubscriptionsByTopic",
        },
    };
}

/// Looks after topics and subscriptions.
#[derive(Debug, Clone)]
pub struct Sns {
    client: aws_sdk_sns::Client,
    /// Without the SDK's retries, for calls that create.
    once: aws_sdk_sns::Client,
    scope: Scope,
}

impl Sns {
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: client!(aws_sdk_sns, &clients.sdk),
            once: once!(aws_sdk_sns, &clients.once),
            scope: clients.scope.clone(),
        }
    }
}

impl Provider<Topic> for Sns {
    async fn read(&self, key: &TopicKey, _: Option<&TopicOutputs>, _: &Task) -> Result<Option<Found<Topic>>, Failure> {
        let arn = self.scope.arn("sns", &key.name);
        let doing = format!("read the topic {}", key.name);
        let (attributes, tags) = tokio::join!(
            self.client.get_topic_attributes().topic_arn(&arn).send(),
            self.client.list_tags_for_resource().resource_arn(&arn).send(),
        );
        let Some(_) = attributes.or_fail(&doing).or_absent()? else { return Ok(None) };
        let Some(tags) = tags.or_fail(&doing).or_absent()? else { return Ok(None) };
        if !self.scope.owns(tags.tags().iter().map(|tag| (tag.key(), tag.value()))) {
            return Err(Failure::foreign("the topic", &arn));
        }
        Ok(Some(Found { outputs: TopicOutputs { arn }, live: () }))
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
        Ok(TopicOutputs { arn })
    }

    async fn update(&self, _: &Topic, found: &Found<Topic>, _: &Task) -> Result<TopicOutputs, Failure> {
        Ok(found.outputs.clone())
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

impl Provider<Subscription> for Sns {
    async fn read(
        &self,
        key: &SubscriptionKey,
        _: Option<&SubscriptionOutputs>,
        _: &Task,
    ) -> Result<Option<Found<Subscription>>, Failure> {
        let mut pages = self.client.list_subscriptions_by_topic().topic_arn(&key.topic).into_paginator().send();
        while let Some(page) = pages.next().await {
            let Some(page) = page.or_fail(&format!("list the subscriptions of {}", key.topic)).or_absent()? else {
                return Ok(None);
            };
            let ours = page
                .subscriptions()
                .iter()
                .find(|one| one.protocol() == Some("lambda") && one.endpoint() == Some(&key.function));
            // A pending one has a word instead of its ARN and does not exist yet.
            if let Some(arn) = ours.and_then(|one| one.subscription_arn()).filter(|arn| arn.starts_with("arn:")) {
                return Ok(Some(Found { outputs: SubscriptionOutputs { arn: arn.to_owned() }, live: () }));
            }
        }
        Ok(None)
    }

    async fn create(&self, want: &Subscription, task: &Task) -> Result<SubscriptionOutputs, Failure> {
        // A repeated call answers with the same ARN (docs/aws.md, Subscriptions). That is how the program waits for a
        // pending subscription.
        let doing = format!("subscribe {} to {}", want.function, want.topic);
        let made = super::settle::until(task, "the subscription is not confirmed yet", (500, 2000), 120, || async {
            let call = self.once.subscribe().topic_arn(&want.topic).protocol("lambda").endpoint(&want.function);
            let made = settled(task, &[&SNS_BUSY], || async {
                call.clone().return_subscription_arn(true).send().await.or_fail(&doing)
            });
            Ok(made.await?.subscription_arn.filter(|arn| arn.starts_with("arn:")))
        });
        Ok(SubscriptionOutputs { arn: made.await? })
    }

    async fn update(
        &self,
        _: &Subscription,
        found: &Found<Subscription>,
        _: &Task,
    ) -> Result<SubscriptionOutputs, Failure> {
        Ok(found.outputs.clone())
    }

    async fn delete(&self, gone: &SubscriptionOutputs, task: &Task) -> Result<(), Failure> {
        let deleted = settled(task, &[&SNS_BUSY], || async {
            let call = self.client.unsubscribe().subscription_arn(&gone.arn);
            call.send().await.or_fail(&format!("unsubscribe {}", gone.arn))
        });
        deleted.await.or_absent().map(drop)
    }

    async fn list(&self, _: &Whose) -> Result<Listing, Failure> {
        Ok(Listing::with_parent())
    }
}

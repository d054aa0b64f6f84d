//! SNS: topics, and the subscription of a function or a queue to a topic.
//!
//! `CreateTopic` for an existing topic succeeds only with the same attributes and tags, so the program reads first,
//! uses the same tags in every run, and sets attributes by separate calls. A topic's ARN is known before it exists.
//! Deleting a topic deletes its subscriptions; deleting a function does not.

mod address;
mod inventory;
mod policy;
pub mod refusals;
mod subscribed;
mod subscription;
mod tagging;
mod topic;

use aws_sdk_sns::types::Subscription as AwsSubscription;

pub use self::address::Address;
use self::refusals::SNS_BUSY;
pub use self::subscribed::Subscribed;
pub use self::subscription::{Subscription, SubscriptionKey, SubscriptionLive, SubscriptionOutputs};
pub use self::topic::{Topic, TopicKey, TopicLive, TopicOutputs};
use super::Clients;
use super::error::{OrAbsent, OrFail};
use super::retries::{client, once};
use super::service::AwsService;
use super::settle::settled;
use crate::engine::{Failure, Task};
use crate::regions::Service;
use crate::scope::Scope;

pub const SERVICE: Service = Service::new("sns", "SNS");

pub(super) const ABOUT: AwsService = AwsService {
    names: &[SERVICE.name],
    refusals: refusals::REFUSALS,
    waits: refusals::WAITS,
    #[cfg(test)]
    tests: refusals::tests::WAITS,
};

/// The version of the API, which every request to SNS contains.
const API_VERSION: &str = "2010-03-31";

const TOPICS: &[&str] = &["{arn:sns}:{stack}-*"];

/// Manages topics and subscriptions.
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

    /// All subscriptions of a topic; `None` if there is no such topic.
    async fn subscriptions_of(&self, topic: &str) -> Result<Option<Vec<AwsSubscription>>, Failure> {
        let mut pages = self.client.list_subscriptions_by_topic().topic_arn(topic).into_paginator().send();
        let mut all = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.or_fail(&format!("list the subscriptions of {topic}")).or_absent()?;
            let Some(page) = page else { return Ok(None) };
            all.extend(page.subscriptions.unwrap_or_default());
        }
        Ok(Some(all))
    }

    async fn unsubscribe(&self, arn: &str, task: &Task) -> Result<(), Failure> {
        let ended = settled(task, &[&SNS_BUSY], || async {
            self.client.unsubscribe().subscription_arn(arn).send().await.or_fail(&format!("unsubscribe {arn}"))
        });
        ended.await.or_absent().map(drop)
    }
}

/// The ARN of a subscription. A pending subscription has another text in its place, and cannot be deleted.
fn confirmed(subscription: &AwsSubscription) -> Option<&str> {
    subscription.subscription_arn().filter(|arn| arn.starts_with("arn:"))
}

//! SQS: queues, for messages of functions and for events that functions could not handle.
//!
//! A queue's ARN follows from its name. Calls name a queue by its URL, which `GetQueueUrl` returns for the name.
//! `CreateQueue` for an existing queue succeeds only with the same attributes, so the program reads first. For a minute
//! after a queue was deleted, its name is taken (docs/aws.md, Queues).

mod inventory;
mod queue;
mod redrive;
pub mod refusals;
mod tagging;

pub use self::queue::{Queue, QueueKey, QueueLive, QueueOutputs};
pub use self::redrive::Redrive;
use super::Clients;
use super::error::{OrAbsent, OrFail};
use super::retries::{client, once};
use super::service::AwsService;
use crate::engine::Failure;
use crate::regions::Service;
use crate::scope::Scope;
use aws_sdk_sqs::types::QueueAttributeName as Attribute;

pub const SERVICE: Service = Service::new("sqs", "SQS");

pub(super) const ABOUT: AwsService = AwsService {
    names: &[SERVICE.name],
    refusals: refusals::REFUSALS,
    waits: refusals::WAITS,
    #[cfg(test)]
    tests: refusals::tests::WAITS,
};

const QUEUES: &[&str] = &["{arn:sqs}:{stack}-*"];

/// Manages queues.
#[derive(Debug, Clone)]
pub struct Sqs {
    client: aws_sdk_sqs::Client,
    /// Without the SDK's retries, for calls that create.
    once: aws_sdk_sqs::Client,
    scope: Scope,
}

impl Sqs {
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: client!(aws_sdk_sqs, &clients.sdk),
            once: once!(aws_sdk_sqs, &clients.once),
            scope: clients.scope.clone(),
        }
    }

    /// The URL of the queue with this name; `None` if there is no such queue.
    async fn url(&self, name: &str) -> Result<Option<String>, Failure> {
        let answer = self.client.get_queue_url().queue_name(name).send().await;
        let answer = answer.or_fail(&format!("find the queue {name}")).or_absent()?;
        Ok(answer.and_then(|answer| answer.queue_url))
    }

    /// Whether the tags of the queue say that it is this stack's; `None` if there is no such queue.
    async fn is_ours(&self, url: &str) -> Result<Option<bool>, Failure> {
        let answer = self.client.list_queue_tags().queue_url(url).send().await;
        let answer = answer.or_fail(&format!("read the tags of the queue {}", name_of(url))).or_absent()?;
        Ok(answer.map(|answer| self.scope.owns(super::tags::pairs(answer.tags()))))
    }

    /// The approximate number of messages in the queue with this ARN, including delayed messages and messages in
    /// flight; `None` if there is no such queue.
    ///
    /// # Errors
    /// The messages could not be counted.
    pub async fn messages(&self, arn: &str) -> Result<Option<u64>, Failure> {
        const COUNTS: [Attribute; 3] = [
            Attribute::ApproximateNumberOfMessages,
            Attribute::ApproximateNumberOfMessagesNotVisible,
            Attribute::ApproximateNumberOfMessagesDelayed,
        ];
        let name = arn.rsplit(':').next().unwrap_or(arn);
        let Some(url) = self.url(name).await? else { return Ok(None) };
        let call = self.client.get_queue_attributes().queue_url(url).set_attribute_names(Some(COUNTS.to_vec()));
        let answer = call.send().await.or_fail(&format!("count the messages in {name}")).or_absent()?;
        let counts = answer.map(|answer| answer.attributes.unwrap_or_default());
        Ok(counts.map(|counts| counts.values().filter_map(|count| count.parse::<u64>().ok()).sum()))
    }
}

/// The URL of a queue, which follows from its name. `endpoint` is the endpoint in use if it is not AWS's.
pub fn queue_url(endpoint: Option<&str>, scope: &Scope, name: &str) -> String {
    let base =
        endpoint.map_or_else(|| format!("https://{}", scope.host("sqs")), |at| at.trim_end_matches('/').to_owned());
    format!("{base}/{}/{name}", scope.account)
}

/// The name in a queue's URL.
fn name_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

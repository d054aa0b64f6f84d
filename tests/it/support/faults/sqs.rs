//! SQS: a new queue is not usable at once, and the name of a deleted queue cannot be used for a while.

use serde_json::Value;

use super::{Answer, ConsistencyRule, TimeScale, Verdict, Window, last, refuse};
use crate::support::proxy::AwsRequest;

pub fn all(time_scale: TimeScale) -> Vec<Box<dyn ConsistencyRule>> {
    vec![Box::new(New(Window::new(time_scale, 1.0))), Box::new(Deleted(Window::new(time_scale, 60.0)))]
}

/// A new queue cannot be the dead-letter queue of another one.
struct New(Window);

/// The name of the dead-letter queue in a request.
fn dead_letters(request: &AwsRequest) -> Option<String> {
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    let policy: Value = serde_json::from_str(body["Attributes"]["RedrivePolicy"].as_str()?).ok()?;
    Some(last(policy["deadLetterTargetArn"].as_str()?).to_owned())
}

impl ConsistencyRule for New {
    fn name(&self) -> &'static str {
        "SQS: a new queue is not known as a dead-letter queue yet"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        let sets = ["sqs CreateQueue", "sqs SetQueueAttributes"].contains(&request.name().as_str());
        match dead_letters(request).filter(|_| sets) {
            Some(name) if self.0.holds(&name) => {
                refuse(request, "dead-letter-queue-missing", &[("policy", "(a policy)")])
            }
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.name() == "sqs CreateQueue" && answer.is_success() {
            self.0.begin(request.field("QueueName").unwrap());
        }
        false
    }
}

/// A queue with the name of a recently deleted queue cannot be created.
struct Deleted(Window);

impl ConsistencyRule for Deleted {
    fn name(&self) -> &'static str {
        "SQS: the name of a deleted queue is taken"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        match request.field("QueueName") {
            Some(name) if request.name() == "sqs CreateQueue" && self.0.holds(&name) => {
                refuse(request, "queue-deleted-recently", &[])
            }
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.name() == "sqs DeleteQueue" && answer.is_success() {
            self.0.begin(last(&request.field("QueueUrl").unwrap()));
        }
        false
    }
}

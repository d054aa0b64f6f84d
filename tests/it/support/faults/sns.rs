//! SNS: the tags of a deleted topic remain for a while, and a subscription is confirmed with a delay.

use std::collections::HashSet;

use hyper::body::Bytes;

use super::{Answer, ConsistencyRule, TimeScale, Verdict, Window, last, refuse};
use crate::support::proxy::AwsRequest;

pub fn all(time_scale: TimeScale) -> Vec<Box<dyn ConsistencyRule>> {
    vec![
        Box::new(StaleTag(Window::new(time_scale, 8.0))),
        Box::new(Pending { window: Window::new(time_scale, 3.0), seen: HashSet::new() }),
    ]
}

/// A topic that is created again conflicts with the tags of its predecessor.
struct StaleTag(Window);

impl ConsistencyRule for StaleTag {
    fn name(&self) -> &'static str {
        "SNS: the tags of a deleted topic of that name are still there"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        match request.field("Name") {
            Some(name) if request.name() == "sns CreateTopic" && self.0.holds(&name) => {
                refuse(request, "topic-stale-tag", &[])
            }
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.name() == "sns DeleteTopic" && answer.is_success() {
            self.0.begin(last(&request.field("TopicArn").unwrap()));
        }
        false
    }
}

/// A new subscription is pending at first.
struct Pending {
    window: Window,
    seen: HashSet<String>,
}

impl ConsistencyRule for Pending {
    fn name(&self) -> &'static str {
        "SNS: a subscription is not confirmed yet"
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.name() != "sns Subscribe" || !answer.is_success() {
            return false;
        }
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        let Some((before, rest)) = body.split_once("<SubscriptionArn>") else { return false };
        let Some((arn, after)) = rest.split_once("</SubscriptionArn>") else { return false };
        if self.seen.insert(arn.to_owned()) {
            self.window.begin(arn);
        }
        if !self.window.holds(arn) {
            return false;
        }
        let pending = format!("{before}<SubscriptionArn>pending confirmation</SubscriptionArn>{after}");
        answer.body = Bytes::from(pending);
        true
    }
}

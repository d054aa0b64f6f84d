//! SNS: the tags of a deleted topic outlive it.

use std::collections::HashSet;

use hyper::body::Bytes;

use super::{Answer, Clock, ConsistencyRule, Verdict, Window, last, refuse};
use crate::support::proxy::Asked;

pub fn all(clock: Clock) -> Vec<Box<dyn ConsistencyRule>> {
    vec![
        Box::new(StaleTag(Window::new(clock, 8.0))),
        Box::new(Pending { spell: Window::new(clock, 3.0), seen: HashSet::new() }),
    ]
}

/// A topic that is made again meets the tags of the one before.
struct StaleTag(Window);

impl ConsistencyRule for StaleTag {
    fn name(&self) -> &'static str {
        "SNS: the tags of a deleted topic of that name are still there"
    }

    fn before(&mut self, asked: &Asked) -> Verdict {
        match asked.field("Name") {
            Some(name) if asked.name() == "sns CreateTopic" && self.0.holds(&name) => {
                refuse(asked, "topic-stale-tag", &[])
            }
            _ => Verdict::Silent,
        }
    }

    fn after(&mut self, asked: &Asked, answer: &mut Answer) -> bool {
        if asked.name() == "sns DeleteTopic" && answer.is_success() {
            self.0.begin(last(&asked.field("TopicArn").unwrap()));
        }
        false
    }
}

/// A subscription is not confirmed at once.
struct Pending {
    spell: Window,
    seen: HashSet<String>,
}

impl ConsistencyRule for Pending {
    fn name(&self) -> &'static str {
        "SNS: a subscription is not confirmed yet"
    }

    fn after(&mut self, asked: &Asked, answer: &mut Answer) -> bool {
        if asked.name() != "sns Subscribe" || !answer.is_success() {
            return false;
        }
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        let Some((before, rest)) = body.split_once("<SubscriptionArn>") else { return false };
        let Some((arn, after)) = rest.split_once("</SubscriptionArn>") else { return false };
        if self.seen.insert(arn.to_owned()) {
            self.spell.begin(arn);
        }
        if !self.spell.holds(arn) {
            return false;
        }
        let pending = format!("{before}<SubscriptionArn>pending confirmation</SubscriptionArn>{after}");
        answer.body = Bytes::from(pending);
        true
    }
}

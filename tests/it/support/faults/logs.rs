//! CloudWatch Logs: groups come and go with a delay.

use super::{Answer, Clock, ConsistencyRule, Verdict, Window, refuse};
use crate::support::proxy::Asked;

pub fn all(clock: Clock) -> Vec<Box<dyn ConsistencyRule>> {
    vec![Box::new(UnreadTarget(Window::new(clock, 3.0))), Box::new(Going(Window::new(clock, 6.0)))]
}

fn group(asked: &Asked) -> Option<String> {
    asked.field("logGroupName").filter(|_| asked.service == "logs")
}

/// A new group is not seen by the next call.
struct UnreadTarget(Window);

impl ConsistencyRule for UnreadTarget {
    fn name(&self) -> &'static str {
        "Logs: a new log group is not seen by PutRetentionPolicy"
    }

    fn before(&mut self, asked: &Asked) -> Verdict {
        match group(asked) {
            Some(name) if asked.operation == "PutRetentionPolicy" && self.0.holds(&name) => {
                refuse(asked, "log-group-unseen", &[])
            }
            _ => Verdict::Silent,
        }
    }

    fn after(&mut self, asked: &Asked, answer: &mut Answer) -> bool {
        if asked.operation == "CreateLogGroup" && answer.is_success() {
            self.0.begin(group(asked).unwrap());
        }
        false
    }
}

/// A group that was deleted is still being deleted.
struct Going(Window);

impl ConsistencyRule for Going {
    fn name(&self) -> &'static str {
        "Logs: a log group of that name is still being deleted"
    }

    fn before(&mut self, asked: &Asked) -> Verdict {
        match group(asked) {
            Some(name) if asked.operation == "CreateLogGroup" && self.0.holds(&name) => {
                refuse(asked, "log-group-busy", &[])
            }
            _ => Verdict::Silent,
        }
    }

    fn after(&mut self, asked: &Asked, answer: &mut Answer) -> bool {
        if asked.operation == "DeleteLogGroup" && answer.is_success() {
            self.0.begin(group(asked).unwrap());
        }
        false
    }
}

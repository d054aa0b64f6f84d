//! CloudWatch Logs: groups appear and disappear with a delay.

use super::{Answer, ConsistencyRule, TimeScale, Verdict, Window, refuse};
use crate::support::proxy::AwsRequest;

pub fn all(time_scale: TimeScale) -> Vec<Box<dyn ConsistencyRule>> {
    vec![
        Box::new(LogGroupUnseen(Window::new(time_scale, 3.0))),
        Box::new(GroupBeingDeleted(Window::new(time_scale, 6.0))),
    ]
}

fn group(request: &AwsRequest) -> Option<String> {
    request.field("logGroupName").filter(|_| request.service == "logs")
}

/// PutRetentionPolicy does not see a new group yet.
struct LogGroupUnseen(Window);

impl ConsistencyRule for LogGroupUnseen {
    fn name(&self) -> &'static str {
        "Logs: a new log group is not seen by PutRetentionPolicy"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        match group(request) {
            Some(name) if request.operation == "PutRetentionPolicy" && self.0.holds(&name) => {
                refuse(request, "log-group-unseen", &[])
            }
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.operation == "CreateLogGroup" && answer.is_success() {
            self.0.begin(group(request).unwrap());
        }
        false
    }
}

/// A group cannot be created while one of its name is being deleted.
struct GroupBeingDeleted(Window);

impl ConsistencyRule for GroupBeingDeleted {
    fn name(&self) -> &'static str {
        "Logs: a log group of that name is still being deleted"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        match group(request) {
            Some(name) if request.operation == "CreateLogGroup" && self.0.holds(&name) => {
                refuse(request, "log-group-busy", &[])
            }
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.operation == "DeleteLogGroup" && answer.is_success() {
            self.0.begin(group(request).unwrap());
        }
        false
    }
}

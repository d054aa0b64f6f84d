//! IAM: changes reach the regions with a delay.

use super::{Answer, ConsistencyRule, TimeScale, Verdict, Window, last, refuse};
use crate::support::proxy::AwsRequest;

pub fn all(time_scale: TimeScale) -> Vec<Box<dyn ConsistencyRule>> {
    vec![
        Box::new(RoleUnseen(Window::new(time_scale, 4.0))),
        Box::new(Unassumable { soon: Window::new(time_scale, 8.0), late: Window::new(time_scale, 23.0), made: 0 }),
        Box::new(Unscheduled(Window::new(time_scale, 8.0))),
        Box::new(InUse(Window::new(time_scale, 4.0))),
    ]
}

/// GetRole and PutRolePolicy do not see a new role yet.
struct RoleUnseen(Window);

impl ConsistencyRule for RoleUnseen {
    fn name(&self) -> &'static str {
        "IAM: a new role is not seen by GetRole and PutRolePolicy"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        match (request.name().as_str(), request.field("RoleName")) {
            ("iam GetRole" | "iam PutRolePolicy", Some(role)) if self.0.holds(&role) => {
                refuse(request, "role-unseen", &[("name", &role)])
            }
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.name() == "iam CreateRole" && answer.is_success() {
            self.0.begin(request.field("RoleName").unwrap());
        }
        false
    }
}

/// Lambda cannot assume a new role for 8 or 23 seconds.
struct Unassumable {
    soon: Window,
    late: Window,
    made: usize,
}

impl ConsistencyRule for Unassumable {
    fn name(&self) -> &'static str {
        "Lambda: a new role cannot be assumed"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        let creates =
            ["lambda CreateFunction", "lambda UpdateFunctionConfiguration"].contains(&request.name().as_str());
        match request.field("Role") {
            Some(arn) if creates && (self.soon.holds(last(&arn)) | self.late.holds(last(&arn))) => {
                refuse(request, "role-unassumable", &[])
            }
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.name() == "iam CreateRole" && answer.is_success() {
            self.made += 1;
            let window = if self.made.is_multiple_of(2) { &mut self.late } else { &mut self.soon };
            window.begin(request.field("RoleName").unwrap());
        }
        false
    }
}

/// Scheduler cannot assume a new role for a while.
struct Unscheduled(Window);

impl ConsistencyRule for Unscheduled {
    fn name(&self) -> &'static str {
        "Scheduler: a new role cannot be assumed"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match body["Target"]["RoleArn"].as_str() {
            Some(arn) if request.name() == "scheduler CreateSchedule" && self.0.holds(last(arn)) => {
                refuse(request, "schedule-role", &[])
            }
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.name() == "iam CreateRole" && answer.is_success() {
            self.0.begin(request.field("RoleName").unwrap());
        }
        false
    }
}

/// A role whose policy was just deleted still counts as having it.
struct InUse(Window);

impl ConsistencyRule for InUse {
    fn name(&self) -> &'static str {
        "IAM: a role whose policy has just gone is in use"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        match (request.name().as_str(), request.field("RoleName")) {
            ("iam DeleteRole", Some(role)) if self.0.holds(&role) => refuse(request, "role-in-use", &[]),
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.name() == "iam DeleteRolePolicy" && answer.is_success() {
            self.0.begin(request.field("RoleName").unwrap());
        }
        false
    }
}

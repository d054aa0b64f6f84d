//! IAM: one control plane for the world, read a little late everywhere.

use super::{Answer, Clock, ConsistencyRule, Verdict, Window, last, refuse};
use crate::support::proxy::Asked;

pub fn all(clock: Clock) -> Vec<Box<dyn ConsistencyRule>> {
    vec![
        Box::new(UnreadTarget(Window::new(clock, 4.0))),
        Box::new(Unassumable { soon: Window::new(clock, 8.0), late: Window::new(clock, 23.0), made: 0 }),
        Box::new(InUse(Window::new(clock, 4.0))),
    ]
}

/// GetRole and PutRolePolicy do not see a new role.
struct UnreadTarget(Window);

impl ConsistencyRule for UnreadTarget {
    fn name(&self) -> &'static str {
        "IAM: a new role is not seen by GetRole and PutRolePolicy"
    }

    fn before(&mut self, asked: &Asked) -> Verdict {
        match (asked.name().as_str(), asked.field("RoleName")) {
            ("iam GetRole" | "iam PutRolePolicy", Some(role)) if self.0.holds(&role) => {
                refuse(asked, "role-unseen", &[("name", &role)])
            }
            _ => Verdict::Silent,
        }
    }

    fn after(&mut self, asked: &Asked, answer: &mut Answer) -> bool {
        if asked.name() == "iam CreateRole" && answer.is_success() {
            self.0.begin(asked.field("RoleName").unwrap());
        }
        false
    }
}

/// Lambda cannot assume a new role: for 8 seconds, or 23.
struct Unassumable {
    soon: Window,
    late: Window,
    made: usize,
}

impl ConsistencyRule for Unassumable {
    fn name(&self) -> &'static str {
        "Lambda: a new role cannot be assumed"
    }

    fn before(&mut self, asked: &Asked) -> Verdict {
        let creates = ["lambda CreateFunction", "lambda UpdateFunctionConfiguration"].contains(&asked.name().as_str());
        match asked.field("Role") {
            Some(arn) if creates && (self.soon.holds(last(&arn)) | self.late.holds(last(&arn))) => {
                refuse(asked, "role-unassumable", &[])
            }
            _ => Verdict::Silent,
        }
    }

    fn after(&mut self, asked: &Asked, answer: &mut Answer) -> bool {
        if asked.name() == "iam CreateRole" && answer.is_success() {
            self.made += 1;
            let spell = if self.made.is_multiple_of(2) { &mut self.late } else { &mut self.soon };
            spell.begin(asked.field("RoleName").unwrap());
        }
        false
    }
}

/// A role whose policies have just gone still counts as having some.
struct InUse(Window);

impl ConsistencyRule for InUse {
    fn name(&self) -> &'static str {
        "IAM: a role whose policy has just gone is in use"
    }

    fn before(&mut self, asked: &Asked) -> Verdict {
        match (asked.name().as_str(), asked.field("RoleName")) {
            ("iam DeleteRole", Some(role)) if self.0.holds(&role) => refuse(asked, "role-in-use", &[]),
            _ => Verdict::Silent,
        }
    }

    fn after(&mut self, asked: &Asked, answer: &mut Answer) -> bool {
        if asked.name() == "iam DeleteRolePolicy" && answer.is_success() {
            self.0.begin(asked.field("RoleName").unwrap());
        }
        false
    }
}

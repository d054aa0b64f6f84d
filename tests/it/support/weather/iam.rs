//! IAM: one control plane for the world, read a little late everywhere.

use super::{Answer, Clock, Manner, Spell, Verdict, last, refuse};
use crate::support::proxy::Asked;

pub fn all(clock: Clock) -> Vec<Box<dyn Manner>> {
    vec![
        Box::new(Unseen(Spell::new(clock, 4.0))),
        Box::new(Unassumable { soon: Spell::new(clock, 8.0), late: Spell::new(clock, 23.0), made: 0 }),
        Box::new(InUse(Spell::new(clock, 4.0))),
    ]
}

/// GetRole and PutRolePolicy do not see a new role.
struct Unseen(Spell);

impl Manner for Unseen {
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
    soon: Spell,
    late: Spell,
    made: usize,
}

impl Manner for Unassumable {
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
struct InUse(Spell);

impl Manner for InUse {
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

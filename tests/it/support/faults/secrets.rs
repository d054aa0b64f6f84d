//! Secrets Manager: a deletion holds the secret's name, and a restored secret takes a moment.

use std::collections::HashSet;

use super::{Answer, Clock, ConsistencyRule, Verdict, Window, refuse};
use crate::support::proxy::Asked;

pub fn all(clock: Clock) -> Vec<Box<dyn ConsistencyRule>> {
    vec![
        Box::new(Scheduled(HashSet::new())),
        Box::new(Restored(Window::new(clock, 4.0))),
        Box::new(Forced(Window::new(clock, 15.0))),
    ]
}

/// The name of the secret that a call is about: its ARN ends in `-` and six characters of AWS's.
fn name(asked: &Asked) -> Option<String> {
    let id = asked.field("SecretId").or_else(|| asked.field("Name")).filter(|_| asked.service == "secretsmanager")?;
    let name = id.rsplit(':').next()?;
    Some(if id.starts_with("arn:") { name[..name.len() - 7].to_owned() } else { name.to_owned() })
}

fn is_forced(asked: &Asked) -> bool {
    asked.field("ForceDeleteWithoutRecovery").as_deref() == Some("true")
}

/// The name is held by the recovery window.
struct Scheduled(HashSet<String>);

impl ConsistencyRule for Scheduled {
    fn name(&self) -> &'static str {
        "Secrets: the name is held by a recovery window"
    }

    fn before(&mut self, asked: &Asked) -> Verdict {
        match name(asked) {
            Some(name) if asked.operation == "CreateSecret" && self.0.contains(&name) => {
                refuse(asked, "secret-scheduled", &[])
            }
            _ => Verdict::Silent,
        }
    }

    fn after(&mut self, asked: &Asked, answer: &mut Answer) -> bool {
        if let Some(name) = name(asked).filter(|_| answer.is_success()) {
            match asked.operation.as_str() {
                "DeleteSecret" if is_forced(asked) => _ = self.0.remove(&name),
                "DeleteSecret" => _ = self.0.insert(name),
                "RestoreSecret" => _ = self.0.remove(&name),
                _ => {}
            }
        }
        false
    }
}

/// A secret that was brought back is not back everywhere.
struct Restored(Window);

impl ConsistencyRule for Restored {
    fn name(&self) -> &'static str {
        "Secrets: a restored secret is not back everywhere"
    }

    fn before(&mut self, asked: &Asked) -> Verdict {
        match name(asked) {
            Some(name)
                if ["TagResource", "PutSecretValue", "UpdateSecret"].contains(&asked.operation.as_str())
                    && self.0.holds(&name) =>
            {
                refuse(asked, "secret-marked", &[])
            }
            _ => Verdict::Silent,
        }
    }

    fn after(&mut self, asked: &Asked, answer: &mut Answer) -> bool {
        if asked.operation == "RestoreSecret" && answer.is_success() {
            self.0.begin(name(asked).unwrap());
        }
        false
    }
}

/// A secret that was deleted for good is still going, and has its name for so long.
struct Forced(Window);

impl ConsistencyRule for Forced {
    fn name(&self) -> &'static str {
        "Secrets: the name is held by a forced delete in progress"
    }

    fn before(&mut self, asked: &Asked) -> Verdict {
        match name(asked) {
            Some(name) if asked.operation == "CreateSecret" && self.0.holds(&name) => {
                refuse(asked, "secret-scheduled", &[])
            }
            _ => Verdict::Silent,
        }
    }

    fn after(&mut self, asked: &Asked, answer: &mut Answer) -> bool {
        if asked.operation == "DeleteSecret" && is_forced(asked) && answer.is_success() {
            self.0.begin(name(asked).unwrap());
        }
        false
    }
}

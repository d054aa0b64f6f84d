//! Secrets Manager: a deleted secret keeps its name, and a restored secret is unavailable for a moment.

use std::collections::HashSet;

use super::{Answer, ConsistencyRule, TimeScale, Verdict, Window, refuse};
use crate::support::proxy::AwsRequest;

pub fn all(time_scale: TimeScale) -> Vec<Box<dyn ConsistencyRule>> {
    vec![
        Box::new(Scheduled(HashSet::new())),
        Box::new(Restored(Window::new(time_scale, 4.0))),
        Box::new(Forced(Window::new(time_scale, 15.0))),
    ]
}

/// The secret's name. An ARN ends in `-` and six characters from AWS.
fn name(request: &AwsRequest) -> Option<String> {
    let id =
        request.field("SecretId").or_else(|| request.field("Name")).filter(|_| request.service == "secretsmanager")?;
    let name = id.rsplit(':').next()?;
    Some(if id.starts_with("arn:") { name[..name.len() - 7].to_owned() } else { name.to_owned() })
}

fn is_forced(request: &AwsRequest) -> bool {
    request.field("ForceDeleteWithoutRecovery").as_deref() == Some("true")
}

/// A secret in its recovery window keeps its name.
struct Scheduled(HashSet<String>);

impl ConsistencyRule for Scheduled {
    fn name(&self) -> &'static str {
        "Secrets: the name is held by a recovery window"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        match name(request) {
            Some(name) if request.operation == "CreateSecret" && self.0.contains(&name) => {
                refuse(request, "secret-scheduled", &[])
            }
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if let Some(name) = name(request).filter(|_| answer.is_success()) {
            match request.operation.as_str() {
                "DeleteSecret" if is_forced(request) => _ = self.0.remove(&name),
                "DeleteSecret" => _ = self.0.insert(name),
                "RestoreSecret" => _ = self.0.remove(&name),
                _ => {}
            }
        }
        false
    }
}

/// A restored secret cannot be written for a moment.
struct Restored(Window);

impl ConsistencyRule for Restored {
    fn name(&self) -> &'static str {
        "Secrets: a restored secret is not back everywhere"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        match name(request) {
            Some(name)
                if ["TagResource", "PutSecretValue", "UpdateSecret"].contains(&request.operation.as_str())
                    && self.0.holds(&name) =>
            {
                refuse(request, "secret-marked", &[])
            }
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.operation == "RestoreSecret" && answer.is_success() {
            self.0.begin(name(request).unwrap());
        }
        false
    }
}

/// A secret that was deleted without recovery keeps its name until the deletion is complete.
struct Forced(Window);

impl ConsistencyRule for Forced {
    fn name(&self) -> &'static str {
        "Secrets: the name is held by a forced delete in progress"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        match name(request) {
            Some(name) if request.operation == "CreateSecret" && self.0.holds(&name) => {
                refuse(request, "secret-scheduled", &[])
            }
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.operation == "DeleteSecret" && is_forced(request) && answer.is_success() {
            self.0.begin(name(request).unwrap());
        }
        false
    }
}

//! The random faults, with the error codes and texts of each service.

use std::time::Duration;

use super::address::about;
use crate::services::{Service, service};
use crate::support::facts::{recorded, recorded_refusal};
use crate::support::proxy::{AwsRequest, CallOutcome, Fault};

const FAULTS_PER_THOUSAND: u64 = 80;

/// The outcome of a call, from 64 random bits.
pub fn outcome(asked: &AwsRequest, random: u64) -> CallOutcome {
    if random % 1000 >= FAULTS_PER_THOUSAND {
        return CallOutcome::Passed;
    }
    let random = random / 1000;
    match random % 12 {
        0..=2 => CallOutcome::Refused(service(&asked.service).throttling()),
        3 | 4 => CallOutcome::Refused(service(&asked.service).server_error()),
        // The service reports an error although it carried the call out.
        5 => CallOutcome::DoneButRefused(service(&asked.service).server_error()),
        6 | 7 => CallOutcome::ConnectionLost,
        8 | 9 => CallOutcome::AnswerLost,
        10 if asked.writes() => CallOutcome::Refused(conflict(asked)),
        _ => CallOutcome::Delayed(Duration::from_millis(random / 12 % 60)),
    }
}

/// A refusal because of a concurrent change. If none is recorded for this operation, the call is throttled.
fn conflict(asked: &AwsRequest) -> Fault {
    let service = service(&asked.service);
    conflict_of(service, &asked.operation, &about(asked)).unwrap_or_else(|| service.throttling())
}

/// The recorded refusal of an operation on a resource with this name because of a concurrent change.
pub fn conflict_of(service: &Service, operation: &str, name: &str) -> Option<Fault> {
    let names = [("arn", "arn:aws:lambda:eu-central-1:1:function:f"), ("name", name)];
    let operation = format!("{} {operation}", service.name);
    let id = service.refusals.conflicts.iter().find(|id| recorded(id).covers(&operation))?;
    Some(recorded_refusal(id, &names))
}

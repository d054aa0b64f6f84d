//! What AWS refuses, or does otherwise than the emulator, played by every proxy of these tests.
//!
//! The emulator takes many requests that AWS rejects, so that a program can be green here and fail at its first run on
//! AWS. [`RULES`] is the table of such requests, with AWS's code, its message, and where that is known from. A request
//! that meets a rule does not reach the emulator. A request of our own program that meets one fails the test of its
//! `User`. [`PLAYED`] lists what is accepted by both and turns out differently; `routes` and `tls` play it.
//!
//! `tests/it/aws_rules.rs` has a request for every row, and fails where a row has none.

mod limits;
mod names;
mod policies;
pub mod routes;
mod stages;
mod tags;
pub mod tls;
mod variables;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::proxy::{AwsRequest, Fault};

/// A kind of request that AWS refuses.
pub struct Rule {
    pub name: &'static str,
    pub status: u16,
    /// AWS's code; empty where it is the service's own word for an invalid value, see [`invalid`].
    pub code: &'static str,
    pub message: &'static str,
    /// Where it is known from.
    pub source: &'static str,
    pub refuses: fn(&AwsRequest) -> bool,
}

/// Every rule, one file a subject.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    [stages::RULES, policies::RULES, tags::RULES, variables::RULES, names::RULES, limits::RULES, tls::RULES]
        .into_iter()
        .flatten()
}

/// What AWS accepts as the emulator does, and does otherwise.
pub const PLAYED: [&str; 3] = [
    "API Gateway: a body whose content type has no model is not validated",
    "API Gateway: an answer in a wrong shape is a 502",
    "API Gateway: a changed security policy keeps the API UPDATING",
];

/// The refusal that a request meets.
pub fn refusal(request: &AwsRequest) -> Option<(&'static Rule, Fault)> {
    if !request.is_control_plane() {
        return None;
    }
    let rule = rules().find(|rule| (rule.refuses)(request))?;
    let code = if rule.code.is_empty() { invalid(&request.service) } else { rule.code };
    Some((rule, Fault::new(rule.status, code, rule.message)))
}

/// What a service calls a value that it does not take.
fn invalid(service: &str) -> &'static str {
    match service {
        "apigateway" | "apigatewayv2" => "BadRequestException",
        "iam" => "InvalidInput",
        "lambda" => "InvalidParameterValueException",
        "sns" => "InvalidParameter",
        "secretsmanager" => "InvalidRequestException",
        "wafv2" => "WAFInvalidParameterException",
        _ => "InvalidParameterException",
    }
}

/// The rules that requests of our own program have met, by user.
static MET: Mutex<BTreeMap<String, Vec<String>>> = Mutex::new(BTreeMap::new());

/// Remembers that a request of our own program met a rule. Other tools' requests are none of our business.
pub fn note(request: &AwsRequest, rule: &Rule) {
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if header("user-agent").starts_with("Botocore") {
        return;
    }
    let user = header("user-agent").split_whitespace().find_map(|word| word.strip_prefix("app/")).unwrap_or_default();
    let met = format!("{}: {} ({})", request.name(), rule.name, rule.message);
    MET.lock().unwrap_or_else(PoisonError::into_inner).entry(user.to_owned()).or_default().push(met);
}

/// Fails if a request of this user's has met a rule since this was last request.
#[track_caller]
pub fn assert_none_met(user: &str) {
    let met = MET.lock().unwrap_or_else(PoisonError::into_inner).remove(user).unwrap_or_default();
    assert!(met.is_empty(), "requests that AWS refuses:\n{}", met.join("\n"));
}

/// A request's JSON body.
fn json(request: &AwsRequest) -> Value {
    serde_json::from_slice(&request.body).unwrap_or_default()
}

/// A string of a JSON body's top level.
fn text(request: &AwsRequest, field: &str) -> String {
    request.field(field).unwrap_or_default()
}

//! Requests that AWS refuses and the emulator accepts. Every proxy of these tests refuses them.
//!
//! Without these rules, the program could pass all tests here and fail at its first run on AWS. [`rules`] returns them, each
//! with AWS's code and message and the source. A request that violates a rule does not reach the emulator, and if our own
//! program sent it, the test of its `User` fails. [`PLAYED`] lists requests that both accept but that have different
//! effects on AWS; `routes` and `tls` play these effects.
//!
//! `tests/it/aws_rules.rs` has a request for every rule, and fails if a rule has none.

mod cors;
mod images;
mod limits;
mod names;
mod policies;
mod pools;
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
    /// AWS's code. If it is empty, the service's code for an invalid value (see [`invalid`]).
    pub code: &'static str,
    pub message: &'static str,
    pub source: &'static str,
    pub refuses: fn(&AwsRequest) -> bool,
}

/// Every rule. Each subject has a file.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    [
        stages::RULES,
        policies::RULES,
        tags::RULES,
        variables::RULES,
        names::RULES,
        limits::RULES,
        tls::RULES,
        cors::RULES,
        images::RULES,
        pools::RULES,
    ]
    .into_iter()
    .flatten()
}

/// Requests that AWS accepts too, but with another effect than the emulator.
pub const PLAYED: [&str; 3] = [
    "API Gateway: a body whose content type has no model is not validated",
    "API Gateway: an answer in a wrong shape is a 502",
    "API Gateway: a changed security policy keeps the API UPDATING",
];

/// The rule that a request violates, and AWS's refusal.
pub fn refusal(request: &AwsRequest) -> Option<(&'static Rule, Fault)> {
    if !request.is_control_plane() {
        return None;
    }
    let rule = rules().find(|rule| (rule.refuses)(request))?;
    let code = if rule.code.is_empty() { invalid(&request.service) } else { rule.code };
    Some((rule, Fault::new(rule.status, code, rule.message)))
}

/// A service's error code for an invalid value.
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

/// The violations by our own program, by user.
static MET: Mutex<BTreeMap<String, Vec<String>>> = Mutex::new(BTreeMap::new());

/// Records a violation by our own program. Violations by other tools are ignored.
pub fn record_violation(request: &AwsRequest, rule: &Rule) {
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if header("user-agent").starts_with("Botocore") {
        return;
    }
    let user = header("user-agent").split_whitespace().find_map(|word| word.strip_prefix("app/")).unwrap_or_default();
    let met = format!("{}: {} ({})", request.name(), rule.name, rule.message);
    MET.lock().unwrap_or_else(PoisonError::into_inner).entry(user.to_owned()).or_default().push(met);
}

/// Fails if a request of this user has violated a rule since this was last called.
#[track_caller]
pub fn assert_none_met(user: &str) {
    let met = MET.lock().unwrap_or_else(PoisonError::into_inner).remove(user).unwrap_or_default();
    assert!(met.is_empty(), "requests that AWS refuses:\n{}", met.join("\n"));
}

/// A request's JSON body.
fn json(request: &AwsRequest) -> Value {
    serde_json::from_slice(&request.body).unwrap_or_default()
}

/// A string at the top level of a JSON body.
fn text(request: &AwsRequest, field: &str) -> String {
    request.field(field).unwrap_or_default()
}

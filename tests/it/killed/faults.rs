//! What can go wrong with any call, as the service that is called words it.

use std::time::Duration;

use crate::support::facts::{played, played_to};
use crate::support::proxy::{Asked, CallOutcome, Fault};

/// How many of a thousand calls meet with a mishap.
const MISHAPS: u64 = 80;

/// The fate of a call, from a number of 64 random bits.
pub fn outcome(asked: &Asked, random: u64) -> CallOutcome {
    if random % 1000 >= MISHAPS {
        return CallOutcome::Passed;
    }
    let random = random / 1000;
    match random % 12 {
        0..=2 => CallOutcome::Refused(throttling(&asked.service)),
        3 | 4 => CallOutcome::Refused(trouble(&asked.service)),
        // Carried out all the same.
        5 => CallOutcome::Belied(trouble(&asked.service)),
        6 | 7 => CallOutcome::Lost,
        8 | 9 => CallOutcome::Unanswered,
        10 if asked.writes() => CallOutcome::Refused(conflict(asked)),
        _ => CallOutcome::Deferred(Duration::from_millis(random / 12 % 60)),
    }
}

/// Too many calls.
fn throttling(service: &str) -> Fault {
    match service {
        "iam" | "sts" => played("iam-throttled", &[]),
        "sns" => played("sns-throttled", &[]),
        "lambda" => played("lambda-throttled", &[]),
        "apigateway" | "apigatewayv2" => Fault { retry_after: Some(1), ..played("api-throttled", &[]) },
        "cognito-idp" | "cognito-identity" => played("cognito-throttled", &[]),
        "logs" => played("logs-throttled", &[]),
        "secretsmanager" => played("secrets-throttled", &[]),
        _ => played("waf-throttled", &[]),
    }
}

/// The service's own trouble.
fn trouble(service: &str) -> Fault {
    match service {
        "iam" | "sts" => played("iam-unavailable", &[]),
        "sns" => played("sns-unavailable", &[]),
        "lambda" => played("lambda-unavailable", &[]),
        "apigateway" | "apigatewayv2" => played("api-unavailable", &[]),
        "cognito-idp" | "cognito-identity" => played("cognito-unavailable", &[]),
        "logs" => played("logs-unavailable", &[]),
        "secretsmanager" => played("secrets-unavailable", &[]),
        _ => played("waf-unavailable", &[]),
    }
}

/// Something else is being changed at this moment.
fn conflict(asked: &Asked) -> Fault {
    let id = match (asked.service.as_str(), asked.operation.as_str()) {
        ("iam", _) => "iam-concurrent",
        ("lambda", "AddPermission" | "RemovePermission") => "permission-concurrent",
        ("lambda", "CreateFunction") => "function-deleting",
        ("lambda", operation) if operation.starts_with("UpdateFunction") || operation == "DeleteFunction" => {
            return played_to(asked, "function-updating", &[("arn", "arn:aws:lambda:eu-central-1:1:function:f")]);
        }
        ("apigateway" | "apigatewayv2", _) => "api-concurrent",
        ("cognito-idp", _) => "pool-concurrent",
        ("cognito-identity", _) => "identity-pool-concurrent",
        ("logs", _) => "log-group-busy",
        ("sns", _) => "topic-concurrent",
        ("wafv2", "AssociateWebACL") => "waf-unavailable-entity",
        ("wafv2", operation) if operation.starts_with("Create") => "waf-tagging",
        ("wafv2", operation) if operation.starts_with("Update") || operation.starts_with("Delete") => "waf-lock",
        (service, _) => return throttling(service),
    };
    played_to(asked, id, &[])
}

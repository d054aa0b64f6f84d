//! The random faults, as each service words them.

use std::time::Duration;

use crate::support::facts::{recorded_refusal, recorded_refusal_of};
use crate::support::proxy::{AwsRequest, CallOutcome, Fault};

const FAULTS_PER_THOUSAND: u64 = 80;

/// The outcome of a call, from 64 random bits.
pub fn outcome(asked: &AwsRequest, random: u64) -> CallOutcome {
    if random % 1000 >= FAULTS_PER_THOUSAND {
        return CallOutcome::Passed;
    }
    let random = random / 1000;
    match random % 12 {
        0..=2 => CallOutcome::Refused(throttling(&asked.service)),
        3 | 4 => CallOutcome::Refused(server_error(&asked.service)),
        // The service reports an error although it carried the call out.
        5 => CallOutcome::DoneButRefused(server_error(&asked.service)),
        6 | 7 => CallOutcome::ConnectionLost,
        8 | 9 => CallOutcome::AnswerLost,
        10 if asked.writes() => CallOutcome::Refused(conflict(asked)),
        _ => CallOutcome::Delayed(Duration::from_millis(random / 12 % 60)),
    }
}

fn throttling(service: &str) -> Fault {
    match service {
        "iam" | "sts" => recorded_refusal("iam-throttled", &[]),
        "sns" => recorded_refusal("sns-throttled", &[]),
        "sqs" => recorded_refusal("sqs-throttled", &[]),
        "lambda" => recorded_refusal("lambda-throttled", &[]),
        "apigateway" | "apigatewayv2" => Fault { retry_after: Some(1), ..recorded_refusal("api-throttled", &[]) },
        "cognito-idp" | "cognito-identity" => recorded_refusal("cognito-throttled", &[]),
        "logs" => recorded_refusal("logs-throttled", &[]),
        "secretsmanager" => recorded_refusal("secrets-throttled", &[]),
        _ => recorded_refusal("waf-throttled", &[]),
    }
}

fn server_error(service: &str) -> Fault {
    match service {
        "iam" | "sts" => recorded_refusal("iam-unavailable", &[]),
        "sns" => recorded_refusal("sns-unavailable", &[]),
        "sqs" => recorded_refusal("sqs-unavailable", &[]),
        "lambda" => recorded_refusal("lambda-unavailable", &[]),
        "apigateway" | "apigatewayv2" => recorded_refusal("api-unavailable", &[]),
        "cognito-idp" | "cognito-identity" => recorded_refusal("cognito-unavailable", &[]),
        "logs" => recorded_refusal("logs-unavailable", &[]),
        "secretsmanager" => recorded_refusal("secrets-unavailable", &[]),
        _ => recorded_refusal("waf-unavailable", &[]),
    }
}

/// A refusal because of a concurrent change.
fn conflict(asked: &AwsRequest) -> Fault {
    let id = match (asked.service.as_str(), asked.operation.as_str()) {
        ("iam", _) => "iam-concurrent",
        ("lambda", "AddPermission" | "RemovePermission") => "permission-concurrent",
        ("lambda", "CreateFunction") => "function-deleting",
        ("lambda", operation) if operation.starts_with("UpdateFunction") || operation == "DeleteFunction" => {
            return recorded_refusal_of(
                asked,
                "function-updating",
                &[("arn", "arn:aws:lambda:eu-central-1:1:function:f")],
            );
        }
        ("apigateway" | "apigatewayv2", _) => "api-concurrent",
        ("cognito-idp", _) => "pool-concurrent",
        ("cognito-identity", _) => "identity-pool-concurrent",
        ("logs", _) => "log-group-busy",
        ("sns", _) => "topic-concurrent",
        ("sqs", "CreateQueue") => "queue-deleted-recently",
        ("wafv2", "AssociateWebACL") => "waf-unavailable-entity",
        ("wafv2", operation) if operation.starts_with("Create") => "waf-tagging",
        ("wafv2", operation) if operation.starts_with("Update") || operation.starts_with("Delete") => "waf-lock",
        (service, _) => return throttling(service),
    };
    recorded_refusal_of(asked, id, &[])
}

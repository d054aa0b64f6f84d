//! What can go wrong with any call, as the service that is called words it.

use std::time::Duration;

use crate::support::proxy::{Asked, Fate, Fault};

/// How many of a thousand calls meet with a mishap.
const MISHAPS: u64 = 80;

/// The fate of a call, from a number of 64 random bits.
pub fn fate(asked: &Asked, random: u64) -> Fate {
    if random % 1000 >= MISHAPS {
        return Fate::Passed;
    }
    let random = random / 1000;
    match random % 12 {
        0..=2 => Fate::Refused(throttling(&asked.service)),
        3 | 4 => Fate::Refused(trouble(&asked.service)),
        // Carried out all the same.
        5 => Fate::Belied(trouble(&asked.service)),
        6 | 7 => Fate::Lost,
        8 | 9 => Fate::Unanswered,
        10 if asked.writes() => Fate::Refused(conflict(asked)),
        _ => Fate::Late(Duration::from_millis(random / 12 % 60)),
    }
}

/// Too many calls.
fn throttling(service: &str) -> Fault {
    match service {
        "iam" | "sts" => Fault::new(400, "Throttling", "Rate exceeded"),
        "sns" => Fault::new(429, "Throttled", "Rate exceeded"),
        "lambda" => Fault::new(429, "TooManyRequestsException", "Rate exceeded"),
        "apigateway" | "apigatewayv2" => {
            Fault { retry_after: Some(1), ..Fault::new(429, "TooManyRequestsException", "Too Many Requests") }
        }
        "cognito-idp" | "cognito-identity" => Fault::new(400, "TooManyRequestsException", "Too many requests"),
        _ => Fault::new(400, "ThrottlingException", "Rate exceeded"),
    }
}

/// The service's own trouble.
fn trouble(service: &str) -> Fault {
    match service {
        "iam" | "sts" => Fault::new(503, "ServiceUnavailable", "The service is unavailable"),
        "sns" => Fault::new(500, "InternalError", "The service had a fault"),
        "lambda" => Fault::new(500, "ServiceException", "The service had a fault"),
        "apigateway" | "apigatewayv2" => Fault::new(503, "ServiceUnavailableException", "The service is unavailable"),
        "cognito-idp" | "cognito-identity" => Fault::new(500, "InternalErrorException", "Something went wrong"),
        "logs" => Fault::new(500, "ServiceUnavailableException", "The service cannot complete the request"),
        "secretsmanager" => Fault::new(500, "InternalServiceError", "An error occurred on the server side"),
        "wafv2" => Fault::new(500, "WAFInternalErrorException", "AWS WAF could not perform the operation"),
        _ => Fault::new(500, "InternalFailure", "The service had a fault"),
    }
}

/// Something else is being changed at this moment.
fn conflict(asked: &Asked) -> Fault {
    match asked.service.as_str() {
        "iam" => Fault::new(409, "ConcurrentModification", "Another request is changing this; wait a moment"),
        "lambda" => Fault::new(409, "ResourceConflictException", "An update is in progress for this function"),
        "apigateway" | "apigatewayv2" => {
            Fault::new(409, "ConflictException", "A concurrent change is under way. Please try again later")
        }
        "cognito-idp" | "cognito-identity" => {
            Fault::new(400, "ConcurrentModificationException", "The pool is being changed")
        }
        "logs" => Fault::new(400, "OperationAbortedException", "A conflicting operation is in progress"),
        "sns" => Fault::new(400, "ConcurrentAccess", "Another request is changing the tags"),
        "wafv2" => match asked.operation.as_str() {
            "AssociateWebACL" => Fault::new(400, "WAFUnavailableEntityException", "It cannot be seen yet; try again"),
            operation if operation.starts_with("Create") => {
                Fault::new(400, "WAFTagOperationException", "AWS WAF could not tag it; try again")
            }
            _ => Fault::new(400, "WAFOptimisticLockException", "It was changed since it was read"),
        },
        service => throttling(service),
    }
}

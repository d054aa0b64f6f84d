//! CORS configurations of HTTP APIs.

use serde_json::Value;

use super::super::proxy::AwsRequest;
use super::{Rule, json};

pub const RULES: &[Rule] = &[
    Rule {
        name: "API Gateway: every origin with credentials",
        status: 400,
        code: "BadRequestException",
        message: "allow-credentials is not supported if 'allow-origin' is *",
        source: "aws-cdk issue 9076",
        refuses: |request| {
            let cors = configuration(request);
            cors["allowCredentials"] == true && lists(&cors["allowOrigins"], "*")
        },
    },
    Rule {
        name: "API Gateway: ANY as a method of CORS",
        status: 400,
        code: "BadRequestException",
        message: "Method ANY is not supported",
        source: "aws-cdk issue 13643",
        refuses: |request| lists(&configuration(request)["allowMethods"], "ANY"),
    },
];

/// The CORS configuration of a request. Null if there is none.
fn configuration(request: &AwsRequest) -> Value {
    let configures = ["apigatewayv2 CreateApi", "apigatewayv2 UpdateApi"].contains(&request.name().as_str());
    if configures { json(request)["corsConfiguration"].clone() } else { Value::Null }
}

fn lists(list: &Value, item: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|one| one == item))
}

//! Stages and integrations.

use super::super::proxy::AwsRequest;
use super::{Rule, json};

pub const RULES: &[Rule] = &[
    Rule {
        name: "API Gateway: execution logs of an HTTP API",
        status: 400,
        code: "BadRequestException",
        message: "Execution logs are not supported on protocolType HTTP",
        source: "terraform-provider-aws issues 12893, 13801, 14010; pull request 12904",
        refuses: execution_logs,
    },
    Rule {
        name: "API Gateway: a timeout out of range",
        status: 400,
        code: "BadRequestException",
        message: "Timeout should be between 50 ms and 29000 ms",
        source: "API Gateway quotas page; recorded by LocalStack, apigateway test_apigateway_api",
        refuses: |request| {
            let timeout = json(request)["timeoutInMillis"].as_i64();
            request.name() == "apigateway PutIntegration" && timeout.is_some_and(|ms| !(50..=29_000).contains(&ms))
        },
    },
    Rule {
        name: "API Gateway: a timeout of an HTTP API out of range",
        status: 400,
        code: "BadRequestException",
        message: "Timeout should be between 50 ms and 30000 ms",
        source: "terraform-provider-aws issues 16002, 42851; the words as for REST APIs",
        refuses: |request| {
            let timeout = json(request)["timeoutInMillis"].as_i64();
            request.name() == "apigatewayv2 CreateIntegration" && timeout.is_some_and(|ms| !(50..=30_000).contains(&ms))
        },
    },
];

/// Both members are refused, whatever their values.
fn execution_logs(request: &AwsRequest) -> bool {
    if !["apigatewayv2 CreateStage", "apigatewayv2 UpdateStage"].contains(&request.name().as_str()) {
        return false;
    }
    let body = json(request);
    let own = body["routeSettings"].as_object().into_iter().flat_map(|routes| routes.values());
    let mut all = own.chain([&body["defaultRouteSettings"]]);
    all.any(|settings| ["dataTraceEnabled", "loggingLevel"].iter().any(|member| settings.get(member).is_some()))
}

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
    Rule {
        name: "API Gateway: limits of the method ANY",
        status: 400,
        code: "BadRequestException",
        message: "Invalid method setting path: /{resourcePath}/ANY/throttling/burstLimit",
        source: "terraform-provider-aws issue 15855",
        refuses: |request| {
            let patches = json(request)["patchOperations"].as_array().cloned().unwrap_or_default();
            let any = |patch: &serde_json::Value| patch["path"].as_str().is_some_and(|path| path.contains("/ANY/"));
            request.name() == "apigateway UpdateStage" && patches.iter().any(any)
        },
    },
    Rule {
        name: "API Gateway: an integration without the method to call it with",
        status: 400,
        code: "BadRequestException",
        message: "Enumeration value for HttpMethod must be non-empty",
        source: "public code, several; moto, exceptions.py",
        refuses: |request| {
            let body = json(request);
            let calls = body["type"].as_str().is_some_and(|kind| kind != "MOCK");
            request.name() == "apigateway PutIntegration" && calls && body["httpMethod"].as_str().is_none()
        },
    },
    Rule {
        name: "API Gateway: an integration over HTTP without a URL",
        status: 400,
        code: "BadRequestException",
        message: "Invalid HTTP endpoint specified for URI",
        source: "public code, once with the request id of API Gateway; moto, exceptions.py",
        refuses: |request| {
            let body = json(request);
            let over_http = ["HTTP", "HTTP_PROXY"].contains(&body["type"].as_str().unwrap_or_default());
            let url = body["uri"].as_str().is_some_and(|url| url.starts_with("https://") || url.starts_with("http://"));
            request.name() == "apigateway PutIntegration" && over_http && !url
        },
    },
];

/// AWS refuses both members with any value.
fn execution_logs(request: &AwsRequest) -> bool {
    if !["apigatewayv2 CreateStage", "apigatewayv2 UpdateStage"].contains(&request.name().as_str()) {
        return false;
    }
    let body = json(request);
    let own = body["routeSettings"].as_object().into_iter().flat_map(|routes| routes.values());
    let mut all = own.chain([&body["defaultRouteSettings"]]);
    all.any(|settings| ["dataTraceEnabled", "loggingLevel"].iter().any(|member| settings.get(member).is_some()))
}

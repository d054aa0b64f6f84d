//! Environment variables of functions.

use serde_json::{Map, Value};

use super::super::proxy::AwsRequest;
use super::{Rule, json};

pub const RULES: &[Rule] = &[
    Rule {
        name: "Lambda: a reserved variable",
        status: 400,
        code: "InvalidParameterValueException",
        message: "Lambda was unable to configure your environment variables because the environment variables you have \
                  provided contains reserved keys that are currently not supported for modification.",
        source: "terraform-provider-aws issue 429; Lambda, Working with Lambda environment variables",
        refuses: |request| variables(request).keys().any(|name| RESERVED.contains(&name.as_str())),
    },
    Rule {
        name: "Lambda: variables of more than 4 KB",
        status: 400,
        code: "InvalidParameterValueException",
        message: "Lambda was unable to configure your environment variables because the environment variables you have \
                  provided exceeded the 4KB limit.",
        source: "Lambda quotas; recorded by LocalStack, lambda test_lambda_api",
        refuses: |request| Value::Object(variables(request)).to_string().len() > 4096,
    },
];

/// The variables that Lambda's documentation marks as reserved.
const RESERVED: [&str; 18] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

fn variables(request: &AwsRequest) -> Map<String, Value> {
    let sets = ["lambda CreateFunction", "lambda UpdateFunctionConfiguration"].contains(&request.name().as_str());
    let body = if sets { json(request) } else { Value::Null };
    body["Environment"]["Variables"].as_object().cloned().unwrap_or_default()
}

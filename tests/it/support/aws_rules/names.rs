//! Names that the services restrict although their models do not.

use super::{Rule, json, text};

pub const RULES: &[Rule] = &[
    Rule {
        name: "Lambda: a function's name that is too long",
        status: 400,
        code: "ValidationException",
        message: "1 validation error detected: Value at 'functionName' failed to satisfy constraint: Member must have \
                  length less than or equal to 64",
        source: "Lambda API reference, CreateFunction; recorded by LocalStack, lambda test_lambda_api",
        refuses: |request| request.name() == "lambda CreateFunction" && text(request, "FunctionName").len() > 64,
    },
    Rule {
        name: "API Gateway: a model's name with other characters",
        status: 400,
        code: "BadRequestException",
        message: "Model name must be alphanumeric",
        source: "recorded by LocalStack, apigateway test_apigateway_api",
        refuses: |request| {
            request.name() == "apigateway CreateModel"
                && !text(request, "name").chars().all(|c| c.is_ascii_alphanumeric())
        },
    },
    Rule {
        name: "API Gateway: a stage's name with other characters",
        status: 400,
        code: "BadRequestException",
        message: "Stage name only allows a-zA-Z0-9_",
        source: "API Gateway, CreateStage; public reports of the message",
        refuses: |request| {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            request.name() == "apigateway CreateStage" && !text(request, "stageName").chars().all(word)
        },
    },
    Rule {
        name: "API Gateway: a path part with other characters",
        status: 400,
        code: "BadRequestException",
        message: "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the \
                  beginning and the end.",
        source: "recorded by LocalStack, apigateway test_apigateway_api",
        refuses: |request| request.name() == "apigateway CreateResource" && !is_path_part(&text(request, "pathPart")),
    },
    Rule {
        name: "Secrets Manager: a name with other characters",
        status: 400,
        code: "ValidationException",
        message: "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: \
                  -/_+=.@!",
        source: "recorded by LocalStack, secretsmanager test_secretsmanager",
        refuses: |request| {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-/_+=.@!".contains(c);
            request.name() == "secretsmanager CreateSecret" && !text(request, "Name").chars().all(fits)
        },
    },
    Rule {
        name: "SNS: a topic's name with other characters, or too long",
        status: 400,
        code: "InvalidParameter",
        message: "Invalid parameter: Topic Name",
        source: "SNS API reference, CreateTopic; recorded by LocalStack, sns test_sns",
        refuses: |request| {
            let name = text(request, "Name");
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let stem = name.strip_suffix(".fifo").unwrap_or(&name);
            request.name() == "sns CreateTopic" && (name.is_empty() || name.len() > 256 || !stem.chars().all(fits))
        },
    },
    Rule {
        name: "SQS: a name and the kind of queue that do not belong together, or a name that is too long",
        status: 400,
        code: "InvalidParameterValue",
        message: "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end \
                  with .fifo suffix and be 1 to 80 in length.",
        source: "SQS API reference, CreateQueue; recorded by LocalStack, sqs test_sqs",
        refuses: |request| {
            let (name, body) = (text(request, "QueueName"), json(request));
            let is_fifo = body["Attributes"]["FifoQueue"] == "true";
            request.name() == "sqs CreateQueue" && (name.strip_suffix(".fifo").is_some() != is_fifo || name.len() > 80)
        },
    },
];

/// Whether a path part is a word, `{name}`, or `{name+}`.
fn is_path_part(part: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
    let name = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let word = name.map_or(part, |name| name.strip_suffix('+').unwrap_or(name));
    !word.is_empty() && word.chars().all(fits)
}

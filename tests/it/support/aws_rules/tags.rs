//! Tags: the keys and values that each service accepts.

use serde_json::Value;

use super::super::proxy::AwsRequest;
use super::{Rule, json};

pub const RULES: &[Rule] = &[
    Rule {
        name: "API Gateway: a character that tags do not take",
        status: 400,
        code: "BadRequestException",
        message: "Invalid tag",
        source: "API Gateway, Tagging your API Gateway resources (the characters); the message is assumed",
        refuses: |request| {
            let gateway = ["apigateway", "apigatewayv2"].contains(&request.service.as_str());
            gateway && pairs(request).iter().any(|(key, value)| !fits(key) || !fits(value))
        },
    },
    Rule {
        name: "a tag key of AWS's own",
        status: 400,
        code: "",
        message: "aws: prefixed tag key names are not allowed for external use.",
        source: "IAM, SNS, Lambda and API Gateway tagging pages; recorded by LocalStack for several services",
        refuses: |request| pairs(request).iter().any(|(key, _)| key.to_lowercase().starts_with("aws:")),
    },
    Rule {
        name: "a tag that is too long",
        status: 400,
        code: "",
        message: "Tag keys have at most 128 characters, and values at most 256",
        source: "the services' tagging pages; the message is assumed",
        refuses: |request| pairs(request).iter().any(|(key, value)| key.len() > 128 || value.len() > 256),
    },
    Rule {
        name: "a list of tags without any",
        status: 400,
        code: "",
        message: "1 validation error detected: Member must have length greater than or equal to 1",
        source: "service models of wafv2 and logs (minimum length 1)",
        refuses: |request| {
            let body = json(request);
            let empty = |field: &str| body[field].as_array().is_some_and(Vec::is_empty);
            let none = |field: &str| body[field].as_object().is_some_and(serde_json::Map::is_empty);
            (request.service == "wafv2" && empty("Tags")) || (request.service == "logs" && none("tags"))
        },
    },
];

fn fits(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || " .:+=@_/-".contains(c))
}

/// The tags that a request sets, whichever format its service uses.
fn pairs(request: &AwsRequest) -> Vec<(String, String)> {
    let sets = ["Create", "Tag", "Put"].iter().any(|verb| request.operation.starts_with(verb));
    if !sets {
        return Vec::new();
    }
    let body = json(request);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all = Vec::new();
    for field in ["tags", "Tags", "UserPoolTags", "IdentityPoolTags"] {
        match &body[field] {
            Value::Object(map) => all.extend(map.iter().map(|(key, value)| (key.clone(), text(value)))),
            Value::Array(list) => all.extend(list.iter().map(|tag| (text(&tag["Key"]), text(&tag["Value"])))),
            _ => {}
        }
    }
    // The query protocol numbers its members.
    for number in 1..=50 {
        let member = |part: &str| request.field(&format!("Tags.member.{number}.{part}"));
        let (Some(key), Some(value)) = (member("Key"), member("Value")) else { break };
        all.push((key, value));
    }
    all
}

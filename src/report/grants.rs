//! The permissions of each function's role, with one line for each statement.

use serde_json::Value;

use crate::policy::Policy;

/// Each function's name, followed by the actions and resources that its role allows. With `documents`, the policy
/// document too, as it is sent to IAM.
pub fn grants_text(grants: &[(String, Policy)], documents: bool) -> String {
    let mut lines = vec!["Each function's role allows these actions and no others:".to_owned()];
    for (function, policy) in grants {
        lines.push(format!("  {function}"));
        lines.extend(policy.statements().map(|statement| format!("    {}", allowed(statement))));
        if documents {
            lines.push(format!("    {policy}"));
        }
    }
    lines.join("\n")
}

/// `sns:Publish on acme-greetings`.
fn allowed(statement: &Value) -> String {
    let all = |element: &str, shorten: fn(&str) -> &str| {
        let values = match &statement[element] {
            Value::Array(values) => values.iter().filter_map(Value::as_str).map(shorten).collect(),
            Value::String(value) => vec![shorten(value)],
            _ => Vec::new(),
        };
        values.join(", ")
    };
    let conditions: Vec<String> = statement["Condition"].as_object().into_iter().flatten().flat_map(demanded).collect();
    let only = if conditions.is_empty() { String::new() } else { format!(", only if {}", conditions.join(" and ")) };
    format!("{} on {}{only}", all("Action", |action| action), all("Resource", name))
}

/// The requirements of one condition operator, as in `kms:ViaService is ssm.eu-west-1.amazonaws.com`.
fn demanded((operator, keys): (&String, &Value)) -> Vec<String> {
    // The prefixes and the suffix of an operator say how IAM compares if a request lacks the key or has several values.
    let plain = operator.trim_end_matches("IfExists");
    let words = match plain.rsplit(':').next().unwrap_or(plain) {
        "StringEquals" | "StringEqualsIgnoreCase" | "ArnEquals" | "Bool" | "NumericEquals" | "IpAddress" => "is",
        "StringLike" | "ArnLike" => "is like",
        "StringNotEquals" | "StringNotEqualsIgnoreCase" | "ArnNotEquals" | "NumericNotEquals" | "NotIpAddress" => {
            "is not"
        }
        "StringNotLike" | "ArnNotLike" => "is not like",
        other => other,
    };
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), |text| name(text).to_owned());
    let one = |(key, values): (&String, &Value)| {
        let values: Vec<String> = match values {
            Value::Array(values) => values.iter().map(shown).collect(),
            value => vec![shown(value)],
        };
        format!("{key} {words} {}", values.join(" or "))
    };
    keys.as_object().into_iter().flatten().map(one).collect()
}

/// The part of an ARN after the account.
fn name(arn: &str) -> &str {
    arn.splitn(6, ':').nth(5).unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_statement_is_a_line_of_actions_resources_and_conditions() {
        let policy = Policy::new([
            json!({ "Sid": "A", "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/acme-Hello:*" }),
            json!({ "Sid": "B", "Effect": "Allow", "Action": "sns:Publish",
                "Resource": ["arn:aws:sns:eu-west-1:123456789012:acme-a", "arn:aws:sns:eu-west-1:123456789012:acme-b"] }),
            json!({ "Sid": "C", "Effect": "Allow", "Action": ["kms:Decrypt"],
                "Resource": ["arn:aws:kms:eu-west-1:123456789012:key/*"],
                "Condition": {
                    "StringEquals": { "kms:ViaService": ["ssm.eu-west-1.amazonaws.com"] },
                    "StringLike": { "kms:EncryptionContext:PARAMETER_ARN": [
                        "arn:aws:ssm:eu-west-1:123456789012:parameter/a", "arn:aws:ssm:eu-west-1:123456789012:parameter/b/*"] },
                    "ForAllValues:StringNotLikeIfExists": { "dynamodb:Attributes": "secret*" },
                    "NumericLessThan": { "s3:max-keys": 10 },
                } }),
        ]);
        let grants = [("Hello".to_owned(), policy.clone())];
        insta::assert_snapshot!(grants_text(&grants, false), @r"
        Each function's role allows these actions and no others:
          Hello
            logs:CreateLogStream, logs:PutLogEvents on log-group:/aws/lambda/acme-Hello:*
            sns:Publish on acme-a, acme-b
            kms:Decrypt on key/*, only if kms:ViaService is ssm.eu-west-1.amazonaws.com and kms:EncryptionContext:PARAMETER_ARN is like parameter/a or parameter/b/* and dynamodb:Attributes is not like secret* and s3:max-keys NumericLessThan 10
        ");
        assert!(grants_text(&grants, true).ends_with(&policy.to_string()));
    }
}

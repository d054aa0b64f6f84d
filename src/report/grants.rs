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
    format!("{} on {}", all("Action", |action| action), all("Resource", name))
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
    fn each_statement_is_a_line_of_actions_and_resources() {
        let policy = Policy::new([
            json!({ "Sid": "A", "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/acme-Hello:*" }),
            json!({ "Sid": "B", "Effect": "Allow", "Action": "sns:Publish",
                "Resource": ["arn:aws:sns:eu-west-1:123456789012:acme-a", "arn:aws:sns:eu-west-1:123456789012:acme-b"] }),
        ]);
        let grants = [("Hello".to_owned(), policy.clone())];
        insta::assert_snapshot!(grants_text(&grants, false), @r"
        Each function's role allows these actions and no others:
          Hello
            logs:CreateLogStream, logs:PutLogEvents on log-group:/aws/lambda/acme-Hello:*
            sns:Publish on acme-a, acme-b
        ");
        assert!(grants_text(&grants, true).ends_with(&policy.to_string()));
    }
}

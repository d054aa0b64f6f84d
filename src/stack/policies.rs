//! The IAM documents of a stack, derived from what its file says talks to what. Full ARNs, no wildcard for a resource:
//! the one `*` stands for the streams within a function's own log group.

use serde_json::json;

use crate::policy::Policy;

/// Who may take a function's role: the Lambda service, and nobody else.
pub fn trust() -> Policy {
    Policy::trust("lambda.amazonaws.com")
}

/// What a function may do: write to its log group (an ARN without `:*`), read these secrets, publish to these topics.
pub fn function(log_group: &str, secrets: &[String], topics: &[String]) -> Policy {
    let mut statements = vec![json!({
        "Sid": "WriteOwnLogs",
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": format!("{log_group}:*"),
    })];
    if !secrets.is_empty() {
        statements.push(json!({
            "Sid": "ReadOwnSecrets",
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": secrets,
        }));
    }
    if !topics.is_empty() {
        statements.push(json!({
            "Sid": "PublishToOwnTopics",
            "Effect": "Allow",
            "Action": "sns:Publish",
            "Resource": topics,
        }));
    }
    Policy::new(statements)
}

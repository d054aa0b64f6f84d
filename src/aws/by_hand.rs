//! How to remove a thing with AWS's own tool, from what is on record of it. For what this program could not read; what a
//! list shows comes with its command.

use serde_json::Value;

/// The command, without its region. `None` for kinds that go with what they hang under.
pub fn removal(kind: &str, outputs: &Value) -> Option<String> {
    let of = |field: &str| outputs[field].as_str();
    Some(match kind {
        "sns.topic" => format!("aws sns delete-topic --topic-arn {}", of("arn")?),
        "secretsmanager.secret" => {
            format!("aws secretsmanager delete-secret --recovery-window-in-days 7 --secret-id {}", of("arn")?)
        }
        "logs.group" => format!("aws logs delete-log-group --log-group-name {}", of("name")?),
        "iam.role" => format!("aws iam delete-role --role-name {}", of("name")?),
        "iam.role_policy" => {
            format!("aws iam delete-role-policy --role-name {} --policy-name {}", of("role")?, of("name")?)
        }
        "lambda.function" => format!("aws lambda delete-function --function-name {}", of("name")?),
        "apigateway.rest_api" => format!("aws apigateway delete-rest-api --rest-api-id {}", of("id")?),
        "apigatewayv2.api" => format!("aws apigatewayv2 delete-api --api-id {}", of("id")?),
        "cognito.identity_pool" => {
            format!("aws cognito-identity delete-identity-pool --identity-pool-id {}", of("id")?)
        }
        "cognito.user_pool" => format!("aws cognito-idp delete-user-pool --user-pool-id {}", of("id")?),
        "wafv2.ip_set" => firewall("ip-set", of("name")?, of("id")?),
        "wafv2.web_acl" => firewall("web-acl", of("name")?, of("id")?),
        _ => return None,
    })
}

/// With a lock token that is read when the command is run: one on record may be stale.
fn firewall(what: &str, name: &str, id: &str) -> String {
    let thing = format!("--scope REGIONAL --name {name} --id {id}");
    format!(
        "aws wafv2 delete-{what} {thing} --lock-token \"$(aws wafv2 get-{what} {thing} --query LockToken --output text)\""
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// By hand, from the names of outputs and not from the types: a name that no type has would give no command.
    #[test]
    fn all_that_stands_on_its_own_has_a_command() {
        let outputs = json!({ "arn": "arn:x", "id": "i", "name": "n" });
        for kind in ["sns.topic", "secretsmanager.secret", "logs.group", "iam.role", "lambda.function", "wafv2.web_acl"]
        {
            let command = removal(kind, &outputs).unwrap_or_else(|| panic!("none for {kind}"));
            assert!(command.starts_with("aws "), "{command}");
            assert_eq!(removal(kind, &json!({})), None);
        }
    }
}

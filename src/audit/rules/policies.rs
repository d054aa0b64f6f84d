//! Rules about policy documents: the callers that they admit, and the actions that they allow.

use serde_json::Value;

use crate::policy::{Policy, one_or_many};

/// Operators that a request without the key does not meet, in lower case.
const OPERATORS: [&str; 4] = ["arnequals", "arnlike", "stringequals", "stringlike"];

/// Whether a resource policy, as the kinds report it, admits everybody. Text that is not a policy counts as public,
/// except `none`.
pub(super) fn is_public(policy: &str) -> bool {
    Policy::parse(policy).map_or(policy != "none", |policy| policy.is_public())
}

/// Whether a trust policy lets services assume the role only for resources of one account, and identities only of one
/// identity pool.
pub(super) fn trusts_one_account(policy: &str) -> bool {
    let Ok(policy) = Policy::parse(policy) else { return false };
    let mut allowing = policy.statements().filter(|statement| statement["Effect"] == "Allow").peekable();
    allowing.peek().is_some()
        && allowing.all(|statement| {
            let federated = !statement["Principal"]["Federated"].is_null();
            let keys: &[&str] = if federated {
                &["cognito-identity.amazonaws.com:aud"]
            } else {
                &["aws:sourceaccount", "aws:sourcearn"]
            };
            statement["NotPrincipal"].is_null() && is_confined(statement, keys)
        })
}

/// Whether a condition ties the statement to fixed values of one of these keys.
fn is_confined(statement: &Value, keys: &[&str]) -> bool {
    let operators = statement["Condition"].as_object().into_iter().flatten();
    operators.filter(|(operator, _)| OPERATORS.contains(&operator.to_lowercase().as_str())).any(|(_, conditions)| {
        let conditions = conditions.as_object().into_iter().flatten();
        conditions
            .into_iter()
            .any(|(key, values)| keys.contains(&key.to_lowercase().as_str()) && one_or_many(values).all(is_fixed))
    })
}

/// Whether a value names one thing, or the resources of one account.
fn is_fixed(value: &Value) -> bool {
    let Some(text) = value.as_str() else { return value.is_number() };
    let part = match text.strip_prefix("arn:") {
        // The account; buckets have none in their ARNs.
        Some(_) => text.split(':').nth(4).unwrap_or_default(),
        None => text,
    };
    !part.is_empty() && !part.contains(['*', '?', '$'])
}

/// Whether a policy allows all actions, or all actions of a service.
pub(super) fn allows_wildcard_actions(policy: &str) -> bool {
    let Ok(policy) = Policy::parse(policy) else { return true };
    let wide = |action: &Value| action.as_str().is_none_or(|action| action == "*" || action.ends_with(":*"));
    let mut allowing = policy.statements().filter(|statement| statement["Effect"] == "Allow");
    allowing.any(|statement| !statement["NotAction"].is_null() || one_or_many(&statement["Action"]).any(wide))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(principal: &Value, condition: &Value) -> String {
        let statement = json!({ "Effect": "Allow", "Principal": principal, "Action": "sns:Publish", "Resource": "*",
                                "Condition": condition });
        Policy::new([statement]).to_string()
    }

    #[test]
    fn only_a_condition_with_fixed_values_keeps_a_policy_from_being_public() {
        let owner = |value: &str| json!({ "StringLike": { "AWS:SourceOwner": value } });
        let arn = |value: &str| json!({ "ArnLike": { "aws:SourceArn": value } });
        for (condition, public) in [
            (json!({}), true),
            (owner("123456789012"), false),
            (owner("*"), true),
            (json!({ "StringEqualsIfExists": { "aws:SourceOwner": "123456789012" } }), true),
            (json!({ "Bool": { "aws:SecureTransport": "true" } }), true),
            (json!({ "StringEquals": { "aws:RequestedRegion": "eu-central-1" } }), true),
            (arn("arn:aws:sns:eu-central-1:123456789012:*"), false),
            (arn("arn:aws:sns:eu-central-1:*:topic"), true),
            (json!({ "StringLike": { "aws:PrincipalOrgID": ["o-1", "*"] } }), true),
        ] {
            for everyone in [json!("*"), json!({ "AWS": "*" }), json!({ "AWS": ["arn:aws:iam::1:root", "*"] })] {
                assert_eq!(is_public(&policy(&everyone, &condition)), public, "{everyone} if {condition}");
            }
            assert!(!is_public(&policy(&json!({ "AWS": "arn:aws:iam::123456789012:root" }), &condition)));
        }
        assert!(!is_public("none") && is_public("not a policy"));
        let all_but = r#"{"Statement":[{"Effect":"Allow","NotPrincipal":{"AWS":"x"},"Action":"a:b"}]}"#;
        assert!(is_public(all_but) && !is_public(&all_but.replace("Allow", "Deny")));
    }

    #[test]
    fn a_trust_must_name_the_account_in_every_statement() {
        let service = json!({ "Service": "lambda.amazonaws.com" });
        let account = json!({ "StringEquals": { "aws:SourceAccount": "123456789012" } });
        let pool = json!({ "StringEquals": { "cognito-identity.amazonaws.com:aud": "eu-central-1:1" } });
        let federated = json!({ "Federated": "cognito-identity.amazonaws.com" });
        assert!(trusts_one_account(&policy(&service, &account)) && trusts_one_account(&policy(&federated, &pool)));
        assert!(!trusts_one_account(&policy(&service, &json!({}))));
        assert!(!trusts_one_account(&policy(&service, &pool)) && !trusts_one_account(&policy(&federated, &json!({}))));
        assert!(!trusts_one_account(r#"{"Statement":[]}"#));
        let both = Policy::parse(&policy(&service, &account)).expect("a policy").with(json!({
            "Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole",
        }));
        assert!(!trusts_one_account(&both.to_string()));
    }

    #[test]
    fn wide_actions_are_found_in_every_form() {
        for (action, wide) in [("\"*\"", true), ("[\"sns:Publish\", \"sns:*\"]", true), ("\"sns:Publish\"", false)] {
            let policy = format!(r#"{{"Statement":{{"Effect":"Allow","Action":{action},"Resource":"*"}}}}"#);
            assert_eq!(allows_wildcard_actions(&policy), wide, "{action}");
        }
        assert!(allows_wildcard_actions(r#"{"Statement":{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}}"#));
    }
}

//! Whether a resource policy admits everybody, and whether it concerns a resource.
//!
//! A condition counts only if it tells callers apart and must be met: AWS calls a policy public if no condition fixes the
//! account, the organization, the caller, the network or the source (docs/aws.md, Public policies).

use serde_json::Value;

use super::judge::covers;
use super::{Policy, one_or_many, text};

/// Condition keys whose value identifies the caller, the resource or account that it calls for, or its network. In
/// lower case.
const TELLS_APART: [&str; 20] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpcarn",
    "aws:sourcevpce",
    "aws:userid",
    "aws:username",
    "aws:vpceaccount",
    "aws:vpceorgid",
    "aws:vpcsourceip",
    "kms:calleraccount",
    "lambda:sourcefunctionarn",
];

/// The shortest prefix lengths of networks that do not count as everybody, for IPv4 and IPv6.
const NARROWEST: (u8, u8) = (8, 32);

impl Policy {
    /// Whether a statement allows something to everybody. A `Deny` elsewhere is not taken into account.
    pub fn is_public(&self) -> bool {
        self.statements().any(admits_everybody)
    }

    /// The statements that allow something on this resource, or on what is below it, as JSON.
    pub fn grants_on(&self, arn: &str) -> Vec<String> {
        let below = format!("{arn}:");
        let concerns = |pattern: &Value| {
            let pattern = text(pattern);
            covers(&pattern, arn) || covers(&pattern, &format!("{below}*")) || pattern.starts_with(&below)
        };
        let grants = self.statements().filter(|statement| statement["Effect"] == "Allow");
        // A statement that excludes resources, or names none, may concern this resource.
        let here = grants
            .filter(|statement| statement.get("Resource").is_none_or(|resources| one_or_many(resources).any(concerns)));
        here.map(Value::to_string).collect()
    }
}

fn admits_everybody(statement: &Value) -> bool {
    let any = |value: &Value| one_or_many(value).any(|one| one == "*");
    let principal = &statement["Principal"];
    // `NotPrincipal` admits everybody but the named principals, which counts as everybody.
    let kinds = principal.as_object().into_iter().flatten();
    let everybody =
        any(principal) || kinds.into_iter().any(|(_, who)| any(who)) || statement.get("NotPrincipal").is_some();
    statement["Effect"] == "Allow" && everybody && !is_restricted(&statement["Condition"])
}

/// Whether one of the conditions, all of which must be met, tells callers apart.
fn is_restricted(conditions: &Value) -> bool {
    let operators = conditions.as_object().into_iter().flatten();
    let mut each = operators.flat_map(|(operator, keys)| {
        keys.as_object().into_iter().flatten().map(move |(key, values)| (operator.to_lowercase(), key, values))
    });
    each.any(|(operator, key, values)| restricts(&operator, &key.to_lowercase(), values))
}

fn restricts(operator: &str, key: &str, values: &Value) -> bool {
    if !TELLS_APART.contains(&key) {
        return false;
    }
    // `ForAllValues` and `IfExists` are met by requests that lack the key, and negations by nearly everybody.
    let operator = operator.strip_prefix("foranyvalue:").unwrap_or(operator);
    let fixed: fn(&str) -> bool = match operator {
        "stringequals" | "stringequalsignorecase" => |value| !value.contains("${"),
        "stringlike" | "arnlike" | "arnequals" => is_fixed,
        "ipaddress" => is_narrow,
        _ => return false,
    };
    let mut values = one_or_many(values).map(text).peekable();
    values.peek().is_some() && values.all(|value| !value.is_empty() && fixed(&value))
}

/// Whether a pattern matches only callers or resources of one owner: it has no wildcard, or it is an ARN of one
/// account, a path in one organization, or a session of one role.
fn is_fixed(pattern: &str) -> bool {
    let wild = |text: &str| text.contains(['*', '?']) || text.contains("${");
    if !wild(pattern) {
        return true;
    }
    let account = pattern.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(3));
    if let Some(account) = account {
        return account.len() == 12 && account.bytes().all(|digit| digit.is_ascii_digit());
    }
    let in_one = |mark: char, least: usize| {
        pattern.split_once(mark).is_some_and(|(first, _)| first.len() >= least && !wild(first))
    };
    pattern.starts_with("o-") && in_one('/', 12) || pattern.starts_with("AROA") && in_one(':', 16)
}

/// Whether a range of addresses is not nearly the whole internet.
fn is_narrow(range: &str) -> bool {
    let (address, prefix) = range.split_once('/').unwrap_or((range, "128"));
    let least = if address.contains(':') { NARROWEST.1 } else { NARROWEST.0 };
    !address.contains("${") && prefix.parse::<u8>().is_ok_and(|prefix| prefix >= least)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn open(condition: &Value) -> Policy {
        Policy::new([json!({
            "Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": "*", "Condition": condition,
        })])
    }

    /// Conditions that everybody can meet.
    fn loose() -> Vec<(&'static str, &'static str, Value)> {
        vec![
            ("StringLike", "aws:SourceArn", json!("*")),
            ("ArnLike", "aws:SourceArn", json!("arn:aws:s3:*:*:*")),
            ("ArnLike", "aws:PrincipalArn", json!(["arn:aws:iam::123456789012:role/a", "arn:aws:iam::*:role/a"])),
            ("StringLike", "aws:SourceAccount", json!("1234*")),
            ("StringLike", "aws:PrincipalOrgPaths", json!("o-*/r/*")),
            ("StringEquals", "aws:SourceAccount", json!("${aws:PrincipalAccount}")),
            ("StringEquals", "aws:SourceAccount", json!([])),
            ("StringEqualsIfExists", "aws:SourceAccount", json!("123456789012")),
            ("ForAllValues:StringEquals", "aws:PrincipalOrgPaths", json!("o-a1b2c3d4e5/r-1/")),
            ("StringNotEquals", "aws:SourceAccount", json!("999999999999")),
            ("StringNotLike", "aws:PrincipalArn", json!("arn:aws:iam::999999999999:*")),
            ("IpAddress", "aws:SourceIp", json!("0.0.0.0/0")),
            ("IpAddress", "aws:SourceIp", json!(["203.0.113.0/24", "::/0"])),
            ("IpAddress", "aws:SourceIp", json!(["0.0.0.0/1", "128.0.0.0/1"])),
            ("NotIpAddress", "aws:SourceIp", json!("203.0.113.0/24")),
            ("Null", "aws:SourceAccount", json!("true")),
            ("Null", "aws:PrincipalArn", json!(false)),
            ("Bool", "aws:SecureTransport", json!("true")),
            ("Bool", "aws:PrincipalIsAWSService", json!("true")),
            ("StringEquals", "sns:Protocol", json!("https")),
            ("DateGreaterThan", "aws:CurrentTime", json!("2020-01-01T00:00:00Z")),
        ]
    }

    /// Conditions that only some can meet.
    fn tight() -> Vec<(&'static str, &'static str, Value)> {
        vec![
            ("StringEquals", "AWS:SourceOwner", json!("123456789012")),
            ("StringEquals", "aws:SourceAccount", json!(["123456789012", "999999999999"])),
            ("StringLike", "aws:SourceAccount", json!("123456789012")),
            ("ArnLike", "aws:SourceArn", json!("arn:aws:s3:::photos")),
            ("ArnLike", "aws:SourceArn", json!("arn:aws:sns:*:123456789012:*")),
            ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", json!("o-a1b2c3d4e5/*")),
            ("StringEquals", "aws:PrincipalOrgID", json!("o-a1b2c3d4e5")),
            ("StringLike", "aws:userid", json!("AROAEXAMPLEEXAMPLE123:*")),
            ("StringEquals", "aws:SourceVpce", json!("vpce-1")),
            ("IpAddress", "aws:SourceIp", json!(["203.0.113.7", "10.0.0.0/8", "2001:db8::/32"])),
        ]
    }

    /// The conditions of several pairs, as one element.
    fn all_of(parts: &[(&str, &str, Value)]) -> Value {
        let mut condition = json!({});
        for (operator, key, values) in parts {
            condition[*operator][*key] = values.clone();
        }
        condition
    }

    #[test]
    fn a_condition_that_everybody_meets_makes_no_difference() {
        for part in loose() {
            assert!(open(&all_of(std::slice::from_ref(&part))).is_public(), "{part:?}");
        }
        for part in tight() {
            assert!(!open(&all_of(std::slice::from_ref(&part))).is_public(), "{part:?}");
        }
    }

    #[test]
    fn everybody_is_written_in_several_ways() {
        let to = |element: &str, who: Value| {
            Policy::new([json!({ "Effect": "Allow", element: who, "Action": "a:b", "Resource": "*" })]).is_public()
        };
        for who in [json!("*"), json!({ "AWS": "*" }), json!({ "AWS": ["123456789012", "*"] }), json!(["*"])] {
            assert!(to("Principal", who.clone()), "{who}");
        }
        assert!(to("NotPrincipal", json!({ "AWS": "123456789012" })));
        for who in [json!({ "AWS": "123456789012" }), json!({ "Service": "events.amazonaws.com" })] {
            assert!(!to("Principal", who.clone()), "{who}");
        }
        assert!(
            !Policy::new([json!({ "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*" })]).is_public()
        );
        assert!(!Policy::default().is_public());
    }

    #[test]
    fn a_policy_concerns_a_resource_that_it_names_or_does_not_exclude() {
        let group = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/demo-f";
        let on = |element: &str, what: &str| {
            let statement =
                json!({ "Effect": "Allow", "Principal": "*", "Action": "logs:PutLogEvents", element: what });
            Policy::new([statement]).grants_on(group).len()
        };
        for pattern in [
            group,
            "*",
            "arn:aws:logs:*",
            "arn:aws:logs:*:*:log-group:*",
            "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/demo-f:*",
            "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/demo-f:log-stream:*",
        ] {
            assert_eq!(on("Resource", pattern), 1, "{pattern}");
        }
        for pattern in ["arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/demo-g:*", "arn:aws:sns:*"] {
            assert_eq!(on("Resource", pattern), 0, "{pattern}");
        }
        assert_eq!(on("NotResource", group), 1);
        let denied = json!({ "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*" });
        assert!(Policy::new([denied]).grants_on(group).is_empty());
    }

    proptest! {
        /// A statement is public if and only if none of its conditions tells callers apart.
        #[test]
        fn one_condition_that_tells_callers_apart_decides(
            loose in prop::sample::subsequence(loose(), 0..6),
            tight in prop::sample::subsequence(tight(), 0..3),
            others in any::<bool>(),
        ) {
            // Conditions of one operator and key would replace each other.
            let mut seen = std::collections::BTreeSet::new();
            let tight: Vec<_> = tight.into_iter().filter(|(operator, key, _)| seen.insert((*operator, key.to_lowercase()))).collect();
            let loose: Vec<_> = loose.into_iter().filter(|(operator, key, _)| seen.insert((*operator, key.to_lowercase()))).collect();
            let condition = all_of(&[tight.clone(), loose].concat());
            let policy = open(&condition);
            prop_assert_eq!(policy.is_public(), tight.is_empty(), "{}", policy);
            // A second statement takes nothing away from the first.
            let more = policy.clone().with(json!({ "Effect": "Allow", "Principal": { "AWS": "123456789012" }, "Action": "a:b" }));
            prop_assert_eq!(more.is_public(), policy.is_public());
            if others {
                let unconditional = open(&json!({})).statements().next().cloned().unwrap_or_default();
                let opened = policy.with(unconditional);
                prop_assert!(opened.is_public());
            }
        }

        /// A range of addresses is narrow by its prefix alone.
        #[test]
        fn ranges_are_judged_by_their_prefix(first: u8, prefix in 0u8..=32) {
            let range = format!("{first}.0.0.0/{prefix}");
            let policy = open(&json!({ "IpAddress": { "aws:SourceIp": range } }));
            prop_assert_eq!(policy.is_public(), prefix < 8);
        }
    }
}

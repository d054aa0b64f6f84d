//! The rules of a web ACL, in CloudFormation's form. Terraform's form differs only in the spelling of names.

use serde_json::{Value, json};

use super::resources::some;
use crate::aws::wafv2::{Match, Rule, RuleAction, RuleKind};

/// The window of a rate rule, in seconds.
const WINDOW: u32 = 300;

/// A rule without its metrics.
pub(super) fn rule(rule: &Rule) -> Value {
    let (key, action) = match &rule.kind {
        RuleKind::IpSet { action, .. } | RuleKind::Match { action, .. } => match action {
            RuleAction::Count => ("Action", "Count"),
            RuleAction::Allow => ("Action", "Allow"),
            RuleAction::Block => ("Action", "Block"),
        },
        RuleKind::RatePerIp { .. } | RuleKind::Countries { .. } => ("Action", "Block"),
        // It replaces the actions of the rules in the group.
        RuleKind::Managed { count_only: true, .. } => ("OverrideAction", "Count"),
        RuleKind::Managed { count_only: false, .. } => ("OverrideAction", "None"),
    };
    json!({ "Name": rule.name, "Priority": rule.priority, "Statement": of(&rule.kind), key: { action: {} } })
}

/// The requests that a rule matches.
fn of(kind: &RuleKind) -> Value {
    match kind {
        RuleKind::IpSet { arn, .. } => in_set(arn),
        RuleKind::RatePerIp { limit } => json!({
            "RateBasedStatement": { "Limit": limit, "AggregateKeyType": "IP", "EvaluationWindowSec": WINDOW },
        }),
        RuleKind::Managed { vendor, group, exceptions, .. } => {
            let counted = exceptions.iter().map(|name| json!({ "Name": name, "ActionToUse": { "Count": {} } }));
            let mut managed = json!({ "VendorName": vendor, "Name": group });
            if let Some(counted) = some(counted) {
                managed["RuleActionOverrides"] = counted.into();
            }
            json!({ "ManagedRuleGroupStatement": managed })
        }
        RuleKind::Countries { codes, all_others } => {
            let from = json!({ "GeoMatchStatement": { "CountryCodes": codes } });
            if *all_others { not(&from) } else { from }
        }
        RuleKind::Match { conditions, .. } => {
            let mut all: Vec<Value> = conditions.iter().flat_map(condition).collect();
            if all.len() == 1 { all.remove(0) } else { json!({ "AndStatement": { "Statements": all } }) }
        }
    }
}

/// The statements of a condition, all of which must hold.
fn condition(condition: &Match) -> Vec<Value> {
    match condition {
        Match::Path(pattern) => vec![matching(pattern, &json!({ "UriPath": {} }), &["URL_DECODE", "NORMALIZE_PATH"])],
        Match::Header { name, value } => {
            vec![matching(value, &json!({ "SingleHeader": { "Name": name } }), &["NONE"])]
        }
        Match::Method(method) => vec![matching(&format!("^{method}$"), &json!({ "Method": {} }), &["NONE"])],
        Match::BodyOver(bytes) => vec![json!({
            "SizeConstraintStatement": {
                "FieldToMatch": { "Body": { "OversizeHandling": "MATCH" } },
                "ComparisonOperator": "GT",
                "Size": bytes,
                "TextTransformations": transformations(&["NONE"]),
            },
        })],
        Match::Label(key) => vec![json!({ "LabelMatchStatement": { "Scope": "LABEL", "Key": key } })],
        Match::NotFrom(sets) => sets.iter().map(|arn| not(&in_set(arn))).collect(),
    }
}

fn in_set(arn: &str) -> Value {
    json!({ "IPSetReferenceStatement": { "Arn": arn } })
}

fn not(statement: &Value) -> Value {
    json!({ "NotStatement": { "Statement": statement } })
}

fn matching(pattern: &str, field: &Value, first: &[&str]) -> Value {
    json!({
        "RegexMatchStatement": {
            "RegexString": pattern,
            "FieldToMatch": field,
            "TextTransformations": transformations(first),
        },
    })
}

fn transformations(kinds: &[&str]) -> Vec<Value> {
    kinds.iter().enumerate().map(|(at, kind)| json!({ "Priority": at, "Type": kind })).collect()
}

//! IP sets, web ACLs, and the resources that they protect.

use serde_json::{Value, json};

use crate::aws::wafv2::{Association, IpSet, Logging, PoolAssociation, Rule, WebAcl};
use crate::engine::Seen;
use crate::export::resources::{Form, Piece, Resources, some};
use crate::export::statements;

/// The identity of an IP set or a web ACL of a region.
fn identity(id: &str, name: &str) -> String {
    format!("{id}/{name}/REGIONAL")
}

pub(super) fn ip_set(seen: &Seen<'_, IpSet>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    Piece::new(
        "aws_wafv2_ip_set",
        identity(&seen.outputs.id, &want.name),
        json!({
            "name": want.name,
            "description": want.description,
            "scope": "REGIONAL",
            "ip_address_version": if want.v6 { "IPV6" } else { "IPV4" },
            "addresses": want.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "tags": stack.tags(&want.id),
        }),
    )
    .value(&seen.outputs.arn, "arn")
    .into()
}

pub(super) fn web_acl(seen: &Seen<'_, WebAcl>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    let default = if want.default_allow { "allow" } else { "block" };
    let limit = want.body_limit().map(|limit| json!({ "default_size_inspection_limit": limit }));
    Piece::new(
        "aws_wafv2_web_acl",
        identity(&seen.outputs.id, &want.name),
        json!({
            "name": want.name,
            "scope": "REGIONAL",
            "default_action": { default: {} },
            "rule": some(want.rules.iter().map(rule)),
            "visibility_config": visibility(&want.metric),
            "association_config": limit.map(|limit| json!({ "request_body": { "api_gateway": limit } })),
            "tags": stack.tags(&want.id),
        }),
    )
    .value(&seen.outputs.arn, "arn")
    .into()
}

/// A statement with Terraform's names: in snake case, and in the singular for blocks that can be repeated.
fn snake(statement: Value) -> Value {
    match statement {
        Value::Object(members) => members.into_iter().map(|(name, value)| (spelled(&name), snake(value))).collect(),
        Value::Array(items) => items.into_iter().map(snake).collect(),
        other => other,
    }
}

fn spelled(name: &str) -> String {
    match name {
        "IPSetReferenceStatement" => "ip_set_reference_statement".to_owned(),
        "RuleActionOverrides" => "rule_action_override".to_owned(),
        "Statements" => "statement".to_owned(),
        "TextTransformations" => "text_transformation".to_owned(),
        _ => name.chars().enumerate().fold(String::new(), |mut spelled, (at, c)| {
            if c.is_ascii_uppercase() && at > 0 {
                spelled.push('_');
            }
            spelled.push(c.to_ascii_lowercase());
            spelled
        }),
    }
}

fn visibility(metric: &str) -> Value {
    json!({ "metric_name": metric, "cloudwatch_metrics_enabled": true, "sampled_requests_enabled": true })
}

fn rule(rule: &Rule) -> Value {
    let mut body = snake(statements::rule(rule));
    body["visibility_config"] = visibility(&rule.metric);
    body
}

pub(super) fn association(seen: &Seen<'_, Association>) -> Form {
    associated(&seen.want.web_acl_arn, &seen.want.resource_arn)
}

pub(super) fn pool_association(seen: &Seen<'_, PoolAssociation>) -> Form {
    associated(&seen.want.web_acl_arn, &seen.want.resource_arn)
}

fn associated(acl: &str, resource: &str) -> Form {
    let body = json!({ "web_acl_arn": acl, "resource_arn": resource });
    Piece::new("aws_wafv2_web_acl_association", format!("{acl},{resource}"), body).into()
}

pub(super) fn logging(seen: &Seen<'_, Logging>) -> Form {
    let want = seen.want;
    let redacted = Logging::redacted().map(|name| json!({ "single_header": { "name": name } }));
    Piece::new(
        "aws_wafv2_web_acl_logging_configuration",
        want.web_acl_arn.as_str(),
        json!({
            "resource_arn": want.web_acl_arn,
            "log_destination_configs": [want.log_group_arn],
            "redacted_fields": redacted,
        }),
    )
    .into()
}

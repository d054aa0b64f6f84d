//! IP sets, web ACLs, and the resources that they protect.

use serde_json::{Value, json};

use super::tags;
use crate::aws::wafv2::{Association, IpSet, Logging, PoolAssociation, Rule, WebAcl};
use crate::engine::Seen;
use crate::export::resources::{Form, Piece, Resources};
use crate::export::statements;

pub(super) fn ip_set(seen: &Seen<'_, IpSet>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    Piece::new(
        "AWS::WAFv2::IPSet",
        json!({ "Name": want.name, "Id": seen.outputs.id, "Scope": "REGIONAL" }),
        json!({
            "Name": want.name,
            "Description": want.description,
            "Scope": "REGIONAL",
            "IPAddressVersion": if want.v6 { "IPV6" } else { "IPV4" },
            "Addresses": want.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "Tags": tags(stack, &want.id),
        }),
    )
    .value(&seen.outputs.arn, "Arn")
    .into()
}

pub(super) fn web_acl(seen: &Seen<'_, WebAcl>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    let default = if want.default_allow { "Allow" } else { "Block" };
    let limit = want.body_limit().map(|limit| json!({ "DefaultSizeInspectionLimit": limit }));
    Piece::new(
        "AWS::WAFv2::WebACL",
        json!({ "Name": want.name, "Id": seen.outputs.id, "Scope": "REGIONAL" }),
        json!({
            "Name": want.name,
            "Scope": "REGIONAL",
            "DefaultAction": { default: {} },
            "Rules": want.rules.iter().map(rule).collect::<Vec<_>>(),
            "VisibilityConfig": visibility(&want.metric),
            "AssociationConfig": limit.map(|limit| json!({ "RequestBody": { "API_GATEWAY": limit } })),
            "Tags": tags(stack, &want.id),
        }),
    )
    .value(&seen.outputs.arn, "Arn")
    .into()
}

fn visibility(metric: &str) -> Value {
    json!({ "MetricName": metric, "CloudWatchMetricsEnabled": true, "SampledRequestsEnabled": true })
}

fn rule(rule: &Rule) -> Value {
    let mut body = statements::rule(rule);
    body["VisibilityConfig"] = visibility(&rule.metric);
    body
}

pub(super) fn association(seen: &Seen<'_, Association>) -> Form {
    associated(&seen.want.web_acl_arn, &seen.want.resource_arn)
}

pub(super) fn pool_association(seen: &Seen<'_, PoolAssociation>) -> Form {
    associated(&seen.want.web_acl_arn, &seen.want.resource_arn)
}

fn associated(acl: &str, resource: &str) -> Form {
    let body = json!({ "WebACLArn": acl, "ResourceArn": resource });
    Piece::new("AWS::WAFv2::WebACLAssociation", body.clone(), body).into()
}

pub(super) fn logging(seen: &Seen<'_, Logging>) -> Form {
    let want = seen.want;
    let redacted = Logging::redacted().map(|name| json!({ "SingleHeader": { "Name": name } }));
    Piece::new(
        "AWS::WAFv2::LoggingConfiguration",
        json!({ "ResourceArn": want.web_acl_arn }),
        json!({
            "ResourceArn": want.web_acl_arn,
            "LogDestinationConfigs": [want.log_group_arn],
            "RedactedFields": redacted,
        }),
    )
    .into()
}

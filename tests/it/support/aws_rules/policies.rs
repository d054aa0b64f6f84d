//! IAM's policy documents.

use serde_json::Value;

use super::super::proxy::AwsRequest;
use super::{Rule, text};

pub const RULES: &[Rule] = &[
    Rule {
        name: "IAM: a wildcard in the service of an ARN",
        status: 400,
        code: "MalformedPolicyDocument",
        message: "Resource vendor must be fully qualified and cannot contain regexes.",
        source: "IAM, JSON policy elements: Resource; public reports of the message",
        refuses: |request| request.service == "iam" && resources(request).iter().any(|arn| has_vague_service(arn)),
    },
    Rule {
        name: "IAM: a managed policy that is too long",
        status: 409,
        code: "LimitExceeded",
        message: "Cannot exceed quota for PolicySize: 6144",
        source: "IAM and STS quotas; public reports of the message",
        refuses: |request| {
            let managed = ["CreatePolicy", "CreatePolicyVersion"].contains(&request.operation.as_str());
            request.service == "iam" && managed && length(&text(request, "PolicyDocument")) > 6144
        },
    },
    Rule {
        name: "IAM: an inline policy that is too long",
        status: 409,
        code: "LimitExceeded",
        message: "Maximum policy size of 10240 bytes exceeded for role",
        source: "IAM and STS quotas; public reports of the message",
        refuses: |request| request.name() == "iam PutRolePolicy" && length(&text(request, "PolicyDocument")) > 10_240,
    },
    Rule {
        name: "IAM: a trust policy that is too long",
        status: 409,
        code: "LimitExceeded",
        message: "Cannot exceed quota for ACLSizePerRole: 2048",
        source: "IAM and STS quotas; public reports of the message",
        refuses: |request| {
            let trusts = ["CreateRole", "UpdateAssumeRolePolicy"].contains(&request.operation.as_str());
            let document = [text(request, "AssumeRolePolicyDocument"), text(request, "PolicyDocument")].concat();
            request.service == "iam" && trusts && length(&document) > 2048
        },
    },
];

/// The length as IAM counts it, without white space.
fn length(document: &str) -> usize {
    document.chars().filter(|c| !c.is_whitespace()).count()
}

/// The resources of all statements.
fn resources(request: &AwsRequest) -> Vec<String> {
    let document: Value = serde_json::from_str(&text(request, "PolicyDocument")).unwrap_or_default();
    let many = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let statements = many(&document["Statement"]).into_iter();
    let all = statements.flat_map(|statement| many(&statement["Resource"]));
    all.filter_map(|resource| resource.as_str().map(str::to_owned)).collect()
}

fn has_vague_service(arn: &str) -> bool {
    let mut parts = arn.split(':');
    parts.next() == Some("arn") && parts.nth(1).is_some_and(|service| service.contains(['*', '?']))
}

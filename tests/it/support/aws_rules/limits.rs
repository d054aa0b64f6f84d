//! Values outside the range that a service accepts.

use super::{Rule, json};

/// The days that `PutRetentionPolicy` accepts.
const RETENTION: [i64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

pub const RULES: &[Rule] = &[
    Rule {
        name: "CloudWatch Logs: a retention that is not one of the allowed numbers of days",
        status: 400,
        code: "InvalidParameterException",
        message: "1 validation error detected: Value at 'retentionInDays' failed to satisfy constraint: Member must \
                  satisfy enum value set",
        source: "CloudWatch Logs API reference, PutRetentionPolicy",
        refuses: |request| {
            let days = json(request)["retentionInDays"].as_i64();
            request.name() == "logs PutRetentionPolicy" && days.is_none_or(|days| !RETENTION.contains(&days))
        },
    },
    Rule {
        name: "Lambda: provisioned concurrency without a version or an alias",
        status: 400,
        code: "InvalidParameterValueException",
        message: "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
        source: "LocalStack, lambda_/provider.py, put_provisioned_concurrency_config; public reports",
        refuses: |request| {
            let of_version =
                ["Qualifier=%24LATEST", "Qualifier=$LATEST"].iter().all(|latest| !request.path.contains(latest));
            request.name() == "lambda PutProvisionedConcurrencyConfig"
                && !(of_version && request.path.contains("Qualifier="))
        },
    },
    Rule {
        name: "WAF: an address set of everything",
        status: 400,
        code: "WAFInvalidParameterException",
        message: "Error reason: The parameter contains formatting that is not valid., field: IP_ADDRESS",
        source: "WAF API reference, CreateIPSet: all CIDR ranges except /0",
        refuses: |request| {
            let writes = ["wafv2 CreateIPSet", "wafv2 UpdateIPSet"].contains(&request.name().as_str());
            let body = json(request);
            let mut addresses = body["Addresses"].as_array().into_iter().flatten().filter_map(|one| one.as_str());
            writes && addresses.any(|address| address.ends_with("/0"))
        },
    },
    Rule {
        name: "WAF: two rules of one priority",
        status: 400,
        code: "WAFInvalidParameterException",
        message: "Error reason: You have used a duplicate priority., field: RULE",
        source: "WAF API reference, Rule: Priority must be unique",
        refuses: |request| {
            let writes = ["wafv2 CreateWebACL", "wafv2 UpdateWebACL"].contains(&request.name().as_str());
            let body = json(request);
            let rules = body["Rules"].as_array().into_iter().flatten();
            let mut priorities: Vec<i64> = rules.filter_map(|rule| rule["Priority"].as_i64()).collect();
            let count = priorities.len();
            priorities.sort_unstable();
            priorities.dedup();
            writes && priorities.len() < count
        },
    },
    Rule {
        name: "Cognito: flows of two generations in one client",
        status: 400,
        code: "InvalidParameterException",
        message: "ALLOW_ prefixed and legacy flows cannot be used together",
        source: "Cognito API reference, CreateUserPoolClient: ExplicitAuthFlows; the message is assumed",
        refuses: |request| {
            let body = json(request);
            let flows = body["ExplicitAuthFlows"].as_array().into_iter().flatten().filter_map(|flow| flow.as_str());
            let (new, old): (Vec<_>, Vec<_>) = flows.partition(|flow| flow.starts_with("ALLOW_"));
            request.service == "cognito-idp" && !new.is_empty() && !old.is_empty()
        },
    },
];

//! The documented cleanup order, as data. `down` follows it group by group. docs/removal.md shows it, and a test compares
//! the two.

/// One group: removed side by side, except where one of them needs another.
#[derive(Debug)]
pub struct Group {
    /// As docs/removal.md calls it.
    pub title: &'static str,
    /// The kinds in it.
    pub kinds: &'static [&'static str],
}

/// First to last.
pub const GROUPS: [Group; 8] = [
    Group { title: "Secrets Manager: the secrets", kinds: &["secretsmanager.secret"] },
    Group {
        title: "Cognito: identity pools, users and app clients, then user pools",
        kinds: &[
            "cognito.identity_pool_roles",
            "cognito.identity_pool",
            "cognito.service_user",
            "cognito.app_client",
            "cognito.user_pool",
        ],
    },
    Group {
        title: "API Gateway: methods and resources, the stage, the API",
        kinds: &[
            "apigateway.routes",
            "apigateway.paths",
            "apigateway.release",
            "apigateway.deployment",
            "apigateway.model",
            "apigateway.request_validator",
            "apigateway.authorizer",
            "apigateway.stage",
            "apigateway.rest_api",
            "apigatewayv2.routes",
            "apigatewayv2.authorizer",
            "apigatewayv2.stage",
            "apigatewayv2.api",
        ],
    },
    Group {
        title: "WAF: the association, the web ACL, the IP sets",
        kinds: &["wafv2.association", "wafv2.web_acl", "wafv2.ip_set"],
    },
    Group { title: "Lambda: invoke permissions and functions", kinds: &["lambda.permission", "lambda.function"] },
    Group { title: "IAM: role policies, then roles", kinds: &["iam.role_policy", "iam.role"] },
    Group { title: "CloudWatch Logs: the log groups", kinds: &["logs.group"] },
    Group { title: "SNS: subscriptions and topics", kinds: &["sns.subscription", "sns.topic"] },
];

/// The kinds that AWS does not delete while something of another kind is there: first what holds, then what is held.
/// Anything else in the order is courtesy: a function is gone before its role, and the role can go without it. What goes
/// with what it hangs under holds nothing. See docs/aws.md.
const HOLDS: [(&str, &str); 3] =
    [("wafv2.association", "wafv2.web_acl"), ("wafv2.web_acl", "wafv2.ip_set"), ("iam.role_policy", "iam.role")];

/// Whether something of the first kind must be gone before something of the second can go.
pub fn holds(kind: &str, held: &str) -> bool {
    HOLDS.contains(&(kind, held))
}

/// A kind's place in the order. A kind that no group names goes last.
pub fn group(kind: &str) -> usize {
    GROUPS.iter().position(|group| group.kinds.contains(&kind)).unwrap_or(GROUPS.len())
}

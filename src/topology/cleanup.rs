//! The cleanup order, which `down` follows group by group. docs/removal.md documents it, and a test compares the two.

/// Resources that are removed at the same time, unless one depends on another.
#[derive(Debug)]
pub struct Group {
    /// Its name in docs/removal.md.
    pub title: &'static str,
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

/// Pairs of kinds. AWS refuses to delete a resource of the second kind while one of the first kind uses it. The rest of
/// the order is not enforced by AWS: a role, for example, can be deleted before its function. See docs/aws.md.
const HOLDS: [(&str, &str); 3] =
    [("wafv2.association", "wafv2.web_acl"), ("wafv2.web_acl", "wafv2.ip_set"), ("iam.role_policy", "iam.role")];

/// Whether resources of the first kind must be deleted before AWS deletes one of the second kind.
pub fn holds(kind: &str, held: &str) -> bool {
    HOLDS.contains(&(kind, held))
}

/// The position of a kind in the order. Kinds in no group come last.
pub fn group(kind: &str) -> usize {
    GROUPS.iter().position(|group| group.kinds.contains(&kind)).unwrap_or(GROUPS.len())
}

//! What AWS allows on everything or not at all: lists, and questions about the whole account. They name what there is
//! and tell nothing else of it.

use super::{Condition, Permissions, StatementTemplate, Usage};

pub(super) const GRANTS: &[StatementTemplate] = &[
    // A caller asks about itself, which nobody knows when a policy is made. It tells what a role or a user may do: nothing
    // of another stack's.
    StatementTemplate {
        sid: "AskWhatIsAllowed",
        on: &["arn:{partition}:iam::{account}:user/*", "arn:{partition}:iam::{account}:role/*"],
        when: &[Condition::NotAnothers],
        rights: &[Permissions { needs: &[Usage::Doctor], actions: &["iam:SimulatePrincipalPolicy"] }],
    },
    EVERYTHING,
];

const EVERYTHING: StatementTemplate = StatementTemplate {
    sid: "OnAnything",
    on: &["*"],
    when: &[],
    rights: &[
        Permissions { needs: &[Usage::Read("logs.group")], actions: &["logs:DescribeLogGroups"] },
        Permissions {
            needs: &[Usage::Read("wafv2.ip_set"), Usage::Survivors, Usage::Doctor],
            actions: &["wafv2:ListIPSets"],
        },
        Permissions {
            needs: &[Usage::Read("wafv2.web_acl"), Usage::Survivors, Usage::Doctor],
            actions: &["wafv2:ListWebACLs"],
        },
        Permissions {
            needs: &[Usage::Read("cognito.user_pool"), Usage::Survivors, Usage::Doctor],
            actions: &["cognito-idp:ListUserPools"],
        },
        Permissions {
            needs: &[Usage::Read("cognito.identity_pool"), Usage::Survivors],
            actions: &["cognito-identity:ListIdentityPools"],
        },
        Permissions {
            needs: &[Usage::Survivors],
            actions: &[
                "cognito-identity:ListIdentityPools",
                "iam:ListRoles",
                "lambda:ListFunctions",
                "logs:DescribeLogGroups",
                "secretsmanager:ListSecrets",
                "sns:ListSubscriptions",
                "sns:ListTopics",
            ],
        },
        Permissions { needs: &[Usage::Doctor], actions: &["iam:GetAccountSummary", "lambda:GetAccountSettings"] },
    ],
};

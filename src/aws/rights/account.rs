//! What AWS allows on everything or not at all: lists, and questions about the whole account. They name what there is
//! and tell nothing else of it.

use super::{Grant, Need, Right, When};

pub(super) const GRANTS: &[Grant] = &[
    // A caller asks about itself, which nobody knows when a policy is made. It tells what a role or a user may do: nothing
    // of another stack's.
    Grant {
        sid: "AskWhatIsAllowed",
        on: &["arn:{partition}:iam::{account}:user/*", "arn:{partition}:iam::{account}:role/*"],
        when: &[When::NotAnothers],
        rights: &[Right { needs: &[Need::Doctor], actions: &["iam:SimulatePrincipalPolicy"] }],
    },
    EVERYTHING,
];

const EVERYTHING: Grant = Grant {
    sid: "OnAnything",
    on: &["*"],
    when: &[],
    rights: &[
        Right { needs: &[Need::Find("logs.group")], actions: &["logs:DescribeLogGroups"] },
        Right { needs: &[Need::Find("wafv2.ip_set"), Need::Survivors, Need::Doctor], actions: &["wafv2:ListIPSets"] },
        Right { needs: &[Need::Find("wafv2.web_acl"), Need::Survivors, Need::Doctor], actions: &["wafv2:ListWebACLs"] },
        Right {
            needs: &[Need::Find("cognito.user_pool"), Need::Survivors, Need::Doctor],
            actions: &["cognito-idp:ListUserPools"],
        },
        Right {
            needs: &[Need::Find("cognito.identity_pool"), Need::Survivors],
            actions: &["cognito-identity:ListIdentityPools"],
        },
        Right {
            needs: &[Need::Survivors],
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
        Right { needs: &[Need::Doctor], actions: &["iam:GetAccountSummary", "lambda:GetAccountSettings"] },
    ],
};

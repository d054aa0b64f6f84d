//! The permissions that belong to no kind of resource.

use super::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::apigatewayv2::HttpApi;
use crate::engine::Resource as _;

/// Permissions of commands that belong to no kind of resource.
pub(super) const ACCOUNT: &[StatementTemplate] = &[
    // A caller simulates its own permissions, but the caller is not known when a policy is printed. The answer contains
    // only the permissions of a user or a role, and nothing about another stack's resources.
    StatementTemplate {
        sid: Sid::AskWhatIsAllowed,
        on: &["arn:{partition}:iam::{account}:user/*", "arn:{partition}:iam::{account}:role/*"],
        rights: &[Permissions { needs: &[Usage::Doctor], actions: &["iam:SimulatePrincipalPolicy"] }],
    },
    StatementTemplate {
        sid: Sid::OnAnything,
        on: &["*"],
        rights: &[Permissions {
            needs: &[Usage::Doctor],
            actions: &["iam:GetAccountSummary", "lambda:GetAccountSettings"],
        }],
    },
    // The throttle of all APIs of the account in the region.
    StatementTemplate {
        sid: Sid::FindOwn,
        on: &["arn:{partition}:apigateway:{region}::/account"],
        rights: &[Permissions { needs: &[Usage::Doctor], actions: &["apigateway:GET"] }],
    },
    // The services use the key as the caller (docs/aws.md, Keys of the stack file).
    StatementTemplate {
        sid: Sid::UseKey,
        on: &["{kms-key}"],
        rights: &[
            Permissions { needs: &[Usage::Read, Usage::Create, Usage::Update], actions: &["kms:Decrypt"] },
            Permissions {
                needs: &[Usage::Create, Usage::Update],
                actions: &["kms:CreateGrant", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"],
            },
        ],
    },
    // Only reads. The app client's own permissions are those of its kind.
    StatementTemplate {
        sid: Sid::UseTheirPools,
        on: &["{their-pools}"],
        rights: &[
            Permissions {
                needs: &[Usage::Read],
                actions: &["cognito-idp:DescribeUserPool", "cognito-idp:ListUserPoolClients"],
            },
            Permissions {
                needs: &[Usage::ListUsers],
                actions: &["cognito-idp:ListGroups", "cognito-idp:ListUsers", "cognito-idp:ListUsersInGroup"],
            },
        ],
    },
    // `verify` calls functions behind HTTP APIs without their gateway.
    StatementTemplate {
        sid: Sid::OwnByTag,
        on: &["{arn:lambda}:function:{stack}-*"],
        rights: &[Permissions { needs: &[Usage::Invoke(HttpApi::KIND)], actions: &["lambda:InvokeFunction"] }],
    },
    StatementTemplate {
        sid: Sid::UseState,
        on: &["{state-objects}"],
        rights: &[
            Permissions { needs: &[Usage::ReadState], actions: &["s3:GetObject"] },
            Permissions { needs: &[Usage::WriteState], actions: &["s3:DeleteObject", "s3:PutObject"] },
        ],
    },
    StatementTemplate {
        sid: Sid::FindStates,
        on: &["{state-bucket}"],
        rights: &[Permissions { needs: &[Usage::ReadState], actions: &["s3:ListBucket"] }],
    },
];

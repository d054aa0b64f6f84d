//! The kind of a user pool: its permissions and published rates.

use super::{COGNITO_IDP, POOLS, TARGET, UserPool};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::layer::Layer;

impl Described for UserPool {
    const ABOUT: Kind = Kind {
        service: COGNITO_IDP,
        label: "user pool",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::Cognito,
        gone_before: &[<super::PoolDomain as crate::engine::Resource>::KIND],
        permissions: &[
            StatementTemplate {
                sid: Sid::RetagOwn,
                on: &["{arn:cognito-idp}:userpool/*"],
                rights: &[Permissions {
                    needs: &[Usage::Update],
                    actions: &["cognito-idp:TagResource", "cognito-idp:UntagResource"],
                }],
            },
            // Also for pools without the stack's tag, because only the description of a pool shows its tags.
            StatementTemplate {
                sid: Sid::FindOwn,
                on: POOLS,
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Delete, Usage::AddUser, Usage::RemoveUser, Usage::Survivors],
                    actions: &["cognito-idp:DescribeUserPool"],
                }],
            },
            StatementTemplate {
                sid: Sid::FindOwn,
                on: POOLS,
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::AddUser, Usage::ListUsers],
                    actions: &["cognito-idp:ListGroups"],
                }],
            },
            StatementTemplate {
                sid: Sid::FindOwn,
                on: POOLS,
                rights: &[Permissions {
                    needs: &[Usage::Read],
                    actions: &[
                        "cognito-idp:DescribeRiskConfiguration",
                        "cognito-idp:GetUserPoolMfaConfig",
                        "cognito-idp:ListIdentityProviders",
                        "cognito-idp:ListResourceServers",
                        "cognito-idp:ListUserPoolClients",
                    ],
                }],
            },
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: POOLS,
                rights: &[
                    Permissions {
                        needs: &[Usage::Create],
                        actions: &["cognito-idp:SetRiskConfiguration", "cognito-idp:SetUserPoolMfaConfig"],
                    },
                    Permissions {
                        needs: &[Usage::Update],
                        actions: &[
                            "cognito-idp:AddCustomAttributes",
                            "cognito-idp:AdminAddUserToGroup",
                            "cognito-idp:CreateGroup",
                            "cognito-idp:DeleteGroup",
                            "cognito-idp:DeleteIdentityProvider",
                            "cognito-idp:DeleteResourceServer",
                            "cognito-idp:DeleteUserPoolClient",
                            "cognito-idp:DeleteUserPoolDomain",
                            "cognito-idp:ListUsersInGroup",
                            "cognito-idp:SetRiskConfiguration",
                            "cognito-idp:SetUserPoolMfaConfig",
                            "cognito-idp:UpdateUserPool",
                        ],
                    },
                    Permissions { needs: &[Usage::Delete], actions: &["cognito-idp:DeleteUserPool"] },
                    Permissions {
                        needs: &[Usage::AddUser],
                        actions: &["cognito-idp:AdminCreateUser", "cognito-idp:AdminSetUserPassword"],
                    },
                    Permissions {
                        needs: &[Usage::AddUser],
                        actions: &[
                            "cognito-idp:AdminAddUserToGroup",
                            "cognito-idp:AdminGetUser",
                            "cognito-idp:AdminUpdateUserAttributes",
                        ],
                    },
                    Permissions { needs: &[Usage::ListUsers, Usage::Delete], actions: &["cognito-idp:ListUsers"] },
                    Permissions { needs: &[Usage::ListUsers], actions: &["cognito-idp:ListUsersInGroup"] },
                    Permissions { needs: &[Usage::RemoveUser], actions: &["cognito-idp:AdminDeleteUser"] },
                ],
            },
            StatementTemplate {
                sid: Sid::FirstMailSender,
                on: &["{mail-sender}"],
                rights: &[Permissions {
                    needs: &[Usage::Create, Usage::Update],
                    actions: &["iam:CreateServiceLinkedRole"],
                }],
            },
            StatementTemplate {
                sid: Sid::MakeUserPools,
                on: &["*"],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["cognito-idp:CreateUserPool"] }],
            },
            StatementTemplate {
                sid: Sid::TagWhatIsMade,
                on: &["{arn:cognito-idp}:userpool/${*}"],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["cognito-idp:TagResource"] }],
            },
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Survivors, Usage::Doctor],
                    actions: &["cognito-idp:ListUserPools"],
                }],
            },
        ],
        rates: &[
            // AWS also limits changes to 5 a second for each pool. One pool never needs that many.
            Rate::per_second(
                15,
                Calls::Operations(TARGET, &["DescribeUserPool", "ListUserPools", "GetUserPoolMfaConfig"]),
            ),
            Rate::per_second(
                15,
                Calls::Operations(
                    TARGET,
                    &["CreateUserPool", "UpdateUserPool", "DeleteUserPool", "SetUserPoolMfaConfig"],
                ),
            ),
            Rate::per_second(15, Calls::Operations(TARGET, &["DescribeUserPoolClient", "ListUserPoolClients"])),
            Rate::per_second(
                15,
                Calls::Operations(TARGET, &["CreateUserPoolClient", "UpdateUserPoolClient", "DeleteUserPoolClient"]),
            ),
            Rate::per_second(
                20,
                Calls::Operations(
                    TARGET,
                    &["ListGroups", "ListIdentityProviders", "ListResourceServers", "DescribeRiskConfiguration"],
                ),
            ),
            Rate::per_second(
                15,
                Calls::Operations(
                    TARGET,
                    &[
                        "AddCustomAttributes",
                        "CreateGroup",
                        "UpdateGroup",
                        "DeleteGroup",
                        "DeleteIdentityProvider",
                        "DeleteResourceServer",
                        "DeleteUserPoolDomain",
                        "SetRiskConfiguration",
                    ],
                ),
            ),
            Rate::per_second(25, Calls::Operations(TARGET, &["AdminAddUserToGroup"])),
        ],
        check: SettingsCheck {
            layer: Layer::Authentication,
            subject: "{}",
            holds: "settings match the stack file",
            read: "DescribeUserPool and the lists of the pool's clients, groups, identity providers and resource servers",
        },
    };
}

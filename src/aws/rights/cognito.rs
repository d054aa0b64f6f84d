//! User pools by our tag, since AWS makes up their ids. To read the settings of a pool without a stack's tag is allowed:
//! only they tell whose it is. Its clients' secrets and its users are another matter. Signing up and in takes no right at
//! all.

use super::{Condition, Permissions, StatementTemplate, Usage};

const POOL: &str = "cognito.user_pool";
const CLIENT: &str = "cognito.app_client";
const USER: &str = "cognito.service_user";
const IDENTITY_POOL: &str = "cognito.identity_pool";
const IDENTITY_ROLES: &str = "cognito.identity_pool_roles";
const POOLS: &[&str] = &["{arn:cognito-idp}:userpool/*"];
const IDENTITY_POOLS: &[&str] = &["{arn:cognito-identity}:identitypool/*"];

pub(super) const GRANTS: &[StatementTemplate] = &[
    StatementTemplate {
        sid: "FindOwn",
        on: POOLS,
        when: &[Condition::NotAnothers],
        rights: &[
            Permissions {
                needs: &[Usage::Read(POOL), Usage::Delete(POOL), Usage::AddUser, Usage::Survivors],
                actions: &["cognito-idp:DescribeUserPool"],
            },
            // For a client or a user that the next grant does not show: whether its pool is gone.
            Permissions {
                needs: &[Usage::Read(CLIENT), Usage::Read(USER)],
                actions: &["cognito-idp:DescribeUserPool"],
            },
            Permissions { needs: &[Usage::Read(CLIENT)], actions: &["cognito-idp:ListUserPoolClients"] },
        ],
    },
    StatementTemplate {
        sid: "OwnByTag",
        on: POOLS,
        when: &[Condition::TagCarried],
        rights: &[
            // Its answer holds the client's secret.
            Permissions { needs: &[Usage::Read(CLIENT)], actions: &["cognito-idp:DescribeUserPoolClient"] },
            Permissions { needs: &[Usage::Read(USER)], actions: &["cognito-idp:AdminGetUser"] },
            Permissions { needs: &[Usage::Create(POOL)], actions: &["cognito-idp:SetUserPoolMfaConfig"] },
            Permissions {
                needs: &[Usage::Update(POOL)],
                actions: &["cognito-idp:SetUserPoolMfaConfig", "cognito-idp:UpdateUserPool"],
            },
            Permissions { needs: &[Usage::Delete(POOL)], actions: &["cognito-idp:DeleteUserPool"] },
            Permissions { needs: &[Usage::Create(CLIENT)], actions: &["cognito-idp:CreateUserPoolClient"] },
            Permissions { needs: &[Usage::Update(CLIENT)], actions: &["cognito-idp:UpdateUserPoolClient"] },
            Permissions { needs: &[Usage::Delete(CLIENT)], actions: &["cognito-idp:DeleteUserPoolClient"] },
            Permissions {
                needs: &[Usage::AddUser],
                actions: &["cognito-idp:AdminCreateUser", "cognito-idp:AdminSetUserPassword"],
            },
            Permissions {
                needs: &[Usage::Create(USER)],
                actions: &[
                    "cognito-idp:AdminCreateUser",
                    "cognito-idp:AdminSetUserPassword",
                    "cognito-idp:AdminUpdateUserAttributes",
                ],
            },
            Permissions {
                needs: &[Usage::Update(USER)],
                actions: &[
                    "cognito-idp:AdminEnableUser",
                    "cognito-idp:AdminSetUserPassword",
                    "cognito-idp:AdminUpdateUserAttributes",
                ],
            },
            Permissions { needs: &[Usage::Delete(USER)], actions: &["cognito-idp:AdminDeleteUser"] },
            // Whether there is anybody in a pool that is to go.
            Permissions { needs: &[Usage::ListUsers, Usage::Delete(POOL)], actions: &["cognito-idp:ListUsers"] },
            Permissions { needs: &[Usage::RemoveUser], actions: &["cognito-idp:AdminDeleteUser"] },
        ],
    },
    StatementTemplate {
        sid: "MakeUserPools",
        on: &["*"],
        when: &[Condition::TagGiven],
        rights: &[Permissions { needs: &[Usage::Create(POOL)], actions: &["cognito-idp:CreateUserPool"] }],
    },
    // Should AWS ask for the right to tag a pool that is being made, it cannot name it yet. To tag a pool that is there is
    // never allowed: that would make anybody's pool ours.
    StatementTemplate {
        sid: "TagWhatIsMade",
        on: &["{arn:cognito-idp}:userpool/${*}"],
        when: &[Condition::NoOthersTagGiven],
        rights: &[Permissions { needs: &[Usage::Create(POOL)], actions: &["cognito-idp:TagResource"] }],
    },
    StatementTemplate {
        sid: "FindOwn",
        on: IDENTITY_POOLS,
        when: &[Condition::NotAnothers],
        rights: &[
            Permissions {
                needs: &[Usage::Read(IDENTITY_POOL), Usage::Survivors],
                actions: &["cognito-identity:DescribeIdentityPool"],
            },
            Permissions { needs: &[Usage::Read(IDENTITY_ROLES)], actions: &["cognito-identity:GetIdentityPoolRoles"] },
        ],
    },
    StatementTemplate {
        sid: "OwnByTag",
        on: IDENTITY_POOLS,
        when: &[Condition::TagCarried],
        rights: &[
            Permissions { needs: &[Usage::Update(IDENTITY_POOL)], actions: &["cognito-identity:UpdateIdentityPool"] },
            Permissions { needs: &[Usage::Delete(IDENTITY_POOL)], actions: &["cognito-identity:DeleteIdentityPool"] },
        ],
    },
    StatementTemplate {
        sid: "MakeUserPools",
        on: &["*"],
        when: &[Condition::TagGiven],
        rights: &[Permissions {
            needs: &[Usage::Create(IDENTITY_POOL)],
            actions: &["cognito-identity:CreateIdentityPool"],
        }],
    },
    StatementTemplate {
        sid: "TagWhatIsMade",
        on: &["{arn:cognito-identity}:identitypool/${*}"],
        when: &[Condition::NoOthersTagGiven],
        rights: &[Permissions { needs: &[Usage::Create(IDENTITY_POOL)], actions: &["cognito-identity:TagResource"] }],
    },
    // On everything or not at all. What it can give out is limited by the right to pass a role.
    StatementTemplate {
        sid: "OnAnything",
        on: &["*"],
        when: &[],
        rights: &[Permissions {
            needs: &[Usage::Create(IDENTITY_ROLES), Usage::Update(IDENTITY_ROLES), Usage::Delete(IDENTITY_ROLES)],
            actions: &["cognito-identity:SetIdentityPoolRoles"],
        }],
    },
    StatementTemplate {
        sid: "PassRolesToIdentityPools",
        on: &["arn:{partition}:iam::{account}:role/securelambda/{stack}/*"],
        when: &[Condition::Is("iam:PassedToService", &["{identity-pools}"])],
        rights: &[Permissions {
            needs: &[Usage::Create(IDENTITY_ROLES), Usage::Update(IDENTITY_ROLES)],
            actions: &["iam:PassRole"],
        }],
    },
];

//! User pools by our tag, since AWS makes up their ids. To read the settings of a pool without a stack's tag is allowed:
//! only they tell whose it is. Its clients' secrets and its users are another matter. Signing up and in takes no right at
//! all.

use super::{Grant, Need, Right, When};

const POOL: &str = "cognito.user_pool";
const CLIENT: &str = "cognito.app_client";
const USER: &str = "cognito.service_user";
const IDENTITY_POOL: &str = "cognito.identity_pool";
const IDENTITY_ROLES: &str = "cognito.identity_pool_roles";
const POOLS: &[&str] = &["{arn:cognito-idp}:userpool/*"];
const IDENTITY_POOLS: &[&str] = &["{arn:cognito-identity}:identitypool/*"];

pub(super) const GRANTS: &[Grant] = &[
    Grant {
        sid: "FindOwn",
        on: POOLS,
        when: &[When::NotAnothers],
        rights: &[
            Right {
                needs: &[Need::Find(POOL), Need::Delete(POOL), Need::AddUser, Need::Survivors],
                actions: &["cognito-idp:DescribeUserPool"],
            },
            // For a client or a user that the next grant does not show: whether its pool is gone.
            Right { needs: &[Need::Find(CLIENT), Need::Find(USER)], actions: &["cognito-idp:DescribeUserPool"] },
            Right { needs: &[Need::Find(CLIENT)], actions: &["cognito-idp:ListUserPoolClients"] },
        ],
    },
    Grant {
        sid: "OwnByTag",
        on: POOLS,
        when: &[When::TagCarried],
        rights: &[
            // Its answer holds the client's secret.
            Right { needs: &[Need::Find(CLIENT)], actions: &["cognito-idp:DescribeUserPoolClient"] },
            Right { needs: &[Need::Find(USER)], actions: &["cognito-idp:AdminGetUser"] },
            Right { needs: &[Need::Create(POOL)], actions: &["cognito-idp:SetUserPoolMfaConfig"] },
            Right {
                needs: &[Need::Converge(POOL)],
                actions: &["cognito-idp:SetUserPoolMfaConfig", "cognito-idp:UpdateUserPool"],
            },
            Right { needs: &[Need::Delete(POOL)], actions: &["cognito-idp:DeleteUserPool"] },
            Right { needs: &[Need::Create(CLIENT)], actions: &["cognito-idp:CreateUserPoolClient"] },
            Right { needs: &[Need::Converge(CLIENT)], actions: &["cognito-idp:UpdateUserPoolClient"] },
            Right { needs: &[Need::Delete(CLIENT)], actions: &["cognito-idp:DeleteUserPoolClient"] },
            Right {
                needs: &[Need::AddUser],
                actions: &["cognito-idp:AdminCreateUser", "cognito-idp:AdminSetUserPassword"],
            },
            Right {
                needs: &[Need::Create(USER)],
                actions: &[
                    "cognito-idp:AdminCreateUser",
                    "cognito-idp:AdminSetUserPassword",
                    "cognito-idp:AdminUpdateUserAttributes",
                ],
            },
            Right {
                needs: &[Need::Converge(USER)],
                actions: &[
                    "cognito-idp:AdminEnableUser",
                    "cognito-idp:AdminSetUserPassword",
                    "cognito-idp:AdminUpdateUserAttributes",
                ],
            },
            Right { needs: &[Need::Delete(USER)], actions: &["cognito-idp:AdminDeleteUser"] },
            // Whether there is anybody in a pool that is to go.
            Right { needs: &[Need::ListUsers, Need::Delete(POOL)], actions: &["cognito-idp:ListUsers"] },
            Right { needs: &[Need::RemoveUser], actions: &["cognito-idp:AdminDeleteUser"] },
        ],
    },
    Grant {
        sid: "MakeUserPools",
        on: &["*"],
        when: &[When::TagGiven],
        rights: &[Right { needs: &[Need::Create(POOL)], actions: &["cognito-idp:CreateUserPool"] }],
    },
    // Should AWS ask for the right to tag a pool that is being made, it cannot name it yet. To tag a pool that is there is
    // never allowed: that would make anybody's pool ours.
    Grant {
        sid: "TagWhatIsMade",
        on: &["{arn:cognito-idp}:userpool/${*}"],
        when: &[When::NoOthersTagGiven],
        rights: &[Right { needs: &[Need::Create(POOL)], actions: &["cognito-idp:TagResource"] }],
    },
    Grant {
        sid: "FindOwn",
        on: IDENTITY_POOLS,
        when: &[When::NotAnothers],
        rights: &[
            Right {
                needs: &[Need::Find(IDENTITY_POOL), Need::Survivors],
                actions: &["cognito-identity:DescribeIdentityPool"],
            },
            Right { needs: &[Need::Find(IDENTITY_ROLES)], actions: &["cognito-identity:GetIdentityPoolRoles"] },
        ],
    },
    Grant {
        sid: "OwnByTag",
        on: IDENTITY_POOLS,
        when: &[When::TagCarried],
        rights: &[
            Right { needs: &[Need::Converge(IDENTITY_POOL)], actions: &["cognito-identity:UpdateIdentityPool"] },
            Right { needs: &[Need::Delete(IDENTITY_POOL)], actions: &["cognito-identity:DeleteIdentityPool"] },
        ],
    },
    Grant {
        sid: "MakeUserPools",
        on: &["*"],
        when: &[When::TagGiven],
        rights: &[Right { needs: &[Need::Create(IDENTITY_POOL)], actions: &["cognito-identity:CreateIdentityPool"] }],
    },
    Grant {
        sid: "TagWhatIsMade",
        on: &["{arn:cognito-identity}:identitypool/${*}"],
        when: &[When::NoOthersTagGiven],
        rights: &[Right { needs: &[Need::Create(IDENTITY_POOL)], actions: &["cognito-identity:TagResource"] }],
    },
    // On everything or not at all. What it can give out is limited by the right to pass a role.
    Grant {
        sid: "OnAnything",
        on: &["*"],
        when: &[],
        rights: &[Right {
            needs: &[Need::Create(IDENTITY_ROLES), Need::Converge(IDENTITY_ROLES), Need::Delete(IDENTITY_ROLES)],
            actions: &["cognito-identity:SetIdentityPoolRoles"],
        }],
    },
    Grant {
        sid: "PassRolesToIdentityPools",
        on: &["arn:{partition}:iam::{account}:role/securelambda/{stack}/*"],
        when: &[When::Is("iam:PassedToService", &["{identity-pools}"])],
        rights: &[Right {
            needs: &[Need::Create(IDENTITY_ROLES), Need::Converge(IDENTITY_ROLES)],
            actions: &["iam:PassRole"],
        }],
    },
];

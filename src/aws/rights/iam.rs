//! Roles by their path, which is the stack's alone. Who may make a role, say what it may do and pass it on may help
//! themselves to everything, unless a permissions boundary is demanded. It can be set and never lifted.

use super::{Condition, Permissions, StatementTemplate, Usage};

const ROLES: &[&str] = &["arn:{partition}:iam::{account}:role/securelambda/{stack}/*"];
const ROLE: &str = "iam.role";
const POLICY: &str = "iam.role_policy";

pub(super) const GRANTS: &[StatementTemplate] = &[
    StatementTemplate {
        sid: "FindOwn",
        // Of a role that is not there IAM knows no path. It must be able to say that it is not there.
        on: &[
            "arn:{partition}:iam::{account}:role/securelambda/{stack}/*",
            "arn:{partition}:iam::{account}:role/{stack}-*",
        ],
        when: &[Condition::NotAnothers],
        rights: &[
            Permissions {
                needs: &[Usage::Read(ROLE), Usage::Delete(ROLE)],
                actions: &["iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"],
            },
            Permissions { needs: &[Usage::Read(POLICY)], actions: &["iam:GetRole", "iam:GetRolePolicy"] },
            Permissions { needs: &[Usage::Survivors], actions: &["iam:ListRoleTags"] },
        ],
    },
    StatementTemplate {
        sid: "OwnByName",
        on: ROLES,
        when: &[Condition::NotAnothers],
        rights: &[
            Permissions {
                needs: &[Usage::Update(ROLE)],
                actions: &[
                    "iam:DeleteRolePolicy",
                    "iam:DetachRolePolicy",
                    "iam:UpdateAssumeRolePolicy",
                    "iam:UpdateRole",
                ],
            },
            Permissions {
                needs: &[Usage::Delete(ROLE)],
                actions: &["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"],
            },
            Permissions { needs: &[Usage::Delete(POLICY)], actions: &["iam:DeleteRolePolicy"] },
        ],
    },
    StatementTemplate {
        sid: "AskWhatIsAllowed",
        on: ROLES,
        when: &[Condition::NotAnothers],
        rights: &[Permissions { needs: &[Usage::Simulate], actions: &["iam:SimulatePrincipalPolicy"] }],
    },
    StatementTemplate {
        sid: "MakeOwn",
        on: ROLES,
        when: &[Condition::TagGiven, Condition::NotAnothers],
        rights: &[Permissions { needs: &[Usage::Create(ROLE)], actions: &["iam:TagRole"] }],
    },
    StatementTemplate {
        sid: "MakeRoles",
        on: ROLES,
        when: &[Condition::Bounded],
        rights: &[
            Permissions { needs: &[Usage::Create(ROLE)], actions: &["iam:CreateRole"] },
            Permissions { needs: &[Usage::Create(POLICY), Usage::Update(POLICY)], actions: &["iam:PutRolePolicy"] },
            Permissions { needs: &[Usage::Update(ROLE)], actions: &["iam:PutRolePermissionsBoundary"] },
        ],
    },
];

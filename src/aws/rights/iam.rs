//! Roles by their path, which is the stack's alone. Who may make a role, say what it may do and pass it on may help
//! themselves to everything, unless a permissions boundary is demanded. It can be set and never lifted.

use super::{Grant, Need, Right, When};

const ROLES: &[&str] = &["arn:{partition}:iam::{account}:role/securelambda/{stack}/*"];
const ROLE: &str = "iam.role";
const POLICY: &str = "iam.role_policy";

pub(super) const GRANTS: &[Grant] = &[
    Grant {
        sid: "FindOwn",
        // Of a role that is not there IAM knows no path. It must be able to say that it is not there.
        on: &[
            "arn:{partition}:iam::{account}:role/securelambda/{stack}/*",
            "arn:{partition}:iam::{account}:role/{stack}-*",
        ],
        when: &[When::NotAnothers],
        rights: &[
            Right {
                needs: &[Need::Find(ROLE), Need::Delete(ROLE)],
                actions: &["iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"],
            },
            Right { needs: &[Need::Find(POLICY)], actions: &["iam:GetRole", "iam:GetRolePolicy"] },
            Right { needs: &[Need::Survivors], actions: &["iam:ListRoleTags"] },
        ],
    },
    Grant {
        sid: "OwnByName",
        on: ROLES,
        when: &[When::NotAnothers],
        rights: &[
            Right {
                needs: &[Need::Converge(ROLE)],
                actions: &[
                    "iam:DeleteRolePolicy",
                    "iam:DetachRolePolicy",
                    "iam:UpdateAssumeRolePolicy",
                    "iam:UpdateRole",
                ],
            },
            Right {
                needs: &[Need::Delete(ROLE)],
                actions: &["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"],
            },
            Right { needs: &[Need::Delete(POLICY)], actions: &["iam:DeleteRolePolicy"] },
        ],
    },
    Grant {
        sid: "AskWhatIsAllowed",
        on: ROLES,
        when: &[When::NotAnothers],
        rights: &[Right { needs: &[Need::Simulate], actions: &["iam:SimulatePrincipalPolicy"] }],
    },
    Grant {
        sid: "MakeOwn",
        on: ROLES,
        when: &[When::TagGiven, When::NotAnothers],
        rights: &[Right { needs: &[Need::Create(ROLE)], actions: &["iam:TagRole"] }],
    },
    Grant {
        sid: "MakeRoles",
        on: ROLES,
        when: &[When::Bounded],
        rights: &[
            Right { needs: &[Need::Create(ROLE)], actions: &["iam:CreateRole"] },
            Right { needs: &[Need::Create(POLICY), Need::Converge(POLICY)], actions: &["iam:PutRolePolicy"] },
            Right { needs: &[Need::Converge(ROLE)], actions: &["iam:PutRolePermissionsBoundary"] },
        ],
    },
];

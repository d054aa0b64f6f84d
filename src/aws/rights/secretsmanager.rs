//! Secrets by name. To read a value is never needed: the operator writes them, the functions read them.

use super::{Condition, Permissions, StatementTemplate, Usage};

const KIND: &str = "secretsmanager.secret";
const SECRETS: &[&str] = &["{arn:secretsmanager}:secret:{stack}-*"];

pub(super) const GRANTS: &[StatementTemplate] = &[
    StatementTemplate {
        sid: "FindOwn",
        on: SECRETS,
        when: &[Condition::NotAnothers],
        rights: &[Permissions {
            needs: &[Usage::Read(KIND), Usage::Create(KIND), Usage::Delete(KIND)],
            actions: &["secretsmanager:DescribeSecret"],
        }],
    },
    StatementTemplate {
        sid: "OwnByTag",
        on: SECRETS,
        when: &[Condition::TagCarried],
        rights: &[
            Permissions {
                needs: &[Usage::Create(KIND)],
                actions: &[
                    "secretsmanager:PutSecretValue",
                    "secretsmanager:RestoreSecret",
                    "secretsmanager:UpdateSecret",
                ],
            },
            Permissions {
                needs: &[Usage::Update(KIND)],
                actions: &["secretsmanager:PutSecretValue", "secretsmanager:UpdateSecret"],
            },
        ],
    },
    StatementTemplate {
        sid: "OwnByName",
        on: SECRETS,
        when: &[Condition::NotAnothers],
        rights: &[Permissions { needs: &[Usage::Delete(KIND)], actions: &["secretsmanager:DeleteSecret"] }],
    },
    StatementTemplate {
        sid: "MakeOwn",
        on: SECRETS,
        when: &[Condition::TagGiven, Condition::NotAnothers],
        rights: &[Permissions {
            needs: &[Usage::Create(KIND)],
            actions: &["secretsmanager:CreateSecret", "secretsmanager:TagResource"],
        }],
    },
];

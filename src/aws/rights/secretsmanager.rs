//! Secrets by name. To read a value is never needed: the operator writes them, the functions read them.

use super::{Grant, Need, Right, When};

const KIND: &str = "secretsmanager.secret";
const SECRETS: &[&str] = &["{arn:secretsmanager}:secret:{stack}-*"];

pub(super) const GRANTS: &[Grant] = &[
    Grant {
        sid: "FindOwn",
        on: SECRETS,
        when: &[When::NotAnothers],
        rights: &[Right {
            needs: &[Need::Find(KIND), Need::Create(KIND), Need::Delete(KIND)],
            actions: &["secretsmanager:DescribeSecret"],
        }],
    },
    Grant {
        sid: "OwnByTag",
        on: SECRETS,
        when: &[When::TagCarried],
        rights: &[
            Right {
                needs: &[Need::Create(KIND)],
                actions: &[
                    "secretsmanager:PutSecretValue",
                    "secretsmanager:RestoreSecret",
                    "secretsmanager:UpdateSecret",
                ],
            },
            Right {
                needs: &[Need::Converge(KIND)],
                actions: &["secretsmanager:PutSecretValue", "secretsmanager:UpdateSecret"],
            },
        ],
    },
    Grant {
        sid: "OwnByName",
        on: SECRETS,
        when: &[When::NotAnothers],
        rights: &[Right { needs: &[Need::Delete(KIND)], actions: &["secretsmanager:DeleteSecret"] }],
    },
    Grant {
        sid: "MakeOwn",
        on: SECRETS,
        when: &[When::TagGiven, When::NotAnothers],
        rights: &[Right {
            needs: &[Need::Create(KIND)],
            actions: &["secretsmanager:CreateSecret", "secretsmanager:TagResource"],
        }],
    },
];

//! Log groups by name. A group's ARN is meant with `:*` by some calls and without by others; the wildcard covers both.

use super::{Condition, Permissions, StatementTemplate, Usage};

const KIND: &str = "logs.group";
const GROUPS: &[&str] = &["{arn:logs}:log-group:/aws/lambda/{stack}-*"];

pub(super) const GRANTS: &[StatementTemplate] = &[
    StatementTemplate {
        sid: "FindOwn",
        on: GROUPS,
        when: &[Condition::NotAnothers],
        rights: &[
            Permissions { needs: &[Usage::Read(KIND), Usage::Survivors], actions: &["logs:ListTagsForResource"] },
            Permissions { needs: &[Usage::ReadLogs], actions: &["logs:FilterLogEvents"] },
        ],
    },
    StatementTemplate {
        sid: "OwnByName",
        on: GROUPS,
        when: &[Condition::NotAnothers],
        rights: &[
            // Called as soon as a group is made, when its tags may not have got around yet.
            Permissions { needs: &[Usage::Create(KIND), Usage::Update(KIND)], actions: &["logs:PutRetentionPolicy"] },
            Permissions { needs: &[Usage::Delete(KIND)], actions: &["logs:DeleteLogGroup"] },
        ],
    },
    StatementTemplate {
        sid: "MakeOwn",
        on: GROUPS,
        when: &[Condition::TagGiven, Condition::NotAnothers],
        rights: &[Permissions { needs: &[Usage::Create(KIND)], actions: &["logs:CreateLogGroup", "logs:TagResource"] }],
    },
];

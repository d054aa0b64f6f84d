//! Log groups by name. A group's ARN is meant with `:*` by some calls and without by others; the wildcard covers both.

use super::{Grant, Need, Right, When};

const KIND: &str = "logs.group";
const GROUPS: &[&str] = &["{arn:logs}:log-group:/aws/lambda/{stack}-*"];

pub(super) const GRANTS: &[Grant] = &[
    Grant {
        sid: "FindOwn",
        on: GROUPS,
        when: &[When::NotAnothers],
        rights: &[
            Right { needs: &[Need::Find(KIND), Need::Survivors], actions: &["logs:ListTagsForResource"] },
            Right { needs: &[Need::ReadLogs], actions: &["logs:FilterLogEvents"] },
        ],
    },
    Grant {
        sid: "OwnByName",
        on: GROUPS,
        when: &[When::NotAnothers],
        rights: &[
            // Called as soon as a group is made, when its tags may not have got around yet.
            Right { needs: &[Need::Create(KIND), Need::Converge(KIND)], actions: &["logs:PutRetentionPolicy"] },
            Right { needs: &[Need::Delete(KIND)], actions: &["logs:DeleteLogGroup"] },
        ],
    },
    Grant {
        sid: "MakeOwn",
        on: GROUPS,
        when: &[When::TagGiven, When::NotAnothers],
        rights: &[Right { needs: &[Need::Create(KIND)], actions: &["logs:CreateLogGroup", "logs:TagResource"] }],
    },
];

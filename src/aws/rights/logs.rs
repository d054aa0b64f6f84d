//! Log groups by name. A group's ARN is meant with `:*` by some calls and without by others; the wildcard covers both.

use super::{Grant, Need, Right, When};

const KIND: &str = "logs.group";
const GROUPS: &[&str] = &["{arn:logs}:log-group:/aws/lambda/{stack}-*"];

pub(super) const GRANTS: &[Grant] = &[
    Grant {
        sid: "OwnByName",
        on: GROUPS,
        when: &[],
        rights: &[
            Right { needs: &[Need::Find(KIND), Need::Survivors], actions: &["logs:ListTagsForResource"] },
            Right { needs: &[Need::Create(KIND), Need::Converge(KIND)], actions: &["logs:PutRetentionPolicy"] },
            Right { needs: &[Need::Delete(KIND)], actions: &["logs:DeleteLogGroup"] },
            Right { needs: &[Need::ReadLogs], actions: &["logs:FilterLogEvents"] },
        ],
    },
    Grant {
        sid: "MakeOwn",
        on: GROUPS,
        when: &[When::TagGiven],
        rights: &[Right { needs: &[Need::Create(KIND)], actions: &["logs:CreateLogGroup", "logs:TagResource"] }],
    },
];

//! Topics by name. Of a subscription nothing but its topic can be named: AWS asks for the right to end one on the topic.

use super::{Condition, Permissions, StatementTemplate, Usage};

const TOPICS: &[&str] = &["{arn:sns}:{stack}-*"];

pub(super) const GRANTS: &[StatementTemplate] = &[
    StatementTemplate {
        sid: "FindOwn",
        on: TOPICS,
        when: &[Condition::NotAnothers],
        rights: &[
            Permissions {
                needs: &[Usage::Read("sns.topic")],
                actions: &["sns:GetTopicAttributes", "sns:ListTagsForResource"],
            },
            Permissions { needs: &[Usage::Survivors], actions: &["sns:ListTagsForResource"] },
            Permissions { needs: &[Usage::Read("sns.subscription")], actions: &["sns:ListSubscriptionsByTopic"] },
        ],
    },
    StatementTemplate {
        sid: "OwnByName",
        on: TOPICS,
        when: &[Condition::NotAnothers],
        rights: &[
            Permissions { needs: &[Usage::Delete("sns.topic")], actions: &["sns:DeleteTopic"] },
            Permissions { needs: &[Usage::Delete("sns.subscription")], actions: &["sns:Unsubscribe"] },
        ],
    },
    StatementTemplate {
        sid: "MakeOwn",
        on: TOPICS,
        when: &[Condition::TagGiven, Condition::NotAnothers],
        rights: &[Permissions {
            needs: &[Usage::Create("sns.topic")],
            actions: &["sns:CreateTopic", "sns:TagResource"],
        }],
    },
    StatementTemplate {
        sid: "SubscribeFunctions",
        on: TOPICS,
        when: &[
            Condition::Is("sns:Protocol", &["lambda"]),
            Condition::IsLike("sns:Endpoint", "{arn:lambda}:function:{stack}-*"),
            Condition::NotAnothers,
        ],
        rights: &[Permissions { needs: &[Usage::Create("sns.subscription")], actions: &["sns:Subscribe"] }],
    },
];

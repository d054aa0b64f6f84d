//! Topics by name. Of a subscription nothing but its topic can be named: AWS asks for the right to end one on the topic.

use super::{Grant, Need, Right, When};

const TOPICS: &[&str] = &["{arn:sns}:{stack}-*"];

pub(super) const GRANTS: &[Grant] = &[
    Grant {
        sid: "FindOwn",
        on: TOPICS,
        when: &[When::NotAnothers],
        rights: &[
            Right {
                needs: &[Need::Find("sns.topic")],
                actions: &["sns:GetTopicAttributes", "sns:ListTagsForResource"],
            },
            Right { needs: &[Need::Survivors], actions: &["sns:ListTagsForResource"] },
            Right { needs: &[Need::Find("sns.subscription")], actions: &["sns:ListSubscriptionsByTopic"] },
        ],
    },
    Grant {
        sid: "OwnByName",
        on: TOPICS,
        when: &[When::NotAnothers],
        rights: &[
            Right { needs: &[Need::Delete("sns.topic")], actions: &["sns:DeleteTopic"] },
            Right { needs: &[Need::Delete("sns.subscription")], actions: &["sns:Unsubscribe"] },
        ],
    },
    Grant {
        sid: "MakeOwn",
        on: TOPICS,
        when: &[When::TagGiven, When::NotAnothers],
        rights: &[Right { needs: &[Need::Create("sns.topic")], actions: &["sns:CreateTopic", "sns:TagResource"] }],
    },
    Grant {
        sid: "SubscribeFunctions",
        on: TOPICS,
        when: &[
            When::Is("sns:Protocol", &["lambda"]),
            When::IsLike("sns:Endpoint", "{arn:lambda}:function:{stack}-*"),
            When::NotAnothers,
        ],
        rights: &[Right { needs: &[Need::Create("sns.subscription")], actions: &["sns:Subscribe"] }],
    },
];

//! Topics by name. Nothing of a subscription but its topic can be named, and to remove one not even that.

use super::{Grant, Need, Right, When};

const TOPICS: &[&str] = &["{arn:sns}:{stack}-*"];

pub(super) const GRANTS: &[Grant] = &[
    Grant {
        sid: "OwnByName",
        on: TOPICS,
        when: &[],
        rights: &[
            Right {
                needs: &[Need::Find("sns.topic")],
                actions: &["sns:GetTopicAttributes", "sns:ListTagsForResource"],
            },
            Right { needs: &[Need::Survivors], actions: &["sns:ListTagsForResource"] },
            Right { needs: &[Need::Find("sns.subscription")], actions: &["sns:ListSubscriptionsByTopic"] },
            Right { needs: &[Need::Delete("sns.topic")], actions: &["sns:DeleteTopic"] },
        ],
    },
    Grant {
        sid: "MakeOwn",
        on: TOPICS,
        when: &[When::TagGiven],
        rights: &[Right { needs: &[Need::Create("sns.topic")], actions: &["sns:CreateTopic", "sns:TagResource"] }],
    },
    Grant {
        sid: "SubscribeFunctions",
        on: TOPICS,
        when: &[When::Is("sns:Protocol", &["lambda"]), When::IsLike("sns:Endpoint", "{arn:lambda}:function:{stack}-*")],
        rights: &[Right { needs: &[Need::Create("sns.subscription")], actions: &["sns:Subscribe"] }],
    },
    Grant {
        sid: "OnAnything",
        on: &["*"],
        when: &[],
        rights: &[Right { needs: &[Need::Delete("sns.subscription")], actions: &["sns:Unsubscribe"] }],
    },
];

//! SNS.

use serde_json::json;

use super::Entry::{Is, Not};
use super::{Asked, Host, Kind, List, Reads, Refusals, Service, Usage, WrongTime, by_operation};
use crate::support::proxy::AwsRequest;

pub const SERVICE: Service = Service {
    name: "sns",
    host: Host::Regional("sns"),
    sdk: "sns",
    kinds: &[
        Kind {
            name: "sns.topic",
            read: "GetTopicAttributes",
            list: Is(List {
                operation: "ListTopics",
                arguments: || json!({}),
                of_parent: None,
                items: "Topics",
                name: "TopicArn",
            }),
            create: Is("CreateTopic"),
            id: Not("its name identifies it"),
            lag: Not("its name is unique"),
            delete: Is("DeleteTopic"),
            outlives: Is(Reads {
                called: "topic ",
                with_state: &["ListTagsForResource"],
                without_state: &["ListTagsForResource", "ListTopics"],
            }),
        },
        Kind {
            name: "sns.subscription",
            read: "ListSubscriptions",
            list: Is(List {
                operation: "ListSubscriptions",
                arguments: || json!({}),
                of_parent: None,
                items: "Subscriptions",
                name: "TopicArn",
            }),
            create: Is("Subscribe"),
            id: Not("no other resource depends on it"),
            lag: Not("the program finds it with its topic"),
            delete: Not("the program finds it with its topic"),
            outlives: Is(Reads {
                called: "subscription ",
                with_state: &["ListTagsForResource"],
                without_state: &["ListTagsForResource", "ListTopics"],
            }),
        },
    ],
    created,
    needs,
    unused: &[
        ("sns:UntagResource", "the stack file loses a tag, or the stack no longer expires"),
        ("sns:SetSubscriptionAttributes", "another tool has changed a subscription"),
    ],
    unseen: &[("SetSubscriptionAttributes", "another tool has changed it; replayed exchanges test the call")],
    refusals: Refusals {
        throttled: "sns-throttled",
        retry_after: None,
        unavailable: "sns-unavailable",
        conflicts: &["topic-concurrent"],
        denied: (403, "AuthorizationError"),
        wrong_time: WrongTime::Query,
    },
};

fn needs(asked: &Asked<'_>) -> Vec<Usage> {
    let resource = match asked.operation() {
        "CreateTopic" => asked.stack.arn("sns", &asked.text("Name")),
        "ListTagsForResource" | "TagResource" => asked.text("ResourceArn"),
        "ListTopics" | "ListSubscriptions" => "*".to_owned(),
        // The ARN of the topic is the beginning of the subscription's ARN.
        "GetSubscriptionAttributes" | "SetSubscriptionAttributes" | "Unsubscribe" => {
            asked.text("SubscriptionArn").rsplit_once(':').unwrap().0.to_owned()
        }
        _ => asked.text("TopicArn"),
    };
    let tags = asked.numbered_tags();
    let mut needs = asked.need_with_tags(&resource, &tags, "CreateTopic", "sns:TagResource");
    for (key, field) in [("sns:Protocol", "Protocol"), ("sns:Endpoint", "Endpoint")] {
        needs[0].context.insert(key.to_owned(), asked.text(field));
    }
    asked.with_our_tag(needs, &[])
}

/// Subscriptions by e-mail are a setting of the topic, not resources.
fn created(asked: &AwsRequest, kinds: &'static [Kind]) -> Option<&'static Kind> {
    let by_mail = asked.operation == "Subscribe" && asked.field("Protocol").as_deref() == Some("email");
    by_operation(asked, kinds).filter(|_| !by_mail)
}

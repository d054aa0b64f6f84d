//! SQS. Its protocol is JSON with the error codes of the older query protocol.

use serde_json::json;

use super::Entry::{Is, Not};
use super::{Asked, Host, Kind, List, Reads, Refusals, Service, Usage, WrongTime, by_operation};

pub const SERVICE: Service = Service {
    name: "sqs",
    host: Host::Regional("sqs"),
    sdk: "sqs",
    kinds: &[Kind {
        name: "sqs.queue",
        read: "GetQueueAttributes",
        list: Is(List {
            operation: "ListQueues",
            arguments: || json!({}),
            of_parent: None,
            items: "QueueUrls",
            name: "QueueUrl",
        }),
        create: Is("CreateQueue"),
        id: Not("its name identifies it"),
        lag: Not("its name is unique"),
        delete: Is("DeleteQueue"),
        outlives: Is(Reads {
            called: "queue ",
            with_state: &["ListQueueTags"],
            without_state: &["ListQueues", "ListQueueTags"],
        }),
    }],
    created: by_operation,
    needs,
    unused: &[("sqs:UntagQueue", "the stack file loses a tag, or the stack no longer expires"), ("sqs:SetQueueAttributes", "another tool has changed a queue")],
    unseen: &[],
    refusals: Refusals {
        throttled: "sqs-throttled",
        retry_after: None,
        unavailable: "sqs-unavailable",
        conflicts: &["queue-deleted-recently"],
        denied: (400, "AccessDeniedException"),
        // Assumed, because its answers carry the codes of the query protocol.
        wrong_time: WrongTime::Query,
    },
};

fn needs(asked: &Asked<'_>) -> Vec<Usage> {
    let name = match asked.operation() {
        "CreateQueue" | "GetQueueUrl" => asked.text("QueueName"),
        _ => asked.text("QueueUrl").rsplit('/').next().unwrap_or_default().to_owned(),
    };
    let listing = asked.operation() == "ListQueues";
    let resource = if listing { "*".to_owned() } else { asked.stack.arn("sqs", &name) };
    let tags = asked.map_of_tags("tags");
    assert!(asked.operation() != "CreateQueue" || !tags.is_empty(), "{}", asked.body);
    asked.with_our_tag(asked.need_with_tags(&resource, &tags, "CreateQueue", "sqs:TagQueue"), &[])
}

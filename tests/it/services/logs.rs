//! CloudWatch Logs.

use serde_json::json;

use super::Entry::{Is, Not};
use super::{Asked, Host, Kind, List, Reads, Refusals, Service, Usage, WrongTime, by_operation};

const UNKNOWN: &str = "the emulator does not know it; replayed exchanges test the call";

pub const SERVICE: Service = Service {
    name: "logs",
    host: Host::Regional("logs"),
    sdk: "cloudwatchlogs",
    kinds: &[Kind {
        name: "logs.group",
        read: "DescribeLogGroups",
        list: Is(List {
            operation: "DescribeLogGroups",
            arguments: || json!({}),
            of_parent: None,
            items: "logGroups",
            name: "logGroupName",
        }),
        create: Is("CreateLogGroup"),
        id: Not("its name identifies it"),
        lag: Not("its name is unique"),
        delete: Is("DeleteLogGroup"),
        outlives: Is(Reads {
            called: "log group ",
            with_state: &["ListTagsForResource"],
            without_state: &["ListTagsForResource", "DescribeLogGroups"],
        }),
    }],
    created: by_operation,
    needs,
    unused: &[
        ("logs:UntagResource", "the stack file loses a tag, or the stack no longer expires"),
        ("logs:AssociateKmsKey", "the stack file has a key"),
        ("logs:DeleteResourcePolicy", "another tool lets others write to a log"),
        ("logs:DeleteSubscriptionFilter", "another tool forwards a log"),
        ("logs:DisassociateKmsKey", "another tool has encrypted a log with another account's key"),
        ("logs:PutBearerTokenAuthentication", "another tool has opened a log for writers with tokens"),
    ],
    unseen: &[
        ("AssociateKmsKey", UNKNOWN),
        ("DisassociateKmsKey", UNKNOWN),
        ("PutBearerTokenAuthentication", UNKNOWN),
    ],
    refusals: Refusals {
        throttled: "logs-throttled",
        retry_after: None,
        unavailable: "logs-unavailable",
        conflicts: &["log-group-busy"],
        denied: (400, "AccessDeniedException"),
        wrong_time: WrongTime::Json,
    },
};

fn needs(asked: &Asked<'_>) -> Vec<Usage> {
    let resource = match asked.operation() {
        "DescribeLogGroups" | "DescribeResourcePolicies" => "*".to_owned(),
        "DeleteResourcePolicy" | "ListTagsForResource" => asked.text("resourceArn"),
        _ => asked.stack.arn("logs", &format!("log-group:{}", asked.text("logGroupName"))),
    };
    let tags = asked.map_of_tags("tags");
    asked.with_our_tag(asked.need_with_tags(&resource, &tags, "CreateLogGroup", "logs:TagResource"), &[])
}

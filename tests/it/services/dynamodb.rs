//! DynamoDB. A table is found by its name, which never changes.

use serde_json::json;

use super::Entry::{Is, Not};
use super::{Asked, Host, Kind, List, Reads, Refusals, Service, Usage, WrongTime, by_operation};

pub const SERVICE: Service = Service {
    name: "dynamodb",
    host: Host::Regional("dynamodb"),
    sdk: "dynamodb",
    kinds: &[Kind {
        name: "dynamodb.table",
        read: "DescribeTable",
        list: Is(List {
            operation: "ListTables",
            arguments: || json!({}),
            of_parent: None,
            items: "TableNames",
            name: "",
        }),
        create: Is("CreateTable"),
        id: Not("its name identifies it"),
        lag: Not("its name is unique"),
        delete: Is("DeleteTable"),
        outlives: Is(Reads {
            called: "table ",
            with_state: &["ListTagsOfResource"],
            without_state: &["DescribeTable", "ListTables", "ListTagsOfResource"],
        }),
    }],
    created: by_operation,
    needs,
    unused: &[
        ("dynamodb:UntagResource", "the stack file loses a tag, or the stack no longer expires"),
        ("dynamodb:DeleteResourcePolicy", "another tool has given a table a policy"),
        ("dynamodb:DisableKinesisStreamingDestination", "another tool sends a table's changes elsewhere"),
    ],
    unseen: &[],
    refusals: Refusals {
        throttled: "dynamodb-throttled",
        retry_after: None,
        unavailable: "dynamodb-unavailable",
        conflicts: &["table-busy"],
        denied: (400, "AccessDeniedException"),
        wrong_time: WrongTime::Json,
    },
};

fn needs(asked: &Asked<'_>) -> Vec<Usage> {
    let named = match asked.operation() {
        "ListTables" => return vec![asked.need("*")],
        "ListTagsOfResource" | "GetResourcePolicy" | "DeleteResourcePolicy" => asked.text("ResourceArn"),
        _ => asked.stack.arn("dynamodb", &format!("table/{}", asked.text("TableName"))),
    };
    let tags = asked.list_of("Tags", "Key", "Value");
    assert!(asked.operation() != "CreateTable" || !tags.is_empty(), "{}", asked.body);
    asked.with_our_tag(asked.need_with_tags(&named, &tags, "CreateTable", "dynamodb:TagResource"), &[])
}

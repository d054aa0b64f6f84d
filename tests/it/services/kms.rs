//! KMS. A key cannot be deleted at once: its deletion is scheduled.

use serde_json::json;

use super::Entry::Is;
use super::{Asked, Host, Kind, Lag, List, Reads, Refusals, Service, Usage, WrongTime, by_operation};

pub const SERVICE: Service = Service {
    name: "kms",
    host: Host::Regional("kms"),
    sdk: "kms",
    kinds: &[Kind {
        name: "kms.key",
        read: "DescribeKey",
        list: Is(List {
            operation: "ListKeys",
            arguments: || json!({}),
            of_parent: None,
            items: "Keys",
            name: "KeyId",
        }),
        create: Is("CreateKey"),
        id: Is("/KeyMetadata/KeyId"),
        lag: Is(Lag { operation: "ListKeys", items: "Keys", id: "KeyId" }),
        delete: Is("ScheduleKeyDeletion"),
        outlives: Is(Reads {
            called: "key ",
            with_state: &[],
            without_state: &["DescribeKey", "ListAliases", "ListKeys", "ListResourceTags"],
        }),
    }],
    created: by_operation,
    needs,
    unused: &[
        ("kms:UntagResource", "the stack file loses a tag, or the stack no longer expires"),
        ("kms:PutKeyPolicy", "another tool has changed the policy of a key"),
        ("kms:RevokeGrant", "another tool has granted the use of a key"),
        ("kms:UpdateKeyDescription", "another tool has changed a description"),
        ("kms:CreateGrant", "a service makes the call for the operator, which the emulator does not"),
        ("kms:Decrypt", "a service makes the call for the operator, which the emulator does not"),
        ("kms:Encrypt", "a service makes the call for the operator, which the emulator does not"),
        ("kms:GenerateDataKey", "a service makes the call for the operator, which the emulator does not"),
    ],
    unseen: &[("UpdateKeyDescription", "no test changes the description; replayed exchanges test the call")],
    refusals: Refusals {
        throttled: "kms-throttled",
        retry_after: None,
        unavailable: "kms-unavailable",
        conflicts: &[],
        denied: (400, "AccessDeniedException"),
        wrong_time: WrongTime::Json,
    },
};

fn needs(asked: &Asked<'_>) -> Vec<Usage> {
    let key = |text: String| {
        let id = if text.starts_with("alias/") || text.is_empty() { "00000000-0000-0000-0000-000000000000" } else { &text };
        if id.starts_with("arn:") { id.to_owned() } else { asked.stack.arn("kms", &format!("key/{id}")) }
    };
    let tags = asked.list_of("Tags", "TagKey", "TagValue");
    match asked.operation() {
        // `ListAliases` needs this even for the aliases of one key.
        "ListKeys" | "ListAliases" => vec![asked.need("*")],
        "CreateKey" => {
            vec![asked.need("*").with_tags(&tags), Usage::new("kms:TagResource", key(String::new())).with_tags(&tags)]
        }
        "CreateAlias" => {
            let alias = asked.stack.arn("kms", &asked.text("AliasName"));
            let tagged = asked.need(key(asked.text("TargetKeyId"))).with(super::OURS, asked.stack.stack);
            vec![asked.need(alias), tagged]
        }
        _ => asked.with_our_tag(vec![asked.need(key(asked.text("KeyId")))], &[]),
    }
}

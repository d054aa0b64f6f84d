//! Secrets Manager.

use serde_json::json;

use super::Entry::{Is, Not};
use super::{Asked, Host, Kind, List, Reads, Refusals, Service, Usage, WrongTime, by_operation};

pub const SERVICE: Service = Service {
    name: "secretsmanager",
    host: Host::Regional("secretsmanager"),
    sdk: "secretsmanager",
    kinds: &[
        Kind {
            name: "secretsmanager.secret",
            read: "DescribeSecret",
            list: Is(List {
                operation: "ListSecrets",
                arguments: || json!({}),
                of_parent: None,
                items: "SecretList",
                name: "Name",
            }),
            create: Is("CreateSecret"),
            id: Not("its ARN starts with its name; the random end is not checked"),
            lag: Not("its name is unique"),
            delete: Is("DeleteSecret"),
            outlives: Is(Reads { called: "secret ", with_state: &[], without_state: &["ListSecrets"] }),
        },
        Kind {
            name: "secretsmanager.rotation",
            read: "DescribeSecret",
            list: Not("it is part of its secret"),
            create: Is("RotateSecret"),
            id: Not("it is part of its parent, whose id identifies it"),
            lag: Not("a secret has at most one"),
            delete: Not("it goes with its secret"),
            outlives: Not("the account reader shows it in its secret"),
        },
    ],
    created: by_operation,
    needs,
    unused: &[
        ("secretsmanager:UntagResource", "the stack file loses a tag, or the stack no longer expires"),
        ("secretsmanager:CancelRotateSecret", "another tool rotates a secret"),
        ("secretsmanager:PutResourcePolicy", "a secret has the key `resource_policy`"),
        ("secretsmanager:RemoveRegionsFromReplication", "another tool has copied a secret to another region"),
        ("secretsmanager:UpdateSecret", "another tool has changed a description"),
    ],
    unseen: &[(
        "RemoveRegionsFromReplication",
        "the emulator does not know it; replayed exchanges test the call",
    )],
    refusals: Refusals {
        throttled: "secrets-throttled",
        retry_after: None,
        unavailable: "secrets-unavailable",
        conflicts: &[],
        denied: (400, "AccessDeniedException"),
        wrong_time: WrongTime::Json,
    },
};

fn needs(asked: &Asked<'_>) -> Vec<Usage> {
    let name = [asked.text("SecretId"), asked.text("Name")].concat();
    let resource = match asked.operation() {
        "ListSecrets" => "*".to_owned(),
        _ if name.starts_with("arn:") => name,
        _ => asked.stack.arn("secretsmanager", &format!("secret:{name}-AbCdEf")),
    };
    let tags = asked.list_of_tags("Tags");
    let mut needs = asked.need_with_tags(&resource, &tags, "CreateSecret", "secretsmanager:TagResource");
    if asked.operation() == "RotateSecret" {
        needs.push(Usage::new("lambda:InvokeFunction", asked.text("RotationLambdaARN")));
    }
    asked.with_our_tag(needs, &[])
}

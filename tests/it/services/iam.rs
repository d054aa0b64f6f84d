//! IAM.

use serde_json::json;

use super::Entry::{Is, Not};
use super::{Asked, Host, Kind, List, Reads, Refusals, Service, Usage, WrongTime, by_operation};

pub const SERVICE: Service = Service {
    name: "iam",
    host: Host::Global("iam"),
    sdk: "iam",
    kinds: &[
        Kind {
            name: "iam.role",
            read: "GetRole",
            list: Is(List {
                operation: "ListRoles",
                arguments: || json!({}),
                of_parent: None,
                items: "Roles",
                name: "Arn",
            }),
            create: Is("CreateRole"),
            id: Not("its name identifies it"),
            lag: Not("its name is unique"),
            delete: Is("DeleteRole"),
            // A role can only be deleted after its policies, which must be listed first.
            outlives: Is(Reads {
                called: "role ",
                with_state: &[],
                without_state: &["ListRoles", "GetRole", "ListRolePolicies"],
            }),
        },
        Kind {
            name: "iam.role_policy",
            read: "GetRolePolicy",
            list: Not("its role lists it"),
            create: Is("PutRolePolicy"),
            id: Not("its name identifies it"),
            lag: Not("its name is unique in its role"),
            delete: Not("the program finds it with its role"),
            outlives: Not("the account reader shows it in its role"),
        },
    ],
    created: by_operation,
    needs,
    unused: &[
        ("iam:UntagRole", "the stack file loses a tag, or the stack no longer expires"),
        ("iam:DetachRolePolicy", "another tool has attached a policy"),
        ("iam:ListRoleTags", "down and sweep look for what no record names"),
        ("iam:PutRolePermissionsBoundary", "a boundary that comes later, or that another tool has changed"),
        ("iam:RemoveRoleFromInstanceProfile", "another tool has put a role into an instance profile"),
        ("iam:UpdateAssumeRolePolicy", "another tool has changed who may take a role"),
        ("iam:UpdateRole", "another tool has changed a description"),
    ],
    unseen: &[("PutRolePermissionsBoundary", "another tool has changed it; replayed exchanges test the call")],
    refusals: Refusals {
        throttled: "iam-throttled",
        retry_after: None,
        unavailable: "iam-unavailable",
        conflicts: &["iam-concurrent"],
        denied: (403, "AccessDenied"),
        wrong_time: WrongTime::Query,
    },
};

fn needs(asked: &Asked<'_>) -> Vec<Usage> {
    let (account, stack) = (asked.stack.account, asked.stack.stack);
    let resource = match asked.operation() {
        "GetAccountSummary" | "ListRoles" => "*".to_owned(),
        "SimulatePrincipalPolicy" => asked.text("PolicySourceArn"),
        "RemoveRoleFromInstanceProfile" => {
            format!("arn:aws:iam::{account}:instance-profile/{}", asked.text("InstanceProfileName"))
        }
        // The path of a missing role is not known.
        _ if asked.call.status == 404 => format!("arn:aws:iam::{account}:role/{}", asked.text("RoleName")),
        _ => format!("arn:aws:iam::{account}:role/securelambda/{stack}/{}", asked.text("RoleName")),
    };
    if asked.operation() == "CreateRole" {
        assert_eq!(asked.text("Path"), format!("/securelambda/{stack}/"));
    }
    let mut needs = asked.need_with_tags(&resource, &asked.numbered_tags(), "CreateRole", "iam:TagRole");
    if let Some(boundary) = asked.stack.boundary {
        needs[0].context.insert("iam:PermissionsBoundary".to_owned(), boundary.to_owned());
    }
    asked.with_our_tag(needs, &[":user/"])
}

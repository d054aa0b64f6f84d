//! Cognito's identity pools.

use serde_json::json;

use super::Entry::{Is, Not};
use super::{Asked, Host, Kind, Lag, List, OURS, Reads, Refusals, Service, Usage, WrongTime, by_operation};

pub const SERVICE: Service = Service {
    name: "cognito-identity",
    host: Host::Regional("cognito-identity"),
    sdk: "cognitoidentity",
    kinds: &[
        Kind {
            name: "cognito.identity_pool",
            read: "DescribeIdentityPool",
            list: Is(List {
                operation: "ListIdentityPools",
                arguments: || json!({ "MaxResults": 60 }),
                of_parent: None,
                items: "IdentityPools",
                name: "IdentityPoolName",
            }),
            create: Is("CreateIdentityPool"),
            id: Is("/IdentityPoolId"),
            lag: Is(Lag { operation: "ListIdentityPools", items: "IdentityPools", id: "IdentityPoolId" }),
            delete: Is("DeleteIdentityPool"),
            outlives: Is(Reads {
                called: "identity pool ",
                with_state: &[],
                without_state: &["ListIdentityPools", "DescribeIdentityPool"],
            }),
        },
        Kind {
            name: "cognito.identity_pool_roles",
            read: "GetIdentityPoolRoles",
            list: Not("they are part of their pool"),
            create: Is("SetIdentityPoolRoles"),
            id: Not("it is part of its parent, whose id identifies it"),
            lag: Not("a pool has them once"),
            delete: Not("they go with their pool"),
            outlives: Not("the account reader shows them in their pool"),
        },
    ],
    created: by_operation,
    needs,
    unused: &[("cognito-identity:UntagResource", "the stack file loses a tag, or the stack no longer expires"), ("cognito-identity:UpdateIdentityPool", "another tool has changed an identity pool")],
    unseen: &[
        ("GetCredentialsForIdentity", "the call is not signed, so it has no account"),
        ("GetId", "the call is not signed, so it has no account"),
    ],
    refusals: Refusals {
        throttled: "cognito-throttled",
        retry_after: None,
        unavailable: "cognito-unavailable",
        conflicts: &["identity-pool-concurrent"],
        denied: (400, "AccessDeniedException"),
        wrong_time: WrongTime::Json,
    },
};

fn needs(asked: &Asked<'_>) -> Vec<Usage> {
    match asked.operation() {
        "ListIdentityPools" | "SetPrincipalTagAttributeMap" => vec![asked.need("*")],
        "SetIdentityPoolRoles" => {
            let roles = asked.body["Roles"].as_object().into_iter().flatten();
            let passed = roles.map(|(_, role)| {
                let pass = Usage::new("iam:PassRole", role.as_str().unwrap());
                pass.with("iam:PassedToService", "cognito-identity.amazonaws.com")
            });
            [asked.need("*")].into_iter().chain(passed).collect()
        }
        "CreateIdentityPool" => {
            let tags = asked.map_of_tags("IdentityPoolTags");
            let nameless = asked.stack.arn("cognito-identity", "identitypool/*");
            let tag = Usage::new("cognito-identity:TagResource", nameless);
            vec![asked.need("*").with_tags(&tags), tag.with_tags(&tags)]
        }
        _ => {
            let pool = format!("identitypool/{}", asked.text("IdentityPoolId"));
            let need = asked.need(asked.stack.arn("cognito-identity", &pool));
            // A missing pool has no tag.
            vec![if asked.call.status < 400 { need.with(OURS, asked.stack.stack) } else { need }]
        }
    }
}

//! Cognito's user pools.

use serde_json::json;

use super::Entry::{Is, Not};
use super::{Asked, Host, Kind, Lag, List, OURS, Parent, Reads, Refusals, Service, Usage, WrongTime, by_operation};

/// Without these reads, the program finds neither a pool nor the resources in it.
const POOL: &[&str] = &["ListUserPools", "DescribeUserPool"];
const REPLAYED: &str = "another tool has changed it; replayed exchanges test the call";
const FACTOR: &str = "no emulator asks for a factor; replayed exchanges test the call";

pub const SERVICE: Service = Service {
    name: "cognito-idp",
    host: Host::Regional("cognito-idp"),
    sdk: "cognitoidentityprovider",
    kinds: &[
        Kind {
            name: "cognito.user_pool",
            read: "DescribeUserPool",
            list: Is(List {
                operation: "ListUserPools",
                arguments: || json!({ "MaxResults": 60 }),
                of_parent: None,
                items: "UserPools",
                name: "Name",
            }),
            create: Is("CreateUserPool"),
            id: Is("/UserPool/Id"),
            lag: Is(Lag { operation: "ListUserPools", items: "UserPools", id: "Id" }),
            delete: Is("DeleteUserPool"),
            outlives: Is(Reads { called: "pool ", with_state: &[], without_state: POOL }),
        },
        Kind {
            name: "cognito.app_client",
            read: "DescribeUserPoolClient",
            list: Is(List {
                operation: "ListUserPoolClients",
                arguments: || json!({ "MaxResults": 60 }),
                of_parent: Some(Parent { kind: "cognito.user_pool", id: "Id", argument: "UserPoolId" }),
                items: "UserPoolClients",
                name: "ClientName",
            }),
            create: Is("CreateUserPoolClient"),
            id: Is("/UserPoolClient/ClientId"),
            lag: Is(Lag { operation: "ListUserPoolClients", items: "UserPoolClients", id: "ClientId" }),
            delete: Not("it goes with its pool; alone only after an unfinished run"),
            outlives: Is(Reads { called: "client ", with_state: &[], without_state: POOL }),
        },
        Kind {
            name: "cognito.group",
            read: "GetGroup",
            list: Not("its pool lists it"),
            create: Is("CreateGroup"),
            id: Not("its name identifies it"),
            lag: Not("its name is unique in its pool"),
            delete: Not("it goes with its pool; alone only if the stack file no longer names it"),
            outlives: Is(Reads { called: "group ", with_state: &[], without_state: POOL }),
        },
        Kind {
            name: "cognito.resource_server",
            read: "DescribeResourceServer",
            list: Not("its pool lists it"),
            create: Is("CreateResourceServer"),
            id: Not("its name identifies it"),
            lag: Not("its name is unique in its pool"),
            delete: Not("it goes with its pool; alone only if the stack file no longer names it"),
            outlives: Is(Reads { called: "resource server ", with_state: &[], without_state: POOL }),
        },
        Kind {
            name: "cognito.identity_provider",
            read: "DescribeIdentityProvider",
            list: Not("its pool lists it"),
            create: Is("CreateIdentityProvider"),
            id: Not("its name identifies it"),
            lag: Not("its name is unique in its pool"),
            delete: Not("it goes with its pool; alone only if the stack file no longer names it"),
            outlives: Is(Reads { called: "identity provider ", with_state: &[], without_state: POOL }),
        },
        Kind {
            name: "cognito.domain",
            read: "DescribeUserPoolDomain",
            list: Not("its pool shows it"),
            create: Is("CreateUserPoolDomain"),
            id: Not("its name identifies it"),
            lag: Not("its name is unique in the region"),
            delete: Not("the program lists it only with its pool"),
            outlives: Is(Reads { called: "domain ", with_state: &[], without_state: POOL }),
        },
        Kind {
            name: "cognito.hooks",
            read: "DescribeUserPool",
            list: Not("they are settings of their pool"),
            create: Not("an update of the pool sets them"),
            id: Not("they are part of their pool, whose id identifies it"),
            lag: Not("they are settings of their pool"),
            delete: Not("the pool takes them away"),
            outlives: Not("the account reader shows them in their pool"),
        },
        Kind {
            name: "cognito.service_user",
            read: "ListUsers",
            list: Not("its pool lists it"),
            create: Is("AdminCreateUser"),
            id: Not("its name identifies it"),
            lag: Not("its name is unique in its pool"),
            delete: Not("it goes with its pool"),
            outlives: Is(Reads { called: "pool user ", with_state: &[], without_state: POOL }),
        },
    ],
    created: by_operation,
    needs,
    unused: &[
        ("cognito-idp:UntagResource", "the stack file loses a tag, or the stack no longer expires"),
        ("cognito-idp:AdminEnableUser", "another tool has disabled a service user"),
        ("cognito-idp:DeleteIdentityProvider", "another tool has added an identity provider"),
        ("cognito-idp:DescribeRiskConfiguration", "pools with threat protection"),
        ("cognito-idp:SetRiskConfiguration", "pools with threat protection"),
        ("cognito-idp:UpdateGroup", "a group gets another role"),
        ("cognito-idp:DeleteUserPoolClientSecret", "the emulator knows no further secrets; replayed exchanges test it"),
    ],
    unseen: &[
        ("AdminEnableUser", REPLAYED),
        ("AssociateSoftwareToken", FACTOR),
        ("DeleteUserPoolClientSecret", REPLAYED),
        ("GetTokensFromRefreshToken", "no command renews tokens; replayed exchanges test the call"),
        ("UpdateUserAttributes", "not tried on an emulator, which accepts every attribute"),
        ("VerifySoftwareToken", FACTOR),
    ],
    refusals: Refusals {
        throttled: "cognito-throttled",
        retry_after: None,
        unavailable: "cognito-unavailable",
        conflicts: &["pool-concurrent"],
        denied: (400, "AccessDeniedException"),
        wrong_time: WrongTime::Json,
    },
};

/// With the first pool that sends with SES, Cognito creates a role.
fn sender(asked: &Asked<'_>) -> Option<Usage> {
    let sends = asked.body["EmailConfiguration"]["EmailSendingAccount"] == "DEVELOPER";
    let role = "role/aws-service-role/email.cognito-idp.amazonaws.com/AWSServiceRoleForAmazonCognitoIdpEmailService";
    let role = format!("arn:aws:iam::{}:{role}", asked.stack.account);
    sends.then(|| Usage::new("iam:CreateServiceLinkedRole", role))
}

fn needs(asked: &Asked<'_>) -> Vec<Usage> {
    match asked.operation() {
        "CreateUserPool" => {
            let tags = asked.map_of_tags("UserPoolTags");
            let tag = Usage::new("cognito-idp:TagResource", asked.stack.arn("cognito-idp", "userpool/*"));
            let needs = vec![asked.need("*").with_tags(&tags), tag.with_tags(&tags)];
            needs.into_iter().chain(sender(asked)).collect()
        }
        "ListUserPools" | "DescribeUserPoolDomain" => vec![asked.need("*")],
        operation => {
            let pool = asked.stack.arn("cognito-idp", &format!("userpool/{}", asked.text("UserPoolId")));
            // A missing pool has no tag. These operations may also fail because a resource in the pool is missing. Then
            // the pool has its tag.
            let within = [
                "AdminGetUser",
                "DescribeUserPoolClient",
                "DeleteUserPoolClient",
                "DeleteResourceServer",
                "ListUserPoolClientSecrets",
            ];
            let tagged = asked.call.status < 400 || within.contains(&operation);
            let need = asked.need(pool);
            let passed = asked.body["RoleArn"].as_str().map(|role| Usage::new("iam:PassRole", role));
            let need = if tagged { need.with(OURS, asked.stack.stack) } else { need };
            std::iter::once(need).chain(passed).chain(sender(asked)).collect()
        }
    }
}

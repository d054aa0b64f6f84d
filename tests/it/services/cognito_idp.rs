//! Cognito's user pools.

use serde_json::json;

use super::Entry::{Is, Not};
use super::{Asked, Host, Kind, Lag, List, OURS, Parent, Reads, Refusals, Service, Usage, WrongTime};

/// Without these the program does not find a pool, and so nothing in it.
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
    needs,
    unused: &[
        ("cognito-idp:AdminAddUserToGroup", "another tool has given a group a role"),
        ("cognito-idp:AdminEnableUser", "another tool has disabled a service user"),
        ("cognito-idp:CreateGroup", "another tool has given a group a role"),
        ("cognito-idp:DeleteGroup", "another tool has given a group a role"),
        ("cognito-idp:DeleteIdentityProvider", "another tool has added an identity provider"),
        ("cognito-idp:DeleteResourceServer", "another tool has added a resource server"),
        ("cognito-idp:DeleteUserPoolClient", "a client goes with its pool; alone only after an unfinished run"),
        ("cognito-idp:DeleteUserPoolDomain", "another tool has added a domain"),
        ("cognito-idp:DescribeRiskConfiguration", "pools with threat protection"),
        ("cognito-idp:ListUsersInGroup", "another tool has given a group a role"),
        ("cognito-idp:SetRiskConfiguration", "pools with threat protection"),
        ("cognito-idp:UpdateUserPoolClient", "another tool has changed a client"),
    ],
    unseen: &[
        ("AdminEnableUser", REPLAYED),
        ("AssociateSoftwareToken", FACTOR),
        ("GetTokensFromRefreshToken", "no command renews tokens; replayed exchanges test the call"),
        ("RespondToAuthChallenge", FACTOR),
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

fn needs(asked: &Asked<'_>) -> Vec<Usage> {
    match asked.operation() {
        "CreateUserPool" => {
            let tags = asked.map_of_tags("UserPoolTags");
            let tag = Usage::new("cognito-idp:TagResource", asked.stack.arn("cognito-idp", "userpool/*"));
            vec![asked.need("*").with_tags(&tags), tag.with_tags(&tags)]
        }
        "ListUserPools" => vec![asked.need("*")],
        operation => {
            let pool = asked.stack.arn("cognito-idp", &format!("userpool/{}", asked.text("UserPoolId")));
            // A missing pool has no tag. AdminGetUser may also fail because the user is missing, and then the pool has
            // one.
            let tagged = asked.call.status < 400 || operation == "AdminGetUser";
            let need = asked.need(pool);
            vec![if tagged { need.with(OURS, asked.stack.stack) } else { need }]
        }
    }
}

//! API Gateway's REST APIs, and the code that both versions of API Gateway share.

use serde_json::json;

use super::Entry::{Is, Not};
use super::{
    Asked, Host, Kind, Lag, List, OURS, Reads, Refusals, Service, StackIdentity, Usage, WrongTime, by_operation,
};
use crate::support::proxy::AwsRequest;

const PART: &str = "it is part of its parent, whose id identifies it";
const IN_API: &str = "its API lists it";
const WITH_API: &str = "it goes with its API";
const NOT_PLAYED: &str = "only the lists of APIs lag in these runs";
const SHOWN_WITH_API: &str = "its name begins with the name of its API, and API Gateway deletes it with the API";

pub const SERVICE: Service = Service {
    name: "apigateway",
    host: Host::Regional("apigateway"),
    sdk: "apigateway",
    kinds: &[
        Kind {
            name: "apigateway.rest_api",
            read: "GetRestApi",
            list: Is(List {
                operation: "GetRestApis",
                arguments: || json!({ "limit": 500 }),
                of_parent: None,
                items: "items",
                name: "name",
            }),
            create: Is("CreateRestApi"),
            id: Is("/id"),
            lag: Is(Lag { operation: "GetRestApis", items: "item", id: "id" }),
            delete: Is("DeleteRestApi"),
            outlives: Is(Reads { called: "api ", with_state: &[], without_state: &["GetRestApis"] }),
        },
        Kind {
            name: "apigateway.gateway_responses",
            read: "GetGatewayResponses",
            list: Not(IN_API),
            create: Is("PutGatewayResponse"),
            id: Not("the type of an answer identifies it"),
            lag: Not("an API has each type of answer once"),
            delete: Not(WITH_API),
            outlives: Not(SHOWN_WITH_API),
        },
        Kind {
            name: "apigateway.authorizer",
            read: "GetAuthorizers",
            list: Not(IN_API),
            create: Is("CreateAuthorizer"),
            id: Is("/id"),
            lag: Not("its name is unique in its API"),
            delete: Not(WITH_API),
            outlives: Not(SHOWN_WITH_API),
        },
        Kind {
            name: "apigateway.lambda_authorizer",
            read: "GetAuthorizers",
            list: Not(IN_API),
            create: Not("an authorizer of a user pool is created by the same call"),
            id: Not("an authorizer of a user pool gets its id in the same answer"),
            lag: Not("its name is unique in its API"),
            delete: Not(WITH_API),
            outlives: Not(SHOWN_WITH_API),
        },
        Kind {
            name: "apigateway.request_validator",
            read: "GetRequestValidators",
            list: Not(IN_API),
            create: Is("CreateRequestValidator"),
            id: Is("/id"),
            lag: Not(NOT_PLAYED),
            delete: Not(WITH_API),
            outlives: Not(SHOWN_WITH_API),
        },
        Kind {
            name: "apigateway.model",
            read: "GetModels",
            list: Not(IN_API),
            create: Is("CreateModel"),
            id: Not("its name identifies it"),
            lag: Not("its name is unique in its API"),
            delete: Not(WITH_API),
            outlives: Not(SHOWN_WITH_API),
        },
        Kind {
            name: "apigateway.paths",
            read: "GetResources",
            list: Not(IN_API),
            create: Is("CreateResource"),
            id: Not("one resource has many ids, one for each path"),
            lag: Not("a path is unique in its API"),
            delete: Not(WITH_API),
            outlives: Not(SHOWN_WITH_API),
        },
        Kind {
            name: "apigateway.routes",
            read: "GetMethod",
            list: Not("its paths list it"),
            create: Is("PutMethod"),
            id: Not(PART),
            lag: Not("a path has each method once"),
            delete: Not(WITH_API),
            outlives: Not(SHOWN_WITH_API),
        },
        Kind {
            name: "apigateway.deployment",
            read: "GetDeployments",
            list: Not(IN_API),
            create: Is("CreateDeployment"),
            id: Is("/id"),
            lag: Not(NOT_PLAYED),
            delete: Not(WITH_API),
            outlives: Not(SHOWN_WITH_API),
        },
        Kind {
            name: "apigateway.stage",
            read: "GetStages",
            list: Not(IN_API),
            create: Is("CreateStage"),
            id: Not("its name identifies it"),
            lag: Not("its name is unique in its API"),
            delete: Not("the program finds it with its API"),
            outlives: Not(SHOWN_WITH_API),
        },
        Kind {
            name: "apigateway.release",
            // The stage contains the id of the live deployment.
            read: "GetStages",
            list: Not("it is a setting of the stage"),
            create: Not("it is a setting of the stage, which no call creates"),
            id: Not(PART),
            lag: Not("it is a setting of the stage"),
            delete: Not("it goes with its stage"),
            outlives: Not(SHOWN_WITH_API),
        },
        Kind {
            name: "apigateway.api_key",
            read: "GetApiKey",
            list: Is(List {
                operation: "GetApiKeys",
                arguments: || json!({ "limit": 500 }),
                of_parent: None,
                items: "items",
                name: "name",
            }),
            create: Is("CreateApiKey"),
            id: Is("/id"),
            lag: Not(NOT_PLAYED),
            delete: Is("DeleteApiKey"),
            outlives: Is(Reads { called: "api key ", with_state: &[], without_state: &["GetApiKeys", "GetApiKey"] }),
        },
        Kind {
            name: "apigateway.usage_plan",
            read: "GetUsagePlan",
            list: Is(List {
                operation: "GetUsagePlans",
                arguments: || json!({ "limit": 500 }),
                of_parent: None,
                items: "items",
                name: "name",
            }),
            create: Is("CreateUsagePlan"),
            id: Is("/id"),
            lag: Not(NOT_PLAYED),
            delete: Is("DeleteUsagePlan"),
            outlives: Is(Reads {
                called: "usage plan ",
                with_state: &[],
                without_state: &["GetUsagePlans", "GetUsagePlan", "GetUsagePlanKeys"],
            }),
        },
        Kind {
            name: "apigateway.usage_plan_key",
            // The usage plans of a key.
            read: "GetUsagePlans",
            list: Not("its plan lists it"),
            create: Is("CreateUsagePlanKey"),
            id: Not("the key's id identifies it"),
            lag: Not("a plan has a key once"),
            delete: Not("the program finds it with its plan"),
            outlives: Not("it goes with its plan, which lists it"),
        },
        Kind {
            name: "apigateway.log_role",
            read: "GetAccount",
            list: Not("the account has at most one"),
            create: Not("no blueprint logs what a REST API does"),
            id: Not("it belongs to the account, and no other resource needs its id"),
            lag: Not("the account has at most one"),
            delete: Not("it is shared, and remains"),
            outlives: Not("no blueprint logs what a REST API does"),
        },
    ],
    created: created_in_both,
    needs: needs_of_both,
    unused: &[(
        "apigateway:UpdateRestApiPolicy",
        "only after somebody else set a resource policy; see gateway_holes.rs",
    )],
    unseen: &[("DeleteRequestValidator", "every API has one, and it goes with its API")],
    refusals: REFUSALS_OF_BOTH,
};

/// Both versions refuse with the same answers.
pub const REFUSALS_OF_BOTH: Refusals = Refusals {
    throttled: "api-throttled",
    retry_after: Some(1),
    unavailable: "api-unavailable",
    conflicts: &["api-concurrent"],
    denied: (403, "AccessDeniedException"),
    wrong_time: WrongTime::Rest,
};

/// Both versions have the same permissions: the HTTP methods, on the paths of the requests.
pub fn needs_of_both(asked: &Asked<'_>) -> Vec<Usage> {
    let path = asked.path().strip_prefix("/v2").unwrap_or(asked.path());
    let verb = format!("apigateway:{}", asked.call.sent.method);
    let tags = asked.map_of_tags("tags");
    let need = Usage::new(&*verb, arn(asked.stack, path)).with_tags(&tags);
    let mut needs = Vec::new();
    if path.matches('/').count() > 1 {
        // According to the documentation, all parts of a REST API but one inherit the API's tag. The parts of an HTTP API
        // inherit none: only the API and its stages have tags.
        let parts: Vec<&str> = path.split('/').collect();
        let tagged_itself = matches!(parts.as_slice(), ["", "apis" | "domainnames", _] | ["", "apis", _, "stages", _]);
        let inherits = match parts[1] {
            "restapis" => parts.get(3) != Some(&"requestvalidators"),
            // Keys and plans have tags, and the keys of a plan inherit the plan's.
            "usageplans" | "apikeys" => true,
            _ => false,
        };
        let has_tag = asked.call.status != 404 && (tagged_itself || inherits);
        needs.push(if has_tag { need.with(OURS, asked.stack.stack) } else { need });
    } else {
        needs.push(need);
        if verb == "apigateway:POST" {
            let role = "role/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway";
            let role = format!("arn:aws:iam::{}:{role}", asked.stack.account);
            needs.push(Usage::new("iam:CreateServiceLinkedRole", role));
        }
    }
    // For a resource without an id yet, AWS checks an asterisk in its place (docs/aws.md, Permissions).
    let nameless = |what: &str| {
        let region = asked.stack.region;
        arn(asked.stack, &format!("/tags/arn%3Aaws%3Aapigateway%3A{region}%3A%3A%2F{what}%2F*"))
    };
    let (tag, on) = match (path.split('/').nth(1).unwrap_or_default(), path.ends_with("/stages")) {
        ("restapis", false) => ("apigateway:PUT", nameless("restapis")),
        ("restapis", true) => ("apigateway:PUT", nameless("restapis%2Fabc%2Fstages")),
        ("usageplans", _) => ("apigateway:PUT", nameless("usageplans")),
        ("apikeys", _) => ("apigateway:PUT", nameless("apikeys")),
        ("apis", false) => ("apigateway:POST", nameless("v2%2Fapis")),
        ("domainnames", false) => ("apigateway:POST", nameless("domainnames")),
        _ => ("apigateway:TagResource", arn(asked.stack, path)),
    };
    // A change of tags has its permission already: a verb on the path that begins with /tags/.
    if !tags.is_empty() && asked.operation() != "TagResource" {
        needs.push(Usage::new(tag, on).with_tags(&tags));
    }
    // CloudWatch checks these permissions of a caller that turns on access logs.
    if asked.body.get("accessLogSettings").is_some() {
        let rights = ["Create", "Get", "Update", "Delete"].map(|verb| format!("{verb}LogDelivery"));
        let others = ["ListLogDeliveries", "DescribeResourcePolicies", "PutResourcePolicy"].map(str::to_owned);
        needs.extend(rights.iter().chain(&others).map(|right| Usage::new(format!("logs:{right}"), "*")));
    }
    needs
}

fn arn(stack: &StackIdentity<'_>, path: &str) -> String {
    format!("arn:aws:apigateway:{}::{path}", stack.region)
}

/// A Lambda authorizer is a kind of its own, but it is created by the same call as a user pool's authorizer.
pub fn created_in_both(asked: &AwsRequest, kinds: &'static [Kind]) -> Option<&'static Kind> {
    if asked.operation == "CreateAuthorizer" && asked.field("authorizerUri").is_some() {
        return kinds.iter().find(|kind| kind.name.ends_with(".lambda_authorizer"));
    }
    by_operation(asked, kinds)
}

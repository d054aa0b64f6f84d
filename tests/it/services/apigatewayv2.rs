//! API Gateway's HTTP APIs.

use serde_json::json;

use super::Entry::{Is, Not};
use super::apigateway::{REFUSALS_OF_BOTH, created_in_both, needs_of_both};
use super::{Host, Kind, Lag, List, Reads, Service};

const IN_API: &str = "its API lists it";
const WITH_API: &str = "it goes with its API";
const NOT_PLAYED: &str = "only the lists of APIs lag in these runs";
const SHOWN_WITH_API: &str = "its name begins with the name of its API, and API Gateway deletes it with the API";
const REPLAYED: &str = "another tool has changed it; replayed exchanges test the call";

pub const SERVICE: Service = Service {
    name: "apigatewayv2",
    host: Host::Regional("apigateway"),
    sdk: "apigatewayv2",
    kinds: &[
        Kind {
            name: "apigatewayv2.api",
            read: "GetApis",
            list: Is(List {
                operation: "GetApis",
                arguments: || json!({ "MaxResults": "500" }),
                of_parent: None,
                items: "Items",
                name: "Name",
            }),
            create: Is("CreateApi"),
            id: Is("/apiId"),
            lag: Is(Lag { operation: "GetApis", items: "items", id: "apiId" }),
            delete: Is("DeleteApi"),
            outlives: Is(Reads { called: "http api ", with_state: &[], without_state: &["GetApis"] }),
        },
        Kind {
            name: "apigatewayv2.authorizer",
            read: "GetAuthorizers",
            list: Not(IN_API),
            create: Is("CreateAuthorizer"),
            id: Is("/authorizerId"),
            lag: Not(NOT_PLAYED),
            delete: Not(WITH_API),
            outlives: Not(SHOWN_WITH_API),
        },
        Kind {
            name: "apigatewayv2.lambda_authorizer",
            read: "GetAuthorizers",
            list: Not(IN_API),
            create: Not("an authorizer of a user pool is created by the same call"),
            id: Not("an authorizer of a user pool gets its id in the same answer"),
            lag: Not(NOT_PLAYED),
            delete: Not(WITH_API),
            outlives: Not(SHOWN_WITH_API),
        },
        Kind {
            name: "apigatewayv2.routes",
            read: "GetRoutes",
            list: Not(IN_API),
            create: Is("CreateIntegration"),
            id: Not("one resource has many ids, and no other resource depends on it"),
            lag: Not(NOT_PLAYED),
            delete: Not(WITH_API),
            outlives: Not(SHOWN_WITH_API),
        },
        Kind {
            name: "apigatewayv2.stage",
            read: "GetStages",
            list: Not(IN_API),
            create: Is("CreateStage"),
            id: Not("its name identifies it"),
            lag: Not("its name is unique in its API"),
            delete: Not(WITH_API),
            outlives: Not(SHOWN_WITH_API),
        },
        Kind {
            name: "apigatewayv2.domain_name",
            read: "GetDomainNames",
            list: Is(List {
                operation: "GetDomainNames",
                arguments: || json!({ "MaxResults": "500" }),
                of_parent: None,
                items: "Items",
                name: "DomainName",
            }),
            create: Is("CreateDomainName"),
            id: Not("its name identifies it"),
            lag: Not("its name is unique"),
            delete: Is("DeleteDomainName"),
            outlives: Is(Reads {
                called: "domain ",
                with_state: &["GetDomainName"],
                without_state: &["GetDomainNames"],
            }),
        },
        Kind {
            name: "apigatewayv2.api_mapping",
            read: "GetApiMappings",
            list: Not("its domain name lists it"),
            create: Is("CreateApiMapping"),
            id: Is("/apiMappingId"),
            lag: Not("a domain name has one for each path"),
            delete: Not("the list of domain names shows it with its domain name"),
            outlives: Not("it goes with its domain name"),
        },
        Kind {
            name: "apigatewayv2.route_limits",
            // The limits are settings of the stage.
            read: "GetStage",
            list: Not("they are settings of the stage"),
            create: Not("an update of the stage sets them"),
            id: Not("the name of a route identifies its limits"),
            lag: Not("they are settings of the stage"),
            delete: Not("they go with the stage"),
            outlives: Not(SHOWN_WITH_API),
        },
        Kind {
            name: "apigatewayv2.default_endpoint",
            // The default endpoint is a setting of the API.
            read: "GetApis",
            list: Not("it is a setting of the API"),
            create: Not("an update of the API sets it"),
            id: Not("the API identifies it"),
            lag: Not("it is a setting of the API"),
            delete: Not(WITH_API),
            outlives: Not(SHOWN_WITH_API),
        },
    ],
    created: created_in_both,
    needs: needs_of_both,
    unused: &[(
        "apigateway:RemoveCertificateFromDomain",
        "used only if somebody demands certificates of a domain's callers",
    )],
    unseen: &[("DeleteRouteSettings", REPLAYED)],
    refusals: REFUSALS_OF_BOTH,
};

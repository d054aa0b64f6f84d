//! Calls of API Gateway (REST) that meet a wait.

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::Case;
use crate::aws::{Clients, apigateway};
use crate::engine::{Failure, Provider, Task};

/// Integrations of one method: the shortest of the writes to an API.
pub(super) fn create_routes(clients: Clients, task: Task) -> LocalBoxFuture<'static, Result<(), Failure>> {
    let method = apigateway::sample_method();
    let want = apigateway::Routes {
        api_id: "abc".into(),
        methods: [("POST /x".to_owned(), method)].into(),
        authorizers: [("a1".to_owned(), "First".to_owned())].into(),
        fingerprint: "f".into(),
    };
    async move {
        Provider::<apigateway::Routes>::create(&apigateway::ApiGateway::new(&clients), &want, &task).await.map(drop)
    }
    .boxed_local()
}

const PUT: &str = "PUT /restapis/abc/resources/p1/methods/POST";

pub(super) const INTEGRATE: &str = "PUT /restapis/abc/resources/p1/methods/POST/integration";

#[rustfmt::skip]
pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            wait: "API_BUSY",
            at: INTEGRATE,
            refusal: (409, "ConflictException",
                "Unable to complete operation due to concurrent modification. Please try again later."),
            verb: create_routes,
        },
        Case {
            wait: "API_UPDATING",
            at: "POST /restapis/abc/deployments",
            refusal: (400, "BadRequestException",
                "You cannot deploy a RestApi while the apiStatus is UPDATING or FAILED."),
            verb: |clients, task| {
                let want = apigateway::Deployment { api_id: "abc".into(), hash: "h".into() };
                async move {
                    apigateway::ApiGateway::new(&clients).create(&want, &task).await.map(drop)
                }.boxed_local()
            },
        },
        Case {
            wait: "API_AUTHORIZER_VISIBLE",
            at: PUT,
            refusal: (400, "BadRequestException",
                "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS \
                 requires a valid authorizer."),
            verb: create_routes,
        },
        Case {
            wait: "API_LOG_ROLE",
            at: "PATCH /account",
            refusal: (400, "BadRequestException",
                "The role ARN does not have required permissions configured. Please grant trust permission for API \
                 Gateway and add the required role policy."),
            verb: |clients, task| {
                let want = apigateway::LogRole {
                    role_arn: "arn:aws:iam::123456789012:role/logs".into(),
                    boundary: None,
                };
                async move {
                    apigateway::LogRoles::new(&clients).create(&want, &task).await.map(drop)
                }.boxed_local()
            },
        },
        Case {
            wait: "API_DELETE_RATE",
            at: "DELETE /restapis/abc",
            refusal: (429, "TooManyRequestsException", "Too Many Requests"),
            verb: |clients, task| {
                let gone = apigateway::RestApiOutputs {
                    id: "abc".into(),
                    root_resource_id: "r".into(),
                    name: "demo".into(),
                    revision: 0,
                };
                async move {
                    Provider::<apigateway::RestApi>::delete(&apigateway::ApiGateway::new(&clients), &gone, &task).await
                }.boxed_local()
            },
        },
    ]
}

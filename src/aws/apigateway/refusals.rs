//! The refusals of API Gateway, including those that REST APIs and HTTP APIs share: those that the program tells apart,
//! and those that end by themselves.

use crate::aws::refusals::refusals;
use crate::aws::settle::{Wait, wait, waits};
use crate::engine::Refusal;

refusals! {
    /// API Gateway has no such API, or no such part of it.
    NO_API: Absent = Refusal::new(&["apigateway", "apigatewayv2"], &["NotFoundException"]);
    /// A part of that name exists in the REST API or HTTP API.
    API_PART_EXISTS: Exists = Refusal::new(
        &[
            "apigateway PutMethod",
            "apigateway PutMethodResponse",
            "apigateway CreateModel",
            "apigateway CreateStage",
            "apigateway CreateAuthorizer",
            "apigatewayv2 CreateRoute",
            "apigatewayv2 CreateStage",
            "apigatewayv2 CreateApiMapping",
        ],
        &["ConflictException"],
    )
    .words(&["already exist"]);
    /// The path exists. AWS refuses two paths that exclude each other in similar words, which is a different error.
    PATH_TAKEN: Exists = Refusal::new(&["apigateway CreateResource"], &["ConflictException"]).words(&["already has this name"]);
    /// The API has an authorizer of that name.
    AUTHORIZER_TAKEN: Exists = Refusal::new(
        &["apigateway CreateAuthorizer", "apigatewayv2 CreateAuthorizer"],
        &["BadRequestException", "ConflictException"],
    )
    .words(&["must be unique"]);
    /// Somebody has the domain name in the region, perhaps in another account. Version 1 of the API refuses it with
    /// `BadRequestException`.
    DOMAIN_TAKEN: Exists = Refusal::new(
        &["apigatewayv2 CreateDomainName"],
        &["ConflictException", "BadRequestException"],
    )
    .words(&["domain name you provided already exists"]);
    /// The permission to tag the new stage is missing.
    MAY_NOT_TAG = Refusal::new(&["apigateway CreateStage"], &["AccessDeniedException"])
        .words(&["::/tags/", "apigateway:tagresource"]);
    /// The usage plan is associated with stages.
    PLAN_IN_USE = Refusal::new(&["apigateway DeleteUsagePlan"], &["BadRequestException"]).words(&["api stages associated"]);
    /// The REST API cannot be created with these settings; perhaps the region does not know the security policy.
    BAD_REQUEST = Refusal::new(&["apigateway CreateRestApi"], &["BadRequestException"]);
}

waits! {
    /// Concurrent changes of one API, by this program or another.
    API_BUSY = wait("concurrent-writes", "the API is being changed", &["apigateway", "apigatewayv2"], &["ConflictException"])
            .words(&["try again later", "concurrent"])
            .pace(1000, 5000, 120);

    /// The API cannot be deployed or changed again yet, because its settings are still being changed.
    API_UPDATING = wait(
        "deployments",
        "the API is still being updated",
        &["apigateway CreateDeployment", "apigateway UpdateRestApi"],
        &["BadRequestException"],
    )
    .words(&["apistatus is", "update in progress"])
    .pace(5000, 5000, 1500);

    /// Methods may not see a new authorizer yet.
    API_AUTHORIZER_VISIBLE = wait(
        "authorizers",
        "the authorizer is not visible everywhere yet",
        &["apigateway PutMethod", "apigateway UpdateMethod"],
        &["BadRequestException"],
    )
    .words(&["invalid authorizer id"])
    .pace(500, 2000, 60);

    /// Usage plans may not see a new stage yet.
    NEW_STAGE = wait(
        "api-keys-and-usage-plans",
        "the stage is not visible everywhere yet",
        &["apigateway CreateUsagePlan", "apigateway UpdateUsagePlan"],
        &["NotFoundException", "BadRequestException"],
    )
    .words(&["api stage not found", "invalid api stage"])
    .pace(500, 2000, 60);

    /// API Gateway cannot use the account's role for logs yet, or a stage does not see it yet.
    API_LOG_ROLE = wait(
        "logs-of-rest-apis",
        "API Gateway cannot use the account's role for logs yet",
        &["apigateway UpdateAccount", "apigateway UpdateStage"],
        &["BadRequestException"],
    )
    .words(&[
        "role arn must be set",
        "role arn does not have required permissions",
        "could not successfully write to cloudwatch logs",
    ])
    .pace(2000, 10_000, 120);

    /// AWS deletes one REST API per 30 s and account.
    API_DELETE_RATE = wait(
        "deleting-rest-apis",
        "AWS deletes at most one REST API every 30 seconds",
        &["apigateway DeleteRestApi"],
        &["TooManyRequestsException"],
    )
    .pace(32_000, 34_000, 600);
}

#[cfg(test)]
pub(in crate::aws) mod tests {
    use futures_util::FutureExt;
    use futures_util::future::LocalBoxFuture;
    use serde_json::json;

    use crate::aws::waits::{Answer, Case, WaitTests};
    use crate::aws::{Clients, apigateway};
    use crate::engine::{Failure, Provider, Task};

    /// The tests of the waits of this service.
    pub(in crate::aws) const WAITS: WaitTests = WaitTests::new(cases).answering(answers);

    /// Creates one method and its integration: the shortest of the writes to an API.
    pub(in crate::aws) fn create_routes(clients: Clients, task: Task) -> LocalBoxFuture<'static, Result<(), Failure>> {
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

    pub(in crate::aws) const INTEGRATE: &str = "PUT /restapis/abc/resources/p1/methods/POST/integration";

    #[rustfmt::skip]
    fn cases() -> Vec<Case> {
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
                wait: "NEW_STAGE",
                at: "POST /usageplans",
                refusal: (404, "NotFoundException", "API Stage not found: abc:live"),
                verb: |clients, task| {
                    let want = apigateway::UsagePlan {
                        id: "plan.p".into(),
                        name: "demo-p".into(),
                        description: String::new(),
                        stages: ["abc:live".to_owned()].into(),
                        rate_limit: 1.0,
                        burst_limit: 1,
                        quota: None,
                        keys: std::collections::BTreeMap::new(),
                    };
                    async move {
                        Provider::<apigateway::UsagePlan>::create(&apigateway::ApiGateway::new(&clients), &want, &task)
                            .await
                            .map(drop)
                    }.boxed_local()
                },
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

    /// The service's answer if it does not refuse the call; `None` if that answer is empty.
    fn answers(call: &str, _: &str) -> Option<Answer> {
        let answer = match call {
            // The API is deleted, and cannot be read any more.
            "GET /restapis/abc" => return Some((404, json!({ "__type": "NotFoundException" }).to_string())),
            "POST /restapis/abc/deployments" => json!({ "id": "d1" }),
            _ => return None,
        };
        Some((200, answer.to_string()))
    }
}

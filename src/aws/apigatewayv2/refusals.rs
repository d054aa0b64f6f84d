//! The refusals of API Gateway v2 that end by themselves.

use crate::aws::settle::{Wait, wait, waits};

waits! {
    /// The signing keys of a new pool can be fetched only after some seconds.
    API_ISSUER = wait(
        "jwt-authorizers",
        "the user pool's keys are not reachable yet",
        &["apigatewayv2 CreateAuthorizer", "apigatewayv2 UpdateAuthorizer"],
        &["BadRequestException"],
    )
    .words(&["valid discovery endpoint"])
    .pace(1000, 5000, 120);

    /// The stage may not see its new log group yet.
    API_LOG_GROUP = wait(
        "access-logs-of-http-apis",
        "the log group is not visible everywhere yet",
        &["apigatewayv2 CreateStage", "apigatewayv2 UpdateStage"],
        &["BadRequestException"],
    )
    .words(&["insufficient permissions to enable logging", "log group"])
    .pace(1000, 5000, 60);
}

#[cfg(test)]
pub(in crate::aws) mod tests {
    use futures_util::FutureExt;

    use crate::aws::apigatewayv2;
    use crate::aws::waits::{Case, WaitTests};
    use crate::engine::Provider;

    /// The tests of the waits of this service.
    pub(in crate::aws) const WAITS: WaitTests = WaitTests::new(cases);

    #[rustfmt::skip]
    fn cases() -> Vec<Case> {
        vec![
            Case {
                wait: "API_ISSUER",
                at: "POST /v2/apis/abc/authorizers",
                refusal: (400, "BadRequestException",
                    "Issuer must have a valid discovery endpoint ended with '/.well-known/openid-configuration'"),
                verb: |clients, task| {
                    let want = apigatewayv2::JwtAuthorizer {
                        api_id: "abc".into(),
                        name: "Users".into(),
                        issuer: "https://issuer".into(),
                        audience: ["c1".to_owned()].into(),
                    };
                    async move {
                        apigatewayv2::ApiGatewayV2::new(&clients).create(&want, &task).await.map(drop)
                    }.boxed_local()
                },
            },
            Case {
                wait: "API_LOG_GROUP",
                at: "POST /v2/apis/abc/stages",
                refusal: (400, "BadRequestException", "Insufficient permissions to enable logging"),
                verb: |clients, task| {
                    let want = apigatewayv2::HttpStage {
                        id: "stage.$default".into(),
                        api_id: "abc".into(),
                        name: "$default".into(),
                        rate_limit: 50.0,
                        burst_limit: 50,
                        limited: std::collections::BTreeSet::new(),
                        log_group_arn: "arn:logs".into(),
                    };
                    async move {
                        apigatewayv2::ApiGatewayV2::new(&clients).create(&want, &task).await.map(drop)
                    }.boxed_local()
                },
            },
        ]
    }
}

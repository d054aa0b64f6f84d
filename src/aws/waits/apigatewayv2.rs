//! Calls of API Gateway (HTTP) that meet a wait.

use futures_util::FutureExt;

use super::Case;
use crate::aws::apigatewayv2;
use crate::engine::Provider;

#[rustfmt::skip]
pub(super) fn cases() -> Vec<Case> {
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
                    audience: "c1".into(),
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
                    log_group_arn: "arn:logs".into(),
                };
                async move {
                    apigatewayv2::ApiGatewayV2::new(&clients).create(&want, &task).await.map(drop)
                }.boxed_local()
            },
        },
    ]
}

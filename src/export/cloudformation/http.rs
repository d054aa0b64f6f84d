//! HTTP APIs, custom domains and their DNS records.

use serde_json::{Map, Value, json};

use crate::aws::apigatewayv2::{
    ApiMapping, DomainName, HttpApi, HttpLambdaAuthorizer, HttpRoutes, HttpStage, JwtAuthorizer,
};
use crate::aws::route53::Record;
use crate::engine::Seen;
use crate::export::resources::{Form, Piece, Resources, named, one_named, some, used};

const INTEGRATION: &str = "AWS::ApiGatewayV2::Integration";
const STAGE: &str = "AWS::ApiGatewayV2::Stage";
const DOMAIN: &str = "AWS::ApiGatewayV2::DomainName";

pub(super) fn api(seen: &Seen<'_, HttpApi>, stack: &Resources<'_>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    let cors = want.cors.as_ref().map(|cors| {
        json!({
            "AllowOrigins": cors.origins,
            "AllowHeaders": some(cors.headers.iter().cloned()),
            "AllowMethods": some(cors.methods.iter().cloned()),
            "ExposeHeaders": some(cors.exposed.iter().cloned()),
            "AllowCredentials": cors.credentials,
            "MaxAge": cors.max_age_s,
        })
    });
    Piece::new(
        "AWS::ApiGatewayV2::Api",
        json!({ "ApiId": id }),
        json!({
            "Name": want.name,
            "Description": want.description,
            "ProtocolType": "HTTP",
            "CorsConfiguration": cors,
            "DisableExecuteApiEndpoint": !stack.answers_at_default(seen),
            "Tags": stack.tags(&want.id),
        }),
    )
    .value(id, "ApiId")
    .into()
}

pub(super) fn jwt_authorizer(seen: &Seen<'_, JwtAuthorizer>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    Piece::new(
        "AWS::ApiGatewayV2::Authorizer",
        json!({ "AuthorizerId": id, "ApiId": want.api_id }),
        json!({
            "ApiId": want.api_id,
            "Name": want.name,
            "AuthorizerType": "JWT",
            "IdentitySource": [JwtAuthorizer::IDENTITY_SOURCE],
            "JwtConfiguration": { "Issuer": want.issuer, "Audience": want.audience },
        }),
    )
    .value(id, "AuthorizerId")
    .into()
}

pub(super) fn lambda_authorizer(seen: &Seen<'_, HttpLambdaAuthorizer>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    Piece::new(
        "AWS::ApiGatewayV2::Authorizer",
        json!({ "AuthorizerId": id, "ApiId": want.api_id }),
        json!({
            "ApiId": want.api_id,
            "Name": want.name,
            "AuthorizerType": "REQUEST",
            "AuthorizerUri": want.uri,
            "AuthorizerPayloadFormatVersion": HttpLambdaAuthorizer::PAYLOAD,
            "AuthorizerResultTtlInSeconds": want.cache_s,
            "EnableSimpleResponses": true,
            "IdentitySource": some(want.identity.iter().cloned()),
        }),
    )
    .value(id, "AuthorizerId")
    .into()
}

pub(super) fn routes(seen: &Seen<'_, HttpRoutes>) -> Form {
    let (want, live) = (seen.want, seen.live);
    let api = &want.api_id;
    let integrations = used(seen).map(|(id, key, integration)| {
        let answer = &integration.answer;
        let piece = Piece::new(
            INTEGRATION,
            json!({ "ApiId": api, "IntegrationId": id }),
            json!({
                "ApiId": api,
                "IntegrationType": answer.type_name(),
                "IntegrationUri": answer.uri(),
                "IntegrationMethod": answer.method().or(live.integrations[id].method.as_deref()),
                "PayloadFormatVersion": answer.payload(),
                "TimeoutInMillis": integration.timeout_ms,
            }),
        );
        piece.name(format!("{api}/{id}"), "IntegrationId").suffix(format!("integration {key}"))
    });
    let routes = want.routes.iter().filter_map(|(key, route)| {
        let (live, authorization) = (live.routes.get(key)?, &route.authorization);
        let integration = &live.integration_id;
        let integration = named(INTEGRATION, &format!("{api}/{integration}"), integration);
        let piece = Piece::new(
            "AWS::ApiGatewayV2::Route",
            json!({ "ApiId": api, "RouteId": live.id }),
            json!({
                "ApiId": api,
                "RouteKey": key,
                "Target": { "Fn::Join": ["/", ["integrations", integration]] },
                "AuthorizationType": authorization.type_name(),
                "AuthorizerId": authorization.authorizer(),
                "AuthorizationScopes": some(authorization.scopes()),
            }),
        );
        Some(piece.suffix(key))
    });
    Form::of(integrations.chain(routes))
}

pub(super) fn stage(seen: &Seen<'_, HttpStage>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    let limits = stack.route_limits(&want.api_id, &want.name).map(|(route, limit)| {
        let limits = json!({ "ThrottlingRateLimit": limit.rate, "ThrottlingBurstLimit": limit.burst });
        (route.clone(), limits)
    });
    let limits: Map<String, Value> = limits.collect();
    let id = format!("{}/{}", want.api_id, want.name);
    Piece::new(
        STAGE,
        json!({ "ApiId": want.api_id, "StageName": want.name }),
        json!({
            "ApiId": want.api_id,
            "StageName": want.name,
            "AutoDeploy": true,
            "AccessLogSettings": { "DestinationArn": want.log_group_arn, "Format": HttpStage::ACCESS_LOG_FORMAT },
            "DefaultRouteSettings": {
                "ThrottlingRateLimit": want.rate_limit,
                "ThrottlingBurstLimit": want.burst_limit,
                "DetailedMetricsEnabled": false,
            },
            "RouteSettings": (!limits.is_empty()).then_some(limits),
            "Tags": stack.tags(&want.id),
        }),
    )
    .name(id, "Ref")
    .into()
}

pub(super) fn domain_name(seen: &Seen<'_, DomainName>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    Piece::new(
        DOMAIN,
        json!({ "DomainName": want.name }),
        json!({
            "DomainName": want.name,
            "DomainNameConfigurations": [{
                "CertificateArn": want.certificate_arn,
                "EndpointType": "REGIONAL",
                "SecurityPolicy": DomainName::SECURITY_POLICY,
            }],
            "RoutingMode": "API_MAPPING_ONLY",
            "Tags": stack.tags(&want.id),
        }),
    )
    .name(&want.name, "Ref")
    .into()
}

pub(super) fn api_mapping(seen: &Seen<'_, ApiMapping>) -> Form {
    let want = seen.want;
    let id = format!("{}/{}", want.api_id, want.stage);
    Piece::new(
        "AWS::ApiGatewayV2::ApiMapping",
        json!({ "ApiMappingId": seen.outputs.id, "DomainName": want.domain }),
        json!({
            "DomainName": named(DOMAIN, &want.domain, &want.domain),
            "ApiId": want.api_id,
            // A custom domain leads to a stage of a REST API or of an HTTP API.
            "Stage": one_named(&["AWS::ApiGateway::Stage", STAGE], &id, &want.stage),
        }),
    )
    .into()
}

/// CloudFormation cannot identify the record.
pub(super) fn record(seen: &Seen<'_, Record>) -> Form {
    Form::default().but(
        format!("AWS::Route53::RecordSet {}", seen.want.name),
        "its identifier for an import contains SetIdentifier, which this record does not have",
    )
}

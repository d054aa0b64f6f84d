//! HTTP APIs, custom domains and their DNS records.

use serde_json::{Value, json};

use crate::aws::apigatewayv2::{
    ApiMapping, DomainName, HttpApi, HttpLambdaAuthorizer, HttpRoutes, HttpStage, JwtAuthorizer,
};
use crate::aws::route53::Record;
use crate::engine::Seen;
use crate::export::resources::{Form, Piece, Resources, named, one_named, some, used};

const INTEGRATION: &str = "aws_apigatewayv2_integration";
const STAGE: &str = "aws_apigatewayv2_stage";
const DOMAIN: &str = "aws_apigatewayv2_domain_name";

pub(super) fn api(seen: &Seen<'_, HttpApi>, stack: &Resources<'_>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    let cors = want.cors.as_ref().map(|cors| {
        json!({
            "allow_origins": cors.origins,
            "allow_headers": some(cors.headers.iter().cloned()),
            "allow_methods": some(cors.methods.iter().cloned()),
            "expose_headers": some(cors.exposed.iter().cloned()),
            "allow_credentials": cors.credentials,
            "max_age": cors.max_age_s,
        })
    });
    Piece::new(
        "aws_apigatewayv2_api",
        id.as_str(),
        json!({
            "name": want.name,
            "description": want.description,
            "protocol_type": "HTTP",
            "cors_configuration": cors,
            "disable_execute_api_endpoint": !stack.answers_at_default(seen),
            "tags": stack.tags(&want.id),
        }),
    )
    .value(id, "id")
    .into()
}

pub(super) fn jwt_authorizer(seen: &Seen<'_, JwtAuthorizer>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    Piece::new(
        "aws_apigatewayv2_authorizer",
        format!("{}/{id}", want.api_id),
        json!({
            "api_id": want.api_id,
            "name": want.name,
            "authorizer_type": "JWT",
            "identity_sources": [JwtAuthorizer::IDENTITY_SOURCE],
            "jwt_configuration": { "issuer": want.issuer, "audience": want.audience },
        }),
    )
    .value(id, "id")
    .into()
}

pub(super) fn lambda_authorizer(seen: &Seen<'_, HttpLambdaAuthorizer>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    Piece::new(
        "aws_apigatewayv2_authorizer",
        format!("{}/{id}", want.api_id),
        json!({
            "api_id": want.api_id,
            "name": want.name,
            "authorizer_type": "REQUEST",
            "authorizer_uri": want.uri,
            "authorizer_payload_format_version": HttpLambdaAuthorizer::PAYLOAD,
            "authorizer_result_ttl_in_seconds": want.cache_s,
            "enable_simple_responses": true,
            "identity_sources": some(want.identity.iter().cloned()),
        }),
    )
    .value(id, "id")
    .into()
}

/// The routes and their integrations. Their ids are not recorded, because the program finds them by their keys.
pub(super) fn routes(seen: &Seen<'_, HttpRoutes>) -> Form {
    let (want, live) = (seen.want, seen.live);
    let api = &want.api_id;
    let mut form = Form::default();
    for (id, key, integration) in used(seen) {
        let answer = &integration.answer;
        let body = json!({
            "api_id": api,
            "integration_type": answer.type_name(),
            "integration_uri": answer.uri(),
            "integration_method": answer.method().or(live.integrations[id].method.as_deref()),
            "payload_format_version": answer.payload(),
            "timeout_milliseconds": integration.timeout_ms,
        });
        let piece = Piece::new(INTEGRATION, format!("{api}/{id}"), body).name(format!("{api}/{id}"), "id");
        form.pieces.push(piece.suffix(key));
    }
    for (key, route) in &want.routes {
        let Some(live) = live.routes.get(key) else { continue };
        let authorization = &route.authorization;
        let body = json!({
            "api_id": api,
            "route_key": key,
            "target": target(api, &live.integration_id),
            "authorization_type": authorization.type_name(),
            "authorizer_id": authorization.authorizer(),
            "authorization_scopes": some(authorization.scopes()),
        });
        form.pieces.push(Piece::new("aws_apigatewayv2_route", format!("{api}/{}", live.id), body).suffix(key));
    }
    form
}

/// `integrations/` and the id of an integration.
fn target(api: &str, integration: &str) -> Value {
    json!({ "$text": ["integrations/", named(INTEGRATION, &format!("{api}/{integration}"), integration)] })
}

pub(super) fn stage(seen: &Seen<'_, HttpStage>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    let limits = stack.route_limits(&want.api_id, &want.name).map(|(route, limit)| {
        json!({
            "route_key": route,
            "throttling_rate_limit": limit.rate,
            "throttling_burst_limit": limit.burst,
        })
    });
    let id = format!("{}/{}", want.api_id, want.name);
    Piece::new(
        STAGE,
        id.as_str(),
        json!({
            "api_id": want.api_id,
            "name": want.name,
            "auto_deploy": true,
            "access_log_settings": { "destination_arn": want.log_group_arn, "format": HttpStage::ACCESS_LOG_FORMAT },
            "default_route_settings": {
                "throttling_rate_limit": want.rate_limit,
                "throttling_burst_limit": want.burst_limit,
            },
            "route_settings": some(limits),
            "tags": stack.tags(&want.id),
        }),
    )
    .name(id, "name")
    .into()
}

pub(super) fn domain_name(seen: &Seen<'_, DomainName>, stack: &Resources<'_>) -> Form {
    let (want, outputs) = (seen.want, &seen.outputs);
    Piece::new(
        DOMAIN,
        want.name.as_str(),
        json!({
            "domain_name": want.name,
            "domain_name_configuration": {
                "certificate_arn": want.certificate_arn,
                "endpoint_type": "REGIONAL",
                "security_policy": DomainName::SECURITY_POLICY,
            },
            "tags": stack.tags(&want.id),
        }),
    )
    .value(&outputs.target, "domain_name_configuration[0].target_domain_name")
    .value(&outputs.target_zone, "domain_name_configuration[0].hosted_zone_id")
    .name(&want.name, "domain_name")
    .into()
}

pub(super) fn api_mapping(seen: &Seen<'_, ApiMapping>) -> Form {
    let want = seen.want;
    let id = format!("{}/{}", want.api_id, want.stage);
    Piece::new(
        "aws_apigatewayv2_api_mapping",
        format!("{}/{}", seen.outputs.id, want.domain),
        json!({
            "domain_name": named(DOMAIN, &want.domain, &want.domain),
            "api_id": want.api_id,
            // A custom domain leads to a stage of a REST API or of an HTTP API.
            "stage": one_named(&["aws_api_gateway_stage", STAGE], &id, &want.stage),
        }),
    )
    .into()
}

pub(super) fn record(seen: &Seen<'_, Record>) -> Form {
    let (want, outputs) = (seen.want, &seen.outputs);
    Piece::new(
        "aws_route53_record",
        format!("{}_{}_A", outputs.zone_id, want.name),
        json!({
            "zone_id": outputs.zone_id,
            "name": want.name,
            "type": "A",
            "alias": {
                "name": want.target,
                "zone_id": want.target_zone,
                "evaluate_target_health": outputs.evaluates_health,
            },
        }),
    )
    .into()
}

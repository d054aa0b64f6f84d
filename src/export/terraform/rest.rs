//! REST APIs: the API itself, and what stands before its routes.

use serde_json::json;

use super::document;
use crate::aws::apigateway::{
    ApiKey, Authorizer, Deployment, GatewayResponses, LambdaAuthorizer, MethodLimits, Model, RestApi, Stage, UsagePlan,
    UsagePlanKey, Validator,
};
use crate::choices::ExecutionLog;
use crate::engine::Seen;
use crate::export::resources::{Form, Piece, Resources, named, some};

/// Why the TLS policy of a REST API is not contained.
const NO_TLS_POLICY: &str = "the resource has no argument for it in version 6.25 of the provider; it stays as it is";

pub(super) fn api(seen: &Seen<'_, RestApi>, stack: &Resources<'_>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    let policy = want.policy.as_ref();
    let api = Piece::new(
        "aws_api_gateway_rest_api",
        id.as_str(),
        json!({
            "name": want.name,
            "description": want.description,
            "endpoint_configuration": { "types": ["REGIONAL"] },
            "binary_media_types": some(want.binary.iter().cloned()),
            "disable_execute_api_endpoint": !want.default_endpoint,
            "tags": stack.tags(&want.id),
        }),
    );
    let api = api.value(id, "id").value(&seen.outputs.root_resource_id, "root_resource_id");
    // A resource of its own, because the policy names the API's ARN, which an API cannot refer to.
    let policy = policy.map(|policy| {
        let body = json!({ "rest_api_id": id, "policy": document(&want.expanded(policy, id)) });
        Piece::new("aws_api_gateway_rest_api_policy", id.as_str(), body)
    });
    let form = Form::of([api].into_iter().chain(policy));
    form.but(format!("the TLS policy {} of {}", want.security_policy(), want.name), NO_TLS_POLICY)
}

pub(super) fn gateway_responses(seen: &Seen<'_, GatewayResponses>) -> Form {
    let api = &seen.want.api_id;
    Form::of(seen.want.responses.iter().map(|(kind, headers)| {
        let body = json!({
            "rest_api_id": api,
            "response_type": kind,
            "response_parameters": GatewayResponses::parameters(headers),
        });
        Piece::new("aws_api_gateway_gateway_response", format!("{api}/{kind}"), body).suffix(kind)
    }))
}

pub(super) fn authorizer(seen: &Seen<'_, Authorizer>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    Piece::new(
        "aws_api_gateway_authorizer",
        format!("{}/{id}", want.api_id),
        json!({
            "rest_api_id": want.api_id,
            "name": want.name,
            "type": "COGNITO_USER_POOLS",
            "provider_arns": [want.pool_arn],
            "identity_source": Authorizer::IDENTITY_SOURCE,
        }),
    )
    .value(id, "id")
    .into()
}

pub(super) fn lambda_authorizer(seen: &Seen<'_, LambdaAuthorizer>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    Piece::new(
        "aws_api_gateway_authorizer",
        format!("{}/{id}", want.api_id),
        json!({
            "rest_api_id": want.api_id,
            "name": want.name,
            "type": "REQUEST",
            "authorizer_uri": want.uri,
            "identity_source": want.identity_source(),
            "authorizer_result_ttl_in_seconds": want.cache_s,
        }),
    )
    .value(id, "id")
    .into()
}

pub(super) fn validator(seen: &Seen<'_, Validator>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    Piece::new(
        "aws_api_gateway_request_validator",
        format!("{}/{id}", want.api_id),
        json!({
            "rest_api_id": want.api_id,
            "name": want.name,
            "validate_request_body": true,
            "validate_request_parameters": true,
        }),
    )
    .value(id, "id")
    .into()
}

pub(super) fn model(seen: &Seen<'_, Model>) -> Form {
    let want = seen.want;
    Piece::new(
        "aws_api_gateway_model",
        format!("{}/{}", want.api_id, want.name),
        json!({
            "rest_api_id": want.api_id,
            "name": want.name,
            "content_type": "application/json",
            "schema": want.schema,
        }),
    )
    .name(format!("{} {}", want.api_id, want.name), "name")
    .into()
}

/// Without `triggers`, which cannot be imported: with it, the first run would replace the deployment.
pub(super) fn deployment(seen: &Seen<'_, Deployment>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    Piece::new(
        "aws_api_gateway_deployment",
        format!("{}/{id}", want.api_id),
        json!({
            "rest_api_id": want.api_id,
            "description": want.description(),
            "lifecycle": { "create_before_destroy": true },
        }),
    )
    .value(id, "id")
    .into()
}

/// The stage, with the settings that its [`Release`] changes later.
pub(super) fn stage(seen: &Seen<'_, Stage>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    let release = stack.release(&want.api_id, &want.name);
    let deployment = release.map(|release| &release.want.deployment_id).or(want.deployment_id.as_ref());
    let log = want.access_log.as_ref();
    let log = log.map(|arn| json!({ "destination_arn": arn, "format": Stage::ACCESS_LOG_FORMAT }));
    let id = format!("{}/{}", want.api_id, want.name);
    let stage = Piece::new(
        "aws_api_gateway_stage",
        id.as_str(),
        json!({
            "rest_api_id": want.api_id,
            "stage_name": want.name,
            "deployment_id": deployment,
            "access_log_settings": log,
            "xray_tracing_enabled": want.tracing,
            "tags": stack.tags(&want.id),
        }),
    );
    let stage = stage.value(&seen.outputs.arn, "arn").name(&id, "stage_name");
    let all = MethodLimits { rate: want.rate_limit, burst: want.burst_limit };
    let single = release.into_iter().flat_map(|release| {
        let limits = release.want.limits.iter();
        limits.map(|(method, limits)| settings(want, &release.live.key_of(method), *limits))
    });
    Form::of([stage, settings(want, "*/*", all)].into_iter().chain(single))
}

/// The settings of all methods of a stage (`*/*`) or of one.
fn settings(stage: &Stage, method: &str, limits: MethodLimits) -> Piece {
    let id = format!("{}/{}", stage.api_id, stage.name);
    let level = (method != "*/*" || stage.execution_log != ExecutionLog::Off).then(|| stage.execution_log.level());
    Piece::new(
        "aws_api_gateway_method_settings",
        format!("{id}/{method}"),
        json!({
            "rest_api_id": stage.api_id,
            "stage_name": named("aws_api_gateway_stage", &id, &stage.name),
            "method_path": method,
            "settings": {
                "throttling_rate_limit": limits.rate,
                "throttling_burst_limit": limits.burst,
                "logging_level": level,
                "data_trace_enabled": false,
                "metrics_enabled": false,
                "caching_enabled": false,
            },
        }),
    )
    .suffix(if method == "*/*" { "all methods" } else { method })
    .beside()
}

/// The key without its value, which Terraform keeps as it is.
pub(super) fn api_key(seen: &Seen<'_, ApiKey>, stack: &Resources<'_>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    Piece::new(
        "aws_api_gateway_api_key",
        id.as_str(),
        json!({
            "name": want.name,
            "description": want.description,
            "enabled": true,
            "tags": stack.tags(&want.id),
        }),
    )
    .value(id, "id")
    .into()
}

pub(super) fn usage_plan(seen: &Seen<'_, UsagePlan>, stack: &Resources<'_>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    let stages = want.stages.iter().filter_map(|stage| stage.split_once(':'));
    let stages = stages.map(|(api, stage)| {
        let stage = named("aws_api_gateway_stage", &format!("{api}/{stage}"), stage);
        json!({ "api_id": api, "stage": stage })
    });
    Piece::new(
        "aws_api_gateway_usage_plan",
        id.as_str(),
        json!({
            "name": want.name,
            "description": want.description,
            "api_stages": some(stages),
            "throttle_settings": { "rate_limit": want.rate_limit, "burst_limit": want.burst_limit },
            "quota_settings": want.quota.map(|quota| json!({ "limit": quota.requests, "period": quota.per.name() })),
            "tags": stack.tags(&want.id),
        }),
    )
    .value(id, "id")
    .into()
}

pub(super) fn usage_plan_key(seen: &Seen<'_, UsagePlanKey>) -> Form {
    let want = seen.want;
    Piece::new(
        "aws_api_gateway_usage_plan_key",
        format!("{}/{}", want.plan_id, want.key_id),
        json!({ "key_id": want.key_id, "key_type": "API_KEY", "usage_plan_id": want.plan_id }),
    )
    .into()
}

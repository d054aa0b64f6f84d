//! REST APIs, with their paths, methods and usage plans.

use serde_json::{Map, Value, json};

use super::tags;
use crate::aws::apigateway::{
    Answering, ApiKey, Authorizer, Deployment, GatewayResponses, LambdaAuthorizer, Method, Model, Paths, RestApi,
    Routes, Stage, UsagePlan, UsagePlanKey, Validator,
};
use crate::choices::ExecutionLog;
use crate::engine::Seen;
use crate::export::resources::{Form, Piece, Resources, named, parsed, some};

const STAGE: &str = "AWS::ApiGateway::Stage";
const MODEL: &str = "AWS::ApiGateway::Model";

pub(super) fn api(seen: &Seen<'_, RestApi>, stack: &Resources<'_>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    Piece::new(
        "AWS::ApiGateway::RestApi",
        json!({ "RestApiId": id }),
        json!({
            "Name": want.name,
            "Description": want.description,
            "EndpointConfiguration": { "Types": ["REGIONAL"] },
            "SecurityPolicy": want.security_policy(),
            "EndpointAccessMode": want.access_mode(),
            "BinaryMediaTypes": some(want.binary.iter().cloned()),
            "DisableExecuteApiEndpoint": !want.default_endpoint,
            "Policy": want.policy.as_ref().map(|policy| want.expanded(policy, id).document()),
            "Tags": tags(stack, &want.id),
        }),
    )
    .value(id, "RestApiId")
    .value(&seen.outputs.root_resource_id, "RootResourceId")
    .into()
}

pub(super) fn gateway_responses(seen: &Seen<'_, GatewayResponses>) -> Form {
    seen.want.responses.keys().fold(Form::default(), |form, kind| {
        form.but(format!("AWS::ApiGateway::GatewayResponse {kind}"), super::NO_IDENTIFIER)
    })
}

pub(super) fn authorizer(seen: &Seen<'_, Authorizer>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    Piece::new(
        "AWS::ApiGateway::Authorizer",
        json!({ "RestApiId": want.api_id, "AuthorizerId": id }),
        json!({
            "RestApiId": want.api_id,
            "Name": want.name,
            "Type": "COGNITO_USER_POOLS",
            "ProviderARNs": [want.pool_arn],
            "IdentitySource": Authorizer::IDENTITY_SOURCE,
        }),
    )
    .value(id, "AuthorizerId")
    .into()
}

pub(super) fn lambda_authorizer(seen: &Seen<'_, LambdaAuthorizer>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    Piece::new(
        "AWS::ApiGateway::Authorizer",
        json!({ "RestApiId": want.api_id, "AuthorizerId": id }),
        json!({
            "RestApiId": want.api_id,
            "Name": want.name,
            "Type": "REQUEST",
            "AuthorizerUri": want.uri,
            "IdentitySource": want.identity_source(),
            "AuthorizerResultTtlInSeconds": want.cache_s,
        }),
    )
    .value(id, "AuthorizerId")
    .into()
}

pub(super) fn validator(seen: &Seen<'_, Validator>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    Piece::new(
        "AWS::ApiGateway::RequestValidator",
        json!({ "RestApiId": want.api_id, "RequestValidatorId": id }),
        json!({
            "RestApiId": want.api_id,
            "Name": want.name,
            "ValidateRequestBody": true,
            "ValidateRequestParameters": true,
        }),
    )
    .value(id, "RequestValidatorId")
    .into()
}

pub(super) fn model(seen: &Seen<'_, Model>) -> Form {
    let want = seen.want;
    Piece::new(
        MODEL,
        json!({ "RestApiId": want.api_id, "Name": want.name }),
        json!({
            "RestApiId": want.api_id,
            "Name": want.name,
            "ContentType": "application/json",
            "Schema": parsed(&want.schema),
        }),
    )
    .name(format!("{} {}", want.api_id, want.name), "Ref")
    .into()
}

pub(super) fn paths(seen: &Seen<'_, Paths>) -> Form {
    let (api, ids) = (&seen.want.api_id, &seen.outputs.ids);
    Form::of(ids.iter().filter(|(path, _)| *path != "/").filter_map(|(path, id)| {
        let (parent, part) = path.rsplit_once('/')?;
        let parent = ids.get(if parent.is_empty() { "/" } else { parent })?;
        let piece = Piece::new(
            "AWS::ApiGateway::Resource",
            json!({ "RestApiId": api, "ResourceId": id }),
            json!({ "RestApiId": api, "ParentId": parent, "PathPart": part }),
        );
        Some(piece.value(id, "ResourceId").suffix(path).beside())
    }))
}

pub(super) fn routes(seen: &Seen<'_, Routes>) -> Form {
    let api = &seen.want.api_id;
    Form::of(seen.want.methods.iter().map(|(name, method)| of_method(api, method).suffix(name)))
}

fn of_method(api: &str, method: &Method) -> Piece {
    let authorization = &method.authorization;
    let models = method.models().into_iter().map(|(kind, model)| {
        let model = named(MODEL, &format!("{api} {model}"), &model);
        (kind, model)
    });
    let models: Map<String, Value> = models.collect();
    let required: Map<_, _> = method.required.iter().map(|name| (name.clone(), true.into())).collect();
    let responses = method.declared().into_iter().map(|(status, headers)| {
        let headers: Map<_, _> = headers.into_iter().map(|name| (name, true.into())).collect();
        json!({ "StatusCode": status, "ResponseParameters": (!headers.is_empty()).then_some(headers) })
    });
    Piece::new(
        "AWS::ApiGateway::Method",
        json!({ "RestApiId": api, "ResourceId": method.resource_id, "HttpMethod": method.http_method }),
        json!({
            "RestApiId": api,
            "ResourceId": method.resource_id,
            "HttpMethod": method.http_method,
            "AuthorizationType": authorization.kind(),
            "AuthorizerId": authorization.authorizer_id(),
            "AuthorizationScopes": some(authorization.scopes()),
            "ApiKeyRequired": method.api_key_required.then_some(true),
            "RequestValidatorId": method.validator_id,
            "RequestModels": (!models.is_empty()).then_some(models),
            "RequestParameters": (!required.is_empty()).then_some(required),
            "MethodResponses": some(responses),
            "Integration": integration(method),
        }),
    )
}

fn integration(method: &Method) -> Value {
    let answer = &method.integration.answer;
    let parameters = answer.parameters();
    let mut body = json!({
        "Type": answer.type_name(),
        "Uri": answer.uri(),
        "IntegrationHttpMethod": answer.http_method(),
        "RequestParameters": (!parameters.is_empty()).then_some(parameters),
        "TimeoutInMillis": method.integration.timeout_ms,
    });
    if let Answering::Mock(mock) = answer {
        let answer = mock.answer();
        body["RequestTemplates"] = json!(mock.request_templates());
        body["PassthroughBehavior"] = json!(mock.passthrough());
        body["IntegrationResponses"] = json!([{
            "StatusCode": mock.status.to_string(),
            "ResponseParameters": (!answer.parameters.is_empty()).then_some(answer.parameters),
            "ResponseTemplates": answer.templates,
            "ContentHandling": answer.content_handling,
        }]);
    }
    body
}

pub(super) fn deployment(seen: &Seen<'_, Deployment>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    Piece::new(
        "AWS::ApiGateway::Deployment",
        json!({ "DeploymentId": id, "RestApiId": want.api_id }),
        json!({ "RestApiId": want.api_id, "Description": want.description() }),
    )
    .value(id, "DeploymentId")
    .into()
}

/// The stage, with the settings that its release changes later.
pub(super) fn stage(seen: &Seen<'_, Stage>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    let release = stack.release(&want.api_id, &want.name);
    let deployment = release.map(|release| &release.want.deployment_id).or(want.deployment_id.as_ref());
    let log = want.access_log.as_ref();
    let log = log.map(|arn| json!({ "DestinationArn": arn, "Format": Stage::ACCESS_LOG_FORMAT }));
    let settings = |path: &str, method: &str, rate: f64, burst: i32, log: bool| {
        json!({
            "ResourcePath": path,
            "HttpMethod": method,
            "ThrottlingRateLimit": rate,
            "ThrottlingBurstLimit": burst,
            "LoggingLevel": log.then(|| want.execution_log.level()),
            "DataTraceEnabled": false,
            "MetricsEnabled": false,
            "CachingEnabled": false,
        })
    };
    let logs = want.execution_log != ExecutionLog::Off;
    let all = settings("/*", "*", want.rate_limit, want.burst_limit, logs);
    let single = release.into_iter().flat_map(|release| &release.want.limits).map(|(method, limits)| {
        let (verb, path) = method.split_once(' ').unwrap_or(("*", method));
        settings(&format!("/{}", path.replace('/', "~1")), verb, limits.rate, limits.burst, true)
    });
    let every: Vec<Value> = [all].into_iter().chain(single).collect();
    let id = format!("{}/{}", want.api_id, want.name);
    Piece::new(
        STAGE,
        json!({ "RestApiId": want.api_id, "StageName": want.name }),
        json!({
            "RestApiId": want.api_id,
            "StageName": want.name,
            "DeploymentId": deployment,
            "AccessLogSetting": log,
            "TracingEnabled": want.tracing,
            "MethodSettings": every,
            "Tags": tags(stack, &want.id),
        }),
    )
    .name(id, "Ref")
    .into()
}

/// The key without its value, which CloudFormation keeps as it is.
pub(super) fn api_key(seen: &Seen<'_, ApiKey>, stack: &Resources<'_>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    Piece::new(
        "AWS::ApiGateway::ApiKey",
        json!({ "APIKeyId": id }),
        json!({
            "Name": want.name,
            "Description": want.description,
            "Enabled": true,
            "Tags": tags(stack, &want.id),
        }),
    )
    .value(id, "APIKeyId")
    .into()
}

pub(super) fn usage_plan(seen: &Seen<'_, UsagePlan>, stack: &Resources<'_>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    let stages = want.stages.iter().filter_map(|stage| stage.split_once(':'));
    let stages =
        stages.map(|(api, stage)| json!({ "ApiId": api, "Stage": named(STAGE, &format!("{api}/{stage}"), stage) }));
    Piece::new(
        "AWS::ApiGateway::UsagePlan",
        json!({ "Id": id }),
        json!({
            "UsagePlanName": want.name,
            "Description": want.description,
            "ApiStages": some(stages),
            "Throttle": { "RateLimit": want.rate_limit, "BurstLimit": want.burst_limit },
            "Quota": want.quota.map(|quota| json!({ "Limit": quota.requests, "Period": quota.per.name() })),
            "Tags": tags(stack, &want.id),
        }),
    )
    .value(id, "Id")
    .into()
}

pub(super) fn usage_plan_key(seen: &Seen<'_, UsagePlanKey>) -> Form {
    let want = seen.want;
    let what = format!("AWS::ApiGateway::UsagePlanKey {} of the usage plan {}", want.key_id, want.plan);
    Form::default().but(what, super::NO_IDENTIFIER)
}

//! The paths and methods of REST APIs, each of which is a resource of its own in Terraform.

use serde_json::json;

use crate::aws::apigateway::{Answering, Method, Mock, Paths, Routes};
use crate::engine::Seen;
use crate::export::resources::{Form, Piece, named, some};

const METHOD: &str = "aws_api_gateway_method";
const RESPONSE: &str = "aws_api_gateway_method_response";
const INTEGRATION: &str = "aws_api_gateway_integration";

pub(super) fn paths(seen: &Seen<'_, Paths>) -> Form {
    let (api, ids) = (&seen.want.api_id, &seen.outputs.ids);
    Form::of(ids.iter().filter(|(path, _)| *path != "/").filter_map(|(path, id)| {
        let (parent, part) = path.rsplit_once('/')?;
        let parent = ids.get(if parent.is_empty() { "/" } else { parent })?;
        let body = json!({ "rest_api_id": api, "parent_id": parent, "path_part": part });
        Some(Piece::new("aws_api_gateway_resource", format!("{api}/{id}"), body).value(id, "id").suffix(path).beside())
    }))
}

pub(super) fn routes(seen: &Seen<'_, Routes>) -> Form {
    let api = &seen.want.api_id;
    Form::of(seen.want.methods.iter().flat_map(|(name, method)| of_method(api, name, method)))
}

fn of_method(api: &str, name: &str, method: &Method) -> Vec<Piece> {
    let at = format!("{api}/{}/{}", method.resource_id, method.http_method);
    let authorization = &method.authorization;
    let models = method.models().into_iter().map(|(kind, model)| {
        let model = named("aws_api_gateway_model", &format!("{api} {model}"), &model);
        (kind, model)
    });
    let models: serde_json::Map<_, _> = models.collect();
    let required: serde_json::Map<_, _> = method.required.iter().map(|name| (name.clone(), true.into())).collect();
    let itself = Piece::new(
        METHOD,
        at.as_str(),
        json!({
            "rest_api_id": api,
            "resource_id": method.resource_id,
            "http_method": method.http_method,
            "authorization": authorization.kind(),
            "authorizer_id": authorization.authorizer_id(),
            "authorization_scopes": some(authorization.scopes()),
            "api_key_required": method.api_key_required.then_some(true),
            "request_validator_id": method.validator_id,
            "request_models": (!models.is_empty()).then_some(models),
            "request_parameters": (!required.is_empty()).then_some(required),
        }),
    );
    let mut pieces = vec![itself.name(&at, "http_method"), integration(api, &at, method)];
    let of_method = || {
        json!({
            "rest_api_id": api,
            "resource_id": method.resource_id,
            "http_method": named(METHOD, &at, &method.http_method),
        })
    };
    for (status, headers) in method.declared() {
        let mut body = of_method();
        body["status_code"] = status.as_str().into();
        let declared: serde_json::Map<_, _> = headers.into_iter().map(|name| (name, true.into())).collect();
        if !declared.is_empty() {
            body["response_parameters"] = declared.into();
        }
        let id = format!("{at}/{status}");
        pieces.push(Piece::new(RESPONSE, id.as_str(), body).name(&id, "status_code"));
    }
    if let Answering::Mock(mock) = &method.integration.answer {
        let (answer, status) = (mock.answer(), mock.status.to_string());
        let id = format!("{at}/{status}");
        let mut body = of_method();
        body["http_method"] = named(INTEGRATION, &at, &method.http_method);
        body["status_code"] = named(RESPONSE, &id, &status);
        body["response_parameters"] = json!((!answer.parameters.is_empty()).then_some(answer.parameters));
        body["response_templates"] = json!(answer.templates);
        body["content_handling"] = json!(answer.content_handling);
        pieces.push(Piece::new("aws_api_gateway_integration_response", id, body));
    }
    pieces.into_iter().map(|piece| piece.suffix(name)).collect()
}

fn integration(api: &str, at: &str, method: &Method) -> Piece {
    let answer = &method.integration.answer;
    let mock = match answer {
        Answering::Mock(mock) => Some(mock),
        Answering::Function { .. } | Answering::Server { .. } => None,
    };
    let parameters = answer.parameters();
    Piece::new(
        INTEGRATION,
        at,
        json!({
            "rest_api_id": api,
            "resource_id": method.resource_id,
            "http_method": named(METHOD, at, &method.http_method),
            "type": answer.type_name(),
            "uri": answer.uri(),
            "integration_http_method": answer.http_method(),
            "request_parameters": (!parameters.is_empty()).then_some(parameters),
            "request_templates": mock.map(Mock::request_templates),
            "passthrough_behavior": mock.and_then(Mock::passthrough),
            "timeout_milliseconds": method.integration.timeout_ms,
        }),
    )
    .name(at, "http_method")
}

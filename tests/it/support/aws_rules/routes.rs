//! Two behaviours of API Gateway that the emulator lacks: it does not validate a body whose content type has no model, and it
//! answers 502 to a malformed answer of a function. Deciding needs the API's settings or the function's own answer from the
//! emulator, so it is only done for bodies of other content types and for answers without headers of the function.

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::http::HeaderMap;
use serde_json::{Value, json};

use super::super::botocore;
use super::super::proxy::AwsRequest;

/// Requests to routes have no signature, so they can only reach this account.
const ACCOUNT: &str = "000000000000";

/// The API and the path below the stage, for a request to a route of a REST API.
fn route(request: &AwsRequest) -> Option<(String, String)> {
    let path = request.path.split('?').next()?;
    let (api, rest) = path.strip_prefix("/restapis/")?.split_once('/')?;
    let (_, below) = rest.split_once("/_user_request_")?;
    Some((api.to_owned(), below.to_owned()))
}

/// AWS's answer, if it differs from the emulator's.
pub fn after(request: &AwsRequest, status: u16, headers: &HeaderMap) -> Option<(StatusCode, Bytes)> {
    let (api, path) = route(request)?;
    let unchecked = status == 400 && !request.body.is_empty() && !is_json(request);
    let ambiguous = status == 200 && says_nothing_of_its_own(headers);
    if !unchecked && !ambiguous {
        return None;
    }
    let method = method(&api, &path, &request.method)?;
    if unchecked {
        let content_type = content_type(request);
        let models = &method["requestModels"];
        let checked = models.get(&content_type).or_else(|| models.get("$default")).is_some();
        return (!checked).then(|| answer_of(request, &path, &method));
    }
    // The function answered before, so a crash now only means that this event lacks something.
    let answered = invoke(request, &path, &method)?;
    (!is_well_formed(&answered)).then(malformed)
}

fn malformed() -> (StatusCode, Bytes) {
    (StatusCode::BAD_GATEWAY, Bytes::from_static(br#"{"message": "Internal server error"}"#))
}

fn content_type(request: &AwsRequest) -> String {
    let header = request.headers.get("content-type").and_then(|value| value.to_str().ok());
    header.unwrap_or("application/json").split(';').next().unwrap_or_default().trim().to_lowercase()
}

fn is_json(request: &AwsRequest) -> bool {
    content_type(request) == "application/json"
}

/// Whether an answer has only the headers that the emulator adds to every answer.
fn says_nothing_of_its_own(headers: &HeaderMap) -> bool {
    const EVERY: [&str; 7] = [
        "content-type",
        "content-length",
        "date",
        "x-amzn-requestid",
        "x-amz-request-id",
        "connection",
        "transfer-encoding",
    ];
    let default = headers.get("content-type").is_some_and(|kind| kind == "application/json");
    default && headers.keys().all(|name| EVERY.contains(&name.as_str()))
}

/// The emulator's current settings of the method for a path.
fn method(api: &str, path: &str, verb: &str) -> Option<Value> {
    let request = json!(["apigateway", "get_resources", { "restApiId": api, "limit": 500, "embed": ["methods"] }]);
    let answer = botocore::calls_in(ACCOUNT, &[request]).remove(0);
    let resources = answer["items"].as_array()?.iter().filter(|resource| {
        resource["path"].as_str().is_some_and(|template| fits(template, path))
            && resource["resourceMethods"].is_object()
    });
    let methods = resources.filter_map(|resource| {
        let methods = &resource["resourceMethods"];
        methods.get(verb).or_else(|| methods.get("ANY")).cloned()
    });
    methods.into_iter().next()
}

/// Whether a path matches a template such as `/people/{id}` or `/{proxy+}`.
fn fits(template: &str, path: &str) -> bool {
    let mut path = path.trim_matches('/').split('/');
    for part in template.trim_matches('/').split('/') {
        if part.starts_with('{') && part.ends_with("+}") {
            return path.next().is_some();
        }
        match path.next() {
            Some(given) if part == given || (part.starts_with('{') && !given.is_empty()) => {}
            _ => return false,
        }
    }
    path.next().is_none()
}

/// The function's answer to a request. `None` if it crashes.
fn invoke(request: &AwsRequest, path: &str, method: &Value) -> Option<Value> {
    let uri = method["methodIntegration"]["uri"].as_str().unwrap_or_default();
    let function = uri.split("/functions/").nth(1).unwrap_or_default().trim_end_matches("/invocations");
    let event = json!({
        "resource": path, "path": path, "httpMethod": request.method, "headers": {}, "requestContext": {},
        "queryStringParameters": null, "pathParameters": null, "isBase64Encoded": false,
        "body": String::from_utf8_lossy(&request.body),
    });
    let invoked = json!(["lambda", "invoke", { "FunctionName": function, "Payload": event.to_string() }]);
    let answer = botocore::calls_in(ACCOUNT, &[invoked]).remove(0);
    let payload = answer["Payload"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    answer.get("FunctionError").is_none().then_some(payload)
}

/// The function's answer to a request, as API Gateway passes it on.
fn answer_of(request: &AwsRequest, path: &str, method: &Value) -> (StatusCode, Bytes) {
    let Some(payload) = invoke(request, path, method).filter(is_well_formed) else { return malformed() };
    let status =
        payload["statusCode"].as_u64().and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok());
    let body = payload["body"].as_str().unwrap_or_default().to_owned();
    (status.unwrap_or(StatusCode::OK), Bytes::from(body))
}

/// Whether an answer has the shape that a proxy integration requires, as LocalStack recorded it from AWS
/// (`test_aws_proxy_response_payload_format_validation`). Unknown keys are wrong too.
pub fn is_well_formed(answer: &Value) -> bool {
    const KEYS: [&str; 5] = ["statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"];
    let Some(answer) = answer.as_object() else { return false };
    let numeric = |value: &Value| value.is_u64() || value.as_str().is_some_and(|text| text.parse::<u16>().is_ok());
    let plain = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
    let all = |key: &str, fits: &dyn Fn(&Value) -> bool| {
        answer.get(key).is_none_or(|all| all.is_null() || all.as_object().is_some_and(|all| all.values().all(fits)))
    };
    let body = answer.get("body").is_none_or(|body| body.is_null() || body.is_string());
    answer.keys().all(|key| KEYS.contains(&key.as_str()))
        && answer.get("statusCode").is_some_and(numeric)
        && all("headers", &plain)
        && all("multiValueHeaders", &Value::is_array)
        && body
}

//! The TLS settings of REST APIs. The emulator loses them at creation and changes them at once.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use hyper::body::Bytes;
use serde_json::{Value, json};

use super::super::proxy::{AwsRequest, Fault};
use super::Rule;

pub const RULES: &[Rule] = &[
    Rule {
        name: "API Gateway: an enhanced security policy without an access mode",
        status: 400,
        code: "BadRequestException",
        message: "Endpoint access mode is required for the specified security policy",
        source: "aws-sam-cli issue 9007; API Gateway, Security policies for REST APIs",
        refuses: |request| {
            let (body, patched) = (super::json(request), patches(request));
            let enhanced = |value: Option<&str>| value.is_some_and(|policy| policy.starts_with("SecurityPolicy_"));
            match request.name().as_str() {
                "apigateway CreateRestApi" => {
                    enhanced(body["securityPolicy"].as_str()) && body["endpointAccessMode"].as_str().is_none()
                }
                "apigateway UpdateRestApi" => {
                    let known = apis().get(request.segments()[1]).is_some_and(|api| api.mode.is_some());
                    enhanced(patched.get("/securityPolicy").map(String::as_str))
                        && !known
                        && !patched.contains_key("/endpointAccessMode")
                }
                _ => false,
            }
        },
    },
    Rule {
        name: "API Gateway: another kind of endpoint without a security policy",
        status: 400,
        code: "BadRequestException",
        message: "Unable to update EndpointType. SecurityPolicy is required for EndpointType update.",
        source: "serverless-application-model issue 3866",
        refuses: |request| {
            let patched = if request.name() == "apigateway UpdateRestApi" { patches(request) } else { HashMap::new() };
            patched.keys().any(|path| path.starts_with("/endpointConfiguration/types/"))
                && !patched.contains_key("/securityPolicy")
        },
    },
];

/// How many reads show the status UPDATING after a change of the policy, instead of 15 minutes.
const UPDATES: u32 = 3;

#[derive(Default)]
struct Api {
    policy: Option<String>,
    mode: Option<String>,
    updating: u32,
}

/// All APIs by id, which is unique in the emulator.
fn apis() -> MutexGuard<'static, HashMap<String, Api>> {
    static APIS: LazyLock<Mutex<HashMap<String, Api>>> = LazyLock::new(Mutex::default);
    APIS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The values that a request replaces, by path.
fn patches(request: &AwsRequest) -> HashMap<String, String> {
    let body = super::json(request);
    let operations = body["patchOperations"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    operations.map(|patch| (text(&patch["path"]), text(&patch["value"]))).collect()
}

/// An API whose policy is being changed cannot be deployed.
pub fn before(request: &AwsRequest) -> Option<Fault> {
    let api = request.segments().get(1).copied().filter(|_| request.name() == "apigateway CreateDeployment")?;
    let updating = apis().get(api).is_some_and(|api| api.updating > 0);
    let message = "You cannot deploy a RestApi while the apiStatus is UPDATING or FAILED.";
    updating.then(|| Fault::new(400, "BadRequestException", message))
}

/// Records policies from the requests, and adds them to answers.
pub fn after(request: &AwsRequest, status: u16, body: Bytes) -> Bytes {
    if request.service != "apigateway" || status >= 300 {
        return body;
    }
    let Ok(mut answer) = serde_json::from_slice::<Value>(&body) else { return body };
    let id = answer["id"].as_str().unwrap_or_default().to_owned();
    match request.operation.as_str() {
        "CreateRestApi" => {
            let sent = super::json(request);
            let text = |field: &str| sent[field].as_str().map(str::to_owned);
            let api = Api { policy: text("securityPolicy"), mode: text("endpointAccessMode"), updating: 0 };
            show(&mut answer, &api);
            apis().insert(id, api);
        }
        "UpdateRestApi" => {
            let (mut all, patched) = (apis(), patches(request));
            let api = all.entry(id).or_default();
            for (path, field) in [("/securityPolicy", &mut api.policy), ("/endpointAccessMode", &mut api.mode)] {
                if let Some(value) = patched.get(path).filter(|value| field.as_ref() != Some(value)) {
                    *field = Some(value.clone());
                    api.updating = UPDATES;
                }
            }
            show(&mut answer, api);
        }
        "GetRestApi" => {
            if let Some(api) = apis().get_mut(&id) {
                api.updating = api.updating.saturating_sub(1);
                show(&mut answer, api);
            }
        }
        "GetRestApis" => {
            for item in answer["item"].as_array_mut().into_iter().flatten() {
                if let Some(api) = item["id"].as_str().and_then(|id| apis().get(id).map(described)) {
                    item.as_object_mut().unwrap().extend(api);
                }
            }
        }
        _ => return body,
    }
    Bytes::from(answer.to_string())
}

fn described(api: &Api) -> serde_json::Map<String, Value> {
    let fields = [("securityPolicy", &api.policy), ("endpointAccessMode", &api.mode)];
    fields.into_iter().filter_map(|(field, value)| Some((field.to_owned(), json!(value.as_ref()?)))).collect()
}

fn show(answer: &mut Value, api: &Api) {
    answer.as_object_mut().unwrap().extend(described(api));
    if api.updating > 0 {
        answer["apiStatus"] = json!("UPDATING");
    }
}

//! Clients with recorded answers, for unit tests.

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_runtime_api::client::http::HttpClient;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;

use super::Clients;
use crate::scope::Scope;

/// Clients that get these answers (status, body), in this order, and the record of their requests. Without
/// answers every call fails. The SDK does not retry.
pub(crate) fn replay(answers: Vec<(u16, &str)>) -> (Clients, StaticReplayClient) {
    replay_bytes(answers.into_iter().map(|(status, body)| (status, body.as_bytes().to_vec())).collect())
}

/// Like [`replay`], for answers that are not text.
pub(crate) fn replay_bytes(answers: Vec<(u16, Vec<u8>)>) -> (Clients, StaticReplayClient) {
    let events = answers.into_iter().map(|(status, body)| {
        let status = status.try_into().expect("a status of three digits");
        ReplayEvent::new(HttpRequest::new(SdkBody::empty()), HttpResponse::new(status, SdkBody::from(body)))
    });
    let http = StaticReplayClient::new(events.collect());
    (clients(http.clone(), RetryConfig::disabled()), http)
}

/// Clients of the stack `demo` that use this HTTP client.
pub(crate) fn clients(http: impl HttpClient + 'static, retries: RetryConfig) -> Clients {
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "tests");
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(retries)
        .http_client(http)
        .build();
    let scope = Scope {
        partition: "aws".into(),
        account: "123456789012".into(),
        region: "eu-central-1".into(),
        stack: "demo".into(),
        ..Scope::default()
    };
    Clients::new(sdk, scope)
}

/// A document in CBOR, in which some services answer. Whole numbers are integers, others have double precision.
pub(crate) fn cbor(value: &serde_json::Value) -> Vec<u8> {
    use serde_json::Value;
    // The kind of item in the upper three bits, and how many follow, or the number itself.
    let head = |major: u8, count: u64| [vec![(major << 5) | 0x1b], count.to_be_bytes().to_vec()].concat();
    let length = |count: usize| u64::try_from(count).expect("a small document");
    match value {
        Value::Null => vec![0xf6],
        Value::Bool(no) if !no => vec![0xf4],
        Value::Bool(_) => vec![0xf5],
        Value::Number(number) => match number.as_u64() {
            Some(whole) => head(0, whole),
            None => [vec![0xfb], number.as_f64().expect("a number").to_be_bytes().to_vec()].concat(),
        },
        Value::String(text) => [head(3, length(text.len())), text.as_bytes().to_vec()].concat(),
        Value::Array(items) => {
            [head(4, length(items.len())), items.iter().flat_map(cbor).collect::<Vec<u8>>()].concat()
        }
        Value::Object(members) => {
            let items = members.iter().flat_map(|(name, value)| [cbor(&Value::from(name.as_str())), cbor(value)]);
            [head(5, length(members.len())), items.flatten().collect()].concat()
        }
    }
}

/// The requests: a JSON service's operation (`CreateIPSet`) or else method and path, and the body.
pub(crate) fn asked(http: &StaticReplayClient) -> Vec<(String, String)> {
    let request = |request: &HttpRequest| {
        let operation = match request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next()) {
            Some(operation) => operation.to_owned(),
            None => format!("{} {}", request.method(), request.uri()),
        };
        let body = request.body().bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        (operation, body.unwrap_or_default())
    };
    http.actual_requests().map(request).collect()
}

/// The requests in order, as `<method> <path> <operation or empty> <body>`.
pub(crate) fn requests(http: &StaticReplayClient) -> Vec<String> {
    let said = |request: &HttpRequest| {
        let path = request.uri().split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
        let operation = request.headers().get("x-amz-target").unwrap_or_default();
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default());
        format!("{} {} {operation} {body}", request.method(), path.unwrap_or("/"))
    };
    http.actual_requests().map(said).collect()
}

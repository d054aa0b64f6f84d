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
    };
    Clients::new(sdk, scope)
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

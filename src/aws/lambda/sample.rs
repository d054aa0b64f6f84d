//! A function for unit tests, and AWS's answers about it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use aws_config::retry::RetryConfig;
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use super::{Code, EventSourceMapping, Function, FunctionLive, FunctionOutputs, Lambda, Reading, StreamReading, Vpc};
use crate::aws::{Encryption, testing};
use crate::choices::StreamStart;
use crate::engine::{Failure, Found, Provider, Resource, Task};

pub(super) const ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:demo-f";
pub(super) const ABSENT: &str = r#"{"__type":"ResourceNotFoundException","Message":"Function not found"}"#;

/// The SHA-256 of the code of [`want`].
pub(super) const SHA256: &str = "SnD+mqZDbgLC3qNA+9HjUuTvLYzmylKtJdS5VHH8i/I=";

pub(super) fn want() -> Function {
    Function {
        id: "function.f".into(),
        name: "demo-f".into(),
        description: "what".into(),
        runtime: "nodejs24.x".into(),
        patched_until: |runtime| (runtime == "nodejs22.x").then_some("2027-04-30"),
        handler: "index.handler".into(),
        layers: Vec::new(),
        architecture: "arm64".into(),
        memory_mb: 128,
        ephemeral_mb: 512,
        timeout_s: 10,
        role_arn: "arn:aws:iam::123456789012:role/r".into(),
        log_group: "/aws/lambda/demo-f".into(),
        environment: BTreeMap::from([("SECRET_ID".into(), "demo-s".into())]),
        tracing: false,
        reserved_concurrency: None,
        provisioned_concurrency: None,
        statements: BTreeSet::from(["securelambda-topic".into()]),
        sources: BTreeSet::new(),
        vpc: Vpc::default(),
        dead_letters: None,
        kms_key: Encryption::default(),
        code: Code::Zip { bytes: Arc::new(b"zip".to_vec()), sha256: SHA256.into() },
    }
}

pub(super) const STREAM: &str =
    "arn:aws:dynamodb:eu-central-1:123456789012:table/demo-notes/stream/2026-11-29T18:00:00.123";

/// A mapping between the function and the stream of a table, with all defaults.
pub(super) fn mapping() -> EventSourceMapping {
    EventSourceMapping {
        id: "mapping.f.notes.stream".into(),
        function: "demo-f".into(),
        alias: None,
        source_arn: STREAM.into(),
        batch_size: 100,
        window_s: 0,
        reports_failures: false,
        filters: Vec::new(),
        reading: Reading::Stream(StreamReading {
            start: StreamStart::Oldest,
            parallel: 1,
            retries: None,
            max_age_s: None,
            bisect: false,
            on_failure: None,
        }),
    }
}

/// AWS's answer to `CreateFunction`, with its defaults.
pub(super) fn config(state: &str, update: &str) -> Value {
    json!({
        "FunctionName": "demo-f", "FunctionArn": ARN, "Description": "what", "Runtime": "nodejs24.x",
        "Handler": "index.handler", "Architectures": ["arm64"], "MemorySize": 128, "Timeout": 10,
        "Role": want().role_arn, "LoggingConfig": { "LogFormat": "Text", "LogGroup": "/aws/lambda/demo-f" },
        "Environment": { "Variables": { "SECRET_ID": "demo-s" } }, "CodeSha256": SHA256,
        "EphemeralStorage": { "Size": 512 }, "TracingConfig": { "Mode": "PassThrough" }, "PackageType": "Zip",
        "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
        "VpcConfig": { "SubnetIds": [], "SecurityGroupIds": [], "VpcId": "" },
        "State": state, "StateReason": "the reason", "LastUpdateStatus": update,
    })
}

pub(super) fn read(state: &str, update: &str) -> String {
    json!({ "Configuration": config(state, update), "Tags": { "securelambda:stack": "demo" } }).to_string()
}

pub(super) fn said(state: &str, update: &str) -> String {
    config(state, update).to_string()
}

pub(super) fn conflict(words: &str) -> String {
    json!({ "__type": "ResourceConflictException", "Message": words }).to_string()
}

pub(super) fn task() -> Task {
    Task::detached("function.f")
}

pub(super) fn outputs() -> FunctionOutputs {
    FunctionOutputs { name: "demo-f".into(), arn: ARN.into() }
}

/// A resource policy with these statements, as GetPolicy answers.
pub(super) fn policy(statements: &[Value]) -> String {
    let policy = json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements });
    json!({ "Policy": policy.to_string(), "RevisionId": "1" }).to_string()
}

/// A client whose reads find a function that is equal to [`want`]. `answers` replaces the answers for some paths and
/// queries. Also returns the list of requests.
pub(super) fn reads(answers: &[(&str, u16, &str)]) -> (Lambda, Arc<Mutex<Vec<String>>>) {
    let answers: Vec<(String, u16, String)> =
        answers.iter().map(|(path, status, body)| ((*path).to_owned(), *status, (*body).to_owned())).collect();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    let http = infallible_client_fn(move |request: hyper::Request<SdkBody>| {
        let path = request.uri().path_and_query().map_or("", |path| path.as_str());
        let path = path.splitn(3, '/').nth(2).unwrap_or_default().to_owned();
        heard.lock().expect("nobody panics").push(format!("{} {path}", request.method()));
        let given = answers.iter().find(|(given, ..)| *given == path);
        let (status, body) = match (given, path.as_str()) {
            (Some((_, status, body)), _) => (*status, body.clone()),
            (None, "functions/demo-f") => (200, read("Active", "Successful")),
            (None, "functions/demo-f/runtime-management-config") => (200, r#"{"UpdateRuntimeOn":"Auto"}"#.into()),
            (None, "functions/demo-f/recursion-config") => (200, r#"{"RecursiveLoop":"Terminate"}"#.into()),
            (None, path) if path.contains("/policy") => (404, ABSENT.into()),
            (None, _) => (200, "{}".into()),
        };
        hyper::Response::builder().status(status).body(SdkBody::from(body)).expect("an answer")
    });
    (Lambda::new(&testing::clients(http, RetryConfig::disabled())), asked)
}

/// Reads the function, which is in the state.
pub(super) async fn found_by(lambda: &Lambda, task: &Task) -> Result<Found<Function>, Failure> {
    let found = Provider::<Function>::read(lambda, &want().key(), Some(&outputs()), task).await;
    found.map(|found| found.expect("it exists"))
}

/// The function, as read from AWS, when it is equal to [`want`].
pub(super) async fn found() -> Found<Function> {
    found_by(&reads(&[]).0, &task()).await.expect("it can be read")
}

pub(super) async fn live() -> FunctionLive {
    FunctionLive { read_on: "2026-11-29".into(), ..found().await.live }
}

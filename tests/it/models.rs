//! Tests of the checker that compares every request with AWS's service models: it finds violations, it can check every
//! pattern, and it has seen every operation that the program can call.
//!
//! The checker is part of every proxy (support/proxy/models.rs). A test's `User` fails if the checker finds a violation.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine;
use serde_json::{Value, json};

use crate::services::{SERVICES, Service};
use crate::support::botocore;
use crate::support::emulator::{account, endpoint};
use crate::support::facts::recorded_refusal;
use crate::support::program::User;
use crate::support::proxy::models::{ask, broken_by, seen_file};
use crate::support::proxy::{AwsRequest, CallOutcome, Proxy};

fn request(service: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Value {
    let signed = format!("AWS4-HMAC-SHA256 Credential=AKIA/20261121/eu-central-1/{service}/aws4_request");
    let mut all = BTreeMap::from([("authorization", signed.as_str())]);
    all.extend(headers.iter().copied());
    let body = base64::engine::general_purpose::STANDARD.encode(body);
    json!({ "method": method, "path": path, "headers": all, "body": body })
}

fn query(service: &str, body: &str) -> Value {
    request(service, "POST", "/", &[("content-type", "application/x-www-form-urlencoded")], body)
}

fn target(service: &str, operation: &str, body: &Value) -> Value {
    let (prefix, version) = match service {
        "wafv2" => ("AWSWAF_20190729", "1.1"),
        "logs" => ("Logs_20140328", "1.1"),
        "secretsmanager" => ("secretsmanager", "1.1"),
        _ => ("AWSCognitoIdentityProviderService", "1.1"),
    };
    let (target, kind) = (format!("{prefix}.{operation}"), format!("application/x-amz-json-{version}"));
    request(service, "POST", "/", &[("x-amz-target", &target), ("content-type", &kind)], &body.to_string())
}

fn rest(service: &str, method: &str, path: &str, body: &Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    request(service, method, path, &[("content-type", "application/json")], &body)
}

const ROLE: &str = "Action=CreateRole&Version=2010-05-08&AssumeRolePolicyDocument=%7B%7D";

fn ip_set(change: &Value) -> Value {
    let mut body = json!({ "Name": "office", "Scope": "REGIONAL", "IPAddressVersion": "IPV4", "Addresses": [] });
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    target("wafv2", "CreateIPSet", &body)
}

fn function(change: &Value) -> Value {
    let role = "arn:aws:iam::123456789012:role/securelambda/demo/f";
    let mut body = json!({ "FunctionName": "f", "Role": role, "Code": { "ZipFile": "UEsDBA==" }, "Timeout": 10 });
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    rest("lambda", "POST", "/2015-03-31/functions", &body)
}

/// Requests, each with its expected violation, or an empty string if it is valid.
fn table() -> Vec<(Value, &'static str)> {
    let none = json!({});
    let put = "/restapis/a1/resources/r1/methods/POST";
    vec![
        // The query protocol.
        (query("iam", &format!("{ROLE}&RoleName=demo-f&Tags.member.1.Key=a&Tags.member.1.Value=%C3%A9")), ""),
        (query("iam", &format!("{ROLE}&RoleName=a%20b")), "RoleName: 'a b' does not match"),
        (query("iam", &format!("{ROLE}&RoleName={}", "r".repeat(65))), "RoleName: 65 characters, at most 64"),
        (query("iam", ROLE), "RoleName: required"),
        (query("iam", &format!("{ROLE}&RoleName=r&Nonsense=1")), "Nonsense: unknown member"),
        (query("iam", &format!("{ROLE}&RoleName=r&Tags.member.1.Key=a")), "Tags[0].Value: required"),
        (query("iam", &format!("{ROLE}&RoleName=r&Tags.1.Key=a")), "Tags.1.Key: unknown member"),
        (query("iam", &format!("{ROLE}&RoleName=r&MaxSessionDuration=60")), "MaxSessionDuration: 60, at least 3600"),
        (query("iam", &format!("{ROLE}&RoleName=r&MaxSessionDuration=x")), "MaxSessionDuration: 'x', wants a whole"),
        (query("iam", "Action=CreateRoles&Version=2010-05-08"), "there is no operation 'CreateRoles'"),
        (query("iam", "Action=GetRole&Version=2010-03-31&RoleName=r"), "Version: wants 2010-05-08"),
        (query("sns", "Action=Subscribe&Version=2010-03-31&TopicArn=t&Protocol=lambda"), ""),
        (query("sns", "Action=Subscribe&Version=2010-03-31&TopicArn=t"), "Protocol: required"),
        (
            query("sns", "Action=Subscribe&Version=2010-03-31&TopicArn=t&Protocol=x&ReturnSubscriptionArn=yes"),
            "ReturnSubscriptionArn: 'yes', wants a boolean",
        ),
        // JSON.
        (ip_set(&none), ""),
        (ip_set(&json!({ "Name": "my office" })), "Name: 'my office' does not match"),
        (ip_set(&json!({ "Scope": "LOCAL" })), "Scope: 'LOCAL' is none of"),
        (ip_set(&json!({ "Addresses": ["1.2.3.4/32", 5] })), "Addresses[1]: int, wants a string"),
        (ip_set(&json!({ "Addresses": "1.2.3.4/32" })), "Addresses: str, wants a list"),
        (ip_set(&json!({ "Tags": [] })), "Tags: 0 items, at least 1"),
        (ip_set(&json!({ "Tags": [{ "Key": "a", "Value": "b;c" }] })), "Tags[0].Value: 'b;c' does not match"),
        (ip_set(&json!({ "Description": null })), "Description: null"),
        (ip_set(&json!({ "Adresses": [] })), "Adresses: unknown member"),
        (target("wafv2", "CreateIPset", &none), "there is no operation 'AWSWAF_20190729.CreateIPset'"),
        (target("logs", "PutRetentionPolicy", &json!({ "logGroupName": "/a", "retentionInDays": 14 })), ""),
        (
            target("logs", "PutRetentionPolicy", &json!({ "logGroupName": "/a", "retentionInDays": "14" })),
            "retentionInDays: '14', wants a whole number",
        ),
        (
            target("secretsmanager", "CreateSecret", &json!({ "Name": "n", "ClientRequestToken": "short" })),
            "ClientRequestToken: 5 characters, at least 32",
        ),
        (target("cognito-idp", "ListUserPools", &json!({ "MaxResults": 61 })), "MaxResults: 61, at most 60"),
        (
            // The violation does not contain the secret value.
            target("cognito-idp", "SignUp", &json!({ "ClientId": "c", "Username": "u", "Password": "a b" })),
            "Password:  does not match",
        ),
        // REST-JSON: the body, the path and the query.
        (function(&none), ""),
        (function(&json!({ "Timeout": 0 })), "Timeout: 0, at least 1"),
        (function(&json!({ "Timeout": "10" })), "Timeout: '10', wants a whole number"),
        (function(&json!({ "Runtime": "nodejs99.x" })), "Runtime: 'nodejs99.x' is none of"),
        (function(&json!({ "Role": "demo-f" })), "Role: 'demo-f' does not match"),
        (function(&json!({ "Environment": { "Variables": { "A": "b" } } })), "Environment.Variables.key(A):  does"),
        (function(&json!({ "Code": { "ZipFile": "not base64" } })), "Code.ZipFile: str, wants bytes"),
        (function(&json!({ "TimeOut": 10 })), "TimeOut: unknown member of the body"),
        (rest("lambda", "GET", "/2015-03-31/functions/a%20b", &Value::Null), "FunctionName: 'a b' does not match"),
        (rest("lambda", "GET", "/2015-03-31/functions?MaxItems=0", &Value::Null), "MaxItems: 0, at least 1"),
        (rest("lambda", "GET", "/2015-03-31/function/f", &Value::Null), "no operation has GET /2015-03-31/function/f"),
        (rest("apigateway", "PUT", put, &json!({ "authorizationType": "NONE" })), ""),
        (rest("apigateway", "PUT", put, &none), "authorizationType: required"),
        (
            rest(
                "apigateway",
                "PUT",
                put,
                &json!({ "authorizationType": "NONE", "requestParameters": { "a": "true" } }),
            ),
            "requestParameters.a: 'true', wants a boolean",
        ),
        (rest("apigateway", "GET", "/restapis/a1/resources?limit=500&embed=methods", &Value::Null), ""),
        (rest("apigateway", "GET", "/restapis/a1/resources?limits=500", &Value::Null), "limits: unknown in the query"),
        (
            rest("apigateway", "PATCH", "/restapis/a1", &json!({ "patchOperations": [{ "op": "put" }] })),
            "patchOperations[0].op: 'put' is none of",
        ),
        (request("apigateway", "POST", "/restapis", &[("content-type", "application/json")], "{"), "is not JSON"),
    ]
}

#[test]
fn the_checker_finds_model_violations_in_every_protocol() {
    let table = table();
    let requests: Vec<Value> = table.iter().map(|(request, _)| request.clone()).collect();
    let answers = ask(&requests);
    assert_eq!(answers.len(), table.len());
    for ((request, expected), answer) in table.iter().zip(answers) {
        let broken: Vec<&str> =
            answer["broken"].as_array().unwrap().iter().map(|rule| rule.as_str().unwrap()).collect();
        match *expected {
            "" => assert!(broken.is_empty(), "{broken:?} in {request}"),
            rule => assert!(broken.len() == 1 && broken[0].contains(rule), "{rule:?} is not {broken:?} in {request}"),
        }
    }
}

/// Uses the same proxy as all tests.
#[test]
fn the_proxy_reports_a_request_that_violates_its_model() {
    let (endpoint, user) = (endpoint(), "it-models");
    let address = endpoint.strip_prefix("http://").unwrap();
    let send = |role: &str| {
        let body = format!("Action=GetRole&Version=2010-05-08&RoleName={role}");
        let mut stream = TcpStream::connect(address).unwrap();
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\
             user-agent: aws-sdk-rust app/{user}\r\nauthorization: AWS4-HMAC-SHA256 \
             Credential=AKIA/20261121/eu-central-1/iam/aws4_request\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
        broken_by(user)
    };
    let found = send("a%20b");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].operation, "iam GetRole");
    assert!(found[0].broken[0].starts_with("RoleName: 'a b' does not match"), "{found:?}");
    assert_eq!(send("a-b"), []);
    assert_eq!(send("a%20b"), found, "a repeated invalid request is reported again");
}

const WHOLE: &str = r#"
[stack]
name = "rest"
[topics.greetings]
[functions.Internal]
source = "lambdas/internal"
trigger = { topic = "greetings" }
[functions.External]
source = "lambdas/external"
publishes = ["greetings"]
[secrets.Where]
TOPIC_ARN = { topic = "greetings" }
[pools.People]
mfa = "optional"
[api]
stage = "development"
[[api.routes]]
route = "POST /a"
function = "External"
pool = "People"
body = "request.schema.json"
[[api.routes]]
route = "GET /b"
function = "External"
pool = "People"
[firewall]
mode = "count"
addresses = ["203.0.113.7/32"]
"#;

/// Calls that the program makes only after changes by another tool, with a smaller stack file, or after a refusal.
#[test]
fn rare_updates_and_removals_send_valid_requests() {
    let in_use = recorded_refusal("waf-associated", &[]);
    let refused = AtomicBool::new(false);
    let faults = move |asked: &AwsRequest| {
        let first = asked.operation == "DeleteWebACL" && !refused.swap(true, Ordering::SeqCst);
        if first { CallOutcome::Refused(in_use.clone()) } else { CallOutcome::Passed }
    };
    let proxy = Proxy::with_faults(&endpoint(), Duration::ZERO, Arc::new(faults));
    let user = User::of(&account(), &proxy.endpoint).with("SECURELAMBDA_TIME_SCALE", "0.01");
    for folder in ["internal", "external"] {
        user.write(format!("lambdas/{folder}/index.mjs"), "export const handler = async () => ({});");
    }
    user.write("request.schema.json", r#"{ "type": "object" }"#);
    user.write("securelambda.toml", WHOLE);
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    let (api, pool) = (&outputs["api"]["id"], &outputs["pools"]["People"]["id"]);
    let authorizers = botocore::call(&user, "apigateway", "get_authorizers", &json!({ "restApiId": api }));
    let authorizer = &authorizers["items"][0]["id"];
    let secret = &outputs["secrets"]["Where"]["arn"];
    let role = "rest-External";
    let trust = json!({ "Version": "2012-10-17", "Statement": [] }).to_string();
    let boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    let source = [json!({ "op": "replace", "path": "/identitySource", "value": "method.request.header.Token" })];
    let description = [json!({ "op": "replace", "path": "/description", "value": "another" })];
    let policies = json!({ "PasswordPolicy": { "MinimumLength": 6 } });
    let damage = [
        json!(["apigateway", "update_authorizer",
            { "restApiId": api, "authorizerId": authorizer, "patchOperations": source }]),
        json!(["apigateway", "update_rest_api", { "restApiId": api, "patchOperations": description }]),
        json!(["cognito-idp", "update_user_pool", { "UserPoolId": pool, "Policies": policies }]),
        json!(["iam", "update_assume_role_policy", { "RoleName": role, "PolicyDocument": trust }]),
        json!(["iam", "update_role", { "RoleName": role, "Description": "another" }]),
        json!(["iam", "put_role_permissions_boundary", { "RoleName": role, "PermissionsBoundary": boundary }]),
        json!(["secretsmanager", "update_secret", { "SecretId": secret, "Description": "another" }]),
    ];
    for (call, answer) in damage.iter().zip(botocore::calls(&user, &damage)) {
        assert!(answer.get("Error").is_none(), "{call}: {answer}");
    }
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["status", "--detailed-exitcode"]).ends(0);

    let (left, _) = WHOLE.split_once("[firewall]").unwrap();
    let left = left.replace("trigger = { topic = \"greetings\" }", "").replace("body = \"request.schema.json\"", "");
    user.write("securelambda.toml", &left.replace("GET /b", "PUT /b"));
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

/// All operations that the program's sources call, such as `sns CreateTopic`.
fn operations() -> BTreeSet<String> {
    let aws = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws");
    let mut sources = BTreeMap::<String, String>::new();
    let mut read = |service: &Path, file: &Path| {
        let text = std::fs::read_to_string(file).unwrap();
        let shipped = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned();
        *sources.entry(service.file_stem().unwrap().to_str().unwrap().to_owned()).or_default() += &shipped;
    };
    for entry in std::fs::read_dir(&aws).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            for file in std::fs::read_dir(&path).unwrap() {
                read(&path, &file.unwrap().path());
            }
        } else if !path.ends_with("mod.rs") {
            read(&path, &path);
        }
    }
    let mut known = BTreeMap::<String, Vec<String>>::new();
    let mut called = BTreeSet::new();
    for (file, text) in sources {
        let words = |text: &str| {
            let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
            text[..end].to_owned()
        };
        let crates: BTreeSet<String> = text.split("aws_sdk_").skip(1).map(words).collect();
        let methods: BTreeSet<String> = text
            .split('.')
            .filter(|rest| rest.strip_prefix(&words(rest)).is_some_and(|rest| rest.starts_with("()")))
            .map(|rest| words(rest).replace('_', ""))
            .collect();
        let before = called.len();
        for name in &crates {
            let of_crate = SERVICES.iter().find(|service| service.sdk == name);
            let service = match name.as_str() {
                // These services keep no resources of a stack.
                "resourcegroupstagging" => "resourcegroupstaggingapi",
                "servicequotas" => "service-quotas",
                other => of_crate.map_or(other, |service| service.name),
            };
            let names = known.entry(service.to_owned()).or_insert_with(|| {
                let answer = ask(&[json!({ "ask": "operations", "services": [service] })]).remove(0);
                serde_json::from_value(answer[service].clone()).unwrap()
            });
            let these = names.iter().filter(|name| methods.contains(&name.to_lowercase()));
            called.extend(these.map(|name| format!("{service} {name}")));
        }
        // These two files only name error types of the SDK.
        let no_caller = ["error", "credentials"].contains(&file.as_str());
        assert!(crates.is_empty() || no_caller || called.len() > before, "{file} calls nothing");
    }
    called
}

/// The checker skips patterns that Python cannot parse. There must be none.
#[test]
fn every_pattern_of_the_programs_operations_can_be_checked() {
    let operations = operations();
    assert!(operations.len() > 60, "{operations:?}");
    for known in ["iam CreateRole", "lambda GetFunction", "wafv2 GetSampledRequests", "cognito-idp InitiateAuth"] {
        assert!(operations.contains(known), "{known} is not among {operations:?}");
    }
    let answers = ask(&[json!({ "ask": "uncheckable", "operations": operations })]);
    assert_eq!(answers, [json!([])]);
}

/// Reads the operations that the last run of the whole suite recorded.
#[test]
#[ignore = "reads what the last run of the whole suite recorded"]
fn every_operation_of_the_program_was_seen() {
    let seen = std::fs::read_to_string(seen_file()).expect("run the whole suite first");
    let seen: BTreeSet<&str> = seen.lines().collect();
    let unseen: BTreeSet<String> = operations().into_iter().filter(|name| !seen.contains(name.as_str())).collect();
    // The reason for each is in `tests/it/services`.
    let of = |service: &'static Service| service.unseen.iter().map(|(name, _)| format!("{} {name}", service.name));
    let listed: BTreeSet<String> = SERVICES.iter().flat_map(of).collect();
    assert_eq!(unseen, listed, "{} of the program's operations were seen", seen.len());
}

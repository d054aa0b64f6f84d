//! Another tool's view of an account: botocore, which comes with the emulator. So that what our own program says of an
//! account is not taken on trust.

use std::ffi::OsStr;
use std::process::Command;

use serde_json::{Value, json};

use super::program::User;

/// Reads calls from its argument, makes them in order, prints what they return. `{"$base64": "..."}` stands for bytes.
const SCRIPT: &str = r#"
import base64, json, os, sys, botocore.session
from botocore.config import Config
session = botocore.session.get_session()
answers = []
bytes_of = lambda value: base64.b64decode(value["$base64"]) if "$base64" in value else value
for service, operation, arguments in json.loads(sys.argv[1], object_hook=bytes_of):
    client = session.create_client(service, region_name=os.environ["AWS_REGION"], config=Config(retries={"max_attempts": 0}))
    try:
        answer = getattr(client, operation)(**arguments)
        answer.pop("ResponseMetadata", None)
    except Exception as error:
        answer = {"Error": str(error)}
    answers.append(answer)
print(json.dumps(answers, default=str))
"#;

/// One call as this user; what it returned, or `{"Error": ...}`.
pub fn call(user: &User, service: &str, operation: &str, arguments: &Value) -> Value {
    calls(user, &[json!([service, operation, arguments])]).remove(0)
}

/// Several calls, `[service, operation, arguments]` each.
pub fn calls(user: &User, calls: &[Value]) -> Vec<Value> {
    let mut command = Command::new(super::emulator::python());
    command.args(["-c", SCRIPT, &Value::from(calls.to_vec()).to_string()]);
    command.env_clear().envs(user.command::<&str>(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
    let endpoint = command.get_envs().find(|(name, _)| *name == "AWS_ENDPOINT_URL").and_then(|(_, value)| value);
    if let Some(endpoint) = endpoint.and_then(OsStr::to_str).map(super::emulator::straight) {
        command.env("AWS_ENDPOINT_URL", endpoint);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The names of everything in the account, of the kinds that a stack is made of. Secrets in their recovery window do
/// not count.
pub fn inventory(user: &User) -> Vec<String> {
    let lists = [
        ("sns", "list_topics", json!({}), "Topics", "TopicArn"),
        ("sns", "list_subscriptions", json!({}), "Subscriptions", "TopicArn"),
        ("secretsmanager", "list_secrets", json!({}), "SecretList", "Name"),
        ("logs", "describe_log_groups", json!({}), "logGroups", "logGroupName"),
        ("iam", "list_roles", json!({}), "Roles", "Arn"),
        ("lambda", "list_functions", json!({}), "Functions", "FunctionName"),
        ("wafv2", "list_ip_sets", json!({ "Scope": "REGIONAL" }), "IPSets", "Name"),
        ("wafv2", "list_web_acls", json!({ "Scope": "REGIONAL" }), "WebACLs", "Name"),
        ("cognito-idp", "list_user_pools", json!({ "MaxResults": 60 }), "UserPools", "Name"),
        ("apigateway", "get_rest_apis", json!({ "limit": 500 }), "items", "name"),
        ("apigatewayv2", "get_apis", json!({ "MaxResults": "500" }), "Items", "Name"),
    ];
    let asked: Vec<Value> =
        lists.iter().map(|(service, operation, arguments, ..)| json!([service, operation, arguments])).collect();
    let answers = calls(user, &asked);
    let (mut names, mut pools) = (Vec::new(), Vec::new());
    for ((service, operation, _, list, name), answer) in lists.iter().zip(answers) {
        assert!(answer.get("Error").is_none(), "{operation}: {answer}");
        for item in answer[*list].as_array().into_iter().flatten() {
            if item.get("DeletedDate").is_none() {
                // Without an ARN's account, so that two accounts can be compared.
                let name = item[*name].as_str().unwrap_or("?");
                let name = if name.starts_with("arn:") { name.splitn(6, ':').last().unwrap_or(name) } else { name };
                names.push(format!("{operation} {name}"));
                pools.extend(item["Id"].as_str().filter(|_| *service == "cognito-idp").map(str::to_owned));
            }
        }
    }
    let asked: Vec<Value> = pools
        .iter()
        .map(|pool| json!(["cognito-idp", "list_user_pool_clients", { "UserPoolId": pool, "MaxResults": 60 }]))
        .collect();
    for answer in calls(user, &asked) {
        let clients = answer["UserPoolClients"].as_array().unwrap();
        names.extend(clients.iter().map(|client| format!("client {}", client["ClientName"].as_str().unwrap_or("?"))));
    }
    names.sort();
    names
}

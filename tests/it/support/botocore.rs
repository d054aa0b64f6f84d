//! Another tool's view of an account: botocore, which comes with the emulator. So that what our own program says of an
//! account is not taken on trust.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::program::User;

/// Reads a line of `{"env", "calls"}`, makes these calls in order, answers with a line of what they return; and so on.
/// `{"$base64": "..."}` stands for bytes. Clients are kept, those that were needed last: there are many accounts.
const SCRIPT: &str = r#"
import base64, functools, json, sys, botocore.session
from botocore.config import Config
session = botocore.session.get_session()
bytes_of = lambda value: base64.b64decode(value["$base64"]) if "$base64" in value else value

@functools.lru_cache(maxsize=64)
def client(service, region, endpoint, key, secret, token):
    return session.create_client(
        service, region_name=region, endpoint_url=endpoint, aws_access_key_id=key, aws_secret_access_key=secret,
        aws_session_token=token, config=Config(retries={"max_attempts": 0}))

for line in sys.stdin:
    asked, answers = json.loads(line, object_hook=bytes_of), []
    who = [asked["env"].get("AWS_" + name) for name in
           ("REGION", "ENDPOINT_URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")]
    for service, operation, arguments in asked["calls"]:
        try:
            answer = getattr(client(service, *who), operation)(**arguments)
            answer.pop("ResponseMetadata", None)
            if service == "lambda" and "Payload" in answer:
                answer["Payload"] = answer["Payload"].read().decode()
        except Exception as error:
            answer = {"Error": str(error)}
        answers.append(answer)
    print(json.dumps(answers, default=str), flush=True)
"#;

/// One process for all questions, since starting one takes longer than they do. It ends with this one.
struct Process {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Process {
    fn start() -> Self {
        let mut command = Command::new(super::emulator::python());
        // Nobody's configuration, and no credentials from a machine's role.
        command.args(["-I", "-c", SCRIPT]).env_clear();
        command.env("HOME", "/nonexistent").env("AWS_EC2_METADATA_DISABLED", "true");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (questions, answers) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, questions, answers }
    }

    /// `None` if it has ended; what it said of that is on standard error.
    fn ask(&mut self, question: &Value) -> Option<Vec<Value>> {
        writeln!(self.questions.as_mut()?, "{question}").ok()?;
        let mut line = String::new();
        self.answers.read_line(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.questions.take());
        let _ = self.child.wait();
    }
}

/// One call as this user; what it returned, or `{"Error": ...}`.
pub fn call(user: &User, service: &str, operation: &str, arguments: &Value) -> Value {
    calls(user, &[json!([service, operation, arguments])]).remove(0)
}

/// Several calls, `[service, operation, arguments]` each.
pub fn calls(user: &User, calls: &[Value]) -> Vec<Value> {
    let command = user.command::<&str>(&[]);
    let env = command.get_envs().filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?)));
    let mut env: BTreeMap<&str, String> = env.map(|(name, value)| (name, value.to_owned())).collect();
    let endpoint = super::emulator::straight(&env["AWS_ENDPOINT_URL"]);
    env.insert("AWS_ENDPOINT_URL", endpoint);
    in_environment(&env, calls)
}

/// The same as the root user of an account, straight to the emulator.
pub fn calls_in(account: &str, calls: &[Value]) -> Vec<Value> {
    let endpoint = super::emulator::straight(&super::emulator::endpoint());
    let env = [
        ("AWS_REGION", "eu-central-1".to_owned()),
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", account.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
    ];
    in_environment(&env.into(), calls)
}

fn in_environment(env: &BTreeMap<&str, String>, calls: &[Value]) -> Vec<Value> {
    static PROCESS: Mutex<Option<Process>> = Mutex::new(None);
    let mut process = PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
    let answers = process.get_or_insert_with(Process::start).ask(&json!({ "env": env, "calls": calls }));
    if answers.is_none() {
        *process = None;
    }
    answers.unwrap_or_else(|| panic!("botocore has ended: what it said is above"))
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

//! Calls AWS's API with botocore, which comes with the emulator, so that the tests need not trust what this program says
//! about an account.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::program::User;

/// Reads one `{"env", "calls"}` in each line, makes the calls in order, and answers with one line of results.
/// `{"$base64": "..."}` stands for bytes. Only the latest clients are kept, because there are many accounts.
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

/// One process answers all requests, because starting one takes longer than a request. It ends with this process.
struct Process {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Process {
    fn start() -> Self {
        let mut command = Command::new(super::emulator::python());
        // It must read no user's configuration and no credentials from the machine's role.
        command.args(["-I", "-c", SCRIPT]).env_clear();
        command.env("HOME", "/nonexistent").env("AWS_EC2_METADATA_DISABLED", "true");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (questions, answers) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, questions, answers }
    }

    /// `None` if the process has ended. Its error is on standard error.
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

/// Makes one call as this user. Returns the answer, or `{"Error": ...}`.
pub fn call(user: &User, service: &str, operation: &str, arguments: &Value) -> Value {
    calls(user, &[json!([service, operation, arguments])]).remove(0)
}

/// Makes several calls, each `[service, operation, arguments]`.
pub fn calls(user: &User, calls: &[Value]) -> Vec<Value> {
    let command = user.command::<&str>(&[]);
    let env = command.get_envs().filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?)));
    let mut env: BTreeMap<&str, String> = env.map(|(name, value)| (name, value.to_owned())).collect();
    let endpoint = super::emulator::without_proxy(&env["AWS_ENDPOINT_URL"]);
    env.insert("AWS_ENDPOINT_URL", endpoint);
    in_environment(&env, calls)
}

/// Makes calls as the root user of an account, without the proxy.
pub fn calls_in(account: &str, calls: &[Value]) -> Vec<Value> {
    let endpoint = super::emulator::without_proxy(&super::emulator::endpoint());
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
    answers.unwrap_or_else(|| panic!("botocore has ended; its error is above"))
}

/// How all resources of one kind are listed.
pub struct List {
    pub kind: &'static str,
    service: &'static str,
    operation: &'static str,
    arguments: Value,
    /// The field of the answer that contains the resources.
    items: &'static str,
    /// The field of a resource that contains its name.
    name: &'static str,
}

/// The lists of [`inventory`]. `tests/it/kinds.rs` compares them with the kinds that the program lists.
pub fn lists() -> Vec<List> {
    let regional = json!({ "Scope": "REGIONAL" });
    let rows = [
        ("sns.topic", "sns", "list_topics", json!({}), "Topics", "TopicArn"),
        ("sns.subscription", "sns", "list_subscriptions", json!({}), "Subscriptions", "TopicArn"),
        ("sqs.queue", "sqs", "list_queues", json!({}), "QueueUrls", "QueueUrl"),
        ("secretsmanager.secret", "secretsmanager", "list_secrets", json!({}), "SecretList", "Name"),
        ("logs.group", "logs", "describe_log_groups", json!({}), "logGroups", "logGroupName"),
        ("iam.role", "iam", "list_roles", json!({}), "Roles", "Arn"),
        ("lambda.function", "lambda", "list_functions", json!({}), "Functions", "FunctionName"),
        ("wafv2.ip_set", "wafv2", "list_ip_sets", regional.clone(), "IPSets", "Name"),
        ("wafv2.web_acl", "wafv2", "list_web_acls", regional, "WebACLs", "Name"),
        ("cognito.user_pool", "cognito-idp", "list_user_pools", json!({ "MaxResults": 60 }), "UserPools", "Name"),
        (
            "cognito.identity_pool",
            "cognito-identity",
            "list_identity_pools",
            json!({ "MaxResults": 60 }),
            "IdentityPools",
            "IdentityPoolName",
        ),
        ("apigateway.rest_api", "apigateway", "get_rest_apis", json!({ "limit": 500 }), "items", "name"),
        ("apigatewayv2.api", "apigatewayv2", "get_apis", json!({ "MaxResults": "500" }), "Items", "Name"),
    ];
    let list =
        |(kind, service, operation, arguments, items, name)| List { kind, service, operation, arguments, items, name };
    rows.map(list).into()
}

/// The names of all resources in the account, of the kinds that a stack contains. Secrets in their recovery windows do not
/// count.
pub fn inventory(user: &User) -> Vec<String> {
    let lists = lists();
    let asked: Vec<Value> = lists.iter().map(|list| json!([list.service, list.operation, list.arguments])).collect();
    let answers = calls(user, &asked);
    let (mut names, mut pools) = (Vec::new(), Vec::new());
    for (List { service, operation, items, name, .. }, answer) in lists.iter().zip(answers) {
        assert!(answer.get("Error").is_none(), "{operation}: {answer}");
        for item in answer[*items].as_array().into_iter().flatten() {
            if item.get("DeletedDate").is_none() {
                // Without an ARN's account, so that two accounts can be compared.
                // Queues are listed by their URLs alone.
                let url = item.as_str().and_then(|url| url.rsplit('/').next());
                let name = url.or(item[*name].as_str()).unwrap_or("?");
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

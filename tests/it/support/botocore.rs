//! Calls AWS's API with botocore, which comes with the emulator, so that the tests do not depend on this program's own
//! view of an account.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::program::User;

/// Reads one `{"env", "calls"}` in each line, makes the calls in order, and answers with one line of results.
/// `{"$base64": "..."}` stands for bytes. Only the latest clients are kept, because there are many accounts.
const SCRIPT: &str = r#"
import base64, functools, json, sys, botocore, botocore.session
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
            answer = getattr(client(service, *who), botocore.xform_name(operation))(**arguments)
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

/// Makes one call as this user. Returns the answer, or `{"Error": ...}`. The operation is named as AWS names it
/// (`ListTopics`) or as botocore does (`list_topics`).
pub fn call(user: &User, service: &str, operation: &str, arguments: &Value) -> Value {
    calls(user, &[json!([service, operation, arguments])]).remove(0)
}

/// Makes one call that must succeed.
#[track_caller]
pub fn accepted(user: &User, service: &str, operation: &str, arguments: &Value) -> Value {
    let answer = call(user, service, operation, arguments);
    assert!(answer.get("Error").is_none(), "{operation}: {answer}");
    answer
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

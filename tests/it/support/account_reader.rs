//! Reads everything in an account with botocore instead of this program. One Python process answers all requests, because
//! starting one takes longer than all requests together.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

pub const SCRIPT: &str = include_str!("account_reader.py");

/// Everything in an account with its settings, without ids and times, so that two accounts can be compared.
pub type Account = BTreeMap<String, Value>;

pub struct AccountReader {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl AccountReader {
    /// Starts a reader for an emulator, with a Python that has botocore.
    pub fn new(python: &Path, endpoint: &str, region: &str) -> Self {
        let mut process = Command::new(python)
            .args(["-I", "-c", SCRIPT, endpoint, region])
            .env_clear()
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (questions, answers) = (process.stdin.take(), BufReader::new(process.stdout.take().unwrap()));
        Self { process, questions, answers }
    }

    /// Everything in the account, except secrets in their recovery windows.
    pub fn describe(&mut self, account: &str) -> Account {
        serde_json::from_value(self.ask("describe", account)).unwrap()
    }

    /// Deletes the account's secrets without a recovery window. Returns their names.
    pub fn purge(&mut self, account: &str) -> Vec<String> {
        serde_json::from_value(self.ask("purge", account)).unwrap()
    }

    /// Creates resources of others, with names like those of the stack `securelambda`.
    pub fn create_foreign_resources(&mut self, account: &str) {
        self.ask("create_foreign_resources", account);
    }

    fn ask(&mut self, what: &str, account: &str) -> Value {
        writeln!(self.questions.as_mut().unwrap(), "{}", json!({ "do": what, "account": account })).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        assert!(answer.get("error").is_none(), "{what} {account}: {answer}");
        answer["ok"].take()
    }
}

impl Drop for AccountReader {
    fn drop(&mut self) {
        drop(self.questions.take());
        let _ = self.process.wait();
    }
}

/// How two accounts differ: one line for each difference, `-` for an expected value and `+` for a found one.
pub fn difference(expected: &Account, found: &Account) -> String {
    let mut lines = Vec::new();
    let (expected, found) = (json!(expected), json!(found));
    differ("", Some(&expected), Some(&found), &mut lines);
    lines.join("\n")
}

fn differ(path: &str, expected: Option<&Value>, found: Option<&Value>, lines: &mut Vec<String>) {
    if expected == found {
        return;
    }
    if let (Some(Value::Object(expected)), Some(Value::Object(found))) = (expected, found) {
        let keys: std::collections::BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
        for key in keys {
            differ(&format!("{path}/{key}"), expected.get(key), found.get(key), lines);
        }
        return;
    }
    lines.extend(expected.map(|value| format!("- {path}: {value}")));
    lines.extend(found.map(|value| format!("+ {path}: {value}")));
}

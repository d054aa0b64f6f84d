//! What an account holds, told by another tool: botocore, in one process that stays, since starting one takes longer
//! than all its questions.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

const SCRIPT: &str = include_str!("account_reader.py");

/// Everything in an account and its settings, ids and times taken out, so that two can be compared.
pub type Account = BTreeMap<String, Value>;

/// The other tool.
pub struct AccountReader {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl AccountReader {
    /// One for an emulator, from the Python of its environment.
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

    /// All that is in the account. Secrets in their recovery window do not count.
    pub fn describe(&mut self, account: &str) -> Account {
        serde_json::from_value(self.ask("describe", account)).unwrap()
    }

    /// Ends the recovery windows of the account's secrets; their names.
    pub fn purge(&mut self, account: &str) -> Vec<String> {
        serde_json::from_value(self.ask("purge", account)).unwrap()
    }

    /// Makes what belongs to others, with names like those of the stack `securelambda`.
    pub fn people(&mut self, account: &str) {
        self.ask("people", account);
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

/// How an account differs from another: one line a difference, what was expected after `-`, what there is after `+`.
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

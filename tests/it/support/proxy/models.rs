//! Checks every request that passes a proxy against botocore's models of AWS's services.
//!
//! One Python process does this in parallel with the tests. When a user's command has ended, `assert_valid` reports the
//! violations of its requests. A valid request is not checked again when it is repeated.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};

use base64::Engine;
use serde::Deserialize;
use serde_json::{Value, json};

use super::AwsRequest;

/// The result for one request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CheckResult {
    /// `iam CreateRole`, or only the service if the request belongs to no operation.
    pub operation: String,
    /// The violated constraints: member and rule.
    pub broken: Vec<String>,
}

#[derive(Default)]
struct Findings {
    asked: u64,
    answered: u64,
    /// Whether the process has ended, which is an error.
    ended: bool,
    fine: HashSet<u64>,
    seen: BTreeSet<String>,
    /// Requests with violations, by user.
    broken: BTreeMap<String, Vec<CheckResult>>,
}

/// A line for the checker, with the user and the hash of the request.
struct Line {
    text: String,
    user: String,
    request: u64,
}

struct Checker {
    lines: mpsc::Sender<Line>,
    findings: Arc<(Mutex<Findings>, Condvar)>,
}

static CHECKER: OnceLock<Checker> = OnceLock::new();

/// A file with the operations that this process has seen, one in each line.
pub fn seen_file() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("operations")
}

/// Checks a request that our program made. Requests to routes and of other tools are skipped.
pub fn check(asked: &AwsRequest) {
    let header = |name: &str| asked.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !asked.is_control_plane() || header("user-agent").starts_with("Botocore") {
        return;
    }
    let checker = CHECKER.get_or_init(Checker::start);
    let mut hash = DefaultHasher::new();
    let signed = ["x-amz-target", "content-type"].map(header);
    (&asked.service, &asked.method, &asked.path, signed, &asked.body).hash(&mut hash);
    let request = hash.finish();
    {
        let mut findings = checker.findings();
        if findings.fine.contains(&request) {
            return;
        }
        findings.asked += 1;
    }
    let headers: HashMap<&str, &str> =
        asked.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    let body = base64::engine::general_purpose::STANDARD.encode(&asked.body);
    let text = json!({ "method": asked.method, "path": asked.path, "headers": headers, "body": body }).to_string();
    // The SDK's user agent contains the application: `... app/it-7`.
    let user = header("user-agent").split_whitespace().find_map(|word| word.strip_prefix("app/"));
    let line = Line { text, user: user.unwrap_or_default().to_owned(), request };
    checker.lines.send(line).unwrap();
}

/// The invalid requests of a user, or of no known user, since this was last called. Waits for running checks.
pub fn broken_by(user: &str) -> Vec<CheckResult> {
    let Some(checker) = CHECKER.get() else { return Vec::new() };
    let mut findings = checker.findings();
    let until = findings.asked;
    while findings.answered < until && !findings.ended {
        findings = checker.findings.1.wait(findings).unwrap_or_else(PoisonError::into_inner);
    }
    assert!(!findings.ended, "the checker of requests has ended; its error is above");
    let mine = findings.broken.remove(user).unwrap_or_default();
    mine.into_iter().chain(findings.broken.remove("").unwrap_or_default()).collect()
}

/// Fails if this user, or no known user, has made a request that AWS's models do not allow.
#[track_caller]
pub fn assert_valid(user: &str) {
    let broken: Vec<String> = broken_by(user)
        .iter()
        .flat_map(|finding| finding.broken.iter().map(|rule| format!("{}: {rule}", finding.operation)))
        .collect();
    assert!(broken.is_empty(), "requests that AWS's service models do not allow:\n{}", broken.join("\n"));
}

/// Asks a new checker process these questions.
pub fn ask(questions: &[Value]) -> Vec<Value> {
    let mut process = python().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let asked: Vec<String> = questions.iter().map(|question| format!("{question}\n")).collect();
    stdin.write_all(asked.concat().as_bytes()).unwrap();
    drop(stdin);
    let answers = process.wait_with_output().unwrap().stdout;
    String::from_utf8(answers).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn python() -> Command {
    let mut python = Command::new(super::super::emulator::python());
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/proxy/models.py"));
    // It must not read any user's configuration.
    python.env_clear();
    python
}

impl Checker {
    fn start() -> Self {
        let mut process = python().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut stdin, stdout) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let (lines, queue) = mpsc::channel::<Line>();
        let (written, answers) = mpsc::channel::<Line>();
        std::thread::spawn(move || {
            for line in queue {
                // If the process has ended, the reading thread reports it.
                if writeln!(stdin, "{}", line.text).is_err() || written.send(line).is_err() {
                    return;
                }
            }
        });
        let findings = Arc::<(Mutex<Findings>, Condvar)>::default();
        let found = Arc::clone(&findings);
        let mut seen = std::fs::File::create(seen_file()).unwrap();
        std::thread::spawn(move || {
            for answer in BufReader::new(stdout).lines() {
                let (Ok(answer), Ok(line)) = (answer, answers.recv()) else { break };
                let Ok(finding) = serde_json::from_str::<CheckResult>(&answer) else { break };
                let mut all = found.0.lock().unwrap_or_else(PoisonError::into_inner);
                all.answered += 1;
                if all.seen.insert(finding.operation.clone()) {
                    writeln!(seen, "{}", finding.operation).unwrap();
                }
                if finding.broken.is_empty() {
                    all.fine.insert(line.request);
                } else {
                    all.broken.entry(line.user).or_default().push(finding);
                }
                found.1.notify_all();
            }
            found.0.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
            found.1.notify_all();
            let _ = process.wait();
        });
        Self { lines, findings }
    }

    fn findings(&self) -> MutexGuard<'_, Findings> {
        self.findings.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

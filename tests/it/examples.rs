//! The applications in `examples`: five are built, called, proven, changed and removed; the one with a container image is
//! planned, because the emulator runs no images.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::botocore;
use crate::support::default_account::{DefaultAccount, default_account};
use crate::support::emulator::endpoint;
use crate::support::inventory::inventory;
use crate::support::program::{CommandOutput, User};

const PASSWORD: &str = "Correct-Horse-7-Battery\n";
const ADA: &str = "ada@example.com";

/// An example in its own folder, in the emulator's only account whose users can sign in.
struct Example {
    name: &'static str,
    user: User,
    _alone: DefaultAccount,
}

impl Example {
    fn of(name: &'static str) -> Self {
        let alone = default_account();
        let user = User::of("test", &endpoint());
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name), user.folder.path());
        Self { name, user, _alone: alone }
    }

    /// Builds the example and asserts that `status` finds no drift.
    fn is_built(&self) {
        self.user.run(&["up", "--yes"]).ends(0);
        self.user.run(&["status", "--detailed-exitcode"]).ends(0);
    }

    fn has_a_user(&self) {
        self.user.run_with(PASSWORD, &["add-user", ADA, "--password-stdin"]).ends(0);
    }

    fn call(&self, args: &[&str]) -> CommandOutput {
        self.user.run_with(PASSWORD, &[&["call"], args].concat())
    }

    /// The JSON body of the answer to a request of the user. The status must be 2xx.
    #[track_caller]
    fn body(&self, args: &[&str]) -> Value {
        let ran = self.call(&[args, &["--as", ADA, "--password-stdin"]].concat()).ends(0);
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// Asserts that `verify` passes, and that `up` applies a changed key of the stack file.
    fn is_proven_and_changed(&self, key: &str, changed: &str) {
        self.user.run(&["verify"]).ends(0);
        let file = self.user.folder.path().join("securelambda.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(key), "{key} is not in the example");
        std::fs::write(&file, text.replacen(key, changed, 1)).unwrap();
        self.user.run(&["plan", "--detailed-exitcode"]).ends(7);
        self.user.run(&["up", "--yes"]).ends(0);
        self.user.run(&["plan", "--detailed-exitcode"]).ends(0);
        self.user.run(&["verify"]).ends(0);
    }

    /// The resources of this stack in the account.
    fn resources(&self) -> Vec<String> {
        let own = format!("{}-", self.name);
        inventory(&self.user).into_iter().filter(|name| name.contains(&own)).collect()
    }

    /// Asserts that `down` keeps the tables, and removes each with `--remove-table`.
    fn is_removed(&self, tables: &[&str]) {
        let down = self.user.run(&["down", "--yes"]).ends(0);
        let left = self.resources();
        assert_eq!(left.len(), tables.len(), "{left:?}");
        for table in tables {
            assert!(down.stderr.contains(table), "`down` does not name the table {table}:\n{}", down.stderr);
            self.user.run(&["down", "--yes", "--remove-table", table]).ends(0);
        }
        assert_eq!(self.resources(), Vec::<String>::new());
        assert!(!self.user.records_resources());
    }
}

/// Copies a folder without its build output and state.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && !["target", "build", "state"].iter().any(|built| name == *built) {
            copy(&path, &to.join(name));
        } else if path.is_file() {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// Repeats `ask` until it returns an answer, because queues deliver after a moment.
#[track_caller]
fn eventually<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "nothing came within a minute");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn notes_are_kept_for_each_user_and_a_page_on_the_allowed_origin_reads_them() {
    let example = Example::of("notes");
    example.is_built();
    example.has_a_user();
    let note = example.body(&["POST /notes", "--data", r#"{"text":"Buy milk"}"#]);
    assert_eq!(note["text"], "Buy milk");
    assert_eq!(example.body(&["GET /notes"]), json!([note]));
    let path = format!("GET /notes/{}", note["noteId"].as_str().unwrap());
    let page = "Origin: https://notes.example.com";
    let read = example.call(&[&path, "--as", ADA, "--password-stdin", "--include", "--header", page]).ends(0);
    assert!(
        read.stderr.to_lowercase().contains("access-control-allow-origin: https://notes.example.com"),
        "{}",
        read.stderr
    );
    let refused = example.call(&[&path, "--anonymous", "--include", "--header", page]).ends(1).says("401");
    assert!(refused.stderr.to_lowercase().contains("access-control-allow-origin"), "{}", refused.stderr);
    example.call(&["POST /notes", "--as", ADA, "--password-stdin", "--data", r#"{"text":""}"#]).ends(1).says("400");

    // Another user has other notes.
    example.user.run_with(PASSWORD, &["add-user", "bob@example.com", "--password-stdin"]).ends(0);
    let others = example.call(&["GET /notes", "--as", "bob@example.com", "--password-stdin"]).ends(0);
    assert_eq!(others.stdout.trim(), "[]");

    example.is_proven_and_changed("max_age_s = 600", "max_age_s = 60");
    example.is_removed(&["notes"]);
}

#[test]
fn orders_are_handled_from_the_queue_and_those_that_fail_go_to_the_dead_letters() {
    let example = Example::of("orders");
    example.is_built();
    example.has_a_user();
    let taken = example.body(&["POST /orders", "--data", r#"{"article":"bolt","amount":3}"#]);
    let path = format!("GET /orders/{}", taken["orderId"].as_str().unwrap());
    let order = eventually(|| {
        let ran = example.call(&[&path, "--as", ADA, "--password-stdin"]);
        (ran.code == 0).then(|| serde_json::from_str::<Value>(&ran.stdout).unwrap())
    });
    assert_eq!((&order["article"], &order["amount"]), (&json!("bolt"), &json!(3)));
    example.is_proven_and_changed("batch = 10", "batch = 5");
    example.is_removed(&["orders"]);
}

#[test]
fn links_in_typescript_are_bundled_created_and_followed_without_a_token() {
    let example = Example::of("links");
    example.is_built();
    example.has_a_user();
    let link = example.body(&["POST /links", "--data", r#"{"url":"https://example.com/a"}"#]);
    let path = format!("GET /{}", link["code"].as_str().unwrap());
    // A redirect is no success for `call`, which does not follow it.
    let followed = example.call(&[&path, "--include"]).ends(1);
    assert!(followed.stderr.to_lowercase().contains("location: https://example.com/a"), "{}", followed.stderr);
    let refused = example.call(&["POST /links", "--as", ADA, "--password-stdin", "--data", r#"{"url":"ftp://x"}"#]);
    refused.ends(1).says("400");
    example.is_proven_and_changed("ttl = \"expires\"", "ttl = \"expires\"\nrecovery = true");
    example.is_removed(&["links"]);
}

#[test]
fn prices_are_added_up_with_a_compiled_package_of_a_pyproject() {
    let example = Example::of("prices");
    example.is_built();
    example.has_a_user();
    let basket = r#"{"lines":[{"article":"bolt","amount":3,"unit_price":"0.12"},{"article":"gear","amount":1,"unit_price":"9.90"}]}"#;
    assert_eq!(example.body(&["POST /price", "--data", basket]), json!({ "total": "10.26" }));
    let wrong = example.call(&["POST /price", "--as", ADA, "--password-stdin", "--data", r#"{"lines":[]}"#]);
    let wrong: Value = serde_json::from_str(&wrong.ends(1).says("400").stdout).unwrap();
    assert_eq!(wrong["errors"][0]["type"], "too_short");
    example.is_proven_and_changed("memory_mb    = 256", "memory_mb    = 512");
    example.is_removed(&[]);
}

/// Compiles the Rust function, once for all runs of the tests, and puts it where the stack file expects it.
fn build_quote(example: &Example) {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("quote");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/partners/functions/quote/Cargo.toml");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--locked", "--quiet", "--manifest-path"]).arg(source).arg("--target-dir").arg(&target);
    assert!(cargo.status().unwrap().success(), "the function quote does not compile");
    let build = example.user.folder.path().join("functions/quote/build");
    std::fs::create_dir_all(&build).unwrap();
    std::fs::copy(target.join("debug/quote"), build.join("bootstrap")).unwrap();
}

/// The signature that a partner sends, made with the key in the secret.
fn signature(example: &Example, request: &str) -> String {
    let id = json!({ "SecretId": "partners-Partners" });
    let secret = botocore::call(&example.user, "secretsmanager", "get_secret_value", &id);
    let secret: Value = serde_json::from_str(secret["SecretString"].as_str().unwrap()).unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret["SIGNING_KEY"].as_str().unwrap().as_bytes());
    hex::encode(ring::hmac::sign(&key, request.as_bytes()))
}

#[test]
fn partners_get_quotes_from_a_rust_function_if_they_sign_their_requests() {
    let example = Example::of("partners");
    build_quote(&example);
    example.is_built();
    let signed = format!("x-partner-signature: {}", signature(&example, "GET /quotes/bolt"));
    let call = |header: &str| example.call(&["GET /quotes/bolt", "--key", "acme", "--header", header]);
    let quote: Value = serde_json::from_str(&call(&signed).ends(0).stdout).unwrap();
    assert_eq!(quote, json!({ "article": "bolt", "cents": 12 }));
    call("x-partner-signature: 00").ends(1).says("403");
    // AWS answers 401. The emulator asks the authorizer nevertheless.
    example.call(&["GET /quotes/bolt", "--key", "acme"]).ends(1).says("40");
    // A signature without an API key does not identify the caller, and a key without a signature gives no access.
    example.call(&["GET /quotes/bolt", "--header", &signed]).ends(2).says("pass --key with one of acme, umbrella");
    example.call(&["GET /quotes/bolt", "--header", &signed, "--anonymous"]).ends(1).says("403");
    let key = example.user.run(&["outputs", "--keys", "umbrella"]).ends(0).stdout;
    assert!(key.trim().len() >= 20, "{} characters", key.trim().len());
    let curl = example.call(&["GET /quotes/bolt", "--key", "umbrella", "--curl"]).ends(0);
    assert!(!curl.stdout.contains(key.trim()) && curl.stdout.contains("API_KEY=$("), "{}", curl.stdout);
    example.is_proven_and_changed("timeout_s    = 5", "timeout_s    = 6");
    example.is_removed(&[]);
}

#[test]
fn thumbnails_are_planned_with_their_image() {
    let example = Example::of("thumbnails");
    let plan = example.user.run(&["plan"]).ends(0).stdout;
    assert!(plan.contains("+ function.Resize"), "{plan}");
    assert_eq!(example.resources(), Vec::<String>::new());
}

#[test]
fn the_page_lists_every_example() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let page = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut examples = 0;
    for entry in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap()).filter(|entry| entry.path().is_dir()) {
        examples += 1;
        let name = entry.file_name().into_string().unwrap();
        assert!(page.contains(&format!("({name}/securelambda.toml)")), "{name} is not on the page");
        assert!(entry.path().join("securelambda.toml").is_file(), "{name} has no stack file");
    }
    assert_eq!(examples, 6);
}

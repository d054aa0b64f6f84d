//! The whole program with the emulator, which enforces IAM and runs the functions.

use std::time::Duration;

use serde_json::Value;

use crate::support::default_account::default_account;
use crate::support::emulator::{account, endpoint};
use crate::support::inventory::inventory;
use crate::support::program::{CommandOutput, User};
use crate::support::proxy::Proxy;

/// The emulator sends no e-mail and accepts any six digits as the code.
const CODE: &str = "123456";
const PASSWORD: &str = "Correct-Horse-7-Battery\n";

fn someone() -> User {
    User::of(&account(), &endpoint())
}

fn up(user: &User) -> Value {
    let summary = user.run(&["up", "--yes", "--json"]).ends(0).summary();
    assert_eq!(summary["type"], "summary");
    summary
}

fn call(user: &User, input: &str, args: &[&str]) -> (CommandOutput, u64) {
    let mut words = vec!["call", "--json"];
    words.extend(args);
    let ran = user.run_with(input, &words);
    let status = ran.json()["status"].as_u64().unwrap();
    (ran, status)
}

#[test]
fn the_tutorial_is_built_called_and_removed() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    let built = up(&user);
    let outputs = built["outputs"].clone();
    assert_eq!(outputs["api"]["routes"].as_array().unwrap().len(), 2);

    // A user in each pool. Adding one twice is no error if that is meant.
    for pool in ["MyUserPool1", "MyUserPool2"] {
        let ada = ["add-user", "ada@example.com", "--pool", pool, "--password-stdin"];
        user.run_with(PASSWORD, &ada).ends(0);
        user.run_with(PASSWORD, &ada).ends(2).says("--reset-password");
        user.run_with(PASSWORD, &[&ada[..], &["--reset-password"]].concat()).ends(0);
    }
    let token = user
        .run_with(PASSWORD, &["token", "ada@example.com", "--pool", "MyUserPool1", "--password-stdin"])
        .ends(0)
        .stdout;
    assert_eq!(token.trim_end().split('.').count(), 3, "a token and nothing else: {token:?}");

    // A token of the route's own pool passes, and the message reaches the second function.
    let body = r#"{"name":"Ada"}"#;
    let as_ada = ["POST /lambda1", "--as", "ada@example.com", "--password-stdin", "--data", body];
    let (ran, status) = call(&user, PASSWORD, &as_ada);
    assert_eq!(status, 200);
    assert_eq!(
        ran.json()["body"]["message"],
        "Hello Ada. Greetings from ExternalLambda1! Message forwarded to InternalLambda."
    );
    assert_every_json_answer_has_a_schema_version(&user, &token);
    let (ran, status) = call(&user, &token, &["/lambda1", "--token-stdin", "--data", body]);
    assert_eq!(status, 200, "{}", ran.stdout);
    assert!(log_of_internal_lambda(&user).contains("Hello Ada. Greetings from InternalLambda!"));

    // Other callers are refused, and so are bodies that violate the model.
    assert_eq!(call(&user, "", &["POST /lambda1", "--anonymous", "--data", body]).1, 401);
    assert_eq!(call(&user, &token, &["POST /lambda2", "--token-stdin", "--data", body]).1, 401);
    for bad in ["{}", "[]", "no json", r#"{"name":1}"#, r#"{"name":"Ada","more":1}"#, r#"{"name":" "}"#] {
        assert_eq!(call(&user, &token, &["POST /lambda1", "--token-stdin", "--data", bad]).1, 400, "{bad}");
    }

    // A user can sign up with a code from an e-mail, as in the tutorial, and can be invited, also twice.
    let sue = ["add-user", "sue@example.com", "--pool", "MyUserPool2"];
    user.run_with(PASSWORD, &[&sue[..], &["--sign-up", "--password-stdin"]].concat()).ends(0).says("--code CODE");
    user.run_with(PASSWORD, &["token", "sue@example.com", "--pool", "MyUserPool2", "--password-stdin"]).ends(1);
    user.run(&[&sue[..], &["--code", CODE]].concat()).ends(0).says("confirmed");
    user.run_with(PASSWORD, &["token", "sue@example.com", "--pool", "MyUserPool2", "--password-stdin"]).ends(0);
    for result in ["invited", "invited_again"] {
        let ran = user.run(&["add-user", "ivy@example.com", "--pool", "MyUserPool2", "--invite", "--json"]).ends(0);
        assert_eq!(ran.json()["result"], result);
    }
    let ran = user.run(&["add-user", "gil@example.com", "--pool", "MyUserPool2", "--generate"]).ends(0);
    user.run_with(&ran.stdout, &["token", "gil@example.com", "--pool", "MyUserPool2", "--password-stdin"]).ends(0);
    for gone in ["sue", "ivy", "gil"] {
        user.run(&["remove-user", "--yes", &format!("{gone}@example.com"), "--pool", "MyUserPool2"]).ends(0);
    }

    // Users are listed and removed. Removing one twice is no error.
    let users = user.run(&["users", "--json"]).ends(0).json();
    assert_eq!(users["users"].as_array().unwrap().len(), 2);
    for result in ["removed", "absent"] {
        let ran = user.run(&["remove-user", "--yes", "ada@example.com", "--pool", "MyUserPool2", "--json"]).ends(0);
        assert_eq!(ran.json()["result"], result);
    }

    let summary = user.run(&["down", "--yes", "--json"]).ends(0).summary();
    assert_eq!(summary["left"], serde_json::json!([]));
    assert_eq!(summary["counts"]["deleted"], built["counts"]["created"], "what is made is removed: {summary}");
    assert!(!user.records_resources());
    assert_eq!(left_in(&user), Vec::<String>::new());
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

/// Runs every command with `--json` that does not change the stack, except `traffic`, which the emulator does not support.
fn assert_every_json_answer_has_a_schema_version(user: &User, token: &str) {
    for args in [
        &["plan"][..],
        &["status"],
        &["status", "--offline"],
        &["outputs"],
        &["users"],
        &["doctor"],
        &["graph"],
        &["sweep"],
        &["logs"],
        &["up"],
        &["token", "ada@example.com", "--pool", "MyUserPool1", "--password-stdin"],
        &["add-user", "ada@example.com", "--pool", "MyUserPool1", "--password-stdin", "--reset-password"],
        &["remove-user", "--yes", "nobody@example.com", "--pool", "MyUserPool1"],
        &["call", "POST /lambda1", "--token-stdin", "--data", r#"{"name":"Ada"}"#],
    ] {
        let input = if args[0] == "call" { token } else { PASSWORD };
        let ran = user.run_with(input, &[args, &["--json"]].concat()).ends(0);
        let values: Vec<Value> =
            serde_json::Deserializer::from_str(&ran.stdout).into_iter().collect::<Result<_, _>>().unwrap();
        assert!(!values.is_empty(), "{args:?} says nothing");
        assert!(values.iter().all(|value| value["schema_version"] == 1), "{args:?}: {}", ran.stdout);
    }
}

#[test]
fn a_second_up_writes_nothing_and_status_reports_no_drift() {
    let account = account();
    let proxy = Proxy::new(&endpoint(), Duration::ZERO);
    let user = User::of(&account, &proxy.endpoint);
    up(&user);
    let before = std::fs::read(user.state()).unwrap();
    proxy.take();

    user.run(&["up"]).ends(0).says("Nothing to do");
    let calls = proxy.take();
    let writes: Vec<_> = calls.iter().filter(|call| call.writes).collect();
    assert!(!calls.is_empty() && writes.is_empty(), "{writes:?}");
    assert_eq!(std::fs::read(user.state()).unwrap(), before, "the state file is untouched");

    let status = user.run(&["status", "--json", "--detailed-exitcode"]).ends(0).json();
    assert_eq!(status["sound"], true, "{status:#}");
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    assert!(proxy.take().iter().all(|call| !call.writes));
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn down_removes_everything_without_the_state_file() {
    let user = someone();
    up(&user);
    std::fs::remove_file(user.state()).unwrap();
    user.run(&["status"]).ends(10).says("up --adopt");
    user.run(&["down", "--yes", "--adopt"]).ends(0).says("0 left");
    assert_eq!(left_in(&user), Vec::<String>::new());
}

#[test]
fn up_adopts_everything_without_the_state_file() {
    let user = someone();
    let outputs = up(&user)["outputs"].clone();
    std::fs::remove_file(user.state()).unwrap();
    let again = user.run(&["up", "--yes", "--adopt", "--json"]).ends(0).summary();
    assert_eq!(again["outputs"], outputs, "nothing was made twice");
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn up_restores_a_secret_that_is_in_its_recovery_window() {
    let user = someone();
    let first = up(&user)["outputs"]["secrets"].clone();
    user.run(&["down", "--yes"]).ends(0).says("can be restored until");
    assert_eq!(up(&user)["outputs"]["secrets"], first);
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn up_and_down_name_a_foreign_topic_and_leave_it_alone() {
    let user = someone();
    // A topic of another tool with the same name.
    aws(&user, "sns", "create_topic", &serde_json::json!({ "Name": "securelambda-greetings" }));
    let ran = user.run(&["up", "--yes"]).ends(4);
    let arn = ":securelambda-greetings";
    let ran = ran.says(arn).says("does not belong to this stack").says("skipped");
    assert!(
        ran.stderr.contains("role"),
        "resources that do not depend on the topic must still be created:\n{}",
        ran.stderr
    );
    user.run(&["down", "--yes"]).ends(0).says("not removed");
    let topics = aws(&user, "sns", "list_topics", &serde_json::json!({}));
    assert!(topics.to_string().contains(arn), "{topics}");
}

/// The log of InternalLambda, once it contains a greeting.
fn log_of_internal_lambda(user: &User) -> String {
    for _ in 0..50 {
        let group = "/aws/lambda/securelambda-InternalLambda";
        let events = aws(user, "logs", "filter_log_events", &serde_json::json!({ "logGroupName": group }));
        let text = events.to_string();
        if text.contains("Greetings") {
            return text;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    String::new()
}

/// One call with botocore.
fn aws(user: &User, service: &str, operation: &str, arguments: &Value) -> Value {
    crate::support::botocore::call(user, service, operation, arguments)
}

/// All resources in the account, of the kinds that the program creates.
fn left_in(user: &User) -> Vec<String> {
    inventory(user)
}

#[test]
fn up_removes_resources_that_are_no_longer_in_the_stack_file() {
    let user = someone();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/lambdas");
    std::os::unix::fs::symlink(source, user.folder.path().join("lambdas")).unwrap();
    let whole = securelambda::spec::BUILTIN;
    user.write("securelambda.toml", whole);
    up(&user);
    let both = left_in(&user);

    // Without the second function, its pool and its route.
    let mut document: toml::Table = toml::from_str(whole).unwrap();
    document["functions"].as_table_mut().unwrap().remove("ExternalLambda2");
    document["pools"].as_table_mut().unwrap().remove("MyUserPool2");
    document["api"]["routes"].as_array_mut().unwrap().pop();
    user.write("securelambda.toml", &document.to_string());
    let plan = user.run(&["plan"]).ends(0).stdout;
    for gone in ["function.ExternalLambda2", "role.ExternalLambda2", "logs.ExternalLambda2", "pool.MyUserPool2"] {
        assert!(plan.contains(&format!("- {gone}")), "{gone} is not planned for removal:\n{plan}");
    }
    let outputs = up(&user)["outputs"].clone();
    assert_eq!(outputs["api"]["routes"].as_array().unwrap().len(), 1);
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    let one = left_in(&user);
    assert_eq!(both.len() - one.len(), 5, "function, role, log group, pool and client:\n{one:#?}");
    assert!(!one.iter().any(|name| name.contains("ExternalLambda2") || name.contains("MyUserPool2")), "{one:#?}");

    // The whole file creates them again.
    user.write("securelambda.toml", whole);
    up(&user);
    assert_eq!(left_in(&user), both);
    user.run(&["down", "--yes"]).ends(0);
    assert_eq!(left_in(&user), Vec::<String>::new());
}

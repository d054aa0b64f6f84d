//! Causes every documented exit code and checks the output: results on standard output, the error and a hint on standard
//! error, and the same as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::CommandFactory;
use rustix::process::Signal;
use securelambda::args::Cli;
use serde_json::{Value, json};

use crate::promises::section;
use crate::support::botocore;
use crate::support::default_account::default_account;
use crate::support::emulator::{account, endpoint};
use crate::support::program::{CommandOutput, User};
use crate::support::proxy::{CallOutcome, Proxy};

/// Causes an exit code, with these flags added to the command.
type Cause = fn(&[&str]) -> CommandOutput;

fn run(user: &User, args: &[&str], flags: &[&str]) -> CommandOutput {
    user.run(&[args, flags].concat())
}

/// Sends signals to an `up` while a call hangs.
fn up_and(signals: &[Signal], flags: &[&str]) -> CommandOutput {
    let proxy = Proxy::for_first_call("CreateUserPool", CallOutcome::HungAfter);
    let user = User::of(&account(), &proxy.endpoint);
    let run = user.start(&[&["up", "--yes"], flags].concat());
    if !proxy.hangs_within(Duration::from_secs(30)) {
        run.signal(Signal::KILL);
        panic!("no call was held up: {:?}", run.ends_within(Duration::from_secs(7)).0);
    }
    for signal in signals {
        run.signal(*signal);
        std::thread::sleep(Duration::from_millis(200));
    }
    run.ends_within(Duration::from_secs(7)).0
}

/// Exit codes with the text of the error and a cause. The text is empty if there is no error.
fn table() -> Vec<(i32, &'static str, Cause)> {
    vec![
        (0, "", |flags| run(&User::newcomer(), &["down", "--yes"], flags)),
        (1, "no answer", |flags| run(&User::of("111111111111", "http://127.0.0.1:9"), &["down", "--yes"], flags)),
        (2, "there is no terminal", |flags| run(&User::newcomer(), &["up"], flags)),
        (2, "there is no terminal", |flags| run(&User::with_a_stack(), &["down"], flags)),
        (2, "has 3 mistakes", |flags| {
            let user = User::bare();
            user.write("securelambda.toml", "[stack]\nname = \"No\"\n[firewall]\nmode = \"alow\"\n");
            run(&user, &["up", "--yes"], flags)
        }),
        (3, "no usable AWS credentials", |flags| {
            run(&User::bare().with("AWS_REGION", "eu-central-1"), &["up", "--yes"], flags)
        }),
        (4, "1 resource failed; the others are kept", |flags| {
            let user = User::newcomer();
            // A foreign role has the name.
            let taken = json!({ "RoleName": "securelambda-InternalLambda", "Path": "/securelambda/securelambda/",
                "AssumeRolePolicyDocument": "{\"Version\":\"2012-10-17\",\"Statement\":[]}" });
            assert!(botocore::call(&user, "iam", "create_role", &taken).get("Error").is_none());
            run(&user, &["up", "--yes"], flags)
        }),
        (5, "failed", |flags| {
            // Unsigned requests reach only this account.
            let _alone = default_account();
            let user = User::of("test", &endpoint());
            user.run(&["up", "--yes"]).ends(0);
            let outputs = user.run(&["outputs", "--json"]).ends(0).json();
            user.run(&["verify"]).ends(0);
            let stage = json!({ "restApiId": outputs["api"]["id"], "stageName": "development", "patchOperations":
                [{ "op": "replace", "path": "/*/*/throttling/rateLimit", "value": "9999" }] });
            assert!(botocore::call(&user, "apigateway", "update_stage", &stage).get("Error").is_none());
            let ran = run(&user, &["verify"], flags);
            user.run(&["down", "--yes"]).ends(0);
            ran
        }),
        (6, "there is no stack securelambda", |flags| run(&User::newcomer(), &["verify"], flags)),
        (7, "", |flags| run(&User::newcomer(), &["up", "--yes", "--detailed-exitcode"], flags)),
        (8, "stopped; created resources are recorded in the state file", |flags| up_and(&[Signal::TERM], flags)),
        (9, "another run holds the lock", |flags| {
            let user = User::with_a_stack();
            let lock = std::fs::File::options().write(true).open(user.state().with_extension("lock")).unwrap();
            lock.lock().unwrap();
            run(&user, &["up", "--yes"], flags)
        }),
        (10, "of the stack securelambda exist in account", |flags| {
            let user = User::with_a_stack();
            std::fs::remove_file(user.state()).unwrap();
            run(&user, &["up", "--yes"], flags)
        }),
        (130, "interrupted; created resources", |flags| up_and(&[Signal::INT, Signal::INT], flags)),
    ]
}

#[test]
fn every_exit_code_comes_with_an_error_and_a_hint() {
    for (code, words, cause) in table() {
        let ran = cause(&[]).ends(code).says(words);
        if words.is_empty() {
            assert!(!ran.stderr.contains("error:"), "{code}: {}", ran.stderr);
            continue;
        }
        let error = ran.stderr.split_once("error: ").unwrap_or_default().1.to_owned();
        assert!(error.contains(words), "{code}: {}", ran.stderr);
        // Mistakes in a stack file need no further hint.
        assert!(
            error.contains("hint: ") || words.contains("mistakes"),
            "{code}: the error must have a hint: {}",
            ran.stderr
        );
        assert!(!ran.stdout.contains("error:") && !ran.stdout.contains("hint:"), "{code}: {}", ran.stdout);
        assert!(!ran.stderr.contains("panicked"), "{code}: {}", ran.stderr);
    }
}

#[test]
fn every_exit_code_comes_with_a_json_error_and_a_summary() {
    for (code, words, cause) in table() {
        let ran = cause(&["--json"]).ends(code);
        let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        // The lines of `verify` have a version of their own.
        let version = if lines.iter().any(|line| line["verb"] == "verify") { 2 } else { 1 };
        assert!(lines.iter().all(|line| line["schema_version"] == version), "{code}: {}", ran.stdout);
        let summaries = lines.iter().filter(|line| line["type"] == "summary").count();
        let last = lines.last().unwrap();
        assert_eq!((summaries, &last["type"]), (1, &json!("summary")), "{code}: {}", ran.stdout);
        assert_eq!(last["succeeded"], words.is_empty(), "{code}: {last}");
        if code == 8 || code == 130 {
            assert_eq!(last["stopped"], true, "{code}: {last}");
        }
        if !words.is_empty() {
            let error: Value = serde_json::from_str(ran.stderr.lines().last().unwrap()).unwrap();
            assert_eq!((&error["exit_code"], &error["schema_version"]), (&json!(code), &json!(1)), "{error}");
            assert!(error["message"].as_str().unwrap().contains(words), "{code}: {error}");
        }
    }
}

#[test]
fn documentation_and_help_list_exactly_the_tested_exit_codes() {
    let section = section("docs/commands.md", "## Exit codes");
    let row = |line: &str| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        Some((cells.next()?.parse::<i32>().ok()?, cells.next()?.to_owned()))
    };
    let documented: BTreeMap<i32, String> = section.lines().filter_map(row).collect();

    let help = Cli::command().render_long_help().to_string();
    let section = help.split("Exit codes:").nth(1).unwrap();
    let numbers = section.split_whitespace().filter_map(|word| word.parse::<i32>().ok());
    // The help contains no other numbers in this section.
    let mut in_help: Vec<i32> = numbers.collect();
    in_help.sort_unstable();

    let mut tested: Vec<i32> = table().iter().map(|(code, ..)| *code).collect();
    tested.dedup();
    let documented: Vec<i32> = documented.into_keys().collect();
    assert_eq!((&in_help, &tested), (&documented, &documented));
}

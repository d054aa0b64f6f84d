//! Bad input with an existing stack: a clear error, and nothing is created or lost.

use serde_json::json;

use crate::support::botocore;
use crate::support::emulator::{account, endpoint};
use crate::support::inventory::inventory;
use crate::support::program::User;

#[test]
fn unknown_pools_and_routes_and_damaged_state_files_are_refused() {
    let user = User::with_a_stack();
    let add = |password: &str, args: &[&str]| {
        let mut words = vec!["add-user", "ada@example.com", "--password-stdin"];
        words.extend(args);
        user.run_with(password, &words)
    };
    add("short", &["--pool", "MyUserPool1"])
        .ends(2)
        .says("does not meet the policy of MyUserPool1")
        .says("at least 12 characters")
        .says("a symbol");
    add("", &["--pool", "MyUserPool1"]).ends(2).says("standard input contains no password");
    add("x", &["--pool", "MyUserPool3"]).ends(2).says("known: MyUserPool1, MyUserPool2");
    add("x", &[]).ends(2).says("choose one with --pool: MyUserPool1, MyUserPool2");
    user.run(&["add-user", "ada@example.com", "--pool", "MyUserPool1"]).ends(2).says("--password-stdin");
    user.run(&["call", "POST /lambda3", "--anonymous"]).ends(2).says("known: POST /lambda1, POST /lambda2");
    user.run(&["outputs", "api.base"]).ends(2).says("did you mean api.base_url?");
    assert_eq!(user.run(&["users", "--json"]).ends(0).json()["users"], json!([]));

    // Another run holds the lock.
    let state = user.state();
    let lock = std::fs::File::options().write(true).open(state.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    user.run(&["up", "--yes"]).ends(9).says("another run holds the lock");
    drop(lock);

    // Without a terminal there is no confirmation.
    user.run(&["down"]).ends(2).says("--yes");

    // A damaged state file stops every command. Without one, `up --adopt` adopts the existing resources.
    let good = std::fs::read(&state).unwrap();
    std::fs::write(&state, &good[..good.len() / 2]).unwrap();
    for command in ["up", "down"] {
        user.run(&[command, "--yes"]).ends(1).says("is damaged").says("hint: restore it");
    }
    assert_eq!(std::fs::read(&state).unwrap(), &good[..good.len() / 2], "it is left as it was");
    std::fs::remove_file(&state).unwrap();
    user.run(&["up", "--yes", "--adopt"]).ends(0).says("adopted");
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn credentials_of_another_account_are_refused_before_any_write() {
    let user = User::with_a_stack();
    let before = inventory(&user);
    let other = account();
    let user = user.with("AWS_ACCESS_KEY_ID", &other);
    for command in ["up", "down"] {
        user.run(&[command, "--yes"]).ends(3).says("belongs to account").says(&other);
    }
    assert_eq!(inventory(&user), Vec::<String>::new());
    user.run(&["status"]).ends(6).says("a stack of this name exists in account");
    let outputs = user.run(&["outputs", "--json"]).ends(0).json();
    let user = user.with("AWS_ACCESS_KEY_ID", outputs["account"].as_str().unwrap());
    assert_eq!(inventory(&user), before);
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn credentials_that_aws_refuses_end_with_3() {
    let user = User::of("AKIAIOSFODNN7EXAMPLE", &endpoint());
    user.run(&["up", "--yes"]).ends(3).says("could not read the identity of the caller");
    assert!(!user.folder.path().join("state").exists());
}

#[test]
fn an_unusable_state_folder_fails_before_any_create() {
    let user = User::newcomer();
    user.write("state", "a file where the folder should be");
    user.run(&["up", "--yes"]).ends(1).says("the state folder");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn recorded_outputs_of_an_unknown_shape_are_read_again_from_aws() {
    let user = User::with_a_stack();
    let path = user.state();
    let good = std::fs::read_to_string(&path).unwrap();
    let mut state: serde_json::Value = serde_json::from_str(&good).unwrap();
    // Outputs as another version or an editor might write them.
    for (number, record) in state["resources"].as_object_mut().unwrap().values_mut().enumerate() {
        record["outputs"] = [json!({}), json!("text"), json!({ "arn": 7 }), json!([])][number % 4].clone();
    }
    std::fs::write(&path, state.to_string()).unwrap();
    user.run(&["outputs"]).ends(0);
    user.run(&["plan"]).ends(0);
    user.run(&["up", "--yes"]).ends(0).says("adopted");
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    let ids = |text: &str| -> serde_json::Value {
        serde_json::from_str::<serde_json::Value>(text).unwrap()["resources"].clone()
    };
    assert_eq!(ids(&std::fs::read_to_string(&path).unwrap()), ids(&good), "found again, nothing made");
    std::fs::write(&path, state.to_string()).unwrap();
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn an_empty_stack_file_is_a_mistake_that_says_what_to_write() {
    let user = User::bare();
    for text in ["", "\n# nothing\n", "[stack]\nname = \"demo\"\n"] {
        user.write("securelambda.toml", text);
        user.run(&["plan"]).ends(2).says("describes nothing to build").says("`securelambda init`");
    }
}

/// A stack of one topic, which costs two calls.
const TOPIC: &str = "[stack]\nname = \"first\"\n[topics.news]\n";

#[test]
fn a_changed_stack_name_is_announced_as_a_second_stack() {
    let user = User::newcomer();
    user.write("securelambda.toml", TOPIC);
    let first = user.run(&["up", "--yes"]).ends(0);
    assert!(!first.stderr.contains("will be a new stack"), "{}", first.stderr);
    user.write("securelambda.toml", &TOPIC.replace("first", "second"));
    let words = "second will be a new stack beside first";
    let remedy = "`securelambda down --stack first` removes first";
    let plan = user.run(&["plan"]).ends(0).stdout;
    assert!(plan.contains(words) && plan.contains(remedy), "{plan}");
    let notes = user.run(&["plan", "--json"]).ends(0).json()["notes"].to_string();
    assert!(notes.contains(words), "{notes}");
    user.run(&["up", "--yes"]).ends(0).says(words).says(remedy);
    // Once the second stack exists, `up` does not announce it again.
    let again = user.run(&["up", "--yes"]).ends(0);
    assert!(!again.stderr.contains(words), "{}", again.stderr);
    for stack in ["first", "second"] {
        user.run(&["down", "--yes", "--stack", stack]).ends(0);
    }
}

#[test]
fn a_plan_that_up_would_refuse_ends_with_4_and_names_the_reason() {
    let user = User::newcomer();
    user.write("securelambda.toml", TOPIC);
    botocore::call(&user, "sns", "create_topic", &json!({ "Name": "first-news" }));
    let plan = user.run(&["plan"]).ends(4).says("`up` would fail: 1 resource cannot be changed as planned").stdout;
    assert!(plan.contains("does not belong to this stack"), "{plan}");
    let document = user.run(&["plan", "--json"]).ends(4).json();
    assert!(document.to_string().contains("does not belong to this stack"), "{document}");
    user.run(&["up", "--yes"]).ends(4);
}

#[test]
fn an_address_is_suggested_in_the_form_that_the_user_meant() {
    let user = User::bare();
    user.run(&["init", "."]).ends(0);
    for (address, words) in [
        ("198.51.100.4", "for this one address, write 198.51.100.4/32"),
        ("2001:db8::4", "for this one address, write 2001:db8::4/128"),
        ("office", "is not an IP network"),
    ] {
        let ran = user.run(&["up", "--allow-ip", address]).ends(2).says(words);
        assert!(!ran.stderr.contains("203.0.113"), "{}", ran.stderr);
    }
}

#[test]
fn printed_commands_keep_the_flags_that_mean_the_same_stack() {
    let user = User::newcomer();
    user.write("my stack.toml", TOPIC);
    let at = ["--file", "my stack.toml", "--stack", "staging", "--state-dir", "elsewhere", "--region", "eu-west-1"];
    let endpoint = endpoint();
    let flags = [&at[..], &["--endpoint-url", &endpoint]].concat();
    let kept = format!(
        "--file 'my stack.toml' --stack staging --state elsewhere --region eu-west-1 --endpoint-url {endpoint}`"
    );
    user.run(&[&["status"], &flags[..]].concat()).ends(6).says(&format!("`securelambda up {kept}"));
    let told = user.run(&[&["status", "--json"], &flags[..]].concat()).ends(6).stderr;
    assert!(told.contains(&kept), "{told}");
    let plain = user.run(&["status", "--blueprint", "http-jwt"]).ends(6);
    plain.says("`securelambda up --blueprint http-jwt`");
}

//! `doctor` with the emulator: its findings and exit codes.

use serde_json::{Value, json};

use crate::support::botocore;
use crate::support::emulator::{account, endpoint};
use crate::support::iam::{Operator, policies, reduced_for_ministack};
use crate::support::program::User;

const REGION: &str = "eu-central-1";

fn check<'a>(document: &'a Value, subject: &str) -> &'a Value {
    let checks = document["checks"].as_array().unwrap();
    checks.iter().find(|check| check["subject"] == subject).unwrap_or_else(|| panic!("no {subject} in {document:#}"))
}

#[test]
fn doctor_finds_nothing_wrong_in_a_sound_account() {
    let user = User::of(&account(), &endpoint());
    let ran = user.run(&["doctor", "--json"]).ends(0);
    let document = ran.json();
    assert_eq!((&document["schema_version"], &document["sound"]), (&json!(1), &json!(true)));
    // The caller is the root user of the emulator.
    assert_eq!(check(&document, "identity")["health"], "warning");
    assert_eq!(check(&document, "permissions")["health"], "not_applicable");
    assert_eq!(check(&document, "user pools")["finding"], "0 of 1000 (AWS's default) used, 2 to create");
    assert_eq!(check(&document, "names")["health"], "good");
    assert_eq!(check(&document, "API Gateway limit")["health"], "good");
    for check in document["checks"].as_array().unwrap() {
        assert_eq!(check["hint"].is_null(), check["health"] == "good", "{check}");
    }
    assert!(!user.folder.path().join("state").exists(), "it leaves nothing");
    let text = user.run(&["doctor"]).ends(0).stdout;
    assert!(text.contains("Node.js for --local") && text.contains("passed"), "{text}");
}

#[test]
fn doctor_names_a_foreign_topic_and_a_secret_in_its_recovery_window() {
    let user = User::of(&account(), &endpoint());
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["down", "--yes"]).ends(0);
    botocore::call(&user, "sns", "create_topic", &json!({ "Name": "securelambda-greetings" }));
    let ran = user.run(&["doctor", "--json"]).ends(1);
    let document = ran.json();
    let topic = check(&document, "topic.greetings");
    assert_eq!(topic["health"], "bad");
    assert!(topic["finding"].as_str().unwrap().contains("does not belong to this stack"), "{topic}");
    let secret = check(&document, "secret LambdaSNSTopicARN");
    assert_eq!(secret["health"], "warning");
    assert!(secret["finding"].as_str().unwrap().starts_with("scheduled for deletion on 20"), "{secret}");
    ran.says("1 error found");
}

#[test]
fn doctor_names_a_missing_permission() {
    let mut operator = Operator::new(&account(), &endpoint());
    let account = operator.account().to_owned();
    let least = policies(&operator.user, &["--account", &account, "--region", REGION]);
    operator.set_policy(&reduced_for_ministack(&least));
    let document = operator.user.run(&["doctor", "--json"]).ends(0).json();
    assert_eq!(check(&document, "permissions")["health"], "good", "{document:#}");
    assert_eq!(check(&document, "identity")["health"], "good");
    let mut less = least;
    for statement in less.iter_mut().flat_map(|policy| policy["Statement"].as_array_mut().unwrap()) {
        if let Some(actions) = statement["Action"].as_array_mut() {
            actions.retain(|action| action != "sns:DeleteTopic");
        }
    }
    operator.set_policy(&reduced_for_ministack(&less));
    let ran = operator.user.run(&["doctor", "--json"]).ends(1);
    let finding = check(&ran.json(), "permissions")["finding"].as_str().unwrap().to_owned();
    assert!(finding.ends_with("denied: sns:DeleteTopic"), "{finding}");
    // A caller that may not even check its own permissions.
    operator.set_policy(&json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "Nothing", "Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*" }
    ] }));
    let document = operator.user.run(&["doctor", "--json"]).ends(1).json();
    assert_eq!(check(&document, "permissions")["health"], "not_applicable");
    assert!(check(&document, "topic.greetings")["hint"].as_str().unwrap().contains("lack sns:"), "{document:#}");
}

#[test]
fn doctor_checks_this_machine_without_credentials() {
    let user = User::bare().with("AWS_REGION", REGION);
    let ran = user.run(&["doctor", "--json"]).ends(3);
    let document = ran.json();
    assert_eq!(check(&document, "credentials")["health"], "bad");
    assert!(check(&document, "credentials")["hint"].as_str().unwrap().contains("aws sso login"));
    assert_eq!(check(&document, "npm for --local")["health"], "good");
    assert_eq!(check(&document, "state storage")["health"], "good");
    // A folder in which the state cannot be saved.
    user.write("file", "");
    let document = user.run(&["doctor", "--json", "--state-dir", "/proc/nowhere"]).ends(3).json();
    assert_eq!(check(&document, "state storage")["health"], "bad");
    // Missing tools are errors only with --local.
    let poor = User::bare().with("AWS_REGION", REGION).with("PATH", "/nowhere");
    let document = poor.run(&["doctor", "--json"]).ends(3).json();
    assert_eq!(check(&document, "Python for --local")["health"], "warning");
}

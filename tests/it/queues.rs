//! Queues of the stack file, and queues for events that functions could not handle: created, weakened with another
//! tool, repaired and removed.

use serde_json::{Value, json};

use crate::support::botocore::accepted;
use crate::support::emulator::{account, endpoint};
use crate::support::program::User;

const FILE: &str = r#"
[stack]
name = "failing"
[topics.news]
[functions.Reader]
source = "f"
trigger = { topic = "news" }
KEY
[functions.Writer]
source = "f"
KEY
"#;

const QUEUE: &str = r#"on_failure = { queue = "dead" }"#;

fn owner(key: &str) -> User {
    let user = User::of(&account(), &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.write("f/index.mjs", "export const handler = async () => ({});\n");
    user.write("securelambda.toml", &FILE.replace("KEY", key));
    user
}

fn url(user: &User) -> Value {
    accepted(user, "sqs", "get_queue_url", &json!({ "QueueName": "failing-dead" }))["QueueUrl"].clone()
}

fn attributes(user: &User) -> Value {
    let all = json!({ "QueueUrl": url(user), "AttributeNames": ["All"] });
    accepted(user, "sqs", "get_queue_attributes", &all)["Attributes"].clone()
}

fn queues(user: &User) -> usize {
    accepted(user, "sqs", "list_queues", &json!({}))["QueueUrls"].as_array().map_or(0, Vec::len)
}

/// The ARN of the queue for the failed events of a function.
fn target(user: &User, function: &str) -> Value {
    let read = accepted(user, "lambda", "get_function", &json!({ "FunctionName": format!("failing-{function}") }));
    read["Configuration"]["DeadLetterConfig"]["TargetArn"].clone()
}

#[test]
fn functions_share_a_queue_that_is_guarded_repaired_and_removed() {
    let user = owner(QUEUE);
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    let arn = &outputs["queues"]["dead"]["arn"];
    for function in ["Reader", "Writer"] {
        assert_eq!(target(&user, function), *arn, "{function}");
        let name = format!("failing-{function}");
        let policy =
            accepted(&user, "iam", "get_role_policy", &json!({ "RoleName": name, "PolicyName": "securelambda" }));
        assert!(policy.to_string().contains("sqs:SendMessage"), "{policy:#}");
    }
    let made = attributes(&user);
    assert_eq!((&made["SqsManagedSseEnabled"], &made["MessageRetentionPeriod"]), (&json!("true"), &json!("1209600")));
    let sound: Value = serde_json::from_str(made["Policy"].as_str().unwrap()).unwrap();
    assert!(sound["Statement"].as_array().unwrap().iter().all(|one| one["Effect"] == "Deny"), "{sound:#}");

    let message = json!({ "QueueUrl": url(&user), "MessageBody": "failed" });
    // Somebody makes the queue public, turns its encryption off, and removes it from a function.
    let open = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": arn } ] });
    let opened =
        json!({ "Policy": open.to_string(), "SqsManagedSseEnabled": "false", "MessageRetentionPeriod": "3600" });
    accepted(&user, "sqs", "set_queue_attributes", &json!({ "QueueUrl": url(&user), "Attributes": opened }));
    accepted(&user, "sqs", "send_message", &message);
    let without = json!({ "FunctionName": "failing-Writer", "DeadLetterConfig": { "TargetArn": "" } });
    accepted(&user, "lambda", "update_function_configuration", &without);
    let status = user.run(&["status", "--json"]).ends(0).json();
    let differing = |id: &str| -> Vec<(String, bool)> {
        let rows = status["resources"].as_array().unwrap();
        let row = rows.iter().find(|row| row["id"] == id).unwrap();
        let drift = row["drift"].as_array().unwrap_or_else(|| panic!("{row:#}"));
        // The function may still be settling.
        let drift = drift.iter().filter(|one| one["field"] != "State");
        drift.map(|one| (one["field"].as_str().unwrap().to_owned(), one["weakens"] == true)).collect()
    };
    let expected = [("Policy", true), ("SqsManagedSseEnabled", true), ("MessageRetentionPeriod", false)];
    assert_eq!(differing("queue.dead"), expected.map(|(field, weakens)| (field.to_owned(), weakens)));
    assert_eq!(differing("function.Writer"), [("DeadLetterConfig.TargetArn".to_owned(), false)]);
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    assert_eq!(serde_json::from_str::<Value>(attributes(&user)["Policy"].as_str().unwrap()).unwrap(), sound);
    assert_eq!(target(&user, "Writer"), *arn);

    // A key of the account is kept.
    let key = accepted(&user, "kms", "create_key", &json!({}))["KeyMetadata"]["Arn"].clone();
    let by_key = json!({ "SqsManagedSseEnabled": "false", "KmsMasterKeyId": key });
    accepted(&user, "sqs", "set_queue_attributes", &json!({ "QueueUrl": url(&user), "Attributes": by_key }));
    user.run(&["status", "--detailed-exitcode"]).ends(0);

    // The messages in the queue are lost with it. `plan` and `down` say so before.
    user.write("securelambda.toml", &FILE.replace("KEY", ""));
    let planned = user.run(&["plan"]).ends(0).stdout;
    assert!(planned.contains("About 1 message in the queue dead will be deleted."), "{planned}");
    user.write("securelambda.toml", &FILE.replace("KEY", QUEUE));
    let removed = user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert!(removed.stderr.contains("About 1 message in the queue dead will be deleted."), "{}", removed.stderr);
    assert_eq!(queues(&user), 0);
}

#[test]
fn a_queue_that_leaves_the_stack_file_is_removed_and_sweep_finds_one_without_a_record() {
    let user = owner(QUEUE);
    user.run(&["up", "--yes"]).ends(0);
    user.write("securelambda.toml", &FILE.replace("KEY", ""));
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(queues(&user), 0);
    assert!(target(&user, "Reader").as_str().is_none_or(str::is_empty));
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    user.write("securelambda.toml", &FILE.replace("KEY", QUEUE));
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["sweep", "--stack", "failing", "--yes"]).ends(0);
    assert_eq!(queues(&user), 0);
}

#[test]
fn the_hardened_posture_keeps_failed_events_of_every_function() {
    let user = owner("");
    user.write("securelambda.toml", &FILE.replace("KEY", "").replace("name = ", "posture = \"hardened\"\nname = "));
    user.run(&["up", "--yes"]).ends(0);
    for function in ["Reader", "Writer"] {
        assert!(target(&user, function).as_str().unwrap().ends_with(":failing-dead"), "{function}");
    }
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

const WORK: &str = r#"
[stack]
name = "working"
[queues.work]
dead_letter_after = 3
retention_days = 2
[queues.ordered]
FIFO
[functions.Sender]
source = "f"
sends = ["work", "ordered"]
environment = { WORK = { queue = "work" }, ORDERED = { queue = "ordered" } }
"#;

fn worker(fifo: &str) -> User {
    let user = User::of(&account(), &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.write("f/index.mjs", "export const handler = async () => ({});\n");
    user.write("securelambda.toml", &WORK.replace("FIFO", fifo));
    user
}

fn attributes_at(user: &User, url: &Value) -> Value {
    let all = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
    accepted(user, "sqs", "get_queue_attributes", &all)["Attributes"].clone()
}

#[test]
fn queues_of_the_stack_file_have_dead_letters_and_senders() {
    let user = worker("");
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    let queues = &outputs["queues"];
    assert_eq!(queues.as_object().unwrap().keys().collect::<Vec<_>>(), ["ordered", "work", "work-dead"]);
    let work = attributes_at(&user, &queues["work"]["url"]);
    assert_eq!((&work["MessageRetentionPeriod"], &work["SqsManagedSseEnabled"]), (&json!("172800"), &json!("true")));
    let moved: Value = serde_json::from_str(work["RedrivePolicy"].as_str().unwrap()).unwrap();
    assert_eq!(moved["deadLetterTargetArn"], queues["work-dead"]["arn"]);
    assert_eq!(attributes_at(&user, &queues["work-dead"]["url"])["MessageRetentionPeriod"], "1209600");

    // The function may send to exactly these queues, and has their URLs.
    let read = accepted(&user, "lambda", "get_function", &json!({ "FunctionName": "working-Sender" }));
    let variables = &read["Configuration"]["Environment"]["Variables"];
    assert_eq!((&variables["WORK"], &variables["ORDERED"]), (&queues["work"]["url"], &queues["ordered"]["url"]));
    let role = json!({ "RoleName": "working-Sender", "PolicyName": "securelambda" });
    let policy = accepted(&user, "iam", "get_role_policy", &role);
    let statements = policy["PolicyDocument"]["Statement"].as_array().unwrap();
    let sends = statements.iter().find(|one| one["Sid"] == "SendToOwnQueues").unwrap();
    assert_eq!(sends["Action"], "sqs:SendMessage");
    assert_eq!(sends["Resource"], json!([queues["work"]["arn"], queues["ordered"]["arn"]]));

    // Somebody redirects the dead letters to another queue.
    let theirs = json!({ "deadLetterTargetArn": queues["ordered"]["arn"], "maxReceiveCount": 1 }).to_string();
    let changed = json!({ "QueueUrl": queues["work"]["url"], "Attributes": { "RedrivePolicy": theirs } });
    accepted(&user, "sqs", "set_queue_attributes", &changed);
    let status = user.run(&["status", "--json"]).ends(0).json();
    let rows = status["resources"].as_array().unwrap();
    let drift = &rows.iter().find(|row| row["id"] == "queue.work").unwrap()["drift"];
    assert_eq!((&drift[0]["field"], &drift[0]["weakens"]), (&json!("RedrivePolicy"), &json!(true)));
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

#[test]
fn a_queue_that_becomes_a_fifo_queue_is_replaced_and_its_messages_are_named_before() {
    let user = worker("");
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    let message = json!({ "QueueUrl": outputs["queues"]["ordered"]["url"], "MessageBody": "later" });
    accepted(&user, "sqs", "send_message", &message);
    user.write("securelambda.toml", &WORK.replace("FIFO", "fifo = true"));
    let planned = user.run(&["plan"]).ends(0).stdout;
    assert!(planned.contains("About 1 message in the queue ordered will be deleted."), "{planned}");
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    let url = outputs["queues"]["ordered"]["url"].as_str().unwrap();
    assert!(url.ends_with("/working-ordered.fifo"), "{url}");
    assert_eq!(attributes_at(&user, &json!(url))["FifoQueue"], "true");
    assert_eq!(queues(&user), 3, "the old queue is gone");
    let read = accepted(&user, "lambda", "get_function", &json!({ "FunctionName": "working-Sender" }));
    assert_eq!(read["Configuration"]["Environment"]["Variables"]["ORDERED"], url);
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

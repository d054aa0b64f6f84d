//! What calls functions besides routes: queues, several topics, and services outside the stack.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::botocore::accepted;
use crate::support::emulator::{account, endpoint};
use crate::support::program::User;

const CODE: &str = "export const handler = async (event) => {\n  for (const one of event.Records) {\n    \
                    console.log(`got ${one.body}`);\n    if (one.body === \"bad\") throw new Error(\"bad\");\n  }\n};\n";

fn owner(triggers: &str) -> User {
    let user = User::of(&account(), &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.write("f/index.mjs", CODE);
    written(&user, triggers);
    user
}

fn written(user: &User, triggers: &str) {
    let file = format!(
        "[stack]\nname = \"events\"\n[topics.a]\n[topics.b]\n[queues.work]\ndead_letter_after = 1\n[queues.other]\n\
         [functions.Worker]\nsource = \"f\"\ntimeout_s = 1\n{triggers}"
    );
    user.write("securelambda.toml", &file);
}

fn up(user: &User) -> Value {
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    outputs
}

fn entries(entries: &[&str]) -> String {
    let entries = entries.iter().map(|entry| format!("[[functions.Worker.triggers]]\n{entry}\n"));
    entries.collect::<Vec<_>>().concat()
}

fn mappings(user: &User) -> Vec<Value> {
    let list = json!({ "FunctionName": "events-Worker" });
    accepted(user, "lambda", "list_event_source_mappings", &list)["EventSourceMappings"].as_array().unwrap().clone()
}

fn statements(user: &User) -> Vec<Value> {
    let policy = accepted(user, "lambda", "get_policy", &json!({ "FunctionName": "events-Worker" }));
    let policy: Value = serde_json::from_str(policy["Policy"].as_str().unwrap()).unwrap();
    policy["Statement"].as_array().unwrap().clone()
}

/// The fields of a resource that differ, and whether each weakens the stack.
fn drift(user: &User, id: &str) -> Vec<(String, bool)> {
    let status = user.run(&["status", "--json"]).ends(0).json();
    let row = status["resources"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap().clone();
    let drift = row["drift"].as_array().cloned().unwrap_or_default();
    let drift = drift.iter().filter(|one| one["field"] != "State" || id != "function.Worker");
    drift.map(|one| (one["field"].as_str().unwrap().to_owned(), one["weakens"] == true)).collect()
}

#[track_caller]
fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn messages_of_a_queue_call_the_function_and_failing_ones_become_dead_letters() {
    let user = owner("trigger = { queue = \"work\", batch = 1 }\n");
    let queues = up(&user)["queues"].clone();
    let attributes = |queue: &str| {
        let all = json!({ "QueueUrl": queues[queue]["url"], "AttributeNames": ["All"] });
        accepted(&user, "sqs", "get_queue_attributes", &all)["Attributes"].clone()
    };
    assert_eq!(attributes("work")["VisibilityTimeout"], "6");
    for body in ["good", "bad"] {
        let message = json!({ "QueueUrl": queues["work"]["url"], "MessageBody": body });
        accepted(&user, "sqs", "send_message", &message);
    }
    let logged = |words: &str| {
        let search = json!({ "logGroupName": "/aws/lambda/events-Worker", "filterPattern": format!("\"{words}\"") });
        !accepted(&user, "logs", "filter_log_events", &search)["events"].as_array().unwrap().is_empty()
    };
    until("the function gets the message", || logged("got good"));
    until("the message that fails is a dead letter", || attributes("work-dead")["ApproximateNumberOfMessages"] == "1");
    assert_eq!(attributes("work")["ApproximateNumberOfMessages"], "0");
    user.run(&["verify", "--json"]);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

#[test]
fn a_mapping_that_somebody_changed_or_added_is_seen_and_repaired() {
    let user = owner("trigger = { queue = \"work\" }\n");
    let outputs = up(&user);
    let ours = mappings(&user)[0]["UUID"].clone();
    let filter = json!({ "Filters": [{ "Pattern": "{\"body\":[\"never\"]}" }] });
    let changed = json!({ "UUID": ours, "Enabled": false, "BatchSize": 3, "FilterCriteria": filter });
    accepted(&user, "lambda", "update_event_source_mapping", &changed);
    let added = json!({ "FunctionName": "events-Worker", "EventSourceArn": outputs["queues"]["other"]["arn"] });
    accepted(&user, "lambda", "create_event_source_mapping", &added);
    let expected = [("State", true), ("FilterCriteria", true), ("BatchSize", false)];
    assert_eq!(drift(&user, "mapping.Worker.work"), expected.map(|(field, weakens)| (field.to_owned(), weakens)));
    assert_eq!(drift(&user, "function.Worker"), [("EventSourceMappings".to_owned(), true)]);
    up(&user);
    let left = mappings(&user);
    assert_eq!(left.len(), 1, "{left:#?}");
    assert_eq!((&left[0]["UUID"], &left[0]["BatchSize"], &left[0]["State"]), (&ours, &json!(10), &json!("Enabled")));

    // Without its record it is found by its tags.
    user.run(&["sweep", "--stack", "events", "--yes"]).ends(0);
    assert_eq!(mappings(&user).len(), 0);
}

#[test]
fn a_trigger_moves_to_another_queue_and_becomes_one_of_several() {
    let user = owner("trigger = { queue = \"work\" }\n");
    let queues = up(&user)["queues"].clone();
    written(&user, "trigger = { queue = \"other\" }\n");
    up(&user);
    let moved = mappings(&user);
    assert_eq!((moved.len(), &moved[0]["EventSourceArn"]), (1, &queues["other"]["arn"]));
    let role = json!({ "RoleName": "events-Worker", "PolicyName": "securelambda" });
    let policy = accepted(&user, "iam", "get_role_policy", &role)["PolicyDocument"].clone();
    let reads =
        policy["Statement"].as_array().unwrap().iter().find(|one| one["Sid"] == "ReceiveFromOwnQueues").unwrap();
    assert_eq!(reads["Resource"], json!([queues["other"]["arn"]]));

    written(&user, "trigger = { topic = \"a\" }\n");
    let topics = up(&user)["topics"].clone();
    let subscriptions = |topic: &str| {
        let listed =
            accepted(&user, "sns", "list_subscriptions_by_topic", &json!({ "TopicArn": topics[topic]["arn"] }));
        let arns = listed["Subscriptions"].as_array().unwrap().iter();
        arns.map(|one| one["SubscriptionArn"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let sids = || {
        let mut sids: Vec<String> =
            statements(&user).iter().map(|one| one["Sid"].as_str().unwrap().to_owned()).collect();
        sids.sort();
        sids
    };
    let first = subscriptions("a");
    assert_eq!(sids(), ["securelambda-topic"]);
    assert!(mappings(&user).is_empty());

    // The first topic stays subscribed all the time.
    written(&user, &entries(&["topic = \"b\"", "topic = \"a\""]));
    up(&user);
    assert_eq!((subscriptions("a"), subscriptions("b").len()), (first, 1));
    assert_eq!(sids(), ["securelambda-topic-a", "securelambda-topic-b"]);
    written(&user, &entries(&["topic = \"b\""]));
    up(&user);
    assert_eq!((subscriptions("a").len(), subscriptions("b").len()), (0, 1));
    assert_eq!(sids(), ["securelambda-topic"]);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

#[test]
fn a_service_outside_the_stack_may_call_for_one_thing_of_this_account() {
    let user = owner("trigger = { service = \"s3.amazonaws.com\", source_arn = \"arn:aws:s3:::photos\" }\n");
    let outputs = up(&user);
    let [statement] = statements(&user).try_into().unwrap();
    assert_eq!(statement["Principal"], json!({ "Service": "s3.amazonaws.com" }));
    let condition = &statement["Condition"];
    assert_eq!(condition["ArnLike"]["AWS:SourceArn"], "arn:aws:s3:::photos", "{statement:#}");
    assert_eq!(condition["StringEquals"]["AWS:SourceAccount"], outputs["account"], "{statement:#}");
    written(&user, "");
    up(&user);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

#[test]
fn schedules_have_roles_of_their_own_and_are_repaired() {
    let user = owner("trigger = { schedule = \"cron(0 8 ? * MON-FRI *)\", timezone = \"Europe/Berlin\" }\n");
    let outputs = up(&user);
    let schedule = |name: &str| {
        accepted(&user, "scheduler", "get_schedule", &json!({ "GroupName": "events-schedules", "Name": name }))
    };
    let made = schedule("Worker");
    assert_eq!((&made["State"], &made["ScheduleExpressionTimezone"]), (&json!("ENABLED"), &json!("Europe/Berlin")));
    assert_eq!(made["Target"]["Arn"], outputs["functions"]["Worker"]["arn"]);
    let role = made["Target"]["RoleArn"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let trust =
        accepted(&user, "iam", "get_role", &json!({ "RoleName": role }))["Role"]["AssumeRolePolicyDocument"].clone();
    let condition = &trust["Statement"][0]["Condition"]["StringEquals"];
    assert!(condition["aws:SourceArn"].as_str().unwrap().ends_with(":schedule-group/events-schedules"), "{trust:#}");
    let name = json!({ "RoleName": role, "PolicyName": "securelambda" });
    let policy = accepted(&user, "iam", "get_role_policy", &name)["PolicyDocument"]["Statement"].clone();
    assert_eq!(policy[0]["Resource"], json!([outputs["functions"]["Worker"]["arn"]]));

    // Somebody gives it another event, and turns it off.
    let mut target = made["Target"].clone();
    target["Input"] = json!("{}");
    let changed = json!({ "GroupName": "events-schedules", "Name": "Worker", "ScheduleExpression": "rate(1 day)",
        "FlexibleTimeWindow": { "Mode": "OFF" }, "Target": target, "State": "DISABLED" });
    accepted(&user, "scheduler", "update_schedule", &changed);
    let mut fields: Vec<String> = drift(&user, "schedule.Worker").into_iter().map(|(field, _)| field).collect();
    fields.sort();
    assert_eq!(fields, ["ScheduleExpression", "ScheduleExpressionTimezone", "State", "Target.Input"]);
    up(&user);
    assert_eq!(schedule("Worker")["Target"], made["Target"]);

    // Two schedules have a name each; the group goes with the last one.
    written(&user, &entries(&["schedule = \"rate(1 day)\"", "schedule = \"rate(2 days)\""]));
    up(&user);
    let group = json!({ "GroupName": "events-schedules" });
    let listed = accepted(&user, "scheduler", "list_schedules", &group)["Schedules"].as_array().unwrap().len();
    assert_eq!(listed, 2);
    written(&user, "");
    up(&user);
    let groups = accepted(&user, "scheduler", "list_schedule_groups", &json!({ "NamePrefix": "events-" }));
    assert_eq!(groups["ScheduleGroups"], json!([]));
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

//! Triggers of functions, besides routes: queues, streams, several topics, and services outside the stack.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::access::differences;
use crate::support::botocore::{accepted, call};
use crate::support::emulator::{account, endpoint};
use crate::support::program::User;

const CODE: &str = "export const handler = async (event) => {\n  for (const one of event.Records) {\n    \
                    const data = one.kinesis && Buffer.from(one.kinesis.data, \"base64\").toString();\n    \
                    console.log(`got ${one.body ?? data ?? one.dynamodb.Keys.id.S}`);\n    if (one.body === \"bad\") throw new Error(\"bad\");\n  }\n};\n";

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
    differences(&user.run(&["status", "--json"]).ends(0).json(), id)
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
    until("the function gets the message", || logged(&user, "got good"));
    until("the message that fails is a dead letter", || attributes("work-dead")["ApproximateNumberOfMessages"] == "1");
    assert_eq!(attributes("work")["ApproximateNumberOfMessages"], "0");
    user.run(&["verify", "--json"]);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

fn logged(user: &User, words: &str) -> bool {
    let search = json!({ "logGroupName": "/aws/lambda/events-Worker", "filterPattern": format!("\"{words}\"") });
    !accepted(user, "logs", "filter_log_events", &search)["events"].as_array().unwrap().is_empty()
}

/// A statement of the worker's own policy.
fn statement(user: &User, sid: &str) -> Value {
    let role = json!({ "RoleName": "events-Worker", "PolicyName": "securelambda" });
    let policy = accepted(user, "iam", "get_role_policy", &role)["PolicyDocument"].clone();
    policy["Statement"].as_array().unwrap().iter().find(|one| one["Sid"] == sid).cloned().unwrap_or_default()
}

const NOTES: &str = "[tables.notes]\nkey = \"id\"\nstream = \"keys\"\n";

#[test]
fn changes_of_a_table_call_the_function() {
    let insertions = "filters = ['{\"eventName\": [\"INSERT\"]}']\nbatch = 5\nretries = 2\n";
    let trigger = format!("stream = \"notes\"\n{insertions}on_failure = {{ topic = \"a\" }}");
    let user = owner(&format!("{}{NOTES}", entries(&[&trigger])));
    let outputs = up(&user);
    let [made] = mappings(&user).try_into().unwrap();
    let stream = |user: &User| {
        accepted(user, "dynamodb", "describe_table", &json!({ "TableName": "events-notes" }))["Table"]
            ["LatestStreamArn"]
            .clone()
    };
    assert_eq!(made["EventSourceArn"], stream(&user));
    assert_eq!((&made["BatchSize"], &made["StartingPosition"]), (&json!(5), &json!("TRIM_HORIZON")));
    assert_eq!(made["DestinationConfig"]["OnFailure"]["Destination"], outputs["topics"]["a"]["arn"], "{made:#}");
    let table =
        accepted(&user, "dynamodb", "describe_table", &json!({ "TableName": "events-notes" }))["Table"]["TableArn"]
            .clone();
    let read = statement(&user, "ReadTableStreams");
    assert_eq!(read["Resource"], json!([format!("{}/stream/*", table.as_str().unwrap())]), "{read:#}");
    assert_eq!(statement(&user, "TellOfFailedEvents")["Resource"], json!([outputs["topics"]["a"]["arn"]]));
    let put = json!({ "TableName": "events-notes", "Item": { "id": { "S": "ada" } } });
    accepted(&user, "dynamodb", "put_item", &put);
    until("the function gets the change", || logged(&user, "got ada"));
    assert!(drift(&user, "mapping.Worker.notes.stream").is_empty());

    // Somebody disables the mapping and limits its retries.
    let changed = json!({ "UUID": made["UUID"], "Enabled": false, "MaximumRetryAttempts": 0 });
    accepted(&user, "lambda", "update_event_source_mapping", &changed);
    let expected = [("State".to_owned(), true), ("MaximumRetryAttempts".to_owned(), false)];
    assert_eq!(drift(&user, "mapping.Worker.notes.stream"), expected);
    assert!(drift(&user, "function.Worker").is_empty());
    up(&user);
    assert_eq!(mappings(&user)[0]["State"], "Enabled");

    // A table with another stream view has a new stream.
    written(&user, &format!("{}{}", entries(&[&trigger]), NOTES.replace("keys", "new")));
    up(&user);
    let moved = mappings(&user);
    assert_eq!((moved.len(), &moved[0]["EventSourceArn"]), (1, &stream(&user)));
    // Without the key `stream`, the stream is off and nothing reads it.
    written(&user, "[tables.notes]\nkey = \"id\"\n");
    up(&user);
    assert!(mappings(&user).is_empty());
    assert!(statement(&user, "ReadTableStreams").is_null());
    user.run(&["down", "--yes", "--remove-table", "notes"]).ends(0).says("0 left");
}

#[test]
fn records_of_a_stream_that_another_tool_made_call_the_function() {
    let user = owner("");
    accepted(&user, "kinesis", "create_stream", &json!({ "StreamName": "clicks", "ShardCount": 1 }));
    let described = accepted(&user, "kinesis", "describe_stream_summary", &json!({ "StreamName": "clicks" }));
    let arn = described["StreamDescriptionSummary"]["StreamARN"].as_str().unwrap().to_owned();
    written(&user, &format!("trigger = {{ stream_arn = \"{arn}\", start = \"latest\", bisect = true }}\n"));
    up(&user);
    let [made] = mappings(&user).try_into().unwrap();
    assert_eq!((&made["EventSourceArn"], &made["BisectBatchOnFunctionError"]), (&json!(arn), &json!(true)));
    assert_eq!(statement(&user, "ReadStreams")["Resource"], json!([arn]));
    let keys = &statement(&user, "DecryptStream1")["Condition"]["StringEquals"];
    assert_eq!(keys["kms:EncryptionContext:aws:kinesis:arn"], json!(arn));
    until("the function gets the record", || {
        let record = json!({ "StreamName": "clicks", "Data": "hello", "PartitionKey": "a" });
        accepted(&user, "kinesis", "put_record", &record);
        logged(&user, "got hello")
    });
    // `sweep` finds the mapping by its tags, and leaves the stream alone.
    user.run(&["sweep", "--stack", "events", "--yes"]).ends(0);
    assert!(mappings(&user).is_empty());
    accepted(&user, "kinesis", "describe_stream_summary", &json!({ "StreamName": "clicks" }));
}

#[test]
fn queues_and_addresses_are_subscribed_to_a_topic() {
    let user = User::of(&account(), &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02");
    let file = |subscribers: &str| {
        let text = format!("[stack]\nname = \"events\"\n[queues.work]\n[topics.news]\nsubscribers = [{subscribers}]\n");
        user.write("securelambda.toml", &text);
    };
    file("{ queue = \"work\", raw = true }, { email = \"ops@example.com\" }");
    let outputs = up(&user);
    let topic = outputs["topics"]["news"]["arn"].clone();
    let queue = &outputs["queues"]["work"];
    let subscriptions = || {
        let listed = accepted(&user, "sns", "list_subscriptions_by_topic", &json!({ "TopicArn": topic }));
        let mut found: Vec<(String, String)> = listed["Subscriptions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                let text = |name: &str| one[name].as_str().unwrap().to_owned();
                (text("Protocol"), text("Endpoint"))
            })
            .collect();
        found.sort();
        found
    };
    let arn = queue["arn"].as_str().unwrap().to_owned();
    let expected = [("email".to_owned(), "ops@example.com".to_owned()), ("sqs".to_owned(), arn)];
    assert_eq!(subscriptions(), expected);
    accepted(&user, "sns", "publish", &json!({ "TopicArn": topic, "Message": "hello" }));
    let received =
        accepted(&user, "sqs", "receive_message", &json!({ "QueueUrl": queue["url"], "WaitTimeSeconds": 2 }));
    assert_eq!(received["Messages"][0]["Body"], "hello", "{received:#}");
    let all = json!({ "QueueUrl": queue["url"], "AttributeNames": ["Policy"] });
    let policy = accepted(&user, "sqs", "get_queue_attributes", &all)["Attributes"]["Policy"].clone();
    let policy: Value = serde_json::from_str(policy.as_str().unwrap()).unwrap();
    let allowed = policy["Statement"].as_array().unwrap().iter().find(|one| one["Effect"] == "Allow").unwrap();
    assert_eq!(allowed["Condition"]["ArnEquals"]["aws:SourceArn"], json!([topic]), "{policy:#}");

    // A stranger subscribes; then the queue leaves the stack file.
    let stranger = json!({ "TopicArn": topic, "Protocol": "email", "Endpoint": "eve@example.com" });
    accepted(&user, "sns", "subscribe", &stranger);
    assert_eq!(drift(&user, "topic.news"), [("Subscriptions".to_owned(), true)]);
    file("{ email = \"ops@example.com\" }");
    up(&user);
    assert_eq!(subscriptions(), expected[..1]);
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

    // `sweep` finds the mapping by its tags.
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
    assert_eq!(statement(&user, "ReceiveFromOwnQueues")["Resource"], json!([queues["other"]["arn"]]));

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

    // The subscription of the first topic is not replaced.
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

    // Somebody changes the schedule's expression and event, and disables the schedule.
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

    // Somebody adds another schedule to the group, which calls the function.
    let added = json!({ "GroupName": "events-schedules", "Name": "stranger", "ScheduleExpression": "rate(1 day)",
        "FlexibleTimeWindow": { "Mode": "OFF" }, "Target": made["Target"] });
    accepted(&user, "scheduler", "create_schedule", &added);
    assert_eq!(drift(&user, "schedules.group"), [("other schedules".to_owned(), true)]);
    up(&user);
    let gone = json!({ "GroupName": "events-schedules", "Name": "stranger" });
    assert!(call(&user, "scheduler", "get_schedule", &gone).get("Error").is_some());
    assert_eq!(schedule("Worker")["Target"], made["Target"]);

    // Two schedules have different names. The group is deleted with the last schedule.
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

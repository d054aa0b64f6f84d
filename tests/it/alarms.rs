//! The alarms of a stack: their metrics, their notifications, and the repair after somebody disables them.

use serde_json::{Value, json};

use crate::support::botocore::accepted;
use crate::support::emulator::{account, endpoint};
use crate::support::program::User;

const FILE: &str = r#"
[stack]
name = "watched"
HEAD
[functions.Worker]
source = "f"
on_failure = { queue = "dead" }
[api]
[[api.routes]]
route = "GET /work"
function = "Worker"
auth = "none"
[apis.Small]
kind = "http"
[[apis.Small.routes]]
route = "GET /small"
function = "Worker"
auth = "none"
[firewall]
addresses = ["198.51.100.7/32"]
ALARMS
"#;

fn written(user: &User, head: &str, alarms: &str) {
    user.write("securelambda.toml", &FILE.replace("HEAD", head).replace("ALARMS", alarms));
}

fn alarms(user: &User) -> Vec<Value> {
    accepted(user, "cloudwatch", "describe_alarms", &json!({ "AlarmNamePrefix": "watched-" }))["MetricAlarms"]
        .as_array()
        .unwrap()
        .clone()
}

#[test]
fn the_set_of_alarms_follows_from_the_stack_and_tells_an_address() {
    let user = User::of(&account(), &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.write("f/index.mjs", "export const handler = async () => ({});\n");
    written(&user, "kms_key = \"create\"", "[alarms]\nnotify = \"ops@example.com\"\nerrors = 3\nlatency_ms = 0");
    let plan = user.run(&["plan"]).ends(0);
    assert!(plan.stdout.contains("6 alarms 0.60"), "{}", plan.stdout);
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["plan", "--detailed-exitcode"]).ends(0);

    let found = alarms(&user);
    let mut names: Vec<&str> = found.iter().map(|alarm| alarm["AlarmName"].as_str().unwrap()).collect();
    names.sort_unstable();
    let expected = [
        "watched-blocked-requests-firewall",
        "watched-dead-letters-dead",
        "watched-errors-Worker",
        "watched-server-errors-Small",
        "watched-server-errors-api",
        "watched-throttles-Worker",
    ];
    assert_eq!(names, expected, "a threshold of 0 must create no alarm");
    let of = |name: &str| found.iter().find(|alarm| alarm["AlarmName"] == name).unwrap();
    assert_eq!(of("watched-errors-Worker")["Threshold"], 3.0);
    let dimensions = |name: &str| of(name)["Dimensions"].to_string();
    assert!(dimensions("watched-server-errors-Small").contains("ApiId"), "{found:#?}");
    assert!(dimensions("watched-server-errors-api").contains("watched-api"), "{found:#?}");
    let topic = of("watched-errors-Worker")["AlarmActions"][0].clone();
    assert!(topic.as_str().unwrap().ends_with(":watched-alarms"), "{topic}");

    // Only alarms of this account may publish to the topic, which the stack's key encrypts.
    let attributes =
        accepted(&user, "sns", "get_topic_attributes", &json!({ "TopicArn": topic }))["Attributes"].clone();
    let policy = attributes["Policy"].as_str().unwrap();
    assert!(policy.contains("cloudwatch.amazonaws.com") && policy.contains("alarm:watched-*"), "{policy}");
    let key = attributes["KmsMasterKeyId"].clone();
    let policy =
        accepted(&user, "kms", "get_key_policy", &json!({ "KeyId": key, "PolicyName": "default" }))["Policy"].clone();
    let policy = policy.as_str().unwrap();
    assert!(policy.contains("kms:EncryptionContext:aws:sns:topicArn") && policy.contains("watched-alarms"), "{policy}");
    let told =
        accepted(&user, "sns", "list_subscriptions_by_topic", &json!({ "TopicArn": topic }))["Subscriptions"].clone();
    assert_eq!((&told[0]["Protocol"], &told[0]["Endpoint"]), (&json!("email"), &json!("ops@example.com")));

    // Somebody disables the actions of one alarm and deletes another alarm.
    accepted(&user, "cloudwatch", "disable_alarm_actions", &json!({ "AlarmNames": ["watched-errors-Worker"] }));
    accepted(&user, "cloudwatch", "delete_alarms", &json!({ "AlarmNames": ["watched-throttles-Worker"] }));
    let status = user.run(&["status", "--json"]).ends(0).json();
    let row = |id: &str| status["resources"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap();
    let silent = &row("alarm.errors.Worker")["drift"][0];
    assert_eq!((&silent["field"], &silent["weakens"]), (&json!("ActionsEnabled"), &json!(true)));
    user.run(&["up", "--yes"]).ends(0);
    assert!(alarms(&user).iter().all(|alarm| alarm["ActionsEnabled"] == true));
    assert_eq!(alarms(&user).len(), 6);

    // With another topic in `notify`, the alarms publish to that topic, and the stack's own topic is deleted.
    let ops = accepted(&user, "sns", "create_topic", &json!({ "Name": "ops" }))["TopicArn"].clone();
    written(&user, "kms_key = \"create\"", &format!("[alarms]\nnotify = {ops}\nerrors = 3\nlatency_ms = 0"));
    user.run(&["up", "--yes"]).ends(0);
    assert!(alarms(&user).iter().all(|alarm| alarm["AlarmActions"] == json!([ops])), "{:#?}", alarms(&user));
    let topics = accepted(&user, "sns", "list_topics", &json!({}))["Topics"].clone();
    assert_eq!(topics.as_array().unwrap().len(), 1, "{topics}");
    user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
    assert_eq!(alarms(&user), Vec::<Value>::new());
}

#[test]
fn an_alarm_of_somebody_else_is_not_overwritten() {
    let user = User::of(&account(), &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.write("f/index.mjs", "export const handler = async () => ({});\n");
    written(&user, "", "[alarms]");
    let theirs = json!({
        "AlarmName": "watched-errors-Worker", "MetricName": "Mine", "Namespace": "Mine", "Statistic": "Sum",
        "Period": 60, "EvaluationPeriods": 1, "Threshold": 9.0, "ComparisonOperator": "GreaterThanThreshold",
    });
    accepted(&user, "cloudwatch", "put_metric_alarm", &theirs);
    let ran = user.run(&["up", "--yes"]);
    assert_ne!(ran.code, 0);
    user.run(&["down", "--yes"]).ends(0);
    assert_eq!(alarms(&user)[0]["MetricName"], "Mine");
}

#[test]
fn a_hardened_stack_has_alarms_and_a_baseline_one_has_none() {
    let user = User::of(&account(), &endpoint());
    user.write("f/index.mjs", "export const handler = async () => ({});\n");
    let planned = |head: &str| {
        written(&user, head, "");
        let plan = user.run(&["plan", "--json"]).ends(0).json();
        plan.to_string().matches("cloudwatch.alarm").count()
    };
    assert_eq!(planned(""), 0);
    assert!(planned("posture = \"hardened\"") > 0);
}

//! Access that somebody grants with another tool to a topic, a secret, a log group or a role: `status` and `verify`
//! name it, and `up` removes it. A change that only restricts access is not reported as weakening.

use serde_json::{Value, json};

use crate::support::botocore;
use crate::support::default_account::default_account;
use crate::support::emulator::{account, endpoint};
use crate::support::program::User;

const TOPIC: &str = "topic.greetings";
const SECRET: &str = "secret.LambdaSNSTopicARN";
const LOGS: &str = "logs.InternalLambda";
const ROLE: &str = "role.ExternalLambda1";
const FUNCTION: &str = "function.InternalLambda";
const STAGE: &str = "stage.development";
const POOL: &str = "pool.MyUserPool1";
const ROLE_NAME: &str = "securelambda-ExternalLambda1";

/// A change, made with botocore, that `status` must report.
struct Hole {
    name: &'static str,
    /// The calls, `[service, operation, arguments]` each, made from the outputs of `up`.
    calls: fn(&Value) -> Vec<Value>,
    /// The resource and the setting that `status` must name.
    at: (&'static str, &'static str),
    weakens: bool,
}

/// The setting that `up` cannot repair here: MiniStack does not support `CancelRotateSecret`. The program reports this
/// and continues.
const NOT_REPAIRED_HERE: &str = "RotationLambdaARN";

fn open(action: &str, resource: &Value) -> String {
    let statement = json!({ "Effect": "Allow", "Principal": "*", "Action": action, "Resource": resource });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

fn topic(outputs: &Value) -> &Value {
    &outputs["topics"]["greetings"]["arn"]
}

fn secret(outputs: &Value) -> &Value {
    &outputs["secrets"]["LambdaSNSTopicARN"]["arn"]
}

fn group(outputs: &Value) -> &Value {
    &outputs["functions"]["InternalLambda"]["log_group"]
}

/// A trust policy for Lambda with this condition.
fn trust(condition: &Value) -> String {
    let statement = json!({ "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" },
        "Action": "sts:AssumeRole", "Condition": condition });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

fn attribute(outputs: &Value, name: &str, value: &str) -> Vec<Value> {
    let set = json!({ "TopicArn": topic(outputs), "AttributeName": name, "AttributeValue": value });
    vec![json!(["sns", "set_topic_attributes", set])]
}

/// Gives the group a resource policy with this effect.
fn group_policy(outputs: &Value, effect: &str) -> Vec<Value> {
    let statement = json!({ "Effect": effect, "Principal": { "Service": "delivery.logs.amazonaws.com" },
        "Action": "logs:PutLogEvents", "Resource": "*" });
    let document = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    let arn =
        format!("arn:aws:logs:eu-central-1:{}:log-group:{}", account_of(outputs), group(outputs).as_str().unwrap());
    vec![json!(["logs", "put_resource_policy", { "resourceArn": arn, "policyDocument": document }])]
}

fn configured(outputs: &Value, settings: &Value) -> Vec<Value> {
    let mut arguments = settings.clone();
    arguments["FunctionName"] = outputs["functions"]["InternalLambda"]["name"].clone();
    vec![json!(["lambda", "update_function_configuration", arguments])]
}

fn staged(outputs: &Value, patches: &[(&str, &str)]) -> Vec<Value> {
    let patch = |(path, value): &(&str, &str)| json!({ "op": "replace", "path": path, "value": value });
    let patches: Vec<Value> = patches.iter().map(patch).collect();
    let api = &outputs["api"];
    let update = json!({ "restApiId": api["id"], "stageName": api["stage"], "patchOperations": patches });
    vec![json!(["apigateway", "update_stage", update])]
}

/// The account's id is not known before `up`; it is part of every ARN.
fn account_of(outputs: &Value) -> String {
    topic(outputs).as_str().unwrap().split(':').nth(4).unwrap().to_owned()
}

const HOLES: &[Hole] = &[
    Hole {
        name: "a topic that anybody may publish to",
        calls: |outputs| attribute(outputs, "Policy", &open("sns:Publish", topic(outputs))),
        at: (TOPIC, "Policy"),
        weakens: true,
    },
    Hole {
        name: "a stranger's subscription",
        calls: |outputs| {
            let eve = json!({ "TopicArn": topic(outputs), "Protocol": "email", "Endpoint": "eve@example.com" });
            vec![json!(["sns", "subscribe", eve])]
        },
        at: (TOPIC, "Subscriptions"),
        weakens: true,
    },
    Hole {
        name: "a topic with the key of another account",
        calls: |outputs| attribute(outputs, "KmsMasterKeyId", "arn:aws:kms:eu-central-1:999999999999:key/k"),
        at: (TOPIC, "KmsMasterKeyId"),
        weakens: true,
    },
    Hole {
        name: "a secret that anybody may read",
        calls: |outputs| {
            let policy = open("secretsmanager:GetSecretValue", &json!("*"));
            let put = json!({ "SecretId": secret(outputs), "ResourcePolicy": policy });
            vec![json!(["secretsmanager", "put_resource_policy", put])]
        },
        at: (SECRET, "ResourcePolicy"),
        weakens: true,
    },
    Hole {
        name: "a stranger's rotation function",
        calls: |outputs| {
            let function = "arn:aws:lambda:eu-central-1:999999999999:function:f";
            let rotation = json!({ "SecretId": secret(outputs), "RotationLambdaARN": function,
                "RotationRules": { "AutomaticallyAfterDays": 30 }, "RotateImmediately": false });
            vec![json!(["secretsmanager", "rotate_secret", rotation])]
        },
        at: (SECRET, "RotationLambdaARN"),
        weakens: true,
    },
    Hole {
        name: "logs that are sent to somebody else",
        calls: |outputs| {
            let filter = json!({ "logGroupName": group(outputs), "filterName": "copy", "filterPattern": "",
                "destinationArn": "arn:aws:logs:eu-central-1:999999999999:destination:d" });
            vec![json!(["logs", "put_subscription_filter", filter])]
        },
        at: (LOGS, "subscriptionFilters"),
        weakens: true,
    },
    Hole {
        name: "a role that trusts Lambda in every account",
        calls: |_| {
            let update = json!({ "RoleName": ROLE_NAME, "PolicyDocument": trust(&json!({})) });
            vec![json!(["iam", "update_assume_role_policy", update])]
        },
        at: (ROLE, "AssumeRolePolicyDocument"),
        weakens: true,
    },
    Hole {
        name: "a role with sessions of twelve hours",
        calls: |_| vec![json!(["iam", "update_role", { "RoleName": ROLE_NAME, "MaxSessionDuration": 43_200 }])],
        at: (ROLE, "MaxSessionDuration"),
        weakens: true,
    },
    Hole {
        name: "a role that instances can have",
        calls: |_| {
            let (profile, role) = ("InstanceProfileName", "RoleName");
            vec![
                json!(["iam", "create_instance_profile", { profile: "theirs" }]),
                json!(["iam", "add_role_to_instance_profile", { profile: "theirs", role: ROLE_NAME }]),
            ]
        },
        at: (ROLE, "InstanceProfiles"),
        weakens: true,
    },
    Hole {
        name: "a log group that others may write to",
        calls: |outputs| group_policy(outputs, "Allow"),
        at: (LOGS, "resourcePolicy"),
        weakens: true,
    },
    Hole {
        name: "a log that is kept for a day",
        calls: |outputs| {
            let put = json!({ "logGroupName": group(outputs), "retentionInDays": 1 });
            vec![json!(["logs", "put_retention_policy", put])]
        },
        at: (LOGS, "retentionInDays"),
        weakens: true,
    },
    Hole {
        name: "a function in somebody's network",
        calls: |outputs| {
            let vpc = json!({ "SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"] });
            configured(outputs, &json!({ "VpcConfig": vpc }))
        },
        at: (FUNCTION, "VpcConfig"),
        weakens: true,
    },
    Hole {
        name: "a function with the key of another account",
        calls: |outputs| configured(outputs, &json!({ "KMSKeyArn": "arn:aws:kms:eu-central-1:999999999999:key/k" })),
        at: (FUNCTION, "KMSKeyArn"),
        weakens: true,
    },
    Hole {
        name: "a function whose runtime is not patched",
        calls: |outputs| configured(outputs, &json!({ "Runtime": "nodejs20.x" })),
        at: (FUNCTION, "Runtime"),
        weakens: true,
    },
    Hole {
        name: "a pool whose messages another account sends",
        calls: |outputs| {
            let email = json!({ "EmailSendingAccount": "DEVELOPER", "From": "eve@example.org",
                "SourceArn": "arn:aws:ses:eu-central-1:999999999999:identity/example.org" });
            let id = &outputs["pools"]["MyUserPool1"]["id"];
            vec![json!(["cognito-idp", "update_user_pool", { "UserPoolId": id, "EmailConfiguration": email }])]
        },
        at: (POOL, "EmailConfiguration.SourceArn"),
        weakens: true,
    },
    Hole {
        name: "a stage whose requests another account sees",
        calls: |outputs| {
            let stream = "arn:aws:firehose:eu-central-1:999999999999:deliverystream/amazon-apigateway-x";
            let format = ("/accessLogSettings/format", "$context.requestId");
            staged(outputs, &[format, ("/accessLogSettings/destinationArn", stream)])
        },
        at: (STAGE, "accessLogSettings.destinationArn"),
        weakens: true,
    },
    // The following changes restrict, observe or have no effect.
    Hole {
        name: "a log group whose policy denies",
        calls: |outputs| group_policy(outputs, "Deny"),
        at: (LOGS, "resourcePolicy"),
        weakens: false,
    },
    Hole {
        name: "a stage that would cache for an hour",
        calls: |outputs| staged(outputs, &[("/*/*/caching/ttlInSeconds", "3600")]),
        at: (STAGE, "methodSettings.*/*.cacheTtlInSeconds"),
        weakens: false,
    },
    Hole {
        name: "a function with another runtime that is patched",
        calls: |outputs| configured(outputs, &json!({ "Runtime": "nodejs22.x" })),
        at: (FUNCTION, "Runtime"),
        weakens: false,
    },
    Hole {
        name: "a topic that refuses what is not encrypted",
        calls: |outputs| {
            let resource = topic(outputs);
            let owner = json!({ "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": ["SNS:Publish", "SNS:Subscribe"],
                "Resource": resource, "Condition": { "StringEquals": { "AWS:SourceOwner": account_of(outputs) } } });
            let denial = json!({ "Effect": "Deny", "Principal": "*", "Action": "SNS:Publish", "Resource": resource,
                "Condition": { "Bool": { "aws:SecureTransport": "false" } } });
            let policy = json!({ "Version": "2012-10-17", "Statement": [owner, denial] });
            attribute(outputs, "Policy", &policy.to_string())
        },
        at: (TOPIC, "Policy"),
        weakens: false,
    },
    Hole {
        name: "a topic that traces",
        calls: |outputs| attribute(outputs, "TracingConfig", "Active"),
        at: (TOPIC, "TracingConfig"),
        weakens: false,
    },
    Hole {
        name: "a secret whose policy denies",
        calls: |outputs| {
            let policy = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Deny", "Principal": "*",
                "Action": "secretsmanager:DeleteSecret", "Resource": "*" }] });
            let put = json!({ "SecretId": secret(outputs), "ResourcePolicy": policy.to_string() });
            vec![json!(["secretsmanager", "put_resource_policy", put])]
        },
        at: (SECRET, "ResourcePolicy"),
        weakens: false,
    },
    Hole {
        name: "a role that trusts only one function",
        calls: |outputs| {
            let account = account_of(outputs);
            let function = format!("arn:aws:lambda:*:{account}:function:{ROLE_NAME}");
            let condition = json!({ "StringEquals": { "aws:SourceAccount": account },
                "ArnLike": { "aws:SourceArn": function } });
            let update = json!({ "RoleName": ROLE_NAME, "PolicyDocument": trust(&condition) });
            vec![json!(["iam", "update_assume_role_policy", update])]
        },
        at: (ROLE, "AssumeRolePolicyDocument"),
        weakens: false,
    },
    Hole {
        name: "a role that may send traces",
        calls: |_| {
            let policy = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
                "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "Resource": "*" }] });
            let put = json!({ "RoleName": ROLE_NAME, "PolicyName": "traces", "PolicyDocument": policy.to_string() });
            vec![json!(["iam", "put_role_policy", put])]
        },
        at: (ROLE, "PolicyNames"),
        weakens: false,
    },
];

fn plant(user: &User, outputs: &Value, hole: &Hole) {
    let calls = (hole.calls)(outputs);
    for (call, answer) in calls.iter().zip(botocore::calls(user, &calls)) {
        assert!(answer.get("Error").is_none(), "{}: {call}: {answer}", hole.name);
    }
}

/// The settings of the resource that drifted, and whether each drift weakens security.
pub fn differences(status: &Value, id: &str) -> Vec<(String, bool)> {
    let row = status["resources"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap();
    // A function that was changed may still be settling.
    let settles = |one: &&Value| one["field"] == "State" && id.starts_with("function.");
    let drift = row["drift"].as_array().into_iter().flatten().filter(|one| !settles(one));
    drift.map(|one| (one["field"].as_str().unwrap().to_owned(), one["weakens"].as_bool().unwrap())).collect()
}

#[test]
fn status_names_and_up_removes_access_that_somebody_gave() {
    let user = User::of(&account(), &endpoint());
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    for hole in HOLES.iter().filter(|hole| hole.at.1 != NOT_REPAIRED_HERE) {
        plant(&user, &outputs, hole);
        let status = user.run(&["status", "--json"]).ends(0).json();
        let (id, field) = hole.at;
        assert_eq!(differences(&status, id), [(field.to_owned(), hole.weakens)], "{}: {status:#}", hole.name);
        let ran = user.run(&["up", "--yes"]);
        assert_eq!(ran.code, 0, "{}:\n{}", hole.name, ran.stderr);
        let status = user.run(&["status", "--json"]).ends(0).json();
        assert_eq!(differences(&status, id), [], "{} is not repaired", hole.name);
    }
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    let rotation = HOLES.iter().find(|hole| hole.at.1 == NOT_REPAIRED_HERE).unwrap();
    plant(&user, &outputs, rotation);
    let status = user.run(&["status", "--json"]).ends(0).json();
    let found = differences(&status, SECRET);
    // The emulator rotates a secret at once, so its value changes too.
    assert_eq!(found, [(NOT_REPAIRED_HERE.to_owned(), true), ("value".to_owned(), true)]);
    user.run(&["up", "--yes"]).ends(0).says("the emulator cannot end a rotation");
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

#[test]
fn verify_fails_while_somebody_else_has_access() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    // A rotation would stay in the emulator, and other tests use this account too.
    for hole in HOLES.iter().filter(|hole| hole.weakens && hole.at.1 != NOT_REPAIRED_HERE) {
        plant(&user, &outputs, hole);
    }
    let ran = user.run(&["verify", "--json"]).ends(5);
    let lines = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let failed: Vec<Value> = lines.filter(|line| line["type"] == "check" && line["verdict"] == "fail").collect();
    for (subject, setting) in [
        ("topic greetings", "eve@example.com"),
        ("secret LambdaSNSTopicARN", "ResourcePolicy"),
        ("log of InternalLambda", "destination:d"),
        ("role ExternalLambda1", "theirs"),
    ] {
        let check = failed.iter().find(|check| check["subject"] == subject);
        let check = check.unwrap_or_else(|| panic!("{subject} passes: {failed:#?}"));
        assert!(check.to_string().contains(setting), "{setting}: {check:#}");
    }
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn a_function_that_instances_can_have_can_be_removed() {
    let user = User::of(&account(), &endpoint());
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    let hole = HOLES.iter().find(|hole| hole.at.1 == "InstanceProfiles").unwrap();
    plant(&user, &outputs, hole);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

const FILE: &str = r#"[stack]
name = "rotating"
posture = "hardened"

[topics.news]

[secrets.Partner]
KEY = { generate = 24 }
settings = { rotation = { function = "Rotate", days = 30 } }

[functions.Rotate]
source = "rotate"

[functions.Reader]
source = "rotate"
trigger = { topic = "news" }
secrets = ["Partner"]
"#;

#[test]
fn a_hardened_stack_has_topic_and_secret_policies_and_rotation_and_keeps_them() {
    let user = User::of(&account(), &endpoint());
    user.write("securelambda.toml", FILE);
    user.write("rotate/index.mjs", "export const handler = async () => ({});\n");
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    user.run(&["status", "--detailed-exitcode"]).ends(0);

    let aws = |service: &str, operation: &str, arguments: Value| botocore::call(&user, service, operation, &arguments);
    let arn = &outputs["secrets"]["Partner"]["arn"];
    let policy = aws("secretsmanager", "get_resource_policy", json!({ "SecretId": arn }))["ResourcePolicy"].clone();
    let policy: Value = serde_json::from_str(policy.as_str().unwrap()).unwrap();
    let readers = policy["Statement"][1]["Condition"]["StringNotEquals"]["aws:PrincipalArn"].to_string();
    assert!(readers.contains("rotating-Reader") && readers.contains("rotating-Rotate"), "{policy:#}");
    assert!(policy["Statement"].as_array().unwrap().iter().all(|one| one["Effect"] == "Deny"), "{policy:#}");
    let secret = aws("secretsmanager", "describe_secret", json!({ "SecretId": arn }));
    assert_eq!(secret["RotationEnabled"], true);
    assert_eq!(secret["RotationRules"]["AutomaticallyAfterDays"], 30);
    let topic = aws("sns", "get_topic_attributes", json!({ "TopicArn": outputs["topics"]["news"]["arn"] }));
    let attributes = &topic["Attributes"];
    assert!(attributes["Policy"].as_str().unwrap().contains("aws:SecureTransport"), "{attributes:#}");
    assert_eq!(attributes["SignatureVersion"], "2");

    // Another function takes the rotation over, and the policy is removed.
    let rotation =
        json!({ "SecretId": arn, "RotationLambdaARN": "arn:aws:lambda:eu-central-1:999999999999:function:f" });
    aws("secretsmanager", "rotate_secret", rotation);
    aws("secretsmanager", "delete_resource_policy", json!({ "SecretId": arn }));
    let status = user.run(&["status", "--json"]).ends(0).json();
    assert_eq!(differences(&status, "rotation.Partner"), [("RotationLambdaARN".to_owned(), true)]);
    assert_eq!(differences(&status, "secret.Partner"), [("ResourcePolicy".to_owned(), true)]);
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["plan", "--detailed-exitcode"]).ends(0);

    // Without the key `rotation`, `up` cancels the rotation (the emulator cannot) and sets the secret's value itself.
    user.write("securelambda.toml", &FILE.replace("settings = { rotation", "# settings = { rotation"));
    user.run(&["up", "--yes", "--rotate", "Partner"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

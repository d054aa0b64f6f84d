//! A stack's own KMS key: the resources that it encrypts, its repair after changes by another tool, its deletion and
//! its restoration.

use serde_json::{Value, json};

use crate::support::botocore::accepted;
use crate::support::emulator::{account, endpoint};
use crate::support::program::User;

const FILE: &str = r#"
[stack]
name = "locked"
KEY
[topics.news]
[secrets.Partner]
WORD = { generate = 24 }
[functions.Reader]
source = "f"
trigger = { topic = "news" }
secrets = ["Partner"]
on_failure = { queue = "dead" }
[api]
logs = { access = true, execution = "error" }
[[api.routes]]
route = "GET /read"
function = "Reader"
auth = "none"
"#;

fn written(user: &User, key: &str) {
    user.write("securelambda.toml", &FILE.replace("KEY", key));
}

fn fresh() -> User {
    let user = User::of(&account(), &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.write("f/index.mjs", "export const handler = async () => ({});\n");
    written(&user, "kms_key = \"create\"");
    user
}

/// The stack's key, as AWS describes it.
fn key(user: &User) -> Value {
    accepted(user, "kms", "describe_key", &json!({ "KeyId": "alias/locked" }))["KeyMetadata"].take()
}

fn arn(user: &User) -> String {
    key(user)["Arn"].as_str().unwrap().to_owned()
}

/// The ids of all keys of the account.
fn all(user: &User) -> Vec<Value> {
    accepted(user, "kms", "list_keys", &json!({}))["Keys"].as_array().unwrap().clone()
}

/// The keys of the topic, the queue, the secret and the function's variables.
fn used(user: &User) -> Vec<Value> {
    let topics = accepted(user, "sns", "list_topics", &json!({}))["Topics"].clone();
    let topic =
        topics.as_array().unwrap().iter().find(|one| one["TopicArn"].as_str().unwrap().ends_with("news")).unwrap();
    let topic = accepted(user, "sns", "get_topic_attributes", topic);
    let url = accepted(user, "sqs", "get_queue_url", &json!({ "QueueName": "locked-dead" }))["QueueUrl"].clone();
    let queue = accepted(user, "sqs", "get_queue_attributes", &json!({ "QueueUrl": url, "AttributeNames": ["All"] }));
    let secret = accepted(user, "secretsmanager", "describe_secret", &json!({ "SecretId": "locked-Partner" }));
    let function = accepted(user, "lambda", "get_function", &json!({ "FunctionName": "locked-Reader" }));
    vec![
        topic["Attributes"]["KmsMasterKeyId"].clone(),
        queue["Attributes"]["KmsMasterKeyId"].clone(),
        secret["KmsKeyId"].clone(),
        function["Configuration"]["KMSKeyArn"].clone(),
    ]
}

/// The settings of the key that `status` reports as drift, and whether each drift weakens security.
fn drift(user: &User) -> Vec<(String, bool)> {
    let status = user.run(&["status", "--json"]).ends(0).json();
    let row = status["resources"].as_array().unwrap().iter().find(|row| row["kind"] == "kms.key").unwrap();
    let drift = row["drift"].as_array().into_iter().flatten();
    drift.map(|one| (one["field"].as_str().unwrap().to_owned(), one["weakens"] == true)).collect()
}

#[test]
fn the_key_of_the_stack_encrypts_everything_and_is_put_right() {
    let user = fresh();
    let plan = user.run(&["plan"]).ends(0);
    assert!(plan.stdout.contains("KMS key 1.00"), "{}", plan.stdout);
    user.run(&["up", "--yes"]).ends(0);
    let arn = arn(&user);
    assert_eq!(used(&user), vec![json!(arn); 4]);
    // The emulator cannot change the key of a log group, but it can create a group with a key.
    let logs =
        accepted(&user, "logs", "describe_log_groups", &json!({ "logGroupNamePrefix": "/aws/lambda/locked-Reader" }));
    assert_eq!(logs["logGroups"][0]["kmsKeyId"], json!(arn));
    user.run(&["plan", "--detailed-exitcode"]).ends(0);

    let id = json!({ "KeyId": arn });
    let rotation = accepted(&user, "kms", "get_key_rotation_status", &id);
    assert_eq!((&rotation["KeyRotationEnabled"], &rotation["RotationPeriodInDays"]), (&json!(true), &json!(365)));
    let policy = json!({ "KeyId": arn, "PolicyName": "default" });
    let policy = accepted(&user, "kms", "get_key_policy", &policy)["Policy"].as_str().unwrap().to_owned();
    for part in
        ["logs.eu-central-1.amazonaws.com", "log-group:/aws/lambda/locked-Reader", "API-Gateway-Execution-Logs_"]
    {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert!(!policy.contains("cloudwatch.amazonaws.com"), "there are no alarms: {policy}");
    let role = json!({ "RoleName": "locked-Reader", "PolicyName": "securelambda" });
    let role = accepted(&user, "iam", "get_role_policy", &role)["PolicyDocument"].to_string();
    assert!(role.contains(&arn) && role.contains("kms:ViaService"), "{role}");

    // Somebody makes the key public, stops its rotation, grants it to another account, deletes its alias and disables
    // it.
    let open = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*" }] });
    let open = json!({ "KeyId": arn, "PolicyName": "default", "Policy": open.to_string() });
    accepted(&user, "kms", "put_key_policy", &open);
    accepted(&user, "kms", "disable_key_rotation", &id);
    let grant =
        json!({ "KeyId": arn, "GranteePrincipal": "arn:aws:iam::999999999999:root", "Operations": ["Decrypt"] });
    accepted(&user, "kms", "create_grant", &grant);
    accepted(&user, "kms", "delete_alias", &json!({ "AliasName": "alias/locked" }));
    accepted(&user, "kms", "disable_key", &id);
    let expected = [
        ("KeyPolicy", true),
        ("KeyRotationEnabled", true),
        ("Grants", true),
        ("KeyState", false),
        ("AliasName", false),
    ];
    assert_eq!(drift(&user), expected.map(|(field, weakens)| (field.to_owned(), weakens)));
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user), []);
    assert_eq!(key(&user)["Arn"], json!(arn), "the alias leads to the same key");
    assert_eq!(all(&user).len(), 1);
    user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
}

#[test]
fn a_key_that_waits_for_its_deletion_comes_back() {
    let user = fresh();
    user.run(&["up", "--yes"]).ends(0);
    let arn = arn(&user);
    let days = |user: &User| {
        let key = key(user);
        assert_eq!(key["KeyState"], "PendingDeletion", "{key}");
        let seconds = |field: &str| key[field].as_str().map(|time| time[..10].to_owned());
        (seconds("DeletionDate"), key["PendingDeletionWindowInDays"].clone())
    };
    // The secret can be recovered, and needs the key.
    let down = user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert!(down.stderr.contains("The KMS key alias/locked is scheduled for deletion on"), "{}", down.stderr);
    let (until, _) = days(&user);
    let windows = user.run(&["sweep", "--json"]).ends(0).json();
    let listed = windows["stacks"][0]["resources"].as_array().unwrap();
    let waiting = listed.iter().find(|one| one["kind"] == "kms.key").unwrap();
    assert!(waiting["recoverable_until_unix"].is_u64(), "{waiting:#}");
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(days(&user).0, until, "and it is not scheduled again");

    user.run(&["up", "--yes"]).ends(0);
    assert_eq!((key(&user)["KeyState"].clone(), key(&user)["Arn"].clone()), (json!("Enabled"), json!(arn)));
    assert_eq!(used(&user), vec![json!(arn); 4]);
    user.run(&["plan", "--detailed-exitcode"]).ends(0);

    // `up` also restores the key without its alias and without a state file.
    accepted(&user, "kms", "delete_alias", &json!({ "AliasName": "alias/locked" }));
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(key(&user)["Arn"], json!(arn));
    assert_eq!(all(&user).len(), 1);

    // If no secret needs the key, it is deleted after the shortest waiting period.
    user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
    let (sooner, _) = days(&user);
    assert!(sooner < until, "{sooner:?} {until:?}");
    user.run(&["sweep", "--stack", "locked", "--yes", "--purge"]).ends(0);
}

#[test]
fn the_key_goes_when_nothing_needs_it_any_more() {
    let user = fresh();
    user.run(&["up", "--yes"]).ends(0);
    let first = arn(&user);
    // The stack file names another key.
    let other = accepted(&user, "kms", "create_key", &json!({}))["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    written(&user, &format!("kms_key = \"{other}\""));
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(used(&user), vec![json!(other); 4]);
    assert_eq!(key(&user)["KeyState"], "PendingDeletion");
    user.run(&["plan", "--detailed-exitcode"]).ends(0);

    // The stack's own key replaces that key, and then the stack file names no key.
    written(&user, "kms_key = \"create\"");
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(used(&user), vec![json!(first); 4]);
    written(&user, "");
    let plan = user.run(&["plan", "--json"]).ends(0).json();
    assert!(plan.to_string().contains("key.stack"), "{plan:#}");
    user.run(&["up", "--yes"]).ends(0);
    assert!(!used(&user).contains(&json!(first)), "{:?}", used(&user));
    assert_eq!(key(&user)["KeyState"], "PendingDeletion");
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    let kept = accepted(&user, "kms", "describe_key", &json!({ "KeyId": other }))["KeyMetadata"].clone();
    assert_eq!(kept["KeyState"], "Enabled", "somebody else's key is never touched");
    user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
}

#[test]
fn a_key_that_a_secret_of_somebody_else_needs_is_kept() {
    let user = fresh();
    user.run(&["up", "--yes"]).ends(0);
    let arn = arn(&user);
    accepted(
        &user,
        "secretsmanager",
        "create_secret",
        &json!({ "Name": "theirs", "SecretString": "x", "KmsKeyId": arn }),
    );
    let down = user.run(&["down", "--yes", "--purge"]).ends(4);
    assert!(down.stderr.contains("it encrypts the secrets theirs"), "{}", down.stderr);
    assert_eq!(key(&user)["KeyState"], "Enabled");
    accepted(
        &user,
        "secretsmanager",
        "delete_secret",
        &json!({ "SecretId": "theirs", "ForceDeleteWithoutRecovery": true }),
    );
    user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
}

#[test]
fn a_key_of_somebody_else_with_the_alias_is_left_alone() {
    let user = fresh();
    let theirs = accepted(&user, "kms", "create_key", &json!({}))["KeyMetadata"]["Arn"].clone();
    accepted(&user, "kms", "create_alias", &json!({ "AliasName": "alias/locked", "TargetKeyId": theirs }));
    let ran = user.run(&["up", "--yes"]);
    assert_ne!(ran.code, 0);
    assert!(
        ran.stderr.contains("does not belong to this stack") || ran.stdout.contains("does not belong to this stack")
    );
    assert_eq!(all(&user).len(), 1, "no second key");
    user.run(&["down", "--yes", "--purge"]).ends(0);
    assert_eq!(key(&user)["KeyState"], "Enabled");
}

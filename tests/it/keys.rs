//! The KMS key of the stack file: the resources that it encrypts, and the repair after somebody removes it.

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
[functions.Writer]
source = "f"
publishes = ["news"]
[functions.Quiet]
source = "f"
"#;

fn written(user: &User, key: Option<&str>) {
    let key = key.map(|key| format!("kms_key = \"{key}\"")).unwrap_or_default();
    user.write("securelambda.toml", &FILE.replace("KEY", &key));
}

fn fresh_key(user: &User) -> String {
    accepted(user, "kms", "create_key", &json!({}))["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

/// The keys of a topic, a queue, a secret and a function's variables.
fn keys(user: &User) -> [Value; 4] {
    let arn = |service: &str| {
        let identity = accepted(user, "sts", "get_caller_identity", &json!({}));
        format!("arn:aws:{service}:eu-central-1:{}:locked", identity["Account"].as_str().unwrap())
    };
    let topic = accepted(user, "sns", "get_topic_attributes", &json!({ "TopicArn": format!("{}-news", arn("sns")) }));
    let url = accepted(user, "sqs", "get_queue_url", &json!({ "QueueName": "locked-dead" }))["QueueUrl"].clone();
    let queue = accepted(user, "sqs", "get_queue_attributes", &json!({ "QueueUrl": url, "AttributeNames": ["All"] }));
    let secret = accepted(user, "secretsmanager", "describe_secret", &json!({ "SecretId": "locked-Partner" }));
    let function = accepted(user, "lambda", "get_function", &json!({ "FunctionName": "locked-Reader" }));
    [
        topic["Attributes"]["KmsMasterKeyId"].clone(),
        queue["Attributes"]["KmsMasterKeyId"].clone(),
        secret["KmsKeyId"].clone(),
        function["Configuration"]["KMSKeyArn"].clone(),
    ]
}

#[test]
fn the_key_of_the_stack_file_encrypts_everything_and_is_put_back() {
    let user = User::of(&account(), &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.write("f/index.mjs", "export const handler = async () => ({});\n");
    let key = fresh_key(&user);
    written(&user, Some(&key));
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(keys(&user), [(); 4].map(|()| json!(key)));
    let logs =
        accepted(&user, "logs", "describe_log_groups", &json!({ "logGroupNamePrefix": "/aws/lambda/locked-Reader" }));
    assert_eq!(logs["logGroups"][0]["kmsKeyId"], json!(key), "{logs:#}");
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    for (function, sends) in [("Reader", true), ("Writer", true), ("Quiet", false)] {
        let name = format!("locked-{function}");
        let policy =
            accepted(&user, "iam", "get_role_policy", &json!({ "RoleName": name, "PolicyName": "securelambda" }));
        let text = policy["PolicyDocument"].to_string();
        assert!(text.contains("kms:Decrypt") && text.contains(&key), "{policy:#}");
        assert_eq!(text.contains("kms:GenerateDataKey"), sends, "{policy:#}");
    }

    // Somebody removes the key from the topic and a function, and gives the secret another key.
    let topic = accepted(&user, "sns", "list_topics", &json!({}))["Topics"][0]["TopicArn"].clone();
    let bare = json!({ "TopicArn": topic, "AttributeName": "KmsMasterKeyId", "AttributeValue": "" });
    accepted(&user, "sns", "set_topic_attributes", &bare);
    let bare = json!({ "FunctionName": "locked-Writer", "KMSKeyArn": "" });
    accepted(&user, "lambda", "update_function_configuration", &bare);
    let other = json!({ "SecretId": "locked-Partner", "KmsKeyId": fresh_key(&user) });
    accepted(&user, "secretsmanager", "update_secret", &other);
    let status = user.run(&["status", "--json"]).ends(0).json();
    let differing = |id: &str| -> Vec<(String, bool)> {
        let row = status["resources"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap();
        let drift = row["drift"].as_array().into_iter().flatten();
        // The function may still be settling.
        let drift = drift.filter(|one| one["field"] != "State");
        drift.map(|one| (one["field"].as_str().unwrap().to_owned(), one["weakens"] == true)).collect()
    };
    for (id, field, weakens) in [
        ("topic.news", "KmsMasterKeyId", true),
        ("function.Writer", "KMSKeyArn", true),
        ("secret.Partner", "KmsKeyId", false),
    ] {
        assert_eq!(differing(id), [(field.to_owned(), weakens)], "{id}");
    }
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    assert_eq!(keys(&user), [(); 4].map(|()| json!(key)));

    // Another key replaces the first key. Without a key in the file, the resources keep the second key.
    let second = fresh_key(&user);
    written(&user, Some(&second));
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(keys(&user), [(); 4].map(|()| json!(second)));
    written(&user, None);
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    assert_eq!(keys(&user), [(); 4].map(|()| json!(second)));
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

#[test]
fn a_key_must_be_given_by_its_arn() {
    let user = User::of(&account(), &endpoint());
    user.write("f/index.mjs", "export const handler = async () => ({});\n");
    for wrong in ["alias/mine", "arn:aws:kms:eu-central-1:123456789012:alias/mine", "mine"] {
        written(&user, Some(wrong));
        let ran = user.run(&["plan"]).ends(2);
        assert!(ran.stderr.contains(&format!("\"{wrong}\" is not the ARN of a KMS key")), "{}", ran.stderr);
    }
}

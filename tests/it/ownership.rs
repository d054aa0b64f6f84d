//! Two folders with the same stack name in one account: neither changes the stack of the other unless the user says so.

use serde_json::{Value, json};

use crate::support::botocore::accepted;
use crate::support::emulator::{account, endpoint};
use crate::support::inventory::inventory;
use crate::support::program::User;

const LINEAGE: &str = "securelambda:lineage";
const STACK: &str = "[stack]\nname = \"shared\"\n[topics.news]\n[queues.work]\n[pools.Users]\n";

#[test]
fn no_command_touches_the_stack_of_another_folder_without_adopt() {
    let first = User::of(&account(), &endpoint());
    first.write("securelambda.toml", STACK);
    first.run(&["up", "--yes"]).ends(0);
    let there = inventory(&first);
    let other = first.on_another_machine(&endpoint());
    // The other folder would remove the queue.
    other.write("securelambda.toml", &STACK.replace("[queues.work]\n", ""));
    for command in [&["plan"][..], &["up", "--yes"], &["down", "--yes"], &["down", "--yes", "--purge"]] {
        let ran = other.run(command).ends(10).says("of the stack shared exist in account").says("--adopt");
        assert_eq!(ran.stdout, "", "{command:?}");
        assert_eq!(inventory(&first), there, "{command:?}");
    }
    assert!(!other.state().exists(), "there is no state that would make the next run forget");
    first.run(&["status", "--detailed-exitcode"]).ends(0);
    first.run(&["up", "--yes"]).ends(0).says("Nothing to do");

    // Whoever says so takes the stack over, with everything that carries its tag.
    other.run(&["plan", "--adopt"]).ends(0);
    other.run(&["up", "--yes", "--adopt"]).ends(0);
    other.run(&["up", "--yes"]).ends(0).says("Nothing to do");
    // The folder that had the stack is refused from now on.
    let there = inventory(&other);
    for command in [&["plan"][..], &["up", "--yes"], &["down", "--yes"]] {
        first.run(command).ends(10).says("another state than").says("--adopt");
        assert_eq!(inventory(&other), there, "{command:?}");
    }
    let status = first.run(&["status"]).ends(0);
    assert!(status.stdout.contains("belong to another state than"), "{}", status.stdout);
    // Neither does it change users any more.
    other.run(&["add-user", "ada@example.com", "--generate"]).ends(0);
    first.write("users.csv", "user\nbob@example.com\n");
    for command in [
        &["add-user", "bob@example.com", "--generate"][..],
        &["remove-user", "--yes", "ada@example.com"],
        &["import-users", "users.csv"],
    ] {
        first.run(command).ends(10).says("no longer belongs to the stack of this state");
    }
    first.run(&["verify"]).ends(10);
    assert!(other.run(&["users"]).ends(0).stdout.contains("ada@example.com"));
    other.run(&["add-user", "ada@example.com", "--generate"]).ends(2).says("--reset-password");
    other.run(&["add-user", "ada@example.com", "--generate", "--reset-password"]).ends(0);
    other.run(&["remove-user", "--yes", "ada@example.com"]).ends(0);
    first.run(&["up", "--yes", "--adopt"]).ends(0);
    other.run(&["up", "--yes"]).ends(10);
    first.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&first), Vec::<String>::new());
}

/// The lineage of every resource of [`STACK`], by botocore.
fn lineages(user: &User) -> Vec<Value> {
    let topics = accepted(user, "sns", "list_topics", &json!({}));
    let topic = json!({ "ResourceArn": topics["Topics"][0]["TopicArn"] });
    let queues = accepted(user, "sqs", "list_queues", &json!({}));
    let queue = json!({ "QueueUrl": queues["QueueUrls"][0] });
    let pools = accepted(user, "cognito-idp", "list_user_pools", &json!({ "MaxResults": 10 }));
    let pool = json!({ "UserPoolId": pools["UserPools"][0]["Id"] });
    let topic = accepted(user, "sns", "list_tags_for_resource", &topic)["Tags"].clone();
    let of_topic = topic.as_array().unwrap().iter().find(|tag| tag["Key"] == LINEAGE).map(|tag| tag["Value"].clone());
    vec![
        of_topic.unwrap_or_default(),
        accepted(user, "sqs", "list_queue_tags", &queue)["Tags"][LINEAGE].clone(),
        accepted(user, "cognito-idp", "describe_user_pool", &pool)["UserPool"]["UserPoolTags"][LINEAGE].clone(),
    ]
}

#[test]
fn every_resource_has_the_lineage_of_its_state_also_after_a_state_of_an_older_version() {
    let user = User::of(&account(), &endpoint());
    user.write("securelambda.toml", STACK);
    user.run(&["up", "--yes"]).ends(0);
    let state = || serde_json::from_str::<Value>(&std::fs::read_to_string(user.state()).unwrap()).unwrap();
    let lineage = state()["lineage"].clone();
    assert!(lineage.as_str().is_some_and(|lineage| lineage.len() == 36), "{lineage}");
    assert_eq!(lineages(&user), vec![lineage.clone(); 3]);

    // An older version wrote neither the lineage nor the tags.
    let mut old = state();
    old.as_object_mut().unwrap().remove("lineage");
    old["version"] = json!(1);
    std::fs::write(user.state(), old.to_string()).unwrap();
    let topics = accepted(&user, "sns", "list_topics", &json!({}));
    let topic = json!({ "ResourceArn": topics["Topics"][0]["TopicArn"], "TagKeys": [LINEAGE] });
    accepted(&user, "sns", "untag_resource", &topic);
    let queues = accepted(&user, "sqs", "list_queues", &json!({}));
    let queue = json!({ "QueueUrl": queues["QueueUrls"][0], "TagKeys": [LINEAGE] });
    accepted(&user, "sqs", "untag_queue", &queue);
    let pools = accepted(&user, "cognito-idp", "list_user_pools", &json!({ "MaxResults": 10 }));
    let arn =
        accepted(&user, "cognito-idp", "describe_user_pool", &json!({ "UserPoolId": pools["UserPools"][0]["Id"] }));
    let pool = json!({ "ResourceArn": arn["UserPool"]["Arn"], "TagKeys": [LINEAGE] });
    accepted(&user, "cognito-idp", "untag_resource", &pool);
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["up", "--yes"]).ends(0);
    let lineage = state()["lineage"].clone();
    assert_eq!(lineages(&user), vec![lineage; 3]);
    assert_eq!(state()["takeover"], Value::Null);
    user.run(&["up", "--yes"]).ends(0).says("Nothing to do");
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

/// The state stays after `down` for its lineage. A folder without it may still restore the secret, which nobody manages.
#[test]
fn a_secret_that_waits_for_its_deletion_keeps_the_state_and_can_be_restored_elsewhere() {
    let user = User::of(&account(), &endpoint());
    let stack = "[stack]\nname = \"shared\"\n[secrets.Key]\nTOKEN = { generate = 20 }\n";
    user.write("securelambda.toml", stack);
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert!(user.state().exists());
    user.run(&["status"]).ends(6).says("there is no stack");
    user.run(&["outputs"]).ends(6);
    user.run(&["down", "--yes"]).ends(0).says("Nothing to remove");

    let other = user.on_another_machine(&endpoint());
    other.write("securelambda.toml", stack);
    other.run(&["up", "--yes"]).ends(0);
    user.run(&["up", "--yes"]).ends(10).says("another state than");
    user.run(&["down", "--yes"]).ends(10);
    other.run(&["down", "--yes"]).ends(0);

    user.run(&["up", "--yes"]).ends(0);
    user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
    assert!(!user.state().exists());
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn a_first_run_a_killed_run_and_a_removed_stack_need_no_flag() {
    let user = User::of(&account(), &endpoint());
    user.write("securelambda.toml", STACK);
    user.run(&["plan"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("Nothing to remove");
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

//! What pipelines need: environments, saved plans, plans as Markdown, and stacks that expire.

use serde_json::{Value, json};

use crate::support::botocore::accepted;
use crate::support::emulator::{account, endpoint};
use crate::support::inventory::inventory;
use crate::support::program::User;

const STACK: &str = "[stack]\nname = \"shop\"\n[topics.news]\n[queues.work]\n[environments.prod]\nqueues.work.retention_days = 9\n[environments.pr-17]\n[environments.pr-17.queues.more]\n";

fn user() -> User {
    let user = User::of(&account(), &endpoint());
    user.write("securelambda.toml", STACK);
    user
}

#[test]
fn each_environment_is_a_stack_of_its_own() {
    let user = user();
    user.run(&["validate"]).ends(0);
    user.run(&["up", "--yes"]).ends(0);
    let ran = user.run(&["up", "--yes", "--env", "prod"]).ends(0);
    assert!(ran.stderr.contains("`securelambda down --stack shop` removes shop"), "{}", ran.stderr);
    let user = user.with("SECURELAMBDA_ENV", "pr-17");
    user.run(&["up", "--yes"]).ends(0);
    let queues = accepted(&user, "sqs", "list_queues", &json!({}));
    let mut names: Vec<&str> = queues["QueueUrls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|url| url.as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["shop-pr-17-more", "shop-pr-17-work", "shop-prod-work", "shop-work"]);
    let retention = |queue: &str| {
        let url = accepted(&user, "sqs", "get_queue_url", &json!({ "QueueName": queue }))["QueueUrl"].clone();
        let asked = json!({ "QueueUrl": url, "AttributeNames": ["MessageRetentionPeriod"] });
        accepted(&user, "sqs", "get_queue_attributes", &asked)["Attributes"]["MessageRetentionPeriod"].clone()
    };
    assert_eq!((retention("shop-work"), retention("shop-prod-work")), (json!("345600"), json!("777600")));
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    // A printed command means the same stack.
    let drift = user.run(&["status", "--env", "prod"]).ends(0);
    assert!(drift.stdout.contains("shop-prod"), "{}", drift.stdout);
    user.run(&["up", "--yes", "--env", "nope"]).ends(2).says("no environment nope").says("known: pr-17, prod");
    for environment in ["prod", "pr-17"] {
        user.run(&["down", "--yes", "--env", environment]).ends(0);
    }
    user.run(&["down", "--yes", "--stack", "shop"]).ends(0);
    assert_eq!(inventory(&user), Vec::<String>::new());
    user.write("securelambda.toml", &STACK.replace("retention_days", "retention_day"));
    user.run(&["validate"]).ends(2).says("retention_day").says("these mistakes are in the environment prod");
}

#[test]
fn a_saved_plan_is_carried_out_exactly_or_refused() {
    let user = user();
    user.run(&["plan", "--out", "first.plan"]).ends(0);
    let text = std::fs::read_to_string(user.folder.path().join("first.plan")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["stack"], "shop");
    // No question, although there is no --yes.
    user.run(&["up", "--plan", "first.plan"]).ends(0);
    user.run(&["up", "--plan", "first.plan"]).ends(1).says("no longer holds").says("another run has written the state");

    let changed = STACK.replace("[queues.work]", "[queues.work]\nretention_days = 5");
    user.write("securelambda.toml", &changed);
    user.run(&["plan", "--out", "second.plan"]).ends(0);
    user.write("securelambda.toml", &changed.replace("= 5", "= 6"));
    let refused = user
        .run(&["up", "--plan", "second.plan"])
        .ends(1)
        .says("the stack file")
        .says("another change is necessary now: queue.work");
    assert!(refused.stderr.contains("run `securelambda plan --out FILE` again"), "{}", refused.stderr);
    user.write("securelambda.toml", &changed);
    // Somebody changed a resource in the meantime.
    let topics = accepted(&user, "sns", "list_topics", &json!({}));
    accepted(&user, "sns", "delete_topic", &json!({ "TopicArn": topics["Topics"][0]["TopicArn"] }));
    user.run(&["up", "--plan", "second.plan"]).ends(1).says("another change is necessary now: topic.news");
    user.run(&["up", "--plan", "second.plan", "--env", "prod"]).ends(1).says("it is for the stack shop in account");
    user.write("broken.plan", "{");
    user.run(&["up", "--plan", "broken.plan"]).ends(2).says("is damaged");
    user.run(&["up", "--plan", "nothing.plan"]).ends(2).says("cannot be read");
    user.run(&["plan", "--out", "third.plan"]).ends(0);
    user.run(&["up", "--plan", "third.plan"]).ends(0);
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn a_plan_is_printed_as_markdown() {
    let user = user();
    let plan = user.run(&["plan", "--markdown"]).ends(0).stdout;
    for part in [
        "### Plan of `shop` in ",
        "**Plan: 2 to create",
        "```diff\n+ topic.news\n+ queue.work\n      messages kept 4 days\n```",
        "This is an emulator",
    ] {
        assert!(plan.contains(part), "{part} is not in\n{plan}");
    }
    user.run(&["plan", "--markdown", "--json"]).ends(2);
    user.run(&["up", "--yes"]).ends(0);
    user.write(
        "securelambda.toml",
        &STACK.replace("[queues.work]", "[queues.work]\nretention_days = 5").replace("[topics.news]\n", ""),
    );
    let plan = user.run(&["plan", "--markdown"]).ends(0).stdout;
    assert!(plan.contains("\n! queue.work\n") && plan.contains("\n- topic.news\n"), "{plan}");
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn a_stack_expires_and_is_swept() {
    let user = user();
    user.run(&["up", "--yes", "--ttl", "5m"]).ends(2).says("10m to 366d");
    user.run(&["up", "--yes", "--ttl", "soon"]).ends(2);
    user.run(&["up", "--yes", "--ttl", "4h"]).ends(0).says("The stack expires on");
    user.run(&["up", "--yes"]).ends(0).says("Nothing to do");
    user.run(&["up", "--yes", "--env", "prod"]).ends(0);
    user.run(&["sweep", "--expired", "--yes"]).ends(0).says("No stack has expired");
    user.run(&["sweep", "--expired", "--stack", "shop"]).ends(2).says("an asterisk").says("orders-pr-*");
    user.run(&["sweep", "--expired", "--stack", "Shop-*"]).ends(2);

    // The time is in the past, on every resource and in the state.
    let tags = [("securelambda:expires", "1700000000")];
    let topics = accepted(&user, "sns", "list_topics", &json!({}));
    let topic = topics["Topics"]
        .as_array()
        .unwrap()
        .iter()
        .find(|topic| topic["TopicArn"].as_str().unwrap().ends_with(":shop-news"));
    let set: Vec<Value> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    accepted(&user, "sns", "tag_resource", &json!({ "ResourceArn": topic.unwrap()["TopicArn"], "Tags": set }));
    user.run(&["sweep", "--expired", "--yes"]).ends(0).says("No stack has expired");
    let url = accepted(&user, "sqs", "get_queue_url", &json!({ "QueueName": "shop-work" }))["QueueUrl"].clone();
    accepted(&user, "sqs", "tag_queue", &json!({ "QueueUrl": url, "Tags": { "securelambda:expires": "1700000000" } }));
    user.run(&["sweep", "--expired"]).ends(2).says("--yes");
    // A pattern chooses among the stacks.
    user.run(&["sweep", "--expired", "--stack", "shop-*", "--yes"]).ends(0).says("No stack has expired");
    user.run(&["sweep", "--expired", "--stack", "sho*"]).ends(2).says("The stack shop expired on").says("--yes");
    user.run(&["sweep", "--expired", "--yes"]).ends(0).says("The stack shop expired on 2023-11-14").says("0 left");
    assert!(!user.folder.path().join(format!("state/shop.{}.eu-central-1.json", user.account().unwrap())).exists());
    let left = inventory(&user);
    assert!(left.iter().all(|one| one.contains("shop-prod-")) && left.len() == 2, "{left:?}");

    // Without a time the stack stays, and no resource keeps the tag.
    user.run(&["up", "--yes", "--env", "prod", "--ttl", "1h"]).ends(0);
    user.run(&["up", "--yes", "--env", "prod", "--ttl", "none"]).ends(0);
    let url = accepted(&user, "sqs", "get_queue_url", &json!({ "QueueName": "shop-prod-work" }))["QueueUrl"].clone();
    let tags = accepted(&user, "sqs", "list_queue_tags", &json!({ "QueueUrl": url }))["Tags"].clone();
    assert!(tags["securelambda:expires"].is_null() && tags["securelambda:stack"] == "shop-prod", "{tags}");
    user.run(&["down", "--yes", "--env", "prod"]).ends(0).says("0 left");
}

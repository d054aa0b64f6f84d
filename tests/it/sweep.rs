//! `sweep`, and `down` without state: they find resources with AWS's lists, delete those with the stack's tag, and report
//! those that they cannot delete.

use securelambda::state::{StateFile, StateId};
use serde_json::{Value, json};

use crate::support::botocore;
use crate::support::emulator::endpoint;
use crate::support::inventory::inventory;
use crate::support::program::{CommandOutput, User};

fn up(user: &User, stack: &str) -> Value {
    user.run(&["up", "--yes", "--json", "--stack", stack]).ends(0).summary()
}

fn aws(user: &User, service: &str, operation: &str, arguments: &Value) -> Value {
    let answer = botocore::call(user, service, operation, arguments);
    assert!(answer.get("Error").is_none(), "{operation}: {answer}");
    answer
}

/// Takes a snapshot with ids, dates, times and accounts replaced.
fn snapshot(name: &str, ran: &CommandOutput) {
    insta::with_settings!({ filters => vec![
        // Printed AWS CLI commands contain the emulator's endpoint.
        (r" --endpoint-url http://127\.0\.0\.1:\d+", ""),
        (r"\b\d{12}\b", "[account]"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[uuid]"),
        (r"eu-central-1_\w{9}", "eu-central-1_[pool]"),
        (r"restapis/\w+", "restapis/[api]"),
        (r"rest-api-id \w+", "rest-api-id [api]"),
        (r"client/\w+", "client/[client]"),
        (r"(secret:[\w-]+)-\w{6}\b", "$1-[suffix]"),
        (r"\d{4}-\d\d-\d\d", "[day]"),
        (r"\d+(\.\d)?s\b", "[time]"),
        (r"request [\w-]+", "request [id]"),
    ] }, { insta::assert_snapshot!(name, format!("{}{}", ran.stdout, ran.stderr)) });
}

#[test]
fn sweep_lists_and_removes_a_stack_without_state_or_stack_file() {
    let user = User::newcomer();
    up(&user, "demo");
    let before = inventory(&user);
    let elsewhere = user.on_another_machine(&endpoint());
    let here = user.run(&["sweep"]).ends(0);
    assert!(here.stdout.contains("state file state/demo."), "{}", here.stdout);
    let listed = elsewhere.run(&["sweep"]).ends(0);
    snapshot("sweep_lists", &listed);
    assert_eq!(inventory(&user), before, "listing removes nothing");

    // Without a terminal there is no confirmation.
    elsewhere
        .run(&["sweep", "--stack", "demo", "--yes"])
        .ends(10)
        .says("belong to a state that is not here")
        .says("--adopt");
    assert_eq!(inventory(&user), before);
    elsewhere.run(&["sweep", "--stack", "demo", "--adopt"]).ends(2).says("--yes");
    assert_eq!(inventory(&user), before);
    elsewhere.run(&["sweep", "--stack", "dem", "--yes"]).ends(6).says("the stack dem has no resources");
    let none = elsewhere.run(&["sweep", "--stack", "dem", "--yes", "--json"]).ends(6).json();
    assert_eq!((&none["type"], &none["verb"]), (&"summary".into(), &"sweep".into()), "one line: {none}");

    let document = elsewhere.run(&["sweep", "--json"]).ends(0).json();
    assert_eq!(document["schema_version"], 1);
    assert_eq!(document["stacks"][0]["stack"], "demo");
    assert_eq!(document["stacks"][0]["state_file"], Value::Null);
    let swept = elsewhere.run(&["sweep", "--stack", "demo", "--yes", "--adopt"]).ends(0).says("0 left");
    let at = |id: &str| swept.stderr.find(&format!("deleted   {id}")).unwrap();
    assert!(
        at("firewall.association") < at("firewall.web-acl") && at("firewall.web-acl") < at("firewall.addresses-v4")
    );
    assert!(at("stage.development") < at("api.rest") && at("policy.InternalLambda") < at("role.InternalLambda"));
    snapshot("sweep_removes", &CommandOutput { stderr: ends_sorted(&swept.stderr), ..swept });
    assert_eq!(inventory(&user), Vec::<String>::new());
    assert!(!elsewhere.records_resources());

    // Only the secret that can be recovered is left, and the output names it.
    elsewhere.run(&["sweep", "--stack", "demo", "--yes"]).ends(0).says("can be restored until");
    let windows = elsewhere.run(&["sweep", "--json"]).ends(0).json();
    assert!(windows["stacks"][0]["resources"][0]["recoverable_until_unix"].is_u64(), "{windows:#}");
    elsewhere.run(&["sweep", "--stack", "demo", "--yes", "--purge"]).ends(0).says("permanently deletes").says("0 left");
    elsewhere.run(&["sweep", "--stack", "demo", "--yes", "--purge"]).ends(6);
    let nothing = elsewhere.run(&["sweep"]).ends(0);
    assert!(nothing.stdout.contains("No tagged resources in account"), "{}", nothing.stdout);
    // `down` also succeeds if only the state file is left of a stack.
    user.run(&["down", "--yes", "--stack", "demo"]).ends(0).says("0 left");
    assert!(!user.records_resources());
}

/// Sorts the lines of deletions, which run in parallel and end in any order.
fn ends_sorted(text: &str) -> String {
    let (mut events, mut others) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let event = line.contains("deleted") && !line.contains("can be recovered");
        if event { events.push(line) } else { others.push(line) }
    }
    events.sort_unstable();
    [events, others].concat().join("\n")
}

#[test]
fn down_without_state_removes_the_rest_of_a_half_removed_stack() {
    let user = User::newcomer();
    up(&user, "demo");
    // As after half of a `down`: a topic and a role are gone, and the resources that depend on them are not.
    std::fs::remove_file(user.state()).unwrap();
    let topics = aws(&user, "sns", "list_topics", &json!({}));
    aws(&user, "sns", "delete_topic", &json!({ "TopicArn": topics["Topics"][0]["TopicArn"] }));
    aws(&user, "iam", "delete_role_policy", &json!({ "RoleName": "demo-InternalLambda", "PolicyName": policy(&user) }));
    aws(&user, "iam", "delete_role", &json!({ "RoleName": "demo-InternalLambda" }));
    let ran = user.run(&["down", "--yes", "--adopt", "--stack", "demo"]).ends(0).says("0 left");
    assert!(ran.stderr.contains("secret.LambdaSNSTopicARN"), "its topic is gone:\n{}", ran.stderr);
    assert!(ran.stderr.contains("function.InternalLambda"), "its role is gone:\n{}", ran.stderr);
    assert_eq!(inventory(&user), Vec::<String>::new());
    user.run(&["sweep", "--stack", "demo", "--yes", "--purge"]).ends(0);
}

fn policy(user: &User) -> String {
    let names = aws(user, "iam", "list_role_policies", &json!({ "RoleName": "demo-InternalLambda" }));
    names["PolicyNames"][0].as_str().unwrap().to_owned()
}

#[test]
fn down_without_state_removes_resources_missing_from_the_stack_file() {
    let user = User::newcomer();
    up(&user, "demo");
    std::fs::remove_file(user.state()).unwrap();
    user.write("securelambda.toml", "[stack]\nname = \"demo\"\n\n[topics.greetings]\n");
    user.run(&["down", "--yes", "--adopt"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
    user.run(&["down", "--yes", "--purge"]).ends(0);
}

#[test]
fn sweep_removes_incomplete_and_duplicate_resources() {
    let user = User::newcomer();
    let tags = json!({ "securelambda:stack": "demo", "securelambda:resource": "pool.MyUserPool1" });
    let listed = json!([
        { "Key": "securelambda:stack", "Value": "demo" }, { "Key": "securelambda:resource", "Value": "role.f" }
    ]);
    // Two pools of one name without clients, an API without a stage, a role without a policy, a role with one, and a web
    // ACL that is associated with a foreign stage.
    for _ in 0..2 {
        aws(&user, "cognito-idp", "create_user_pool", &json!({ "PoolName": "demo-MyUserPool1", "UserPoolTags": tags }));
    }
    let api = json!({ "name": "renamed", "tags": { "securelambda:stack": "demo" } });
    aws(&user, "apigateway", "create_rest_api", &api);
    for role in ["demo-f", "demo-g"] {
        let trust = json!({ "Version": "2012-10-17", "Statement": [] }).to_string();
        let role = json!({
            "RoleName": role, "Path": "/securelambda/demo/", "AssumeRolePolicyDocument": trust, "Tags": listed,
        });
        aws(&user, "iam", "create_role", &role);
    }
    let document = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "sns:Publish", "Resource": "*" } ] });
    let put = json!({ "RoleName": "demo-g", "PolicyName": "access", "PolicyDocument": document.to_string() });
    aws(&user, "iam", "put_role_policy", &put);
    let visible = json!({ "SampledRequestsEnabled": false, "CloudWatchMetricsEnabled": false, "MetricName": "m" });
    let acl = json!({ "Name": "demo-web-acl", "Scope": "REGIONAL", "DefaultAction": { "Allow": {} },
        "VisibilityConfig": visible, "Tags": listed });
    let acl = aws(&user, "wafv2", "create_web_acl", &acl)["Summary"]["ARN"].clone();
    let api = aws(&user, "apigateway", "create_rest_api", &json!({ "name": "stranger" }))["id"].clone();
    let deployment = aws(&user, "apigateway", "create_deployment", &json!({ "restApiId": api, "stageName": "s" }));
    assert!(deployment["id"].is_string());
    let stage = format!("arn:aws:apigateway:eu-central-1::/restapis/{}/stages/s", api.as_str().unwrap());
    aws(&user, "wafv2", "associate_web_acl", &json!({ "WebACLArn": acl, "ResourceArn": stage }));

    let document = user.run(&["sweep", "--json"]).ends(0).json();
    let kinds: Vec<&str> = document["stacks"][0]["resources"].as_array().unwrap().iter().map(kind).collect();
    for kind in ["cognito.user_pool", "apigateway.rest_api", "iam.role", "iam.role_policy", "wafv2.association"] {
        assert!(kinds.contains(&kind), "{kind} is not in {kinds:?}");
    }
    user.run(&["sweep", "--stack", "demo", "--yes", "--adopt"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), ["apigateway.rest_api stranger"]);
    let attached = botocore::call(&user, "wafv2", "get_web_acl_for_resource", &json!({ "ResourceArn": stage }));
    assert!(attached.get("WebACL").is_none(), "nothing stands in front of the stranger's stage: {attached}");
}

fn kind(resource: &Value) -> &str {
    resource["kind"].as_str().unwrap()
}

#[test]
fn sweep_and_down_leave_foreign_resources_and_other_stacks_alone() {
    let user = User::newcomer();
    up(&user, "a-b");
    let other = inventory(&user);
    let neighbour = user.on_another_machine(&endpoint());
    up(&neighbour, "a");
    // Foreign resources with our prefix and without our tag.
    aws(&user, "sns", "create_topic", &json!({ "Name": "a-stranger" }));
    aws(&user, "logs", "create_log_group", &json!({ "logGroupName": "/aws/lambda/a-stranger" }));
    let strangers = ["logs.group /aws/lambda/a-stranger", "sns.topic a-stranger"];
    let both = |mut names: Vec<String>| {
        names.retain(|name| !strangers.contains(&name.as_str()));
        names
    };

    let swept = neighbour.run(&["sweep", "--stack", "a", "--yes"]).ends(0).says("0 left");
    let swept = swept.says("Not part of this stack, not touched: a-stranger").says("of the stack a-b");
    assert!(!swept.stderr.contains("a-b-"), "{}", swept.stderr);
    let left = inventory(&user);
    assert_eq!(left.len() - both(left.clone()).len(), 2, "{left:#?}");
    assert_eq!(both(left), other);
    let status = user.run(&["status", "--json", "--stack", "a-b"]).ends(0).json();
    assert_eq!(status["sound"], true, "{status:#}");

    // The same with `down`, whose summary lists foreign resources separately.
    up(&neighbour, "a");
    let summary = neighbour.run(&["down", "--stack", "a", "--yes", "--json"]).ends(0).summary();
    assert_eq!(summary["left"], json!([]));
    let names: Vec<&str> = summary["not_ours"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["stack"].is_null())
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a-stranger", "/aws/lambda/a-stranger"]);
    assert_eq!(both(inventory(&user)), other);
    user.run(&["down", "--stack", "a-b", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user).len(), 2);
}

/// A user of the account who may do everything except this action.
fn without(user: &User, denied: &str) -> User {
    let statement = |effect: &str, action: &str| json!({ "Effect": effect, "Action": action, "Resource": "*" });
    let document = json!({
        "Version": "2012-10-17", "Statement": [statement("Allow", "*"), statement("Deny", denied)]
    });
    aws(user, "iam", "create_user", &json!({ "UserName": "ann" }));
    let policy = json!({ "UserName": "ann", "PolicyName": "p", "PolicyDocument": document.to_string() });
    aws(user, "iam", "put_user_policy", &policy);
    let key = aws(user, "iam", "create_access_key", &json!({ "UserName": "ann" }))["AccessKey"].clone();
    user.on_another_machine(&endpoint())
        .with("AWS_ACCESS_KEY_ID", key["AccessKeyId"].as_str().unwrap())
        .with("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"].as_str().unwrap())
}

#[test]
fn a_resource_that_cannot_be_deleted_is_listed_with_a_removal_command() {
    let user = User::newcomer();
    up(&user, "demo");
    let ann = without(&user, "logs:DeleteLogGroup");
    let swept = ann.run(&["sweep", "--stack", "demo", "--yes", "--adopt"]).ends(4).says("3 left");
    let swept = swept.says("remains: logs.InternalLambda (logs.group) arn:aws:logs:");
    let swept =
        swept.says("aws logs delete-log-group --log-group-name /aws/lambda/demo-InternalLambda --region eu-central-1");
    snapshot(
        "sweep_survivors",
        &CommandOutput { stderr: swept.stderr[swept.stderr.find("removed, 3 left").unwrap()..].into(), ..swept },
    );
    let summary = ann.run(&["down", "--stack", "demo", "--yes", "--json"]).ends(4).summary();
    let left = summary["left"].as_array().unwrap();
    assert_eq!(left.len(), 3);
    assert!(left.iter().all(|one| kind(one) == "logs.group" && one["error"]["code"].is_string()), "{left:#?}");
    // With the permission, the next run deletes the rest.
    let rest = user.run(&["down", "--stack", "demo", "--yes"]).ends(0);
    rest.says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn sweep_reports_a_service_that_cannot_be_listed_and_ends_with_4() {
    let user = User::newcomer();
    up(&user, "demo");
    let ann = without(&user, "wafv2:ListIPSets");
    let ran = ann.run(&["sweep", "--stack", "demo", "--yes", "--adopt"]).ends(4);
    let ran = ran.says("could not be listed: wafv2.ip_set").says("(call: wafv2 ListIPSets)");
    ran.says("some services could not be listed, so resources may remain")
        .says("`securelambda sweep --stack demo --adopt`");
    let ran = ann.run(&["sweep"]).ends(4).says("could not be listed: wafv2.ip_set");
    ran.says("some services could not be listed, so there may be more");
    assert_eq!(inventory(&user), ["wafv2.ip_set demo-addresses-v4"]);
    user.run(&["sweep", "--stack", "demo", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn up_creates_a_new_secret_after_down_purge() {
    let user = User::newcomer();
    let arn = |summary: &Value| summary["outputs"]["secrets"]["LambdaSNSTopicARN"]["arn"].clone();
    let first = arn(&up(&user, "demo"));
    let down = ["down", "--stack", "demo", "--yes", "--purge"];
    let ran = user
        .run(&down)
        .ends(0)
        .says("--purge permanently deletes the values of these secrets: LambdaSNSTopicARN")
        .says("0 left");
    assert!(!ran.stderr.contains("can be recovered"), "{}", ran.stderr);
    let second = arn(&up(&user, "demo"));
    assert_ne!(first, second);

    // `--purge` also deletes a secret that an earlier `down` left in its recovery window.
    user.run(&["down", "--stack", "demo", "--yes"]).ends(0).says("can be restored until").says("down --purge");
    user.run(&down).ends(0).says("secret.LambdaSNSTopicARN").says("0 left");
    assert_ne!(arn(&up(&user, "demo")), second);
    user.run(&down).ends(0);
    let secrets = aws(&user, "secretsmanager", "list_secrets", &json!({ "IncludePlannedDeletion": true }));
    assert_eq!(secrets["SecretList"], json!([]));
    user.run(&["sweep", "--purge"]).ends(2).says("--stack");
}

#[test]
fn sweep_refuses_a_stack_that_another_run_has_locked() {
    let user = User::newcomer();
    up(&user, "demo");
    let id = StateId { stack: "demo".into(), account: account_of(&user), region: "eu-central-1".into() };
    let store = StateFile::new(&user.folder.path().join("state"), &id);
    let held = store.lock("securelambda up").unwrap();
    user.run(&["sweep", "--stack", "demo", "--yes"]).ends(9).says("another run holds the lock");
    user.run(&["sweep"]).ends(0);
    drop(held);
    user.run(&["sweep", "--stack", "demo", "--yes", "--purge"]).ends(0);
    assert!(!user.records_resources());
}

fn account_of(user: &User) -> String {
    aws(user, "sts", "get_caller_identity", &json!({}))["Account"].as_str().unwrap().to_owned()
}

//! What is left: found by AWS's lists alone, removed if the tag proves it ours, told if it cannot be removed.

use serde_json::{Value, json};

use crate::support::botocore::{self, inventory};
use crate::support::emulator::endpoint;
use crate::support::program::{Ran, User};

fn up(user: &User, stack: &str) -> Value {
    user.run(&["up", "--yes", "--json", "--stack", stack]).ends(0).summary()
}

fn aws(user: &User, service: &str, operation: &str, arguments: &Value) -> Value {
    let answer = botocore::call(user, service, operation, arguments);
    assert!(answer.get("Error").is_none(), "{operation}: {answer}");
    answer
}

/// Hides ids, dates, times and accounts from a snapshot.
fn snapshot(name: &str, ran: &Ran) {
    insta::with_settings!({ filters => vec![
        // Commands of the AWS CLI repeat where the emulator is.
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
fn sweep_lists_and_removes_with_no_state_and_no_stack_file() {
    let user = User::newcomer();
    up(&user, "demo");
    let before = inventory(&user);
    let elsewhere = user.beyond(&endpoint());
    let here = user.run(&["sweep"]).ends(0);
    assert!(here.stdout.contains("state file state/demo."), "{}", here.stdout);
    let listed = elsewhere.run(&["sweep"]).ends(0);
    snapshot("sweep_lists", &listed);
    assert_eq!(inventory(&user), before, "listing removes nothing");

    // Nobody to ask.
    elsewhere.run(&["sweep", "--stack", "demo"]).ends(2).says("--yes");
    assert_eq!(inventory(&user), before);
    elsewhere.run(&["sweep", "--stack", "dem", "--yes"]).ends(6).says("the stack dem has no resources");
    let none = elsewhere.run(&["sweep", "--stack", "dem", "--yes", "--json"]).ends(6).json();
    assert_eq!((&none["type"], &none["verb"]), (&"summary".into(), &"sweep".into()), "one line: {none}");

    let document = elsewhere.run(&["sweep", "--json"]).ends(0).json();
    assert_eq!(document["schema_version"], 1);
    assert_eq!(document["stacks"][0]["stack"], "demo");
    assert_eq!(document["stacks"][0]["state_file"], Value::Null);
    let swept = elsewhere.run(&["sweep", "--stack", "demo", "--yes"]).ends(0).says("0 left");
    let at = |id: &str| swept.stderr.find(&format!("deleted   {id}")).unwrap();
    assert!(
        at("firewall.association") < at("firewall.web-acl") && at("firewall.web-acl") < at("firewall.addresses-v4")
    );
    assert!(at("stage.development") < at("api.rest") && at("policy.InternalLambda") < at("role.InternalLambda"));
    snapshot("sweep_removes", &Ran { stderr: ends_sorted(&swept.stderr), ..swept });
    assert_eq!(inventory(&user), Vec::<String>::new());
    assert!(!elsewhere.state().exists());

    // Only the secret that can be recovered is left, and said.
    elsewhere.run(&["sweep", "--stack", "demo", "--yes"]).ends(0).says("can be recovered until");
    let windows = elsewhere.run(&["sweep", "--json"]).ends(0).json();
    assert!(windows["stacks"][0]["resources"][0]["recoverable_until_unix"].is_u64(), "{windows:#}");
    elsewhere.run(&["sweep", "--stack", "demo", "--yes", "--purge"]).ends(0).says("permanently deletes").says("0 left");
    elsewhere.run(&["sweep", "--stack", "demo", "--yes", "--purge"]).ends(6);
    let nothing = elsewhere.run(&["sweep"]).ends(0);
    assert!(nothing.stdout.contains("No tagged resources in account"), "{}", nothing.stdout);
    // A state file that outlived its stack is no obstacle.
    user.run(&["down", "--yes", "--stack", "demo"]).ends(0).says("0 left");
    assert!(!user.state().exists());
}

/// Lines of what ran side by side end in any order.
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
fn down_after_the_state_was_lost_half_way() {
    let user = User::newcomer();
    up(&user, "demo");
    // Half of a `down`: what the graph would go by is gone, what hung on it is not.
    std::fs::remove_file(user.state()).unwrap();
    let topics = aws(&user, "sns", "list_topics", &json!({}));
    aws(&user, "sns", "delete_topic", &json!({ "TopicArn": topics["Topics"][0]["TopicArn"] }));
    aws(&user, "iam", "delete_role_policy", &json!({ "RoleName": "demo-InternalLambda", "PolicyName": policy(&user) }));
    aws(&user, "iam", "delete_role", &json!({ "RoleName": "demo-InternalLambda" }));
    let ran = user.run(&["down", "--yes", "--stack", "demo"]).ends(0).says("0 left");
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
fn down_removes_what_the_shrunken_stack_file_no_longer_names() {
    let user = User::newcomer();
    up(&user, "demo");
    std::fs::remove_file(user.state()).unwrap();
    user.write("securelambda.toml", "[stack]\nname = \"demo\"\n\n[topics.greetings]\n");
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
    user.run(&["down", "--yes", "--purge"]).ends(0);
}

#[test]
fn half_made_and_doubled_things_are_swept() {
    let user = User::newcomer();
    let tags = json!({ "securelambda:stack": "demo", "securelambda:resource": "pool.MyUserPool1" });
    let listed = json!([
        { "Key": "securelambda:stack", "Value": "demo" }, { "Key": "securelambda:resource", "Value": "role.f" }
    ]);
    // Two pools of one name without clients, an API without a stage, a role without and one with a policy, and a web ACL
    // in front of a stage.
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
    user.run(&["sweep", "--stack", "demo", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), ["get_rest_apis stranger"]);
    let attached = botocore::call(&user, "wafv2", "get_web_acl_for_resource", &json!({ "ResourceArn": stage }));
    assert!(attached.get("WebACL").is_none(), "nothing stands in front of the stranger's stage: {attached}");
}

fn kind(resource: &Value) -> &str {
    resource["kind"].as_str().unwrap()
}

#[test]
fn strangers_and_another_stack_are_left_alone() {
    let user = User::newcomer();
    up(&user, "a-b");
    let other = inventory(&user);
    let neighbour = user.beyond(&endpoint());
    up(&neighbour, "a");
    // With our prefix, and without our tag; or with the tag under no path of ours.
    aws(&user, "sns", "create_topic", &json!({ "Name": "a-stranger" }));
    aws(&user, "logs", "create_log_group", &json!({ "logGroupName": "/aws/lambda/a-stranger" }));
    let strangers = ["describe_log_groups /aws/lambda/a-stranger", "list_topics a-stranger"];
    let both = |mut names: Vec<String>| {
        names.retain(|name| !strangers.contains(&name.as_str()));
        names
    };

    let swept = neighbour.run(&["sweep", "--stack", "a", "--yes"]).ends(0).says("0 left");
    let swept = swept.says("Not ours, left alone: a-stranger").says("of the stack a-b");
    assert!(!swept.stderr.contains("a-b-"), "{}", swept.stderr);
    let left = inventory(&user);
    assert_eq!(left.len() - both(left.clone()).len(), 2, "{left:#?}");
    assert_eq!(both(left), other);
    let status = user.run(&["status", "--json", "--stack", "a-b"]).ends(0).json();
    assert_eq!(status["sound"], true, "{status:#}");

    // And the same with `down`, whose summary has them apart.
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

/// A user of the account who may do all but this.
fn without(user: &User, denied: &str) -> User {
    let statement = |effect: &str, action: &str| json!({ "Effect": effect, "Action": action, "Resource": "*" });
    let document = json!({
        "Version": "2012-10-17", "Statement": [statement("Allow", "*"), statement("Deny", denied)]
    });
    aws(user, "iam", "create_user", &json!({ "UserName": "ann" }));
    let policy = json!({ "UserName": "ann", "PolicyName": "p", "PolicyDocument": document.to_string() });
    aws(user, "iam", "put_user_policy", &policy);
    let key = aws(user, "iam", "create_access_key", &json!({ "UserName": "ann" }))["AccessKey"].clone();
    user.beyond(&endpoint())
        .with("AWS_ACCESS_KEY_ID", key["AccessKeyId"].as_str().unwrap())
        .with("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"].as_str().unwrap())
}

#[test]
fn a_survivor_is_listed_with_how_to_remove_it() {
    let user = User::newcomer();
    up(&user, "demo");
    let ann = without(&user, "logs:DeleteLogGroup");
    let swept = ann.run(&["sweep", "--stack", "demo", "--yes"]).ends(4).says("3 left");
    let swept = swept.says("left: logs.InternalLambda (logs.group) arn:aws:logs:");
    let swept =
        swept.says("aws logs delete-log-group --log-group-name /aws/lambda/demo-InternalLambda --region eu-central-1");
    snapshot(
        "sweep_survivors",
        &Ran { stderr: swept.stderr[swept.stderr.find("removed,").unwrap()..].into(), ..swept },
    );
    let summary = ann.run(&["down", "--stack", "demo", "--yes", "--json"]).ends(4).summary();
    let left = summary["left"].as_array().unwrap();
    assert_eq!(left.len(), 3);
    assert!(left.iter().all(|one| kind(one) == "logs.group" && one["error"]["code"].is_string()), "{left:#?}");
    // What stopped it is gone: from there on.
    let rest = user.run(&["down", "--stack", "demo", "--yes"]).ends(0);
    rest.says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn what_cannot_be_listed_is_not_taken_for_gone() {
    let user = User::newcomer();
    up(&user, "demo");
    let ann = without(&user, "wafv2:ListIPSets");
    let ran = ann.run(&["sweep", "--stack", "demo", "--yes"]).ends(4);
    let ran = ran.says("could not be listed: wafv2.ip_set").says("(call: wafv2 ListIPSets)");
    ran.says("some services could not be listed, so resources may remain").says("`securelambda sweep --stack demo`");
    let ran = ann.run(&["sweep"]).ends(4).says("could not be listed: wafv2.ip_set");
    ran.says("some services could not be listed, so there may be more");
    assert_eq!(inventory(&user), ["list_ip_sets demo-addresses-v4"]);
    user.run(&["sweep", "--stack", "demo", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn a_purged_secret_is_made_anew() {
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

    // One that an earlier `down` left in its window goes too.
    user.run(&["down", "--stack", "demo", "--yes"]).ends(0).says("can be recovered until").says("down --purge");
    user.run(&down).ends(0).says("secret.LambdaSNSTopicARN").says("0 left");
    assert_ne!(arn(&up(&user, "demo")), second);
    user.run(&down).ends(0);
    let secrets = aws(&user, "secretsmanager", "list_secrets", &json!({ "IncludePlannedDeletion": true }));
    assert_eq!(secrets["SecretList"], json!([]));
    user.run(&["sweep", "--purge"]).ends(2).says("--stack");
}

#[test]
fn a_stack_that_another_run_holds_is_not_swept() {
    let user = User::newcomer();
    up(&user, "demo");
    let store = securelambda::state::Store::new(
        &user.folder.path().join("state"),
        "demo",
        &account_of(&user),
        "eu-central-1",
        None,
    );
    let held = store.lock("securelambda up").unwrap();
    user.run(&["sweep", "--stack", "demo", "--yes"]).ends(9).says("another run holds the lock");
    user.run(&["sweep"]).ends(0);
    drop(held);
    user.run(&["sweep", "--stack", "demo", "--yes", "--purge"]).ends(0);
    assert!(!user.state().exists());
}

fn account_of(user: &User) -> String {
    aws(user, "sts", "get_caller_identity", &json!({}))["Account"].as_str().unwrap().to_owned()
}

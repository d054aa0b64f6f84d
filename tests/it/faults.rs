//! The program with AWS's delays, conflicts and rates, which [`crate::support::faults`] injects at a time scale. The user must
//! see no error, and no resource may be created twice or left behind.
//!
//! `cargo test --test it faults:: -- --nocapture` prints how often each rule was met.

use std::sync::Arc;
use std::time::Duration;

use securelambda::aws::apigateway::refusals::{
    API_AUTHORIZER_VISIBLE, API_BUSY, API_DELETE_RATE, API_UPDATING, NEW_STAGE,
};
use securelambda::aws::cognito::refusals::COGNITO_BUSY;
use securelambda::aws::iam::refusals::{IAM_BUSY, ROLE_IN_USE, ROLE_VISIBLE};
use securelambda::aws::lambda::refusals::{FUNCTION_BUSY, ROLE};
use securelambda::aws::logs::refusals::{LOGS_BUSY, LOGS_VISIBLE};
use securelambda::aws::scheduler::refusals::SCHEDULER_ROLE;
use securelambda::aws::secretsmanager::refusals::{SECRET_BACK, SECRET_NAME};
use securelambda::aws::settle::THROTTLE;
use securelambda::aws::sns::refusals::SNS_BUSY;
use securelambda::aws::sqs::refusals::{DEAD_LETTER_QUEUE, QUEUE_NAME};
use securelambda::aws::wafv2::refusals::{WAF_ASSOCIATION, WAF_IN_USE, WAF_IP_SET, WAF_LOCK, WAF_TROUBLE};
use serde_json::json;

use crate::support::botocore::{call, calls};
use crate::support::emulator::{account, endpoint};
use crate::support::facts::recorded_refusal;
use crate::support::faults::{ConsistencyRules, Domain, OccasionalFaults};
use crate::support::inventory::inventory;
use crate::support::program::{CommandOutput, User};
use crate::support::proxy::{CallOutcome, Proxy};

/// How long one of AWS's seconds lasts in these tests.
const TIME_SCALE: f64 = 0.04;

/// The built-in stack with more routes: one function has several routes with both pools.
const STACK: &str = r#"
[stack]
name = "weather"
[topics.greetings]
[tables.notes]
key = "userId"
recovery = true
stream = "new"
[queues.work]
dead_letter_after = 3
[secrets.LambdaSNSTopicARN]
TOPIC_ARN = { topic = "greetings" }
[functions.InternalLambda]
source  = "lambdas/internal"
trigger = { topic = "greetings" }
[functions.ExternalLambda1]
source    = "lambdas/external"
secrets   = ["LambdaSNSTopicARN"]
publishes = ["greetings"]
provisioned_concurrency = 2
[functions.ExternalLambda2]
source    = "lambdas/external"
secrets   = ["LambdaSNSTopicARN"]
publishes = ["greetings"]
[secrets.Google]
client_secret = { generate = 32 }
[pools.MyUserPool1]
login = { domain = "weather-of-the-faults", callbacks = ["https://app.example.com/"] }
[pools.MyUserPool1.providers.Google]
client_id = "app"
client_secret = { secret = "Google", key = "client_secret" }
[pools.MyUserPool2]
[plans.partner]
keys = ["acme"]
[api]
stage = "development"
[[functions.ExternalLambda1.triggers]]
queue = "work"
[[functions.ExternalLambda1.triggers]]
schedule = "rate(1 day)"
[[functions.ExternalLambda1.triggers]]
stream = "notes"
[[api.routes]]
route    = "POST /lambda1"
function = "ExternalLambda1"
pool     = "MyUserPool1"
body     = "lambdas/external/request.schema.json"
[[api.routes]]
route    = "POST /lambda2"
function = "ExternalLambda2"
pool     = "MyUserPool2"
body     = "lambdas/external/request.schema.json"
[[api.routes]]
route    = "PUT /people/{id}"
function = "ExternalLambda2"
pool     = "MyUserPool1"
key      = true
rate_limit = 40
[[api.routes]]
route    = "POST /people/{id}/friends"
function = "ExternalLambda2"
pool     = "MyUserPool2"
[firewall]
mode      = "count"
addresses = ["203.0.113.7/32", "2001:db8::/48"]
"#;

/// A user with this stack file and the built-in functions.
fn user(endpoint: &str, stack: &str) -> User {
    let user = User::of(&account(), endpoint).with("SECURELAMBDA_TIME_SCALE", &TIME_SCALE.to_string());
    user.write("securelambda.toml", stack);
    let code = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("lambdas");
    let copied = std::process::Command::new("cp").arg("-r").arg(code).arg(user.folder.path()).status().unwrap();
    assert!(copied.success());
    user
}

/// Asserts that a run succeeded and mentions no error.
#[track_caller]
fn without_errors(ran: CommandOutput) -> CommandOutput {
    let ran = ran.ends(0);
    for trouble in ["error", "failed", "refused"] {
        // Three exceptions: the warning about root credentials, lines of the log that `-v` prints, and the note about
        // callers with a deleted API key.
        let fine = ["root credentials", " INFO ", "requests with it will be refused"];
        let is_word = |line: &&str| line.contains(trouble) && !fine.iter().any(|words| line.contains(words));
        let said = ran.stderr.lines().find(is_word);
        assert_eq!(said, None, "in:\n{}", ran.stderr);
    }
    ran
}

/// Asserts that the program printed these reasons for waiting.
#[track_caller]
fn assert_reasons<'a>(ran: &CommandOutput, reasons: impl IntoIterator<Item = &'a str>) {
    for reason in reasons {
        assert!(ran.stderr.contains(reason), "the reason {reason:?} is not in:\n{}", ran.stderr);
    }
}

#[allow(clippy::print_stdout, reason = "whoever asks for the test's output wants to see it")]
fn show(rules: &ConsistencyRules) {
    println!("{}", rules.table());
}

/// A proxy with these rules, and a user behind it.
fn user_behind(rules: &Arc<ConsistencyRules>, stack: &str) -> (Proxy, User) {
    let proxy = Proxy::with_faults(&endpoint(), Duration::ZERO, Arc::clone(rules) as _);
    let user = user(&proxy.endpoint, stack);
    (proxy, user)
}

/// The rules that apply only to changes, or after changes by another tool.
const OF_CHANGES: [&str; 5] = [
    "Lambda: an update of a function is in progress",
    "Cognito: UpdateUserPool resets the fields that the request leaves out",
    "Cognito: UpdateUserPoolClient resets the fields that the request leaves out",
    "Secrets: the name is held by a forced delete in progress",
    "API Gateway: an authorizer that a method refers to is not deleted",
];

#[test]
fn up_up_down_up_down_succeed_under_all_consistency_rules() {
    let undisturbed = user(&endpoint(), STACK);
    undisturbed.run(&["up", "--yes"]).ends(0);
    let made = inventory(&undisturbed);
    undisturbed.run(&["down", "--yes", "--remove-table", "notes"]).ends(0);
    assert!(made.len() > 15, "{made:?}");

    let rules = ConsistencyRules::all(TIME_SCALE);
    let (proxy, user) = user_behind(&rules, STACK);
    let there = || inventory(&user.on_another_machine(&endpoint()));

    let ran = without_errors(user.run(&["up", "--yes", "-v"]));
    let waits = [
        &ROLE,
        &FUNCTION_BUSY,
        &WAF_ASSOCIATION,
        &WAF_IP_SET,
        &WAF_TROUBLE,
        &ROLE_VISIBLE,
        &IAM_BUSY,
        &SNS_BUSY,
        &API_BUSY,
        &API_AUTHORIZER_VISIBLE,
        &THROTTLE,
        &LOGS_VISIBLE,
        &LOGS_BUSY,
        &DEAD_LETTER_QUEUE,
        &SCHEDULER_ROLE,
        &NEW_STAGE,
    ];
    assert_reasons(&ran, waits.map(|wait| wait.why));
    assert_reasons(&ran, ["the function is not active yet", "the subscription is not confirmed yet"]);
    assert_reasons(&ran, ["the event source mapping is not active yet"]);
    assert_reasons(&ran, ["no response: checking whether it was created"]);
    assert_eq!(there(), made);

    proxy.take();
    without_errors(user.run(&["up", "--yes"]));
    let writes: Vec<String> = proxy.take().into_iter().filter(|call| call.writes).map(|call| call.name).collect();
    assert_eq!(writes, Vec::<String>::new(), "there was nothing to do");

    let ran = without_errors(user.run(&["down", "--yes", "-v", "--remove-table", "notes"])).says("0 left");
    let waits =
        [&API_DELETE_RATE, &WAF_IN_USE, &WAF_LOCK, &ROLE_IN_USE, &IAM_BUSY, &COGNITO_BUSY, &SNS_BUSY, &LOGS_BUSY];
    assert_reasons(&ran, waits.map(|wait| wait.why));
    assert_reasons(
        &ran,
        ["the function is not gone yet", "the API is not gone yet", "the event source mapping is not gone yet"],
    );
    assert_eq!(there(), Vec::<String>::new());

    let ran = without_errors(user.run(&["up", "--yes", "-v"]));
    assert_reasons(&ran, [SECRET_BACK.why, API_UPDATING.why, QUEUE_NAME.why]);
    assert_eq!(there(), made);
    without_errors(user.run(&["down", "--yes", "--remove-table", "notes"])).says("0 left");
    assert_eq!(there(), Vec::<String>::new());

    show(&rules);
    assert_eq!(rules.damage(), Vec::<String>::new());
    assert_eq!(rules.unmet(), OF_CHANGES);
}

#[test]
fn changes_succeed_under_all_consistency_rules() {
    let rules = ConsistencyRules::all(TIME_SCALE);
    let (_proxy, user) = user_behind(&rules, STACK);
    without_errors(user.run(&["up", "--yes"]));

    // Another tool changes settings that are not in the stack file, and settings that are.
    let pool = user.run(&["outputs", "pools.MyUserPool1.id"]).ends(0).stdout.trim().to_owned();
    let client = user.run(&["outputs", "pools.MyUserPool1.client_id"]).ends(0).stdout.trim().to_owned();
    let subject = "Your code is {####}";
    let weaker = json!({ "PasswordPolicy": { "MinimumLength": 6 } });
    let theirs = calls(
        &user.on_another_machine(&endpoint()),
        &[
            json!(["cognito-idp", "describe_user_pool", { "UserPoolId": pool }]),
            json!(["cognito-idp", "update_user_pool",
                { "UserPoolId": pool, "Policies": weaker, "EmailVerificationSubject": subject,
                  "AutoVerifiedAttributes": ["email"] }]),
            json!(["cognito-idp", "update_user_pool_client",
                { "UserPoolId": pool, "ClientId": client, "ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH"],
                  "AuthSessionValidity": 7 }]),
        ],
    );
    assert!(theirs.iter().all(|answer| answer.get("Error").is_none()), "{theirs:?}");

    // Remove a pool and its authorizer, which a method refers to. Change code and settings of a function.
    let changed = STACK
        .replace("[pools.MyUserPool2]\n", "")
        .replace("\"MyUserPool2\"", "\"MyUserPool1\"")
        .replace("\"lambdas/internal\"", "\"lambdas/internal\"\nmemory_mb = 256")
        .replace("203.0.113.7/32", "198.51.100.7/32");
    user.write("securelambda.toml", &changed);
    user.write("lambdas/internal/handler.mjs", "export const handler = async () => ({});\n");
    let ran = without_errors(user.run(&["up", "--yes", "-v"]));
    assert_reasons(&ran, [WAF_LOCK.why, COGNITO_BUSY.why, API_BUSY.why, "the function is not active yet"]);
    let kept = call(
        &user.on_another_machine(&endpoint()),
        "cognito-idp",
        "describe_user_pool",
        &json!({ "UserPoolId": pool }),
    );
    assert_eq!(kept["UserPool"]["EmailVerificationSubject"], subject);
    without_errors(user.run(&["status", "--detailed-exitcode"]));
    without_errors(user.run(&["down", "--yes", "--remove-table", "notes"])).says("0 left");

    // Another tool deletes the secret without a recovery window.
    let secret = json!({ "SecretId": "weather-LambdaSNSTopicARN", "ForceDeleteWithoutRecovery": true });
    let forced = call(&user, "secretsmanager", "delete_secret", &secret);
    assert!(forced.get("Error").is_none(), "{forced}");
    let ran = without_errors(user.run(&["up", "--yes", "-v"]));
    assert_reasons(&ran, [SECRET_NAME.why]);
    without_errors(user.run(&["down", "--yes", "--remove-table", "notes"])).says("0 left");
    assert_eq!(inventory(&user.on_another_machine(&endpoint())), Vec::<String>::new());

    show(&rules);
    assert_eq!(rules.damage(), Vec::<String>::new());
    let met = rules.unmet();
    assert!(!OF_CHANGES.iter().any(|rule| met.contains(rule)), "{met:?}");
}

#[test]
fn a_call_refused_for_a_quota_is_not_repeated() {
    let refused = |id| CallOutcome::Refused(recorded_refusal(id, &[]));
    for quotas in [
        vec![
            ("iam CreateRole", refused("iam-quota"), 4),
            ("wafv2 CreateWebACL", refused("waf-quota"), 1),
            ("cognito-idp CreateUserPool", refused("cognito-quota"), 2),
            ("apigateway CreateRestApi", refused("api-quota"), 1),
            ("logs PutRetentionPolicy", refused("logs-quota"), 3),
        ],
        // Calls of clients that retry throttled calls.
        vec![("apigateway CreateResource", refused("api-quota"), 3)],
    ] {
        let counts: Vec<_> = quotas.iter().map(|(call, _, count)| (*call, *count)).collect();
        let quotas = quotas.into_iter().map(|(call, outcome, _)| (call, outcome));
        let rules = ConsistencyRules::only(vec![Box::new(OccasionalFaults::always("quotas", quotas))]);
        let (proxy, user) = user_behind(&rules, STACK);
        let ran = user.run(&["up", "--yes"]).ends(4).says("this is a quota of the account");
        let calls = proxy.take();
        for (name, count) in counts {
            let asked = calls.iter().filter(|call| call.name == name).count();
            assert_eq!(asked, count, "{name} in:\n{}", ran.stderr);
        }
        let other = user.on_another_machine(&endpoint());
        other.write("securelambda.toml", STACK);
        other.run(&["down", "--yes", "--adopt", "--remove-table", "notes"]).ends(0).says("0 left");
    }
}

#[test]
fn down_names_a_foreign_domain_that_keeps_a_pool() {
    let rules = ConsistencyRules::only(vec![Box::new(Domain::default())]);
    let (_proxy, user) = user_behind(&rules, STACK);
    user.run(&["up", "--yes"]).ends(0);
    let pool = user.run(&["outputs", "pools.MyUserPool2.id"]).ends(0).stdout.trim().to_owned();
    let domain = json!({ "Domain": format!("weather-{}", std::process::id()), "UserPoolId": pool });
    assert!(call(&user, "cognito-idp", "create_user_pool_domain", &domain).get("Error").is_none());
    let ran = user
        .run(&["down", "--yes", "--remove-table", "notes"])
        .ends(4)
        .says("It has a domain configured")
        .says("that neither the stack file nor the state file names");
    let way = format!("--user-pool-id {pool} --domain {}`", domain["Domain"].as_str().unwrap());
    assert!(ran.stderr.contains(&way), "{way} is not in:\n{}", ran.stderr);
    assert!(call(&user, "cognito-idp", "delete_user_pool_domain", &domain).get("Error").is_none());
    user.run(&["down", "--yes", "--remove-table", "notes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user.on_another_machine(&endpoint())), Vec::<String>::new());
}

#[test]
fn a_domain_that_somebody_put_in_the_place_of_the_stacks_own_is_named_and_kept() {
    let rules = ConsistencyRules::only(vec![Box::new(Domain::default())]);
    let own = format!("weather-own-{}", std::process::id());
    let file = format!("[stack]\nname = \"weather\"\n[pools.Users]\nlogin = {{ domain = \"{own}\" }}\n");
    let (proxy, user) = user_behind(&rules, &file);
    user.run(&["up", "--yes"]).ends(0);
    let pool = user.run(&["outputs", "pools.Users.id"]).ends(0).stdout.trim().to_owned();
    let domain = |name: &str| json!({ "Domain": name, "UserPoolId": pool });
    let theirs = format!("weather-theirs-{}", std::process::id());
    assert!(call(&user, "cognito-idp", "delete_user_pool_domain", &domain(&own)).get("Error").is_none());
    assert!(call(&user, "cognito-idp", "create_user_pool_domain", &domain(&theirs)).get("Error").is_none());
    let way = format!("delete-user-pool-domain --user-pool-id {pool} --domain {theirs}`");
    user.run(&["up", "--yes"]).ends(4).says(&way).says("nothing was changed");
    // With the state and without it.
    for other in [&user, &user.on_another_machine(&proxy.endpoint)] {
        other.write("securelambda.toml", &file);
        other.run(&["down", "--yes", "--adopt"]).ends(4).says("that neither the stack file nor the state file names");
        let found = call(&user, "cognito-idp", "describe_user_pool_domain", &json!({ "Domain": theirs }));
        assert_eq!(found["DomainDescription"]["UserPoolId"], pool.as_str(), "{found}");
    }
    assert!(call(&user, "cognito-idp", "delete_user_pool_domain", &domain(&theirs)).get("Error").is_none());
    user.run(&["down", "--yes"]).ends(0);
}

//! Functions with provisioned concurrency: every caller calls their alias, which always points to one version with the
//! code of the stack file.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::botocore::{accepted, call};
use crate::support::default_account::default_account;
use crate::support::emulator::{account, endpoint};
use crate::support::program::User;

const CODE: &str = "export const handler = async () => ({ statusCode: 200, body: \"one\" });\n";
const CHECK: &str = "export const handler = async ({ methodArn, headers }) => {\n  const Effect = headers[\"X-Partner\"] \
                     === \"right\" ? \"Allow\" : \"Deny\";\n  return { principalId: \"a\", policyDocument: { Version: \
                     \"2012-10-17\", Statement: [{ Action: \"execute-api:Invoke\", Effect, Resource: methodArn }] } };\n};\n";

/// A function with every kind of caller.
const FILE: &str = r#"
[stack]
name = "warm"
[topics.news]
[queues.work]
[secrets.Partner]
KEY = { generate = 16 }
settings = { rotation = { function = "F", days = 30 } }
[functions.F]
source = "f"
KEYS
[[functions.F.triggers]]
topic = "news"
[[functions.F.triggers]]
queue = "work"
[[functions.F.triggers]]
schedule = "rate(1 day)"
[[functions.F.triggers]]
service = "s3.amazonaws.com"
source_arn = "arn:aws:s3:::photos"
[functions.Caller]
source = "f"
invokes_functions = ["F"]
environment = { OTHER = { function = "F" } }
[functions.Check]
source = "check"
KEYS
[authorizers.Check]
function = "Check"
identity = ["header:X-Partner"]
[api]
[[api.routes]]
route = "GET /open"
function = "F"
auth = "none"
[[api.routes]]
route = "GET /checked"
function = "F"
authorizer = "Check"
[apis.Http]
kind = "http"
[[apis.Http.routes]]
route = "GET /open"
function = "F"
auth = "none"
"#;

fn owner(account: &str) -> User {
    let user = User::of(account, &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.write("f/index.mjs", CODE);
    user.write("check/index.mjs", CHECK);
    user
}

fn up(user: &User, keys: &str) -> Value {
    user.write("securelambda.toml", &FILE.replace("KEYS", keys));
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    outputs
}

fn read(user: &User, operation: &str, arguments: &Value) -> Value {
    accepted(user, "lambda", operation, arguments)
}

/// The published versions of the function.
fn versions(user: &User) -> Vec<String> {
    let listed = read(user, "list_versions_by_function", &json!({ "FunctionName": "warm-F" }));
    let versions = listed["Versions"].as_array().unwrap().iter();
    let versions = versions.map(|one| one["Version"].as_str().unwrap().to_owned());
    versions.filter(|version| version != "$LATEST").collect()
}

fn alias(user: &User) -> Value {
    read(user, "get_alias", &json!({ "FunctionName": "warm-F", "Name": "live" }))
}

/// The function ARNs in the settings of all callers and in the policies that allow the calls.
fn callers(user: &User, outputs: &Value) -> Vec<(&'static str, Vec<String>)> {
    let texts = |list: &Value, member: &str| {
        let all = list.as_array().into_iter().flatten().filter_map(|one| one[member].as_str());
        let of_function = all.filter(|text| text.contains("warm-F") || text.contains("warm-Check"));
        of_function.map(str::to_owned).collect::<Vec<_>>()
    };
    let policy = |name: &str| {
        let policy = read(user, "get_policy", &json!({ "FunctionName": name }));
        let policy: Value = serde_json::from_str(policy["Policy"].as_str().unwrap()).unwrap();
        texts(&policy["Statement"], "Resource")
    };
    let rest = json!({ "restApiId": outputs["api"]["id"] });
    let resources = accepted(
        user,
        "apigateway",
        "get_resources",
        &json!({ "restApiId": outputs["api"]["id"], "embed": ["methods"] }),
    );
    let integrations: Vec<Value> = resources["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one.get("resourceMethods")?.get("GET")?.get("methodIntegration").cloned())
        .collect();
    let authorizers = accepted(user, "apigateway", "get_authorizers", &rest)["items"].clone();
    let http = accepted(user, "apigatewayv2", "get_integrations", &json!({ "ApiId": outputs["apis"]["Http"]["id"] }));
    let subscriptions = accepted(user, "sns", "list_subscriptions", &json!({}));
    let mappings = read(user, "list_event_source_mappings", &json!({}));
    let schedule = accepted(user, "scheduler", "get_schedule", &json!({ "GroupName": "warm-schedules", "Name": "F" }));
    let secret = accepted(user, "secretsmanager", "describe_secret", &json!({ "SecretId": "warm-Partner" }));
    let caller = read(user, "get_function", &json!({ "FunctionName": "warm-Caller" }));
    let rights = json!({ "RoleName": "warm-Caller", "PolicyName": "securelambda" });
    let rights = accepted(user, "iam", "get_role_policy", &rights)["PolicyDocument"].clone();
    let rights = rights["Statement"].as_array().unwrap().iter().find(|one| one["Sid"] == "InvokeOwnFunctions").cloned();
    let allowed = rights.unwrap()["Resource"].clone();
    let allowed = allowed.as_str().or(allowed[0].as_str()).unwrap().to_owned();
    vec![
        ("statements of F", policy("warm-F")),
        ("statements of Check", policy("warm-Check")),
        ("routes", texts(&json!(integrations), "uri").iter().map(|uri| uri.replace("/invocations", "")).collect()),
        (
            "authorizers",
            texts(&authorizers, "authorizerUri").iter().map(|uri| uri.replace("/invocations", "")).collect(),
        ),
        ("HTTP routes", texts(&http["Items"], "IntegrationUri")),
        ("subscriptions", texts(&subscriptions["Subscriptions"], "Endpoint")),
        ("mappings", texts(&mappings["EventSourceMappings"], "FunctionArn")),
        ("schedule", vec![schedule["Target"]["Arn"].as_str().unwrap().to_owned()]),
        ("rotation", vec![secret["RotationLambdaARN"].as_str().unwrap().to_owned()]),
        ("variable", vec![caller["Configuration"]["Environment"]["Variables"]["OTHER"].as_str().unwrap().to_owned()]),
        ("permission of the caller", vec![allowed]),
    ]
}

#[track_caller]
fn assert_all_call_the_alias(user: &User, outputs: &Value) {
    for (what, called) in callers(user, outputs) {
        assert!(!called.is_empty() && called.iter().all(|name| name.ends_with(":live")), "{what}: {called:?}");
    }
}

#[track_caller]
fn assert_none_calls_an_alias(user: &User, outputs: &Value) {
    for (what, called) in callers(user, outputs) {
        let function = |name: &String| name.ends_with("warm-F") || name.ends_with("warm-Check");
        assert!(!called.is_empty() && called.iter().all(function), "{what}: {called:?}");
    }
}

/// Calls a route all the time while `change` runs, and asserts that it always answers.
fn without_outage(outputs: &Value, change: impl FnOnce() -> Value) -> Value {
    let urls: Vec<String> = [&outputs["api"], &outputs["apis"]["Http"]]
        .into_iter()
        .map(|api| api["routes"][0]["url"].as_str().unwrap().to_owned())
        .collect();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut answers = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                for url in &urls {
                    let args = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "*", url.as_str()];
                    let answer = std::process::Command::new("curl").args(args).output().unwrap();
                    answers.push(format!("{} {url}", String::from_utf8_lossy(&answer.stdout)));
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            answers
        });
        let changed = change();
        ended.store(true, Ordering::Relaxed);
        let answers = asking.join().unwrap();
        assert!(!answers.is_empty() && answers.iter().all(|answer| answer.starts_with("200 ")), "{answers:?}");
        changed
    })
}

#[test]
fn everything_calls_the_alias_while_instances_are_kept_ready_and_the_function_before_and_after() {
    let _alone = default_account();
    let user = owner("test");
    let outputs = up(&user, "");
    assert_none_calls_an_alias(&user, &outputs);
    let outputs = without_outage(&outputs, || up(&user, "provisioned_concurrency = 2"));
    assert_all_call_the_alias(&user, &outputs);
    let ready = json!({ "FunctionName": "warm-F", "Qualifier": "live" });
    assert_eq!(
        read(&user, "get_provisioned_concurrency_config", &ready)["RequestedProvisionedConcurrentExecutions"],
        2
    );
    let first = versions(&user);
    assert_eq!(first, [alias(&user)["FunctionVersion"].as_str().unwrap()]);
    // New code becomes a new version, and the old version is deleted.
    user.write("f/index.mjs", &CODE.replace("one", "two"));
    let outputs = without_outage(&outputs, || up(&user, "provisioned_concurrency = 3\nreserved_concurrency = 4"));
    let second = versions(&user);
    assert!(second != first && second == [alias(&user)["FunctionVersion"].as_str().unwrap()], "{first:?} {second:?}");
    assert_eq!(
        read(&user, "get_provisioned_concurrency_config", &ready)["RequestedProvisionedConcurrentExecutions"],
        3
    );
    assert!(user.run(&["call", "GET /open"]).ends(0).stdout.contains("two"));
    user.run(&["verify", "--json"]).ends(0);
    let outputs = without_outage(&outputs, || up(&user, ""));
    assert_none_calls_an_alias(&user, &outputs);
    assert_eq!(versions(&user), Vec::<String>::new());
    user.run(&["down", "--yes", "--purge"]).ends(0);
}

#[test]
fn an_alias_that_leads_elsewhere_weakens_and_is_set_back_and_versions_of_others_go() {
    let user = owner(&account());
    up(&user, "provisioned_concurrency = 1");
    let own = alias(&user)["FunctionVersion"].as_str().unwrap().to_owned();
    let name = |more: Value| {
        let mut arguments = json!({ "FunctionName": "warm-F" });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    let changes: [fn(&str) -> Value; 3] = [
        |other| json!({ "Name": "live", "FunctionVersion": other }),
        |other| json!({ "Name": "live", "RoutingConfig": { "AdditionalVersionWeights": { other: 0.5 } } }),
        |_| json!({ "Name": "live", "FunctionVersion": "$LATEST" }),
    ];
    for change in changes {
        read(&user, "update_function_configuration", &name(json!({ "Environment": { "Variables": { "X": "1" } } })));
        let other = read(&user, "publish_version", &name(json!({})))["Version"].as_str().unwrap().to_owned();
        assert_ne!(other, own);
        read(&user, "update_alias", &name(change(&other)));
        let status = user.run(&["status", "--json"]).ends(0).json();
        let row = status["resources"].as_array().unwrap().iter().find(|row| row["id"] == "alias.F").unwrap().clone();
        assert_eq!(row["weakens"], true, "{row:#}");
        user.run(&["up", "--yes"]).ends(0);
        user.run(&["status", "--detailed-exitcode"]).ends(0);
        assert_eq!(versions(&user), [alias(&user)["FunctionVersion"].as_str().unwrap()]);
    }
    user.run(&["down", "--yes", "--purge"]).ends(0);
    let gone = call(&user, "lambda", "get_function", &json!({ "FunctionName": "warm-F" }));
    assert!(gone.to_string().contains("ResourceNotFoundException"), "{gone}");
}

#[test]
fn more_instances_than_reserved_executions_are_a_mistake_and_plan_says_what_they_cost() {
    let user = owner(&account());
    let keys = "provisioned_concurrency = 5\nreserved_concurrency = 4";
    user.write("securelambda.toml", &FILE.replace("KEYS", keys));
    user.run(&["plan"]).ends(2).says("5 instances cannot be ready");
    user.write("securelambda.toml", &FILE.replace("KEYS", "provisioned_concurrency = 5"));
    let plan = user.run(&["plan"]).ends(0).stdout;
    assert!(plan.contains("10 function instances kept ready"), "{plan}");
}

#[test]
fn layers_of_other_accounts_are_left_out_on_the_emulator_with_a_warning() {
    let user = User::of(&account(), &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.write("f/index.mjs", CODE);
    let layer = "arn:aws:lambda:eu-west-1:017000801446:layer:AWSLambdaPowertoolsTypeScriptV2:7";
    let file = format!("[stack]\nname = \"layered\"\n[functions.F]\nsource = \"f\"\nlayers = [\"{layer}\"]\n");
    user.write("securelambda.toml", &file);
    let said = user.run(&["up", "--yes"]).ends(0).stderr;
    let words = format!("does not have the layer {layer}, so F runs without it there");
    assert_eq!(said.matches(&words).count(), 1, "{said}");
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0);
}

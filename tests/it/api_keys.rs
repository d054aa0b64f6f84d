//! API keys, usage plans and limits of single routes, on the emulator.

use serde_json::{Value, json};

use crate::support::botocore;
use crate::support::default_account::default_account;
use crate::support::drift;
use crate::support::emulator::{endpoint, without_proxy};
use crate::support::inventory::inventory;
use crate::support::program::User;

const FUNCTION: &str = r#"export const handler = async () => ({ statusCode: 200, body: "hello" });
"#;

const STACK: &str = r#"
[stack]
name = "keys"
[functions.Hello]
source = "f"
[pools.Users]
[plans.partner]
rate_limit = 60
burst_limit = 60
quota = { requests = 100000, per = "month" }
keys = ["acme", "umbrella"]
[plans.trial]
rate_limit = 50
burst_limit = 50
quota = { requests = 5000, per = "day" }
keys = ["guest"]
[api]
[[api.routes]]
route = "GET /quotes/{article}"
function = "Hello"
auth = "none"
key = true
[[api.routes]]
route = "GET /statements"
function = "Hello"
pool = "Users"
key = true
rate_limit = 40
burst_limit = 41
[[api.routes]]
route = "GET /health"
function = "Hello"
auth = "none"
"#;

fn write(user: &User, file: &str) {
    user.write("securelambda.toml", file);
    user.write("f/index.mjs", FUNCTION);
}

/// Makes a call with botocore that must succeed.
#[track_caller]
fn make(user: &User, operation: &str, arguments: &Value) -> Value {
    let answer = botocore::call(user, "apigateway", operation, arguments);
    assert!(answer.get("Error").is_none(), "{operation}: {answer}");
    answer
}

/// The ids of the keys of a plan, by name.
fn plan(user: &User, name: &str) -> (String, Vec<String>) {
    let plans = make(user, "get_usage_plans", &json!({}));
    let plan = plans["items"].as_array().unwrap().iter().find(|plan| plan["name"] == name).unwrap().clone();
    let id = plan["id"].as_str().unwrap().to_owned();
    let keys = make(user, "get_usage_plan_keys", &json!({ "usagePlanId": id }));
    let mut keys: Vec<String> =
        keys["items"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap().to_owned()).collect();
    keys.sort();
    (id, keys)
}

#[test]
fn a_key_is_needed_beside_a_token_and_its_value_is_shown_by_one_command_alone() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    write(&user, STACK);
    let built = user.run(&["up", "--yes", "--json", "-v"]).ends(0);
    user.run(&["up", "--yes"]).ends(0).says("Nothing to do");
    assert_eq!(drift(&user, &[]), []);

    // Calls without an API key, with a key, and with a key that the stack does not have.
    let quotes = |more: &[&str]| user.run(&[&["call", "GET /quotes/bolt"], more].concat());
    quotes(&[]).ends(2).says("pass --key with one of acme, guest, umbrella");
    quotes(&["--key", "nobody"]).ends(2).says("there is no API key called nobody");
    // The emulator's answer does not say which component refused the request.
    quotes(&["--anonymous"]).ends(1).says("403");
    assert_eq!(quotes(&["--key", "acme"]).ends(0).stdout, "hello");
    user.run(&["call", "GET /health", "--key", "acme"]).ends(2).says("asks for no API key");

    // Only `outputs --keys` shows the values.
    let values = user.run(&["outputs", "--keys"]).ends(0).stdout;
    let values: Vec<(&str, &str)> = values.lines().filter_map(|line| line.split_once(' ')).collect();
    assert_eq!(values.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["acme", "guest", "umbrella"]);
    let acme = user.run(&["outputs", "--keys", "acme"]).ends(0).stdout;
    assert_eq!(acme.trim(), values[0].1);
    let listed: Value = serde_json::from_str(&user.run(&["outputs", "--keys", "--json"]).ends(0).stdout).unwrap();
    assert_eq!(listed["api_keys"]["guest"], values[1].1);
    user.run(&["outputs", "--keys", "nobody"]).ends(2);
    let curl = quotes(&["--key", "acme", "--curl"]).ends(0);
    let proof = user.run(&["verify", "--json"]).ends(0);
    let plain = user.run(&["outputs", "--json"]).ends(0);
    let state = std::fs::read_to_string(user.state()).unwrap();
    let status = user.run(&["status", "--json", "-v"]).ends(0);
    for (what, text) in [
        ("the state", state.as_str()),
        ("up", &format!("{}{}", built.stdout, built.stderr)),
        ("verify", &format!("{}{}", proof.stdout, proof.stderr)),
        ("status", &format!("{}{}", status.stdout, status.stderr)),
        ("outputs", &plain.stdout),
        ("--curl", &curl.stdout),
    ] {
        for (name, value) in &values {
            assert!(value.len() >= 20 && !text.contains(value), "{what} contains the value of {name}");
        }
    }
    let plain: Value = serde_json::from_str(&plain.stdout).unwrap();
    assert_eq!(plain["api_keys"]["acme"]["plan"], "partner");

    // The claims about API keys that `verify` proves.
    for (claim, passed) in [
        ("a request without an API key is refused", 2),
        ("a request with a wrong API key is refused", 2),
        ("a request with only an API key is refused", 1),
        ("a token of Users passes with an API key", 1),
        ("a request without a token passes with an API key", 1),
    ] {
        let lines = proof.stdout.lines().filter(|line| line.contains(claim) && line.contains("\"verdict\":\"pass\""));
        assert_eq!(lines.count(), passed, "{claim}\n{}", proof.stdout);
    }
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn what_somebody_else_changes_of_keys_and_plans_is_named_and_repaired() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    write(&user, STACK);
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    let api = outputs["api"]["id"].as_str().unwrap();

    // Somebody raises the limits of a plan, removes its stage, and disables a key.
    let lifted = json!([
        { "op": "replace", "path": "/throttle/rateLimit", "value": "9999" },
        { "op": "remove", "path": "/quota" },
        { "op": "remove", "path": "/apiStages", "value": format!("{api}:development") },
    ]);
    let trial = plan(&user, "keys-trial").0;
    make(&user, "update_usage_plan", &json!({ "usagePlanId": trial, "patchOperations": lifted }));
    let off = json!([{ "op": "replace", "path": "/enabled", "value": "false" }]);
    let guest = &outputs["api_keys"]["guest"]["id"];
    make(&user, "update_api_key", &json!({ "apiKey": guest, "patchOperations": off }));
    // A key of somebody else in a plan.
    let (partner, keys) = plan(&user, "keys-partner");
    assert_eq!(keys, ["keys-acme", "keys-umbrella"]);
    let stranger = make(&user, "create_api_key", &json!({ "name": "stranger", "enabled": true }));
    let joined = json!({ "usagePlanId": partner, "keyId": stranger["id"], "keyType": "API_KEY" });
    make(&user, "create_usage_plan_key", &joined);
    // Somebody lets a route be called without a key, and changes the limits of two routes.
    let paths = make(&user, "get_resources", &json!({ "restApiId": api, "limit": 500 }));
    let path = paths["items"].as_array().unwrap().iter().find(|path| path["path"] == "/statements").unwrap();
    let method = json!({ "restApiId": api, "resourceId": path["id"], "httpMethod": "GET" });
    let now = make(&user, "get_method", &method);
    make(&user, "delete_method", &method);
    let mut open = method.clone();
    for member in ["authorizationType", "authorizerId", "requestValidatorId", "requestParameters"] {
        if !now[member].is_null() {
            open[member] = now[member].clone();
        }
    }
    open["apiKeyRequired"] = json!(false);
    make(&user, "put_method", &open);
    let mut integration = method.clone();
    for (member, of) in [("type", "type"), ("uri", "uri"), ("timeoutInMillis", "timeoutInMillis")] {
        integration[member] = now["methodIntegration"][of].clone();
    }
    integration["integrationHttpMethod"] = json!("POST");
    make(&user, "put_integration", &integration);
    let lifted = json!([
        { "op": "replace", "path": "/~1statements/GET/throttling/rateLimit", "value": "9999" },
        { "op": "replace", "path": "/~1health/GET/throttling/rateLimit", "value": "1" },
    ]);
    make(&user, "update_stage", &json!({ "restApiId": api, "stageName": "development", "patchOperations": lifted }));

    let mut seen = drift(&user, &[]);
    seen.sort();
    let of = |id: &str, field: &str, weakens: bool| (id.to_owned(), field.to_owned(), weakens);
    let expected = [
        of("api.release", "methodSettings.GET /statements", true),
        of("api.routes", "GET /statements apiKeyRequired", true),
        of("plan.partner", "other keys", true),
        of("plan.trial", "throttle.rateLimit", true),
        of("plan.trial", "quota", true),
        of("plan.trial", "missing stages", false),
        of("api-key.guest", "enabled", false),
    ];
    for one in &expected {
        assert!(seen.contains(one), "{one:?} is not in {seen:#?}");
    }
    let others: Vec<_> = seen.iter().filter(|one| !expected.contains(one)).collect();
    assert!(
        others.iter().all(|(id, field, weakens)| id == "stage.development" && field.contains("health") && *weakens),
        "{others:#?}"
    );
    user.run(&["verify"]).ends(5);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    assert_eq!(plan(&user, "keys-partner").1, ["keys-acme", "keys-umbrella"]);
    // `up` does not delete the key, because it is not the stack's.
    make(&user, "get_api_key", &json!({ "apiKey": stranger["id"] }));
    user.run(&["verify"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    make(&user, "delete_api_key", &json!({ "apiKey": stranger["id"] }));
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn a_key_in_a_plan_of_somebody_else_is_named_and_the_plan_is_left_alone() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    write(&user, STACK);
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    let stranger = make(&user, "create_usage_plan", &json!({ "name": "stranger" }));
    let key = &outputs["api_keys"]["guest"]["id"];
    let joined = json!({ "usagePlanId": stranger["id"], "keyId": key, "keyType": "API_KEY" });
    make(&user, "create_usage_plan_key", &joined);
    assert_eq!(drift(&user, &[]), [("plan-key.guest".to_owned(), "plans of others".to_owned(), true)]);
    let command = format!(
        "aws apigateway delete-usage-plan-key --key-id {} --usage-plan-id {}",
        key.as_str().unwrap(),
        stranger["id"].as_str().unwrap()
    );
    user.run(&["up", "--yes"]).ends(4).says(&command);
    assert_eq!(plan(&user, "stranger").1, ["keys-guest"]);
    make(&user, "delete_usage_plan_key", &json!({ "usagePlanId": stranger["id"], "keyId": key }));
    user.run(&["up", "--yes"]).ends(0).says("Nothing to do");
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    make(&user, "delete_usage_plan", &json!({ "usagePlanId": stranger["id"] }));
    assert_eq!(inventory(&user), Vec::<String>::new());
}

/// Without the tests' proxy between the program and the emulator, as with `--local`.
#[test]
fn plans_change_and_a_further_api_joins_them_on_the_emulator_itself() {
    let _alone = default_account();
    let user = User::of("test", &without_proxy(&endpoint()));
    let fixed = "[[api.routes]]\nroute = \"GET /fixed\"\nauth = \"none\"\nintegration = { mock = { body = '$ü #set($x=1)$x\\' } }\n\
                 [[api.routes]]\nroute = \"GET /empty\"\nauth = \"none\"\nintegration = { mock = { status = 203 } }\n";
    write(&user, &format!("{STACK}{fixed}"));
    user.run(&["up", "--yes"]).ends(0);
    let values = user.run(&["outputs", "--keys"]).ends(0).stdout;
    assert_eq!(user.run(&["call", "GET /fixed"]).ends(0).stdout, r"$ü #set($x=1)$x\");
    assert_eq!(user.run(&["call", "GET /empty"]).ends(0).stdout, "");
    let changed = STACK
        .replace("rate_limit = 60\nburst_limit = 60", "rate_limit = 48\nburst_limit = 59")
        .replace("quota = { requests = 100000, per = \"month\" }", "quota = { requests = 2000, per = \"week\" }");
    let unlimited = changed.replace("quota = { requests = 2000, per = \"week\" }\n", "");
    assert!(changed != STACK && unlimited != changed);
    let further = "[apis.Further]\n[[apis.Further.routes]]\nroute = \"GET /b\"\nfunction = \"Hello\"\nauth = \"none\"\nkey = true\n";
    for (file, more) in [(&changed, ""), (&unlimited, ""), (&unlimited, further)] {
        write(&user, &format!("{file}{fixed}{more}"));
        user.run(&["up", "--yes"]).ends(0);
        assert_eq!(drift(&user, &[]), [], "{file}{more}");
    }
    assert_eq!(user.run(&["outputs", "--keys"]).ends(0).stdout, values, "keys keep their values");
    user.run(&["verify"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn one_deleted_key_hides_neither_the_others_nor_what_is_refused_without_a_key() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    write(&user, STACK);
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    // Without the keys guest and acme. `verify` would send the key acme.
    make(&user, "delete_api_key", &json!({ "apiKey": outputs["api_keys"]["guest"]["id"] }));
    make(&user, "delete_api_key", &json!({ "apiKey": outputs["api_keys"]["acme"]["id"] }));
    let listed = user.run(&["outputs", "--keys"]).ends(1).says("the API key acme was deleted").says("`securelambda up");
    assert!(listed.stdout.starts_with("umbrella ") && listed.stdout.lines().count() == 1, "{}", listed.stdout);
    user.run(&["call", "GET /quotes/bolt", "--key", "acme"]).ends(1).says("the API key acme was deleted");
    let proof = user.run(&["verify", "--json"]);
    for (claim, verdict, count) in [
        ("a request without an API key is refused", "pass", 2),
        ("a request with a wrong API key is refused", "pass", 2),
        ("a request with only an API key is refused", "not_tried", 1),
        ("a token of Users passes with an API key", "not_tried", 1),
    ] {
        let verdict = format!("\"verdict\":\"{verdict}\"");
        let lines = proof.stdout.lines().filter(|line| line.contains(claim) && line.contains(&verdict));
        assert_eq!(lines.count(), count, "{claim}\n{}", proof.stdout);
    }
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(user.run(&["outputs", "--keys"]).ends(0).stdout.lines().count(), 3);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn a_stack_without_keys_needs_no_connection_to_show_none() {
    let user = User::of("test", "http://127.0.0.1:9");
    user.write("securelambda.toml", "[stack]\nname = \"none\"\n[functions.F]\nsource = \"f\"\n");
    user.run(&["outputs", "--keys"]).ends(0).says("The stack has no API keys");
    let listed = user.run(&["outputs", "--keys", "--json"]).ends(0);
    assert_eq!((listed.json()["api_keys"].clone(), listed.stderr.as_str()), (json!({}), ""));
}

#[test]
fn a_key_that_moves_to_another_plan_keeps_its_value_and_one_that_is_removed_is_deleted() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    write(&user, STACK);
    user.run(&["up", "--yes"]).ends(0);
    let value = || user.run(&["outputs", "--keys", "umbrella"]).ends(0).stdout;
    let before = value();
    let moved = STACK
        .replace(r#"keys = ["acme", "umbrella"]"#, r#"keys = ["acme"]"#)
        .replace(r#"keys = ["guest"]"#, r#"keys = ["umbrella"]"#)
        .replace("rate_limit = 40\nburst_limit = 41\n", "");
    write(&user, &moved);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    assert_eq!(plan(&user, "keys-partner").1, ["keys-acme"]);
    assert_eq!(plan(&user, "keys-trial").1, ["keys-umbrella"]);
    assert_eq!(value(), before);
    let keys = make(&user, "get_api_keys", &json!({}));
    assert_eq!(keys["items"].as_array().unwrap().len(), 2, "{keys}");

    // Without the state file, `down` finds the resources by their tags.
    std::fs::remove_file(user.state()).unwrap();
    user.run(&["down", "--yes", "--adopt"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

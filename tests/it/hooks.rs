//! The functions that pools call: Cognito may call them, calls them, and calls no others.

use serde_json::{Value, json};

use crate::support::botocore::{accepted, call};
use crate::support::default_account::default_account;
use crate::support::drift;
use crate::support::emulator::{account, endpoint};
use crate::support::inventory::inventory;
use crate::support::program::User;
use crate::support::routes::claims;

const PASSWORD: &str = "Correct-Horse-7-Battery\n";

/// The function `Claims` needs the id of the pool that calls it.
const STACK: &str = r#"
[stack]
name = "hooked"
[functions.Orders]
source = "f"
[functions.Claims]
source = "claims"
environment = { POOL = { pool_id = "Users" } }
[functions.Check]
source = "check"
[pools.Users]
scopes = { orders = ["read"] }
hooks = { pre_token = "Claims", pre_token_version = 2, pre_sign_up = "Check", post_confirmation = "Check" }
[api]
kind = "http"
[[api.routes]]
route = "GET /orders"
function = "Orders"
pool = "Users"
scopes = ["orders/read"]
[[api.routes]]
route = "GET /mine"
function = "Orders"
pool = "Users"
"#;

const CLAIMS: &str = r"
export const handler = async (event) => {
  const claims = { tenant: event.userPoolId === process.env.POOL ? 'acme' : 'unknown' };
  event.response = { claimsOverrideDetails: { claimsToAddOrOverride: claims } };
  if (event.version !== '1') event.response.claimsAndScopeOverrideDetails = {
    idTokenGeneration: { claimsToAddOrOverride: claims },
    accessTokenGeneration: { claimsToAddOrOverride: claims, scopesToAdd: ['orders/read'] },
  };
  return event;
};
";

const CHECK: &str = r"
export const handler = async (event) => {
  if (event.request.userAttributes.email.endsWith('@refused.example')) throw new Error('not this domain');
  return event;
};
";

fn built(account: &str, file: &str) -> (User, Value) {
    let user = User::of(account, &endpoint());
    user.write("securelambda.toml", file);
    user.write("f/index.mjs", "export const handler = async () => ({ statusCode: 200, body: \"{}\" });\n");
    user.write("claims/index.mjs", CLAIMS);
    user.write("check/index.mjs", CHECK);
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    user.run(&["up", "--yes"]).ends(0).says("Nothing to do");
    assert_eq!(drift(&user, &[]), []);
    (user, outputs)
}

fn pool(user: &User, outputs: &Value) -> Value {
    let key = json!({ "UserPoolId": outputs["pools"]["Users"]["id"] });
    call(user, "cognito-idp", "describe_user_pool", &key)["UserPool"].clone()
}

/// Changes the functions that the pool calls, as another tool would.
fn rewire(user: &User, outputs: &Value, functions: &Value) {
    let live = pool(user, outputs);
    let mut all = json!({ "UserPoolId": live["Id"], "LambdaConfig": functions });
    for name in ["Policies", "AutoVerifiedAttributes", "UserAttributeUpdateSettings", "AdminCreateUserConfig"]
        .into_iter()
        .chain(["AccountRecoverySetting", "UserPoolTags", "UserPoolTier"])
        .filter(|name| live.get(name).is_some())
    {
        all[name] = live[name].clone();
    }
    accepted(user, "cognito-idp", "update_user_pool", &all);
}

/// The statements of a function's resource policy, or of its alias's.
fn statements(user: &User, function: &str, alias: Option<&str>) -> Vec<Value> {
    let mut key = json!({ "FunctionName": function });
    if let Some(alias) = alias {
        key["Qualifier"] = alias.into();
    }
    let answer = call(user, "lambda", "get_policy", &key);
    let Some(policy) = answer["Policy"].as_str() else { return Vec::new() };
    serde_json::from_str::<Value>(policy).unwrap()["Statement"].as_array().unwrap().clone()
}

#[test]
fn users_get_the_claims_and_scopes_that_a_function_adds() {
    let _alone = default_account();
    let (user, _) = built("test", STACK);
    let ada = ["ada@example.com", "--pool", "Users", "--password-stdin"];
    user.run_with(PASSWORD, &[&["add-user"], &ada[..]].concat()).ends(0);
    let token = |kind: &[&str]| user.run_with(PASSWORD, &[&["token"], &ada[..], kind].concat()).ends(0).stdout;
    assert_eq!(claims(&token(&[]))["tenant"], "acme");
    let access = claims(&token(&["--access"]));
    assert!(access["scope"].as_str().unwrap().contains("orders/read"), "{access}");
    let call = ["call", "GET /orders", "--as", "ada@example.com", "--password-stdin"];
    assert_eq!(user.run_with(PASSWORD, &call).ends(0).stdout.trim(), "{}");
    let curl = user.run(&["call", "GET /orders", "--as", "ada@example.com", "--curl"]).ends(0).stdout;
    assert!(curl.contains(" --access)"), "{curl}");
    let proof = user.run(&["verify", "--json"]).ends(0);
    for (claim, verdict) in [
        ("a user can sign in", "pass"),
        ("a token of Users with a scope of the route passes", "pass"),
        ("an access token without the scope is refused", "not_tried"),
        ("the pool calls the functions of its hooks", "pass"),
    ] {
        let verdict = format!("\"verdict\":\"{verdict}\"");
        let found = proof.stdout.lines().any(|line| line.contains(claim) && line.contains(&verdict));
        assert!(found, "{claim}: {verdict}\n{}", proof.stdout);
    }
    // Version 1 of the event cannot add a scope to access tokens, so no user passes.
    user.write("securelambda.toml", &STACK.replace("pre_token_version = 2", "pre_token_version = 1"));
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(claims(&token(&[]))["tenant"], "acme");
    assert!(!claims(&token(&["--access"])).to_string().contains("orders/read"));
    let proof = user.run(&["verify", "--json"]).ends(0);
    let why = "no client of Users with client-credentials may ask for such a scope";
    assert!(proof.stdout.contains(why), "{}", proof.stdout);
    user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn a_pool_may_call_its_functions_and_calls_no_others() {
    let (user, outputs) = built(&account(), STACK);
    let live = pool(&user, &outputs);
    let (claims, check) = (statements(&user, "hooked-Claims", None), statements(&user, "hooked-Check", None));
    for statements in [&claims, &check] {
        assert_eq!(
            statements.len(),
            1,
            "the policy must have one statement for the pool, however many triggers use the function: {statements:?}"
        );
        assert_eq!(statements[0]["Principal"]["Service"], "cognito-idp.amazonaws.com");
        assert_eq!(statements[0]["Condition"]["ArnLike"]["AWS:SourceArn"], live["Arn"]);
    }
    let ours = live["LambdaConfig"].clone();
    let theirs = "arn:aws:lambda:eu-central-1:123456789012:function:theirs";
    let with = |name: &str, arn: &str| {
        let mut changed = ours.clone();
        changed[name] = arn.into();
        changed
    };
    let without = |name: &str| {
        let mut changed = ours.clone();
        changed.as_object_mut().unwrap().remove(name);
        changed
    };
    for (functions, id, field) in [
        (with("PostAuthentication", theirs), "pool.Users", "LambdaConfig"),
        (with("PreSignUp", theirs), "hooks.Users", "LambdaConfig.PreSignUp"),
        (without("PostConfirmation"), "hooks.Users", "LambdaConfig.PostConfirmation"),
    ] {
        rewire(&user, &outputs, &functions);
        assert_eq!(drift(&user, &[]), [(id.to_owned(), field.to_owned(), true)], "{functions}");
        user.run(&["up", "--yes"]).ends(0);
        assert_eq!(drift(&user, &[]), []);
        assert_eq!(pool(&user, &outputs)["LambdaConfig"], ours);
    }
    // Somebody changes all hooks at once and removes Cognito's permission.
    rewire(&user, &outputs, &json!({ "UserMigration": theirs }));
    let sid = json!({ "FunctionName": "hooked-Check", "StatementId": check[0]["Sid"] });
    accepted(&user, "lambda", "remove_permission", &sid);
    user.run(&["status", "--detailed-exitcode"]).ends(7);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    assert_eq!(pool(&user, &outputs)["LambdaConfig"], ours);
    assert_eq!(statements(&user, "hooked-Check", None), check);
    user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
}

#[test]
fn hooks_change_with_the_stack_file() {
    let (user, outputs) = built(&account(), STACK);
    let before = pool(&user, &outputs);
    let up = |file: &str| {
        user.write("securelambda.toml", file);
        user.run(&["up", "--yes"]).ends(0);
        assert_eq!(drift(&user, &[]), []);
        user.run(&["plan", "--detailed-exitcode"]).ends(0);
        let mut live = pool(&user, &outputs);
        live.as_object_mut().unwrap().remove("LastModifiedDate");
        live
    };
    // The alias has a permission of its own.
    let ready = up(&STACK.replace("source = \"check\"", "source = \"check\"\nprovisioned_concurrency = 1"));
    let called = ready["LambdaConfig"]["PreSignUp"].as_str().unwrap();
    assert!(called.ends_with(":function:hooked-Check:live"), "{called}");
    // An emulator keeps one policy for the function and its alias.
    let sids = [Some("live"), None]
        .map(|alias| statements(&user, "hooked-Check", alias).iter().map(|one| one["Sid"].clone()).collect::<Vec<_>>());
    assert_eq!(sids[0], ["securelambda-pool-Users-live"]);
    assert!(!sids[1].contains(&json!("securelambda-pool-Users")), "{sids:?}");
    // Fewer hooks, and another version of the event.
    let fewer = up(&STACK.replace("pre_token_version = 2, pre_sign_up = \"Check\", ", ""));
    assert_eq!(fewer["LambdaConfig"].get("PreSignUp"), None);
    assert_eq!(
        fewer["LambdaConfig"]["PreTokenGeneration"],
        before["LambdaConfig"]["PreTokenGenerationConfig"]["LambdaArn"]
    );
    assert_eq!(fewer["LambdaConfig"].get("PreTokenGenerationConfig"), None);
    // No hooks, and the functions are removed.
    let (start, end) = (STACK.find("[functions.Claims]").unwrap(), STACK.find("[pools.Users]").unwrap());
    let none = STACK.replace(&STACK[start..end], "");
    let none: Vec<&str> = none.lines().filter(|line| !line.starts_with("hooks")).collect();
    let bare = up(&none.join("\n"));
    assert!(bare["LambdaConfig"].as_object().is_none_or(serde_json::Map::is_empty), "{bare}");
    for name in ["Id", "Policies", "AdminCreateUserConfig", "UserPoolTags", "AccountRecoverySetting"] {
        assert_eq!(bare[name], before[name], "{name}");
    }
    // The hooks are added again.
    assert_eq!(up(STACK)["LambdaConfig"], before["LambdaConfig"]);
    user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

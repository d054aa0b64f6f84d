//! Routes for groups: a user calls only the routes that the user's groups open. A weakened check of groups is reported
//! by `status`, fails in `verify`, and is repaired.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use securelambda::probe::Answer;
use serde_json::{Value, json};

use crate::drift::other_code;
use crate::support::botocore::{accepted, call};
use crate::support::default_account::default_account;
use crate::support::drift;
use crate::support::emulator::endpoint;
use crate::support::inventory::inventory;
use crate::support::program::User;
use crate::support::routes::{ask, passed, urls};

const PASSWORD: &str = "Correct-Horse-7-Battery\n";

const STACK: &str = r#"
[stack]
name = "gated"
[functions.Echo]
source = "f"
[pools.Users]
groups = ["staff", "cooks"]
[pools.Users.clients.app]
flows = ["password"]
[api]
[[api.routes]]
route = "GET /a/{id}"
function = "Echo"
pool = "Users"
groups = ["staff"]
[[api.routes]]
route = "GET /a/{id}/admin"
function = "Echo"
pool = "Users"
groups = ["cooks"]
[[api.routes]]
route = "GET /both"
function = "Echo"
pool = "Users"
groups = ["cooks", "staff"]
[[api.routes]]
route = "GET /mine"
function = "Echo"
pool = "Users"
[apis.Small]
kind = "http"
[[apis.Small.routes]]
route = "GET /staff"
function = "Echo"
pool = "Users"
groups = ["staff"]
[[apis.Small.routes]]
route = "GET /cooks"
function = "Echo"
pool = "Users"
groups = ["cooks"]
"#;

const ECHO: &str = "export const handler = async (event) => ({\n  statusCode: 200,\n  \
                    body: JSON.stringify(event.requestContext.authorizer ?? {}),\n});\n";

/// The id of the function that checks groups, in the stack.
const CHECKER: &str = "function.UsersGroups";

fn built() -> (User, Value) {
    let user = User::of("test", &endpoint());
    user.write("securelambda.toml", STACK);
    user.write("f/index.mjs", ECHO);
    let plan = user.run(&["plan"]).ends(0);
    assert!(plan.stdout.contains("The function UsersGroups of this program checks"), "{}", plan.stdout);
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    user.run(&["up", "--yes"]).ends(0).says("Nothing to do");
    assert_eq!(drift(&user, &[]), []);
    (user, outputs)
}

/// A token of a user in these groups.
fn token(user: &User, name: &str, groups: &[&str]) -> String {
    let who = [name, "--pool", "Users", "--password-stdin"];
    let joined = groups.join(",");
    let group: &[&str] = if groups.is_empty() { &[] } else { &["--group", &joined] };
    user.run_with(PASSWORD, &[&["add-user"], &who[..], group].concat()).ends(0);
    user.run_with(PASSWORD, &[&["token"], &who[..]].concat()).ends(0).stdout.trim().to_owned()
}

/// The answer to a request with this token, or with none if it is empty.
fn get(url: &str, token: &str) -> Answer {
    ask("GET", &url.replace("{id}", "7"), (!token.is_empty()).then_some(token), None)
}

/// The failed checks of `verify`, as `subject: claim`.
fn failed(user: &User) -> Vec<String> {
    let proof = user.run(&["verify", "--json"]);
    let lines = proof.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let failed = lines.filter(|line| line["verdict"] == "fail");
    failed.map(|line| format!("{}: {}", line["subject"], line["claim"]).replace('"', "")).collect()
}

#[test]
fn a_user_calls_what_the_group_opens_and_an_answer_that_is_kept_opens_nothing_else() {
    let _alone = default_account();
    let (user, outputs) = built();
    let (rest, http) = (urls(&outputs["api"]), urls(&outputs["apis"]["Small"]));
    let staff = token(&user, "ada@example.com", &["staff"]);
    let cook = token(&user, "bob@example.com", &["cooks"]);
    let both = token(&user, "eve@example.com", &["cooks", "staff"]);
    let nobody = token(&user, "joe@example.com", &[]);
    // Without pauses, because the gateway caches the first answer about a token for the following requests.
    for (who, token, opens) in [
        ("staff", &staff, &["/a/{id}", "/both", "/staff"][..]),
        ("cook", &cook, &["/a/{id}/admin", "/both", "/cooks"]),
        ("both", &both, &["/a/{id}", "/a/{id}/admin", "/both", "/staff", "/cooks"]),
        ("nobody", &nobody, &[]),
    ] {
        let all = || rest.iter().chain(&http).filter(|(path, _)| path.as_str() != "/mine");
        let (open, shut): (Vec<_>, Vec<_>) = all().partition(|(path, _)| opens.contains(&path.as_str()));
        for round in ["first", "again"] {
            for (path, url) in open.iter().chain(&shut) {
                let expected = if opens.contains(&path.as_str()) { 200 } else { 403 };
                let answer = get(url, token);
                assert_eq!(answer.status, expected, "{who} at {path} ({round}): {answer:?}");
            }
        }
        assert_eq!(get(&rest["/mine"], token).status, 200, "{who}");
    }
    for (path, url) in rest.iter().chain(&http) {
        assert_eq!(get(url, "").status, 401, "{path}");
        let bad = if http.contains_key(path) { 403 } else { 401 };
        assert_eq!(get(url, "garbage").status, bad, "{path}");
    }
    // The route's function receives the caller's claims.
    let told = |url: &str| serde_json::from_slice::<Value>(&get(url, &both).body).unwrap();
    let (of_rest, of_http) = (told(&rest["/both"]), told(&http["/staff"]));
    for claims in [&of_rest, &of_http["lambda"]] {
        assert_eq!(claims["email"], "eve@example.com", "{of_rest} {of_http}");
    }
    let bob = ["--as", "bob@example.com", "--pool", "Users", "--password-stdin"];
    let refused = user.run_with(PASSWORD, &[&["call", "GET /a/7"], &bob[..]].concat());
    assert!(refused.stderr.contains("in the group staff"), "{}", refused.stderr);
    let graph = user.run(&["graph"]).ends(0).stdout;
    assert!(graph.contains("UsersGroups"), "{graph}");

    let proof = user.run(&["verify", "--json"]).ends(0).stdout;
    for (claim, count) in [
        ("a user in none of its groups is refused", 5),
        ("a user in the group staff passes", 3),
        ("a user in the group cooks passes", 3),
        ("a user in the group staff is refused", 2),
        ("a user in the group cooks is refused", 2),
        ("a token of Users with a group of the route passes", 5),
        ("a tampered signature is refused", 6),
    ] {
        assert_eq!(passed(&proof, claim), count, "{claim}\n{proof}");
    }
    assert!(user.run(&["users"]).ends(0).stdout.lines().filter(|line| line.contains("verify")).count() == 0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn a_check_of_groups_that_lets_others_in_is_seen_proved_and_repaired() {
    let _alone = default_account();
    let (user, outputs) = built();
    let name = outputs["functions"]["UsersGroups"]["name"].as_str().unwrap();
    let before = call(&user, "lambda", "get_function_configuration", &json!({ "FunctionName": name }));
    let variables = |change: &dyn Fn(&str) -> String| {
        let mut variables = before["Environment"]["Variables"].clone();
        for (_, rules) in variables.as_object_mut().unwrap().iter_mut().filter(|(name, _)| name.starts_with("RULES_")) {
            *rules = change(rules.as_str().unwrap()).into();
        }
        let change = json!({ "FunctionName": name, "Environment": { "Variables": variables } });
        accepted(&user, "lambda", "update_function_configuration", &change);
    };
    let seen_and_repaired = |id: &str, field: &str, broken: &[&str]| {
        let seen = drift(&user, &[]);
        assert!(
            seen.iter().any(|(of, what, weakens)| of == id && what.contains(field) && *weakens),
            "{id} {field}: {seen:?}"
        );
        let failed = failed(&user);
        for claim in broken {
            assert!(failed.iter().any(|one| one == claim), "{claim} is not in {failed:#?}");
        }
        user.run(&["up", "--yes"]).ends(0);
        assert_eq!(drift(&user, &[]), []);
    };
    // Cooks get access to the routes of staff.
    variables(&|rules| rules.replace(r#"["staff"]"#, r#"["staff","cooks"]"#));
    let cooks =
        ["GET /a/{id}: a user in the group cooks is refused", "Small GET /staff: a user in the group cooks is refused"];
    seen_and_repaired(CHECKER, "RULES_0", &cooks);
    // The checker no longer knows the group staff.
    variables(&|rules| rules.replace("staff", "stuff"));
    let staff = ["GET /a/{id}: a user in the group staff passes", "Small GET /staff: a user in the group staff passes"];
    seen_and_repaired(CHECKER, "RULES_0", &staff);
    // Other code replaces the checker's code.
    let open = "export const handler = async (event) => event.version === \"2.0\" ? { isAuthorized: true } : {\n  \
                principalId: \"x\", policyDocument: { Version: \"2012-10-17\", Statement: [\n    \
                { Action: \"execute-api:Invoke\", Effect: \"Allow\", Resource: \"*\" }] } };\n";
    let zip = BASE64_STANDARD.encode(other_code(open));
    let change = json!({ "FunctionName": name, "ZipFile": { "$base64": zip } });
    accepted(&user, "lambda", "update_function_code", &change);
    let open = [
        "GET /a/{id}: a user in none of its groups is refused",
        "GET /a/{id}: a tampered signature is refused",
        "Small GET /cooks: a user in the group staff is refused",
    ];
    seen_and_repaired(CHECKER, "CodeSha256", &open);
    // The route no longer calls the checker.
    let api = &outputs["api"]["id"];
    let paths = call(&user, "apigateway", "get_resources", &json!({ "restApiId": api, "limit": 500 }));
    let path = paths["items"].as_array().unwrap().iter().find(|one| one["path"] == "/both").unwrap()["id"].clone();
    let open = json!([{ "op": "replace", "path": "/authorizationType", "value": "NONE" }]);
    let change = json!({ "restApiId": api, "resourceId": path, "httpMethod": "GET", "patchOperations": open });
    accepted(&user, "apigateway", "update_method", &change);
    accepted(&user, "apigateway", "create_deployment", &json!({ "restApiId": api, "stageName": "development" }));
    let open = ["GET /both: a call without a token is refused", "GET /both: a user in none of its groups is refused"];
    seen_and_repaired("api.routes", "GET /both", &open);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

//! Scopes: the tokens of programs, the routes that a program may call, and the storage of client secrets.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use securelambda::probe::Body;
use serde_json::{Value, json};

use crate::support::botocore::{accepted, call};
use crate::support::default_account::default_account;
use crate::support::drift;
use crate::support::emulator::{account, endpoint};
use crate::support::inventory::inventory;
use crate::support::program::User;
use crate::support::routes::{ask, passed, urls};

const PASSWORD: &str = "Correct-Horse-7-Battery\n";

const STACK: &str = r#"
[stack]
name = "scoped"
[functions.Orders]
source = "f"
[pools.Users]
scopes = { orders = ["read", "write"], "https://api.example.com/stock" = ["read"] }
login = { domain = "scoped-login" }
[pools.Users.clients.partner]
secret = true
flows = ["client-credentials"]
scopes = ["orders/read"]
[pools.Users.clients.stock]
secret = true
flows = ["client-credentials"]
scopes = ["https://api.example.com/stock/read"]
[pools.Users.clients.app]
flows = ["password"]
[api]
[[api.routes]]
route = "GET /orders"
function = "Orders"
pool = "Users"
scopes = ["orders/read", "orders/write"]
[[api.routes]]
route = "GET /mine"
function = "Orders"
pool = "Users"
[apis.Small]
kind = "http"
[[apis.Small.routes]]
route = "GET /orders"
function = "Orders"
pool = "Users"
scopes = ["orders/read"]
[[apis.Small.routes]]
route = "GET /mine"
function = "Orders"
pool = "Users"
"#;

fn built(account: &str) -> (User, Value) {
    let user = User::of(account, &endpoint());
    user.write("securelambda.toml", STACK);
    user.write("f/index.mjs", "export const handler = async () => ({ statusCode: 200, body: \"{}\" });\n");
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    user.run(&["up", "--yes"]).ends(0).says("Nothing to do");
    assert_eq!(drift(&user, &[]), []);
    (user, outputs)
}

/// The app client, as Cognito describes it.
fn client(user: &User, outputs: &Value, name: &str) -> Value {
    let pool = &outputs["pools"]["Users"];
    let key = json!({ "UserPoolId": pool["id"], "ClientId": pool["clients"][name]["client_id"] });
    call(user, "cognito-idp", "describe_user_pool_client", &key)["UserPoolClient"].clone()
}

fn copy(user: &User, outputs: &Value, name: &str) -> Value {
    let secret = json!({ "SecretId": outputs["pools"]["Users"]["clients"][name]["secret_arn"] });
    let value = call(user, "secretsmanager", "get_secret_value", &secret);
    serde_json::from_str(value["SecretString"].as_str().unwrap()).unwrap()
}

fn assert_copied(user: &User, outputs: &Value, name: &str) {
    let client = client(user, outputs, name);
    let expected = json!({ "client_id": client["ClientId"], "client_secret": client["ClientSecret"] });
    assert!(client["ClientSecret"].as_str().is_some_and(|secret| secret.len() > 20));
    assert!(copy(user, outputs, name) == expected, "the copy of {name} differs");
}

fn status_of(url: &str, token: &str) -> u16 {
    ask("GET", url, Some(token), None).status
}

/// A token that is requested from the token URL with the client's credentials, as a program would.
fn program_token(user: &User, outputs: &Value, name: &str) -> String {
    let url = outputs["pools"]["Users"]["token_url"].as_str().unwrap();
    let copy = copy(user, outputs, name);
    let basic = format!("{}:{}", copy["client_id"].as_str().unwrap(), copy["client_secret"].as_str().unwrap());
    let body = Body::text("application/x-www-form-urlencoded", "grant_type=client_credentials");
    let answer = ask("POST", url, Some(&format!("Basic {}", BASE64_STANDARD.encode(basic))), Some(body));
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn a_program_calls_what_its_scopes_open_and_nothing_else() {
    let _alone = default_account();
    let (user, outputs) = built("test");
    let (rest, http) = (&outputs["api"], &outputs["apis"]["Small"]);
    let partner = program_token(&user, &outputs, "partner");
    let stock = program_token(&user, &outputs, "stock");
    let ada = ["ada@example.com", "--pool", "Users", "--password-stdin"];
    user.run_with(PASSWORD, &[&["add-user"], &ada[..]].concat()).ends(0);
    let token = |kind: &[&str]| {
        user.run_with(PASSWORD, &[&["token"], &ada[..], kind].concat()).ends(0).stdout.trim().to_owned()
    };
    let (id, access) = (token(&[]), token(&["--access"]));
    for (api, name) in [(rest, "REST"), (http, "HTTP")] {
        for (path, url) in urls(api) {
            let said = |token: &str| status_of(&url, token);
            if path == "/orders" {
                assert_eq!(said(&partner), 200, "{name}");
                for refused in [&stock, &id, &access] {
                    assert!([401, 403].contains(&said(refused)), "{name}: {}", said(refused));
                }
            } else {
                assert_eq!(said(&id), 200, "{name}");
                // On a route without scopes, the emulator's REST APIs accept every access token. AWS accepts none.
                let refused = name == "REST" || [401, 403].contains(&said(&partner));
                assert!(refused, "{name}: {}", said(&partner));
            }
        }
    }
    user.run(&["call", "GET /orders", "--client", "partner"]).ends(0);
    user.run(&["call", "GET /orders", "--client", "stock"]).ends(1).says("accepts only an access token of Users");
    user.run(&["call", "GET /orders"]).ends(2).says("pass --client partner");
    user.run(&["call", "GET /orders", "--client", "app"]).ends(2).says("because users sign in with it");
    let printed = user.run(&["token", "--client", "partner"]).ends(0).stdout;
    assert_eq!(status_of(rest["routes"][0]["url"].as_str().unwrap(), printed.trim()), 200);
    user.run(&["token", "--client", "partner", "ada@example.com"]).ends(2);
    let proof = user.run(&["verify", "--json"]).ends(0);
    for (claim, count) in [
        ("a token of Users with a scope of the route passes", 2),
        ("an ID token is refused", 2),
        ("an access token without the scope is refused", 2),
        ("a token of the client stock is refused", 3),
        ("a token of the client partner is refused", 1),
        ("the client partner gets a token for exactly its scopes", 1),
        ("the client stock gets a token for exactly its scopes", 1),
    ] {
        assert_eq!(passed(&proof.stdout, claim), count, "{claim}\n{}", proof.stdout);
    }
    user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn the_secret_of_a_client_is_in_secrets_manager_alone() {
    let (user, outputs) = built(&account());
    let client = client(&user, &outputs, "partner");
    let secret = client["ClientSecret"].as_str().unwrap();
    assert_copied(&user, &outputs, "partner");
    assert!(outputs["pools"]["Users"]["clients"]["app"].get("secret_arn").is_none());
    let (state, text) = (std::fs::read_to_string(user.state()).unwrap(), outputs.to_string());
    let status = user.run(&["status", "--json", "-vv"]).ends(0);
    for (name, said) in [("state", &state), ("outputs", &text), ("status", &status.stdout), ("log", &status.stderr)] {
        assert!(!said.contains(secret), "the {name} contains the secret");
    }
    assert_eq!(client["AllowedOAuthFlows"], json!(["client_credentials"]));
    assert_eq!(client["ExplicitAuthFlows"], json!(["ALLOW_REFRESH_TOKEN_AUTH"]));
    // Somebody overwrites the copy of the client's secret.
    let arn = &outputs["pools"]["Users"]["clients"]["partner"]["secret_arn"];
    accepted(&user, "secretsmanager", "put_secret_value", &json!({ "SecretId": arn, "SecretString": "{}" }));
    let changed = ("client.Users/partner".to_owned(), "the copy in Secrets Manager".to_owned(), false);
    assert_eq!(drift(&user, &[]), [changed]);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    assert_copied(&user, &outputs, "partner");
    // AWS cannot add a secret to an existing client.
    let before = std::fs::read(user.state()).unwrap();
    user.write(
        "securelambda.toml",
        &STACK.replace("[pools.Users.clients.app]", "[pools.Users.clients.app]\nsecret = true"),
    );
    user.run(&["up", "--yes"]).ends(4).says("has no secret, and AWS cannot give it one").says("nothing was changed");
    assert_eq!(std::fs::read(user.state()).unwrap(), before);
    user.write("securelambda.toml", STACK);
    user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
}

#[test]
fn what_somebody_else_opens_is_named_and_closed() {
    let (user, outputs) = built(&account());
    let pool = outputs["pools"]["Users"]["id"].clone();
    let (rest, http) = (outputs["api"]["id"].clone(), outputs["apis"]["Small"]["id"].clone());
    let scopes = |names: &[&str]| {
        names.iter().map(|name| json!({ "ScopeName": name, "ScopeDescription": "x" })).collect::<Value>()
    };
    let server = |identifier: &str, names: &[&str]| json!({ "UserPoolId": pool, "Identifier": identifier, "Name": identifier, "Scopes": scopes(names) });
    accepted(&user, "cognito-idp", "update_resource_server", &server("orders", &["read", "write", "all"]));
    accepted(&user, "cognito-idp", "create_resource_server", &server("theirs", &["all"]));
    let mut wider = client(&user, &outputs, "partner");
    let kept = [
        "UserPoolId",
        "ClientId",
        "ExplicitAuthFlows",
        "PreventUserExistenceErrors",
        "ReadAttributes",
        "WriteAttributes",
        "AllowedOAuthFlows",
        "AllowedOAuthFlowsUserPoolClient",
        "AccessTokenValidity",
        "IdTokenValidity",
        "RefreshTokenValidity",
        "TokenValidityUnits",
    ];
    wider.as_object_mut().unwrap().retain(|name, _| kept.contains(&name.as_str()));
    wider["AllowedOAuthScopes"] = json!(["orders/read", "orders/write"]);
    accepted(&user, "cognito-idp", "update_user_pool_client", &wider);
    let paths = call(&user, "apigateway", "get_resources", &json!({ "restApiId": rest, "limit": 500 }));
    let orders =
        paths["items"].as_array().unwrap().iter().find(|path| path["path"] == "/orders").unwrap()["id"].clone();
    let removed = json!([
        { "op": "remove", "path": "/authorizationScopes", "value": "orders/read" },
        { "op": "remove", "path": "/authorizationScopes", "value": "orders/write" },
    ]);
    let method = json!({ "restApiId": rest, "resourceId": orders, "httpMethod": "GET", "patchOperations": removed });
    accepted(&user, "apigateway", "update_method", &method);
    let routes = call(&user, "apigatewayv2", "get_routes", &json!({ "ApiId": http }));
    let route = routes["Items"].as_array().unwrap().iter().find(|route| route["RouteKey"] == "GET /orders").unwrap();
    let open = json!({ "ApiId": http, "RouteId": route["RouteId"], "AuthorizationScopes": [] });
    accepted(&user, "apigatewayv2", "update_route", &open);

    let mut seen = drift(&user, &[]);
    seen.sort();
    let weaker = |id: &str, field: &str| (id.to_owned(), field.to_owned(), true);
    let expected = [
        weaker("api.Small.http-routes", "GET /orders AuthorizationScopes"),
        weaker("api.routes", "GET /orders authorizationScopes"),
        weaker("client.Users/partner", "AllowedOAuthScopes"),
        weaker("pool.Users", "ResourceServers"),
        weaker("resource-server.Users/orders", "Scopes"),
    ];
    let names = seen.iter().filter(|(.., weakens)| *weakens).cloned().collect::<Vec<_>>();
    assert_eq!(names, expected);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
}

#[test]
fn scopes_clients_and_the_domain_change_in_place() {
    let (user, before) = built(&account());
    let changed = STACK
        .replace("\"orders/read\", \"orders/write\"]", "\"orders/write\"]")
        .replace("orders = [\"read\", \"write\"], \"https://api.example.com/stock\" = [\"read\"]", "orders = [\"read\", \"write\", \"list\"]")
        .replace("scoped-login", "scoped-login-2")
        .replace("[pools.Users.clients.stock]\nsecret = true\nflows = [\"client-credentials\"]\nscopes = [\"https://api.example.com/stock/read\"]\n", "")
        .replace("flows = [\"password\"]", "flows = [\"srp\"]")
        .replace("scopes = [\"orders/read\"]\n[pools", "scopes = [\"orders/read\", \"orders/list\"]\n[pools");
    assert!(changed.contains("orders/list") && !changed.contains("clients.stock"), "{changed}");
    user.write("securelambda.toml", &changed);
    // Scopes, clients and a domain that the stack file no longer has are not reported as foreign.
    let of_pool = || drift(&user, &[]).into_iter().filter(|(id, ..)| id == "pool.Users").collect::<Vec<_>>();
    assert_eq!(of_pool(), []);
    let after = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    assert_eq!(drift(&user, &[]), []);
    assert_eq!(after["pools"]["Users"]["id"], before["pools"]["Users"]["id"]);
    for name in ["partner", "app"] {
        let id = |outputs: &Value| outputs["pools"]["Users"]["clients"][name]["client_id"].clone();
        assert_eq!(id(&after), id(&before), "{name}");
    }
    assert_copied(&user, &after, "partner");
    let pool =
        call(&user, "cognito-idp", "describe_user_pool", &json!({ "UserPoolId": after["pools"]["Users"]["id"] }));
    assert_eq!(pool["UserPool"]["Domain"], "scoped-login-2");
    // All scopes and clients and the domain can be removed, too.
    user.write("securelambda.toml", "[stack]\nname = \"scoped\"\n[pools.Users]\n");
    assert_eq!(of_pool(), []);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    let other = user.on_another_machine(&endpoint());
    other.run(&["sweep", "--stack", "scoped", "--yes", "--adopt"]).ends(0);
    assert_eq!(inventory(&user), Vec::<String>::new());
}

/// Only the stack file and the state know that the stack made the domain.
#[test]
fn a_stack_with_a_domain_is_removed_with_its_file_and_without_its_record() {
    let (user, _) = built(&account());
    let other = user.on_another_machine(&endpoint());
    other.write("securelambda.toml", STACK);
    other.write("f/index.mjs", "export const handler = async () => ({ statusCode: 200, body: \"{}\" });\n");
    other.run(&["down", "--yes", "--purge", "--adopt"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
    let found = call(&user, "cognito-idp", "describe_user_pool_domain", &json!({ "Domain": "scoped-login" }));
    assert!(found["DomainDescription"].get("UserPoolId").is_none(), "{found}");
}

#[test]
fn a_domain_of_another_pool_is_seen_before_anything_changes() {
    let user = User::of(&account(), &endpoint());
    user.write("securelambda.toml", STACK);
    user.write("f/index.mjs", "export const handler = async () => ({ statusCode: 200 });");
    let theirs = call(&user, "cognito-idp", "create_user_pool", &json!({ "PoolName": "theirs" }));
    let domain = json!({ "UserPoolId": theirs["UserPool"]["Id"], "Domain": "scoped-login" });
    accepted(&user, "cognito-idp", "create_user_pool_domain", &domain);
    let before = inventory(&user);
    let why = "the domain scoped-login already belongs to the user pool";
    user.run(&["up", "--yes"]).ends(4).says(why).says("choose another `login.domain`").says("nothing was changed");
    assert_eq!(inventory(&user), before);
    assert!(user.run(&["plan"]).ends(4).stdout.contains(why));
    accepted(&user, "cognito-idp", "delete_user_pool_domain", &domain);
    user.run(&["plan"]).ends(0);
}

//! The blueprint http-jwt on the emulator: an HTTP API and its function both check tokens.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::botocore;
use crate::support::default_account::default_account;
use crate::support::emulator::{account, endpoint};
use crate::support::iam::{Operator, policies, reduced_for_ministack};
use crate::support::inventory::inventory;
use crate::support::program::User;
use crate::support::proxy::Proxy;

const PASSWORD: &str = "Correct7\n";
const BLUEPRINT: [&str; 2] = ["--blueprint", "http-jwt"];

/// Adds the blueprint's flag to a command.
fn with<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [words, &BLUEPRINT].concat()
}

/// Calls the route with this token. Returns the status and the body.
fn call(user: &User, token: &str) -> (u64, Value) {
    let answer = user.run_with(token, &with(&["call", "GET /hello", "--json", "--token-stdin"])).json();
    (answer["status"].as_u64().unwrap(), answer["body"].clone())
}

#[test]
fn http_jwt_is_built_called_verified_and_removed() {
    // Unsigned requests reach only the default account.
    let _alone = default_account();
    let proxy = Proxy::new(&endpoint(), Duration::ZERO);
    let user = User::of("test", &proxy.endpoint);
    let planned = user.run(&with(&["plan"])).ends(0);
    assert!(planned.stdout.contains("HTTP APIs have no firewall"), "{}", planned.stdout);
    user.run(&with(&["up", "--yes"])).ends(0).says("HTTP APIs have no firewall");
    let outputs = user.run(&with(&["outputs", "--json"])).ends(0).json();
    assert_eq!(outputs["api"]["stage"], "$default");

    user.run_with(PASSWORD, &with(&["add-user", "ada@example.com", "--pool", "Users", "--password-stdin"])).ends(0);
    let signed_in = botocore::call(
        &user,
        "cognito-idp",
        "initiate_auth",
        &json!({
            "AuthFlow": "USER_PASSWORD_AUTH",
            "ClientId": outputs["pools"]["Users"]["client_id"],
            "AuthParameters": { "USERNAME": "ada@example.com", "PASSWORD": PASSWORD.trim_end() },
        }),
    );
    // If users sign in with their address, Cognito generates the user name.
    let pool = json!({ "UserPoolId": outputs["pools"]["Users"]["id"] });
    let listed = botocore::call(&user, "cognito-idp", "list_users", &pool)["Users"].clone();
    let names: Vec<&Value> = listed.as_array().unwrap().iter().map(|user| &user["Username"]).collect();
    let [name] = names[..] else { panic!("{listed}") };
    assert!(name.as_str().is_some_and(|name| !name.is_empty()), "{listed}");
    for kind in ["IdToken", "AccessToken"] {
        let token = signed_in["AuthenticationResult"][kind].as_str().unwrap();
        let (status, body) = call(&user, token);
        assert_eq!(status, 200, "{kind}: {body}");
        assert_eq!(body["message"], "Hello, authenticated user!");
        assert_eq!(&body["user"], name, "{kind}");
        assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
        // The tenth character from the end is part of the signature, and all of its bits matter.
        let mut tampered = token.to_owned();
        let at = tampered.len() - 10;
        let other = if tampered.as_bytes()[at] == b'A' { "B" } else { "A" };
        tampered.replace_range(at..=at, other);
        assert_eq!(call(&user, &tampered).0, 401, "{kind}");
    }
    assert_eq!(call(&user, "garbage").0, 401);
    let anonymous = user.run(&with(&["call", "GET /hello", "--json", "--anonymous"])).json();
    assert_eq!((&anonymous["status"], &anonymous["body"]), (&json!(401), &json!({ "message": "Unauthorized" })));

    let proof = user.run(&with(&["verify", "--json"])).ends(0);
    let past = proof.stdout.lines().filter(|line| line.contains("without the gateway")).count();
    assert!(past >= 5, "{}", proof.stdout);
    assert!(proof.stdout.contains("AWS cannot attach a web ACL to an HTTP API"), "{}", proof.stdout);

    proxy.take();
    user.run(&with(&["up"])).ends(0).says("Nothing to do");
    let calls = proxy.take();
    // The check for the emulator is no AWS operation.
    let asked = calls.iter().filter(|call| call.writes && !call.sent.service.is_empty());
    let writes: Vec<_> = asked.map(|call| &call.name).collect();
    assert!(!calls.is_empty() && writes.is_empty(), "{writes:?}");
    let status = user.run(&with(&["status", "--detailed-exitcode"])).ends(0);
    assert!(status.stdout.contains("HTTP APIs have no firewall"), "{}", status.stdout);

    let summary = user.run(&with(&["down", "--yes", "--json"])).ends(0).summary();
    assert_eq!(summary["left"], json!([]));
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn up_without_state_adopts_the_http_api() {
    let user = User::of(&account(), &endpoint());
    let outputs = user.run(&with(&["up", "--yes", "--json"])).ends(0).summary()["outputs"].clone();
    std::fs::remove_file(user.state()).unwrap();
    let again = user.run(&with(&["up", "--yes", "--adopt", "--json"])).ends(0).summary()["outputs"].clone();
    assert_eq!(again, outputs);
    std::fs::remove_file(user.state()).unwrap();
    user.run(&with(&["down", "--yes", "--adopt"])).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn a_firewall_or_body_schema_for_an_http_api_is_a_usage_error() {
    let whole = securelambda::spec::blueprints::Blueprint::of("http-jwt").unwrap().text;
    let user = User::bare();
    user.write("securelambda.toml", &format!("{whole}\n[firewall]\n"));
    user.run(&["graph"]).ends(2).says("AWS cannot attach a web ACL to an HTTP API");
    user.write("securelambda.toml", &format!("{whole}\nbody = \"request.schema.json\"\n"));
    user.run(&["graph"]).ends(2).says("an HTTP API does not validate bodies");
    user.run(&["graph", "--file", "securelambda.toml", "--blueprint", "http-jwt"]).ends(2);
    // `--blueprint` ignores the file.
    user.run(&with(&["graph"])).ends(0);
}

#[test]
fn the_generated_policy_suffices_for_the_http_jwt_blueprint() {
    let mut operator = Operator::new(&account(), &endpoint());
    let words = ["--account", operator.account(), "--region", "eu-central-1"];
    let least = policies(&operator.user, &with(&words));
    operator.set_policy(&reduced_for_ministack(&least));
    let user = &operator.user;
    user.run(&with(&["plan"])).ends(0);
    user.run(&with(&["up", "--yes"])).ends(0);
    user.run(&with(&["status", "--detailed-exitcode"])).ends(0);
    user.run(&with(&["down", "--yes"])).ends(0).says("0 left");
}

//! User attributes and sign-in names: users set only the attributes that the stack file lets them set, and a change
//! that AWS cannot make is refused before anything is changed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::botocore::{accepted, call};
use crate::support::default_account::default_account;
use crate::support::emulator::{account, endpoint};
use crate::support::program::User;

const PASSWORD: &str = "Correct-Horse-7-Battery\n";

const STACK: &str = "[stack]\nname = \"known\"\n[pools.Users]\n\
    attributes = { tenant = { mutable = false }, colour = { writable = true }, family_name = { required = true } }\n";

fn built(account: &str, file: &str) -> (User, Value) {
    let user = User::of(account, &endpoint());
    user.write("securelambda.toml", file);
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    (user, outputs["pools"]["Users"].clone())
}

fn client(user: &User, pool: &Value) -> Value {
    let key = json!({ "UserPoolId": pool["id"], "ClientId": pool["client_id"] });
    call(user, "cognito-idp", "describe_user_pool_client", &key)["UserPoolClient"].clone()
}

fn schema(user: &User, pool: &Value) -> Vec<Value> {
    let pool = call(user, "cognito-idp", "describe_user_pool", &json!({ "UserPoolId": pool["id"] }));
    pool["UserPool"]["SchemaAttributes"].as_array().unwrap().clone()
}

fn sorted(list: &Value) -> Vec<&str> {
    let mut all: Vec<&str> = list.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    all.sort_unstable();
    all
}

#[test]
fn attributes_are_in_tokens_and_users_set_only_what_is_theirs() {
    // Signing in works in the emulator's default account alone.
    let _alone = default_account();
    let (user, pool) = built("test", STACK);
    let live = client(&user, &pool);
    assert_eq!(sorted(&live["WriteAttributes"]), ["custom:colour", "email", "family_name"]);
    let readable = ["custom:colour", "custom:tenant", "email", "email_verified", "family_name"];
    assert_eq!(sorted(&live["ReadAttributes"]), readable);

    let ada = ["ada@example.com", "--password-stdin"];
    let add = |attributes: &[&str]| user.run_with(PASSWORD, &[&["add-user"], &ada[..], attributes].concat());
    add(&["--attribute", "tenat=acme"]).ends(2).says("there is no attribute called tenat").says("did you mean tenant?");
    add(&["--attribute", "tenant"]).ends(2).says("--attribute tenant=acme");
    add(&["--attribute", "tenant=acme"]).ends(2).says("ada@example.com lacks family_name");
    add(&["--sign-up", "--attribute", "tenant=acme"]).ends(2).says("ada@example.com lacks family_name");
    add(&["--attribute", "tenant=acme", "--attribute", "family_name=Lovelace"]).ends(0);
    add(&["--attribute", "tenant=acme"]).ends(2).says("--reset-password");
    add(&["--attribute", "tenant=acme", "--reset-password"]).ends(0).says("already existed");
    add(&["--attribute", "tenant=other"]).ends(2).says("cannot be changed: it is \"acme\"");
    add(&["--attribute", "family_name="]).ends(2).says("every user must have it");
    let listed = user.run(&["users", "--json"]).ends(0).json();
    assert_eq!(listed["users"][0]["attributes"]["custom:tenant"], "acme");
    let token = user.run_with(PASSWORD, &[&["token"], &ada[..]].concat()).ends(0).stdout;
    let payload = URL_SAFE_NO_PAD.decode(token.trim().split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!((&claims["custom:tenant"], &claims["family_name"]), (&json!("acme"), &json!("Lovelace")));
    add(&["--attribute", "family_name=King", "--reset-password"]).ends(0).says("already existed");
    assert_eq!(user.run(&["users", "--json"]).ends(0).json()["users"][0]["attributes"]["family_name"], "King");

    // Somebody lets users set which tenant they belong to.
    let mut update = live.clone();
    let kept = ["UserPoolId", "ClientId", "ExplicitAuthFlows", "PreventUserExistenceErrors", "ReadAttributes"];
    update.as_object_mut().unwrap().retain(|name, _| kept.contains(&name.as_str()));
    update["WriteAttributes"] = json!(["email", "family_name", "custom:colour", "custom:tenant"]);
    accepted(&user, "cognito-idp", "update_user_pool_client", &update);
    let status = user.run(&["status", "--json", "--detailed-exitcode"]).ends(7).json();
    let row = status["resources"].as_array().unwrap().iter().find(|row| row["id"] == "client.Users").unwrap();
    let found = row["drift"].as_array().unwrap().iter().find(|drift| drift["field"] == "WriteAttributes").unwrap();
    assert_eq!(found["weakens"], true, "{row:#}");
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(sorted(&client(&user, &pool)["WriteAttributes"]), ["custom:colour", "email", "family_name"]);
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn attributes_are_added_in_place_and_what_aws_cannot_change_is_refused_first() {
    let (user, pool) = built(&account(), "[stack]\nname = \"known\"\n[pools.Users]\n");
    let ada = ["add-user", "ada@example.com", "--password-stdin"];
    user.run_with(PASSWORD, &ada).ends(0);
    let file =
        |attributes: &str| format!("[stack]\nname = \"known\"\n[pools.Users]\nattributes = {{ {attributes} }}\n");
    user.write("securelambda.toml", &file("tenant = { mutable = false }, age = { type = \"number\" }"));
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    let custom: Vec<Value> =
        schema(&user, &pool).into_iter().filter(|one| one["Name"].as_str().unwrap().starts_with("custom:")).collect();
    let mut told: Vec<_> =
        custom.iter().map(|one| (&one["Name"], &one["AttributeDataType"], &one["Mutable"])).collect();
    told.sort_by_key(|(name, ..)| name.to_string());
    let (yes, no) = (json!(true), json!(false));
    let expected = [(&json!("custom:age"), &json!("Number"), &yes), (&json!("custom:tenant"), &json!("String"), &no)];
    assert_eq!(told, expected);
    assert!(user.run(&["users"]).ends(0).stdout.contains("ada@example.com"), "the pool is the same");

    let before = std::fs::read(user.state()).unwrap();
    for (attributes, words) in [
        ("tenant = { mutable = false }", "AWS cannot remove the attribute custom:age"),
        ("tenant = {}, age = { type = \"number\" }", "AWS cannot change Mutable of the attribute custom:tenant"),
        ("tenant = { mutable = false }, age = {}", "AWS cannot change AttributeDataType of the attribute custom:age"),
        (
            "tenant = { mutable = false }, age = { type = \"number\" }, family_name = { required = true }, new = {}",
            "AWS cannot change Required of the attribute family_name",
        ),
    ] {
        user.write("securelambda.toml", &file(attributes));
        user.run(&["up", "--yes"]).ends(4).says(words).says("nothing was changed");
        user.run(&["plan"]).ends(4);
        assert_eq!(std::fs::read(user.state()).unwrap(), before, "{attributes}");
    }
    assert!(!schema(&user, &pool).iter().any(|one| one["Name"] == "custom:new"), "nothing was changed");

    // An attribute that another tool adds is not drift, because users cannot set it.
    user.write("securelambda.toml", &file("tenant = { mutable = false }, age = { type = \"number\" }"));
    let theirs = json!([{ "Name": "theirs", "AttributeDataType": "String", "Mutable": true }]);
    let added = json!({ "UserPoolId": pool["id"], "CustomAttributes": theirs });
    accepted(&user, "cognito-idp", "add_custom_attributes", &added);
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn users_sign_in_with_what_the_stack_file_says() {
    let _alone = default_account();
    let file = |sign_in: &str| {
        format!("[stack]\nname = \"known\"\n[pools.Users]\nself_sign_up = false\nsign_in = [{sign_in}]\n")
    };
    for (sign_in, name, wrong, words) in [
        ("\"username\", \"email\"", "ann", "a b", "\"a b\" is not a name without spaces"),
        ("\"phone\"", "+4930123456", "ann@example.com", "\"ann@example.com\" is not a phone number"),
        ("\"email\", \"phone\"", "+4930123456", "ann", "\"ann\" is not an e-mail address or a phone number"),
    ] {
        let (user, pool) = built("test", &file(sign_in));
        let add = |name: &str| user.run_with(PASSWORD, &["add-user", name, "--password-stdin"]);
        add(wrong).ends(2).says(words);
        user.run(&["add-user", name, "--invite"]).ends(2).says("--attribute email=ADDRESS");
        add(name).ends(0);
        assert!(user.run(&["users"]).ends(0).stdout.contains(name), "{sign_in}");
        user.run_with(PASSWORD, &["token", name, "--password-stdin"]).ends(0);
        user.run(&["verify"]).ends(0);
        let left = call(&user, "cognito-idp", "list_users", &json!({ "UserPoolId": pool["id"] }));
        assert_eq!(left["Users"].as_array().unwrap().len(), 1, "verify removes its users: {left:#}");

        // AWS cannot change `sign_in`, so the pool would have to be replaced.
        user.write("securelambda.toml", &file("\"email\""));
        user.run(&["up", "--yes"]).ends(4).says("AWS cannot change").says("nothing was changed");
        user.write("securelambda.toml", &file(sign_in));
        user.run(&["remove-user", "--yes", name]).ends(0).says("was removed");
        user.run(&["down", "--yes"]).ends(0);
    }
}

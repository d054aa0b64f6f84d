//! Existing pools, which the stack uses and does not change. The `allow` statements of identity pools are tested here
//! too, with such a pool.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::services::Usage;
use crate::support::botocore::{accepted, call};
use crate::support::default_account::default_account;
use crate::support::emulator::{account, endpoint};
use crate::support::iam::{allows, policies};
use crate::support::inventory::inventory;
use crate::support::program::User;
use crate::support::proxy::{CallOutcome, Proxy};

const PASSWORD: &str = "Correct-Horse-7-Battery";

/// Somebody's pool with a group, a client and two users, one of whom can sign in. Returns its id and the client's.
fn their_pool(user: &User) -> (String, String) {
    let make = |operation: &str, arguments: Value| accepted(user, "cognito-idp", operation, &arguments);
    let pool = make(
        "create_user_pool",
        json!({
            "PoolName": "company",
            "UsernameAttributes": ["email"],
            "AutoVerifiedAttributes": ["email"],
            "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": true },
            "Policies": { "PasswordPolicy": { "MinimumLength": 10 } },
            "Schema": [
                { "Name": "tenant", "AttributeDataType": "String", "Mutable": true },
                { "Name": "name", "AttributeDataType": "String", "Mutable": true, "Required": true },
            ],
            "UserPoolTags": { "team": "people" },
        }),
    );
    let id = pool["UserPool"]["Id"].as_str().unwrap().to_owned();
    let client = make(
        "create_user_pool_client",
        json!({
            "UserPoolId": id, "ClientName": "portal",
            "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        }),
    );
    make("create_group", json!({ "UserPoolId": id, "GroupName": "staff", "Description": "Everybody here" }));
    for name in ["ada@example.com", "bob@example.com"] {
        let attributes = json!([{ "Name": "email", "Value": name }, { "Name": "email_verified", "Value": "true" }, { "Name": "name", "Value": "A" }]);
        make(
            "admin_create_user",
            json!({
                "UserPoolId": id, "Username": name, "UserAttributes": attributes, "MessageAction": "SUPPRESS",
            }),
        );
    }
    let ada = json!({ "UserPoolId": id, "Username": "ada@example.com", "Password": PASSWORD, "Permanent": true });
    make("admin_set_user_password", ada);
    make("admin_add_user_to_group", json!({ "UserPoolId": id, "Username": "ada@example.com", "GroupName": "staff" }));
    (id, client["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned())
}

/// The settings, clients, users and groups of a pool, as read with botocore.
fn whole(user: &User, pool: &str) -> String {
    let read = |operation: &str, more: Value| {
        let mut arguments = json!({ "UserPoolId": pool });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut answer = accepted(user, "cognito-idp", operation, &arguments);
        answer.as_object_mut().unwrap().remove("ResponseMetadata");
        answer
    };
    let clients = read("list_user_pool_clients", json!({ "MaxResults": 60 }));
    let each = clients["UserPoolClients"].as_array().unwrap().iter();
    let each: Vec<Value> =
        each.map(|one| read("describe_user_pool_client", json!({ "ClientId": one["ClientId"] }))).collect();
    let all = json!([
        read("describe_user_pool", json!({})),
        read("get_user_pool_mfa_config", json!({})),
        clients,
        each,
        read("list_users", json!({})),
        read("list_groups", json!({})),
        read("list_users_in_group", json!({ "GroupName": "staff" })),
        read("list_resource_servers", json!({ "MaxResults": 50 })),
        read("list_identity_providers", json!({ "MaxResults": 60 })),
    ]);
    serde_json::to_string_pretty(&all).unwrap()
}

fn file(pool: &str) -> String {
    format!(
        r#"[stack]
name = "uses"

[functions.Me]
source = "f"
environment = {{ POOL = {{ pool_id = "Company" }}, CLIENT = {{ client_id = "Company" }} }}
allow = [{{ actions = ["cognito-idp:AdminGetUser"], resources = ["{{pool.Company}}"] }}]

[functions.Small]
source = "g"
environment = {{ POOL = {{ pool_id = "Company" }}, CLIENT = {{ client_id = "Company" }} }}

[pools.Company]
{pool}

[identity_pools.Callers]
pool = "Company"
invokes = ["GET /signed"]
[[identity_pools.Callers.allow]]
actions = ["s3:GetObject", "s3:PutObject"]
resources = ["arn:{{partition}}:s3:::uses-photos/${{cognito-identity.amazonaws.com:sub}}/*"]
[[identity_pools.Callers.allow]]
actions = ["s3:ListBucket"]
resources = ["arn:{{partition}}:s3:::uses-photos"]
conditions = {{ StringLike = {{ "s3:prefix" = "public/*" }} }}

[api]
[[api.routes]]
route = "GET /me"
function = "Me"
pool = "Company"
[[api.routes]]
route = "GET /signed"
function = "Me"
auth = "iam"

[apis.Small]
kind = "http"
[[apis.Small.routes]]
route = "GET /me"
function = "Small"
pool = "Company"
"#
    )
}

fn write(user: &User, pool: &str) {
    user.write("securelambda.toml", &file(pool));
    let answer = "({ statusCode: 200, headers: { 'content-type': 'application/json' }, \
                  body: JSON.stringify({ pool: process.env.POOL, client: process.env.CLIENT }) })";
    user.write("f/index.mjs", &format!("export const handler = async () => {answer};\n"));
    // A call that bypasses the gateway has no claims, and the function refuses it.
    let refuses = format!("event.requestContext?.authorizer?.jwt ? {answer} : {{ statusCode: 401, body: \"{{}}\" }}");
    user.write("g/index.mjs", &format!("export const handler = async (event) => {refuses};\n"));
}

/// The verdicts of checks whose line contains all of these words.
fn verdicts(proof: &str, words: &[&str]) -> Vec<String> {
    let lines = proof.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let wanted = |line: &Value| line["type"] == "check" && words.iter().all(|word| line.to_string().contains(word));
    lines.filter(wanted).map(|line| line["verdict"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_pool_that_exists_is_used_by_everything_and_left_as_it_was() {
    // Signing in works in the emulator's default account alone.
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    let (pool, _) = their_pool(&user);
    let before = whole(&user, &pool);
    write(&user, &format!("existing = \"{pool}\""));
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    let known = &outputs["pools"]["Company"];
    assert_eq!((&known["id"], &known["existing"]), (&json!(pool), &json!(true)), "{outputs}");
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["plan", "--detailed-exitcode"]).ends(0);

    for command in [
        &["add-user", "eve@example.com", "--generate"][..],
        &["add-user", "ada@example.com", "--generate", "--pool", "Company", "--group", "staff"],
        &["remove-user", "ada@example.com"],
    ] {
        user.run(command).ends(2).says("the program only reads the existing pool Company");
    }
    user.run(&["users"]).ends(0);

    let password = format!("{PASSWORD}\n");
    for route in ["GET /me", "Small GET /me"] {
        let asked = ["call", route, "--as", "ada@example.com", "--password-stdin", "--json"];
        let answer = user.run_with(&password, &asked).ends(0).json();
        assert_eq!(answer["body"], json!({ "pool": pool, "client": known["client_id"] }), "{route}: {answer}");
    }
    user.run(&["call", "GET /me", "--anonymous"]).ends(1);

    let without = user.run(&["verify", "--json"]).ends(0).stdout;
    let passes = ["Company passes", "only read"];
    assert_eq!(verdicts(&without, &passes), ["not_tried", "not_tried"], "{without}");
    let token = user.run_with(&password, &["token", "ada@example.com", "--password-stdin"]).ends(0).stdout;
    for (input, flags) in
        [(&password, &["--as", "ada@example.com", "--password-stdin"][..]), (&token, &["--token-stdin"])]
    {
        let proof = user.run_with(input, &[&["verify", "--json"], flags].concat()).ends(0).stdout;
        assert_eq!(verdicts(&proof, &["a token of Company passes"]), ["pass", "pass"], "{proof}");
        assert_eq!(verdicts(&proof, &["a token in the query string"]), ["not_tried", "not_tried"]);
        assert!(!proof.contains(token.trim()), "no token of a person is in a proof");
        assert!(!verdicts(&proof, &["role of the users of Callers", "`allow` allows"]).is_empty(), "{proof}");
    }
    user.run_with("wrong\n", &["verify", "--as", "ada@example.com", "--password-stdin"]).ends(1);

    a_change_of_the_client_is_repaired(&user, known);
    more_rights_are_taken_away(&user);
    write(&user, &format!("existing = \"{pool}\"\nflows = [\"srp\"]\ntokens = {{ id_minutes = 5 }}"));
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["status", "--detailed-exitcode"]).ends(0);

    user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
    assert_eq!(whole(&user, &pool), before, "the pool is as it was");
    accepted(&user, "cognito-idp", "delete_user_pool", &json!({ "UserPoolId": pool }));
    assert_eq!(inventory(&user), Vec::<String>::new());
}

fn a_change_of_the_client_is_repaired(user: &User, known: &Value) {
    let change = json!({
        "UserPoolId": known["id"], "ClientId": known["client_id"],
        "ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    });
    // The pool requires the attribute `name`, so the client may set it, and nothing else beside the address.
    let key = json!({ "UserPoolId": known["id"], "ClientId": known["client_id"] });
    let client = accepted(user, "cognito-idp", "describe_user_pool_client", &key)["UserPoolClient"].clone();
    assert_eq!(client["WriteAttributes"], json!(["email", "name"]));
    accepted(user, "cognito-idp", "update_user_pool_client", &change);
    let status = user.run(&["status"]).stdout;
    assert!(status.contains("ExplicitAuthFlows"), "{status}");
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["status", "--detailed-exitcode"]).ends(0);
}

fn more_rights_are_taken_away(user: &User) {
    let key = json!({ "RoleName": "uses-Callers-caller", "PolicyName": "securelambda" });
    let read = || accepted(user, "iam", "get_role_policy", &key)["PolicyDocument"].clone();
    let sound = read();
    let text = sound.to_string();
    assert!(text.contains("arn:aws:s3:::uses-photos/${cognito-identity.amazonaws.com:sub}/*"), "{text}");
    assert!(text.contains("execute-api:Invoke") && text.contains("public/*"), "{text}");
    let mut wider = key.clone();
    wider["PolicyDocument"] = text.replace("/${cognito-identity.amazonaws.com:sub}", "").into();
    accepted(user, "iam", "put_role_policy", &wider);
    let status = user.run(&["status"]).stdout;
    assert!(status.contains("caller-policy.Callers"), "{status}");
    let proof = user.run(&["verify", "--json"]).ends(5).stdout;
    assert!(
        verdicts(&proof, &["role of the users of Callers", "`allow` allows"]).contains(&"fail".to_owned()),
        "{proof}"
    );
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(read(), sound);
}

#[test]
fn nothing_is_changed_if_the_pool_cannot_be_used() {
    let user = User::of(&account(), &endpoint());
    write(&user, "existing = \"eu-central-1_Missing12\"");
    let refused = user.run(&["up", "--yes"]).ends(4);
    let refused = refused.says("the pool eu-central-1_Missing12 does not exist in this account and region");
    refused.says("nothing was changed");
    user.run(&["plan"]).ends(4);
    write(&user, "existing = \"us-east-1_Elsewhere\"");
    user.run(&["up", "--yes"]).ends(2).says("is in us-east-1, and the stack in eu-central-1");
    let (pool, client) = their_pool(&user);
    write(&user, &format!("existing = \"{pool}\"\nclient_id = \"nobody\""));
    user.run(&["up", "--yes"]).ends(4).says("has no app client nobody");
    let before = whole(&user, &pool);

    // If the stack file names an existing client, `up` creates none in the pool.
    write(&user, &format!("existing = \"{pool}\"\nclient_id = \"{client}\""));
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    assert_eq!(outputs["pools"]["Company"]["client_id"], client);
    assert_eq!(whole(&user, &pool), before);
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
    assert_eq!(whole(&user, &pool), before);
}

#[test]
fn the_client_is_removed_without_a_state_and_its_pool_may_be_gone() {
    let user = User::of(&account(), &endpoint());
    let (pool, _) = their_pool(&user);
    let before = whole(&user, &pool);
    write(&user, &format!("existing = \"{pool}\""));
    user.run(&["up", "--yes"]).ends(0);
    std::fs::remove_file(user.state()).unwrap();
    user.run(&["down", "--yes", "--purge", "--adopt"]).ends(0).says("0 left");
    assert_eq!(whole(&user, &pool), before);

    user.run(&["up", "--yes"]).ends(0);
    accepted(&user, "cognito-idp", "delete_user_pool", &json!({ "UserPoolId": pool }));
    user.run(&["up", "--yes"]).ends(4).says("does not exist in this account and region");
    user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
    let gone = call(&user, "cognito-idp", "describe_user_pool", &json!({ "UserPoolId": pool }));
    assert!(gone.get("Error").is_some());
}

/// Whatever is lost of the calls for the client, the pool has one client of the stack after the next `up`, and none after
/// `down`.
#[test]
fn an_interrupted_run_leaves_no_client_in_the_pool() {
    for (operation, outcome) in [
        ("CreateUserPoolClient", CallOutcome::AnswerLost),
        ("CreateUserPoolClient", CallOutcome::HungBefore),
        ("CreateUserPoolClient", CallOutcome::HungAfter),
        ("DeleteUserPoolClient", CallOutcome::AnswerLost),
        ("DeleteUserPoolClient", CallOutcome::HungBefore),
        ("DeleteUserPoolClient", CallOutcome::HungAfter),
    ] {
        let account = account();
        let owner = User::of(&account, &endpoint());
        let (pool, _) = their_pool(&owner);
        let before = whole(&owner, &pool);
        let cut = matches!(outcome, CallOutcome::HungBefore | CallOutcome::HungAfter);
        let case = format!("{operation} {outcome:?}");
        let proxy = Proxy::for_first_call(operation, outcome);
        let user = User::of(&account, &proxy.endpoint);
        write(&user, &format!("existing = \"{pool}\""));
        let run = |args: &[&str]| {
            let mut run = user.start(args);
            if cut && proxy.hangs_within(Duration::from_secs(30)) {
                run.signal(Signal::KILL);
            }
            run.0.wait().unwrap();
        };
        run(&["up", "--yes"]);
        if operation.starts_with("Create") {
            user.run(&["up", "--yes"]).ends(0);
            let listed = accepted(
                &owner,
                "cognito-idp",
                "list_user_pool_clients",
                &json!({ "UserPoolId": pool, "MaxResults": 60 }),
            );
            assert_eq!(listed["UserPoolClients"].as_array().unwrap().len(), 2, "{case}: {listed}");
        }
        run(&["down", "--yes", "--purge"]);
        user.run(&["down", "--yes", "--purge"]).ends(0);
        assert_eq!(whole(&owner, &pool), before, "{case}");
    }
}

/// The pool carries no tag of the stack, and may carry another stack's.
#[test]
fn the_operators_policy_allows_what_is_done_to_the_pool_and_nothing_else() {
    let name = account();
    let proxy = Proxy::new(&endpoint(), Duration::ZERO);
    let user = User::of(&name, &proxy.endpoint);
    let (pool, _) = their_pool(&user);
    write(&user, &format!("existing = \"{pool}\""));
    let least = policies(&user, &["--account", &name, "--region", "eu-central-1"]);
    proxy.take();
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["users"]).ends(0);
    user.run(&["groups"]).ends(0);
    write(&user, &format!("existing = \"{pool}\"\nflows = [\"srp\"]"));
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["down", "--yes", "--purge"]).ends(0);
    let calls = proxy.take();
    let of_pool = calls.iter().filter(|call| {
        let body: Value = serde_json::from_slice(&call.sent.body).unwrap_or_default();
        call.sent.service == "cognito-idp" && body["UserPoolId"] == json!(pool)
    });
    let asked: BTreeSet<&str> = of_pool.map(|call| call.sent.operation.as_str()).collect();
    let expected = [
        "CreateUserPoolClient",
        "DeleteUserPoolClient",
        "DescribeUserPool",
        "DescribeUserPoolClient",
        "ListGroups",
        "ListUserPoolClients",
        "ListUsers",
        "ListUsersInGroup",
        "UpdateUserPoolClient",
    ];
    assert_eq!(asked, BTreeSet::from(expected));
    let arn = format!("arn:aws:cognito-idp:eu-central-1:{name}:userpool/{pool}");
    let tagged = |operation: &str, tag: Option<&str>| {
        let mut need = Usage::new(format!("cognito-idp:{operation}"), &arn);
        need.context.extend(tag.map(|tag| ("aws:ResourceTag/securelambda:stack".to_owned(), tag.to_owned())));
        need
    };
    for tag in [None, Some("another")] {
        for operation in &asked {
            assert!(allows(&least, &tagged(operation, tag)), "{operation} on a pool with the tag {tag:?}");
        }
        for operation in [
            "AddCustomAttributes",
            "AdminAddUserToGroup",
            "AdminCreateUser",
            "AdminDeleteUser",
            "AdminSetUserPassword",
            "AdminUpdateUserAttributes",
            "CreateGroup",
            "DeleteGroup",
            "DeleteUserPool",
            "DeleteUserPoolDomain",
            "SetRiskConfiguration",
            "SetUserPoolMfaConfig",
            "TagResource",
            "UpdateUserPool",
        ] {
            assert!(!allows(&least, &tagged(operation, tag)), "{operation} on a pool with the tag {tag:?}");
        }
    }
}

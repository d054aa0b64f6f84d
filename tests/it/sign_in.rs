//! One application with everything that decides who may call: groups, scopes, a program, a hook, an attribute of its own,
//! and an identity pool with a role for each group.

use serde_json::{Value, json};

use crate::support::botocore::{accepted, call};
use crate::support::default_account::default_account;
use crate::support::drift;
use crate::support::emulator::endpoint;
use crate::support::inventory::inventory;
use crate::support::program::User;
use crate::support::routes;

const PASSWORD: &str = "Correct-Horse-7-Battery\n";

/// A block of code of the page about sign-in, which begins with this application.
fn of_the_page(language: &str, number: usize) -> &'static str {
    let page = include_str!("../../docs/sign-in.md");
    let block = page.split(&format!("```{language}\n")).nth(number);
    block.and_then(|rest| rest.split("```").next()).expect("the page has such a block")
}

/// Each caller, with the routes that it may call.
const CALLERS: [(&str, &[&str]); 5] = [
    ("ada@example.com", &["GET /staff", "GET /mine", "GET /signed"]),
    ("bob@example.com", &["GET /cooks", "GET /mine", "GET /signed"]),
    ("eve@example.com", &["GET /mine", "GET /signed"]),
    ("partner", &["GET /orders"]),
    ("nobody", &[]),
];

const ROUTES: [&str; 6] = ["GET /staff", "GET /cooks", "GET /orders", "PUT /orders", "GET /mine", "GET /signed"];

/// The routes that answer a caller with success. A program does not call `GET /mine`, because the emulator's REST APIs
/// accept access tokens there, unlike AWS.
fn answered(user: &User, caller: &str) -> Vec<&'static str> {
    let passes = |route: &&str| {
        let as_user = ["call", route, "--as", caller, "--pool", "Users", "--password-stdin"];
        let code = match caller {
            "partner" => user.run(&["call", route, "--client", "partner"]).code,
            "nobody" => user.run(&["call", route, "--anonymous"]).code,
            _ => user.run_with(PASSWORD, &as_user).code,
        };
        code == 0
    };
    let tried = |route: &&str| !(caller == "partner" && *route == "GET /mine");
    ROUTES.into_iter().filter(tried).filter(passes).collect()
}

fn claims(user: &User, name: &str) -> Value {
    routes::claims(&user.run_with(PASSWORD, &["token", name, "--pool", "Users", "--password-stdin"]).ends(0).stdout)
}

#[test]
fn every_caller_of_an_application_passes_where_it_may_and_nowhere_else() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    user.write("securelambda.toml", of_the_page("toml", 1));
    user.write("desk/index.mjs", of_the_page("js", 1));
    user.write("claims/index.mjs", of_the_page("js", 2));
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    user.run(&["up", "--yes"]).ends(0).says("Nothing to do");
    for (name, group) in [("ada", Some("staff")), ("bob", Some("cooks")), ("eve", None)] {
        let name = format!("{name}@example.com");
        let add = ["add-user", &name, "--pool", "Users", "--password-stdin", "--attribute", "tenant=acme"];
        let group = group.map(|group| ["--group", group]).unwrap_or_default();
        let group: Vec<&str> = group.into_iter().filter(|word| !word.is_empty()).collect();
        user.run_with(PASSWORD, &[&add[..], &group].concat()).ends(0);
    }
    let ada = claims(&user, "ada@example.com");
    assert_eq!((&ada["custom:tenant"], &ada["desk"]), (&json!("acme"), &json!("north")), "{ada}");
    for (caller, expected) in CALLERS {
        assert_eq!(answered(&user, caller), expected, "{caller}");
    }
    user.run(&["verify"]).ends(0);

    // Somebody lets cooks in where staff is, and another function decides about tokens.
    let checker = outputs["functions"]["UsersGroups"]["name"].as_str().unwrap();
    let before = call(&user, "lambda", "get_function_configuration", &json!({ "FunctionName": checker }));
    let mut variables = before["Environment"]["Variables"].clone();
    let rules = variables["RULES_0"].as_str().unwrap().replace(r#"["staff"]"#, r#"["staff","cooks"]"#);
    variables["RULES_0"] = rules.into();
    let change = json!({ "FunctionName": checker, "Environment": { "Variables": variables } });
    accepted(&user, "lambda", "update_function_configuration", &change);
    assert!(drift(&user, &[]).iter().any(|(id, _, weakens)| id == "function.UsersGroups" && *weakens));
    assert!(answered(&user, "bob@example.com").contains(&"GET /staff"));
    user.run(&["verify"]).ends(5);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    user.run(&["verify"]).ends(0);

    // The stack file lets cooks in where staff is, takes a scope away from the program, and gives it the other one.
    let stack = of_the_page("toml", 1);
    let changed = stack.replace("groups = [\"staff\"]\n", "groups = [\"cooks\", \"staff\"]\n");
    let changed =
        changed.replace("scopes = [\"orders/read\"]\n\n[identity", "scopes = [\"orders/write\"]\n\n[identity");
    assert_eq!(changed.len(), stack.len() + "\"cooks\", ".len() + "write".len() - "read".len());
    user.write("securelambda.toml", &changed);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    assert_eq!(answered(&user, "bob@example.com"), ["GET /staff", "GET /cooks", "GET /mine", "GET /signed"]);
    assert_eq!(answered(&user, "partner"), ["PUT /orders"]);
    assert_eq!(answered(&user, "ada@example.com"), CALLERS[0].1);
    user.run(&["verify"]).ends(0);
    user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

/// The code of six digits that an authenticator app with this key shows, computed by Python.
fn code_of_app(key: &str) -> String {
    const PROGRAM: &str = "import base64, hashlib, hmac, struct, sys, time\n\
        key = base64.b32decode(sys.argv[1] + '=' * (-len(sys.argv[1]) % 8))\n\
        digest = hmac.new(key, struct.pack('>Q', int(time.time()) // 30), hashlib.sha1).digest()\n\
        at = digest[-1] & 15\n\
        print('%06d' % ((struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 1000000))\n";
    let output = std::process::Command::new("python3").args(["-c", PROGRAM, key]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_user_with_an_authenticator_app_signs_in_with_its_code() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    user.write("securelambda.toml", "[stack]\nname = \"factor\"\n[pools.Users]\nmfa = \"optional\"\n");
    user.run(&["up", "--yes"]).ends(0);
    let ada = ["ada@example.com", "--password-stdin"];
    user.run_with(PASSWORD, &[&["add-user"], &ada[..]].concat()).ends(0);
    let token = |lines: &str| user.run_with(lines, &[&["token", "--access"], &ada[..]].concat());
    let access = token(PASSWORD).ends(0).stdout.trim().to_owned();
    let begun = accepted(&user, "cognito-idp", "associate_software_token", &json!({ "AccessToken": access }));
    let key = begun["SecretCode"].as_str().unwrap();
    let verified = json!({ "AccessToken": access, "UserCode": code_of_app(key) });
    accepted(&user, "cognito-idp", "verify_software_token", &verified);
    let preference = json!({
        "AccessToken": access, "SoftwareTokenMfaSettings": { "Enabled": true, "PreferredMfa": true },
    });
    accepted(&user, "cognito-idp", "set_user_mfa_preference", &preference);
    let lines = |code: &str| format!("{}\n{code}\n", PASSWORD.trim());
    token(PASSWORD).ends(2).says("second line with the code");
    token(&lines("000000")).ends(1).says("enter the code that the authenticator app shows now");
    let signed_in = token(&lines(&code_of_app(key))).ends(0);
    assert_eq!(routes::claims(&signed_in.stdout)["token_use"], "access");
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

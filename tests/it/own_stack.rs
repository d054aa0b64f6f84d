//! A user's own stack: functions with npm and pip dependencies, two routes on one path with a parameter, a secret value from
//! the environment and a generated one. The dependencies are local folders and files, so that no registry is needed. npm
//! and pip are the machine's.

use std::io::Write;

use serde_json::Value;

use crate::support::botocore;
use crate::support::default_account::default_account;
use crate::support::emulator::{account, endpoint};
use crate::support::inventory::inventory;
use crate::support::program::User;

const PASSWORD: &str = "Correct-Horse-7-Battery\n";
const KEY: &str = "sentinel-partner-key-9";

const STACK: &str = r#"[stack]
name = "mine"

[secrets.Partner]
KEY = { env = "PARTNER_KEY" }
MADE = { generate = 24 }

[functions.Items]
source = "items"
secrets = ["Partner"]
environment = { GREETING = "Hi" }

[functions.Reports]
source = "reports"
runtime = "python3.13"

[pools.People]

[api]

[[api.routes]]
route = "GET /items/{id}"
function = "Items"
pool = "People"

[[api.routes]]
route = "ANY /items/{id}"
function = "Reports"
auth = "none"

[[api.routes]]
route = "GET /files/{proxy+}"
function = "Reports"
auth = "none"
"#;

const ITEMS: &str = r#"import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import greet from "@own/greet";
const client = new SecretsManagerClient({});
export const handler = async (event) => {
  const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: process.env.SECRET_ID }));
  const { KEY, MADE } = JSON.parse(SecretString);
  const body = { greeting: greet(process.env.GREETING, event.pathParameters.id), key: KEY.length, made: MADE.length };
  return { statusCode: 200, body: JSON.stringify(body) };
};
"#;

const REPORTS: &str = r#"import json
import own_words

def handler(event, context):
    said = {"method": event["httpMethod"], "said": own_words.say(event["pathParameters"])}
    return {"statusCode": 200, "body": json.dumps(said)}
"#;

/// Writes a wheel: a zip with a package and its metadata.
fn wheel(user: &User, code: &str) {
    let path = user.folder.path().join("reports/wheels");
    std::fs::create_dir_all(&path).unwrap();
    let file = std::fs::File::create(path.join("own_words-1.0-py3-none-any.whl")).unwrap();
    let mut wheel = zip::ZipWriter::new(file);
    for (name, text) in [
        ("own_words/__init__.py", code),
        ("own_words-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: own-words\nVersion: 1.0\n"),
        (
            "own_words-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        ),
        ("own_words-1.0.dist-info/RECORD", ""),
    ] {
        wheel.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        wheel.write_all(text.as_bytes()).unwrap();
    }
    wheel.finish().unwrap();
}

/// A user with the files of the stack above.
fn someone(account: &str) -> User {
    let user = User::of(account, &endpoint()).with("PARTNER_KEY", KEY);
    user.write("securelambda.toml", STACK);
    user.write("items/index.mjs", ITEMS);
    user.write(
        "items/package.json",
        r#"{"name":"items","version":"1.0.0","type":"module","dependencies":{"@own/greet":"file:vendor/greet"}}"#,
    );
    user.write(
        "items/package-lock.json",
        r#"{"name":"items","version":"1.0.0","lockfileVersion":3,"requires":true,"packages":{
            "":{"name":"items","version":"1.0.0","dependencies":{"@own/greet":"file:vendor/greet"}},
            "node_modules/@own/greet":{"resolved":"vendor/greet","link":true},
            "vendor/greet":{"name":"@own/greet","version":"1.0.0"}}}"#,
    );
    user.write("items/vendor/greet/package.json", r#"{"name":"@own/greet","version":"1.0.0","main":"index.cjs"}"#);
    user.write("items/vendor/greet/index.cjs", "module.exports = (word, who) => `${word} ${who}`;");
    user.write("reports/index.py", REPORTS);
    user.write("reports/requirements.txt", "--no-index\n--find-links wheels\nown-words==1.0\n");
    wheel(&user, "def say(what):\n    return sorted(what.items())\n");
    user
}

fn up(user: &User) -> Value {
    user.run(&["up", "--yes", "--json"]).ends(0).summary()
}

fn call(user: &User, args: &[&str]) -> Value {
    user.run_with(PASSWORD, &[&["call"], args, &["--json"]].concat()).ends(0).json()["body"].clone()
}

/// The value of the secret, read with botocore.
fn secret(user: &User) -> Value {
    let answer =
        botocore::call(user, "secretsmanager", "get_secret_value", &serde_json::json!({ "SecretId": "mine-Partner" }));
    serde_json::from_str(answer["SecretString"].as_str().unwrap()).unwrap()
}

#[test]
fn a_users_own_stack_is_built_changed_twice_and_removed() {
    let _alone = default_account();
    let user = someone("test");
    up(&user);
    user.run_with(PASSWORD, &["add-user", "ada@example.com", "--pool", "People", "--password-stdin"]).ends(0);
    let get = ["GET /items/{id}", "--param", "id=7", "--as", "ada@example.com", "--password-stdin"];
    let body = call(&user, &get);
    assert_eq!(body, serde_json::json!({ "greeting": "Hi 7", "key": KEY.len(), "made": 24 }));
    // The other method of the path calls the other function, and a greedy parameter matches the rest of the path.
    let body = call(&user, &["ANY /items/{id}", "--param", "id=7", "--anonymous"]);
    assert_eq!(body, serde_json::json!({ "method": "DELETE", "said": [["id", "7"]] }));
    let body = call(&user, &["GET /files/{proxy+}", "--param", "proxy=a/b", "--anonymous"]);
    assert_eq!(body["said"], serde_json::json!([["proxy", "a/b"]]));
    // A concrete path finds its route, and a named method wins over ANY.
    assert_eq!(call(&user, &["/files/a/b", "--anonymous"]), body);
    let body = call(&user, &["GET /items/7", "--as", "ada@example.com", "--password-stdin"]);
    assert_eq!(body["greeting"], "Hi 7");
    user.run(&["call", "/items/7", "--anonymous"])
        .ends(2)
        .says("/items/7 could be any of GET /items/{id}, ANY /items/{id}");
    user.run_with(PASSWORD, &["call", "GET /items/{id}", "--param", "id=7", "--anonymous"]).ends(1).says("401");

    // Change code, a dependency and a route.
    let made = secret(&user)["MADE"].clone();
    user.write("items/vendor/greet/index.cjs", "module.exports = (word, who) => `${word}, ${who}!`;");
    wheel(&user, "def say(what):\n    return len(what)\n");
    user.write("securelambda.toml", &STACK.replace("ANY /items/{id}", "PUT /items/{id}").replace("\"Hi\"", "\"Ho\""));
    let plan = user.run(&["plan"]).ends(0).stdout;
    for line in [
        "~ function.Items",
        "~ function.Reports",
        "~ api.routes",
        "+ permission.PUT /items/{id}",
        "- permission.ANY /items/{id}",
    ] {
        assert!(plan.contains(line), "{line} is not in:\n{plan}");
    }
    up(&user);
    assert_eq!(call(&user, &get)["greeting"], "Ho, 7!");
    let body = call(&user, &["PUT /items/{id}", "--param", "id=7", "--anonymous"]);
    assert_eq!(body, serde_json::json!({ "method": "PUT", "said": 1 }));

    // Remove a route and its function.
    let start = STACK.find("[functions.Reports]").unwrap();
    let end = STACK.find("[pools.People]").unwrap();
    let route = STACK.find("[[api.routes]]\nroute = \"ANY").unwrap();
    user.write("securelambda.toml", &format!("{}{}{}", &STACK[..start], &STACK[end..route], ""));
    up(&user);
    assert_eq!(call(&user, &get)["greeting"], "Hi, 7!");
    user.run(&["call", "GET /files/{proxy+}", "--anonymous"]).ends(2).says("known: GET /items/{id}");
    assert_eq!(secret(&user)["MADE"], made, "the generated value stays");
    user.run(&["status", "--detailed-exitcode"]).ends(0);

    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn up_keeps_generated_secret_values_unless_rotate_is_given() {
    let user = someone(&account());
    up(&user);
    let first = secret(&user);
    assert_eq!(first["KEY"], KEY);

    // `up` needs the variable no more: not in a second run, and not when the state file is lost.
    let user = user.with("PARTNER_KEY", "");
    up(&user);
    std::fs::remove_dir_all(user.folder.path().join("state")).unwrap();
    user.run(&["up", "--yes", "--adopt"]).ends(0);
    assert_eq!(secret(&user), first);

    // A new key would overwrite the generated value.
    let more = STACK.replace("MADE = {", "MORE = { env = \"MORE\" }\nMADE = {");
    user.write("securelambda.toml", &more);
    let user = user.with("PARTNER_KEY", KEY).with("MORE", "more");
    user.run(&["up", "--yes"]).ends(2).says("would lose its generated values: MADE").says("--rotate Partner");
    assert_eq!(secret(&user), first);
    user.run(&["up", "--yes", "--rotate", "Partnr"]).ends(2).says("did you mean Partner?");
    user.run(&["up", "--yes", "--rotate", "Partner"]).ends(0);
    let second = secret(&user);
    assert_eq!((second["KEY"].as_str(), second["MORE"].as_str()), (Some(KEY), Some("more")));
    assert_ne!(second["MADE"], first["MADE"]);

    // A changed variable is applied only with --rotate.
    let user = user.with("PARTNER_KEY", "another");
    user.run(&["up", "--yes"]).ends(0).says("Nothing to do");
    user.run(&["up", "--yes", "--rotate", "Partner"]).ends(0);
    assert_eq!(secret(&user)["KEY"], "another");
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn a_secret_value_that_is_not_available_fails_before_any_create() {
    let user = someone(&account()).with("PARTNER_KEY", "");
    user.run(&["up", "--yes"]).ends(2).says("the variable PARTNER_KEY, which is not set").says("hint: set PARTNER_KEY");
    user.write("securelambda.toml", &STACK.replace("{ env = \"PARTNER_KEY\" }", "{ prompt = true }"));
    user.run(&["up", "--yes"]).ends(2).says("there is no terminal").says("{ env = \"KEY\" }");
    assert_eq!(inventory(&user), Vec::<String>::new());
    user.write("securelambda.toml", STACK);
    let user = user.with("PARTNER_KEY", &"x".repeat(70_000));
    user.run(&["up", "--yes"]).ends(2).says("Secrets Manager allows 65536");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn equal_sources_give_equal_packages_in_different_folders() {
    // Two users with separate caches.
    let hashes: Vec<Value> = [account(), account()]
        .map(|account| {
            let user = someone(&account);
            up(&user);
            let hash = |name: &str| {
                let name = serde_json::json!({ "FunctionName": name });
                botocore::call(&user, "lambda", "get_function_configuration", &name)["CodeSha256"].clone()
            };
            let hashes = serde_json::json!([hash("mine-Items"), hash("mine-Reports")]);
            // A second run installs nothing.
            let ran = user.run(&["up", "--yes"]).ends(0);
            assert!(!ran.stderr.contains("Installing"), "{}", ran.stderr);
            // Nothing is left in the user's folders.
            assert!(!user.folder.path().join("items/node_modules").exists());
            user.run(&["down", "--yes"]).ends(0);
            hashes
        })
        .into();
    assert_eq!(hashes[0], hashes[1]);
}

#[test]
fn a_missing_or_failing_npm_or_pip_is_named_with_a_hint() {
    let account = account();
    let nothing = tempfile::TempDir::new().unwrap();
    let without = someone(&account).with("PATH", &nothing.path().display().to_string());
    without.run(&["plan"]).ends(1).says("npm is needed to pack Items").says("nodejs.org");
    let only_python = STACK.replace("source = \"items\"\nsecrets", "source = \"plain\"\nsecrets");
    without.write("plain/index.mjs", "export const handler = async () => {};");
    without.write("securelambda.toml", &only_python);
    without.run(&["plan"]).ends(1).says("pip is needed to pack Reports").says("python3-pip");

    let user = someone(&account);
    user.write(
        "items/package.json",
        r#"{"name":"items","version":"1.0.0","dependencies":{"@own/other":"file:vendor/other"}}"#,
    );
    user.run(&["plan"])
        .ends(1)
        .says("`npm ci` failed for the function Items and its items/package.json")
        .says("npm error");
    user.write("securelambda.toml", &only_python);
    user.write("plain/index.mjs", "export const handler = async () => {};");
    user.write("reports/requirements.txt", "--no-index\n--find-links wheels\nown-words==2.0\n");
    user.run(&["plan"])
        .ends(1)
        .says("`uv pip install` failed for the function Reports")
        .says("own-words")
        .says("only wheels");
    let kept = user.folder.path().join("home/.cache/securelambda/packages");
    assert_eq!(std::fs::read_dir(kept).unwrap().count(), 0, "nothing half-made is kept");
}

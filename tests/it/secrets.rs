//! No secret in state, logs, errors, arguments or reports: a sentinel is looked for in all of them.

use crate::support::botocore;
use crate::support::emulator::{default_account, endpoint};
use crate::support::program::{Ran, User};

const PASSWORD: &str = "Sentinel-Password-7";
const KEY: &str = "sentinel-partner-key-7";

#[test]
fn a_sentinel_appears_nowhere() {
    let _alone = default_account();
    let user = User::of("test", &endpoint()).with("PARTNER_API_KEY", KEY);
    let stack = securelambda::stack::BUILTIN.replace(
        "[topics.greetings]",
        "[secrets.Partner]\nAPI_KEY = { env = \"PARTNER_API_KEY\" }\n\n[topics.greetings]",
    );
    user.write("securelambda.toml", &stack);
    for (name, text) in [
        ("internal/index.mjs", "export const handler = async () => {};"),
        ("external/index.mjs", "export const handler = async () => ({ statusCode: 200, body: \"{}\" });"),
        ("external/request.schema.json", "{\"type\":\"object\"}"),
    ] {
        user.write(format!("lambdas/{name}"), text);
    }
    let mut said: Vec<Ran> = Vec::new();
    said.push(user.run(&["up", "--yes", "--json", "-vv"]).ends(0));
    said.push(user.run(&["plan", "--json"]).ends(0));
    let as_ada = ["ada@example.com", "--pool", "MyUserPool1", "--password-stdin"];
    let command = |name: &'static str| [&[name, "-vv"], &as_ada[..]].concat();
    said.push(user.run_with(PASSWORD, &command("add-user")).ends(0));
    let token = user.run_with(PASSWORD, &command("token")).ends(0);
    let signature = token.stdout.trim_end().rsplit('.').next().unwrap().to_owned();
    said.push(user.run_with("Sentinel-Password-7-wrong", &command("token")).ends(1));
    let call = ["call", "/lambda1", "--token-stdin", "-vv", "--include", "--data", "{}"];
    said.push(user.run_with(&token.stdout, &call).ends(0));
    said.push(user.run_with(&token.stdout, &["call", "/lambda2", "--token-stdin", "-vv", "--data", "{}"]).ends(1));
    said.push(user.run(&["outputs", "--json"]).ends(0));
    said.push(user.run(&["status", "--json"]).ends(0));

    // It is where it should be,
    let secret = botocore::call(
        &user,
        "secretsmanager",
        "get_secret_value",
        &serde_json::json!({ "SecretId": "securelambda-Partner" }),
    );
    assert!(secret["SecretString"].as_str().unwrap().contains(KEY), "{secret}");
    // and nowhere else.
    let state = std::fs::read_to_string(user.state()).unwrap();
    let texts = said.iter().flat_map(|ran| [&ran.stdout, &ran.stderr]).chain([&state]);
    for text in texts {
        for sentinel in [PASSWORD, KEY, &signature] {
            assert!(!text.contains(sentinel), "{sentinel} is in:\n{text}");
        }
    }
    user.run(&["down", "--yes"]).ends(0);
}

//! No secret value may appear in state, logs, errors or output: the tests search all of them for sentinels. Other tests
//! check that each secret is found by its own name, even if the names of other secrets look similar.

use serde_json::{Value, json};

use crate::support::botocore;
use crate::support::default_account::default_account;
use crate::support::emulator::{account, endpoint};
use crate::support::inventory::inventory;
use crate::support::program::{CommandOutput, User};

const PASSWORD: &str = "Sentinel-Password-7";
const KEY: &str = "sentinel-partner-key-7";

#[test]
fn no_secret_value_appears_in_state_output_or_errors() {
    let _alone = default_account();
    let user = User::of("test", &endpoint()).with("PARTNER_API_KEY", KEY);
    let stack = securelambda::spec::BUILTIN.replace(
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
    let mut said: Vec<CommandOutput> = Vec::new();
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

    // The value is in the secret.
    let secret = botocore::call(
        &user,
        "secretsmanager",
        "get_secret_value",
        &serde_json::json!({ "SecretId": "securelambda-Partner" }),
    );
    assert!(secret["SecretString"].as_str().unwrap().contains(KEY), "{secret}");
    // The value appears nowhere else.
    let state = std::fs::read_to_string(user.state()).unwrap();
    let texts = said.iter().flat_map(|ran| [&ran.stdout, &ran.stderr]).chain([&state]);
    for text in texts {
        for sentinel in [PASSWORD, KEY, &signature] {
            assert!(!text.contains(sentinel), "{sentinel} is in:\n{text}");
        }
    }
    user.run(&["down", "--yes"]).ends(0);
}

/// Names of six letters look like the random end of a secret's ARN. The last name is another secret's name with such an
/// end.
const NAMES: [&str; 6] = ["Stripe", "OpenAI", "GitHub", "ApiKey", "Key", "Key-Stripe"];

/// Writes a stack with secrets of these names and a function that answers with the lengths of their values.
fn with_secrets(user: &User) {
    let mut stack = "[stack]\nname = \"mine\"\n[functions.Reads]\nsource = \"reads\"\ntimeout_s = 30\n".to_owned();
    stack += &format!("secrets = {NAMES:?}\n");
    stack += "[[api.routes]]\nroute = \"GET /lengths\"\nfunction = \"Reads\"\nauth = \"none\"\n";
    for (index, name) in NAMES.iter().enumerate() {
        stack += &format!("[secrets.{name}]\nVALUE = {{ generate = {} }}\n", 20 + index);
    }
    user.write("securelambda.toml", &stack);
    let function = r#"
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
const client = new SecretsManagerClient({});
export const handler = async () => {
  const lengths = {};
  for (const [variable, SecretId] of Object.entries(process.env).filter(([name]) => name.startsWith("SECRET_ID_"))) {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId }));
    lengths[variable] = JSON.parse(SecretString).VALUE.length;
  }
  return { statusCode: 200, body: JSON.stringify(lengths) };
};
"#;
    user.write("reads/index.mjs", function);
}

fn arn(user: &User, name: &str) -> String {
    let answer = botocore::call(user, "secretsmanager", "describe_secret", &json!({ "SecretId": name }));
    assert_eq!(answer["Name"], name, "{answer}");
    answer["ARN"].as_str().unwrap().to_owned()
}

#[test]
fn secrets_with_names_like_arn_suffixes_are_read_by_their_own_names() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    with_secrets(&user);
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    let answer = user.run(&["call", "GET /lengths", "--anonymous", "--json"]).ends(0).json();
    let expected: Value = NAMES
        .iter()
        .enumerate()
        .map(|(index, name)| (variable(name), json!(20 + index)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    assert_eq!(answer["body"], expected, "{answer}");
    user.run(&["verify"]).ends(0);
    user.run(&["up", "--yes", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

/// `plan` names everything that `up` would ask the environment for.
#[test]
fn a_plan_names_all_variables_that_are_not_set() {
    let user = User::of(&account(), &endpoint());
    let values = "[secrets.Partner]\nKEY = { env = \"PARTNER_KEY\" }\nURL = { env = \"PARTNER_URL\" }\n";
    user.write("securelambda.toml", &format!("[stack]\nname = \"asks\"\n{values}"));
    let plan = user.run(&["plan"]).ends(0).stdout;
    assert!(
        plan.contains("`up` will fail:") && plan.contains("PARTNER_KEY; ") && plan.contains("PARTNER_URL"),
        "{plan}"
    );
    let json = user.run(&["plan", "--json"]).ends(0).json();
    assert!(
        json["missing_values"].as_str().is_some_and(|why| why.contains("PARTNER_URL, which are not set")),
        "{json}"
    );
    user.run(&["up", "--yes"])
        .ends(2)
        .says("PARTNER_KEY")
        .says("set PARTNER_KEY, PARTNER_URL and run the command again");
    let set = user.with("PARTNER_KEY", "a").with("PARTNER_URL", "b");
    assert!(!set.run(&["plan"]).ends(0).stdout.contains("will fail"));
}

fn variable(secret: &str) -> String {
    format!("SECRET_ID_{}", secret.to_uppercase().replace('-', "_"))
}

/// A foreign secret whose name is the end of one of our ARNs. Without its own six characters, its ARN equals ours.
#[test]
fn a_foreign_secret_with_a_look_alike_name_is_left_alone() {
    let user = User::of(&account(), &endpoint());
    with_secrets(&user);
    user.run(&["up", "--yes"]).ends(0);
    let ours = arn(&user, "mine-Stripe");
    let end = ours.rsplit(':').next().unwrap();
    assert!(end.starts_with("mine-Stripe-") && end.len() == "mine-Stripe-".len() + 6, "{ours}");
    let theirs = json!({ "Name": end, "SecretString": "theirs" });
    assert!(botocore::call(&user, "secretsmanager", "create_secret", &theirs).get("Error").is_none());
    user.run(&["status", "--detailed-exitcode"]).ends(0);

    // Another tool deletes our secret. Our ARN now finds the foreign secret.
    let gone = json!({ "SecretId": "mine-Stripe", "ForceDeleteWithoutRecovery": true });
    assert!(botocore::call(&user, "secretsmanager", "delete_secret", &gone).get("Error").is_none());
    let plan = user.run(&["plan"]).ends(0).stdout;
    assert!(plan.contains("Stripe"), "{plan}");
    user.run(&["up", "--yes"]).ends(0);
    assert_ne!(arn(&user, "mine-Stripe"), ours);
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    // Delete it again, so that `down` has only the recorded ARN.
    assert!(botocore::call(&user, "secretsmanager", "delete_secret", &gone).get("Error").is_none());
    user.run(&["down", "--yes", "--purge"]).ends(0);
    let left = json!({ "SecretId": end });
    assert_eq!(botocore::call(&user, "secretsmanager", "get_secret_value", &left)["SecretString"], "theirs");
}

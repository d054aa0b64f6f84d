//! `init` writes the built-in stack, and `schema` describes the files that the parser accepts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use regex::Regex;
use securelambda::bundle::{Bundles, Code, DependencyInstaller, Environment, Machine, OwnFiles, Sources};
use securelambda::scope::Scope;
use securelambda::spec;
use securelambda::topology::{self, SecretValues};
use serde_json::{Value, json};

use crate::support::program::User;

/// The resources of a stack's graph and the hashes of its functions, without AWS.
fn graph(text: &str, sources: &Sources) -> (Vec<(String, &'static str)>, BTreeMap<String, String>) {
    let stack = spec::parse(text).unwrap();
    let installer = DependencyInstaller {
        cache: None,
        machine: Machine::Lambda,
        environment: Environment::default(),
        note: &|_| {},
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bundles: Bundles =
        runtime.block_on(Code::find(&stack, sources, "2026-11-29").unwrap().pack(&installer)).unwrap();
    let scope = Scope {
        partition: "aws".into(),
        account: "123456789012".into(),
        region: "eu-central-1".into(),
        stack: stack.name.clone(),
        ..Scope::default()
    };
    let graph = topology::desired(&stack, &scope, None, &bundles, &SecretValues::default(), None);
    let ids = graph.ids().map(|(id, kind)| (id.to_string(), kind)).collect();
    (ids, bundles.functions.into_iter().map(|(name, zip)| (name, zip.sha256)).collect())
}

#[test]
fn init_writes_the_built_in_stack() {
    let user = User::bare();
    let ran = user.run(&["init", "my-api"]).ends(0).says("cd my-api").says("up --local");
    assert!(ran.stdout.lines().any(|line| line == "my-api/securelambda.toml"), "{}", ran.stdout);
    let folder = user.folder.path().join("my-api");
    let text = std::fs::read_to_string(folder.join("securelambda.toml")).unwrap();
    // The stack is named after its folder.
    let builtin = spec::parse(spec::BUILTIN).unwrap();
    assert_eq!(spec::parse(&text).unwrap(), spec::Stack { name: "my-api".to_owned(), ..builtin });
    assert_eq!(
        graph(&text, &Sources::Folder { root: folder, own: OwnFiles::default() }),
        graph(spec::BUILTIN, &Sources::Embedded)
    );
}

#[test]
fn init_overwrites_nothing_and_names_every_file_in_the_way() {
    let user = User::bare();
    user.write("securelambda.toml", "mine");
    user.write("lambdas/internal/index.mjs", "mine too");
    user.write("lambdas/more.mjs", "no matter");
    let listed = |user: &User| -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut waiting = vec![user.folder.path().to_owned()];
        while let Some(folder) = waiting.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { waiting.push(path) } else { found.push(path) }
            }
        }
        found
    };
    let before = listed(&user);
    let ran = user.run(&["init"]).ends(2).says("nothing was written");
    assert!(ran.stderr.contains("  lambdas/internal/index.mjs\n  securelambda.toml\n"), "{}", ran.stderr);
    assert_eq!(listed(&user), before);
    user.run(&["init", "securelambda.toml"]).ends(2).says("nothing was written").says("  securelambda.toml\n");
    user.run(&["init", "new", "--blueprint", "tutorail"]).ends(2).says("'tutorial'");
    user.run(&["init", "new", "--stack", "New API"]).ends(2);
    assert!(!user.folder.path().join("new").exists());
    user.run(&["init", "named", "--stack", "orders"]).ends(0);
    let ran = user.run(&["validate", "--file", "named/securelambda.toml"]).ends(0);
    assert!(ran.stdout.starts_with("The stack file of orders is valid"), "{}", ran.stdout);
    let ran = user.run(&["init", "new/deep", "--json"]).ends(0);
    assert_eq!(ran.json()["blueprint"], "tutorial");
    user.run(&["init", "new/deep"]).ends(2).says("new/deep/securelambda.schema.json");
}

/// Validates a value against a schema. Panics at keywords that our schema does not use.
fn valid(schema: &Value, value: &Value) -> bool {
    schema.as_object().unwrap().iter().all(|(keyword, rule)| match keyword.as_str() {
        "$schema" | "title" | "description" | "default" => true,
        "properties" | "patternProperties" | "additionalProperties" => schema.is_object(),
        "type" => match rule.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_u64() || value.is_i64(),
            "boolean" => value.is_boolean(),
            other => panic!("{other}"),
        },
        "enum" => rule.as_array().unwrap().contains(value),
        "pattern" => value.as_str().is_none_or(|text| Regex::new(rule.as_str().unwrap()).unwrap().is_match(text)),
        "minimum" => value.as_i64().is_none_or(|number| number >= rule.as_i64().unwrap()),
        "maximum" => value.as_i64().is_none_or(|number| number <= rule.as_i64().unwrap()),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| valid(rule, item))),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
        "uniqueItems" => {
            value.as_array().is_none_or(|items| items.iter().enumerate().all(|(at, item)| !items[..at].contains(item)))
        }
        "minProperties" => value.as_object().is_none_or(|keys| keys.len() as u64 >= rule.as_u64().unwrap()),
        "maxProperties" => value.as_object().is_none_or(|keys| keys.len() as u64 <= rule.as_u64().unwrap()),
        "required" => value
            .as_object()
            .is_none_or(|keys| rule.as_array().unwrap().iter().all(|key| keys.contains_key(key.as_str().unwrap()))),
        "allOf" => rule.as_array().unwrap().iter().all(|rule| valid(rule, value)),
        "anyOf" => rule.as_array().unwrap().iter().any(|rule| valid(rule, value)),
        "oneOf" => rule.as_array().unwrap().iter().filter(|rule| valid(rule, value)).count() == 1,
        other => panic!("{other} is not checked"),
    }) && value
        .as_object()
        .is_none_or(|keys| keys.iter().all(|(key, value)| of_key(schema, key).is_none_or(|rule| valid(&rule, value))))
}

/// The schema of a key. `None` if any value is allowed.
fn of_key(schema: &Value, key: &str) -> Option<Value> {
    let none = json!({ "enum": [] });
    if let Some(rule) = schema["properties"].get(key) {
        return Some(rule.clone());
    }
    if let Some(patterns) = schema["patternProperties"].as_object()
        && let Some((_, rule)) = patterns.iter().find(|(pattern, _)| Regex::new(pattern).unwrap().is_match(key))
    {
        return Some(rule.clone());
    }
    match &schema["additionalProperties"] {
        Value::Bool(false) => Some(none),
        Value::Object(_) => Some(schema["additionalProperties"].clone()),
        _ => None,
    }
}

#[test]
fn the_json_schema_accepts_and_rejects_the_same_files_as_the_parser() {
    let user = User::bare();
    let schema = user.run(&["schema"]).ends(0).json();
    let takes =
        |text: &str| valid(&schema, &serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap());
    let whole = spec::BUILTIN;
    assert!(takes(whole));
    assert!(takes(
        "[stack]\nname = \"a\"\n[secrets.Partner]\nA = { prompt = true }\nB = { env = \"B\" }\nC = { generate = 16 }"
    ));

    let source = "source    = \"lambdas/external\"";
    for (from, to) in [
        ("[pools.MyUserPool1]", "[pool.MyUserPool1]"),
        ("[topics.greetings]", "[topics.greetings]\nfifo = true"),
        ("name = \"securelambda\"", "name = \"Secure Lambda\""),
        ("name = \"securelambda\"", ""),
        (source, "sorce = \"a\""),
        ("[functions.InternalLambda]", "[functions.\"a b\"]"),
        ("trigger = { topic = \"greetings\" }", "trigger = \"greetings\""),
        ("trigger = { topic = \"greetings\" }", "runtime = \"nodejs14.x\""),
        ("trigger = { topic = \"greetings\" }", "memory_mb = 64"),
        ("trigger = { topic = \"greetings\" }", "memory_mb = \"128\""),
        ("trigger = { topic = \"greetings\" }", "log_retention_days = 15"),
        ("trigger = { topic = \"greetings\" }", "secrets = [1]"),
        ("trigger = { topic = \"greetings\" }", "environment = { A = \"x\" }"),
        ("TOPIC_ARN = { topic = \"greetings\" }", "TOPIC_ARN = \"arn\""),
        ("TOPIC_ARN = { topic = \"greetings\" }", "TOPIC_ARN = {}"),
        ("TOPIC_ARN = { topic = \"greetings\" }", "TOPIC_ARN = { env = \"A\", generate = 16 }"),
        ("TOPIC_ARN = { topic = \"greetings\" }", "TOPIC_ARN = { generate = 8 }"),
        ("TOPIC_ARN = { topic = \"greetings\" }", "TOPIC_ARN = { prompt = false }"),
        ("pool     = \"MyUserPool1\"", ""),
        ("pool     = \"MyUserPool1\"", "pool = \"MyUserPool1\"\nauth = \"none\""),
        ("pool     = \"MyUserPool1\"", "auth = \"open\""),
        ("POST /lambda1", "post /lambda1"),
        ("rate_limit  = 50", "rate_limit = 0"),
        ("mode      = \"count\"", "mode = \"alow\""),
        ("mode      = \"count\"", "managed_rules = [\"comon\"]"),
        ("authorizer = \"AGAuthorizer1\"", "mfa = \"required\""),
        ("authorizer = \"AGAuthorizer1\"", "password = { minimum_length = 5 }"),
        ("authorizer = \"AGAuthorizer1\"", "self_sign_up = \"yes\""),
    ] {
        assert!(whole.contains(from), "{from}");
        // The first occurrence outside comments.
        let at = whole
            .match_indices(from)
            .map(|(at, _)| at)
            .find(|at| !whole[whole[..*at].rfind('\n').map_or(0, |at| at + 1)..*at].contains('#'));
        let at = at.unwrap();
        let broken = format!("{}{to}{}", &whole[..at], &whole[at + from.len()..]);
        assert!(spec::parse(&broken).is_err(), "the parser takes {to:?}");
        assert!(!takes(&broken), "the schema takes {to:?}");
    }
}

#[test]
fn validate_reports_all_mistakes_of_files_without_an_account() {
    let user = User::bare();
    user.run(&["init"]).ends(0);
    let ran = user.run(&["validate"]).ends(0);
    assert!(
        ran.stdout.ends_with("is valid: 1 API, 2 routes, 3 functions, 2 pools, 1 secret, 1 topic.\n"),
        "{}",
        ran.stdout
    );
    let document = user.run(&["validate", "--json"]).ends(0).json();
    assert_eq!((&document["valid"], &document["parts"]["functions"]), (&json!(true), &json!(3)));
    std::fs::remove_dir_all(user.folder.path().join("lambdas/internal")).unwrap();
    std::fs::write(user.folder.path().join("lambdas/external/request.schema.json"), "{").unwrap();
    let ran = user.run(&["validate"]).ends(2).says("lambdas/internal").says("request.schema.json");
    assert_eq!(ran.stdout, "");
    user.write(
        "securelambda.toml",
        "[stack]\nname = \"a\"\n[functions.F]\nsorce = \"f\"\n[pools.P]\nmfa = \"always\"\n",
    );
    user.run(&["validate"]).ends(2).says("did you mean `source`?").says("`mfa` must be one of");
    assert!(!user.folder.path().join("state").exists());
}

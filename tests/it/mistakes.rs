//! Snapshots of the messages for every kind of mistake in a stack file. Mistakes must be found before the first call: the
//! endpoint of these users does not answer.

use std::fmt::Write;
use std::os::unix::fs::{PermissionsExt, symlink};

use proptest::prelude::*;

use crate::support::program::User;

/// A valid file. Each case breaks it in one place.
const SOUND: &str = r#"[stack]
name = "mine"

[topics.news]

[secrets.Partner]
KEY = { env = "PARTNER_KEY" }

[functions.Hello]
source = "hello"

[pools.People]

[api]

[[api.routes]]
route = "GET /hello"
function = "Hello"
pool = "People"

[firewall]
mode = "count"
"#;

fn user() -> User {
    let user = User::of("111111111111", "http://127.0.0.1:9");
    user.write("hello/index.mjs", "export const handler = async () => {};");
    user.write("body.json", r#"{ "type": "object" }"#);
    user
}

/// The error of `plan` for the valid file after this change.
fn said(user: &User, from: &str, to: &str) -> String {
    assert!(from.is_empty() || SOUND.contains(from), "{from:?} is not in the sound file");
    let text = if from.is_empty() { format!("{SOUND}{to}") } else { SOUND.replacen(from, to, 1) };
    user.write("securelambda.toml", &text);
    let ran = user.run(&["plan"]);
    assert_eq!(ran.code, 2, "{to:?} is taken:\n{}", ran.stderr);
    ran.stderr
}

/// The text of a snapshot: each case with its error.
fn group(cases: &[(&str, &str, &str)]) -> String {
    let user = user();
    let mut all = String::new();
    for (name, from, to) in cases {
        let said = said(&user, from, to);
        writeln!(all, "## {name}\n\n{}\n", said.trim_end()).unwrap();
    }
    all
}

/// Copies of a text, in which `@` is replaced by the copy's number.
fn repeat(count: usize, text: &str) -> String {
    (0..count).map(|n| text.replace('@', &n.to_string())).collect()
}

#[test]
fn a_valid_stack_file_is_accepted() {
    let user = user();
    user.write("securelambda.toml", SOUND);
    user.run(&["plan"]).ends(1).says("no answer");
}

#[test]
fn toml_syntax_errors_are_reported() {
    let told = group(&[
        ("a value is missing", "name = \"mine\"", "name ="),
        ("a string is not closed", "source = \"hello\"", "source = \"hello"),
        ("a key is there twice", "[pools.People]", "[pools.People]\nmfa = \"on\"\nmfa = \"off\""),
        ("a table is there twice", "[pools.People]", "[pools.People]\n[pools.People]"),
        ("a bracket is missing", "[topics.news]", "[topics.news"),
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn unknown_keys_and_wrong_types_are_reported() {
    let told = group(&[
        ("a section that nobody knows", "[pools.People]", "[pool.People]"),
        ("a key that nobody knows", "source = \"hello\"", "source = \"hello\"\nmemory = 128"),
        ("a key of something without settings", "[topics.news]", "[topics.news]\nfifo = true"),
        ("a section that is no table", "[topics.news]", "[topics]\nnews = \"yes\""),
        ("text is wanted", "source = \"hello\"", "source = 7"),
        ("true or false is wanted", "[pools.People]", "[pools.People]\nself_sign_up = \"yes\""),
        ("a number is wanted", "source = \"hello\"", "source = \"hello\"\ntimeout_s = \"10\""),
        ("a list is wanted", "source = \"hello\"", "source = \"hello\"\nsecrets = \"Partner\""),
        ("a list of text is wanted", "source = \"hello\"", "source = \"hello\"\nsecrets = [1]"),
        ("a list of routes is wanted", "[[api.routes]]", "[api.routes]"),
        ("something must be there", "source = \"hello\"", ""),
        ("something is empty", "source = \"hello\"", "source = \" \""),
        (
            "something is in a list twice",
            "source = \"hello\"",
            "source = \"hello\"\nsecrets = [\"Partner\", \"Partner\"]",
        ),
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn wrong_names_and_references_are_reported() {
    let told = group(&[
        ("a stack's name", "name = \"mine\"", "name = \"My_Stack\""),
        ("a stack's name is too long", "name = \"mine\"", "name = \"a234567890123456789012345\""),
        ("a name's characters", "[pools.People]", "[pools.\"The People\"]"),
        ("a name's length", "[topics.news]", "[topics.n234567890123456789012345678901234567890]"),
        (
            "an identity pool's length",
            "[pools.People]",
            "[identity_pools.n23456789012345678901234567890123]\npool = \"People\"\ninvokes = [\"GET /hello\"]\n[pools.People]",
        ),
        ("no such function", "function = \"Hello\"", "function = \"Helo\""),
        ("no such pool", "pool = \"People\"", "pool = \"Peple\""),
        ("no such topic to publish to", "source = \"hello\"", "source = \"hello\"\npublishes = [\"new\"]"),
        ("no such trigger", "source = \"hello\"", "source = \"hello\"\ntrigger = { topic = \"weather\" }"),
        ("no such secret", "source = \"hello\"", "source = \"hello\"\nsecrets = [\"Partners\"]"),
        ("no such topic for a value", "{ env = \"PARTNER_KEY\" }", "{ topic = \"newz\" }"),
        ("roles that IAM takes for one", "[pools.People]", "[functions.HELLO]\nsource = \"hello\"\n[pools.People]"),
        (
            "roles of identity pools that IAM takes for one",
            "[pools.People]",
            "[identity_pools.Callers]\npool = \"People\"\ninvokes = [\"GET /hello\"]\n[identity_pools.callers]\npool = \"People\"\ninvokes = [\"GET /hello\"]\n[pools.People]",
        ),
        (
            "service users that a pool takes for one",
            "[pools.People]",
            "[service_users.DayUser]\npool = \"People\"\n[service_users.dayuser]\npool = \"People\"\n[pools.People]",
        ),
        (
            "authorizers of one name",
            "[pools.People]",
            "[pools.People]\nauthorizer = \"A\"\n[pools.More]\nauthorizer = \"A\"",
        ),
        ("an authorizer's name", "[pools.People]", "[pools.People]\nauthorizer = \"a b\""),
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn wrong_secrets_are_reported_without_their_values() {
    let told = group(&[
        ("a value that is written down", "{ env = \"PARTNER_KEY\" }", "\"hunter2\""),
        ("a value from two places", "{ env = \"PARTNER_KEY\" }", "{ env = \"A\", generate = 32 }"),
        ("a value from nowhere", "{ env = \"PARTNER_KEY\" }", "{}"),
        ("a source that nobody knows", "{ env = \"PARTNER_KEY\" }", "{ enf = \"PARTNER_KEY\" }"),
        ("too short a value", "{ env = \"PARTNER_KEY\" }", "{ generate = 8 }"),
        ("a prompt that is not asked", "{ env = \"PARTNER_KEY\" }", "{ prompt = false }"),
        ("a variable's name", "{ env = \"PARTNER_KEY\" }", "{ env = \"PARTNER KEY\" }"),
        ("an empty variable", "{ env = \"PARTNER_KEY\" }", "{ env = \"\" }"),
        ("no value at all", "KEY = { env = \"PARTNER_KEY\" }", ""),
        ("an empty key", "KEY = { env", "\"\" = { env"),
        (
            "secrets that share a variable",
            "[functions.Hello]\nsource = \"hello\"",
            "[secrets.a-b]\nK = { generate = 16 }\n[secrets.a_b]\nK = { generate = 16 }\n[functions.Hello]\nsource = \"hello\"\nsecrets = [\"a-b\", \"a_b\"]",
        ),
    ]);
    insta::assert_snapshot!(told);
    for value in
        ["\"hunter2\"", "{ value = \"hunter2\" }", "{ env = \"A\", is = \"hunter2\" }", "{ env = \"hunter2!\" }"]
    {
        let told = said(&user(), "{ env = \"PARTNER_KEY\" }", value);
        assert!(!told.contains("hunter2"), "{told}");
    }
    let told = said(&user(), "[secrets.Partner]\nKEY = { env = \"PARTNER_KEY\" }", "[secrets]\nPartner = \"hunter2\"");
    assert!(!told.contains("hunter2"), "{told}");
    let many = repeat(20, "K@ = { generate = 4096 }\n");
    let said = said(&user(), "KEY = { env = \"PARTNER_KEY\" }\n", &many);
    assert!(said.contains("the secret Partner would have 82091 bytes; Secrets Manager allows 65536"), "{said}");
}

#[test]
fn wrong_function_settings_are_reported() {
    let long = format!("source = \"hello\"\nenvironment = {{ LONG = \"{}\" }}", "x".repeat(4096));
    let told = group(&[
        ("a runtime that is mistyped", "source = \"hello\"", "source = \"hello\"\nruntime = \"node24\""),
        ("a runtime of yesterday", "source = \"hello\"", "source = \"hello\"\nruntime = \"nodejs14.x\""),
        ("a handler with a space", "source = \"hello\"", "source = \"hello\"\nhandler = \"index handler\""),
        ("a handler that names no function", "source = \"hello\"", "source = \"hello\"\nhandler = \"index\""),
        (
            "a handler that is not in the source",
            "source = \"hello\"",
            "source = \"hello\"\nhandler = \"app/main.handler\"",
        ),
        ("an architecture", "source = \"hello\"", "source = \"hello\"\narchitecture = \"amd64\""),
        ("too little memory", "source = \"hello\"", "source = \"hello\"\nmemory_mb = 64"),
        ("too long a time", "source = \"hello\"", "source = \"hello\"\ntimeout_s = 901"),
        ("a time that CloudWatch does not know", "source = \"hello\"", "source = \"hello\"\nlog_retention_days = 15"),
        ("a variable of Lambda's", "source = \"hello\"", "source = \"hello\"\nenvironment = { AWS_REGION = \"x\" }"),
        (
            "the name of Lambda's log group",
            "source = \"hello\"",
            "source = \"hello\"\nenvironment = { AWS_LAMBDA_LOG_GROUP_NAME = \"x\" }",
        ),
        ("a variable of ours", "source = \"hello\"", "source = \"hello\"\nenvironment = { SECRET_ID = \"x\" }"),
        ("a variable of one letter", "source = \"hello\"", "source = \"hello\"\nenvironment = { A = \"x\" }"),
        ("too many bytes of variables", "source = \"hello\"", &long),
        ("no such folder", "source = \"hello\"", "source = \"helo\""),
        ("a file for a folder", "source = \"hello\"", "source = \"hello/index.mjs\""),
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn wrong_api_settings_are_reported() {
    let deep = |count| repeat(count, "[[api.routes]]\nroute = \"GET /r@\"\nfunction = \"Hello\"\npool = \"People\"\n");
    let pools = "[pools.P@]\n[[api.routes]]\nroute = \"GET /p@\"\nfunction = \"Hello\"\npool = \"P@\"\n";
    let pools = repeat(11, pools);
    let two = deep(30) + &deep(30).replace("[[api.", "[[apis.More.");
    let far = format!("GET /{}", "x".repeat(350));
    let open = repeat(25, &format!("[[api.routes]]\nroute = \"{far}@\"\nfunction = \"Hello\"\nauth = \"iam\"\n"));
    let names = repeat(25, &format!("\"{far}@\", "));
    let opened = format!("{open}[identity_pools.Callers]\npool = \"People\"\ninvokes = [{names}]\n");
    let told = group(&[
        ("a method in small letters", "GET /hello", "get /hello"),
        ("a method that nobody knows", "GET /hello", "FETCH /hello"),
        ("no method", "GET /hello", "/hello"),
        ("no slash", "GET /hello", "GET hello"),
        ("a slash at the end", "GET /hello", "GET /hello/"),
        ("an empty part", "GET /hello", "GET /hello//you"),
        ("a part's characters", "GET /hello", "GET /hellö"),
        ("a parameter's characters", "GET /hello", "GET /{a b}"),
        ("a parameter without a name", "GET /hello", "GET /{}"),
        ("a parameter twice", "GET /hello", "GET /{a}/{a}"),
        ("a greedy part that is not the last", "GET /hello", "GET /{all+}/hello"),
        ("a route twice", "", "[[api.routes]]\nroute = \"GET /hello\"\nfunction = \"Hello\"\nauth = \"none\"\n"),
        (
            "two parameters at one place",
            "[[api.routes]]",
            "[[api.routes]]\nroute = \"GET /items/{id}\"\nfunction = \"Hello\"\npool = \"People\"\n[[api.routes]]\nroute = \"PUT /items/{name}\"\nfunction = \"Hello\"\npool = \"People\"\n[[api.routes]]",
        ),
        ("nobody may call", "pool = \"People\"", ""),
        ("both ways at once", "pool = \"People\"", "pool = \"People\"\nauth = \"none\""),
        ("another way", "pool = \"People\"", "auth = \"open\""),
        ("no routes", "[[api.routes]]\nroute = \"GET /hello\"\nfunction = \"Hello\"\npool = \"People\"\n", ""),
        ("a stage's name", "[api]", "[api]\nstage = \"v 1\""),
        ("a rate", "[api]", "[api]\nrate_limit = 0"),
        ("a burst", "[api]", "[api]\nburst_limit = 5001"),
        ("more routes than a policy holds", "", &deep(60)),
        ("more routes of two APIs than a policy holds", "", &two),
        ("more routes than a policy of callers holds", "", &opened),
        ("more pools than an API has authorizers", "", &pools),
        ("more parts than an API has", "", &deep(300)),
        ("no such body", "pool = \"People\"", "pool = \"People\"\nbody = \"boddy.json\""),
        ("an empty body", "pool = \"People\"", "pool = \"People\"\nbody = \"\""),
        (
            "an API named as the one without a name is in AWS",
            "",
            "[apis.api]\n[[apis.api.routes]]\nroute = \"GET /hello\"\nfunction = \"Hello\"\npool = \"People\"\n",
        ),
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn wrong_firewall_and_pool_settings_are_reported() {
    let told = group(&[
        ("a mode", "mode = \"count\"", "mode = \"alow\""),
        ("nobody passes", "mode = \"count\"", "mode = \"allow\""),
        ("an address without its length", "mode = \"count\"", "addresses = [\"203.0.113.7\"]"),
        ("everyone", "mode = \"count\"", "addresses = [\"0.0.0.0/0\"]"),
        ("no address", "mode = \"count\"", "addresses = [\"example.com\"]"),
        ("a network twice", "mode = \"count\"", "addresses = [\"10.0.0.0/24\", \"10.0.0.5/24\"]"),
        ("too low a rate", "mode = \"count\"", "rate_per_ip = 9"),
        ("a managed group", "mode = \"count\"", "managed_rules = [\"comon\"]"),
        (
            "nothing to protect",
            "[api]\n\n[[api.routes]]\nroute = \"GET /hello\"\nfunction = \"Hello\"\npool = \"People\"\n",
            "",
        ),
        ("a password's length", "[pools.People]", "[pools.People]\npassword = { minimum_length = 5 }"),
        ("a password's key", "[pools.People]", "[pools.People]\npassword = { symbol = true }"),
        ("a second factor", "[pools.People]", "[pools.People]\nmfa = \"required\""),
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn wrong_files_beside_the_stack_file_are_reported() {
    let user = user();
    let mut all = String::new();
    let mut tell = |name: &str, from: &str, to: &str| {
        let said = said(&user, from, to)
            .replace(&user.folder.path().canonicalize().unwrap().display().to_string(), "[folder]");
        writeln!(all, "## {name}\n\n{}\n", said.trim_end()).unwrap();
    };
    let at = |path: &str| user.folder.path().join(path);

    std::fs::create_dir(at("empty")).unwrap();
    tell("an empty folder", "source = \"hello\"", "source = \"empty\"");
    user.write("link/index.mjs", "");
    symlink(at("body.json"), at("link/body.json")).unwrap();
    tell("a link that leads outside", "source = \"hello\"", "source = \"link\"");
    user.write("lost/index.mjs", "");
    symlink("nowhere", at("lost/gone.mjs")).unwrap();
    tell("a link that leads nowhere", "source = \"hello\"", "source = \"lost\"");
    user.write("package/index.mjs", "");
    user.write("package/package.json", "{");
    tell("a package.json that is not JSON", "source = \"hello\"", "source = \"package\"");
    user.write("package/package.json", r#"{"dependencies":{"shared":"file:../shared"}}"#);
    tell("a package.json that leads outside", "source = \"hello\"", "source = \"package\"");
    user.write("python/index.py", "");
    user.write("python/requirements.txt", "-r ../all.txt\n");
    tell("requirements that lead outside", "source = \"hello\"", "source = \"python\"\nruntime = \"python3.13\"");
    user.write("large/index.mjs", "");
    for (name, megabytes) in [("models/a.bin", 200), ("data/b.bin", 100)] {
        user.write(format!("large/{name}"), "");
        let file = std::fs::File::options().write(true).open(at(&format!("large/{name}"))).unwrap();
        file.set_len(megabytes << 20).unwrap();
    }
    // This is found last, but before the first call to AWS.
    tell("a folder that is too large", "source = \"hello\"", "source = \"large\"");

    let body = "pool = \"People\"\nbody = \"body.json\"";
    for (name, text) in [
        ("a body that is not JSON", "{ \"type\": }"),
        ("a body that is no schema", "[]"),
        (
            "a body of another draft",
            r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","properties":{"a":{"const":1}}}"#,
        ),
        (
            "a body with several mistakes",
            r##"{"type":"objekt","propertys":{},"required":[],"properties":{"a":{"$ref":"#/x"}}}"##,
        ),
    ] {
        user.write("body.json", text);
        tell(name, "pool = \"People\"", body);
    }
    user.write("body.json", &format!("{{\"title\":\"{}\"}}", "x".repeat(400 * 1024)));
    tell("a body that is too large", "pool = \"People\"", body);
    user.write("closed/index.mjs", "");
    std::fs::set_permissions(at("closed/index.mjs"), PermissionsExt::from_mode(0o000)).unwrap();
    // Root can read every file.
    if std::fs::File::open(at("closed/index.mjs")).is_err() {
        assert!(said(&user, "source = \"hello\"", "source = \"closed\"").contains("Permission denied"));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn mistakes_of_file_and_folder_are_reported_in_the_files_order() {
    let user = user();
    user.write("body.json", "[]");
    let said = said(&user, "source = \"hello\"", "source = \"nowhere\"");
    assert!(said.contains("has a mistake"), "{said}");
    user.write(
        "securelambda.toml",
        &SOUND.replace("\"hello\"", "\"nowhere\"").replace("\"People\"\n", "\"People\"\nbody = \"body.json\"\n"),
    );
    let ran = user.run(&["plan", "--json"]).ends(2);
    let error: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    let lines: Vec<u64> =
        error["mistakes"].as_array().unwrap().iter().map(|one| one["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [10, 20], "{error:#}");
    assert!(ran.stdout.is_empty());
}

/// A valid file with one to three random edits of the kind that people and tools make.
fn broken() -> impl Strategy<Value = String> {
    let whole = prop_oneof![Just(SOUND.to_owned()), Just(securelambda::spec::BUILTIN.to_owned())];
    let change =
        (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..7_u8, "\\PC{0,4}|[\\[\\]{}=\"'.,#\n]{1,3}");
    (whole, prop::collection::vec(change, 1..4)).prop_map(|(mut text, changes)| {
        for (one, other, how, junk) in changes {
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            if lines.is_empty() {
                break;
            }
            let (a, b) = (one.index(lines.len()), other.index(lines.len()));
            let mut lines = lines;
            match how {
                0 => drop(lines.remove(a)),
                1 => lines.insert(b, lines[a].clone()),
                2 => lines.swap(a, b),
                3 => {
                    // A value of another type.
                    let values = [
                        "7",
                        "-1",
                        "1.5",
                        "true",
                        "\"\"",
                        "\"ä\u{1F980}\"",
                        "[]",
                        "[[]]",
                        "{}",
                        "1979-05-27",
                        "0xFFFFFFFFFF",
                        "[1, \"a\"]",
                    ];
                    if let Some((key, _)) = lines[a].split_once('=') {
                        lines[a] = format!("{key}= {}", values[other.index(values.len())]);
                    }
                }
                4 => {
                    let at = lines[a]
                        .char_indices()
                        .map(|(at, _)| at)
                        .nth(other.index(lines[a].chars().count().max(1)))
                        .unwrap_or(0);
                    lines[a].insert_str(at, &junk);
                }
                5 => lines.truncate(a),
                _ => {
                    let kept = lines[a].chars().count().saturating_sub(other.index(5));
                    lines[a] = lines[a].chars().take(kept).collect();
                }
            }
            text = lines.join("\n");
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_mistake_of_a_broken_file_has_a_span_within_it(text in prop_oneof![broken(), "\\PC{0,80}"]) {
        let Err(mistakes) = securelambda::spec::parse(&text) else { return Ok(()) };
        prop_assert!(!mistakes.is_empty());
        for mistake in &mistakes {
            let span = mistake.span.expect("every mistake is located");
            let (from, length) = (span.offset(), span.len());
            prop_assert!(text.get(from..from + length).is_some(), "{from}..{} of {}: {mistake}", from + length, text.len());
            prop_assert!(!mistake.message.is_empty());
        }
        let shown = securelambda::config::shown("broken.toml", &text, mistakes, securelambda::report::Palette::default());
        prop_assert!(shown.contains("broken.toml"));
    }
}

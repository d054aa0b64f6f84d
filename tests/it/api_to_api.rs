//! The blueprint api-to-api from `init` to `down`: one API calls another with credentials from Cognito, and nobody else can
//! call the second one.

use serde_json::{Value, json};

use crate::support::botocore;
use crate::support::default_account::default_account;
use crate::support::emulator::endpoint;
use crate::support::inventory::inventory;
use crate::support::program::User;

/// A user with the blueprint's files.
fn someone() -> User {
    // Faster than AWS's rates, at which deleting two APIs takes half a minute.
    let user = User::of("test", &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.run(&["init", "--blueprint", "api-to-api", "--stack", "api-to-api"]).ends(0);
    user
}

fn day(user: &User, query: &str) -> (i64, Value) {
    let ran = user.run(&["call", &format!("GET /day{query}"), "--anonymous", "--json"]);
    let answer = ran.json();
    (answer["status"].as_i64().unwrap(), answer["body"].clone())
}

/// The service user's password, read with botocore.
fn password(user: &User) -> String {
    let answer =
        botocore::call(user, "secretsmanager", "get_secret_value", &json!({ "SecretId": "api-to-api-DayUser" }));
    let secret: Value = serde_json::from_str(answer["SecretString"].as_str().unwrap()).unwrap();
    assert_eq!(secret["username"], "dayuser@api-to-api.invalid");
    secret["password"].as_str().unwrap().to_owned()
}

fn identity_pools(user: &User) -> usize {
    let answer = botocore::call(user, "cognito-identity", "list_identity_pools", &json!({ "MaxResults": 60 }));
    answer["IdentityPools"].as_array().unwrap().len()
}

/// The text of every file in a folder.
fn texts(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(texts(&path));
        } else {
            found.push(String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned());
        }
    }
    found
}

#[test]
fn api_to_api_lets_only_the_first_api_call_the_second() {
    let _alone = default_account();
    let user = someone();
    let before = inventory(&user);
    let first = user.run(&["up", "--yes"]).ends(0);
    let password = password(&user);

    // The answer has the day of the week and the age. Only the second API computes the age.
    let (status, body) = day(&user, "?dob=19880101");
    assert_eq!((status, &body["day"]), (200, &json!("Friday")), "{body}");
    assert!(body["age"].as_i64().is_some_and(|age| age >= 37), "{body}");
    let body_age = body["age"].clone();
    for (query, reason) in [
        ("", "dob is missing: give it as in ?dob=19880101"),
        ("?dob=1988", "dob must be eight digits, as in 19880101"),
        ("?dob=19880231", "dob is no day of the calendar"),
        ("?dob=29990101", "dob is in the future"),
    ] {
        assert_eq!(day(&user, query), (400, json!({ "message": reason })), "{query}");
    }
    user.run(&["call", "GET /age"]).ends(2).says("requires a request that is signed with AWS credentials");
    user.run(&["call", "GET /age", "--anonymous"]).ends(1).says("403");
    let signed =
        ["call", "GET /age", "--query", "dob=19880101", "--as", "dayuser@api-to-api.invalid", "--password-stdin"];
    let age = user.run_with(&password, &[&signed[..], &["--json"]].concat()).ends(0).json();
    assert_eq!(age["body"]["age"], body_age, "{age}");

    // An unsigned request to the second API.
    let outputs = user.run(&["outputs", "--json"]).ends(0).json();
    let age = outputs["apis"]["Age"]["routes"][0]["url"].as_str().unwrap();
    assert_eq!(outputs["apis"]["Age"]["routes"][0]["iam"], true);
    let refused = get(&format!("{age}?dob=19880101"));
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");

    let verified = user.run(&["verify", "--json"]);
    let failed: Vec<&str> = verified.stdout.lines().filter(|line| line.contains(r#""verdict":"fail""#)).collect();
    assert_eq!(failed, Vec::<&str>::new(), "{}", verified.stderr);
    let verified = verified.ends(0);
    for claim in [
        "a request without a signature is refused",
        "a wrong signature is refused",
        "cannot use other methods",
        // No function's own role may call the second API.
        "its policies do not allow access to the route Age GET /age",
    ] {
        let passed = verified.stdout.lines().any(|line| line.contains(claim) && line.contains(r#""verdict":"pass""#));
        assert!(passed, "{claim}: {}", verified.stdout);
    }

    let again = user.run(&["up", "--yes", "--json"]).ends(0).summary();
    assert_eq!(again["counts"]["created"], 0, "{again}");
    assert_eq!(again["counts"]["updated"], 0, "{again}");
    let status = user.run(&["status", "--detailed-exitcode"]).ends(0);
    assert!(status.stdout.contains("GET     ") && status.stdout.contains("/age"), "{}", status.stdout);
    let told = [&first, &verified, &status].map(|ran| format!("{}{}", ran.stdout, ran.stderr));
    for text in texts(user.folder.path()).into_iter().chain(told) {
        assert!(!text.contains(&password), "the password is in:\n{text}");
    }

    user.run(&["down", "--yes"]).ends(0);
    assert_eq!(identity_pools(&user), 0);
    assert_eq!(inventory(&user), before);
}

/// The answer to a request without headers.
fn get(url: &str) -> String {
    use std::io::{Read, Write};
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

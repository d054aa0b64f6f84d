//! `call`: the request that it sends, its output, and its explanations of answers.

use std::io::Write;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::support::default_account::default_account;
use crate::support::emulator::{account, endpoint};
use crate::support::program::User;
use crate::support::proxy::{AwsRequest, CallOutcome, Proxy};
use crate::support::pty::Pty;

const PASSWORD: &str = "Correct-Horse-7-Battery\n";
const ADA: [&str; 3] = ["--as", "ada@example.com", "--password-stdin"];

/// Returns the request that it received, read from an event of a REST API.
const ECHO: &str = r#"export const handler = async (event) => ({
  statusCode: 200,
  body: JSON.stringify({
    method: event.httpMethod,
    path: event.path,
    parameters: event.pathParameters,
    query: event.multiValueQueryStringParameters,
    tenants: event.multiValueHeaders?.["X-Tenant"] ?? event.multiValueHeaders?.["x-tenant"],
    type: event.headers["Content-Type"] ?? event.headers["content-type"],
    body: event.body,
    base64: event.isBase64Encoded,
    api: process.env.API,
  }),
});
"#;

/// Bytes that are not text, or, without a picture, an answer in a form that REST APIs do not take.
const ODD: &str = r#"export const handler = async (event) => event.queryStringParameters?.picture
  ? { statusCode: 200, headers: { "Content-Type": "image/png" }, isBase64Encoded: true, body: "iVBORw0KGgr/AA==" }
  : { hello: 1 };
"#;

const STACK: &str = r#"[stack]
name = "calls"
[functions.Echo]
source = "echo"
environment = { API = { url = "api" } }
[functions.Odd]
source = "odd"
[pools.People]
[identity_pools.Signers]
pool = "People"
invokes = ["GET /signed/{id}"]
[api]
binary = ["application/octet-stream", "image/png"]
[[api.routes]]
route = "GET /odd"
function = "Odd"
auth = "none"
[[api.routes]]
route = "GET /echo/{id}"
function = "Echo"
auth = "none"
[[api.routes]]
route = "ANY /files/{proxy+}"
function = "Echo"
auth = "none"
[[api.routes]]
route = "POST /mine"
function = "Echo"
pool = "People"
[[api.routes]]
route = "GET /signed/{id}"
function = "Echo"
auth = "iam"
"#;

/// A user with the stack above. The emulator's routes answer in its default account alone.
fn someone(account: &str, endpoint: &str) -> User {
    let user = User::of(account, endpoint).with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.write("securelambda.toml", STACK);
    user.write("echo/index.mjs", ECHO);
    user.write("odd/index.mjs", ODD);
    user.run(&["up", "--yes"]).ends(0);
    user
}

fn body(user: &User, input: &str, args: &[&str]) -> Value {
    user.run_with(input, &[&["call", "--json"], args].concat()).ends(0).json()["body"].clone()
}

fn output(user: &User, input: &[u8], args: &[&str]) -> Output {
    let mut child = user.command(args).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_request_arrives_as_it_was_asked_for() {
    let _alone = default_account();
    let user = someone("test", &endpoint());
    let echo = |args: &[&str]| body(&user, "", args);

    // An ANY route accepts every method, and a route without authorization needs no flag.
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        let said = echo(&[&format!("{method} /files/a/b.txt")]);
        assert_eq!((&said["method"], &said["parameters"]["proxy"]), (&json!(method), &json!("a/b.txt")), "{said}");
    }
    assert_eq!(echo(&["/files/a", "--data", "{}"])["method"], "POST");
    user.run(&["call", "HEAD /files/a"]).ends(0);

    // A parameter's value never changes which path is called.
    for value in ["7", "50% ä", "a?b#c"] {
        let said = echo(&["GET /echo/{id}", "--param", &format!("id={value}")]);
        let id = said["parameters"]["id"].as_str().unwrap_or_default();
        // AWS passes the value decoded or encoded, depending on the kind of API.
        let decoded = percent_encoding::percent_decode_str(id).decode_utf8().unwrap();
        assert_eq!(decoded, value, "{said}");
    }
    user.run(&["call", "GET /echo/{id}", "--param", "id=.."]).ends(2).says("another path would be called");

    let said = echo(&["GET /echo/7?a=1", "--query", "a=2 &3", "--header", "X-Tenant: x", "-H", "X-Tenant: y"]);
    assert_eq!(said["query"]["a"], json!(["1", "2 &3"]), "{said}");
    // The emulator joins the two headers.
    let tenants: Vec<&str> = said["tenants"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(tenants.join(", "), "x, y", "{said}");

    // Bodies: text, a file, standard input, and bytes that are not text.
    let post = ["PUT /files/a", "--data"];
    let data = |data: &str, input: &str| body(&user, input, &[&post[..], &[data]].concat());
    let said = data("{\"a\":1}", "");
    assert_eq!((&said["body"], &said["type"]), (&json!("{\"a\":1}"), &json!("application/json")), "{said}");
    user.write("body.txt", "from a file\n");
    assert_eq!(data("@body.txt", "")["body"], "from a file\n");
    assert_eq!(data("@-", "from\nstandard input\n")["body"], "from\nstandard input\n");
    let csv = ["PUT /files/a", "--data", "a;b", "--header", "content-type: text/csv"];
    assert_eq!(echo(&csv)["type"], "text/csv");
    std::fs::write(user.folder.path().join("picture.png"), b"\x89PNG\r\n\xff\0").unwrap();
    let piped = output(&user, b"\x89PNG\r\n\xff\0", &[&["call", "--json"][..], &post[..], &["@-"]].concat());
    let piped: Value = serde_json::from_slice(&piped.stdout).unwrap();
    assert_eq!(piped["body"]["type"], "application/octet-stream", "{piped}");
    let sent = data("@picture.png", "");
    assert_eq!(sent["type"], "application/octet-stream", "{sent}");
    // A type of `binary` arrives byte for byte, and so does an answer that the request accepts.
    let whole = base64::engine::general_purpose::STANDARD.encode(b"\x89PNG\r\n\xff\0");
    assert_eq!((&sent["base64"], &sent["body"]), (&json!(true), &json!(whole)), "{sent}");
    let picture = output(&user, b"", &["call", "GET /odd?picture=1", "--header", "Accept: image/png"]);
    assert_eq!(picture.stdout, b"\x89PNG\r\n\x1a\n\xff\0", "{picture:?}");
    user.run(&["call", "GET /odd"]).ends(1).says("502").says("its response has the wrong format");
    let outputs = user.run(&["outputs", "--json"]).ends(0).json();
    assert_eq!(sent["api"], outputs["api"]["base_url"], "a function knows the URL of [api]");

    // A token, and a signature with the credentials of the identity pool.
    user.run_with(PASSWORD, &["add-user", "ada@example.com", "--pool", "People", "--password-stdin"]).ends(0);
    let said = body(&user, PASSWORD, &[&["POST /mine", "--data", "{}"], &ADA[..]].concat());
    assert_eq!(said["method"], "POST", "{said}");
    let said = body(&user, PASSWORD, &[&["GET /signed/7?q=1 2"], &ADA[..]].concat());
    assert_eq!(said["query"]["q"], json!(["1 2"]), "{said}");
    let token = user.run_with(PASSWORD, &["token", "ada@example.com", "--password-stdin"]).ends(0).stdout;
    assert_eq!(body(&user, &token, &["GET /signed/1", "--token-stdin"])["method"], "GET");
    user.run(&["call", "GET /signed/1", "--anonymous"]).ends(1).says("403");

    // A wrong password that occurs in the error message by chance is not redacted there.
    for wrong in ["x\n", "a\n", "password\n"] {
        let said = user.run_with(wrong, &[&["call", "POST /mine"], &ADA[..]].concat()).ends(1).stderr;
        assert!(said.contains("could not sign ada@example.com in"), "{said}");
        assert!(!said.contains("hidden"), "{said}");
    }
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn a_mistake_is_reported_before_anything_is_called() {
    let user = User::of(&account(), "http://127.0.0.1:9");
    user.write("securelambda.toml", STACK);
    for (args, words) in [
        (&["POST /mine"][..], "requires a token of People"),
        (&["POST /mine"], "pass --as EMAIL"),
        (&["GET /signed/1"], "signed with AWS credentials"),
        (&["GET /echo/1", "--identity-pool", "Signers"], "takes no signed requests"),
        (&["GET /signed/1", "--as", "a@example.com", "--identity-pool", "Singers"], "did you mean Signers?"),
        (&["POST /mine", "--as", "ada"], "is not an e-mail address"),
        (&["POST /mine", "--token-stdin", "--data", "@-"], "--token-stdin and --data @- would both read"),
        (&["GET /mine", "--anonymous"], "the routes of this path: POST /mine"),
        (&["GET /nowhere"], "there is no route called GET /nowhere"),
        (&["PUT /files/a", "--data", "@nowhere.json"], "nowhere.json cannot be read"),
        (&["GET /echo/1", "--header", "Authorization: Bearer x"], "--token-stdin"),
        (&["GET /echo/1", "--header", "no header"], "a header has the form NAME: VALUE"),
        (&["PUT /files/a", "--curl", "--data", "@-"], "--data @FILE"),
    ] {
        user.run(&[&["call"], args].concat()).ends(2).says(words);
    }
}

/// A proxy that answers requests to routes with these answers, the last one first. All other calls reach the emulator.
fn playing(answers: Vec<CallOutcome>) -> (Proxy, Arc<Mutex<Vec<CallOutcome>>>) {
    let waiting = Arc::new(Mutex::new(answers));
    let next = Arc::clone(&waiting);
    let play = move |asked: &AwsRequest| {
        let played = asked.path.contains("/_user_request_").then(|| next.lock().unwrap().pop());
        played.flatten().unwrap_or(CallOutcome::Passed)
    };
    (Proxy::with_faults(&endpoint(), Duration::ZERO, Arc::new(play)), waiting)
}

#[test]
fn a_response_is_printed_byte_for_byte_and_explained() {
    let (proxy, answers) = playing(Vec::new());
    let user = someone(&account(), &proxy.endpoint);
    let play = |status: u16, headers: &[(&'static str, &'static str)], body: &'static [u8]| {
        answers.lock().unwrap().push(CallOutcome::Played(status, headers.to_vec(), Bytes::from_static(body)));
    };
    let binary = b"\x89PNG\r\n\x1a\n\xff\0";
    let cookies = [("set-cookie", "a=1"), ("content-type", "image/png"), ("set-cookie", "b=2")];

    play(200, &cookies, binary);
    let ran = output(&user, b"", &["call", "GET /echo/1", "--include"]);
    assert_eq!(ran.stdout, binary);
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(said.starts_with("HTTP 200\nset-cookie: a=1\n"), "{said}");
    assert!(said.contains("set-cookie: b=2"), "{said}");

    play(200, &cookies, binary);
    let told = user.run(&["call", "GET /echo/1", "--json"]).ends(0).json();
    assert_eq!(told["body_base64"], "iVBORw0KGgr/AA==");
    let headers: Vec<&Value> = told["headers"].as_array().unwrap().iter().collect();
    assert!(headers.contains(&&json!({ "name": "set-cookie", "value": "a=1" })), "{told}");
    assert!(headers.contains(&&json!({ "name": "set-cookie", "value": "b=2" })), "{told}");

    // If standard output is not a terminal, no line break is added, not even to an empty body.
    for body in [&b"plain"[..], b"", b"\n"] {
        play(200, &[], body);
        assert_eq!(output(&user, b"", &["call", "GET /echo/1"]).stdout, body);
    }

    // The emulator would decode the slash and look for another route.
    proxy.take();
    play(200, &[], b"{}");
    user.run(&["call", "GET /echo/{id}", "--param", "id=a/b"]).ends(0);
    let paths: Vec<String> = proxy.take().into_iter().map(|call| call.sent.path).collect();
    assert!(paths.iter().any(|path| path.ends_with("/_user_request_/echo/a%2Fb")), "{paths:?}");

    // A terminal gets text only.
    play(200, &cookies, binary);
    let ended = Pty::start(&user, &["call", "GET /echo/1"]).ends(Duration::from_secs(30));
    assert!(ended.code == 0 && ended.screen.contains("10 bytes that are not text (image/png)"), "{}", ended.screen);
    play(200, &[("content-type", "text/plain")], b"shown");
    let ended = Pty::start(&user, &["call", "GET /echo/1"]).ends(Duration::from_secs(30));
    assert!(ended.code == 0 && ended.sent.ends_with("shown\r\n"), "{}", ended.sent);

    for (status, headers, body, words) in [
        (
            403,
            &[("x-amzn-errortype", "MissingAuthenticationTokenException")][..],
            r#"{"message":"Missing Authentication Token"}"#,
            "has no such route",
        ),
        (
            403,
            &[("x-amzn-errortype", "AccessDeniedException")],
            r#"{"Message":"User: anonymous is not authorized to perform: execute-api:Invoke"}"#,
            "the API's resource policy denies",
        ),
        (413, &[("x-amzn-errortype", "BadRequestException")], r#"{"message": "Request Too Long"}"#, "Lambda's limit"),
        (413, &[], "HTTP content length exceeded 10485760 bytes.", "API Gateway's limit"),
        (415, &[("x-amzn-errortype", "UnsupportedMediaTypeException")], "{}", "--header 'Content-Type: TYPE'"),
        (
            429,
            &[("x-amzn-errortype", "TooManyRequestsException")],
            r#"{"message":"Too Many Requests"}"#,
            "50 requests/s is exceeded",
        ),
        (
            502,
            &[("x-amzn-errortype", "InternalServerErrorException")],
            r#"{"message": "Internal server error"}"#,
            "wrong format",
        ),
        (
            504,
            &[("x-amzn-errortype", "InternalServerErrorException")],
            r#"{"message": "Endpoint request timed out"}"#,
            "took longer",
        ),
        (
            500,
            &[("x-amzn-errortype", "AuthorizerConfigurationException")],
            r#"{"message":null}"#,
            "the route's authorizer failed",
        ),
    ] {
        play(status, headers, body.as_bytes());
        let ran =
            user.run(&["call", "GET /echo/1"]).ends(1).says(&format!("the route returned status {status}")).says(words);
        assert_eq!(ran.stdout, body);
    }
    // The function's own answer needs no explanation.
    play(404, &[], b"{\"error\":\"no such note\"}");
    assert!(!user.run(&["call", "GET /echo/1"]).ends(1).stderr.contains("hint"));
    // A redirect is not followed. Otherwise the function would decide where the token is sent.
    play(302, &[("location", "http://127.0.0.1:9/")], b"");
    user.run(&["call", "GET /echo/1"]).ends(1).says("status 302");
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn curl_sends_the_same_request_and_its_command_contains_no_secret() {
    let _alone = default_account();
    let user = someone("test", &endpoint());
    let curl = |args: &[&str]| user.run(&[&["call", "--curl"], args].concat()).ends(0).stdout;
    let script = curl(&[
        "PUT /files/{proxy+}",
        "--param",
        "proxy=a/it's b",
        "--query",
        "q=1 2",
        "--data",
        "{\"a\":\"it's\"}",
        "-H",
        "X-Tenant: x",
    ]);
    let ran = std::process::Command::new("sh").args(["-c", &script.replacen("curl", "curl -s", 1)]).output().unwrap();
    let said: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {script} {ran:?}"));
    assert_eq!(
        (&said["method"], &said["body"], &said["query"]["q"]),
        (&json!("PUT"), &json!("{\"a\":\"it's\"}"), &json!(["1 2"])),
        "{said}"
    );
    let token = curl(&["POST /mine", "--as", "ada@example.com", "--data", "{}", "--stack", "calls"]);
    assert!(token.starts_with("TOKEN=$(securelambda token ada@example.com --pool People --stack calls)\n"), "{token}");
    assert!(token.contains("| curl -X POST ") && token.trim_end().ends_with("-H @-"), "{token}");
    let signed = curl(&["GET /signed/1", "--as", "ada@example.com"]);
    assert!(
        signed.contains("--aws-sigv4 aws:amz:eu-central-1:execute-api") && signed.contains("# Signers ("),
        "{signed}"
    );
    user.run(&["call", "--curl", "POST /mine", "--anonymous", "--data", "@-"]).ends(2).says("--data @FILE");
    user.run(&["down", "--yes"]).ends(0);
}

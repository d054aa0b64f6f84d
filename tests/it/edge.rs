//! The edge of APIs: which pages may call them, and how routes answer.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::support::botocore;
use crate::support::browser::Browser;
use crate::support::drift;
use crate::support::edge::{STACK, write};
use crate::support::emulator::{account, default_account, endpoint};
use crate::support::inventory::inventory;
use crate::support::program::User;

const PASSWORD: &str = "Correct-Horse-7-Battery\n";

/// Makes a call with botocore that must succeed.
#[track_caller]
fn make(user: &User, service: &str, operation: &str, arguments: &Value) -> Value {
    let answer = botocore::call(user, service, operation, arguments);
    assert!(answer.get("Error").is_none(), "{operation}: {answer}");
    answer
}

#[test]
fn a_stack_with_every_setting_of_the_edge_is_built_proved_and_removed() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    write(&user, STACK);
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    user.run(&["up", "--yes"]).ends(0).says("Nothing to do");
    assert_eq!(drift(&user, &[]), []);
    let proof = user.run(&["verify", "--json"]).ends(0);
    let failed: Vec<&str> = proof.stdout.lines().filter(|line| line.contains("\"verdict\":\"fail\"")).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    for (claim, routes) in [
        ("a preflight request of an allowed origin passes without a token", 5),
        ("a preflight request of another origin is not allowed", 5),
        ("allowed origins can read that a call without a token is refused", 3),
        ("allowed origins can read the answer", 2),
        ("other origins cannot read the answer", 2),
        ("a request without a required parameter does not reach the function", 1),
        ("a request without an identity is refused", 2),
        ("a request with a wrong identity is refused", 2),
    ] {
        let passed = proof.stdout.lines().filter(|line| line.contains(claim) && line.contains("\"verdict\":\"pass\""));
        assert_eq!(passed.count(), routes, "{claim}\n{}", proof.stdout);
    }
    // Who is admitted reaches the function, and an answer that holds for a minute opens no other route.
    let urls = outputs["api"]["routes"]
        .as_array()
        .unwrap()
        .iter()
        .chain(outputs["apis"]["Small"]["routes"].as_array().unwrap());
    let partners = urls.filter(|route| route["authorizer"] == "Partner");
    for route in partners {
        let url = route["url"].as_str().unwrap().replace("{id}", "7");
        assert_eq!(get(&url, "X-Partner: acme"), 200, "{url}");
        assert_eq!(get(&url, "X-Partner: umbrella"), 403, "{url}");
        assert_eq!(get(&url, "X-Other: acme"), 401, "{url}");
    }
    // Somebody else lets another function decide.
    let (rest, http) = (&outputs["api"]["id"], &outputs["apis"]["Small"]["id"]);
    let uri = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:x/invocations";
    let named = |found: &Value, items: &str, name: &str| {
        found[items].as_array().unwrap().iter().find(|one| one[name] == "Partner").unwrap().clone()
    };
    let found = named(&make(&user, "apigateway", "get_authorizers", &json!({ "restApiId": rest })), "items", "name");
    let patch = json!([{ "op": "replace", "path": "/authorizerUri", "value": uri }]);
    let change = json!({ "restApiId": rest, "authorizerId": found["id"], "patchOperations": patch });
    make(&user, "apigateway", "update_authorizer", &change);
    let found = named(&make(&user, "apigatewayv2", "get_authorizers", &json!({ "ApiId": http })), "Items", "Name");
    let change = json!({ "ApiId": http, "AuthorizerId": found["AuthorizerId"], "AuthorizerUri": uri });
    make(&user, "apigatewayv2", "update_authorizer", &change);
    let weaker = |id: &str, field: &str| (id.to_owned(), field.to_owned(), true);
    let expected = [
        weaker("http-lambda-authorizer.Small.Partner", "AuthorizerUri"),
        weaker("lambda-authorizer.Partner", "authorizerUri"),
    ];
    let mut seen = drift(&user, &[]);
    seen.sort();
    assert_eq!(seen, expected);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    // Without the keys, everything that they made disappears.
    let edge = ["cors =", "parameters =", "timeout_s ="];
    let bare: Vec<&str> = STACK.lines().filter(|line| !edge.iter().any(|key| line.starts_with(key))).collect();
    write(&user, &bare.join("\n").replace("authorizer = \"Partner\"", "auth = \"none\""));
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    write(&user, STACK);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn pages_that_somebody_else_lets_in_are_reported_and_kept_out() {
    let user = User::of(&account(), &endpoint());
    write(&user, STACK);
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    let (rest, http) = (outputs["api"]["id"].clone(), outputs["apis"]["Small"]["id"].clone());
    let paths = make(&user, "apigateway", "get_resources", &json!({ "restApiId": rest, "limit": 500 }));
    let notes = paths["items"].as_array().unwrap().iter().find(|path| path["path"] == "/notes").unwrap()["id"].clone();
    let origin = "gatewayresponse.header.Access-Control-Allow-Origin";
    let response = |kind: &str, value: &str| {
        let arguments = json!({ "restApiId": rest, "responseType": kind, "responseParameters": { origin: value } });
        make(&user, "apigateway", "put_gateway_response", &arguments);
    };
    response("DEFAULT_4XX", "'https://evil.example'");
    response("UNAUTHORIZED", "method.request.header.Origin");
    make(&user, "apigateway", "delete_gateway_response", &json!({ "restApiId": rest, "responseType": "DEFAULT_5XX" }));
    let preflight = json!({
        "restApiId": rest, "resourceId": notes, "httpMethod": "OPTIONS", "statusCode": "204",
        "responseParameters": { "method.response.header.Access-Control-Allow-Origin": "'*'" },
    });
    make(&user, "apigateway", "put_integration_response", &preflight);
    let cors =
        json!({ "ApiId": http, "CorsConfiguration": { "AllowOrigins": ["*"], "AllowHeaders": ["authorization"] } });
    make(&user, "apigatewayv2", "update_api", &cors);
    let seen = drift(&user, &[]);
    for (id, field, weakens) in [
        ("api.gateway-responses", "DEFAULT_4XX", true),
        ("api.gateway-responses", "UNAUTHORIZED", true),
        ("api.gateway-responses", "DEFAULT_5XX", false),
        ("api.routes", "OPTIONS /notes methodIntegration.integrationResponses.204", true),
        ("api.Small.http", "CorsConfiguration.AllowOrigins", true),
        ("api.Small.http", "CorsConfiguration.AllowMethods", false),
    ] {
        let found =
            seen.iter().any(|(known, name, says)| (known.as_str(), name.as_str(), *says) == (id, field, weakens));
        assert!(found, "{id} {field} is not among {seen:#?}");
    }
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    user.run(&["down", "--yes"]).ends(0);
}

/// The status of the answer to a request with this header.
fn get(url: &str, header: &str) -> u16 {
    let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\n{header}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Serves one page to every request, until the process ends.
fn serve(page: &str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n", page.len());
    let answer = head + page;
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    port
}

#[test]
fn a_page_of_an_allowed_origin_reads_an_answer_and_a_refusal_and_other_pages_read_neither() {
    let Some(browser) = Browser::find() else { return };
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    // The page gets the route and the token in its address, because its own address must be known first.
    let page = r#"<!doctype html><body><script>
        const [url, token] = decodeURIComponent(location.hash.slice(1)).split(" ");
        const ask = (name, headers) => fetch(url, { headers })
            .then(async (answer) => `${name} ${answer.status} ${await answer.text()}`)
            .catch((error) => `${name} unreadable`)
            .then((line) => document.body.append(document.createElement("p"), line));
        ask("with", { Authorization: token }).then(() => ask("without", { Authorization: "none" }))
            .then(() => document.body.append(document.createElement("p"), "done"));
    </script>"#;
    let port = serve(page);
    let file = format!(
        r#"[stack]
name = "securelambda"
[functions.Notes]
source = "f"
[pools.Users]
[api]
cors = {{ origins = ["http://127.0.0.1:{port}"], headers = ["Authorization"] }}
[[api.routes]]
route = "ANY /files/{{proxy+}}"
function = "Notes"
pool = "Users"
"#
    );
    write(&user, &file);
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    user.run_with(PASSWORD, &["add-user", "ada@example.com", "--pool", "Users", "--password-stdin"]).ends(0);
    let token = user.run_with(PASSWORD, &["token", "ada@example.com", "--password-stdin"]).ends(0).stdout;
    let base = outputs["api"]["base_url"].as_str().unwrap().trim_end_matches('/');
    let seen = |host: &str| {
        let url = format!("http://{host}:{port}/#{base}/files/a%20{}", token.trim());
        browser.open(&url, &["--dump-dom", "--virtual-time-budget=20000"]).dom
    };
    let allowed = seen("127.0.0.1");
    for line in [r#"with 200 {"hello":"page"}"#, "without 401 ", "done"] {
        assert!(allowed.contains(line), "{line} is not in {allowed}");
    }
    let other = seen("localhost");
    for line in ["with unreadable", "without unreadable", "done"] {
        assert!(other.contains(line), "{line} is not in {other}");
    }
    user.run(&["down", "--yes"]).ends(0);
}

//! The edge of APIs: CORS, authorizers, parameters, integrations, fixed answers and domains.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::support::botocore;
use crate::support::browser::Browser;
use crate::support::default_account::default_account;
use crate::support::domains;
use crate::support::drift;
use crate::support::edge::{STACK, write};
use crate::support::emulator::{account, endpoint, without_proxy};
use crate::support::inventory::inventory;
use crate::support::program::User;
use crate::support::routes::passed;

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
        ("a preflight request of an allowed origin passes without a token", 11),
        ("a preflight request of another origin is not allowed", 11),
        ("allowed origins can read that a call without a token is refused", 6),
        ("allowed origins can read the answer", 6),
        ("other origins cannot read the answer", 6),
        ("a request without a token passes", 1),
        ("a request without a required parameter does not reach the function", 1),
        ("a request without an identity is refused", 2),
        ("a request with a wrong identity is refused", 2),
    ] {
        assert_eq!(passed(&proof.stdout, claim), routes, "{claim}\n{}", proof.stdout);
    }
    // An admitted caller reaches the function. The authorizer's answer, cached for a minute, opens no other route.
    let urls = outputs["api"]["routes"]
        .as_array()
        .unwrap()
        .iter()
        .chain(outputs["apis"]["Small"]["routes"].as_array().unwrap());
    let partners = urls.filter(|route| route["authorizer"] == "Partner");
    let key = user.run(&["outputs", "--keys", "acme"]).ends(0).stdout;
    for route in partners {
        let url = route["url"].as_str().unwrap().replace("{id}", "7");
        let with_key = |header: &str| get(&url, &format!("{header}\r\nX-Api-Key: {}", key.trim()));
        assert_eq!(with_key("X-Partner: acme"), 200, "{url}");
        assert_eq!(with_key("X-Partner: umbrella"), 403, "{url}");
        assert_eq!(with_key("X-Other: acme"), 401, "{url}");
        let without = if route["key"] == true { 403 } else { 200 };
        assert_eq!(get(&url, "X-Partner: acme"), without, "{url}");
    }
    // The integration's host name has no server. The check is then not tried: it neither passes nor fails.
    let served = |line: &&str| line.contains("GET /items/{id}") && line.contains("a token of Users passes");
    let untried: Vec<&str> = proof.stdout.lines().filter(served).collect();
    let says =
        |line: &&str| line.contains("\"verdict\":\"not_tried\"") && line.contains("the server could not be reached");
    assert!(untried.len() == 2 && untried.iter().all(says), "{untried:#?}");
    // Somebody replaces the authorizers' function.
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
    // Without these keys in the stack file, `up` removes everything that they created.
    let edge = ["cors =", "parameters =", "timeout_s =", "key =", "rate_limit ="];
    let (before, plans) = STACK.split_once("[plans.partner]").unwrap();
    let (_, after) = plans.split_once("[pools.Users]").unwrap();
    let without_plans = format!("{before}[pools.Users]{after}");
    let bare: Vec<&str> = without_plans.lines().filter(|line| !edge.iter().any(|key| line.starts_with(key))).collect();
    // The HTTP API keeps its limit, because the emulator deletes the whole stage together with the limit.
    write(&user, &bare.join("\n").replace("authorizer = \"Partner\"", "auth = \"none\""));
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    write(&user, STACK);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

/// Returns the event. As an authorizer's function, it admits a caller with the right header and parameter.
const ECHO: &str = r#"export const handler = async (event) => {
  if (event.type !== "REQUEST") return { statusCode: 200, body: JSON.stringify(event) };
  const header = event.headers["X-Partner"] ?? event.headers["x-partner"];
  const allowed = header === "open-sesame" && event.queryStringParameters?.key === "a b/ä";
  const Statement = [{ Action: "execute-api:Invoke", Effect: allowed ? "Allow" : "Deny", Resource: event.methodArn }];
  return { principalId: "partner", policyDocument: { Version: "2012-10-17", Statement } };
};
"#;

const PARTNERS: &str = r#"[stack]
name = "partners"
[functions.Echo]
source = "f"
[authorizers.Partner]
function = "Echo"
identity = ["header:X-Partner", "query:key"]
[api]
[[api.routes]]
route = "GET /echo"
function = "Echo"
authorizer = "Partner"
parameters = { query = ["from", "key"], headers = ["X-Tenant", "X-Partner"] }
[[api.routes]]
route = "POST /orders"
function = "Echo"
authorizer = "Partner"
body = "body.json"
verify = true
"#;

#[test]
fn an_identity_proves_that_an_authorizer_admits_callers_and_is_shown_nowhere() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    user.write("securelambda.toml", PARTNERS);
    user.write("f/index.mjs", ECHO);
    user.write("body.json", r#"{"type":"object","required":["item"]}"#);
    user.run(&["up", "--yes"]).ends(0);
    let admits = "a request that Partner admits passes";
    let verdicts = |proof: &str, claim: &str| -> Vec<String> {
        let lines = proof.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let about = lines.filter(|line| line["claim"] == claim);
        about.map(|line| line["verdict"].as_str().unwrap().to_owned()).collect()
    };
    let proof = user.run(&["verify", "--json"]).ends(0).stdout;
    assert_eq!(verdicts(&proof, admits), ["not_tried"; 2]);
    assert!(proof.contains("pass one with --identity Partner=@FILE"), "{proof}");

    user.write("partner.txt", "x-partner: open-sesame\nkey=a b/ä\n");
    let reports = ["--report", "proof.html", "--report", "proof.xml"];
    let proof = user.run(&[&["verify", "--json", "--identity", "Partner=@partner.txt"], &reports[..]].concat()).ends(0);
    for (claim, routes) in [
        (admits, 2),
        ("a body that violates the model does not reach the function", 1),
        ("a request without a required parameter does not reach the function", 1),
    ] {
        assert_eq!(verdicts(&proof.stdout, claim), vec!["pass"; routes], "{claim}\n{}", proof.stdout);
    }
    let read = |file: &str| std::fs::read_to_string(user.folder.path().join(file)).unwrap();
    let shown = [proof.stdout, proof.stderr, read("proof.html"), read("proof.xml")].concat();
    for secret in ["open-sesame", "a b/ä", "a%20b%2F%C3%A4", "a b/\\u00e4"] {
        assert!(!shown.contains(secret), "{secret} is in:\n{shown}");
    }
    assert!(shown.contains("(hidden)"), "the function returns what it was sent:\n{shown}");

    let wrong = "X-Partner: wrong-sesame\nkey=k\n";
    let proof = user.run_with(wrong, &["verify", "--json", "--identity", "Partner=@-"]).ends(5);
    assert_eq!(verdicts(&proof.stdout, admits), ["fail"; 2]);
    assert!(proof.stdout.contains("the function of Partner does not admit this identity"), "{}", proof.stdout);

    for (identity, words) in [
        ("Partner=X-Partner: s3cret", "other users of this machine can read arguments"),
        ("Partners=@partner.txt", "did you mean Partner?"),
        ("Partner=@nowhere.txt", "nowhere.txt cannot be read"),
        ("Partner=@f/index.mjs", "a header has the form"),
    ] {
        let ran = user.run(&["verify", "--identity", identity]).ends(2).says(words);
        assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
    }
    user.run(&["down", "--yes"]).ends(0);
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

#[test]
fn another_server_or_another_fixed_answer_is_reported_and_set_back() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    write(&user, STACK);
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    let (rest, http) = (outputs["api"]["id"].clone(), outputs["apis"]["Small"]["id"].clone());
    let of_route = |api: &Value, route: &str| {
        let routes = api["routes"].as_array().unwrap().iter();
        routes
            .clone()
            .find(|one| format!("{} {}", one["method"], one["path"]).replace('"', "") == route)
            .unwrap()
            .clone()
    };
    let health = of_route(&outputs["api"], "GET /health");
    assert_eq!((&health["integration"], health.get("function")), (&json!({ "mock": { "status": 200 } }), None));
    let items = of_route(&outputs["apis"]["Small"], "GET /items/{id}");
    assert_eq!(items["integration"], json!({ "http": "https://items.example.invalid/v1/{id}" }));
    // A caller without a token gets the fixed answer. The emulator does not evaluate conditions in templates: it sends
    // those that answer with the origin before the body.
    let answers = |body: &str| user.run(&["call", "GET /health"]).ends(0).stdout.trim_end().ends_with(body);
    assert!(answers(r#"{"state":"up"}"#));
    let paths = make(&user, "apigateway", "get_resources", &json!({ "restApiId": rest, "limit": 500 }));
    let id = |path: &str| {
        let mut paths = paths["items"].as_array().unwrap().iter();
        paths.find(|one| one["path"] == path).unwrap()["id"].clone()
    };
    let patch = json!([{ "op": "replace", "path": "/uri", "value": "https://elsewhere.example.com/{id}" }]);
    let change =
        json!({ "restApiId": rest, "resourceId": id("/items/{id}"), "httpMethod": "GET", "patchOperations": patch });
    make(&user, "apigateway", "update_integration", &change);
    let answer = json!({
        "restApiId": rest, "resourceId": id("/health"), "httpMethod": "GET", "statusCode": "200",
        "contentHandling": "CONVERT_TO_TEXT", "responseTemplates": { "application/json": "{\"state\":\"down\"}" },
    });
    make(&user, "apigateway", "put_integration_response", &answer);
    let integrations = make(&user, "apigatewayv2", "get_integrations", &json!({ "ApiId": http }));
    let mut integrations = integrations["Items"].as_array().unwrap().iter();
    let served = integrations.find(|one| one["IntegrationType"] == "HTTP_PROXY").unwrap();
    let change = json!({
        "ApiId": http, "IntegrationId": served["IntegrationId"], "IntegrationUri": "https://elsewhere.example.com/",
    });
    make(&user, "apigatewayv2", "update_integration", &change);
    let seen = drift(&user, &[]);
    for (id, field, weakens) in [
        ("api.routes", "GET /items/{id} methodIntegration.uri", true),
        ("api.routes", "GET /health methodIntegration.integrationResponses.200", false),
        ("api.Small.http-routes", "GET /items/{id} Integration.IntegrationUri", true),
    ] {
        let found = seen.iter().any(|one| one == &(id.to_owned(), field.to_owned(), weakens));
        assert!(found, "{id} {field} is not among {seen:#?}");
    }
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    // The stack file names another server and another fixed answer.
    let other = STACK.replace("items.example.invalid/v1", "items.example.invalid/v2").replace("\"up\\\"", "\"fine\\\"");
    assert_ne!(other.matches("fine").count(), 0);
    write(&user, &other);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    assert!(answers(r#"{"state":"fine"}"#));
    user.run(&["down", "--yes"]).ends(0);
}

/// A stack with a domain for each kind of API, one of them with a DNS record of its own.
const NAMED: &str = r#"
[stack]
name = "named"
[functions.Notes]
source = "f"
[api]
stage = "live"
domain = { name = "api.example.com", certificate = "{certificate}", zone = "example.com" }
default_endpoint = false
[[api.routes]]
route = "GET /notes"
function = "Notes"
auth = "none"
[apis.Small]
kind = "http"
domain = { name = "small.example.com", certificate = "{certificate}" }
[[apis.Small.routes]]
route = "GET /notes"
function = "Notes"
auth = "none"
"#;

/// The status of the answer to a request for one of the stack's domain names.
fn by_name(name: &str, path: &str) -> u16 {
    let endpoint = endpoint();
    let at = endpoint.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(at).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Without the tests' proxy between the program and the emulator, as with `--local`.
#[test]
fn the_host_name_of_a_rest_api_is_closed_and_opened_on_the_emulator_itself() {
    let user = User::of(&account(), &without_proxy(&endpoint()));
    let open = NAMED.replace("default_endpoint = false\n", "");
    assert_ne!(open, NAMED);
    for file in [&open, NAMED, &open] {
        write(&user, file);
        user.run(&["up", "--yes"]).ends(0);
        assert_eq!(drift(&user, &[]), []);
    }
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

#[test]
fn apis_answer_at_domains_of_the_stacks_own_which_others_cannot_redirect_unseen() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    write(&user, NAMED);
    let up = user.run(&["up", "--yes", "--json"]).ends(0);
    let outputs = up.summary()["outputs"].clone();
    let (api, small) = (&outputs["api"], &outputs["apis"]["Small"]);
    assert_eq!(
        (&api["domain"]["url"], &api["domain"]["has_record"]),
        (&json!("https://api.example.com"), &json!(true))
    );
    assert_eq!(small["domain"]["has_record"], false);
    let target = api["domain"]["target"].as_str().unwrap().to_owned();
    assert_eq!(domains::records(&user), [format!("api.example.com A {target}")]);
    // `up` tells the user which DNS record to make.
    let again = user.run(&["up", "--yes"]).ends(0);
    again.says("Nothing to do").says(&format!(
        "small.example.com: create a DNS record that points to {}",
        small["domain"]["target"].as_str().unwrap()
    ));
    assert_eq!((by_name("api.example.com", "/notes"), by_name("small.example.com", "/notes")), (200, 200));
    user.run(&["verify"]).ends(0);
    user.run(&["call", "GET /notes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    // Somebody allows TLS 1.0, maps a path of the domain to another API and enables an API's default endpoint.
    let found = make(&user, "apigatewayv2", "get_domain_name", &json!({ "DomainName": "small.example.com" }));
    let certificate = &found["DomainNameConfigurations"][0]["CertificateArn"];
    let weak = json!([{ "CertificateArn": certificate, "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_0" }]);
    let change = json!({ "DomainName": "small.example.com", "DomainNameConfigurations": weak });
    make(&user, "apigatewayv2", "update_domain_name", &change);
    let mapping = json!({
        "DomainName": "api.example.com", "ApiId": small["id"], "Stage": "$default", "ApiMappingKey": "more",
    });
    make(&user, "apigatewayv2", "create_api_mapping", &mapping);
    let opened = json!([{ "op": "replace", "path": "/disableExecuteApiEndpoint", "value": "false" }]);
    make(&user, "apigateway", "update_rest_api", &json!({ "restApiId": api["id"], "patchOperations": opened }));
    let mut seen = drift(&user, &[]);
    seen.sort();
    let weaker = |id: &str, field: &str| (id.to_owned(), field.to_owned(), true);
    let expected = [
        weaker("api-mapping.api.example.com", "other mappings"),
        weaker("api.rest", "disableExecuteApiEndpoint"),
        weaker("domain.small.example.com", "SecurityPolicy"),
    ];
    assert_eq!(seen, expected);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    // The other API's default endpoint is disabled once a domain leads to the API, and enabled again. Then somebody
    // lets Route 53 evaluate the health of a target.
    let shut = NAMED.replace("[[apis.Small.routes]]", "default_endpoint = false\n[[apis.Small.routes]]");
    let closed = || {
        make(&user, "apigatewayv2", "get_api", &json!({ "ApiId": small["id"] }))["DisableExecuteApiEndpoint"].clone()
    };
    for (file, expected) in [(shut.as_str(), json!(true)), (NAMED, json!(false))] {
        write(&user, file);
        user.run(&["up", "--yes"]).ends(0);
        assert_eq!((closed(), drift(&user, &[])), (expected, vec![]));
    }
    domains::watch_health(&user, "api.example.com");
    assert_eq!(
        drift(&user, &[]),
        [("dns.api.example.com".to_owned(), "AliasTarget.EvaluateTargetHealth".to_owned(), false)]
    );
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    domains::watch_health(&user, "api.example.com");
    // The domain moves to the other API, and its record stays.
    let moved = NAMED.replace("api.example.com", "x.example.com").replace("small.example.com", "api.example.com");
    let moved = moved.replace("x.example.com", "small.example.com").replace(", zone = \"example.com\"", "");
    let moved = moved.replacen(
        "certificate = \"{certificate}\" }\n[[apis",
        "certificate = \"{certificate}\", zone = \"example.com\" }\n[[apis",
        1,
    );
    write(&user, &moved);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    assert_eq!(domains::records(&user), [format!("api.example.com A {target}")]);
    // Without a state file, `down` finds everything by the tags of the domains.
    std::fs::remove_dir_all(user.folder.path().join("state")).unwrap();
    user.run(&["down", "--yes", "--adopt"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
    assert_eq!(domains::records(&user), Vec::<String>::new());
}

#[test]
fn a_record_of_somebody_else_is_never_changed() {
    let user = User::of(&account(), &endpoint());
    write(&user, NAMED);
    domains::change(&user, "CREATE", "api.example.com", "203.0.113.7");
    user.run(&["plan"]).ends(4);
    let refused = user.run(&["up", "--yes"]).ends(4);
    let refused = refused.says("a DNS record exists and does not belong to this stack: api.example.com A 203.0.113.7");
    refused.says("nothing was changed");
    assert_eq!(inventory(&user), Vec::<String>::new());
    domains::change(&user, "DELETE", "api.example.com", "203.0.113.7");
    user.run(&["up", "--yes"]).ends(0);
    // Somebody changes the target of the DNS record: the change is reported, and not repaired.
    let zone = domains::zone(&user);
    let listed = make(&user, "route53", "list_resource_record_sets", &json!({ "HostedZoneId": zone }));
    let mut sets = listed["ResourceRecordSets"].as_array().unwrap().iter();
    let own = sets.find(|set| set["Type"] == "A").unwrap();
    let batch = json!({ "Changes": [{ "Action": "DELETE", "ResourceRecordSet": own }] });
    make(&user, "route53", "change_resource_record_sets", &json!({ "HostedZoneId": zone, "ChangeBatch": batch }));
    domains::change(&user, "CREATE", "api.example.com", "203.0.113.9");
    assert_eq!(
        drift(&user, &[]),
        [("dns.api.example.com".to_owned(), "ResourceRecordSets of others".to_owned(), true)]
    );
    user.run(&["up", "--yes"]).ends(4).says("somebody else changed the DNS records of api.example.com");
    user.run(&["down", "--yes"]).ends(0);
    assert_eq!(domains::records(&user), ["api.example.com A 203.0.113.9"]);
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused_before_anything_is_changed() {
    let user = User::of(&account(), &endpoint());
    domains::zone(&user);
    for (name, says) in [("www.example.com", "not for api.example.com"), ("*.example.net", "not for api.example.com")] {
        let arn = domains::certificate(&user, name);
        write(&user, &NAMED.replace("{certificate}", &arn));
        user.run(&["up", "--yes"]).ends(4).says(says).says("nothing was changed");
        let plan = user.run(&["plan"]).ends(4);
        assert!(plan.stdout.contains("not for api.example.com"), "{}", plan.stdout);
    }
    let arn = domains::certificate(&user, "*.example.com");
    write(&user, &NAMED.replace("{certificate}", &format!("{}x", &arn[..arn.len() - 1])));
    user.run(&["up", "--yes"]).ends(4).says("does not exist").says("nothing was changed");
    write(&user, &NAMED.replace("{certificate}", &arn.replace("eu-central-1", "us-east-1")));
    user.run(&["up", "--yes"]).ends(2).says("is not one of the account");
    assert_eq!(inventory(&user), Vec::<String>::new());
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

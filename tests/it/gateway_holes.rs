//! Holes in APIs that somebody opens with another tool: `status` reports each, `verify` fails for each, and `up` closes
//! all of them. `up` also reverts hardening by hand, which is not reported as weakening.

use serde_json::{Value, json};

use crate::support::botocore;
use crate::support::default_account::default_account;
use crate::support::drift;
use crate::support::emulator::{account, endpoint};
use crate::support::iam::{Operator, policies, reduced_for_ministack};
use crate::support::program::User;

/// Makes calls with botocore, `[service, operation, arguments]` each.
fn make(user: &User, calls: &[Value]) -> Vec<Value> {
    let answers = botocore::calls(user, calls);
    for (call, answer) in calls.iter().zip(&answers) {
        assert!(answer.get("Error").is_none(), "{call}: {answer}");
    }
    answers
}

fn patch(path: &str, value: &str) -> Value {
    json!({ "op": "replace", "path": path, "value": value })
}

#[track_caller]
fn assert_reported(seen: &[(String, String, bool)], expected: &[(&str, &str, bool)]) {
    for (id, field, weakens) in expected {
        let found = seen.iter().any(|(known, name, says)| known == id && name == field && says == weakens);
        assert!(found, "{id} {field}, weakens: {weakens}, is not among {seen:#?}");
    }
}

/// Asserts that `up` closes everything, and that nothing is left to change.
#[track_caller]
fn assert_closed(user: &User, flags: &[&str]) {
    user.run(&[&["up", "--yes"], flags].concat()).ends(0);
    assert_eq!(drift(user, flags), []);
    user.run(&[&["plan", "--detailed-exitcode"], flags].concat()).ends(0);
}

const ANYONE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"*"}]}"#;

#[test]
fn holes_of_a_rest_api_are_reported_fail_the_proof_and_are_closed() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    assert_eq!(drift(&user, &[]), [], "a sound stack has no drift");
    let api = outputs["api"]["id"].as_str().unwrap();
    let asked = [
        json!(["apigateway", "get_resources", { "restApiId": api, "limit": 500 }]),
        json!(["apigateway", "get_stages", { "restApiId": api }]),
    ];
    let answers = make(&user, &asked);
    let paths = answers[0]["items"].as_array().unwrap();
    let path = |path: &str| paths.iter().find(|one| one["path"] == path).unwrap()["id"].clone();
    let deployment = answers[1]["item"][0]["deploymentId"].clone();
    let function = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:000000000000:function:securelambda-ExternalLambda1/invocations";
    let method = json!({ "restApiId": api, "resourceId": path("/lambda1"), "httpMethod": "GET" });
    let integration = |method: &Value, more: Value| {
        let mut call = method.clone();
        let proxy = json!({ "type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": function });
        for (name, value) in proxy.as_object().unwrap().iter().chain(more.as_object().unwrap()) {
            call[name] = value.clone();
        }
        call
    };
    let mut open = method.clone();
    open["authorizationType"] = json!("NONE");
    let post = json!({ "restApiId": api, "resourceId": path("/lambda2"), "httpMethod": "POST" });
    let stage = [patch("/*/*/logging/dataTrace", "true"), patch("/*/*/caching/enabled", "true")];
    make(
        &user,
        &[
            json!(["apigateway", "update_rest_api", { "restApiId": api, "patchOperations": [patch("/policy", ANYONE)] }]),
            json!(["apigateway", "put_gateway_response",
                { "restApiId": api, "responseType": "UNAUTHORIZED", "statusCode": "200" }]),
            json!(["apigateway", "create_stage", { "restApiId": api, "stageName": "open", "deploymentId": deployment }]),
            json!(["apigateway", "create_authorizer",
                { "restApiId": api, "name": "Stranger", "type": "REQUEST", "authorizerUri": function,
                  "identitySource": "method.request.header.X" }]),
            json!(["apigateway", "put_method", open]),
            json!(["apigateway", "put_integration", integration(&method, json!({}))]),
            json!([
                "apigateway",
                "put_integration",
                integration(&post, json!({ "credentials": "arn:aws:iam::*:user/*" }))
            ]),
            json!(["apigateway", "update_stage",
                { "restApiId": api, "stageName": "development", "patchOperations": stage }]),
        ],
    );
    assert_reported(
        &drift(&user, &[]),
        &[
            ("api.rest", "policy", true),
            ("api.rest", "gatewayResponses UNAUTHORIZED", true),
            ("stage.development", "other stages", true),
            ("stage.development", "methodSettings.*/*.dataTraceEnabled", true),
            ("stage.development", "methodSettings.*/*.cachingEnabled", true),
            ("api.routes", "other methods", true),
            ("api.routes", "other authorizers", false),
            ("api.routes", "POST /lambda2 methodIntegration.credentials", true),
        ],
    );
    let proof = user.run(&["verify", "--json"]).ends(5).stdout;
    for claim in
        ["policy is {", "gatewayResponses UNAUTHORIZED is ", "other stages is open", "other methods is GET /lambda1"]
    {
        assert!(proof.contains(claim), "verify does not fail because {claim}:\n{proof}");
    }
    assert_closed(&user, &[]);
    let answers = make(
        &user,
        &[
            json!(["apigateway", "get_stages", { "restApiId": api }]),
            json!(["apigateway", "get_authorizers", { "restApiId": api }]),
        ],
    );
    assert_eq!(answers[0]["item"].as_array().unwrap().len(), 1);
    assert_eq!(answers[1]["items"].as_array().unwrap().len(), 2);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

#[test]
fn hardening_of_a_rest_api_by_hand_is_no_weakening() {
    let account = account();
    let user = User::of(&account, &endpoint());
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    let api = outputs["api"]["id"].as_str().unwrap();
    let authorizers = make(&user, &[json!(["apigateway", "get_authorizers", { "restApiId": api }])]);
    let authorizer = &authorizers[0]["items"][0];
    let deny = ANYONE.replace("Allow", "Deny");
    let stage = [
        patch("/*/*/logging/loglevel", "INFO"),
        patch("/*/*/metrics/enabled", "true"),
        patch("/tracingEnabled", "true"),
        patch("/variables/color", "blue"),
        patch("/clientCertificateId", "c1"),
        patch("/accessLogSettings/destinationArn", &format!("arn:aws:logs:eu-central-1:{account}:log-group:theirs")),
    ];
    make(
        &user,
        &[
            json!(["apigateway", "update_rest_api", { "restApiId": api, "patchOperations": [patch("/policy", &deny)] }]),
            json!(["apigateway", "put_gateway_response",
                { "restApiId": api, "responseType": "DEFAULT_5XX",
                  "responseTemplates": { "application/json": "{\"message\":\"sorry\"}" } }]),
            json!(["apigateway", "update_authorizer",
                { "restApiId": api, "authorizerId": authorizer["id"],
                  "patchOperations": [patch("/identityValidationExpression", "^a$")] }]),
            json!(["apigateway", "update_stage",
                { "restApiId": api, "stageName": "development", "patchOperations": stage }]),
        ],
    );
    let seen = drift(&user, &[]);
    assert_reported(
        &seen,
        &[
            ("api.rest", "policy", false),
            ("api.rest", "gatewayResponses DEFAULT_5XX", false),
            ("stage.development", "methodSettings.*/*.loggingLevel", false),
            ("stage.development", "methodSettings.*/*.metricsEnabled", false),
            ("stage.development", "tracingEnabled", false),
            ("stage.development", "variables", false),
            ("stage.development", "clientCertificateId", false),
            ("stage.development", "accessLogSettings.destinationArn", false),
        ],
    );
    assert!(seen.iter().any(|(_, field, weakens)| field == "identityValidationExpression" && !weakens), "{seen:#?}");
    assert!(seen.iter().all(|(.., weakens)| !weakens), "{seen:#?}");
    assert_closed(&user, &[]);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

#[test]
fn holes_of_an_http_api_are_reported_fail_the_proof_and_are_closed() {
    let _alone = default_account();
    let flags = ["--blueprint", "http-jwt"];
    let user = User::of("test", &endpoint());
    let up = user.run(&[&["up", "--yes", "--json"], &flags[..]].concat()).ends(0).summary();
    assert_eq!(drift(&user, &flags), [], "a sound stack has no drift");
    let api = json!({ "ApiId": up["outputs"]["api"]["id"] });
    let with = |more: Value| {
        let mut call = api.clone();
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        call
    };
    let answers =
        make(&user, &[json!(["apigatewayv2", "get_integrations", api]), json!(["apigatewayv2", "get_routes", api])]);
    let integration = answers[0]["Items"][0]["IntegrationId"].clone();
    let route = &answers[1]["Items"][0];
    let jwt = json!({ "Issuer": "https://issuer.example", "Audience": ["anyone"] });
    make(
        &user,
        &[
            json!(["apigatewayv2", "create_stage", with(json!({ "StageName": "open", "AutoDeploy": true }))]),
            json!(["apigatewayv2", "update_api", with(json!({ "CorsConfiguration": { "AllowOrigins": ["*"] } }))]),
            json!([
                "apigatewayv2",
                "create_route",
                with(json!({
                    "RouteKey": "GET /open", "AuthorizationType": "NONE",
                    "Target": format!("integrations/{}", integration.as_str().unwrap()),
                }))
            ]),
            json!([
                "apigatewayv2",
                "create_authorizer",
                with(json!({
                    "Name": "Stranger", "AuthorizerType": "JWT", "JwtConfiguration": jwt,
                    "IdentitySource": ["$request.header.Authorization"],
                }))
            ]),
            json!([
                "apigatewayv2",
                "update_route",
                with(json!({ "RouteId": route["RouteId"], "AuthorizationScopes": ["orders/read"] }))
            ]),
            json!([
                "apigatewayv2",
                "update_integration",
                with(json!({
                    "IntegrationId": integration, "RequestParameters": { "overwrite:header.x-who": "admin" },
                }))
            ]),
            json!([
                "apigatewayv2",
                "update_stage",
                with(json!({ "StageName": "$default", "StageVariables": { "color": "blue" } }))
            ]),
        ],
    );
    let hello = route["RouteKey"].as_str().unwrap();
    let seen = drift(&user, &flags);
    assert_reported(
        &seen,
        &[
            ("api.http", "CorsConfiguration", true),
            ("api.http-routes", "other routes", true),
            ("api.http-routes", "other authorizers", false),
            ("api.http-routes", &format!("{hello} AuthorizationScopes"), false),
            ("api.http-routes", &format!("{hello} Integration.RequestParameters"), true),
            ("stage.$default", "other stages", true),
            ("stage.$default", "StageVariables", false),
        ],
    );
    let proof = user.run(&[&["verify", "--json"], &flags[..]].concat()).ends(5).stdout;
    for claim in ["CorsConfiguration is AllowOrigins *", "other routes is GET /open (NONE)", "other stages is open"] {
        assert!(proof.contains(claim), "verify does not fail because {claim}:\n{proof}");
    }
    assert_closed(&user, &flags);
    let answers =
        make(&user, &[json!(["apigatewayv2", "get_stages", api]), json!(["apigatewayv2", "get_authorizers", api])]);
    assert_eq!(answers.iter().map(|answer| answer["Items"].as_array().unwrap().len()).collect::<Vec<_>>(), [1, 1]);
    user.run(&[&["down", "--yes"], &flags[..]].concat()).ends(0).says("0 left");
}

/// A REST API with the TLS, log and tracing settings of the posture `hardened`.
const LOGGED: &str = r#"
[stack]
name = "logged"
[functions.Hello]
source = "hello"
[api]
stage = "live"
tls = "1.3"
logs = { access = true, execution = "error" }
tracing = true
[[api.routes]]
route = "GET /hello"
function = "Hello"
auth = "iam"
"#;

#[test]
fn a_logged_and_traced_rest_api_is_built_and_removed_with_the_generated_policy() {
    let mut operator = Operator::new(&account(), &endpoint());
    operator.user.write("securelambda.toml", LOGGED);
    operator.user.write("hello/index.mjs", "export const handler = async () => ({ statusCode: 200 });\n");
    let account = operator.account().to_owned();
    let least = policies(&operator.user, &["--account", &account, "--region", "eu-central-1"]);
    operator.set_policy(&reduced_for_ministack(&least));
    let user = &operator.user;
    let plan = user.run(&["plan"]).ends(0);
    assert!(plan.stdout.contains("account.api-logs"), "the account's role is planned:\n{}", plan.stdout);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(user, &[]), []);
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    let root = User::of(&account, &endpoint());
    let answers = make(
        &root,
        &[
            json!(["apigateway", "get_account", {}]),
            json!(["apigateway", "get_rest_apis", {}]),
            json!(["logs", "describe_log_groups", {}]),
        ],
    );
    let role = format!("arn:aws:iam::{account}:role/securelambda-apigateway-logs");
    assert_eq!(answers[0]["cloudwatchRoleArn"], role);
    let api = &answers[1]["items"][0];
    let execution = format!("API-Gateway-Execution-Logs_{}/live", api["id"].as_str().unwrap());
    let groups = answers[2]["logGroups"].as_array().unwrap();
    for name in [execution.as_str(), "/aws/vendedlogs/apis/logged-api"] {
        let group = groups.iter().find(|group| group["logGroupName"] == name);
        assert_eq!(group.map(|group| &group["retentionInDays"]), Some(&json!(14)), "{name}");
    }
    let stage = make(&root, &[json!(["apigateway", "get_stage", { "restApiId": api["id"], "stageName": "live" }])]);
    assert_eq!(stage[0]["tracingEnabled"], true);
    assert_eq!(stage[0]["methodSettings"]["*/*"]["loggingLevel"], "ERROR");
    assert_eq!(stage[0]["methodSettings"]["*/*"]["dataTraceEnabled"], false);

    // Somebody turns logs and tracing off.
    let off = [patch("/*/*/logging/loglevel", "OFF"), patch("/tracingEnabled", "false")];
    let off = json!({ "restApiId": api["id"], "stageName": "live", "patchOperations": off });
    make(&root, &[json!(["apigateway", "update_stage", off])]);
    assert_reported(
        &drift(user, &[]),
        &[("stage.live", "methodSettings.*/*.loggingLevel", true), ("stage.live", "tracingEnabled", false)],
    );
    assert_closed(user, &[]);

    let down = user.run(&["down", "--yes"]).ends(0);
    down.says("0 left").says("API Gateway's role for logs belongs to the account");
    let answers = make(&root, &[json!(["logs", "describe_log_groups", {}]), json!(["apigateway", "get_account", {}])]);
    assert_eq!(answers[0]["logGroups"], json!([]));
    assert_eq!(answers[1]["cloudwatchRoleArn"], role, "the account keeps it");
    // Another stack uses the role that is there.
    let plan = user.run(&["plan"]).ends(0);
    assert!(!plan.stdout.contains("account.api-logs") || plan.stdout.contains("adopt"), "{}", plan.stdout);
}

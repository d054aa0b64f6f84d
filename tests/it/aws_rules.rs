//! Tests of `support/aws_rules`: every rule refuses a request that violates it, and accepts a similar valid request.

use std::collections::BTreeSet;
use std::time::Duration;

use hyper::Request;
use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::support::aws_rules::{PLAYED, refusal, routes, rules};
use crate::support::botocore::{call, calls_in};
use crate::support::default_account::default_account;
use crate::support::emulator::endpoint;
use crate::support::program::User;
use crate::support::proxy::{AwsRequest, CallOutcome, Proxy};

/// A request as the program would send it.
fn request(service: &str, method: &str, path: &str, target: &str, body: &str) -> AwsRequest {
    let credential = format!("AWS4-HMAC-SHA256 Credential=AKIA/20261121/eu-central-1/{service}/aws4_request");
    let request = Request::builder().method(method).uri(path).header("authorization", credential);
    let request = if target.is_empty() { request } else { request.header("x-amz-target", target) };
    AwsRequest::new(1, &request.body(()).unwrap().into_parts().0, Bytes::from(body.to_owned()))
}

fn rest(service: &str, method: &str, path: &str, body: &Value) -> AwsRequest {
    request(service, method, path, "", &body.to_string())
}

fn target(service: &str, operation: &str, body: &Value) -> AwsRequest {
    request(service, "POST", "/", &format!("X.{operation}"), &body.to_string())
}

fn query(service: &str, operation: &str, fields: &[(&str, &str)]) -> AwsRequest {
    let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("&{name}={}", escape(value))).collect();
    let fields = fields.concat();
    request(service, "POST", "/", "", &format!("Action={operation}&Version=2010-05-08{fields}"))
}

fn policy(resource: &Value, padding: usize) -> String {
    json!({ "Statement": [{ "Sid": "x".repeat(padding), "Effect": "Allow", "Action": "a:B", "Resource": resource }] })
        .to_string()
}

/// For every rule, a request that violates it and a similar valid one.
fn table() -> Vec<(&'static str, AwsRequest, AwsRequest)> {
    let stage = |settings: Value| rest("apigateway", "POST", "/v2/apis/a/stages", &settings);
    let integration = |timeout: u32| {
        let path = "/restapis/a/resources/r/methods/GET/integration";
        rest("apigateway", "PUT", path, &json!({ "timeoutInMillis": timeout }))
    };
    let of_kind =
        |settings: Value| rest("apigateway", "PUT", "/restapis/a/resources/r/methods/GET/integration", &settings);
    let http_integration =
        |timeout: u32| rest("apigateway", "POST", "/v2/apis/a/integrations", &json!({ "timeoutInMillis": timeout }));
    let cors = |settings: Value| rest("apigateway", "PATCH", "/v2/apis/a", &json!({ "corsConfiguration": settings }));
    let put_policy = |document: String| query("iam", "PutRolePolicy", &[("PolicyDocument", &document)]);
    let managed = |document: String| query("iam", "CreatePolicy", &[("PolicyDocument", &document)]);
    let trust =
        |padding: usize| query("iam", "CreateRole", &[("AssumeRolePolicyDocument", &policy(&json!("*"), padding))]);
    let api_tag = |key: &str, value: &str| rest("apigateway", "POST", "/restapis", &json!({ "tags": { key: value } }));
    let topic_tag = |key: &str| {
        query("sns", "CreateTopic", &[("Name", "t"), ("Tags.member.1.Key", key), ("Tags.member.1.Value", "v")])
    };
    let pool_tag = |value: &str| target("cognito-idp", "CreateUserPool", &json!({ "UserPoolTags": { "k": value } }));
    let pool = |settings: Value| target("cognito-idp", "CreateUserPool", &settings);
    let machine = |more: Value| {
        let mut settings = json!({ "AllowedOAuthFlows": ["client_credentials"] });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        target("cognito-idp", "CreateUserPoolClient", &settings)
    };
    let rotating = |flow: &str| {
        let settings = json!({ "RefreshTokenRotation": { "Feature": "ENABLED" }, "ExplicitAuthFlows": [flow] });
        target("cognito-idp", "UpdateUserPoolClient", &settings)
    };
    let ip_set = |tags: Value| target("wafv2", "CreateIPSet", &json!({ "Tags": tags, "Addresses": ["1.2.3.4/32"] }));
    let function = |name: &str, variable: &str, value: &str| {
        let body = json!({ "FunctionName": name, "Environment": { "Variables": { variable: value } } });
        rest("lambda", "POST", "/2015-03-31/functions", &body)
    };
    let kept_ready = |query: &str| {
        let path = format!("/2019-09-30/functions/f/provisioned-concurrency?{query}");
        rest("lambda", "PUT", &path, &json!({ "ProvisionedConcurrentExecutions": 1 }))
    };
    let image = |field: &str| {
        let body = json!({ "PackageType": "Image", "Code": { "ImageUri": "a" }, field: "a" });
        rest("lambda", "POST", "/2015-03-31/functions", &body)
    };
    let model = |name: &str| rest("apigateway", "POST", "/restapis/a/models", &json!({ "name": name }));
    let rest_stage = |name: &str| rest("apigateway", "POST", "/restapis/a/stages", &json!({ "stageName": name }));
    let limited = |method: &str| {
        let path = format!("/~1orders/{method}/throttling/rateLimit");
        let changes = json!({ "patchOperations": [{ "op": "replace", "path": path, "value": "5" }] });
        rest("apigateway", "PATCH", "/restapis/a/stages/s", &changes)
    };
    let path = |part: &str| rest("apigateway", "POST", "/restapis/a/resources/r", &json!({ "pathPart": part }));
    let secret = |name: &str| target("secretsmanager", "CreateSecret", &json!({ "Name": name }));
    let topic = |name: &str| query("sns", "CreateTopic", &[("Name", name)]);
    let queue =
        |name: &str| target("sqs", "CreateQueue", &json!({ "QueueName": name, "Attributes": { "FifoQueue": "true" } }));
    let retention = |days: u32| target("logs", "PutRetentionPolicy", &json!({ "retentionInDays": days }));
    let addresses = |address: &str| target("wafv2", "UpdateIPSet", &json!({ "Addresses": [address] }));
    let priorities =
        |second: u32| target("wafv2", "CreateWebACL", &json!({ "Rules": [{ "Priority": 0 }, { "Priority": second }] }));
    let flows = |second: &str| {
        let flows = json!({ "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", second] });
        target("cognito-idp", "CreateUserPoolClient", &flows)
    };
    let tls = |mode: Value| {
        let policy = json!({ "securityPolicy": "SecurityPolicy_TLS13_1_2_2021_06", "endpointAccessMode": mode });
        rest("apigateway", "POST", "/restapis", &policy)
    };
    let kind = |policy: bool| {
        let mut patches =
            vec![json!({ "op": "replace", "path": "/endpointConfiguration/types/EDGE", "value": "REGIONAL" })];
        patches.extend(policy.then(|| json!({ "op": "replace", "path": "/securityPolicy", "value": "TLS_1_2" })));
        rest("apigateway", "PATCH", "/restapis/none", &json!({ "patchOperations": patches }))
    };
    vec![
        ("API Gateway: another kind of endpoint without a security policy", kind(false), kind(true)),
        (
            "API Gateway: execution logs of an HTTP API",
            stage(json!({ "defaultRouteSettings": { "dataTraceEnabled": false } })),
            stage(json!({ "defaultRouteSettings": { "throttlingBurstLimit": 5 } })),
        ),
        (
            "API Gateway: execution logs of an HTTP API",
            rest(
                "apigateway",
                "PATCH",
                "/v2/apis/a/stages/s",
                &json!({ "routeSettings": { "GET /": { "loggingLevel": "OFF" } } }),
            ),
            rest(
                "apigateway",
                "PATCH",
                "/restapis/a/stages/s",
                &json!({ "defaultRouteSettings": { "loggingLevel": "OFF" } }),
            ),
        ),
        ("API Gateway: a timeout out of range", integration(29_001), integration(29_000)),
        (
            "API Gateway: an integration without the method to call it with",
            of_kind(json!({ "type": "HTTP_PROXY", "uri": "https://example.com" })),
            of_kind(json!({ "type": "HTTP_PROXY", "uri": "https://example.com", "httpMethod": "ANY" })),
        ),
        (
            "API Gateway: an integration over HTTP without a URL",
            of_kind(json!({ "type": "HTTP_PROXY", "httpMethod": "GET", "uri": "example.com" })),
            of_kind(json!({ "type": "MOCK" })),
        ),
        ("API Gateway: a timeout of an HTTP API out of range", http_integration(30_001), http_integration(30_000)),
        (
            "API Gateway: every origin with credentials",
            cors(json!({ "allowOrigins": ["*"], "allowCredentials": true })),
            cors(json!({ "allowOrigins": ["https://a.example.com"], "allowCredentials": true })),
        ),
        (
            "API Gateway: ANY as a method of CORS",
            cors(json!({ "allowMethods": ["ANY"] })),
            cors(json!({ "allowMethods": ["GET", "*"] })),
        ),
        (
            "IAM: a wildcard in the service of an ARN",
            put_policy(policy(&json!(["arn:aws:sns:r:1:t", "arn:aws:cognito-*:r:1:pool/*"]), 0)),
            put_policy(policy(&json!(["*", "arn:aws:sns:*:*:t-*"]), 0)),
        ),
        (
            "IAM: a managed policy that is too long",
            managed(policy(&json!("*"), 6100)),
            managed(policy(&json!("*"), 6000)),
        ),
        (
            "IAM: an inline policy that is too long",
            put_policy(policy(&json!("*"), 10_200)),
            put_policy(policy(&json!("*"), 10_000)),
        ),
        ("IAM: a trust policy that is too long", trust(2000), trust(1900)),
        (
            "API Gateway: a character that tags do not take",
            api_tag("k", "stage.$default"),
            api_tag("k:k", "stage.default /=+-@_"),
        ),
        (
            "API Gateway: a character that tags do not take",
            rest("apigateway", "PUT", "/tags/arn", &json!({ "tags": { "a*": "b" } })),
            rest("apigateway", "PUT", "/tags/arn", &json!({ "tags": { "a": "b" } })),
        ),
        ("a tag key of AWS's own", topic_tag("AWS:team"), topic_tag("team")),
        ("a tag that is too long", pool_tag(&"v".repeat(257)), pool_tag(&"v".repeat(256))),
        ("a list of tags without any", ip_set(json!([])), ip_set(json!([{ "Key": "k", "Value": "v" }]))),
        (
            "Lambda: a reserved variable",
            function("f", "AWS_LAMBDA_LOG_GROUP_NAME", "x"),
            function("f", "AWS_LAMBDA_X", "x"),
        ),
        (
            "Lambda: variables of more than 4 KB",
            function("f", "A", &"x".repeat(4090)),
            function("f", "A", &"x".repeat(4000)),
        ),
        (
            "Lambda: a function's name that is too long",
            function(&"f".repeat(65), "A", ""),
            function(&"f".repeat(64), "A", ""),
        ),
        ("API Gateway: a model's name with other characters", model("my-model"), model("MyModel1")),
        ("API Gateway: a stage's name with other characters", rest_stage("a.b"), rest_stage("a_b-1")),
        ("API Gateway: a path part with other characters", path("a b"), path("{proxy+}")),
        ("API Gateway: a path part with other characters", path("a{b}"), path("v1.0")),
        ("Secrets Manager: a name with other characters", secret("a b"), secret("a/b_+=.@-!")),
        ("SNS: a topic's name with other characters, or too long", topic("a.b"), topic("a-b_1.fifo")),
        (
            "SQS: a name and the kind of queue that do not belong together, or a name that is too long",
            queue("work"),
            queue("work.fifo"),
        ),
        ("SNS: a topic's name with other characters, or too long", topic(&"t".repeat(257)), topic(&"t".repeat(256))),
        ("CloudWatch Logs: a retention that is not one of the allowed numbers of days", retention(15), retention(14)),
        (
            "Lambda: provisioned concurrency without a version or an alias",
            kept_ready("Qualifier=%24LATEST"),
            kept_ready("Qualifier=live"),
        ),
        ("WAF: an address set of everything", addresses("::/0"), addresses("10.0.0.0/8")),
        ("WAF: two rules of one priority", priorities(0), priorities(1)),
        (
            "Cognito: a custom attribute that every user must have",
            pool(json!({ "Schema": [{ "Name": "tenant", "AttributeDataType": "String", "Required": true }] })),
            pool(json!({ "Schema": [{ "Name": "family_name", "AttributeDataType": "String", "Required": true }] })),
        ),
        (
            "Cognito: a standard attribute of another type",
            pool(json!({ "Schema": [{ "Name": "family_name", "AttributeDataType": "Number" }] })),
            pool(json!({ "Schema": [{ "Name": "updated_at", "AttributeDataType": "Number" }] })),
        ),
        (
            "Cognito: aliasAttributes together with usernameAttributes",
            pool(json!({ "UsernameAttributes": ["email"], "AliasAttributes": ["email"] })),
            pool(json!({ "AliasAttributes": ["email"] })),
        ),
        (
            "Cognito: client credentials without a secret",
            machine(json!({})),
            machine(json!({ "GenerateSecret": true })),
        ),
        (
            "Cognito: client credentials beside another flow",
            machine(json!({ "GenerateSecret": true, "AllowedOAuthFlows": ["client_credentials", "code"] })),
            machine(json!({ "GenerateSecret": true, "AllowedOAuthFlows": ["code", "implicit"] })),
        ),
        (
            "Cognito: rotation of refresh tokens beside the flow that renews without it",
            rotating("ALLOW_REFRESH_TOKEN_AUTH"),
            rotating("ALLOW_USER_SRP_AUTH"),
        ),
        ("Cognito: flows of two generations in one client", flows("ADMIN_NO_SRP_AUTH"), flows("ALLOW_USER_AUTH")),
        ("API Gateway: an enhanced security policy without an access mode", tls(Value::Null), tls(json!("STRICT"))),
        ("API Gateway: limits of the method ANY", limited("ANY"), limited("GET")),
        (
            "API Gateway: an enhanced security policy without an access mode",
            rest(
                "apigateway",
                "PATCH",
                "/restapis/none",
                &json!({ "patchOperations": [
                { "op": "replace", "path": "/securityPolicy", "value": "SecurityPolicy_TLS13_1_3_2025_09" }] }),
            ),
            rest(
                "apigateway",
                "PATCH",
                "/restapis/none",
                &json!({ "patchOperations": [
                { "op": "replace", "path": "/securityPolicy", "value": "TLS_1_2" }] }),
            ),
        ),
        ("Lambda: an image beside a handler, a runtime or layers", image("Runtime"), image("Description")),
    ]
}

#[test]
fn every_rule_refuses_a_bad_request_and_accepts_a_valid_one() {
    for (rule, bad, sound) in table() {
        let (met, fault) = refusal(&bad).unwrap_or_else(|| panic!("not refused: {rule}"));
        assert_eq!(met.name, rule);
        assert!(!fault.code.is_empty() && fault.status >= 400 && !met.source.is_empty(), "{rule}");
        let wrongly = refusal(&sound).map(|(rule, _)| rule.name);
        assert_eq!(wrongly, None, "refused beside {rule}");
    }
}

#[test]
fn every_rule_and_every_played_difference_has_a_test() {
    let tested: BTreeSet<&str> = table().into_iter().map(|(rule, ..)| rule).collect();
    let rows: BTreeSet<&str> = rules().map(|rule| rule.name).collect();
    assert_eq!(tested, rows);
    // Each has a test below.
    let played: [(&str, fn()); 3] = [
        (PLAYED[0], a_body_whose_content_type_has_no_model_is_not_validated),
        (PLAYED[1], a_malformed_function_answer_becomes_a_502),
        (PLAYED[2], up_waits_until_a_changed_security_policy_is_in_force),
    ];
    assert_eq!(played.map(|(name, _)| name), PLAYED);
}

/// The proxy answers with AWS's refusal, and the emulator does not get the request.
#[test]
fn a_refused_request_does_not_reach_the_emulator() {
    let user = User::newcomer();
    let asked = json!({ "Name": "a topic" });
    let script = "import sys, botocore.session; c = botocore.session.get_session().create_client('sns', \
                  region_name='eu-central-1', endpoint_url=sys.argv[1], aws_access_key_id=sys.argv[2], \
                  aws_secret_access_key='test')\ntry: c.create_topic(Name='a topic')\n\
                  except Exception as error: print(error.response['Error']['Code'], error)";
    let account = user.command::<&str>(&[]);
    let account = account.get_envs().find(|(name, _)| *name == "AWS_ACCESS_KEY_ID").unwrap().1.unwrap().to_owned();
    let mut python = std::process::Command::new(crate::support::emulator::python());
    let said = python.args(["-I", "-c", script, &endpoint()]).arg(account).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.starts_with("InvalidParameter ") && said.contains("Topic Name"), "{said}");
    let accepted = call(&user, "sns", "create_topic", &asked);
    assert!(accepted["TopicArn"].is_string(), "the emulator accepts it: {accepted}");
}

/// Builds, changes and removes each built-in stack behind the proxy with the rules. `User::run` fails if a request violates one.
#[test]
fn the_life_of_each_blueprint_violates_no_rule() {
    let _alone = default_account();
    for blueprint in ["tutorial", "http-jwt", "api-to-api"] {
        let user = User::of("test", &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02");
        user.run(&["init", "--blueprint", blueprint]).ends(0);
        user.run(&["up", "--yes"]).ends(0);
        user.run(&["up", "--yes"]).ends(0);
        user.run(&["verify"]).ends(0);
        let file = user.folder.path().join("securelambda.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let changed =
            text.replace("rate_limit  = 50", "rate_limit  = 40").replace("rate_limit = 50", "rate_limit = 40");
        let changed = changed.replace("\n[functions.", "\n# changed\n[functions.");
        assert_ne!(text, changed);
        user.write("securelambda.toml", &format!("{changed}\n[topics.added]\n"));
        user.run(&["plan", "--detailed-exitcode"]).ends(7);
        user.run(&["up", "--yes"]).ends(0);
        user.run(&["status", "--detailed-exitcode"]).ends(0);
        user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
    }
}

const SHAPES: &str = r#"export const handler = async (event) => ({
  "/sound": { statusCode: 200, body: "fine" },
  "/object": { statusCode: 200, body: { a: 1 } },
  "/bare": { hello: "there" },
  "/text": "hello",
})[event.path];"#;

fn stack_of_shapes(user: &User) {
    user.write("fn/index.mjs", SHAPES);
    user.write(
        "body.json",
        r#"{"type":"object","required":["name"],"additionalProperties":false,"properties":{"name":{"type":"string"}}}"#,
    );
    let routes = ["sound", "object", "bare", "text"].map(|path| {
        let body = if path == "sound" { "body = \"body.json\"\n" } else { "" };
        format!("[[api.routes]]\nroute = \"POST /{path}\"\nfunction = \"F\"\nauth = \"none\"\n{body}")
    });
    let head = "[stack]\nname = \"shapes\"\n[functions.F]\nsource = \"fn\"\n[api]\n";
    user.write("securelambda.toml", &format!("{head}{}", routes.concat()));
}

/// Status and body of a request to a route, through the proxy.
fn post(url: &str, content_type: &str, body: &str) -> (u16, String) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.post(url).header("content-type", content_type).body(body.to_owned()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    })
}

fn base_url(user: &User) -> String {
    user.run(&["outputs", "api.base_url"]).ends(0).stdout.trim().to_owned()
}

#[test]
fn a_malformed_function_answer_becomes_a_502() {
    for (answer, sound) in [
        (json!({ "statusCode": 200 }), true),
        (json!({ "statusCode": "200", "headers": { "a": 1 }, "body": null }), true),
        (json!({ "statusCode": 200, "multiValueHeaders": { "a": ["b"] }, "isBase64Encoded": true }), true),
        (json!({ "statusCode": 200, "multiValueHeaders": { "a": "b" } }), false),
        (json!({ "statusCode": 200, "message": "hello" }), false),
        (json!({ "statusCode": 200, "body": 5 }), false),
        (json!({ "statusCode": "fine" }), false),
        (json!({ "statusCode": 200, "headers": { "a": {} } }), false),
        (json!({}), false),
        (json!(null), false),
        (json!([]), false),
    ] {
        assert_eq!(routes::is_well_formed(&answer), sound, "{answer}");
    }
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    stack_of_shapes(&user);
    user.run(&["up", "--yes"]).ends(0);
    let url = base_url(&user);
    assert_eq!(post(&format!("{url}/sound"), "application/json", r#"{"name":"a"}"#), (200, "fine".into()));
    for path in ["object", "bare", "text"] {
        let (status, body) = post(&format!("{url}/{path}"), "application/json", "{}");
        assert_eq!((status, body.as_str()), (502, r#"{"message": "Internal server error"}"#), "{path}");
    }
    user.run(&["down", "--yes", "--purge"]).ends(0);
}

#[test]
fn a_body_whose_content_type_has_no_model_is_not_validated() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    stack_of_shapes(&user);
    user.run(&["up", "--yes"]).ends(0);
    let url = format!("{}/sound", base_url(&user));
    let bad = r#"{"nobody":1}"#;
    for content_type in ["application/json", "text/plain", "application/xml; charset=utf-8"] {
        assert_eq!(post(&url, content_type, bad).0, 400, "{content_type}");
    }
    // Remove the default model, so that only JSON bodies have a model.
    let api = user.run(&["outputs", "api.id"]).ends(0).stdout.trim().to_owned();
    let asked = json!(["apigateway", "get_resources", { "restApiId": api, "embed": ["methods"] }]);
    let resources = calls_in("000000000000", &[asked]).remove(0);
    let sound =
        resources["items"].as_array().unwrap().iter().find(|one| one["path"] == "/sound").unwrap()["id"].clone();
    let patch = json!([{ "op": "remove", "path": "/requestModels/$default" }]);
    let removed = json!({ "restApiId": api, "resourceId": sound, "httpMethod": "POST", "patchOperations": patch });
    let answer = calls_in("000000000000", &[json!(["apigateway", "update_method", removed])]).remove(0);
    assert!(answer["requestModels"].get("$default").is_none(), "{answer}");
    assert_eq!(post(&url, "application/json", bad).0, 400);
    assert_eq!(post(&url, "text/plain", bad), (200, "fine".into()), "AWS does not check this one");
    // `status` reports this weakness, and `up` repairs it.
    user.run(&["status", "--detailed-exitcode"]).ends(7);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(post(&url, "text/plain", bad).0, 400);
    user.run(&["down", "--yes", "--purge"]).ends(0);
}

#[test]
fn up_waits_until_a_changed_security_policy_is_in_force() {
    let proxy =
        Proxy::with_faults(&endpoint(), Duration::ZERO, std::sync::Arc::new(|_: &AwsRequest| CallOutcome::Passed));
    let user = User::of(&crate::support::emulator::account(), &proxy.endpoint).with("SECURELAMBDA_TIME_SCALE", "0.01");
    user.run(&["up", "--yes"]).ends(0);
    let made: Vec<String> = proxy.take().into_iter().map(|call| call.name).collect();
    assert!(!made.contains(&"apigateway UpdateRestApi".to_owned()), "the policy is set at creation: {made:?}");
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    // Another tool weakens the policy with a request through the proxy.
    let api = user.run(&["outputs", "api.id"]).ends(0).stdout.trim().to_owned();
    let patch = json!({ "patchOperations": [{ "op": "replace", "path": "/securityPolicy", "value": "TLS_1_0" }] });
    let weaker = rest("apigateway", "PATCH", &format!("/restapis/{api}"), &patch);
    crate::support::aws_rules::tls::after(&weaker, 200, Bytes::from(json!({ "id": api }).to_string()));
    let status = user.run(&["status", "--detailed-exitcode"]).ends(7);
    assert!(status.stdout.contains("securityPolicy"), "{}", status.stdout);
    user.run(&["up", "--yes"]).ends(0);
    let calls = proxy.take();
    let at = |name: &str| calls.iter().rposition(|call| call.name == name).unwrap_or_else(|| panic!("no {name}"));
    let changed = at("apigateway UpdateRestApi");
    let waited = calls[changed..].iter().filter(|call| call.name == "apigateway GetRestApi").count();
    assert!(waited >= 3, "it waits until the API is available again: {waited}");
    // A changed policy needs a new deployment.
    assert!(at("apigateway CreateDeployment") > changed && at("apigateway UpdateStage") > changed, "{calls:#?}");
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0);
}

//! `verify`: a sound stack passes and stays unchanged, and a damaged one fails the checks for the damage.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::botocore;
use crate::support::default_account::default_account;
use crate::support::emulator::{account, endpoint};
use crate::support::program::{CommandOutput, User};
use crate::support::proxy::Proxy;

/// A user with a stack in the default account, the only one that unsigned requests reach. Hold `default_account()`.
pub fn someone(endpoint: &str) -> User {
    let user = User::of("test", endpoint);
    user.run(&["up", "--yes"]).ends(0);
    user
}

fn users(user: &User) -> Value {
    user.run(&["users", "--json"]).ends(0).json()["users"].clone()
}

fn checks(ran: &CommandOutput) -> Vec<Value> {
    let lines = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.filter(|line: &Value| line["type"] == "check").collect()
}

/// `<subject>: <claim>` of every check that failed.
fn failed(ran: &CommandOutput) -> BTreeSet<String> {
    let checks = checks(ran).into_iter().filter(|check| check["verdict"] == "fail");
    checks.map(|check| format!("{}: {}", check["subject"], check["claim"]).replace('"', "")).collect()
}

#[test]
fn verify_passes_for_a_sound_stack_and_leaves_it_unchanged() {
    let _alone = default_account();
    let user = someone(&endpoint());
    let began = Instant::now();
    let ran = user.run(&["verify", "--json", "--report", "proof.html", "--report", "proof.xml"]).ends(0);
    let took = began.elapsed();

    let summary = ran.summary();
    assert_eq!((&summary["type"], &summary["succeeded"]), (&json!("summary"), &json!(true)), "{summary}");
    assert_eq!(summary["counts"]["fail"], 0);
    let all = checks(&ran);
    let counts = &summary["counts"];
    let counted: u64 = ["pass", "fail", "not_tried"].iter().map(|verdict| counts[verdict].as_u64().unwrap()).sum();
    assert_eq!(counted, all.len() as u64);
    let layers: Vec<&str> = all.iter().map(|check| check["layer"].as_str().unwrap()).collect();
    let mut in_order = layers.clone();
    in_order.dedup();
    assert_eq!(in_order, ["authentication", "firewall", "authorization", "secrets", "functions"]);
    for what in
        ["a call without a token is refused", "a token of MyUserPool2 is refused", "a token of MyUserPool1 passes"]
    {
        let check = all.iter().find(|check| check["subject"] == "POST /lambda1" && check["claim"] == what);
        assert_eq!(check.unwrap()["verdict"], "pass", "{what}");
    }
    // The time includes cold starts.
    assert!(took < Duration::from_secs(10), "{took:?}");
    let emulator = &summary["emulator"];
    assert_eq!(emulator["endpoint"], endpoint(), "{summary}");
    assert!(emulator["cannot_show"].as_array().unwrap().contains(&json!("the filtering of the firewall")));
    assert!(summary["notes"][0].as_str().unwrap().contains("blocks nothing"), "{summary}");
    for check in &all {
        assert!(!check["received"].as_str().unwrap().is_empty(), "{check}");
    }

    let reports =
        ["proof.html", "proof.xml"].map(|name| std::fs::read_to_string(user.folder.path().join(name)).unwrap());
    for text in [&ran.stdout, &ran.stderr].into_iter().chain(&reports) {
        // Every token begins with `eyJ`.
        assert!(!text.contains("eyJ"), "{text}");
    }
    assert_eq!(users(&user), json!([]));
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

/// Three named APIs with the same route.
const SEVERAL: &str = r#"[stack]
name = "several"
[functions.F]
source = "f"
[pools.People]
[apis.A]
[[apis.A.routes]]
route = "POST /x"
function = "F"
pool = "People"
verify = true
body = "f/body.schema.json"
[apis.B]
stage = "live"
[[apis.B.routes]]
route = "POST /x"
function = "F"
pool = "People"
verify = true
body = "f/body.schema.json"
[apis.C]
kind = "http"
[[apis.C.routes]]
route = "POST /x"
function = "F"
pool = "People"
verify = true
[firewall]
"#;

#[test]
fn verify_checks_each_of_several_apis_separately() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    user.write("securelambda.toml", SEVERAL);
    user.write("f/index.mjs", "export const handler = async () => ({ statusCode: 200, body: \"{}\" });\n");
    user.write(
        "f/body.schema.json",
        r#"{"type":"object","required":["name"],"properties":{"name":{"type":"string"}}}"#,
    );
    user.run(&["up", "--yes"]).ends(0);
    let ran = user.run(&["verify", "--json"]);
    assert_eq!(failed(&ran), BTreeSet::new());
    let all = checks(&ran.ends(0));

    let mut rows = BTreeSet::new();
    for check in &all {
        let row = format!("{}: {}", check["subject"], check["claim"]).replace('"', "");
        assert!(rows.insert(row.clone()), "two rows say {row}");
    }
    for row in [
        "A POST /x: a token of People passes",
        "B POST /x: a token of People passes",
        "C POST /x: a token of People passes",
        "B POST /x: a body that violates the model does not reach the function",
        "stage A.development: a burst above a route's limit is throttled",
        "stage B.live: a burst above a route's limit is throttled",
        "stage C.$default: a burst above a route's limit is throttled",
    ] {
        assert!(rows.contains(row), "no {row}: {rows:#?}");
    }
    // The burst to each stage is sent to the route of its own API.
    let outputs = user.run(&["outputs", "--json"]).ends(0).json();
    for (stage, api) in [("A.development", "A"), ("B.live", "B")] {
        let sent = outputs["apis"][api]["routes"][0]["url"].as_str().unwrap();
        let check = all.iter().find(|check| {
            check["claim"] == "a burst above a route's limit is throttled"
                && check["subject"] == format!("stage {stage}")
        });
        let check = check.unwrap();
        assert!(check["sent"].as_str().unwrap().contains(sent), "{check}");
    }
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

#[test]
fn verify_refuses_a_report_of_unknown_format_or_in_a_missing_folder() {
    let user = User::bare();
    user.run(&["verify", "--report", "proof.pdf"]).ends(2).says(".html or .xml");
    user.run(&["verify", "--report", "nowhere/proof.xml"]).ends(2).says("does not exist");
}

#[test]
fn verify_without_a_stack_ends_with_6() {
    User::of(&account(), &endpoint()).run(&["verify"]).ends(6);
}

#[test]
fn verify_that_is_stopped_half_way_leaves_no_user() {
    let _alone = default_account();
    // Slow enough to be stopped half-way.
    let proxy = Proxy::new(&endpoint(), Duration::from_millis(60));
    let user = someone(&proxy.endpoint);
    for seen in ["AdminCreateUser", "InitiateAuth", "FilterLogEvents"] {
        proxy.take();
        let child = user.command(&["verify", "--json"]).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while !proxy.take().iter().any(|call| call.name.ends_with(seen)) {
            assert!(Instant::now() < deadline, "no {seen} within 30 s");
            std::thread::sleep(Duration::from_millis(5));
        }
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let asked = Instant::now();
        let ran = CommandOutput::from(child.wait_with_output().unwrap()).ends(8).says("stopped");
        assert!(asked.elapsed() < Duration::from_secs(7), "{:?}", asked.elapsed());
        assert_eq!(ran.stdout.lines().count(), 1, "no proof of a part");
        assert_eq!(ran.summary()["stopped"], true);
        assert_eq!(users(&user), json!([]), "after {seen}");
    }
    user.run(&["down", "--yes"]).ends(0);
}

/// A change by another tool, and the checks that must fail because of it.
struct Damage {
    name: &'static str,
    by: fn(&User, &Value),
    fails: &'static [&'static str],
}

fn aws(user: &User, service: &str, operation: &str, arguments: &Value) -> Value {
    let answer = botocore::call(user, service, operation, arguments);
    assert!(answer.get("Error").is_none(), "{operation}: {answer}");
    answer
}

/// Patches the methods of paths and deploys them.
fn patch_methods(user: &User, outputs: &Value, patches: &[(&str, Value)]) {
    let api = &outputs["api"]["id"];
    let resources = aws(user, "apigateway", "get_resources", &json!({ "restApiId": api }));
    for (path, patch) in patches {
        let resource = resources["items"].as_array().unwrap().iter().find(|item| item["path"] == *path).unwrap();
        let arguments = json!({
            "restApiId": api, "resourceId": resource["id"], "httpMethod": "POST", "patchOperations": [patch],
        });
        aws(user, "apigateway", "update_method", &arguments);
    }
    aws(user, "apigateway", "create_deployment", &json!({ "restApiId": api, "stageName": "development" }));
}

fn stage_arn(outputs: &Value) -> String {
    format!("arn:aws:apigateway:eu-central-1::/restapis/{}/stages/development", outputs["api"]["id"].as_str().unwrap())
}

fn authorizers(user: &User, outputs: &Value) -> [Value; 2] {
    let all = aws(user, "apigateway", "get_authorizers", &json!({ "restApiId": outputs["api"]["id"] }));
    let id =
        |name: &str| all["items"].as_array().unwrap().iter().find(|item| item["name"] == name).unwrap()["id"].clone();
    [id("AGAuthorizer1"), id("AGAuthorizer2")]
}

/// Adds a method without an authorizer to a path, with the function of `POST /lambda1`, and deploys it.
fn open_method(user: &User, outputs: &Value, path: &str, method: &str) {
    let api = &outputs["api"]["id"];
    let resources = aws(user, "apigateway", "get_resources", &json!({ "restApiId": api }));
    let id = |path: &str| {
        let all = resources["items"].as_array().unwrap();
        all.iter().find(|item| item["path"] == path).unwrap()["id"].clone()
    };
    let at = |path: &str, method: &str| json!({ "restApiId": api, "resourceId": id(path), "httpMethod": method });
    let integration = aws(user, "apigateway", "get_integration", &at("/lambda1", "POST"));
    let with = |more: Value| {
        let mut arguments = at(path, method);
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    aws(user, "apigateway", "put_method", &with(json!({ "authorizationType": "NONE" })));
    let to = json!({ "type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": integration["uri"] });
    aws(user, "apigateway", "put_integration", &with(to));
    aws(user, "apigateway", "create_deployment", &json!({ "restApiId": api, "stageName": "development" }));
}

/// Gives `POST /lambda1` an authorizer function that allows everything to a caller with any token.
fn accept_every_token(user: &User, outputs: &Value) {
    let (api, function) = (&outputs["api"]["id"], &outputs["functions"]["ExternalLambda1"]);
    let policy = "async (event) => ({principalId: 'x', policyDocument: {Version: '2012-10-17', Statement: [{Effect: \
                  'Allow', Action: 'execute-api:Invoke', Resource: '*'}]}})";
    let code = std::env::temp_dir().join(format!("authorizer-{}.zip", std::process::id()));
    let zipped = std::process::Command::new("python3")
        .args(["-c", "import sys, zipfile; zipfile.ZipFile(sys.argv[1], 'w').writestr('index.mjs', sys.argv[2])"])
        .arg(&code)
        .arg(format!("export const handler = {policy};\n"))
        .status();
    assert!(zipped.unwrap().success());
    let zip: String = std::fs::read(&code).unwrap().iter().map(|byte| char::from(*byte)).collect();
    std::fs::remove_file(&code).unwrap();
    let made = aws(
        user,
        "lambda",
        "create_function",
        &json!({
            "FunctionName": "stranger", "Runtime": "nodejs24.x", "Handler": "index.handler", "Role": function["role_arn"],
            "Code": { "ZipFile": zip },
        }),
    );
    let arn = made["FunctionArn"].as_str().unwrap();
    let uri = format!("arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/{arn}/invocations");
    let authorizer = aws(
        user,
        "apigateway",
        "create_authorizer",
        &json!({
            "restApiId": api, "name": "stranger", "type": "TOKEN", "authorizerUri": uri,
            "identitySource": "method.request.header.Authorization", "authorizerResultTtlInSeconds": 0,
        }),
    );
    let replace = |path: &str, value: &Value| json!({ "op": "replace", "path": path, "value": value });
    patch_methods(user, outputs, &[("/lambda1", replace("/authorizationType", &json!("CUSTOM")))]);
    patch_methods(user, outputs, &[("/lambda1", replace("/authorizerId", &authorizer["id"]))]);
}

const DAMAGES: &[Damage] = &[
    Damage {
        name: "a topic open to anyone",
        by: |user, outputs| {
            let policy = json!({ "Version": "2012-10-17", "Statement": [
                { "Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": "*" },
            ] });
            let arguments = json!({
                "TopicArn": outputs["topics"]["greetings"]["arn"], "AttributeName": "Policy",
                "AttributeValue": policy.to_string(),
            });
            aws(user, "sns", "set_topic_attributes", &arguments);
        },
        fails: &[
            "topic greetings: nobody but the subscribers of the stack file receives its messages, and only this account can use it",
        ],
    },
    Damage {
        name: "a route open to anyone",
        by: |user, outputs| {
            let patch = json!({ "op": "replace", "path": "/authorizationType", "value": "NONE" });
            patch_methods(user, outputs, &[("/lambda1", patch)]);
        },
        fails: &[
            "API: routes match the stack file, and there are no others",
            "POST /lambda1: a call without a token is refused",
        ],
    },
    Damage {
        name: "an authorizer that accepts every token",
        by: accept_every_token,
        fails: &[
            "API: routes match the stack file, and there are no others",
            "POST /lambda1: garbage is refused",
            "POST /lambda1: garbage in an Authorization header in title case is refused",
            "POST /lambda1: a tampered signature is refused",
            "POST /lambda1: a token with alg none is refused",
            "POST /lambda1: a token whose expiry was changed is refused",
            "POST /lambda1: a token whose nbf was changed is refused",
            "POST /lambda1: a token whose subject was changed is refused",
            "POST /lambda1: a token that an attacker signed is refused",
            "POST /lambda1: a token with an attacker's kid is refused",
            "POST /lambda1: a token with an attacker's key in jwk is refused",
            "POST /lambda1: a token with an attacker's key set in jku is refused",
            "POST /lambda1: a token with an attacker's certificate in x5u is refused",
            "POST /lambda1: a token with the kid of another key is refused",
            "POST /lambda1: a token signed with the public key (HS256) is refused",
            "POST /lambda1: a token of MyUserPool2 is refused",
        ],
    },
    Damage {
        name: "a token taken from the query",
        by: |user, outputs| {
            let arguments = json!({
                "restApiId": outputs["api"]["id"], "authorizerId": authorizers(user, outputs)[0],
                "patchOperations": [{
                    "op": "replace", "path": "/identitySource", "value": "method.request.querystring.token",
                }],
            });
            aws(user, "apigateway", "update_authorizer", &arguments);
            aws(
                user,
                "apigateway",
                "create_deployment",
                &json!({
                    "restApiId": outputs["api"]["id"], "stageName": "development",
                }),
            );
        },
        fails: &["POST /lambda1: a token in the query string is refused"],
    },
    Damage {
        name: "a method that nobody wrote",
        by: |user, outputs| open_method(user, outputs, "/lambda1", "PUT"),
        fails: &[
            "API: routes match the stack file, and there are no others",
            "/lambda1: methods that no route has are refused",
        ],
    },
    Damage {
        name: "OPTIONS answered by the function",
        by: |user, outputs| open_method(user, outputs, "/lambda2", "OPTIONS"),
        fails: &["/lambda2: OPTIONS does not reach a function"],
    },
    Damage {
        name: "an invoke permission removed",
        by: |user, outputs| {
            let name = &outputs["functions"]["ExternalLambda1"]["name"];
            let answer = aws(user, "lambda", "get_policy", &json!({ "FunctionName": name }));
            let policy: Value = serde_json::from_str(answer["Policy"].as_str().unwrap()).unwrap();
            for statement in policy["Statement"].as_array().unwrap() {
                let arguments = json!({ "FunctionName": name, "StatementId": statement["Sid"] });
                aws(user, "lambda", "remove_permission", &arguments);
            }
        },
        fails: &["POST /lambda1 ExternalLambda1: the permission to call the function is limited to its source"],
    },
    Damage {
        name: "a path for everything",
        by: |user, outputs| {
            let api = &outputs["api"]["id"];
            let all = aws(user, "apigateway", "get_resources", &json!({ "restApiId": api }));
            let root = all["items"].as_array().unwrap().iter().find(|item| item["path"] == "/").unwrap();
            let arguments = json!({ "restApiId": api, "parentId": root["id"], "pathPart": "{proxy+}" });
            aws(user, "apigateway", "create_resource", &arguments);
            open_method(user, outputs, "/{proxy+}", "GET");
        },
        fails: &["API: paths match the stack file", "API: paths that no route has are refused"],
    },
    Damage {
        name: "two authorizers swapped",
        by: |user, outputs| {
            let patch = |id: &Value| json!({ "op": "replace", "path": "/authorizerId", "value": id });
            let [first, second] = authorizers(user, outputs);
            patch_methods(user, outputs, &[("/lambda1", patch(&second)), ("/lambda2", patch(&first))]);
        },
        fails: &[
            "API: routes match the stack file, and there are no others",
            "POST /lambda1: a token of MyUserPool2 is refused",
            "POST /lambda1: a token of MyUserPool1 passes",
            "POST /lambda2: a token of MyUserPool1 is refused",
            "POST /lambda2: a token of MyUserPool2 passes",
        ],
    },
    Damage {
        name: "the throttle lifted",
        by: |user, outputs| {
            let limit =
                |name: &str| json!({ "op": "replace", "path": format!("/*/*/throttling/{name}"), "value": "10000" });
            let arguments = json!({
                "restApiId": outputs["api"]["id"], "stageName": "development",
                "patchOperations": [limit("rateLimit"), limit("burstLimit")],
            });
            aws(user, "apigateway", "update_stage", &arguments);
        },
        fails: &[
            "stage development: throttling matches the stack file, and there are no other stages",
            "stage development: a burst above a route's limit is throttled",
        ],
    },
    Damage {
        name: "the web ACL taken off",
        by: |user, outputs| {
            aws(user, "wafv2", "disassociate_web_acl", &json!({ "ResourceArn": stage_arn(outputs) }));
        },
        fails: &["web ACL: it is attached to the API's stage"],
    },
    Damage {
        name: "the secret pointing elsewhere",
        by: |user, outputs| {
            let secret = &outputs["secrets"]["LambdaSNSTopicARN"]["arn"];
            let value = json!({ "TOPIC_ARN": "arn:aws:sns:eu-central-1:000000000000:elsewhere" }).to_string();
            aws(user, "secretsmanager", "put_secret_value", &json!({ "SecretId": secret, "SecretString": value }));
        },
        fails: &["secret LambdaSNSTopicARN: the stack wrote its value, and nobody else may read or replace it"],
    },
    Damage {
        name: "a role widened twice",
        by: |user, outputs| {
            let role = "securelambda-InternalLambda";
            let document = json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow", "Action": "sns:Publish", "Resource": outputs["topics"]["greetings"]["arn"],
                }],
            });
            let inline = json!({ "RoleName": role, "PolicyName": "more", "PolicyDocument": document.to_string() });
            aws(user, "iam", "put_role_policy", &inline);
            let managed = json!({ "RoleName": role, "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess" });
            aws(user, "iam", "attach_role_policy", &managed);
        },
        fails: &[
            "role InternalLambda: only the service that needs it can assume it, and it has no other policies",
            "role InternalLambda: its policies do not allow access to the topic greetings",
            "role InternalLambda: its policies do not allow access to the secret LambdaSNSTopicARN",
        ],
    },
    Damage {
        name: "a credential in an environment variable",
        by: |user, outputs| {
            let name = &outputs["functions"]["ExternalLambda1"]["name"];
            let config = aws(user, "lambda", "get_function_configuration", &json!({ "FunctionName": name }));
            let mut environment = config["Environment"].clone();
            environment["Variables"]["DB_PASSWORD"] = json!("hunter2");
            let arguments = json!({ "FunctionName": name, "Environment": environment });
            aws(user, "lambda", "update_function_configuration", &arguments);
        },
        fails: &[
            "ExternalLambda1: its environment contains no credential",
            "ExternalLambda1: code and settings match the stack file, and nothing else can call the function or receive its events and results",
        ],
    },
    Damage {
        name: "a function's code replaced",
        by: |user, outputs| {
            let name = &outputs["functions"]["ExternalLambda2"]["name"];
            // An empty archive.
            let zip = format!("PK\u{5}\u{6}{}", "\0".repeat(18));
            aws(user, "lambda", "update_function_code", &json!({ "FunctionName": name, "ZipFile": zip }));
        },
        fails: &[
            "ExternalLambda2: code and settings match the stack file, and nothing else can call the function or receive its events and results",
            "POST /lambda2: a token of MyUserPool2 passes",
        ],
    },
    Damage {
        name: "a client that tells who has an account",
        by: |user, outputs| {
            let pool = &outputs["pools"]["MyUserPool1"];
            let arguments = json!({
                "UserPoolId": pool["id"], "ClientId": pool["client_id"],
                "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_CUSTOM_AUTH"],
                "PreventUserExistenceErrors": "LEGACY",
                "EnableTokenRevocation": false,
            });
            aws(user, "cognito-idp", "update_user_pool_client", &arguments);
        },
        fails: &[
            "app client of MyUserPool1: sign-in flows match the stack file",
            "MyUserPool1: a wrong password and an unknown user get the same answer",
            "MyUserPool1: refresh tokens can be revoked",
        ],
    },
    Damage {
        name: "a second app client",
        by: |user, outputs| {
            let arguments = json!({ "UserPoolId": outputs["pools"]["MyUserPool1"]["id"], "ClientName": "theirs" });
            aws(user, "cognito-idp", "create_user_pool_client", &arguments);
        },
        fails: &["MyUserPool1: settings match the stack file"],
    },
    Damage {
        name: "logs kept for ever",
        by: |user, outputs| {
            let group = &outputs["functions"]["InternalLambda"]["log_group"];
            aws(user, "logs", "delete_retention_policy", &json!({ "logGroupName": group }));
        },
        fails: &[
            "log of InternalLambda: retention matches the stack file, and nobody else receives or writes the events",
        ],
    },
    Damage {
        name: "the body's check gone",
        by: |user, outputs| {
            let patch = json!({ "op": "replace", "path": "/requestValidatorId", "value": "" });
            patch_methods(user, outputs, &[("/lambda1", patch)]);
        },
        fails: &[
            "API: routes match the stack file, and there are no others",
            "POST /lambda1: a body that violates the model does not reach the function",
        ],
    },
    Damage {
        name: "the subscription removed",
        by: |user, outputs| {
            let topic = &outputs["topics"]["greetings"]["arn"];
            let all = aws(user, "sns", "list_subscriptions_by_topic", &json!({ "TopicArn": topic }));
            for subscription in all["Subscriptions"].as_array().unwrap() {
                let arguments = json!({ "SubscriptionArn": subscription["SubscriptionArn"] });
                aws(user, "sns", "unsubscribe", &arguments);
            }
        },
        fails: &[
            "InternalLambda: the subscription exists and delivers every message of its topic",
            "InternalLambda: the message of a call to POST /lambda1 arrives",
            "InternalLambda: the message of a call to POST /lambda2 arrives",
        ],
    },
    Damage {
        name: "a client without the way we sign in",
        by: |user, outputs| {
            let pool = &outputs["pools"]["MyUserPool2"];
            let arguments = json!({
                "UserPoolId": pool["id"], "ClientId": pool["client_id"],
                "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
                "PreventUserExistenceErrors": "ENABLED",
            });
            aws(user, "cognito-idp", "update_user_pool_client", &arguments);
        },
        fails: &["MyUserPool2: a user can sign in", "app client of MyUserPool2: sign-in flows match the stack file"],
    },
    Damage {
        name: "a path that nobody wrote",
        by: |user, outputs| {
            let api = &outputs["api"]["id"];
            let all = aws(user, "apigateway", "get_resources", &json!({ "restApiId": api }));
            let root = all["items"].as_array().unwrap().iter().find(|item| item["path"] == "/").unwrap();
            let arguments = json!({ "restApiId": api, "parentId": root["id"], "pathPart": "debug" });
            aws(user, "apigateway", "create_resource", &arguments);
        },
        fails: &["API: paths match the stack file"],
    },
    Damage {
        name: "a schema that takes anything",
        by: |user, outputs| {
            let arguments = json!({
                "restApiId": outputs["api"]["id"], "modelName": "LambdasExternalRequestSchema",
                "patchOperations": [{ "op": "replace", "path": "/schema", "value": "{}" }],
            });
            aws(user, "apigateway", "update_model", &arguments);
        },
        fails: &["model LambdasExternalRequestSchema: it matches the schema file"],
    },
    Damage {
        name: "an authorizer removed",
        by: |user, outputs| {
            let [first, _] = authorizers(user, outputs);
            let arguments = json!({ "restApiId": outputs["api"]["id"], "authorizerId": first });
            aws(user, "apigateway", "delete_authorizer", &arguments);
        },
        fails: &["authorizer AGAuthorizer1: it trusts only its own pool"],
    },
    Damage {
        name: "a deployment removed",
        by: |user, outputs| {
            let api = &outputs["api"]["id"];
            let stage = aws(user, "apigateway", "get_stage", &json!({ "restApiId": api, "stageName": "development" }));
            let arguments = json!({ "restApiId": api, "deploymentId": stage["deploymentId"] });
            aws(user, "apigateway", "delete_deployment", &arguments);
        },
        fails: &["API: the stack file's routes are deployed"],
    },
    Damage {
        name: "the validator switched off",
        by: |user, outputs| {
            let api = &outputs["api"]["id"];
            let all = aws(user, "apigateway", "get_request_validators", &json!({ "restApiId": api }));
            let arguments = json!({
                "restApiId": api, "requestValidatorId": all["items"][0]["id"],
                "patchOperations": [{ "op": "replace", "path": "/validateRequestBody", "value": "false" }],
            });
            aws(user, "apigateway", "update_request_validator", &arguments);
        },
        fails: &["body validator: settings match the stack file"],
    },
    Damage {
        name: "an address added",
        by: |user, _| {
            let set = aws(user, "wafv2", "list_ip_sets", &json!({ "Scope": "REGIONAL" }))["IPSets"][0].clone();
            let arguments = json!({
                "Name": set["Name"], "Scope": "REGIONAL", "Id": set["Id"], "LockToken": set["LockToken"],
                "Addresses": ["203.0.113.7/32", "198.51.100.0/24"],
            });
            aws(user, "wafv2", "update_ip_set", &arguments);
        },
        fails: &["IP set addresses-v4: addresses match the stack file"],
    },
    Damage {
        name: "the firewall's rule removed",
        by: |user, _| {
            let acl = aws(user, "wafv2", "list_web_acls", &json!({ "Scope": "REGIONAL" }))["WebACLs"][0].clone();
            let metrics = json!({
                "SampledRequestsEnabled": true, "CloudWatchMetricsEnabled": true, "MetricName": "securelambda-web-acl",
            });
            let arguments = json!({
                "Name": acl["Name"], "Scope": "REGIONAL", "Id": acl["Id"], "LockToken": acl["LockToken"],
                "DefaultAction": { "Allow": {} }, "Rules": [], "VisibilityConfig": metrics,
            });
            aws(user, "wafv2", "update_web_acl", &arguments);
        },
        fails: &["web ACL: rules and actions match the stack file"],
    },
    Damage {
        name: "a role's own policy widened",
        by: |user, _| {
            let document = json!({
                "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "logs:*", "Resource": "*" }],
            });
            let arguments = json!({
                "RoleName": "securelambda-ExternalLambda2", "PolicyName": "securelambda",
                "PolicyDocument": document.to_string(),
            });
            aws(user, "iam", "put_role_policy", &arguments);
        },
        fails: &["role ExternalLambda2: its policy equals the policy that the program derives"],
    },
    Damage {
        name: "a runtime that is no longer supported",
        by: |user, outputs| {
            let name = &outputs["functions"]["ExternalLambda2"]["name"];
            let arguments = json!({ "FunctionName": name, "Runtime": "nodejs18.x" });
            aws(user, "lambda", "update_function_configuration", &arguments);
        },
        fails: &["ExternalLambda2: the runtime is supported"],
    },
];

/// Claims that no change in the emulator can break, or that are not tried there. The tests in the file of each claim
/// show that it can fail.
const UNDAMAGED: [&str; 9] = [
    "ID tokens are signed with a published key",
    "ID tokens name their issuer and their client",
    "a body of more than 10 MB does not reach a function",
    "a body with another content type does not reach the function",
    "all resources are in one account and one region",
    "an expired token is refused",
    "requests from this machine pass the firewall",
    "requests reach it",
    "users cannot set attributes that the app client may not write",
];

#[test]
fn verify_names_every_damage_and_up_repairs_it() {
    let _alone = default_account();
    // A short time scale, because `verify` waits for messages that do not arrive.
    let user = someone(&endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.1");
    let outputs = user.run(&["outputs", "--json"]).ends(0).json();
    let claims = |ran: &CommandOutput| -> BTreeSet<String> {
        checks(ran).iter().map(|check| check["claim"].as_str().unwrap().to_owned()).collect()
    };
    let mut never_failed = claims(&user.run(&["verify", "--json"]).ends(0));
    for Damage { name, by, fails } in DAMAGES {
        by(&user, &outputs);
        let ran = user.run(&["verify", "--json"]);
        assert_eq!(ran.code, 5, "{name}: {}", ran.stderr);
        let failed = failed(&ran);
        never_failed.retain(|claim| !failed.iter().any(|check| check.ends_with(&format!(": {claim}"))));
        for check in *fails {
            assert!(failed.contains(*check), "{name}: {check:?} is not among {failed:#?}");
        }
        if *name == "the web ACL taken off" {
            let only: BTreeSet<String> = fails.iter().map(|&check| check.to_owned()).collect();
            assert_eq!(failed, only, "one failure for one cause");
        }
        let summary = ran.summary();
        assert_eq!(
            (&summary["succeeded"], &summary["counts"]["fail"]),
            (&json!(false), &json!(failed.len())),
            "{name}"
        );
        assert!(ran.stderr.contains(&format!("{} of ", failed.len())), "{name}: {}", ran.stderr);
        assert!(!ran.stdout.contains("hunter2"), "{name}");
        assert_eq!(users(&user), json!([]), "{name}");
        user.run(&["up", "--yes"]).ends(0);
        user.run(&["status", "--detailed-exitcode"]).ends(0);
    }
    aws(&user, "lambda", "delete_function", &json!({ "FunctionName": "stranger" }));
    let ran = user.run(&["verify", "--json"]).ends(0);
    assert_eq!(failed(&ran), BTreeSet::new());
    never_failed.retain(|claim| !claim.starts_with("settings that an emulator does not support"));
    assert_eq!(never_failed, UNDAMAGED.map(str::to_owned).into(), "every other claim was seen to fail");
    user.run(&["down", "--yes"]).ends(0);
}

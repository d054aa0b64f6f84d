//! `export terraform` and `export cloudformation`: outside models check what they write, and botocore checks that the
//! resources to import exist.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use securelambda::aws::KINDS;
use serde_json::{Value, json};

use crate::support::botocore::{accepted, calls};
use crate::support::emulator::{account, endpoint};
use crate::support::program::User;
use crate::support::{edge, python};

const HCL: &str = "python-hcl2==8.1.4";
const LINT: &str = "cfn-lint==1.58.0";

/// The kinds that neither a blueprint nor the stack of the edge has.
const FILE: &str = r#"
[stack]
name = "leaving"
kms_key = "create"
tags = { team = "payments" }
[tables.notes]
key = "userId"
sort = "noteId:N"
ttl = "expires"
stream = "new-and-old"
indexes = { byDate = { key = "userId", sort = "date" } }
recovery = true
[topics.news]
tls_only = true
subscribers = [{ queue = "work" }, { email = "ops@example.com" }]
[secrets.Where]
TOPIC_ARN = { topic = "news" }
WORD = { generate = 24 }
settings = { rotation = { function = "Pictures", days = 30 } }
[functions.Reader]
source = "f"
secrets = ["Where"]
reads = ["notes"]
writes = ["notes"]
on_failure = { queue = "dead" }
sends = ["work"]
environment = { QUEUE = { queue = "work" }, POOL = { pool_id = "People" }, TEXT = "${HOME} %{x} \"quoted\"" }
ephemeral_mb = 1024
provisioned_concurrency = 1
[[functions.Reader.triggers]]
topic = "news"
[[functions.Reader.triggers]]
queue = "work"
[[functions.Reader.triggers]]
schedule = "rate(1 day)"
[[functions.Reader.triggers]]
stream = "notes"
on_failure = { topic = "news" }
[functions.Pictures]
source = "f"
[pools.People]
groups = ["staff"]
attributes = { tenant = {} }
mfa = "optional"
threat_protection = "enforced"
firewall = true
mail = { verification = { subject = "Code", text = "{####}" } }
hooks = { post_confirmation = "Reader", pre_token = "Pictures" }
[identity_pools.Files]
pool = "People"
allow = [{ actions = ["s3:GetObject"], resources = ["arn:{partition}:s3:::photos/*"] }]
tags = { tenant = "custom:tenant" }
groups = { staff = [{ actions = ["s3:PutObject"], resources = ["arn:{partition}:s3:::photos/*"] }] }
[queues.work]
dead_letter_after = 3
[api]
logs = { access = true, execution = "error" }
cors = { origins = ["https://app.example.com"], headers = ["Authorization"] }
[[api.routes]]
route = "POST /notes/{id}"
function = "Reader"
pool = "People"
body = "note.json"
rate_limit = 5
burst_limit = 5
[[api.routes]]
route = "GET /signed"
function = "Pictures"
auth = "iam"
[firewall]
mode = "allow"
addresses = ["203.0.113.0/24", "2001:db8::/32"]
log = true
rate_per_ip = 1000
body_limit_kb = 32
managed_rules = ["common:block", "sqli"]
countries = { block = ["KP"] }
exceptions = { common = ["SizeRestrictions_BODY"] }
[[firewall.rules]]
name = "admin-from-office"
action = "block"
path = "/admin/*"
header = "X-Client: beta*"
method = "POST"
body_over_kb = 8
unless_address = ["203.0.113.0/24"]
[alarms]
notify = "ops@example.com"
"#;

/// The stacks that contain every kind.
const STACKS: [(&str, &[&str]); 5] = [
    ("tutorial", &["--blueprint", "tutorial"]),
    ("http-jwt", &["--blueprint", "http-jwt"]),
    ("api-to-api", &["--blueprint", "api-to-api"]),
    ("edge", &[]),
    ("leaving", &[]),
];

/// Builds one of the stacks, exports it in both forms, and returns the kinds that it has.
fn exported(name: &str, arguments: &[&str]) -> (User, BTreeSet<String>) {
    let user = User::of(&account(), &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02");
    match name {
        "edge" => {
            let file = edge::STACK.replace("kind = \"http\"\n", "kind = \"http\"\ndefault_endpoint = false\n");
            edge::write(&user, &file);
        }
        "leaving" => {
            user.write("securelambda.toml", FILE);
            user.write("f/index.mjs", "export const handler = async () => ({ statusCode: 200 });\n");
            user.write("note.json", r#"{"type":"object","properties":{"text":{"type":"string","pattern":"^[$]{1}"}}}"#);
        }
        _ => {}
    }
    let with = |command: &[&str]| user.run(&[command, arguments].concat());
    with(&["up", "--yes"]).ends(0);
    let before = std::fs::read_to_string(user.state()).unwrap();
    with(&["export", "terraform", "--out", "terraform"]).ends(0).says("Wrote terraform/resources.tf");
    with(&["export", "cloudformation", "--out", "cfn"]).ends(0).says("Wrote cfn/template.json");
    assert_eq!(std::fs::read_to_string(user.state()).unwrap(), before, "an export changes nothing");
    let state: Value = serde_json::from_str(&before).unwrap();
    let kinds = state["resources"].as_object().unwrap().values().map(|one| one["kind"].as_str().unwrap().to_owned());
    let kinds = kinds.collect();
    (user, kinds)
}

/// Runs one of the checking programs in the environment with this package.
fn checked(name: &str, requirement: &str, script: &str, arguments: &[&Path]) -> Value {
    let python = python::installed(name, requirement).join("venv/bin/python");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support").join(script);
    let output = Command::new(python).arg("-I").arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn terraform(user: &User) -> Value {
    let facts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/facts/terraform.json");
    checked("hcl2", HCL, "terraform.py", &[&user.folder.path().join("terraform"), &facts])
}

fn cloudformation(user: &User) -> Value {
    checked("cfn-lint", LINT, "cloudformation.py", &[&user.folder.path().join("cfn"), Path::new("eu-central-1")])
}

/// The call that reads what Terraform's import reads, from the type and the id of an import. The ids have the forms that
/// the provider's documentation gives (website/docs/r/*.markdown, Import).
fn reads(kind: &str, id: &str) -> Value {
    let parts = |separator: char| id.split(separator).map(str::to_owned).collect::<Vec<_>>();
    let (slashes, colons) = (parts('/'), parts(':'));
    let s = |at: usize| slashes.get(at).cloned().unwrap_or_default();
    let rest = |operation: &str, arguments: Value| json!(["apigateway", operation, arguments]);
    let http = |operation: &str, arguments: Value| json!(["apigatewayv2", operation, arguments]);
    let users = |operation: &str, arguments: Value| json!(["cognito-idp", operation, arguments]);
    let method = json!({ "restApiId": s(0), "resourceId": s(1), "httpMethod": s(2) });
    let answer = json!({ "restApiId": s(0), "resourceId": s(1), "httpMethod": s(2), "statusCode": s(3) });
    let stage = json!({ "restApiId": s(0), "stageName": s(1) });
    match kind {
        "aws_sns_topic" => json!(["sns", "GetTopicAttributes", { "TopicArn": id }]),
        "aws_sns_topic_subscription" => json!(["sns", "GetSubscriptionAttributes", { "SubscriptionArn": id }]),
        "aws_sqs_queue" => json!(["sqs", "GetQueueAttributes", { "QueueUrl": id }]),
        "aws_dynamodb_table" => json!(["dynamodb", "DescribeTable", { "TableName": id }]),
        "aws_secretsmanager_secret" | "aws_secretsmanager_secret_rotation" => {
            json!(["secretsmanager", "DescribeSecret", { "SecretId": id }])
        }
        "aws_cloudwatch_log_group" => json!(["logs", "ListTagsLogGroup", { "logGroupName": id }]),
        "aws_iam_role" => json!(["iam", "GetRole", { "RoleName": id }]),
        "aws_iam_role_policy" => json!(["iam", "GetRolePolicy", { "RoleName": colons[0], "PolicyName": colons[1] }]),
        "aws_lambda_function" => json!(["lambda", "GetFunction", { "FunctionName": id }]),
        "aws_lambda_alias" => json!(["lambda", "GetAlias", { "FunctionName": s(0), "Name": s(1) }]),
        "aws_lambda_provisioned_concurrency_config" => {
            let commas = parts(',');
            json!(["lambda", "GetProvisionedConcurrencyConfig", { "FunctionName": commas[0], "Qualifier": commas[1] }])
        }
        "aws_lambda_permission" => {
            let (function, qualifier) = slashes[0].split_once(':').unwrap_or((&slashes[0], ""));
            let mut asked = json!({ "FunctionName": function });
            if !qualifier.is_empty() {
                asked["Qualifier"] = qualifier.into();
            }
            json!(["lambda", "GetPolicy", asked])
        }
        "aws_lambda_event_source_mapping" => json!(["lambda", "GetEventSourceMapping", { "UUID": id }]),
        "aws_scheduler_schedule_group" => json!(["scheduler", "GetScheduleGroup", { "Name": id }]),
        "aws_scheduler_schedule" => json!(["scheduler", "GetSchedule", { "GroupName": s(0), "Name": s(1) }]),
        "aws_api_gateway_rest_api" | "aws_api_gateway_rest_api_policy" => {
            rest("GetRestApi", json!({ "restApiId": id }))
        }
        "aws_api_gateway_gateway_response" => {
            rest("GetGatewayResponse", json!({ "restApiId": s(0), "responseType": s(1) }))
        }
        "aws_api_gateway_authorizer" => rest("GetAuthorizer", json!({ "restApiId": s(0), "authorizerId": s(1) })),
        "aws_api_gateway_request_validator" => {
            rest("GetRequestValidator", json!({ "restApiId": s(0), "requestValidatorId": s(1) }))
        }
        "aws_api_gateway_model" => rest("GetModel", json!({ "restApiId": s(0), "modelName": s(1) })),
        "aws_api_gateway_resource" => rest("GetResource", json!({ "restApiId": s(0), "resourceId": s(1) })),
        "aws_api_gateway_method" => rest("GetMethod", method),
        "aws_api_gateway_integration" => rest("GetIntegration", method),
        "aws_api_gateway_method_response" => rest("GetMethodResponse", answer),
        "aws_api_gateway_integration_response" => rest("GetIntegrationResponse", answer),
        "aws_api_gateway_deployment" => rest("GetDeployment", json!({ "restApiId": s(0), "deploymentId": s(1) })),
        "aws_api_gateway_stage" | "aws_api_gateway_method_settings" => rest("GetStage", stage),
        "aws_api_gateway_api_key" => rest("GetApiKey", json!({ "apiKey": id })),
        "aws_api_gateway_usage_plan" => rest("GetUsagePlan", json!({ "usagePlanId": id })),
        "aws_api_gateway_usage_plan_key" => rest("GetUsagePlanKey", json!({ "usagePlanId": s(0), "keyId": s(1) })),
        "aws_apigatewayv2_api" => http("GetApi", json!({ "ApiId": id })),
        "aws_apigatewayv2_authorizer" => http("GetAuthorizer", json!({ "ApiId": s(0), "AuthorizerId": s(1) })),
        "aws_apigatewayv2_integration" => http("GetIntegration", json!({ "ApiId": s(0), "IntegrationId": s(1) })),
        "aws_apigatewayv2_route" => http("GetRoute", json!({ "ApiId": s(0), "RouteId": s(1) })),
        "aws_apigatewayv2_stage" => http("GetStage", json!({ "ApiId": s(0), "StageName": s(1) })),
        "aws_apigatewayv2_domain_name" => http("GetDomainName", json!({ "DomainName": id })),
        "aws_apigatewayv2_api_mapping" => http("GetApiMapping", json!({ "ApiMappingId": s(0), "DomainName": s(1) })),
        "aws_route53_record" => json!(["route53", "ListResourceRecordSets", { "HostedZoneId": parts('_')[0] }]),
        "aws_cognito_identity_pool" => json!(["cognito-identity", "DescribeIdentityPool", { "IdentityPoolId": id }]),
        "aws_cognito_identity_pool_roles_attachment" => {
            json!(["cognito-identity", "GetIdentityPoolRoles", { "IdentityPoolId": id }])
        }
        "aws_cognito_identity_pool_provider_principal_tag" => {
            let (pool, provider) = id.rsplit_once(':').unwrap();
            let asked = json!({ "IdentityPoolId": pool, "IdentityProviderName": provider });
            json!(["cognito-identity", "GetPrincipalTagAttributeMap", asked])
        }
        "aws_cognito_user_pool" | "aws_cognito_risk_configuration" => {
            users("DescribeUserPool", json!({ "UserPoolId": id }))
        }
        "aws_cognito_user_pool_client" => {
            users("DescribeUserPoolClient", json!({ "UserPoolId": s(0), "ClientId": s(1) }))
        }
        "aws_cognito_user_group" => users("GetGroup", json!({ "UserPoolId": s(0), "GroupName": s(1) })),
        "aws_cognito_resource_server" => {
            let bars = parts('|');
            users("DescribeResourceServer", json!({ "UserPoolId": bars[0], "Identifier": bars[1] }))
        }
        "aws_cognito_identity_provider" => {
            users("DescribeIdentityProvider", json!({ "UserPoolId": colons[0], "ProviderName": colons[1] }))
        }
        "aws_cognito_user_pool_domain" => users("DescribeUserPoolDomain", json!({ "Domain": id })),
        "aws_cognito_user" => users("AdminGetUser", json!({ "UserPoolId": s(0), "Username": s(1) })),
        "aws_wafv2_ip_set" => json!(["wafv2", "GetIPSet", { "Id": s(0), "Name": s(1), "Scope": s(2) }]),
        "aws_wafv2_web_acl" => json!(["wafv2", "GetWebACL", { "Id": s(0), "Name": s(1), "Scope": s(2) }]),
        "aws_wafv2_web_acl_association" => {
            json!(["wafv2", "GetWebACLForResource", { "ResourceArn": parts(',')[1] }])
        }
        // The emulator keeps no logging configurations.
        "aws_wafv2_web_acl_logging_configuration" => json!(["sts", "GetCallerIdentity", {}]),
        "aws_kms_key" | "aws_kms_alias" => json!(["kms", "DescribeKey", { "KeyId": id }]),
        "aws_cloudwatch_metric_alarm" => json!(["cloudwatch", "DescribeAlarms", { "AlarmNames": [id] }]),
        other => panic!("how is {other} read?"),
    }
}

/// A part of the answer that must be there, for calls that succeed with anything.
fn must_contain(kind: &str, id: &str) -> Option<String> {
    match kind {
        "aws_lambda_permission" => id.split('/').next_back().map(str::to_owned),
        "aws_route53_record" => id.split('_').nth(1).map(str::to_owned),
        "aws_wafv2_web_acl_association" => id.split(',').next().map(str::to_owned),
        "aws_cloudwatch_metric_alarm" => Some(id.to_owned()),
        "aws_cognito_user_pool_domain" => Some("UserPoolId".to_owned()),
        _ => None,
    }
}

/// Every text of the export.
fn texts(user: &User) -> String {
    let mut all = String::new();
    for folder in ["terraform", "cfn"] {
        for entry in std::fs::read_dir(user.folder.path().join(folder)).unwrap().flatten() {
            if entry.path().is_file() {
                all += &std::fs::read_to_string(entry.path()).unwrap();
            }
        }
    }
    all
}

/// The values of all secrets of the account, of its API keys and of its app clients.
fn secrets(user: &User) -> Vec<String> {
    let list = |service: &str, operation: &str, asked: Value, field: &str| -> Vec<Value> {
        accepted(user, service, operation, &asked)[field].as_array().cloned().unwrap_or_default()
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all = Vec::new();
    for secret in list("secretsmanager", "ListSecrets", json!({}), "SecretList") {
        let value = accepted(user, "secretsmanager", "GetSecretValue", &json!({ "SecretId": secret["ARN"] }));
        let fields: Value = serde_json::from_str(value["SecretString"].as_str().unwrap()).unwrap();
        all.extend(fields.as_object().unwrap().values().map(text));
    }
    for key in list("apigateway", "GetApiKeys", json!({ "includeValues": true }), "items") {
        all.push(text(&key["value"]));
    }
    for pool in list("cognito-idp", "ListUserPools", json!({ "MaxResults": 60 }), "UserPools") {
        let pool = &pool["Id"];
        let asked = json!({ "UserPoolId": pool, "MaxResults": 60 });
        for client in list("cognito-idp", "ListUserPoolClients", asked, "UserPoolClients") {
            let asked = json!({ "UserPoolId": pool, "ClientId": client["ClientId"] });
            let client = accepted(user, "cognito-idp", "DescribeUserPoolClient", &asked);
            all.push(text(&client["UserPoolClient"]["ClientSecret"]));
        }
    }
    all.retain(|value| !value.is_empty());
    all
}

#[test]
fn every_kind_is_exported_as_the_other_tools_demand() {
    let mut kinds = BTreeSet::new();
    std::thread::scope(|scope| {
        let built = STACKS.map(|(name, arguments)| scope.spawn(move || (name, exported(name, arguments))));
        for one in built {
            let (name, (user, of_stack)) = one.join().unwrap();
            kinds.extend(of_stack);
            let found = terraform(&user);
            assert_eq!(found["problems"], json!([]), "{name}");
            assert!(found["references"].as_u64().unwrap() > 15, "{name}: {found}");
            assert_eq!(cloudformation(&user)["problems"], json!([]), "{name}");
            exists(&user, name, found["imports"].as_array().unwrap());
        }
    });
    let missing: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).filter(|kind| !kinds.contains(*kind)).collect();
    assert!(missing.is_empty(), "add {missing:?} to a stack of this test");
}

/// Checks that each resource that Terraform would import exists, and that no text contains a secret.
fn exists(user: &User, name: &str, imports: &[Value]) {
    let imported = |one: &Value| (one[0].as_str().unwrap().to_owned(), one[2].as_str().unwrap().to_owned());
    let imports: Vec<(String, String)> = imports.iter().map(imported).collect();
    let asked: Vec<Value> = imports.iter().map(|(kind, id)| reads(kind, id)).collect();
    for ((kind, id), answer) in imports.iter().zip(calls(user, &asked)) {
        assert!(answer.get("Error").is_none(), "{name}: {kind} {id}: {answer}");
        if let Some(part) = must_contain(kind, id) {
            assert!(answer.to_string().contains(&part), "{name}: {kind} {id}: {answer}");
        }
    }
    let (texts, secrets) = (texts(user), secrets(user));
    assert!(!secrets.is_empty() || name == "http-jwt", "{name} has secrets");
    // The id of a client and the name of a program are in a secret too, and ARNs of topics.
    for secret in secrets.iter().filter(|value| !value.starts_with("arn:") && !value.contains('@')) {
        let is_public = imports.iter().any(|(_, id)| id.contains(secret.as_str()));
        assert!(is_public || !texts.contains(secret.as_str()), "{name} contains the secret {secret}");
    }
}

#[test]
fn what_another_tool_does_not_take_over_is_named() {
    let (user, _) = exported("leaving", &[]);
    let words = "role/securelambda-apigateway-logs: it belongs to the whole account";
    user.run(&["export", "terraform", "--out", "terraform"]).ends(0).says(words);
    let main = std::fs::read_to_string(user.folder.path().join("terraform/main.tf")).unwrap();
    assert!(main.contains(words) && main.contains("the TLS policy"), "{main}");
    let said = user.run(&["export", "cloudformation", "--out", "cfn"]).ends(0).says(words).stderr;
    let template = std::fs::read_to_string(user.folder.path().join("cfn/template.json")).unwrap();
    let template: Value = serde_json::from_str(&template).unwrap();
    let named = template["Metadata"]["NotContained"].as_object().unwrap();
    for what in [
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
        "AWS::Scheduler::Schedule",
        "AWS::Cognito::IdentityPoolRoleAttachment",
    ] {
        assert!(named.keys().any(|one| one.contains(what)) && said.contains(what), "{what}: {said}");
    }
}

#[test]
fn a_resource_that_is_not_in_the_stack_file_any_more_is_named() {
    let user = User::newcomer();
    let (file, table) =
        ("[stack]\nname = \"small\"\n[functions.F]\nsource = \"f\"\n", "[tables.notes]\nkey = \"id\"\n");
    user.write("f/index.mjs", "export const handler = async () => ({ statusCode: 200 });\n");
    user.write("securelambda.toml", &format!("{file}{table}"));
    user.run(&["up", "--yes"]).ends(0);
    user.write("securelambda.toml", file);
    let words = "table.notes: it is not in the stack file any more";
    user.run(&["export", "terraform", "--out", "tf"]).ends(0).says(words);
    let main = std::fs::read_to_string(user.folder.path().join("tf/main.tf")).unwrap();
    assert!(main.contains(words), "{main}");
}

#[test]
fn the_checks_find_mistakes() {
    let (user, _) = exported("http-jwt", STACKS[1].1);
    let change = |file: &str, from: &str, to: &str| {
        let path = user.folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
    };
    change("terraform/resources.tf", "memory_size", "memory_mb");
    change("terraform/resources.tf", "aws_iam_role.Hello.arn", "aws_iam_role.Other.arn");
    change("terraform/imports.tf", "to = aws_lambda_function.Hello", "to = aws_lambda_function.Other");
    let problems = terraform(&user)["problems"].to_string();
    for problem in [
        "aws_lambda_function.Hello has no argument memory_mb",
        "refers to aws_iam_role.Other, which does not exist",
        "aws_lambda_function.Hello is imported 0 times",
        "aws_lambda_function.Other is imported and not declared",
    ] {
        assert!(problems.contains(problem), "{problem}: {problems}");
    }
    change("cfn/template.json", "\"MemorySize\"", "\"MemoryMb\"");
    change("cfn/resources-to-import.json", "\"FunctionName\"", "\"FunctionArn\"");
    let problems = cloudformation(&user)["problems"].to_string();
    assert!(problems.contains("E3002") && problems.contains("identified by ['FunctionArn']"), "{problems}");
}

#[test]
fn the_packages_are_those_that_up_uploaded() {
    let user = User::with_a_stack();
    user.run(&["export", "terraform", "--out", "tf"]).ends(0);
    let resources = std::fs::read_to_string(user.folder.path().join("tf/resources.tf")).unwrap();
    for function in ["InternalLambda", "ExternalLambda1", "ExternalLambda2"] {
        let name = format!("securelambda-{function}");
        let live = accepted(&user, "lambda", "GetFunction", &json!({ "FunctionName": name }));
        let package = std::fs::read(user.folder.path().join(format!("tf/packages/{name}.zip"))).unwrap();
        assert_eq!(live["Configuration"]["CodeSize"], json!(package.len()));
        assert!(resources.contains(&format!("filebase64sha256(\"${{path.module}}/packages/{name}.zip\")")));
        assert!(resources.contains(&format!("= aws_iam_role.{function}.arn")));
    }
    // The routes' functions are references, though the program itself derives their ARNs from names.
    assert!(resources.contains("${aws_lambda_function.ExternalLambda1.arn}/invocations"), "{resources}");
}

#[test]
fn only_a_stack_that_exists_completely_is_exported() {
    let user = User::newcomer();
    user.run(&["export", "terraform", "--out", "tf"]).ends(6).says("there is no stack");
    user.run(&["export", "terraform"]).ends(2).says("--out");
    let user = User::with_a_stack();
    accepted(&user, "logs", "DeleteLogGroup", &json!({ "logGroupName": "/aws/lambda/securelambda-InternalLambda" }));
    user.run(&["export", "cloudformation", "--out", "cfn"])
        .ends(1)
        .says("resources of the stack file do not exist: logs.InternalLambda");
    assert!(!user.folder.path().join("cfn").exists());
}

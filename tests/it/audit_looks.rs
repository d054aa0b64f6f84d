//! A control that passes has looked at the live value: somebody changes it with another tool, and the control fails.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::audit::{findings, ids, words};
use crate::drift::Stack;
use crate::support::botocore;
use crate::support::program::User;

/// A change, and the controls that must not pass after it.
struct Change {
    calls: fn(&Stack) -> Vec<Value>,
    controls: &'static str,
}

const FUNCTION: &str = "securelambda-ExternalLambda2";
const ROLE: &str = "securelambda-ExternalLambda1";
const POOL: &str = "/pools/MyUserPool1/id";

const CHANGES: &[Change] = &[
    Change {
        calls: |stack| {
            let weak = json!({ "MinimumLength": 6, "RequireLowercase": false, "RequireUppercase": false,
                "RequireNumbers": false, "RequireSymbols": false, "TemporaryPasswordValidityDays": 30 });
            let sms = json!({ "RecoveryMechanisms": [{ "Priority": 1, "Name": "verified_phone_number" }] });
            let pool = json!({ "UserPoolId": stack.output(POOL), "Policies": { "PasswordPolicy": weak },
                "AccountRecoverySetting": sms });
            vec![json!(["cognito-idp", "update_user_pool", pool])]
        },
        controls: "Cognito.3 auth-2 cognito_user_pool_password_policy_lowercase \
            cognito_user_pool_password_policy_uppercase cognito_user_pool_password_policy_number \
            cognito_user_pool_password_policy_symbol cognito_user_pool_temporary_password_expiration \
            cognito_user_pool_account_recovery_sms_not_preferred",
    },
    Change {
        calls: |stack| {
            let client = json!({ "UserPoolId": stack.output(POOL),
                "ClientId": stack.output("/pools/MyUserPool1/client_id"), "PreventUserExistenceErrors": "LEGACY",
                "EnableTokenRevocation": false, "AccessTokenValidity": 24,
                "TokenValidityUnits": { "AccessToken": "hours" } });
            vec![json!(["cognito-idp", "update_user_pool_client", client])]
        },
        controls: "auth-3 auth-4 cognito_user_pool_client_prevent_user_existence_errors \
            cognito_user_pool_client_token_revocation_enabled",
    },
    Change {
        calls: |stack| {
            let method = |path: &str| json!({ "restApiId": stack.output("/api/id"), "resourceId": stack.path(path) });
            let mut open = method("/lambda1");
            open["httpMethod"] = json!("POST");
            open["patchOperations"] = json!([{ "op": "replace", "path": "/authorizationType", "value": "NONE" }]);
            let mut other = method("/lambda2");
            other["httpMethod"] = json!("GET");
            other["authorizationType"] = json!("NONE");
            vec![json!(["apigateway", "update_method", open]), json!(["apigateway", "put_method", other])]
        },
        controls: "APIGateway.8 auth-1 api-1 API5 API9 apigateway_restapi_authorizers_enabled \
            apigateway_restapi_public_with_authorizer",
    },
    Change {
        calls: |stack| {
            let patch = |path: &str, value: &str| json!({ "op": "replace", "path": path, "value": value });
            let stage = json!({ "restApiId": stack.output("/api/id"), "stageName": "development", "patchOperations": [
                patch("/*/*/throttling/rateLimit", "10000"), patch("/variables/password", "hunter2")] });
            let asked = json!({ "restApiId": stack.output("/api/id") });
            let validators = botocore::call(&stack.user, "apigateway", "get_request_validators", &asked);
            let validator = json!({ "restApiId": stack.output("/api/id"),
                "requestValidatorId": validators["items"][0]["id"],
                "patchOperations": [patch("/validateRequestBody", "false")] });
            vec![
                json!(["apigateway", "update_stage", stage]),
                json!(["apigateway", "update_request_validator", validator]),
            ]
        },
        controls: "api-2 api-4 API4 apigateway_restapi_no_secrets_in_stage_variables",
    },
    Change {
        calls: |_| {
            let anyone = json!({ "FunctionName": FUNCTION, "StatementId": "open", "Action": "lambda:InvokeFunction",
                "Principal": "*" });
            let settings = json!({ "FunctionName": FUNCTION, "Runtime": "nodejs18.x", "Timeout": 900,
                "Environment": { "Variables": { "DB_PASSWORD": "hunter2" } } });
            vec![
                json!(["lambda", "create_function_url_config", { "FunctionName": FUNCTION, "AuthType": "NONE" }]),
                json!(["lambda", "add_permission", anyone]),
                json!(["lambda", "update_function_configuration", settings]),
            ]
        },
        controls: "Lambda.1 Lambda.2 functions-2 secrets-1 awslambda_function_not_publicly_accessible \
            awslambda_function_url_public awslambda_function_url_cors_policy awslambda_function_no_secrets_in_variables \
            awslambda_function_using_supported_runtimes",
    },
    Change {
        calls: |_| {
            let any = |action: &str| {
                let statement = json!({ "Effect": "Allow", "Action": action, "Resource": "*" });
                json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
            };
            let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
                "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole" }] });
            let policy = |name: &str, document: String| {
                json!(["iam", "put_role_policy",
                    { "RoleName": ROLE, "PolicyName": name, "PolicyDocument": document }])
            };
            vec![
                policy("securelambda", any("*")),
                policy("theirs", any("s3:GetObject")),
                json!(["iam", "update_assume_role_policy",
                    { "RoleName": ROLE, "PolicyDocument": trust.to_string() }]),
            ]
        },
        controls: "IAM.1 IAM.21 KMS.1 KMS.2 functions-1 iam_inline_policy_allows_privilege_escalation \
            iam_inline_policy_no_administrative_privileges iam_inline_policy_no_full_access_to_cloudtrail \
            iam_inline_policy_no_full_access_to_kms iam_policy_cloudshell_admin_not_attached \
            iam_role_administratoraccess_policy iam_role_cross_account_readonlyaccess_policy \
            iam_role_cross_service_confused_deputy_prevention iam_role_service_trust_restricts_source_to_account",
    },
    Change {
        calls: |stack| {
            let topic = stack.output("/topics/greetings/arn");
            let anyone = |action: &str, resource: &str| {
                let statement = json!({ "Effect": "Allow", "Principal": "*", "Action": action, "Resource": resource });
                json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
            };
            let policy = json!({ "TopicArn": topic, "AttributeName": "Policy",
                "AttributeValue": anyone("sns:Publish", topic) });
            let plain = json!({ "TopicArn": topic, "Protocol": "http", "Endpoint": "http://example.com/a" });
            let secret = json!({ "SecretId": "securelambda-LambdaSNSTopicARN",
                "ResourcePolicy": anyone("secretsmanager:GetSecretValue", "*") });
            vec![
                json!(["sns", "set_topic_attributes", policy]),
                json!(["sns", "subscribe", plain]),
                json!(["secretsmanager", "put_resource_policy", secret]),
            ]
        },
        controls: "SNS.4 functions-3 secrets-2 sns_topics_not_publicly_accessible \
            sns_subscription_not_using_http_endpoints secretsmanager_not_publicly_accessible",
    },
    Change {
        calls: |stack| {
            let waf = |operation: &str, arguments: Value| botocore::call(&stack.user, "wafv2", operation, &arguments);
            let acls = waf("list_web_acls", json!({ "Scope": "REGIONAL" }));
            let acl = &acls["WebACLs"][0];
            let key = json!({ "Name": acl["Name"], "Id": acl["Id"], "Scope": "REGIONAL" });
            let mut update = key.clone();
            update["LockToken"] = waf("get_web_acl", key)["LockToken"].clone();
            update["DefaultAction"] = json!({ "Allow": {} });
            update["Rules"] = json!([]);
            update["VisibilityConfig"] = json!({ "SampledRequestsEnabled": true, "CloudWatchMetricsEnabled": false,
                "MetricName": "none" });
            let stage =
                format!("arn:aws:apigateway:eu-central-1::/restapis/{}/stages/development", stack.output("/api/id"));
            vec![
                json!(["wafv2", "update_web_acl", update]),
                json!(["wafv2", "disassociate_web_acl", { "ResourceArn": stage }]),
                json!(["logs", "delete_retention_policy", { "logGroupName": format!("/aws/lambda/{ROLE}") }]),
            ]
        },
        controls: "WAF.10 WAF.12 APIGateway.4 waf-1 functions-4 wafv2_webacl_with_rules wafv2_webacl_rule_logging_enabled \
            apigateway_restapi_waf_acl_attached",
    },
];

/// Controls that pass on the built-in stack and that no change here makes fail: a resource without its tags is not read
/// as the stack's, the tests' proxy keeps the TLS policy itself, and the emulator refuses keys and layers of other
/// accounts.
const UNCHANGED: &str = "\
    IAM.24 Lambda.6 SNS.3 SecretsManager.5 \
    api-3 \
    secrets-3 \
    awslambda_function_using_cross_account_layers";

#[test]
fn every_control_that_passes_fails_once_the_live_value_is_bad() {
    let stack = Stack::of(User::newcomer().with("SECURELAMBDA_TIME_SCALE", "0.02"));
    let audit = || stack.user.run(&["audit", "--json"]).ends(5).json();
    let before = audit();
    for change in CHANGES {
        let calls = (change.calls)(&stack);
        for (call, answer) in calls.iter().zip(botocore::calls(&stack.user, &calls)) {
            assert!(answer.get("Error").is_none(), "{call}: {answer}");
        }
    }
    let after = audit();
    let expected: BTreeSet<String> = CHANGES.iter().flat_map(|change| words(change.controls)).collect();
    let (was, is) = (findings(&before, "fail"), findings(&after, "fail"));
    for control in &expected {
        let new: Vec<_> = is.iter().filter(|one| one.0 == *control && !was.contains(one)).collect();
        let repaired = new.iter().any(|(.., key)| key == "run `securelambda up`");
        let all = after["controls"].as_array().unwrap().iter().find(|one| one["id"] == control.as_str());
        assert!(repaired, "{control} does not fail, or `up` is not its fix: {new:?}, {all:#?}");
    }
    let passing = ids(&before, "pass");
    let unchanged: BTreeSet<String> = passing.difference(&expected).cloned().collect();
    assert_eq!(
        unchanged,
        words(UNCHANGED),
        "UNCHANGED must list exactly the passing controls that no entry of CHANGES makes fail"
    );

    stack.assert_repaired("everything");
    assert_eq!(findings(&audit(), "fail"), was);
}

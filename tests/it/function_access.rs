//! Changes that let somebody call a function or receive its results: made with another tool, named by `status`, failed
//! by `verify`, and removed by `up`. Hardening by hand is not reported as weakening.

use base64::Engine;
use serde_json::{Value, json};

use crate::drift::{Damage, Stack};
use crate::support::botocore::{self, accepted};
use crate::support::default_account::default_account;
use crate::support::emulator::{account, endpoint};
use crate::support::program::{CommandOutput, User};
use crate::verify::someone;

const FUNCTION: &str = "securelambda-ExternalLambda1";
const RESOURCE: &str = "function.ExternalLambda1";

/// The ARN of a queue that was just created.
fn queue(user: &User, name: &str) -> String {
    accepted(user, "sqs", "create_queue", &json!({ "QueueName": name }));
    format!(
        "arn:aws:sqs:eu-central-1:{}:{name}",
        accepted(user, "sts", "get_caller_identity", &json!({}))["Account"].as_str().unwrap()
    )
}

fn open_statement(sid: &str, qualifier: Option<&str>) -> Value {
    let mut arguments = json!({
        "FunctionName": FUNCTION, "StatementId": sid, "Action": "lambda:InvokeFunction", "Principal": "*",
    });
    if let Some(qualifier) = qualifier {
        arguments["Qualifier"] = json!(qualifier);
    }
    json!(["lambda", "add_permission", arguments])
}

fn configured(settings: &Value) -> Vec<Value> {
    let mut arguments = json!({ "FunctionName": FUNCTION });
    arguments.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    vec![json!(["lambda", "update_function_configuration", arguments])]
}

const PUBLIC_URL: Damage = Damage {
    name: "a function URL without authentication",
    calls: |_| {
        let statement = json!({
            "FunctionName": FUNCTION, "StatementId": "public", "Action": "lambda:InvokeFunctionUrl", "Principal": "*",
            "FunctionUrlAuthType": "NONE",
        });
        vec![
            json!(["lambda", "create_function_url_config", { "FunctionName": FUNCTION, "AuthType": "NONE" }]),
            json!(["lambda", "add_permission", statement]),
        ]
    },
    shows: &[
        (RESOURCE, &["FunctionUrlConfigs is https://", "(AuthType NONE), wanted none"]),
        (RESOURCE, &["Policy.Statement is public: {", "lambda:FunctionUrlAuthType", "wanted none"]),
    ],
};

const SIGNED_URL: Damage = Damage {
    name: "a function URL for signed requests",
    calls: |_| {
        vec![json!(["lambda", "create_function_url_config", { "FunctionName": FUNCTION, "AuthType": "AWS_IAM" }])]
    },
    shows: &[(RESOURCE, &["FunctionUrlConfigs is https://", "(AuthType AWS_IAM), wanted none"])],
};

const OPEN_PERMISSION: Damage = Damage {
    name: "a permission for everybody",
    calls: |_| vec![open_statement("open", None)],
    shows: &[(RESOURCE, &["Policy.Statement is open: {", "wanted none"])],
};

const OTHER_ACCOUNT: Damage = Damage {
    name: "a permission for another account",
    calls: |_| {
        let statement = json!({
            "FunctionName": FUNCTION, "StatementId": "partner", "Action": "lambda:InvokeFunction",
            "Principal": "210987654321",
        });
        vec![json!(["lambda", "add_permission", statement])]
    },
    shows: &[(RESOURCE, &["Policy.Statement is partner: {", "210987654321", "wanted none"])],
};

const WIDENED_PERMISSION: Damage = Damage {
    name: "the topic's permission given to everybody",
    calls: |stack| {
        let function = stack.output("/functions/InternalLambda/name");
        let statement = json!({ "FunctionName": function, "StatementId": "securelambda-topic" });
        let open = json!({
            "FunctionName": function, "StatementId": "securelambda-topic", "Action": "lambda:InvokeFunction",
            "Principal": "*",
        });
        vec![json!(["lambda", "remove_permission", statement]), json!(["lambda", "add_permission", open])]
    },
    shows: &[("permission.InternalLambda", &["Statement is ", "wanted "])],
};

const DESTINATION: Damage = Damage {
    name: "a destination for all results",
    calls: |stack| {
        let to = json!({ "OnSuccess": { "Destination": queue(&stack.user, "all-results") } });
        let arguments = json!({ "FunctionName": FUNCTION, "DestinationConfig": to });
        vec![json!(["lambda", "put_function_event_invoke_config", arguments])]
    },
    shows: &[(RESOURCE, &["FunctionEventInvokeConfigs is ", "OnSuccess arn:aws:sqs:", "wanted none"])],
};

const EVENT_SOURCE: Damage = Damage {
    name: "a queue whose messages call the function",
    calls: |stack| {
        let source = queue(&stack.user, "foreign-events");
        vec![json!(["lambda", "create_event_source_mapping", { "FunctionName": FUNCTION, "EventSourceArn": source }])]
    },
    shows: &[(RESOURCE, &["EventSourceMappings is ", "foreign-events), wanted none"])],
};

const CALLABLE_ALIAS: Damage = Damage {
    name: "an alias that everybody may call, with a URL",
    calls: |_| {
        let alias = json!({ "FunctionName": FUNCTION, "Name": "live", "FunctionVersion": "1" });
        let url = json!({ "FunctionName": FUNCTION, "Qualifier": "live", "AuthType": "NONE" });
        vec![
            json!(["lambda", "publish_version", { "FunctionName": FUNCTION }]),
            json!(["lambda", "create_alias", alias]),
            open_statement("open-alias", Some("live")),
            json!(["lambda", "create_function_url_config", url]),
        ]
    },
    shows: &[
        (RESOURCE, &["Aliases is live, wanted none"]),
        (RESOURCE, &["Versions is 1, wanted none"]),
        (RESOURCE, &["Policy.Statement is open-alias on live: {"]),
        (RESOURCE, &["FunctionUrlConfigs is https://"]),
    ],
};

const RECURSION_ALLOWED: Damage = Damage {
    name: "loops of calls allowed",
    calls: |_| {
        vec![json!(["lambda", "put_function_recursion_config", { "FunctionName": FUNCTION, "RecursiveLoop": "Allow" }])]
    },
    shows: &[(RESOURCE, &["RecursiveLoop is Allow, wanted Terminate"])],
};

const LAYER: Damage = Damage {
    name: "a layer with somebody else's code",
    calls: |stack| {
        let zip = base64::prelude::BASE64_STANDARD
            .encode(crate::drift::other_code("export const handler = async () => {};\n"));
        let layer = json!({ "LayerName": "tools", "Content": { "ZipFile": { "$base64": zip } } });
        let published = accepted(&stack.user, "lambda", "publish_layer_version", &layer);
        configured(&json!({ "Layers": [published["LayerVersionArn"]] }))
    },
    shows: &[(RESOURCE, &["Layers is arn:aws:lambda:", "wanted none"])],
};

const FILE_SYSTEM: Damage = Damage {
    name: "a file system mounted",
    calls: |stack| {
        let arn = format!("{}access-point/fsap-0123456789abcdef0", stack.arn_of("elasticfilesystem"));
        configured(&json!({ "FileSystemConfigs": [{ "Arn": arn, "LocalMountPath": "/mnt/x" }] }))
    },
    shows: &[(RESOURCE, &["FileSystemConfigs is arn:aws:elasticfilesystem:", "at /mnt/x, wanted none"])],
};

const OTHER_ROLE: Damage = Damage {
    name: "another function's role",
    calls: |stack| configured(&json!({ "Role": stack.output("/functions/InternalLambda/role_arn") })),
    shows: &[(RESOURCE, &["Role is ", "InternalLambda, wanted "])],
};

const OTHER_LOG_GROUP: Damage = Damage {
    name: "another log group",
    calls: |_| configured(&json!({ "LoggingConfig": { "LogGroup": "/somewhere/else" } })),
    shows: &[(RESOURCE, &["LoggingConfig.LogGroup is /somewhere/else, wanted "])],
};

const ACCESS: [Damage; 8] = [
    PUBLIC_URL,
    SIGNED_URL,
    OPEN_PERMISSION,
    OTHER_ACCOUNT,
    WIDENED_PERMISSION,
    DESTINATION,
    EVENT_SOURCE,
    CALLABLE_ALIAS,
];

const SETTINGS: [Damage; 5] = [RECURSION_ALLOWED, LAYER, FILE_SYSTEM, OTHER_ROLE, OTHER_LOG_GROUP];

#[test]
fn status_names_and_up_removes_what_lets_others_call_a_function() {
    Stack::each(&ACCESS);
}

#[test]
fn status_names_and_up_repairs_weakened_settings_of_a_function() {
    Stack::each(&SETTINGS);
}

/// The check of `verify` for the function.
fn check(ran: &CommandOutput) -> Value {
    let checks: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let subject = |check: &&Value| {
        check["subject"] == "ExternalLambda1"
            && check["claim"].as_str().is_some_and(|claim| claim.contains("code and settings"))
    };
    checks.iter().find(subject).unwrap_or_else(|| panic!("no check of the function in {}", ran.stdout)).clone()
}

#[test]
fn verify_fails_while_others_can_call_a_function_and_shows_what_it_read() {
    let _alone = default_account();
    let stack = Stack::of(someone(&endpoint()));
    let user = &stack.user;
    let passed = check(&user.run(&["verify", "--json"]).ends(0)).to_string();
    for part in ["FunctionUrlConfigs: none", "Policy.Statement: none"] {
        assert!(passed.contains(part), "{part} in {passed}");
    }
    for damage in [&PUBLIC_URL, &EVENT_SOURCE] {
        stack.break_it(damage);
    }
    let failed = check(&user.run(&["verify", "--json"]).ends(5)).to_string();
    for part in ["FunctionUrlConfigs is https://", "Policy.Statement is public: ", "EventSourceMappings is "] {
        assert!(failed.contains(part), "{part} in {failed}");
    }
    stack.assert_repaired("a URL and an event source");
    user.run(&["verify", "--json"]).ends(0);
    let queue = accepted(user, "sqs", "get_queue_url", &json!({ "QueueName": "foreign-events" }));
    accepted(user, "sqs", "delete_queue", &json!({ "QueueUrl": queue["QueueUrl"] }));
    user.run(&["down", "--yes"]).ends(0);
}

/// A setting that somebody changed: the calls, and the line of `status`, if there is one.
struct Hardened {
    name: &'static str,
    calls: fn(&Stack) -> Vec<Value>,
    /// The resource and the field with both values; `None` if the setting is kept.
    differs: Option<(&'static str, &'static str)>,
}

const BY_HAND: [Hardened; 8] = [
    Hardened {
        name: "tracing switched on",
        calls: |_| configured(&json!({ "TracingConfig": { "Mode": "Active" } })),
        differs: Some((RESOURCE, "TracingConfig.Mode is Active, wanted PassThrough")),
    },
    Hardened {
        name: "concurrency reserved",
        calls: |_| {
            vec![
                json!(["lambda", "put_function_concurrency", { "FunctionName": FUNCTION, "ReservedConcurrentExecutions": 7 }]),
            ]
        },
        differs: Some((RESOURCE, "Concurrency.ReservedConcurrentExecutions is 7, wanted none")),
    },
    Hardened {
        name: "the function stopped",
        calls: |_| {
            vec![
                json!(["lambda", "put_function_concurrency", { "FunctionName": FUNCTION, "ReservedConcurrentExecutions": 0 }]),
            ]
        },
        differs: Some((RESOURCE, "Concurrency.ReservedConcurrentExecutions is 0, wanted none")),
    },
    Hardened {
        name: "a dead-letter queue in the account",
        calls: |stack| configured(&json!({ "DeadLetterConfig": { "TargetArn": queue(&stack.user, "dead") } })),
        differs: Some((RESOURCE, "DeadLetterConfig.TargetArn is arn:aws:sqs:")),
    },
    Hardened {
        name: "fewer attempts",
        calls: |_| {
            vec![
                json!(["lambda", "put_function_event_invoke_config", { "FunctionName": FUNCTION, "MaximumRetryAttempts": 0 }]),
            ]
        },
        differs: Some((RESOURCE, "FunctionEventInvokeConfigs is $LATEST (MaximumRetryAttempts 0")),
    },
    Hardened {
        name: "the account in the condition of a permission",
        calls: |stack| {
            let function = stack.output("/functions/InternalLambda/name");
            let statement = json!({ "FunctionName": function, "StatementId": "securelambda-topic" });
            let narrower = json!({
                "FunctionName": function, "StatementId": "securelambda-topic", "Action": "lambda:InvokeFunction",
                "Principal": "sns.amazonaws.com", "SourceArn": stack.output("/topics/greetings/arn"),
                "SourceAccount": stack.account(),
            });
            vec![json!(["lambda", "remove_permission", statement]), json!(["lambda", "add_permission", narrower])]
        },
        differs: Some(("permission.InternalLambda", "Statement is ")),
    },
    Hardened {
        name: "a key of the account",
        calls: |stack| {
            let key = accepted(&stack.user, "kms", "create_key", &json!({}));
            configured(&json!({ "KMSKeyArn": key["KeyMetadata"]["Arn"] }))
        },
        differs: None,
    },
    Hardened {
        name: "code signing",
        calls: |stack| {
            let profile = format!("{}/signing-profiles/p/0123456789", stack.arn_of("signer"));
            let publishers = json!({ "AllowedPublishers": { "SigningProfileVersionArns": [profile] } });
            let config = botocore::call(&stack.user, "lambda", "create_code_signing_config", &publishers);
            let arn = config["CodeSigningConfig"]["CodeSigningConfigArn"].as_str().map_or_else(
                || format!("{}code-signing-config:csc-0123456789abcdef0", stack.arn_of("lambda")),
                str::to_owned,
            );
            vec![
                json!(["lambda", "put_function_code_signing_config", { "FunctionName": FUNCTION, "CodeSigningConfigArn": arn }]),
            ]
        },
        differs: None,
    },
];

#[test]
fn hardening_by_hand_does_not_weaken() {
    let stack = Stack::new();
    for Hardened { name, calls, differs } in &BY_HAND {
        stack.break_it(&Damage { name, calls: *calls, shows: &[] });
        let status = stack.user.run(&["status", "--json"]).ends(0).json();
        let weakened = status["resources"].as_array().unwrap().iter().any(|row| row["weakens"] == true);
        assert!(!weakened, "{name}: {status:#}");
        let shown = stack.user.run(&["status"]).ends(0).stdout;
        match differs {
            Some((id, words)) => {
                let said = shown.lines().any(|line| line.contains(id) && line.contains(words)) || shown.contains(words);
                assert!(said && shown.contains(id), "{name}: no {words:?} of {id} in\n{shown}");
            }
            None => {
                stack.user.run(&["status", "--detailed-exitcode"]).ends(0);
            }
        }
        stack.assert_repaired(name);
    }
    let kept = accepted(&stack.user, "lambda", "get_function", &json!({ "FunctionName": FUNCTION }));
    assert!(kept["Configuration"]["KMSKeyArn"].as_str().unwrap().contains(":key/"), "{kept:#}");
    assert_eq!(kept["Configuration"]["TracingConfig"]["Mode"], "PassThrough");
    assert_eq!(kept.get("Concurrency"), None);
    stack.user.run(&["down", "--yes"]).ends(0);
}

const FILE: &str = r#"
[stack]
name = "keys"
[functions.F]
source = "f"
KEYS
[[api.routes]]
route = "GET /a"
function = "F"
auth = "none"
ROUTE
"#;

fn written(user: &User, keys: &str, route: &str) {
    user.write("securelambda.toml", &FILE.replace("KEYS", keys).replace("ROUTE", route));
}

fn owner() -> User {
    let user = User::of(&account(), &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.write("f/index.mjs", "export const handler = async () => ({ statusCode: 200, body: \"{}\" });\n");
    user
}

#[test]
fn tracing_and_reserved_concurrency_are_set_changed_and_removed() {
    let user = owner();
    let live = |user: &User| {
        let read = accepted(user, "lambda", "get_function", &json!({ "FunctionName": "keys-F" }));
        let policy =
            accepted(user, "iam", "get_role_policy", &json!({ "RoleName": "keys-F", "PolicyName": "securelambda" }));
        let mode = read["Configuration"]["TracingConfig"]["Mode"].as_str().unwrap_or("PassThrough").to_owned();
        (mode, read["Concurrency"]["ReservedConcurrentExecutions"].clone(), policy.to_string().contains("xray:Put"))
    };
    for (keys, expected) in [
        ("tracing = true\nreserved_concurrency = 5", ("Active".to_owned(), json!(5), true)),
        ("tracing = true\nreserved_concurrency = 6", ("Active".to_owned(), json!(6), true)),
        ("", ("PassThrough".to_owned(), Value::Null, false)),
    ] {
        written(&user, keys, "");
        user.run(&["up", "--yes"]).ends(0);
        assert_eq!(live(&user), expected, "{keys}");
        user.run(&["status", "--detailed-exitcode"]).ends(0);
        let plan = user.run(&["plan", "--json"]).ends(0).json();
        assert_eq!(plan["counts"]["update"], 0, "{keys}: {plan:#}");
    }
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn a_function_joins_a_vpc_is_brought_back_to_it_and_leaves_it() {
    let user = owner();
    let vpc = |groups: &str, subnets: &str| format!("vpc = {{ security_groups = [{groups}], subnets = [{subnets}] }}");
    let live = |user: &User| {
        let read = accepted(user, "lambda", "get_function", &json!({ "FunctionName": "keys-F" }));
        let policy =
            accepted(user, "iam", "get_role_policy", &json!({ "RoleName": "keys-F", "PolicyName": "securelambda" }));
        let subnets = read["Configuration"]["VpcConfig"]["SubnetIds"].as_array().map_or(0, Vec::len);
        (subnets, policy.to_string().contains("ec2:CreateNetworkInterface"))
    };
    written(&user, &vpc("\"sg-1\"", "\"subnet-2\", \"subnet-1\""), "");
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(live(&user), (2, true));
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    let nowhere = json!({ "FunctionName": "keys-F", "VpcConfig": { "SubnetIds": [], "SecurityGroupIds": [] } });
    accepted(&user, "lambda", "update_function_configuration", &nowhere);
    let shown = user.run(&["status"]).ends(0).stdout;
    assert!(shown.contains("VpcConfig is none, wanted subnet-1, subnet-2; sg-1"), "{shown}");
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(live(&user), (2, true));
    // With empty lists the role keeps the permissions by which Lambda removes its network interfaces.
    for (keys, expected) in [(vpc("", ""), (0, true)), (String::new(), (0, false))] {
        written(&user, &keys, "");
        user.run(&["up", "--yes"]).ends(0);
        assert_eq!(live(&user), expected);
        user.run(&["status", "--detailed-exitcode"]).ends(0);
    }
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn a_vpc_with_wrong_ids_is_a_mistake() {
    let user = owner();
    for (vpc, words) in [
        ("{ subnets = [\"vpc-1\"], security_groups = [\"sg-1\"] }", "\"vpc-1\" is not an id that begins with subnet-"),
        (
            "{ subnets = [\"subnet-1\"], security_groups = [\"default\"] }",
            "\"default\" is not an id that begins with sg-",
        ),
        ("{ subnets = [\"subnet-1\"], security_groups = [] }", "a VPC needs subnets and security groups"),
        ("{ subnets = [\"subnet-1\"] }", "a VPC needs subnets and security groups"),
    ] {
        written(&user, &format!("vpc = {vpc}"), "");
        let ran = user.run(&["plan"]).ends(2);
        assert!(ran.stderr.contains(words), "{vpc}: {}", ran.stderr);
    }
}

#[test]
fn hardened_functions_send_traces() {
    let user = owner();
    let hardened = FILE.replace("name = \"keys\"", "name = \"keys\"\nposture = \"hardened\"");
    user.write("securelambda.toml", &hardened.replace("KEYS", "").replace("ROUTE", ""));
    user.run(&["up", "--yes"]).ends(0);
    let read = accepted(&user, "lambda", "get_function", &json!({ "FunctionName": "keys-F" }));
    assert_eq!(read["Configuration"]["TracingConfig"]["Mode"], "Active");
    user.run(&["down", "--yes"]).ends(0);
}

/// The permission of a route that left the stack file is in the state file, so the engine removes it after the route.
#[test]
fn the_permission_of_a_removed_route_is_not_called_foreign() {
    let user = owner();
    let route = "[[api.routes]]\nroute = \"GET /b\"\nfunction = \"F\"\nauth = \"none\"\n";
    written(&user, "", route);
    user.run(&["up", "--yes"]).ends(0);
    written(&user, "", "");
    let plan = user.run(&["plan", "--json"]).ends(0).json();
    let function = plan["changes"].as_array().unwrap().iter().find(|change| change["id"] == "function.F").unwrap();
    assert!(!["update", "replace"].contains(&function["action"].as_str().unwrap_or_default()), "{plan:#}");
    user.run(&["up", "--yes"]).ends(0);
    let policy = accepted(&user, "lambda", "get_policy", &json!({ "FunctionName": "keys-F" }));
    assert_eq!(policy["Policy"].as_str().unwrap().matches("\"Sid\"").count(), 1, "{policy}");
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0);
}

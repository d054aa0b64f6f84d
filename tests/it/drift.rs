//! Drift: another tool changes something, `status` names it, and `up` repairs it.

use base64::Engine;
use serde_json::{Value, json};

use crate::support::botocore;
use crate::support::emulator::{account, endpoint};
use crate::support::program::User;

/// A stack, and the ids that botocore needs to change it.
pub struct Stack {
    pub user: User,
    outputs: Value,
    /// Path ids by path.
    paths: Vec<(String, String)>,
    /// Authorizer ids by name.
    authorizers: Vec<(String, String)>,
}

/// One change with botocore.
pub struct Damage {
    pub name: &'static str,
    /// The calls, `[service, operation, arguments]` each.
    pub calls: fn(&Stack) -> Vec<Value>,
    /// The lines that `status` must show: a resource, and words that one of its lines must contain, including both
    /// values.
    pub shows: &'static [(&'static str, &'static [&'static str])],
}

impl Stack {
    pub fn new() -> Self {
        Self::of(User::of(&account(), &endpoint()))
    }

    /// A stack of this user.
    pub fn of(user: User) -> Self {
        let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
        let api = json!({ "restApiId": outputs["api"]["id"] });
        let asked = [json!(["apigateway", "get_resources", api]), json!(["apigateway", "get_authorizers", api])];
        let answers = botocore::calls(&user, &asked);
        let ids = |answer: &Value, name: &str| {
            let items = answer["items"].as_array().unwrap().iter();
            items.map(|item| (text(&item[name]).to_owned(), text(&item["id"]).to_owned())).collect()
        };
        Self { paths: ids(&answers[0], "path"), authorizers: ids(&answers[1], "name"), user, outputs }
    }

    pub fn path(&self, path: &str) -> &str {
        &self.paths.iter().find(|(known, _)| known == path).unwrap().1
    }

    fn authorizer(&self, name: &str) -> &str {
        &self.authorizers.iter().find(|(known, _)| known == name).unwrap().1
    }

    /// A value of `outputs`, such as `/topics/greetings/arn`.
    pub fn output(&self, pointer: &str) -> &str {
        text(self.outputs.pointer(pointer).unwrap())
    }

    /// The account that the stack is in.
    pub fn account(&self) -> &str {
        self.output("/topics/greetings/arn").split(':').nth(4).unwrap()
    }

    /// The beginning of the ARNs of a service's resources in the stack's account and region.
    pub fn arn_of(&self, service: &str) -> String {
        format!("arn:aws:{service}:eu-central-1:{}:", self.account())
    }

    fn stage_arn(&self) -> String {
        format!("arn:aws:apigateway:eu-central-1::/restapis/{}/stages/development", self.output("/api/id"))
    }

    pub fn break_it(&self, damage: &Damage) {
        let calls = (damage.calls)(self);
        for (call, answer) in calls.iter().zip(botocore::calls(&self.user, &calls)) {
            assert!(answer.get("Error").is_none(), "{}: {call}: {answer}", damage.name);
        }
    }

    /// Asserts that `status` names the damage, marks it as weakening security, and lists it first.
    pub fn assert_named(&self, damage: &Damage) {
        let name = damage.name;
        let status = self.user.run(&["status", "--json", "--detailed-exitcode"]).ends(7).json();
        let rows = status["resources"].as_array().unwrap();
        assert_eq!(rows[0]["weakens"], true, "{name}: the first row must be one that weakens security: {status:#}");
        let shown = self.user.run(&["status"]).ends(0).stdout;
        for (id, words) in damage.shows {
            let row = rows.iter().find(|row| row["id"] == *id).unwrap();
            assert_eq!(row["weakens"], true, "{name}: {row:#}");
            let line =
                |line: &&str| line.starts_with(&format!("! {id}: ")) && words.iter().all(|word| line.contains(word));
            assert!(shown.lines().any(|text| line(&text)), "{name}: no line about {id} with {words:?} in:\n{shown}");
        }
        let last = shown.trim_end().lines().next_back().unwrap_or_default();
        assert!(last.starts_with("These differences weaken security"), "{name}:\n{shown}");
        let (table, warnings) = shown.rsplit_once(".\n\n! ").unwrap();
        assert!(table.contains("RESOURCE") && !table.contains("\n! "), "{name}:\n{shown}\n{warnings}");
    }

    /// Asserts that `up` repairs everything.
    pub fn assert_repaired(&self, name: &str) {
        let ran = self.user.run(&["up", "--yes"]);
        assert_eq!(ran.code, 0, "{name}:\n{}", ran.stderr);
        let status = self.user.run(&["status", "--json", "--detailed-exitcode"]);
        assert_eq!(status.code, 0, "{name} is not repaired:\n{}", status.stdout);
    }

    /// Applies each damage separately, and asserts that it is named and repaired.
    pub fn each(damages: &[Damage]) {
        let stack = Self::new();
        for damage in damages {
            stack.break_it(damage);
            stack.assert_named(damage);
            stack.assert_repaired(damage.name);
        }
        stack.user.run(&["down", "--yes"]).ends(0);
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// Patches methods and deploys them.
fn deployed(stack: &Stack, patches: &[(&str, &[(&str, &str)])]) -> Vec<Value> {
    let api = stack.output("/api/id");
    let patch = |(path, operations): &(&str, &[(&str, &str)])| {
        let operations: Vec<Value> =
            operations.iter().map(|(path, value)| json!({ "op": "replace", "path": path, "value": value })).collect();
        let method = json!({
            "restApiId": api, "resourceId": stack.path(path), "httpMethod": "POST", "patchOperations": operations,
        });
        json!(["apigateway", "update_method", method])
    };
    let deployment = json!({ "restApiId": api, "stageName": "development", "description": "by hand" });
    patches.iter().map(patch).chain([json!(["apigateway", "create_deployment", deployment])]).collect()
}

const ROUTE_OPENED: Damage = Damage {
    name: "a route's authorization set to NONE, and deployed",
    calls: |stack| deployed(stack, &[("/lambda1", &[("/authorizationType", "NONE")])]),
    shows: &[
        ("api.routes", &["POST /lambda1 authorizationType is NONE, wanted COGNITO_USER_POOLS"]),
        ("api.release", &["deploymentId is ", ", wanted "]),
    ],
};

const AUTHORIZERS_SWAPPED: Damage = Damage {
    name: "two routes' authorizers swapped, and deployed",
    calls: |stack| {
        let (first, second) = (stack.authorizer("AGAuthorizer1"), stack.authorizer("AGAuthorizer2"));
        deployed(stack, &[("/lambda1", &[("/authorizerId", second)]), ("/lambda2", &[("/authorizerId", first)])])
    },
    shows: &[
        ("api.routes", &["POST /lambda1 authorizerId is AGAuthorizer2, wanted AGAuthorizer1"]),
        ("api.routes", &["POST /lambda2 authorizerId is AGAuthorizer1, wanted AGAuthorizer2"]),
        ("api.release", &["deploymentId"]),
    ],
};

const ROUTE_UNCHECKED: Damage = Damage {
    name: "a route's validator taken away",
    calls: |stack| deployed(stack, &[("/lambda2", &[("/requestValidatorId", "")])]),
    shows: &[("api.routes", &["POST /lambda2 requestValidatorId is none, wanted "])],
};

const AUTHORIZER_REMOVED: Damage = Damage {
    name: "an authorizer removed",
    calls: |stack| {
        let authorizer = stack.authorizer("AGAuthorizer2");
        let gone = json!({ "restApiId": stack.output("/api/id"), "authorizerId": authorizer });
        vec![json!(["apigateway", "delete_authorizer", gone])]
    },
    shows: &[("authorizer.AGAuthorizer2", &["missing"])],
};

const ROLE_WIDENED: Damage = Damage {
    name: "an extra inline policy and a managed policy on a function's role",
    calls: |_| {
        let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        let role = "securelambda-ExternalLambda1";
        vec![
            json!(["iam", "put_role_policy", { "RoleName": role, "PolicyName": "more", "PolicyDocument": all }]),
            json!(["iam", "attach_role_policy",
                { "RoleName": role, "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess" }]),
        ]
    },
    shows: &[
        ("role.ExternalLambda1", &["PolicyNames is more, wanted none"]),
        ("role.ExternalLambda1", &["AttachedPolicies is arn:aws:iam::aws:policy/AdministratorAccess, wanted none"]),
    ],
};

const POLICY_WIDENED: Damage = Damage {
    name: "a function's own policy widened",
    calls: |_| {
        let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sns:*","Resource":"*"}]}"#;
        let role = "securelambda-InternalLambda";
        vec![
            json!(["iam", "put_role_policy", { "RoleName": role, "PolicyName": "securelambda", "PolicyDocument": all }]),
        ]
    },
    shows: &[("policy.InternalLambda", &["PolicyDocument is ", "sns:*", "wanted ", "logs:PutLogEvents"])],
};

const WEB_ACL_OFF: Damage = Damage {
    name: "the web ACL taken off the stage",
    calls: |stack| vec![json!(["wafv2", "disassociate_web_acl", { "ResourceArn": stack.stage_arn() }])],
    shows: &[("firewall.association", &["missing"])],
};

const THROTTLE_LIFTED: Damage = Damage {
    name: "the stage's rate limit set to 10000",
    calls: |stack| {
        let patch = json!([{ "op": "replace", "path": "/*/*/throttling/rateLimit", "value": "10000" }]);
        let stage = json!({
            "restApiId": stack.output("/api/id"), "stageName": "development", "patchOperations": patch,
        });
        vec![json!(["apigateway", "update_stage", stage])]
    },
    shows: &[("stage.development", &["methodSettings.*/*.throttlingRateLimit is 10000, wanted 50"])],
};

const SECRET_LEADS_ELSEWHERE: Damage = Damage {
    name: "the secret's value pointing at another topic",
    calls: |stack| {
        let elsewhere = format!("{{\"TOPIC_ARN\":\"{}-other\"}}", stack.output("/topics/greetings/arn"));
        let secret = stack.output("/secrets/LambdaSNSTopicARN/arn");
        vec![json!(["secretsmanager", "put_secret_value", { "SecretId": secret, "SecretString": elsewhere }])]
    },
    shows: &[("secret.LambdaSNSTopicARN", &["value is another version, wanted the stack's version"])],
};

const CREDENTIAL_IN_ENVIRONMENT: Damage = Damage {
    name: "a credential put in a function's environment",
    calls: |stack| {
        let variables = json!({
            "SECURELAMBDA_FUNCTION": "ExternalLambda2",
            "SECRET_ID": stack.output("/secrets/LambdaSNSTopicARN/arn"),
            "DB_PASSWORD": "hunter2-hunter2",
        });
        let function = stack.output("/functions/ExternalLambda2/name");
        let arguments = json!({ "FunctionName": function, "Environment": { "Variables": variables } });
        vec![json!(["lambda", "update_function_configuration", arguments])]
    },
    shows: &[("function.ExternalLambda2", &["Environment.DB_PASSWORD is set, wanted unset"])],
};

const CODE_REPLACED: Damage = Damage {
    name: "a function's code replaced",
    calls: |stack| {
        let function = stack.output("/functions/InternalLambda/name");
        let zip = base64::prelude::BASE64_STANDARD.encode(other_code("export const handler = async () => {};\n"));
        vec![json!(["lambda", "update_function_code", { "FunctionName": function, "ZipFile": { "$base64": zip } }])]
    },
    shows: &[("function.InternalLambda", &["CodeSha256 is ", ", wanted "])],
};

const SUBSCRIPTION_REMOVED: Damage = Damage {
    name: "the subscription removed",
    calls: |stack| {
        let topic = json!({ "TopicArn": stack.output("/topics/greetings/arn") });
        let listed = botocore::call(&stack.user, "sns", "list_subscriptions_by_topic", &topic);
        let arn = text(&listed["Subscriptions"][0]["SubscriptionArn"]).to_owned();
        vec![json!(["sns", "unsubscribe", { "SubscriptionArn": arn }])]
    },
    shows: &[("subscription.InternalLambda", &["missing"])],
};

const TRIGGER_FORBIDDEN: Damage = Damage {
    name: "the topic's permission to invoke removed",
    calls: |stack| {
        let function = stack.output("/functions/InternalLambda/name");
        let permission = json!({ "FunctionName": function, "StatementId": "securelambda-topic" });
        vec![json!(["lambda", "remove_permission", permission])]
    },
    shows: &[("permission.InternalLambda", &["missing"])],
};

const CLIENT_LOOSENED: Damage = Damage {
    name: "the app client's flows and existence-error setting changed",
    calls: |stack| {
        let client = json!({
            "UserPoolId": stack.output("/pools/MyUserPool1/id"),
            "ClientId": stack.output("/pools/MyUserPool1/client_id"),
            "ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
            "PreventUserExistenceErrors": "LEGACY",
        });
        vec![json!(["cognito-idp", "update_user_pool_client", client])]
    },
    shows: &[
        (
            "client.MyUserPool1",
            &["ExplicitAuthFlows is ALLOW_CUSTOM_AUTH, ALLOW_REFRESH_TOKEN_AUTH, wanted ALLOW_ADMIN"],
        ),
        ("client.MyUserPool1", &["PreventUserExistenceErrors is LEGACY, wanted ENABLED"]),
    ],
};

const RETENTION_REMOVED: Damage = Damage {
    name: "a log group's retention removed",
    calls: |stack| {
        let group = stack.output("/functions/InternalLambda/log_group");
        vec![json!(["logs", "delete_retention_policy", { "logGroupName": group }])]
    },
    shows: &[("logs.InternalLambda", &["retentionInDays is never expires, wanted 14"])],
};

/// A zip with one file in it, `index.mjs`.
pub fn other_code(text: &str) -> Vec<u8> {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("index.mjs", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(text.as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

#[test]
fn status_names_and_up_repairs_drift_of_routes() {
    Stack::each(&[ROUTE_OPENED, AUTHORIZERS_SWAPPED, ROUTE_UNCHECKED, AUTHORIZER_REMOVED]);
}

#[test]
fn status_names_and_up_repairs_drift_of_firewall_and_throttle() {
    Stack::each(&[WEB_ACL_OFF, THROTTLE_LIFTED]);
}

#[test]
fn status_names_and_up_repairs_drift_of_functions_and_their_roles() {
    Stack::each(&[ROLE_WIDENED, POLICY_WIDENED, CREDENTIAL_IN_ENVIRONMENT, CODE_REPLACED]);
}

#[test]
fn status_names_and_up_repairs_drift_of_secrets_messaging_and_logs() {
    Stack::each(&[SECRET_LEADS_ELSEWHERE, SUBSCRIPTION_REMOVED, TRIGGER_FORBIDDEN, RETENTION_REMOVED]);
}

#[test]
fn status_names_and_up_repairs_drift_of_app_clients() {
    Stack::each(&[CLIENT_LOOSENED]);
}

#[test]
fn one_up_repairs_all_kinds_of_drift_at_once() {
    let stack = Stack::new();
    let all = [
        AUTHORIZERS_SWAPPED,
        ROUTE_OPENED,
        ROLE_WIDENED,
        WEB_ACL_OFF,
        THROTTLE_LIFTED,
        SECRET_LEADS_ELSEWHERE,
        CREDENTIAL_IN_ENVIRONMENT,
        SUBSCRIPTION_REMOVED,
        CLIENT_LOOSENED,
        RETENTION_REMOVED,
        CODE_REPLACED,
    ];
    for damage in &all {
        stack.break_it(damage);
    }
    let shown = stack.user.run(&["status"]).ends(0).stdout;
    assert!(!shown.contains("hunter2"), "a value from a function's environment is shown:\n{shown}");
    for (id, words) in all.iter().filter(|damage| damage.name != AUTHORIZERS_SWAPPED.name).flat_map(|d| d.shows) {
        let said = shown.lines().any(|line| line.starts_with(&format!("! {id}: ")) && line.contains(words[0]));
        assert!(said, "no line about {id} with {words:?} in:\n{shown}");
    }
    stack.assert_repaired("everything at once");
    stack.user.run(&["down", "--yes"]).ends(0);
}

//! `audit` on the emulator: every failure names a value and a key, the key makes the control pass, and the reports are
//! valid.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::botocore;
use crate::support::program::User;

/// Microsoft's own validator of SARIF.
const VALIDATOR: &str = "@microsoft/sarif-multitool-linux@5.7.0";

/// The controls of an audit by outcome.
pub fn ids(audit: &Value, outcome: &str) -> BTreeSet<String> {
    let controls = audit["controls"].as_array().unwrap().iter();
    controls.filter(|control| control["outcome"] == outcome).map(|control| text(&control["id"])).collect()
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn audit(user: &User, args: &[&str], code: i32) -> Value {
    user.run(&[&["audit", "--json"], args].concat()).ends(code).json()
}

#[test]
fn every_failure_names_the_value_and_the_key_that_changes_it() {
    let user = User::with_a_stack();
    let audit = audit(&user, &[], 5);
    assert!(audit["endpoint"].is_string() && audit["succeeded"] == false, "{audit:#}");
    let failed = ids(&audit, "fail");
    for id in ["Cognito.1", "Cognito.5", "Cognito.6", "Lambda.3", "WAF.11", "waf-2"] {
        assert!(failed.contains(id), "{id} did not fail: {failed:?}");
    }
    for id in ["Cognito.3", "Lambda.1", "WAF.10", "SNS.4", "auth-1", "functions-2"] {
        assert!(ids(&audit, "pass").contains(id), "{id} did not pass: {audit:#}");
    }
    for control in audit["controls"].as_array().unwrap() {
        for finding in control["findings"].as_array().unwrap() {
            assert!(!text(&finding["observed"]).is_empty(), "{control:#}");
            assert_eq!(finding["outcome"] == "fail", finding["key"].is_string(), "{control:#}");
            assert!(!text(&finding["observed"]).ends_with("was not read"), "{control:#}");
        }
    }
    let counted: u64 = audit["counts"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(counted, audit["controls"].as_array().unwrap().len() as u64);
}

/// A failure: its control, its resource, and the lines that the finding tells the reader to write into the stack file.
pub type Failure = (String, String, String);

/// The findings of an audit with this outcome.
pub fn findings(audit: &Value, outcome: &str) -> Vec<Failure> {
    let controls = audit["controls"].as_array().unwrap().iter();
    let of = |control: &Value| -> Vec<Failure> {
        let findings = control["findings"].as_array().unwrap().iter().filter(|one| one["outcome"] == outcome);
        let key = |one: &Value| one["key"].as_str().unwrap_or_default().to_owned();
        findings.map(|one| (text(&control["id"]), text(&one["resource"]), key(one))).collect()
    };
    controls.flat_map(of).collect()
}

/// Writes a line into a stack file and replaces an existing value, as a user would.
fn paste(file: &mut toml::Table, line: &str) {
    let table: toml::Table = toml::from_str(line).unwrap_or_else(|error| panic!("{line:?} is no TOML: {error}"));
    for (key, value) in table {
        merge(file.entry(key).or_insert(toml::Value::Table(toml::Table::new())), value);
    }
    // A route has either `pool` or `auth`.
    for route in file.get_mut("api").and_then(|api| api.get_mut("routes")?.as_array_mut()).into_iter().flatten() {
        let route = route.as_table_mut().unwrap();
        if route.contains_key("pool") {
            route.remove("auth");
        }
    }
}

/// Tables are merged, an element of a list is found by its number, and every other value is replaced.
fn merge(into: &mut toml::Value, value: toml::Value) {
    match (into, value) {
        (toml::Value::Table(into), toml::Value::Table(table)) => {
            for (key, value) in table {
                merge(into.entry(key).or_insert(toml::Value::Table(toml::Table::new())), value);
            }
        }
        (toml::Value::Array(into), toml::Value::Table(table))
            if table.keys().all(|key| key.parse::<usize>().is_ok()) =>
        {
            for (key, value) in table {
                merge(&mut into[key.parse::<usize>().unwrap()], value);
            }
        }
        (into, value) => *into = value,
    }
}

/// The tables of the stack file that lines change, as in `pools.Users` or `firewall`.
fn tables(lines: &str) -> BTreeSet<String> {
    let table = |line: &str| {
        let path: Vec<&str> = line.split(" = ").next().unwrap().split('.').collect();
        let named = ["apis", "functions", "pools", "secrets", "service_users", "tables", "topics"].contains(&path[0]);
        path[..if named { 2 } else { 1 }].join(".")
    };
    lines.lines().map(table).collect()
}

/// The values that only the owner has, each with its placeholder. They are created with botocore or in the test's own
/// stack file.
fn owners_matters(user: &User) -> Vec<(&'static str, String)> {
    let call = |service: &str, operation: &str, arguments: Value| {
        let answer = botocore::call(user, service, operation, &arguments);
        assert!(answer.get("Error").is_none(), "{operation}: {answer}");
        answer
    };
    let vpc = text(&call("ec2", "create_vpc", json!({ "CidrBlock": "10.0.0.0/16" }))["Vpc"]["VpcId"]);
    let subnet = |cidr: &str, zone: &str| {
        let arguments = json!({ "VpcId": vpc, "CidrBlock": cidr, "AvailabilityZone": zone });
        text(&call("ec2", "create_subnet", arguments)["Subnet"]["SubnetId"])
    };
    let group = json!({ "GroupName": "functions", "Description": "functions", "VpcId": vpc });
    vec![
        ("SUBNET_1", subnet("10.0.1.0/24", "eu-central-1a")),
        ("SUBNET_2", subnet("10.0.2.0/24", "eu-central-1b")),
        ("SECURITY_GROUP", text(&call("ec2", "create_security_group", group)["GroupId"])),
        ("KEY_ARN", text(&call("kms", "create_key", json!({}))["KeyMetadata"]["Arn"])),
        ("FUNCTION", "Rotate".to_owned()),
        ("POOL", "Callers".to_owned()),
        ("REASON", "decided by the owner".to_owned()),
    ]
}

/// The function that rotates secrets, as hardened as the findings ask for.
const ROTATE: &str = r#"
[functions.Rotate]
source = "rotate"
tracing = true
log_retention_days = 365
on_failure = { queue = "dead" }
vpc = { subnets = ["SUBNET_1", "SUBNET_2"], security_groups = ["SECURITY_GROUP"] }
"#;

/// Controls that are not tried after their key was set, because the emulator does not keep the setting.
const EMULATOR: [&str; 6] = [
    "cognito_user_pool_blocks_compromised_credentials_sign_in_attempts",
    "cognito_user_pool_blocks_potential_malicious_sign_in_attempts",
    "cloudwatch_log_group_kms_encryption_enabled",
    "WAF.11",
    "wafv2_webacl_logging_enabled",
    "waf-4",
];

/// Sets every key that a failure names, at most one in each table of the stack file at a time, runs `up` and audits again.
/// Then exactly the failures that named these keys are gone, and each of them has passed: a key cannot pass because of
/// another one. Ends when nothing fails. Returns the controls that failed at first.
///
/// `more` are further tables of the stack file.
fn every_key_works(blueprint: &str, more: &str) -> BTreeSet<String> {
    let user = User::newcomer().with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.run(&["init", "--blueprint", blueprint]).ends(0);
    let path = user.folder.path().join("securelambda.toml");
    let mut file: toml::Table = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    file.extend(toml::from_str::<toml::Table>(more).unwrap());
    std::fs::write(&path, toml::to_string(&file).unwrap()).unwrap();
    user.run(&["up", "--yes"]).ends(0);
    let matters = owners_matters(&user);
    let supplied = |text: &str| {
        matters
            .iter()
            .fold(text.to_owned(), |text, (word, value)| text.replace(&format!("\"{word}\""), &format!("\"{value}\"")))
    };
    user.write("rotate/index.mjs", "export const handler = async () => ({});\n");

    let mut before = audit(&user, &[], 5);
    let (first, mut done) = (ids(&before, "fail"), BTreeSet::new());
    loop {
        let failing = findings(&before, "fail");
        if failing.is_empty() {
            return first;
        }
        // Accepting a control hides its other failures, so such keys are set last.
        let accepting = |key: &str| key.starts_with("audit.accept.");
        let only_accepted = failing.iter().all(|(.., key)| accepting(key));
        let (mut keys, mut taken) = (BTreeSet::new(), BTreeSet::new());
        for (.., key) in failing.iter().filter(|(.., key)| only_accepted || !accepting(key)) {
            if keys.contains(key) || !tables(key).is_disjoint(&taken) && !only_accepted {
                continue;
            }
            assert!(done.insert(key.clone()), "{key} was set before: {failing:#?}");
            taken.extend(tables(key));
            keys.insert(key.clone());
        }
        for key in &keys {
            if key.contains("\"FUNCTION\"") && !file["functions"].as_table().unwrap().contains_key("Rotate") {
                let rotate: toml::Table = toml::from_str(&supplied(ROTATE)).unwrap();
                merge(file.get_mut("functions").unwrap(), rotate["functions"].clone());
            }
            supplied(key).lines().for_each(|line| paste(&mut file, line));
        }
        std::fs::write(&path, toml::to_string(&file).unwrap()).unwrap();
        user.run(&["up", "--yes"]).ends(0);
        let after = user.run(&["audit", "--json"]).json();
        settled(&before, &after, &keys);
        before = after;
    }
}

/// Asserts that exactly the failures that named these keys are gone, and that their controls pass now.
fn settled(before: &Value, after: &Value, keys: &BTreeSet<String>) {
    let count = |audit: &Value, outcomes: &[&str], control: &str, resource: &str| {
        let all = outcomes.iter().flat_map(|outcome| findings(audit, outcome));
        all.filter(|one| one.0 == control && one.1 == resource).count()
    };
    let (was, is) = (findings(before, "fail"), findings(after, "fail"));
    let expected: BTreeSet<&Failure> = was.iter().filter(|one| keys.contains(&one.2)).collect();
    let gone: BTreeSet<&Failure> = was.iter().filter(|one| !is.contains(one)).collect();
    assert_eq!(gone, expected, "after {keys:#?}");
    for (control, resource, key) in expected {
        let outcomes: &[&str] = match control.as_str() {
            _ if key.starts_with("audit.accept.") => &["accepted"],
            emulator if EMULATOR.contains(&emulator) => &["pass", "not_tried"],
            _ => &["pass"],
        };
        // A finding about the web ACL becomes one about its log.
        let resources = [resource.as_str(), "firewall.logging"];
        let counts = |audit: &Value| resources.iter().map(|one| count(audit, outcomes, control, one)).sum::<usize>();
        assert!(counts(after) > counts(before), "{control} of {resource} did not become {outcomes:?} after {key}");
    }
    let known: BTreeSet<String> = ["fail", "pass", "not_tried", "not_applicable", "accepted"]
        .iter()
        .flat_map(|outcome| findings(before, outcome))
        .map(|one| one.1)
        .collect();
    let new: Vec<&Failure> = is.iter().filter(|one| !was.contains(one) && known.contains(&one.1)).collect();
    assert!(new.is_empty(), "{keys:#?} made these fail: {new:#?}");
}

#[test]
fn each_key_that_a_failure_of_the_built_in_stack_names_makes_it_pass() {
    let expected = "APIGateway.1 APIGateway.3 CloudWatch.16 Cognito.1 Cognito.4 Cognito.5 Cognito.6 Lambda.3 Lambda.7 \
        SecretsManager.1 SecretsManager.4 SNS.1 WAF.11 \
        apigateway_restapi_logging_enabled apigateway_restapi_tracing_enabled \
        awslambda_function_env_vars_not_encrypted_with_cmk awslambda_function_inside_vpc \
        awslambda_function_no_dead_letter_queue cloudwatch_log_group_kms_encryption_enabled \
        cloudwatch_log_group_retention_policy_specific_days_enabled cognito_user_pool_advanced_security_enabled \
        cognito_user_pool_blocks_compromised_credentials_sign_in_attempts \
        cognito_user_pool_blocks_potential_malicious_sign_in_attempts cognito_user_pool_deletion_protection_enabled \
        cognito_user_pool_mfa_enabled cognito_user_pool_password_policy_minimum_length_14 \
        cognito_user_pool_self_registration_disabled cognito_user_pool_waf_acl_attached \
        secretsmanager_automatic_rotation_enabled secretsmanager_has_restrictive_resource_policy \
        secretsmanager_secret_rotated_periodically sns_topics_kms_encryption_at_rest_enabled \
        wafv2_webacl_logging_enabled wafv2_webacl_managed_rule_groups_enabled \
        API2 API6 API8 waf-2 waf-3 waf-4 secrets-4";
    assert_eq!(every_key_works("tutorial", ""), words(expected));
}

#[test]
fn each_key_that_a_failure_of_an_http_api_with_a_table_names_makes_it_pass() {
    let expected = "CloudWatch.16 Cognito.1 Cognito.3 Cognito.4 Cognito.5 Cognito.6 Lambda.3 Lambda.7 \
        awslambda_function_env_vars_not_encrypted_with_cmk awslambda_function_inside_vpc \
        awslambda_function_no_dead_letter_queue cloudwatch_log_group_kms_encryption_enabled \
        cloudwatch_log_group_retention_policy_specific_days_enabled cognito_user_pool_advanced_security_enabled \
        cognito_user_pool_blocks_compromised_credentials_sign_in_attempts \
        cognito_user_pool_blocks_potential_malicious_sign_in_attempts cognito_user_pool_deletion_protection_enabled \
        cognito_user_pool_mfa_enabled cognito_user_pool_password_policy_lowercase \
        cognito_user_pool_password_policy_minimum_length_14 cognito_user_pool_password_policy_symbol \
        cognito_user_pool_self_registration_disabled cognito_user_pool_waf_acl_attached DynamoDB.2 DynamoDB.6 \
        dynamodb_table_deletion_protection_enabled dynamodb_tables_kms_cmk_encryption_enabled \
        dynamodb_tables_pitr_enabled API2 API6 auth-2";
    assert_eq!(every_key_works("http-jwt", "[tables.notes]\nkey = \"id\"\nstream = \"new\"\n"), words(expected));
}

#[test]
fn each_key_that_a_failure_of_two_apis_names_makes_it_pass() {
    let expected = "APIGateway.1 APIGateway.3 APIGateway.8 CloudWatch.16 Cognito.1 Cognito.4 Cognito.5 Cognito.6 \
        Lambda.3 Lambda.7 SecretsManager.1 SecretsManager.4 WAF.11 apigateway_restapi_authorizers_enabled \
        apigateway_restapi_logging_enabled apigateway_restapi_public_with_authorizer \
        apigateway_restapi_tracing_enabled awslambda_function_env_vars_not_encrypted_with_cmk \
        awslambda_function_inside_vpc awslambda_function_no_dead_letter_queue \
        cloudwatch_log_group_kms_encryption_enabled cloudwatch_log_group_retention_policy_specific_days_enabled \
        cognito_user_pool_advanced_security_enabled cognito_user_pool_blocks_compromised_credentials_sign_in_attempts \
        cognito_user_pool_blocks_potential_malicious_sign_in_attempts cognito_user_pool_deletion_protection_enabled \
        cognito_user_pool_mfa_enabled cognito_user_pool_password_policy_minimum_length_14 \
        cognito_user_pool_waf_acl_attached secretsmanager_automatic_rotation_enabled \
        secretsmanager_has_restrictive_resource_policy secretsmanager_secret_rotated_periodically \
        wafv2_webacl_logging_enabled wafv2_webacl_managed_rule_groups_enabled \
        API2 API5 API6 API8 auth-1 waf-2 waf-3 waf-4 secrets-4";
    assert_eq!(every_key_works("api-to-api", ""), words(expected));
}

pub fn words(text: &str) -> BTreeSet<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// The failures that remain on the built-in stack with `posture = "hardened"`: each needs a value that only the owner
/// has.
#[test]
fn a_hardened_stack_fails_only_for_want_of_what_the_owner_has() {
    let user = User::newcomer();
    user.run(&["init"]).ends(0);
    let file = user.folder.path().join("securelambda.toml");
    let stack = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, stack.replace("[stack]\n", "[stack]\nposture = \"hardened\"\n")).unwrap();
    user.run(&["up", "--yes"]).ends(0);
    let vpc = |function: &str| {
        format!(
            "functions.{function}.vpc = {{ subnets = [\"SUBNET_1\", \"SUBNET_2\"], security_groups = [\"SECURITY_GROUP\"] }}"
        )
    };
    let vpcs = ["ExternalLambda1", "ExternalLambda2", "InternalLambda"].map(vpc).to_vec();
    let rotation =
        vec!["secrets.LambdaSNSTopicARN.settings.rotation = { function = \"FUNCTION\", days = 30 }".to_owned()];
    let expected = [
        ("Lambda.3", &vpcs),
        ("SecretsManager.1", &rotation),
        ("SecretsManager.4", &rotation),
        ("awslambda_function_inside_vpc", &vpcs),
        ("secretsmanager_automatic_rotation_enabled", &rotation),
        ("secretsmanager_secret_rotated_periodically", &rotation),
        ("secrets-4", &rotation),
    ];
    let mut failed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (control, _, key) in findings(&audit(&user, &[], 5), "fail") {
        failed.entry(control).or_default().insert(key);
    }
    let expected = expected.map(|(control, keys)| (control.to_owned(), keys.iter().cloned().collect()));
    assert_eq!(failed, BTreeMap::from(expected));
}

#[test]
fn an_accepted_control_does_not_fail_and_shows_its_reason() {
    let user = User::with_a_stack();
    let failed = ids(&audit(&user, &["--standard", "fsbp"], 5), "fail");
    let stack = std::fs::read_to_string("src/spec/builtin.toml").unwrap();
    user.run(&["init"]).ends(0);
    let accept: Vec<String> = failed.iter().map(|id| format!("{id:?} = \"decided by the owner\"")).collect();
    let file = user.folder.path().join("securelambda.toml");
    std::fs::write(&file, format!("{stack}\n[audit]\naccept = {{ {} }}\n", accept.join(", "))).unwrap();
    let accepted = audit(&user, &["--standard", "fsbp"], 0);
    assert_eq!(ids(&accepted, "accepted"), failed);
    let shown = user.run(&["audit", "--standard", "fsbp"]).ends(0).stdout;
    assert!(shown.contains("accepted: decided by the owner"), "{shown}");

    std::fs::write(&file, format!("{stack}\n[audit]\naccept = {{ \"Lambda.33\" = \"a typo\" }}\n")).unwrap();
    let refused = user.run(&["audit"]).ends(2);
    assert!(refused.stderr.contains("audit has no control Lambda.33"), "{}", refused.stderr);
}

/// The validator, installed once into the target folder.
fn validator() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sarif");
    std::fs::create_dir_all(&folder).unwrap();
    let lock = std::fs::File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let program = folder.join("node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool");
    if !program.exists() {
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(&folder).arg(VALIDATOR);
        assert!(npm.status().unwrap().success(), "npm could not install {VALIDATOR}");
    }
    program
}

#[test]
fn the_sarif_report_is_valid_and_the_page_names_every_failure() {
    let user = User::with_a_stack();
    let reports = ["--sarif", "audit.sarif", "--report", "audit.html"];
    let failed = ids(&audit(&user, &reports, 5), "fail");
    let folder = user.folder.path();
    let page = std::fs::read_to_string(folder.join("audit.html")).unwrap();
    assert!(page.contains("an emulator, not AWS"));
    assert!(failed.iter().all(|id| page.contains(id.as_str())));

    let log: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("audit.sarif")).unwrap()).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let failing = results.iter().filter(|result| result["kind"] == "fail").map(|result| text(&result["ruleId"]));
    assert_eq!(failing.collect::<BTreeSet<_>>(), failed);

    let program = validator();
    let mut allowed = Command::new("chmod");
    assert!(allowed.arg("+x").arg(&program).status().unwrap().success());
    let checked = Command::new(&program)
        .args(["validate", "audit.sarif", "--output", "checked.sarif", "--log", "ForceOverwrite"])
        .current_dir(folder)
        .env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success() && !said.contains("error"), "{said}");
    // A log that breaks the schema is noticed, so the check above can fail.
    std::fs::write(folder.join("broken.sarif"), "{\"version\":\"2.1.0\",\"runs\":[{\"results\":[]}]}").unwrap();
    let broken = Command::new(&program)
        .args(["validate", "broken.sarif"])
        .current_dir(folder)
        .env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&broken.stdout).contains("error"), "{broken:?}");
}

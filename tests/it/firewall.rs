//! The firewall with all of its keys: another tool changes it, `status` names the change and whether it weakens, `verify`
//! fails, and `up` repairs it.

use serde_json::{Value, json};

use crate::support::botocore;
use crate::support::default_account::default_account;
use crate::support::emulator::{account, endpoint};
use crate::support::inventory::inventory;
use crate::support::moto::Moto;
use crate::support::program::User;

const FILE: &str = r#"
[stack]
name = "walled"
[functions.F]
source = "lambdas/external"
[pools.Users]
firewall = true
[api]
stage = "live"
[[api.routes]]
route = "GET /orders"
function = "F"
pool = "Users"
[firewall]
mode = "block"
addresses = ["203.0.113.0/24"]
rate_per_ip = 500
managed_rules = ["common:block", "ip-reputation"]
exceptions = { common = ["SizeRestrictions_BODY"] }
countries = { block = ["AQ"] }
body_limit_kb = 32
log = true
[[firewall.rules]]
name = "admin-from-office"
path = "/admin/*"
unless_address = ["198.51.100.0/24"]
[[firewall.rules]]
name = "beta"
action = "count"
header = "X-Client: beta*"
method = "POST"
body_over_kb = 8
"#;

fn of(account: &str, endpoint: &str) -> User {
    let user = User::of(account, endpoint).with("SECURELAMBDA_TIME_SCALE", "0.02");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/lambdas");
    std::os::unix::fs::symlink(source, user.folder.path().join("lambdas")).unwrap();
    user.write("securelambda.toml", FILE);
    user
}

#[track_caller]
fn aws(user: &User, operation: &str, arguments: &Value) -> Value {
    let answer = botocore::call(user, "wafv2", operation, arguments);
    assert!(answer.get("Error").is_none(), "{operation}: {answer}");
    answer
}

/// The stack's web ACL, and the lock token.
fn web_acl(user: &User) -> (Value, Value) {
    let listed = aws(user, "list_web_acls", &json!({ "Scope": "REGIONAL" }))["WebACLs"].clone();
    let ours = listed.as_array().unwrap().iter().find(|acl| acl["Name"] == "walled-web-acl").unwrap().clone();
    let read = aws(user, "get_web_acl", &json!({ "Scope": "REGIONAL", "Name": ours["Name"], "Id": ours["Id"] }));
    (read["WebACL"].clone(), read["LockToken"].clone())
}

/// Changes the web ACL as another tool would.
fn change(user: &User, by: impl Fn(&mut Value)) {
    let (mut acl, token) = web_acl(user);
    by(&mut acl);
    let mut arguments = json!({ "Scope": "REGIONAL", "LockToken": token });
    for name in ["Name", "Id", "DefaultAction", "Rules", "VisibilityConfig"] {
        arguments[name] = acl[name].clone();
    }
    aws(user, "update_web_acl", &arguments);
}

fn rule<'a>(acl: &'a mut Value, name: &str) -> &'a mut Value {
    acl["Rules"].as_array_mut().unwrap().iter_mut().find(|rule| rule["Name"] == name).unwrap()
}

fn added(acl: &mut Value, priority: i32, action: &Value, statement: &Value) {
    let visible = json!({ "SampledRequestsEnabled": true, "CloudWatchMetricsEnabled": true, "MetricName": "door" });
    let mut rule = json!({
        "Name": "door", "Priority": priority, "Action": action, "Statement": statement, "VisibilityConfig": visible,
    });
    if action.get("None").is_some() {
        rule["OverrideAction"] = rule["Action"].take();
        rule.as_object_mut().unwrap().remove("Action");
    }
    acl["Rules"].as_array_mut().unwrap().push(rule);
}

fn change_set(user: &User, name: &str, addresses: &[&str]) {
    let sets = aws(user, "list_ip_sets", &json!({ "Scope": "REGIONAL" }))["IPSets"].clone();
    let set = sets.as_array().unwrap().iter().find(|set| set["Name"] == name).unwrap().clone();
    let arguments = json!({
        "Scope": "REGIONAL", "Name": name, "Id": set["Id"], "LockToken": set["LockToken"], "Addresses": addresses,
    });
    aws(user, "update_ip_set", &arguments);
}

/// A web ACL of somebody else's.
fn another_acl(user: &User) -> Value {
    let visible = json!({ "SampledRequestsEnabled": true, "CloudWatchMetricsEnabled": true, "MetricName": "theirs" });
    let acl = json!({
        "Name": "theirs", "Scope": "REGIONAL", "DefaultAction": { "Allow": {} }, "VisibilityConfig": visible,
    });
    let listed = aws(user, "list_web_acls", &json!({ "Scope": "REGIONAL" }))["WebACLs"].clone();
    let known = listed.as_array().unwrap().iter().find(|acl| acl["Name"] == "theirs").cloned();
    known.unwrap_or_else(|| aws(user, "create_web_acl", &acl)["Summary"].clone())["ARN"].clone()
}

fn pool_arn(user: &User) -> String {
    let (outputs, account) =
        (user.run(&["outputs", "--json"]).ends(0).json(), &user.run(&["status", "--json"]).json()["account"]);
    let pool = outputs["pools"]["Users"]["id"].as_str().unwrap();
    format!("arn:aws:cognito-idp:eu-central-1:{}:userpool/{pool}", account.as_str().unwrap())
}

fn stage_arn(user: &User) -> String {
    let outputs = user.run(&["outputs", "--json"]).ends(0).json();
    format!("arn:aws:apigateway:eu-central-1::/restapis/{}/stages/live", outputs["api"]["id"].as_str().unwrap())
}

/// A change by another tool.
struct Change {
    name: &'static str,
    by: fn(&User),
    /// The resource that `status` names, and a part of its line.
    shows: (&'static str, &'static str),
    weakens: bool,
}

const fn change_of(name: &'static str, by: fn(&User), shows: (&'static str, &'static str), weakens: bool) -> Change {
    Change { name, by, shows, weakens }
}

const ACL: &str = "firewall.web-acl";

const CHANGES: [Change; 30] = [
    change_of(
        "an Allow rule before all others",
        |user| {
            change(user, |acl| {
                added(acl, 5, &json!({ "Allow": {} }), &json!({ "GeoMatchStatement": { "CountryCodes": ["DE"] } }));
            });
        },
        (ACL, "Rules.door is countries DE: Allow (priority 5), wanted no such rule"),
        true,
    ),
    change_of(
        "an Allow rule after all others",
        |user| {
            change(user, |acl| {
                added(acl, 900, &json!({ "Allow": {} }), &json!({ "GeoMatchStatement": { "CountryCodes": ["DE"] } }));
            });
        },
        (ACL, "Rules.door is countries DE: Allow (priority 900)"),
        false,
    ),
    change_of(
        "a Block rule",
        |user| {
            change(user, |acl| {
                added(acl, 5, &json!({ "Block": {} }), &json!({ "GeoMatchStatement": { "CountryCodes": ["KP"] } }));
            });
        },
        (ACL, "Rules.door is countries KP: Block"),
        false,
    ),
    change_of(
        "a Count rule",
        |user| {
            change(user, |acl| {
                added(acl, 5, &json!({ "Count": {} }), &json!({ "GeoMatchStatement": { "CountryCodes": ["KP"] } }));
            });
        },
        (ACL, "Rules.door is countries KP: Count"),
        false,
    ),
    change_of(
        "a rate rule",
        |user| {
            let rate = json!({ "RateBasedStatement": { "Limit": 100, "AggregateKeyType": "IP" } });
            change(user, |acl| added(acl, 5, &json!({ "Block": {} }), &rate));
        },
        (ACL, "Rules.door is over 100 requests in 0 s from one address: Block"),
        false,
    ),
    change_of(
        "a managed group of AWS's",
        |user| {
            let group =
                json!({ "ManagedRuleGroupStatement": { "VendorName": "AWS", "Name": "AWSManagedRulesSQLiRuleSet" } });
            change(user, |acl| added(acl, 5, &json!({ "None": {} }), &group));
        },
        (ACL, "Rules.door is the group AWS/AWSManagedRulesSQLiRuleSet"),
        false,
    ),
    change_of(
        "the default action blocks",
        |user| change(user, |acl| acl["DefaultAction"] = json!({ "Block": {} })),
        (ACL, "DefaultAction is Block, wanted Allow"),
        false,
    ),
    change_of(
        "a rule removed",
        |user| change(user, |acl| acl["Rules"].as_array_mut().unwrap().retain(|rule| rule["Name"] != "rate-per-ip")),
        (ACL, "Rules.rate-per-ip is no such rule, wanted over 500 requests in 300 s from one address"),
        true,
    ),
    change_of(
        "a rule counts instead of blocking",
        |user| change(user, |acl| rule(acl, "addresses-v4")["Action"] = json!({ "Count": {} })),
        (ACL, "Rules.addresses-v4.Action is Count, wanted Block"),
        true,
    ),
    change_of(
        "a counting rule blocks",
        |user| change(user, |acl| rule(acl, "beta")["Action"] = json!({ "Block": {} })),
        (ACL, "Rules.beta.Action is Block, wanted Count"),
        false,
    ),
    change_of(
        "a custom response",
        |user| {
            change(user, |acl| {
                rule(acl, "addresses-v4")["Action"] = json!({ "Block": { "CustomResponse": { "ResponseCode": 404 } } });
            });
        },
        (ACL, "Rules.addresses-v4.Action is Block with a custom response, wanted Block"),
        false,
    ),
    change_of(
        "a managed group counts",
        |user| change(user, |acl| rule(acl, "common")["OverrideAction"] = json!({ "Count": {} })),
        (ACL, "Rules.common.OverrideAction is Count, wanted None (the group's own actions)"),
        true,
    ),
    change_of(
        "a managed group blocks that only counted",
        |user| change(user, |acl| rule(acl, "ip-reputation")["OverrideAction"] = json!({ "None": {} })),
        (ACL, "Rules.ip-reputation.OverrideAction is None"),
        false,
    ),
    change_of(
        "a rule of a group only counts",
        |user| {
            change(user, |acl| {
                let overrides =
                    &mut rule(acl, "common")["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"];
                let more = json!({ "Name": "GenericRFI_BODY", "ActionToUse": { "Count": {} } });
                overrides.as_array_mut().unwrap().push(more);
            });
        },
        (ACL, "Rules.common.Statement.RuleActionOverrides is GenericRFI_BODY: Count, SizeRestrictions_BODY: Count"),
        true,
    ),
    change_of(
        "an exception removed",
        |user| {
            change(user, |acl| {
                rule(acl, "common")["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"] = json!([]);
            });
        },
        (ACL, "Rules.common.Statement.RuleActionOverrides is none, wanted SizeRestrictions_BODY: Count"),
        false,
    ),
    change_of(
        "a group for some requests only",
        |user| {
            change(user, |acl| {
                let down = json!({ "GeoMatchStatement": { "CountryCodes": ["DE"] } });
                rule(acl, "common")["Statement"]["ManagedRuleGroupStatement"]["ScopeDownStatement"] = down;
            });
        },
        (ACL, "Rules.common.Statement.ScopeDownStatement is countries DE, wanted none"),
        true,
    ),
    change_of(
        "an old version of a group",
        |user| {
            change(user, |acl| {
                rule(acl, "common")["Statement"]["ManagedRuleGroupStatement"]["Version"] = json!("Version_1.0");
            });
        },
        (ACL, "Rules.common.Statement.Version is Version_1.0, wanted none"),
        true,
    ),
    change_of(
        "a country no longer blocked",
        |user| {
            change(user, |acl| {
                rule(acl, "countries")["Statement"]["GeoMatchStatement"]["CountryCodes"] = json!(["BV"]);
            });
        },
        (ACL, "Rules.countries.Statement is countries BV, wanted countries AQ"),
        true,
    ),
    change_of(
        "another country blocked too",
        |user| {
            change(user, |acl| {
                rule(acl, "countries")["Statement"]["GeoMatchStatement"]["CountryCodes"] = json!(["BV", "AQ"]);
            });
        },
        (ACL, "Rules.countries.Statement is countries AQ, BV"),
        false,
    ),
    change_of(
        "a higher rate",
        |user| change(user, |acl| rule(acl, "rate-per-ip")["Statement"]["RateBasedStatement"]["Limit"] = json!(50_000)),
        (ACL, "Rules.rate-per-ip.Statement is over 50000 requests in 300 s from one address"),
        true,
    ),
    change_of(
        "a lower rate",
        |user| change(user, |acl| rule(acl, "rate-per-ip")["Statement"]["RateBasedStatement"]["Limit"] = json!(50)),
        (ACL, "Rules.rate-per-ip.Statement is over 50 requests in 300 s from one address"),
        false,
    ),
    change_of(
        "a rule of the stack's own for fewer requests",
        |user| {
            change(user, |acl| {
                let all = &mut rule(acl, "admin-from-office")["Statement"]["AndStatement"]["Statements"];
                all.as_array_mut().unwrap().push(json!({ "GeoMatchStatement": { "CountryCodes": ["DE"] } }));
            });
        },
        (
            ACL,
            "Rules.admin-from-office.Statement is all of (path matches ^(/(live))?/admin/.*$ after URL_DECODE, NORMALIZE_PATH, not ",
        ),
        true,
    ),
    change_of(
        "metrics off",
        |user| change(user, |acl| rule(acl, "beta")["VisibilityConfig"]["CloudWatchMetricsEnabled"] = json!(false)),
        (ACL, "Rules.beta.VisibilityConfig.CloudWatchMetricsEnabled is false, wanted true"),
        false,
    ),
    change_of(
        "a blocked address removed",
        |user| change_set(user, "walled-addresses-v4", &[]),
        ("firewall.addresses-v4", "Addresses is none, wanted 203.0.113.0/24"),
        true,
    ),
    change_of(
        "another address blocked too",
        |user| change_set(user, "walled-addresses-v4", &["203.0.113.0/24", "192.0.2.0/24"]),
        ("firewall.addresses-v4", "Addresses is 192.0.2.0/24, 203.0.113.0/24, wanted 203.0.113.0/24"),
        false,
    ),
    change_of(
        "another address exempt",
        |user| change_set(user, "walled-rule-admin-from-office-v4", &["198.51.100.0/24", "192.0.2.0/24"]),
        ("firewall.rule.admin-from-office-v4", "Addresses is 192.0.2.0/24, 198.51.100.0/24, wanted 198.51.100.0/24"),
        true,
    ),
    change_of(
        "no address exempt",
        |user| change_set(user, "walled-rule-admin-from-office-v4", &[]),
        ("firewall.rule.admin-from-office-v4", "Addresses is none, wanted 198.51.100.0/24"),
        false,
    ),
    change_of(
        "the stage without a web ACL",
        |user| drop(aws(user, "disassociate_web_acl", &json!({ "ResourceArn": stage_arn(user) }))),
        ("firewall.association", "missing"),
        true,
    ),
    change_of(
        "the pool without a web ACL",
        |user| drop(aws(user, "disassociate_web_acl", &json!({ "ResourceArn": pool_arn(user) }))),
        ("firewall.pool.Users", "missing"),
        true,
    ),
    change_of(
        "another web ACL of the user pool",
        |user| {
            let arguments = json!({ "WebACLArn": another_acl(user), "ResourceArn": pool_arn(user) });
            aws(user, "associate_web_acl", &arguments);
        },
        ("firewall.pool.Users", "WebACLArn is "),
        true,
    ),
];

#[test]
fn status_names_every_change_of_the_firewall_and_up_repairs_it() {
    let user = of(&account(), &endpoint());
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    for Change { name, by, shows: (id, words), weakens } in CHANGES {
        by(&user);
        let status = user.run(&["status", "--json"]).ends(0).json();
        assert_eq!(status["sound"], false, "{name} is not seen");
        let row = status["resources"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap();
        assert_eq!(row["weakens"], weakens, "{name}: {row:#}");
        let shown = user.run(&["status"]).ends(0).stdout;
        assert!(
            shown.lines().any(|line| line.contains(id) && line.contains(words)),
            "{name}: no {words:?} in\n{shown}"
        );
        let ran = user.run(&["up", "--yes"]);
        assert_eq!(ran.code, 0, "{name}: {}", ran.stderr);
        user.run(&["plan", "--detailed-exitcode"]).ends(0);
    }
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    let left = inventory(&user);
    assert!(left.iter().all(|one| one.contains("theirs")), "{left:?}");
}

/// `verify` fails for a change of each resource of the firewall, and shows the values of an unchanged resource.
#[test]
fn verify_proves_the_firewall_by_its_values() {
    let _alone = default_account();
    let user = of("test", &endpoint());
    user.run(&["up", "--yes"]).ends(0);
    // Checks of authorization may fail because of this function's answers, so the exit code is not checked.
    let checks = || -> Vec<Value> {
        let ran = user.run(&["verify", "--json"]);
        let lines = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["type"] == "check" && line["layer"] == "firewall").collect()
    };
    let sound = checks();
    assert!(sound.iter().all(|check| check["verdict"] != "fail"), "{sound:#?}");
    let received = |subject: &str| {
        let check = sound.iter().find(|check| check["subject"] == subject);
        check.unwrap_or_else(|| panic!("no check of {subject} among {sound:#?}"))["received"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let untried = |check: &&Value| check["subject"] == "logging of the web ACL" && check["verdict"] == "not_tried";
    assert!(sound.iter().any(|check| untried(&check)), "{sound:#?}");
    let acl = received("web ACL");
    for value in ["DefaultAction: Allow", "Rules.countries.Statement: countries AQ", "Rules.beta.Action: Count"] {
        assert!(acl.contains(value), "{value} is not in {acl}");
    }
    assert!(received("web ACL of the user pool Users").contains("WebACLArn: arn:aws:wafv2:"));
    assert!(received("IP set rule.admin-from-office-v4").contains("Addresses: 198.51.100.0/24"));
    for (name, subject) in [
        ("an Allow rule before all others", "web ACL"),
        ("another address exempt", "IP set rule.admin-from-office-v4"),
        ("the pool without a web ACL", "web ACL of the user pool Users"),
    ] {
        let change = CHANGES.iter().find(|change| change.name == name).unwrap();
        (change.by)(&user);
        let failed: Vec<Value> = checks().into_iter().filter(|check| check["verdict"] == "fail").collect();
        assert_eq!(failed.len(), 1, "{name}: {failed:#?}");
        assert_eq!(failed[0]["subject"], subject, "{name}");
        user.run(&["up", "--yes"]).ends(0);
    }
    assert!(checks().iter().all(|check| check["verdict"] != "fail"), "it is repaired");
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

/// Every value that somebody hardened by hand can be written into the stack file, and is kept from then on.
#[test]
fn hardening_by_hand_is_kept_once_the_stack_file_has_it() {
    let user = of(&account(), &endpoint());
    user.write("securelambda.toml", &FILE.replace("countries = { block = [\"AQ\"] }\n", ""));
    user.run(&["up", "--yes"]).ends(0);
    let geo = json!({ "GeoMatchStatement": { "CountryCodes": ["AQ"] } });
    change(&user, |acl| {
        added(acl, 12, &json!({ "Block": {} }), &geo);
        let rule = rule(acl, "door");
        rule["Name"] = json!("countries");
        rule["VisibilityConfig"]["MetricName"] = json!("walled-countries");
    });
    user.run(&["status", "--detailed-exitcode"]).ends(7);
    user.write("securelambda.toml", FILE);
    let (by_hand, token) = web_acl(&user);
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(web_acl(&user), (by_hand, token), "there was nothing to change");
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

/// moto keeps logging configurations, which the emulator does not.
#[test]
fn the_log_of_the_web_acl_is_made_repaired_and_removed() {
    let moto = Moto::start();
    let user = of("test", &moto.endpoint);
    // moto knows neither the URLs nor the destinations of functions.
    let (head, rest) = FILE.split_once("[functions.F]").unwrap();
    let (_, pool) = rest.split_once("[pools.Users]").unwrap();
    let (pool, firewall) = pool.split_once("[api]").unwrap();
    let (_, firewall) = firewall.split_once("[firewall]").unwrap();
    let file = format!("{head}[pools.Users]{pool}[firewall]{firewall}");
    user.write("securelambda.toml", &file);
    user.run(&["up", "--yes"]).ends(0);
    let (acl, _) = web_acl(&user);
    let log = || {
        aws(&user, "get_logging_configuration", &json!({ "ResourceArn": acl["ARN"] }))["LoggingConfiguration"].clone()
    };
    let made = log();
    let group = made["LogDestinationConfigs"][0].as_str().unwrap().to_owned();
    assert!(group.ends_with(":log-group:aws-waf-logs-walled"), "{made}");
    let headers = json!([{ "SingleHeader": { "Name": "authorization" } }, { "SingleHeader": { "Name": "cookie" } }]);
    assert_eq!(made["RedactedFields"], headers);
    let drift = |field: &str| {
        let status = user.run(&["status", "--json"]).ends(0).json();
        let row =
            status["resources"].as_array().unwrap().iter().find(|row| row["id"] == "firewall.logging").unwrap().clone();
        assert_eq!(row["weakens"], true, "{}", user.run(&["status"]).stdout);
        assert!(field.is_empty() || row["drift"][0]["field"] == field, "{row:#}");
    };
    let config = json!({ "ResourceArn": acl["ARN"], "LogDestinationConfigs": [group], "RedactedFields": [headers[1]] });
    aws(&user, "put_logging_configuration", &json!({ "LoggingConfiguration": config }));
    drift("LoggingConfiguration.RedactedFields");
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(log(), made);
    aws(&user, "delete_logging_configuration", &json!({ "ResourceArn": acl["ARN"] }));
    drift("");
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(log(), made);
    // Without the key, the log and its group are removed.
    user.write("securelambda.toml", &file.replace("log = true", "log = false"));
    user.run(&["up", "--yes"]).ends(0);
    let gone = botocore::call(&user, "wafv2", "get_logging_configuration", &json!({ "ResourceArn": acl["ARN"] }));
    assert!(gone["Error"].as_str().is_some_and(|error| error.contains("WAFNonexistentItemException")), "{gone}");
    assert!(!moto.inventory()["logs.group"].to_string().contains("aws-waf-logs"), "{}", moto.inventory());
    user.write("securelambda.toml", &file);
    user.run(&["up", "--yes"]).ends(0);
    // Without the state file, the log is found with its web ACL.
    let swept = user.on_another_machine(&moto.endpoint).with("SECURELAMBDA_TIME_SCALE", "0.02");
    swept.run(&["sweep", "--yes", "--adopt", "--stack", "walled", "--purge"]);
    let left = moto.inventory();
    assert!(["wafv2.web_acl", "wafv2.ip_set", "logs.group"].iter().all(|kind| left[*kind] == json!([])), "{left}");
}

//! `audit` on the emulator: every failure names a value and a key, and the reports are valid.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::support::program::User;

/// Microsoft's own validator of SARIF.
const VALIDATOR: &str = "@microsoft/sarif-multitool-linux@5.7.0";

/// The controls of an audit by outcome.
fn ids(audit: &Value, outcome: &str) -> BTreeSet<String> {
    let controls = audit["controls"].as_array().unwrap().iter();
    controls.filter(|control| control["outcome"] == outcome).map(|control| text(&control["id"])).collect()
}

fn text(value: &Value) -> String {
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

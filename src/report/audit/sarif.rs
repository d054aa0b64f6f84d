//! The audit as SARIF 2.1.0, which code scanning services read. Each control is a rule, and each finding a result. The
//! physical location is the table of the stack file where a finding is fixed; the resource is a logical location.

use serde_json::{Value, json};

use super::{Audit, Outcome, resource};
use crate::audit::{Evaluation, Finding};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The stack file as results refer to it.
#[derive(Debug, Clone, Copy)]
pub struct StackFile<'a> {
    /// Its path as a relative URI.
    pub uri: &'a str,
    pub text: &'a str,
}

/// A SARIF log with one run.
pub fn audit_sarif(audit: &Audit, file: StackFile<'_>) -> Value {
    let rules: Vec<Value> = audit.controls.iter().map(rule).collect();
    let results =
        audit.controls.iter().enumerate().flat_map(|(index, control)| {
            control.findings.iter().map(move |finding| result(control, index, finding, file))
        });
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "securelambda",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "automationDetails": {
                // In SARIF, the text after the last slash is the id of the run, and the text before it the category.
                "id": format!("securelambda/audit/{}/{}/{}/", audit.stack, audit.account, audit.region),
            },
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
        }],
    })
}

fn rule(control: &Evaluation) -> Value {
    let sentence = format!("{}.", control.title);
    json!({
        "id": control.id,
        "name": name(control.id),
        "shortDescription": { "text": sentence },
        "fullDescription": { "text": sentence },
        "help": { "text": format!("{} The findings name the key of the stack file that changes it.", sentence) },
        "defaultConfiguration": { "level": level(control.severity) },
        "properties": {
            "tags": ["security", control.standard],
            "security-severity": score(control.severity),
        },
    })
}

/// The id as one word that begins with a capital letter, as SARIF requires for a rule's name.
fn name(id: &str) -> String {
    let words = id.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

fn result(control: &Evaluation, index: usize, finding: &Finding, file: StackFile<'_>) -> Value {
    let fix = finding.key.as_ref().map(|key| format!(" To fix it: {}", key.replace('\n', " and "))).unwrap_or_default();
    let resource = resource(finding);
    let failing = matches!(finding.outcome, Outcome::Fail | Outcome::Accepted);
    let mut result = json!({
        "ruleId": control.id,
        "ruleIndex": index,
        "kind": match finding.outcome {
            Outcome::Fail | Outcome::Accepted => "fail",
            Outcome::NotTried => "open",
            Outcome::Pass => "pass",
            Outcome::NotApplicable => "notApplicable",
        },
        "level": if failing { level(control.severity) } else { "none" },
        "message": { "text": format!("{resource}: {}.{fix}", finding.observed.trim_end_matches('.')) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": file.uri },
                "region": { "startLine": line(file.text, finding.key.as_deref().unwrap_or_default()) },
            },
            "logicalLocations": [{ "fullyQualifiedName": resource, "kind": "resource" }],
        }],
        "partialFingerprints": { "control/v1": fingerprint(control, finding) },
    });
    if finding.outcome == Outcome::Accepted
        && let Some(reason) = &control.accepted
    {
        result["suppressions"] = json!([{ "kind": "external", "status": "accepted", "justification": reason }]);
    }
    result
}

/// The part of a finding that stays the same while its value changes. Two failures of a control for one resource have
/// different keys.
fn fingerprint(control: &Evaluation, finding: &Finding) -> String {
    let key = finding.key.as_deref().unwrap_or_default().split(" = ").next().unwrap_or_default();
    format!("{}/{}/{key}", control.id, resource(finding))
}

/// The line of the table that a key of the stack file belongs to, or of the nearest table that encloses it; 1 if there
/// is none.
fn line(text: &str, key: &str) -> usize {
    let path = key.split(" = ").next().unwrap_or_default();
    let path: Vec<&str> = if key.contains(" = ") { path.split('.').collect() } else { Vec::new() };
    let heading = |length: usize| {
        // An element of a list, as in `api.routes.0`, is the heading of that number.
        let number = path[length - 1].parse::<usize>();
        let heading = match number {
            Ok(_) => format!("[[{}]]", path[..length - 1].join(".")),
            Err(_) => format!("[{}]", path[..length].join(".")),
        };
        let mut found = text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with(&heading));
        found.nth(number.unwrap_or(0)).map(|(index, _)| index + 1)
    };
    (1..=path.len()).rev().find_map(heading).unwrap_or(1)
}

fn level(severity: &str) -> &'static str {
    match severity {
        "critical" | "high" => "error",
        "medium" => "warning",
        _ => "note",
    }
}

/// A number from 0 to 10, by which code scanning sorts.
fn score(severity: &str) -> &'static str {
    match severity {
        "critical" => "9.5",
        "high" => "8.0",
        "medium" => "5.5",
        _ => "3.0",
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::audit;
    use super::*;

    #[test]
    fn only_failures_have_a_level_and_accepted_ones_are_suppressed() {
        let log = audit_sarif(&audit(), StackFile { uri: "securelambda.toml", text: "[stack]\n[pools.Users]\n" });
        let results = log["runs"][0]["results"].as_array().expect("results");
        let kinds: Vec<(&str, &str)> = results
            .iter()
            .map(|result| (result["kind"].as_str().unwrap_or(""), result["level"].as_str().unwrap_or("")))
            .collect();
        let expected =
            [("fail", "warning"), ("fail", "warning"), ("open", "none"), ("pass", "none"), ("notApplicable", "none")];
        assert_eq!(kinds, expected);
        assert_eq!(results[1]["suppressions"][0]["justification"], "programs sign in");
        assert_eq!(results[0]["suppressions"], Value::Null);
        assert_eq!(results[0]["partialFingerprints"]["control/v1"], "Cognito.5/pool.Users/pools.Users.mfa");
        let lines = results.iter().map(|result| &result["locations"][0]["physicalLocation"]["region"]["startLine"]);
        assert_eq!(lines.collect::<Vec<_>>(), [2, 1, 1, 1, 1]);
        assert!(results[0]["message"]["text"].as_str().is_some_and(|text| text.contains("pools.Users.mfa")));
    }

    #[test]
    fn a_result_points_at_the_table_of_its_key() {
        let text = "[stack]\n\n[pools.Users]\n# [api]\n[api]\n[[api.routes]]\n[[api.routes]]\n[functions.F]\n";
        for (key, at) in [
            ("pools.Users.password.symbols = true", 3),
            ("api.tracing = true", 5),
            ("api.routes.1.pool = \"POOL\"", 7),
            ("functions.F.vpc = { subnets = [] }", 8),
            ("firewall.log = true", 1),
            ("run `securelambda up`", 1),
            ("", 1),
        ] {
            assert_eq!(line(text, key), at, "{key}");
        }
    }

    #[test]
    fn names_of_rules_are_one_word() {
        assert_eq!(name("Cognito.5"), "Cognito5");
        assert_eq!(name("sns_topics_not_publicly_accessible"), "SnsTopicsNotPubliclyAccessible");
    }
}

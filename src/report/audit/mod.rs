//! The result of `audit` as text for the terminal, as SARIF for code scanning and as an HTML page for an auditor.

mod html;
mod sarif;
mod text;

pub use html::audit_html;
pub use sarif::{StackFile, audit_sarif};
pub use text::audit_text;

use super::words;
use crate::audit::{Audit, Evaluation, Finding, Outcome};

/// The controls of one standard with one outcome, in the order of the standard.
fn chosen<'a>(audit: &'a Audit, standard: &str, outcome: Outcome) -> Vec<&'a Evaluation> {
    let all = audit.controls.iter();
    all.filter(|control| control.standard == standard && control.outcome == outcome).collect()
}

/// As in `3 failed, 1 accepted, 30 passed`. Counts of zero are left out.
fn tally(count: impl Fn(Outcome) -> usize) -> String {
    words::tally(&Outcome::ALL.map(|outcome| (count(outcome), outcome.words())))
}

/// The counts of one standard.
fn counts(audit: &Audit, standard: &str) -> String {
    tally(|outcome| chosen(audit, standard, outcome).len())
}

/// The title of a standard, by its word.
fn title(standard: &str) -> &'static str {
    let known = crate::controls::Standard::ALL.into_iter().find(|known| known.word() == standard);
    known.map_or("", crate::controls::Standard::title)
}

/// The subject of a finding that is not about a single resource.
const WHOLE: &str = "the stack";

/// The subject of a finding.
fn resource(finding: &Finding) -> &str {
    if finding.resource.is_empty() { WHOLE } else { &finding.resource }
}

/// Findings of a control that differ only in their resource.
struct Group<'a> {
    resources: Vec<&'a str>,
    observed: &'a str,
    key: Option<&'a str>,
}

/// The findings with this outcome, in their order.
fn groups(control: &Evaluation, outcome: Outcome) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for finding in control.findings.iter().filter(|finding| finding.outcome == outcome) {
        let (observed, key) = (finding.observed.as_str(), finding.key.as_deref());
        match groups.iter_mut().find(|group| group.observed == observed && group.key == key) {
            Some(group) => group.resources.push(resource(finding)),
            None => groups.push(Group { resources: vec![resource(finding)], observed, key }),
        }
    }
    groups
}

/// The result as a sentence without a full stop. If no control failed, it includes the number of controls that were not
/// tried.
fn statement(audit: &Audit) -> String {
    let counted = |count: usize| format!("{count} {}", if count == 1 { "control" } else { "controls" });
    match (audit.count(Outcome::Fail), audit.count(Outcome::NotTried)) {
        (0, 0) => "No control failed".to_owned(),
        (0, open) => format!("No control failed; {} could not be tried", counted(open)),
        (failed, _) => format!("{} failed", counted(failed)),
    }
}

/// A control that was not tried, with the resources concerned.
type Untried<'a> = (&'a Evaluation, Vec<&'a str>);

/// Why controls were not tried: each reason with its controls, in their order.
fn reasons(audit: &Audit) -> Vec<(&str, Vec<Untried<'_>>)> {
    let mut reasons: Vec<(&str, Vec<Untried<'_>>)> = Vec::new();
    for control in audit.controls.iter().filter(|control| control.outcome == Outcome::NotTried) {
        for finding in control.findings.iter().filter(|finding| finding.outcome == Outcome::NotTried) {
            let index = reasons.iter().position(|(reason, _)| *reason == finding.observed).unwrap_or(reasons.len());
            if index == reasons.len() {
                reasons.push((&finding.observed, Vec::new()));
            }
            let controls = &mut reasons[index].1;
            if controls.last().is_none_or(|(known, _)| known.id != control.id) {
                controls.push((control, Vec::new()));
            }
            if let Some((_, resources)) = controls.last_mut().filter(|_| !finding.resource.is_empty()) {
                resources.push(&finding.resource);
            }
        }
    }
    reasons
}

#[cfg(test)]
mod fixture {
    use crate::audit::{Audit, Evaluation, Finding, Outcome};
    use crate::emulator::Emulator;

    /// A control with one finding.
    pub(super) fn control(id: &'static str, outcome: Outcome) -> Evaluation {
        let finding = Finding {
            resource: "pool.Users".into(),
            outcome,
            observed: "MfaConfiguration: <OFF>".into(),
            key: (outcome == Outcome::Fail).then(|| "pools.Users.mfa = \"on\"".to_owned()),
        };
        Evaluation {
            id,
            standard: "fsbp",
            severity: "medium",
            title: "User pools require a second factor",
            outcome,
            accepted: (outcome == Outcome::Accepted).then(|| "programs sign in".to_owned()),
            findings: vec![finding],
        }
    }

    /// An audit on an emulator with a control of each outcome.
    pub(super) fn audit() -> Audit {
        let ids = ["Cognito.5", "Lambda.3", "SecretsManager.3", "SNS.1", "APIGateway.2"];
        Audit {
            schema_version: 1,
            tool: "securelambda 0.1.0".into(),
            stack: "demo".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            endpoint: Some("http://127.0.0.1:4577".into()),
            emulator: Emulator::of(Some("http://127.0.0.1:4577")),
            at_unix_ms: 1_795_000_000_000,
            standards: vec!["fsbp"],
            controls: ids.into_iter().zip(Outcome::ALL).map(|(id, outcome)| control(id, outcome)).collect(),
        }
    }
}

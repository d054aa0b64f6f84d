//! Compares a stack with the controls of auditors ([`controls`](crate::controls)). Every value comes from the engine's
//! reads of the live stack. Pure: nothing here calls AWS or prints.

mod estate;
mod fix;
mod rules;

use std::collections::BTreeMap;

use serde::Serialize;

pub use estate::Estate;

use self::estate::general;
use self::fix::{ACCEPT, acceptance};
use crate::controls::{self, Control, Standard};
use crate::emulator::Emulator;

/// The result of a control, or of one rule for one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Fail,
    /// It would fail, and `[audit] accept` in the stack file says why it may.
    Accepted,
    /// Nothing that was read decides it.
    NotTried,
    Pass,
    NotApplicable,
}

impl Outcome {
    pub const ALL: [Self; 5] = [Self::Fail, Self::Accepted, Self::NotTried, Self::Pass, Self::NotApplicable];

    pub fn words(self) -> &'static str {
        match self {
            Self::Fail => "failed",
            Self::Accepted => "accepted",
            Self::NotTried => "not tried",
            Self::Pass => "passed",
            Self::NotApplicable => "not applicable",
        }
    }
}

/// What a rule found for one resource. It contains no value of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The id of the resource in the stack, as in `pool.Users`; empty if the finding is about no resource.
    pub resource: String,
    pub outcome: Outcome,
    /// The value that was read, as in `MfaConfiguration: OFF`, or the reason why there is none.
    pub observed: String,
    /// What makes a failure pass: lines of the stack file, each a key with its whole path and a value, as in
    /// `pools.Users.mfa = "on"`, or a command to run. A value in capitals, as in `"POOL"`, is one that only the owner has.
    pub key: Option<String>,
}

/// A control and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evaluation {
    pub id: &'static str,
    pub standard: &'static str,
    pub severity: &'static str,
    pub title: &'static str,
    pub outcome: Outcome,
    /// The reason that the stack file gives in `[audit] accept`.
    pub accepted: Option<String>,
    pub findings: Vec<Finding>,
}

/// The result of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Increases with each incompatible change of this format.
    pub schema_version: u32,
    /// The name and version of this program.
    pub tool: String,
    pub stack: String,
    pub account: String,
    pub region: String,
    /// The endpoint, unless it is AWS.
    pub endpoint: Option<String>,
    /// What it cannot show, if it is an emulator.
    pub emulator: Option<Emulator>,
    /// The time of the audit, in milliseconds since 1970.
    pub at_unix_ms: u64,
    pub standards: Vec<&'static str>,
    /// In the order of the standards.
    pub controls: Vec<Evaluation>,
}

impl Audit {
    pub fn count(&self, outcome: Outcome) -> usize {
        self.controls.iter().filter(|control| control.outcome == outcome).count()
    }

    /// Whether no control failed.
    pub fn passes(&self) -> bool {
        self.count(Outcome::Fail) == 0
    }
}

/// Evaluates every control of the `standards`.
pub fn evaluate(estate: &Estate<'_>, standards: &[Standard]) -> Vec<Evaluation> {
    let mut known = BTreeMap::new();
    let chosen = controls::all().filter(|control| standards.contains(&control.standard));
    chosen
        .map(|control| {
            let mut findings = Vec::new();
            for rule in control.rules {
                let name = format!("{rule:?}");
                findings.extend(known.entry(name).or_insert_with(|| rules::evaluate(*rule, estate)).clone());
            }
            evaluation(control, findings, estate.stack.accepted.get(control.id))
        })
        .collect()
}

fn evaluation(control: &'static Control, mut findings: Vec<Finding>, accepted: Option<&String>) -> Evaluation {
    if findings.is_empty() {
        findings = general(Outcome::NotApplicable, "the stack has nothing that this control is about");
    }
    for finding in findings.iter_mut().filter(|finding| finding.key.as_deref() == Some(ACCEPT)) {
        finding.key = Some(acceptance(control.id));
    }
    findings.sort_by(|a, b| (a.outcome, &a.resource).cmp(&(b.outcome, &b.resource)));
    let outcome = match (of(&findings), accepted) {
        (Outcome::Fail, Some(_)) => Outcome::Accepted,
        (outcome, _) => outcome,
    };
    if outcome == Outcome::Accepted {
        for finding in findings.iter_mut().filter(|finding| finding.outcome == Outcome::Fail) {
            finding.outcome = Outcome::Accepted;
        }
    }
    Evaluation {
        id: control.id,
        standard: control.standard.word(),
        severity: control.severity.word(),
        title: control.title,
        outcome,
        accepted: accepted.filter(|_| outcome == Outcome::Accepted).cloned(),
        findings,
    }
}

/// One failure fails a control. A control passes only if something was tried, and nothing was left out.
fn of(findings: &[Finding]) -> Outcome {
    let has = |outcome| findings.iter().any(|finding| finding.outcome == outcome);
    [Outcome::Fail, Outcome::NotTried, Outcome::Pass]
        .into_iter()
        .find(|outcome| has(*outcome))
        .unwrap_or(Outcome::NotApplicable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(outcome: Outcome) -> Finding {
        Finding { resource: "pool.Users".into(), outcome, observed: "Mfa: OFF".into(), key: None }
    }

    #[test]
    fn one_failure_fails_a_control_and_one_gap_leaves_it_open() {
        use Outcome::{Fail, NotApplicable, NotTried, Pass};
        for (findings, outcome) in [
            (&[Pass, Fail, NotTried][..], Fail),
            (&[Pass, NotTried], NotTried),
            (&[Pass, NotApplicable], Pass),
            (&[NotApplicable], NotApplicable),
            (&[], NotApplicable),
        ] {
            let findings: Vec<Finding> = findings.iter().map(|outcome| finding(*outcome)).collect();
            assert_eq!(of(&findings), outcome);
        }
    }

    #[test]
    fn only_a_failure_can_be_accepted() {
        let control = controls::all().next().expect("a control");
        let reason = "no VPC".to_owned();
        let failed = evaluation(control, vec![finding(Outcome::Fail), finding(Outcome::Pass)], Some(&reason));
        assert_eq!((failed.outcome, failed.accepted.as_deref()), (Outcome::Accepted, Some("no VPC")));
        assert_eq!(failed.findings[0].outcome, Outcome::Accepted);
        let passed = evaluation(control, vec![finding(Outcome::Pass)], Some(&reason));
        assert_eq!((passed.outcome, passed.accepted), (Outcome::Pass, None));
    }
}

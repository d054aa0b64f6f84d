//! Compares a stack with the controls of security standards ([`controls`](crate::controls)). Every value comes from the
//! engine's reads of the live stack. Pure: nothing here calls AWS or prints.

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
    /// It would fail, but `[audit] accept` in the stack file gives a reason to accept this.
    Accepted,
    /// The values that were read do not decide the result.
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

/// The result of a rule for one resource. It contains no value of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The id of the resource in the stack, as in `pool.Users`; empty if the finding is about no resource.
    pub resource: String,
    pub outcome: Outcome,
    /// The value that was read, as in `MfaConfiguration: OFF`, or the reason why there is none.
    pub observed: String,
    /// The fix of a failure: lines of the stack file, each a key with its whole path and a value, as in
    /// `pools.Users.mfa = "on"`, or a command to run. A value in capitals, as in `"POOL"`, is a placeholder for a value
    /// that only the owner knows.
    pub key: Option<String>,
}

/// A control and its findings.
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
    /// The emulator and its limits, unless the endpoint is AWS.
    pub emulator: Option<Emulator>,
    /// The time of the audit, in milliseconds since 1970.
    pub at_unix_ms: u64,
    pub standards: Vec<&'static str>,
    /// The controls, in the order of the standards.
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
        findings = general(Outcome::NotApplicable, "the stack has no resource that this control applies to");
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
    use crate::engine::{Comparison, Id, ReadResult};

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

    /// The evaluation of a control for one resource of the built-in stack.
    fn judged(control: &str, kind: &'static str, id: &Id, read: &ReadResult) -> Evaluation {
        let stack = crate::spec::parse(crate::spec::BUILTIN).expect("a stack file");
        let estate = Estate { stack: &stack, seen: vec![(id, kind, read)], today: "2026-11-29".into() };
        let all = evaluate(&estate, &Standard::ALL);
        all.into_iter().find(|one| one.id == control).expect("a control")
    }

    fn live(comparison: Comparison) -> ReadResult {
        ReadResult::Live { outputs: serde_json::Value::Null, comparison }
    }

    #[test]
    fn the_fix_is_a_key_unless_the_stack_file_already_asks_for_what_passes() {
        let pool = Id::new("pool", "MyUserPool1");
        let key = |want: &str, live_value: &str| {
            let read = live(Comparison::default().guard("MfaConfiguration", want, live_value));
            let found = judged("Cognito.5", "cognito.user_pool", &pool, &read);
            (found.outcome, found.findings[0].key.clone())
        };
        assert_eq!(key("OFF", "OFF"), (Outcome::Fail, Some("pools.MyUserPool1.mfa = \"on\"".to_owned())));
        assert_eq!(key("ON", "OFF"), (Outcome::Fail, Some("run `securelambda up`".to_owned())));
        assert_eq!(key("OFF", "ON"), (Outcome::Pass, None));
    }

    #[test]
    fn what_was_not_read_does_not_pass() {
        let pool = Id::new("pool", "MyUserPool1");
        let outcome = |read: &ReadResult| judged("Cognito.5", "cognito.user_pool", &pool, read).outcome;
        assert_eq!(outcome(&live(Comparison::default())), Outcome::NotTried);
        assert_eq!(outcome(&ReadResult::Blocked(Comparison::default())), Outcome::NotTried);
        assert_eq!(outcome(&ReadResult::Absent), Outcome::Fail);
        let unsupported = Comparison::default().plain("MfaConfiguration", "ON", crate::emulator::UNSUPPORTED);
        assert_eq!(outcome(&live(unsupported)), Outcome::NotTried);
    }

    #[test]
    fn an_old_policy_of_tls_fails() {
        let api = Id::new("api", "rest");
        let want = "SecurityPolicy_TLS13_1_2_2021_06";
        for (policy, outcome) in [
            (want, Outcome::Pass),
            ("SecurityPolicy_TLS13_1_3_2025_09", Outcome::Pass),
            ("TLS_1_2", Outcome::Pass),
            ("TLS_1_0", Outcome::Fail),
        ] {
            let read = live(Comparison::default().guard("securityPolicy", want, policy));
            assert_eq!(judged("api-3", "apigateway.rest_api", &api, &read).outcome, outcome, "{policy}");
        }
    }

    #[test]
    fn a_rotation_that_is_overdue_fails() {
        let (secret, rotation) = (Id::new("secret", "LambdaSNSTopicARN"), Id::new("rotation", "LambdaSNSTopicARN"));
        let stack = crate::spec::parse(crate::spec::BUILTIN).expect("a stack file");
        let outcomes = |days: u32, last: &str| {
            let rotated = Comparison::default()
                .plain("RotationLambdaARN", "arn:f", "arn:f")
                .plain("RotationRules.AutomaticallyAfterDays", days, days)
                .plain("LastRotatedDate", last, last);
            let (read, rotated) = (live(Comparison::default()), live(rotated));
            let seen =
                vec![(&secret, "secretsmanager.secret", &read), (&rotation, "secretsmanager.rotation", &rotated)];
            let estate = Estate { stack: &stack, seen, today: "2026-11-29".into() };
            let all = evaluate(&estate, &[Standard::Fsbp]);
            ["SecretsManager.2", "SecretsManager.4"]
                .map(|id| all.iter().find(|one| one.id == id).expect("a control").outcome)
        };
        assert_eq!(outcomes(30, "never, created on 2026-11-29"), [Outcome::Pass, Outcome::Pass]);
        assert_eq!(outcomes(30, "2026-10-01"), [Outcome::Fail, Outcome::Pass]);
        assert_eq!(outcomes(60, "2026-08-01"), [Outcome::Fail, Outcome::Fail]);
        assert_eq!(outcomes(365, "2026-11-01"), [Outcome::Pass, Outcome::Fail]);
        assert_eq!(outcomes(30, "not read"), [Outcome::NotTried, Outcome::NotTried]);
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

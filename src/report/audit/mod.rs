//! The result of `audit` as text for the terminal, as SARIF for code scanning and as an HTML page for an auditor.

mod html;
mod sarif;
mod text;

pub use html::audit_html;
pub use sarif::audit_sarif;
pub use text::audit_text;

use super::words;
use crate::audit::{Audit, Evaluation, Outcome};

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

#[cfg(test)]
mod fixture {
    use crate::audit::{Audit, Evaluation, Finding, Outcome};

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
            at_unix_ms: 1_795_000_000_000,
            standards: vec!["fsbp"],
            controls: ids.into_iter().zip(Outcome::ALL).map(|(id, outcome)| control(id, outcome)).collect(),
        }
    }
}

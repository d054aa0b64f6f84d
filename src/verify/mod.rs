//! The proof that every layer holds: what was checked, what was sent, what was expected, what came back.
//!
//! This file has the shape of a proof; [`verify`] in `run.rs` makes one: it adds throw-away users (`test_users`), runs the
//! checks of each layer side by side (`settings` for what the survey saw, a file a layer for the rest), and removes the
//! users. What an answer means is decided by pure functions: `classify` and those marked so beside the checks. Nothing
//! here prints.

mod arrival;
mod authentication;
mod authorization;
mod check_spec;
mod classify;
mod firewall;
mod functions;
mod past_gateway;
mod prober;
mod run;
mod sample;
mod secrets;
mod settings;
mod signed;
mod target;
mod test_users;
mod throttle;
mod tokens;

use serde::Serialize;

pub use run::{Proof, Subject, verify};

pub use crate::layer::Layer;

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not, or it could not be found out.
    Fail,
    /// It does not apply here; `received` says why.
    NotApplicable,
}

/// One check. No text of it ever holds a password or a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its layer.
    pub layer: Layer,
    /// What was looked at: `POST /lambda1`, `MyUserPool1`, `role ExternalLambda1`.
    pub subject: String,
    /// What holds if it passes, as a sentence: `a token of MyUserPool2 is refused`.
    pub claim: String,
    /// What came of it.
    pub verdict: Verdict,
    /// What was sent or read.
    pub sent: String,
    /// What had to come back.
    pub expected: String,
    /// What came back.
    pub received: String,
    /// When it ended, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// How long it took.
    pub elapsed_ms: u64,
}

/// A whole proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Rises when this shape changes so that scripts would break.
    pub schema_version: u32,
    /// The program and its version.
    pub tool: String,
    /// The stack's name.
    pub stack: String,
    /// Twelve digits.
    pub account: String,
    /// As in `eu-central-1`.
    pub region: String,
    /// Where it was verified, if not at AWS itself.
    pub endpoint: Option<String>,
    /// When it began, in milliseconds since 1970.
    pub began_unix_ms: u64,
    /// How long it took.
    pub elapsed_ms: u64,
    /// In the order of the checklist.
    pub checks: Vec<Check>,
}

impl Verification {
    /// How many checks ended like this.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|check| check.verdict == verdict).count()
    }

    /// Nothing failed, and something was checked.
    pub fn holds(&self) -> bool {
        self.count(Verdict::Fail) == 0 && self.count(Verdict::Pass) > 0
    }
}

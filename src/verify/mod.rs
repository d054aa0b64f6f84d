//! Proves that every layer of the live stack works. Each check records what it sent, expected and received.
//!
//! This file has the types of a proof. [`verify`] makes one: it adds temporary users (`test_users`), runs the checks of
//! all layers in parallel (`settings` compares the resources that the engine has read, the other files send requests),
//! and removes the users. Pure functions turn answers into results, most of them in `classify`. Nothing here prints.

mod arrival;
mod authentication;
mod authorization;
mod check_spec;
mod classify;
mod context;
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

pub use context::Subject;
pub use run::{Proof, verify};

pub use crate::layer::Layer;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The claim holds.
    Pass,
    /// The claim does not hold or could not be tested.
    Fail,
    /// The claim does not apply or cannot be tested here. `received` has the reason.
    NotApplicable,
}

/// One check. None of its texts contains a password or a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub layer: Layer,
    /// The object of the check: `POST /lambda1`, `MyUserPool1`, `role ExternalLambda1`.
    pub subject: String,
    /// A sentence that is true if the check passes: `a token of MyUserPool2 is refused`.
    pub claim: String,
    pub verdict: Verdict,
    pub sent: String,
    pub expected: String,
    /// What was received or, if the check does not apply, the reason.
    pub received: String,
    /// The end of the check, in milliseconds since 1970.
    pub at_unix_ms: u64,
    pub elapsed_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Increases with each incompatible change of this format.
    pub schema_version: u32,
    /// The name and version of this program.
    pub tool: String,
    pub stack: String,
    pub account: String,
    pub region: String,
    /// The endpoint, unless it is AWS.
    pub endpoint: Option<String>,
    /// The beginning, in milliseconds since 1970.
    pub began_unix_ms: u64,
    pub elapsed_ms: u64,
    /// In the order of the layers.
    pub checks: Vec<Check>,
}

impl Verification {
    /// The number of checks with this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|check| check.verdict == verdict).count()
    }

    /// Whether no check failed and at least one passed.
    pub fn holds(&self) -> bool {
        self.count(Verdict::Fail) == 0 && self.count(Verdict::Pass) > 0
    }
}

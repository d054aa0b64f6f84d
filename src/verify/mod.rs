//! Proves that every layer of the live stack works. Each check records what it sent, expected and received.
//!
//! This file has the types of a proof. [`verify`] makes one: it adds temporary users (`test_users`), runs the checks of
//! all layers in parallel (`settings` compares the resources that the engine has read, the other files send requests),
//! and removes the users. Pure functions turn answers into results, most of them in `classify`. Nothing here prints.

mod allow_from;
mod api_keys;
mod arrival;
mod attacker;
mod attacks;
mod authentication;
mod authorization;
mod bodies;
mod check_spec;
mod classify;
mod context;
mod cors;
mod domains;
mod evidence;
mod expiry;
mod firewall;
mod functions;
mod group_roles;
mod groups;
mod lambda_authorizers;
mod pages;
mod parameters;
mod past_gateway;
mod paths;
mod prober;
mod programs;
mod reach;
mod rights;
mod run;
mod sample;
mod secrets;
mod settings;
mod signed;
mod target;
mod test_users;
mod throttle;
mod tokens;
mod unlisted;

use std::collections::BTreeSet;

use serde::Serialize;

pub use context::{Admitted, GivenUser, Subject};
pub use run::{Proof, verify};
pub use sample::satisfying as sample_body;
pub use test_users::Leftover;

use crate::emulator::Emulator;
use crate::error::Error;
pub use crate::layer::Layer;
use crate::spec::Stack;
use target::Target;

/// The version of the lines of `verify --json`. Version 2 has the verdict `not_tried` instead of `not_applicable`.
pub const SCHEMA_VERSION: u32 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The claim holds.
    Pass,
    /// The claim does not hold.
    Fail,
    /// The claim was not tested. `received` has the reason.
    NotTried,
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
    /// The answer that was received or, if the check was not tried, the reason.
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
    /// The emulator and its limits, unless the endpoint is AWS.
    pub emulator: Option<Emulator>,
    /// Sentences that a reader of the summary must know.
    pub notes: Vec<String>,
    /// The beginning, in milliseconds since 1970.
    pub began_unix_ms: u64,
    pub elapsed_ms: u64,
    /// The checks, in the order of the layers.
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

/// The notes that the summary of a proof of this stack always contains.
pub fn notes(stack: &Stack) -> Vec<String> {
    firewall::blocks_nothing(stack).into_iter().collect()
}

/// Finds the routes that the user names. A name has the form that `call` accepts: `POST /lambda1`, `Age GET /age`, or a
/// path that only one route has.
///
/// # Errors
/// There is no such route.
pub fn route_names(stack: &Stack, wanted: &[String]) -> Result<BTreeSet<String>, Error> {
    let all: Vec<Target<'_>> = stack.all_apis().flat_map(Target::all).collect();
    let known: Vec<String> = all.iter().map(|target| target.subject()).collect();
    let find = |wanted: &String| {
        let named = |target: &&Target<'_>| target.subject() == *wanted || target.route.name() == *wanted;
        let mut on_path = all.iter().filter(|target| target.route.path == *wanted);
        let by_path = on_path.next().filter(|_| on_path.next().is_none());
        let found = all.iter().find(named).or(by_path).map(|target| target.subject());
        found.ok_or_else(|| Error::unknown("route", wanted, &known.iter().map(String::as_str).collect::<Vec<_>>()))
    };
    wanted.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_named_as_in_call_and_an_unknown_one_is_a_mistake() {
        let route = |api: &str, name: &str| {
            format!("[[{api}.routes]]\nroute = \"{name}\"\nfunction = \"F\"\nauth = \"none\"\n")
        };
        let file = [
            "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[api]\n",
            &route("api", "POST /a"),
            &route("api", "GET /b"),
            &route("api", "PUT /b"),
            "[apis.Age]\n",
            &route("apis.Age", "GET /age"),
        ];
        let stack = crate::spec::parse(&file.concat()).expect("a stack file");
        let names = |wanted: &str| route_names(&stack, &[wanted.to_owned()]).map(|names| names.into_iter().collect());
        for (wanted, name) in
            [("POST /a", "POST /a"), ("/a", "POST /a"), ("Age GET /age", "Age GET /age"), ("GET /age", "Age GET /age")]
        {
            assert_eq!(names(wanted).ok(), Some(vec![name.to_owned()]), "{wanted}");
        }
        for wanted in ["/b", "POST /aa", "GET /a"] {
            let error = names(wanted).expect_err("no such route, or several");
            assert_eq!(error.kind, crate::error::Kind::Usage);
        }
        assert!(names("POST /aa").expect_err("none").hints[0].contains("did you mean POST /a?"));
        assert_eq!(route_names(&stack, &[]).expect("none"), BTreeSet::new());
    }
}

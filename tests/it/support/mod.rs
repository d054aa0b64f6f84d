//! Support code that several tests share.

use serde_json::Value;

use self::inventory::inventory;
use self::program::User;

pub mod account_reader;
#[allow(dead_code, reason = "the benchmark uses the rest")]
pub mod aws_rules;
pub mod botocore;
pub mod browser;
pub mod clock;
pub mod default_account;
pub mod domains;
pub mod edge;
pub mod emulator;
#[allow(dead_code, reason = "the benchmark uses the rest")]
pub mod facts;
pub mod fake;
#[allow(dead_code, reason = "the benchmark needs none of it")]
pub mod faults;
pub mod graphs;
pub mod iam;
pub mod inventory;
pub mod moto;
pub mod program;
#[allow(dead_code, reason = "the benchmark uses the rest")]
pub mod proxy;
pub mod pty;
pub mod python;
pub mod routes;
pub mod sample;
pub mod simulation;
pub mod simulator;
#[allow(dead_code, reason = "the benchmark uses the rest")]
pub mod size;
pub mod tunnel;
#[allow(dead_code, reason = "the benchmark needs none of it")]
pub mod workflows;

/// Asserts that `up` completes from the recorded state, and that `down` then leaves nothing.
#[track_caller]
pub fn completes_and_removes(user: &User) {
    user.run(&["up", "--yes"]).ends(0);
    let pools = inventory(user).iter().filter(|name| name.starts_with("cognito.user_pool ")).count();
    assert_eq!(pools, 2, "no pool is created twice");
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(user), Vec::<String>::new());
    assert!(!user.records_resources());
}

/// The differences that `status` reports, as `(resource, field, weakens)`.
pub fn drift(user: &User, flags: &[&str]) -> Vec<(String, String, bool)> {
    let status = user.run(&[&["status", "--json"], flags].concat()).ends(0).json();
    let mut all = Vec::new();
    for row in status["resources"].as_array().unwrap() {
        for drift in row["drift"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            all.push((text(&row["id"]), text(&drift["field"]), drift["weakens"] == true));
        }
    }
    all
}

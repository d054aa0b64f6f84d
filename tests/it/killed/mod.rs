//! Killed before any call, killed after it, or left without its answer, on the emulator: the next `up` completes to
//! exactly the account that an undisturbed one builds, and the next `down` leaves nothing. And runs in a storm of errors.
//! The engine's own tests cut at every write to disk as well, with a fake cloud.
//!
//! `cargo test` takes a sample. The whole, with its report:
//! `cargo test --test it killed:: -- --ignored --nocapture --test-threads 1`
//!
//! - `SECURELAMBDA_TEST_SEEDS=17..18` (with `storms`): these seeds alone; a seed's mishaps are always the same
//! - `SECURELAMBDA_TEST_CALL='iam CreateRole'` (with `the_whole_matrix`): the cases of these calls alone
//! - `SECURELAMBDA_TEST_STRIDE=20`: every 20th case
//! - `SECURELAMBDA_TEST_LANES=2`: so many accounts side by side

#![allow(clippy::print_stderr, reason = "the report")]

mod address;
mod faults;
mod lane;
mod matrix;
mod sky;
mod storm;

use std::sync::{Mutex, MutexGuard, PoisonError};

use self::lane::Lane;
use crate::support::emulator::{endpoint, python};

/// Lanes at once. Each waits half of the time for its functions to settle, so there are more of them than cores.
const LANES: usize = 4;

const TUTORIAL: &str = "tutorial";

fn lanes(count: usize, blueprint: &'static str) -> Vec<Lane> {
    (0..count).map(|_| Lane::new(&endpoint(), &python(), blueprint)).collect()
}

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(otherwise)
}

/// One at a time: each has all the cores it can use.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn matrix_of(blueprint: &'static str, stride: usize, only: &str, count: usize, name: &str) {
    let _alone = alone();
    let evidence = matrix::evidence(name);
    let undisturbed = matrix::undisturbed(&mut lanes(1, blueprint)[0]);
    let things = if blueprint == TUTORIAL { 40 } else { 15 };
    assert!(undisturbed.built.account.len() > things, "{:#?}", undisturbed.built.account.keys());
    let cases = matrix::cases(&undisturbed, stride, only);
    assert!(!cases.is_empty(), "no call is called {only:?}");
    let report = matrix::go_through(&undisturbed, cases, lanes(count, blueprint), &evidence);
    eprintln!("{}", matrix::table(&undisturbed, &report));
    assert!(report.failures().is_empty(), "{} failures, listed above", report.failures().len());
}

fn storms_of(seeds: std::ops::Range<u64>, count: usize, name: &str) {
    let _alone = alone();
    let evidence = matrix::evidence(name);
    let undisturbed = matrix::undisturbed(&mut lanes(1, TUTORIAL)[0]);
    let storms = storm::weather(&undisturbed.built, seeds, lanes(count, TUTORIAL), &evidence);
    eprintln!("{}", storm::table(&storms));
    assert!(storms.failures.is_empty(), "{} failures, listed above", storms.failures.len());
}

fn seeds(otherwise: std::ops::Range<u64>) -> std::ops::Range<u64> {
    let Ok(asked) = std::env::var("SECURELAMBDA_TEST_SEEDS") else { return otherwise };
    let (first, end) = asked.split_once("..").unwrap();
    first.parse().unwrap()..end.parse().unwrap()
}

#[test]
fn a_sample_of_the_matrix() {
    matrix_of(TUTORIAL, 40, "", 2, "killed-sample");
}

#[test]
fn a_sample_of_the_matrix_of_http_jwt() {
    // An HTTP API's name is not unique: nothing but its tag tells whether there is one already.
    matrix_of("http-jwt", 6, "apigatewayv2 Create", 2, "killed-http-jwt");
}

#[test]
fn a_few_storms() {
    storms_of(1000..1006, 2, "storms-sample");
}

#[test]
#[ignore = "takes ten minutes"]
fn the_whole_matrix() {
    let only = std::env::var("SECURELAMBDA_TEST_CALL").unwrap_or_default();
    let (stride, lanes) = (number("SECURELAMBDA_TEST_STRIDE", 1), number("SECURELAMBDA_TEST_LANES", LANES));
    matrix_of(TUTORIAL, stride, &only, lanes, "killed");
}

#[test]
#[ignore = "takes ten minutes"]
fn the_whole_matrix_of_http_jwt() {
    let only = std::env::var("SECURELAMBDA_TEST_CALL").unwrap_or_default();
    let (stride, lanes) = (number("SECURELAMBDA_TEST_STRIDE", 1), number("SECURELAMBDA_TEST_LANES", LANES));
    matrix_of("http-jwt", stride, &only, lanes, "killed-http-jwt");
}

#[test]
#[ignore = "takes five minutes"]
fn storms() {
    storms_of(seeds(1..201), number("SECURELAMBDA_TEST_LANES", LANES), "storms");
}

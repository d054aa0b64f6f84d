//! Killed before any call, killed after it, or left without its answer, on the emulator: the next `up` completes to
//! exactly the account that an undisturbed one builds, and the next `down` leaves nothing. And runs in a storm of errors.
//! The engine's own tests cut at every write to disk as well, with a fake cloud.
//!
//! `cargo test` takes a sample. The whole, with its report:
//! `cargo test --test it killed:: -- --ignored --nocapture --test-threads 1`
//!
//! - `SECURELAMBDA_TEST_SEEDS=17..18` (with `storms`): these seeds alone; a seed's mishaps are always the same
//! - `SECURELAMBDA_TEST_CALL='iam CreateRole'` (with `the_whole`): the cases of these calls alone
//! - `SECURELAMBDA_TEST_STRIDE=20`: every 20th case
//! - `SECURELAMBDA_TEST_ACCOUNTS=2`: so many accounts side by side

#![allow(clippy::print_stderr, reason = "the report")]

mod address;
mod fault_plan;
mod faults;
mod matrix;
mod storm;
mod test_account;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use self::address::Address;
use self::matrix::Undisturbed;
use self::test_account::TestAccount;
use crate::support::emulator::{endpoint, python};

/// Lanes at once. Each waits most of the time, for its functions to settle and for the emulator: so many keep two cores busy.
const LANES: usize = 8;

/// A stack that the program carries.
#[derive(Clone, Copy, PartialEq)]
enum Blueprint {
    Tutorial,
    HttpJwt,
    ApiToApi,
}

impl Blueprint {
    fn name(self) -> &'static str {
        match self {
            Self::Tutorial => "tutorial",
            Self::HttpJwt => "http-jwt",
            Self::ApiToApi => "api-to-api",
        }
    }

    /// Fewer things than it makes.
    fn things(self) -> usize {
        match self {
            Self::Tutorial => 40,
            Self::HttpJwt => 15,
            Self::ApiToApi => 35,
        }
    }

    fn test_accounts(self, count: usize) -> Vec<TestAccount> {
        (0..count).map(|_| TestAccount::new(&endpoint(), &python(), self.name())).collect()
    }

    /// Its runs that nothing disturbs, watched once a process.
    fn undisturbed(self) -> &'static Undisturbed {
        static KEPT: [OnceLock<Undisturbed>; 3] = [const { OnceLock::new() }; 3];
        KEPT[self as usize].get_or_init(|| {
            let undisturbed = matrix::undisturbed(&mut self.test_accounts(1)[0]);
            let names: Vec<&String> = undisturbed.built.account.keys().collect();
            assert!(names.len() > self.things(), "{names:#?}");
            undisturbed
        })
    }
}

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(otherwise)
}

/// One at a time: each has all the cores it can use.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Goes through every `stride`th case whose call is wanted.
fn matrix_of(blueprint: Blueprint, stride: usize, count: usize, folder: &str, wanted: impl Fn(&Address) -> bool) {
    let evidence = matrix::evidence(folder);
    let undisturbed = blueprint.undisturbed();
    let cases = matrix::cases(undisturbed, stride, wanted);
    assert!(!cases.is_empty(), "no call of {} is wanted", blueprint.name());
    let report = matrix::go_through(undisturbed, cases, blueprint.test_accounts(count), &evidence);
    eprintln!("\n{}{}", blueprint.name(), matrix::table(undisturbed, &report));
    assert!(report.failures().is_empty(), "{} failures, listed above", report.failures().len());
}

fn storms_of(blueprint: Blueprint, seeds: Range<u64>, count: usize, folder: &str) {
    let evidence = matrix::evidence(folder);
    let built = &blueprint.undisturbed().built;
    let storms = storm::faults(built, seeds, blueprint.test_accounts(count), &evidence);
    eprintln!("\n{}{}", blueprint.name(), storm::table(&storms));
    assert!(storms.failures.is_empty(), "{} failures, listed above", storms.failures.len());
}

fn seeds(otherwise: Range<u64>) -> Range<u64> {
    let Ok(asked) = std::env::var("SECURELAMBDA_TEST_SEEDS") else { return otherwise };
    let (first, end) = asked.split_once("..").unwrap();
    first.parse().unwrap()..end.parse().unwrap()
}

/// The calls that the tutorial never makes: those of the kinds of resources that only another blueprint has.
fn of_its_own() -> impl Fn(&Address) -> bool {
    let tutorial = Blueprint::Tutorial.undisturbed();
    let known: HashSet<&str> = tutorial.calls.values().flatten().map(|call| call.name.as_str()).collect();
    move |call| !known.contains(call.name.as_str())
}

#[test]
fn a_sample_of_the_tutorials_crash_matrix() {
    let _alone = alone();
    matrix_of(Blueprint::Tutorial, 40, 2, "killed-sample", |_| true);
}

#[test]
fn a_sample_of_the_other_blueprints_crash_matrices() {
    let _alone = alone();
    // Their names are not unique: nothing but its tag tells whether there is one already.
    let create = |call: &Address| call.name.starts_with("apigatewayv2 Create");
    matrix_of(Blueprint::HttpJwt, 6, 2, "killed-http-jwt-sample", create);
    let create = |call: &Address| call.name == "cognito-identity CreateIdentityPool";
    matrix_of(Blueprint::ApiToApi, 3, 2, "killed-api-to-api-sample", create);
}

#[test]
fn a_few_random_fault_runs() {
    let _alone = alone();
    storms_of(Blueprint::Tutorial, 1000..1006, 2, "storms-sample");
}

#[test]
#[ignore = "takes twenty minutes"]
fn the_whole_crash_matrix_of_the_tutorial() {
    let _alone = alone();
    let only = std::env::var("SECURELAMBDA_TEST_CALL").unwrap_or_default();
    let (stride, test_accounts) = (number("SECURELAMBDA_TEST_STRIDE", 1), number("SECURELAMBDA_TEST_ACCOUNTS", LANES));
    matrix_of(Blueprint::Tutorial, stride, test_accounts, "killed", |call| call.to_string().contains(&only));
}

/// What they share with the tutorial is cut there, unless every call is asked for.
#[test]
#[ignore = "takes five minutes"]
fn the_whole_crash_matrices_of_the_other_blueprints() {
    let _alone = alone();
    let only = std::env::var("SECURELAMBDA_TEST_CALL");
    let (stride, test_accounts) = (number("SECURELAMBDA_TEST_STRIDE", 1), number("SECURELAMBDA_TEST_ACCOUNTS", LANES));
    let own = of_its_own();
    let wanted = |call: &Address| only.as_ref().map_or_else(|_| own(call), |only| call.to_string().contains(only));
    for (blueprint, folder) in [(Blueprint::HttpJwt, "killed-http-jwt"), (Blueprint::ApiToApi, "killed-api-to-api")] {
        matrix_of(blueprint, stride, test_accounts, folder, wanted);
    }
}

#[test]
#[ignore = "takes five minutes"]
fn all_random_fault_runs() {
    let _alone = alone();
    let test_accounts = number("SECURELAMBDA_TEST_ACCOUNTS", LANES);
    storms_of(Blueprint::Tutorial, seeds(1..201), test_accounts, "storms");
    storms_of(Blueprint::HttpJwt, seeds(1..31), test_accounts, "storms-http-jwt");
    storms_of(Blueprint::ApiToApi, seeds(1..31), test_accounts, "storms-api-to-api");
}

//! Killed, or left without an answer, at a sample of real calls on the emulator: the next `up` completes without making
//! anything twice, and the next `down` leaves nothing. The engine's own tests cut at every write, with a fake cloud.
//!
//! `SECURELAMBDA_TEST_STRIDE=1 cargo test --test it killed` disturbs every call.

use std::sync::Arc;
use std::time::Duration;

use crate::support::botocore::inventory;
use crate::support::emulator::{account, endpoint};
use crate::support::program::User;
use crate::support::proxy::{Asked, Fate, Proxy};

/// Every how many calls one is disturbed.
fn stride(sample: usize) -> usize {
    std::env::var("SECURELAMBDA_TEST_STRIDE").ok().and_then(|stride| stride.parse().ok()).unwrap_or(sample)
}

/// What an undisturbed run makes and does.
struct Undisturbed {
    made: Vec<String>,
    /// Calls of `up`, and the first of them that is not the survey's.
    up: std::ops::Range<usize>,
    down: std::ops::Range<usize>,
}

fn undisturbed() -> Undisturbed {
    let proxy = Proxy::new(&endpoint(), Duration::ZERO);
    let user = User::of(&account(), &proxy.endpoint);
    let calls = || {
        let calls = proxy.take();
        let first = calls.iter().position(|call| call.writes).unwrap();
        // Calls are numbered from 1. How often something that settles is looked at varies from run to run, so the last
        // few may not be made every time.
        first + 1..calls.len() - 6
    };
    user.run(&["up", "--yes"]).ends(0);
    let up = calls();
    let made = inventory(&user);
    proxy.take();
    user.run(&["down", "--yes"]).ends(0);
    assert!(made.len() > 15, "{made:?}");
    Undisturbed { made, up, down: calls() }
}

/// Runs a command with one of its calls disturbed. Returns the user, who goes the straight way from now on.
fn disturb(command: &str, account: &str, user: Option<User>, number: usize, fate: Fate) -> User {
    let hangs = matches!(fate, Fate::HungBefore | Fate::HungAfter);
    let weather = move |asked: &Asked| if asked.number == number { fate.clone() } else { Fate::Passed };
    let proxy = Proxy::with_weather(&endpoint(), Duration::ZERO, Arc::new(weather));
    let user = user.unwrap_or_else(|| User::of(account, &endpoint())).with("AWS_ENDPOINT_URL", &proxy.endpoint);
    if hangs {
        let mut run = user.command(&[command, "--yes"]).spawn().unwrap();
        assert!(proxy.hangs_within(Duration::from_secs(30)), "call {number} of {command} was never made");
        run.kill().unwrap();
        run.wait().unwrap();
    } else {
        user.run(&[command, "--yes"]);
    }
    user.with("AWS_ENDPOINT_URL", &endpoint())
}

/// Brings a stack up with one call disturbed; then `up` and `down` as if nothing had been.
fn up_survives(made: &[String], number: usize, fate: &Fate) {
    let user = disturb("up", &account(), None, number, fate.clone());
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(inventory(&user), made, "after call {number} was {fate:?}");
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new(), "after call {number} was {fate:?}");
    assert!(!user.state().exists());
}

/// Takes a stack down with one call disturbed; then `down` once more.
fn down_survives(number: usize, fate: &Fate) {
    let account = account();
    let user = User::of(&account, &endpoint());
    user.run(&["up", "--yes"]).ends(0);
    let user = disturb("down", &account, Some(user), number, fate.clone());
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new(), "after call {number} of down was {fate:?}");
    assert!(!user.state().exists());
}

#[test]
fn killed_at_a_sample_of_calls() {
    let Undisturbed { made, up, down } = undisturbed();
    for (turn, number) in up.step_by(stride(9)).enumerate() {
        up_survives(&made, number, &[Fate::HungAfter, Fate::HungBefore][turn % 2]);
    }
    for (turn, number) in down.step_by(stride(24)).enumerate() {
        down_survives(number, &[Fate::HungAfter, Fate::HungBefore][turn % 2]);
    }
}

#[test]
fn without_an_answer_at_a_sample_of_calls() {
    let Undisturbed { made, up, down } = undisturbed();
    for (turn, number) in up.skip(3).step_by(stride(9)).enumerate() {
        up_survives(&made, number, &[Fate::Unanswered, Fate::Lost][turn % 2]);
    }
    for (turn, number) in down.skip(5).step_by(stride(24)).enumerate() {
        down_survives(number, &[Fate::Unanswered, Fate::Lost][turn % 2]);
    }
}

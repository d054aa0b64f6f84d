//! Killed, or left without an answer, at a sample of real calls on the emulator: the next `up` completes without making
//! anything twice, and the next `down` leaves nothing. The engine's own tests cut at every write, with a fake cloud.

use std::sync::Arc;
use std::time::Duration;

use crate::support::botocore::inventory;
use crate::support::emulator::{account, endpoint};
use crate::support::program::User;
use crate::support::proxy::{Fate, Proxy};

/// Every how many calls that may write one is disturbed.
const STRIDE: usize = 7;

/// What an undisturbed `up` makes, and with how many calls.
fn undisturbed() -> (Vec<String>, usize) {
    let proxy = Proxy::new(&endpoint(), Duration::ZERO);
    let user = User::of(&account(), &proxy.endpoint);
    user.run(&["up", "--yes"]).ends(0);
    let calls = proxy.take().len();
    let made = inventory(&user);
    user.run(&["down", "--yes"]).ends(0);
    assert!(made.len() > 15, "{made:?}");
    (made, calls)
}

/// Brings a stack up with one call disturbed; then `up` and `down` as if nothing had been.
fn survives(made: &[String], number: usize, fate: Fate) {
    let proxy = Proxy::with_weather(
        &endpoint(),
        Duration::ZERO,
        Arc::new(move |call, _| if call == number { fate } else { Fate::Passed }),
    );
    let account = account();
    let disturbed = User::of(&account, &proxy.endpoint);
    if matches!(fate, Fate::HungBefore | Fate::HungAfter) {
        let mut run = disturbed.command(&["up", "--yes"]).spawn().unwrap();
        assert!(proxy.hangs_within(Duration::from_secs(30)), "call {number} was never made");
        run.kill().unwrap();
        run.wait().unwrap();
    } else {
        disturbed.run(&["up", "--yes"]);
    }
    // The same user, by the straight way.
    let user = disturbed.with("AWS_ENDPOINT_URL", &endpoint());
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(inventory(&user), made, "after call {number} was {fate:?}");
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new(), "after call {number} was {fate:?}");
    assert!(!user.state().exists());
}

#[test]
fn killed_at_a_sample_of_calls() {
    let (made, calls) = undisturbed();
    // The survey's calls only read: the first third.
    for (turn, number) in (calls / 3..calls).step_by(STRIDE).enumerate() {
        survives(&made, number, if turn % 2 == 0 { Fate::HungAfter } else { Fate::HungBefore });
    }
}

#[test]
fn without_an_answer_at_a_sample_of_calls() {
    let (made, calls) = undisturbed();
    for (turn, number) in (calls / 3 + 3..calls).step_by(STRIDE).enumerate() {
        survives(&made, number, if turn % 2 == 0 { Fate::Unanswered } else { Fate::Lost });
    }
}

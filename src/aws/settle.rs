//! Waiting for refusals that end by themselves: the macro that declares them, and the table of all. Those of one service
//! are in the file `refusals.rs` of its folder.
//!
//! AWS is eventually consistent: a call may be refused for a while because an earlier one has not reached all of AWS
//! yet. Each class of such refusals is a [`Wait`]: its error code and words, how often to repeat the call, and for how
//! long. A wait that runs out ends with the last refusal. No other refusal is repeated here.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::SERVICES;
use super::refusals::THROTTLED;
use super::until::millis;
use crate::engine::{Cause, Failure, Refusal, Task};

pub(super) use super::until::confirmed;
pub use super::until::until;

/// A class of refusals that end by themselves.
#[derive(Debug)]
pub struct Wait {
    /// The heading of `docs/aws.md` that gives the reason, as an anchor.
    pub facts: &'static str,
    /// The note for the user during the wait.
    pub why: &'static str,
    /// The refusals of this class.
    pub refusal: Refusal,
    /// The first pause. Each later pause is 1.5 times as long as the previous one, up to `cap`.
    pub first: Duration,
    /// The longest pause.
    pub cap: Duration,
    /// The time after which the last refusal is final.
    pub budget: Duration,
}

/// A wait of two minutes. Without words, every message with one of the codes matches.
pub(super) const fn wait(
    facts: &'static str,
    why: &'static str,
    on: &'static [&'static str],
    codes: &'static [&'static str],
) -> Wait {
    Wait {
        facts,
        why,
        refusal: Refusal::new(on, codes),
        first: Duration::from_secs(1),
        cap: Duration::from_secs(5),
        budget: Duration::from_mins(2),
    }
}

impl Wait {
    pub(super) const fn words(mut self, words: &'static [&'static str]) -> Self {
        self.refusal = self.refusal.words(words);
        self
    }
    pub(super) const fn unless(mut self, words: &'static [&'static str]) -> Self {
        self.refusal = self.refusal.unless(words);
        self
    }
    /// First pause and cap in milliseconds, budget in seconds.
    pub(super) const fn pace(mut self, first: u64, cap: u64, budget: u64) -> Self {
        self.first = Duration::from_millis(first);
        self.cap = Duration::from_millis(cap);
        self.budget = Duration::from_secs(budget);
        self
    }

    /// Whether this refusal ends by itself.
    pub(super) fn heals(&self, failure: &Failure) -> bool {
        self.refusal.is(failure)
    }
}

/// Declares waits, as `NAME = wait(..);`. Each becomes a constant and a row of the module's `WAITS`.
macro_rules! waits {
    ($($(#[$doc:meta])+ $name:ident = $wait:expr;)+) => {
        $($(#[$doc])+ pub const $name: Wait = $wait;)+

        /// All waits that this module declares, by name.
        pub(in $crate::aws) const WAITS: &[(&str, &Wait)] = &[$((stringify!($name), &$name)),+];
    };
}
pub(super) use waits;

waits! {
    /// The answer may contain a pause of its own, which is used instead.
    THROTTLE =
        wait("throttling-and-quotas", "too many calls at once", THROTTLED.on, THROTTLED.codes).pace(2000, 30_000, 300);
}

/// All waits, by name.
pub fn all() -> impl Iterator<Item = (&'static str, &'static Wait)> {
    SERVICES.iter().flat_map(|service| service.waits).chain(WAITS).copied()
}

/// Repeats `call` until it succeeds, is refused for a reason that none of `waits` names, or the time of a wait is used
/// up. It always waits for throttling.
///
/// # Errors
/// The last failure of the call; [`Cause::Stopped`] if the run was asked to stop meanwhile.
pub async fn settled<T, F: Future<Output = Result<T, Failure>>>(
    task: &Task,
    waits: &[&Wait],
    mut call: impl FnMut() -> F,
) -> Result<T, Failure> {
    // For each class the time of its first refusal, and its next pause. Refusals of another class do not reset them.
    let mut clocks: Vec<(&Wait, Instant, Duration)> = Vec::new();
    let mut attempt = 0_u32;
    loop {
        attempt += 1;
        let mut failure = match call().await {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        let Some(wait) = waits.iter().copied().chain([&THROTTLE]).find(|wait| wait.heals(&failure)) else {
            return Err(failure);
        };
        let known = clocks.iter().position(|(one, ..)| std::ptr::eq(*one, wait)).unwrap_or_else(|| {
            clocks.push((wait, Instant::now(), wait.first));
            clocks.len() - 1
        });
        let (_, began, pause) = clocks[known];
        let next = failure.retry_after().map_or(pause, Duration::from_secs).max(Duration::from_millis(1));
        if began.elapsed() + task.time_scale().of(next) > task.time_scale().of(wait.budget) {
            failure.waited = Some(format!("waited {} s: {}", began.elapsed().as_secs(), wait.why).into());
            return Err(failure);
        }
        task.note(wait.why);
        tracing::info!(resource = %task.id(), attempt, pause_ms = millis(next), "waiting: {}", wait.why);
        // Up to a fifth longer, so that many waiting calls are not repeated at the same moment.
        let jitter = 1.0 + rand::random_range(0.0..0.2);
        if !task.pause(next.mul_f64(jitter)).await {
            return Err(Failure::new(Cause::Stopped, format!("stopped while waiting: {}", wait.why)));
        }
        clocks[known].2 = pause.mul_f64(1.5).min(wait.cap);
    }
}

//! That the message of a call gets to every function behind the topics that the called one publishes to.
//!
//! AWS promises no time for it: a cold start, the delivery and what CloudWatch Logs takes until a line can be found add
//! up. So it is looked for with growing pauses, far below the rate at which an account may ask: see "CloudWatch Logs" in
//! docs/aws.md.

use std::time::Duration;

use tokio::time::Instant;

use super::check_spec::{CheckResult, CheckSpec};
use super::context::VerifyContext;
use super::target::Target;
use super::{Check, Layer, Verdict};
use crate::aws::error::is_throttled;
use crate::aws::logs::Logs;
use crate::engine::{Failure, TimeScale};

/// How long a message may take from a call to the log of the function behind the topic. Lambda tries a delivery that
/// failed again after a minute.
const ARRIVES_IN: Duration = Duration::from_secs(90);

/// The first pause between two looks, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// After how long the user is told what is waited for.
const SAID_AFTER: Duration = Duration::from_secs(5);

/// A call that was made with a token that passes.
pub(super) struct Call<'a> {
    pub target: Target<'a>,
    /// What came of it.
    pub finding: CheckResult,
    /// What can be looked for in a log, if the body had room for it.
    pub marker: Option<String>,
    /// When it was made.
    pub since_unix_ms: i64,
}

/// A check for every function that the call's message should reach.
pub(super) async fn messages(scene: &VerifyContext<'_>, call: &Call<'_>) -> Vec<Check> {
    let functions = &scene.subject.stack.functions;
    let topics = functions.get(&call.target.route.function).map(|function| &function.publishes);
    let behind = functions.iter().filter(|(_, function)| {
        let trigger = function.trigger.as_ref();
        trigger.is_some_and(|trigger| topics.is_some_and(|topics| topics.contains(trigger)))
    });
    let checks = behind.map(|(name, _)| async move {
        let claim = CheckSpec::new(
            Layer::Functions,
            name,
            format!("the message of a call to {} arrives", call.target.subject()),
        );
        let claim = claim.sent("a call with a random name; FilterLogEvents").expects("the name in the function's log");
        claim.by(arrives(scene, call, name)).await
    });
    futures_util::future::join_all(checks).await
}

async fn arrives(scene: &VerifyContext<'_>, call: &Call<'_>, name: &str) -> CheckResult {
    match call.finding.verdict {
        Verdict::Pass => {}
        Verdict::Fail => return CheckResult::fail(format!("the call itself failed: {}", call.finding.received)),
        Verdict::NotApplicable => return call.finding.clone(),
    }
    let Some(marker) = &call.marker else {
        return CheckResult::not_applicable("the route's body has no room for a name to look for");
    };
    let Some(function) = scene.subject.outputs.functions.get(name) else {
        return CheckResult::fail("the function is not there");
    };
    let logs = Logs::new(scene.subject.clients);
    // Clocks differ, which the name makes up for; anything else may be of another call.
    let since = |slack| call.since_unix_ms.saturating_sub(slack);
    let waits = || {
        let seconds = ARRIVES_IN.as_secs();
        let route = call.target.subject();
        (scene.subject.tell)(&format!("Waiting up to {seconds} s for the message of {route} in the log of {name} …"));
    };
    match shows_up(scene.time_scale, waits, || logs.any(&function.log_group, Some(marker), since(60_000))).await {
        Ok(Some(after)) => {
            CheckResult::pass(format!("the name in the function's log, after {:.1} s", after.as_secs_f64()))
        }
        Ok(None) => {
            let ran = logs.any(&function.log_group, None, since(0)).await;
            ran.map_or_else(|failure| unread(&failure), not_arrived)
        }
        Err(failure) => unread(&failure),
    }
}

/// Looks until there is something, for as long as a message may take: after how long there was. `waits` is called once,
/// if it takes long. Somebody else in the account may be reading logs too: a look that is refused for that is repeated.
///
/// # Errors
/// A look failed; or the last one was refused for being one too many.
async fn shows_up<F: Future<Output = Result<bool, Failure>>>(
    time_scale: TimeScale,
    waits: impl Fn(),
    mut look: impl FnMut() -> F,
) -> Result<Option<Duration>, Failure> {
    let (began, mut pause, mut said) = (Instant::now(), FIRST_PAUSE, false);
    loop {
        let refused = match look().await {
            Ok(true) => return Ok(Some(began.elapsed())),
            Ok(false) => None,
            Err(failure) if is_throttled(&failure) => Some(failure),
            Err(failure) => return Err(failure),
        };
        if began.elapsed() >= time_scale.of(ARRIVES_IN) {
            return refused.map_or(Ok(None), Err);
        }
        if !said && began.elapsed() >= time_scale.of(SAID_AFTER) {
            waits();
            said = true;
        }
        tokio::time::sleep(time_scale.of(pause)).await;
        pause = pause.mul_f64(1.5).min(LONGEST_PAUSE);
    }
}

/// Pure: the log could not be read.
fn unread(failure: &Failure) -> CheckResult {
    if is_throttled(failure) {
        let why = "CloudWatch Logs refused to be asked so often: somebody else in the account reads logs too";
        return CheckResult::not_applicable(format!("{why} ({failure})"));
    }
    CheckResult::fail(failure.to_string())
}

/// Pure: what it means that a message does not show up, by whether the function has logged anything since the call.
fn not_arrived(logged: bool) -> CheckResult {
    let seconds = ARRIVES_IN.as_secs();
    if logged {
        CheckResult::not_applicable(format!(
            "the function has run, and its log did not show the name within {seconds} s"
        ))
    } else {
        CheckResult::fail(format!("nothing in the function's log within {seconds} s"))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::engine::ServiceError;
    use crate::verify::Verdict::{Fail, NotApplicable};

    fn throttled() -> Failure {
        Failure::refused("could not search the log group /aws/lambda/f")
            .answered(ServiceError::new("ThrottlingException", "Rate exceeded"))
    }

    /// Looks that find something after this long, and when each was made.
    async fn looks(found_after: Duration, refused: bool) -> (Result<Option<Duration>, Failure>, Vec<Duration>, usize) {
        let began = Instant::now();
        let (made, told) = (RefCell::new(Vec::new()), RefCell::new(0));
        let look = || {
            made.borrow_mut().push(began.elapsed());
            let there = began.elapsed() >= found_after;
            async move { if refused && !there { Err(throttled()) } else { Ok(there) } }
        };
        let seen = shows_up(TimeScale::REAL, || *told.borrow_mut() += 1, look).await;
        (seen, made.into_inner(), told.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_half_a_minute_is_still_seen_and_the_user_is_told() {
        let (seen, looks, told) = looks(Duration::from_secs(30), false).await;
        assert!(seen.is_ok_and(|after| after.is_some_and(|after| after < Duration::from_secs(36))));
        assert_eq!(told, 1);
        assert!(looks.len() < 20, "{looks:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_there_at_once_takes_no_time_and_no_words() {
        let (seen, looks, told) = looks(Duration::ZERO, false).await;
        assert_eq!((seen, looks.len(), told), (Ok(Some(Duration::ZERO)), 1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_comes_is_given_up_and_few_looks_are_made_for_it() {
        let (seen, looks, _) = looks(Duration::from_secs(1000), false).await;
        assert_eq!(seen, Ok(None));
        let last = *looks.last().expect("a look");
        assert!((ARRIVES_IN..ARRIVES_IN + LONGEST_PAUSE * 2).contains(&last), "{last:?}");
        // Ten checks side by side stay below what AWS allows, which is five a second.
        let within =
            |at: &Duration| looks.iter().filter(|look| (*at..*at + Duration::from_secs(10)).contains(*look)).count();
        let busiest = looks.iter().skip(5).map(within).max().expect("looks");
        assert!(busiest <= 5, "{looks:?}");
        assert!(looks.len() <= 30, "{}", looks.len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_is_one_too_many_is_repeated_and_never_a_failure() {
        let (seen, ..) = looks(Duration::from_secs(20), true).await;
        assert!(seen.is_ok_and(|after| after.is_some()));
        let (seen, ..) = looks(Duration::from_secs(1000), true).await;
        assert_eq!(unread(&seen.expect_err("never let in")).verdict, NotApplicable);
        assert_eq!(unread(&Failure::refused("no such group")).verdict, Fail);
    }

    #[test]
    fn a_message_that_leaves_no_trace_did_not_arrive() {
        assert_eq!(not_arrived(false).verdict, Fail);
        assert_eq!(not_arrived(true).verdict, NotApplicable);
    }
}

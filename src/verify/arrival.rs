//! Checks that the message of a call reaches every function that a topic of the called function triggers.
//!
//! AWS promises no time for this: a cold start, the delivery and the delay until CloudWatch Logs finds a line add up.
//! Therefore the log is searched with growing pauses, far below the account's rate limit: see "CloudWatch Logs" in
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

/// The maximum time from a call to the line in the triggered function's log. Lambda retries a failed delivery after a
/// minute.
const ARRIVES_IN: Duration = Duration::from_secs(90);

/// The first and the longest pause between two searches.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The time after which the user is told about the wait.
const TELL_AFTER: Duration = Duration::from_secs(5);

/// A call with valid credentials.
pub(super) struct Call<'a> {
    pub target: Target<'a>,
    /// The name of the check that made it.
    pub name: String,
    pub result: CheckResult,
    /// The text to search for in logs; `None` if the body could not contain it.
    pub marker: Option<String>,
    pub since_unix_ms: i64,
}

/// A check for each function that the message of the call should reach.
pub(super) async fn messages(context: &VerifyContext<'_>, call: &Call<'_>) -> Vec<Check> {
    let functions = &context.subject.stack.functions;
    let topics = call.target.route.function().and_then(|name| functions.get(name)).map(|function| &function.publishes);
    let behind = functions.iter().filter(|(_, function)| {
        let mut triggers = function.topics();
        triggers.any(|topic| topics.is_some_and(|topics| topics.contains(topic)))
    });
    let checks = behind.map(|(name, _)| async move {
        let claim = CheckSpec::new(
            Layer::Functions,
            name,
            format!("the message of a call to {} arrives", call.target.subject()),
        );
        let claim = claim.sent("a call with a random name; FilterLogEvents").expects("the name in the function's log");
        claim.by(arrives(context, call, name)).await
    });
    futures_util::future::join_all(checks).await
}

async fn arrives(context: &VerifyContext<'_>, call: &Call<'_>, name: &str) -> CheckResult {
    match call.result.verdict {
        Verdict::Pass => {}
        Verdict::Fail => return CheckResult::because_failed(&call.name),
        Verdict::NotTried => return call.result.clone(),
    }
    let Some(marker) = &call.marker else {
        return CheckResult::not_tried("the route's body has no field for a random name");
    };
    let Some(function) = context.subject.outputs.functions.get(name) else {
        return CheckResult::not_tried("because the function does not exist");
    };
    let logs = Logs::new(context.subject.clients);
    // The search for the name begins a minute earlier, because clocks differ. The search for any line does not: earlier
    // lines may belong to an earlier call.
    let since = |slack| call.since_unix_ms.saturating_sub(slack);
    let tell = || {
        let seconds = ARRIVES_IN.as_secs();
        let route = call.target.subject();
        (context.subject.tell)(&format!("Waiting up to {seconds} s for the message of {route} in the log of {name} …"));
    };
    match wait_for_line(context.time_scale, tell, || logs.any(&function.log_group, Some(marker), since(60_000))).await {
        Ok(Some(after)) => {
            CheckResult::pass(format!("the name in the function's log, after {:.1} s", after.as_secs_f64()))
        }
        Ok(None) => {
            let ran = logs.any(&function.log_group, None, since(0)).await;
            ran.map_or_else(|failure| unread(context, &failure), not_arrived)
        }
        Err(failure) => unread(context, &failure),
    }
}

/// Searches until a line is found or [`ARRIVES_IN`] is over, and returns how long it took. `tell` is called once if it
/// takes long. A throttled search is repeated, because others in the account may read logs too.
///
/// # Errors
/// A search failed, or the last search was throttled.
async fn wait_for_line<F: Future<Output = Result<bool, Failure>>>(
    time_scale: TimeScale,
    tell: impl Fn(),
    mut search: impl FnMut() -> F,
) -> Result<Option<Duration>, Failure> {
    let (began, mut pause, mut told) = (Instant::now(), FIRST_PAUSE, false);
    loop {
        let refused = match search().await {
            Ok(true) => return Ok(Some(began.elapsed())),
            Ok(false) => None,
            Err(failure) if is_throttled(&failure) => Some(failure),
            Err(failure) => return Err(failure),
        };
        if began.elapsed() >= time_scale.of(ARRIVES_IN) {
            return refused.map_or(Ok(None), Err);
        }
        if !told && began.elapsed() >= time_scale.of(TELL_AFTER) {
            tell();
            told = true;
        }
        tokio::time::sleep(time_scale.of(pause)).await;
        pause = pause.mul_f64(1.5).min(LONGEST_PAUSE);
    }
}

/// The result if the log could not be read.
fn unread(context: &VerifyContext<'_>, failure: &Failure) -> CheckResult {
    throttled(failure).unwrap_or_else(|| context.failed(failure))
}

fn throttled(failure: &Failure) -> Option<CheckResult> {
    is_throttled(failure).then(|| {
        let why = "CloudWatch Logs throttled the search, because something else in the account reads logs too";
        CheckResult::not_tried(format!("{why} ({failure})"))
    })
}

/// The result if the message was not found. `logged`: whether the function has logged anything since the call.
fn not_arrived(logged: bool) -> CheckResult {
    let seconds = ARRIVES_IN.as_secs();
    if logged {
        CheckResult::not_tried(format!("the function ran, but its log did not contain the name within {seconds} s"))
    } else {
        CheckResult::fail(format!("the function logged nothing within {seconds} s"))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::engine::ServiceError;
    use crate::verify::Verdict::{Fail, NotTried};

    fn rate_exceeded() -> Failure {
        Failure::refused("could not search the log group /aws/lambda/f")
            .answered(ServiceError::new("ThrottlingException", "Rate exceeded"))
    }

    /// Searches that succeed after this time. Returns the result, the time of each search, and how often the user was
    /// told.
    async fn searches(
        found_after: Duration,
        refused: bool,
    ) -> (Result<Option<Duration>, Failure>, Vec<Duration>, usize) {
        let began = Instant::now();
        let (made, told) = (RefCell::new(Vec::new()), RefCell::new(0));
        let search = || {
            made.borrow_mut().push(began.elapsed());
            let there = began.elapsed() >= found_after;
            async move { if refused && !there { Err(rate_exceeded()) } else { Ok(there) } }
        };
        let seen = wait_for_line(TimeScale::REAL, || *told.borrow_mut() += 1, search).await;
        (seen, made.into_inner(), told.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_takes_half_a_minute_is_found_and_the_user_is_told() {
        let (seen, searches, told) = searches(Duration::from_secs(30), false).await;
        assert!(seen.is_ok_and(|after| after.is_some_and(|after| after < Duration::from_secs(36))));
        assert_eq!(told, 1);
        assert!(searches.len() < 20, "{searches:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_is_there_at_once_needs_one_search() {
        let (seen, searches, told) = searches(Duration::ZERO, false).await;
        assert_eq!((seen, searches.len(), told), (Ok(Some(Duration::ZERO)), 1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_search_for_a_missing_message_ends_after_few_searches() {
        let (seen, searches, _) = searches(Duration::from_secs(1000), false).await;
        assert_eq!(seen, Ok(None));
        let last = *searches.last().expect("a search");
        assert!((ARRIVES_IN..ARRIVES_IN + LONGEST_PAUSE * 2).contains(&last), "{last:?}");
        // Ten checks in parallel stay below the limit of AWS, which is five searches per second.
        let within = |at: &Duration| {
            searches.iter().filter(|search| (*at..*at + Duration::from_secs(10)).contains(*search)).count()
        };
        let busiest = searches.iter().skip(5).map(within).max().expect("searches");
        assert!(busiest <= 5, "{searches:?}");
        assert!(searches.len() <= 30, "{}", searches.len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_search_is_repeated_and_is_no_failure() {
        let (seen, ..) = searches(Duration::from_secs(20), true).await;
        assert!(seen.is_ok_and(|after| after.is_some()));
        let (seen, ..) = searches(Duration::from_secs(1000), true).await;
        let result = throttled(&seen.expect_err("always throttled"));
        assert_eq!(result.map(|result| result.verdict), Some(NotTried));
        assert_eq!(throttled(&Failure::refused("no such group")), None);
    }

    #[test]
    fn a_missing_message_is_a_failure_only_if_the_function_logged_nothing() {
        assert_eq!(not_arrived(false).verdict, Fail);
        assert_eq!(not_arrived(true).verdict, NotTried);
    }
}

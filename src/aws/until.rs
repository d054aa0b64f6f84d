//! Waiting for a change to become visible: a read is repeated until it shows the change.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::{Cause, Failure, Task};

/// Milliseconds, for the log.
pub(super) fn millis(pause: Duration) -> u64 {
    u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)
}

/// Calls `look` until it returns `Some`, with pauses of `pace` milliseconds, for at most `budget` seconds.
///
/// # Errors
/// Failures of `look`; a refusal with the reason of the wait if the time is used up; [`Cause::Stopped`].
pub async fn until<T, F: Future<Output = Result<Option<T>, Failure>>>(
    task: &Task,
    why: &str,
    (first, cap): (u64, u64),
    budget: u64,
    mut look: impl FnMut() -> F,
) -> Result<T, Failure> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(first);
    let mut attempt = 0_u32;
    loop {
        attempt += 1;
        if let Some(value) = look().await? {
            return Ok(value);
        }
        if began.elapsed() + task.time_scale().of(pause) > task.time_scale().of(Duration::from_secs(budget)) {
            return Err(Failure::refused(format!("gave up after {budget} s: {why}")));
        }
        task.note(why);
        tracing::info!(resource = %task.id(), attempt, pause_ms = millis(pause), "waiting: {why}");
        if !task.pause(pause).await {
            return Err(Failure::new(Cause::Stopped, format!("stopped while waiting: {why}")));
        }
        pause = pause.mul_f64(1.5).min(Duration::from_millis(cap));
    }
}

/// The result of a deletion that AWS has carried out. `seen_gone` is the result of a read that should confirm it: a
/// failed read does not make the deletion fail.
pub(super) fn confirmed(seen_gone: Result<(), Failure>) -> Result<(), Failure> {
    match seen_gone {
        Err(failure) if failure.call.is_some() && !failure.ends_all() => {
            tracing::info!("deleted, but the check that it no longer exists failed: {failure}");
            Ok(())
        }
        seen => seen,
    }
}

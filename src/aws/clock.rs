//! AWS's clock, as far as its answers show it.
//!
//! AWS refuses requests whose signature is some minutes too old or too new. The `Date` header of each answer gives
//! AWS's time. If this machine's clock differs, every client signs the following requests with AWS's time. The SDK's
//! own correction is switched off: it works only for the second attempt of a client, and creates have no second
//! attempt.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use time::{Date, Month, OffsetDateTime, Time};

/// A smaller difference is ignored: answers take time, and AWS allows 5 minutes.
const LEEWAY: Duration = Duration::from_mins(2);

/// If a request was signed at a time that differs this much from its answer's, that may be why it was refused.
const TOO_FAR: Duration = Duration::from_mins(4);

/// AWS's time. Clones are the same clock.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// By how many milliseconds AWS's clock is ahead of this machine's.
    ahead: Arc<AtomicI64>,
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        shift(SystemTime::now(), self.ahead())
    }
}

/// Marks an answer to a request that was signed at a wrong time: nothing was carried out, and a new signature will have
/// the right time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Skewed;

impl Clock {
    /// By how many milliseconds AWS's clock is ahead of this machine's; 0 unless it is off by minutes.
    pub fn ahead(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }

    /// Reads the time of an answer, and marks the answer if the request was signed at a wrong time. `sent` is the time
    /// of the request by this machine's clock, `signed` its `X-Amz-Date`.
    pub(super) fn hear(&self, sent: SystemTime, signed: Option<SystemTime>, answer: &mut HttpResponse) {
        let received = SystemTime::now();
        // An answer from a cache has an old date.
        let date = answer.headers().get("date").filter(|_| answer.headers().get("age").is_none());
        let Some(theirs) = date.and_then(server_time) else { return };
        let ahead = self.ahead();
        let earliest = shift(sent, ahead).checked_sub(LEEWAY);
        let latest = shift(received, ahead).checked_add(LEEWAY);
        if earliest.is_some_and(|earliest| theirs < earliest) || latest.is_some_and(|latest| theirs > latest) {
            let halfway = sent + received.duration_since(sent).unwrap_or_default() / 2;
            let off = difference(theirs, halfway);
            let off = if off.unsigned_abs() < millis(LEEWAY) { 0 } else { off };
            tracing::info!(
                seconds = off / 1000,
                "the difference between AWS's clock and this machine's clock, in seconds, was corrected"
            );
            self.ahead.store(off, Ordering::Relaxed);
        }
        let refused = matches!(answer.status().as_u16(), 400 | 401 | 403);
        if refused && signed.is_some_and(|signed| difference(theirs, signed).unsigned_abs() > millis(TOO_FAR)) {
            answer.add_extension(Skewed);
        }
    }
}

/// The time of a signature, as in `20261128T190000Z`.
pub(super) fn signing_time(header: &str) -> Option<SystemTime> {
    let number = |range: std::ops::Range<usize>| header.get(range)?.parse::<u8>().ok();
    let year = header.get(0..4)?.parse().ok()?;
    let date = Date::from_calendar_date(year, Month::try_from(number(4..6)?).ok()?, number(6..8)?).ok()?;
    let time = Time::from_hms(number(9..11)?, number(11..13)?, number(13..15)?).ok()?;
    Some(OffsetDateTime::new_utc(date, time).into())
}

fn server_time(header: &str) -> Option<SystemTime> {
    DateTime::from_str(header, Format::HttpDate).ok()?.try_into().ok()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The difference in milliseconds.
fn difference(one: SystemTime, other: SystemTime) -> i64 {
    let signed = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    match one.duration_since(other) {
        Ok(after) => signed(after),
        Err(error) => -signed(error.duration()),
    }
}

fn shift(time: SystemTime, ms: i64) -> SystemTime {
    let by = Duration::from_millis(ms.unsigned_abs());
    let shifted = if ms < 0 { time.checked_sub(by) } else { time.checked_add(by) };
    shifted.unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;

    use super::*;

    const MINUTE: i64 = 60_000;

    fn answer(status: u16, ahead: i64, age: bool) -> HttpResponse {
        let mut answer = HttpResponse::new(status.try_into().expect("a status"), SdkBody::empty());
        let date = DateTime::from(shift(SystemTime::now(), ahead)).fmt(Format::HttpDate).expect("a date");
        answer.headers_mut().insert("date", date);
        if age {
            answer.headers_mut().insert("age", "7");
        }
        answer
    }

    fn heard(clock: &Clock, mut answer: HttpResponse) -> bool {
        let now = SystemTime::now();
        clock.hear(now, Some(clock.now()), &mut answer);
        answer.extension::<Skewed>().is_some()
    }

    #[test]
    fn every_answer_corrects_a_clock_that_is_minutes_off() {
        for ahead in [20 * MINUTE, -20 * MINUTE] {
            let clock = Clock::default();
            assert!(!heard(&clock, answer(200, ahead, false)), "nothing was refused");
            assert!((clock.ahead() - ahead).abs() < 3000, "{}", clock.ahead());
            assert!((difference(clock.now(), SystemTime::now()) - ahead).abs() < 3000);
            // After the correction, a small difference changes nothing.
            let corrected = clock.ahead();
            assert!(!heard(&clock, answer(403, ahead + MINUTE, false)));
            assert_eq!(clock.ahead(), corrected);
            assert!(heard(&clock, answer(403, 0, false)));
            assert_eq!(clock.ahead(), 0);
        }
    }

    #[test]
    fn small_differences_caches_and_answers_without_a_time_change_nothing() {
        let clock = Clock::default();
        for answer in [
            answer(403, MINUTE, false),
            answer(403, -MINUTE, false),
            answer(403, 20 * MINUTE, true),
            HttpResponse::new(403_u16.try_into().expect("a status"), SdkBody::empty()),
        ] {
            assert!(!heard(&clock, answer));
        }
        assert_eq!(clock.ahead(), 0);
    }

    /// The answer to another request may have corrected the clock after this request was signed.
    #[test]
    fn a_refused_request_with_a_wrong_signing_time_is_marked() {
        for (status, marked) in [(200, false), (400, true), (401, true), (403, true), (404, false), (500, false)] {
            let clock = Clock::default();
            clock.hear(SystemTime::now(), None, &mut answer(200, 20 * MINUTE, false));
            let mut answer = answer(status, 20 * MINUTE, false);
            clock.hear(SystemTime::now(), Some(SystemTime::now()), &mut answer);
            assert_eq!(answer.extension::<Skewed>().is_some(), marked, "{status}");
        }
    }

    #[test]
    fn the_time_of_a_signature_is_read_from_its_header() {
        let expected = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_892_707);
        assert_eq!(signing_time("20261128T190507Z"), Some(expected));
        for wrong in ["", "20261128", "20261328T190507Z", "2026-11-28T19:05:07Z", "20261128T19050Z"] {
            assert_eq!(signing_time(wrong), None, "{wrong}");
        }
    }
}

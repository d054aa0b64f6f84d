//! Points in time and durations as reports write them: in UTC, and without rounding to larger units.

use time::UtcDateTime;

/// Milliseconds since 1970, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timestamp(pub(super) u64);

impl Timestamp {
    fn utc(self) -> UtcDateTime {
        // A time out of range is thousands of years away.
        let nanos = i128::from(self.0) * 1_000_000;
        UtcDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(UtcDateTime::MAX)
    }

    /// `2026-11-28`
    pub(super) fn day(self) -> String {
        let utc = self.utc();
        format!("{:04}-{:02}-{:02}", utc.year(), u8::from(utc.month()), utc.day())
    }

    /// `12:04:31`
    pub(super) fn time(self) -> String {
        let (hour, minute, second) = self.utc().time().as_hms();
        format!("{hour:02}:{minute:02}:{second:02}")
    }

    /// ISO 8601: `2026-11-28T12:04:31.250Z`
    pub(super) fn iso(self) -> String {
        format!("{}T{}.{:03}Z", self.day(), self.time(), self.utc().millisecond())
    }
}

/// The UTC date of a number of seconds since 1970: `2026-11-28`. Earlier times become the first day of 1970.
pub fn date(unix: i64) -> String {
    Timestamp(u64::try_from(unix).unwrap_or(0).saturating_mul(1000)).day()
}

/// A time in UTC, with its date: `2026-11-28 12:34:56.000Z`.
pub fn moment(unix: i64) -> String {
    format!("{} {}", date(unix), clock(unix.saturating_mul(1000)))
}

/// The UTC time of day of a number of milliseconds since 1970: `12:34:56.789Z`.
pub fn clock(unix_ms: i64) -> String {
    let timestamp = Timestamp(u64::try_from(unix_ms).unwrap_or(0));
    format!("{}.{:03}Z", timestamp.time(), timestamp.utc().millisecond())
}

/// Milliseconds as seconds: `0.212`
pub(super) fn seconds(millis: u64) -> String {
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_in_utc() {
        let timestamp = Timestamp(1_795_867_471_250);
        assert_eq!(timestamp.day(), "2026-11-28");
        assert_eq!(timestamp.time(), "12:04:31");
        assert_eq!(timestamp.iso(), "2026-11-28T12:04:31.250Z");
        assert_eq!(Timestamp(0).iso(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn dates_and_times_of_day_are_in_utc() {
        let cases = [(0, "1970-01-01"), (951_782_400, "2000-02-29"), (1_795_824_000, "2026-11-28")];
        for (unix, day) in cases {
            assert_eq!(date(unix), day);
        }
        assert_eq!([0, 45_296_789].map(clock), ["00:00:00.000Z", "12:34:56.789Z"]);
        assert_eq!((date(i64::MAX), date(i64::MIN)), ("9999-12-31".into(), "1970-01-01".into()));
    }

    #[test]
    fn milliseconds_become_seconds() {
        assert_eq!([0, 7, 212, 61_050].map(seconds), ["0.000", "0.007", "0.212", "61.050"]);
    }
}

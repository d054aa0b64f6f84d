//! Points in time and spans of it, as reports write them: always UTC, never rounded to a friendlier unit.

use super::super::print::date;

/// Milliseconds since 1970, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(pub(super) u64);

impl Moment {
    /// `2026-11-28`
    pub(super) fn day(self) -> String {
        // A moment that does not fit is 292 million years away.
        date(i64::try_from(self.0 / 1000).unwrap_or(i64::MAX))
    }

    /// `12:04:31`
    pub(super) fn time(self) -> String {
        let seconds = self.0 / 1000 % 86_400;
        format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }

    /// `2026-11-28T12:04:31.250Z`, as ISO 8601 has it.
    pub(super) fn iso(self) -> String {
        format!("{}T{}.{:03}Z", self.day(), self.time(), self.0 % 1000)
    }
}

/// Milliseconds as seconds: `0.212`
pub(super) fn seconds(millis: u64) -> String {
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_in_utc() {
        let moment = Moment(1_795_867_471_250);
        assert_eq!(moment.day(), "2026-11-28");
        assert_eq!(moment.time(), "12:04:31");
        assert_eq!(moment.iso(), "2026-11-28T12:04:31.250Z");
        assert_eq!(Moment(0).iso(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn spans_are_in_seconds() {
        assert_eq!([0, 7, 212, 61_050].map(seconds), ["0.000", "0.007", "0.212", "61.050"]);
    }
}

//! Days between two dates.

/// How many days the second date is after the first; `None` if one of them is no date such as `2026-11-29`.
pub(super) fn between(first: &str, second: &str) -> Option<i64> {
    Some(day(second)? - day(first)?)
}

/// The number of days from a fixed day in the past to this date. Years begin in March here, so that February is the
/// last month.
fn day(date: &str) -> Option<i64> {
    let parts: Vec<i64> = date.split('-').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [year, month, day] = parts[..] else { return None };
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(365 * year + leap_days + (153 * month + 2) / 5 + day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_over_months_and_leap_years() {
        for (first, second, days) in [
            ("2026-11-29", "2026-11-29", Some(0)),
            ("2026-11-29", "2026-12-01", Some(2)),
            ("2027-12-31", "2028-03-01", Some(61)),
            ("2026-02-28", "2026-03-01", Some(1)),
            ("2026-01-01", "2027-01-01", Some(365)),
            ("never", "2027-01-01", None),
            ("2026-01", "2027-01-01", None),
        ] {
            assert_eq!(between(first, second), days, "{first} to {second}");
        }
    }
}

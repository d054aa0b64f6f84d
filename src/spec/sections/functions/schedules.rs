//! The times at which Scheduler calls a function (docs/aws.md, Schedules).

/// Checks an expression by its form: `rate(5 minutes)`, `cron(0 8 ? * MON-FRI *)` or `at(2027-01-31T08:00:00)`.
pub(super) fn expression(text: &str) -> Result<(), String> {
    let inside = |kind: &str| text.strip_prefix(kind)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(rate) = inside("rate") {
        return self::rate(rate).ok_or_else(|| format!("{text} is not a rate: write it as rate(5 minutes)"));
    }
    if let Some(cron) = inside("cron") {
        return self::cron(cron).map_err(|why| format!("{text} is not valid: {why}"));
    }
    if let Some(at) = inside("at") {
        return self::at(at).ok_or_else(|| format!("{text} is not a time: write it as at(2027-01-31T08:00:00)"));
    }
    Err(format!("{text:?} is not a schedule: write rate(…), cron(…) or at(…)"))
}

fn rate(text: &str) -> Option<()> {
    let (count, unit) = text.split_once(' ')?;
    let units = ["minute", "minutes", "hour", "hours", "day", "days"];
    (count.parse::<u32>().ok()? > 0 && units.contains(&unit)).then_some(())
}

/// Six fields: minutes, hours, day of the month, month, day of the week, year.
fn cron(text: &str) -> Result<(), String> {
    let fields: Vec<&str> = text.split(' ').collect();
    let [minutes, hours, month_day, month, week_day, year] = fields.as_slice() else {
        return Err("cron has six fields: minutes, hours, day of the month, month, day of the week, year".to_owned());
    };
    let shapes = [
        ("minutes", minutes, ",-*/", false),
        ("hours", hours, ",-*/", false),
        ("the day of the month", month_day, ",-*?/LW", false),
        ("the month", month, ",-*/", true),
        ("the day of the week", week_day, ",-*?L#", true),
        ("the year", year, ",-*/", false),
    ];
    for (what, field, signs, names) in shapes {
        let fits = |c: char| c.is_ascii_digit() || signs.contains(c) || names && c.is_ascii_uppercase();
        if field.is_empty() || !field.chars().all(fits) {
            return Err(format!("{field:?} cannot be {what}"));
        }
    }
    if (*month_day == "?") == (*week_day == "?") {
        return Err("exactly one of the day of the month and the day of the week is a ?".to_owned());
    }
    Ok(())
}

/// `yyyy-mm-ddThh:mm:ss`
fn at(text: &str) -> Option<()> {
    let form = "dddd-dd-ddTdd:dd:dd";
    let fits = |(c, form): (char, char)| if form == 'd' { c.is_ascii_digit() } else { c == form };
    (text.len() == form.len() && text.chars().zip(form.chars()).all(fits)).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_crons_and_times_are_told_from_mistakes() {
        for sound in [
            "rate(1 minute)",
            "rate(5 minutes)",
            "cron(0 8 ? * MON-FRI *)",
            "cron(0/15 * * * ? *)",
            "cron(0 0 L * ? 2027)",
            "at(2027-01-31T08:00:00)",
        ] {
            assert_eq!(expression(sound), Ok(()), "{sound}");
        }
        for (wrong, why) in [
            ("5 minutes", "write rate(…), cron(…) or at(…)"),
            ("rate(0 minutes)", "is not a rate"),
            ("rate(5 seconds)", "is not a rate"),
            ("rate(5minutes)", "is not a rate"),
            ("cron(0 8 * * *)", "six fields"),
            ("cron(0 8 * * * *)", "exactly one"),
            ("cron(0 8 ? * ? *)", "exactly one"),
            ("cron(x 8 * * ? *)", "cannot be minutes"),
            ("at(2027-01-31)", "is not a time"),
        ] {
            assert!(expression(wrong).is_err_and(|error| error.contains(why)), "{wrong}");
        }
    }
}

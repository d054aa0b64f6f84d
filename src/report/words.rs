//! The words and formats that all reporters use.

use std::time::Duration;

use crate::emulator::Emulator;
use crate::engine::{Id, Outcome, Verb};

/// The width of the column that shows the outcome of a resource. Its longest word is `unchanged`.
pub(super) const WORD: usize = 9;

/// A number with its noun, as in `3 secrets`.
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A duration for people: `3.1s`, `1m 05s`, `2h 03m`.
///
/// `humantime` prints all units of a duration (`14s 200ms`, `1m 5s`), which is harder to read and does not fit a
/// column.
pub fn duration(time: Duration) -> String {
    // Rounded first, so that 59.96 s is a minute and not 60.0 s.
    let tenths = (time.as_millis() + 50) / 100;
    match tenths / 10 {
        0..60 => format!("{}.{}s", tenths / 10, tenths % 10),
        seconds => long(seconds),
    }
}

/// The duration of something in progress, in whole seconds so that it does not flicker.
pub(super) fn ticking(time: Duration) -> String {
    match u128::from(time.as_secs()) {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds => long(seconds),
    }
}

fn long(seconds: u128) -> String {
    match seconds / 60 {
        minutes @ 0..60 => format!("{minutes}m {:02}s", seconds % 60),
        minutes => format!("{}h {:02}m", minutes / 60, minutes % 60),
    }
}

pub(super) fn doing(verb: Verb) -> &'static str {
    match verb {
        Verb::Read => "reading",
        Verb::Create => "creating",
        Verb::Update => "updating",
        Verb::Delete => "deleting",
    }
}

/// An outcome in a word, and a remark that replaces the duration.
pub(super) fn done(outcome: &Outcome) -> (&'static str, Option<&'static str>) {
    match outcome {
        Outcome::Created => ("created", None),
        Outcome::Adopted => ("adopted", Some("already existed")),
        Outcome::Updated { .. } => ("updated", None),
        Outcome::Unchanged => ("unchanged", None),
        Outcome::Deleted => ("deleted", None),
        Outcome::WentWithParent => ("deleted", Some("with its parent")),
    }
}

pub(super) fn draining(in_flight: usize) -> String {
    let calls = if in_flight == 1 { "call" } else { "calls" };
    format!("waiting for {in_flight} {calls} in flight (press Ctrl-C again to exit at once)")
}

/// The first lines of an output about a stack on an emulator, and an empty line.
pub fn emulator_text(emulator: &Emulator, width: usize) -> String {
    wrap(&one_line(&emulator.to_string()), width).join("\n") + "\n"
}

/// `12 created, 3 failed`: counts of zero are omitted.
pub(super) fn tally(named: &[(usize, &str)]) -> String {
    let some = named.iter().filter(|(count, _)| *count > 0);
    some.map(|(count, name)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}

/// Text from outside the program on one line. Characters that could move the cursor or imitate a line of our own become
/// a space.
pub fn one_line(text: &str) -> String {
    harmless(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text from outside the program. Its spaces and tabs are kept. All other characters that control a terminal become a
/// space: control characters and characters that change the direction of text.
pub(super) fn harmless(text: &str) -> String {
    let controls =
        |c: char| c.is_control() && c != '\t' || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if controls(c) { ' ' } else { c }).collect()
}

/// Breaks text between words into lines of at most `width` columns. A longer word, such as an ARN, is not broken, so
/// that it can be copied.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if console::measure_text_width(line) + 1 + console::measure_text_width(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A paragraph of at most `width` columns with a hanging indent: its second and later lines begin below the first line's
/// text.
pub(super) fn hanging(head: &str, text: &str, width: usize) -> Vec<String> {
    let indent = console::measure_text_width(head);
    let lines = wrap(text, width.saturating_sub(indent));
    if lines.is_empty() {
        return vec![head.trim_end().to_owned()];
    }
    let head = |n| if n == 0 { head.to_owned() } else { " ".repeat(indent) };
    lines.iter().enumerate().map(|(n, line)| head(n) + line).collect()
}

/// The text about resources that were found in AWS's lists by their tags.
pub(super) fn found_by_tag(ids: &[Id]) -> String {
    format!("by their tags: {}", ids.iter().map(Id::as_str).collect::<Vec<_>>().join(", "))
}

/// The text about a deleted resource that AWS still lists.
pub(super) fn still_listed(id: &Id, for_up_to: Duration) -> String {
    format!("{id} is still listed; looking again for up to {} s", for_up_to.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_and_keep_two_units() {
        let shown = |millis| duration(Duration::from_millis(millis));
        assert_eq!([0, 49, 3149, 59_949].map(shown), ["0.0s", "0.0s", "3.1s", "59.9s"]);
        assert_eq!([59_960, 65_000, 3_599_960, 7_380_000].map(shown), ["1m 00s", "1m 05s", "1h 00m", "2h 03m"]);
        assert_eq!([0, 59, 61].map(|s| ticking(Duration::from_secs(s))), ["0s", "59s", "1m 01s"]);
    }

    #[test]
    fn the_words_for_outcomes_and_verbs_fit_their_column() {
        let outcomes = [Outcome::Created, Outcome::Adopted, Outcome::Unchanged, Outcome::WentWithParent];
        assert!(outcomes.iter().all(|outcome| done(outcome).0.len() <= WORD));
        assert!([Verb::Read, Verb::Create, Verb::Update, Verb::Delete].iter().all(|verb| doing(*verb).len() <= WORD));
    }

    #[test]
    fn one_line_removes_line_breaks_and_escapes() {
        assert_eq!(one_line("no\n such\trole\u{1b}[2J\r "), "no such role [2J");
    }

    #[test]
    fn harmless_text_keeps_spaces_and_has_no_control_characters() {
        assert_eq!(harmless("a\tb  c\u{1b}[31m\r\u{202e}d\u{9b}2J"), "a\tb  c [31m  d 2J");
    }

    #[test]
    fn wrap_does_not_break_long_words() {
        assert_eq!(wrap("the role cannot be assumed", 10), ["the role", "cannot be", "assumed"]);
        assert_eq!(
            wrap("see arn:aws:iam::123456789012:role/x now", 10),
            ["see", "arn:aws:iam::123456789012:role/x", "now"]
        );
        assert!(wrap("", 10).is_empty());
    }
}

//! The words every way of showing a run shares.

use std::time::Duration;

use crate::engine::{Id, Outcome, Verb};

/// The width of the column that says what became of a resource: `unchanged` is the longest word in it.
pub(super) const WORD: usize = 9;

/// A time for people: `3.1s`, `1m 05s`, `2h 03m`.
pub fn duration(time: Duration) -> String {
    // Rounded before it is split up: 59.96 s is a minute, not 60.0 s.
    let tenths = (time.as_millis() + 50) / 100;
    match tenths / 10 {
        0..60 => format!("{}.{}s", tenths / 10, tenths % 10),
        seconds => long(seconds),
    }
}

/// A time that is still running: in whole seconds, lest it flicker.
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

/// What is being done.
pub(super) fn doing(verb: Verb) -> &'static str {
    match verb {
        Verb::Read => "reading",
        Verb::Create => "creating",
        Verb::Update => "updating",
        Verb::Delete => "deleting",
    }
}

/// What was done, in a word, and what there is to add; `None` for the time it took.
pub(super) fn done(outcome: &Outcome) -> (&'static str, Option<&'static str>) {
    match outcome {
        Outcome::Created => ("created", None),
        Outcome::Adopted => ("adopted", Some("was there, and ours")),
        Outcome::Updated { .. } => ("updated", None),
        Outcome::Unchanged => ("unchanged", None),
        Outcome::Deleted => ("deleted", None),
        Outcome::Gone => ("gone", Some("was not there")),
        Outcome::WentWithParent => ("deleted", Some("with its parent")),
    }
}

/// What is waited for once we were asked to stop.
pub(super) fn draining(in_flight: usize) -> String {
    let calls = if in_flight == 1 { "call" } else { "calls" };
    format!("waiting for {in_flight} {calls} in flight (Ctrl-C again leaves at once)")
}

/// `12 created, 3 failed`: what there is none of is left out.
pub(super) fn tally(named: &[(usize, &str)]) -> String {
    let some = named.iter().filter(|(count, _)| *count > 0);
    some.map(|(count, name)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}

/// Text from elsewhere on one line. What could move a terminal's cursor or fake a line of ours becomes a space.
pub fn one_line(text: &str) -> String {
    harmless(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text from elsewhere with its spaces and tabs as they are, and a space for everything else that a terminal would obey:
/// control characters, and those that turn the direction of writing around.
pub(super) fn harmless(text: &str) -> String {
    let obeyed =
        |c: char| c.is_control() && c != '\t' || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if obeyed(c) { ' ' } else { c }).collect()
}

/// Breaks text between words into lines of at most `width` columns. A longer word (an ARN) is left whole: it is there
/// to be copied.
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

/// Resources that turned up in a list.
pub(super) fn found_by_tag(ids: &[Id]) -> String {
    format!("by their tags: {}", ids.iter().map(Id::as_str).collect::<Vec<_>>().join(", "))
}

/// A deleted resource that is still listed.
pub(super) fn still_listed(id: &Id, for_up_to: Duration) -> String {
    format!("{id} is still listed; looking again for up to {} s", for_up_to.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let shown = |millis| duration(Duration::from_millis(millis));
        assert_eq!([0, 49, 3149, 59_949].map(shown), ["0.0s", "0.0s", "3.1s", "59.9s"]);
        assert_eq!([59_960, 65_000, 3_599_960, 7_380_000].map(shown), ["1m 00s", "1m 05s", "1h 00m", "2h 03m"]);
        assert_eq!([0, 59, 61].map(|s| ticking(Duration::from_secs(s))), ["0s", "59s", "1m 01s"]);
    }

    #[test]
    fn words_fit_their_column() {
        let outcomes = [Outcome::Created, Outcome::Adopted, Outcome::Unchanged, Outcome::Gone, Outcome::WentWithParent];
        assert!(outcomes.iter().all(|outcome| done(outcome).0.len() <= WORD));
        assert!([Verb::Read, Verb::Create, Verb::Update, Verb::Delete].iter().all(|verb| doing(*verb).len() <= WORD));
    }

    #[test]
    fn text_from_elsewhere_stays_on_its_line() {
        assert_eq!(one_line("no\n such\trole\u{1b}[2J\r "), "no such role [2J");
    }

    #[test]
    fn a_terminal_has_nothing_to_obey() {
        assert_eq!(harmless("a\tb  c\u{1b}[31m\r\u{202e}d\u{9b}2J"), "a\tb  c [31m  d 2J");
    }

    #[test]
    fn wrapping_keeps_long_words_whole() {
        assert_eq!(wrap("the role cannot be assumed", 10), ["the role", "cannot be", "assumed"]);
        assert_eq!(
            wrap("see arn:aws:iam::123456789012:role/x now", 10),
            ["see", "arn:aws:iam::123456789012:role/x", "now"]
        );
        assert!(wrap("", 10).is_empty());
    }
}

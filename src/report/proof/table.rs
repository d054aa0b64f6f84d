//! The proof for a terminal: failures in full, and a line for each claim that holds.

use std::time::Duration;

use console::{measure_text_width, pad_str, truncate_str};

use super::super::palette::Palette;
use super::super::words::{duration, hanging, one_line, wrap};
use super::{Section, State, statement, tally, verdict};
use crate::verify::{Check, Verdict, Verification};

const INDENT: usize = 2;
/// The maximum width of the column of claims, in percent of the whole, so that the subjects fit beside it.
const CLAIM: usize = 52;

/// A section for each layer: failures in full, a line for each claim that was not tried with its subjects and the reason,
/// and one for each claim that holds with its subjects. The counts are at the end. The text ends without a line break.
pub fn proof_table(proof: &Verification, palette: Palette, width: usize) -> String {
    let mut lines = Vec::new();
    for section in Section::all(proof) {
        lines.extend(layer(&section, palette, width));
        lines.push(String::new());
    }
    lines.extend(summary(proof, palette, width));
    lines.join("\n")
}

fn layer(section: &Section, palette: Palette, width: usize) -> Vec<String> {
    let state = match section.state() {
        State::Unchecked => palette.warn(State::Unchecked.words()),
        _ => section.counts(),
    };
    let mut lines = vec![format!("{}  {state}", palette.strong(section.layer.title()))];
    lines.extend(section.of(Verdict::Fail).flat_map(|check| failure(check, palette, width)));
    lines.extend(not_tried(section, palette, width));
    lines.extend(passes(section, palette, width));
    lines
}

fn failure(check: &Check, palette: Palette, width: usize) -> Vec<String> {
    let mut lines = titled(&palette.failed(), check, palette, width);
    for (label, text) in [("sent", &check.sent), ("expected", &check.expected), ("received", &check.received)] {
        let label = format!("{label:<8}");
        let label = if label.starts_with("received") { palette.bad(&label) } else { palette.dim(&label) };
        lines.extend(hanging(&format!("{}{label}  ", " ".repeat(text_column(palette))), &one_line(text), width));
    }
    lines
}

/// Checks of one claim with one reason are one paragraph: `– POST /a, POST /b: an expired token is refused`.
fn not_tried(section: &Section, palette: Palette, width: usize) -> Vec<String> {
    let mut groups: Vec<(String, String, Vec<String>)> = Vec::new();
    for check in section.of(Verdict::NotTried) {
        let (claim, why, subject) = (one_line(&check.claim), one_line(&check.received), one_line(&check.subject));
        match groups.iter_mut().find(|(known, reason, _)| *known == claim && *reason == why) {
            Some((_, _, subjects)) => subjects.push(subject),
            None => groups.push((claim, why, vec![subject])),
        }
    }
    let lines = |(claim, why, subjects): (String, String, Vec<String>)| {
        let title = format!("{}: {claim}", subjects.join(", "));
        let mut lines = hanging(&marked(palette.pick("–", "-"), palette), &title, width);
        let why = wrap(&why, width - text_column(palette));
        lines.extend(why.iter().map(|line| format!("{}{}", " ".repeat(text_column(palette)), palette.dim(line))));
        lines
    };
    groups.into_iter().flat_map(lines).collect()
}

/// `✗ POST /lambda1: a token of MyUserPool2 is refused`
fn titled(mark: &str, check: &Check, palette: Palette, width: usize) -> Vec<String> {
    hanging(&marked(mark, palette), &one_line(&format!("{}: {}", check.subject, check.claim)), width)
}

/// A line for each claim with as many subjects as fit. Grouping by claim keeps the table short: twenty routes that all
/// refuse garbage are one line.
fn passes(section: &Section, palette: Palette, width: usize) -> Vec<String> {
    let mut claims: Vec<(String, Vec<String>)> = Vec::new();
    for check in section.of(Verdict::Pass) {
        let (claim, subject) = (one_line(&check.claim), one_line(&check.subject));
        match claims.iter_mut().find(|(known, _)| *known == claim) {
            Some((_, subjects)) => subjects.push(subject),
            None => claims.push((claim, vec![subject])),
        }
    }
    let column = claims.iter().map(|(claim, _)| measure_text_width(claim)).max().unwrap_or(0).min(width * CLAIM / 100);
    let room = width - text_column(palette) - column - 2;
    let lines = |(claim, subjects): &(String, Vec<String>)| {
        let mut lines = wrap(claim, column);
        let last = lines.pop().unwrap_or_default();
        let last = pad_str(&last, column, console::Alignment::Left, None);
        lines.push(format!("{last}  {}", palette.dim(&shortened(subjects, room, palette))));
        let head = |n| if n == 0 { marked(&palette.done(), palette) } else { " ".repeat(text_column(palette)) };
        lines.iter().enumerate().map(|(n, line)| head(n) + line).collect::<Vec<_>>()
    };
    claims.iter().flat_map(lines).collect()
}

/// As many subjects as fit, followed by the number of omitted ones. If the first one does not fit, it is shortened.
fn shortened(subjects: &[String], room: usize, palette: Palette) -> String {
    let rest = |shown| match subjects.len() - shown {
        0 => String::new(),
        omitted => format!(", {omitted} more"),
    };
    let first = |shown: usize| subjects[..shown].join(", ") + &rest(shown);
    let fits = |text: &String| measure_text_width(text) <= room;
    (1..=subjects.len()).rev().map(first).find(fits).unwrap_or_else(|| {
        let room = room.saturating_sub(rest(1).len());
        truncate_str(&subjects.concat(), room, palette.ellipsis()).into_owned() + &rest(1)
    })
}

/// `✗ FAIL: 3 failed, 83 passed, 4 not tried in 11.2s; account 123456789012, eu-central-1`, the result as a sentence,
/// and notes.
fn summary(proof: &Verification, palette: Palette, width: usize) -> Vec<String> {
    let (mark, paint): (_, fn(Palette, &str) -> String) =
        if proof.holds() { (palette.done(), Palette::good) } else { (palette.failed(), Palette::bad) };
    let counts = match tally(|verdict| proof.count(verdict)) {
        none if none.is_empty() => "no check was made".to_owned(),
        counts => counts,
    };
    let took = duration(Duration::from_millis(proof.elapsed_ms));
    let what = if proof.emulator.is_some() { "the emulator " } else { "" };
    let place = proof.endpoint.as_ref().map(|endpoint| format!(" at {what}{endpoint}")).unwrap_or_default();
    let text = format!("{counts} in {took}; account {}, {}{place}", proof.account, proof.region);
    let mut lines = hanging(&format!("{mark} {}: ", paint(palette, verdict(proof))), &one_line(&text), width);
    lines.extend(wrap(&format!("{}.", statement(proof)), width));
    lines.extend(proof.notes.iter().flat_map(|note| wrap(&one_line(note), width)));
    lines
}

/// The column at which the text after a mark begins.
fn text_column(palette: Palette) -> usize {
    INDENT + palette.mark_width() + 1
}

fn marked(mark: &str, palette: Palette) -> String {
    let mark = pad_str(mark, palette.mark_width(), console::Alignment::Left, None);
    format!("{}{mark} ", " ".repeat(INDENT))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::fixture;
    use super::*;

    const WIDTH: usize = 80;
    const UNICODE: Palette = Palette { color: false, unicode: true };

    #[test]
    fn the_table_shows_failures_in_full_and_a_line_for_each_claim() {
        assert_snapshot!(proof_table(&fixture::proof(), UNICODE, WIDTH), @r#"
        Authentication  1 passed
          ✓ a user can sign in  MyUserPool1

        Firewall  1 passed, 1 not tried
          – web ACL securelambda: a blocked address is refused
            the firewall only counts: its mode is count
          ✓ its rules match the stack file  web ACL securelambda

        Authorization  1 failed, 5 passed
          ✗ POST /lambda1: a token of MyUserPool2 is refused
            sent      with an ID token of MyUserPool2
            expected  401
            received  200 {"message":"Hello Ada. Greetings from ExternalLambda1! Message
                      forwarded to InternalLambda."}
          ✓ no token is refused               POST /lambda1
          ✓ garbage is refused                POST /lambda1
          ✓ a tampered signature is refused   POST /lambda1
          ✓ a token with alg none is refused  POST /lambda1
          ✓ an expired token is refused       POST /lambda1

        Secrets  not checked

        Functions  1 failed
          ✗ role ExternalLambda1: its policy equals the policy that the program derives
            sent      ListAttachedRolePolicies, ListRolePolicies, GetRolePolicy
            expected  no managed policy
            received  arn:aws:iam::aws:policy/AmazonSNSFullAccess

        ✗ FAIL: 2 failed, 7 passed, 1 not tried in 11.2s; account 123456789012,
                eu-central-1
        2 of 5 layers do not hold.
        The firewall blocks nothing: its mode is count.
        "#);
    }

    #[test]
    fn the_words_do_not_depend_on_symbols_and_colours() {
        let proof = fixture::proof();
        let ascii = proof_table(&proof, Palette::default(), WIDTH);
        assert!(ascii.is_ascii(), "{ascii}");
        assert!(ascii.contains("  x  POST /lambda1: a token of MyUserPool2 is refused"), "{ascii}");
        let painted = proof_table(&proof, Palette { color: true, unicode: true }, WIDTH);
        assert_eq!(console::strip_ansi_codes(&painted), proof_table(&proof, UNICODE, WIDTH));
    }

    #[test]
    fn the_table_fits_its_width_and_has_no_control_characters() {
        let mut proof = fixture::hostile();
        for (n, check) in proof.checks.iter_mut().enumerate() {
            check.subject = format!("a subject with quite a long name, number {n}");
            check.claim = "it makes a claim that is longer than the column for claims".to_owned();
        }
        for width in [60, 80, 100] {
            let text = proof_table(&proof, UNICODE, width);
            assert!(text.lines().all(|line| measure_text_width(line) <= width), "{width}:\n{text}");
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text}");
        }
    }

    #[test]
    fn a_long_list_of_subjects_is_shortened() {
        let subjects = ["POST /a", "POST /b", "POST /c"].map(str::to_owned);
        let shortened = |room| shortened(&subjects, room, UNICODE);
        assert_eq!(shortened(25), "POST /a, POST /b, POST /c");
        assert_eq!(shortened(24), "POST /a, POST /b, 1 more");
        assert_eq!(shortened(23), "POST /a, 2 more");
        assert_eq!(shortened(13), "POST…, 2 more");
    }

    #[test]
    fn the_summary_shows_the_verdict_and_the_counts() {
        let last = |proof: &Verification| summary(proof, UNICODE, WIDTH).join("\n");
        assert_snapshot!(last(&fixture::sound()), @"
        ✓ PASS: 9 passed, 1 not tried in 11.2s; account 123456789012, eu-central-1
        4 of 5 layers hold as far as they were tried; 1 check was not tried.
        The firewall blocks nothing: its mode is count.
        ");
        let endpoint = Some("http://127.0.0.1:4566".to_owned());
        let emulator = crate::emulator::Emulator::of(endpoint.as_deref());
        let nothing = Verification { checks: Vec::new(), notes: Vec::new(), endpoint, emulator, ..fixture::proof() };
        assert_snapshot!(last(&nothing), @"
        ✗ FAIL: no check was made in 11.2s; account 123456789012, eu-central-1 at the
                emulator http://127.0.0.1:4566
        Nothing was verified.
        ");
    }
}

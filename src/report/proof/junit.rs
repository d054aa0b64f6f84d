//! The proof as JUnit XML for build servers: one test suite for each layer, one test case for each check.
//!
//! `quick-junit` writes the XML. It removes characters that XML forbids, so they are made visible first. Attributes
//! hold one line, because XML turns a line break in an attribute into a space.

use std::time::Duration;

use chrono::{DateTime, Utc};
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::super::markup::Visible;
use super::super::timestamp::Timestamp;
use super::super::words::one_line;
use super::Section;
use crate::verify::{Check, Verdict, Verification};

/// A JUnit report. A check that passed shows what was sent, expected and received too.
pub fn proof_junit(proof: &Verification) -> String {
    let mut report = Report::new(attribute(&format!("verify {}", proof.stack)));
    report.set_time(Duration::from_millis(proof.elapsed_ms)).set_timestamp(utc(proof.began_unix_ms));
    for section in Section::all(proof).iter().filter(|section| !section.checks.is_empty()) {
        report.add_test_suite(suite(section, proof));
    }
    // This fails only if the writer fails, and writing to memory does not.
    report.to_string().unwrap_or_default()
}

fn suite(section: &Section, proof: &Verification) -> TestSuite {
    let began = section.checks.iter().map(|check| check.at_unix_ms.saturating_sub(check.elapsed_ms)).min();
    let mut suite = TestSuite::new(section.layer.title());
    suite
        .set_time(Duration::from_millis(section.checks.iter().map(|check| check.elapsed_ms).sum()))
        .set_timestamp(utc(began.unwrap_or(proof.began_unix_ms)));
    let emulator = proof.emulator.as_ref().map(ToString::to_string);
    let facts = [
        ("stack", Some(&proof.stack)),
        ("account", Some(&proof.account)),
        ("region", Some(&proof.region)),
        ("endpoint", proof.endpoint.as_ref()),
        ("emulator", emulator.as_ref()),
        ("tool", Some(&proof.tool)),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            suite.add_property(Property::new(name, attribute(value)));
        }
    }
    for note in &proof.notes {
        suite.add_property(Property::new("note", attribute(note)));
    }
    suite.add_test_cases(section.checks.iter().map(|check| case(check)));
    suite
}

/// A check that was not tried is skipped. There are no errors beside failures.
fn case(check: &Check) -> TestCase {
    let details = text(&format!(
        "sent: {}\nexpected: {}\nreceived: {}\nat: {}",
        check.sent,
        check.expected,
        check.received,
        Timestamp(check.at_unix_ms).iso()
    ));
    let status = match check.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail => {
            let message = attribute(&format!("expected {}, received {}", check.expected, check.received));
            let mut failure = TestCaseStatus::non_success(NonSuccessKind::Failure);
            failure.set_message(message).set_type("verify").set_description(details.as_str());
            failure
        }
        Verdict::NotTried => {
            let mut skipped = TestCaseStatus::skipped();
            skipped.set_message(attribute(&check.received));
            skipped
        }
    };
    let mut case = TestCase::new(attribute(&check.claim), status);
    case.set_classname(attribute(&format!("{}.{}", check.layer.title(), check.subject)))
        .set_time(Duration::from_millis(check.elapsed_ms));
    if check.verdict == Verdict::Pass {
        case.set_system_out(details);
    }
    case
}

fn utc(unix_ms: u64) -> DateTime<Utc> {
    i64::try_from(unix_ms).ok().and_then(DateTime::from_timestamp_millis).unwrap_or_default()
}

fn attribute(value: &str) -> String {
    text(&one_line(value))
}

/// Visible text. Tabs become spaces, because `quick-junit` would remove them.
fn text(value: &str) -> String {
    Visible(value).to_string().replace('\t', " ")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::fixture;
    use super::*;

    #[test]
    fn each_layer_is_a_suite_and_each_check_is_a_case() {
        let mut proof = fixture::proof();
        proof.checks.retain(|check| check.verdict != Verdict::Pass || check.layer == crate::verify::Layer::Firewall);
        assert_snapshot!(proof_junit(&proof));
    }

    #[test]
    fn the_root_element_counts_all_checks() {
        let xml = proof_junit(&fixture::proof());
        let root = xml.lines().find(|line| line.starts_with("<testsuites")).expect("a root");
        for attribute in ["tests=\"10\"", "failures=\"2\"", "errors=\"0\"", "skipped=\"1\"", "time=\"11.240\""] {
            assert!(root.contains(attribute), "{attribute} is not in {root}");
        }
        // The fixture has no check of one layer.
        assert_eq!(xml.matches("<testsuite ").count(), 4);
    }

    #[test]
    fn hostile_text_stays_text_and_attributes_are_one_line() {
        let xml = proof_junit(&fixture::hostile());
        assert!(!xml.contains("<script") && !xml.contains("]]>"), "{xml}");
        assert!(!xml.chars().any(|c| c.is_control() && c != '\n'), "{xml}");
        assert!(xml.contains(r"\u{1b}"), "an escape character is written out: {xml}");
        for line in xml.lines().filter(|line| line.trim_start().starts_with('<')) {
            assert_eq!(line.matches('"').count() % 2, 0, "{line}");
        }
    }
}

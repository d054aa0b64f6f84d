//! The proof as JUnit XML, for build servers: a suite a layer, a case a check.
//!
//! Written by hand: five elements, all of whose text goes through [`Text`]. Attributes hold one line each, since XML turns
//! a line break in an attribute into a space.

use super::super::markup::Text;
use super::super::timestamp::{Timestamp, seconds};
use super::super::words::one_line;
use super::Section;
use crate::verify::{Check, Verdict, Verification};

/// A JUnit report. What was sent, expected and received is in every case, also where it passed.
pub fn proof_junit(proof: &Verification) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml += &format!(
        "<testsuites name=\"{}\" {} time=\"{}\" timestamp=\"{}\">\n",
        Text(&one_line(&format!("verify {}", proof.stack))),
        counts(proof.checks.len(), |verdict| proof.count(verdict)),
        seconds(proof.elapsed_ms),
        Timestamp(proof.began_unix_ms).iso(),
    );
    for section in Section::all(proof).iter().filter(|section| !section.checks.is_empty()) {
        xml += &suite(section, proof);
    }
    xml + "</testsuites>\n"
}

fn suite(section: &Section, proof: &Verification) -> String {
    let began = section.checks.iter().map(|check| check.at_unix_ms.saturating_sub(check.elapsed_ms)).min();
    let mut xml = format!(
        "  <testsuite name=\"{}\" {} time=\"{}\" timestamp=\"{}\">\n    <properties>\n",
        section.layer.title(),
        counts(section.checks.len(), |verdict| section.count(verdict)),
        seconds(section.checks.iter().map(|check| check.elapsed_ms).sum()),
        Timestamp(began.unwrap_or(proof.began_unix_ms)).iso(),
    );
    let facts = [
        ("stack", Some(&proof.stack)),
        ("account", Some(&proof.account)),
        ("region", Some(&proof.region)),
        ("endpoint", proof.endpoint.as_ref()),
        ("tool", Some(&proof.tool)),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            xml += &format!("      <property name=\"{name}\" value=\"{}\"/>\n", Text(&one_line(value)));
        }
    }
    xml += "    </properties>\n";
    for check in &section.checks {
        xml += &case(check);
    }
    xml + "  </testsuite>\n"
}

fn case(check: &Check) -> String {
    let class = one_line(&format!("{}.{}", check.layer.title(), check.subject));
    let details = format!(
        "sent: {}\nexpected: {}\nreceived: {}\nat: {}",
        check.sent,
        check.expected,
        check.received,
        Timestamp(check.at_unix_ms).iso()
    );
    let details = Text(&details);
    let outcome = match check.verdict {
        Verdict::Pass => format!("<system-out>{details}</system-out>"),
        Verdict::Fail => {
            let message = one_line(&format!("expected {}, received {}", check.expected, check.received));
            format!("<failure message=\"{}\" type=\"verify\">{details}</failure>", Text(&message))
        }
        Verdict::NotApplicable => format!("<skipped message=\"{}\"/>", Text(&one_line(&check.received))),
    };
    format!(
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\">\n      {outcome}\n    </testcase>\n",
        Text(&class),
        Text(&one_line(&check.claim)),
        seconds(check.elapsed_ms),
    )
}

/// The attributes that suites and the whole have in common. There are no errors beside failures: a check that could not
/// be made has failed.
fn counts(all: usize, count: impl Fn(Verdict) -> usize) -> String {
    let (failed, skipped) = (count(Verdict::Fail), count(Verdict::NotApplicable));
    format!("tests=\"{all}\" failures=\"{failed}\" errors=\"0\" skipped=\"{skipped}\"")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::fixture;
    use super::*;

    #[test]
    fn a_suite_a_layer_and_a_case_a_check() {
        let mut proof = fixture::proof();
        proof.checks.retain(|check| check.verdict != Verdict::Pass || check.layer == crate::verify::Layer::Firewall);
        assert_snapshot!(proof_junit(&proof));
    }

    #[test]
    fn the_whole_counts_all() {
        let xml = proof_junit(&fixture::proof());
        let all = xml.lines().find(|line| line.starts_with("<testsuites")).expect("a root");
        assert!(all.contains("tests=\"10\" failures=\"2\" errors=\"0\" skipped=\"1\" time=\"11.240\""), "{all}");
        // One layer was not checked.
        assert_eq!(xml.matches("<testsuite ").count(), 4);
    }

    #[test]
    fn no_text_becomes_markup_and_attributes_are_one_line() {
        let xml = proof_junit(&fixture::hostile());
        assert!(!xml.contains("<script") && !xml.contains("]]>"), "{xml}");
        assert!(!xml.chars().any(|c| c.is_control() && c != '\n'), "{xml}");
        for line in xml.lines().filter(|line| line.trim_start().starts_with('<')) {
            assert_eq!(line.matches('"').count() % 2, 0, "{line}");
        }
    }
}

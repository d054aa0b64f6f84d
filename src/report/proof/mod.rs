//! The proof as a table for the terminal, as an HTML page for an auditor and as JUnit XML for a build server.
//!
//! All three show the same [`Section`]s, so that they agree. Colour is never the only carrier of information.

#[cfg(test)]
mod fixture;
mod html;
mod junit;
mod table;

pub use html::proof_html;
pub(super) use html::{POLICY, STYLE};
pub use junit::proof_junit;
pub use table::proof_table;

use super::words;
use crate::verify::{Check, Layer, Verdict, Verification};

/// A layer and its checks, in the order of the proof.
#[derive(Debug)]
struct Section<'a> {
    layer: Layer,
    checks: Vec<&'a Check>,
}

/// The result of a layer's checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At least one check passed, and none failed.
    Holds,
    /// At least one check failed.
    Broken,
    /// There were checks, but none applied.
    NotApplicable,
    /// There were no checks.
    Unchecked,
}

impl State {
    /// A phrase that follows the name of the layer.
    fn words(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Broken => "does not hold",
            Self::NotApplicable => "not applicable",
            Self::Unchecked => "not checked",
        }
    }
}

impl<'a> Section<'a> {
    /// All five layers in order. Layers without checks are included, so that readers see that they were not checked.
    fn all(proof: &'a Verification) -> [Self; 5] {
        Layer::ALL
            .map(|layer| Self { layer, checks: proof.checks.iter().filter(|check| check.layer == layer).collect() })
    }

    fn state(&self) -> State {
        match (self.count(Verdict::Pass), self.count(Verdict::Fail), self.checks.len()) {
            (0, 0, 0) => State::Unchecked,
            (0, 0, _) => State::NotApplicable,
            (_, 0, _) => State::Holds,
            _ => State::Broken,
        }
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.of(verdict).count()
    }

    fn of(&self, verdict: Verdict) -> impl Iterator<Item = &'a Check> {
        self.checks.iter().copied().filter(move |check| check.verdict == verdict)
    }

    /// The checks by subject, in the order of each subject's first check.
    fn subjects(&self) -> Vec<(&'a str, Vec<&'a Check>)> {
        let mut subjects: Vec<(&str, Vec<&Check>)> = Vec::new();
        for check in &self.checks {
            match subjects.iter_mut().find(|(subject, _)| *subject == check.subject) {
                Some((_, checks)) => checks.push(check),
                None => subjects.push((&check.subject, vec![check])),
            }
        }
        subjects
    }

    /// `2 failed, 14 passed, 1 not applicable`
    fn counts(&self) -> String {
        tally(|verdict| self.count(verdict))
    }
}

/// The number of checks by verdict, failed ones first. Counts of zero are omitted.
fn tally(count: impl Fn(Verdict) -> usize) -> String {
    words::tally(&[
        (count(Verdict::Fail), "failed"),
        (count(Verdict::Pass), "passed"),
        (count(Verdict::NotApplicable), "not applicable"),
    ])
}

fn verdict(proof: &Verification) -> &'static str {
    if proof.holds() { "PASS" } else { "FAIL" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_layer_follows_from_its_checks() {
        let state = |verdicts: &[Verdict]| {
            let checks: Vec<Check> = verdicts.iter().map(|verdict| fixture::check(*verdict)).collect();
            Section { layer: Layer::Firewall, checks: checks.iter().collect() }.state()
        };
        assert_eq!(state(&[]), State::Unchecked);
        assert_eq!(state(&[Verdict::NotApplicable]), State::NotApplicable);
        assert_eq!(state(&[Verdict::NotApplicable, Verdict::Pass]), State::Holds);
        assert_eq!(state(&[Verdict::Pass, Verdict::Fail]), State::Broken);
        assert_eq!(state(&[Verdict::Fail]), State::Broken);
    }

    #[test]
    fn sections_are_in_the_order_of_the_layers_and_group_checks_by_subject() {
        let proof = fixture::proof();
        let sections = Section::all(&proof);
        assert_eq!(sections.each_ref().map(|section| section.layer), Layer::ALL);
        assert_eq!(sections.iter().map(|section| section.checks.len()).sum::<usize>(), proof.checks.len());

        let mut checks = [Verdict::Pass, Verdict::Fail, Verdict::Pass].map(fixture::check);
        checks[1].subject = "another".to_owned();
        let section = Section { layer: Layer::Firewall, checks: checks.iter().collect() };
        let subjects = section.subjects();
        assert_eq!(subjects.iter().map(|(_, checks)| checks.len()).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(section.counts(), "1 failed, 2 passed");
    }
}

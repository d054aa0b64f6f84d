//! A proof for its readers: a table for the terminal, a page for an auditor, JUnit XML for a build server.
//!
//! All three show the same [`Section`]s, so that they cannot disagree. Nothing is coloured that is not also said.

mod drawing;
#[cfg(test)]
mod fixture;
mod html;
mod junit;
mod table;

pub use html::proof_html;
pub use junit::proof_junit;
pub use table::proof_table;

use super::words;
use crate::verify::{Check, Layer, Verdict, Verification};

/// A layer and its checks, in the order they were made.
#[derive(Debug)]
struct Section<'a> {
    layer: Layer,
    checks: Vec<&'a Check>,
}

/// What the checks of a layer come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Some passed, none failed.
    Holds,
    /// At least one failed.
    Broken,
    /// There were checks, and none of them applied.
    NotApplicable,
    /// There were none.
    Unchecked,
}

impl State {
    /// In words, to follow the layer's name.
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
    /// All five layers, in order, whether or not they were checked: that one was not is worth seeing.
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

    /// The checks by what was looked at, each where its first check was.
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

/// How many ended how, the failed ones first; what there is none of is left out.
fn tally(count: impl Fn(Verdict) -> usize) -> String {
    words::tally(&[
        (count(Verdict::Fail), "failed"),
        (count(Verdict::Pass), "passed"),
        (count(Verdict::NotApplicable), "not applicable"),
    ])
}

/// The whole proof in a word.
fn verdict(proof: &Verification) -> &'static str {
    if proof.holds() { "PASS" } else { "FAIL" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_checks_of_a_layer_come_to() {
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
    fn sections_keep_the_order_of_the_checklist_and_subjects_stay_together() {
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

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
    /// There were checks, but none was tried.
    NotTried,
    /// There were no checks.
    Unchecked,
}

impl State {
    /// A phrase that follows the name of the layer.
    fn words(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Broken => "does not hold",
            Self::NotTried => "not tried",
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
            (0, 0, _) => State::NotTried,
            (_, 0, _) => State::Holds,
            _ => State::Broken,
        }
    }

    /// The state in words. A layer holds only as far as it was tried.
    fn words(&self) -> &'static str {
        match self.state() {
            State::Holds if self.count(Verdict::NotTried) > 0 => "holds as far as tried",
            state => state.words(),
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

    /// `2 failed, 14 passed, 1 not tried`
    fn counts(&self) -> String {
        tally(|verdict| self.count(verdict))
    }
}

/// The number of checks by verdict, failed ones first. Counts of zero are omitted.
fn tally(count: impl Fn(Verdict) -> usize) -> String {
    words::tally(&[
        (count(Verdict::Fail), "failed"),
        (count(Verdict::Pass), "passed"),
        (count(Verdict::NotTried), "not tried"),
    ])
}

/// The reasons why checks were not tried, each with its checks, in the order of the first ones.
fn reasons(proof: &Verification) -> Vec<(&str, Vec<&Check>)> {
    let mut reasons: Vec<(&str, Vec<&Check>)> = Vec::new();
    for check in proof.checks.iter().filter(|check| check.verdict == Verdict::NotTried) {
        match reasons.iter_mut().find(|(reason, _)| *reason == check.received) {
            Some((_, checks)) => checks.push(check),
            None => reasons.push((&check.received, vec![check])),
        }
    }
    reasons
}

/// The result as a sentence. It says that every layer holds only if every check was tried.
fn statement(proof: &Verification) -> String {
    let sections = Section::all(proof);
    let titles = |state: State| -> Vec<&str> {
        sections.iter().filter(|section| section.state() == state).map(|section| section.layer.title()).collect()
    };
    let (holding, broken) = (titles(State::Holds), titles(State::Broken));
    let untried = proof.count(Verdict::NotTried);
    let checks = if untried == 1 { "check was" } else { "checks were" };
    match (broken.as_slice(), holding.len(), untried) {
        ([], 0, _) => "Nothing was verified".to_owned(),
        ([], 5, 0) => "Every layer holds".to_owned(),
        ([], 5, _) => format!("Every check that was tried passed; {untried} {checks} not tried"),
        ([], holding, 0) => format!("{holding} of 5 layers hold, the others were not verified"),
        ([], holding, _) => {
            format!("{holding} of 5 layers hold as far as they were tried; {untried} {checks} not tried")
        }
        ([layer], ..) => format!("The layer {layer} does not hold"),
        (layers, ..) => format!("{} of 5 layers do not hold", layers.len()),
    }
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
        assert_eq!(state(&[Verdict::NotTried]), State::NotTried);
        assert_eq!(state(&[Verdict::NotTried, Verdict::Pass]), State::Holds);
        assert_eq!(state(&[Verdict::Pass, Verdict::Fail]), State::Broken);
        assert_eq!(state(&[Verdict::Fail]), State::Broken);
    }

    #[test]
    fn a_layer_is_not_said_to_hold_without_saying_what_was_not_tried() {
        let mut proof = fixture::sound();
        assert_eq!(statement(&proof), "4 of 5 layers hold as far as they were tried; 1 check was not tried");
        proof.checks.push(Check { layer: Layer::Secrets, ..fixture::check(Verdict::Pass) });
        assert_eq!(statement(&proof), "Every check that was tried passed; 1 check was not tried");
        proof.checks.retain(|check| check.verdict == Verdict::Pass);
        assert_eq!(statement(&proof), "Every layer holds");
        proof.checks.clear();
        assert_eq!(statement(&proof), "Nothing was verified");
        assert_eq!(statement(&fixture::proof()), "2 of 5 layers do not hold");
    }

    #[test]
    fn checks_that_were_not_tried_are_grouped_by_reason() {
        let mut proof = fixture::proof();
        proof.checks.push(fixture::check(Verdict::NotTried));
        let reasons = reasons(&proof);
        assert_eq!(reasons.iter().map(|(_, checks)| checks.len()).collect::<Vec<_>>(), [1, 1]);
        assert_eq!(reasons[0].0, "the firewall only counts: its mode is count");
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

//! A run as plain lines, for logs: no colour, no cursor movement, and no line is changed later. Each line begins with
//! the outcome, so that `grep ^failed` finds failures. Details are indented below.

use std::collections::HashSet;

use super::palette::Palette;
use super::stream::Stream;
use super::words::{WORD, done, draining, duration, found_by_tag, one_line, still_listed};
use super::{Reporter, drift, failure};
use crate::engine::{Event, Id, Outcome};

#[derive(Debug)]
pub(super) struct Lines {
    to: Stream,
    palette: Palette,
    failures_only: bool,
    in_flight: HashSet<Id>,
    said: HashSet<(Id, String)>,
}

impl Lines {
    /// Of the palette, only the symbols are used.
    pub(super) fn new(to: Stream, palette: Palette) -> Self {
        let palette = palette.plain();
        Self { to, palette, failures_only: false, in_flight: HashSet::new(), said: HashSet::new() }
    }

    pub(super) fn failures_only(to: Stream, palette: Palette) -> Self {
        Self { failures_only: true, ..Self::new(to, palette) }
    }

    fn say(&mut self, word: &str, id: &Id, rest: &str) {
        self.to.line(format!("{word:WORD$} {id}  {rest}").trim_end());
    }

    fn details(&mut self, lines: &[String]) {
        for line in lines {
            self.to.line(format_args!("{:WORD$} {line}", ""));
        }
    }
}

impl Reporter for Lines {
    fn on(&mut self, event: &Event) {
        match event {
            Event::Failed { id, failure, elapsed } => {
                self.in_flight.remove(id);
                self.say("failed", id, &format!("after {}", duration(*elapsed)));
                self.details(&failure::lines(failure, self.palette, usize::MAX));
            }
            _ if self.failures_only => {}
            // The summary counts unchanged resources.
            Event::Began { .. } | Event::Done { outcome: Outcome::Unchanged, .. } => {}
            Event::Started { id, .. } => {
                self.in_flight.insert(id.clone());
            }
            Event::Noted { id, why } => {
                let why = one_line(why);
                // The engine repeats the reason at every attempt. A log shows it once.
                if self.said.insert((id.clone(), why.clone())) {
                    self.say("waiting", id, &why);
                }
            }
            Event::Done { id, outcome, elapsed } => {
                self.in_flight.remove(id);
                let (word, remark) = done(outcome);
                self.say(word, id, &remark.map_or_else(|| duration(*elapsed), str::to_owned));
                if let Outcome::Updated { drift } = outcome {
                    self.details(&drift::lines(drift, self.palette));
                }
            }
            Event::FoundByTag { ids } => self.to.line(format_args!("{:WORD$} {}", "found", found_by_tag(ids))),
            Event::StillListed { id, for_up_to } => {
                self.to.line(format_args!("{:WORD$} {}", "waiting", still_listed(id, *for_up_to)));
            }
            Event::Skipped { id, because } => self.say("skipped", id, &format!("because {because} failed")),
            Event::Draining => {
                self.to.line(format_args!("{:WORD$} {}", "stopping", draining(self.in_flight.len())));
            }
        }
    }

    fn finish(&mut self) {}
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::fixture;
    use super::super::stream::Captured;
    use super::*;

    #[test]
    fn a_run_with_every_event_as_lines() {
        let captured = Captured::default();
        let colourful = Palette { color: true, unicode: true };
        fixture::play(&mut Lines::new(captured.stream(), colourful), &fixture::run());
        assert!(!captured.text().contains(|c: char| c.is_control() && c != '\n'));
        assert_snapshot!(captured.text(), @"
        created   topic.greetings  0.3s
        waiting   function.ExternalLambda1  the role cannot be assumed by Lambda yet
        failed    role.InternalLambda  after 3.1s
                  create role: user arn:aws:iam::123456789012:user/dev is not authorized to perform iam:CreateRole
                  AWS: AccessDenied, request 4f0c2b1e-8f9a-4a51-9d3c
                  hint: `securelambda policy` prints what is needed; ask for it, then run `up` again
        skipped   function.InternalLambda  because role.InternalLambda failed
        created   function.ExternalLambda1  1m 05s
        adopted   pool.MyUserPool1  already existed
        updated   stage.development  1.5s
                  ! rate limit: 10000 → 50
                    description: (none) → development
        stopping  waiting for 1 call in flight (press Ctrl-C again to exit at once)
        deleted   secret.Old  0.4s
        deleted   method.Old  with its parent
        ");
    }

    #[test]
    fn lines_are_ascii_without_unicode() {
        let captured = Captured::default();
        fixture::play(&mut Lines::new(captured.stream(), Palette::default()), &fixture::run());
        assert!(captured.text().is_ascii());
    }

    #[test]
    fn quiet_output_has_only_failures() {
        let captured = Captured::default();
        fixture::play(&mut Lines::failures_only(captured.stream(), Palette::default()), &fixture::run());
        assert_snapshot!(captured.text(), @"
        failed    role.InternalLambda  after 3.1s
                  create role: user arn:aws:iam::123456789012:user/dev is not authorized to perform iam:CreateRole
                  AWS: AccessDenied, request 4f0c2b1e-8f9a-4a51-9d3c
                  hint: `securelambda policy` prints what is needed; ask for it, then run `up` again
        ");
    }
}

//! The permanent part of the screen: a line for each finished resource, with details below.

use console::{Alignment, measure_text_width, pad_str};

use super::frame::{Frame, Size};
use super::words::{WORD, done, duration, found_by_tag, still_listed};
use super::{drift, failure};
use crate::engine::{Event, Id, Outcome};

/// The minimum width of a wrapped message.
const NARROWEST: usize = 20;

impl Frame {
    /// The permanent lines for an event.
    pub(super) fn ended(&self, event: &Event, size: Size) -> Vec<String> {
        let palette = self.palette;
        let details = |lines: Vec<String>| lines.into_iter().map(|line| format!("    {line}"));
        let line = |mark: &str, id: &Id, word: &str, rest: &str| {
            let mark = pad_str(mark, palette.mark_width(), Alignment::Left, None);
            let id = pad_str(id.as_str(), self.id_column(size), Alignment::Left, None);
            let line = format!("{mark} {id}  {word:WORD$}  {rest}");
            if measure_text_width(&line) <= size.columns {
                return vec![line];
            }
            let mut lines = vec![format!("{mark} {id}  {word}")];
            lines.extend(details(vec![rest.trim_start().to_owned()]));
            lines
        };
        match event {
            Event::Done { id, outcome, elapsed } if *outcome != Outcome::Unchanged => {
                let (word, remark) = done(outcome);
                let rest = remark.map_or_else(|| format!("{:>6}", duration(*elapsed)), str::to_owned);
                let mut lines = line(&palette.done(), id, word, &rest);
                if let Outcome::Updated { drift } = outcome {
                    lines.extend(details(drift::lines(drift, palette)));
                }
                lines
            }
            Event::Failed { id, failure, elapsed } => {
                let width = size.columns.saturating_sub(5).max(NARROWEST);
                let mut lines = line(&palette.failed(), id, "failed", &format!("after {}", duration(*elapsed)));
                lines.extend(details(failure::lines(failure, palette, width)));
                lines
            }
            Event::Skipped { id, because } => {
                line(&palette.dim("-"), id, "skipped", &format!("because {because} failed"))
            }
            Event::FoundByTag { ids } => vec![found_by_tag(ids)],
            Event::StillListed { id, for_up_to } => vec![still_listed(id, *for_up_to)],
            // The summary counts unchanged resources. The frame shows the other events.
            Event::Done { .. }
            | Event::Began { .. }
            | Event::Started { .. }
            | Event::Noted { .. }
            | Event::Draining => Vec::new(),
        }
    }
}

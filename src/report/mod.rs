//! What the user sees of a run. Takes the engine's facts and text, decides what they look like, and is the one place
//! that prints: answers on standard output, all else on standard error. Never calls AWS, never changes anything.
//!
//! - [`choose`] picks a [`Style`], purely, from where the output goes; [`reporter`] makes what shows it.
//! - `bars`, `lines` and `json` each show a run's events as they happen.
//! - `print` is for all that is not part of a run: answers, remarks, the error a command ends with.
//! - `summary`, `plan`, `grants` and `failure` build the text and the JSON that commands print before and after a run.
//! - `diagram` draws a stack: who may call what.
//! - `timings` adds to a run, at its end, what took how long.
//! - `proof` shows what `verify` found: as a table, as a page, as JUnit XML.
//! - Everything is written through a [`Stream`] and painted by a [`Palette`], so that tests can read it.

mod bars;
mod checkup;
mod diagram;
mod drift;
mod ended;
mod failure;
#[cfg(test)]
mod fixture;
mod frame;
mod grants;
mod json;
mod leftovers;
mod lines;
mod logs;
mod markup;
mod palette;
mod plan;
mod print;
mod proof;
mod settings;
mod stream;
mod summary;
mod timestamp;
mod timings;
mod words;

use crate::engine::{Event, Id};

use bars::Bars;
use json::Json;
use lines::Lines;
use timings::Timings;

pub use checkup::checkup_text;
pub use diagram::{Arrow, Diagram, Frame, Node, NodeKind, mermaid, svg};
pub use grants::grants_text;
pub use json::summary_line;
pub use leftovers::{LOG_POLICY, left_text, others_text, recoverable_text, swept_text, unread_lines};
pub use logs::{LogLine, LogStyle, log_json, log_text};
pub use palette::Palette;
pub use plan::{plan_json, plan_text};
pub use print::{answer, error, failed_line, say, trace};
pub use proof::{proof_html, proof_junit, proof_table};
pub use settings::Output;
pub use stream::{Stream, lost};
pub use summary::{counts, table};
pub use timestamp::{clock, date};
pub use words::{duration, one_line};

/// Shows a run while it happens.
pub trait Reporter: Send {
    /// Something happened.
    fn on(&mut self, event: &Event);

    /// Nothing more will happen. What was shown only for the time being is taken away.
    fn finish(&mut self);
}

/// What the choice of a [`Style`] depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "five independent facts, each with a row in the truth table")]
pub struct Setting {
    /// Someone may be looking at standard error.
    pub stderr_is_terminal: bool,
    /// `CI` is set: what looks like a terminal is a log.
    pub ci: bool,
    /// `--json`.
    pub json: bool,
    /// `--quiet`.
    pub quiet: bool,
    /// `TERM` is unset or `dumb`: the cursor cannot be moved. Also for what else writes to standard error meanwhile,
    /// such as `-v`.
    pub term_dumb: bool,
}

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Lines for what is done and, below them, what is in flight, redrawn.
    Bars,
    /// A line for everything worth one.
    Lines,
    /// An object for every event, on standard output.
    Json,
    /// Failures only.
    Quiet,
}

/// How a run is to be shown. The first row that fits, `·` fitting both:
///
/// | `json` | `quiet` | `stderr_is_terminal` | `ci` | `term_dumb` | style |
/// |--------|---------|----------------------|------|-------------|---------|
/// | yes    | ·       | ·                    | ·    | ·           | `Json`  |
/// | no     | yes     | ·                    | ·    | ·           | `Quiet` |
/// | no     | no      | no                   | ·    | ·           | `Lines` |
/// | no     | no      | yes                  | yes  | ·           | `Lines` |
/// | no     | no      | yes                  | no   | yes         | `Lines` |
/// | no     | no      | yes                  | no   | no          | `Bars`  |
pub fn choose(setting: Setting) -> Style {
    match setting {
        Setting { json: true, .. } => Style::Json,
        Setting { quiet: true, .. } => Style::Quiet,
        Setting { stderr_is_terminal: true, ci: false, term_dumb: false, .. } => Style::Bars,
        _ => Style::Lines,
    }
}

/// What shows a run as asked for, on this process's own streams; `id_width`, from [`id_width`], lets the columns line up
/// from the first line on.
pub fn reporter(output: Output, id_width: usize) -> Box<dyn Reporter> {
    let palette = output.messages;
    let reporter: Box<dyn Reporter> = match output.style {
        Style::Bars => Box::new(Bars::stderr(palette, id_width)),
        Style::Lines => Box::new(Lines::new(Stream::stderr(), palette)),
        Style::Json => Box::new(Json::new(Stream::stdout())),
        Style::Quiet => Box::new(Lines::failures_only(Stream::stderr(), palette)),
    };
    if output.timings { Box::new(Timings::around(reporter, output.style, palette)) } else { reporter }
}

/// The columns that the longest of these ids takes.
pub fn id_width<'a>(ids: impl IntoIterator<Item = &'a Id>) -> usize {
    ids.into_iter().map(|id| console::measure_text_width(id.as_str())).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_truth_table() {
        let (yes, no, any) = (Some(true), Some(false), None);
        let rows = [
            ([yes, any, any, any, any], Style::Json),
            ([no, yes, any, any, any], Style::Quiet),
            ([no, no, no, any, any], Style::Lines),
            ([no, no, yes, yes, any], Style::Lines),
            ([no, no, yes, no, yes], Style::Lines),
            ([no, no, yes, no, no], Style::Bars),
        ];
        for bits in 0..32_u8 {
            let fact = |bit: usize| bits & (1 << bit) != 0;
            let [json, quiet, stderr_is_terminal, ci, term_dumb] = [0, 1, 2, 3, 4].map(fact);
            let fits =
                |row: &&([Option<bool>; 5], Style)| (0..5).all(|bit| row.0[bit].is_none_or(|is| is == fact(bit)));
            let (_, expected) = rows.iter().find(fits).expect("some row fits");
            let setting = Setting { stderr_is_terminal, ci, json, quiet, term_dumb };
            assert_eq!(choose(setting), *expected, "{setting:?}");
        }
    }

    #[test]
    fn the_widest_id_counts() {
        let ids = [Id::new("role", "A"), Id::new("function", "ExternalLambda1")];
        assert_eq!(id_width(&ids), "function.ExternalLambda1".len());
        assert_eq!(id_width([]), 0);
    }
}

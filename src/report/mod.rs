//! Everything that the user sees. This module formats facts from the engine and from `verify`, and it alone prints:
//! results on standard output, everything else on standard error. It neither calls AWS nor changes anything.
//!
//! - [`choose`] picks a [`Style`] for the output, and [`reporter`] returns the [`Reporter`] of that style.
//! - `bars`, `lines` and `json` each show the events of a run as they happen.
//! - `commands` completes printed commands, so that they mean the stack of this run.
//! - `live` shows the stream of `dev`: logs, requests and what is wrong.
//! - `print` prints everything that is not part of a run: results, remarks and the error that ends a command.
//! - `summary`, `plan`, `grants` and `failure` format the text and JSON that commands print before and after a run.
//! - `diagram` draws a stack: its callers, routes, functions and other resources.
//! - `timings` adds the duration of each resource to the end of a run.
//! - `audit` shows the result of `audit` as text, as SARIF and as an HTML page.
//! - `proof` shows the result of `verify` as a table, as an HTML page and as JUnit XML.
//! - All output is written to a [`Stream`] in the colours and symbols of a [`Palette`], so that tests can read it.

mod audit;
mod bars;
mod checkup;
mod commands;
mod costs;
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
mod live;
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

pub use audit::{StackFile, audit_html, audit_sarif, audit_text};
pub use checkup::checkup_text;
pub use commands::{StackFlag, command, completed_document, keep_flags, quoted};
pub use costs::{cost_text, costs_text};
pub use diagram::{Arrow, Diagram, Node, NodeKind, RouteGroup, mermaid, svg};
pub use grants::grants_text;
pub use json::summary_line;
pub use leftovers::{LOG_POLICY, LOG_ROLE, left_text, others_text, recoverable_text, swept_text, unread_lines};
pub use live::{Live, Request};
pub use logs::{LogLine, LogStyle, log_json, log_text};
pub use palette::Palette;
pub use plan::{plan_json, plan_markdown, plan_summary, plan_text};
pub use print::{advise, answer, bytes, error, failed_line, say, trace};
pub use proof::{proof_html, proof_junit, proof_table};
pub use settings::Output;
pub use stream::{Stream, lost};
pub use summary::{counts, table};
pub use timestamp::{clock, date, moment};
pub use words::{counted, duration, emulator_text, one_line};

/// Shows a run while it happens.
pub trait Reporter: Send {
    fn on(&mut self, event: &Event);

    /// Ends the output of the run and removes temporary lines. No event follows.
    fn finish(&mut self);
}

/// The facts that determine a [`Style`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "five independent facts, each with a row in the truth table")]
pub struct Setting {
    pub stderr_is_terminal: bool,
    /// `CI` is set, so the output is a log even on a terminal.
    pub ci: bool,
    /// `--json`.
    pub json: bool,
    /// `--quiet`.
    pub quiet: bool,
    /// The cursor cannot be moved, because `TERM` is unset or `dumb`, or because something else, such as `-v`, writes
    /// to standard error during the run.
    pub term_dumb: bool,
}

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A line for each finished resource and, below, redrawn lines for resources in progress.
    Bars,
    /// A line for each event that changes something.
    Lines,
    /// A JSON object for each event, on standard output.
    Json,
    /// Only failures.
    Quiet,
}

/// The style for a setting: that of the first row that matches. `·` matches both values.
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

/// A reporter of the requested style that writes to the streams of this process. `id_width`, from [`id_width`], aligns
/// the columns from the first line on.
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

/// The width of the longest id.
pub fn id_width<'a>(ids: impl IntoIterator<Item = &'a Id>) -> usize {
    ids.into_iter().map(|id| console::measure_text_width(id.as_str())).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choose_follows_the_truth_table() {
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
            let matches =
                |row: &&([Option<bool>; 5], Style)| (0..5).all(|bit| row.0[bit].is_none_or(|is| is == fact(bit)));
            let (_, expected) = rows.iter().find(matches).expect("a row matches");
            let setting = Setting { stderr_is_terminal, ci, json, quiet, term_dumb };
            assert_eq!(choose(setting), *expected, "{setting:?}");
        }
    }

    #[test]
    fn id_width_is_that_of_the_longest_id() {
        let ids = [Id::new("role", "A"), Id::new("function", "ExternalLambda1")];
        assert_eq!(id_width(&ids), "function.ExternalLambda1".len());
        assert_eq!(id_width([]), 0);
    }
}

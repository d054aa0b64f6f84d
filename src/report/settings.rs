//! Settings of the output. `config` sets them from the flags, the terminal and the environment.

use super::{Palette, Style};

#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
pub struct Output {
    pub json: bool,
    /// Print errors and answers only.
    pub quiet: bool,
    /// `-v` is given at least once.
    pub verbose: bool,
    pub style: Style,
    /// Print the duration of each resource at the end of a run.
    pub timings: bool,
    /// A question can be answered: standard input and standard error are a terminal.
    pub can_ask: bool,
    /// Standard output is a terminal.
    pub shown: bool,
    /// How many columns a line of text on standard output may have.
    pub columns: usize,
    /// How many columns a line of an error on standard error may have. Without a terminal, these lines are not broken.
    pub error_columns: usize,
    /// Colours for standard output.
    pub answers: Palette,
    /// Colours for standard error.
    pub messages: Palette,
}

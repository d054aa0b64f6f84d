//! How to show things, as the command line and the terminal decide it. `config` fills it in.

use super::{Palette, Style};

/// How to show things.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
pub struct Output {
    /// Answers are JSON.
    pub json: bool,
    /// Only errors and answers.
    pub quiet: bool,
    /// `-v`: more than usual.
    pub verbose: bool,
    /// How a run is reported.
    pub style: Style,
    /// Say at the end of a run what took how long.
    pub timings: bool,
    /// A question can be asked: a person sits at standard input and standard error.
    pub can_ask: bool,
    /// Colours for standard output.
    pub answers: Palette,
    /// Colours for standard error.
    pub messages: Palette,
}

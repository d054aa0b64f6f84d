//! Colours and symbols. Everything is legible without colour: a symbol and a word always say the same.

use console::{Color, Style};

/// For telling things of one sort apart. Red is not among them: that is for what failed.
const HUES: [(Color, bool); 9] = [
    (Color::Cyan, false),
    (Color::Magenta, false),
    (Color::Blue, false),
    (Color::Green, false),
    (Color::Yellow, false),
    (Color::Cyan, true),
    (Color::Magenta, true),
    (Color::Blue, true),
    (Color::Green, true),
];

/// What the terminal can show. The two are found out elsewhere (`--color`, `NO_COLOR`, the locale), once for standard
/// output and once for standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Palette {
    /// Colours may be used.
    pub color: bool,
    /// Symbols beyond ASCII may be used.
    pub unicode: bool,
}

impl Palette {
    /// The same symbols, without colour: for what ends up in a log.
    #[must_use]
    pub fn plain(self) -> Self {
        Self { color: false, ..self }
    }

    /// Text about what went well.
    pub fn good(self, text: &str) -> String {
        self.paint(&Style::new().green(), text)
    }

    /// Text about what failed.
    pub fn bad(self, text: &str) -> String {
        self.paint(&Style::new().red().bold(), text)
    }

    /// Text that asks for attention.
    pub fn warn(self, text: &str) -> String {
        self.paint(&Style::new().yellow(), text)
    }

    /// Text that matters less.
    pub fn dim(self, text: &str) -> String {
        self.paint(&Style::new().dim(), text)
    }

    /// Text that matters more.
    pub fn strong(self, text: &str) -> String {
        self.paint(&Style::new().bold(), text)
    }

    /// Text about the `nth` of several things, in a colour that its neighbours do not have.
    pub fn nth(self, nth: usize, text: &str) -> String {
        let (color, bright) = HUES[nth % HUES.len()];
        let style = Style::new().fg(color);
        self.paint(&if bright { style.bright() } else { style }, text)
    }

    /// `✓`
    pub fn done(self) -> String {
        self.good(self.pick("✓", "ok"))
    }

    /// `✗`
    pub fn failed(self) -> String {
        self.bad(self.pick("✗", "x"))
    }

    /// `→`
    pub fn arrow(self) -> &'static str {
        self.pick("→", "->")
    }

    /// The columns that the widest of the symbols takes that begin a line.
    pub(super) fn mark_width(self) -> usize {
        if self.unicode { 1 } else { 2 }
    }

    /// What stands for text left out.
    pub(super) fn ellipsis(self) -> &'static str {
        self.pick("…", "...")
    }

    /// One of two texts: the first where more than ASCII may be used.
    pub(super) fn pick(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }

    fn paint(self, style: &Style, text: &str) -> String {
        style.clone().force_styling(self.color).apply_to(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colour_no_escapes_and_without_unicode_only_ascii() {
        let plain = Palette::default();
        assert_eq!([plain.good("a"), plain.bad("b"), plain.warn("c"), plain.dim("d")].concat(), "abcd");
        assert!([plain.done(), plain.failed(), plain.arrow().into(), plain.ellipsis().into()].concat().is_ascii());
    }

    #[test]
    fn with_colour_whatever_the_terminal() {
        let both = Palette { color: true, unicode: true };
        assert_eq!(both.done(), "\u{1b}[32m✓\u{1b}[0m");
        assert_eq!(both.plain().done(), "✓");
    }
}

//! Colours and symbols. Colour is never the only carrier of information: a symbol or a word says the same.

use console::{Color, Style};

/// Colours that distinguish things of one kind. Red is reserved for failures.
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

/// The abilities of a stream: colours and Unicode. `config` determines them from `--color`, `NO_COLOR` and the locale,
/// for standard output and for standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Palette {
    pub color: bool,
    pub unicode: bool,
}

impl Palette {
    /// The same symbols without colour, for logs.
    #[must_use]
    pub fn plain(self) -> Self {
        Self { color: false, ..self }
    }

    pub fn good(self, text: &str) -> String {
        self.paint(&Style::new().green(), text)
    }

    pub fn bad(self, text: &str) -> String {
        self.paint(&Style::new().red().bold(), text)
    }

    pub fn warn(self, text: &str) -> String {
        self.paint(&Style::new().yellow(), text)
    }

    pub fn dim(self, text: &str) -> String {
        self.paint(&Style::new().dim(), text)
    }

    pub fn strong(self, text: &str) -> String {
        self.paint(&Style::new().bold(), text)
    }

    /// A value that is replaced.
    pub(super) fn before(self, text: &str) -> String {
        self.paint(&Style::new().red(), text)
    }

    /// A value that replaces another one.
    pub(super) fn after(self, text: &str) -> String {
        self.paint(&Style::new().green(), text)
    }

    /// Text about the `nth` of several things, in a colour that differs from its neighbours' colours.
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

    /// The width of the widest symbol at the beginning of a line.
    pub(super) fn mark_width(self) -> usize {
        if self.unicode { 1 } else { 2 }
    }

    /// Replaces omitted text.
    pub(super) fn ellipsis(self) -> &'static str {
        self.pick("…", "...")
    }

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
    fn the_default_palette_has_neither_escapes_nor_unicode() {
        let plain = Palette::default();
        assert_eq!([plain.good("a"), plain.bad("b"), plain.warn("c"), plain.dim("d")].concat(), "abcd");
        assert!([plain.done(), plain.failed(), plain.arrow().into(), plain.ellipsis().into()].concat().is_ascii());
    }

    #[test]
    fn a_palette_with_colour_does_not_look_at_the_terminal() {
        let both = Palette { color: true, unicode: true };
        assert_eq!(both.done(), "\u{1b}[32m✓\u{1b}[0m");
        assert_eq!(both.plain().done(), "✓");
    }
}

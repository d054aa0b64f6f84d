//! Text from outside the program, prepared for HTML, SVG and XML. The libraries that write these formats escape markup
//! characters. This module handles the characters that they pass on unchanged.

use std::fmt::{Display, Formatter, Result, Write as _};

use maud::Render;

/// Text in which every character can be seen: characters that are invisible, that XML 1.0 forbids or that reorder
/// their neighbours are written as `\u{1b}`.
///
/// In a `maud` template it is escaped like any other value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visible<'a>(pub(super) &'a str);

impl Visible<'_> {
    /// Escaped as the content of an element or as the value of a quoted attribute.
    pub(super) fn escaped(self) -> String {
        self.render().into_string()
    }
}

impl Display for Visible<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for c in self.0.chars() {
            if is_visible(c) { f.write_char(c)? } else { write!(f, "{}", c.escape_unicode())? }
        }
        Ok(())
    }
}

impl Render for Visible<'_> {
    fn render_to(&self, buffer: &mut String) {
        self.to_string().render_to(buffer);
    }
}

fn is_visible(c: char) -> bool {
    match c {
        '\t' | '\n' => true,
        // These override the direction of text, so that a reader sees the characters in another order.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
        // The last two code points of every plane are not characters. XML 1.0 forbids those of the first plane.
        c if u32::from(c) & 0xfffe == 0xfffe => false,
        c => !c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maud_escapes_markup_in_visible_text() {
        let hostile = r#"<script>alert("1" & '2')</script>"#;
        let shown = Visible(hostile).escaped();
        assert_eq!(shown, "&lt;script&gt;alert(&quot;1&quot; &amp; '2')&lt;/script&gt;");
    }

    #[test]
    fn invisible_characters_are_written_as_escapes() {
        assert_eq!(Visible("a\0b\u{1b}[2J\r\n\tc\x7f").to_string(), "a\\u{0}b\\u{1b}[2J\\u{d}\n\tc\\u{7f}");
        assert_eq!(Visible("\u{85}\u{202e}a\u{2069}\u{1ffff}").to_string(), r"\u{85}\u{202e}a\u{2069}\u{1ffff}");
        assert_eq!(Visible("Grüße, 世界 ✓").to_string(), "Grüße, 世界 ✓");
    }

    #[test]
    fn the_result_has_no_character_that_xml_forbids() {
        let every: String = (0..=0x0010_ffff).filter_map(char::from_u32).collect();
        let allowed =
            |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(Visible(&every).to_string().chars().all(allowed));
    }
}

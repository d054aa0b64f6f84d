//! Text from elsewhere inside markup. What came back from an endpoint may be anything, and a report is opened in a
//! browser: it must stay text, and it must be seen as it is.

use std::fmt::{Display, Formatter, Result, Write as _};

/// Text as the content of an element or the value of a quoted attribute, in HTML and in XML 1.0 alike.
///
/// Characters that could not be seen, that XML forbids or that reorder their neighbours are spelt out: `\u{1b}`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a>(pub(super) &'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c if is_legible(c) => f.write_char(c)?,
                c => write!(f, "{}", c.escape_unicode())?,
            }
        }
        Ok(())
    }
}

fn is_legible(c: char) -> bool {
    match c {
        '\t' | '\n' => true,
        // Overrides of the direction of text make it read other than it is.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
        // The last two code points of every plane are no characters; XML 1.0 forbids the first pair.
        c if u32::from(c) & 0xfffe == 0xfffe => false,
        c => !c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text() {
        let hostile = r#"<script>alert("1" & '2')</script>"#;
        let shown = Text(hostile).to_string();
        assert_eq!(shown, "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;");
    }

    #[test]
    fn what_cannot_be_seen_is_spelt_out() {
        assert_eq!(Text("a\0b\u{1b}[2J\r\n\tc\x7f").to_string(), "a\\u{0}b\\u{1b}[2J\\u{d}\n\tc\\u{7f}");
        assert_eq!(Text("\u{85}\u{202e}a\u{2069}\u{1ffff}").to_string(), r"\u{85}\u{202e}a\u{2069}\u{1ffff}");
        assert_eq!(Text("Grüße, 世界 ✓").to_string(), "Grüße, 世界 ✓");
    }

    #[test]
    fn no_character_that_xml_forbids_is_left() {
        let every: String = (0..=0x0010_ffff).filter_map(char::from_u32).collect();
        let allowed =
            |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(Text(&every).to_string().chars().all(allowed));
    }
}

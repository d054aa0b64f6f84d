//! Mistakes in a stack file, and their places.

use std::collections::BTreeMap;
use std::ops::Range;

/// A mistake in a stack file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("{message}")]
pub struct Diagnostic {
    /// The path of the key, such as `functions.Hello.source`. Empty if the mistake has a span instead.
    pub key: String,
    pub message: String,
    /// How to correct it.
    #[help]
    pub help: Option<String>,
    /// Bytes of the file; `None` until [`SpanMap::locate`] has found the key.
    #[label("here")]
    pub span: Option<miette::SourceSpan>,
    /// Bytes of the file that may be a secret, and so must not be shown.
    pub concealed: Vec<Range<usize>>,
}

/// The text, with asterisks in place of the bytes that these mistakes conceal.
pub fn conceal(text: &str, mistakes: &[Diagnostic]) -> String {
    let secrets =
        |at: usize| mistakes.iter().flat_map(|diagnostic| &diagnostic.concealed).any(|range| range.contains(&at));
    // The number of bytes stays the same, so that every span remains valid.
    let stars =
        |(at, c): (usize, char)| if secrets(at) && c != '\n' { "*".repeat(c.len_utf8()) } else { c.to_string() };
    text.char_indices().map(stars).collect()
}

impl Diagnostic {
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into(), help: None, span: None, concealed: Vec::new() }
    }

    /// A mistake that is located by its span instead of its key.
    pub(super) fn at(span: &Range<usize>, message: impl Into<String>) -> Self {
        Self { span: Some(span.clone().into()), ..Self::new("", message) }
    }

    /// Where the mistake begins, in bytes.
    pub fn offset(&self) -> usize {
        self.span.map_or(0, |span| span.offset())
    }

    /// Puts `apis.NAME` of this API in front of the key; `None` is the API without a name.
    #[must_use]
    pub(super) fn within(mut self, api: Option<&str>) -> Self {
        if let Some(api) = api {
            self.key = format!("apis.{api}.{}", self.key);
        }
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The spans of a stack file by key path: `functions.Hello`, `functions.Hello.source`, `routes.0.body`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanMap(BTreeMap<String, Range<usize>>);

impl SpanMap {
    pub(super) fn remember(&mut self, place: String, span: Range<usize>) {
        self.0.insert(place, span);
    }

    /// Whether the stack file has this key.
    pub(super) fn has(&self, place: &str) -> bool {
        self.0.contains_key(place)
    }

    /// The names of the entries in a section such as `functions`. Entries with mistakes count too.
    pub(super) fn names(&self, section: &str) -> Vec<&str> {
        let within = self.0.keys().filter_map(|place| place.strip_prefix(section)?.strip_prefix('.'));
        within.filter(|name| !name.contains('.')).collect()
    }

    /// Adds the span of the key, or of the nearest enclosing key that the stack file has.
    pub fn locate(&self, diagnostic: Diagnostic) -> Diagnostic {
        let mut key = diagnostic.key.as_str();
        let span = loop {
            if let Some(span) = self.0.get(key) {
                break span.clone();
            }
            match key.rsplit_once('.') {
                Some((around, _)) => key = around,
                None => break 0..0,
            }
        };
        Diagnostic { span: Some(span.into()), ..diagnostic }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concealed_text_keeps_its_length() {
        let mut diagnostic = SpanMap::default().locate(Diagnostic::new("x", "wrong"));
        diagnostic.concealed.push(4..11);
        assert_eq!(conceal("K = \"hü\n2\" # ü", &[diagnostic]), "K = ****\n** # ü");
    }

    #[test]
    fn an_unknown_key_is_located_at_the_key_around_it() {
        let mut places = SpanMap::default();
        places.remember("functions.Hello".into(), 3..8);
        places.remember("functions.Hello.source".into(), 10..12);
        let at = |place: &str| places.locate(Diagnostic::new(place, "wrong")).span;
        assert_eq!(at("functions.Hello.source"), Some((3 + 7, 2).into()));
        assert_eq!(at("functions.Hello.runtime"), Some((3, 5).into()));
        assert_eq!(at("pools.People"), Some((0, 0).into()));
        assert_eq!(places.names("functions"), ["Hello"]);
    }
}

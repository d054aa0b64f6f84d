//! Mistakes in a stack file, and their places.

use std::collections::BTreeMap;
use std::ops::Range;

/// One mistake in a stack file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("{message}")]
pub struct LocatedDiagnostic {
    pub message: String,
    /// In bytes of the file.
    #[label("here")]
    pub span: miette::SourceSpan,
    /// A suggestion.
    #[help]
    pub help: Option<String>,
    /// Parts of the file that must not be shown: somebody may have written a secret there.
    pub secrets: Vec<Range<usize>>,
}

/// The text, with stars in the place of the secrets of these mistakes.
pub fn conceal(text: &str, mistakes: &[LocatedDiagnostic]) -> String {
    let secrets =
        |at: usize| mistakes.iter().flat_map(|diagnostic| &diagnostic.secrets).any(|range| range.contains(&at));
    // As many bytes as before, so that every span still fits.
    let stars =
        |(at, c): (usize, char)| if secrets(at) && c != '\n' { "*".repeat(c.len_utf8()) } else { c.to_string() };
    text.char_indices().map(stars).collect()
}

/// A mistake at a place that is known by its name; [`SpanMap::locate`] finds the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// As in `functions.Hello.source`.
    pub place: String,
    pub message: String,
    /// A suggestion.
    pub help: Option<String>,
}

impl Diagnostic {
    pub fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into(), help: None }
    }

    /// Moves the place into this API; the API without a name has no prefix.
    #[must_use]
    pub(super) fn within(mut self, api: Option<&str>) -> Self {
        if let Some(api) = api {
            self.place = format!("apis.{api}.{}", self.place);
        }
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The places of a stack file's parts, by name: `functions.Hello`, `functions.Hello.source`, `routes.0.body`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanMap(BTreeMap<String, Range<usize>>);

impl SpanMap {
    pub(super) fn remember(&mut self, place: String, span: Range<usize>) {
        self.0.insert(place, span);
    }

    /// The names in a section such as `functions`, with or without mistakes.
    pub(super) fn names(&self, section: &str) -> Vec<&str> {
        let within = self.0.keys().filter_map(|place| place.strip_prefix(section)?.strip_prefix('.'));
        within.filter(|name| !name.contains('.')).collect()
    }

    /// The mistake with the bytes of its place, or of the nearest known place around it.
    pub fn locate(&self, flaw: Diagnostic) -> LocatedDiagnostic {
        let mut place = flaw.place.as_str();
        let span = loop {
            if let Some(span) = self.0.get(place) {
                break span.clone();
            }
            match place.rsplit_once('.') {
                Some((around, _)) => place = around,
                None => break 0..0,
            }
        };
        LocatedDiagnostic { message: flaw.message, span: span.into(), help: flaw.help, secrets: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concealed_text_keeps_its_length() {
        let mut diagnostic = SpanMap::default().locate(Diagnostic::new("x", "wrong"));
        diagnostic.secrets.push(4..11);
        assert_eq!(conceal("K = \"hü\n2\" # ü", &[diagnostic]), "K = ****\n** # ü");
    }

    #[test]
    fn a_mistake_at_an_unknown_place_is_shown_at_the_place_around_it() {
        let mut places = SpanMap::default();
        places.remember("functions.Hello".into(), 3..8);
        places.remember("functions.Hello.source".into(), 10..12);
        let at = |place: &str| places.locate(Diagnostic::new(place, "wrong")).span;
        assert_eq!(at("functions.Hello.source"), (3 + 7, 2).into());
        assert_eq!(at("functions.Hello.runtime"), (3, 5).into());
        assert_eq!(at("pools.People"), (0, 0).into());
        assert_eq!(places.names("functions"), ["Hello"]);
    }
}

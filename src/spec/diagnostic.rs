//! What is wrong with a stack file, and where.

use std::collections::BTreeMap;
use std::ops::Range;

/// One mistake in a stack file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("{message}")]
pub struct LocatedDiagnostic {
    /// What is wrong.
    pub message: String,
    /// Where: bytes of the file.
    #[label("here")]
    pub span: miette::SourceSpan,
    /// What would be right.
    #[help]
    pub help: Option<String>,
    /// What must not be shown, though the file says it: somebody may have written a secret there.
    pub secrets: Vec<Range<usize>>,
}

/// The text with stars for what these mistakes hide.
pub fn conceal(text: &str, mistakes: &[LocatedDiagnostic]) -> String {
    let secrets =
        |at: usize| mistakes.iter().flat_map(|diagnostic| &diagnostic.secrets).any(|range| range.contains(&at));
    // As many bytes as before, so that every span still fits.
    let stars =
        |(at, c): (usize, char)| if secrets(at) && c != '\n' { "*".repeat(c.len_utf8()) } else { c.to_string() };
    text.char_indices().map(stars).collect()
}

/// A mistake of which the place is known by name, not yet by its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// As in `functions.Hello.source`.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl Diagnostic {
    /// This is wrong, there.
    pub fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into(), help: None }
    }

    /// It is in this API; in the one without a name where there is none.
    #[must_use]
    pub(super) fn within(mut self, api: Option<&str>) -> Self {
        if let Some(api) = api {
            self.place = format!("apis.{api}.{}", self.place);
        }
        self
    }

    /// And this would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Where everything stands in a stack file, by name: `functions.Hello`, `functions.Hello.source`, `routes.0.body`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanMap(BTreeMap<String, Range<usize>>);

impl SpanMap {
    pub(super) fn remember(&mut self, place: String, span: Range<usize>) {
        self.0.insert(place, span);
    }

    /// The names in a section such as `functions`, whether or not what they stand for is sound.
    pub(super) fn names(&self, section: &str) -> Vec<&str> {
        let within = self.0.keys().filter_map(|place| place.strip_prefix(section)?.strip_prefix('.'));
        within.filter(|name| !name.contains('.')).collect()
    }

    /// The mistake at its place, or at the nearest thing around it that is known.
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
    fn what_is_hidden_keeps_its_length() {
        let mut diagnostic = SpanMap::default().locate(Diagnostic::new("x", "wrong"));
        diagnostic.secrets.push(4..11);
        assert_eq!(conceal("K = \"hü\n2\" # ü", &[diagnostic]), "K = ****\n** # ü");
    }

    #[test]
    fn a_place_that_is_not_known_is_shown_by_what_is_around_it() {
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

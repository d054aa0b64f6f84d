//! The parts that all checks of a whole stack share. Each section has its own checks.

use super::Stack;
use super::diagnostic::Diagnostic;
use super::field::Key;
use super::reader::{Reader, suggest};
use crate::scope::Scope;

/// A stack that was read, and the mistakes that the checks of the whole stack found.
pub(super) struct Checks<'a> {
    pub stack: &'a Stack,
    /// A scope whose partition, account and region have their greatest length. Sizes are compared with AWS's limits in
    /// this scope, because the real values are not known yet.
    pub longest: Scope,
    reader: &'a Reader,
    flaws: Vec<Diagnostic>,
}

impl<'a> Checks<'a> {
    pub(super) fn of(stack: &'a Stack, reader: &'a Reader) -> Self {
        let longest = Scope {
            partition: "aws-us-gov".into(),
            account: "123456789012".into(),
            region: "ap-southeast-1".into(),
            stack: stack.name.clone(),
            ..Scope::default()
        };
        Self { stack, longest, reader, flaws: Vec::new() }
    }

    pub(super) fn flaws(self) -> Vec<Diagnostic> {
        self.flaws
    }

    pub(super) fn report(&mut self, flaws: impl IntoIterator<Item = Diagnostic>) {
        self.flaws.extend(flaws);
    }

    /// Whether one of these sections has an entry of this name. Entries with mistakes count too.
    pub(super) fn has(&self, sections: &[&Key], name: &str) -> bool {
        self.names(sections).contains(&name)
    }

    /// Whether the stack file has this key, as in `functions.Hello.trigger`.
    pub(super) fn is_written(&self, place: &str) -> bool {
        self.reader.places.has(place)
    }

    /// Whether the value of this key is not known, because the key is misspelt or its value has the wrong type. Nothing
    /// that follows from such a key is reported.
    pub(super) fn is_unread(&self, place: &str, key: &str) -> bool {
        self.reader.is_unread(place, key)
    }

    /// Reports a name that no entry of these sections has. `what` is the kind of entry that the name should refer to.
    /// Entries of a section whose own name is misspelt are not known.
    pub(super) fn exists(&mut self, place: String, what: &str, name: &str, sections: &[&Key]) {
        if sections.iter().any(|section| self.reader.is_unread("", section.name)) {
            return;
        }
        let known = self.names(sections);
        self.one_of(place, what, name, &known);
    }

    /// Reports a name that is not in `known`. An empty name was reported when it was read.
    pub(super) fn one_of(&mut self, place: String, what: &str, name: &str, known: &[&str]) {
        if !name.is_empty() && !known.contains(&name) {
            let flaw = Diagnostic::new(place, format!("there is no {what} called {name}"));
            self.flaws.push(flaw.help(suggest(name, known)));
        }
    }

    /// Like [`one_of`](Self::one_of), for names that a key of a table has, as in `("pools.Users", "groups")`. Nothing is
    /// reported if the value of this key is not known.
    pub(super) fn one_of_key(
        &mut self,
        place: String,
        what: &str,
        name: &str,
        known: &[&str],
        (table, key): (&str, &str),
    ) {
        if !self.is_unread(table, key) {
            self.one_of(place, what, name, known);
        }
    }

    /// The names in these sections. Entries with mistakes of their own count too.
    fn names(&self, sections: &[&Key]) -> Vec<&'a str> {
        sections.iter().flat_map(|section| self.reader.places.names(section.name)).collect()
    }
}

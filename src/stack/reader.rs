//! Collects mistakes while a document is walked: what each reads is of its kind, in its range, and known.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, SpanMap};
use super::keys::Section;
use super::rules;
use crate::error::nearest;

/// What was found so far.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) mistakes: Vec<Diagnostic>,
    pub(super) places: SpanMap,
}

/// A table, and where it stands.
pub(super) struct Table<'a> {
    pub(super) span: Range<usize>,
    pub(super) table: &'a DeTable<'a>,
}

pub(super) type Item<'a> = &'a Spanned<DeValue<'a>>;

impl<'a> Table<'a> {
    pub(super) fn get(&self, key: &str) -> Option<Item<'a>> {
        self.table.get(key)
    }
}

/// What somebody has written, in a word.
fn kind(item: Item) -> &'static str {
    match item.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// What a word was probably meant to be, else all that it could be.
pub(super) fn suggest(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there are none".to_owned(),
        None => format!("known: {}", known.join(", ")),
    }
}

impl Reader {
    pub(super) fn diagnostic(&mut self, span: &Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.mistakes.push(Diagnostic { help, ..Diagnostic::at(span, message) });
    }

    /// Keeps out of sight, with the mistake that was told last, what may be a secret.
    pub(super) fn hide(&mut self, span: Range<usize>) {
        if let Some(diagnostic) = self.mistakes.last_mut() {
            diagnostic.concealed.push(span);
        }
    }

    /// A mistake at a place that was remembered while reading.
    pub(super) fn flaw(&mut self, flaw: Diagnostic) {
        self.mistakes.push(self.places.locate(flaw));
    }

    pub(super) fn remember(&mut self, place: String, span: Range<usize>) {
        self.places.remember(place, span);
    }

    /// Complains about keys that nobody knows.
    pub(super) fn known(&mut self, table: &Table, section: &Section) {
        let (what, keys) = (section.what, section.names());
        for key in table.table.keys().filter(|key| !keys.contains(&key.get_ref().as_ref())) {
            let help = match nearest(key.get_ref(), &keys) {
                Some(near) => format!("did you mean `{near}`?"),
                None if keys.is_empty() => format!("{what} has no settings"),
                None => format!("{what} knows: {}", keys.join(", ")),
            };
            self.diagnostic(&key.span(), format!("{what} has no key `{}`", key.get_ref()), Some(help));
        }
    }

    pub(super) fn table<'a>(&mut self, item: Item<'a>, what: &str) -> Option<Table<'a>> {
        if let DeValue::Table(table) = item.get_ref() {
            return Some(Table { span: item.span(), table });
        }
        self.diagnostic(&item.span(), format!("{what} is a table, not {}", kind(item)), None);
        None
    }

    /// The table in a key, if it is there.
    pub(super) fn table_in<'a>(&mut self, table: &Table<'a>, key: &str) -> Option<Table<'a>> {
        table.get(key).and_then(|item| self.table(item, key))
    }

    /// The tables of a section such as `[functions.X]`, by name.
    pub(super) fn section<'a>(&mut self, root: &Table<'a>, section: &'static str) -> Vec<(String, Table<'a>)> {
        let Some(tables) = self.table_in(root, section) else { return Vec::new() };
        let mut named = Vec::new();
        for (key, item) in tables.table {
            let name = key.get_ref().to_string();
            self.remember(format!("{section}.{name}"), key.span());
            if let Err(why) = rules::name(section, &name) {
                self.diagnostic(&key.span(), why, None);
            }
            match self.table(item, &format!("{section}.{name}")) {
                Some(table) => named.push((name, table)),
                None if section == "secrets" => self.hide(item.span()),
                None => {}
            }
        }
        named
    }

    pub(super) fn string(&mut self, table: &Table, key: &str) -> Option<(String, Range<usize>)> {
        let item = table.get(key)?;
        if let DeValue::String(text) = item.get_ref() {
            return Some((text.to_string(), item.span()));
        }
        self.wrong(item, key, "a string");
        None
    }

    /// Text that must be there and not empty. `None` has been complained about.
    pub(super) fn required(&mut self, table: &Table, what: &str, key: &str) -> Option<(String, Range<usize>)> {
        if table.get(key).is_none() {
            self.diagnostic(&table.span, format!("{what} lacks `{key}`"), None);
        }
        let (text, span) = self.string(table, key)?;
        if text.trim().is_empty() {
            self.diagnostic(&span, format!("`{key}` is empty"), None);
            return None;
        }
        Some((text, span))
    }

    pub(super) fn boolean(&mut self, table: &Table, key: &str, default: bool) -> bool {
        match table.get(key).map(|item| (item, item.get_ref())) {
            None => default,
            Some((_, DeValue::Boolean(value))) => *value,
            Some((item, _)) => {
                self.wrong(item, key, "true or false");
                default
            }
        }
    }

    /// A number in the range that its key has.
    pub(super) fn number(&mut self, table: &Table, section: &Section, key: &str) -> Option<u32> {
        let item = table.get(key)?;
        let range = section.range(key);
        let number = match item.get_ref() {
            DeValue::Integer(digits) => u32::from_str_radix(digits.as_str(), digits.radix()).ok(),
            _ => None,
        };
        match number {
            Some(number) if range.contains(&number) => Some(number),
            _ => {
                let (from, to) = range.into_inner();
                self.diagnostic(&item.span(), format!("`{key}` is a whole number from {from} to {to}"), None);
                None
            }
        }
    }

    /// Texts, each once.
    pub(super) fn strings(&mut self, table: &Table, key: &str) -> Vec<(String, Range<usize>)> {
        let Some(item) = table.get(key) else { return Vec::new() };
        let DeValue::Array(items) = item.get_ref() else {
            self.wrong(item, key, "a list of strings");
            return Vec::new();
        };
        let mut strings: Vec<(String, Range<usize>)> = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::String(text) if strings.iter().any(|(known, _)| known == text) => {
                    self.diagnostic(&item.span(), format!("{text} is in `{key}` twice"), None);
                }
                DeValue::String(text) => strings.push((text.to_string(), item.span())),
                _ => self.wrong(item, key, "a list of strings"),
            }
        }
        strings
    }

    pub(super) fn choice<T: Copy>(&mut self, table: &Table, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let (word, span) = self.string(table, key)?;
        let found = choices.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let help = nearest(&word, &names).map(|near| format!("did you mean \"{near}\"?"));
            let message = match names.as_slice() {
                [only] => format!("`{key}` is \"{only}\" or left out"),
                names => format!("`{key}` is one of {}", names.join(", ")),
            };
            self.diagnostic(&span, message, help);
        }
        found
    }

    pub(super) fn wrong(&mut self, item: Item, key: &str, wanted: &str) {
        self.diagnostic(&item.span(), format!("`{key}` is {wanted}, not {}", kind(item)), None);
    }
}

//! Reads values of a stack file by the declarations of their keys, and collects mistakes: wrong types, values out of
//! range, unknown keys.

mod lists;

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::advice;
use super::diagnostic::{Diagnostic, SpanMap};
use super::field::{
    AuthKey, Flag, Holds, Key, List, NamedTexts, Nested, Number, OnlyTrue, OptionalNumber, OptionalWord, Reasons,
    Required, Text, TextOr, Word, WordList,
};
use super::section::Section;
use super::{Posture, rules};
use crate::spelling::nearest;

/// The mistakes and places that were found so far.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) mistakes: Vec<Diagnostic>,
    pub(super) places: SpanMap,
    /// Decides the defaults. It is read before every other key.
    pub(super) posture: Posture,
}

/// A table of the stack file.
pub(super) struct Table<'a> {
    pub(super) span: Range<usize>,
    pub(super) entries: &'a DeTable<'a>,
    /// Where it is, as in `functions.Hello`; empty for the whole file.
    pub(super) path: String,
    /// Its name in messages: `functions.Hello`, or `a route`.
    pub(super) what: String,
}

pub(super) type Item<'a> = &'a Spanned<DeValue<'a>>;

/// Text of the stack file, and where it is.
pub(super) type Located = (String, Range<usize>);

impl<'a> Table<'a> {
    pub(super) fn get(&self, key: &Key) -> Option<Item<'a>> {
        self.entries.get(key.name)
    }

    /// The place of a key of this table, as in `functions.Hello.source`.
    pub(super) fn at(&self, key: &Key) -> String {
        joined(&self.path, key.name)
    }
}

/// The place of something inside a table.
pub(super) fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The type of a value, in words.
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

/// The help for a mistyped word: the most similar known word, or all known words if none is similar.
pub(super) fn suggest(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "the stack file has none".to_owned(),
        None => format!("known: {}", known.join(", ")),
    }
}

impl Reader {
    pub(super) fn diagnostic(&mut self, span: &Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.mistakes.push(Diagnostic { help, ..Diagnostic::at(span, message) });
    }

    /// Hides part of the file when the latest mistake is shown: it may be a secret.
    pub(super) fn hide(&mut self, span: Range<usize>) {
        if let Some(diagnostic) = self.mistakes.last_mut() {
            diagnostic.concealed.push(span);
        }
    }

    /// Reports a mistake at a place that was remembered before.
    pub(super) fn flaw(&mut self, flaw: Diagnostic) {
        self.mistakes.push(self.places.locate(flaw));
    }

    pub(super) fn remember(&mut self, place: String, span: Range<usize>) {
        self.places.remember(place, span);
    }

    /// Opens a table that has the keys of `section`, and reports unknown keys.
    pub(super) fn open<'a>(
        &mut self,
        item: Item<'a>,
        called: &str,
        path: String,
        section: &'static dyn Section,
    ) -> Option<Table<'a>> {
        let DeValue::Table(table) = item.get_ref() else {
            self.diagnostic(&item.span(), format!("{called} must be a table, not {}", kind(item)), None);
            return None;
        };
        let table = Table { span: item.span(), entries: table, path, what: section.what().to_owned() };
        self.known(&table, section);
        Some(table)
    }

    /// Reports unknown keys.
    pub(super) fn known(&mut self, table: &Table, section: &'static dyn Section) {
        let (what, keys): (_, Vec<&str>) = (section.what(), section.keys().iter().map(|key| key.name).collect());
        for key in table.entries.keys().filter(|key| !keys.contains(&key.get_ref().as_ref())) {
            let near = || nearest(key.get_ref(), &keys).map(|near| format!("did you mean `{near}`?"));
            let all = || match keys.as_slice() {
                [] => format!("{what} has no settings"),
                keys => format!("{what} has the keys {}", keys.join(", ")),
            };
            let help = advice::for_key(what, &keys, key.get_ref()).or_else(near).unwrap_or_else(all);
            self.diagnostic(&key.span(), format!("{what} has no key `{}`", key.get_ref()), Some(help));
        }
    }

    /// The table in a key, if the key is given.
    pub(super) fn table<'a, S: Section>(&mut self, table: &Table<'a>, key: &Nested<S>) -> Option<Table<'a>> {
        let item = table.get(&key.key)?;
        self.remember(table.at(&key.key), item.span());
        self.open(item, key.key.name, table.at(&key.key), key.section)
    }

    /// The values in a key such as `functions`, by the names that the user chose.
    pub(super) fn named<'a, S: Section>(&mut self, root: &Table<'a>, key: &Nested<S>) -> Vec<(String, Item<'a>)> {
        let section = &root.at(&key.key);
        let form = if let Holds::Named(form, _) = key.key.holds { form } else { rules::NAME };
        let Some(item) = root.get(&key.key) else { return Vec::new() };
        let DeValue::Table(values) = item.get_ref() else {
            self.diagnostic(&item.span(), format!("{section} must be a table, not {}", kind(item)), None);
            return Vec::new();
        };
        let mut named = Vec::new();
        for (name, item) in values {
            self.remember(joined(section, name.get_ref()), name.span());
            if let Err(why) = rules::name(section, name.get_ref(), form) {
                self.diagnostic(&name.span(), why, None);
            }
            named.push((name.get_ref().to_string(), item));
        }
        named
    }

    /// The tables in a key such as `functions`, by name. `read` gets the name and the table.
    pub(super) fn each<S: Section, T>(
        &mut self,
        root: &Table<'_>,
        key: &Nested<S>,
        read: impl Fn(&mut Self, &str, &Table<'_>) -> T,
    ) -> BTreeMap<String, T> {
        let mut all = BTreeMap::new();
        for (name, item) in self.named(root, key) {
            let path = joined(&root.at(&key.key), &name);
            if let Some(mut table) = self.open(item, &path, path.clone(), key.section) {
                table.what = path;
                let read = read(self, &name, &table);
                all.insert(name, read);
            }
        }
        all
    }

    /// The text of a value whose key the user chose.
    pub(super) fn string(&mut self, item: Item, name: &str) -> Option<String> {
        if let DeValue::String(text) = item.get_ref() {
            return Some(text.to_string());
        }
        self.wrong(item, name, "a string");
        None
    }

    /// Text that is not empty. `None` if it is left out or wrong.
    fn filled(&mut self, table: &Table, key: &Key) -> Option<Located> {
        let item = table.get(key)?;
        let text = self.string(item, key.name)?;
        self.remember(table.at(key), item.span());
        if text.trim().is_empty() {
            self.diagnostic(&item.span(), format!("`{}` is empty", key.name), None);
            return None;
        }
        Some((text, item.span()))
    }

    pub(super) fn text(&mut self, table: &Table, key: &Text) -> Option<Located> {
        self.filled(table, &key.key)
    }

    /// The text, or its default without a place.
    pub(super) fn text_or(&mut self, table: &Table, key: &TextOr) -> (String, Option<Range<usize>>) {
        match self.filled(table, &key.key) {
            Some((text, span)) => (text, Some(span)),
            None => (key.default.to_owned(), None),
        }
    }

    /// Text that must be given. `None` means that a mistake was reported.
    pub(super) fn required(&mut self, table: &Table, key: &Required) -> Option<Located> {
        if table.get(&key.key).is_none() {
            self.diagnostic(&table.span, format!("{} lacks `{}`", table.what, key.key.name), None);
        }
        self.filled(table, &key.key)
    }

    /// Required text, or the default of the declaration after a mistake.
    pub(super) fn required_or(&mut self, table: &Table, key: &Required) -> String {
        self.required(table, key).map_or_else(|| key.default.to_owned(), |(text, _)| text)
    }

    fn boolean(&mut self, table: &Table, key: &Key) -> Option<bool> {
        let item = table.get(key)?;
        self.remember(table.at(key), item.span());
        if let DeValue::Boolean(value) = item.get_ref() {
            return Some(*value);
        }
        self.wrong(item, key.name, "true or false");
        None
    }

    pub(super) fn flag(&mut self, table: &Table, key: &Flag) -> bool {
        self.boolean(table, &key.key).unwrap_or(self.default(key.default, key.hardened))
    }

    /// Whether the key is given. Another value than `true` is a mistake.
    pub(super) fn only_true(&mut self, table: &Table, key: &OnlyTrue) -> bool {
        if self.boolean(table, &key.key) == Some(false)
            && let Some(item) = table.get(&key.key)
        {
            self.diagnostic(&item.span(), format!("`{}` must be true or be left out", key.key.name), None);
        }
        table.get(&key.key).is_some()
    }

    fn whole_number(&mut self, table: &Table, key: &Key) -> Option<u32> {
        let item = table.get(key)?;
        self.remember(table.at(key), item.span());
        let number = match item.get_ref() {
            DeValue::Integer(digits) => u32::from_str_radix(digits.as_str(), digits.radix()).ok(),
            _ => None,
        };
        let (fits, wanted) = match key.holds {
            Holds::OneOf(numbers) => {
                let list = numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                (number.is_some_and(|number| numbers.contains(&number)), format!("one of {list}"))
            }
            Holds::Number(from, to) => (
                number.is_some_and(|number| (from..=to).contains(&number)),
                format!("a whole number from {from} to {to}"),
            ),
            _ => (number.is_some(), "a whole number".to_owned()),
        };
        if !fits {
            self.diagnostic(&item.span(), format!("`{}` must be {wanted}", key.name), None);
        }
        number.filter(|_| fits)
    }

    pub(super) fn number(&mut self, table: &Table, key: &Number) -> u32 {
        self.whole_number(table, &key.key).unwrap_or(self.default(key.default, key.hardened))
    }

    pub(super) fn optional_number(&mut self, table: &Table, key: &OptionalNumber) -> Option<u32> {
        self.whole_number(table, &key.key)
    }

    /// The reasons in a key, by the id that each is given for. An empty reason is a mistake.
    pub(super) fn reasons(&mut self, table: &Table, key: &Reasons) -> BTreeMap<String, Located> {
        self.texts_by_name(table, &key.key, "the reason, as text")
    }

    /// The texts in a key, by name. An empty text is a mistake.
    pub(super) fn named_texts(&mut self, table: &Table, key: &NamedTexts) -> BTreeMap<String, Located> {
        self.texts_by_name(table, &key.key, "text")
    }

    fn texts_by_name(&mut self, table: &Table, key: &Key, wanted: &str) -> BTreeMap<String, Located> {
        let Some(item) = table.get(key) else { return BTreeMap::new() };
        let DeValue::Table(entries) = item.get_ref() else {
            self.wrong(item, key.name, "a table");
            return BTreeMap::new();
        };
        let mut texts = BTreeMap::new();
        for (name, text) in entries {
            match text.get_ref() {
                DeValue::String(value) if !value.trim().is_empty() => {
                    texts.insert(name.get_ref().to_string(), (value.to_string(), name.span()));
                }
                _ => self.wrong(text, name.get_ref(), wanted),
            }
        }
        texts
    }

    /// The value that a word stands for. `None` if the key is left out or wrong.
    fn choice<T: Copy>(&mut self, table: &Table, key: &Key, words: &[&str], values: &[T]) -> Option<T> {
        let item = table.get(key)?;
        self.remember(table.at(key), item.span());
        let word = self.string(item, key.name)?;
        let found = words.iter().zip(values).find(|(known, _)| **known == word).map(|(_, value)| *value);
        if found.is_none() {
            let near = || nearest(&word, words).map(|near| format!("did you mean \"{near}\"?"));
            let help = advice::for_value(key.name, words, &word).or_else(near);
            self.diagnostic(&item.span(), format!("`{}` must be one of {}", key.name, words.join(", ")), help);
        }
        found
    }

    /// The value that a word stands for, or the default.
    pub(super) fn word<T: Copy>(&mut self, table: &Table, key: &Word<T>) -> T {
        let default = self.default(key.values[0], key.values[key.hardened]);
        self.choice(table, &key.key, key.words, key.values).unwrap_or(default)
    }

    pub(super) fn optional_word<T: Copy>(&mut self, table: &Table, key: &OptionalWord<T>) -> Option<T> {
        self.choice(table, &key.key, key.words, key.values)
    }

    /// The values that the words stand for, in the order of the declaration, or the default.
    pub(super) fn words<T: Copy>(&mut self, table: &Table, key: &WordList<T>) -> Vec<T> {
        let texts = self.list(table, &List { key: key.key });
        if let Some(item) = table.get(&key.key)
            && matches!(item.get_ref(), DeValue::Array(items) if items.is_empty())
        {
            let message = format!("`{}` must have at least one of {}", key.key.name, key.words.join(", "));
            self.diagnostic(&item.span(), message, None);
        }
        for (text, span) in texts.iter().filter(|(text, _)| !key.words.contains(&text.as_str())) {
            let message = format!("`{}` takes {}, not {text}", key.key.name, key.words.join(", "));
            let help = advice::for_value(key.key.name, key.words, text).unwrap_or_else(|| suggest(text, key.words));
            self.diagnostic(span, message, Some(help));
        }
        let default = self.default(key.default, key.hardened);
        let given = |word: &str| match table.get(&key.key) {
            Some(_) => texts.iter().any(|(text, _)| text == word),
            None => default.contains(&word),
        };
        key.words.iter().zip(key.values).filter(|(word, _)| given(word)).map(|(_, value)| *value).collect()
    }

    /// The default of a key in this file.
    fn default<T>(&self, baseline: T, hardened: T) -> T {
        match self.posture {
            Posture::Baseline => baseline,
            Posture::Hardened => hardened,
        }
    }

    /// The value that a word in a route's `auth` stands for. `None` if the key is left out or wrong.
    pub(super) fn caller<S: Section, T: Copy>(&mut self, table: &Table, key: &AuthKey<S, T>) -> Option<T> {
        self.choice(table, &key.key, key.words, key.values)
    }

    pub(super) fn wrong(&mut self, item: Item, name: &str, wanted: &str) {
        self.diagnostic(&item.span(), format!("`{name}` must be {wanted}, not {}", kind(item)), None);
    }
}

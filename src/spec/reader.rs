//! Reads values of a stack file by the declarations of their keys, and collects mistakes: wrong types, values out of
//! range, unknown keys.

mod lists;
mod words;

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::advice::{self, forms};
use super::diagnostic::{Diagnostic, SpanMap};
use super::field::{
    Flag, Holds, Key, NamedTexts, Nested, Number, OnlyTrue, OptionalNumber, Reasons, Required, Text, TextOr,
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
    unread: Vec<Unread>,
}

/// A key whose value is not known: it is misspelt, or the value has the wrong type.
struct Unread {
    /// The table's span and place.
    span: Range<usize>,
    path: String,
    /// The key that was probably meant.
    key: &'static str,
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

/// Whether the value of an unknown key may be a secret: by the key's name, or an address with a password.
fn may_be_secret(key: &str, value: Item) -> bool {
    const WORDS: [&str; 7] = ["secret", "password", "passphrase", "token", "credential", "apikey", "privatekey"];
    let plain = key.to_lowercase().replace(['_', '-'], "");
    WORDS.iter().any(|word| plain.contains(word))
        || matches!(value.get_ref(), DeValue::String(text) if text.contains("://") && text.contains('@'))
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
            let help = forms::of(section.what(), &path).unwrap_or_else(|| forms::keys(section));
            self.diagnostic(&item.span(), format!("{called} must be a table, not {}", kind(item)), Some(help));
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
            let near = nearest(key.get_ref(), &keys);
            if let Some(meant) = near.filter(|meant| table.entries.get(*meant).is_none()) {
                self.cannot_read(table, meant);
            }
            let near = || near.map(|near| format!("did you mean `{near}`?"));
            let all = || forms::keys(section);
            let help = advice::for_key(what, &keys, key.get_ref()).or_else(near).unwrap_or_else(all);
            self.diagnostic(&key.span(), format!("{what} has no key `{}`", key.get_ref()), Some(help));
            if let Some(value) =
                table.entries.get(key.get_ref().as_ref()).filter(|value| may_be_secret(key.get_ref(), value))
            {
                self.hide(value.span());
            }
        }
    }

    /// Leaves out mistakes that only follow from others. What they conceal stays concealed.
    pub(super) fn drop_consequences(&mut self) {
        let (consequences, mut others): (Vec<Diagnostic>, Vec<Diagnostic>) =
            std::mem::take(&mut self.mistakes).into_iter().partition(|mistake| self.is_consequence(mistake));
        if let Some(first) = others.first_mut() {
            first.concealed.extend(consequences.into_iter().flat_map(|mistake| mistake.concealed));
        }
        self.mistakes = others;
    }

    /// Remembers that the value of a key is not known.
    pub(super) fn cannot_read(&mut self, table: &Table, key: &'static str) {
        self.unread.push(Unread { span: table.span.clone(), path: table.path.clone(), key });
    }

    /// Whether a mistake is only the consequence of a key whose value is not known: it says what the whole table lacks.
    fn is_consequence(&self, mistake: &Diagnostic) -> bool {
        self.unread.iter().any(|unread| match mistake.key.as_str() {
            "" => mistake.span == Some(unread.span.clone().into()),
            key => key == unread.path,
        })
    }

    /// Whether the value of a key of the table at this place is not known. An empty place is the whole file.
    pub(super) fn is_unread(&self, place: &str, key: &str) -> bool {
        self.unread.iter().any(|unread| unread.path == place && unread.key == key)
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
            let help = format!("write each as [{section}.NAME]");
            self.diagnostic(&item.span(), format!("{section} must be a table, not {}", kind(item)), Some(help));
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
            let help = forms::of(&table.what, &table.path);
            self.diagnostic(&table.span, format!("{} lacks `{}`", table.what, key.key.name), help);
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
            self.misformed(item, key.name, "a table", forms::by_name(key));
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

    /// The default of a key in this file.
    fn default<T>(&self, baseline: T, hardened: T) -> T {
        match self.posture {
            Posture::Baseline => baseline,
            Posture::Hardened => hardened,
        }
    }

    pub(super) fn wrong(&mut self, item: Item, name: &str, wanted: &str) {
        self.misformed(item, name, wanted, None);
    }

    /// Reports a value of the wrong type. The help shows the right form.
    pub(super) fn misformed(&mut self, item: Item, name: &str, wanted: &str, help: Option<String>) {
        self.diagnostic(&item.span(), format!("`{name}` must be {wanted}, not {}", kind(item)), help);
    }
}

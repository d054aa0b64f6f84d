//! Reads keys that have lists of text or of tables.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeValue;

use super::{Item, Located, Reader, Table, joined};
use crate::spec::advice::forms;
use crate::spec::field::{Fallback, List, Lists, Nested};
use crate::spec::section::Section;

impl Reader {
    /// The texts of a list. Duplicates are reported. The place of a text is the list's place and the text, as in
    /// `functions.Hello.secrets.Partner`.
    pub(in crate::spec) fn list(&mut self, table: &Table, key: &List) -> Vec<Located> {
        let Some(item) = table.get(&key.key) else {
            let hardened = if let Fallback::Texts(texts) = key.key.hardened { texts } else { &[] };
            let default = self.default(&[][..], hardened);
            return default.iter().map(|text| ((*text).to_owned(), table.span.clone())).collect();
        };
        let place = table.at(&key.key);
        if matches!(item.get_ref(), DeValue::Array(_)) {
            self.remember(place.clone(), item.span());
        } else {
            self.cannot_read(table, key.key.name);
        }
        self.texts(item, key.key.name, &place)
    }

    /// The lists, each with its name and the name's span. The place of a list is the key's place and the name, and the
    /// place of a text adds the text. Values that are not lists of text are reported and left out.
    pub(in crate::spec) fn lists(&mut self, table: &Table, key: &Lists) -> Vec<(Located, Vec<Located>)> {
        let Some(item) = table.get(&key.key) else { return Vec::new() };
        let DeValue::Table(entries) = item.get_ref() else {
            self.misformed(item, key.key.name, "a table", forms::by_name(&key.key));
            self.cannot_read(table, key.key.name);
            return Vec::new();
        };
        let mut lists = BTreeMap::new();
        for (name, list) in entries {
            let place = joined(&table.at(&key.key), name.get_ref());
            self.remember(place.clone(), name.span());
            let texts = self.texts(list, name.get_ref(), &place);
            if !texts.is_empty() || matches!(list.get_ref(), DeValue::Array(items) if items.is_empty()) {
                lists.insert(name.get_ref().to_string(), (name.span(), texts));
            }
        }
        lists.into_iter().map(|(name, (span, texts))| ((name, span), texts)).collect()
    }

    /// The span to report if a list is empty or missing: that of the list, or that of the table. `None` if the list has
    /// items, even if these are mistakes.
    pub(in crate::spec) fn nothing_in(table: &Table, key: &List) -> Option<Range<usize>> {
        let Some(item) = table.get(&key.key) else { return Some(table.span.clone()) };
        matches!(item.get_ref(), DeValue::Array(items) if items.is_empty()).then(|| item.span())
    }

    /// The tables in a list of tables; `None` if the key is left out.
    pub(in crate::spec) fn tables<'a, S: Section>(
        &mut self,
        table: &Table<'a>,
        key: &Nested<S>,
    ) -> Option<Vec<Item<'a>>> {
        self.list_of_tables(table.get(&key.key)?, key.key.name, &table.at(&key.key), key.section)
    }

    fn list_of_tables<'a>(
        &mut self,
        item: Item<'a>,
        name: &str,
        place: &str,
        section: &'static dyn Section,
    ) -> Option<Vec<Item<'a>>> {
        let DeValue::Array(items) = item.get_ref() else {
            let help = forms::list(section.what(), place);
            self.misformed(item, name, "a list of tables in double brackets", Some(help));
            return None;
        };
        Some(items.iter().collect())
    }

    /// The lists of tables in a key, by name, in the order of the stack file. Reports lists without a table. The names
    /// are those of other entries, so they are not checked here.
    pub(in crate::spec) fn named_tables<'a, S: Section>(
        &mut self,
        table: &Table<'a>,
        key: &Nested<S>,
    ) -> Vec<(String, Vec<Item<'a>>)> {
        let Some(item) = table.get(&key.key) else { return Vec::new() };
        let place = table.at(&key.key);
        let DeValue::Table(lists) = item.get_ref() else {
            let help = forms::list(key.section.what(), &joined(&place, "NAME"));
            self.misformed(item, key.key.name, "a table with a list of tables for each name", Some(help));
            return Vec::new();
        };
        let mut lists: Vec<_> = lists.iter().collect();
        lists.sort_by_key(|(name, _)| name.span().start);
        let mut found = Vec::new();
        for (name, item) in lists {
            let place = joined(&place, name.get_ref());
            self.remember(place.clone(), name.span());
            match self.list_of_tables(item, name.get_ref(), &place, key.section) {
                Some(items) if items.is_empty() => {
                    let help = format!("write at least {}, or remove the name", key.section.what());
                    self.diagnostic(&item.span(), format!("the list of {} is empty", name.get_ref()), Some(help));
                }
                Some(items) => found.push((name.get_ref().to_string(), items)),
                None => {}
            }
        }
        found
    }

    fn texts(&mut self, item: Item, name: &str, place: &str) -> Vec<Located> {
        let DeValue::Array(items) = item.get_ref() else {
            let help =
                if let DeValue::String(text) = item.get_ref() { Some(format!("write [{text:?}]")) } else { None };
            self.misformed(item, name, "a list of strings", help);
            return Vec::new();
        };
        let mut texts: Vec<Located> = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::String(text) if texts.iter().any(|(known, _)| known == text) => {
                    self.diagnostic(&item.span(), format!("`{name}` has {text} twice"), None);
                }
                DeValue::String(text) => {
                    self.remember(joined(place, text), item.span());
                    texts.push((text.to_string(), item.span()));
                }
                _ => self.wrong(item, name, "a list of strings"),
            }
        }
        texts
    }
}

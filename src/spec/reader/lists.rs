//! Reads keys that have lists of text.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeValue;

use super::{Item, Located, Reader, Table, joined};
use crate::spec::field::{Fallback, List, Lists};

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
        }
        self.texts(item, key.key.name, &place)
    }

    /// The lists, each with its name and the name's span. The place of a list is the key's place and the name, and the
    /// place of a text adds the text. Values that are not lists of text are reported and left out.
    pub(in crate::spec) fn lists(&mut self, table: &Table, key: &Lists) -> Vec<(Located, Vec<Located>)> {
        let Some(item) = table.get(&key.key) else { return Vec::new() };
        let DeValue::Table(entries) = item.get_ref() else {
            self.wrong(item, key.key.name, "a table");
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

    fn texts(&mut self, item: Item, name: &str, place: &str) -> Vec<Located> {
        let DeValue::Array(items) = item.get_ref() else {
            self.wrong(item, name, "a list of strings");
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

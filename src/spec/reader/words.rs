//! Reads keys that take words from a fixed list.

use toml::de::DeValue;

use super::{Reader, Table, suggest};
use crate::spec::advice;
use crate::spec::field::{AuthKey, Key, List, OptionalWord, Word, WordList};
use crate::spec::section::Section;
use crate::spelling::nearest;

impl Reader {
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
    pub(in crate::spec) fn word<T: Copy>(&mut self, table: &Table, key: &Word<T>) -> T {
        let default = self.default(key.values[0], key.values[key.hardened]);
        self.choice(table, &key.key, key.words, key.values).unwrap_or(default)
    }

    pub(in crate::spec) fn optional_word<T: Copy>(&mut self, table: &Table, key: &OptionalWord<T>) -> Option<T> {
        self.choice(table, &key.key, key.words, key.values)
    }

    /// The values that the words stand for, in the order of the declaration, or the default.
    pub(in crate::spec) fn words<T: Copy>(&mut self, table: &Table, key: &WordList<T>) -> Vec<T> {
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

    /// The value that a word in a route's `auth` stands for. `None` if the key is left out or wrong.
    pub(in crate::spec) fn caller<S: Section, T: Copy>(&mut self, table: &Table, key: &AuthKey<S, T>) -> Option<T> {
        self.choice(table, &key.key, key.words, key.values)
    }
}

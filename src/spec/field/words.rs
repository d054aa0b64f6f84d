//! Keys that take words from a fixed list. Each word stands for a value.

use super::{Fallback, Holds, Key};

/// One of a few words, each of which stands for a value. The first word is the default.
pub(in crate::spec) struct Word<T: 'static> {
    pub key: Key,
    pub words: &'static [&'static str],
    pub values: &'static [T],
    /// The index of the default with `posture = "hardened"`.
    pub hardened: usize,
}

impl<T: 'static> Word<T> {
    pub(in crate::spec) const fn of(
        name: &'static str,
        words: &'static [&'static str],
        values: &'static [T],
        about: &'static str,
    ) -> Self {
        assert!(words.len() == values.len(), "every word has a value");
        let key = Key::new(name, Holds::Word(words), about).or(Fallback::Text(words[0]));
        Self { key, words, values, hardened: 0 }
    }

    /// The word at the index `hardened` is the default with `posture = "hardened"`.
    pub(in crate::spec) const fn hardened(
        name: &'static str,
        words: &'static [&'static str],
        values: &'static [T],
        hardened: usize,
        about: &'static str,
    ) -> Self {
        let Self { key, words, values, .. } = Self::of(name, words, values, about);
        Self { key: key.hardened(Fallback::Text(words[hardened])), words, values, hardened }
    }
}

/// One of a few words, each of which stands for a value. It is optional and has no default.
pub(in crate::spec) struct OptionalWord<T: 'static> {
    pub key: Key,
    pub words: &'static [&'static str],
    pub values: &'static [T],
}

impl<T: 'static> OptionalWord<T> {
    pub(in crate::spec) const fn of(
        name: &'static str,
        words: &'static [&'static str],
        values: &'static [T],
        about: &'static str,
    ) -> Self {
        assert!(words.len() == values.len(), "every word has a value");
        Self { key: Key::new(name, Holds::Word(words), about), words, values }
    }
}

/// A list with at least one of a few words, each of which stands for a value.
pub(in crate::spec) struct WordList<T: 'static> {
    pub key: Key,
    pub words: &'static [&'static str],
    pub values: &'static [T],
    /// The words of the default.
    pub default: &'static [&'static str],
    /// The words of the default with `posture = "hardened"`.
    pub hardened: &'static [&'static str],
}

impl<T: 'static> WordList<T> {
    pub(in crate::spec) const fn of(
        name: &'static str,
        words: &'static [&'static str],
        values: &'static [T],
        default: &'static [&'static str],
        about: &'static str,
    ) -> Self {
        assert!(words.len() == values.len(), "every word has a value");
        let key = Key::new(name, Holds::Words(words), about).or(Fallback::Texts(default));
        Self { key, words, values, default, hardened: default }
    }

    /// With `posture = "hardened"`, the default is `hardened`.
    pub(in crate::spec) const fn hardened(
        name: &'static str,
        words: &'static [&'static str],
        values: &'static [T],
        default: &'static [&'static str],
        hardened: &'static [&'static str],
        about: &'static str,
    ) -> Self {
        let Self { key, default, .. } = Self::of(name, words, values, default, about);
        Self { key: key.hardened(Fallback::Texts(hardened)), words, values, default, hardened }
    }
}

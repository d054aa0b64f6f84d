//! The kinds of keys that a stack file can have. A section declares every key once, as one of these; the reader, the
//! JSON schema and docs/stack-file.md follow from the declaration.

mod lists;
mod nested;
mod words;

use serde_json::{Value, json};

use super::rules::Names;
use super::section::Section;

pub(super) use lists::{Lists, NamedTexts};
pub(super) use nested::Nested;
pub(super) use words::{OptionalWord, Word, WordList};

/// A key, for the schema and the documentation.
#[derive(Clone, Copy)]
pub(super) struct Key {
    pub name: &'static str,
    pub holds: Holds,
    pub default: Fallback,
    /// The default with `posture = "hardened"`, if it differs from `default`.
    pub hardened: Fallback,
    pub required: bool,
    /// Its meaning, for editors and docs/stack-file.md.
    pub about: &'static str,
}

/// The values that a key takes.
#[derive(Clone, Copy)]
pub(super) enum Holds {
    Text,
    /// Text that matches this regular expression of ECMAScript.
    Form(&'static str),
    Word(&'static [&'static str]),
    /// A whole number from the first to the second.
    Number(u32, u32),
    OneOf(&'static [u32]),
    Flag,
    /// Only `true`.
    True,
    /// One of these words, or a table.
    Auth(&'static [&'static str], &'static dyn Section),
    Texts,
    Words(&'static [&'static str]),
    /// Names chosen by the user, each with text or with a table.
    Variables(&'static dyn Section),
    Table(&'static dyn Section),
    Tables(&'static dyn Section),
    /// Names chosen by the user, each with a table.
    Named(Names, &'static dyn Section),
    /// Names of other entries, each with a list of tables.
    NamedTables(&'static dyn Section),
    /// Ids of controls, each with a reason as text.
    Reasons,
    /// Names chosen by the user, each with a list of text.
    Lists,
    /// Names chosen by the user, each with text.
    NamedTexts,
    /// Keys chosen by the user, each with text.
    Tags,
    /// Names chosen by the user, each with keys of the stack file.
    Environments,
    /// Conditions in IAM's form: values by operator and key.
    Conditions,
    /// Names chosen by the user, each with keys chosen by the user, each with a table of the first kind. The key
    /// `settings` may have a table of the second kind.
    Secrets(&'static dyn Section, &'static dyn Section),
}

/// The value of a key that is left out.
#[derive(Clone, Copy)]
pub(super) enum Fallback {
    None,
    Flag(bool),
    Number(u32),
    Text(&'static str),
    Texts(&'static [&'static str]),
    EmptyList,
    EmptyTable,
}

impl Key {
    const fn new(name: &'static str, holds: Holds, about: &'static str) -> Self {
        Self { name, holds, default: Fallback::None, hardened: Fallback::None, required: false, about }
    }

    const fn or(mut self, default: Fallback) -> Self {
        self.default = default;
        self
    }

    const fn hardened(mut self, default: Fallback) -> Self {
        self.hardened = default;
        self
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The default, as JSON and TOML both write it.
    pub(super) fn default(&self) -> Option<Value> {
        self.default.json()
    }

    /// The default with `posture = "hardened"`, if it differs from the ordinary default.
    pub(super) fn hardened_default(&self) -> Option<Value> {
        self.hardened.json()
    }
}

impl Fallback {
    fn json(self) -> Option<Value> {
        match self {
            Self::None => None,
            Self::Flag(flag) => Some(json!(flag)),
            Self::Number(number) => Some(json!(number)),
            Self::Text(text) => Some(json!(text)),
            Self::Texts(texts) => Some(json!(texts)),
            Self::EmptyList => Some(json!([])),
            Self::EmptyTable => Some(json!({})),
        }
    }
}

/// Text that must be given.
pub(super) struct Required {
    pub key: Key,
    /// The value if the whole table is left out, or if the text is wrong and reading continues.
    pub default: &'static str,
}

impl Required {
    pub(super) const fn text(name: &'static str, about: &'static str) -> Self {
        Self { key: Key::new(name, Holds::Text, about).required(), default: "" }
    }

    pub(super) const fn form(name: &'static str, form: &'static str, about: &'static str) -> Self {
        Self { key: Key::new(name, Holds::Form(form), about).required(), default: "" }
    }

    pub(super) const fn form_or(
        name: &'static str,
        form: &'static str,
        default: &'static str,
        about: &'static str,
    ) -> Self {
        let key = Key::new(name, Holds::Form(form), about).required().or(Fallback::Text(default));
        Self { key, default }
    }
}

/// Optional text without a default.
pub(super) struct Text {
    pub key: Key,
}

impl Text {
    pub(super) const fn any(name: &'static str, about: &'static str) -> Self {
        Self { key: Key::new(name, Holds::Text, about) }
    }

    pub(super) const fn form(name: &'static str, form: &'static str, about: &'static str) -> Self {
        Self { key: Key::new(name, Holds::Form(form), about) }
    }
}

/// Text with a default.
pub(super) struct TextOr {
    pub key: Key,
    pub default: &'static str,
}

impl TextOr {
    pub(super) const fn form(
        name: &'static str,
        form: &'static str,
        default: &'static str,
        about: &'static str,
    ) -> Self {
        Self { key: Key::new(name, Holds::Form(form), about).or(Fallback::Text(default)), default }
    }

    /// One of these words. The first one is the default.
    pub(super) const fn word(name: &'static str, words: &'static [&'static str], about: &'static str) -> Self {
        Self { key: Key::new(name, Holds::Word(words), about).or(Fallback::Text(words[0])), default: words[0] }
    }
}

/// True or false.
pub(super) struct Flag {
    pub key: Key,
    pub default: bool,
    /// The default with `posture = "hardened"`.
    pub hardened: bool,
}

impl Flag {
    pub(super) const fn or(name: &'static str, default: bool, about: &'static str) -> Self {
        Self { key: Key::new(name, Holds::Flag, about).or(Fallback::Flag(default)), default, hardened: default }
    }

    pub(super) const fn hardened(name: &'static str, default: bool, hardened: bool, about: &'static str) -> Self {
        let key = Key::new(name, Holds::Flag, about).or(Fallback::Flag(default)).hardened(Fallback::Flag(hardened));
        Self { key, default, hardened }
    }
}

/// A key whose only valid value is `true`.
pub(super) struct OnlyTrue {
    pub key: Key,
}

impl OnlyTrue {
    pub(super) const fn of(name: &'static str, about: &'static str) -> Self {
        Self { key: Key::new(name, Holds::True, about) }
    }
}

/// A whole number with a default.
pub(super) struct Number {
    pub key: Key,
    pub default: u32,
    /// The default with `posture = "hardened"`.
    pub hardened: u32,
}

impl Number {
    pub(super) const fn range(name: &'static str, from: u32, to: u32, default: u32, about: &'static str) -> Self {
        assert!(from <= default && default <= to, "the default is in the range");
        let key = Key::new(name, Holds::Number(from, to), about).or(Fallback::Number(default));
        Self { key, default, hardened: default }
    }

    pub(super) const fn hardened(
        name: &'static str,
        from: u32,
        to: u32,
        default: u32,
        hardened: u32,
        about: &'static str,
    ) -> Self {
        assert!(from <= hardened && hardened <= to, "the hardened default is in the range");
        let Self { key, default, .. } = Self::range(name, from, to, default, about);
        Self { key: key.hardened(Fallback::Number(hardened)), default, hardened }
    }

    pub(super) const fn one_of(name: &'static str, numbers: &'static [u32], default: u32, about: &'static str) -> Self {
        let key = Key::new(name, Holds::OneOf(numbers), about).or(Fallback::Number(default));
        Self { key, default, hardened: default }
    }
}

impl Number {
    /// One of the numbers. With `posture = "hardened"`, the default is `hardened`.
    pub(super) const fn hardened_one_of(
        name: &'static str,
        numbers: &'static [u32],
        default: u32,
        hardened: u32,
        about: &'static str,
    ) -> Self {
        let Self { key, default, .. } = Self::one_of(name, numbers, default, about);
        Self { key: key.hardened(Fallback::Number(hardened)), default, hardened }
    }
}

/// An optional whole number without a default.
pub(super) struct OptionalNumber {
    pub key: Key,
}

impl OptionalNumber {
    pub(super) const fn range(name: &'static str, from: u32, to: u32, about: &'static str) -> Self {
        Self { key: Key::new(name, Holds::Number(from, to), about) }
    }
}

/// A list of text, empty if it is left out.
pub(super) struct List {
    pub key: Key,
}

impl List {
    pub(super) const fn texts(name: &'static str, about: &'static str) -> Self {
        Self { key: Key::new(name, Holds::Texts, about).or(Fallback::EmptyList) }
    }

    pub(super) const fn words(name: &'static str, words: &'static [&'static str], about: &'static str) -> Self {
        Self { key: Key::new(name, Holds::Words(words), about).or(Fallback::EmptyList) }
    }

    /// With `posture = "hardened"`, the default is `hardened`.
    pub(super) const fn hardened_words(
        name: &'static str,
        words: &'static [&'static str],
        hardened: &'static [&'static str],
        about: &'static str,
    ) -> Self {
        let Self { key, .. } = Self::words(name, words, about);
        Self { key: key.hardened(Fallback::Texts(hardened)) }
    }

    pub(super) const fn required(name: &'static str, about: &'static str) -> Self {
        Self { key: Key::new(name, Holds::Texts, about).required() }
    }
}

/// Ids of controls of `audit`, each with the reason why it may fail.
pub(super) struct Reasons {
    pub key: Key,
}

impl Reasons {
    pub(super) const fn of(name: &'static str, about: &'static str) -> Self {
        Self { key: Key::new(name, Holds::Reasons, about).or(Fallback::EmptyTable) }
    }
}

/// Tags: text by keys of the user's choice.
pub(super) struct TagTexts {
    pub key: Key,
}

impl TagTexts {
    pub(super) const fn of(name: &'static str, about: &'static str) -> Self {
        Self { key: Key::new(name, Holds::Tags, about).or(Fallback::EmptyTable) }
    }
}

/// The keys of the stack file that differ in environments.
pub(super) struct Environments {
    pub key: Key,
}

impl Environments {
    pub(super) const fn of(name: &'static str, about: &'static str) -> Self {
        Self { key: Key::new(name, Holds::Environments, about) }
    }
}

/// Conditions of a statement, as IAM writes them.
pub(super) struct Conditions {
    pub key: Key,
}

impl Conditions {
    pub(super) const fn of(name: &'static str, about: &'static str) -> Self {
        Self { key: Key::new(name, Holds::Conditions, about).or(Fallback::EmptyTable) }
    }
}

/// The authorization of a route: a word, or a table that names a pool.
pub(super) struct AuthKey<S: 'static, T: 'static> {
    pub key: Key,
    pub section: &'static S,
    pub words: &'static [&'static str],
    pub values: &'static [T],
}

impl<S: Section, T: 'static> AuthKey<S, T> {
    pub(super) const fn of(
        name: &'static str,
        section: &'static S,
        words: &'static [&'static str],
        values: &'static [T],
        about: &'static str,
    ) -> Self {
        assert!(words.len() == values.len(), "every word has a value");
        Self { key: Key::new(name, Holds::Auth(words, section), about), section, words, values }
    }
}

//! The kinds of keys that have text or lists of text, by names that the user chose.

use super::{Fallback, Holds, Key};

/// Lists of text, by name. The default is an empty table.
pub(in crate::spec) struct Lists {
    pub key: Key,
}

impl Lists {
    pub(in crate::spec) const fn of(name: &'static str, about: &'static str) -> Self {
        Self { key: Key::new(name, Holds::Lists, about).or(Fallback::EmptyTable) }
    }
}

/// Text by name. The default is an empty table.
pub(in crate::spec) struct NamedTexts {
    pub key: Key,
}

impl NamedTexts {
    pub(in crate::spec) const fn of(name: &'static str, about: &'static str) -> Self {
        Self { key: Key::new(name, Holds::NamedTexts, about).or(Fallback::EmptyTable) }
    }
}

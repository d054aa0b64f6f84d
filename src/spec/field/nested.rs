//! The keys that have tables.

use super::{Fallback, Holds, Key};
use crate::spec::rules::Names;
use crate::spec::section::Section;

/// One or more tables.
pub(in crate::spec) struct Nested<S: 'static> {
    pub key: Key,
    pub section: &'static S,
}

impl<S: Section> Nested<S> {
    const fn of(key: Key, section: &'static S) -> Self {
        Self { key, section }
    }

    pub(in crate::spec) const fn table(name: &'static str, section: &'static S, about: &'static str) -> Self {
        Self::of(Key::new(name, Holds::Table(section), about), section)
    }

    /// A list of tables that must be given.
    pub(in crate::spec) const fn tables(name: &'static str, section: &'static S, about: &'static str) -> Self {
        Self::of(Key::new(name, Holds::Tables(section), about).required(), section)
    }

    /// A list of tables that can be left out.
    pub(in crate::spec) const fn some_tables(name: &'static str, section: &'static S, about: &'static str) -> Self {
        Self::of(Key::new(name, Holds::Tables(section), about), section)
    }

    pub(in crate::spec) const fn named(
        name: &'static str,
        names: Names,
        section: &'static S,
        about: &'static str,
    ) -> Self {
        Self::of(Key::new(name, Holds::Named(names, section), about), section)
    }

    /// Lists of tables, by the names of other entries.
    pub(in crate::spec) const fn named_tables(name: &'static str, section: &'static S, about: &'static str) -> Self {
        Self::of(Key::new(name, Holds::NamedTables(section), about), section)
    }

    pub(in crate::spec) const fn secrets(
        name: &'static str,
        section: &'static S,
        settings: &'static dyn Section,
        about: &'static str,
    ) -> Self {
        Self::of(Key::new(name, Holds::Secrets(section, settings), about), section)
    }

    pub(in crate::spec) const fn variables(name: &'static str, section: &'static S, about: &'static str) -> Self {
        Self::of(Key::new(name, Holds::Variables(section), about).or(Fallback::EmptyTable), section)
    }
}

//! Compares the settings of a resource that exists with the wanted ones.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

/// A setting that differs from the wanted one. It contains no values of secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// The setting, by AWS's name.
    pub field: String,
    /// The value in the stack file.
    pub want: String,
    /// The value in AWS.
    pub live: String,
    /// Whether the live value protects less than the wanted one.
    pub weakens: bool,
}

impl Drift {
    /// A difference that does not affect protection.
    pub fn new(field: impl Into<String>, want: impl Display, live: impl Display) -> Self {
        Self { field: field.into(), want: want.to_string(), live: live.to_string(), weakens: false }
    }

    /// A difference that reduces protection.
    pub fn weakening(field: impl Into<String>, want: impl Display, live: impl Display) -> Self {
        Self { weakens: true, ..Self::new(field, want, live) }
    }
}

/// The effect of a difference between a live and a wanted setting on the protection of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The values mean the same.
    Same,
    /// They differ, and the live value protects at least as much as the wanted one.
    Differs,
    /// They differ, and the live value protects less.
    Weakens,
}

impl Effect {
    /// [`Effect::Same`] if the values are equal, [`Effect::Differs`] otherwise.
    pub fn differs_unless(equal: bool) -> Self {
        if equal { Self::Same } else { Self::Differs }
    }

    /// The effect of values that differ: [`Effect::Weakens`] or [`Effect::Differs`].
    pub fn of_difference(weakens: bool) -> Self {
        if weakens { Self::Weakens } else { Self::Differs }
    }

    /// [`Effect::Same`] if the values are equal, [`Effect::Weakens`] otherwise.
    pub fn weakens_unless(equal: bool) -> Self {
        if equal { Self::Same } else { Self::Weakens }
    }
}

/// A setting that was compared. It contains no values of secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The setting, by AWS's name, as in `Policies.PasswordPolicy.MinimumLength`.
    pub field: String,
    pub want: String,
    pub live: String,
    pub effect: Effect,
}

/// Every setting of a resource that was compared, in the order of the comparison. Settings with the wanted value are
/// part of it: they are the evidence that the resource is as wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    settings: Vec<Setting>,
}

impl Comparison {
    /// Adds a setting that does not affect protection.
    #[must_use]
    pub fn plain(self, field: impl Into<String>, want: impl Display, live: impl Display) -> Self {
        let (want, live) = (want.to_string(), live.to_string());
        let effect = Effect::differs_unless(want == live);
        self.judged(field, want, live, effect)
    }

    /// Adds a setting for which every other value protects less than the wanted one.
    #[must_use]
    pub fn guard(self, field: impl Into<String>, want: impl Display, live: impl Display) -> Self {
        let (want, live) = (want.to_string(), live.to_string());
        let effect = Effect::weakens_unless(want == live);
        self.judged(field, want, live, effect)
    }

    /// Adds a setting whose values were compared by the caller.
    #[must_use]
    pub fn judged(mut self, field: impl Into<String>, want: impl Display, live: impl Display, effect: Effect) -> Self {
        let (field, want, live) = (field.into(), want.to_string(), live.to_string());
        self.settings.push(Setting { field, want, live, effect });
        self
    }

    /// Adds a list that must be empty because every entry gives access to somebody whom the stack file does not name.
    #[must_use]
    pub fn nothing_else<T: Display>(self, field: impl Into<String>, unwanted: impl IntoIterator<Item = T>) -> Self {
        let unwanted: Vec<String> = unwanted.into_iter().map(|entry| entry.to_string()).collect();
        let effect = Effect::weakens_unless(unwanted.is_empty());
        let live = if unwanted.is_empty() { "none".to_owned() } else { unwanted.join(", ") };
        self.judged(field, "none", live, effect)
    }

    /// All settings, whether they differ or not.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// Whether every setting means what is wanted.
    pub fn is_as_wanted(&self) -> bool {
        self.settings.iter().all(|setting| setting.effect == Effect::Same)
    }

    /// The settings that differ.
    pub fn drift(&self) -> Vec<Drift> {
        let differing = self.settings.iter().filter(|setting| setting.effect != Effect::Same);
        let drift = |Setting { field, want, live, effect }: &Setting| Drift {
            field: field.clone(),
            want: want.clone(),
            live: live.clone(),
            weakens: *effect == Effect::Weakens,
        };
        differing.map(drift).collect()
    }
}

impl Extend<Setting> for Comparison {
    fn extend<T: IntoIterator<Item = Setting>>(&mut self, settings: T) {
        self.settings.extend(settings);
    }
}

impl FromIterator<Setting> for Comparison {
    fn from_iter<T: IntoIterator<Item = Setting>>(settings: T) -> Self {
        Self { settings: settings.into_iter().collect() }
    }
}

impl IntoIterator for Comparison {
    type Item = Setting;
    type IntoIter = std::vec::IntoIter<Setting>;

    fn into_iter(self) -> Self::IntoIter {
        self.settings.into_iter()
    }
}

impl FromIterator<Drift> for Comparison {
    fn from_iter<T: IntoIterator<Item = Drift>>(drift: T) -> Self {
        let setting = |Drift { field, want, live, weakens }| Setting {
            field,
            want,
            live,
            effect: if weakens { Effect::Weakens } else { Effect::Differs },
        };
        drift.into_iter().map(setting).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_with_the_wanted_value_are_evidence_and_not_drift() {
        let same = Comparison::default().plain("MemorySize", 128, 128).guard("Mfa", "ON", "ON");
        assert!(same.is_as_wanted() && same.drift().is_empty());
        assert_eq!(same.settings().len(), 2);
    }

    #[test]
    fn only_guards_and_unwanted_entries_weaken() {
        let found = Comparison::default()
            .plain("MemorySize", 128, 256)
            .guard("Mfa", "ON", "OFF")
            .nothing_else("AppClients", ["a", "b"])
            .nothing_else("Triggers", [""; 0])
            .judged("Trust", "{}", "{ }", Effect::Same);
        let expected = [
            Drift::new("MemorySize", 128, 256),
            Drift::weakening("Mfa", "ON", "OFF"),
            Drift::weakening("AppClients", "none", "a, b"),
        ];
        assert!(!found.is_as_wanted());
        assert_eq!(found.drift(), expected);
    }
}

//! Values that must never be printed, logged or saved. Not serialisable, so that no state file and no report can hold
//! one by accident; what does unwrap one says `reveal`, and can be found by that word.

use std::fmt;

use rand::RngExt;
use secrecy::{ExposeSecret, SecretString};

/// A value that is wiped from memory when dropped and that no formatting shows.
#[derive(Clone)]
pub struct SecretValue(SecretString);

impl SecretValue {
    /// Hides `text`.
    pub fn new(text: String) -> Self {
        Self(text.into())
    }

    /// The value itself, for the one call that must carry it.
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<&str> for SecretValue {
    fn from(value: &str) -> Self {
        Self(value.into())
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// The proof that no output, report or state can hold one: with `Serialize` or `Display` for [`SecretValue`], the trait below
/// would have two implementations to choose from, and this would not compile.
const _: fn() = || {
    trait Unprintable<Which> {
        fn holds() {}
    }
    impl<T> Unprintable<()> for T {}
    impl<T: serde::Serialize> Unprintable<u8> for T {}
    impl<T: fmt::Display> Unprintable<u16> for T {}
    <SecretValue as Unprintable<_>>::holds();
};

/// A value made up from the operating system's randomness: so many letters and digits, near six bits each.
pub fn generate(length: usize) -> SecretValue {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut random = rand::rng();
    let value: String = (0..length).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect();
    SecretValue::new(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formatting_shows_nothing_and_reveal_shows_all() {
        let hidden = SecretValue::from("hunter2");
        assert_eq!(format!("{:?} {:#?}", hidden, Some(&hidden)), "[hidden] Some(\n    [hidden],\n)");
        assert_eq!(hidden.clone().reveal(), "hunter2");
    }
}

//! Values that must never be printed, logged or saved. They cannot be serialized, so no state file or report contains
//! one by accident. Only [`SecretValue::reveal`] returns the text.

use std::fmt;

use rand::RngExt;
use secrecy::{ExposeSecret, SecretString};

/// A value that is wiped from memory when dropped, and that formatting does not show.
#[derive(Clone)]
pub struct SecretValue(SecretString);

impl SecretValue {
    pub fn new(text: String) -> Self {
        Self(text.into())
    }

    /// The text, for the call that must send it.
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

/// Fails to compile if [`SecretValue`] implements `Serialize` or `Display`: then the trait below has two matching
/// implementations.
const _: fn() = || {
    trait Unprintable<Which> {
        fn holds() {}
    }
    impl<T> Unprintable<()> for T {}
    impl<T: serde::Serialize> Unprintable<u8> for T {}
    impl<T: fmt::Display> Unprintable<u16> for T {}
    <SecretValue as Unprintable<_>>::holds();
};

/// Generates a random value of letters and digits, with almost six bits of entropy each.
pub fn generate(length: usize) -> SecretValue {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut random = rand::rng();
    let value: String = (0..length).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect();
    SecretValue::new(value)
}

/// Whether the name or the value of a variable looks like a password, an access key, a private key or a token.
pub fn is_credential(name: &str, value: &str) -> bool {
    const NAMES: [&str; 10] = [
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "SECRET",
        "SECRET_KEY",
        "ACCESS_KEY",
        "PRIVATE_KEY",
        "API_KEY",
        "APIKEY",
        "TOKEN",
    ];
    const PREFIXES: [&str; 6] = ["eyJ", "ghp_", "github_pat_", "sk_live_", "xoxb-", "xoxp-"];
    let name = name.to_uppercase();
    let access_key = |at: usize| {
        let key = value.get(at..at + 20).unwrap_or_default();
        (key.starts_with("AKIA") || key.starts_with("ASIA"))
            && key.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    };
    NAMES.iter().any(|suffix| name.ends_with(suffix))
        || (0..value.len()).any(access_key)
        || value.contains("-----BEGIN")
        || PREFIXES.iter().any(|prefix| value.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_recognised_by_name_and_by_value() {
        for (name, value) in [
            ("DB_PASSWORD", "x"),
            ("PARTNER_API_KEY", "x"),
            ("apiToken", "x"),
            ("NOTE", "AKIAIOSFODNN7EXAMPLE"),
            ("NOTE", "key=ASIAIOSFODNN7EXAMPLE;"),
            ("NOTE", "-----BEGIN PRIVATE KEY-----"),
            ("NOTE", "eyJhbGciOiJSUzI1NiJ9.e30.x"),
            ("STRIPE", "sk_live_1234"),
        ] {
            assert!(is_credential(name, value), "{name}={value}");
        }
        for (name, value) in [
            ("LOG_LEVEL", "info"),
            ("TOKEN_URL", "https://example.com/ä"),
            ("SECRET_ID", "demo-Partner"),
            ("SECRET_ID_TOKENS", "demo-Tokens"),
            ("PREFIX", "AKIA"),
        ] {
            assert!(!is_credential(name, value), "{name}={value}");
        }
    }

    #[test]
    fn only_reveal_shows_the_text() {
        let hidden = SecretValue::from("hunter2");
        assert_eq!(format!("{:?} {:#?}", hidden, Some(&hidden)), "[hidden] Some(\n    [hidden],\n)");
        assert_eq!(hidden.clone().reveal(), "hunter2");
    }
}

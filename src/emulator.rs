//! The properties of a stack that an emulator cannot show. Commands name them first, and `verify` does not check them.

use std::fmt;

use serde::Serialize;

/// Properties of a stack that no request to an emulator can show (docs/local.md).
pub const CANNOT_SHOW: [&str; 8] = [
    "multi-factor authentication",
    "the filtering of the firewall",
    "the expiry of tokens",
    "throttling of HTTP APIs",
    "size limits",
    "body models for other content types than JSON",
    "the TLS requirement",
    "the permissions to assume roles and invoke functions",
];

/// The live value of a setting that an emulator does not support.
pub const UNSUPPORTED: &str = "not supported by the emulator";

/// An endpoint that is not AWS's. It is displayed as the first sentence of a command's output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Emulator {
    /// Its URL.
    pub endpoint: String,
    /// [`CANNOT_SHOW`].
    pub cannot_show: &'static [&'static str],
}

impl Emulator {
    /// `None` if the endpoint is AWS's.
    pub fn of(endpoint: Option<&str>) -> Option<Self> {
        endpoint.map(|url| Self { endpoint: url.to_owned(), cannot_show: &CANNOT_SHOW })
    }
}

impl fmt::Display for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (last, others) = self.cannot_show.split_last().unwrap_or((&"", &[]));
        write!(f, "{} is an emulator, not AWS. It cannot show {}, or {last}.", self.endpoint, others.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_names_the_endpoint_and_what_it_cannot_show() {
        assert_eq!(Emulator::of(None), None);
        let said = Emulator::of(Some("http://127.0.0.1:4577")).expect("an emulator").to_string();
        assert!(said.starts_with("http://127.0.0.1:4577 is an emulator, not AWS. It cannot show "), "{said}");
        assert!(CANNOT_SHOW.iter().all(|what| said.contains(what)), "{said}");
    }
}

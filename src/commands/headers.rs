//! Headers that the user gives.

use crate::error::Error;
use crate::secret::SecretValue;

/// A header as in `X-Tenant: acme`. An error does not show the text, because it may be a secret.
pub(super) fn header(text: &str) -> Result<(String, SecretValue), Error> {
    let malformed = || {
        let hint = "write it as in --header 'X-Tenant: acme'";
        Error::usage("a header has the form NAME: VALUE").hint(hint)
    };
    let (name, value) = text.split_once(':').ok_or_else(malformed)?;
    let in_name = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(in_name) {
        return Err(malformed());
    }
    Ok((name.to_owned(), SecretValue::from(value.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_name_and_a_value() {
        let read = |text: &str| header(text).map(|(name, value)| (name, value.reveal().to_owned())).ok();
        assert_eq!(read("X-Tenant: acme"), Some(("X-Tenant".into(), "acme".into())));
        assert_eq!(read("x:a: b "), Some(("x".into(), "a: b".into())));
        for wrong in ["X-Tenant", ": acme", "X Tenant: acme", ""] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}

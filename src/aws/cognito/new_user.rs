//! A user who is added to a pool: the user's sign-in name and first attributes.

use crate::choices::{SignIn, UserAttribute};

/// A number that nobody has: there is no area code 555.
const NOBODYS_NUMBER: &str = "+15555550100";

/// A user who is to be added to a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// The name that the user signs in with.
    pub name: String,
    /// The attribute whose value is the name; `None` if users choose their names.
    contact: Option<&'static str>,
    /// Further attributes, by Cognito's names.
    pub attributes: Vec<(String, String)>,
}

impl NewUser {
    /// A user who signs in with `name` to a pool that allows the ways of `sign_in`.
    pub fn of(sign_in: &[SignIn], name: &str, attributes: Vec<(String, String)>) -> Self {
        let contact = match name.starts_with('+') {
            _ if sign_in.contains(&SignIn::Username) => None,
            true => Some("phone_number"),
            false => Some("email"),
        };
        Self { name: name.to_owned(), contact, attributes }
    }

    /// A user who signs in with an e-mail address.
    pub fn by_email(address: &str, attributes: Vec<(String, String)>) -> Self {
        Self::of(&[SignIn::Email], address, attributes)
    }

    /// Whether the user begins with this attribute.
    pub fn has(&self, name: &str) -> bool {
        self.contact == Some(name) || self.attributes.iter().any(|(known, value)| known == name && !value.is_empty())
    }

    /// The attributes with which a user signs up. Cognito verifies the e-mail address.
    pub(super) fn signing_up(&self) -> Vec<(String, String)> {
        let contact = self.contact.map(|name| (name.to_owned(), self.name.clone()));
        let given = self.attributes.iter().filter(|(name, _)| Some(name.as_str()) != self.contact).cloned();
        contact.into_iter().chain(given).collect()
    }

    /// The attributes with which an administrator adds a user. They mark the e-mail address and the phone number as
    /// verified.
    pub(super) fn vouched_for(&self) -> Vec<(String, String)> {
        vouched(self.signing_up())
    }

    /// The attributes besides the name, for a user who exists already. They mark address and number as verified, too.
    pub(super) fn vouched_further(&self) -> Vec<(String, String)> {
        let further = self.attributes.iter().filter(|(name, _)| Some(name.as_str()) != self.contact);
        vouched(further.cloned())
    }
}

/// Adds `email_verified` and `phone_number_verified` to attributes that contain an address or a number.
fn vouched(attributes: impl IntoIterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (name, value) in attributes {
        let verified = ["email", "phone_number"].contains(&name.as_str()).then(|| format!("{name}_verified"));
        all.push((name, value));
        all.extend(verified.map(|name| (name, "true".to_owned())));
    }
    all
}

/// Values for the attributes that a pool requires, for a user that is a program.
pub fn placeholders(attributes: &[UserAttribute], username: &str) -> Vec<(String, String)> {
    let value = |name: &str| match name {
        "birthdate" => "2000-01-01".to_owned(),
        "updated_at" => "1".to_owned(),
        "phone_number" => NOBODYS_NUMBER.to_owned(),
        // The domain is reserved for examples (RFC 2606).
        "email" => format!("{username}@example.com"),
        _ => "securelambda".to_owned(),
    };
    let required = attributes.iter().filter(|attribute| attribute.required);
    required.map(|attribute| (attribute.name.clone(), value(&attribute.name))).collect()
}

/// Whether this may be an e-mail address. The check finds typing errors. Only an e-mail can show whether the address
/// exists.
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    // A user name has at most 128 characters.
    text.chars().count() <= 128
        && (1..=64).contains(&local.len())
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c))
        && domain.contains('.')
        && domain.split('.').all(label)
}

/// Whether this may be a phone number, in the form of E.164: `+4930123456`.
pub fn is_phone(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0')
}

/// Whether a user can choose this name (docs/aws.md, Users and passwords).
pub fn is_username(text: &str) -> bool {
    (1..=128).contains(&text.chars().count()) && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_name_is_an_attribute_unless_users_choose_names() {
        let tenant = || pairs(&[("custom:tenant", "acme")]);
        let ann = NewUser::by_email("ann@example.com", tenant());
        assert_eq!(ann.signing_up(), pairs(&[("email", "ann@example.com"), ("custom:tenant", "acme")]));
        let vouched = [("email", "ann@example.com"), ("email_verified", "true"), ("custom:tenant", "acme")];
        assert_eq!(ann.vouched_for(), pairs(&vouched));
        let both = NewUser::of(&[SignIn::Email, SignIn::Phone], "+4930123456", vec![]);
        assert_eq!(both.vouched_for(), pairs(&[("phone_number", "+4930123456"), ("phone_number_verified", "true")]));
        let named = NewUser::of(&[SignIn::Username, SignIn::Email], "ann", pairs(&[("email", "ann@example.com")]));
        assert_eq!(named.signing_up(), pairs(&[("email", "ann@example.com")]));
        assert_eq!(named.vouched_for(), pairs(&[("email", "ann@example.com"), ("email_verified", "true")]));
        assert_eq!(named.vouched_further(), named.vouched_for());
        assert_eq!(ann.vouched_further(), tenant());
    }

    #[test]
    fn an_address_is_given_once() {
        let twice = NewUser::by_email("ann@example.com", pairs(&[("email", "bob@example.com")]));
        assert_eq!(twice.signing_up(), pairs(&[("email", "ann@example.com")]));
    }

    #[test]
    fn names_are_told_apart() {
        for good in ["+4930123456", "+15555550100"] {
            assert!(is_phone(good), "{good}");
        }
        for bad in ["", "+", "4930123456", "+0301234567", "+49 30 123", "+123456", "+1234567890123456"] {
            assert!(!is_phone(bad), "{bad}");
        }
        assert!(is_username("ann") && is_username("ünal@x") && !is_username("") && !is_username("a b"));
        assert!(!is_username(&"x".repeat(129)));
    }

    #[test]
    fn email_addresses_are_recognised() {
        for good in ["ann@example.com", "a.b+c@mail.example.co.uk", "o'neil@example.org", "ünal@beispiel.de"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "ann",
            "ann@",
            "@example.com",
            "ann@example",
            "ann@@example.com",
            "ann@.com",
            "ann@example..com",
            "a b@example.com",
            ".ann@example.com",
            "ann.@example.com",
            "a..b@example.com",
            "ann@-example.com",
            "ann@example.com ",
            "<ann@example.com>",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
        assert!(!is_email(&format!("ann@{}.com", "x".repeat(200))));
    }
}

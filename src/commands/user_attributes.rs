//! The attributes that `add-user` sets, compared with those of the pool in the stack file.

use std::collections::BTreeMap;

use crate::aws::cognito::{NewUser, is_email, is_phone};
use crate::choices::{STANDARD_ATTRIBUTES, SignIn, UserAttribute, UserAttributeType as Type};
use crate::error::Error;

/// How long a value may be, in characters (docs/aws.md, Attributes).
const LONGEST: usize = 2048;

/// The name that the user writes for an attribute, without `custom:`.
fn called(attribute: &UserAttribute) -> &str {
    attribute.custom().unwrap_or(&attribute.name)
}

/// Reads attributes from `NAME=VALUE`. The result has Cognito's names.
pub(super) fn read(texts: &[String], known: &[UserAttribute]) -> Result<Vec<(String, String)>, Error> {
    let mut attributes: Vec<(String, String)> = Vec::new();
    for text in texts {
        let (name, value) = attribute(text, known)?;
        if attributes.iter().any(|(earlier, _)| *earlier == name) {
            return Err(Error::usage(format!("the attribute {name} is given twice")));
        }
        attributes.push((name, value));
    }
    Ok(attributes)
}

fn attribute(text: &str, known: &[UserAttribute]) -> Result<(String, String), Error> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
        Error::usage(format!("{text:?} is not an attribute")).hint("write it as in --attribute tenant=acme")
    })?;
    Known::find(name, known)?.with(value)
}

/// An attribute that users of a pool can have.
pub(super) struct Known<'a> {
    /// Cognito's name.
    name: &'a str,
    /// The settings of the attribute, if the stack file names it.
    settings: Option<&'a UserAttribute>,
}

impl<'a> Known<'a> {
    /// Finds an attribute by its name in the stack file, or by Cognito's name.
    pub(super) fn find(name: &'a str, known: &'a [UserAttribute]) -> Result<Self, Error> {
        let bare = name.strip_prefix("custom:").unwrap_or(name);
        match known.iter().find(|attribute| called(attribute) == bare) {
            Some(attribute) => Ok(Self { name: &attribute.name, settings: Some(attribute) }),
            None if STANDARD_ATTRIBUTES.contains(&name) => Ok(Self { name, settings: None }),
            None => {
                let known: Vec<&str> = known.iter().map(called).collect();
                Err(Error::unknown("attribute", name, &known)
                    .hint("an attribute of your own is under `attributes` of the pool in the stack file"))
            }
        }
    }

    /// Cognito's name of the attribute with this value, which is checked.
    pub(super) fn with(&self, value: &str) -> Result<(String, String), Error> {
        let required = self.settings.is_some_and(|attribute| attribute.required);
        let kind = self.settings.map_or(Type::String, |attribute| attribute.kind);
        match flaw(self.name, kind, required, value) {
            Some(wants) => {
                let called = self.settings.map_or(self.name, called);
                Err(Error::usage(format!("the attribute {called} must be {wants}, not {value:?}")))
            }
            None => Ok((self.name.to_owned(), value.to_owned())),
        }
    }
}

/// The rule that the value breaks, if any. An empty value removes an attribute that is not required.
fn flaw(name: &str, kind: Type, required: bool, value: &str) -> Option<&'static str> {
    if value.is_empty() {
        return required.then_some("given, because every user must have it");
    }
    let (fits, wants) = match (name, kind) {
        ("birthdate", _) => (is_date(value), "a date as in 1990-12-31"),
        ("email", _) => (is_email(value), "an e-mail address"),
        ("phone_number", _) => (is_phone(value), "a phone number as in +4930123456"),
        ("updated_at", _) | (_, Type::Number) => (value.parse().is_ok_and(f64::is_finite), "a number"),
        (_, Type::Boolean) => (["true", "false"].contains(&value), "true or false"),
        (_, Type::String | Type::DateTime) => (value.chars().count() <= LONGEST, "at most 2048 characters long"),
    };
    (!fits).then_some(wants)
}

/// Whether this may be a date: `1990-12-31`. Cognito takes exactly ten characters.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let number = |part: &str, digits: usize| {
        (part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| part.parse::<u32>().ok())
            .flatten()
    };
    let is_in = |part: Option<u32>, last: u32| part.is_some_and(|part| (1..=last).contains(&part));
    number(year, 4).is_some() && is_in(number(month, 2), 12) && is_in(number(day, 2), 31)
}

/// Refuses another address or number than the name, which Cognito keeps as this attribute.
pub(super) fn agrees(name: &str, attributes: &[(String, String)], sign_in: &[SignIn]) -> Result<(), Error> {
    let of_name = match sign_in {
        ways if ways.contains(&SignIn::Username) => return Ok(()),
        _ if is_email(name) => "email",
        _ => "phone_number",
    };
    match attributes.iter().find(|(attribute, value)| attribute == of_name && value.to_lowercase() != name) {
        Some((attribute, value)) => {
            let message =
                format!("{name} cannot have the {attribute} {value:?}: it is the name that the user signs in with");
            Err(Error::usage(message).hint(format!("leave the attribute {attribute} out")))
        }
        None => Ok(()),
    }
}

/// Whether a new user has every attribute that the pool requires.
pub(super) fn complete(user: &NewUser, known: &[UserAttribute]) -> Result<(), Error> {
    let missing: Vec<&str> =
        known.iter().filter(|one| one.required && !user.has(&one.name)).map(|one| one.name.as_str()).collect();
    let Some(first) = missing.first() else { return Ok(()) };
    let message = format!("{} lacks {}, which every user of the pool must have", user.name, missing.join(", "));
    Err(Error::usage(message).hint(format!("give it with `--attribute {first}=VALUE`")))
}

/// The user's attributes that cannot be changed once the user exists.
fn lasting<'a>(user: &'a NewUser, known: &'a [UserAttribute]) -> impl Iterator<Item = (&'a UserAttribute, &'a str)> {
    user.attributes.iter().filter_map(|(name, value)| {
        let attribute = known.iter().find(|one| one.name == *name && !one.mutable)?;
        Some((attribute, value.as_str()))
    })
}

pub(super) fn has_lasting(user: &NewUser, known: &[UserAttribute]) -> bool {
    lasting(user, known).next().is_some()
}

/// An existing user, with only the attributes that can be set. Attributes that cannot be changed must have the values
/// that the user already has.
pub(super) fn changeable(
    mut user: NewUser,
    known: &[UserAttribute],
    has: &BTreeMap<String, String>,
) -> Result<NewUser, Error> {
    for (attribute, value) in lasting(&user, known) {
        let now = has.get(&attribute.name);
        if now.is_none_or(|now| now != value) {
            let (name, user) = (called(attribute), &user.name);
            let is = now.map_or("none".to_owned(), |now| format!("{now:?}"));
            return Err(Error::usage(format!("{user} exists, and its attribute {name} cannot be changed: it is {is}"))
                .hint(format!("leave `--attribute {name}=…` out, or remove the user and add it again")));
        }
    }
    user.attributes.retain(|(name, _)| !known.iter().any(|one| one.name == *name && !one.mutable));
    Ok(user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Pool, parse};

    fn pool() -> Pool {
        let file = "[stack]\nname = \"demo\"\n[pools.People]\nattributes = { tenant = { mutable = false }, \
                    family_name = { required = true }, age = { type = \"number\" }, vip = { type = \"boolean\" } }\n";
        parse(file).expect("a sound file").pools["People"].clone()
    }

    fn ann(attributes: &[&str]) -> Result<NewUser, Error> {
        let texts: Vec<String> = attributes.iter().map(|text| (*text).to_owned()).collect();
        Ok(NewUser::by_email("ann@example.com", read(&texts, &pool().attributes)?))
    }

    #[test]
    fn an_attribute_is_called_as_in_the_stack_file() {
        for (text, name, value) in [
            ("tenant=acme", "custom:tenant", "acme"),
            ("custom:tenant=a=b", "custom:tenant", "a=b"),
            ("family_name=Lovelace", "family_name", "Lovelace"),
            ("given_name=", "given_name", ""),
            ("age=-1.5", "custom:age", "-1.5"),
            ("age=", "custom:age", ""),
            ("vip=true", "custom:vip", "true"),
            ("birthdate=1990-12-31", "birthdate", "1990-12-31"),
        ] {
            assert_eq!(ann(&[text]).expect(text).attributes, [(name.to_owned(), value.to_owned())]);
        }
        for (text, message) in [
            ("tenant", "\"tenant\" is not an attribute"),
            ("=x", "\"=x\" is not an attribute"),
            ("tenat=acme", "there is no attribute called tenat"),
            ("custom:family_name2=x", "there is no attribute called custom:family_name2"),
            ("family_name=", "the attribute family_name must be given, because every user must have it, not \"\""),
            ("age=seven", "the attribute age must be a number, not \"seven\""),
            ("vip=yes", "the attribute vip must be true or false, not \"yes\""),
            ("updated_at=now", "the attribute updated_at must be a number, not \"now\""),
            ("birthdate=notadate", "the attribute birthdate must be a date as in 1990-12-31, not \"notadate\""),
            ("birthdate=1990-13-01", "the attribute birthdate must be a date as in 1990-12-31, not \"1990-13-01\""),
            ("email=ann", "the attribute email must be an e-mail address, not \"ann\""),
        ] {
            assert_eq!(ann(&[text]).expect_err(text).message, message);
        }
        let twice = ann(&["tenant=a", "custom:tenant=b"]).expect_err("twice");
        assert_eq!(twice.message, "the attribute custom:tenant is given twice");
    }

    #[test]
    fn a_new_user_has_what_the_pool_requires() {
        let attributes = pool().attributes;
        let missing = complete(&ann(&["age=7"]).expect("sound"), &attributes).expect_err("no family name");
        assert_eq!(missing.message, "ann@example.com lacks family_name, which every user of the pool must have");
        assert!(complete(&ann(&["family_name=L"]).expect("sound"), &attributes).is_ok());
        let email = UserAttribute { name: "email".into(), required: true, ..attributes[0].clone() };
        assert!(complete(&ann(&[]).expect("sound"), &[email]).is_ok(), "the name is the address");
    }

    #[test]
    fn what_lasts_is_not_changed() {
        let attributes = pool().attributes;
        let has = BTreeMap::from([("custom:tenant".to_owned(), "acme".to_owned())]);
        let same = ann(&["tenant=acme", "age=7"]).expect("sound");
        assert!(has_lasting(&same, &attributes) && !has_lasting(&ann(&["age=7"]).expect("sound"), &attributes));
        let set = changeable(same, &attributes, &has).expect("the same").attributes;
        assert_eq!(set, [("custom:age".to_owned(), "7".to_owned())]);
        let other = changeable(ann(&["tenant=b"]).expect("sound"), &attributes, &has).expect_err("another");
        let message = "ann@example.com exists, and its attribute tenant cannot be changed: it is \"acme\"";
        assert_eq!(other.message, message);
        let late = changeable(ann(&["tenant=b"]).expect("sound"), &attributes, &BTreeMap::new());
        assert!(late.expect_err("too late").message.ends_with("it is none"));
    }
}

//! The attributes of a pool's users.

use crate::choices::{STANDARD_ATTRIBUTES, SignIn, UserAttribute, UserAttributeType as Type};
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Flag, OptionalWord};
use crate::spec::reader::{Reader, Table};
use crate::spec::rules::Names;
use crate::spec::section::section;

/// Names of custom attributes (docs/aws.md, Attributes).
pub(super) const ATTRIBUTE_NAME: Names = Names { form: "^[A-Za-z0-9_-]{1,20}$", longest: 20 };

/// How many custom attributes a pool may have.
const MOST: usize = 50;

/// Attributes that Cognito alone sets.
const RESERVED: [&str; 4] = ["sub", "email_verified", "phone_number_verified", "identities"];

section! {
    ATTRIBUTE: AttributeKeys = "an attribute";
    r#type: OptionalWord<Type> = of(
        &["string", "number", "date-time", "boolean"],
        &[Type::String, Type::Number, Type::DateTime, Type::Boolean],
        "The type of its values; string if it is left out. Only for an attribute of your own: Cognito decides that of a standard one. AWS cannot change it later, nor the next two.",
    );
    mutable: Flag = or(true, "Whether its value can be changed after the user was added.");
    required: Flag = or(false, "Whether every user must have it. Only for a standard attribute. Users can set it themselves.");
    writable: Flag = or(
        false,
        "Whether users can set it themselves. Otherwise only an administrator and `securelambda add-user --attribute` can.",
    );
}

pub(super) fn attribute(reader: &mut Reader, name: &str, table: &Table) -> UserAttribute {
    let AttributeKeys { r#type, mutable, required, writable } = &ATTRIBUTE;
    let is_standard = STANDARD_ATTRIBUTES.contains(&name);
    let given = reader.optional_word(table, r#type);
    let kind = match given {
        Some(kind) => kind,
        None if name == "updated_at" => Type::Number,
        None => Type::String,
    };
    UserAttribute {
        name: if is_standard { name.to_owned() } else { format!("custom:{name}") },
        kind,
        mutable: reader.flag(table, mutable),
        required: reader.flag(table, required),
        writable: reader.flag(table, writable),
    }
}

/// Attributes that Cognito does not take.
pub(super) fn check(
    pool: &str,
    attributes: &[UserAttribute],
    sign_in: &[SignIn],
    programs: &[&str],
    checks: &mut Checks,
) {
    let mut flaw = |place: &str, message: String, help: &str| {
        checks.report([Diagnostic::new(format!("pools.{pool}.attributes{place}"), message).help(help)]);
    };
    for attribute in attributes {
        let Some(name) = attribute.custom() else { continue };
        let place = format!(".{name}");
        if RESERVED.contains(&name) {
            flaw(&place, format!("Cognito alone sets {name}"), "remove it");
        }
        if attribute.required {
            let message = format!("Cognito cannot require {name} of every user, because it is no standard attribute");
            flaw(&place, message, "set required = false, or use a standard attribute");
        }
    }
    for attribute in attributes.iter().filter(|attribute| attribute.custom().is_none()) {
        let (name, place) = (&attribute.name, format!(".{}", attribute.name));
        if attribute.kind != if name == "updated_at" { Type::Number } else { Type::String } {
            flaw(&place, format!("Cognito decides the type of {name}, a standard attribute"), "remove `type`");
        }
        // The program stores the version of a service user's secret in this attribute.
        if name == "nickname" && !attribute.mutable && !programs.is_empty() {
            let message = format!("the service users of the pool {pool} need a nickname that can be changed");
            flaw(&place, message, "remove `mutable`, or let the service users sign in to a pool of their own");
        }
        // Users can also set every required attribute.
        let is_theirs = attribute.writable || attribute.required;
        if name == "phone_number" && is_theirs && sign_in.contains(&SignIn::Phone) {
            let message = "users could take any number, because the pool sends no messages to verify one".to_owned();
            flaw(&place, message, "remove `writable` and `required`: users sign in with their numbers");
        }
    }
    if attributes.iter().filter(|attribute| attribute.custom().is_some()).count() > MOST {
        flaw("", format!("a pool has at most {MOST} attributes of its own"), "remove some");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn file(pool: &str) -> String {
        format!("[stack]\nname = \"demo\"\n[pools.People]\n{pool}\n")
    }

    fn read(pool: &str) -> Vec<UserAttribute> {
        parse(&file(pool)).expect("a sound file").pools["People"].attributes.clone()
    }

    fn mistakes(pool: &str) -> Vec<String> {
        parse(&file(pool)).err().unwrap_or_default().into_iter().map(|mistake| mistake.message).collect()
    }

    #[test]
    fn attributes_of_ones_own_are_custom_and_closed_to_users() {
        let read = read(
            "attributes = { tenant = { type = \"string\", mutable = false }, family_name = { required = true }, \
             age = { type = \"number\", writable = true }, updated_at = {} }",
        );
        let attribute = |name: &str, kind, mutable, writable, required| UserAttribute {
            name: name.into(),
            kind,
            mutable,
            writable,
            required,
        };
        let expected = [
            attribute("custom:age", Type::Number, true, true, false),
            attribute("family_name", Type::String, true, false, true),
            attribute("custom:tenant", Type::String, false, false, false),
            attribute("updated_at", Type::Number, true, false, false),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn what_cognito_refuses_is_a_mistake() {
        for (pool, message) in [
            ("attributes = { tenant = { required = true } }", "Cognito cannot require tenant of every user"),
            ("attributes = { family_name = { type = \"number\" } }", "Cognito decides the type of family_name"),
            ("attributes = { sub = {} }", "Cognito alone sets sub"),
            ("attributes = { \"a b\" = {} }", "\"a b\" is not a valid name"),
            ("attributes = { a23456789012345678901 = {} }", "is not a valid name"),
            (
                "self_sign_up = false\nsign_in = [\"phone\"]\nattributes = { phone_number = { writable = true } }",
                "users could take any number",
            ),
            ("sign_in = [\"email\", \"phone\"]\nattributes = { phone_number = { required = true } }", "any number"),
            (
                "attributes = { nickname = { mutable = false } }\n[service_users.Robot]\npool = \"People\"",
                "need a nickname that can be changed",
            ),
        ] {
            let mistakes = mistakes(pool);
            assert!(mistakes.len() == 1 && mistakes[0].contains(message), "{pool}: {mistakes:?}");
        }
        let many: Vec<String> = (0..51).map(|number| format!("a{number} = {{}}")).collect();
        assert_eq!(
            mistakes(&format!("attributes = {{ {} }}", many.join(", "))),
            ["a pool has at most 50 attributes of its own"]
        );
    }
}

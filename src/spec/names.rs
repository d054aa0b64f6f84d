//! Names in AWS that follow from names of the stack file alone.

use std::path::Path;

/// The username of a service user: an email address in a domain that cannot exist (RFC 2606).
pub fn service_username(name: &str, stack: &str) -> String {
    format!("{name}@{stack}.invalid").to_lowercase()
}

/// The role of an identity pool's users, without the stack's name in front.
pub fn caller_role(identity_pool: &str) -> String {
    format!("{identity_pool}-caller")
}

/// The name of the role of a group's members, without the stack's name. No other role has a dot in its name.
pub fn member_role(identity_pool: &str, group: &str) -> String {
    format!("{identity_pool}.{group}")
}

/// The name of API Gateway's model for a body schema: `LambdasExternalRequestSchema` for
/// `lambdas/external/request.schema.json`. API Gateway allows letters and digits only.
pub fn body_model(file: &Path) -> String {
    capitalised_words(&file.with_extension("").to_string_lossy())
}

/// The words of a text, each with a capital, and nothing between them: `OrdersId` for `/orders/{id}`.
pub fn capitalised_words(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(capitalised).collect()
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
    first.to_uppercase() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_users_address_belongs_to_nobody() {
        assert_eq!(service_username("DayUser", "demo"), "dayuser@demo.invalid");
    }

    #[test]
    fn a_models_name_has_letters_and_digits_only() {
        let file = Path::new("lambdas/external/request.schema.json");
        assert_eq!(body_model(file), "LambdasExternalRequestSchema");
    }
}

//! The KMS keys that resources are encrypted with.

use crate::engine::{Comparison, Effect};

/// Adds the key that a resource is encrypted with: its ARN, id or alias, or nothing for AWS's own encryption.
///
/// The stack file says nothing about it, so a key that somebody set by hand is kept. The exception is another account's
/// key: whoever owns it can make the content unreadable.
pub(super) fn compared(so_far: Comparison, field: &str, live: Option<&String>, account: &str) -> Comparison {
    match live {
        Some(key) if is_anothers(key, account) => so_far.guard(field, "no key of another account", key),
        Some(key) => so_far.judged(field, "any key of this account", key, Effect::Same),
        None => so_far.plain(field, "none", "none"),
    }
}

/// Whether the key belongs to another account. Only ARNs show it; ids and aliases are this account's.
pub(super) fn is_anothers(key: &str, account: &str) -> bool {
    key.starts_with("arn:") && key.split(':').nth(4).is_some_and(|owner| owner != account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Drift;

    #[test]
    fn keys_of_the_account_are_kept_and_others_weaken() {
        let drift = |key: Option<&str>| {
            compared(Comparison::default(), "KmsKeyId", key.map(str::to_owned).as_ref(), "123456789012").drift()
        };
        let ours = "arn:aws:kms:eu-central-1:123456789012:key/k";
        for kept in [None, Some(ours), Some("alias/aws/sns"), Some("1234abcd-12ab-34cd-56ef-1234567890ab")] {
            assert_eq!(drift(kept), []);
        }
        let theirs = "arn:aws:kms:eu-central-1:999999999999:key/k";
        assert_eq!(drift(Some(theirs)), [Drift::weakening("KmsKeyId", "no key of another account", theirs)]);
    }
}

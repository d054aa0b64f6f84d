//! The KMS keys that resources are encrypted with.

use crate::engine::{Comparison, Effect};

/// The wanted encryption of a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Encryption {
    /// No wanted key: AWS's own key, or a key of this account that somebody set.
    #[default]
    Unchosen,
    /// The key with this ARN.
    With(String),
    /// The same as [`Encryption::Unchosen`], but without the key with this ARN, which the stack no longer uses.
    Without(String),
}

impl Encryption {
    /// The ARN of the wanted key.
    pub fn key(&self) -> Option<&String> {
        match self {
            Self::With(arn) => Some(arn),
            Self::Unchosen | Self::Without(_) => None,
        }
    }

    /// Whether a key is kept that is not the wanted one.
    pub(super) fn keeps(&self, key: &str, account: &str) -> bool {
        match self {
            Self::With(_) => false,
            Self::Without(former) if is_same(former, key) => false,
            Self::Unchosen | Self::Without(_) => !is_anothers(key, account),
        }
    }
}

/// Adds the key that a resource is encrypted with: its ARN, id or alias, or nothing for AWS's own encryption.
///
/// If no key is wanted, a key that somebody set by hand is kept. The exception is a key of another account, because its
/// owner can make the content unreadable.
pub(super) fn compared(
    so_far: Comparison,
    field: &str,
    want: &Encryption,
    live: Option<&String>,
    account: &str,
) -> Comparison {
    if let Encryption::With(want) = want {
        let effect = match live {
            Some(live) if is_same(want, live) => Effect::Same,
            Some(live) if !is_anothers(live, account) => Effect::Differs,
            _ => Effect::Weakens,
        };
        return so_far.judged(field, want, live.map_or("none", String::as_str), effect);
    }
    match live {
        Some(key) if matches!(want, Encryption::Without(former) if is_same(former, key)) => {
            so_far.plain(field, "none", key)
        }
        Some(key) if is_anothers(key, account) => so_far.guard(field, "no key of another account", key),
        Some(key) => so_far.judged(field, "any key of this account", key, Effect::Same),
        None => so_far.plain(field, "none", "none"),
    }
}

/// Whether a key is the one with this ARN. Some services answer with the id that the ARN ends in.
fn is_same(arn: &str, key: &str) -> bool {
    arn == key || arn.rsplit_once(":key/").is_some_and(|(_, id)| id == key)
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
            let key = key.map(str::to_owned);
            compared(Comparison::default(), "KmsKeyId", &Encryption::Unchosen, key.as_ref(), "123456789012").drift()
        };
        let ours = "arn:aws:kms:eu-central-1:123456789012:key/k";
        for kept in [None, Some(ours), Some("alias/aws/sns"), Some("1234abcd-12ab-34cd-56ef-1234567890ab")] {
            assert_eq!(drift(kept), []);
        }
        let theirs = "arn:aws:kms:eu-central-1:999999999999:key/k";
        assert_eq!(drift(Some(theirs)), [Drift::weakening("KmsKeyId", "no key of another account", theirs)]);
    }

    #[test]
    fn a_key_that_the_stack_gives_up_is_taken_off() {
        let former = Encryption::Without("arn:aws:kms:eu-central-1:123456789012:key/k".into());
        let drift = |key: Option<&str>| {
            let key = key.map(str::to_owned);
            compared(Comparison::default(), "KmsKeyId", &former, key.as_ref(), "123456789012").drift()
        };
        for kept in [None, Some("alias/aws/sns"), Some("arn:aws:kms:eu-central-1:123456789012:key/other")] {
            assert_eq!(drift(kept), []);
        }
        for taken in ["arn:aws:kms:eu-central-1:123456789012:key/k", "k"] {
            assert_eq!(drift(Some(taken)), [Drift::new("KmsKeyId", "none", taken)]);
        }
        assert!(drift(Some("arn:aws:kms:eu-central-1:999999999999:key/k"))[0].weakens);
    }

    #[test]
    fn the_key_of_the_stack_file_is_demanded() {
        let want = "arn:aws:kms:eu-central-1:123456789012:key/k".to_owned();
        let drift = |key: Option<&str>| {
            let key = key.map(str::to_owned);
            let want = Encryption::With(want.clone());
            compared(Comparison::default(), "KmsKeyId", &want, key.as_ref(), "123456789012").drift()
        };
        for same in [&*want, "k"] {
            assert_eq!(drift(Some(same)), []);
        }
        let theirs = "arn:aws:kms:eu-central-1:999999999999:key/k";
        assert_eq!(drift(Some(theirs)), [Drift::weakening("KmsKeyId", &want, theirs)]);
        assert_eq!(drift(None), [Drift::weakening("KmsKeyId", &want, "none")]);
        let other = "arn:aws:kms:eu-central-1:123456789012:key/other";
        assert_eq!(drift(Some(other)), [Drift::new("KmsKeyId", &want, other)]);
    }
}

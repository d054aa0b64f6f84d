//! Finds keys by alias, and by the tags of keys that have no alias of somebody else.

use std::collections::HashMap;

use aws_sdk_kms::primitives::DateTime;
use aws_sdk_kms::types::{AliasListEntry, KeyListEntry};

use super::key::{Key, KeyKey, KeyOutputs};
use super::{Kms, is_pending, pairs};
use crate::aws::error::OrFail;
use crate::aws::pages::{as_far_as_it_goes, closer, side_by_side, whole};
use crate::aws::refusals::DENIED;
use crate::engine::{Failure, InventoryItem, Listing, Unread};
use crate::scope::{Owner, Whose};

/// How many keys are read at the same time.
const AT_ONCE: usize = 16;

/// A key in a list, with the names of its aliases.
struct Listed {
    arn: String,
    aliases: Vec<String>,
}

impl Listed {
    /// Whether the key may belong to one of these stacks. A key has no alias for a moment after it was created. A key
    /// with another alias belongs to somebody else, and the operator has no permission to read its tags.
    fn may_be_of(&self, whose: &Whose) -> bool {
        let of_these = |alias: &String| match whose {
            Whose::Stack(stack) => *alias == alias_of(stack),
            Whose::Named(beginning) => alias.starts_with(&alias_of(beginning)),
            Whose::Any => is_of_a_stack(alias),
        };
        self.aliases.is_empty() || self.aliases.iter().any(of_these)
    }
}

/// The alias of a stack's key.
pub fn alias_of(stack: &str) -> String {
    format!("alias/{stack}")
}

/// Whether an alias may be that of a stack's key. The aliases of AWS's own keys contain a second `/`.
fn is_of_a_stack(alias: &str) -> bool {
    let name = alias.strip_prefix("alias/").unwrap_or_default();
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

impl Kms {
    async fn keys_and_aliases(&self) -> (Vec<Listed>, Option<Failure>) {
        let keys = async {
            let pages = self.client.list_keys().into_paginator().items().send();
            as_far_as_it_goes!(pages, "list the keys")
        };
        let aliases = async {
            let pages = self.client.list_aliases().into_paginator().items().send();
            as_far_as_it_goes!(pages, "list the aliases of keys")
        };
        let ((keys, cut), (aliases, cut_off)): ((Vec<KeyListEntry>, _), (Vec<AliasListEntry>, _)) =
            tokio::join!(keys, aliases);
        let mut names: HashMap<String, Vec<String>> = HashMap::new();
        for alias in aliases {
            if let (Some(key), Some(name)) = (alias.target_key_id, alias.alias_name) {
                names.entry(key).or_default().push(name);
            }
        }
        let listed = keys.into_iter().filter_map(|key| {
            let aliases = names.get(key.key_id.as_deref()?).cloned().unwrap_or_default();
            Some(Listed { arn: key.key_arn?, aliases })
        });
        (listed.collect(), cut.or(cut_off))
    }

    /// The owner of a listed key; `None` if it belongs to no stack.
    async fn owner(&self, key: &Listed) -> Result<Option<Owner>, Failure> {
        match self.tags_of(&key.arn).await {
            Ok(tags) => Ok(tags.and_then(|tags| Owner::read(pairs(&tags)))),
            // The key policy of a stack's key lets IAM policies give access, and the operator's policy does so. The
            // policies of other keys may not. So a key without an alias whose tags cannot be read belongs to no stack.
            Err(failure) if DENIED.is(&failure) && key.aliases.is_empty() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The ARNs of the keys with this stack's tag and this id, whether their deletion is scheduled or not.
    pub(super) async fn tagged(&self, id: &str) -> Result<Vec<String>, Failure> {
        let keys = whole(self.keys_and_aliases().await)?;
        let whose = Whose::Stack(self.scope.stack.clone());
        let keys: Vec<Listed> = keys.into_iter().filter(|key| key.may_be_of(&whose)).collect();
        let owners = side_by_side(AT_ONCE, keys.iter().map(|key| self.owner(key)).collect()).await?;
        let ours = |owner: &Option<Owner>| {
            owner.as_ref().is_some_and(|owner| owner.stack == self.scope.stack && owner.resource.as_deref() == Some(id))
        };
        Ok(keys.into_iter().zip(owners).filter(|(_, owner)| ours(owner)).map(|(key, _)| key.arn).collect())
    }

    pub(super) async fn keys(&self, whose: &Whose) -> Listing {
        let (keys, cut) = self.keys_and_aliases().await;
        let looks = keys.into_iter().filter(|key| key.may_be_of(whose)).map(|key| {
            let name = key.aliases.first().unwrap_or(&key.arn).clone();
            (name, self.listed_key(key))
        });
        let listing = closer::<Key, _>(looks.collect()).await;
        listing.and_unread(cut.map(|failure| Unread::new::<Key>(None, failure)))
    }

    async fn listed_key(&self, key: Listed) -> Result<Listing, Failure> {
        let Some(owner) = self.owner(&key).await? else { return Ok(Listing::default()) };
        let Some(described) = self.describe(&key.arn).await? else { return Ok(Listing::default()) };
        let alias = alias_of(&owner.stack);
        let outputs = KeyOutputs { arn: key.arn.clone(), alias: alias.clone() };
        let until = is_pending(&described).then(|| described.deletion_date().map_or(i64::MAX, DateTime::secs));
        let listed = InventoryItem::new::<Key>(
            (&alias, &key.arn),
            Some(owner),
            |id| KeyKey { id, alias: alias.clone() },
            &outputs,
        );
        Ok(vec![listed.ending(until)].into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::kms::NO_PERMISSION;
    use crate::aws::testing::replay;

    fn arn(id: &str) -> String {
        format!("arn:aws:kms:eu-central-1:123456789012:key/{id}")
    }

    fn keys(ids: &[&str]) -> String {
        let keys: Vec<Value> = ids.iter().map(|id| json!({ "KeyId": id, "KeyArn": arn(id) })).collect();
        json!({ "Keys": keys }).to_string()
    }

    fn aliases(aliases: &[(&str, &str)]) -> String {
        let of = |(name, key): &(&str, &str)| json!({ "AliasName": name, "TargetKeyId": key });
        json!({ "Aliases": aliases.iter().map(of).collect::<Vec<_>>() }).to_string()
    }

    fn tags(stack: &str) -> String {
        json!({ "Tags": [{ "TagKey": "securelambda:stack", "TagValue": stack }] }).to_string()
    }

    fn described(id: &str, more: &Value) -> String {
        let mut key = json!({ "KeyId": id, "Arn": arn(id), "KeyState": "Enabled" });
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "KeyMetadata": key }).to_string()
    }

    #[tokio::test]
    async fn a_key_that_waits_for_its_deletion_is_listed_with_the_time() {
        let (all, named) = (keys(&["k", "theirs"]), aliases(&[("alias/demo", "k"), ("alias/theirs", "theirs")]));
        let ours = tags("demo");
        let pending = described("k", &json!({ "KeyState": "PendingDeletion", "DeletionDate": 1.795_824e9 }));
        let answers = vec![(200, &*all), (200, &*named), (200, &*ours), (200, &*pending)];
        let (clients, _) = replay(answers);
        let listed = Kms::new(&clients).keys(&Whose::Stack("demo".into())).await;
        assert!(listed.unread.is_empty(), "{:?}", listed.unread);
        let [one] = listed.listed.as_slice() else { panic!("{listed:?}") };
        assert_eq!((one.name.as_str(), one.until, one.ends_by_itself), ("alias/demo", Some(1_795_824_000), true));
    }

    #[tokio::test]
    async fn tags_that_may_not_be_read_matter_only_if_the_alias_is_a_stacks() {
        let (all, named) = (keys(&["bare", "k"]), aliases(&[("alias/demo", "k")]));
        let (clients, _) = replay(vec![(200, &*all), (200, &*named), NO_PERMISSION, NO_PERMISSION]);
        let listed = Kms::new(&clients).keys(&Whose::Stack("demo".into())).await;
        assert!(listed.listed.is_empty());
        let unread: Vec<_> = listed.unread.iter().map(|one| (one.name.as_deref(), one.denied)).collect();
        assert_eq!(unread, [(Some("alias/demo"), true)]);
    }

    #[tokio::test]
    async fn the_list_for_all_stacks_has_no_keys_of_aws() {
        let all = keys(&["aws", "other", "k"]);
        let named = aliases(&[("alias/aws/sns", "aws"), ("alias/Team/Thing", "other"), ("alias/demo-prod", "k")]);
        let (ours, key) = (tags("demo-prod"), described("k", &json!({})));
        let (clients, _) = replay(vec![(200, &*all), (200, &*named), (200, &*ours), (200, &*key)]);
        let listed = Kms::new(&clients).keys(&Whose::Any).await;
        let seen: Vec<_> = listed.listed.iter().map(|one| (one.stack.as_deref(), one.until)).collect();
        assert_eq!(seen, [(Some("demo-prod"), None)]);
    }
}

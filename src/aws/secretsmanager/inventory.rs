//! The list of all secrets, including those in their recovery window.

use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry};

use super::{Secret, SecretKey, SecretOutputs, SecretsManager, live};
use crate::aws::error::OrFail;
use crate::aws::pages::{as_far_as_it_goes, closer, whole};
use crate::engine::{Failure, InventoryItem, Listing, Unread};
use crate::scope::{Owner, Whose};

impl SecretsManager {
    /// The list may be out of date by five minutes (docs/aws.md, Names of secrets), so each secret is read by a call of
    /// its own. If that is refused, the list's entry is used: AWS gives an ARN only once, so its tags belong to the
    /// same secret.
    async fn listed_secret(&self, arn: String, entry: SecretListEntry) -> Result<Listing, Failure> {
        let (tags, until, version_id) = match self.describe(&arn).await {
            Ok(None) => return Ok(Listing::default()),
            Ok(Some(secret)) => {
                let version_id = live(&secret, None).current.unwrap_or_default();
                (secret.tags.unwrap_or_default(), secret.deleted_date, version_id)
            }
            Err(failure) if failure.ends_all() => return Err(failure),
            Err(failure) => match entry.tags {
                Some(tags) => (tags, entry.deleted_date, String::new()),
                None => return Err(failure),
            },
        };
        let owner = Owner::read(tags.iter().filter_map(|tag| tag.key().zip(tag.value())));
        let name = entry.name.as_deref().unwrap_or(&arn);
        let key = |id| SecretKey { id, name: name.to_owned() };
        let outputs = SecretOutputs { arn: arn.clone(), version_id };
        let listed = InventoryItem::new::<Secret>((name, &arn), owner, key, &outputs);
        Ok(vec![listed.recoverable(until.map(|date| date.secs()))].into())
    }
}

impl SecretsManager {
    pub(super) async fn list_secrets(&self, whose: &Whose) -> Result<Listing, Failure> {
        let prefix = whose.prefix();
        let begins = Filter::builder().key(FilterNameStringType::Name).values(&prefix).build();
        let call = self.client.list_secrets().include_planned_deletion(true);
        let call = call.set_filters((!prefix.is_empty()).then(|| vec![begins]));
        let (pages, cut) = as_far_as_it_goes!(call.into_paginator().send(), "list the secrets");
        let secrets = pages.into_iter().flat_map(|page| page.secret_list.unwrap_or_default());
        let ours = secrets.filter(|secret| secret.name().is_some_and(|name| whose.may_own(name)));
        let looks = ours.filter_map(|secret| {
            let arn = secret.arn.clone()?;
            Some((arn.clone(), self.listed_secret(arn, secret)))
        });
        let listing = closer::<Secret, _>(looks.collect()).await;
        Ok(listing.and_unread(cut.map(|failure| Unread::new::<Secret>(None, failure))))
    }
}

/// A secret that a KMS key encrypts.
pub struct Encrypted {
    pub name: String,
    /// If it is deleted: the end of its recovery window, in seconds since 1970.
    pub until: Option<i64>,
}

impl SecretsManager {
    /// All secrets of the account that a key encrypts. `keys` are ARNs, ids or aliases of that key.
    ///
    /// # Errors
    /// The list could not be read.
    pub async fn encrypted_with(&self, keys: &[&str]) -> Result<Vec<Encrypted>, Failure> {
        let pages = self.client.list_secrets().include_planned_deletion(true).into_paginator().send();
        let secrets = whole(as_far_as_it_goes!(pages, "list the secrets"))?;
        let secrets = secrets.into_iter().flat_map(|page| page.secret_list.unwrap_or_default());
        let by = |key: Option<&str>| {
            key.is_some_and(|key| keys.iter().any(|one| *one == key || one.rsplit('/').next() == Some(key)))
        };
        // AWS's list leaves out AWS's own key; the emulator's list leaves out every key. The stack's secrets are read
        // in any case, because the list may be out of date.
        let ours = format!("{}-", self.scope.stack);
        let unsure =
            |secret: &SecretListEntry| self.is_emulator || secret.name().is_some_and(|name| name.starts_with(&ours));
        let mut encrypted = Vec::new();
        for secret in secrets.filter(|secret| by(secret.kms_key_id()) || unsure(secret)) {
            let (Some(arn), Some(name)) = (secret.arn(), secret.name()) else { continue };
            // The operator may not be allowed to read somebody else's secret; then the list decides.
            let until = match self.describe(arn).await {
                Ok(Some(now)) if by(now.kms_key_id()) => now.deleted_date,
                Err(failure) if failure.ends_all() => return Err(failure),
                Err(_) if by(secret.kms_key_id()) => secret.deleted_date,
                Ok(_) | Err(_) => continue,
            };
            encrypted.push(Encrypted { name: name.to_owned(), until: until.map(|date| date.secs()) });
        }
        Ok(encrypted)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{replay, requests};

    fn arn(name: &str) -> String {
        format!("arn:aws:secretsmanager:eu-central-1:123456789012:secret:{name}-AbCdEf")
    }

    fn page(names: &[&str], next: &str) -> String {
        let secrets: Vec<String> =
            names.iter().map(|name| format!(r#"{{"Name":"{name}","ARN":"{}"}}"#, arn(name))).collect();
        format!(r#"{{"SecretList":[{}]{next}}}"#, secrets.join(","))
    }

    fn described(name: &str, more: &str) -> String {
        format!(
            r#"{{"ARN":"{}","Name":"{name}","Tags":[{{"Key":"securelambda:stack","Value":"demo"}}],
                "VersionIdsToStages":{{"v1":["AWSCURRENT"]}}{more}}}"#,
            arn(name)
        )
    }

    #[tokio::test]
    async fn listed_secrets_are_read_with_their_recovery_date() {
        let (first, second) = (page(&["demo-a", "demo-gone"], r#","NextToken":"p2""#), page(&["demo-b"], ""));
        let (a, b) = (described("demo-a", ""), described("demo-b", r#","DeletedDate":1.795824e9"#));
        let gone = r#"{"__type":"ResourceNotFoundException","message":"no"}"#;
        let (clients, http) = replay(vec![(200, &first), (200, &second), (200, &a), (400, gone), (200, &b)]);
        let listed = SecretsManager::new(&clients).list_secrets(&Whose::Stack("demo".into())).await.unwrap().listed;
        let seen: Vec<_> = listed.iter().map(|one| (one.name.as_str(), one.until)).collect();
        assert_eq!(seen, [("demo-a", None), ("demo-b", Some(1_795_824_000))]);
        assert!(listed.iter().all(|one| one.stack.as_deref() == Some("demo")));
        let requests = requests(&http);
        assert!(requests[0].contains(r#""IncludePlannedDeletion":true"#), "{requests:?}");
        assert!(requests[0].contains(r#""Values":["demo-"]"#), "{requests:?}");
        assert!(requests[1].contains(r#""NextToken":"p2""#), "{requests:?}");
    }

    #[tokio::test]
    async fn a_list_for_all_stacks_has_no_filter() {
        let list = page(&["NotOurs", "demo-a"], "");
        let a = described("demo-a", "");
        let (clients, http) = replay(vec![(200, &list), (200, &a)]);
        assert_eq!(SecretsManager::new(&clients).list_secrets(&Whose::Any).await.unwrap().listed.len(), 1);
        assert!(!requests(&http)[0].contains("Filters"));
    }
}

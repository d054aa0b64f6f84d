//! KMS: the key that encrypts a stack's data.
//!
//! AWS chooses a key's id, and nothing makes a key unique: a repeated `CreateKey` makes a second one. So a key is found
//! by its alias `alias/<stack>`, which is unique, and before the alias exists by its tags (docs/aws.md, Keys of a
//! stack).
//!
//! A key cannot be deleted at once. `delete` schedules the deletion and keeps the alias, which AWS deletes with the key.
//! Until then the key does not count as existing, and creating it again cancels the deletion.

mod calls;
mod inventory;
mod key;
pub mod refusals;
mod tagging;
mod waiting;

use aws_sdk_kms::types::{KeyMetadata, KeyState};

pub use self::inventory::alias_of;
pub use self::key::{Grant, Key, KeyKey, KeyLive, KeyOutputs};
pub use self::waiting::RemovalOf;
use super::Clients;
use super::error::{OrAbsent, OrFail, empty};
use super::retries::{client, once};
use super::secretsmanager::SecretsManager;
use super::service::AwsService;
use crate::engine::Failure;
use crate::regions::Service;
use crate::scope::Scope;

pub const SERVICE: Service = Service::new("kms", "KMS");

pub(super) const ABOUT: AwsService = AwsService {
    names: &[SERVICE.name],
    refusals: refusals::REFUSALS,
    waits: refusals::WAITS,
    #[cfg(test)]
    tests: refusals::tests::WAITS,
};

/// KMS's answer to a caller without a permission, for the tests of this service.
#[cfg(test)]
const NO_PERMISSION: (u16, &str) = (400, r#"{"__type":"AccessDeniedException","message":"no"}"#);

/// The ARNs of a key and its alias. The id of a key does not contain the stack's name.
const KEYS: &[&str] = &["{arn:kms}:key/*"];
const ALIASES: &[&str] = &["{arn:kms}:alias/{stack}"];

/// Manages keys.
#[derive(Debug, Clone)]
pub struct Kms {
    client: aws_sdk_kms::Client,
    /// Without the SDK's retries, for calls that create.
    once: aws_sdk_kms::Client,
    /// Asked for secrets that need the key.
    secrets: SecretsManager,
    scope: Scope,
    removal: RemovalOf,
}

impl Kms {
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: client!(aws_sdk_kms, &clients.sdk),
            once: once!(aws_sdk_kms, &clients.once),
            secrets: SecretsManager::new(clients),
            scope: clients.scope.clone(),
            removal: clients.removal,
        }
    }

    /// A key by its ARN, id or alias; `None` if there is none.
    async fn describe(&self, key: &str) -> Result<Option<KeyMetadata>, Failure> {
        let doing = format!("read the key {key}");
        let answer = self.client.describe_key().key_id(key).send().await.or_fail(&doing).or_absent()?;
        answer.map(|answer| answer.key_metadata.ok_or_else(|| empty(&doing))).transpose()
    }

    /// The tags of a key; `None` if there is no such key.
    async fn tags_of(&self, key: &str) -> Result<Option<Vec<(String, String)>>, Failure> {
        let mut pages = self.client.list_resource_tags().key_id(key).into_paginator().send();
        let mut tags = Vec::new();
        while let Some(page) = pages.next().await {
            let Some(page) = page.or_fail(&format!("read the tags of the key {key}")).or_absent()? else {
                return Ok(None);
            };
            tags.extend(page.tags.unwrap_or_default().into_iter().map(|tag| (tag.tag_key, tag.tag_value)));
        }
        Ok(Some(tags))
    }
}

/// Whether the deletion of a key is scheduled or under way.
fn is_pending(key: &KeyMetadata) -> bool {
    matches!(key.key_state(), Some(KeyState::PendingDeletion | KeyState::PendingReplicaDeletion))
}

/// The tags as pairs of texts.
fn pairs(tags: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

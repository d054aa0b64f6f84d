//! Tags of secrets.

use std::convert::Infallible;

use aws_sdk_secretsmanager::types::Tag;

use super::SecretsManager;
use super::refusals::SECRET_BACK;
use crate::aws::tags::{own, read, retagged};
use crate::engine::{Failure, Retag, Tags, Task};

impl SecretsManager {
    /// The tags of a secret; `None` if there is no such thing.
    pub(super) async fn tags_at(&self, arn: &str) -> Result<Option<Tags>, Failure> {
        let secret = self.describe(arn).await?;
        Ok(secret.map(|secret| read(secret.tags().iter().filter_map(|tag| tag.key().zip(tag.value())))))
    }

    /// Sets the tags in `change` on a secret, and removes the tags whose keys `change` names as gone.
    pub(super) async fn retag_at(&self, arn: &str, change: &Retag, task: &Task) -> Result<(), Failure> {
        let tags = own(&change.set, |key, value| Ok::<_, Infallible>(Tag::builder().key(key).value(value).build()))?;
        let tag = || self.client.tag_resource().secret_id(arn).set_tags(Some(tags.clone())).send();
        let untag = || self.client.untag_resource().secret_id(arn).set_tag_keys(Some(change.gone.clone())).send();
        retagged(arn, change, task, &[&SECRET_BACK], tag, untag).await
    }
}

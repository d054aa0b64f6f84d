//! Tags of keys.

use aws_sdk_kms::types::Tag;

use super::Kms;
use crate::aws::tags::{own, retagged};
use crate::engine::{Failure, Retag, Tags, Task};
use crate::scope::LINEAGE_TAG;

impl Kms {
    /// The tags of a key; `None` if there is no such thing.
    pub(super) async fn tags_at(&self, arn: &str) -> Result<Option<Tags>, Failure> {
        Ok(self.tags_of(arn).await?.map(|tags| tags.into_iter().collect()))
    }

    /// Gives a key these tags, and removes those with these keys.
    pub(super) async fn retag_at(&self, arn: &str, change: &Retag, task: &Task) -> Result<(), Failure> {
        let tags = own(&change.set, |key, value| Tag::builder().tag_key(key).tag_value(value).build())?;
        let tag = || self.client.tag_resource().key_id(arn).set_tags(Some(tags.clone())).send();
        let untag = || self.client.untag_resource().key_id(arn).set_tag_keys(Some(change.gone.clone())).send();
        retagged(arn, change, task, &[], tag, untag).await
    }

    /// Gives a key whose deletion was cancelled the lineage of this stack.
    pub(super) async fn claim(&self, arn: &str, id: &str, task: &Task) -> Result<(), Failure> {
        let tags = self.scope.tags(id);
        let Some(lineage) = tags.get(LINEAGE_TAG) else { return Ok(()) };
        let there = self.tags_at(arn).await?.unwrap_or_default();
        if there.get(LINEAGE_TAG) == Some(lineage) {
            return Ok(());
        }
        let set = Tags::from([(LINEAGE_TAG.to_owned(), lineage.clone())]);
        self.retag_at(arn, &Retag { set, gone: Vec::new() }, task).await
    }
}

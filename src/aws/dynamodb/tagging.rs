//! Tags of tables.

use aws_sdk_dynamodb::types::Tag;

use super::DynamoDb;
use super::refusals::TABLE_BUSY;
use crate::aws::tags::{own, read, retagged};
use crate::engine::{Failure, Retag, Tags, Task};

impl DynamoDb {
    /// The tags of a table; `None` if there is no such thing.
    pub(super) async fn tags_at(&self, name: &str) -> Result<Option<Tags>, Failure> {
        Ok(self.tags(name).await?.map(|tags| read(tags.iter().map(|tag| (tag.key(), tag.value())))))
    }

    /// Gives a table these tags, and removes those with these keys.
    pub(super) async fn retag_at(&self, name: &str, change: &Retag, task: &Task) -> Result<(), Failure> {
        let arn = self.arn(name);
        let tags = own(&change.set, |key, value| Tag::builder().key(key).value(value).build())?;
        let tag = || self.client.tag_resource().resource_arn(&arn).set_tags(Some(tags.clone())).send();
        let untag = || self.client.untag_resource().resource_arn(&arn).set_tag_keys(Some(change.gone.clone())).send();
        retagged(name, change, task, &[&TABLE_BUSY], tag, untag).await
    }
}

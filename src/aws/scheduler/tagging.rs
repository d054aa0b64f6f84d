//! Tags of schedule groups.

use aws_sdk_scheduler::types::Tag;

use super::Scheduler;
use super::refusals::GROUP_BUSY;
use crate::aws::tags::{answered, own, read, retagged};
use crate::engine::{Failure, Retag, Tags, Task};

impl Scheduler {
    /// The tags of a schedule group; `None` if there is no such thing.
    pub(super) async fn tags_at(&self, arn: &str) -> Result<Option<Tags>, Failure> {
        let answer = self.client.list_tags_for_resource().resource_arn(arn).send().await;
        answered(arn, answer, |answer| read(answer.tags().iter().map(|tag| (tag.key(), tag.value()))))
    }

    /// Gives a schedule group these tags, and removes those with these keys.
    pub(super) async fn retag_at(&self, arn: &str, change: &Retag, task: &Task) -> Result<(), Failure> {
        let tags = own(&change.set, |key, value| Tag::builder().key(key).value(value).build())?;
        let tag = || self.client.tag_resource().resource_arn(arn).set_tags(Some(tags.clone())).send();
        let untag = || self.client.untag_resource().resource_arn(arn).set_tag_keys(Some(change.gone.clone())).send();
        retagged(arn, change, task, &[&GROUP_BUSY], tag, untag).await
    }
}

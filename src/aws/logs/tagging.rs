//! Tags of log groups.

use super::Logs;
use super::refusals::LOGS_BUSY;
use crate::aws::tags::{answered, map_of, pairs, read, retagged};
use crate::engine::{Failure, Retag, Tags, Task};

impl Logs {
    /// The tags of a log group; `None` if there is no such thing.
    pub(super) async fn tags_at(&self, arn: &str) -> Result<Option<Tags>, Failure> {
        let answer = self.client.list_tags_for_resource().resource_arn(arn).send().await;
        answered(arn, answer, |answer| read(pairs(answer.tags())))
    }

    /// Gives a log group these tags, and removes those with these keys.
    pub(super) async fn retag_at(&self, arn: &str, change: &Retag, task: &Task) -> Result<(), Failure> {
        let tags = map_of(&change.set);
        let tag = || self.client.tag_resource().resource_arn(arn).set_tags(Some(tags.clone())).send();
        let untag = || self.client.untag_resource().resource_arn(arn).set_tag_keys(Some(change.gone.clone())).send();
        retagged(arn, change, task, &[&LOGS_BUSY], tag, untag).await
    }
}

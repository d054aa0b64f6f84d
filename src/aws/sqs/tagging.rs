//! Tags of queues.

use super::Sqs;
use crate::aws::tags::{answered, map_of, pairs, read, retagged};
use crate::engine::{Failure, Retag, Tags, Task};

impl Sqs {
    /// The tags of a queue; `None` if there is no such thing.
    pub(super) async fn tags_at(&self, url: &str) -> Result<Option<Tags>, Failure> {
        let answer = self.client.list_queue_tags().queue_url(url).send().await;
        answered(url, answer, |answer| read(pairs(answer.tags())))
    }

    /// Gives a queue these tags, and removes those with these keys.
    pub(super) async fn retag_at(&self, url: &str, change: &Retag, task: &Task) -> Result<(), Failure> {
        let tags = map_of(&change.set);
        let tag = || self.client.tag_queue().queue_url(url).set_tags(Some(tags.clone())).send();
        let untag = || self.client.untag_queue().queue_url(url).set_tag_keys(Some(change.gone.clone())).send();
        retagged(url, change, task, &[], tag, untag).await
    }
}

//! Tags of functions and of event source mappings.

use super::Lambda;
use super::refusals::FUNCTION_BUSY;
use crate::aws::tags::{map_of, pairs, read, retagged};
use crate::engine::{Failure, Retag, Tags, Task};

impl Lambda {
    /// The tags of a function or mapping; `None` if there is no such thing.
    pub(super) async fn tags_at(&self, arn: &str) -> Result<Option<Tags>, Failure> {
        Ok(self.tags(arn).await?.map(|tags| read(pairs(Some(&tags)))))
    }

    /// Gives a function or mapping these tags, and removes those with these keys.
    pub(super) async fn retag_at(&self, arn: &str, change: &Retag, task: &Task) -> Result<(), Failure> {
        let tags = map_of(&change.set);
        let tag = || self.client.tag_resource().resource(arn).set_tags(Some(tags.clone())).send();
        let untag = || self.client.untag_resource().resource(arn).set_tag_keys(Some(change.gone.clone())).send();
        retagged(arn, change, task, &[&FUNCTION_BUSY], tag, untag).await
    }
}

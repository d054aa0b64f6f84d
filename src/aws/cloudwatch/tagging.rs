//! Tags of alarms.

use std::convert::Infallible;

use aws_sdk_cloudwatch::types::Tag;

use super::CloudWatch;
use super::refusals::ALARM_BUSY;
use crate::aws::tags::{own, read, retagged};
use crate::engine::{Failure, Retag, Tags, Task};

impl CloudWatch {
    /// The tags of an alarm; `None` if there is no such thing.
    pub(super) async fn tags_at(&self, arn: &str) -> Result<Option<Tags>, Failure> {
        let tags = self.tags_of(arn).await?;
        Ok(tags.map(|tags| read(tags.iter().filter_map(|tag| tag.key().zip(tag.value())))))
    }

    /// Gives an alarm these tags, and removes those with these keys.
    pub(super) async fn retag_at(&self, arn: &str, change: &Retag, task: &Task) -> Result<(), Failure> {
        let tags = own(&change.set, |key, value| Ok::<_, Infallible>(Tag::builder().key(key).value(value).build()))?;
        let tag = || self.client.tag_resource().resource_arn(arn).set_tags(Some(tags.clone())).send();
        let untag = || self.client.untag_resource().resource_arn(arn).set_tag_keys(Some(change.gone.clone())).send();
        retagged(arn, change, task, &[&ALARM_BUSY], tag, untag).await
    }
}

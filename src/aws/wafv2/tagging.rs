//! Tags of IP sets and web ACLs.

use aws_sdk_wafv2::types::{Tag, TagInfoForResource};

use super::Wafv2;
use super::refusals::WAF_TROUBLE;
use crate::aws::tags::{answered, own, read, retagged};
use crate::engine::{Failure, Retag, Tags, Task};

impl Wafv2 {
    /// The tags of an IP set or a web ACL; `None` if there is no such thing.
    pub(super) async fn tags_at(&self, arn: &str) -> Result<Option<Tags>, Failure> {
        let answer = self.client.list_tags_for_resource().resource_arn(arn).send().await;
        answered(arn, answer, |answer| {
            let tags = answer.tag_info_for_resource().map(TagInfoForResource::tag_list).unwrap_or_default();
            read(tags.iter().map(|tag| (tag.key(), tag.value())))
        })
    }

    /// Sets the tags in `change` on an IP set or a web ACL, and removes the tags whose keys `change` names as gone.
    pub(super) async fn retag_at(&self, arn: &str, change: &Retag, task: &Task) -> Result<(), Failure> {
        let tags = own(&change.set, |key, value| Tag::builder().key(key).value(value).build())?;
        let tag = || self.client.tag_resource().resource_arn(arn).set_tags(Some(tags.clone())).send();
        let untag = || self.client.untag_resource().resource_arn(arn).set_tag_keys(Some(change.gone.clone())).send();
        retagged(arn, change, task, &[&WAF_TROUBLE], tag, untag).await
    }
}

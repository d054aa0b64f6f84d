//! Tags of identity pools.

use super::CognitoIdentity;
use super::refusals::IDENTITY_BUSY;
use crate::aws::tags::{map_of, retagged};
use crate::engine::{Failure, Retag, Task};

impl CognitoIdentity {
    /// Gives a resource these tags, and removes those with these keys.
    pub(super) async fn retag_at(&self, arn: &str, change: &Retag, task: &Task) -> Result<(), Failure> {
        let tags = map_of(&change.set);
        let tag = || self.client.tag_resource().resource_arn(arn).set_tags(Some(tags.clone())).send();
        let untag = || self.client.untag_resource().resource_arn(arn).set_tag_keys(Some(change.gone.clone())).send();
        retagged(arn, change, task, &[&IDENTITY_BUSY], tag, untag).await
    }
}

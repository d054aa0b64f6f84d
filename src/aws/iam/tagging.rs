//! Tags of roles.

use aws_sdk_iam::types::Tag;

use super::Iam;
use super::refusals::IAM_BUSY;
use crate::aws::tags::{own, retagged};
use crate::engine::{Failure, Retag, Task};

impl Iam {
    /// Sets the tags in `change` on a role, and removes the tags whose keys `change` names as gone.
    pub(super) async fn retag_at(&self, role: &str, change: &Retag, task: &Task) -> Result<(), Failure> {
        let tags = own(&change.set, |key, value| Tag::builder().key(key).value(value).build())?;
        let tag = || self.client.tag_role().role_name(role).set_tags(Some(tags.clone())).send();
        let untag = || self.client.untag_role().role_name(role).set_tag_keys(Some(change.gone.clone())).send();
        retagged(role, change, task, &[&IAM_BUSY], tag, untag).await
    }
}

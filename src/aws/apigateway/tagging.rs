//! Tags of APIs, stages, API keys and usage plans.

use super::ApiGateway;
use super::refusals::API_BUSY;
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::tags::{answered, map_of, pairs, read, retagged};
use crate::engine::{Failure, Retag, Tags, Task};

/// The permission to read and to change the tags of a resource.
pub(super) const RETAG: StatementTemplate =
    retag(&[READ_TAGS, Permissions { needs: &[Usage::Update], actions: &["apigateway:PUT", "apigateway:DELETE"] }]);

pub(in crate::aws) const READ_TAGS: Permissions = Permissions { needs: &[Usage::Read], actions: &["apigateway:GET"] };

/// A permission for tags. REST and HTTP APIs need different actions for it, which `rights` contains.
pub(in crate::aws) const fn retag(rights: &'static [Permissions]) -> StatementTemplate {
    StatementTemplate { sid: Sid::Retag, on: &["arn:{partition}:apigateway:{region}::/tags/*"], rights }
}

impl ApiGateway {
    /// The tags of a resource; `None` if there is no such thing.
    pub(super) async fn tags_at(&self, arn: &str) -> Result<Option<Tags>, Failure> {
        let answer = self.client.get_tags().resource_arn(arn).send().await;
        answered(arn, answer, |answer| read(pairs(answer.tags())))
    }

    /// Sets the tags in `change` on a resource, and removes the tags whose keys `change` names as gone.
    pub(super) async fn retag_at(&self, arn: &str, change: &Retag, task: &Task) -> Result<(), Failure> {
        let tags = map_of(&change.set);
        let tag = || self.client.tag_resource().resource_arn(arn).set_tags(Some(tags.clone())).send();
        let untag = || self.client.untag_resource().resource_arn(arn).set_tag_keys(Some(change.gone.clone())).send();
        retagged(arn, change, task, &[&API_BUSY], tag, untag).await
    }
}

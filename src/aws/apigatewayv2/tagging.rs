//! Tags of APIs, stages and domain names.

use super::ApiGatewayV2;
use crate::aws::apigateway::refusals::API_BUSY;
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::tags::{map_of, pairs, read, retagged};
use crate::engine::{Failure, Retag, Tags, Task};

/// The permission to read and to change the tags that people want.
pub(super) const RETAG: StatementTemplate = StatementTemplate {
    sid: Sid::Retag,
    on: &["arn:{partition}:apigateway:{region}::/tags/*"],
    rights: &[
        Permissions { needs: &[Usage::Read], actions: &["apigateway:GET"] },
        Permissions { needs: &[Usage::Update], actions: &["apigateway:POST", "apigateway:DELETE"] },
    ],
};

impl ApiGatewayV2 {
    /// The tags of an API or a stage; `None` if there is no such thing.
    pub(super) async fn tags_at(&self, arn: &str) -> Result<Option<Tags>, Failure> {
        let answer = self.client.get_tags().resource_arn(arn).send().await;
        let answer = answer.or_fail(&format!("read the tags of {arn}")).or_absent()?;
        Ok(answer.map(|answer| read(pairs(answer.tags()))))
    }

    /// Gives a resource these tags, and removes those with these keys.
    pub(super) async fn retag_at(&self, arn: &str, change: &Retag, task: &Task) -> Result<(), Failure> {
        let tags = map_of(&change.set);
        let tag = || self.client.tag_resource().resource_arn(arn).set_tags(Some(tags.clone())).send();
        let untag = || self.client.untag_resource().resource_arn(arn).set_tag_keys(Some(change.gone.clone())).send();
        retagged(arn, change, task, &[&API_BUSY], tag, untag).await
    }
}

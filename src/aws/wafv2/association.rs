//! The association of a web ACL with an API's stage.

use aws_sdk_wafv2::Client;
use serde::{Deserialize, Serialize};

use super::{ACL_AND_STAGES, RULE_GROUPS, SETS_AND_ACLS, STAGES, TARGET, Wafv2};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::{WAF_ASSOCIATION, WAF_IN_USE, WAF_TROUBLE, settled};
use crate::engine::{Comparison, Drift, Failure, Found, Listing, Provider, Resource, Task};
use crate::layer::Layer;
use crate::regions::Service;
use crate::scope::Whose;

/// The association of a web ACL with a stage. A stage has at most one.
#[derive(Debug, Clone)]
pub struct Association {
    pub web_acl_arn: String,
    /// `arn:aws:apigateway:<region>::/restapis/<api>/stages/<stage>`: without an account.
    pub stage_arn: String,
}

/// An association is looked up from its stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssociationKey {
    pub(super) stage_arn: String,
    pub(super) web_acl_arn: String,
}

/// An association has no id of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssociationOutputs {
    pub stage_arn: String,
    /// Our web ACL's ARN.
    pub web_acl_arn: String,
}

/// The association of a stage.
#[derive(Debug, Clone)]
pub struct AssociationLive {
    /// The ARN of the web ACL, ours or another.
    attached: String,
}

impl Resource for Association {
    const KIND: &'static str = "wafv2.association";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true;
    type Key = AssociationKey;
    type Outputs = AssociationOutputs;
    type Live = AssociationLive;

    fn key(&self) -> AssociationKey {
        AssociationKey { stage_arn: self.stage_arn.clone(), web_acl_arn: self.web_acl_arn.clone() }
    }

    fn identity(outputs: &AssociationOutputs) -> String {
        format!("{} on {}", outputs.web_acl_arn, outputs.stage_arn)
    }

    fn removal_command(outputs: &AssociationOutputs) -> Option<String> {
        Some(format!("aws wafv2 disassociate-web-acl --resource-arn {}", outputs.stage_arn))
    }

    fn compare(&self, live: &AssociationLive) -> Comparison {
        let drift: Vec<Drift> = {
            let same = self.web_acl_arn == live.attached;
            (!same).then(|| Drift::weakening("WebACLArn", &self.web_acl_arn, &live.attached)).into_iter().collect()
        };
        drift.into_iter().collect()
    }
}

impl Described for Association {
    const ABOUT: Kind = Kind {
        service: Service::Waf,
        label: "association",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::Waf,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: SETS_AND_ACLS,
                rights: &[Permissions { needs: &[Usage::Read], actions: &["wafv2:GetWebACL"] }],
            },
            StatementTemplate {
                sid: Sid::FindOwn,
                on: ACL_AND_STAGES,
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Delete],
                    actions: &["wafv2:GetWebACLForResource"],
                }],
            },
            // AWS WAF does not see the tags of a stage. API Gateway checks with `SetWebACL` that the stage is ours.
            StatementTemplate {
                sid: Sid::OwnByName,
                on: ACL_AND_STAGES,
                rights: &[
                    Permissions { needs: &[Usage::Create, Usage::Update], actions: &["wafv2:AssociateWebACL"] },
                    Permissions { needs: &[Usage::Delete], actions: &["wafv2:DisassociateWebACL"] },
                ],
            },
            StatementTemplate {
                sid: Sid::OwnByName,
                on: RULE_GROUPS,
                rights: &[
                    Permissions {
                        needs: &[Usage::Create, Usage::Update],
                        actions: &["wafv2:GetPermissionPolicy", "wafv2:PutPermissionPolicy"],
                    },
                    Permissions { needs: &[Usage::Delete], actions: &["wafv2:PutPermissionPolicy"] },
                ],
            },
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: STAGES,
                rights: &[Permissions {
                    needs: &[Usage::Create, Usage::Update, Usage::Delete],
                    actions: &["apigateway:SetWebACL"],
                }],
            },
        ],
        rates: &[
            Rate::one_in(2, Calls::Operations(TARGET, &["AssociateWebACL"])),
            Rate::one_in(2, Calls::Operations(TARGET, &["DisassociateWebACL"])),
            Rate::one_in(1, Calls::Operations(TARGET, &["GetWebACLForResource"])),
        ],
        check: SettingsCheck {
            layer: Layer::Firewall,
            subject: "web ACL",
            holds: "it is attached to the API's stage",
            read: "GetWebACLForResource",
        },
    };
}

impl Wafv2 {
    /// The ARN of the web ACL that is associated with a stage. `None`: there is none, or no such stage.
    async fn attached(&self, stage_arn: &str) -> Result<Option<String>, Failure> {
        let call = self.client.get_web_acl_for_resource().resource_arn(stage_arn);
        let answer = call.send().await.or_fail(&format!("read the web ACL of {stage_arn}")).or_absent()?;
        Ok(answer.and_then(|answer| answer.web_acl).map(|acl| acl.arn))
    }

    /// Removes the association of our web ACL. If the stage has another web ACL now, it stays: it is somebody's
    /// protection.
    pub(super) async fn detach(&self, stage_arn: &str, web_acl_arn: &str) -> Result<(), Failure> {
        if self.attached(stage_arn).await?.as_deref() != Some(web_acl_arn) {
            return Ok(());
        }
        let call = self.client.disassociate_web_acl().resource_arn(stage_arn);
        call.send().await.or_fail(&format!("take the web ACL off {stage_arn}")).or_absent().map(drop)
    }

    /// Associates a web ACL with a stage, in place of any other.
    async fn attach(&self, client: &Client, want: &Association, task: &Task) -> Result<AssociationOutputs, Failure> {
        let Association { web_acl_arn, stage_arn } = want;
        let attached = settled(task, &[&WAF_ASSOCIATION, &WAF_TROUBLE], || async {
            let call = client.associate_web_acl().web_acl_arn(web_acl_arn).resource_arn(stage_arn);
            call.send().await.or_fail(&format!("put the web ACL in front of {stage_arn}"))
        });
        attached.await?;
        Ok(AssociationOutputs { stage_arn: stage_arn.clone(), web_acl_arn: web_acl_arn.clone() })
    }
}

impl Provider<Association> for Wafv2 {
    async fn read(
        &self,
        key: &AssociationKey,
        _: Option<&AssociationOutputs>,
        _: &Task,
    ) -> Result<Option<Found<Association>>, Failure> {
        let AssociationKey { stage_arn, web_acl_arn } = key.clone();
        let attached = self.attached(&stage_arn).await?;
        let found = |attached| Found {
            outputs: AssociationOutputs { stage_arn, web_acl_arn },
            live: AssociationLive { attached },
        };
        Ok(attached.map(found))
    }

    async fn create(&self, want: &Association, task: &Task) -> Result<AssociationOutputs, Failure> {
        self.attach(&self.once, want, task).await
    }

    async fn update(
        &self,
        want: &Association,
        _: &Found<Association>,
        task: &Task,
    ) -> Result<AssociationOutputs, Failure> {
        self.attach(&self.client, want, task).await
    }

    async fn delete(&self, gone: &AssociationOutputs, task: &Task) -> Result<(), Failure> {
        settled(task, &[&WAF_IN_USE, &WAF_TROUBLE], || self.detach(&gone.stage_arn, &gone.web_acl_arn)).await
    }

    async fn list(&self, _: &Whose) -> Result<Listing, Failure> {
        Ok(Listing::with_parent())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Cause;

    const OURS: &str = r#"{"WebACL": {"Name": "demo", "Id": "1", "ARN": "arn:ours"}}"#;
    const THEIRS: &str = r#"{"WebACL": {"Name": "other", "Id": "2", "ARN": "arn:theirs"}}"#;
    const ABSENT: &str = r#"{"__type": "WAFNonexistentItemException", "Message": "your resource doesn't exist"}"#;

    fn want() -> Association {
        Association { web_acl_arn: "arn:ours".into(), stage_arn: "arn:stage".into() }
    }

    fn ids() -> AssociationOutputs {
        AssociationOutputs { web_acl_arn: "arn:ours".into(), stage_arn: "arn:stage".into() }
    }

    #[tokio::test]
    async fn reading_separates_our_association_from_others_and_none() {
        let other = Drift::weakening("WebACLArn", "arn:ours", "arn:theirs");
        let table =
            [(200, OURS, Some(vec![])), (200, THEIRS, Some(vec![other])), (200, "{}", None), (400, ABSENT, None)];
        for (status, body, expected) in table {
            let (clients, http) = replay(vec![(status, body)]);
            let found = Provider::<Association>::read(&Wafv2::new(&clients), &want().key(), None, &Task::detached("x"))
                .await
                .expect("an answer");
            assert_eq!(found.map(|found| want().drift(&found.live)), expected);
            assert_eq!(asked(&http).len(), 1);
        }
    }

    #[tokio::test]
    async fn another_tools_web_acl_is_replaced() {
        let (clients, http) = replay(vec![(200, "{}")]);
        let found = Found { outputs: ids(), live: AssociationLive { attached: "arn:theirs".into() } };
        assert_eq!(Wafv2::new(&clients).update(&want(), &found, &Task::detached("x")).await, Ok(ids()));
        assert_eq!(asked(&http)[0].0, "AssociateWebACL");
    }

    #[tokio::test]
    async fn a_stage_that_is_not_visible_yet_is_waited_for() {
        let (clients, http) = replay(vec![(400, ABSENT), (200, "{}")]);
        assert_eq!(Wafv2::new(&clients).create(&want(), &Task::detached("x")).await, Ok(ids()));
        assert_eq!(asked(&http).len(), 2);
        let (clients, _) = replay(vec![(500, "{}")]);
        let failure = Wafv2::new(&clients).create(&want(), &Task::detached("x")).await.expect_err("no answer");
        assert_eq!(failure.cause, Cause::Unknown);
    }

    #[tokio::test]
    async fn a_deletion_leaves_foreign_associations() {
        let table: [(Vec<(u16, &str)>, usize); 4] = [
            (vec![(200, OURS), (200, "{}")], 2),
            (vec![(200, THEIRS)], 1),
            (vec![(200, "{}")], 1),
            (vec![(400, ABSENT)], 1),
        ];
        for (answers, calls) in table {
            let (clients, http) = replay(answers);
            let waf = Wafv2::new(&clients);
            assert_eq!(Provider::<Association>::delete(&waf, &ids(), &Task::detached("x")).await, Ok(()));
            assert_eq!(asked(&http).len(), calls);
        }
    }
}

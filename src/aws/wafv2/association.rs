//! The association of a web ACL with an API's stage or with a user pool. Each has at most one.

use std::fmt::Debug;
use std::marker::PhantomData;

use aws_sdk_wafv2::Client;
use serde::{Deserialize, Serialize};

use super::refusals::{WAF_ASSOCIATION, WAF_IN_USE, WAF_TROUBLE};
use super::{ACL_AND_STAGES, POOLS, RULE_GROUPS, SETS_AND_ACLS, STAGES, TARGET, WEB_ACLS, Wafv2};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::settled;
use crate::aws::wafv2::SERVICE;
use crate::engine::{Comparison, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// A type of resource that a web ACL can protect.
pub trait Target: Clone + Debug + Send + Sync + 'static {
    /// The kind of its association.
    const KIND: &'static str;
    /// Whether AWS deletes the association together with the resource.
    const GOES_WITH_PARENT: bool;
    /// See [`Described::ABOUT`].
    const ABOUT: Kind;
}

/// A stage of a REST API.
#[derive(Debug, Clone)]
pub struct OfStage;

/// A Cognito user pool.
#[derive(Debug, Clone)]
pub struct OfPool;

/// The association of a web ACL with one resource.
#[derive(Debug, Clone)]
pub struct AssociationOf<T> {
    pub web_acl_arn: String,
    /// `arn:aws:apigateway:<region>::/restapis/<api>/stages/<stage>`, without an account, or
    /// `arn:aws:cognito-idp:<region>:<account>:userpool/<id>`.
    pub resource_arn: String,
    target: PhantomData<fn() -> T>,
}

/// The association of a web ACL with a stage.
pub type Association = AssociationOf<OfStage>;

/// The association of a web ACL with a user pool.
pub type PoolAssociation = AssociationOf<OfPool>;

impl<T> AssociationOf<T> {
    pub fn new(web_acl_arn: String, resource_arn: String) -> Self {
        Self { web_acl_arn, resource_arn, target: PhantomData }
    }
}

/// An association is looked up from its resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssociationKey {
    // The name in states that are older than associations of pools.
    #[serde(rename = "stage_arn")]
    pub(super) resource_arn: String,
    pub(super) web_acl_arn: String,
}

/// An association has no id of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssociationOutputs {
    #[serde(rename = "stage_arn")]
    pub resource_arn: String,
    /// Our web ACL's ARN.
    pub web_acl_arn: String,
}

/// The association of a resource, as AWS has it.
#[derive(Debug, Clone)]
pub struct AssociationLive {
    /// The ARN of the web ACL, ours or another.
    attached: String,
}

impl<T: Target> Resource for AssociationOf<T> {
    const KIND: &str = T::KIND;
    const GOES_WITH_PARENT: bool = T::GOES_WITH_PARENT;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true;
    type Key = AssociationKey;
    type Outputs = AssociationOutputs;
    type Live = AssociationLive;

    fn key(&self) -> AssociationKey {
        AssociationKey { resource_arn: self.resource_arn.clone(), web_acl_arn: self.web_acl_arn.clone() }
    }

    fn identity(outputs: &AssociationOutputs) -> String {
        format!("{} on {}", outputs.web_acl_arn, outputs.resource_arn)
    }

    fn removal_command(outputs: &AssociationOutputs) -> Option<String> {
        Some(format!("aws wafv2 disassociate-web-acl --resource-arn {}", outputs.resource_arn))
    }

    fn compare(&self, live: &AssociationLive) -> Comparison {
        Comparison::default().guard("WebACLArn", &self.web_acl_arn, &live.attached)
    }
}

impl<T: Target> Described for AssociationOf<T> {
    const ABOUT: Kind = T::ABOUT;
}

impl Target for OfStage {
    const KIND: &'static str = "wafv2.association";
    const GOES_WITH_PARENT: bool = true;
    const ABOUT: Kind = Kind {
        service: SERVICE,
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
            StatementTemplate { sid: Sid::OwnByName, on: RULE_GROUPS, rights: ON_RULE_GROUPS },
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

/// The permissions of AWS WAF, and those of Cognito, which checks that the pool is ours.
impl Target for OfPool {
    const KIND: &'static str = "wafv2.pool_association";
    // It is not known what happens to the association of a deleted pool (docs/aws.md, Associations).
    const GOES_WITH_PARENT: bool = false;
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "association with a user pool",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::Cognito,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: WEB_ACLS,
                rights: &[
                    Permissions { needs: &[Usage::Read], actions: &["wafv2:GetWebACL"] },
                    Permissions { needs: &[Usage::Survivors], actions: &["cognito-idp:ListResourcesForWebACL"] },
                ],
            },
            StatementTemplate {
                sid: Sid::FindOwn,
                on: POOLS,
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Delete],
                    actions: &["cognito-idp:GetWebACLForResource", "wafv2:GetWebACLForResource"],
                }],
            },
            StatementTemplate {
                sid: Sid::FindOwn,
                on: WEB_ACLS,
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Delete],
                    actions: &["wafv2:GetWebACLForResource"],
                }],
            },
            StatementTemplate { sid: Sid::OwnByName, on: WEB_ACLS, rights: ATTACHING },
            StatementTemplate { sid: Sid::OwnByName, on: POOLS, rights: ATTACHING },
            StatementTemplate { sid: Sid::OwnByName, on: RULE_GROUPS, rights: ON_RULE_GROUPS },
            // Cognito checks the permission on the web ACL and on the pool. This statement contains no pools, so that
            // the next one can demand our tag on the pool.
            StatementTemplate {
                sid: Sid::PutBeforePools,
                on: WEB_ACLS,
                rights: &[Permissions {
                    needs: &[Usage::Create, Usage::Update],
                    actions: &["cognito-idp:AssociateWebACL"],
                }],
            },
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: POOLS,
                rights: &[
                    Permissions { needs: &[Usage::Create, Usage::Update], actions: &["cognito-idp:AssociateWebACL"] },
                    Permissions { needs: &[Usage::Delete], actions: &["cognito-idp:DisassociateWebACL"] },
                ],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Firewall,
            subject: "web ACL of the user pool",
            holds: "it is attached to the user pool",
            read: "GetWebACLForResource",
        },
    };
}

const ON_RULE_GROUPS: &[Permissions] = &[
    Permissions {
        needs: &[Usage::Create, Usage::Update],
        actions: &["wafv2:GetPermissionPolicy", "wafv2:PutPermissionPolicy"],
    },
    Permissions { needs: &[Usage::Delete], actions: &["wafv2:PutPermissionPolicy"] },
];

const ATTACHING: &[Permissions] = &[
    Permissions { needs: &[Usage::Create, Usage::Update], actions: &["wafv2:AssociateWebACL"] },
    Permissions { needs: &[Usage::Delete], actions: &["wafv2:DisassociateWebACL"] },
];

impl Wafv2 {
    /// The ARN of the web ACL that is associated with a resource. `None`: there is none, or no such resource.
    async fn attached(&self, resource_arn: &str) -> Result<Option<String>, Failure> {
        let call = self.client.get_web_acl_for_resource().resource_arn(resource_arn);
        let answer = call.send().await.or_fail(&format!("read the web ACL of {resource_arn}")).or_absent()?;
        Ok(answer.and_then(|answer| answer.web_acl).map(|acl| acl.arn))
    }

    /// Removes the association of our web ACL. If the resource has another web ACL now, that is kept, because somebody
    /// else relies on its protection.
    pub(super) async fn detach(&self, resource_arn: &str, web_acl_arn: &str) -> Result<(), Failure> {
        if self.attached(resource_arn).await?.as_deref() != Some(web_acl_arn) {
            return Ok(());
        }
        let call = self.client.disassociate_web_acl().resource_arn(resource_arn);
        call.send().await.or_fail(&format!("disassociate the web ACL from {resource_arn}")).or_absent().map(drop)
    }

    /// Associates a web ACL with a resource, in place of any other.
    async fn attach<T>(
        &self,
        client: &Client,
        want: &AssociationOf<T>,
        task: &Task,
    ) -> Result<AssociationOutputs, Failure> {
        let AssociationOf { web_acl_arn, resource_arn, .. } = want;
        let attached = settled(task, &[&WAF_ASSOCIATION, &WAF_TROUBLE], || async {
            let call = client.associate_web_acl().web_acl_arn(web_acl_arn).resource_arn(resource_arn);
            call.send().await.or_fail(&format!("associate the web ACL with {resource_arn}"))
        });
        attached.await?;
        Ok(AssociationOutputs { resource_arn: resource_arn.clone(), web_acl_arn: web_acl_arn.clone() })
    }
}

impl<T: Target> Provider<AssociationOf<T>> for Wafv2 {
    async fn read(
        &self,
        key: &AssociationKey,
        _: Option<&AssociationOutputs>,
        _: &Task,
    ) -> Result<Option<Found<AssociationOf<T>>>, Failure> {
        let AssociationKey { resource_arn, web_acl_arn } = key.clone();
        let attached = self.attached(&resource_arn).await?;
        let found = |attached| Found {
            outputs: AssociationOutputs { resource_arn, web_acl_arn },
            live: AssociationLive { attached },
        };
        Ok(attached.map(found))
    }

    async fn create(&self, want: &AssociationOf<T>, task: &Task) -> Result<AssociationOutputs, Failure> {
        self.attach(&self.once, want, task).await
    }

    async fn update(
        &self,
        want: &AssociationOf<T>,
        _: &Found<AssociationOf<T>>,
        task: &Task,
    ) -> Result<AssociationOutputs, Failure> {
        self.attach(&self.client, want, task).await
    }

    async fn delete(&self, gone: &AssociationOutputs, task: &Task) -> Result<(), Failure> {
        settled(task, &[&WAF_IN_USE, &WAF_TROUBLE], || self.detach(&gone.resource_arn, &gone.web_acl_arn)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::{Cause, Drift};

    const OURS: &str = r#"{"WebACL": {"Name": "demo", "Id": "1", "ARN": "arn:ours"}}"#;
    const THEIRS: &str = r#"{"WebACL": {"Name": "other", "Id": "2", "ARN": "arn:theirs"}}"#;
    const ABSENT: &str = r#"{"__type": "WAFNonexistentItemException", "Message": "your resource doesn't exist"}"#;

    fn want() -> Association {
        Association::new("arn:ours".into(), "arn:stage".into())
    }

    fn ids() -> AssociationOutputs {
        AssociationOutputs { web_acl_arn: "arn:ours".into(), resource_arn: "arn:stage".into() }
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

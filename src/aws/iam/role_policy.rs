//! Inline policies of roles.

use serde::{Deserialize, Serialize};

use super::refusals::{IAM_BUSY, ROLE_VISIBLE};
use super::{FINDABLE, Iam, ROLES, document};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::iam::SERVICE;
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::settled;
use crate::engine::{Comparison, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;
use crate::policy::Policy;

/// An inline policy of a role.
#[derive(Debug, Clone)]
pub struct RolePolicy {
    pub role: String,
    /// 1 to 128 of `A-Z a-z 0-9 _ + = , . @ -`.
    pub name: String,
    pub document: Policy,
}

/// The outputs are also the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolePolicyOutputs {
    pub role: String,
    pub name: String,
}

impl Resource for RolePolicy {
    const KIND: &'static str = "iam.role_policy";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = false;
    const GUARDS: bool = true; // without it, the function cannot write logs
    type Key = RolePolicyOutputs;
    type Outputs = RolePolicyOutputs;
    /// The policy document.
    type Live = Policy;

    fn key(&self) -> RolePolicyOutputs {
        RolePolicyOutputs { role: self.role.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &RolePolicyOutputs) -> String {
        format!("{}/{}", outputs.role, outputs.name)
    }

    fn removal_command(outputs: &RolePolicyOutputs) -> Option<String> {
        Some(format!("aws iam delete-role-policy --role-name {} --policy-name {}", outputs.role, outputs.name))
    }

    fn compare(&self, live: &Policy) -> Comparison {
        Comparison::default().judged("PolicyDocument", &self.document, live, self.document.judge(live))
    }
}

impl Described for RolePolicy {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "role policy",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::Iam,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: FINDABLE,
                rights: &[Permissions { needs: &[Usage::Read], actions: &["iam:GetRole", "iam:GetRolePolicy"] }],
            },
            StatementTemplate {
                sid: Sid::OwnByName,
                on: ROLES,
                rights: &[Permissions { needs: &[Usage::Delete], actions: &["iam:DeleteRolePolicy"] }],
            },
            StatementTemplate {
                sid: Sid::MakeRoles,
                on: ROLES,
                rights: &[Permissions { needs: &[Usage::Create, Usage::Update], actions: &["iam:PutRolePolicy"] }],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "role {}",
            holds: "its policy equals the policy that the program derives",
            read: "GetRolePolicy",
        },
    };
}

impl Provider<RolePolicy> for Iam {
    async fn read(
        &self,
        key: &RolePolicyOutputs,
        _: Option<&RolePolicyOutputs>,
        _: &Task,
    ) -> Result<Option<Found<RolePolicy>>, Failure> {
        let doing = format!("read the policy {} of the role {}", key.name, key.role);
        // An inline policy has no tags. It is ours if the role is, and somebody may have replaced the role.
        let (role, policy) = tokio::join!(
            self.client.get_role().role_name(&key.role).send(),
            self.client.get_role_policy().role_name(&key.role).policy_name(&key.name).send(),
        );
        let role = role.or_fail(&doing).or_absent()?.and_then(|answer| answer.role);
        let Some(policy) = policy.or_fail(&doing).or_absent()? else { return Ok(None) };
        if !role.is_some_and(|role| self.owns(&role)) {
            return Ok(None);
        }
        Ok(Some(Found { outputs: key.clone(), live: document(policy.policy_document(), &doing)? }))
    }

    async fn create(&self, want: &RolePolicy, task: &Task) -> Result<RolePolicyOutputs, Failure> {
        // This call can be repeated, so the SDK's retries are allowed.
        let doing = format!("put the policy {} on the role {}", want.name, want.role);
        let put = settled(task, &[&ROLE_VISIBLE, &IAM_BUSY], || async {
            let call = self.client.put_role_policy().role_name(&want.role).policy_name(&want.name);
            call.policy_document(want.document.to_string()).send().await.or_fail(&doing)
        });
        put.await?;
        Ok(want.key())
    }

    async fn update(
        &self,
        want: &RolePolicy,
        found: &Found<RolePolicy>,
        task: &Task,
    ) -> Result<RolePolicyOutputs, Failure> {
        let drift = want.drift(&found.live);
        if drift.is_empty() {
            return Ok(found.outputs.clone());
        }
        self.create(want, task).await
    }

    async fn delete(&self, gone: &RolePolicyOutputs, task: &Task) -> Result<(), Failure> {
        self.remove_inline(&gone.role, &gone.name, task).await
    }
}

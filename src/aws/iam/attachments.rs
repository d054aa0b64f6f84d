//! The managed policies and instance profiles of a role.

use std::collections::BTreeSet;

use super::Iam;
use super::refusals::IAM_BUSY;
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::settle::settled;
use crate::engine::{Failure, Task};

impl Iam {
    pub(super) async fn attached(&self, role: &str) -> Result<BTreeSet<String>, Failure> {
        let mut policies = self.client.list_attached_role_policies().role_name(role).into_paginator().items().send();
        let mut all = BTreeSet::new();
        while let Some(policy) = policies.next().await {
            all.extend(policy.or_fail(&format!("list the managed policies of the role {role}"))?.policy_arn);
        }
        Ok(all)
    }

    pub(super) async fn instance_profiles(&self, role: &str) -> Result<BTreeSet<String>, Failure> {
        let mut profiles =
            self.client.list_instance_profiles_for_role().role_name(role).into_paginator().items().send();
        let mut all = BTreeSet::new();
        while let Some(profile) = profiles.next().await {
            let profile = profile.or_fail(&format!("list the instance profiles of the role {role}"))?;
            all.insert(profile.instance_profile_name);
        }
        Ok(all)
    }

    pub(super) async fn leave(&self, role: &str, profile: &str, task: &Task) -> Result<(), Failure> {
        let doing = format!("remove the role {role} from the instance profile {profile}");
        let left = settled(task, &[&IAM_BUSY], || async {
            let call = self.client.remove_role_from_instance_profile().role_name(role);
            call.instance_profile_name(profile).send().await.or_fail(&doing)
        });
        left.await.or_absent().map(drop)
    }

    pub(super) async fn detach(&self, role: &str, arn: &str, task: &Task) -> Result<(), Failure> {
        let doing = format!("detach {arn} from the role {role}");
        let detached = settled(task, &[&IAM_BUSY], || async {
            self.client.detach_role_policy().role_name(role).policy_arn(arn).send().await.or_fail(&doing)
        });
        detached.await.or_absent().map(drop)
    }
}

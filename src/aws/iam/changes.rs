//! The calls that change a role.

use super::refusals::IAM_BUSY;
use super::role::MAX_SESSION_S;
use super::{Iam, Role};
use crate::aws::error::OrFail;
use crate::aws::settle::settled;
use crate::engine::{Failure, Task};
use crate::policy::Policy;

impl Iam {
    pub(super) async fn set_trust(&self, role: &str, trust: &Policy, task: &Task) -> Result<(), Failure> {
        let doing = format!("set the trust policy of the role {role}");
        let set = settled(task, &[&IAM_BUSY], || async {
            let call = self.client.update_assume_role_policy().role_name(role);
            call.policy_document(trust.to_string()).send().await.or_fail(&doing)
        });
        set.await.map(drop)
    }

    pub(super) async fn bound(&self, want: &Role, task: &Task) -> Result<(), Failure> {
        let Some(boundary) = &want.boundary else { return Ok(()) };
        let doing = format!("set the permissions boundary of the role {}", want.name);
        let set = settled(task, &[&IAM_BUSY], || async {
            let call = self.client.put_role_permissions_boundary().role_name(&want.name);
            call.permissions_boundary(boundary).send().await.or_fail(&doing)
        });
        set.await.map(drop)
    }

    /// Sets the description and the longest session in one call.
    pub(super) async fn describe(&self, want: &Role, task: &Task) -> Result<(), Failure> {
        let doing = format!("set the description and the longest session of the role {}", want.name);
        let set = settled(task, &[&IAM_BUSY], || async {
            let call = self.client.update_role().role_name(&want.name).description(&want.description);
            call.max_session_duration(MAX_SESSION_S).send().await.or_fail(&doing)
        });
        set.await.map(drop)
    }
}

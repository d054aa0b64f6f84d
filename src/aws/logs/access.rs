//! The policies that let others write to a log group: its own resource policy, and the account's resource policies.
//!
//! The group's own policy is part of the stack: a policy that somebody gave it is a difference, and an update removes it.
//! The account's policies belong to the account. What they allow on the group is shown and never changed.

use super::{LogGroupOutputs, Logs};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::logs::refusals::LOGS_BUSY;
use crate::aws::pages::to_the_end;
use crate::aws::settle::settled;
use crate::aws::unsupported::unless_unsupported;
use crate::engine::{Failure, Task};
use crate::policy::Policy;

use aws_sdk_cloudwatchlogs::types::{PolicyScope, ResourcePolicy};

/// The resource policy of a group.
#[derive(Debug, Clone)]
pub struct OwnPolicy {
    pub document: Policy,
    /// AWS deletes the policy only if it is still this revision.
    pub revision: Option<String>,
}

/// A policy of the account.
#[derive(Debug, Clone)]
pub(super) struct AccountPolicy {
    name: String,
    document: Policy,
}

impl AccountPolicy {
    /// The statements that give access to a group: for each, the policy's name and the statement as JSON.
    pub(super) fn grants_on(&self, group: &str) -> Vec<String> {
        self.document.grants_on(group).into_iter().map(|statement| format!("{}: {statement}", self.name)).collect()
    }
}

fn parsed(policy: &ResourcePolicy, doing: &str) -> Result<Policy, Failure> {
    Policy::parse(policy.policy_document().unwrap_or("{}"))
        .map_err(|error| Failure::refused(format!("could not {doing}: it is not JSON: {error}")))
}

impl Logs {
    /// The group's own resource policy; `None` if it has no policy, or does not exist.
    pub(super) async fn own_policy(&self, group: &LogGroupOutputs) -> Result<Option<OwnPolicy>, Failure> {
        let doing = format!("read the resource policy of the log group {}", group.name);
        let call =
            self.client.describe_resource_policies().resource_arn(&group.arn).policy_scope(PolicyScope::Resource);
        let read = unless_unsupported(self.emulated, call.send().await.or_fail(&doing).or_absent())?.flatten();
        let policies = read.and_then(|read| read.resource_policies).unwrap_or_default();
        let policy = policies.into_iter().find(|policy| policy.policy_document().is_some());
        let policy = policy.map(|policy| {
            Ok(OwnPolicy { document: parsed(&policy, &doing)?, revision: policy.revision_id().map(str::to_owned) })
        });
        policy.transpose()
    }

    /// The account's policies, which are read once, because a run only shows them.
    pub(super) async fn account_policies(&self) -> Result<&[AccountPolicy], Failure> {
        const DOING: &str = "list the account's resource policies of CloudWatch Logs";
        let read = self.account_policies.get_or_try_init(|| async {
            let pages = to_the_end(|next| async move {
                let call = self.client.describe_resource_policies().set_next_token(next).send().await;
                let page = unless_unsupported(self.emulated, call.or_fail(DOING))?;
                Ok(page.map_or((None, None), |page| (page.resource_policies, page.next_token)))
            });
            let named = |policy: ResourcePolicy| {
                let name = policy.policy_name().unwrap_or("(no name)").to_owned();
                Ok(AccountPolicy { document: parsed(&policy, DOING)?, name })
            };
            pages.await?.into_iter().map(named).collect::<Result<Vec<_>, Failure>>()
        });
        read.await.map(Vec::as_slice)
    }

    pub(super) async fn remove_policy(
        &self,
        group: &LogGroupOutputs,
        policy: &OwnPolicy,
        task: &Task,
    ) -> Result<(), Failure> {
        let doing = format!("remove the resource policy of the log group {}", group.name);
        let removed = settled(task, &[&LOGS_BUSY], || async {
            let call = self.client.delete_resource_policy().resource_arn(&group.arn);
            call.set_expected_revision_id(policy.revision.clone()).send().await.or_fail(&doing)
        });
        removed.await.or_absent().map(drop)
    }
}

//! The roles that workflows of GitHub Actions run as, and the account's OIDC provider for GitHub. They belong to the
//! account and not to a stack: no graph contains them, and their paths and tags are not those of a stack's resources
//! (docs/aws.md, Workflows of GitHub Actions).

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::{PolicyScopeType, Tag};

use super::refusals::{IAM_BUSY, ROLE_IN_USE, ROLE_VISIBLE};
use super::{Iam, document};
use crate::aws::error::{OrAbsent, OrFail, built};
use crate::aws::refusals::DENIED;
use crate::aws::settle::settled;
use crate::engine::{Cause, Failure, Task};
use crate::policy::Policy;
use crate::scope::Scope;

/// The host of GitHub's tokens: the name of the provider, and the prefix of its condition keys.
pub const GITHUB: &str = "token.actions.githubusercontent.com";

/// The audience of the tokens that workflows request for AWS.
pub const AUDIENCE: &str = "sts.amazonaws.com";

/// The tag with the name of the stack that a workflow deploys. It is not the tag of a stack's resources, so neither the
/// stack's operators nor `down` and `sweep` treat these roles as the stack's.
pub const CI_TAG: &str = "securelambda:ci";

/// A role that a workflow runs as, with its managed policies.
#[derive(Debug, Clone)]
pub struct WorkflowRole {
    /// The name of the stack that the workflow deploys.
    pub stack: String,
    /// 1 to 64 characters.
    pub name: String,
    pub description: String,
    /// Who may assume the role.
    pub trust: Policy,
    /// The managed policies by their names, which begin with the role's name.
    pub policies: BTreeMap<String, Policy>,
}

impl WorkflowRole {
    /// The path of the role and its policies. The operator of a stack may change roles in the stack's own path, so this
    /// is another one.
    pub fn path(&self) -> String {
        format!("/securelambda-ci/{}/", self.stack)
    }

    pub fn arn(&self, scope: &Scope) -> String {
        format!("arn:{}:iam::{}:role{}{}", scope.partition, scope.account, self.path(), self.name)
    }

    pub fn policy_arn(&self, scope: &Scope, name: &str) -> String {
        format!("arn:{}:iam::{}:policy{}{name}", scope.partition, scope.account, self.path())
    }

    /// Whether a policy in the role's path belongs to this role.
    fn has_policy(&self, name: &str) -> bool {
        name.strip_prefix(&self.name).is_some_and(|rest| rest.starts_with('-'))
    }
}

/// The ARN of the account's provider for GitHub.
pub fn provider_arn(scope: &Scope) -> String {
    format!("arn:{}:iam::{}:oidc-provider/{GITHUB}", scope.partition, scope.account)
}

/// What the account has of a role and its policies.
#[derive(Debug, Clone, Default)]
pub struct FoundWorkflowRole {
    /// `None`: there is no role. Policies of an interrupted run may exist.
    pub role: Option<LiveWorkflowRole>,
    /// The managed policies of the role that exist, by name, attached or not.
    pub policies: BTreeMap<String, Policy>,
}

#[derive(Debug, Clone)]
pub struct LiveWorkflowRole {
    pub trust: Policy,
    /// The ARNs of attached policies.
    pub attached: BTreeSet<String>,
    /// The names of inline policies.
    pub inline: BTreeSet<String>,
}

/// A change of a role or its policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    CreateRole,
    SetTrust,
    /// The policy with this name.
    CreatePolicy(String),
    UpdatePolicy(String),
    /// The policy with this ARN.
    Attach(String),
    Detach(String),
    DeleteInlinePolicy(String),
    DeletePolicy(String),
    DeleteRole,
}

impl WorkflowRole {
    /// The changes that make the role what it should be: it has exactly its policies, and none if nothing differs. What
    /// narrows the role comes first.
    pub fn steps(&self, found: &FoundWorkflowRole, scope: &Scope) -> Vec<Step> {
        let wanted: BTreeSet<String> = self.policies.keys().map(|name| self.policy_arn(scope, name)).collect();
        let none = BTreeSet::new();
        let (attached, inline) = found.role.as_ref().map_or((&none, &none), |role| (&role.attached, &role.inline));
        let mut steps = Vec::new();
        match &found.role {
            None => steps.push(Step::CreateRole),
            Some(role) if !role.trust.means_same(&self.trust) => steps.push(Step::SetTrust),
            Some(_) => {}
        }
        steps.extend(attached.difference(&wanted).cloned().map(Step::Detach));
        steps.extend(inline.iter().cloned().map(Step::DeleteInlinePolicy));
        for (name, policy) in &self.policies {
            match found.policies.get(name) {
                None => steps.push(Step::CreatePolicy(name.clone())),
                Some(live) if !live.means_same(policy) => steps.push(Step::UpdatePolicy(name.clone())),
                Some(_) => {}
            }
        }
        steps.extend(wanted.difference(attached).cloned().map(Step::Attach));
        let unwanted = found.policies.keys().filter(|name| !self.policies.contains_key(*name));
        steps.extend(unwanted.cloned().map(Step::DeletePolicy));
        steps
    }
}

impl FoundWorkflowRole {
    /// The changes that remove the role and its policies.
    pub fn removal(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if let Some(role) = &self.role {
            steps.extend(role.attached.iter().cloned().map(Step::Detach));
            steps.extend(role.inline.iter().cloned().map(Step::DeleteInlinePolicy));
        }
        steps.extend(self.policies.keys().cloned().map(Step::DeletePolicy));
        steps.extend(self.role.as_ref().map(|_| Step::DeleteRole));
        steps
    }
}

impl Iam {
    /// The audiences of the account's provider for GitHub; `None` if there is no such provider.
    pub async fn github_provider(&self) -> Result<Option<Vec<String>>, Failure> {
        let call = self.client.get_open_id_connect_provider().open_id_connect_provider_arn(provider_arn(&self.scope));
        let found = call.send().await.or_fail("read the account's OIDC provider for GitHub").map_err(administrators);
        Ok(found.or_absent()?.map(|provider| provider.client_id_list.unwrap_or_default()))
    }

    /// Creates the account's provider for GitHub. AWS needs no thumbprint for it.
    pub async fn create_github_provider(&self) -> Result<(), Failure> {
        let call = self.client.create_open_id_connect_provider().url(format!("https://{GITHUB}"));
        let made = call.client_id_list(AUDIENCE).send().await.or_fail("create the account's OIDC provider for GitHub");
        match made.map_err(administrators) {
            // Another run created it, or the SDK repeated the call because the answer was lost.
            Err(failure) if failure.cause == Cause::Exists => Ok(()),
            made => made.map(drop),
        }
    }

    /// Reads the role and its policies.
    ///
    /// # Errors
    /// A role or policy of that name belongs to somebody else, or AWS refused a call.
    pub async fn workflow_role(&self, want: &WorkflowRole) -> Result<FoundWorkflowRole, Failure> {
        let (role, policies) = tokio::join!(self.live_role(want), self.live_policies(want));
        Ok(FoundWorkflowRole { role: role.map_err(administrators)?, policies: policies.map_err(administrators)? })
    }

    async fn live_role(&self, want: &WorkflowRole) -> Result<Option<LiveWorkflowRole>, Failure> {
        let doing = format!("read the role {}", want.name);
        let answer = self.client.get_role().role_name(&want.name).send().await.or_fail(&doing).or_absent()?;
        let Some(role) = answer.and_then(|answer| answer.role) else { return Ok(None) };
        let is_ours = role.tags().iter().any(|tag| tag.key() == CI_TAG && tag.value() == want.stack);
        if !is_ours || role.path() != want.path() {
            return Err(foreign("the role", role.arn()));
        }
        let trust = document(role.assume_role_policy_document().unwrap_or_default(), &doing)?;
        let (attached, inline) = tokio::join!(self.attached(&want.name), self.inline(&want.name));
        Ok(Some(LiveWorkflowRole { trust, attached: attached?, inline: inline? }))
    }

    /// The policies with the role's name in its path.
    async fn live_policies(&self, want: &WorkflowRole) -> Result<BTreeMap<String, Policy>, Failure> {
        let call = self.client.list_policies().scope(PolicyScopeType::Local).path_prefix(want.path());
        let mut listed = call.into_paginator().items().send();
        let mut all = BTreeMap::new();
        while let Some(policy) = listed.next().await {
            let policy = policy.or_fail("list the managed policies")?;
            let (Some(name), Some(version)) = (policy.policy_name, policy.default_version_id) else { continue };
            if !want.has_policy(&name) {
                continue;
            }
            let doing = format!("read the policy {name}");
            let arn = want.policy_arn(&self.scope, &name);
            let call = self.client.get_policy_version().policy_arn(arn).version_id(version);
            let version = call.send().await.or_fail(&doing).or_absent()?.and_then(|answer| answer.policy_version);
            let Some(text) = version.and_then(|version| version.document) else { continue };
            all.insert(name, document(&text, &doing)?);
        }
        Ok(all)
    }

    /// Carries out one change.
    pub async fn change_workflow_role(&self, want: &WorkflowRole, step: &Step, task: &Task) -> Result<(), Failure> {
        let role = &want.name;
        let done = match step {
            Step::CreateRole => self.create_workflow_role(want, task).await,
            Step::SetTrust => self.set_trust(role, &want.trust, task).await,
            Step::CreatePolicy(name) => self.create_policy(want, name, task).await,
            Step::UpdatePolicy(name) => self.update_policy(want, name, task).await,
            Step::Attach(arn) => self.attach(role, arn, task).await,
            Step::Detach(arn) => self.detach(role, arn, task).await,
            Step::DeleteInlinePolicy(name) => self.remove_inline(role, name, task).await,
            Step::DeletePolicy(name) => self.delete_policy(want, name, task).await,
            Step::DeleteRole => self.delete_workflow_role(role, task).await,
        };
        done.map_err(administrators)
    }

    /// The SDK may repeat the calls that create: names are unique, and what exists is read.
    async fn create_workflow_role(&self, want: &WorkflowRole, task: &Task) -> Result<(), Failure> {
        let tag = built(Tag::builder().key(CI_TAG).value(&want.stack).build())?;
        let made = settled(task, &[&IAM_BUSY], || async {
            let call = self.client.create_role().role_name(&want.name).path(want.path()).tags(tag.clone());
            let call = call.description(&want.description).assume_role_policy_document(want.trust.to_string());
            call.send().await.or_fail(&format!("create the role {}", want.name))
        });
        match made.await {
            // This run created it if its answer was lost. If it is somebody else's, the read fails.
            Err(failure) if failure.cause == Cause::Exists => match self.live_role(want).await? {
                Some(_) => Ok(()),
                None => Err(failure),
            },
            made => made.map(drop),
        }
    }

    async fn create_policy(&self, want: &WorkflowRole, name: &str, task: &Task) -> Result<(), Failure> {
        let text = text_of(want, name)?;
        let tag = built(Tag::builder().key(CI_TAG).value(&want.stack).build())?;
        let made = settled(task, &[&IAM_BUSY], || async {
            let call = self.client.create_policy().policy_name(name).path(want.path()).tags(tag.clone());
            call.policy_document(&text).send().await.or_fail(&format!("create the policy {name}"))
        });
        match made.await {
            Err(failure) if failure.cause == Cause::Exists => {
                let there = self.live_policies(want).await?;
                if there.contains_key(name) { Ok(()) } else { Err(foreign("the policy", name)) }
            }
            made => made.map(drop),
        }
    }

    /// Writes a new version. A policy has at most five, so the former ones are deleted.
    async fn update_policy(&self, want: &WorkflowRole, name: &str, task: &Task) -> Result<(), Failure> {
        let text = text_of(want, name)?;
        let arn = want.policy_arn(&self.scope, name);
        self.delete_versions(&arn, task).await?;
        let put = settled(task, &[&IAM_BUSY], || async {
            let call = self.client.create_policy_version().policy_arn(&arn).set_as_default(true);
            call.policy_document(&text).send().await.or_fail(&format!("change the policy {name}"))
        });
        put.await.map(drop)
    }

    /// Deletes all versions but the default one.
    async fn delete_versions(&self, arn: &str, task: &Task) -> Result<(), Failure> {
        let doing = format!("delete old versions of {arn}");
        let mut versions = self.client.list_policy_versions().policy_arn(arn).into_paginator().items().send();
        while let Some(version) = versions.next().await {
            let version = version.or_fail(&doing)?;
            let Some(id) = version.version_id.filter(|_| !version.is_default_version) else { continue };
            let deleted = settled(task, &[&IAM_BUSY], || async {
                let call = self.client.delete_policy_version().policy_arn(arn).version_id(&id);
                call.send().await.or_fail(&doing)
            });
            deleted.await.or_absent()?;
        }
        Ok(())
    }

    async fn attach(&self, role: &str, arn: &str, task: &Task) -> Result<(), Failure> {
        let attached = settled(task, &[&ROLE_VISIBLE, &IAM_BUSY], || async {
            let call = self.client.attach_role_policy().role_name(role).policy_arn(arn);
            call.send().await.or_fail(&format!("attach {arn} to the role {role}"))
        });
        attached.await.map(drop)
    }

    async fn delete_policy(&self, want: &WorkflowRole, name: &str, task: &Task) -> Result<(), Failure> {
        let arn = want.policy_arn(&self.scope, name);
        self.delete_versions(&arn, task).await?;
        let deleted = settled(task, &[&IAM_BUSY], || async {
            self.client.delete_policy().policy_arn(&arn).send().await.or_fail(&format!("delete the policy {name}"))
        });
        deleted.await.or_absent().map(drop)
    }

    async fn delete_workflow_role(&self, role: &str, task: &Task) -> Result<(), Failure> {
        let deleted = settled(task, &[&ROLE_IN_USE, &IAM_BUSY], || async {
            self.client.delete_role().role_name(role).send().await.or_fail(&format!("delete the role {role}"))
        });
        deleted.await.or_absent().map(drop)
    }
}

fn text_of(want: &WorkflowRole, name: &str) -> Result<String, Failure> {
    let policy = want.policies.get(name).map(ToString::to_string);
    policy.ok_or_else(|| Failure::refused(format!("the role {} has no policy {name}", want.name)))
}

fn foreign(what: &str, arn: &str) -> Failure {
    Failure::foreign(what, arn).hint("rename or remove it; it was not touched")
}

/// The operator's policies do not contain these permissions.
fn administrators(failure: Failure) -> Failure {
    if DENIED.is(&failure) {
        return failure
            .hint("this needs an administrator: `securelambda ci role --print` prints the documents and commands");
    }
    failure
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    fn scope() -> Scope {
        Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            stack: "demo".into(),
            ..Scope::default()
        }
    }

    fn policy(action: &str) -> Policy {
        Policy::default().allow(&[action], &["*"])
    }

    fn want(policies: &[&str]) -> WorkflowRole {
        let name = |number: usize| format!("securelambda-ci-demo-deploy-{number}");
        WorkflowRole {
            stack: "demo".into(),
            name: "securelambda-ci-demo-deploy".into(),
            description: "d".into(),
            trust: policy("sts:AssumeRoleWithWebIdentity"),
            policies: policies.iter().enumerate().map(|(at, action)| (name(at + 1), policy(action))).collect(),
        }
    }

    fn arn(number: usize) -> String {
        format!("arn:aws:iam::123456789012:policy/securelambda-ci/demo/securelambda-ci-demo-deploy-{number}")
    }

    fn live(attached: &[String], inline: &[&str]) -> LiveWorkflowRole {
        LiveWorkflowRole {
            trust: want(&[]).trust,
            attached: attached.iter().cloned().collect(),
            inline: inline.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    #[test]
    fn only_what_differs_is_changed() {
        let name = |number: usize| format!("securelambda-ci-demo-deploy-{number}");
        let want = want(&["a:b", "c:d"]);
        let new = want.steps(&FoundWorkflowRole::default(), &scope());
        let created = [Step::CreatePolicy(name(1)), Step::CreatePolicy(name(2))];
        let attached = [Step::Attach(arn(1)), Step::Attach(arn(2))];
        assert_eq!(new, [&[Step::CreateRole], &created[..], &attached].concat());

        let same = FoundWorkflowRole { role: Some(live(&[arn(1), arn(2)], &[])), policies: want.policies.clone() };
        assert_eq!(want.steps(&same, &scope()), []);

        let stranger = "arn:aws:iam::aws:policy/AdministratorAccess".to_owned();
        let policies = [(name(1), policy("a:b")), (name(2), policy("c:*")), (name(3), policy("e:f"))];
        let other = FoundWorkflowRole {
            role: Some(live(&[arn(1), arn(3), stranger.clone()], &["more"])),
            policies: policies.into(),
        };
        let expected = [
            Step::Detach(arn(3)),
            Step::Detach(stranger.clone()),
            Step::DeleteInlinePolicy("more".into()),
            Step::UpdatePolicy(name(2)),
            Step::Attach(arn(2)),
            Step::DeletePolicy(name(3)),
        ];
        assert_eq!(want.steps(&other, &scope()), expected);
        let removal = other.removal();
        assert_eq!(removal.last(), Some(&Step::DeleteRole));
        assert_eq!(removal.len(), 3 + 1 + 3 + 1);
        // An interrupted removal left a policy.
        let rest = FoundWorkflowRole { role: None, policies: [(name(1), policy("a:b"))].into() };
        assert_eq!(rest.removal(), [Step::DeletePolicy(name(1))]);
    }

    #[tokio::test]
    async fn a_role_of_somebody_else_is_refused() {
        let role = |path: &str, tag: &str| {
            format!(
                "<GetRoleResponse><GetRoleResult><Role><Path>{path}</Path><RoleName>securelambda-ci-demo-deploy</RoleName>\
                 <RoleId>AROA1</RoleId><Arn>arn:aws:iam::123456789012:role/x</Arn><CreateDate>2026-11-21T00:00:00Z\
                 </CreateDate><AssumeRolePolicyDocument>%7B%7D</AssumeRolePolicyDocument><Tags><member><Key>{tag}</Key>\
                 <Value>demo</Value></member></Tags></Role></GetRoleResult></GetRoleResponse>"
            )
        };
        for theirs in [role("/", CI_TAG), role("/securelambda-ci/demo/", "team")] {
            let (clients, http) = replay(vec![(200, &theirs)]);
            let found = Iam::new(&clients).live_role(&want(&[])).await;
            assert_eq!(found.unwrap_err().cause, Cause::Foreign);
            assert_eq!(asked(&http).len(), 1);
        }
    }
}

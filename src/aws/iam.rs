//! IAM: the roles that functions run as, and what those may do.
//!
//! Odd about IAM: a role's name is unique in the account whatever its path; its documents come back URL-encoded; a role
//! that has policies cannot be deleted; and what was just written is not seen everywhere for some seconds (docs/aws.md,
//! Roles).

mod inventory;

use std::collections::BTreeSet;

use aws_sdk_iam::operation::simulate_principal_policy::builders::SimulatePrincipalPolicyFluentBuilder;
use aws_sdk_iam::types::PolicyEvaluationDecisionType;
use serde::{Deserialize, Serialize};

use super::error::{OrAbsent, OrFail, UNKNOWN_CALL};
use super::retries::{client, once};
use super::settle::{IAM_BUSY, ROLE_IN_USE, ROLE_VISIBLE, settled};
use super::{Clients, tags};
use crate::engine::{Drift, Failure, Found, Listing, Provider, Resource, Task};
use crate::policy::Policy;
use crate::scope::{Scope, Whose};

/// A role, under the stack's path. What it may do is in its [`RolePolicy`]s alone: it has no managed policies.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// 1 to 64 of `A-Z a-z 0-9 _ + = , . @ -`.
    pub name: String,
    /// Who may assume it.
    pub trust: Policy,
    /// Up to 1000 characters of Latin-1.
    pub description: String,
    /// The ARN of the managed policy that bounds what it may do. `None`: whichever it has, or none.
    pub boundary: Option<String>,
    /// The names of the inline policies it may have. Any other is taken away.
    pub inline_policies: Vec<String>,
}

/// Where a role is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleOutputs {
    /// Its name.
    pub name: String,
    /// `arn:aws:iam::<account>:role/securelambda/<stack>/<name>`.
    pub arn: String,
    /// `AROA...`: a role made again under the same name is another one.
    pub unique_id: String,
}

/// A role is looked up by its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleKey {
    id: String,
    name: String,
}

/// A role's settings.
#[derive(Debug, Clone)]
pub struct RoleLive {
    /// Who may assume it.
    pub trust: Policy,
    /// None is an empty one.
    pub description: String,
    /// The ARN of its permissions boundary.
    pub boundary: Option<String>,
    /// The names of its inline policies.
    pub inline: BTreeSet<String>,
    /// The ARNs of the managed policies attached to it.
    pub attached: BTreeSet<String>,
}

impl Role {
    fn unwanted<'a>(&'a self, live: &'a RoleLive) -> impl Iterator<Item = &'a String> {
        live.inline.iter().filter(|name| !self.inline_policies.contains(name))
    }
}

impl Resource for Role {
    const KIND: &'static str = "iam.role";
    const SETTLES_IN: usize = 5; // seconds until it can be assumed
    type Key = RoleKey;
    type Outputs = RoleOutputs;
    type Live = RoleLive;

    fn key(&self) -> RoleKey {
        RoleKey { id: self.id.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &RoleOutputs) -> String {
        outputs.arn.clone()
    }

    fn drift(&self, live: &RoleLive) -> Vec<Drift> {
        let mut drift = Vec::new();
        if !self.trust.means_same(&live.trust) {
            drift.push(Drift::weakening("AssumeRolePolicyDocument", &self.trust, &live.trust));
        }
        let unwanted: Vec<&str> = self.unwanted(live).map(String::as_str).collect();
        if !unwanted.is_empty() {
            drift.push(Drift::weakening("PolicyNames", "no others", unwanted.join(", ")));
        }
        if !live.attached.is_empty() {
            let attached: Vec<&str> = live.attached.iter().map(String::as_str).collect();
            drift.push(Drift::weakening("AttachedPolicies", "none", attached.join(", ")));
        }
        // One that somebody else has set only takes rights away, and to remove it would be to help oneself to them.
        if let Some(wanted) = self.boundary.as_ref().filter(|_| self.boundary != live.boundary) {
            drift.push(Drift::weakening("PermissionsBoundary", wanted, live.boundary.as_deref().unwrap_or("none")));
        }
        drift.extend(Drift::unless_equal("Description", &self.description, &live.description));
        drift
    }
}

/// An inline policy of a role.
#[derive(Debug, Clone)]
pub struct RolePolicy {
    /// The role's name.
    pub role: String,
    /// 1 to 128 of `A-Z a-z 0-9 _ + = , . @ -`.
    pub name: String,
    /// What it allows.
    pub document: Policy,
}

/// Which inline policy; also where it is looked up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolePolicyOutputs {
    /// The role's name.
    pub role: String,
    /// The policy's.
    pub name: String,
}

impl Resource for RolePolicy {
    const KIND: &'static str = "iam.role_policy";
    const GUARDS: bool = true; // the function cannot even log
    type Key = RolePolicyOutputs;
    type Outputs = RolePolicyOutputs;
    /// Its document.
    type Live = Policy;

    fn key(&self) -> RolePolicyOutputs {
        RolePolicyOutputs { role: self.role.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &RolePolicyOutputs) -> String {
        format!("{}/{}", outputs.role, outputs.name)
    }

    fn drift(&self, live: &Policy) -> Vec<Drift> {
        if self.document.means_same(live) {
            return Vec::new();
        }
        vec![Drift::weakening("PolicyDocument", &self.document, live)]
    }
}

/// Looks after roles and their inline policies.
#[derive(Debug, Clone)]
pub struct Iam {
    client: aws_sdk_iam::Client,
    /// Without the SDK's retries, for calls that create.
    once: aws_sdk_iam::Client,
    scope: Scope,
}

impl Iam {
    /// On these clients.
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: client!(aws_sdk_iam, &clients.sdk),
            once: once!(aws_sdk_iam, &clients.once),
            scope: clients.scope.clone(),
        }
    }

    /// Ours has our tag and lies under our path.
    fn owns(&self, role: &aws_sdk_iam::types::Role) -> bool {
        role.path() == self.scope.role_path() && self.scope.owns(role.tags().iter().map(|tag| (tag.key(), tag.value())))
    }

    async fn inline(&self, role: &str) -> Result<BTreeSet<String>, Failure> {
        let mut names = self.client.list_role_policies().role_name(role).into_paginator().items().send();
        let mut all = BTreeSet::new();
        while let Some(name) = names.next().await {
            all.insert(name.or_fail(&format!("list the inline policies of the role {role}"))?);
        }
        Ok(all)
    }

    async fn attached(&self, role: &str) -> Result<BTreeSet<String>, Failure> {
        let mut policies = self.client.list_attached_role_policies().role_name(role).into_paginator().items().send();
        let mut all = BTreeSet::new();
        while let Some(policy) = policies.next().await {
            all.extend(policy.or_fail(&format!("list the managed policies of the role {role}"))?.policy_arn);
        }
        Ok(all)
    }

    async fn remove_inline(&self, role: &str, name: &str, task: &Task) -> Result<(), Failure> {
        let doing = format!("delete the policy {name} of the role {role}");
        let deleted = settled(task, &[&IAM_BUSY], || async {
            self.client.delete_role_policy().role_name(role).policy_name(name).send().await.or_fail(&doing)
        });
        deleted.await.or_absent().map(drop)
    }

    async fn detach(&self, role: &str, arn: &str, task: &Task) -> Result<(), Failure> {
        let doing = format!("detach {arn} from the role {role}");
        let detached = settled(task, &[&IAM_BUSY], || async {
            self.client.detach_role_policy().role_name(role).policy_arn(arn).send().await.or_fail(&doing)
        });
        detached.await.or_absent().map(drop)
    }

    async fn trust(&self, want: &Role, task: &Task) -> Result<(), Failure> {
        let doing = format!("set who may assume the role {}", want.name);
        let set = settled(task, &[&IAM_BUSY], || async {
            let call = self.client.update_assume_role_policy().role_name(&want.name);
            call.policy_document(want.trust.to_string()).send().await.or_fail(&doing)
        });
        set.await.map(drop)
    }

    async fn bound(&self, want: &Role, task: &Task) -> Result<(), Failure> {
        let Some(boundary) = &want.boundary else { return Ok(()) };
        let doing = format!("set the permissions boundary of the role {}", want.name);
        let set = settled(task, &[&IAM_BUSY], || async {
            let call = self.client.put_role_permissions_boundary().role_name(&want.name);
            call.permissions_boundary(boundary).send().await.or_fail(&doing)
        });
        set.await.map(drop)
    }

    async fn describe(&self, want: &Role, task: &Task) -> Result<(), Failure> {
        let doing = format!("describe the role {}", want.name);
        let set = settled(task, &[&IAM_BUSY], || async {
            self.client.update_role().role_name(&want.name).description(&want.description).send().await.or_fail(&doing)
        });
        set.await.map(drop)
    }
}

impl Iam {
    /// Whether IAM's own simulation lets this role do this to that; nothing is done. `None`: the endpoint has no such
    /// call.
    pub async fn simulate(&self, role_arn: &str, action: &str, resource: &str) -> Result<Option<bool>, Failure> {
        let call = self.client.simulate_principal_policy().policy_source_arn(role_arn);
        let call = call.action_names(action).resource_arns(resource);
        match decisions(call, &format!("simulate {action} as {role_arn}")).await {
            Ok(decided) => Ok((!decided.is_empty()).then(|| decided.iter().any(|(_, allowed)| *allowed))),
            Err(failure) if UNKNOWN_CALL.is(&failure) => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

/// What IAM's simulation says: each action, and whether it is allowed.
pub(super) async fn decisions(
    call: SimulatePrincipalPolicyFluentBuilder,
    doing: &str,
) -> Result<Vec<(String, bool)>, Failure> {
    let mut results = call.into_paginator().items().send();
    let mut decided = Vec::new();
    while let Some(result) = results.next().await {
        let result = result.or_fail(doing)?;
        let allowed = *result.eval_decision() == PolicyEvaluationDecisionType::Allowed;
        decided.push((result.eval_action_name().to_owned(), allowed));
    }
    Ok(decided)
}

/// A document as IAM gives it.
fn document(text: &str, doing: &str) -> Result<Policy, Failure> {
    Policy::parse_encoded(text).map_err(|error| Failure::refused(format!("could not {doing}: not a policy: {error}")))
}

fn outputs(role: &aws_sdk_iam::types::Role) -> RoleOutputs {
    RoleOutputs { name: role.role_name().to_owned(), arn: role.arn().to_owned(), unique_id: role.role_id().to_owned() }
}

impl Provider<Role> for Iam {
    async fn read(&self, key: &RoleKey, _: Option<&RoleOutputs>, _: &Task) -> Result<Option<Found<Role>>, Failure> {
        let doing = format!("read the role {}", key.name);
        let (role, inline, attached) = tokio::join!(
            self.client.get_role().role_name(&key.name).send(),
            self.inline(&key.name),
            self.attached(&key.name),
        );
        let Some(role) = role.or_fail(&doing).or_absent()?.and_then(|answer| answer.role) else { return Ok(None) };
        if !self.owns(&role) {
            return Err(Failure::foreign("the role", role.arn()));
        }
        // Made a moment ago, it may be known to one call and not to another yet; then it has no policies either.
        let (inline, attached) = (inline.or_absent()?.unwrap_or_default(), attached.or_absent()?.unwrap_or_default());
        let live = RoleLive {
            trust: document(role.assume_role_policy_document().unwrap_or("{}"), &doing)?,
            description: role.description().unwrap_or_default().to_owned(),
            boundary: role.permissions_boundary().and_then(|bound| bound.permissions_boundary_arn.clone()),
            inline,
            attached,
        };
        Ok(Some(Found { outputs: outputs(&role), live }))
    }

    async fn create(&self, want: &Role, task: &Task) -> Result<RoleOutputs, Failure> {
        let doing = format!("create the role {}", want.name);
        let made = settled(task, &[&IAM_BUSY], || async {
            let tags = tags(&self.scope, &want.id, |key, value| {
                aws_sdk_iam::types::Tag::builder().key(key).value(value).build()
            })?;
            let call = self.once.create_role().role_name(&want.name).path(self.scope.role_path());
            let call = call.assume_role_policy_document(want.trust.to_string()).description(&want.description);
            let call = call.set_permissions_boundary(want.boundary.clone()).set_tags(Some(tags));
            call.send().await.or_fail(&doing)
        });
        let role = made.await?.role;
        role.as_ref().map(outputs).ok_or_else(|| Failure::refused(format!("could not {doing}: AWS returned no role")))
    }

    async fn update(&self, want: &Role, found: &Found<Role>, task: &Task) -> Result<RoleOutputs, Failure> {
        let drift = want.drift(&found.live);
        for setting in drift {
            match setting.field.as_str() {
                "AssumeRolePolicyDocument" => self.trust(want, task).await?,
                "PolicyNames" => {
                    for name in want.unwanted(&found.live) {
                        self.remove_inline(&want.name, name, task).await?;
                    }
                }
                "AttachedPolicies" => {
                    for arn in &found.live.attached {
                        self.detach(&want.name, arn, task).await?;
                    }
                }
                "PermissionsBoundary" => self.bound(want, task).await?,
                "Description" => self.describe(want, task).await?,
                _ => {}
            }
        }
        Ok(found.outputs.clone())
    }

    async fn vouch(&self, recorded: &RoleOutputs, _: &Task) -> Result<bool, Failure> {
        // A role that was made again under the name is another one, and has another unique id.
        let call = self.client.list_roles().path_prefix(self.scope.role_path());
        let mut roles = call.into_paginator().items().send();
        while let Some(role) = roles.next().await {
            let role = role.or_fail("list the roles")?;
            if role.role_name() == recorded.name {
                return Ok(role.role_id() == recorded.unique_id);
            }
        }
        Ok(false)
    }

    async fn delete(&self, gone: &RoleOutputs, task: &Task) -> Result<(), Failure> {
        let doing = format!("delete the role {}", gone.name);
        let delete = || async { self.client.delete_role().role_name(&gone.name).send().await.or_fail(&doing) };
        let deleted = settled(task, &[&ROLE_IN_USE, &IAM_BUSY], || async {
            match delete().await {
                Err(failure) if ROLE_IN_USE.heals(&failure) => {
                    // Something hangs on it: what was put there since, or what is not gone everywhere yet.
                    let (inline, attached) = tokio::join!(self.inline(&gone.name), self.attached(&gone.name));
                    for name in inline.iter().flatten() {
                        self.remove_inline(&gone.name, name, task).await?;
                    }
                    for arn in attached.iter().flatten() {
                        self.detach(&gone.name, arn, task).await?;
                    }
                    // A list that cannot be read matters only if it was in the way.
                    delete().await.map_err(|conflict| inline.err().or(attached.err()).unwrap_or(conflict))
                }
                answer => answer,
            }
        });
        deleted.await.or_absent().map(drop)
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        self.list_roles(whose).await
    }
}

impl Provider<RolePolicy> for Iam {
    async fn read(
        &self,
        key: &RolePolicyOutputs,
        _: Option<&RolePolicyOutputs>,
        _: &Task,
    ) -> Result<Option<Found<RolePolicy>>, Failure> {
        let doing = format!("read the policy {} of the role {}", key.name, key.role);
        // It carries no tag: it is ours if the role is, and the role may be another one by now.
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
        // Putting is repeatable, so this may go through the SDK's retries.
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

    async fn list(&self, _: &Whose) -> Result<Listing, Failure> {
        Ok(Listing::with_parent())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{replay, requests};
    use crate::engine::Cause;

    fn want() -> Role {
        Role {
            id: "role.f".into(),
            name: "demo-f".into(),
            trust: Policy::trust("lambda.amazonaws.com"),
            description: "runs f".into(),
            boundary: None,
            inline_policies: vec!["access".into()],
        }
    }

    fn policy() -> RolePolicy {
        let document = Policy::default().allow(&["sns:Publish"], &["arn:aws:sns:eu-central-1:123456789012:t"]);
        RolePolicy { role: "demo-f".into(), name: "access".into(), document }
    }

    fn encoded(policy: &Policy) -> String {
        policy.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat()
    }

    /// The `<Role>` of an answer, ours.
    fn role_xml() -> String {
        format!(
            "<Role><Path>/securelambda/demo/</Path><RoleName>demo-f</RoleName><RoleId>AROA1</RoleId>\
             <Arn>arn:aws:iam::123456789012:role/securelambda/demo/demo-f</Arn><CreateDate>2026-11-21T00:00:00Z</CreateDate>\
             <AssumeRolePolicyDocument>{}</AssumeRolePolicyDocument><Description>runs f</Description>\
             <Tags><member><Key>securelambda:stack</Key><Value>demo</Value></member></Tags></Role>",
            encoded(&want().trust)
        )
    }

    fn answer(operation: &str, inside: &str) -> String {
        format!("<{operation}Response><{operation}Result>{inside}</{operation}Result></{operation}Response>")
    }

    fn get_role() -> String {
        answer("GetRole", &role_xml())
    }

    fn inline(names: &[&str]) -> String {
        let members = names.iter().map(|name| format!("<member>{name}</member>")).collect::<Vec<_>>().concat();
        answer("ListRolePolicies", &format!("<PolicyNames>{members}</PolicyNames><IsTruncated>false</IsTruncated>"))
    }

    fn attached(arns: &[&str]) -> String {
        let members = arns
            .iter()
            .map(|arn| format!("<member><PolicyArn>{arn}</PolicyArn></member>"))
            .collect::<Vec<_>>()
            .concat();
        let inside = format!("<AttachedPolicies>{members}</AttachedPolicies><IsTruncated>false</IsTruncated>");
        answer("ListAttachedRolePolicies", &inside)
    }

    fn get_policy() -> String {
        let document = encoded(&policy().document);
        let names = "<RoleName>demo-f</RoleName><PolicyName>access</PolicyName>";
        answer("GetRolePolicy", &format!("{names}<PolicyDocument>{document}</PolicyDocument>"))
    }

    fn refused(code: &str) -> String {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>words</Message></Error></ErrorResponse>"
        )
    }

    fn task() -> Task {
        Task::detached("role.f")
    }

    fn live() -> RoleLive {
        RoleLive {
            trust: want().trust,
            description: "runs f".into(),
            boundary: None,
            inline: BTreeSet::from(["access".into()]),
            attached: BTreeSet::new(),
        }
    }

    #[test]
    fn drift_of_every_setting() {
        let bounded = Role { boundary: Some("arn:b".into()), ..want() };
        let anyone = Policy::trust("*");
        let text = |policy: &Policy| policy.to_string();
        for (want, live, drift) in [
            (want(), live(), None),
            (want(), RoleLive { inline: BTreeSet::new(), ..live() }, None),
            (
                want(),
                RoleLive { trust: anyone.clone(), ..live() },
                Some(Drift::weakening("AssumeRolePolicyDocument", text(&want().trust), text(&anyone))),
            ),
            (
                want(),
                RoleLive { inline: ["access".into(), "more".into()].into(), ..live() },
                Some(Drift::weakening("PolicyNames", "no others", "more")),
            ),
            (
                want(),
                RoleLive { attached: ["arn:aws:iam::aws:policy/AdministratorAccess".into()].into(), ..live() },
                Some(Drift::weakening("AttachedPolicies", "none", "arn:aws:iam::aws:policy/AdministratorAccess")),
            ),
            (bounded.clone(), live(), Some(Drift::weakening("PermissionsBoundary", "arn:b", "none"))),
            (
                bounded.clone(),
                RoleLive { boundary: Some("arn:c".into()), ..live() },
                Some(Drift::weakening("PermissionsBoundary", "arn:b", "arn:c")),
            ),
            (bounded.clone(), RoleLive { boundary: Some("arn:b".into()), ..live() }, None),
            // Not ours to lift.
            (want(), RoleLive { boundary: Some("arn:c".into()), ..live() }, None),
            (
                want(),
                RoleLive { description: String::new(), ..live() },
                Some(Drift::new("Description", "\"runs f\"", "\"\"")),
            ),
        ] {
            assert_eq!(want.drift(&live), Vec::from_iter(drift));
        }
    }

    #[test]
    fn drift_of_a_policy_is_by_meaning() {
        let respelt = r#"{"Statement":{"Resource":"arn:aws:sns:eu-central-1:123456789012:t","Action":"SNS:publish",
            "Effect":"Allow","Sid":"x"},"Version":"2012-10-17"}"#;
        assert_eq!(policy().drift(&Policy::parse(respelt).unwrap()), []);
        let wider = Policy::default().allow(&["sns:*"], &["*"]);
        let drift = policy().drift(&wider);
        assert_eq!(drift, [Drift::weakening("PolicyDocument", policy().document, wider)]);
    }

    #[tokio::test]
    async fn an_unchanged_role_costs_three_reads() {
        let (clients, http) = replay(vec![(200, &get_role()), (200, &inline(&["access"])), (200, &attached(&[]))]);
        let found = Provider::<Role>::read(&Iam::new(&clients), &want().key(), None, &task()).await.unwrap().unwrap();
        assert_eq!(want().drift(&found.live), []);
        assert_eq!(found.outputs.unique_id, "AROA1");
        assert_eq!(requests(&http).len(), 3);
        let (idle, _) = replay(vec![]);
        Provider::<Role>::update(&Iam::new(&idle), &want(), &found, &task()).await.unwrap();
    }

    #[tokio::test]
    async fn an_unchanged_policy_costs_two_reads() {
        let (clients, _) = replay(vec![(200, &get_role()), (200, &get_policy())]);
        let iam = Iam::new(&clients);
        let found = Provider::<RolePolicy>::read(&iam, &policy().key(), None, &task()).await.unwrap().unwrap();
        assert_eq!(policy().drift(&found.live), []);
        let (idle, _) = replay(vec![]);
        Provider::<RolePolicy>::update(&Iam::new(&idle), &policy(), &found, &task()).await.unwrap();
    }

    #[tokio::test]
    async fn a_role_elsewhere_or_without_our_tag_is_a_strangers_and_so_is_its_policy() {
        for other in [
            get_role().replace("<Value>demo</Value>", "<Value>other</Value>"),
            get_role().replace("<Path>/securelambda/demo/</Path>", "<Path>/</Path>"),
        ] {
            let (clients, _) = replay(vec![(200, &other), (200, &inline(&[])), (200, &attached(&[]))]);
            let failure = Provider::<Role>::read(&Iam::new(&clients), &want().key(), None, &task()).await.unwrap_err();
            assert_eq!(failure.cause, Cause::Foreign);
            let (clients, _) = replay(vec![(200, &other), (200, &get_policy())]);
            let iam = Iam::new(&clients);
            assert!(Provider::<RolePolicy>::read(&iam, &policy().key(), None, &task()).await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn where_there_is_no_role_there_is_nothing() {
        let none = refused("NoSuchEntity");
        let (clients, _) = replay(vec![(404, &none); 5]);
        let iam = Iam::new(&clients);
        assert!(Provider::<Role>::read(&iam, &want().key(), None, &task()).await.unwrap().is_none());
        assert!(Provider::<RolePolicy>::read(&iam, &policy().key(), None, &task()).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn create_sets_path_and_tags_in_that_call() {
        let (clients, http) = replay(vec![(200, &answer("CreateRole", &role_xml()))]);
        let outputs = Provider::<Role>::create(&Iam::new(&clients), &want(), &task()).await.unwrap();
        assert_eq!(outputs.arn, "arn:aws:iam::123456789012:role/securelambda/demo/demo-f");
        let requests = requests(&http);
        assert!(requests[0].contains("Path=%2Fsecurelambda%2Fdemo%2F") && requests[0].contains("securelambda%3Astack"));
    }

    #[tokio::test]
    async fn a_role_that_exists_and_an_answer_that_is_lost_are_told_apart() {
        for (status, code, cause) in [
            (409, "EntityAlreadyExists", Cause::Exists),
            (500, "InternalFailure", Cause::Unknown),
            (400, "MalformedPolicyDocument", Cause::Refused),
        ] {
            let (clients, _) = replay(vec![(status, &refused(code))]);
            let failure = Provider::<Role>::create(&Iam::new(&clients), &want(), &task()).await.unwrap_err();
            assert_eq!(failure.cause, cause, "{code}");
        }
    }

    #[tokio::test]
    async fn converge_takes_away_what_should_not_be_there() {
        let live =
            RoleLive { inline: ["access".into(), "more".into()].into(), attached: ["arn:a".into()].into(), ..live() };
        let want = Role { boundary: Some("arn:b".into()), ..want() };
        let outputs = RoleOutputs { name: "demo-f".into(), arn: "arn:r".into(), unique_id: "AROA1".into() };
        let found = Found::<Role> { outputs, live: live.clone() };
        let (clients, http) = replay(vec![(200, "<x/>"); 3]);
        Provider::<Role>::update(&Iam::new(&clients), &want, &found, &task()).await.unwrap();
        let requests = requests(&http);
        assert!(requests[0].contains("DeleteRolePolicy") && requests[0].contains("PolicyName=more"), "{requests:?}");
        assert!(requests[1].contains("DetachRolePolicy") && requests[1].contains("arn%3Aa"), "{requests:?}");
        assert!(requests[2].contains("PutRolePermissionsBoundary") && requests[2].contains("arn%3Ab"), "{requests:?}");
    }

    #[tokio::test]
    async fn delete_looks_for_what_hangs_on_a_role_only_when_refused() {
        let outputs = RoleOutputs { name: "demo-f".into(), arn: "arn:r".into(), unique_id: "AROA1".into() };
        let (clients, http) = replay(vec![
            (409, &refused("DeleteConflict")),
            (200, &inline(&["more"])),
            (200, &attached(&["arn:a"])),
            (200, "<x/>"),
            (200, "<x/>"),
            (200, "<x/>"),
            (404, &refused("NoSuchEntity")),
        ]);
        let iam = Iam::new(&clients);
        Provider::<Role>::delete(&iam, &outputs, &task()).await.unwrap();
        assert_eq!(requests(&http).iter().filter(|call| call.contains("Action=DeleteRole&")).count(), 2);
        Provider::<Role>::delete(&iam, &outputs, &task()).await.unwrap();
    }

    #[tokio::test]
    async fn a_policy_waits_for_its_role_to_be_seen() {
        let (clients, http) = replay(vec![(404, &refused("NoSuchEntity")), (200, "<x/>")]);
        Provider::<RolePolicy>::create(&Iam::new(&clients), &policy(), &task()).await.unwrap();
        assert_eq!(requests(&http).len(), 2);
    }

    #[tokio::test]
    async fn a_simulation_says_yes_no_or_nothing() {
        let answer = |decision: &str| {
            format!(
                "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
                 <SimulatePrincipalPolicyResult><EvaluationResults><member><EvalActionName>sns:Publish</EvalActionName>\
                 <EvalDecision>{decision}</EvalDecision></member></EvaluationResults><IsTruncated>false</IsTruncated>\
                 </SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
            )
        };
        let (yes, no) = (answer("allowed"), answer("implicitDeny"));
        let unknown =
            "<ErrorResponse><Error><Code>InvalidAction</Code><Message>unknown</Message></Error></ErrorResponse>";
        let (clients, http) = replay(vec![(200, &yes), (200, &no), (400, unknown)]);
        let iam = Iam::new(&clients);
        for allowed in [Some(true), Some(false), None] {
            assert_eq!(iam.simulate("arn:role", "sns:Publish", "arn:topic").await, Ok(allowed));
        }
        assert!(crate::aws::testing::asked(&http)[0].1.contains("PolicySourceArn=arn%3Arole"));
    }
}

//! Roles: their trust policies, descriptions and permissions boundaries.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::refusals::{IAM_BUSY, ROLE_IN_USE};
use super::{FINDABLE, Iam, ROLES, RolePolicy, document};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::iam::SERVICE;
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::settled;
use crate::aws::tags::{read, tags};
use crate::engine::{Comparison, Effect, Failure, Found, Listing, Provider, Resource, Retag, Tags, Task};
use crate::layer::Layer;
use crate::policy::Policy;
use crate::scope::Whose;

/// A role with the stack's path. All its permissions are in its [`RolePolicy`]s: it has no managed policies.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// 1 to 64 of `A-Z a-z 0-9 _ + = , . @ -`.
    pub name: String,
    pub trust: Policy,
    /// Up to 1000 characters of Latin-1.
    pub description: String,
    /// The ARN of its permissions boundary. `None`: the role keeps the boundary that it has, if any.
    pub boundary: Option<String>,
    /// The names of the inline policies that it may have. Others are removed.
    pub inline_policies: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleOutputs {
    pub name: String,
    /// `arn:aws:iam::<account>:role/securelambda/<stack>/<name>`.
    pub arn: String,
    /// `AROA...`: a role that is created again under the same name has another one.
    pub unique_id: String,
}

/// A role is looked up by its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleKey {
    pub(super) id: String,
    pub(super) name: String,
}

#[derive(Debug, Clone)]
pub struct RoleLive {
    pub trust: Policy,
    /// The description; empty if the role has none.
    pub description: String,
    /// The ARN of its permissions boundary.
    pub boundary: Option<String>,
    /// The longest time for which its credentials are valid, in seconds.
    pub max_session_s: i32,
    /// Its inline policies by name. The documents are read only if there are several. A single one is usually the
    /// stack's, which is a resource of its own.
    pub inline: BTreeMap<String, Option<Policy>>,
    /// The ARNs of the managed policies attached to it.
    pub attached: BTreeSet<String>,
    /// The names of the instance profiles that give the role to EC2 instances.
    pub instance_profiles: BTreeSet<String>,
}

/// The longest session of a role, in seconds: AWS's default and minimum.
pub(super) const MAX_SESSION_S: i32 = 3600;

/// Managed policies of AWS that only allow sending traces to X-Ray and reading its sampling rules (docs/aws.md, Roles).
const SEND_TRACES: [&str; 2] = ["policy/AWSXRayDaemonWriteAccess", "policy/AWSXrayWriteOnlyAccess"];

impl Role {
    /// The names of the inline policies that it may not have, and their documents if they were read.
    fn unwanted<'a>(&'a self, live: &'a RoleLive) -> impl Iterator<Item = (&'a String, Option<&'a Policy>)> {
        live.inline
            .iter()
            .filter(|(name, _)| !self.inline_policies.contains(name))
            .map(|(name, document)| (name, document.as_ref()))
    }
}

/// The names, or `none`.
fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The effect of policies that the role should not have. `harmless` says for each whether it is harmless.
fn unwanted(harmless: impl IntoIterator<Item = bool>) -> Effect {
    let harmless: Vec<bool> = harmless.into_iter().collect();
    match harmless.as_slice() {
        [] => Effect::Same,
        all if all.iter().all(|harmless| *harmless) => Effect::Differs,
        _ => Effect::Weakens,
    }
}

impl Resource for Role {
    const KIND: &'static str = "iam.role";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = false;
    const GUARDS: bool = false;
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

    fn removal_command(outputs: &RoleOutputs) -> Option<String> {
        Some(format!("aws iam delete-role --role-name {}", outputs.name))
    }

    fn compare(&self, live: &RoleLive) -> Comparison {
        let sends_traces = |arn: &String| SEND_TRACES.iter().any(|name| arn.ends_with(&format!(":iam::aws:{name}")));
        let nothing = Policy::default();
        let inline =
            self.unwanted(live).map(|(_, document)| document.is_some_and(|it| nothing.judge(it) != Effect::Weakens));
        let boundary = live.boundary.as_deref().unwrap_or("none");
        let compared = Comparison::default()
            .judged("AssumeRolePolicyDocument", &self.trust, &live.trust, self.trust.judge(&live.trust))
            .judged("PolicyNames", "none", list(self.unwanted(live).map(|(name, _)| name)), unwanted(inline))
            .judged("AttachedPolicies", "none", list(&live.attached), unwanted(live.attached.iter().map(sends_traces)))
            .guard("MaxSessionDuration", MAX_SESSION_S, live.max_session_s)
            .nothing_else("InstanceProfiles", &live.instance_profiles);
        let compared = match &self.boundary {
            Some(wanted) => compared.guard("PermissionsBoundary", wanted, boundary),
            // A boundary that somebody else set only takes permissions away. Removing it would escalate privileges.
            None => compared.judged("PermissionsBoundary", boundary, boundary, Effect::Same),
        };
        compared.plain("Description", format!("{:?}", self.description), format!("{:?}", live.description))
    }
}

impl Described for Role {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "role",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::Iam,
        gone_before: &[RolePolicy::KIND],
        permissions: &[
            StatementTemplate {
                sid: Sid::RetagOwn,
                on: ROLES,
                rights: &[Permissions { needs: &[Usage::Update], actions: &["iam:TagRole", "iam:UntagRole"] }],
            },
            StatementTemplate {
                sid: Sid::FindOwn,
                on: FINDABLE,
                rights: &[
                    Permissions {
                        needs: &[Usage::Read, Usage::Delete],
                        actions: &[
                            "iam:GetRole",
                            "iam:ListAttachedRolePolicies",
                            "iam:ListInstanceProfilesForRole",
                            "iam:ListRolePolicies",
                        ],
                    },
                    Permissions { needs: &[Usage::Survivors], actions: &["iam:ListRoleTags"] },
                ],
            },
            StatementTemplate {
                sid: Sid::OwnByName,
                on: ROLES,
                rights: &[
                    Permissions {
                        needs: &[Usage::Update],
                        actions: &[
                            "iam:DeleteRolePolicy",
                            "iam:DetachRolePolicy",
                            "iam:UpdateAssumeRolePolicy",
                            "iam:UpdateRole",
                        ],
                    },
                    Permissions {
                        needs: &[Usage::Delete],
                        actions: &["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"],
                    },
                ],
            },
            // The names of instance profiles that others made are not known.
            StatementTemplate {
                sid: Sid::OwnByName,
                on: &["arn:{partition}:iam::{account}:instance-profile/*"],
                rights: &[Permissions {
                    needs: &[Usage::Update, Usage::Delete],
                    actions: &["iam:RemoveRoleFromInstanceProfile"],
                }],
            },
            StatementTemplate {
                sid: Sid::AskWhatIsAllowed,
                on: ROLES,
                rights: &[Permissions { needs: &[Usage::Simulate], actions: &["iam:SimulatePrincipalPolicy"] }],
            },
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: ROLES,
                rights: &[Permissions { needs: &[Usage::Create], actions: &["iam:TagRole"] }],
            },
            StatementTemplate {
                sid: Sid::MakeRoles,
                on: ROLES,
                rights: &[
                    Permissions { needs: &[Usage::Create], actions: &["iam:CreateRole"] },
                    Permissions { needs: &[Usage::Update], actions: &["iam:PutRolePermissionsBoundary"] },
                ],
            },
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[Permissions { needs: &[Usage::Survivors], actions: &["iam:ListRoles"] }],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "role {}",
            holds: "only the service that needs it can assume it, and it has no other policies",
            read: "GetRole",
        },
    };
}

pub(super) fn outputs(role: &aws_sdk_iam::types::Role) -> RoleOutputs {
    RoleOutputs { name: role.role_name().to_owned(), arn: role.arn().to_owned(), unique_id: role.role_id().to_owned() }
}

impl Provider<Role> for Iam {
    async fn read(&self, key: &RoleKey, _: Option<&RoleOutputs>, _: &Task) -> Result<Option<Found<Role>>, Failure> {
        let doing = format!("read the role {}", key.name);
        let (role, inline, attached, profiles) = tokio::join!(
            self.client.get_role().role_name(&key.name).send(),
            self.inline(&key.name),
            self.attached(&key.name),
            self.instance_profiles(&key.name),
        );
        let Some(role) = role.or_fail(&doing).or_absent()?.and_then(|answer| answer.role) else { return Ok(None) };
        if !self.owns(&role) {
            return Err(Failure::foreign("the role", role.arn()));
        }
        // A new role may be visible to one call and not to another yet. Then it has no policies either.
        let (inline, attached) = (inline.or_absent()?.unwrap_or_default(), attached.or_absent()?.unwrap_or_default());
        let live = RoleLive {
            max_session_s: role.max_session_duration().unwrap_or(MAX_SESSION_S),
            instance_profiles: profiles.or_absent()?.unwrap_or_default(),
            trust: document(role.assume_role_policy_document().unwrap_or("{}"), &doing)?,
            description: role.description().unwrap_or_default().to_owned(),
            boundary: role.permissions_boundary().and_then(|bound| bound.permissions_boundary_arn.clone()),
            inline: self.documents(&key.name, inline).await?,
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
        let fields: BTreeSet<String> = want.drift(&found.live).into_iter().map(|setting| setting.field).collect();
        let has = |field: &str| fields.contains(field);
        if has("AssumeRolePolicyDocument") {
            self.set_trust(&want.name, &want.trust, task).await?;
        }
        if has("PolicyNames") {
            for (name, _) in want.unwanted(&found.live) {
                self.remove_inline(&want.name, name, task).await?;
            }
        }
        if has("AttachedPolicies") {
            for arn in &found.live.attached {
                self.detach(&want.name, arn, task).await?;
            }
        }
        if has("InstanceProfiles") {
            for profile in &found.live.instance_profiles {
                self.leave(&want.name, profile, task).await?;
            }
        }
        if has("PermissionsBoundary") {
            self.bound(want, task).await?;
        }
        if has("Description") || has("MaxSessionDuration") {
            self.describe(want, task).await?;
        }
        Ok(found.outputs.clone())
    }

    async fn tags(&self, of: &RoleOutputs, _: &Task) -> Result<Option<Tags>, Failure> {
        let answer = self.client.get_role().role_name(&of.name).send().await;
        let answer = answer.or_fail(&format!("read the tags of the role {}", of.name)).or_absent()?;
        Ok(answer
            .and_then(|answer| answer.role)
            .map(|answer| read(answer.tags().iter().map(|tag| (tag.key(), tag.value())))))
    }

    async fn retag(&self, of: &RoleOutputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(&of.name, change, task).await
    }

    async fn vouch(&self, recorded: &RoleOutputs, _: &Task) -> Result<bool, Failure> {
        // A role that was created again under the name has another unique id.
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
                    // It still has policies, or is still in an instance profile: new ones, or removed ones that IAM
                    // still sees.
                    let (inline, attached, profiles) = tokio::join!(
                        self.inline(&gone.name),
                        self.attached(&gone.name),
                        self.instance_profiles(&gone.name),
                    );
                    for name in inline.iter().flatten() {
                        self.remove_inline(&gone.name, name, task).await?;
                    }
                    for arn in attached.iter().flatten() {
                        self.detach(&gone.name, arn, task).await?;
                    }
                    for profile in profiles.iter().flatten() {
                        self.leave(&gone.name, profile, task).await?;
                    }
                    // A list that cannot be read matters only if the deletion is refused again.
                    let unread = inline.err().or(attached.err()).or(profiles.err());
                    delete().await.map_err(|conflict| unread.unwrap_or(conflict))
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

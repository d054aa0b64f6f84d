//! Which role an identity pool gives to its users. AWS refuses a role for a while after it was created (docs/aws.md,
//! Identity pools).

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{CognitoIdentity, IDENTITY_POOLS};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::{IDENTITY_BUSY, IDENTITY_ROLES, settled};
use crate::engine::{Comparison, Drift, Failure, Found, Listing, Provider, Resource, Task};
use crate::layer::Layer;
use crate::regions::Service;
use crate::scope::Whose;

#[derive(Debug, Clone)]
pub struct IdentityPoolRoles {
    pub pool_id: String,
    pub role_arn: String,
}

/// The outputs are also the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdentityPoolRolesOutputs {
    pub pool_id: String,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct IdentityPoolRolesLive {
    /// By recipient: `authenticated` or `unauthenticated`.
    pub roles: BTreeMap<String, String>,
    /// The number of rules by which tokens choose other roles.
    pub mappings: usize,
}

impl Resource for IdentityPoolRoles {
    const KIND: &'static str = "cognito.identity_pool_roles";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = IdentityPoolRolesOutputs;
    type Outputs = IdentityPoolRolesOutputs;
    type Live = IdentityPoolRolesLive;

    fn key(&self) -> IdentityPoolRolesOutputs {
        IdentityPoolRolesOutputs { pool_id: self.pool_id.clone() }
    }

    fn identity(outputs: &IdentityPoolRolesOutputs) -> String {
        outputs.pool_id.clone()
    }

    fn removal_command(_: &IdentityPoolRolesOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &IdentityPoolRolesLive) -> Comparison {
        let drift = {
            let mut drift = Vec::new();
            match live.roles.get("authenticated") {
                Some(role) if *role == self.role_arn => {}
                Some(role) => drift.push(Drift::weakening("Roles.authenticated", &self.role_arn, role)),
                None => drift.push(Drift::new("Roles.authenticated", &self.role_arn, "none")),
            }
            if let Some(role) = live.roles.get("unauthenticated") {
                drift.push(Drift::weakening("Roles.unauthenticated", "none", role));
            }
            if live.mappings > 0 {
                drift.push(Drift::weakening("RoleMappings", "none", live.mappings));
            }
            drift
        };
        drift.into_iter().collect()
    }
}

impl Described for IdentityPoolRoles {
    const ABOUT: Kind = Kind {
        service: Service::IdentityPools,
        label: "identity pool roles",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::Cognito,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: IDENTITY_POOLS,
                rights: &[Permissions { needs: &[Usage::Read], actions: &["cognito-identity:GetIdentityPoolRoles"] }],
            },
            // AWS cannot limit it to a pool. The permission to pass roles limits which roles it can set.
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[Permissions {
                    needs: &[Usage::Create, Usage::Update, Usage::Delete],
                    actions: &["cognito-identity:SetIdentityPoolRoles"],
                }],
            },
            StatementTemplate {
                sid: Sid::PassRolesToIdentityPools,
                on: &["arn:{partition}:iam::{account}:role/securelambda/{stack}/*"],
                rights: &[Permissions { needs: &[Usage::Create, Usage::Update], actions: &["iam:PassRole"] }],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Authentication,
            subject: "identity pool {}",
            holds: "it gives users only its own role",
            read: "GetIdentityPoolRoles",
        },
    };
}

impl CognitoIdentity {
    async fn set_roles(&self, want: &IdentityPoolRoles, task: &Task) -> Result<IdentityPoolRolesOutputs, Failure> {
        // The call replaces all roles, so it may be repeated.
        let set = settled(task, &[&IDENTITY_ROLES], || async {
            let call = self.client.set_identity_pool_roles().identity_pool_id(&want.pool_id);
            let call = call.roles("authenticated", &want.role_arn);
            call.send().await.or_fail(&format!("set the roles of the identity pool {}", want.pool_id))
        });
        set.await?;
        Ok(want.key())
    }
}

impl Provider<IdentityPoolRoles> for CognitoIdentity {
    async fn read(
        &self,
        key: &IdentityPoolRolesOutputs,
        _: Option<&IdentityPoolRolesOutputs>,
        _: &Task,
    ) -> Result<Option<Found<IdentityPoolRoles>>, Failure> {
        let call = self.client.get_identity_pool_roles().identity_pool_id(&key.pool_id).send().await;
        let read = call.or_fail(&format!("read the roles of the identity pool {}", key.pool_id)).or_absent()?;
        let Some(read) = read else { return Ok(None) };
        let live = IdentityPoolRolesLive {
            roles: read.roles.unwrap_or_default().into_iter().collect(),
            mappings: read.role_mappings.map_or(0, |all| all.len()),
        };
        // A pool without roles counts as absent.
        Ok((live != IdentityPoolRolesLive::default()).then(|| Found { outputs: key.clone(), live }))
    }

    async fn create(&self, want: &IdentityPoolRoles, task: &Task) -> Result<IdentityPoolRolesOutputs, Failure> {
        self.set_roles(want, task).await
    }

    async fn update(
        &self,
        want: &IdentityPoolRoles,
        _: &Found<IdentityPoolRoles>,
        task: &Task,
    ) -> Result<IdentityPoolRolesOutputs, Failure> {
        self.set_roles(want, task).await
    }

    async fn delete(&self, gone: &IdentityPoolRolesOutputs, task: &Task) -> Result<(), Failure> {
        // There is no call that deletes them; an empty map is set.
        let set = settled(task, &[&IDENTITY_BUSY], || async {
            let call = self.client.set_identity_pool_roles().identity_pool_id(&gone.pool_id);
            let call = call.set_roles(Some(HashMap::new()));
            call.send().await.or_fail(&format!("take the roles off the identity pool {}", gone.pool_id))
        });
        set.await.or_absent().map(drop)
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

    #[test]
    fn another_role_and_a_role_for_guests_weaken() {
        let roles = IdentityPoolRoles { pool_id: "p".into(), role_arn: "arn:r".into() };
        let is = |entries: &[(&str, &str)], mappings| IdentityPoolRolesLive {
            roles: entries.iter().map(|(who, role)| ((*who).to_owned(), (*role).to_owned())).collect(),
            mappings,
        };
        assert_eq!(roles.drift(&is(&[("authenticated", "arn:r")], 0)), vec![]);
        let table = [
            is(&[("authenticated", "arn:other")], 0),
            is(&[("authenticated", "arn:r"), ("unauthenticated", "arn:r")], 0),
            is(&[("authenticated", "arn:r")], 1),
        ];
        assert!(table.iter().all(|live| roles.drift(live)[0].weakens));
    }

    #[tokio::test]
    async fn a_refused_deletion_is_not_repeated() {
        let roles = IdentityPoolRolesOutputs { pool_id: "r:1".into() };
        let (clients, http) =
            replay(vec![(400, r#"{"__type":"InvalidParameterException","message":"1 validation error"}"#)]);
        let gone = Provider::<IdentityPoolRoles>::delete(
            &CognitoIdentity::new(&clients),
            &roles,
            &Task::detached("identity_pool.Services"),
        )
        .await;
        assert_eq!(gone.map_err(|failure| failure.cause), Err(Cause::Refused));
        assert_eq!(asked(&http).len(), 1);
    }
}

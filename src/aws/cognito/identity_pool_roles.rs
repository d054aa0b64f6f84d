//! The role that an identity pool gives to its users. AWS refuses a role for a while after its creation (docs/aws.md,
//! Identity pools).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_cognitoidentity::operation::get_identity_pool_roles::GetIdentityPoolRolesOutput;
use aws_sdk_cognitoidentity::types::{AmbiguousRoleResolutionType, RoleMapping, RoleMappingType};
use serde::{Deserialize, Serialize};

use super::refusals::{IDENTITY_BUSY, IDENTITY_ROLES, NO_PRINCIPAL_TAGS};
use super::{CognitoIdentity, IDENTITY_POOLS};
use crate::aws::cognito::COGNITO_IDENTITY;
use crate::aws::error::{OrAbsent, OrFail, built};
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::settled;
use crate::engine::{Comparison, Effect, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

#[derive(Debug, Clone)]
pub struct IdentityPoolRoles {
    pub pool_id: String,
    /// The role of the users who are in no group with a role.
    pub role_arn: String,
    /// The app client whose tokens name the role of a user's group; `None` if all users get `role_arn`.
    pub roles_from: Option<String>,
    /// The user pool, as the identity pool knows it: `cognito-idp.<region>.amazonaws.com/<pool>`.
    pub provider: String,
    /// The claim of the ID token from which the tag of a session gets its value, by the tag.
    pub tags: BTreeMap<String, String>,
}

/// The outputs are also the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdentityPoolRolesOutputs {
    pub pool_id: String,
    /// Empty in a state file that an older version of this program wrote.
    #[serde(default)]
    pub provider: String,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct IdentityPoolRolesLive {
    /// The ARN of the role by type of identity: `authenticated` or `unauthenticated`.
    pub roles: BTreeMap<String, String>,
    /// The mappings that give other roles by token or by rules, by provider and app client: [`BY_TOKEN`], or another
    /// type of mapping.
    pub mappings: BTreeMap<String, String>,
    /// The principal tags that sessions get from claims of tokens, as `tag: claim`. Policies may trust them.
    pub tags: BTreeSet<String>,
}

/// The mapping of groups with roles: a token names the role, and without a role in it the user gets the role of all
/// users.
const BY_TOKEN: &str = "Token, otherwise AuthenticatedRole";

impl IdentityPoolRoles {
    /// The provider whose tokens name roles.
    fn mapped(&self) -> Option<String> {
        Some(format!("{}:{}", self.provider, self.roles_from.as_ref()?))
    }

    /// The comparison of the wanted mapping, and the mappings that should not exist.
    fn compare_mappings<'a>(&self, live: &'a IdentityPoolRolesLive) -> (Comparison, Vec<&'a String>) {
        let Some(wanted) = self.mapped() else { return (Comparison::default(), live.mappings.keys().collect()) };
        let effect = match live.mappings.get(&wanted).map(String::as_str) {
            Some(BY_TOKEN) => Effect::Same,
            // Fewer users get the role of a group, or any role.
            None => Effect::Differs,
            Some(other) => Effect::of_difference(!other.starts_with(RoleMappingType::Token.as_str())),
        };
        let is = live.mappings.get(&wanted).map_or("none", String::as_str);
        let others = live.mappings.keys().filter(|provider| **provider != wanted).collect();
        (Comparison::default().judged("RoleMappings.Type", BY_TOKEN, is, effect), others)
    }
}

/// A mapping in words.
fn mapping_words(mapping: &RoleMapping) -> String {
    match (mapping.r#type(), mapping.ambiguous_role_resolution()) {
        (kind @ RoleMappingType::Token, Some(otherwise)) => format!("{kind}, otherwise {otherwise}"),
        (kind, _) => kind.to_string(),
    }
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
        IdentityPoolRolesOutputs { pool_id: self.pool_id.clone(), provider: self.provider.clone() }
    }

    fn identity(outputs: &IdentityPoolRolesOutputs) -> String {
        outputs.pool_id.clone()
    }

    fn removal_command(_: &IdentityPoolRolesOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &IdentityPoolRolesLive) -> Comparison {
        let (role, others): (Vec<_>, Vec<_>) = live.roles.iter().partition(|(who, _)| *who == "authenticated");
        let effect = match role.as_slice() {
            // Without a role nobody gets credentials.
            [] => Effect::Differs,
            [(_, role)] => Effect::weakens_unless(**role == self.role_arn),
            _ => Effect::Weakens,
        };
        let role = role.first().map_or("none", |(_, role)| role.as_str());
        let (compared, others_mapped) = self.compare_mappings(live);
        let wanted: BTreeSet<String> = self.tags.iter().map(|(tag, claim)| format!("{tag}: {claim}")).collect();
        // With fewer tags, fewer conditions hold.
        let tags = match (wanted == live.tags, live.tags.is_subset(&wanted)) {
            (true, _) => Effect::Same,
            (false, fewer) => Effect::of_difference(!fewer),
        };
        let words = |tags: &BTreeSet<String>| match tags.iter().cloned().collect::<Vec<_>>().join(", ") {
            none if none.is_empty() => "none".to_owned(),
            tags => tags,
        };
        let mapping = |provider: &String| format!("{provider} by {}", live.mappings[provider]);
        compared
            .judged("Roles.authenticated", &self.role_arn, role, effect)
            .nothing_else("Roles", others.into_iter().map(|(who, role)| format!("{who}: {role}")))
            .nothing_else("RoleMappings", others_mapped.into_iter().map(mapping))
            .judged("PrincipalTags", words(&wanted), words(&live.tags), tags)
    }
}

impl Described for IdentityPoolRoles {
    const ABOUT: Kind = Kind {
        service: COGNITO_IDENTITY,
        label: "identity pool roles",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::Cognito,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: IDENTITY_POOLS,
                rights: &[Permissions {
                    needs: &[Usage::Read],
                    actions: &["cognito-identity:GetIdentityPoolRoles", "cognito-identity:GetPrincipalTagAttributeMap"],
                }],
            },
            // AWS cannot limit `SetPrincipalTagAttributeMap` to a pool, so it would allow changing the tags of every
            // pool (docs/least-privilege.md). Only stacks with tags of their own get this permission; without it, `up`
            // cannot remove another tool's tags. AWS cannot limit `SetIdentityPoolRoles` to a pool either, but the
            // permission to pass roles limits which roles it can set.
            StatementTemplate {
                sid: Sid::TagSessions,
                on: &["{session-tags}"],
                rights: &[Permissions {
                    needs: &[Usage::Create, Usage::Update],
                    actions: &["cognito-identity:SetPrincipalTagAttributeMap"],
                }],
            },
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
            holds: "it gives users only its own roles",
            read: "GetIdentityPoolRoles, GetPrincipalTagAttributeMap",
        },
    };
}

impl CognitoIdentity {
    async fn roles(&self, pool_id: &str) -> Result<Option<GetIdentityPoolRolesOutput>, Failure> {
        let call = self.client.get_identity_pool_roles().identity_pool_id(pool_id).send().await;
        call.or_fail(&format!("read the roles of the identity pool {pool_id}")).or_absent()
    }

    /// The principal tags that sessions get from the user pool's tokens, as text.
    async fn principal_tags(&self, key: &IdentityPoolRolesOutputs) -> Result<BTreeSet<String>, Failure> {
        let call = self.client.get_principal_tag_attribute_map().identity_pool_id(&key.pool_id);
        let answer = call.identity_provider_name(&key.provider).send().await;
        let answer = match answer.or_fail(&format!("read the principal tags of the identity pool {}", key.pool_id)) {
            Err(failure) if NO_PRINCIPAL_TAGS.is(&failure) => return Ok(BTreeSet::new()),
            answer => answer?,
        };
        let tags = answer.principal_tags.unwrap_or_default();
        let mut tags: BTreeSet<String> = tags.into_iter().map(|(tag, claim)| format!("{tag}: {claim}")).collect();
        tags.extend((answer.use_defaults == Some(true)).then(|| "AWS's defaults".to_owned()));
        Ok(tags)
    }

    async fn set_principal_tags(&self, want: &IdentityPoolRoles, task: &Task) -> Result<(), Failure> {
        let set = settled(task, &[&IDENTITY_BUSY], || async {
            let call = self.client.set_principal_tag_attribute_map().identity_pool_id(&want.pool_id);
            let call = call.identity_provider_name(&want.provider).use_defaults(false);
            let call = call.set_principal_tags(Some(want.tags.clone().into_iter().collect()));
            call.send().await.or_fail(&format!("set the principal tags of the identity pool {}", want.pool_id))
        });
        set.await.map(drop)
    }

    async fn set_roles(&self, want: &IdentityPoolRoles, task: &Task) -> Result<IdentityPoolRolesOutputs, Failure> {
        let by_token = RoleMapping::builder()
            .r#type(RoleMappingType::Token)
            .ambiguous_role_resolution(AmbiguousRoleResolutionType::AuthenticatedRole);
        let by_token = built(by_token.build())?;
        let mappings: Option<HashMap<_, _>> = want.mapped().map(|provider| [(provider, by_token)].into());
        // The call replaces all roles, so it may be repeated.
        let set = settled(task, &[&IDENTITY_ROLES], || async {
            let call = self.client.set_identity_pool_roles().identity_pool_id(&want.pool_id);
            let call = call.roles("authenticated", &want.role_arn).set_role_mappings(mappings.clone());
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
        let (roles, tags) = tokio::join!(self.roles(&key.pool_id), self.principal_tags(key));
        let Some(read) = roles? else { return Ok(None) };
        let mapping = |(provider, mapping): (String, RoleMapping)| (provider, mapping_words(&mapping));
        let live = IdentityPoolRolesLive {
            roles: read.roles.unwrap_or_default().into_iter().collect(),
            mappings: read.role_mappings.unwrap_or_default().into_iter().map(mapping).collect(),
            tags: BTreeSet::new(),
        };
        // A pool without roles counts as absent.
        if live == IdentityPoolRolesLive::default() {
            return Ok(None);
        }
        Ok(Some(Found { outputs: key.clone(), live: IdentityPoolRolesLive { tags: tags?, ..live } }))
    }

    async fn create(&self, want: &IdentityPoolRoles, task: &Task) -> Result<IdentityPoolRolesOutputs, Failure> {
        let outputs = self.set_roles(want, task).await?;
        if !want.tags.is_empty() {
            self.set_principal_tags(want, task).await?;
        }
        Ok(outputs)
    }

    async fn update(
        &self,
        want: &IdentityPoolRoles,
        found: &Found<IdentityPoolRoles>,
        task: &Task,
    ) -> Result<IdentityPoolRolesOutputs, Failure> {
        if want.drift(&found.live).iter().any(|drift| drift.field == "PrincipalTags") {
            self.set_principal_tags(want, task).await?;
        }
        self.set_roles(want, task).await
    }

    async fn delete(&self, gone: &IdentityPoolRolesOutputs, task: &Task) -> Result<(), Failure> {
        // AWS has no call that deletes the roles, so we set an empty map.
        let set = settled(task, &[&IDENTITY_BUSY], || async {
            let call = self.client.set_identity_pool_roles().identity_pool_id(&gone.pool_id);
            let call = call.set_roles(Some(HashMap::new()));
            call.send().await.or_fail(&format!("remove the roles of the identity pool {}", gone.pool_id))
        });
        set.await.or_absent().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Cause;

    fn want() -> IdentityPoolRoles {
        let (pool_id, role_arn, provider) = ("r:1".into(), "arn:r".into(), "cognito-idp.x/p".into());
        IdentityPoolRoles { pool_id, role_arn, roles_from: None, provider, tags: BTreeMap::new() }
    }

    fn task() -> Task {
        Task::detached("identity-pool-roles.Services")
    }

    const ROLES: &str = r#"{"IdentityPoolId":"r:1","Roles":{"authenticated":"arn:r"}}"#;
    const NO_TAGS: &str = r#"{"__type":"ResourceNotFoundException","message":"No Principal Tags configured"}"#;

    async fn read(roles: &str, tags: (u16, &str)) -> Option<Found<IdentityPoolRoles>> {
        let (clients, http) = replay(vec![(200, roles), tags]);
        let pools = CognitoIdentity::new(&clients);
        let found = Provider::<IdentityPoolRoles>::read(&pools, &want().key(), None, &task()).await;
        assert_eq!(asked(&http).len(), 2);
        found.expect("no failure")
    }

    #[tokio::test]
    async fn what_gives_somebody_another_role_or_tag_weakens() {
        let sound = read(ROLES, (400, NO_TAGS)).await.expect("found");
        assert_eq!(want().drift(&sound.live), vec![]);
        assert_eq!(want().compare(&sound.live).settings().len(), 4);
        let none = (400, NO_TAGS);
        let table = [
            (r#"{"Roles":{"authenticated":"arn:other"}}"#, none, "Roles.authenticated", "arn:other", true),
            (
                r#"{"Roles":{"authenticated":"arn:r","unauthenticated":"arn:g"}}"#,
                none,
                "Roles",
                "unauthenticated: arn:g",
                true,
            ),
            (
                r#"{"Roles":{"authenticated":"arn:r"},"RoleMappings":{"cognito-idp.x/p:c":{"Type":"Token"}}}"#,
                none,
                "RoleMappings",
                "cognito-idp.x/p:c by Token",
                true,
            ),
            (
                ROLES,
                (200, r#"{"UseDefaults":false,"PrincipalTags":{"role":"custom:role"}}"#),
                "PrincipalTags",
                "role: custom:role",
                true,
            ),
            (ROLES, (200, r#"{"UseDefaults":true,"PrincipalTags":{}}"#), "PrincipalTags", "AWS's defaults", true),
        ];
        for (roles, tags, field, live, weakens) in table {
            let drift = want().drift(&read(roles, tags).await.expect("found").live);
            let told: Vec<_> = drift.iter().map(|d| (d.field.as_str(), d.live.as_str(), d.weakens)).collect();
            assert_eq!(told, [(field, live, weakens)]);
        }
        assert!(read("{}", none).await.is_none(), "a pool without roles");
        let empty = (200, r#"{"UseDefaults":false,"PrincipalTags":{}}"#);
        assert_eq!(want().drift(&read(ROLES, empty).await.expect("found").live), vec![]);
    }

    #[tokio::test]
    async fn an_update_removes_tags_and_sets_the_one_role() {
        let tags = (200, r#"{"UseDefaults":true,"PrincipalTags":{"role":"custom:role"}}"#);
        let found = read(ROLES, tags).await.expect("found");
        let (clients, http) = replay(vec![(200, "{}"), (200, "{}")]);
        let pools = CognitoIdentity::new(&clients);
        Provider::<IdentityPoolRoles>::update(&pools, &want(), &found, &task()).await.expect("updated");
        let asked = asked(&http);
        assert_eq!((asked[0].0.as_str(), asked[1].0.as_str()), ("SetPrincipalTagAttributeMap", "SetIdentityPoolRoles"));
        let sent: serde_json::Value = serde_json::from_str(&asked[0].1).expect("JSON");
        assert_eq!((&sent["UseDefaults"], &sent["PrincipalTags"]), (&false.into(), &serde_json::json!({})));
    }

    #[tokio::test]
    async fn wanted_tags_are_set_and_others_weaken() {
        let tags = BTreeMap::from([("tenant".to_owned(), "custom:tenant".to_owned())]);
        let want = IdentityPoolRoles { tags, ..want() };
        let (clients, http) = replay(vec![(200, "{}"), (200, "{}")]);
        let made = Provider::<IdentityPoolRoles>::create(&CognitoIdentity::new(&clients), &want, &task()).await;
        assert_eq!(made, Ok(want.key()));
        let sent: serde_json::Value = serde_json::from_str(&asked(&http)[1].1).expect("JSON");
        assert_eq!(sent["PrincipalTags"], serde_json::json!({ "tenant": "custom:tenant" }));
        for (tags, expected) in [
            (r#"{"PrincipalTags":{"tenant":"custom:tenant"}}"#, None),
            (r#"{"PrincipalTags":{}}"#, Some(false)),
            (r#"{"PrincipalTags":{"tenant":"custom:theirs"}}"#, Some(true)),
            (r#"{"UseDefaults":true,"PrincipalTags":{"tenant":"custom:tenant"}}"#, Some(true)),
        ] {
            let drift = want.drift(&read(ROLES, (200, tags)).await.expect("found").live);
            let weakens: Vec<bool> = drift.iter().map(|one| one.weakens).collect();
            assert_eq!(weakens, Vec::from_iter(expected), "{tags}");
        }
    }

    #[tokio::test]
    async fn tokens_of_the_stacks_client_choose_the_role_of_a_group_and_no_other_rule_does() {
        let want = IdentityPoolRoles { roles_from: Some("c".into()), ..want() };
        let roles =
            |mappings: &str| format!(r#"{{"Roles":{{"authenticated":"arn:r"}},"RoleMappings":{{{mappings}}}}}"#);
        let ours = r#""cognito-idp.x/p:c":{"Type":"Token","AmbiguousRoleResolution":"AuthenticatedRole"}"#;
        let deny = r#""cognito-idp.x/p:c":{"Type":"Token","AmbiguousRoleResolution":"Deny"}"#;
        let by_rule = r#""cognito-idp.x/p:c":{"Type":"Rules","AmbiguousRoleResolution":"Deny"}"#;
        let other = format!(r#"{ours},"cognito-idp.x/p:d":{{"Type":"Token","AmbiguousRoleResolution":"Deny"}}"#);
        for (mappings, field, live, weakens) in [
            ("", "RoleMappings.Type", "none", false),
            (deny, "RoleMappings.Type", "Token, otherwise Deny", false),
            (by_rule, "RoleMappings.Type", "Rules", true),
            (other.as_str(), "RoleMappings", "cognito-idp.x/p:d by Token, otherwise Deny", true),
        ] {
            let drift = want.drift(&read(&roles(mappings), (400, NO_TAGS)).await.expect("found").live);
            let told: Vec<_> = drift.iter().map(|d| (d.field.as_str(), d.live.as_str(), d.weakens)).collect();
            assert_eq!(told, [(field, live, weakens)]);
        }
        assert_eq!(want.drift(&read(&roles(ours), (400, NO_TAGS)).await.expect("found").live), vec![]);
        let (clients, http) = replay(vec![(200, "{}")]);
        Provider::<IdentityPoolRoles>::create(&CognitoIdentity::new(&clients), &want, &task()).await.expect("set");
        let sent: serde_json::Value = serde_json::from_str(&asked(&http)[0].1).expect("JSON");
        let expected = serde_json::json!({
            "cognito-idp.x/p:c": { "Type": "Token", "AmbiguousRoleResolution": "AuthenticatedRole" },
        });
        assert_eq!(sent["RoleMappings"], expected);
    }

    #[tokio::test]
    async fn a_refused_deletion_is_not_repeated() {
        let roles = want().key();
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

//! Identity pools: temporary credentials of a role for the users of a user pool.
//!
//! Names are not unique, and an update replaces all settings (docs/aws.md, Identity pools).

use std::collections::HashMap;

use aws_sdk_cognitoidentity::Client;
use aws_sdk_cognitoidentity::types::CognitoIdentityProvider;
use serde::{Deserialize, Serialize};

use super::IDENTITY_POOLS;
use super::refusals::IDENTITY_BUSY;
use crate::aws::Clients;
use crate::aws::cognito::COGNITO_IDENTITY;
use crate::aws::error::{OrAbsent, OrFail, several};
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::pages::{as_far_as_it_goes, closer, whole};
use crate::aws::retries::{client, once};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::settled;
use crate::aws::tags::{described, pairs, read, tag_map};
use crate::engine::{
    Comparison, Drift, Failure, Found, InventoryItem, Listing, Provider, Resource, Retag, Tags, Task, Unread,
};
use crate::layer::Layer;
use crate::scope::{Owner, Scope, Whose};

/// The size of a list's page; the most that AWS allows.
const PAGE: i32 = 60;

/// Manages identity pools.
#[derive(Debug, Clone)]
pub struct CognitoIdentity {
    pub(super) client: Client,
    /// Without the SDK's retries, for calls that create.
    once: Client,
    scope: Scope,
    emulated: bool,
}

impl CognitoIdentity {
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: client!(aws_sdk_cognitoidentity, &clients.sdk),
            once: once!(aws_sdk_cognitoidentity, &clients.once),
            scope: clients.scope.clone(),
            emulated: clients.is_emulator(),
        }
    }

    fn arn(&self, id: &str) -> String {
        self.scope.arn("cognito-identity", &format!("identitypool/{id}"))
    }

    fn owns(&self, found: &Found<IdentityPool>) -> bool {
        self.scope.owns(described(Some(&found.live.tags), self.emulated))
    }
}

/// An identity pool for the users of one app client of one user pool. It has no guests and no classic flow, and does
/// not accept revoked tokens.
#[derive(Debug, Clone)]
pub struct IdentityPool {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// 1 to 128 of `A-Z a-z 0-9 _ + = , . @ -` and spaces; not unique.
    pub name: String,
    /// `cognito-idp.<region>.amazonaws.com/<pool>`.
    pub provider: String,
    /// The app client whose tokens it accepts.
    pub client_id: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdentityPoolOutputs {
    /// `<region>:<GUID>`.
    pub id: String,
}

/// An identity pool is found by its name among those with our tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdentityPoolKey {
    name: String,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct IdentityPoolLive {
    pub name: String,
    /// Whether unauthenticated identities (guests) get credentials.
    pub guests: bool,
    /// Whether the classic flow is allowed. In it, callers choose the role, and AWS does not narrow the session policy.
    pub classic_flow: bool,
    /// The tokens that it accepts: provider, app client, and whether it asks the user pool if a token was revoked.
    pub providers: Vec<(String, String, bool)>,
    /// The social logins that it accepts.
    pub logins: Vec<String>,
    /// The ARNs of the OpenID Connect providers that it accepts.
    pub openid: Vec<String>,
    /// The ARNs of the SAML providers that it accepts.
    pub saml: Vec<String>,
    /// The developer provider's name, under which developers may request credentials for any user.
    pub developer: Option<String>,
    /// All tags, because an update keeps other tags than ours.
    pub tags: HashMap<String, String>,
}

impl Resource for IdentityPool {
    const KIND: &'static str = "cognito.identity_pool";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = false;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = IdentityPoolKey;
    type Outputs = IdentityPoolOutputs;
    type Live = IdentityPoolLive;

    fn key(&self) -> IdentityPoolKey {
        IdentityPoolKey { name: self.name.clone() }
    }

    fn identity(outputs: &IdentityPoolOutputs) -> String {
        outputs.id.clone()
    }

    fn removal_command(outputs: &IdentityPoolOutputs) -> Option<String> {
        Some(format!("aws cognito-identity delete-identity-pool --identity-pool-id {}", outputs.id))
    }

    fn requires_replacement(&self, drift: &[Drift]) -> Option<Failure> {
        let fixed = drift.iter().find(|drift| drift.field == "DeveloperProviderName")?;
        let message =
            format!("AWS cannot remove the developer provider {} from the identity pool {}", fixed.live, self.name);
        Some(Failure::refused(message).hint(
            "only a new identity pool does not have it: delete this one with `aws cognito-identity delete-identity-pool` \
             and run `securelambda up` again",
        ))
    }

    fn compare(&self, live: &IdentityPoolLive) -> Comparison {
        let (ours, others): (Vec<_>, Vec<_>) = live
            .providers
            .iter()
            .partition(|(provider, client, _)| *provider == self.provider && *client == self.client_id);
        let other = |(provider, client, _): &(String, String, bool)| format!("{provider} {client}");
        let own = format!("{} {}", self.provider, self.client_id);
        let checked = ours.iter().all(|(_, _, checked)| *checked);
        Comparison::default()
            .plain("IdentityPoolName", &self.name, &live.name)
            .guard("AllowUnauthenticatedIdentities", false, live.guests)
            .guard("AllowClassicFlow", false, live.classic_flow)
            .plain("CognitoIdentityProviders", &own, if ours.is_empty() { "none" } else { own.as_str() })
            .guard("CognitoIdentityProviders.ServerSideTokenCheck", true, checked)
            .nothing_else("CognitoIdentityProviders of others", others.into_iter().map(other))
            .nothing_else("SupportedLoginProviders", &live.logins)
            .nothing_else("OpenIdConnectProviderARNs", &live.openid)
            .nothing_else("SamlProviderARNs", &live.saml)
            .nothing_else("DeveloperProviderName", &live.developer)
    }
}

impl Described for IdentityPool {
    const ABOUT: Kind = Kind {
        service: COGNITO_IDENTITY,
        label: "identity pool",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::Cognito,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::RetagOwn,
                on: &["{arn:cognito-identity}:identitypool/*"],
                rights: &[Permissions {
                    needs: &[Usage::Update],
                    actions: &["cognito-identity:TagResource", "cognito-identity:UntagResource"],
                }],
            },
            StatementTemplate {
                sid: Sid::FindOwn,
                on: IDENTITY_POOLS,
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Survivors],
                    actions: &["cognito-identity:DescribeIdentityPool"],
                }],
            },
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: IDENTITY_POOLS,
                rights: &[
                    Permissions { needs: &[Usage::Update], actions: &["cognito-identity:UpdateIdentityPool"] },
                    Permissions { needs: &[Usage::Delete], actions: &["cognito-identity:DeleteIdentityPool"] },
                ],
            },
            StatementTemplate {
                sid: Sid::MakeUserPools,
                on: &["*"],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["cognito-identity:CreateIdentityPool"] }],
            },
            StatementTemplate {
                sid: Sid::TagWhatIsMade,
                on: &["{arn:cognito-identity}:identitypool/${*}"],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["cognito-identity:TagResource"] }],
            },
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Survivors],
                    actions: &["cognito-identity:ListIdentityPools"],
                }],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Authentication,
            subject: "identity pool {}",
            holds: "it trusts only its own user pool and no guests",
            read: "DescribeIdentityPool",
        },
    };
}

impl IdentityPool {
    fn providers(&self) -> Vec<CognitoIdentityProvider> {
        let provider = CognitoIdentityProvider::builder().provider_name(&self.provider).client_id(&self.client_id);
        vec![provider.server_side_token_check(true).build()]
    }
}

impl Provider<IdentityPool> for CognitoIdentity {
    async fn read(
        &self,
        key: &IdentityPoolKey,
        known: Option<&IdentityPoolOutputs>,
        _: &Task,
    ) -> Result<Option<Found<IdentityPool>>, Failure> {
        let doing = format!("read the identity pool {}", key.name);
        if let Some(known) = known
            && let Some(found) = self.describe(&known.id, &doing).await?
        {
            if !self.owns(&found) {
                return Err(Failure::foreign("the identity pool", &self.arn(&known.id)));
            }
            return Ok(Some(found));
        }
        // Names are not unique, and the list does not show tags, so each pool of that name is read.
        let mut ours = Vec::new();
        for (id, _) in whole(self.named(|name| name == key.name).await)? {
            ours.extend(self.describe(&id, &doing).await?.filter(|found| self.owns(found)));
        }
        if ours.len() > 1 {
            let ids: Vec<&str> = ours.iter().map(|found| found.outputs.id.as_str()).collect();
            return Err(several("identity pools", &key.name, &ids));
        }
        Ok(ours.pop())
    }

    async fn create(&self, want: &IdentityPool, task: &Task) -> Result<IdentityPoolOutputs, Failure> {
        let tags = tag_map(&self.scope, &want.id);
        let made = settled(task, &[], || async {
            let call = self.once.create_identity_pool().identity_pool_name(&want.name);
            let call = call.allow_unauthenticated_identities(false).allow_classic_flow(false);
            let call = call.set_cognito_identity_providers(Some(want.providers()));
            let call = call.set_identity_pool_tags(Some(tags.clone()));
            call.send().await.or_fail(&format!("create the identity pool {}", want.name))
        });
        Ok(IdentityPoolOutputs { id: made.await?.identity_pool_id })
    }

    async fn update(
        &self,
        want: &IdentityPool,
        found: &Found<IdentityPool>,
        task: &Task,
    ) -> Result<IdentityPoolOutputs, Failure> {
        // An update replaces all settings. We send empty lists of other providers, because an emulator keeps a list
        // that is left out.
        let kept = found.live.tags.iter().filter(|(key, _)| !key.starts_with("aws:"));
        let mut tags: HashMap<String, String> = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
        tags.extend(tag_map(&self.scope, &want.id));
        let updated = settled(task, &[&IDENTITY_BUSY], || async {
            let call = self.client.update_identity_pool().identity_pool_id(&found.outputs.id);
            let call = call.identity_pool_name(&want.name).allow_unauthenticated_identities(false);
            let call = call.allow_classic_flow(false).set_cognito_identity_providers(Some(want.providers()));
            let call = call.set_supported_login_providers(Some(HashMap::new()));
            let call =
                call.set_open_id_connect_provider_arns(Some(Vec::new())).set_saml_provider_arns(Some(Vec::new()));
            let call = call.set_identity_pool_tags(Some(tags.clone()));
            call.send().await.or_fail(&format!("update the identity pool {}", want.name))
        });
        updated.await?;
        Ok(found.outputs.clone())
    }

    async fn tags(&self, of: &IdentityPoolOutputs, _: &Task) -> Result<Option<Tags>, Failure> {
        let answer = self.client.describe_identity_pool().identity_pool_id(&of.id).send().await;
        let answer = answer.or_fail(&format!("read the tags of the identity pool {}", of.id)).or_absent()?;
        Ok(answer.map(|answer| read(pairs(answer.identity_pool_tags()))))
    }

    async fn retag(&self, of: &IdentityPoolOutputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(&self.arn(&of.id), change, task).await
    }

    async fn delete(&self, gone: &IdentityPoolOutputs, task: &Task) -> Result<(), Failure> {
        let deleted = settled(task, &[&IDENTITY_BUSY], || async {
            let call = self.client.delete_identity_pool().identity_pool_id(&gone.id);
            call.send().await.or_fail(&format!("delete the identity pool {}", gone.id))
        });
        deleted.await.or_absent().map(drop)
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        self.list_pools(whose).await
    }
}

impl CognitoIdentity {
    /// The ids and names of all pools whose name satisfies `like`, and the failure if the list could not be read to its
    /// end.
    async fn named(&self, like: impl Fn(&str) -> bool) -> (Vec<(String, String)>, Option<Failure>) {
        let pools = self.client.list_identity_pools().max_results(PAGE).into_paginator().items().send();
        let (pools, cut) = as_far_as_it_goes!(pools, "list the identity pools");
        let named = pools.into_iter().filter_map(|pool| pool.identity_pool_id.zip(pool.identity_pool_name));
        (named.filter(|(_, name)| like(name)).collect(), cut)
    }

    async fn listed_pool(&self, id: String) -> Result<Listing, Failure> {
        // The list was out of date, and the pool is deleted.
        let Some(found) = self.describe(&id, &format!("read the identity pool {id}")).await? else {
            return Ok(Listing::default());
        };
        let owner = Owner::read(described(Some(&found.live.tags), self.emulated));
        let (name, outputs) = (found.live.name, found.outputs);
        let key = |_| IdentityPoolKey { name: name.clone() };
        Ok(vec![InventoryItem::new::<IdentityPool>((&name, &self.arn(&id)), owner, key, &outputs)].into())
    }

    /// The pool with this id, even if it does not belong to the stack.
    async fn describe(&self, id: &str, doing: &str) -> Result<Option<Found<IdentityPool>>, Failure> {
        let described = self.client.describe_identity_pool().identity_pool_id(id).send().await;
        let Some(pool) = described.or_fail(doing).or_absent()? else { return Ok(None) };
        let providers = pool.cognito_identity_providers.unwrap_or_default().into_iter().map(|one| {
            let checked = one.server_side_token_check.unwrap_or_default();
            (one.provider_name.unwrap_or_default(), one.client_id.unwrap_or_default(), checked)
        });
        let live = IdentityPoolLive {
            name: pool.identity_pool_name,
            guests: pool.allow_unauthenticated_identities,
            classic_flow: pool.allow_classic_flow.unwrap_or_default(),
            providers: providers.collect(),
            logins: pool.supported_login_providers.unwrap_or_default().into_keys().collect(),
            openid: pool.open_id_connect_provider_arns.unwrap_or_default(),
            saml: pool.saml_provider_arns.unwrap_or_default(),
            developer: pool.developer_provider_name.filter(|name| !name.is_empty()),
            tags: pool.identity_pool_tags.unwrap_or_default(),
        };
        Ok(Some(Found { outputs: IdentityPoolOutputs { id: pool.identity_pool_id }, live }))
    }
}

impl CognitoIdentity {
    pub(super) async fn list_pools(&self, whose: &Whose) -> Result<Listing, Failure> {
        let (pools, cut) = self.named(|name| whose.may_own(name)).await;
        let looks = pools.into_iter().map(|(id, name)| (format!("{name} ({id})"), self.listed_pool(id)));
        let listing = closer::<IdentityPool, _>(looks.collect()).await;
        Ok(listing.and_unread(cut.map(|failure| Unread::new::<IdentityPool>(None, failure))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Cause;

    const PROVIDER: &str = "cognito-idp.eu-central-1.amazonaws.com/eu-central-1_A";

    fn want() -> IdentityPool {
        IdentityPool {
            id: "identity_pool.Services".into(),
            name: "demo-Services".into(),
            provider: PROVIDER.into(),
            client_id: "c1".into(),
        }
    }

    fn live() -> IdentityPoolLive {
        IdentityPoolLive {
            name: "demo-Services".into(),
            providers: vec![(PROVIDER.into(), "c1".into(), true)],
            ..IdentityPoolLive::default()
        }
    }

    fn described(id: &str, stack: &str) -> String {
        format!(
            r#"{{"IdentityPoolId":"{id}","IdentityPoolName":"demo-Services","AllowUnauthenticatedIdentities":false,
            "CognitoIdentityProviders":[{{"ProviderName":"{PROVIDER}","ClientId":"c1","ServerSideTokenCheck":true}}],
            "IdentityPoolTags":{{"securelambda:stack":"{stack}"}}}}"#
        )
    }

    fn task() -> Task {
        Task::detached("identity_pool.Services")
    }

    #[test]
    fn guests_and_other_providers_weaken() {
        assert_eq!(want().drift(&live()), vec![]);
        let provider = |provider: &str, client: &str, checked| vec![(provider.into(), client.into(), checked)];
        let table = [
            IdentityPoolLive { guests: true, ..live() },
            IdentityPoolLive { classic_flow: true, ..live() },
            IdentityPoolLive { providers: provider(PROVIDER, "c1", false), ..live() },
            IdentityPoolLive { providers: provider(PROVIDER, "c2", true), ..live() },
            IdentityPoolLive { providers: provider("accounts.google.com", "c1", true), ..live() },
            IdentityPoolLive { logins: vec!["accounts.google.com".into()], ..live() },
            IdentityPoolLive { openid: vec!["arn:o".into()], ..live() },
            IdentityPoolLive { saml: vec!["arn:s".into()], ..live() },
            IdentityPoolLive { developer: Some("d".into()), ..live() },
        ];
        for live in table {
            let drift = want().drift(&live);
            assert!(drift.iter().any(|drift| drift.weakens), "{live:?}");
            assert!(drift.iter().all(|drift| drift.weakens || drift.live == "none"), "{live:?}: {drift:?}");
        }
        let developed = IdentityPoolLive { developer: Some("d".into()), ..live() };
        assert!(want().requires_replacement(&want().drift(&developed)).is_some(), "AWS cannot change it");
        let guests = IdentityPoolLive { guests: true, ..live() };
        assert!(want().requires_replacement(&want().drift(&guests)).is_none());
        // Without a provider, nobody gets credentials.
        let drift = want().drift(&IdentityPoolLive { providers: vec![], ..live() });
        assert_eq!((drift.len(), drift[0].weakens), (1, false));
    }

    #[tokio::test]
    async fn an_unchanged_pool_costs_one_call_by_id() {
        let (clients, http) = replay(vec![(200, &described("r:1", "demo"))]);
        let known = IdentityPoolOutputs { id: "r:1".into() };
        let pools = CognitoIdentity::new(&clients);
        let found = Provider::<IdentityPool>::read(&pools, &want().key(), Some(&known), &task()).await;
        let found = found.expect("no failure").expect("found");
        assert_eq!((found.outputs, want().drift(&found.live)), (known, vec![]));
        assert_eq!(asked(&http).len(), 1);
    }

    #[tokio::test]
    async fn without_an_id_a_pool_is_found_by_name_and_tag_on_any_page() {
        let first =
            r#"{"IdentityPools":[{"IdentityPoolId":"r:0","IdentityPoolName":"demo-Services"}],"NextToken":"n"}"#;
        let second = r#"{"IdentityPools":[{"IdentityPoolId":"r:1","IdentityPoolName":"demo-Services"},
            {"IdentityPoolId":"r:2","IdentityPoolName":"other"}]}"#;
        let answers = vec![(200, first), (200, second)];
        let (theirs, ours) = (described("r:0", "other"), described("r:1", "demo"));
        let (clients, http) = replay([answers, vec![(200, theirs.as_str()), (200, ours.as_str())]].concat());
        let found = Provider::<IdentityPool>::read(&CognitoIdentity::new(&clients), &want().key(), None, &task()).await;
        assert_eq!(found.expect("no failure").expect("found").outputs.id, "r:1");
        assert_eq!(asked(&http).len(), 4);
    }

    #[tokio::test]
    async fn a_recorded_pool_without_our_tag_is_foreign() {
        let (clients, _) = replay(vec![(200, &described("r:1", "other"))]);
        let known = IdentityPoolOutputs { id: "r:1".into() };
        let pools = CognitoIdentity::new(&clients);
        let found = Provider::<IdentityPool>::read(&pools, &want().key(), Some(&known), &task()).await;
        assert_eq!(found.expect_err("a stranger").cause, Cause::Foreign);
    }

    #[tokio::test]
    async fn an_update_sends_all_that_it_would_reset() {
        let was = described("r:1", "demo").replace(r#""IdentityPoolTags":{"#, r#""IdentityPoolTags":{"team":"blue","#);
        let (clients, http) = replay(vec![(200, &was), (200, &was)]);
        let pools = CognitoIdentity::new(&clients);
        let known = IdentityPoolOutputs { id: "r:1".into() };
        let found = Provider::<IdentityPool>::read(&pools, &want().key(), Some(&known), &task()).await;
        let found = found.expect("no failure").expect("found");
        Provider::<IdentityPool>::update(&pools, &want(), &found, &task()).await.expect("updated");
        let body: serde_json::Value = serde_json::from_str(&asked(&http)[1].1).expect("JSON");
        let resource = "identity_pool.Services";
        let tags = serde_json::json!({
            "team": "blue", "securelambda:stack": "demo", "securelambda:resource": resource
        });
        assert_eq!(body["IdentityPoolTags"], tags);
        assert_eq!(body["AllowUnauthenticatedIdentities"], false);
    }

    #[tokio::test]
    async fn a_refused_update_is_not_repeated() {
        let wrong = r#"{"__type":"InvalidParameterException","message":"1 validation error"}"#;
        let (clients, http) = replay(vec![(400, wrong)]);
        let found = Found { outputs: IdentityPoolOutputs { id: "r:1".into() }, live: live() };
        let pools = CognitoIdentity::new(&clients);
        let done = Provider::<IdentityPool>::update(&pools, &want(), &found, &task()).await;
        assert_eq!(done.map_err(|failure| failure.cause), Err(Cause::Refused));
        assert_eq!(asked(&http).len(), 1);
    }

    #[tokio::test]
    async fn a_pool_is_created_once_without_guests() {
        let (clients, http) = replay(vec![(200, &described("r:1", "demo"))]);
        let made = Provider::<IdentityPool>::create(&CognitoIdentity::new(&clients), &want(), &task()).await;
        assert_eq!(made.map(|outputs| outputs.id), Ok("r:1".into()));
        let body = &asked(&http)[0].1;
        for part in
            [r#""AllowUnauthenticatedIdentities":false"#, r#""AllowClassicFlow":false"#, "ServerSideTokenCheck\":true"]
        {
            assert!(body.contains(part), "{part}: {body}");
        }
        let (clients, http) = replay(vec![(500, "{}")]);
        let made = Provider::<IdentityPool>::create(&CognitoIdentity::new(&clients), &want(), &task()).await;
        assert_eq!(made.map_err(|failure| failure.cause), Err(Cause::Unknown));
        assert_eq!(asked(&http).len(), 1, "an unanswered create is not repeated");
    }
}

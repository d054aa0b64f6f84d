//! App clients.

use aws_sdk_cognitoidentityprovider::types::{PreventUserExistenceErrorTypes, UserPoolClientType};
use serde::{Deserialize, Serialize};

use super::client_secret::{self, ClientSecretLive};
use super::client_settings::{self, ClientAttributes, OWN_PROVIDER, SESSION_MINUTES, SignInPages, TokenRules, units};
use super::refusals::COGNITO_BUSY;
use super::threat::Risk;
use super::{Cognito, POOLS};
use crate::aws::cognito::COGNITO_IDP;
use crate::aws::error::{OrAbsent, OrFail, empty, several};
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::refusals::DENIED;
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::settled;
use crate::aws::unsupported::unless_unsupported;
use crate::choices::SignInFlow;
use crate::engine::{Comparison, Drift, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// An app client of a pool. Either users sign in through it, or it is a program that gets access tokens for itself.
#[derive(Debug, Clone)]
pub struct AppClient {
    pub pool_id: String,
    /// 1 to 128 of letters, digits, spaces and `_+=,.@-`.
    pub name: String,
    /// How users sign in. Empty for a program that gets tokens for itself, which has scopes.
    pub flows: Vec<SignInFlow>,
    /// The scopes that such a program may request, for example `orders/read`.
    pub scopes: Vec<String>,
    /// `None`: users cannot sign in at the pool's domain with this client.
    pub pages: Option<SignInPages>,
    /// The name of the secret that gets `{"client_id", "client_secret"}`. `None`: the client is public and has no secret.
    pub secret_name: Option<String>,
    pub tokens: TokenRules,
    /// The attributes that tokens may contain, and those that users may set. AWS takes an empty list for nearly all
    /// attributes.
    pub attributes: ClientAttributes,
    /// Whether its pool has threat protection, so that a client can have its own risk configuration.
    pub watched: bool,
    /// Whether somebody else manages the pool. Other clients in that pool are not ours, even if they have the same
    /// name.
    pub in_their_pool: bool,
}

/// The name of a client in its pool. A client has no tags: it is ours if the pool is ours. In a pool that somebody else
/// manages, it is ours if its name begins with the stack's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppClientKey {
    pub(super) pool_id: String,
    pub(super) name: String,
    /// Whether to read its risk configuration.
    #[serde(default)]
    pub(super) watched: bool,
    /// Whether somebody else manages the pool, whose required attributes are then read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) in_their_pool: bool,
    /// The name of the Secrets Manager secret that contains a copy of the client's secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) secret_name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppClientOutputs {
    pub pool_id: String,
    /// Its id, which is not secret: every token contains it.
    pub client_id: String,
    pub name: String,
}

/// A client, as read from AWS. It is complete, because an update resets the settings that it leaves out.
#[derive(Debug, Clone)]
pub struct AppClientLive {
    pub(super) client: UserPoolClientType,
    /// The ids of the pool's other clients of the same name.
    pub(super) twins: Vec<String>,
    /// Whether it has its own risk configuration, instead of the pool's.
    pub(super) overrides: bool,
    /// The attributes that the pool of somebody else requires of every user.
    pub(super) required: Vec<String>,
    /// `None` if it has no secret, or should have none.
    pub(super) secret: Option<ClientSecretLive>,
    /// Whether an emulator gave the answer.
    pub(super) emulator: bool,
}

impl Resource for AppClient {
    const KIND: &'static str = "cognito.app_client";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = false;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = AppClientKey;
    type Outputs = AppClientOutputs;
    type Live = AppClientLive;

    fn key(&self) -> AppClientKey {
        AppClientKey {
            pool_id: self.pool_id.clone(),
            name: self.name.clone(),
            watched: self.watched,
            in_their_pool: self.in_their_pool,
            secret_name: self.secret_name.clone(),
        }
    }

    fn identity(outputs: &AppClientOutputs) -> String {
        format!("{}/{}", outputs.pool_id, outputs.client_id)
    }

    fn removal_command(outputs: &AppClientOutputs) -> Option<String> {
        Some(format!(
            "aws cognito-idp delete-user-pool-client --user-pool-id {} --client-id {}",
            outputs.pool_id, outputs.client_id
        ))
    }

    fn compare(&self, live: &AppClientLive) -> Comparison {
        client_secret::compare(client_settings::compare(self, live), self, live)
    }

    fn requires_replacement(&self, drift: &[Drift]) -> Option<Failure> {
        let changed = drift.iter().find(|drift| ["ClientSecret", client_secret::REPLACED].contains(&&*drift.field))?;
        Some(client_secret::unchangeable(self, changed.field != "ClientSecret" || changed.live == "set"))
    }
}

impl Described for AppClient {
    const ABOUT: Kind = Kind {
        service: COGNITO_IDP,
        label: "app client",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::Cognito,
        gone_before: &[],
        permissions: &[
            // `DescribeUserPool` tells whether the pool of a client that cannot be read is gone.
            StatementTemplate {
                sid: Sid::FindOwn,
                on: POOLS,
                rights: &[Permissions {
                    needs: &[Usage::Read],
                    actions: &["cognito-idp:DescribeUserPool", "cognito-idp:ListUserPoolClients"],
                }],
            },
            // The answer of `DescribeUserPoolClient` contains the client's secret.
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: POOLS,
                rights: &[
                    Permissions {
                        needs: &[Usage::Read],
                        actions: &[
                            "cognito-idp:DescribeRiskConfiguration",
                            "cognito-idp:DescribeUserPoolClient",
                            "cognito-idp:ListUserPoolClientSecrets",
                        ],
                    },
                    Permissions {
                        needs: &[Usage::Create, Usage::ShortLivedClient],
                        actions: &["cognito-idp:CreateUserPoolClient"],
                    },
                    Permissions {
                        needs: &[Usage::Update],
                        actions: &[
                            "cognito-idp:DeleteUserPoolClient",
                            "cognito-idp:DeleteUserPoolClientSecret",
                            "cognito-idp:SetRiskConfiguration",
                            "cognito-idp:UpdateUserPoolClient",
                        ],
                    },
                    Permissions {
                        needs: &[Usage::Delete, Usage::ShortLivedClient],
                        actions: &["cognito-idp:DeleteUserPoolClient"],
                    },
                ],
            },
            StatementTemplate {
                sid: Sid::ClientsInTheirPools,
                on: &["{pools-with-our-clients}"],
                rights: &[
                    Permissions { needs: &[Usage::Read], actions: &["cognito-idp:DescribeUserPoolClient"] },
                    Permissions { needs: &[Usage::Create], actions: &["cognito-idp:CreateUserPoolClient"] },
                    Permissions { needs: &[Usage::Update], actions: &["cognito-idp:UpdateUserPoolClient"] },
                    Permissions { needs: &[Usage::Delete], actions: &["cognito-idp:DeleteUserPoolClient"] },
                ],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Authentication,
            subject: "app client of {}",
            holds: "sign-in flows match the stack file",
            read: "DescribeUserPoolClient, ListUserPoolClients",
        },
    };
}

impl Cognito {
    /// A client by its ids; `None` if there is none, or no such pool.
    async fn app_client(&self, pool: &str, client: &str) -> Result<Option<UserPoolClientType>, Failure> {
        let call = self.client.describe_user_pool_client().user_pool_id(pool).client_id(client);
        let answer = match call.send().await.or_fail(&format!("read the app client {client}")).or_absent() {
            // An operator may read only clients of pools with the stack's tag. A pool that is gone has no tag.
            Err(failure) if DENIED.is(&failure) => match self.pool(pool).await? {
                None => None,
                Some(_) => return Err(failure),
            },
            answer => answer?,
        };
        Ok(answer.and_then(|answer| answer.user_pool_client))
    }

    /// Whether the client has its own risk configuration.
    async fn overrides_risks(&self, key: &AppClientKey, client: &str) -> Result<bool, Failure> {
        if !key.watched {
            return Ok(false);
        }
        let is_own = |risk: &aws_sdk_cognitoidentityprovider::types::RiskConfigurationType| {
            risk.client_id().is_some_and(|id| id == client)
                && (risk.account_takeover_risk_configuration().is_some()
                    || risk.compromised_credentials_risk_configuration().is_some()
                    || risk.risk_exception_configuration().is_some())
        };
        let risk = self.risks(&key.pool_id, Some(client)).await.or_absent()?;
        Ok(matches!(risk, Some(Risk::Read(risk)) if is_own(&risk)))
    }

    /// The list to send in an update. AWS resets a list that is left out. An emulator resets only a list that is sent.
    fn unless_empty<T: Clone>(&self, list: &[T]) -> Option<Vec<T>> {
        (self.emulator || !list.is_empty()).then(|| list.to_vec())
    }

    /// The identity providers to send in an update. A client without sign-in pages keeps the pool itself, if it names it.
    fn providers(&self, want: &AppClient, live: &UserPoolClientType) -> Option<Vec<String>> {
        if let Some(wanted) = want.providers() {
            return Some(wanted.into_iter().collect());
        }
        let named = live.supported_identity_providers().iter();
        let own: Vec<String> = named.filter(|name| *name == OWN_PROVIDER).cloned().collect();
        (self.emulator || !own.is_empty()).then_some(own)
    }

    /// A client with its secret, its risk configuration and its twins. `clients` are all clients of the pool.
    async fn whole_client(
        &self,
        key: &AppClientKey,
        id: &str,
        clients: impl Future<Output = Result<Vec<(String, String)>, Failure>>,
    ) -> Result<Option<Found<AppClient>>, Failure> {
        let (client, clients, overrides, required) = tokio::join!(
            self.app_client(&key.pool_id, id),
            clients,
            self.overrides_risks(key, id),
            self.required_by_others(key),
        );
        let Some(client) = client? else { return Ok(None) };
        let secret = match &key.secret_name {
            Some(name) if client.client_secret().is_some() => Some(self.secret_of(&client, name).await?),
            _ => None,
        };
        let twins = clients?.into_iter().filter(|(other, name)| other != id && *name == key.name);
        let outputs = AppClientOutputs {
            pool_id: key.pool_id.clone(),
            client_id: id.to_owned(),
            name: client.client_name().unwrap_or_default().to_owned(),
        };
        let twins = twins.map(|(id, _)| id).collect();
        let (overrides, required) = (overrides?, required?);
        let live = AppClientLive { client, twins, overrides, required, secret, emulator: self.emulator };
        Ok(Some(Found { outputs, live }))
    }
}

impl Provider<AppClient> for Cognito {
    async fn read(
        &self,
        key: &AppClientKey,
        known: Option<&AppClientOutputs>,
        _: &Task,
    ) -> Result<Option<Found<AppClient>>, Failure> {
        if let Some(known) = known.filter(|known| known.pool_id == key.pool_id)
            && let Some(found) = self.whole_client(key, &known.client_id, self.clients(&key.pool_id)).await?
        {
            return Ok(Some(found));
        }
        let clients = self.clients(&key.pool_id).await?;
        let named: Vec<&str> =
            clients.iter().filter(|(_, name)| *name == key.name).map(|(id, _)| id.as_str()).collect();
        match named.as_slice() {
            [] => Ok(None),
            [id] => self.whole_client(key, id, std::future::ready(Ok(Vec::new()))).await,
            all => Err(several("app clients", &key.name, all)),
        }
    }

    async fn create(&self, want: &AppClient, task: &Task) -> Result<AppClientOutputs, Failure> {
        let rotation = want.tokens.rotate.then(|| want.rotation()).transpose()?;
        let writes = want.writes(&self.required_by_others(&want.key()).await?);
        let made = settled(task, &[&COGNITO_BUSY], || async {
            self.once
                .create_user_pool_client()
                .user_pool_id(&want.pool_id)
                .client_name(&want.name)
                .generate_secret(want.secret_name.is_some())
                .set_allowed_o_auth_flows_user_pool_client(want.uses_domain().then_some(true))
                .set_allowed_o_auth_flows(want.uses_domain().then(|| want.grants().to_vec()))
                .set_allowed_o_auth_scopes(want.uses_domain().then(|| want.granted_scopes().to_vec()))
                .set_callback_urls(want.pages.as_ref().map(|pages| pages.callbacks.clone()))
                .set_logout_urls(want.pages.as_ref().map(|pages| pages.logouts.clone()))
                .set_supported_identity_providers(want.providers().map(|wanted| wanted.into_iter().collect()))
                .set_explicit_auth_flows(Some(want.flows()))
                .prevent_user_existence_errors(PreventUserExistenceErrorTypes::Enabled)
                .enable_token_revocation(true)
                .access_token_validity(want.tokens.access_minutes.into())
                .id_token_validity(want.tokens.id_minutes.into())
                .refresh_token_validity(want.tokens.refresh_days.into())
                .token_validity_units(units())
                .set_refresh_token_rotation(rotation.clone())
                .set_read_attributes(Some(want.attributes.read.clone()))
                .set_write_attributes(Some(writes.clone()))
                .send()
                .await
                .or_fail(&format!("create the app client {}", want.name))
        });
        let nothing = || empty(&format!("the app client {}", want.name));
        let made = made.await?.user_pool_client.ok_or_else(nothing)?;
        if let Some(name) = &want.secret_name {
            self.copy_secret(&made, name, task).await?;
        }
        let client_id = made.client_id.ok_or_else(nothing)?;
        Ok(AppClientOutputs { pool_id: want.pool_id.clone(), client_id, name: want.name.clone() })
    }

    async fn update(
        &self,
        want: &AppClient,
        found: &Found<AppClient>,
        task: &Task,
    ) -> Result<AppClientOutputs, Failure> {
        let (seen, live) = (&found.outputs, &found.live.client);
        for twin in found.live.twins.iter().filter(|_| !want.in_their_pool) {
            self.delete_client(&seen.pool_id, twin, task).await?;
        }
        if found.live.overrides {
            let call = self.client.set_risk_configuration().user_pool_id(&seen.pool_id).client_id(&seen.client_id);
            let reset = call.send().await.or_fail(&format!("reset the risk configuration of {}", want.name));
            unless_unsupported(self.emulator, reset)?;
        }
        if let (Some(name), Some(secret)) = (&want.secret_name, &found.live.secret) {
            self.take_added_secrets(live, &secret.added, task).await?;
            if !secret.is_copied(live) {
                self.copy_secret(live, name, task).await?;
            }
        }
        let rotates = want.tokens.rotate || live.refresh_token_rotation().is_some();
        let rotation = rotates.then(|| want.rotation()).transpose()?;
        let updated = settled(task, &[&COGNITO_BUSY], || async {
            self.client
                .update_user_pool_client()
                .user_pool_id(&seen.pool_id)
                .client_id(&seen.client_id)
                .client_name(&want.name)
                .set_explicit_auth_flows(Some(want.flows()))
                .prevent_user_existence_errors(PreventUserExistenceErrorTypes::Enabled)
                .enable_token_revocation(true)
                .access_token_validity(want.tokens.access_minutes.into())
                .id_token_validity(want.tokens.id_minutes.into())
                .refresh_token_validity(want.tokens.refresh_days.into())
                .token_validity_units(units())
                .set_refresh_token_rotation(rotation.clone())
                .set_read_attributes(Some(want.attributes.read.clone()))
                .set_write_attributes(Some(want.writes(&found.live.required)))
                .auth_session_validity(SESSION_MINUTES)
                .enable_propagate_additional_user_context_data(false)
                // There is no analysis and no other provider, so these settings are left out and reset.
                .allowed_o_auth_flows_user_pool_client(want.uses_domain())
                .set_supported_identity_providers(self.providers(want, live))
                .set_callback_urls(self.unless_empty(want.pages.as_ref().map_or(&[], |pages| &pages.callbacks)))
                .set_logout_urls(self.unless_empty(want.pages.as_ref().map_or(&[], |pages| &pages.logouts)))
                .set_allowed_o_auth_scopes(self.unless_empty(want.granted_scopes()))
                .set_allowed_o_auth_flows(self.unless_empty(want.grants()))
                .send()
                .await
                .or_fail(&format!("update the app client {}", want.name))
        });
        updated.await?;
        Ok(AppClientOutputs { name: want.name.clone(), ..seen.clone() })
    }

    async fn delete(&self, gone: &AppClientOutputs, task: &Task) -> Result<(), Failure> {
        self.delete_client(&gone.pool_id, &gone.client_id, task).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::choices::SignIn;
    use crate::engine::Cause;

    fn want() -> AppClient {
        AppClient {
            pool_id: "p1".into(),
            name: "demo-client".into(),
            flows: vec![SignInFlow::Srp, SignInFlow::Password, SignInFlow::AdminPassword],
            scopes: Vec::new(),
            pages: None,
            secret_name: None,
            tokens: TokenRules { id_minutes: 60, access_minutes: 60, refresh_days: 30, rotate: false },
            attributes: ClientAttributes::of(&[], &[SignIn::Email]),
            watched: false,
            in_their_pool: false,
        }
    }

    /// The list of the pool's clients, which contains only this client.
    const LISTED: (u16, &str) = (200, r#"{"UserPoolClients": [{"ClientId": "c1", "ClientName": "demo-client"}]}"#);

    fn ids() -> AppClientOutputs {
        AppClientOutputs { pool_id: "p1".into(), client_id: "c1".into(), name: "demo-client".into() }
    }

    /// AWS's answer when the client is equal to `want`.
    fn got() -> Value {
        json!({"UserPoolClient": {
            "UserPoolId": "p1", "ClientId": "c1", "ClientName": "demo-client",
            "ExplicitAuthFlows": ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH",
                "ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"],
            "ReadAttributes": ["email_verified", "email"], "WriteAttributes": ["email"],
            "PreventUserExistenceErrors": "ENABLED", "EnableTokenRevocation": true,
            "AccessTokenValidity": 1, "IdTokenValidity": 3600, "RefreshTokenValidity": 30,
            "TokenValidityUnits": {"AccessToken": "hours", "IdToken": "seconds", "RefreshToken": "days"},
            "AuthSessionValidity": 3, "AllowedOAuthFlowsUserPoolClient": false}})
    }

    async fn read(
        answers: Vec<(u16, &str)>,
        known: Option<&AppClientOutputs>,
    ) -> (Result<Option<Found<AppClient>>, Failure>, Vec<String>) {
        let (clients, http) = replay(answers);
        let found =
            Provider::<AppClient>::read(&Cognito::new(&clients), &want().key(), known, &Task::detached("x")).await;
        (found, asked(&http).into_iter().map(|(operation, _)| operation).collect())
    }

    const ABSENT: &str = r#"{"__type": "ResourceNotFoundException", "message": "there is none"}"#;

    #[tokio::test]
    async fn every_field_is_compared() {
        let flows = ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
        let table = [
            ("ExplicitAuthFlows", json!(flows), "ALLOW_REFRESH_TOKEN_AUTH, ALLOW_USER_SRP_AUTH", false),
            ("ExplicitAuthFlows", json!(["ALLOW_CUSTOM_AUTH"]), "ALLOW_CUSTOM_AUTH", true),
            ("ReadAttributes", json!(["email"]), "email", false),
            ("ReadAttributes", json!([]), "none", true),
            ("WriteAttributes", json!([]), "none", true),
            ("WriteAttributes", json!(["email", "name"]), "email, name", true),
            ("PreventUserExistenceErrors", json!("LEGACY"), "LEGACY", true),
            ("PreventUserExistenceErrors", json!(null), "LEGACY", true),
            ("EnableTokenRevocation", json!(false), "false", true),
            ("AllowedOAuthFlowsUserPoolClient", json!(true), "true", true),
            ("AccessTokenValidity", json!(24), "86400 s", true),
            ("IdTokenValidity", json!(300), "300 s", false),
            ("RefreshTokenValidity", json!(365), "31536000 s", true),
            ("AuthSessionValidity", json!(15), "15", true),
            ("SupportedIdentityProviders", json!(["COGNITO", "Google"]), "Google", true),
            ("AllowedOAuthFlows", json!(["implicit"]), "implicit", true),
            ("AllowedOAuthScopes", json!(["openid"]), "openid", true),
            ("CallbackURLs", json!(["https://evil.example"]), "https://evil.example", true),
            ("LogoutURLs", json!(["https://evil.example"]), "https://evil.example", true),
            ("DefaultRedirectURI", json!("https://evil.example"), "https://evil.example", true),
            ("AnalyticsConfiguration", json!({"ApplicationId": "a1"}), "a1", true),
            ("EnablePropagateAdditionalUserContextData", json!(true), "true", true),
            ("ClientSecret", json!("hush"), "set", false),
        ];
        for (field, value, live, weakens) in table {
            let mut answer = got();
            answer["UserPoolClient"][field] = value;
            let answer = answer.to_string();
            let answers = vec![(200, answer.as_str()), LISTED];
            let found = read(answers, Some(&ids())).await.0.expect("an answer").expect("a client");
            let drift = want().drift(&found.live);
            let told: Vec<_> = drift.iter().map(|d| (d.field.as_str(), d.live.as_str(), d.weakens)).collect();
            assert_eq!(told, [(field, live, weakens)]);
        }
    }

    #[tokio::test]
    async fn missing_validities_are_the_defaults() {
        let mut answer = got();
        for field in ["AccessTokenValidity", "IdTokenValidity", "RefreshTokenValidity", "TokenValidityUnits"] {
            answer["UserPoolClient"][field] = json!(null);
        }
        let answer = answer.to_string();
        let answers = vec![(200, answer.as_str()), LISTED];
        let found = read(answers, Some(&ids())).await.0.expect("an answer").expect("a client");
        assert_eq!(want().drift(&found.live), []);
    }

    #[tokio::test]
    async fn an_unchanged_client_costs_one_round_trip() {
        let answer = got().to_string();
        let (found, asked) = read(vec![(200, &answer), LISTED], Some(&ids())).await;
        let found = found.expect("an answer").expect("a client");
        assert_eq!((want().drift(&found.live), found.outputs), (vec![], ids()));
        assert_eq!(asked, ["DescribeUserPoolClient", "ListUserPoolClients"], "at the same time");
    }

    #[tokio::test]
    async fn a_client_that_cannot_be_read_is_absent_only_without_its_pool() {
        let denied = r#"{"__type":"AccessDeniedException","message":"not authorized"}"#;
        let gone = vec![(400, denied), (400, ABSENT), (400, ABSENT), (400, ABSENT)];
        let (found, asked) = read(gone, Some(&ids())).await;
        assert!(found.expect("an answer").is_none());
        let lists = "ListUserPoolClients";
        assert_eq!(asked, ["DescribeUserPoolClient", "DescribeUserPool", lists, lists]);
        let pool = r#"{"UserPool": {"Id": "p1"}}"#;
        let (found, _) = read(vec![(400, denied), (200, pool), LISTED], Some(&ids())).await;
        assert!(found.expect_err("it may not be read").to_string().contains("not authorized"));
    }

    #[tokio::test]
    async fn two_clients_with_one_name_are_an_error() {
        let listed = r#"{"UserPoolClients": [{"ClientId": "c0", "ClientName": "x"}, {"ClientId": "c1", "ClientName": "demo-client"}]}"#;
        let answer = got().to_string();
        let of_another_pool = AppClientOutputs { pool_id: "p0".into(), ..ids() };
        let (found, asked) = read(vec![(200, listed), (200, &answer)], Some(&of_another_pool)).await;
        assert_eq!(found.expect("an answer").expect("a client").outputs, ids());
        assert_eq!(asked, ["ListUserPoolClients", "DescribeUserPoolClient"]);

        let twice = listed.replace("\"x\"", "\"demo-client\"");
        let failure = read(vec![(200, &twice)], None).await.0.expect_err("two");
        assert!(failure.to_string().ends_with("c0, c1"), "{failure}");

        let (found, _) = read(vec![(400, ABSENT); 3], Some(&ids())).await;
        assert!(found.expect("an answer").is_none(), "the pool is gone, and so is the client");
    }

    #[tokio::test]
    async fn a_create_has_no_secret_and_is_sent_once() {
        let made = got().to_string();
        let (clients, http) = replay(vec![(200, &made)]);
        assert_eq!(Cognito::new(&clients).create(&want(), &Task::detached("x")).await, Ok(ids()));
        let sent: Value = serde_json::from_str(&asked(&http)[0].1).expect("JSON");
        assert_eq!(sent["PreventUserExistenceErrors"], "ENABLED");
        assert_eq!(sent["GenerateSecret"], false);
        assert_eq!(
            sent["TokenValidityUnits"],
            json!({"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "days"})
        );

        let (clients, http) = replay(vec![(502, "{}")]);
        let failure = Cognito::new(&clients).create(&want(), &Task::detached("x")).await.expect_err("no answer");
        assert_eq!((failure.cause, asked(&http).len()), (Cause::Unknown, 1));
    }

    #[tokio::test]
    async fn an_update_sends_all_settings() {
        let answer = got().to_string();
        let answers = vec![(200, answer.as_str()), LISTED];
        let found = read(answers, Some(&ids())).await.0.expect("an answer").expect("a client");
        let (clients, http) = replay(vec![(200, &answer)]);
        let outputs = Cognito::new(&clients).update(&want(), &found, &Task::detached("x")).await;
        assert_eq!(outputs, Ok(ids()));
        let sent: Value = serde_json::from_str(&asked(&http)[0].1).expect("JSON");
        assert_eq!(sent["AuthSessionValidity"], 3);
        assert_eq!(sent.get("SupportedIdentityProviders"), None);
        assert_eq!(sent["ExplicitAuthFlows"].as_array().map(Vec::len), Some(4));
        assert_eq!(sent["AllowedOAuthFlowsUserPoolClient"], false);
    }

    #[tokio::test]
    async fn deleting_a_missing_client_succeeds() {
        let (clients, _) = replay(vec![(400, ABSENT)]);
        let cognito = Cognito::new(&clients);
        assert_eq!(Provider::<AppClient>::delete(&cognito, &ids(), &Task::detached("x")).await, Ok(()));
    }

    #[tokio::test]
    async fn a_second_client_of_the_name_weakens_and_is_deleted() {
        let listed = r#"{"UserPoolClients": [{"ClientId": "c1", "ClientName": "demo-client"},
            {"ClientId": "c2", "ClientName": "demo-client"}, {"ClientId": "c3", "ClientName": "other"}]}"#;
        let answer = got().to_string();
        let (found, _) = read(vec![(200, &answer), (200, listed)], Some(&ids())).await;
        let found = found.expect("an answer").expect("a client");
        let drift = want().drift(&found.live);
        assert_eq!((drift.len(), drift[0].live.as_str(), drift[0].weakens), (1, "c2", true));
        let (clients, http) = replay(vec![(200, "{}"), (200, &answer)]);
        Cognito::new(&clients).update(&want(), &found, &Task::detached("x")).await.expect("updated");
        let asked = asked(&http);
        assert_eq!(asked[0].0, "DeleteUserPoolClient");
        assert!(asked[0].1.contains("c2") && asked[1].0 == "UpdateUserPoolClient", "{asked:?}");
    }

    #[tokio::test]
    async fn rotation_takes_the_place_of_the_refresh_flow() {
        let rotating = AppClient { tokens: TokenRules { rotate: true, ..want().tokens }, ..want() };
        let made = got().to_string();
        let (clients, http) = replay(vec![(200, &made)]);
        Cognito::new(&clients).create(&rotating, &Task::detached("x")).await.expect("made");
        let sent: Value = serde_json::from_str(&asked(&http)[0].1).expect("JSON");
        let rotation = json!({"Feature": "ENABLED", "RetryGracePeriodSeconds": 10});
        assert_eq!(sent["RefreshTokenRotation"], rotation);
        assert!(!sent["ExplicitAuthFlows"].to_string().contains("REFRESH"), "{sent}");

        let mut answer = got();
        answer["UserPoolClient"]["ExplicitAuthFlows"] = sent["ExplicitAuthFlows"].clone();
        answer["UserPoolClient"]["RefreshTokenRotation"] = rotation;
        let answer = answer.to_string();
        let (found, _) = read(vec![(200, &answer), LISTED], Some(&ids())).await;
        let found = found.expect("an answer").expect("a client");
        assert_eq!(rotating.drift(&found.live), []);
        let drift = want().drift(&found.live);
        assert!(drift.iter().all(|drift| !drift.weakens) && drift.len() == 2, "hardened by hand: {drift:?}");
        let (clients, http) = replay(vec![(200, &answer)]);
        Cognito::new(&clients).update(&want(), &found, &Task::detached("x")).await.expect("updated");
        let sent: Value = serde_json::from_str(&asked(&http)[0].1).expect("JSON");
        assert_eq!(sent["RefreshTokenRotation"], json!({"Feature": "DISABLED"}));
    }

    #[tokio::test]
    async fn a_clients_own_reactions_to_risks_weaken_and_are_reset() {
        let watched = AppClient { watched: true, ..want() };
        let answer = got().to_string();
        let own = r#"{"RiskConfiguration": {"UserPoolId": "p1", "ClientId": "c1",
            "RiskExceptionConfiguration": {"SkippedIPRangeList": ["0.0.0.0/1"]}}}"#;
        let of_the_pool = r#"{"RiskConfiguration": {"UserPoolId": "p1"}}"#;
        for (risk, expected) in [(own, 1), (of_the_pool, 0)] {
            let (clients, _) = replay(vec![(200, &answer), LISTED, (200, risk)]);
            let cognito = Cognito::new(&clients);
            let read = Provider::<AppClient>::read(&cognito, &watched.key(), Some(&ids()), &Task::detached("x")).await;
            let found = read.expect("an answer").expect("a client");
            let drift = watched.drift(&found.live);
            assert_eq!(drift.iter().filter(|drift| drift.weakens).count(), expected, "{drift:?}");
            let (clients, http) = replay(vec![(200, "{}"), (200, "{}")]);
            Cognito::new(&clients).update(&watched, &found, &Task::detached("x")).await.expect("updated");
            assert_eq!(asked(&http).len(), 1 + expected);
            let reset = r#"{"UserPoolId":"p1","ClientId":"c1"}"#;
            assert!(expected == 0 || asked(&http)[0].1 == reset, "{:?}", asked(&http));
        }
    }

    #[tokio::test]
    async fn a_client_in_a_pool_of_somebody_else_may_set_what_that_pool_requires() {
        const POOL: &str = r#"{"UserPool": {"Id": "p1", "SchemaAttributes": [{"Name": "sub", "Required": true},
            {"Name": "name", "Required": true}, {"Name": "email", "Required": false}]}}"#;
        let want = AppClient { in_their_pool: true, ..want() };
        let (clients, http) = replay(vec![(200, POOL), (200, r#"{"UserPoolClient": {"ClientId": "c1"}}"#)]);
        Cognito::new(&clients).create(&want, &Task::detached("x")).await.expect("created");
        let sent: Value = serde_json::from_str(&asked(&http)[1].1).expect("JSON");
        assert_eq!(sent["WriteAttributes"], json!(["email", "name"]));
        for (written, weakens) in
            [(json!(["name", "email"]), None), (json!(["name", "email", "phone_number"]), Some(true))]
        {
            let mut answer = got();
            answer["UserPoolClient"]["WriteAttributes"] = written;
            let (clients, _) = replay(vec![LISTED, (200, &answer.to_string()), (200, POOL)]);
            let cognito = Cognito::new(&clients);
            let found = Provider::<AppClient>::read(&cognito, &want.key(), None, &Task::detached("x")).await;
            let drift = want.drift(&found.expect("an answer").expect("a client").live);
            assert_eq!(drift.iter().map(|one| one.weakens).collect::<Vec<_>>(), Vec::from_iter(weakens));
        }
    }
}

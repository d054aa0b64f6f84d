//! App clients.

use std::collections::BTreeSet;

use aws_sdk_cognitoidentityprovider::types::{
    ExplicitAuthFlowsType as Flow, PreventUserExistenceErrorTypes, TimeUnitsType, TokenValidityUnitsType,
    UserPoolClientType,
};
use serde::{Deserialize, Serialize};

use super::{Cognito, PAGE, POOLS};
use crate::aws::error::{DENIED, OrAbsent, OrFail, empty, several};
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::{COGNITO_BUSY, settled};
use crate::engine::{Comparison, Drift, Failure, Found, Listing, Provider, Resource, Task};
use crate::layer::Layer;
use crate::regions::Service;
use crate::scope::Whose;

/// The ways to sign in.
const FLOWS: [Flow; 4] = [
    Flow::AllowUserPasswordAuth,
    Flow::AllowAdminUserPasswordAuth,
    Flow::AllowUserSrpAuth,
    Flow::AllowRefreshTokenAuth,
];

/// The validity of access and ID tokens. Revocation does not shorten it (docs/aws.md, App clients).
const TOKEN_MINUTES: i32 = 60;

/// The validity of refresh tokens.
const REFRESH_DAYS: i32 = 30;

/// The attributes that tokens may contain.
const READ: [&str; 2] = ["email", "email_verified"];

/// The attributes that a user may set. Without a list these are nearly all.
const WRITE: [&str; 1] = ["email"];

/// A public client of a pool, without a secret, through which users sign in.
#[derive(Debug, Clone)]
pub struct AppClient {
    pub pool_id: String,
    /// 1 to 128 of letters, digits, spaces and `_+=,.@-`.
    pub name: String,
}

/// A client is found by its name in its pool. It has no tags: it is ours because the pool is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppClientKey {
    pub(super) pool_id: String,
    pub(super) name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppClientOutputs {
    pub pool_id: String,
    /// Its id, which is not secret: every token contains it.
    pub client_id: String,
    pub name: String,
}

/// A client, as read from AWS: complete, because an update resets what it leaves out.
#[derive(Debug, Clone)]
pub struct AppClientLive(UserPoolClientType);

impl Resource for AppClient {
    const KIND: &'static str = "cognito.app_client";
    const ID_IS_GIVEN_ONCE: bool = true;
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = false;
    type Key = AppClientKey;
    type Outputs = AppClientOutputs;
    type Live = AppClientLive;

    fn key(&self) -> AppClientKey {
        AppClientKey { pool_id: self.pool_id.clone(), name: self.name.clone() }
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

    fn compare(&self, AppClientLive(live): &AppClientLive) -> Comparison {
        let drift = {
            let mut drift = Vec::new();
            let mut set = |field: &str, want: BTreeSet<&str>, has: BTreeSet<&str>| {
                if want == has {
                    return;
                }
                // Additional flows weaken. An empty list means AWS's defaults, which are many.
                let wider = has.is_empty() || !has.is_subset(&want);
                let make = if wider { Drift::weakening } else { Drift::new };
                drift.push(make(field, words(&want), words(&has)));
            };
            let flows = live.explicit_auth_flows().iter().map(Flow::as_str).collect();
            set("ExplicitAuthFlows", FLOWS.iter().map(Flow::as_str).collect(), flows);
            set("ReadAttributes", READ.into(), live.read_attributes().iter().map(String::as_str).collect());
            set("WriteAttributes", WRITE.into(), live.write_attributes().iter().map(String::as_str).collect());
            let hidden = live.prevent_user_existence_errors();
            if hidden != Some(&PreventUserExistenceErrorTypes::Enabled) {
                let live = hidden.map_or("LEGACY", PreventUserExistenceErrorTypes::as_str);
                drift.push(Drift::weakening("PreventUserExistenceErrors", "ENABLED", live));
            }
            if live.enable_token_revocation() == Some(false) {
                drift.push(Drift::weakening("EnableTokenRevocation", true, false));
            }
            if live.allowed_o_auth_flows_user_pool_client() == Some(true) {
                drift.push(Drift::weakening("AllowedOAuthFlowsUserPoolClient", false, true));
            }
            for (field, want, live) in lifetimes(live) {
                if want != live {
                    let make = if live > want { Drift::weakening } else { Drift::new };
                    drift.push(make(field, format!("{want} s"), format!("{live} s")));
                }
            }
            drift
        };
        drift.into_iter().collect()
    }
}

impl Described for AppClient {
    const ABOUT: Kind = Kind {
        service: Service::UserPools,
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
                    Permissions { needs: &[Usage::Read], actions: &["cognito-idp:DescribeUserPoolClient"] },
                    Permissions {
                        needs: &[Usage::Create, Usage::ShortLivedClient],
                        actions: &["cognito-idp:CreateUserPoolClient"],
                    },
                    Permissions { needs: &[Usage::Update], actions: &["cognito-idp:UpdateUserPoolClient"] },
                    Permissions {
                        needs: &[Usage::Delete, Usage::ShortLivedClient],
                        actions: &["cognito-idp:DeleteUserPoolClient"],
                    },
                ],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Authentication,
            subject: "app client of {}",
            holds: "sign-in flows match the stack file",
            read: "DescribeUserPoolClient",
        },
    };
}

fn words(set: &BTreeSet<&str>) -> String {
    if set.is_empty() { "none".to_owned() } else { set.iter().copied().collect::<Vec<_>>().join(", ") }
}

/// The wanted and the live validity of each kind of token, in seconds. Missing or 0 means AWS's default.
fn lifetimes(live: &UserPoolClientType) -> [(&'static str, i64, i64); 3] {
    let units = live.token_validity_units();
    let seconds = |count: Option<i32>, unit: Option<&TimeUnitsType>, assumed: i64, default: i64| {
        let unit = match unit {
            Some(TimeUnitsType::Seconds) => 1,
            Some(TimeUnitsType::Minutes) => 60,
            Some(TimeUnitsType::Hours) => 3600,
            Some(TimeUnitsType::Days) => 86_400,
            _ => assumed,
        };
        count.filter(|count| *count != 0).map_or(default, |count| i64::from(count) * unit)
    };
    let (hour, day) = (3600, 86_400);
    let access = seconds(live.access_token_validity(), units.and_then(|u| u.access_token()), hour, hour);
    let id = seconds(live.id_token_validity(), units.and_then(|u| u.id_token()), hour, hour);
    let refresh = seconds(Some(live.refresh_token_validity()), units.and_then(|u| u.refresh_token()), day, 30 * day);
    let (token, again) = (i64::from(TOKEN_MINUTES) * 60, i64::from(REFRESH_DAYS) * day);
    [("AccessTokenValidity", token, access), ("IdTokenValidity", token, id), ("RefreshTokenValidity", again, refresh)]
}

fn units() -> TokenValidityUnitsType {
    TokenValidityUnitsType::builder()
        .access_token(TimeUnitsType::Minutes)
        .id_token(TimeUnitsType::Minutes)
        .refresh_token(TimeUnitsType::Days)
        .build()
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

impl Cognito {
    /// A client by its ids; `None` if there is none, or no such pool.
    async fn app_client(&self, pool: &str, client: &str) -> Result<Option<Found<AppClient>>, Failure> {
        let call = self.client.describe_user_pool_client().user_pool_id(pool).client_id(client);
        let answer = match call.send().await.or_fail(&format!("read the app client {client}")).or_absent() {
            // An operator may read only clients of pools with the stack's tag. A pool that is gone has no tag.
            Err(failure) if DENIED.is(&failure) => match self.pool(pool).await? {
                None => None,
                Some(_) => return Err(failure),
            },
            answer => answer?,
        };
        let live = answer.and_then(|answer| answer.user_pool_client);
        Ok(live.map(|live| Found {
            outputs: AppClientOutputs {
                pool_id: pool.to_owned(),
                client_id: client.to_owned(),
                name: live.client_name().unwrap_or_default().to_owned(),
            },
            live: AppClientLive(live),
        }))
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
            && let Some(found) = self.app_client(&known.pool_id, &known.client_id).await?
        {
            return Ok(Some(found));
        }
        let call = self.client.list_user_pool_clients().user_pool_id(&key.pool_id).max_results(PAGE);
        let mut pages = call.into_paginator().send();
        let mut ids = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.or_fail(&format!("list the app clients of {}", key.pool_id)).or_absent()?;
            let clients = page.and_then(|page| page.user_pool_clients).unwrap_or_default();
            let ours = clients.into_iter().filter(|client| client.client_name() == Some(&key.name));
            ids.extend(ours.filter_map(|client| client.client_id));
        }
        match ids.as_slice() {
            [] => Ok(None),
            [id] => self.app_client(&key.pool_id, id).await,
            all => Err(several("app clients", &key.name, &all.iter().map(String::as_str).collect::<Vec<_>>())),
        }
    }

    async fn create(&self, want: &AppClient, task: &Task) -> Result<AppClientOutputs, Failure> {
        let made = settled(task, &[&COGNITO_BUSY], || async {
            self.once
                .create_user_pool_client()
                .user_pool_id(&want.pool_id)
                .client_name(&want.name)
                .generate_secret(false)
                .set_explicit_auth_flows(Some(FLOWS.into()))
                .prevent_user_existence_errors(PreventUserExistenceErrorTypes::Enabled)
                .enable_token_revocation(true)
                .access_token_validity(TOKEN_MINUTES)
                .id_token_validity(TOKEN_MINUTES)
                .refresh_token_validity(REFRESH_DAYS)
                .token_validity_units(units())
                .set_read_attributes(Some(owned(&READ)))
                .set_write_attributes(Some(owned(&WRITE)))
                .send()
                .await
                .or_fail(&format!("create the app client {}", want.name))
        });
        let made = made.await?.user_pool_client.and_then(|client| client.client_id);
        let client_id = made.ok_or_else(|| empty(&format!("the app client {}", want.name)))?;
        Ok(AppClientOutputs { pool_id: want.pool_id.clone(), client_id, name: want.name.clone() })
    }

    async fn update(
        &self,
        want: &AppClient,
        found: &Found<AppClient>,
        task: &Task,
    ) -> Result<AppClientOutputs, Failure> {
        let (seen, AppClientLive(live)) = (&found.outputs, &found.live);
        let updated = settled(task, &[&COGNITO_BUSY], || async {
            self.client
                .update_user_pool_client()
                .user_pool_id(&seen.pool_id)
                .client_id(&seen.client_id)
                .client_name(&want.name)
                .set_explicit_auth_flows(Some(FLOWS.into()))
                .prevent_user_existence_errors(PreventUserExistenceErrorTypes::Enabled)
                .enable_token_revocation(true)
                .access_token_validity(TOKEN_MINUTES)
                .id_token_validity(TOKEN_MINUTES)
                .refresh_token_validity(REFRESH_DAYS)
                .token_validity_units(units())
                .set_read_attributes(Some(owned(&READ)))
                .set_write_attributes(Some(owned(&WRITE)))
                // There is no hosted sign-in, so its settings are left out and reset.
                .allowed_o_auth_flows_user_pool_client(false)
                // The stack file does not decide about the rest, and an update would reset it if it were left out.
                .set_supported_identity_providers(live.supported_identity_providers.clone())
                .set_analytics_configuration(live.analytics_configuration.clone())
                .set_auth_session_validity(live.auth_session_validity)
                .set_enable_propagate_additional_user_context_data(live.enable_propagate_additional_user_context_data)
                .send()
                .await
                .or_fail(&format!("update the app client {}", want.name))
        });
        updated.await?;
        Ok(AppClientOutputs { name: want.name.clone(), ..seen.clone() })
    }

    async fn delete(&self, gone: &AppClientOutputs, task: &Task) -> Result<(), Failure> {
        let deleted = settled(task, &[&COGNITO_BUSY], || async {
            let call = self.client.delete_user_pool_client().user_pool_id(&gone.pool_id).client_id(&gone.client_id);
            call.send().await.or_fail(&format!("delete the app client {}", gone.name))
        });
        deleted.await.or_absent().map(drop)
    }

    async fn list(&self, _: &Whose) -> Result<Listing, Failure> {
        Ok(Listing::with_parent())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Cause;

    fn want() -> AppClient {
        AppClient { pool_id: "p1".into(), name: "demo-client".into() }
    }

    fn ids() -> AppClientOutputs {
        AppClientOutputs { pool_id: "p1".into(), client_id: "c1".into(), name: "demo-client".into() }
    }

    /// What AWS answers once `want` is as wanted.
    fn got() -> Value {
        json!({"UserPoolClient": {
            "UserPoolId": "p1", "ClientId": "c1", "ClientName": "demo-client",
            "ExplicitAuthFlows": ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH",
                "ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"],
            "ReadAttributes": ["email_verified", "email"], "WriteAttributes": ["email"],
            "PreventUserExistenceErrors": "ENABLED", "EnableTokenRevocation": true,
            "AccessTokenValidity": 1, "IdTokenValidity": 3600, "RefreshTokenValidity": 30,
            "TokenValidityUnits": {"AccessToken": "hours", "IdToken": "seconds", "RefreshToken": "days"},
            "AuthSessionValidity": 5, "AllowedOAuthFlowsUserPoolClient": false}})
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
        ];
        for (field, value, live, weakens) in table {
            let mut answer = got();
            answer["UserPoolClient"][field] = value;
            let answer = answer.to_string();
            let found = read(vec![(200, &answer)], Some(&ids())).await.0.expect("an answer").expect("a client");
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
        let found = read(vec![(200, &answer)], Some(&ids())).await.0.expect("an answer").expect("a client");
        assert_eq!(want().drift(&found.live), []);
    }

    #[tokio::test]
    async fn an_unchanged_client_costs_one_read() {
        let answer = got().to_string();
        let (found, asked) = read(vec![(200, &answer)], Some(&ids())).await;
        let found = found.expect("an answer").expect("a client");
        assert_eq!((want().drift(&found.live), found.outputs), (vec![], ids()));
        assert_eq!(asked, ["DescribeUserPoolClient"]);
    }

    #[tokio::test]
    async fn a_client_that_cannot_be_read_is_absent_only_without_its_pool() {
        let denied = r#"{"__type":"AccessDeniedException","message":"not authorized"}"#;
        let (found, asked) = read(vec![(400, denied), (400, ABSENT), (400, ABSENT)], Some(&ids())).await;
        assert!(found.expect("an answer").is_none());
        assert_eq!(asked, ["DescribeUserPoolClient", "DescribeUserPool", "ListUserPoolClients"]);
        let pool = r#"{"UserPool": {"Id": "p1"}}"#;
        let (found, _) = read(vec![(400, denied), (200, pool)], Some(&ids())).await;
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

        let (found, _) = read(vec![(400, ABSENT), (400, ABSENT)], Some(&ids())).await;
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
        let found = read(vec![(200, &answer)], Some(&ids())).await.0.expect("an answer").expect("a client");
        let (clients, http) = replay(vec![(200, &answer)]);
        let outputs = Cognito::new(&clients).update(&want(), &found, &Task::detached("x")).await;
        assert_eq!(outputs, Ok(ids()));
        let sent: Value = serde_json::from_str(&asked(&http)[0].1).expect("JSON");
        assert_eq!(sent["AuthSessionValidity"], 5, "not ours to decide");
        assert_eq!(sent["ExplicitAuthFlows"].as_array().map(Vec::len), Some(4));
        assert_eq!(sent["AllowedOAuthFlowsUserPoolClient"], false);
    }

    #[tokio::test]
    async fn deleting_a_missing_client_succeeds() {
        let (clients, _) = replay(vec![(400, ABSENT)]);
        let cognito = Cognito::new(&clients);
        assert_eq!(Provider::<AppClient>::delete(&cognito, &ids(), &Task::detached("x")).await, Ok(()));
    }
}

//! The calls of `verify` about user pools, besides adding users: app clients whose tokens expire soon, and an attribute
//! that a user sets.

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::{
    ExplicitAuthFlowsType, PreventUserExistenceErrorTypes, TimeUnitsType, TokenValidityUnitsType,
};

use super::users::attributes;
use super::{PAGE, Users};
use crate::aws::Clients;
use crate::aws::error::{OrAbsent, OrFail, empty, without_quotes};
use crate::aws::retries::{client, once};
use crate::engine::Failure;
use crate::secret::SecretValue;

/// The validity of ID and access tokens of test clients, in minutes: AWS's minimum (docs/aws.md, App clients).
const TOKEN_MINUTES: i32 = 5;

/// The validity of test clients' refresh tokens, in minutes: AWS's minimum.
const REFRESH_MINUTES: i32 = 60;

impl Users {
    /// Sets an attribute as the user who holds this access token. Needs no AWS credentials.
    pub async fn set_own_attribute(&self, access: &SecretValue, name: &str, value: &str) -> Result<(), Failure> {
        let call = self.client.update_user_attributes().access_token(access.reveal());
        let call = call.set_user_attributes(Some(attributes(&[(name, value)])?));
        let set = call.send().await.or_fail(&format!("set the attribute {name} as a user"));
        set.map(drop).map_err(without_quotes)
    }
}

/// App clients whose ID and access tokens are valid for five minutes. They are not resources of the stack.
#[derive(Debug, Clone)]
pub struct TestClients {
    client: Client,
    /// Without the SDK's retries: a second call would create a second client of the same name.
    once: Client,
}

impl TestClients {
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: client!(aws_sdk_cognitoidentityprovider, &clients.sdk),
            once: once!(aws_sdk_cognitoidentityprovider, &clients.once),
        }
    }

    /// Creates a client without a secret, and returns its id.
    pub async fn create(&self, pool_id: &str, name: &str) -> Result<String, Failure> {
        let units = TokenValidityUnitsType::builder()
            .access_token(TimeUnitsType::Minutes)
            .id_token(TimeUnitsType::Minutes)
            .refresh_token(TimeUnitsType::Minutes)
            .build();
        let flows = vec![ExplicitAuthFlowsType::AllowUserPasswordAuth, ExplicitAuthFlowsType::AllowRefreshTokenAuth];
        let made = self
            .once
            .create_user_pool_client()
            .user_pool_id(pool_id)
            .client_name(name)
            .generate_secret(false)
            .set_explicit_auth_flows(Some(flows))
            .prevent_user_existence_errors(PreventUserExistenceErrorTypes::Enabled)
            .enable_token_revocation(true)
            .access_token_validity(TOKEN_MINUTES)
            .id_token_validity(TOKEN_MINUTES)
            .refresh_token_validity(REFRESH_MINUTES)
            .token_validity_units(units)
            .read_attributes("email")
            .write_attributes("email")
            .send()
            .await
            .or_fail(&format!("create the app client {name}"))?;
        made.user_pool_client.and_then(|client| client.client_id).ok_or_else(|| empty("the app client"))
    }

    /// The names and ids of the pool's clients whose name begins with `prefix`.
    pub async fn list_beginning(&self, pool_id: &str, prefix: &str) -> Result<Vec<(String, String)>, Failure> {
        let call = self.client.list_user_pool_clients().user_pool_id(pool_id).max_results(PAGE);
        let mut pages = call.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.or_fail(&format!("list the app clients of {pool_id}")).or_absent()?;
            let clients = page.and_then(|page| page.user_pool_clients).unwrap_or_default();
            let named = clients.into_iter().filter_map(|client| Some((client.client_name?, client.client_id?)));
            found.extend(named.filter(|(name, _)| name.starts_with(prefix)));
        }
        Ok(found)
    }

    /// The creation time of a client, in seconds since 1970; `None` if it does not exist.
    pub async fn created(&self, pool_id: &str, client_id: &str) -> Result<Option<i64>, Failure> {
        let call = self.client.describe_user_pool_client().user_pool_id(pool_id).client_id(client_id);
        let answer = call.send().await.or_fail(&format!("read the app client {client_id}")).or_absent()?;
        let client = answer.and_then(|answer| answer.user_pool_client);
        Ok(client.and_then(|client| client.creation_date).map(|date| date.secs()))
    }

    /// Deletes all clients of this name. It is no failure if there is none.
    pub async fn delete_named(&self, pool_id: &str, name: &str) -> Result<(), Failure> {
        for (_, id) in self.list_beginning(pool_id, name).await?.into_iter().filter(|(known, _)| known == name) {
            let call = self.client.delete_user_pool_client().user_pool_id(pool_id).client_id(&id);
            call.send().await.or_fail(&format!("delete the app client {name}")).or_absent()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::cognito::refusals::NOT_WRITABLE;
    use crate::aws::testing::{asked, replay};

    #[tokio::test]
    async fn a_client_has_the_shortest_tokens_and_is_created_once() {
        let (clients, http) = replay(vec![(200, r#"{"UserPoolClient":{"ClientId":"c9"}}"#)]);
        assert_eq!(TestClients::new(&clients).create("p1", "securelambda-verify-1").await.as_deref(), Ok("c9"));
        let sent: Value = serde_json::from_str(&asked(&http)[0].1).expect("JSON");
        assert_eq!((&sent["IdTokenValidity"], &sent["AccessTokenValidity"]), (&json!(5), &json!(5)));
        assert_eq!(
            sent["TokenValidityUnits"],
            json!({"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "minutes"})
        );
        assert_eq!(sent["WriteAttributes"], json!(["email"]), "without a list a user could set nearly all");
        let (clients, http) = replay(vec![(502, "{}")]);
        assert!(TestClients::new(&clients).create("p1", "n").await.is_err());
        assert_eq!(asked(&http).len(), 1);
    }

    #[tokio::test]
    async fn only_clients_of_the_very_name_are_deleted() {
        let listed = r#"{"UserPoolClients":[{"ClientName":"securelambda-verify-1","ClientId":"c1"},
            {"ClientName":"securelambda-verify-12","ClientId":"c2"},{"ClientName":"demo-client","ClientId":"c3"}]}"#;
        let (clients, http) = replay(vec![(200, listed), (200, "{}")]);
        assert_eq!(TestClients::new(&clients).delete_named("p1", "securelambda-verify-1").await, Ok(()));
        let asked = asked(&http);
        assert_eq!((asked.len(), asked[1].0.as_str()), (2, "DeleteUserPoolClient"));
        assert!(asked[1].1.contains("\"c1\""), "{}", asked[1].1);
        let (clients, _) = replay(vec![(200, listed)]);
        let found = TestClients::new(&clients).list_beginning("p1", "securelambda-verify-").await;
        assert_eq!(found.map(|found| found.len()), Ok(2));
    }

    #[tokio::test]
    async fn the_refusal_of_an_attribute_is_recognised_and_does_not_show_the_token() {
        let refused =
            r#"{"__type":"NotAuthorizedException","message":"A client attempted to write unauthorized attribute"}"#;
        let (clients, _) = replay(vec![(400, refused)]);
        let token = SecretValue::from("sentinel");
        let failure = Users::new(&clients).set_own_attribute(&token, "name", "x").await.expect_err("refused");
        assert!(NOT_WRITABLE.is(&failure) && !format!("{failure:?}").contains("sentinel"));
    }
}

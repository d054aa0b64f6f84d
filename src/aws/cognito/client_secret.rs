//! The secret of an app client, which Cognito makes. Only Secrets Manager keeps a copy, for the program that is the
//! client.
//!
//! We do not read that copy to compare it: the id of its version begins with a digest of the client's secret. A digest
//! reveals nothing about a secret of fifty random characters.

use aws_sdk_cognitoidentityprovider::primitives::DateTime;
use aws_sdk_cognitoidentityprovider::types::UserPoolClientType;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::refusals::COGNITO_BUSY;
use super::{AppClient, AppClientLive, Cognito, Users};
use crate::aws::error::{OrFail, empty, without_quotes};
use crate::aws::settle::settled;
use crate::aws::unsupported::unless_unsupported;
use crate::engine::{Comparison, Effect, Failure, Task};
use crate::secret::SecretValue;

/// The field that tells that the client no longer has the secret that it was created with.
pub(super) const REPLACED: &str = "the client's first secret";

/// The maximum number of seconds between the creation of the client and that of its first secret.
const WITH_THE_CLIENT: i64 = 60;

/// A client's secrets and their copy, as read from AWS.
#[derive(Debug, Clone, Default)]
pub(super) struct ClientSecretLive {
    /// The id of the copy's current version.
    pub(super) current: Option<String>,
    /// The ids of secrets that were added to the client later.
    pub(super) added: Vec<String>,
    /// Whether the client still has the secret that it was created with.
    pub(super) has_first: bool,
}

/// The prefix of the ids of versions that contain this client's secret: 32 hexadecimal digits. The other 32 digits are
/// random, because writing an existing version again does not make it the current one.
fn digest(client: &UserPoolClientType) -> Option<String> {
    let (id, secret) = (client.client_id()?, client.client_secret()?);
    let mut digest = hex::encode(Sha256::digest(format!("{id}\0{secret}")));
    digest.truncate(32);
    Some(digest)
}

impl ClientSecretLive {
    /// Whether the copy's current version contains the client's secret.
    pub(super) fn is_copied(&self, client: &UserPoolClientType) -> bool {
        digest(client).is_some_and(|digest| self.current.as_ref().is_some_and(|id| id.starts_with(&digest)))
    }
}

/// Compares whether there is a secret, whether another one was added, and whether the copy is equal.
pub(super) fn compare(found: Comparison, want: &AppClient, live: &AppClientLive) -> Comparison {
    let (wanted, has) = (want.secret_name.is_some(), live.client.client_secret().is_some());
    let word = |set: bool| if set { "set" } else { "none" };
    let effect = match (wanted, has) {
        (true, false) => Effect::Weakens,
        _ => Effect::differs_unless(wanted == has),
    };
    let found = found.judged("ClientSecret", word(wanted), word(has), effect);
    let Some(secret) = live.secret.as_ref().filter(|_| wanted && has) else { return found };
    let copied = secret.is_copied(&live.client);
    let first = if secret.has_first { "there" } else { "gone" };
    found.nothing_else("ClientSecrets", &secret.added).guard(REPLACED, "there", first).plain(
        "the copy in Secrets Manager",
        "the client's secret",
        if copied { "the client's secret" } else { "a different secret" },
    )
}

impl Cognito {
    /// Reads a client's secrets. Their copy is in the secret `name`.
    pub(super) async fn secret_of(&self, client: &UserPoolClientType, name: &str) -> Result<ClientSecretLive, Failure> {
        let (pool, id) = (client.user_pool_id().unwrap_or_default(), client.client_id().unwrap_or_default());
        let listing = async {
            let call = self.client.list_user_pool_client_secrets().user_pool_id(pool).client_id(id);
            let listed = call.send().await.or_fail(&format!("list the secrets of the app client {id}"));
            unless_unsupported(self.emulator, listed)
        };
        let (listed, current) = tokio::try_join!(listing, self.secrets.current(name))?;
        let Some(listed) = listed else {
            return Ok(ClientSecretLive { current, has_first: true, ..Default::default() });
        };
        let created = client.creation_date().map_or(i64::MAX, DateTime::secs);
        let mut live = ClientSecretLive { current, ..ClientSecretLive::default() };
        for secret in listed.client_secrets.unwrap_or_default() {
            let is_first =
                secret.client_secret_create_date().is_none_or(|date| date.secs() <= created + WITH_THE_CLIENT);
            match secret.client_secret_id {
                Some(id) if !is_first => live.added.push(id),
                _ => live.has_first = true,
            }
        }
        Ok(live)
    }

    /// Deletes the secrets that were added to the client.
    pub(super) async fn take_added_secrets(
        &self,
        client: &UserPoolClientType,
        added: &[String],
        task: &Task,
    ) -> Result<(), Failure> {
        for secret in added {
            let deleted = settled(task, &[&COGNITO_BUSY], || async {
                let call = self.client.delete_user_pool_client_secret();
                let call = call.set_user_pool_id(client.user_pool_id.clone()).set_client_id(client.client_id.clone());
                call.client_secret_id(secret).send().await.or_fail(&format!("delete the client secret {secret}"))
            });
            deleted.await?;
        }
        Ok(())
    }

    /// Writes the client's secret into Secrets Manager.
    pub(super) async fn copy_secret(
        &self,
        client: &UserPoolClientType,
        name: &str,
        task: &Task,
    ) -> Result<(), Failure> {
        let nothing = || empty("the secret of an app client");
        let version = format!("{}{:032x}", digest(client).ok_or_else(nothing)?, rand::random::<u128>());
        let (id, secret) = (client.client_id().unwrap_or_default(), client.client_secret().ok_or_else(nothing)?);
        let document = SecretValue::new(json!({ "client_id": id, "client_secret": secret }).to_string());
        let put = self.secrets.put(name, &version, &document, "write the client's secret into its secret", task).await;
        put.map_err(without_quotes)
    }
}

impl Users {
    /// The secret of an app client.
    pub async fn client_secret(&self, pool_id: &str, client_id: &str) -> Result<SecretValue, Failure> {
        let doing = format!("read the app client {client_id}");
        let call = self.client.describe_user_pool_client().user_pool_id(pool_id).client_id(client_id);
        let client = call.send().await.or_fail(&doing)?.user_pool_client;
        client.and_then(|client| client.client_secret).map(SecretValue::new).ok_or_else(|| empty(&doing))
    }
}

/// The failure for a difference in the client's secret that AWS cannot change.
pub(super) fn unchangeable(want: &AppClient, has_secret: bool) -> Failure {
    let message = match (want.secret_name.is_some(), has_secret) {
        (false, _) => format!("the app client {} has a secret, which AWS cannot remove", want.name),
        (true, false) => format!("the app client {} has no secret, and AWS cannot give it one", want.name),
        (true, true) => format!("the secret of the app client {} was replaced by another tool", want.name),
    };
    Failure::refused(message).hint("delete the app client, and run `securelambda up` again to create it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    fn client() -> UserPoolClientType {
        UserPoolClientType::builder()
            .user_pool_id("p1")
            .client_id("c1")
            .client_secret("hush")
            .creation_date(DateTime::from_secs(1_700_000_000))
            .build()
    }

    const DESCRIBED: &str =
        r#"{"ARN":"demo-A.partner","Name":"demo-A.partner","VersionIdsToStages":{"v1":["AWSCURRENT"]}}"#;

    async fn read(listed: &str) -> ClientSecretLive {
        let (clients, _) = replay(vec![(200, listed), (200, DESCRIBED)]);
        Cognito::new(&clients).secret_of(&client(), "demo-A.partner").await.expect("read")
    }

    #[tokio::test]
    async fn secrets_that_were_added_later_are_told_from_the_clients_own() {
        let first = r#"{"ClientSecretId":"c1--1700000000","ClientSecretCreateDate":1700000000}"#;
        let later = r#"{"ClientSecretId":"c1--1700009999","ClientSecretCreateDate":1700009999}"#;
        let alone = read(&format!(r#"{{"ClientSecrets":[{first}]}}"#)).await;
        assert_eq!((alone.added.len(), alone.has_first, alone.current.as_deref()), (0, true, Some("v1")));
        let both = read(&format!(r#"{{"ClientSecrets":[{first},{later}]}}"#)).await;
        assert_eq!((both.added, both.has_first), (vec!["c1--1700009999".to_owned()], true));
        let replaced = read(&format!(r#"{{"ClientSecrets":[{later}]}}"#)).await;
        assert!(!replaced.has_first);
    }

    #[tokio::test]
    async fn the_copy_contains_id_and_secret_and_its_version_is_a_digest() {
        let (clients, http) = replay(vec![(200, "{}")]);
        Cognito::new(&clients).copy_secret(&client(), "demo-A.partner", &Task::detached("x")).await.expect("written");
        let sent: serde_json::Value = serde_json::from_str(&asked(&http)[0].1).expect("JSON");
        assert_eq!(sent["SecretString"], r#"{"client_id":"c1","client_secret":"hush"}"#);
        let token = sent["ClientRequestToken"].as_str().expect("a version");
        let live = ClientSecretLive { current: Some(token.to_owned()), ..ClientSecretLive::default() };
        assert!(live.is_copied(&client()) && token.len() == 64 && !token.contains("hush"), "{token}");
        let other = UserPoolClientType::builder().client_id("c1").client_secret("hash").build();
        assert!(!live.is_copied(&other) && !ClientSecretLive::default().is_copied(&client()));
    }

    #[tokio::test]
    async fn a_failed_write_does_not_quote_the_secret() {
        let refused = r#"{"__type":"InvalidRequestException","message":"the value hush is wrong"}"#;
        let (clients, _) = replay(vec![(400, refused)]);
        let written = Cognito::new(&clients).copy_secret(&client(), "demo-A.partner", &Task::detached("x")).await;
        assert!(!written.expect_err("refused").to_string().contains("hush"));
    }
}

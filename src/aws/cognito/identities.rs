//! Identities and credentials from an identity pool. These calls are not signed and need no permission.

use aws_sdk_cognitoidentity::Client;

use crate::aws::Clients;
use crate::aws::error::{OrFail, empty};
use crate::aws::retries::client;
use crate::aws::sigv4::Keys;
use crate::engine::Failure;
use crate::scope::Scope;
use crate::secret::SecretValue;

/// Asks identity pools for credentials.
#[derive(Debug, Clone)]
pub struct Identities {
    client: Client,
    scope: Scope,
}

impl Identities {
    pub fn new(clients: &Clients) -> Self {
        Self { client: client!(aws_sdk_cognitoidentity, &clients.sdk), scope: clients.scope.clone() }
    }

    /// The credentials that a user of this user pool gets for an ID token.
    pub async fn credentials(&self, pool_id: &str, user_pool_id: &str, token: &SecretValue) -> Result<Keys, Failure> {
        let provider = super::provider(&self.scope, user_pool_id);
        let call = self.client.get_id().identity_pool_id(pool_id).logins(&provider, token.reveal());
        let identity = call.send().await.or_fail("get an identity for a token")?.identity_id;
        let call = self.client.get_credentials_for_identity().set_identity_id(identity);
        let call = call.logins(&provider, token.reveal());
        let given = call.send().await.or_fail("get credentials for an identity")?.credentials;
        let keys = given.and_then(|given| {
            let secret = SecretValue::new(given.secret_key?);
            Some(Keys { id: given.access_key_id?, secret, session: given.session_token.map(SecretValue::new) })
        });
        keys.ok_or_else(|| empty("credentials"))
    }

    /// The identity that a guest gets.
    pub async fn guest(&self, pool_id: &str) -> Result<String, Failure> {
        let call = self.client.get_id().identity_pool_id(pool_id).send().await;
        Ok(call.or_fail("get an identity without a token")?.identity_id.unwrap_or_default())
    }

    /// Asks for credentials for a guest's identity.
    pub async fn guest_credentials(&self, identity: &str) -> Result<(), Failure> {
        let call = self.client.get_credentials_for_identity().identity_id(identity).send().await;
        call.or_fail("get credentials without a token").map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    #[tokio::test]
    async fn a_token_is_exchanged_for_credentials() {
        let keys = r#"{"IdentityId":"i","Credentials":{"AccessKeyId":"ASIA","SecretKey":"s","SessionToken":"t"}}"#;
        let (clients, http) = replay(vec![(200, r#"{"IdentityId":"i"}"#), (200, keys)]);
        let given = Identities::new(&clients).credentials("pool", "eu_A", &SecretValue::from("token")).await;
        assert_eq!(given.expect("given").id, "ASIA");
        let calls: Vec<String> = asked(&http).into_iter().map(|(call, _)| call).collect();
        assert_eq!(calls, ["GetId", "GetCredentialsForIdentity"]);
    }

    #[tokio::test]
    async fn an_answer_without_credentials_is_a_failure() {
        let (clients, _) = replay(vec![(200, r#"{"IdentityId":"i"}"#), (200, r#"{"IdentityId":"i"}"#)]);
        assert!(Identities::new(&clients).credentials("pool", "eu_A", &SecretValue::from("token")).await.is_err());
    }
}

//! How a program gets an access token for itself: OAuth's grant of client credentials (RFC 6749, section 4.4).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::{Answer, Body, Request};
use crate::secret::SecretValue;

/// The id and the secret of a client, as the header `Authorization` has them.
#[derive(Debug)]
pub struct ClientCredentials(SecretValue);

impl ClientCredentials {
    pub fn new(client_id: &str, secret: &SecretValue) -> Self {
        let pair = BASE64_STANDARD.encode(format!("{client_id}:{}", secret.reveal()));
        Self(SecretValue::new(format!("Basic {pair}")))
    }

    /// Asks the token endpoint of a pool's domain for a token with all scopes of the client.
    pub fn request<'a>(&'a self, token_url: &'a str) -> Request<'a> {
        let body = Body::text("application/x-www-form-urlencoded", "grant_type=client_credentials");
        Request { method: "POST", url: token_url, token: Some(&self.0), body: Some(body) }
    }

    /// The token that the answer grants, or else the status and OAuth's error code, which contain no secret.
    pub fn granted(answer: &Answer) -> Result<Granted, String> {
        let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match document["access_token"].as_str().filter(|_| answer.status == 200) {
            Some(token) => Ok(Granted { token: SecretValue::from(token), expires_in: document["expires_in"].as_u64() }),
            None => Err(match document["error"].as_str() {
                Some(error) => format!("{} {error}", answer.status),
                None => answer.status.to_string(),
            }),
        }
    }
}

/// An access token, and for how many seconds it is valid.
#[derive(Debug)]
pub struct Granted {
    pub token: SecretValue,
    pub expires_in: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::super::Headers;
    use super::*;

    #[test]
    fn the_token_is_read_only_from_an_answer_that_grants_it() {
        let read = |status, body: &str| {
            let answer = Answer { status, headers: Headers::default(), body: body.as_bytes().to_vec() };
            ClientCredentials::granted(&answer).map(|granted| (granted.token.reveal().to_owned(), granted.expires_in))
        };
        assert_eq!(
            read(200, r#"{"access_token":"a.b.c","expires_in":3600,"token_type":"Bearer"}"#),
            Ok(("a.b.c".into(), Some(3600)))
        );
        assert_eq!(read(400, r#"{"error":"invalid_client"}"#), Err("400 invalid_client".into()));
        assert_eq!(read(400, r#"{"error":"invalid_scope","access_token":"a.b.c"}"#), Err("400 invalid_scope".into()));
        assert_eq!(read(503, "<html>"), Err("503".into()));
        assert_eq!(read(200, "{}"), Err("200".into()));
    }

    #[test]
    fn the_client_shows_its_id_and_secret_in_one_header() {
        let credentials = ClientCredentials::new("c1", &SecretValue::from("s3cret"));
        let request = credentials.request("https://there/oauth2/token");
        assert_eq!((request.method, request.url), ("POST", "https://there/oauth2/token"));
        assert_eq!(request.token.map(SecretValue::reveal), Some("Basic YzE6czNjcmV0"));
        assert!(!format!("{credentials:?}").contains("YzE6"));
    }
}

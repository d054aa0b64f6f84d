//! How a user signs in at the pages of a pool's domain: OAuth's grant of an authorization code with PKCE (RFC 6749, section
//! 4.1, and RFC 7636), and its refresh token.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Url;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Answer, Body, Request};
use crate::secret::{SecretValue, generate};

const FORM: &str = "application/x-www-form-urlencoded";

/// One sign-in: the secrets that tie the answer of the page to the request.
#[derive(Debug)]
pub struct CodeGrant {
    client_id: String,
    callback: String,
    /// Only who has it can exchange the code for tokens.
    verifier: SecretValue,
    /// The page sends it back, so that nobody can slip in the code of another sign-in.
    state: SecretValue,
}

/// The tokens of a user.
#[derive(Debug, Clone)]
pub struct UserTokens {
    pub id: SecretValue,
    pub access: SecretValue,
    /// `None` if the old one stays valid.
    pub refresh: Option<SecretValue>,
    /// How many seconds the first two are valid.
    pub expires_in: u64,
}

impl CodeGrant {
    /// A sign-in through this app client, after which the page sends the user to this address.
    pub fn new(client_id: &str, callback: &str) -> Self {
        let (client_id, callback) = (client_id.to_owned(), callback.to_owned());
        Self { client_id, callback, verifier: generate(64), state: generate(32) }
    }

    /// The URL of the page.
    ///
    /// # Errors
    /// `sign_in_url` is not a URL.
    pub fn page(&self, sign_in_url: &str, scopes: &[&str]) -> Result<String, String> {
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.reveal()));
        let scopes = scopes.join(" ");
        let query = [
            ("client_id", self.client_id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", &self.callback),
            ("scope", &scopes),
            ("state", self.state.reveal()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let url = Url::parse_with_params(sign_in_url, query);
        url.map(String::from).map_err(|error| format!("{sign_in_url} is not a URL: {error}"))
    }

    /// The code in the target of the request that the page makes the browser send, as in `/callback?code=…&state=…`.
    /// `None`: the request does not belong to this sign-in.
    ///
    /// # Errors
    /// The page reports an error.
    pub fn code(&self, target: &str) -> Result<Option<SecretValue>, String> {
        let Ok(url) = Url::parse("http://localhost").and_then(|base| base.join(target)) else { return Ok(None) };
        let of = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        if of("state").is_none_or(|state| state != self.state.reveal()) {
            return Ok(None);
        }
        if let Some(error) = of("error") {
            let described = of("error_description").map(|words| format!(": {words}")).unwrap_or_default();
            let printable = |c: char| if c.is_control() { ' ' } else { c };
            return Err(format!("the sign-in page reports {error}{described}").chars().map(printable).collect());
        }
        let code = of("code").filter(|code| !code.is_empty()).map(SecretValue::new);
        code.map(Some).ok_or_else(|| "the sign-in page sent no code".to_owned())
    }

    /// The body of the request that exchanges the code for tokens.
    pub fn exchange(&self, code: &SecretValue) -> SecretValue {
        form(&[
            ("grant_type", "authorization_code"),
            ("client_id", &self.client_id),
            ("redirect_uri", &self.callback),
            ("code", code.reveal()),
            ("code_verifier", self.verifier.reveal()),
        ])
    }
}

/// The body of the request that renews tokens.
pub fn renewal(client_id: &str, refresh: &SecretValue) -> SecretValue {
    form(&[("grant_type", "refresh_token"), ("client_id", client_id), ("refresh_token", refresh.reveal())])
}

/// A request with such a body.
pub fn post<'a>(url: &'a str, body: &'a SecretValue) -> Request<'a> {
    Request { method: "POST", url, token: None, body: Some(Body::text(FORM, body.reveal())) }
}

/// OAuth's error code of a code or a refresh token that is no longer valid.
const INVALID: &str = "invalid_grant";

/// The reason why an answer grants no tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotGranted {
    /// Whether the code or the refresh token is no longer valid. Otherwise, the same request may succeed later.
    pub is_final: bool,
    /// The status and OAuth's error code, which contain no secret.
    pub why: String,
}

/// The tokens that an answer grants.
///
/// # Errors
/// The answer grants no tokens.
pub fn granted(answer: &Answer) -> Result<UserTokens, NotGranted> {
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let token = |name: &str| document[name].as_str().filter(|_| answer.status == 200).map(SecretValue::from);
    match (token("id_token"), token("access_token")) {
        (Some(id), Some(access)) => {
            let expires_in = document["expires_in"].as_u64().unwrap_or_default();
            Ok(UserTokens { id, access, refresh: token("refresh_token"), expires_in })
        }
        _ => Err(match document["error"].as_str() {
            Some(error) => NotGranted { is_final: error == INVALID, why: format!("{} {error}", answer.status) },
            None => NotGranted { is_final: false, why: format!("{} without tokens", answer.status) },
        }),
    }
}

/// The claims of a token, without a check of its signature; null if it is no token.
pub fn claims(token: &SecretValue) -> Value {
    let payload = token.reveal().split('.').nth(1).and_then(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok());
    payload.and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or_default()
}

fn form(fields: &[(&str, &str)]) -> SecretValue {
    let mut url = Url::parse("http://localhost").unwrap_or_else(|_| unreachable!("the URL is a literal"));
    url.query_pairs_mut().extend_pairs(fields);
    SecretValue::from(url.query().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Headers;
    use super::*;

    fn grant() -> CodeGrant {
        CodeGrant::new("c1", "http://localhost:8976/callback")
    }

    fn query(url: &str) -> BTreeMap<String, String> {
        Url::parse(url).expect("a URL").query_pairs().into_owned().collect()
    }

    #[test]
    fn the_page_gets_a_challenge_that_only_the_verifier_answers() {
        let grant = grant();
        let page = grant.page("https://d.example/oauth2/authorize", &["openid", "orders/read"]).expect("a URL");
        let asked = query(&page);
        assert_eq!((asked["response_type"].as_str(), asked["scope"].as_str()), ("code", "openid orders/read"));
        assert_eq!(asked["redirect_uri"], "http://localhost:8976/callback");
        assert_eq!(asked["code_challenge_method"], "S256");
        assert!(!page.contains(grant.verifier.reveal()), "the verifier stays here");
        let sent = query(&format!("http://localhost/?{}", grant.exchange(&SecretValue::from("a b")).reveal()));
        let answered = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&sent["code_verifier"]));
        assert_eq!((sent["code"].as_str(), &answered), ("a b", &asked["code_challenge"]));
        assert_eq!(sent["code_verifier"].len(), 64, "43 to 128 characters");
    }

    #[test]
    fn only_an_answer_to_this_sign_in_has_a_code() {
        let grant = grant();
        let state = grant.state.reveal();
        let code = |target: &str| grant.code(target).map(|code| code.map(|code| code.reveal().to_owned()));
        assert_eq!(code(&format!("/callback?code=a%20b&state={state}")), Ok(Some("a b".to_owned())));
        for target in ["/callback?code=a&state=other", "/callback?code=a", "/callback"] {
            assert_eq!(code(target), Ok(None), "{target}");
        }
        for (target, why) in [
            (
                format!("/callback?error=access_denied&error_description=no%0Aerror&state={state}"),
                "access_denied: no error",
            ),
            (format!("/callback?state={state}"), "sent no code"),
        ] {
            let said = code(&target).expect_err(&target);
            assert!(said.contains(why), "{target}: {said}");
        }
    }

    #[test]
    fn tokens_are_read_only_from_an_answer_that_grants_them() {
        let read = |status, body: &str| {
            granted(&Answer { status, headers: Headers::default(), body: body.as_bytes().to_vec() })
                .map(|tokens| (tokens.refresh.is_some(), tokens.expires_in))
        };
        let refused = |is_final, why: &str| Err(NotGranted { is_final, why: why.to_owned() });
        let both = r#"{"id_token":"a","access_token":"b","refresh_token":"c","expires_in":3600}"#;
        assert_eq!(read(200, both), Ok((true, 3600)));
        assert_eq!(read(200, r#"{"id_token":"a","access_token":"b","expires_in":60}"#), Ok((false, 60)));
        assert_eq!(read(400, r#"{"error":"invalid_grant"}"#), refused(true, "400 invalid_grant"));
        assert_eq!(read(400, both), refused(false, "400 without tokens"));
        assert_eq!(read(200, r#"{"access_token":"b"}"#), refused(false, "200 without tokens"));
    }
}

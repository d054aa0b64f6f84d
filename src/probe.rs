//! Requests to the deployed API, as any client would send them: no AWS credentials, no SDK.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};

use crate::error::Error;
use crate::secret::Hidden;

/// One request.
#[derive(Debug)]
pub struct Request<'a> {
    /// As in `POST`.
    pub method: &'a str,
    /// The whole of it.
    pub url: &'a str,
    /// Sent as it is in `Authorization`, which is what a Cognito authorizer expects.
    pub token: Option<&'a Hidden>,
    /// JSON.
    pub body: Option<&'a str>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// As in 200.
    pub status: u16,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    /// As text.
    pub body: String,
}

/// Sends a request once.
pub async fn send(request: &Request<'_>) -> Result<Answer, Error> {
    Client::new()?.send(request).await
}

/// Sends many requests over connections that it keeps.
#[derive(Debug, Clone)]
pub struct Client(reqwest::Client);

impl Client {
    /// With no connection yet.
    pub fn new() -> Result<Self, Error> {
        // Whoever comes first installs it; both are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder()
            .timeout(Duration::from_secs(35))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("securelambda/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(Self)
            .map_err(|error| Error::other(format!("could not make an HTTP client: {}", root(&error))))
    }

    /// Sends a request once.
    pub async fn send(&self, request: &Request<'_>) -> Result<Answer, Error> {
        self.send_signed(request, &[]).await
    }

    /// Sends a request once, with these headers beside its own.
    pub async fn send_signed(&self, request: &Request<'_>, headers: &[(String, Hidden)]) -> Result<Answer, Error> {
        let unsent = |error: reqwest::Error| {
            // The URL stands in the message once already, and the chain says why.
            Error::other(format!("{} did not answer: {}", request.url, root(&error)))
                .hint("check the network, and `securelambda status`")
        };
        let method = reqwest::Method::from_bytes(request.method.as_bytes())
            .map_err(|_| Error::usage(format!("{:?} is no HTTP method", request.method)))?;
        let mut call = self.0.request(method, request.url);
        if let Some(token) = request.token {
            let mut value = reqwest::header::HeaderValue::from_str(token.reveal())
                .map_err(|_| Error::usage("the token has characters that no token has"))?;
            value.set_sensitive(true);
            call = call.header(AUTHORIZATION, value);
        }
        for (name, value) in headers {
            let mut value = reqwest::header::HeaderValue::from_str(value.reveal())
                .map_err(|_| Error::other(format!("the header {name} has characters that no header has")))?;
            value.set_sensitive(true);
            call = call.header(name, value);
        }
        if let Some(body) = request.body {
            call = call.header(CONTENT_TYPE, "application/json").body(body.to_owned());
        }
        let response = call.send().await.map_err(unsent)?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        Ok(Answer { status, headers, body: response.text().await.map_err(unsent)? })
    }
}

/// What an error began with.
fn root(error: &reqwest::Error) -> String {
    let chain = std::iter::successors(std::error::Error::source(error), |error| error.source());
    chain.last().map_or_else(|| error.to_string(), ToString::to_string)
}
/// The method to call a route by: for `ANY`, one that no other route on its path has for itself.
pub fn method_of<'a>(
    (method, path): (&'a str, &str),
    routes: impl Iterator<Item = (&'a str, &'a str)>,
    with_body: bool,
) -> &'a str {
    if method != "ANY" {
        return method;
    }
    let taken: Vec<&str> = routes.filter(|(_, of)| *of == path).map(|(method, _)| method).collect();
    let methods =
        if with_body { ["POST", "PUT", "PATCH", "DELETE", "GET"] } else { ["GET", "DELETE", "POST", "PUT", "PATCH"] };
    methods.into_iter().find(|method| !taken.contains(method)).unwrap_or("HEAD")
}

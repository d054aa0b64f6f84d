//! Requests to the deployed API, as any client sends them: without AWS credentials or the SDK.

pub mod authorization_code;
mod client_credentials;

use std::borrow::Cow;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};

use crate::error::Error;
use crate::proxies::{Proxies, Proxy};
use crate::reach::{NoWay, Unreached};
use crate::secret::SecretValue;

pub use authorization_code::{CodeGrant, UserTokens};
pub use client_credentials::{ClientCredentials, Granted};

/// The header with an API key, in lower case.
pub const API_KEY_HEADER: &str = "x-api-key";

#[derive(Debug)]
pub struct Request<'a> {
    /// Such as `POST`.
    pub method: &'a str,
    pub url: &'a str,
    /// Sent unchanged in `Authorization`, as Cognito authorizers expect.
    pub token: Option<&'a SecretValue>,
    pub body: Option<Body<'a>>,
}

#[derive(Debug, Clone, Copy)]
pub struct Body<'a> {
    /// Such as `application/json`; without the header if it is empty.
    pub content_type: &'a str,
    pub data: &'a [u8],
}

impl<'a> Body<'a> {
    pub fn json(text: &'a str) -> Self {
        Self::text("application/json", text)
    }

    pub fn text(content_type: &'a str, text: &'a str) -> Self {
        Self { content_type, data: text.as_bytes() }
    }
}

/// The response to a request.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text. Bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

/// The headers of a response, in their order. A name can occur several times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The first value of a header. The name is in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All headers, with their names in lower case.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl FromIterator<(String, String)> for Headers {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(headers: T) -> Self {
        Self(headers.into_iter().collect())
    }
}

/// How the names of headers are written. To an HTTP server both mean the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderNames {
    /// `authorization`
    LowerCase,
    /// `Authorization`
    TitleCase,
}

/// A client for each way to write the names of headers.
#[derive(Debug, Clone)]
struct Carrier {
    lower: reqwest::Client,
    title: reqwest::Client,
}

/// Sends requests and reuses connections.
#[derive(Debug, Clone)]
pub struct Client {
    direct: Carrier,
    /// Clients by the text of their proxy.
    through: Vec<(String, Carrier)>,
    proxies: Proxies,
    proves: bool,
}

impl Client {
    pub fn new(proxies: &Proxies) -> Result<Self, Error> {
        let through = |proxy: &Proxy| {
            let carrier = reqwest::Proxy::all(proxy.url().reveal());
            let carrier = carrier.map_err(|_| Error::other(format!("{proxy} is not a valid proxy")))?;
            Ok((proxy.to_string(), Carrier::new(Some(&carrier))?))
        };
        Ok(Self {
            direct: Carrier::new(None)?,
            through: proxies.all().map(through).collect::<Result<_, Error>>()?,
            proxies: proxies.clone(),
            proves: false,
        })
    }

    /// A client for `verify`: it refuses requests that a proxy could answer instead of the API.
    pub fn of_proof(proxies: &Proxies) -> Result<Self, Error> {
        Ok(Self { proves: true, ..Self::new(proxies)? })
    }

    /// The proxy and the client for a URL.
    fn way(&self, url: &str) -> Result<(Option<String>, &Carrier), Error> {
        let unreached = |why| not_reached(&Unreached::new(url, None, why));
        let proxy = self.proxies.of(url).map_err(|malformed| unreached(NoWay::Malformed(malformed)))?;
        let Some(shown) = proxy.map(ToString::to_string) else { return Ok((None, &self.direct)) };
        if self.proves && url.starts_with("http://") {
            let why = format!("{shown} could answer instead, because the connection is not encrypted");
            return Err(unreached(NoWay::Failed(why)).hint("add the host to NO_PROXY"));
        }
        let known = self.through.iter().find(|(known, _)| *known == shown);
        let client = known.map_or(&self.direct, |(_, client)| client);
        Ok((Some(shown), client))
    }

    /// Sends a request once.
    pub async fn send(&self, request: &Request<'_>) -> Result<Answer, Error> {
        self.send_with(request, &[], HeaderNames::LowerCase).await
    }

    /// Sends a request once, with additional headers.
    pub async fn send_with(
        &self,
        request: &Request<'_>,
        headers: &[(String, SecretValue)],
        names: HeaderNames,
    ) -> Result<Answer, Error> {
        let (proxy, carrier) = self.way(request.url)?;
        let client = match names {
            HeaderNames::LowerCase => &carrier.lower,
            HeaderNames::TitleCase => &carrier.title,
        };
        let unsent = |error: reqwest::Error| {
            let why = NoWay::of(&error, proxy.is_some());
            not_reached(&Unreached::new(request.url, proxy.clone(), why))
                .hint("`securelambda status` shows whether the API exists")
        };
        let method = reqwest::Method::from_bytes(request.method.as_bytes())
            .map_err(|_| Error::usage(format!("{:?} is not an HTTP method", request.method)))?;
        let mut call = client.request(method, request.url);
        if let Some(token) = request.token {
            let mut value = reqwest::header::HeaderValue::from_str(token.reveal())
                .map_err(|_| Error::usage("the token contains characters that are not allowed in a header"))?;
            value.set_sensitive(true);
            call = call.header(AUTHORIZATION, value);
        }
        for (name, value) in headers {
            let mut value = reqwest::header::HeaderValue::from_str(value.reveal())
                .map_err(|_| Error::other(format!("the header {name} contains characters that are not allowed")))?;
            value.set_sensitive(true);
            call = call.header(name, value);
        }
        if let Some(body) = request.body {
            if !body.content_type.is_empty() {
                call = call.header(CONTENT_TYPE, body.content_type);
            }
            call = call.body(body.data.to_vec());
        }
        let response = call.send().await.map_err(unsent)?;
        let status = response.status().as_u16();
        if proxy.is_some() && request.url.starts_with("http://") && matches!(status, 407 | 502..=504) {
            let why = if status == 407 { NoWay::Unauthorized } else { NoWay::Refused };
            return Err(not_reached(&Unreached::new(request.url, proxy, why)));
        }
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        Ok(Answer { status, headers, body: response.bytes().await.map_err(unsent)?.to_vec() })
    }
}

impl Carrier {
    fn new(proxy: Option<&reqwest::Proxy>) -> Result<Self, Error> {
        let [lower, title] = [HeaderNames::LowerCase, HeaderNames::TitleCase].map(|names| client(proxy, names));
        Ok(Self { lower: lower?, title: title? })
    }
}

/// A client with this proxy, or without one. It ignores the environment, which `proxies` has already read.
fn client(proxy: Option<&reqwest::Proxy>, names: HeaderNames) -> Result<reqwest::Client, Error> {
    // Fails if a provider is installed already, which is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(35))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("securelambda/", env!("CARGO_PKG_VERSION")));
    let builder = match proxy {
        Some(proxy) => builder.proxy(proxy.clone()),
        None => builder,
    };
    let builder = match names {
        HeaderNames::LowerCase => builder,
        HeaderNames::TitleCase => builder.http1_title_case_headers(),
    };
    builder.build().map_err(|error| {
        let chain = std::iter::successors(std::error::Error::source(&error), |error| error.source());
        let root = chain.last().map_or_else(|| error.to_string(), ToString::to_string);
        Error::other(format!("could not create an HTTP client: {root}"))
    })
}

fn not_reached(unreached: &Unreached) -> Error {
    Error::other(unreached.to_string()).hint(unreached.hint())
}

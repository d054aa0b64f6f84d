//! Why a host could not be reached. The message names the host, and the proxy if there is one.

use std::error::Error;
use std::fmt;

use crate::proxies::Malformed;

/// A host could not be reached.
#[derive(Debug)]
pub struct Unreached {
    /// As in the URL, with the port if it contains one.
    pub host: String,
    /// The text of the proxy that was used.
    pub proxy: Option<String>,
    pub why: NoWay,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoWay {
    /// The proxy variable does not contain the URL of a proxy.
    Malformed(Malformed),
    /// The proxy requires authentication.
    Unauthorized,
    /// The proxy refused to connect.
    Refused,
    /// The proxy could not be reached.
    ProxyGone(String),
    /// Another error: its root cause.
    Failed(String),
}

impl NoWay {
    /// Classifies the error of an HTTP client.
    pub fn of(error: &(dyn Error + 'static), through_proxy: bool) -> Self {
        let said: Vec<String> =
            std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string).collect();
        let root = said.last().cloned().unwrap_or_default();
        let says = |words: &str| said.iter().any(|said| said.contains(words));
        // These are messages of `hyper-util`, whose error type is private.
        match through_proxy {
            true if says("proxy authorization required") => Self::Unauthorized,
            true if says("tunnel error: unsuccessful") => Self::Refused,
            true if says("tcp connect error") || says("dns error") => Self::ProxyGone(root),
            _ => Self::Failed(root),
        }
    }

    /// Whether a retry would fail in the same way.
    pub fn lasts(&self) -> bool {
        matches!(self, Self::Malformed(_) | Self::Unauthorized)
    }
}

impl Unreached {
    pub fn new(url: &str, proxy: Option<String>, why: NoWay) -> Self {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        Self { host: rest.split(['/', '?']).next().unwrap_or(rest).to_owned(), proxy, why }
    }

    pub fn hint(&self) -> String {
        match &self.why {
            NoWay::Malformed(malformed) => format!("set {} to the URL of a proxy, or unset it", malformed.variable),
            NoWay::Unauthorized => {
                "add the user name and the password to the proxy's URL, as in http://NAME:PASSWORD@proxy.example:3128, and percent-encode special characters"
                    .to_owned()
            }
            NoWay::Refused => {
                format!(
                    "allow {} in the proxy, or add it to NO_PROXY if it can be reached without a proxy",
                    self.host
                )
            }
            NoWay::ProxyGone(_) => {
                "check the variable and whether the proxy is running, or add the host to NO_PROXY to connect directly"
                    .to_owned()
            }
            NoWay::Failed(why) if why.contains("certificate") => {
                "if a proxy intercepts TLS connections, set SSL_CERT_FILE to a file with its certificate authority"
                    .to_owned()
            }
            NoWay::Failed(_) => "check the network and the endpoint".to_owned(),
        }
    }
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        let proxy = self.proxy.as_deref().unwrap_or("the proxy");
        match &self.why {
            NoWay::Malformed(malformed) => write!(f, "no answer from {host}: {malformed}"),
            NoWay::Unauthorized => {
                write!(f, "no answer from {host}: {proxy} requires a user name and a password, or refused them (407)")
            }
            NoWay::Refused => write!(f, "no answer from {host}: {proxy} refused to connect to it"),
            NoWay::ProxyGone(why) => write!(f, "no answer from {host}: {proxy} cannot be reached: {why}"),
            NoWay::Failed(why) => match &self.proxy {
                Some(proxy) => write!(f, "no answer from {host} through {proxy}: {why}"),
                None => write!(f, "no answer from {host}: {why}"),
            },
        }
    }
}

/// Without a source: the message contains the root cause.
impl Error for Unreached {}

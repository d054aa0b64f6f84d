//! Why no answer came from a host, in words that name the host, and the proxy if it was asked through one.

use std::error::Error;
use std::fmt;

use crate::proxies::Malformed;

/// No answer came from a host.
#[derive(Debug)]
pub struct Unreached {
    /// As in a URL: with its port if it has one of its own.
    pub host: String,
    /// The proxy it was asked through, as it is shown.
    pub proxy: Option<String>,
    /// Why.
    pub why: NoWay,
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoWay {
    /// It should have been asked through a proxy, and the variable does not hold the URL of one.
    Malformed(Malformed),
    /// The proxy wants to know who asks.
    Unauthorized,
    /// The proxy answered, and made no connection.
    Refused,
    /// The proxy itself does not answer.
    ProxyGone(String),
    /// Anything else: what it began with.
    Failed(String),
}

impl NoWay {
    /// From what an HTTP client says.
    pub fn of(error: &(dyn Error + 'static), through_proxy: bool) -> Self {
        let said: Vec<String> =
            std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string).collect();
        let root = said.last().cloned().unwrap_or_default();
        let says = |words: &str| said.iter().any(|said| said.contains(words));
        // The words are those of `hyper-util`, whose type for it is not public.
        match through_proxy {
            true if says("proxy authorization required") => Self::Unauthorized,
            true if says("tunnel error: unsuccessful") => Self::Refused,
            true if says("tcp connect error") || says("dns error") => Self::ProxyGone(root),
            _ => Self::Failed(root),
        }
    }

    /// It would be the same the next time.
    pub fn lasts(&self) -> bool {
        matches!(self, Self::Malformed(_) | Self::Unauthorized)
    }
}

impl Unreached {
    /// From a request's URL.
    pub fn new(url: &str, proxy: Option<String>, why: NoWay) -> Self {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        Self { host: rest.split(['/', '?']).next().unwrap_or(rest).to_owned(), proxy, why }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match &self.why {
            NoWay::Malformed(malformed) => format!("set {} to the URL of a proxy, or unset it", malformed.variable),
            NoWay::Unauthorized => {
                "put them into the proxy's URL, as in http://NAME:PASSWORD@proxy.example:3128, with \
                                    special characters percent-encoded"
                    .to_owned()
            }
            NoWay::Refused => {
                format!(
                    "have the proxy allow {}, or add it to NO_PROXY if it can be reached without a proxy",
                    self.host
                )
            }
            NoWay::ProxyGone(_) => {
                "check the variable and whether the proxy runs, or add the host to NO_PROXY to reach it directly"
                    .to_owned()
            }
            NoWay::Failed(why) if why.contains("certificate") => {
                "if something on the way opens TLS connections, let SSL_CERT_FILE name a file that holds its \
                 certificate authority"
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
                write!(f, "no answer from {host}: {proxy} asks for a user name and a password, or for others (407)")
            }
            NoWay::Refused => write!(f, "no answer from {host}: {proxy} makes no connection to it"),
            NoWay::ProxyGone(why) => write!(f, "no answer from {host}: {proxy} cannot be reached: {why}"),
            NoWay::Failed(why) => match &self.proxy {
                Some(proxy) => write!(f, "no answer from {host} through {proxy}: {why}"),
                None => write!(f, "no answer from {host}: {why}"),
            },
        }
    }
}

/// What it began with stands in its words.
impl Error for Unreached {}

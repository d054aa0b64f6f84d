//! The proxy of a request, from `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`. Pure: the variables are passed in.
//!
//! The rules are those of the AWS CLI: a lower-case variable takes precedence over the upper-case one, `HTTPS_PROXY`
//! applies only to `https://` and `HTTP_PROXY` only to `http://`. Requests to this machine never use a proxy, because
//! the proxy would connect to its own loopback address.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use reqwest::Url;

use crate::secret::SecretValue;

/// The proxy settings of the environment.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    https: Option<Result<Proxy, Malformed>>,
    http: Option<Result<Proxy, Malformed>>,
    exempt: Vec<Exempt>,
}

/// A proxy and its variable. Formatting does not show the user name and the password.
#[derive(Debug, Clone)]
pub struct Proxy {
    url: SecretValue,
    shown: String,
    variable: &'static str,
}

impl Proxy {
    /// The URL with user name and password.
    pub fn url(&self) -> &SecretValue {
        &self.url
    }
}

/// `the proxy http://proxy.example:3128 (HTTPS_PROXY)`.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy {} ({})", self.shown, self.variable)
    }
}

/// A proxy variable that does not contain the URL of a proxy. The value is not shown, because it may contain a
/// password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is not the URL of a proxy, such as http://proxy.example:3128: {why}")]
pub struct Malformed {
    pub variable: &'static str,
    why: String,
}

/// An entry of `NO_PROXY`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Exempt {
    All,
    Network(IpNet),
    /// A host and its subdomains, on this port or on any port.
    Domain(String, Option<u16>),
}

impl Proxies {
    /// `variable` returns the value of an environment variable; `None` if it is unset or empty.
    pub fn new(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, variable(name)?)));
        let proxy = |names| first(names).map(|(name, value)| parse(name, value.trim()));
        let exempt = first(["no_proxy", "NO_PROXY"]).map(|(_, value)| value).unwrap_or_default();
        let entries = exempt.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
        Self {
            https: proxy(["https_proxy", "HTTPS_PROXY"]),
            http: proxy(["http_proxy", "HTTP_PROXY"]),
            exempt: entries.map(exemption).collect(),
        }
    }

    /// The proxy for a request to this URL; `None` if it needs none.
    ///
    /// # Errors
    /// The variable does not contain the URL of a proxy.
    pub fn of(&self, url: &str) -> Result<Option<&Proxy>, Malformed> {
        let Ok(url) = Url::parse(url) else { return Ok(None) };
        let proxy = match url.scheme() {
            "https" => &self.https,
            "http" => &self.http,
            _ => &None,
        };
        let Some(proxy) = proxy else { return Ok(None) };
        let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_lowercase();
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        if is_at_hand(&host, address) {
            return Ok(None);
        }
        if self.exempt.iter().any(|entry| entry.covers(&host, address, url.port_or_known_default())) {
            return Ok(None);
        }
        proxy.as_ref().map(Some).map_err(Malformed::clone)
    }

    /// All valid proxies.
    pub fn all(&self) -> impl Iterator<Item = &Proxy> {
        [&self.https, &self.http].into_iter().flatten().flatten()
    }
}

/// Whether a host is this machine or an AWS metadata endpoint. A proxy would reach its own machine at these addresses.
fn is_at_hand(host: &str, address: Option<IpAddr>) -> bool {
    const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    const PODS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23);
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => address.is_loopback() || address.is_unspecified() || address.is_link_local(),
        Some(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unspecified() || [METADATA, PODS].contains(&address)
        }
        None => host == "localhost" || host.ends_with(".localhost"),
    }
}

fn parse(variable: &'static str, value: &str) -> Result<Proxy, Malformed> {
    let malformed = |why: &str| Malformed { variable, why: why.to_owned() };
    // Many tools also accept `proxy.example:3128`.
    let whole = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let url = Url::parse(&whole).map_err(|error| malformed(&error.to_string()))?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(malformed(&format!("{} proxies are not supported", url.scheme())));
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| malformed("it has no host"))?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let shown = format!("{}://{host}{port}", url.scheme());
    let user = match (url.username(), url.password()) {
        ("", None) => String::new(),
        (user, password) => format!("{user}:{}@", password.unwrap_or_default()),
    };
    let url = SecretValue::new(format!("{}://{user}{host}{port}", url.scheme()));
    Ok(Proxy { url, shown, variable })
}

fn exemption(entry: &str) -> Exempt {
    let entry = entry.to_lowercase();
    if entry == "*" {
        return Exempt::All;
    }
    if let Some(address) = entry.trim_matches(['[', ']']).parse::<IpAddr>().ok().map(IpNet::from) {
        return Exempt::Network(address);
    }
    if let Ok(network) = entry.parse() {
        return Exempt::Network(network);
    }
    let (host, port) = match entry.rsplit_once(':').map(|(host, port)| (host, port.parse().ok())) {
        Some((host, Some(port))) => (host, Some(port)),
        _ => (entry.as_str(), None),
    };
    let host = host.trim_start_matches('*').trim_matches('.').trim_matches(['[', ']']);
    Exempt::Domain(host.to_owned(), port)
}

impl Exempt {
    fn covers(&self, host: &str, address: Option<IpAddr>, port: Option<u16>) -> bool {
        match self {
            Self::All => true,
            Self::Network(network) => address.is_some_and(|address| network.contains(&address)),
            Self::Domain(domain, only) => {
                let is_below = || host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'));
                let is_it = host.trim_matches(['[', ']']) == domain || (address.is_none() && is_below());
                !domain.is_empty() && is_it && (only.is_none() || *only == port)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        Proxies::new(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    /// The text of the proxy for a URL.
    fn shown(proxies: &Proxies, url: &str) -> Option<String> {
        proxies.of(url).expect("a sound variable").map(ToString::to_string)
    }

    #[test]
    fn each_variable_applies_to_its_scheme_and_lower_case_takes_precedence() {
        let one = proxies(&[("HTTPS_PROXY", "http://a:1"), ("HTTP_PROXY", "http://b:2")]);
        assert_eq!(
            shown(&one, "https://sns.eu-central-1.amazonaws.com/"),
            Some("the proxy http://a:1 (HTTPS_PROXY)".into())
        );
        assert_eq!(shown(&one, "http://emulator.example/"), Some("the proxy http://b:2 (HTTP_PROXY)".into()));
        let both = proxies(&[("HTTPS_PROXY", "http://a:1"), ("https_proxy", "http://c:3")]);
        assert_eq!(shown(&both, "https://x.example"), Some("the proxy http://c:3 (https_proxy)".into()));
        assert_eq!(shown(&both, "http://x.example"), None);
        assert_eq!(
            shown(&proxies(&[("HTTPS_PROXY", "a.example:1")]), "https://x.example").as_deref(),
            Some("the proxy http://a.example:1 (HTTPS_PROXY)")
        );
    }

    #[test]
    fn loopback_and_metadata_addresses_never_use_a_proxy() {
        let all = proxies(&[("HTTPS_PROXY", "http://a:1"), ("HTTP_PROXY", "http://a:1")]);
        for host in [
            "127.0.0.1",
            "127.0.0.1:4566",
            "127.8.9.1:1",
            "127.1",
            "2130706433",
            "[::1]:4566",
            "[::ffff:127.0.0.1]",
            "localhost",
            "LOCALHOST:4566",
            "localhost.",
            "api.localhost",
            "0.0.0.0",
            "169.254.169.254",
            "169.254.170.2",
            "[fd00:ec2::254]",
            "[fd00:ec2::23]",
        ] {
            for scheme in ["http", "https"] {
                assert_eq!(shown(&all, &format!("{scheme}://{host}/path")), None, "{host}");
            }
        }
        for host in ["localhost.example", "notlocalhost", "128.0.0.1", "126.255.255.255", "[::2]", "10.0.0.1"] {
            assert!(shown(&all, &format!("https://{host}/")).is_some(), "{host}");
        }
    }

    #[test]
    fn hosts_in_no_proxy_use_no_proxy() {
        let table = [
            ("*", "https://a.example", true),
            ("example.com", "https://example.com", true),
            ("example.com", "https://a.EXAMPLE.com./x", true),
            (".example.com", "https://a.example.com", true),
            ("*.example.com", "https://a.example.com", true),
            ("example.com", "https://anexample.com", false),
            ("b.example.com", "https://example.com", false),
            ("x.org, example.com", "https://example.com", true),
            ("x.org example.com", "https://example.com", true),
            ("example.com:443", "https://example.com", true),
            ("example.com:8443", "https://example.com", false),
            ("example.com:8443", "https://example.com:8443", true),
            ("10.0.0.0/8", "https://10.1.2.3", true),
            ("10.0.0.0/8", "https://11.1.2.3", false),
            ("10.1.2.3", "https://10.1.2.3", true),
            ("10.1.2.3:443", "https://10.1.2.3", true),
            ("fd00::/8", "https://[fd00::1]", true),
            ("fd00::1", "https://[fd00::1]", true),
            ("2.3", "https://10.1.2.3", false),
            (",", "https://example.com", false),
            (".", "https://example.com", false),
        ];
        for (exempt, url, direct) in table {
            for name in ["NO_PROXY", "no_proxy"] {
                let proxies = proxies(&[("HTTPS_PROXY", "http://p:1"), (name, exempt)]);
                assert_eq!(shown(&proxies, url).is_none(), direct, "{exempt}: {url}");
            }
        }
    }

    #[test]
    fn no_formatting_shows_the_password() {
        let proxies = proxies(&[("HTTPS_PROXY", "http://user:sent%40inel@p.example:3128/")]);
        let proxy = proxies.of("https://x.example").expect("sound").expect("a proxy");
        assert_eq!(proxy.url().reveal(), "http://user:sent%40inel@p.example:3128");
        for text in [format!("{proxies:?}"), format!("{proxy}"), format!("{proxy:?}")] {
            assert!(!text.contains("sent") && !text.contains("user"), "{text}");
        }
    }

    #[test]
    fn a_malformed_variable_is_an_error_that_does_not_show_the_value() {
        for (value, why) in [
            ("http://user:sentinel@", "empty host"),
            ("http://user:sentinel@proxy:port", "invalid port number"),
            ("socks5://user:sentinel@proxy:1080", "socks5 proxies are not supported"),
            ("sentinel proxy", "invalid international domain name"),
        ] {
            let proxies = proxies(&[("https_proxy", value)]);
            let error = proxies.of("https://x.example").expect_err(value).to_string();
            assert!(error.starts_with("https_proxy is not the URL of a proxy") && error.contains(why), "{error}");
            assert!(!error.contains("sentinel"), "{error}");
            // Requests that use no proxy are not affected.
            assert!(proxies.of("https://localhost").expect("not looked at").is_none());
        }
    }
}

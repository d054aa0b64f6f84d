//! The subscriptions of a topic.

use aws_sdk_sns::types::Subscription as AwsSubscription;

use super::confirmed;

/// A subscription of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribed {
    /// Such as `lambda`, `email` or `https`.
    pub protocol: String,
    /// The receiver of the messages. A URL contains only scheme, host and path, because the rest may be secret.
    pub endpoint: String,
    /// `None` if it is not confirmed. In this case it cannot be deleted.
    pub arn: Option<String>,
}

impl Subscribed {
    pub(super) fn read(subscription: &AwsSubscription) -> Self {
        let (protocol, endpoint) = (subscription.protocol().unwrap_or("?"), subscription.endpoint().unwrap_or("?"));
        Self {
            protocol: protocol.to_owned(),
            endpoint: if protocol.starts_with("http") { without_secrets(endpoint) } else { endpoint.to_owned() },
            arn: confirmed(subscription).map(str::to_owned),
        }
    }
}

impl std::fmt::Display for Subscribed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let id = self.arn.as_ref().and_then(|arn| arn.rsplit(':').next()).unwrap_or("not confirmed");
        write!(f, "{} {} ({id})", self.protocol, self.endpoint)
    }
}

/// A URL without user, password, query and fragment.
fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return "?".to_owned() };
    let (host, path) = rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
    format!("{scheme}://{}{path}", host.rsplit('@').next().unwrap_or(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_secrets() {
        assert_eq!(without_secrets("https://user:pass@example.com/a?token=x#y"), "https://example.com/a");
        assert_eq!(without_secrets("https://example.com"), "https://example.com");
        assert_eq!(without_secrets("user:pass@example.com"), "?");
    }
}

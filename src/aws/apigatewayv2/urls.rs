//! URLs of an HTTP API. Nothing here calls AWS.

use crate::scope::Scope;

/// The stage at the root of the API's host.
const DEFAULT: &str = "$default";

/// A stage's URL, without a slash at the end. A route's URL is this, followed by its path.
///
/// `endpoint` is the endpoint in use if it is not AWS's: an emulator has its own address.
pub fn http_stage_url(endpoint: Option<&str>, scope: &Scope, api_id: &str, stage: &str) -> String {
    if let Some(endpoint) = endpoint {
        return format!("{}/_aws/execute-api/{api_id}/{stage}", endpoint.trim_end_matches('/'));
    }
    let host = format!("https://{api_id}.{}", scope.host("execute-api"));
    if stage == DEFAULT { host } else { format!("{host}/{stage}") }
}

/// The URL of a custom domain, without a slash at the end. It has no stage.
pub fn domain_url(name: &str) -> String {
    format!("https://{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_stage_is_at_the_root() {
        let scope = Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            stack: "demo".into(),
            ..Scope::default()
        };
        let at = |endpoint, stage| http_stage_url(endpoint, &scope, "abc", stage);
        assert_eq!(at(None, "$default"), "https://abc.execute-api.eu-central-1.amazonaws.com");
        assert_eq!(at(None, "live"), "https://abc.execute-api.eu-central-1.amazonaws.com/live");
        let local = at(Some("http://127.0.0.1:4566/"), "$default");
        assert_eq!(local, "http://127.0.0.1:4566/_aws/execute-api/abc/$default");
    }
}

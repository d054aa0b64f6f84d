//! The one HTTP client under all services, the pace of what goes through it, and the log of every call (`-vv`).
//!
//! API Gateway, Lambda and WAF publish rates per account for their control planes (reference, 6.2, 7.1 and 9.1) that
//! cannot be raised. Pacing sits here, under the SDK, so that no call and no retry can get past it.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::engine::Tempo;

/// The client for an endpoint, paced at a run's tempo; one without TLS needs no certificates read.
pub fn client(endpoint: Option<&str>, tempo: Tempo) -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new();
    let inner = if endpoint.is_some_and(|url| url.starts_with("http://")) {
        builder.build_http()
    } else {
        builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
    };
    SharedHttpClient::new(Paced { inner, rates: Arc::new(Rates::new(tempo)) })
}

/// WAF's rates, each call for itself: one in so many milliseconds, with such a burst (reference, 7.1).
const WAF_RATES: [(&str, u64, u32); 14] = [
    ("AssociateWebACL", 2000, 1),
    ("DisassociateWebACL", 2000, 1),
    ("GetWebACLForResource", 1000, 1),
    ("ListResourcesForWebACL", 1000, 1),
    ("CreateWebACL", 1000, 1),
    ("UpdateWebACL", 1000, 1),
    ("DeleteWebACL", 1000, 1),
    ("CreateIPSet", 1000, 1),
    ("UpdateIPSet", 1000, 1),
    ("DeleteIPSet", 1000, 1),
    ("GetWebACL", 200, 5),
    ("GetIPSet", 200, 5),
    ("ListWebACLs", 200, 5),
    ("ListIPSets", 200, 5),
];

#[derive(Debug)]
struct Paced {
    inner: SharedHttpClient,
    rates: Arc<Rates>,
}

impl HttpClient for Paced {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(PacedConnector { inner, rates: Arc::clone(&self.rates) })
    }
}

#[derive(Debug)]
struct PacedConnector {
    inner: SharedHttpConnector,
    rates: Arc<Rates>,
}

impl HttpConnector for PacedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, rates) = (self.inner.clone(), Arc::clone(&self.rates));
        HttpConnectorFuture::new(async move {
            for rate in rates.of(&request) {
                rate.until_ready().await;
            }
            let name = tracing::enabled!(tracing::Level::DEBUG).then(|| name(&request));
            let began = Instant::now();
            let answer = inner.call(request).await;
            if let Some(name) = name {
                let status =
                    answer.as_ref().map_or_else(|_| "no answer".to_owned(), |answer| answer.status().to_string());
                tracing::debug!(status, ms = began.elapsed().as_millis(), "{name}");
            }
            answer
        })
    }
}

/// What a call is, for the log: nothing of its body but the operation's name, and nothing of its headers, which carry
/// signatures and tokens.
fn name(request: &HttpRequest) -> String {
    // JSON protocols: `AWSWAF_20190729.CreateWebACL`.
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.to_owned();
    }
    let (host, path) = host_and_path(request);
    // Query protocols begin their body with `Action=CreateRole&`; that of others is left alone.
    let action = request.body().bytes().and_then(|body| {
        let rest = body.strip_prefix(b"Action=")?;
        let end = rest.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(rest.len());
        std::str::from_utf8(&rest[..end]).ok()
    });
    match action {
        Some(action) => format!("{host} {action}"),
        None => format!("{} {path}", request.method()),
    }
}

/// A request's host, and its path without the query.
fn host_and_path(request: &HttpRequest) -> (&str, &str) {
    let rest = request.uri().split_once("://").map_or(request.uri(), |(_, rest)| rest);
    let (host, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    (host, path.split('?').next().unwrap_or(path))
}

/// The published rates, for this process's share of the account.
#[derive(Debug)]
struct Rates {
    create_rest_api: DefaultDirectRateLimiter,
    delete_rest_api: DefaultDirectRateLimiter,
    create_deployment: DefaultDirectRateLimiter,
    change_path: DefaultDirectRateLimiter,
    api_gateway: DefaultDirectRateLimiter,
    lambda: DefaultDirectRateLimiter,
    waf: HashMap<&'static str, DefaultDirectRateLimiter>,
}

impl Rates {
    fn new(tempo: Tempo) -> Self {
        let paced = |period, burst| limiter(Quota::with_period(tempo.of(period)), burst);
        let one_in = |millis| paced(Duration::from_millis(millis), 1);
        let a_second = |calls: u32, burst| paced(Duration::from_secs(1) / calls, burst);
        Self {
            create_rest_api: one_in(3000),
            delete_rest_api: one_in(30_000),
            create_deployment: one_in(5000),
            change_path: a_second(5, 5),
            api_gateway: a_second(10, 40),
            lambda: a_second(15, 15),
            waf: WAF_RATES
                .into_iter()
                .map(|(operation, millis, burst)| (operation, paced(Duration::from_millis(millis), burst)))
                .collect(),
        }
    }
}

fn limiter(quota: Option<Quota>, burst: u32) -> DefaultDirectRateLimiter {
    let quota = quota.unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN));
    RateLimiter::direct(quota.allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN)))
}

impl Rates {
    /// The rates that a call counts towards.
    fn of(&self, request: &HttpRequest) -> Vec<&DefaultDirectRateLimiter> {
        // JSON protocols name the operation in a header, `AWSWAF_20190729.CreateWebACL`; REST ones are their path.
        if let Some(target) = request.headers().get("x-amz-target") {
            return match target.split_once('.') {
                Some((service, operation)) if service.starts_with("AWSWAF") => {
                    self.waf.get(operation).into_iter().collect()
                }
                _ => Vec::new(),
            };
        }
        let (_, path) = host_and_path(request);
        if path.starts_with("/restapis") || path.starts_with("/tags/") || path == "/account" {
            return self.api_gateway(request.method(), path);
        }
        // GetFunction has a wider rate of its own, a hundred a second.
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match parts.as_slice() {
            [_, "functions", _] if request.method() == "GET" => Vec::new(),
            [_, "functions", ..] => vec![&self.lambda],
            _ => Vec::new(),
        }
    }

    fn api_gateway(&self, method: &str, path: &str) -> Vec<&DefaultDirectRateLimiter> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let own = match (method, parts.as_slice()) {
            ("POST", ["restapis"]) => Some(&self.create_rest_api),
            ("DELETE", ["restapis", _]) => Some(&self.delete_rest_api),
            ("POST", ["restapis", _, "deployments"]) => Some(&self.create_deployment),
            ("POST" | "DELETE", ["restapis", _, "resources", _]) => Some(&self.change_path),
            _ => None,
        };
        own.into_iter().chain([&self.api_gateway]).collect()
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn request(method: &str, uri: &str, target: Option<&'static str>, body: &'static str) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method(method).expect("a method");
        request.set_uri(uri.to_owned()).expect("a URI");
        if let Some(target) = target {
            request.headers_mut().insert("x-amz-target", target);
        }
        request
    }

    #[test]
    fn the_log_names_operations_and_nothing_of_what_is_sent() {
        let table = [
            (
                request("POST", "https://wafv2.x/", Some("AWSWAF_20190729.GetWebACL"), r#"{"Name":"n"}"#),
                "AWSWAF_20190729.GetWebACL",
            ),
            (request("POST", "https://iam.x/", None, "Action=CreateRole&RoleName=secret"), "iam.x CreateRole"),
            (request("POST", "https://iam.x", None, "Action=GetRole"), "iam.x GetRole"),
            (request("GET", "https://api.x/restapis/a?limit=500", None, ""), "GET /restapis/a"),
            (request("PUT", "https://api.x/functions/f", None, "Action"), "PUT /functions/f"),
        ];
        for (request, expected) in table {
            assert_eq!(name(&request), expected);
        }
    }
}

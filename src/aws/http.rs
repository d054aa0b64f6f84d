//! The one HTTP client under all services, and the pace of what goes through it.
//!
//! API Gateway, Lambda and WAF publish rates per account for their control planes (reference, 6.2, 7.1 and 9.1) that
//! cannot be raised. Pacing sits here, under the SDK, so that no call and no retry can get past it.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// The client for an endpoint; one without TLS needs no certificates read.
pub fn client(endpoint: Option<&str>) -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new();
    let inner = if endpoint.is_some_and(|url| url.starts_with("http://")) {
        builder.build_http()
    } else {
        builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
    };
    SharedHttpClient::new(Paced { inner, rates: Arc::new(Rates::default()) })
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
            inner.call(request).await
        })
    }
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

impl Default for Rates {
    fn default() -> Self {
        let one_in = |millis| limiter(Quota::with_period(Duration::from_millis(millis)), 1);
        let a_second = |calls: u32, burst: u32| limiter(NonZeroU32::new(calls).map(Quota::per_second), burst);
        Self {
            create_rest_api: one_in(3000),
            delete_rest_api: one_in(30_000),
            create_deployment: one_in(5000),
            change_path: a_second(5, 5),
            api_gateway: a_second(10, 40),
            lambda: a_second(15, 15),
            waf: WAF_RATES
                .into_iter()
                .map(|(operation, millis, burst)| {
                    let quota = Quota::with_period(Duration::from_millis(millis));
                    (operation, limiter(quota, burst))
                })
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
        let path = request.uri().split_once("://").map_or(request.uri(), |(_, rest)| rest);
        let path = path.find('/').map_or("/", |slash| &path[slash..]);
        let path = path.split('?').next().unwrap_or(path);
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

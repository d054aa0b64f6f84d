//! How calls reach their hosts: directly, or through the proxy that the environment names. Errors name the host and the
//! proxy.

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use crate::proxies::{Proxies, Proxy};
use crate::reach::{NoWay, Unreached};

const TLS: Provider = Provider::Rustls(CryptoMode::Ring);

/// The HTTP client for this endpoint, or for AWS's hosts. Without TLS it does not read certificates.
pub(super) fn client(endpoint: Option<&str>, proxies: &Proxies) -> SharedHttpClient {
    let direct = if endpoint.is_some_and(|url| url.starts_with("http://")) {
        Builder::new().build_http()
    } else {
        Builder::new().tls_provider(TLS).build_https()
    };
    let through = proxies.all().filter_map(|proxy| Some((proxy.to_string(), through(proxy)?))).collect();
    SharedHttpClient::new(Roads { direct, through, proxies: proxies.clone() })
}

/// The HTTP client for this proxy; `None` if the client does not accept its URL.
fn through(proxy: &Proxy) -> Option<SharedHttpClient> {
    // The client sends all its calls through the proxy: `Road` decides which hosts use it.
    let config = ProxyConfig::all(proxy.url().reveal()).ok()?;
    Some(Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder().proxy_config(config.clone()).tls_provider(TLS);
        builder.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            builder.set_sleep_impl(components.sleep_impl());
        }
        builder.build()
    }))
}

#[derive(Debug)]
struct Roads {
    direct: SharedHttpClient,
    /// The clients of the proxies, by the proxy's name in messages.
    through: Vec<(String, SharedHttpClient)>,
    proxies: Proxies,
}

impl HttpClient for Roads {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let connector = |client: &SharedHttpClient| client.http_connector(settings, components);
        let through = self.through.iter().map(|(shown, client)| (shown.clone(), connector(client)));
        SharedHttpConnector::new(Road {
            direct: connector(&self.direct),
            through: through.collect(),
            proxies: self.proxies.clone(),
        })
    }
}

#[derive(Debug)]
struct Road {
    direct: SharedHttpConnector,
    through: Vec<(String, SharedHttpConnector)>,
    proxies: Proxies,
}

impl HttpConnector for Road {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let url = request.uri().to_owned();
        let proxy = match self.proxies.of(&url) {
            Ok(proxy) => proxy.map(ToString::to_string),
            Err(malformed) => {
                let unreached = Unreached::new(&url, None, NoWay::Malformed(malformed));
                return HttpConnectorFuture::ready(Err(ConnectorError::user(unreached.into())));
            }
        };
        let known = |shown: &String| self.through.iter().find(|(known, _)| known == shown);
        let connector = proxy.as_ref().and_then(known).map_or(&self.direct, |(_, connector)| connector).clone();
        HttpConnectorFuture::new(async move {
            let unencrypted = url.starts_with("http://");
            match connector.call(request).await {
                Ok(answer) if proxy.is_some() && unencrypted && is_the_proxys(&answer) => {
                    let why = if answer.status().as_u16() == 407 { NoWay::Unauthorized } else { NoWay::Refused };
                    Err(with_cause(Unreached::new(&url, proxy, why), None))
                }
                Ok(answer) => Ok(answer),
                Err(error) => {
                    let why = NoWay::of(&error, proxy.is_some());
                    Err(with_cause(Unreached::new(&url, proxy, why), Some(&error)))
                }
            }
        })
    }
}

/// Whether the proxy, and not the service, gave this answer to an unencrypted call. Answers of services have a request
/// id.
fn is_the_proxys(answer: &HttpResponse) -> bool {
    let numbered = ["x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"];
    let status = answer.status().as_u16();
    status == 407
        || ([502, 503, 504].contains(&status) && !numbered.iter().any(|name| answer.headers().get(*name).is_some()))
}

/// An error of the same kind, because the SDK decides by the kind whether to retry.
fn with_cause(unreached: Unreached, error: Option<&ConnectorError>) -> ConnectorError {
    let lasts = unreached.why.lasts();
    let source: BoxError = unreached.into();
    match error {
        // A retry would fail the same way.
        _ if lasts => ConnectorError::user(source),
        None => ConnectorError::io(source),
        Some(error) => {
            let kind = match error {
                error if error.is_timeout() => ConnectorError::timeout(source),
                error if error.is_io() => ConnectorError::io(source),
                error if error.is_user() => ConnectorError::user(source),
                error => ConnectorError::other(source, error.as_other()),
            };
            match error.connection_metadata() {
                Some(connection) => kind.with_connection(connection.clone()),
                None => kind,
            }
        }
    }
}

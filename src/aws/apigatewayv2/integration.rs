//! Integrations of an HTTP API, as they are wanted and as AWS has them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigatewayv2::types::{self, IntegrationType};

use super::super::error::OrFail;
use super::{ApiGatewayV2, given, listed};
use crate::engine::{Comparison, Failure, Task};

/// The format of requests to functions: the newer, smaller one.
const PAYLOAD: &str = "2.0";

/// The only format for integrations without a function (docs/aws.md, HTTP integrations).
const ONLY_PAYLOAD: &str = "1.0";

/// The longest time that an answer may take. A function's own timeout comes first.
pub const HTTP_TIMEOUT_MS: i32 = 30_000;

/// The integration that answers a route. Routes with equal integrations share one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpIntegration {
    pub answer: HttpAnswering,
    /// How long API Gateway waits for the answer, in milliseconds.
    pub timeout_ms: i32,
}

/// The kinds of integration: a function or a server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum HttpAnswering {
    /// The function with this ARN, which sees the whole request.
    Function(String),
    /// An HTTP server outside of the stack, which sees the whole request.
    Server {
        /// Its URL, with the names of path parameters in braces.
        url: String,
        /// The HTTP method with which requests are sent to the server, or `ANY` for the caller's.
        method: String,
    },
}

impl HttpAnswering {
    /// AWS's name of the type.
    pub(crate) fn type_name(&self) -> String {
        self.kind().as_str().to_owned()
    }

    fn kind(&self) -> IntegrationType {
        match self {
            Self::Function(_) => IntegrationType::AwsProxy,
            Self::Server { .. } => IntegrationType::HttpProxy,
        }
    }

    pub(crate) fn uri(&self) -> &str {
        match self {
            Self::Function(arn) => arn,
            Self::Server { url, .. } => url,
        }
    }

    pub(crate) fn payload(&self) -> &'static str {
        match self {
            Self::Function(_) => PAYLOAD,
            Self::Server { .. } => ONLY_PAYLOAD,
        }
    }

    /// The method with which requests are sent; functions are always invoked by POST.
    pub(crate) fn method(&self) -> Option<&str> {
        match self {
            Self::Function(_) => None,
            Self::Server { method, .. } => Some(method),
        }
    }
}

/// An integration, as read from AWS.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveHttpIntegration {
    /// `AWS_PROXY` for a function that sees the whole request.
    pub kind: String,
    /// The function's ARN or the server's URL.
    pub uri: String,
    /// The format of requests to functions.
    pub payload: String,
    /// The method with which requests are sent.
    pub method: Option<String>,
    /// How long API Gateway waits for the answer, in milliseconds; `None` for AWS's default.
    pub timeout_ms: Option<i32>,
    /// The role that calls the function instead of API Gateway itself.
    pub credentials: Option<String>,
    /// The id of the VPC link that requests go through.
    pub vpc_link: Option<String>,
    /// The changes to requests, by parameter name, as in `overwrite:header.x-who`.
    pub request_parameters: BTreeMap<String, String>,
    /// The status codes whose answers are changed.
    pub response_parameters: BTreeSet<String>,
}

impl LiveHttpIntegration {
    pub(super) fn of(one: types::Integration) -> (String, Self) {
        let live = Self {
            kind: one.integration_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            uri: one.integration_uri.unwrap_or_default(),
            payload: one.payload_format_version.unwrap_or_default(),
            method: given(one.integration_method),
            timeout_ms: one.timeout_in_millis,
            credentials: given(one.credentials_arn),
            vpc_link: given(one.connection_id),
            request_parameters: one.request_parameters.unwrap_or_default().into_iter().collect(),
            response_parameters: one.response_parameters.unwrap_or_default().into_keys().collect(),
        };
        (one.integration_id.unwrap_or_default(), live)
    }
}

impl HttpIntegration {
    /// `key` begins the names of the fields, as in `GET /hello`.
    pub(super) fn compare(&self, key: &str, live: &LiveHttpIntegration) -> Comparison {
        let field = |what: &str| format!("{key} Integration.{what}");
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
        let parameters = live.request_parameters.iter().map(|(name, value)| format!("{name}={value}"));
        let mut compared = Comparison::default();
        if let Some(method) = self.answer.method() {
            compared = compared.guard(field("IntegrationMethod"), method, or_none(&live.method));
        }
        compared
            .guard(field("IntegrationType"), self.answer.kind().as_str(), &live.kind)
            .guard(field("IntegrationUri"), self.answer.uri(), &live.uri)
            // A function that expects one format may misread the other.
            .guard(field("PayloadFormatVersion"), self.answer.payload(), &live.payload)
            .plain(field("TimeoutInMillis"), self.timeout_ms, live.timeout_ms.unwrap_or(HTTP_TIMEOUT_MS))
            // With a role, the function's own policy does not decide which callers may invoke it.
            .guard(field("CredentialsArn"), "none", or_none(&live.credentials))
            .plain(field("ConnectionId"), "none", or_none(&live.vpc_link))
            // A function may trust a header that only the gateway sets.
            .guard(field("RequestParameters"), "none", listed(parameters))
            .plain(field("ResponseParameters"), "none", listed(&live.response_parameters))
    }

    /// Whether AWS has exactly this integration.
    pub(super) fn is(&self, live: &LiveHttpIntegration) -> bool {
        self.answer.uri() == live.uri && self.compare("", live).is_as_wanted()
    }
}

impl ApiGatewayV2 {
    /// Creates an integration and returns its id.
    pub(super) async fn integrate(&self, api: &str, want: &HttpIntegration, task: &Task) -> Result<String, Failure> {
        let (kind, uri) = (want.answer.kind(), want.answer.uri());
        let made = self.write(api, task, &[], || async {
            let call = self.once.create_integration().api_id(api).integration_type(kind.clone());
            let call = call.integration_uri(uri).payload_format_version(want.answer.payload());
            let call = call.timeout_in_millis(want.timeout_ms);
            let call = call.set_integration_method(want.answer.method().map(str::to_owned));
            call.send().await.or_fail(&format!("create the integration of {uri}"))
        });
        Ok(made.await?.integration_id.unwrap_or_default())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An integration with a function, as it is wanted.
    pub(crate) fn function(arn: &str) -> HttpIntegration {
        HttpIntegration { answer: HttpAnswering::Function(arn.to_owned()), timeout_ms: HTTP_TIMEOUT_MS }
    }

    /// The integration of [`function`] as AWS has it.
    pub(crate) fn live(arn: &str) -> LiveHttpIntegration {
        let (kind, payload) = ("AWS_PROXY".to_owned(), PAYLOAD.to_owned());
        LiveHttpIntegration { kind, payload, uri: arn.to_owned(), ..LiveHttpIntegration::default() }
    }

    #[test]
    fn requests_that_go_to_another_server_or_by_another_method_weaken() {
        let answer = HttpAnswering::Server { url: "https://example.com/{id}".into(), method: "GET".into() };
        let want = HttpIntegration { answer, timeout_ms: HTTP_TIMEOUT_MS };
        let live = LiveHttpIntegration {
            kind: "HTTP_PROXY".into(),
            uri: "https://example.com/{id}".into(),
            payload: "1.0".into(),
            method: Some("GET".into()),
            ..LiveHttpIntegration::default()
        };
        assert!(want.is(&live));
        for (live, field) in [
            (LiveHttpIntegration { uri: "https://example.net/{id}".into(), ..live.clone() }, "IntegrationUri"),
            (LiveHttpIntegration { method: Some("DELETE".into()), ..live.clone() }, "IntegrationMethod"),
            (LiveHttpIntegration { method: None, ..live.clone() }, "IntegrationMethod"),
        ] {
            let drift = want.compare("GET /{id}", &live).drift();
            assert!(drift.len() == 1 && drift[0].weakens && drift[0].field.ends_with(field), "{drift:?}");
            assert!(!want.is(&live));
        }
    }

    #[test]
    fn an_integration_is_another_one_if_it_waits_longer() {
        let timely = LiveHttpIntegration { timeout_ms: Some(HTTP_TIMEOUT_MS), ..live("arn:f") };
        assert!(function("arn:f").is(&live("arn:f")) && function("arn:f").is(&timely));
        assert!(!function("arn:g").is(&live("arn:f")));
        assert!(!HttpIntegration { timeout_ms: 5000, ..function("arn:f") }.is(&live("arn:f")));
    }
}

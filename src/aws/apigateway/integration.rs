//! The integrations of methods: the wanted ones, those that AWS has, and the calls that create and change them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::types::{self, IntegrationType};

use super::super::error::OrFail;
use super::mock::{LiveAnswer, Mock, TEXT};
use super::route_settings::{or_none, pairs};
use super::{ApiGateway, Method, given, listed, replace};
use crate::engine::{Comparison, Failure, Task};

/// The longest time that an answer may take, unless the quota was raised (docs/aws.md, Paths, methods and
/// integrations).
pub const TIMEOUT_MS: i32 = 29_000;

/// Functions are invoked by POST whatever the caller used (docs/aws.md, Paths, methods and integrations).
const INVOKE: &str = "POST";

/// The integration that answers a method.
#[derive(Debug, Clone, PartialEq)]
pub struct Integration {
    pub answer: Answering,
    /// How long API Gateway waits for the answer, in milliseconds.
    pub timeout_ms: i32,
}

/// The kinds of integration: a function, a mock or a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answering {
    /// A function, which sees the whole request. See [`super::integration_uri`].
    Function { uri: String },
    /// API Gateway itself.
    Mock(Mock),
    /// An HTTP server outside of the stack, which sees the whole request.
    Server {
        /// Its URL, with the names of path parameters in braces.
        uri: String,
        /// The HTTP method with which requests are sent to the server, or `ANY` for the caller's.
        method: String,
        /// The parameters of the path that the URL contains.
        path: BTreeSet<String>,
    },
}

impl Answering {
    /// AWS's name of the type.
    pub(crate) fn type_name(&self) -> String {
        self.kind().as_str().to_owned()
    }

    fn kind(&self) -> IntegrationType {
        match self {
            Self::Function { .. } => IntegrationType::AwsProxy,
            Self::Mock(_) => IntegrationType::Mock,
            Self::Server { .. } => IntegrationType::HttpProxy,
        }
    }

    /// The URI that requests are sent to; `None` for a mock.
    pub(crate) fn uri(&self) -> Option<&str> {
        match self {
            Self::Function { uri } | Self::Server { uri, .. } => Some(uri),
            Self::Mock(_) => None,
        }
    }

    /// The HTTP method with which requests are sent to the URI; `None` for a mock.
    pub(crate) fn http_method(&self) -> Option<&str> {
        match self {
            Self::Function { .. } => Some(INVOKE),
            Self::Server { method, .. } => Some(method),
            Self::Mock(_) => None,
        }
    }

    pub(super) fn mock(&self) -> Option<&Mock> {
        match self {
            Self::Function { .. } | Self::Server { .. } => None,
            Self::Mock(mock) => Some(mock),
        }
    }

    /// The mapping of request parameters: those of the path are put into the server's URL (docs/aws.md, HTTP
    /// integrations).
    pub(crate) fn parameters(&self) -> BTreeMap<String, String> {
        let of = |name: &String| (format!("integration.request.path.{name}"), format!("method.request.path.{name}"));
        match self {
            Self::Server { path, .. } => path.iter().map(of).collect(),
            Self::Function { .. } | Self::Mock(_) => BTreeMap::new(),
        }
    }
}

/// A method's integration as AWS has it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveIntegration {
    /// `AWS_PROXY` for a function that sees the whole request.
    pub kind: String,
    /// The HTTP method with which requests are sent to the URI. For a function it is `POST`.
    pub http_method: String,
    /// The URI of the function or the server.
    pub uri: String,
    pub timeout_ms: i32,
    /// The role that calls the function instead of API Gateway itself, or that of the caller.
    pub credentials: Option<String>,
    /// The id of the VPC link that requests go through.
    pub vpc_link: Option<String>,
    /// Whether the server's certificate is not checked.
    pub trusts_any_certificate: bool,
    /// The parameters that form the key of cached answers.
    pub cache_keys: BTreeSet<String>,
    /// The parameters that are added to requests, by name, as in `integration.request.header.X-Who`.
    pub parameters: BTreeMap<String, String>,
    /// The mapping templates for requests, by content type.
    pub templates: BTreeMap<String, String>,
    /// The conversion of request bodies, as in `CONVERT_TO_TEXT`; `None` if they are not converted.
    pub content_handling: Option<String>,
    /// The handling of requests whose content type has no template: `NEVER` refuses them.
    pub passthrough: Option<String>,
    /// The integration responses, which become the method's answers, by status code.
    pub answers: BTreeMap<String, LiveAnswer>,
}

impl LiveIntegration {
    pub(super) fn of(integration: types::Integration) -> Self {
        Self {
            kind: integration.r#type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            credentials: given(integration.credentials()),
            vpc_link: given(integration.connection_id()),
            trusts_any_certificate: integration.tls_config().is_some_and(types::TlsConfig::insecure_skip_verification),
            http_method: integration.http_method.unwrap_or_default(),
            uri: integration.uri.unwrap_or_default(),
            timeout_ms: integration.timeout_in_millis,
            cache_keys: integration.cache_key_parameters.unwrap_or_default().into_iter().collect(),
            parameters: integration.request_parameters.unwrap_or_default().into_iter().collect(),
            templates: integration.request_templates.unwrap_or_default().into_iter().collect(),
            content_handling: integration.content_handling.map(|handling| handling.as_str().to_owned()),
            passthrough: integration.passthrough_behavior,
            answers: integration
                .integration_responses
                .unwrap_or_default()
                .into_iter()
                .map(|(status, answer)| (status, LiveAnswer::of(answer)))
                .collect(),
        }
    }
}

impl Integration {
    /// Calls `part` with each setting that a deployment contains. Settings at their default are left out, so that a new
    /// setting does not redeploy APIs that do not use it.
    pub(super) fn parts(&self, part: &mut impl FnMut(&str)) {
        part(self.answer.uri().unwrap_or_default());
        if let Answering::Mock(mock) = &self.answer {
            mock.parts(part);
        }
        if self.timeout_ms != TIMEOUT_MS {
            part(&format!("timeout {}", self.timeout_ms));
        }
    }

    /// `name` begins the names of the fields, as in `POST /lambda1`.
    pub(super) fn compare(&self, name: &str, live: Option<&LiveIntegration>) -> Comparison {
        let field = |what: &str| format!("{name} methodIntegration{what}");
        let Some(live) = live else {
            return Comparison::default().plain(field(""), self.answer.uri().unwrap_or("a mock"), "none");
        };
        let mut compared = Comparison::default().guard(field(".type"), self.answer.kind().as_str(), &live.kind);
        if let (Some(method), Some(uri)) = (self.answer.http_method(), self.answer.uri()) {
            compared =
                compared.guard(field(".httpMethod"), method, &live.http_method).guard(field(".uri"), uri, &live.uri);
        }
        if let Answering::Mock(mock) = &self.answer {
            compared.extend(mock.compare(&field(""), live));
        }
        compared
            .plain(field(".timeoutInMillis"), self.timeout_ms, live.timeout_ms)
            // With a role, the function's own policy does not decide which callers may invoke it.
            .guard(field(".credentials"), "none", or_none(live.credentials.as_deref()))
            .plain(field(".connectionId"), "none", or_none(live.vpc_link.as_deref()))
            .guard(field(".tlsConfig.insecureSkipVerification"), false, live.trusts_any_certificate)
            .plain(field(".cacheKeyParameters"), "none", listed(&live.cache_keys))
            // A function may trust a header that only the gateway sets.
            .guard(field(".requestParameters"), pairs(&self.answer.parameters(), "="), pairs(&live.parameters, "="))
    }
}

/// How an integration is corrected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Integrate {
    /// By a patch of the URI, which alone differs.
    Repoint,
    /// By replacing it.
    Put,
}

impl Integrate {
    pub(super) fn of(want: &Integration, live: Option<&LiveIntegration>) -> Option<Self> {
        let sound = |live: Option<&LiveIntegration>| want.compare("", live).is_as_wanted();
        if sound(live) {
            return None;
        }
        let uri = want.answer.uri().unwrap_or_default();
        let repointed = live.map(|live| LiveIntegration { uri: uri.to_owned(), ..live.clone() });
        let only_uri = repointed.is_some_and(|live| sound(Some(&live)));
        Some(if only_uri { Self::Repoint } else { Self::Put })
    }
}

impl ApiGateway {
    pub(super) async fn integrate(
        &self,
        api: &str,
        name: &str,
        method: &Method,
        how: Option<Integrate>,
        task: &Task,
    ) -> Result<(), Failure> {
        match how {
            None => Ok(()),
            Some(Integrate::Put) => self.put_integration(api, name, method, task).await,
            Some(Integrate::Repoint) => {
                let uri = method.integration.answer.uri().unwrap_or_default();
                let repointed = self.write(api, task, &[], || async {
                    let call = self.client.update_integration().rest_api_id(api).resource_id(&method.resource_id);
                    let call = call.http_method(&method.http_method);
                    let call = call.patch_operations(replace("/uri", uri));
                    call.send().await.or_fail(&format!("update the integration of {name}"))
                });
                repointed.await.map(drop)
            }
        }
    }

    pub(super) async fn put_integration(
        &self,
        api: &str,
        name: &str,
        method: &Method,
        task: &Task,
    ) -> Result<(), Failure> {
        let Integration { answer, timeout_ms } = &method.integration;
        let mock = answer.mock();
        let put = self.write(api, task, &[], || async {
            let call = self.client.put_integration().rest_api_id(api).resource_id(&method.resource_id);
            let call = call.http_method(&method.http_method).r#type(answer.kind());
            let call = call.set_integration_http_method(answer.http_method().map(str::to_owned));
            let call = call.set_uri(answer.uri().map(str::to_owned)).timeout_in_millis(*timeout_ms);
            let call = call.set_request_templates(mock.map(Mock::request_templates));
            let call = call.set_passthrough_behavior(mock.and_then(Mock::passthrough).map(str::to_owned));
            let parameters = answer.parameters();
            let call = call.set_request_parameters((!parameters.is_empty()).then(|| parameters.into_iter().collect()));
            let call = call.set_content_handling(mock.map(|_| TEXT));
            call.send().await.or_fail(&format!("put the integration of {name}")).map(drop)
        });
        put.await?;
        match mock {
            Some(mock) => self.put_answer(api, name, method, mock, task).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::routes::tests::{integration, method};
    use super::*;

    #[test]
    fn requests_that_go_to_another_server_weaken() {
        let answer = Answering::Server {
            uri: "https://example.com/items/{id}".into(),
            method: "GET".into(),
            path: BTreeSet::from(["id".to_owned()]),
        };
        let want = Integration { answer, timeout_ms: TIMEOUT_MS };
        let parameters = [("integration.request.path.id", "method.request.path.id")];
        let live = LiveIntegration {
            kind: "HTTP_PROXY".into(),
            http_method: "GET".into(),
            uri: "https://example.com/items/{id}".into(),
            timeout_ms: TIMEOUT_MS,
            parameters: parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            ..LiveIntegration::default()
        };
        assert!(want.compare("", Some(&live)).is_as_wanted());
        let elsewhere = LiveIntegration { uri: "https://example.net/items/{id}".into(), ..live.clone() };
        let added =
            live.parameters.clone().into_iter().chain([("integration.request.header.X-Role".into(), "'admin'".into())]);
        let table = [
            (elsewhere, ".uri"),
            (LiveIntegration { kind: "HTTP".into(), ..live.clone() }, ".type"),
            (LiveIntegration { http_method: "DELETE".into(), ..live.clone() }, ".httpMethod"),
            (LiveIntegration { parameters: added.collect(), ..live.clone() }, ".requestParameters"),
        ];
        for (live, field) in table {
            let drift = want.compare("GET /items/{id}", Some(&live)).drift();
            let seen: Vec<_> = drift.iter().map(|drift| (drift.field.as_str(), drift.weakens)).collect();
            assert_eq!(seen, [(format!("GET /items/{{id}} methodIntegration{field}").as_str(), true)]);
        }
    }

    #[test]
    fn an_integration_that_uses_a_role_or_checks_nothing_weakens() {
        let with = |change: fn(&mut LiveIntegration)| {
            let mut live = integration();
            change(&mut live);
            live
        };
        let table = [
            (with(|live| live.credentials = Some("arn:aws:iam::*:user/*".into())), ".credentials", true),
            (with(|live| live.http_method = "GET".into()), ".httpMethod", true),
            (with(|live| live.trusts_any_certificate = true), ".tlsConfig.insecureSkipVerification", true),
            (
                with(|live| _ = live.parameters.insert("integration.request.header.A".into(), "'b'".into())),
                ".requestParameters",
                true,
            ),
            (with(|live| live.vpc_link = Some("v1".into())), ".connectionId", false),
            (with(|live| _ = live.cache_keys.insert("method.request.header.A".into())), ".cacheKeyParameters", false),
        ];
        assert!(method().integration.compare("", Some(&integration())).is_as_wanted());
        for (live, field, weakens) in table {
            let drift = method().integration.compare("POST /x", Some(&live)).drift();
            let seen: Vec<_> = drift.iter().map(|drift| (drift.field.as_str(), drift.weakens)).collect();
            assert_eq!(seen, [(format!("POST /x methodIntegration{field}").as_str(), weakens)]);
        }
    }
}

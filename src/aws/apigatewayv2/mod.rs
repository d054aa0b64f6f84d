//! API Gateway v2: an HTTP API and everything below it.
//!
//! Names of APIs are not unique, so an API is recognised by its tag. The stage deploys every change by itself, so a
//! route is live from the call that creates it: authorizers are created first, and the permission to invoke the
//! function last. AWS refuses one of two concurrent writes to an API (docs/aws.md, Concurrent writes), so ours run one
//! after the other. An update keeps the settings that it leaves out. A web ACL cannot be attached.

mod api;
mod authorizer;
mod cors;
mod default_endpoint;
mod domain;
mod integration;
mod inventory;
mod lambda_authorizer;
mod mapping;
pub mod refusals;
mod route_limits;
mod route_settings;
mod routes;
mod stage;
mod tagging;
mod urls;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_apigatewayv2::Client;

use super::Clients;
use super::apigateway::refusals::API_BUSY;
use super::retries::{client, once};
use super::route53::Route53;
use super::service::AwsService;
use super::settle::{Wait, settled};
use super::tags::described;
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Failure, Task};
use crate::scope::Scope;

pub use api::{HttpApi, HttpApiKey, HttpApiOutputs, LiveHttpApi};
pub use authorizer::{JwtAuthorizer, LiveJwtAuthorizer};
pub use cors::HttpCors;
pub use default_endpoint::{HttpDefaultEndpoint, HttpDefaultEndpointOutputs};
pub use domain::{DomainName, DomainNameKey, DomainNameOutputs, LiveDomainName};
pub use integration::{HTTP_TIMEOUT_MS, HttpAnswering, HttpIntegration, LiveHttpIntegration};
pub use lambda_authorizer::{HttpLambdaAuthorizer, LiveHttpLambdaAuthorizer};
pub use mapping::{ApiMapping, ApiMappingKey, ApiMappingOutputs, LiveApiMapping};
pub use route_limits::{HttpRouteLimit, HttpRouteLimits, HttpRouteLimitsOutputs, LiveHttpRouteLimit};
pub use route_settings::{LiveHttpRoute, LiveHttpRoutes};
pub use routes::{HttpAuthorization, HttpRoute, HttpRoutes, HttpRoutesKey, HttpRoutesOutputs};
pub use stage::{HttpStage, HttpStageKey, HttpStageOutputs, LiveHttpStage};
pub use urls::{domain_url, http_stage_url};

pub(super) const ABOUT: AwsService = AwsService {
    names: &["apigatewayv2"],
    refusals: &[],
    waits: refusals::WAITS,
    #[cfg(test)]
    tests: refusals::tests::WAITS,
};

/// The ARNs of all HTTP APIs. AWS chooses the ids, so a policy recognises our APIs and stages by their tags.
const APIS: &[&str] = &["arn:{partition}:apigateway:{region}::/apis", "arn:{partition}:apigateway:{region}::/apis/*"];

const BELOW: &[&str] = &["arn:{partition}:apigateway:{region}::/apis/*"];

/// The permission to read an API and everything below it.
const READ: StatementTemplate = StatementTemplate {
    sid: Sid::FindOwn,
    on: APIS,
    rights: &[Permissions { needs: &[Usage::Read], actions: &["apigateway:GET"] }],
};

/// The parts of an API that have no tags and inherit none. AWS offers no other way to recognise their owner.
const PARTS: &[&str] = &[
    "arn:{partition}:apigateway:{region}::/apis/*/authorizers",
    "arn:{partition}:apigateway:{region}::/apis/*/authorizers/*",
    "arn:{partition}:apigateway:{region}::/apis/*/cors",
    "arn:{partition}:apigateway:{region}::/apis/*/integrations",
    "arn:{partition}:apigateway:{region}::/apis/*/integrations/*",
    "arn:{partition}:apigateway:{region}::/apis/*/routes",
    "arn:{partition}:apigateway:{region}::/apis/*/routes/*",
    "arn:{partition}:apigateway:{region}::/apis/*/stages/*/routesettings/*",
];

/// The permissions for parts that are created, changed and deleted one by one.
const CREATE_UPDATE_DELETE: StatementTemplate = StatementTemplate {
    sid: Sid::HttpApiParts,
    on: PARTS,
    rights: &[
        Permissions { needs: &[Usage::Create], actions: &["apigateway:POST"] },
        Permissions { needs: &[Usage::Update], actions: &["apigateway:PATCH"] },
        Permissions { needs: &[Usage::Delete], actions: &["apigateway:DELETE"] },
    ],
};

const MADE: &[&str] =
    &["arn:{partition}:apigateway:{region}::/apis", "arn:{partition}:apigateway:{region}::/apis/*/stages"];

/// The groups of access logs.
const LOG_GROUPS: &[&str] = &["{arn:logs}:log-group:/aws/vendedlogs/apis/{stack}-*"];

/// A list as a comparison shows it.
fn listed<T: std::fmt::Display>(all: impl IntoIterator<Item = T>) -> String {
    let all: Vec<String> = all.into_iter().map(|one| one.to_string()).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

/// A missing text and an empty one mean the same.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// The most entries of a list call.
const PAGE: &str = "500";

/// Manages HTTP APIs and everything that belongs to them.
#[derive(Debug, Clone)]
pub struct ApiGatewayV2 {
    client: Client,
    /// Without the SDK's retries, for calls that create.
    once: Client,
    scope: Scope,
    emulated: bool,
    /// The records of custom domains.
    dns: Route53,
    /// A lock for each API or domain name. The current write holds it.
    locks: Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>,
}

impl ApiGatewayV2 {
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: client!(aws_sdk_apigatewayv2, &clients.sdk),
            once: once!(aws_sdk_apigatewayv2, &clients.once),
            scope: clients.scope.clone(),
            emulated: clients.is_emulator(),
            dns: Route53::new(clients),
            locks: Arc::default(),
        }
    }

    /// An ARN of API Gateway, which contains no account.
    fn arn(&self, path: &str) -> String {
        format!("arn:{}:apigateway:{}::{path}", self.scope.partition, self.scope.region)
    }

    /// Makes a call that writes to the API with this id, after our earlier writes to it.
    async fn write<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        api: &str,
        task: &Task,
        waits: &[&Wait],
        call: impl FnMut() -> F,
    ) -> Result<T, Failure> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(api.to_owned()).or_default())
        };
        let _alone = lock.lock().await;
        settled(task, &[waits, &[&API_BUSY]].concat(), call).await
    }

    fn owns(&self, tags: Option<&HashMap<String, String>>) -> bool {
        self.scope.owns(described(tags, self.emulated))
    }
}

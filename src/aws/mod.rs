//! WITH WHAT: the only importer of the AWS SDK. One file a service, each with the same parts in the same order: what the
//! service is odd about; the resources; their outputs; how to look after them; tests that replay exchanges. These files
//! know no order: what needs what is the stack's business.

pub mod account;
pub mod apigateway;
pub mod apigatewayv2;
pub mod cognito;
pub mod connect;
pub mod error;
pub mod http;
pub mod iam;
pub mod lambda;
pub mod logs;
mod retries;
pub mod rights;
pub mod secretsmanager;
pub mod settle;
pub mod sigv4;
pub mod sns;
pub mod sts;
#[cfg(test)]
pub(crate) mod testing;
pub mod wafv2;
#[cfg(test)]
mod waits;

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use futures_util::StreamExt;

use crate::engine::{Failure, Inventories, Listed, Registry};
use crate::scope::Scope;

/// Things of one kind that are looked at closer at once, while taking stock.
const CLOSER_AT_ONCE: usize = 16;

/// What every service's clients are made from.
#[derive(Debug, Clone)]
pub struct Clients {
    /// With the SDK's retries.
    pub sdk: SdkConfig,
    /// Without: for calls that create. An answer that was lost is looked for by the engine before it asks again.
    pub once: SdkConfig,
    /// Where the stack lives.
    pub scope: Scope,
}

impl Clients {
    /// On this configuration, for a stack that lives there.
    pub fn new(sdk: SdkConfig, scope: Scope) -> Self {
        let once = sdk.clone().into_builder().retry_config(RetryConfig::disabled()).build();
        Self { sdk, once, scope }
    }
}

/// A configuration that reaches nothing: for asking what there would be.
pub fn offline() -> SdkConfig {
    SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::latest()).build()
}

/// Every kind of resource this program knows, with what looks after it. Secrets can be recovered for some days after a
/// delete.
pub fn registry(clients: &Clients) -> Registry {
    registry_that_parts(clients, secretsmanager::Parting::Recoverable)
}

/// The same, with a say in how secrets are deleted.
pub fn registry_that_parts(clients: &Clients, parting: secretsmanager::Parting) -> Registry {
    let sns = sns::Sns::new(clients);
    let iam = iam::Iam::new(clients);
    let lambda = lambda::Lambda::new(clients);
    let cognito = cognito::Cognito::new(clients);
    let waf = wafv2::Wafv2::new(clients);
    let api = apigateway::ApiGateway::new(clients);
    let http_api = apigatewayv2::ApiGatewayV2::new(clients);
    let identity = cognito::CognitoIdentity::new(clients);
    Registry::default()
        .with::<sns::Topic>(sns.clone())
        .with::<sns::Subscription>(sns)
        .with::<secretsmanager::Secret>(secretsmanager::SecretsManager::new(clients).parting(parting))
        .with::<logs::LogGroup>(logs::Logs::new(clients))
        .with::<iam::Role>(iam.clone())
        .with::<iam::RolePolicy>(iam)
        .with::<lambda::Function>(lambda.clone())
        .with::<lambda::Permission>(lambda)
        .with::<apigateway::RestApi>(api.clone())
        .with::<apigateway::Authorizer>(api.clone())
        .with::<apigateway::Validator>(api.clone())
        .with::<apigateway::Model>(api.clone())
        .with::<apigateway::Paths>(api.clone())
        .with::<apigateway::Routes>(api.clone())
        .with::<apigateway::Deployment>(api.clone())
        .with::<apigateway::Stage>(api.clone())
        .with::<apigateway::Release>(api)
        .with::<cognito::UserPool>(cognito.clone())
        .with::<apigatewayv2::HttpApi>(http_api.clone())
        .with::<apigatewayv2::JwtAuthorizer>(http_api.clone())
        .with::<apigatewayv2::HttpRoutes>(http_api.clone())
        .with::<apigatewayv2::HttpStage>(http_api)
        .with::<cognito::AppClient>(cognito)
        .with::<cognito::ServiceUser>(cognito::ServiceUsers::new(clients))
        .with::<cognito::IdentityPool>(identity.clone())
        .with::<cognito::IdentityPoolRoles>(identity)
        .with::<wafv2::IpSet>(waf.clone())
        .with::<wafv2::WebAcl>(waf.clone())
        .with::<wafv2::Association>(waf)
}

/// Every kind of thing that stands on its own, with how to list all there are of it. What hangs under such a thing is
/// listed with it.
pub fn inventories(clients: &Clients) -> Inventories {
    let waf = wafv2::Wafv2::new(clients);
    Inventories::default()
        .with::<sns::Topic>(sns::Sns::new(clients))
        .with::<secretsmanager::Secret>(secretsmanager::SecretsManager::new(clients))
        .with::<logs::LogGroup>(logs::Logs::new(clients))
        .with::<iam::Role>(iam::Iam::new(clients))
        .with::<lambda::Function>(lambda::Lambda::new(clients))
        .with::<apigateway::RestApi>(apigateway::ApiGateway::new(clients))
        .with::<apigatewayv2::HttpApi>(apigatewayv2::ApiGatewayV2::new(clients))
        .with::<cognito::IdentityPool>(cognito::CognitoIdentity::new(clients))
        .with::<cognito::UserPool>(cognito::Cognito::new(clients))
        .with::<wafv2::IpSet>(waf.clone())
        .with::<wafv2::WebAcl>(waf)
}

/// Looks closer at what a list names, some side by side: one read or more each. All are let finish even if one fails.
async fn closer<F: Future<Output = Result<Vec<Listed>, Failure>>>(looks: Vec<F>) -> Result<Vec<Listed>, Failure> {
    let seen: Vec<_> = futures_util::stream::iter(looks).buffered(CLOSER_AT_ONCE).collect().await;
    Ok(seen.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
}

/// Our tags, for services that take them as a map.
fn tag_map(scope: &Scope, id: &str) -> HashMap<String, String> {
    scope.tags(id).into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Tags as services give them in a map, if they give any.
fn pairs(tags: Option<&HashMap<String, String>>) -> impl Iterator<Item = (&str, &str)> {
    tags.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()))
}

/// Our tags in a service's own type.
fn tags<T, E: std::fmt::Display>(
    scope: &Scope,
    id: &str,
    build: impl Fn(&str, String) -> Result<T, E>,
) -> Result<Vec<T>, Failure> {
    let tags = scope.tags(id).into_iter().map(|(key, value)| build(key, value));
    tags.collect::<Result<_, E>>().map_err(|error| Failure::refused(format!("could not build a tag: {error}")))
}

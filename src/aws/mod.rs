//! The only module that uses the AWS SDK. Each service has a file or a folder with its resources, its provider and unit
//! tests that replay AWS's answers; the module comment says how the service differs from the others. [`kind`] describes
//! what the program must know about a kind besides that. Which resource needs which is decided elsewhere, by the graph.

pub mod account;
pub mod apigateway;
pub mod apigatewayv2;
pub mod clock;
pub mod cognito;
pub mod connect;
pub mod credentials;
mod current_run;
pub mod error;
pub mod http;
pub mod iam;
mod keys;
pub mod kind;
pub mod lambda;
pub mod logs;
pub mod profiles;
pub mod refusals;
mod region;
mod retries;
pub mod rights;
mod road;
pub mod secretsmanager;
pub mod settle;
pub mod sigv4;
pub mod sns;
pub mod sqs;
pub mod sts;
#[cfg(test)]
pub(crate) mod testing;
pub mod unsupported;
mod until;
pub mod wafv2;
#[cfg(test)]
mod waits;

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use futures_util::StreamExt;

use self::kind::{Described as _, Kind};
use crate::engine::{Failure, Listing, Registry, Resource, Unread};
use crate::scope::Scope;

/// How many listed resources of one kind are read at the same time.
const CLOSER_AT_ONCE: usize = 16;

/// The configuration that every service's clients are made from.
#[derive(Debug, Clone)]
pub struct Clients {
    /// With the SDK's retries.
    pub sdk: SdkConfig,
    /// Without retries, for calls that create: if an answer is lost, the engine looks for the resource before it tries
    /// again. The macro `retries::once!` makes a client of it.
    pub once: SdkConfig,
    pub scope: Scope,
}

impl Clients {
    pub fn new(sdk: SdkConfig, scope: Scope) -> Self {
        let once = sdk.clone().into_builder().retry_config(RetryConfig::disabled()).build();
        Self { sdk, once, scope }
    }

    /// AWS's time, by the dates of its answers so far.
    pub fn now(&self) -> SystemTime {
        self.sdk.time_source().map_or_else(SystemTime::now, |clock| clock.now())
    }

    /// The same, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        let since = self.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// By how many seconds AWS's clock is ahead of this machine's; 0 unless it is off by minutes.
    pub fn ahead(&self) -> i64 {
        let (theirs, ours) = (self.now(), SystemTime::now());
        let seconds = |time: Duration| i64::try_from(time.as_millis().div_ceil(1000)).unwrap_or(i64::MAX);
        let ahead = match theirs.duration_since(ours) {
            Ok(ahead) => seconds(ahead),
            Err(behind) => -seconds(behind.duration()),
        };
        if ahead.abs() < 2 { 0 } else { ahead }
    }
}

/// A configuration without credentials and region, for questions that need no call.
pub fn offline() -> SdkConfig {
    SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::latest()).build()
}

/// A client of each service, as the providers need them.
struct Services {
    api_gateway: apigateway::ApiGateway,
    api_gateway_v2: apigatewayv2::ApiGatewayV2,
    cognito: cognito::Cognito,
    cognito_identity: cognito::CognitoIdentity,
    iam: iam::Iam,
    lambda: lambda::Lambda,
    log_roles: apigateway::LogRoles,
    logs: logs::Logs,
    secrets_manager: secretsmanager::SecretsManager,
    service_users: cognito::ServiceUsers,
    sns: sns::Sns,
    sqs: sqs::Sqs,
    wafv2: wafv2::Wafv2,
}

impl Services {
    fn new(clients: &Clients, deletion: secretsmanager::DeletionMode) -> Self {
        Self {
            api_gateway: apigateway::ApiGateway::new(clients),
            api_gateway_v2: apigatewayv2::ApiGatewayV2::new(clients),
            cognito: cognito::Cognito::new(clients),
            cognito_identity: cognito::CognitoIdentity::new(clients),
            iam: iam::Iam::new(clients),
            lambda: lambda::Lambda::new(clients),
            log_roles: apigateway::LogRoles::new(clients),
            logs: logs::Logs::new(clients),
            secrets_manager: secretsmanager::SecretsManager::new(clients).with_deletion_mode(deletion),
            service_users: cognito::ServiceUsers::new(clients),
            sns: sns::Sns::new(clients),
            sqs: sqs::Sqs::new(clients),
            wafv2: wafv2::Wafv2::new(clients),
        }
    }
}

macro_rules! kinds {
    ($($resource:ty => $service:ident,)+) => {
        /// Every kind of resource, by its name, with its description.
        pub static KINDS: &[(&str, &Kind)] = &[$((<$resource>::KIND, &<$resource>::ABOUT)),+];

        fn providers(services: &Services) -> Registry {
            Registry::default()$(.with::<$resource>(services.$service.clone()))+
        }
    };
}

// The one list of all kinds, with the service whose client is the provider.
kinds! {
    sns::Topic => sns,
    sns::Subscription => sns,
    sqs::Queue => sqs,
    secretsmanager::Secret => secrets_manager,
    secretsmanager::Rotation => secrets_manager,
    logs::LogGroup => logs,
    iam::Role => iam,
    iam::RolePolicy => iam,
    lambda::Function => lambda,
    lambda::Permission => lambda,
    apigateway::RestApi => api_gateway,
    apigateway::Authorizer => api_gateway,
    apigateway::Validator => api_gateway,
    apigateway::Model => api_gateway,
    apigateway::Paths => api_gateway,
    apigateway::Routes => api_gateway,
    apigateway::Deployment => api_gateway,
    apigateway::Stage => api_gateway,
    apigateway::Release => api_gateway,
    apigateway::LogRole => log_roles,
    apigatewayv2::HttpApi => api_gateway_v2,
    apigatewayv2::JwtAuthorizer => api_gateway_v2,
    apigatewayv2::HttpRoutes => api_gateway_v2,
    apigatewayv2::HttpStage => api_gateway_v2,
    cognito::IdentityPool => cognito_identity,
    cognito::IdentityPoolRoles => cognito_identity,
    cognito::UserPool => cognito,
    cognito::AppClient => cognito,
    cognito::ServiceUser => service_users,
    wafv2::IpSet => wafv2,
    wafv2::WebAcl => wafv2,
    wafv2::Association => wafv2,
    wafv2::PoolAssociation => wafv2,
    wafv2::Logging => wafv2,
}

/// The provider of every kind. Deleted secrets can be recovered for some days.
pub fn registry(clients: &Clients) -> Registry {
    registry_with(clients, secretsmanager::DeletionMode::Recoverable)
}

/// The same, with a choice of how secrets are deleted. Kinds of a service that the region does not have are not listed:
/// there cannot be any.
pub fn registry_with(clients: &Clients, deletion: secretsmanager::DeletionMode) -> Registry {
    providers(&Services::new(clients, deletion))
        .listing_only(|kind| kind::service(kind).is_none_or(|service| region::has(&clients.sdk, service)))
}

/// Reads the resources that a list names, some of them at the same time. One that cannot be read is reported by its
/// name.
async fn closer<R: Resource, F: Future<Output = Result<Listing, Failure>>>(looks: Vec<(String, F)>) -> Listing {
    let (names, looks): (Vec<String>, Vec<F>) = looks.into_iter().unzip();
    let seen: Vec<_> = futures_util::stream::iter(looks).buffered(CLOSER_AT_ONCE).collect().await;
    let mut listing = Listing::default();
    for (name, seen) in names.into_iter().zip(seen) {
        listing.extend(seen.unwrap_or_else(|failure| {
            let denied = error::DENIED.is(&failure);
            Listing::default().and_unread([Unread { denied, ..Unread::new::<R>(name, failure) }])
        }));
    }
    listing
}

/// Reads a paginator to its end, or to the first page that cannot be read: the pages, and the failure.
macro_rules! as_far_as_it_goes {
    ($pages:expr, $doing:expr) => {{
        let (mut pages, mut read, mut cut) = ($pages, Vec::new(), None);
        while let Some(page) = pages.next().await {
            match page.or_fail($doing) {
                Ok(page) => read.push(page),
                Err(failure) => {
                    cut = Some(failure);
                    break;
                }
            }
        }
        (read, cut)
    }};
}
use as_far_as_it_goes;

/// Runs all calls, `at_once` of them at the same time. If one fails, the others are finished before its failure is
/// returned.
async fn side_by_side<T, F: Future<Output = Result<T, Failure>>>(
    at_once: usize,
    calls: Vec<F>,
) -> Result<Vec<T>, Failure> {
    let done: Vec<_> = futures_util::stream::iter(calls).buffered(at_once).collect().await;
    done.into_iter().collect()
}

/// All entries of a list for which the SDK has no paginator. `page` returns the entries of one page and the marker of
/// the next one; an empty marker means that there is none (docs/aws.md, Web ACLs).
async fn to_the_end<T, F: Future<Output = Result<(Option<Vec<T>>, Option<String>), Failure>>>(
    page: impl Fn(Option<String>) -> F,
) -> Result<Vec<T>, Failure> {
    whole(as_far_as_pages_go(page).await)
}

/// Turns a list that ended early into its failure.
fn whole<T>((all, cut): (Vec<T>, Option<Failure>)) -> Result<Vec<T>, Failure> {
    cut.map_or(Ok(all), Err)
}

/// The same, but a failure does not discard the pages before it.
async fn as_far_as_pages_go<T, F: Future<Output = Result<(Option<Vec<T>>, Option<String>), Failure>>>(
    page: impl Fn(Option<String>) -> F,
) -> (Vec<T>, Option<Failure>) {
    let (mut all, mut next) = (Vec::new(), None);
    loop {
        let (entries, more) = match page(next).await {
            Ok(page) => page,
            Err(failure) => return (all, Some(failure)),
        };
        all.extend(entries.unwrap_or_default());
        next = more.filter(|more| !more.is_empty());
        if next.is_none() {
            return (all, None);
        }
    }
}

/// Our tags as a map.
fn tag_map(scope: &Scope, id: &str) -> HashMap<String, String> {
    scope.tags(id).into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The tags in a map, which some answers leave out.
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn kinds_of_a_service_that_the_region_lacks_are_not_listed() {
        let in_region = |region: &'static str| {
            let clients = testing::replay(vec![]).0;
            let sdk = clients.sdk.into_builder().region(aws_config::Region::from_static(region)).build();
            let registry = registry(&Clients::new(sdk, clients.scope));
            let kinds: Vec<_> = registry.listed_kinds().collect();
            (kinds.contains(&"cognito.user_pool"), kinds.contains(&"cognito.identity_pool"), kinds.len())
        };
        let (pools, identities, all) = in_region("eu-central-1");
        assert!(pools && identities);
        assert_eq!(in_region("cn-north-1"), (false, true, all - 3), "user pools, app clients and service users");
        assert_eq!(in_region("cn-northwest-1"), (false, false, all - 5), "and identity pools, and their roles");
    }

    #[tokio::test]
    async fn all_calls_finish_before_a_failure_is_returned() {
        let finished = AtomicUsize::new(0);
        let calls = (0..20).map(|n| {
            let finished = &finished;
            async move {
                tokio::task::yield_now().await;
                finished.fetch_add(1, Ordering::SeqCst);
                if n % 7 == 3 { Err(Failure::refused(format!("number {n}"))) } else { Ok(n) }
            }
        });
        assert_eq!(side_by_side(8, calls.collect()).await, Err(Failure::refused("number 3")));
        assert_eq!(finished.into_inner(), 20);
    }

    #[tokio::test]
    async fn a_list_ends_without_a_marker_or_with_an_empty_one() {
        for last in [None, Some(String::new())] {
            let asked = Mutex::new(Vec::new());
            let all = to_the_end(|next: Option<String>| {
                let mut asked = asked.lock().expect("nobody panics");
                asked.push(next);
                let page = match asked.len() {
                    1 => (Some(vec![1, 2]), Some("a".to_owned())),
                    2 => (None, Some("b".to_owned())),
                    _ => (Some(vec![3]), last.clone()),
                };
                async { Ok(page) }
            });
            assert_eq!(all.await, Ok(vec![1, 2, 3]));
            assert_eq!(asked.into_inner().expect("nobody panics"), [None, Some("a".into()), Some("b".into())]);
        }
    }
}

//! The only module that uses the AWS SDK. Each service has a folder with its resources, its provider, its refusals and
//! unit tests that replay AWS's answers; the module comment says how the service differs from the others. [`kind`] and
//! [`service`] contain the other facts about a kind and a service. The dependencies between resources are not decided
//! here, but by the graph.

pub mod account;
pub mod acm;
pub mod apigateway;
pub mod apigatewayv2;
mod children;
mod clients;
pub mod clock;
pub mod cloudwatch;
pub mod cognito;
pub mod connect;
pub mod credentials;
mod current_run;
pub mod dynamodb;
pub mod error;
pub mod http;
pub mod iam;
mod keys;
pub mod kind;
pub mod kms;
pub mod lambda;
pub mod logs;
mod pages;
pub mod profiles;
pub mod refusals;
mod region;
mod retries;
pub mod rights;
mod road;
pub mod route53;
pub mod s3;
pub mod scheduler;
pub mod secretsmanager;
mod service;
pub mod settle;
pub mod sigv4;
pub mod sns;
pub mod sqs;
pub mod sts;
mod tags;
#[cfg(test)]
pub(crate) mod testing;
pub mod unsupported;
mod until;
pub mod wafv2;
#[cfg(test)]
mod waits;

use self::kind::{Described as _, Kind};
use self::service::AwsService;
use crate::engine::{Existing, Registry, Resource as _, Seen};

pub use self::clients::{Clients, offline};
pub use self::keys::Encryption;

/// Makes the list of services, the list of kinds and the registry of providers.
macro_rules! services {
    ($($module:ident { $($client:ident: $($kind:ident),+;)* })+) => {
        /// Every service, with its description.
        const SERVICES: &[AwsService] = &[$($module::ABOUT),+];

        /// Every kind of resource, by its name, with its description.
        pub static KINDS: &[(&str, &Kind)] = &[$($($(($module::$kind::KIND, &$module::$kind::ABOUT),)+)*)+];

        /// A resource that exists, of any kind. Code that treats every kind matches all variants, so it does not compile
        /// if a new kind is missing.
        pub enum AnyKind<'a> {
            $($($($kind(Seen<'a, $module::$kind>),)+)*)+
        }

        impl<'a> AnyKind<'a> {
            /// `None` if the kind is not known.
            pub fn of(existing: &Existing<'a>) -> Option<Self> {
                match existing.kind {
                    $($($($module::$kind::KIND => existing.read().map(Self::$kind),)+)*)+
                    _ => None,
                }
            }
        }

        fn providers(clients: &Clients) -> Registry {
            let registry = Registry::tagging(clients.scope.later_tags());
            $($(
                let client = $module::$client::new(clients);
                let registry = registry$(.with::<$module::$kind>(client.clone()))+;
            )*)+
            registry
        }
    };
}

// The one list of all services and kinds: each service's module, with its clients, and the kinds that each client is the
// provider of.
services! {
    sns { Sns: Topic, Subscription; }
    sqs { Sqs: Queue; }
    dynamodb { DynamoDb: Table; }
    secretsmanager { SecretsManager: Secret, Rotation; }
    logs { Logs: LogGroup; }
    iam { Iam: Role, RolePolicy; }
    lambda { Lambda: Function, Alias, ProvisionedConcurrency, Permission, EventSourceMapping; }
    scheduler { Scheduler: ScheduleGroup, Schedule; }
    apigateway {
        ApiGateway: RestApi, GatewayResponses, Authorizer, LambdaAuthorizer, Validator, Model, Paths, Routes, Deployment, Stage, Release, ApiKey, UsagePlan,
            UsagePlanKey;
        LogRoles: LogRole;
    }
    apigatewayv2 {
        ApiGatewayV2: HttpApi, JwtAuthorizer, HttpLambdaAuthorizer, HttpRoutes, HttpStage, HttpRouteLimits, HttpDefaultEndpoint, DomainName, ApiMapping;
    }
    route53 { Route53: Record; }
    cognito {
        CognitoIdentity: IdentityPool, IdentityPoolRoles;
        Cognito: UserPool, AppClient, UserGroup, ResourceServer, IdentityProvider, PoolDomain, PoolHooks;
        ServiceUsers: ServiceUser;
    }
    wafv2 { Wafv2: IpSet, WebAcl, Association, PoolAssociation, Logging; }
    kms { Kms: Key; }
    cloudwatch { CloudWatch: Alarm; }
    acm {}
    s3 {}
    sts {}
}

/// The provider of every kind, for a stack that stays. Deleted secrets can be recovered for some days.
pub fn registry(clients: &Clients) -> Registry {
    registry_of(clients)
}

/// The provider of every kind, for the removal of a stack, with a choice of how secrets are deleted.
pub fn registry_with(clients: &Clients, deletion: secretsmanager::DeletionMode) -> Registry {
    registry_of(&Clients { deletion, removal: kms::RemovalOf::Stack, ..clients.clone() })
}

/// Kinds of a service that the region does not have are not listed: there cannot be any.
fn registry_of(clients: &Clients) -> Registry {
    providers(clients).listing_only(|kind| kind::service(kind).is_none_or(|service| region::has(&clients.sdk, service)))
}

#[cfg(test)]
mod tests {
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
        assert_eq!(in_region("cn-north-1"), (false, true, all - 8), "user pools and what belongs to them");
        assert_eq!(in_region("cn-northwest-1"), (false, false, all - 10), "and identity pools, and their roles");
    }
}

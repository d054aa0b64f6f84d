//! Cognito: user pools, their app clients, and their users.
//!
//! Names are not unique, so a repeated create makes a second pool or client, and lists do not show tags. An update
//! resets every setting that it leaves out, so each update sends all of them. The attribute that users sign in with
//! cannot be changed later. Deleting a pool deletes its users.

mod attached;
mod client;
mod client_secret;
mod client_settings;
mod domain;
mod enrolment;
mod foreign_domain;
mod group;
mod groups;
mod hooks;
mod identities;
mod identity_pool;
mod identity_pool_roles;
mod identity_provider;
mod identity_tagging;
mod inventory;
mod mail;
mod members;
mod new_user;
mod occupancy;
mod password;
mod pool;
mod pool_calls;
mod pool_comparison;
mod pool_kind;
mod pool_settings;
pub mod refusals;
mod resource_server;
mod schema;
mod second_factor;
mod service_user;
mod tagging;
mod test_clients;
mod their_pool;
mod threat;
mod user_advice;
mod users;

use super::service::AwsService;
use crate::aws::Clients;
use crate::aws::retries::{client, once};
use crate::aws::secretsmanager::SecretsManager;
use crate::regions::Service;
use crate::scope::Scope;

pub use client::{AppClient, AppClientKey, AppClientLive, AppClientOutputs};
pub use client_settings::{ClientAttributes, SignInPages, TokenRules};
pub use domain::{PoolDomain, PoolDomainKey, PoolDomainLive, PoolDomainOutputs, sign_in_url, token_url};
pub use enrolment::SignedIn;
pub use group::{GroupRole, UserGroup, UserGroupLive, UserGroupOutputs};
pub use hooks::{HookFunction, PoolHooks, PoolHooksOutputs};
pub use identities::Identities;
pub use identity_pool::{CognitoIdentity, IdentityPool, IdentityPoolKey, IdentityPoolLive, IdentityPoolOutputs};
pub use identity_pool_roles::{IdentityPoolRoles, IdentityPoolRolesLive, IdentityPoolRolesOutputs};
pub use identity_provider::{
    IdentityProvider, IdentityProviderKey, IdentityProviderLive, IdentityProviderOutputs, ProviderClient, SecretField,
};
pub use members::{GroupInfo, Members};
pub use new_user::{NewUser, is_email, is_phone, is_username, placeholders};
pub use occupancy::Occupancy;
pub use password::{PasswordPolicy, generate};
pub use pool::{UserPool, UserPoolKey, UserPoolLive, UserPoolOutputs};
pub use resource_server::{ResourceServer, ResourceServerLive, ResourceServerOutputs};
pub use second_factor::{FirstStep, SecondStep};
pub use service_user::{ServiceUser, ServiceUserLive, ServiceUserOutputs, ServiceUsers};
pub use test_clients::TestClients;
pub use their_pool::TheirPool;
pub use users::{AddUser, Added, SignedUp, Tokens, User, Users};

pub const COGNITO_IDP: Service = Service::new("cognito-idp", "Cognito user pools");

pub const COGNITO_IDENTITY: Service = Service::new("cognito-identity", "Cognito identity pools");

pub(super) const ABOUT: AwsService = AwsService {
    names: &[COGNITO_IDENTITY.name, COGNITO_IDP.name],
    refusals: refusals::REFUSALS,
    waits: refusals::WAITS,
    #[cfg(test)]
    tests: refusals::tests::WAITS,
};

/// The prefix of the operation in the `X-Amz-Target` header of a request to user pools.
const TARGET: &str = "AWSCognitoIdentityProviderService";

/// The ARNs of user pools. AWS chooses the ids, so a policy selects our pools by their tag.
const POOLS: &[&str] = &["{arn:cognito-idp}:userpool/*"];

const IDENTITY_POOLS: &[&str] = &["{arn:cognito-identity}:identitypool/*"];

/// The issuer in a pool's tokens. It is the same on an emulator.
pub fn issuer(scope: &Scope, pool_id: &str) -> String {
    format!("https://{}", provider(scope, pool_id))
}

/// The name of a user pool as a provider of an identity pool.
pub fn provider(scope: &Scope, pool_id: &str) -> String {
    format!("{}/{pool_id}", scope.host("cognito-idp"))
}

/// The size of a list's page; the most that AWS allows.
const PAGE: i32 = 60;

/// Manages user pools and app clients.
#[derive(Debug, Clone)]
pub struct Cognito {
    client: aws_sdk_cognitoidentityprovider::Client,
    /// Without the SDK's retries, for calls that create.
    once: aws_sdk_cognitoidentityprovider::Client,
    /// For the secrets of app clients.
    secrets: SecretsManager,
    scope: Scope,
    /// Whether the endpoint is an emulator, which lacks some operations and settings.
    emulator: bool,
}

impl Cognito {
    pub fn new(clients: &Clients) -> Self {
        Self {
            emulator: clients.is_emulator(),
            client: client!(aws_sdk_cognitoidentityprovider, &clients.sdk),
            once: once!(aws_sdk_cognitoidentityprovider, &clients.once),
            secrets: SecretsManager::new(clients),
            scope: clients.scope.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuer_and_provider_name_a_pool_alike() {
        for (partition, region, host) in [
            ("aws", "eu-central-1", "cognito-idp.eu-central-1.amazonaws.com"),
            ("aws-cn", "cn-north-1", "cognito-idp.cn-north-1.amazonaws.com.cn"),
        ] {
            let scope = Scope {
                partition: partition.into(),
                account: "123456789012".into(),
                region: region.into(),
                stack: "demo".into(),
                ..Scope::default()
            };
            assert_eq!(provider(&scope, "p"), format!("{host}/p"));
            assert_eq!(issuer(&scope, "p"), format!("https://{host}/p"));
        }
    }
}

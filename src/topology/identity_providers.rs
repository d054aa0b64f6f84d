//! The identity providers of user pools.

use std::collections::BTreeMap;

use super::messaging::Secrets;
use crate::aws::cognito::{IdentityProvider, ProviderClient, SecretField, UserPool};
use crate::engine::{Graph, Handle};
use crate::spec;

/// The ids of the resources that this file adds.
pub(super) mod ids {
    use crate::aws::cognito::IdentityProvider;
    use crate::topology::id::IdOf;

    pub(super) fn identity_provider(pool: &str, name: &str) -> IdOf<IdentityProvider> {
        IdOf::new("identity-provider", &format!("{pool}/{name}"))
    }
}

/// Adds the identity providers of a pool, and returns them by name.
pub(super) fn of_pool(
    graph: &mut Graph,
    secrets: &Secrets,
    (name, wanted): (&str, &spec::Pool),
    pool: Handle<UserPool>,
) -> BTreeMap<String, Handle<IdentityProvider>> {
    let mut providers = BTreeMap::new();
    for (provider, spec::LoginProvider { kind, client, attributes }) in &wanted.providers {
        let secret = client.as_ref().and_then(|client| secrets.get(&client.secret.secret).copied());
        // A mistake in the name of the secret was reported.
        if client.is_some() && secret.is_none() {
            continue;
        }
        let (named, kind, client, attributes) = (provider.clone(), kind.clone(), client.clone(), attributes.clone());
        let needs = (pool, Vec::from_iter(secret));
        let id = ids::identity_provider(name, provider);
        let handle = id.add_under(graph, pool, needs, move |(pool, secret)| IdentityProvider {
            pool_id: pool.id,
            name: named.clone(),
            kind: kind.clone(),
            client: client.clone().zip(secret.into_iter().next()).map(|(client, secret)| ProviderClient {
                id: client.id,
                scopes: client.scopes,
                secret: SecretField { arn: secret.arn, key: client.secret.key, version: secret.version_id },
            }),
            attributes: attributes.clone(),
        });
        providers.insert(provider.clone(), handle);
    }
    providers
}

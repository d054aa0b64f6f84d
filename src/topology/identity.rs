//! User pools and their app clients.

use std::collections::{BTreeMap, BTreeSet};

use super::messaging::Secrets;
use super::source::Source;
use super::{Input, identity_providers};
use crate::aws::Encryption;
use crate::aws::cognito::{
    AppClient, AppClientOutputs, ClientAttributes, HookFunction, PasswordPolicy, PoolDomain, ResourceServer,
    SignInPages, TokenRules, UserGroup, UserPool, UserPoolOutputs,
};
use crate::aws::secretsmanager::Secret;
use crate::choices::{Hook, SignIn, ThreatProtection, TokenEvent};
use crate::engine::{Deferred, Graph, Handle};
use crate::policy::Policy;
use crate::scope::Scope;
use crate::spec;

/// The ids of the resources that this file adds.
pub(crate) mod ids {
    use crate::aws::cognito::{AppClient, PoolDomain, ResourceServer, UserGroup, UserPool};
    use crate::aws::secretsmanager::Secret;
    use crate::topology::id::IdOf;

    pub(crate) fn pool(name: &str) -> IdOf<UserPool> {
        IdOf::new("pool", name)
    }

    pub(crate) fn client(pool: &str) -> IdOf<AppClient> {
        IdOf::new("client", pool)
    }

    /// A further client of a pool, in addition to the first one.
    pub(crate) fn further_client(pool: &str, name: &str) -> IdOf<AppClient> {
        IdOf::new("client", &format!("{pool}/{name}"))
    }

    pub(crate) fn client_secret(pool: &str, client: &str) -> IdOf<Secret> {
        IdOf::new("client-secret", &format!("{pool}/{client}"))
    }

    pub(crate) fn domain(pool: &str) -> IdOf<PoolDomain> {
        IdOf::new("domain", pool)
    }

    pub(super) fn resource_server(pool: &str, identifier: &str) -> IdOf<ResourceServer> {
        IdOf::new("resource-server", &format!("{pool}/{identifier}"))
    }

    pub(crate) fn group(pool: &str, name: &str) -> IdOf<UserGroup> {
        IdOf::new("group", &format!("{pool}/{name}"))
    }
}

/// How many days an invited user's temporary password is valid.
const TEMPORARY_DAYS: u16 = 3;

/// The pools and their app clients, by the pool's name.
#[derive(Debug, Default)]
#[allow(clippy::struct_field_names, reason = "one of the fields is the pools themselves")]
pub(super) struct Pools {
    pub pools: BTreeMap<String, Source<UserPool>>,
    pub clients: BTreeMap<String, Source<AppClient>>,
    /// The further app clients, in addition to the first one, by pool and name.
    pub further: BTreeMap<(String, String), Handle<AppClient>>,
}

pub(super) fn pools(graph: &mut Graph, from: Input<'_>, secrets: &Secrets) -> Pools {
    let Input { stack, scope, .. } = from;
    let mut pools = Pools::default();
    for (name, wanted) in &stack.pools {
        let pool = user_pool(from, name, wanted);
        let handle = ids::pool(name).add(graph, (), move |()| pool.clone());
        // `identity_pools` adds the others after their roles.
        for group in wanted.groups.iter().filter(|group| !stack.groups_with_roles(name).any(|of| of == *group)) {
            let (id, group) = (ids::group(name, group), group.clone());
            id.add_under(graph, handle, handle, move |pool| UserGroup {
                pool_id: pool.id,
                name: group.clone(),
                role: None,
            });
        }
        if let Some(domain) = wanted.login.as_ref().map(|login| login.domain.clone()) {
            ids::domain(name)
                .add_under(graph, handle, handle, move |pool| PoolDomain { pool_id: pool.id, domain: domain.clone() });
        }
        let servers = resource_servers(graph, name, wanted, handle);
        let client = AppClient {
            name: first_client(scope, name),
            flows: wanted.flows.clone(),
            pages: pages(wanted),
            ..app_client(wanted)
        };
        // A client can name only scopes and providers that exist.
        let asked = client.pages.iter().flat_map(|pages| &pages.scopes);
        let providers = identity_providers::of_pool(graph, secrets, (name, wanted), handle);
        let needs = (handle, servers_of(asked, &servers), providers.into_values().collect::<Vec<_>>());
        let client = ids::client(name)
            .add_under(graph, handle, needs, move |(pool, _, _)| AppClient { pool_id: pool.id, ..client.clone() });
        for (client, of_client) in &wanted.clients {
            let handle = further(graph, from, (name, handle), (client, of_client), wanted, &servers);
            pools.further.insert((name.clone(), client.clone()), handle);
        }
        pools.clients.insert(name.clone(), Source::Own(client));
        pools.pools.insert(name.clone(), Source::Own(handle));
    }
    for (name, theirs) in &stack.existing_pools {
        let pool = UserPoolOutputs {
            id: theirs.id.clone(),
            arn: theirs.arn(scope),
            name: theirs.id.clone(),
            deletion_protection: false,
            attributes: Vec::new(),
        };
        let pool = Source::Theirs(pool);
        pools.clients.insert(name.clone(), client_of_theirs(graph, scope, (name, theirs), &pool));
        pools.pools.insert(name.clone(), pool);
    }
    pools
}

/// The description of a pool.
pub(super) fn user_pool(Input { stack, scope, .. }: Input<'_>, name: &str, wanted: &spec::Pool) -> UserPool {
    let others = wanted.clients.keys().map(|client| further_client(scope, name, client));
    let hook = |(hook, function): (&Hook, &String)| HookFunction {
        hook: *hook,
        arn: stack.called_arn(scope, function),
        event: if *hook == Hook::PreToken { wanted.hooks.token_event } else { TokenEvent::V1 },
    };
    UserPool {
        id: ids::pool(name).to_string(),
        name: scope.physical(name),
        password: password(&wanted.password),
        self_sign_up: wanted.self_sign_up,
        mfa: wanted.mfa,
        deletion_protection: wanted.deletion_protection,
        threat_protection: wanted.threat_protection,
        plan: wanted.plan,
        clients: std::iter::once(first_client(scope, name)).chain(others).collect(),
        groups: wanted.groups.clone(),
        resource_servers: wanted.scopes.keys().cloned().collect(),
        identity_providers: wanted.providers.keys().cloned().collect(),
        has_domain: wanted.login.is_some(),
        attributes: wanted.attributes.clone(),
        sign_in: wanted.sign_in.clone(),
        hooks: wanted.hooks.functions.iter().map(hook).collect(),
        mail: wanted.mail.clone(),
    }
}

/// The app client in a pool that the stack does not manage: an existing client, or one that the stack creates. With the
/// latter, users can set only their email address, which nearly every pool demands of its clients.
fn client_of_theirs(
    graph: &mut Graph,
    scope: &Scope,
    (name, theirs): (&str, &spec::ExistingPool),
    pool: &Source<UserPool>,
) -> Source<AppClient> {
    if let Some(client_id) = theirs.client_id.clone() {
        return Source::Theirs(AppClientOutputs { pool_id: theirs.id.clone(), name: client_id.clone(), client_id });
    }
    let client = AppClient {
        pool_id: theirs.id.clone(),
        name: first_client(scope, name),
        flows: theirs.flows.clone(),
        scopes: Vec::new(),
        pages: None,
        secret_name: None,
        tokens: tokens(theirs.tokens),
        attributes: ClientAttributes::of(&[], &[SignIn::Email]),
        watched: false,
        in_their_pool: true,
    };
    Source::Own(ids::client(name).add_in(graph, pool, (), move |()| client.clone()))
}

/// The name of a pool's first app client.
fn first_client(scope: &Scope, pool: &str) -> String {
    format!("{}-client", scope.physical(pool))
}

/// The name of a further app client of a pool. No name in the stack file has a dot.
fn further_client(scope: &Scope, pool: &str, client: &str) -> String {
    format!("{}.{client}", scope.physical(pool))
}

/// An app client without its name and its flows.
fn app_client(pool: &spec::Pool) -> AppClient {
    AppClient {
        pool_id: String::new(),
        name: String::new(),
        flows: Vec::new(),
        scopes: Vec::new(),
        pages: None,
        secret_name: None,
        tokens: tokens(pool.tokens),
        attributes: ClientAttributes::of(&pool.attributes, &pool.sign_in),
        watched: pool.threat_protection != ThreatProtection::Off,
        in_their_pool: false,
    }
}

/// The names of the APIs whose scopes clients may ask for.
fn resource_servers(
    graph: &mut Graph,
    name: &str,
    wanted: &spec::Pool,
    pool: Handle<UserPool>,
) -> BTreeMap<String, Handle<ResourceServer>> {
    let mut servers = BTreeMap::new();
    for (identifier, scopes) in wanted.scopes.clone() {
        let id = ids::resource_server(name, &identifier);
        let named = identifier.clone();
        let server = id.add_under(graph, pool, pool, move |pool| ResourceServer {
            pool_id: pool.id,
            identifier: named.clone(),
            scopes: scopes.clone(),
        });
        servers.insert(identifier, server);
    }
    servers
}

/// A further app client of a pool, and the Secrets Manager secret with the client's id and secret.
fn further(
    graph: &mut Graph,
    from: Input<'_>,
    (pool_name, pool): (&str, Handle<UserPool>),
    (name, wanted): (&str, &spec::PoolClient),
    of_pool: &spec::Pool,
    servers: &BTreeMap<String, Handle<ResourceServer>>,
) -> Handle<AppClient> {
    let base = app_client(of_pool);
    let client = AppClient {
        name: further_client(from.scope, pool_name, name),
        flows: wanted.flows.clone(),
        scopes: wanted.scopes.iter().cloned().collect(),
        // A program has no refresh token.
        tokens: TokenRules { rotate: base.tokens.rotate && !wanted.is_machine(), ..base.tokens },
        secret_name: wanted.secret.then(|| further_client(from.scope, pool_name, name)),
        ..base
    };
    let secret = wanted.secret.then(|| client_secret(graph, from, pool_name, name));
    let servers = servers_of(&wanted.scopes, servers);
    // The client can be read while the secret is missing. It is created only after the secret.
    let needs = (pool, servers, secret.map(Deferred));
    ids::further_client(pool_name, name)
        .add_under(graph, pool, needs, move |(pool, _, _)| AppClient { pool_id: pool.id, ..client.clone() })
}

/// The resource servers that have these scopes.
fn servers_of<'a>(
    scopes: impl IntoIterator<Item = &'a String>,
    servers: &BTreeMap<String, Handle<ResourceServer>>,
) -> Vec<Handle<ResourceServer>> {
    let named: BTreeSet<&str> =
        scopes.into_iter().filter_map(|scope| scope.rsplit_once('/')).map(|(server, _)| server).collect();
    servers.iter().filter(|(server, _)| named.contains(server.as_str())).map(|(_, server)| *server).collect()
}

/// The settings of Cognito's sign-in pages, if the pool has some.
fn pages(pool: &spec::Pool) -> Option<SignInPages> {
    let login = pool.pages()?;
    Some(SignInPages {
        callbacks: login.callbacks.clone(),
        logouts: login.logouts.clone(),
        scopes: login.scopes.iter().cloned().collect(),
        providers: pool.providers.keys().cloned().collect(),
    })
}

fn client_secret(
    graph: &mut Graph,
    Input { scope, encrypted_by, .. }: Input<'_>,
    pool: &str,
    client: &str,
) -> Handle<Secret> {
    let id = ids::client_secret(pool, client);
    let secret = Secret {
        id: id.to_string(),
        name: further_client(scope, pool, client),
        description: format!("Id and secret of the app client {client} of {pool}, of the stack {}", scope.stack),
        plain: BTreeMap::new(),
        secret_fields: BTreeMap::new(),
        rotate: false,
        filled_by_another: true,
        rotated: false,
        policy: Policy::default(),
        account: scope.account.clone(),
        kms_key: Encryption::default(),
    };
    id.add(graph, encrypted_by.clone(), move |kms_key| Secret { kms_key, ..secret.clone() })
}

fn password(wanted: &spec::Password) -> PasswordPolicy {
    PasswordPolicy {
        minimum_length: wanted.minimum_length,
        lowercase: wanted.lowercase,
        uppercase: wanted.uppercase,
        numbers: wanted.numbers,
        symbols: wanted.symbols,
        temporary_validity_days: TEMPORARY_DAYS,
        history: wanted.history,
    }
}

fn tokens(wanted: spec::Tokens) -> TokenRules {
    // The stack file's ranges for these keys end below `u16::MAX`.
    let number = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    TokenRules {
        id_minutes: number(wanted.id_minutes),
        access_minutes: number(wanted.access_minutes),
        refresh_days: number(wanted.refresh_days),
        rotate: wanted.rotate,
    }
}

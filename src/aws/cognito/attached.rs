//! The parts of a user pool that the stack file does not name: other app clients, resource servers, identity providers,
//! domains, and groups with a role. Each part lets somebody sign in, or gives somebody more permissions.

use aws_sdk_cognitoidentityprovider::operation::get_user_pool_mfa_config::GetUserPoolMfaConfigOutput;
use aws_sdk_cognitoidentityprovider::types::UserPoolType;

use super::groups::Group;
use super::refusals::COGNITO_BUSY;
use super::{AppClient, Cognito, IdentityProvider, PAGE, PoolDomain, ResourceServer, UserPool};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::settle::settled;
use crate::engine::{Comparison, Failure, Task};

/// The size of a page of resource servers; the most that AWS allows.
const RESOURCE_SERVERS: i32 = 50;

/// The parts of a pool, and its MFA settings.
#[derive(Debug, Clone, Default)]
pub(super) struct Attached {
    /// The id and the name of each app client.
    pub clients: Vec<(String, String)>,
    /// The identifier of each resource server.
    pub resource_servers: Vec<String>,
    /// The name of each identity provider.
    pub identity_providers: Vec<String>,
    pub groups: Vec<Group>,
    pub factors: Option<GetUserPoolMfaConfigOutput>,
    pub recorded: Recorded,
}

/// The parts of a pool that the state records. The engine itself removes those that the stack file no longer names.
#[derive(Debug, Clone, Default)]
pub(super) struct Recorded {
    /// The names of app clients.
    clients: Vec<String>,
    /// The identifiers of resource servers.
    resource_servers: Vec<String>,
    /// The names of identity providers.
    identity_providers: Vec<String>,
    has_domain: bool,
}

impl Recorded {
    fn of(pool_id: &str, task: &Task) -> Self {
        let clients = task.recorded_parts::<AppClient>().filter(|key| key.pool_id == pool_id);
        let servers = task.recorded_parts::<ResourceServer>().filter(|key| key.pool_id == pool_id);
        let providers = task.recorded_parts::<IdentityProvider>().filter(|key| key.pool_id == pool_id);
        Self {
            clients: clients.map(|key| key.name).collect(),
            resource_servers: servers.map(|key| key.identifier).collect(),
            identity_providers: providers.map(|key| key.name).collect(),
            has_domain: task.recorded_parts::<PoolDomain>().any(|key| key.pool_id == pool_id),
        }
    }
}

impl Attached {
    /// The domains that the pool should not have: a custom domain, and a prefix domain that neither the stack file nor
    /// the state has. If there should be a prefix domain, `PoolDomain` itself reports a different prefix.
    fn foreign_domains<'a>(&self, want: &UserPool, pool: &'a UserPoolType) -> impl Iterator<Item = &'a str> + use<'a> {
        let prefix = pool.domain().filter(|_| !want.has_domain && !self.recorded.has_domain);
        [prefix, pool.custom_domain()].into_iter().flatten().filter(|domain| !domain.is_empty())
    }

    /// The app clients that neither the stack file nor the state names. `AppClient` itself reports a second client of the
    /// same name.
    fn foreign_clients<'a>(&'a self, want: &'a UserPool) -> impl Iterator<Item = &'a (String, String)> {
        let is_ours = |name: &String| want.clients.contains(name) || self.recorded.clients.contains(name);
        self.clients.iter().filter(move |(_, name)| !is_ours(name))
    }

    /// The resource servers that neither the stack file nor the state names.
    fn foreign_servers<'a>(&'a self, want: &'a UserPool) -> impl Iterator<Item = &'a String> {
        let is_ours =
            |server: &String| want.resource_servers.contains(server) || self.recorded.resource_servers.contains(server);
        self.resource_servers.iter().filter(move |server| !is_ours(server))
    }

    /// The identity providers that neither the stack file nor the state names.
    fn foreign_providers<'a>(&'a self, want: &'a UserPool) -> impl Iterator<Item = &'a String> {
        let is_ours = |provider: &String| {
            want.identity_providers.contains(provider) || self.recorded.identity_providers.contains(provider)
        };
        self.identity_providers.iter().filter(move |provider| !is_ours(provider))
    }

    /// The groups that the stack file does not name. For a named group, `UserGroup` itself reports another role. Groups
    /// that only the state names lose their roles too: the stack file gives them none.
    fn foreign_groups<'a>(&'a self, want: &'a UserPool) -> impl Iterator<Item = &'a Group> {
        self.groups.iter().filter(|group| !want.groups.contains(&group.name))
    }

    pub(super) fn compare(&self, want: &UserPool, pool: &UserPoolType) -> Comparison {
        let clients = self.foreign_clients(want).map(|(id, name)| format!("{name} ({id})"));
        let role = |group: &Group| group.role.as_ref().map(|role| format!("{}: {role}", group.name));
        let copies: Vec<&str> = self.groups.iter().filter_map(Group::copy_of).collect();
        Comparison::default()
            .nothing_else("UserPoolClients", clients)
            .nothing_else("ResourceServers", self.foreign_servers(want))
            .nothing_else("IdentityProviders", self.foreign_providers(want))
            .nothing_else("Domains", self.foreign_domains(want, pool))
            .nothing_else("Groups.RoleArn", self.foreign_groups(want).filter_map(role))
            .plain("Groups", "complete", if copies.is_empty() { "complete".into() } else { unfinished(&copies) })
    }
}

fn unfinished(copies: &[&str]) -> String {
    format!("an interrupted run left copies of {}", copies.join(", "))
}

/// Whether a drift is repaired by [`Cognito::detach`].
pub(super) fn is_attached(field: &str) -> bool {
    ["UserPoolClients", "ResourceServers", "IdentityProviders", "Domains", "Groups.RoleArn", "Groups"].contains(&field)
}

impl Cognito {
    /// Reads the parts of a pool, in parallel.
    pub(super) async fn attached(&self, pool_id: &str, task: &Task) -> Result<Attached, Failure> {
        let (clients, resource_servers, identity_providers, groups, factors) = tokio::try_join!(
            self.clients(pool_id),
            self.resource_servers(pool_id),
            self.identity_providers(pool_id),
            self.groups(pool_id),
            self.factors(pool_id),
        )?;
        let recorded = Recorded::of(pool_id, task);
        Ok(Attached { clients, resource_servers, identity_providers, groups, factors: Some(factors), recorded })
    }

    async fn resource_servers(&self, pool_id: &str) -> Result<Vec<String>, Failure> {
        let call = self.client.list_resource_servers().user_pool_id(pool_id).max_results(RESOURCE_SERVERS);
        let mut pages = call.into_paginator().send();
        let mut all = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.or_fail(&format!("list the resource servers of {pool_id}"))?;
            all.extend(page.resource_servers.into_iter().filter_map(|server| server.identifier));
        }
        Ok(all)
    }

    async fn identity_providers(&self, pool_id: &str) -> Result<Vec<String>, Failure> {
        let call = self.client.list_identity_providers().user_pool_id(pool_id).max_results(PAGE);
        let mut pages = call.into_paginator().send();
        let mut all = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.or_fail(&format!("list the identity providers of {pool_id}"))?;
            all.extend(page.providers.into_iter().filter_map(|provider| provider.provider_name));
        }
        Ok(all)
    }

    async fn factors(&self, pool_id: &str) -> Result<GetUserPoolMfaConfigOutput, Failure> {
        let call = self.client.get_user_pool_mfa_config().user_pool_id(pool_id);
        call.send().await.or_fail(&format!("read the second factors of the user pool {pool_id}"))
    }

    /// Removes the parts of the pool that are in neither the stack file nor the state. A group keeps its members and
    /// loses its role.
    pub(super) async fn detach(
        &self,
        want: &UserPool,
        pool: &UserPoolType,
        attached: &Attached,
        task: &Task,
    ) -> Result<(), Failure> {
        let id = pool.id().unwrap_or_default();
        for (client, _) in attached.foreign_clients(want) {
            self.delete_client(id, client, task).await?;
        }
        for provider in attached.foreign_providers(want) {
            self.delete_identity_provider(id, provider, task).await?;
        }
        for server in attached.foreign_servers(want) {
            self.delete_resource_server(id, server, task).await?;
        }
        for domain in attached.foreign_domains(want, pool) {
            self.delete_domain(id, domain, task).await?;
        }
        let foreign: Vec<Group> = attached.foreign_groups(want).cloned().collect();
        self.take_roles(id, &foreign, task).await
    }

    /// Deletes an app client. It is no failure if the client does not exist.
    pub(super) async fn delete_client(&self, pool_id: &str, client_id: &str, task: &Task) -> Result<(), Failure> {
        let deleted = settled(task, &[&COGNITO_BUSY], || async {
            let call = self.client.delete_user_pool_client().user_pool_id(pool_id).client_id(client_id);
            call.send().await.or_fail(&format!("delete the app client {client_id}"))
        });
        deleted.await.or_absent().map(drop)
    }
}

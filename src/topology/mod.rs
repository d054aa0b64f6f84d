//! What follows from a stack file: the graph of AWS resources that should exist. Pure: no call, no clock, no terminal.

mod api;
pub mod cleanup;
mod edge;
mod functions;
mod http_api;
mod identity;
mod identity_pools;
mod ids;
mod messaging;
mod needs;
mod references;

use std::collections::{BTreeMap, BTreeSet};

use self::references::References;
use crate::bundle::Bundles;
use crate::engine::Graph;
use crate::scope::Scope;
use crate::secret::SecretValue;
use crate::spec::Stack;

pub(crate) use ids::Ids as ApiIds;
pub use needs::needs;

/// Values that come from outside the stack file. In memory only.
#[derive(Debug, Clone, Default)]
pub struct SecretValues {
    /// By secret and key. One that has not been read is empty, and such a secret is never written.
    pub values: BTreeMap<(String, String), SecretValue>,
    /// Secrets that are to be written anew although nothing about them has changed.
    pub rotate: BTreeSet<String>,
}

/// Everything that should exist for `stack` in `scope`.
/// Where AWS is not AWS itself, its APIs answer at `endpoint`.
pub fn desired(
    stack: &Stack,
    scope: &Scope,
    endpoint: Option<&str>,
    bundles: &Bundles,
    secrets: &SecretValues,
) -> Graph {
    let mut graph = Graph::default();
    let topics = messaging::topics(&mut graph, stack, scope);
    let mut secrets = messaging::secrets(&mut graph, stack, scope, &topics, secrets);
    let pools = identity::pools(&mut graph, stack, scope);
    secrets.extend(identity_pools::service_users(&mut graph, stack, scope, &pools));
    // A function's variable may hold an API's address, and an API's routes lead to functions: so first the bare APIs.
    let roots = api::roots(&mut graph, stack, scope);
    let identity_pools = identity_pools::identity_pools(&mut graph, stack, scope, &pools, &roots);
    let apis = roots.iter().filter_map(|(name, root)| Some((name.clone()?, *root))).collect();
    let references = References { pools, identity_pools, apis, urls: references::urls(stack, scope, endpoint) };
    let functions = functions::functions(&mut graph, stack, scope, bundles, &topics, &secrets, &references);
    let firewall = edge::firewall(&mut graph, stack, scope);
    let parts = api::Parts { stack, scope, bundles, functions: &functions, pools: &references.pools.pools, firewall };
    for (name, wanted) in stack.all_apis() {
        match roots.get(&name.map(str::to_owned)) {
            Some(root) => api::api(&mut graph, (name, wanted), *root, &parts),
            None => http_api::api(&mut graph, (name, wanted), stack, scope, &functions, &references.pools),
        }
    }
    graph
}

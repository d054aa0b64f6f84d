//! What follows from a stack file: the graph of AWS resources that should exist. Pure: no call, no clock, no terminal.

mod alarms;
mod api;
mod edge;
mod encryption;
mod functions;
mod http_api;
mod identity;
mod identity_pools;
pub(crate) mod ids;
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

pub use needs::needs;

/// Values of secrets, which come from outside the stack file. They are kept in memory only.
#[derive(Debug, Clone, Default)]
pub struct SecretValues {
    /// By secret and key. A value that was not read is empty; a secret with such a value is never written.
    pub values: BTreeMap<(String, String), SecretValue>,
    /// Secrets that are written again although their entries did not change.
    pub rotate: BTreeSet<String>,
}

/// The resources that should exist for `stack` in `scope`. `endpoint` is the address of an emulator, if one is used.
/// `former_key` is the ARN of the key that the stack made earlier and has not given up yet.
pub fn desired(
    stack: &Stack,
    scope: &Scope,
    endpoint: Option<&str>,
    bundles: &Bundles,
    secrets: &SecretValues,
    former_key: Option<&str>,
) -> Graph {
    let mut graph = Graph::default();
    // A function's variable may hold an API's URL, an API's routes lead to functions, and the policy of the stack's key
    // names the APIs that log, so the bare APIs come first.
    let roots = api::roots(&mut graph, stack, scope);
    let encrypted_by = &encryption::encryption(&mut graph, stack, scope, former_key, &roots);
    let topics = messaging::topics(&mut graph, stack, scope, encrypted_by);
    let queues = messaging::queues(&mut graph, stack, scope, encrypted_by);
    let mut secrets = messaging::secrets(&mut graph, stack, scope, encrypted_by, &topics, secrets);
    let pools = identity::pools(&mut graph, stack, scope);
    secrets.extend(identity_pools::service_users(&mut graph, stack, scope, encrypted_by, &pools));
    let identity_pools = identity_pools::identity_pools(&mut graph, stack, scope, &pools, &roots);
    let apis = roots.iter().filter_map(|(name, root)| Some((name.clone()?, *root))).collect();
    let references = References { pools, identity_pools, apis, urls: references::urls(stack, scope, endpoint) };
    let functions = functions::functions(
        &mut graph,
        stack,
        scope,
        bundles,
        (&topics, &queues),
        encrypted_by,
        &secrets,
        &references,
    );
    messaging::rotations(&mut graph, stack, &secrets, &functions);
    let firewall = edge::firewall(&mut graph, stack, scope, encrypted_by);
    edge::before_pools(&mut graph, stack, &references.pools, firewall);
    let log_role = api::log_role(&mut graph, stack, scope);
    let parts = api::Parts {
        stack,
        scope,
        bundles,
        functions: &functions,
        encrypted_by,
        pools: &references.pools.pools,
        firewall,
        log_role,
    };
    let mut http_apis = BTreeMap::new();
    for (name, wanted) in stack.all_apis() {
        let key = name.map(str::to_owned);
        if let Some(root) = roots.get(&key) {
            api::api(&mut graph, (name, wanted), *root, &parts);
        } else {
            let built = (&functions, encrypted_by);
            http_apis.insert(key, http_api::api(&mut graph, (name, wanted), stack, scope, built, &references.pools));
        }
    }
    alarms::alarms(&mut graph, stack, scope, encrypted_by, &http_apis);
    graph
}

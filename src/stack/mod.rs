//! WHAT: the stack as wanted. Pure: no client, no clock, no terminal. `model` is what a stack file can say, `file` reads
//! one, and `desired` turns it into the graph of AWS resources.

mod allow_ip;
mod api;
pub mod blueprints;
mod body_schema;
mod check;
mod diagnostic;
mod edge;
mod file;
mod functions;
mod http_api;
mod identity;
mod identity_pools;
mod ids;
mod keys;
mod managed;
mod messaging;
mod model;
mod needs;
pub mod policies;
mod reader;
#[cfg(test)]
mod reference;
mod references;
mod rules;
mod schema;
mod sizes;

use std::collections::{BTreeMap, BTreeSet};

use self::references::References;
use crate::bundle::Bundles;
use crate::engine::Graph;
use crate::scope::Scope;
use crate::secret::SecretValue;

pub use allow_ip::{Unwritable, allow};
pub use body_schema::check_body_schema;
pub use diagnostic::{Diagnostic, LocatedDiagnostic, SpanMap, conceal};
pub use file::{parse, read};
pub use identity_pools::service_username;
pub(crate) use ids::Ids as ApiIds;
pub use model::{
    Api, ApiKind, Auth, Firewall, Function, IdentityPool, Invoke, ManagedRule, Mfa, Mode, Password, Pool, Route,
    ServiceUser, Stack, Throughput, Value, Variable,
};
pub use needs::needs;
pub use schema::json_schema;
pub use sizes::MAX_SECRET;

/// Whether a stack can have this name; why not, if it cannot.
pub fn check_name(name: &str) -> Result<(), String> {
    rules::stack_name(name)
}

/// Whether a role can be bounded by this policy; why not, if it cannot.
pub fn check_boundary(arn: &str) -> Result<(), String> {
    rules::policy_arn(arn)
}

/// The day, as in `2028-04-30`, from which Lambda no longer patches this runtime, where it is known.
pub fn deprecated_on(runtime: &str) -> Option<&'static str> {
    rules::deprecated_on(runtime)
}

/// The stack that is built where there is no stack file.
pub const BUILTIN: &str = include_str!("builtin.toml");

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

//! What follows from a stack file: the graph of AWS resources that should exist. Pure: no call, no clock, no terminal.

mod apis;
mod edge;
mod functions;
mod http_api;
mod id;
mod identity;
mod identity_pools;
mod messaging;
mod needs;
mod references;
mod rest_api;

/// The id of every resource that other modules name.
pub(crate) mod ids {
    pub(crate) use super::apis::ApiIds;
    pub(crate) use super::edge::ids::*;
    pub(crate) use super::functions::ids::*;
    pub(crate) use super::identity::ids::*;
    pub(crate) use super::identity_pools::ids::*;
    pub(crate) use super::messaging::ids::*;
}

use std::collections::{BTreeMap, BTreeSet};

use self::apis::Parts;
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

/// What the graph is made from.
#[derive(Clone, Copy)]
struct Input<'a> {
    stack: &'a Stack,
    scope: &'a Scope,
    /// The address of an emulator, if one is used.
    endpoint: Option<&'a str>,
    bundles: &'a Bundles,
    secrets: &'a SecretValues,
}

/// The resources that should exist for `stack` in `scope`. `endpoint` is the address of an emulator, if one is used.
pub fn desired(
    stack: &Stack,
    scope: &Scope,
    endpoint: Option<&str>,
    bundles: &Bundles,
    secrets: &SecretValues,
) -> Graph {
    let from = Input { stack, scope, endpoint, bundles, secrets };
    let mut all = Graph::default();
    let topics = messaging::topics(&mut all, from);
    let queues = messaging::queues(&mut all, from);
    let mut secrets = messaging::secrets(&mut all, from, &topics);
    let pools = identity::pools(&mut all, from);
    secrets.extend(identity_pools::service_users(&mut all, from, &pools));
    // A function's variable may hold an API's URL, and an API's routes lead to functions, so the bare APIs come first.
    let roots = rest_api::roots(&mut all, from);
    let identity_pools = identity_pools::identity_pools(&mut all, from, &pools, &roots);
    let references = References::new(from, pools, identity_pools, &roots);
    let functions = functions::functions(&mut all, from, (&topics, &queues), &secrets, &references);
    messaging::rotations(&mut all, from, &secrets, &functions);
    let firewall = edge::firewall(&mut all, from);
    edge::before_pools(&mut all, from, &references.pools, firewall);
    let parts = Parts { roots: &roots, functions: &functions, pools: &references.pools, firewall };
    apis::apis(&mut all, from, &parts);
    all
}

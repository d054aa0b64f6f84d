//! The graph of the AWS resources that should exist, made from a stack file. Pure: no call, no clock, no terminal.

mod alarms;
mod apis;
mod authorizers;
mod cors;
mod domains;
mod edge;
mod encryption;
mod functions;
mod hooks;
mod http_api;
mod id;
mod identity;
mod identity_pools;
mod identity_providers;
mod messaging;
mod needs;
mod plans;
mod queues;
mod references;
mod rest_api;
mod rest_stage;
mod schedules;
mod source;
mod tables;
mod targets;
mod triggers;

/// The id of every resource that other modules name.
pub(crate) mod ids {
    pub(crate) use super::apis::ApiIds;
    pub(crate) use super::domains::ids::{custom_domain, record};
    pub(crate) use super::edge::ids::*;
    pub(crate) use super::encryption::ids::*;
    pub(crate) use super::functions::ids::*;
    pub(crate) use super::identity::ids::*;
    pub(crate) use super::identity_pools::ids::*;
    pub(crate) use super::messaging::ids::*;
    pub(crate) use super::plans::ids::*;
    pub(crate) use super::queues::ids::*;
    pub(crate) use super::tables::ids::*;
}

use std::collections::{BTreeMap, BTreeSet};

use self::apis::Parts;
use self::encryption::EncryptedBy;
use self::references::References;
use crate::aws::Encryption;
use crate::aws::dynamodb::Table;
use crate::bundle::Bundles;
use crate::engine::{Graph, Spared};
use crate::scope::Scope;
use crate::secret::SecretValue;
use crate::spec::Stack;

pub use needs::needs;

/// Values of secrets, which come from outside the stack file. They are kept in memory only.
#[derive(Debug, Clone, Default)]
pub struct SecretValues {
    /// The values, by secret and key. A value that was not read is empty; a secret with such a value is never written.
    pub values: BTreeMap<(String, String), SecretValue>,
    /// Secrets that are written again although their entries did not change.
    pub rotate: BTreeSet<String>,
}

/// The inputs that the graph is made from.
#[derive(Clone, Copy)]
struct Input<'a> {
    stack: &'a Stack,
    scope: &'a Scope,
    /// The address of an emulator, if one is used.
    endpoint: Option<&'a str>,
    bundles: &'a Bundles,
    secrets: &'a SecretValues,
    encrypted_by: &'a EncryptedBy,
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
    let encrypted_by = &EncryptedBy::Known(Encryption::default());
    let from = Input { stack, scope, endpoint, bundles, secrets, encrypted_by };
    let mut all = Graph::default();
    // A function's variable may hold an API's URL or id, an API's routes lead to functions, and the policy of the
    // stack's key names the APIs that log. So the bare APIs are added first. The key is next, because all other
    // resources may be encrypted with it.
    let (rest_apis, http_apis) = (rest_api::roots(&mut all, from), http_api::roots(&mut all, from));
    let encrypted_by = &encryption::encryption(&mut all, from, former_key, &rest_apis);
    let from = Input { encrypted_by, ..from };
    let topics = messaging::topics(&mut all, from);
    let queues = queues::queues(&mut all, from);
    messaging::subscriptions(&mut all, from, (&topics, &queues));
    let mut secrets = messaging::secrets(&mut all, from, &topics);
    let tables = tables::tables(&mut all, from);
    let pools = identity::pools(&mut all, from, &secrets);
    secrets.extend(identity_pools::service_users(&mut all, from, &pools));
    let identity_pools = identity_pools::identity_pools(&mut all, from, &pools, &rest_apis);
    let references = References::new(from, pools, identity_pools, (&rest_apis, &http_apis), queues.clone());
    let functions = functions::functions(&mut all, from, (&topics, &queues, &tables), &secrets, &references);
    hooks::hooks(&mut all, from, &references.pools, &functions);
    schedules::schedules(&mut all, from, &functions);
    messaging::rotations(&mut all, from, &secrets, &functions);
    let firewall = edge::firewall(&mut all, from);
    edge::before_pools(&mut all, from, &references.pools, firewall);
    let (rest_apis, http_apis) = (&rest_apis, &http_apis);
    let parts = Parts { rest_apis, http_apis, functions: &functions, pools: &references.pools, firewall };
    apis::apis(&mut all, from, &parts);
    alarms::alarms(&mut all, from, http_apis);
    all.spare(Spared::default().but::<Table>([]));
    all
}

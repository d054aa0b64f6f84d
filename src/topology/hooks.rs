//! The functions that pools call, and Cognito's permission to call them.
//!
//! A function may be given the pool's id, so the pool comes first, then the function, and then the hooks.

use std::collections::BTreeMap;

use super::Input;
use super::functions::Ready;
use super::identity::{Pools, user_pool};
use super::source::Source;
use crate::aws::cognito::PoolHooks;
use crate::engine::Graph;
use crate::spec::{self, Stack};

/// The ids of the resources that this file adds.
mod ids {
    use crate::aws::cognito::PoolHooks;
    use crate::aws::lambda::Permission;
    use crate::topology::id::IdOf;

    pub(super) fn hooks(pool: &str) -> IdOf<PoolHooks> {
        IdOf::new("hooks", pool)
    }

    /// Lets a pool call a function.
    pub(super) fn permission(function: &str, pool: &str) -> IdOf<Permission> {
        IdOf::new("permission", &format!("{function} pool {pool}"))
    }
}

/// The principal of user pools.
const COGNITO: &str = "cognito-idp.amazonaws.com";

/// The id of the statement for a pool in a function's resource policy.
fn sid(pool: &str) -> String {
    format!("securelambda-pool-{pool}")
}

/// The ids of the statements for the pools that call this function.
pub(super) fn sids<'a>(stack: &'a Stack, function: &'a str) -> impl Iterator<Item = String> + 'a {
    let calls = move |pool: &spec::Pool| pool.hooks.functions.values().any(|called| called == function);
    stack.pools.iter().filter(move |(_, pool)| calls(pool)).map(|(name, _)| sid(name))
}

/// Adds the hooks of each pool. They are set only after the functions have their policies and Cognito may call them:
/// otherwise nobody could sign in for a moment.
pub(super) fn hooks(graph: &mut Graph, from: Input<'_>, pools: &Pools, functions: &BTreeMap<String, Ready>) {
    for (name, wanted) in &from.stack.pools {
        let Some(pool) = pools.pools.get(name).and_then(Source::own) else { continue };
        let mut needs = Vec::new();
        for function in wanted.hooks.called() {
            let Some(Ready { function: handle, called, policy }) = functions.get(function).copied() else { continue };
            let sid = sid(name);
            let permission =
                ids::permission(function, name).add_under(graph, handle, (called, pool), move |(called, pool)| {
                    called.permission(&sid, COGNITO, pool.arn)
                });
            needs.push((called, permission, policy));
        }
        if !needs.is_empty() {
            let description = user_pool(from, name, wanted);
            ids::hooks(name).add_under(graph, pool, (pool, needs), move |(pool, _)| PoolHooks {
                pool_id: pool.id,
                pool: description.clone(),
            });
        }
    }
}

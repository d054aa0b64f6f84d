//! User pools and their app clients.

use std::collections::BTreeMap;

use super::ids;
use crate::aws::cognito::{AppClient, Mfa, PasswordPolicy, UserPool};
use crate::engine::{Graph, Handle};
use crate::scope::Scope;
use crate::spec::{self, Stack};

/// How many days an invited user's temporary password is valid.
const TEMPORARY_DAYS: u16 = 3;

/// The pools and their app clients, by the pool's name.
#[derive(Debug, Default)]
pub(super) struct Pools {
    pub pools: BTreeMap<String, Handle<UserPool>>,
    pub clients: BTreeMap<String, Handle<AppClient>>,
}

pub(super) fn pools(graph: &mut Graph, stack: &Stack, scope: &Scope) -> Pools {
    let mut pools = Pools::default();
    for (name, wanted) in &stack.pools {
        let id = ids::pool(name);
        let pool = UserPool {
            id: id.to_string(),
            name: scope.physical(name),
            password: password(&wanted.password),
            self_sign_up: wanted.self_sign_up,
            mfa: match wanted.mfa {
                spec::Mfa::Off => Mfa::Off,
                spec::Mfa::Optional => Mfa::Optional,
                spec::Mfa::On => Mfa::On,
            },
            deletion_protection: wanted.deletion_protection,
        };
        let handle = id.add(graph, (), move |()| pool.clone());
        let client = format!("{}-client", scope.physical(name));
        let client = ids::client(name)
            .add_under(graph, handle, handle, move |pool| AppClient { pool_id: pool.id, name: client.clone() });
        pools.clients.insert(name.clone(), client);
        pools.pools.insert(name.clone(), handle);
    }
    pools
}

fn password(wanted: &spec::Password) -> PasswordPolicy {
    PasswordPolicy {
        minimum_length: wanted.minimum_length,
        lowercase: wanted.lowercase,
        uppercase: wanted.uppercase,
        numbers: wanted.numbers,
        symbols: wanted.symbols,
        temporary_validity_days: TEMPORARY_DAYS,
    }
}

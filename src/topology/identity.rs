//! User pools and their app clients.

use std::collections::BTreeMap;

use super::Input;
use crate::aws::cognito::{AppClient, Mfa, PasswordPolicy, Plan, SignInFlow, ThreatProtection, TokenRules, UserPool};
use crate::engine::{Graph, Handle};
use crate::spec;

/// The ids of what this file adds.
pub(crate) mod ids {
    use crate::aws::cognito::{AppClient, UserPool};
    use crate::topology::id::IdOf;

    pub(crate) fn pool(name: &str) -> IdOf<UserPool> {
        IdOf::new("pool", name)
    }

    pub(crate) fn client(pool: &str) -> IdOf<AppClient> {
        IdOf::new("client", pool)
    }
}

/// How many days an invited user's temporary password is valid.
const TEMPORARY_DAYS: u16 = 3;

/// The pools and their app clients, by the pool's name.
#[derive(Debug, Default)]
pub(super) struct Pools {
    pub pools: BTreeMap<String, Handle<UserPool>>,
    pub clients: BTreeMap<String, Handle<AppClient>>,
}

pub(super) fn pools(graph: &mut Graph, Input { stack, scope, .. }: Input<'_>) -> Pools {
    let mut pools = Pools::default();
    for (name, wanted) in &stack.pools {
        let id = ids::pool(name);
        let client = format!("{}-client", scope.physical(name));
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
            threat_protection: match wanted.threat_protection {
                spec::ThreatProtection::Off => ThreatProtection::Off,
                spec::ThreatProtection::Audit => ThreatProtection::Audit,
                spec::ThreatProtection::Enforced => ThreatProtection::Enforced,
            },
            plan: wanted.plan.map(|plan| match plan {
                spec::Plan::Lite => Plan::Lite,
                spec::Plan::Essentials => Plan::Essentials,
                spec::Plan::Plus => Plan::Plus,
            }),
            clients: vec![client.clone()],
        };
        let handle = id.add(graph, (), move |()| pool.clone());
        let client = AppClient {
            pool_id: String::new(),
            name: client,
            flows: wanted.flows.iter().copied().map(flow).collect(),
            tokens: tokens(wanted.tokens),
            watched: wanted.threat_protection != spec::ThreatProtection::Off,
        };
        let client = ids::client(name)
            .add_under(graph, handle, handle, move |pool| AppClient { pool_id: pool.id, ..client.clone() });
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
        history: wanted.history,
    }
}

fn flow(wanted: spec::Flow) -> SignInFlow {
    match wanted {
        spec::Flow::Srp => SignInFlow::Srp,
        spec::Flow::Password => SignInFlow::Password,
        spec::Flow::AdminPassword => SignInFlow::AdminPassword,
    }
}

fn tokens(wanted: spec::Tokens) -> TokenRules {
    // The ranges of the keys end below.
    let number = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    TokenRules {
        id_minutes: number(wanted.id_minutes),
        access_minutes: number(wanted.access_minutes),
        refresh_days: number(wanted.refresh_days),
        rotate: wanted.rotate,
    }
}

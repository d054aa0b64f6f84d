//! The costs of requests and users, for `cost --requests --users`.

use super::{counted, is_arm};
use crate::choices::ThreatProtection;
use crate::spec::{ApiKind, RouteTarget, Stack};

/// How much a stack is used in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Requests, which are spread evenly over all routes.
    pub requests: u64,
    /// Users who sign in, in each pool.
    pub users: u64,
    /// How long a function takes for a request, in milliseconds.
    pub ms: u32,
}

/// A cost of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageCost {
    /// As in `1000000 requests to REST APIs`.
    pub what: String,
    /// Millionths of a US dollar.
    pub micros: u64,
}

/// Millionths of a US dollar for a million requests.
const REST: u64 = 3_500_000;
const HTTP: u64 = 1_000_000;
const FIREWALL: u64 = 600_000;
const CALLS: u64 = 200_000;
/// Trillionths of a US dollar for a GB and second of a function.
const SECOND_ARM: u64 = 13_333_400;
const SECOND_X86: u64 = 16_666_700;
/// Millionths of a US dollar for a user who signs in during the month: in the plan Essentials, beyond the first ones, and in
/// the plan Plus.
const USER: u64 = 15_000;
const USER_PLUS: u64 = 20_000;
/// The users of an account's pools that are free in the plan Essentials.
const FREE_USERS: u64 = 10_000;

/// The costs of this use, without those that exist anyway and without what the functions themselves use.
pub fn usage_costs(stack: &Stack, usage: Usage) -> Vec<UsageCost> {
    let routes: u64 = stack.all_routes().count() as u64;
    let mut costs = Vec::new();
    let mut add = |what: String, micros: u64| {
        if micros > 0 {
            costs.push(UsageCost { what, micros });
        }
    };
    // The share of the requests to `some` of all routes.
    let share = |some: u64| usage.requests.saturating_mul(some).checked_div(routes).unwrap_or_default();
    let per_million = |requests: u64, price: u64| requests.saturating_mul(price).div_ceil(1_000_000);
    let of = |kind: ApiKind| -> u64 {
        stack.all_apis().filter(|(_, api)| api.kind == kind).map(|(_, api)| api.routes.len() as u64).sum()
    };
    let (rest, http) = (share(of(ApiKind::Rest)), share(of(ApiKind::Http)));
    add(format!("{} to REST APIs", requests(rest)), per_million(rest, REST));
    add(format!("{} to HTTP APIs", requests(http)), per_million(http, HTTP));
    if stack.firewall.is_some() {
        add(format!("{} through the firewall", requests(rest)), per_million(rest, FIREWALL));
    }
    let mut calls = 0;
    let mut picodollars: u128 = 0;
    for (name, function) in &stack.functions {
        let is_target = |target: &RouteTarget| matches!(target, RouteTarget::Function(known) if known == name);
        let called = share(stack.all_routes().filter(|(_, route)| is_target(&route.target)).count() as u64);
        calls += called;
        let mb_ms = u128::from(called) * u128::from(function.memory_mb) * u128::from(usage.ms);
        picodollars += mb_ms * u128::from(if is_arm(function) { SECOND_ARM } else { SECOND_X86 }) / (1024 * 1000);
    }
    add(
        format!("{} of functions", counted(usize::try_from(calls).unwrap_or(usize::MAX), "call")),
        per_million(calls, CALLS),
    );
    let time = u64::try_from(picodollars.div_ceil(1_000_000)).unwrap_or(u64::MAX);
    add(format!("functions that run for {} ms", usage.ms), time);
    let is_plus = |protection: ThreatProtection| protection != ThreatProtection::Off;
    let plus = stack.pools.values().filter(|pool| is_plus(pool.threat_protection)).count() as u64;
    let others = (stack.pools.len() as u64).saturating_sub(plus);
    let paid = usage.users.saturating_mul(others).saturating_sub(FREE_USERS);
    add(format!("{paid} users beyond the first {FREE_USERS}"), paid.saturating_mul(USER));
    let users = usage.users.saturating_mul(plus);
    add(format!("{users} users of pools with threat protection"), users.saturating_mul(USER_PLUS));
    costs
}

fn requests(count: u64) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), "request")
}

/// The sum, in millionths of a US dollar.
pub fn usage_sum(costs: &[UsageCost]) -> u64 {
    costs.iter().fold(0, |sum, cost| sum.saturating_add(cost.micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{BUILTIN, parse};

    #[test]
    fn requests_are_charged_by_the_gateway_the_firewall_and_the_functions() {
        let stack = parse(BUILTIN).expect("the built-in stack");
        let costs = usage_costs(&stack, Usage { requests: 2_000_000, users: 500, ms: 100 });
        let found: Vec<(&str, u64)> = costs.iter().map(|cost| (cost.what.as_str(), cost.micros)).collect();
        let memory = u64::from(stack.functions["ExternalLambda1"].memory_mb);
        let time = (2_000_000 * memory * 100 * SECOND_ARM).div_ceil(1024 * 1000 * 1_000_000);
        let expected = [
            ("2000000 requests to REST APIs", 7_000_000),
            ("2000000 requests through the firewall", 1_200_000),
            ("2000000 calls of functions", 400_000),
            ("functions that run for 100 ms", time),
        ];
        assert_eq!(found, expected);
        assert_eq!(usage_sum(&costs), 8_600_000 + time);
    }

    #[test]
    fn users_are_charged_beyond_the_free_ones_and_always_with_threat_protection() {
        let file = "[stack]\nname = \"demo\"\n[pools.A]\n[pools.B]\nthreat_protection = \"enforced\"\n";
        let costs = usage_costs(&parse(file).expect("a stack"), Usage { requests: 0, users: 11_000, ms: 1 });
        let found: Vec<u64> = costs.iter().map(|cost| cost.micros).collect();
        assert_eq!(found, [1000 * USER, 11_000 * USER_PLUS]);
        assert_eq!(usage_costs(&parse(file).expect("a stack"), Usage { requests: 9, users: 0, ms: 1 }), []);
    }
}

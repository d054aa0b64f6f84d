//! The costs of a stack, as far as the stack file decides them. The prices are those of `us-east-1` (docs/aws.md,
//! Prices); other regions differ a little. They are only shown to the user, and no decision depends on them.

mod usage;

use crate::choices::ThreatProtection;
use crate::spec::{Code, Function, KmsKey, Stack};

pub use self::usage::{Usage, UsageCost, usage_costs, usage_sum};

/// Something that AWS charges for.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// The item that AWS charges for, as in `web ACL`.
    pub what: String,
    pub price: Price,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Price {
    /// Cents of a US dollar a month, also if nothing is used.
    Monthly(u32),
    /// By use, as in `0.50 USD per GB`.
    ByUse(&'static str),
}

/// Cents a month for a web ACL.
const WEB_ACL: u32 = 500;
/// Cents a month for a rule of a web ACL. A managed rule group counts as one.
const WEB_ACL_RULE: u32 = 100;
/// Logs, by the amount that is written.
const LOGS: &str = "0.50 USD per GB";
/// Cents a month for a secret.
const SECRET: u32 = 40;
/// Cents a month for a KMS key.
const KEY: u32 = 100;
/// Cents a month for an instance of a function with 1 GB that is kept ready, on arm64 and on x86_64.
const READY_ARM: u64 = 876;
const READY_X86: u64 = 1095;
/// Cents a month for an alarm. The first ten of an account are free, but other alarms may use them up.
const ALARM: u32 = 10;

/// The costs of a stack, without requests, function calls and stored logs: each account has a free tier for these.
pub fn costs(stack: &Stack) -> Vec<Cost> {
    let monthly = |what: String, cents: u32| Cost { what, price: Price::Monthly(cents) };
    let mut costs = Vec::new();
    let times = |count: usize, price: u32| u32::try_from(count).unwrap_or(u32::MAX).saturating_mul(price);
    if let Some(firewall) = &stack.firewall {
        costs.push(monthly("web ACL".to_owned(), WEB_ACL));
        let own = usize::from(!firewall.addresses.is_empty()) + usize::from(firewall.rate_per_ip.is_some());
        let countries = usize::from(firewall.countries.is_some());
        let rules = own + countries + firewall.rules.len() + firewall.managed_rules.len();
        if rules > 0 {
            costs.push(monthly(counted(rules, "firewall rule"), times(rules, WEB_ACL_RULE)));
        }
    }
    let of_clients = stack.pools.values().flat_map(|pool| pool.clients.values()).filter(|client| client.secret).count();
    let secrets = stack.secrets.len() + stack.service_users.len() + of_clients;
    if secrets > 0 {
        costs.push(monthly(counted(secrets, "secret"), times(secrets, SECRET)));
    }
    if stack.kms_key == Some(KmsKey::Create) {
        costs.push(monthly("KMS key".to_owned(), KEY));
    }
    let ready = stack.functions.values().filter_map(|function| Some((function.provisioned_concurrency?, function)));
    let (ready, cents) = ready
        .fold((0, 0), |(all, cents), (instances, function)| (all + instances, cents + kept_ready(instances, function)));
    if ready > 0 {
        costs.push(monthly(format!("{} kept ready", counted(ready as usize, "function instance")), cents));
    }
    let alarms = stack.alarm_count();
    if alarms > 0 {
        costs.push(monthly(counted(alarms, "alarm"), times(alarms, ALARM)));
    }
    let mut by_use = |what: &str, price: &'static str| {
        costs.push(Cost { what: what.to_owned(), price: Price::ByUse(price) });
    };
    if stack.firewall.as_ref().is_some_and(|firewall| firewall.log) {
        by_use("firewall log", LOGS);
    }
    if stack.all_apis().any(|(_, api)| api.logs.any()) {
        by_use("logs of the APIs", LOGS);
    }
    let traced = stack.functions.values().any(|function| function.tracing);
    if traced || stack.all_apis().any(|(_, api)| api.tracing) {
        by_use("X-Ray", "5 USD per million traces");
    }
    if stack.tables.values().any(|table| table.recovery) {
        by_use("recovery of tables", "0.20 USD per GB and month");
    }
    if stack.pools.values().any(|pool| pool.threat_protection != ThreatProtection::Off) {
        by_use("threat protection", "0.02 USD per user that signs in during a month");
    }
    costs
}

/// Cents a month for instances of a function that are kept ready.
fn kept_ready(instances: u32, function: &Function) -> u32 {
    let per_gb = if is_arm(function) { READY_ARM } else { READY_X86 };
    let cents = (u64::from(instances) * u64::from(function.memory_mb) * per_gb).div_ceil(1024);
    u32::try_from(cents).unwrap_or(u32::MAX)
}

/// Whether a function runs on arm64, which costs less than x86_64.
fn is_arm(function: &Function) -> bool {
    let architecture = match &function.code {
        Code::Packed(packed) => &packed.architecture,
        Code::Image(image) => &image.architecture,
    };
    architecture == "arm64"
}

/// The sum of the monthly prices, in cents.
pub fn monthly_sum(costs: &[Cost]) -> u32 {
    costs.iter().fold(0, |sum: u32, cost| match cost.price {
        Price::Monthly(cents) => sum.saturating_add(cents),
        Price::ByUse(_) => sum,
    })
}

/// A number with its noun, as in `3 secrets`.
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    #[test]
    fn the_built_in_stack_costs_a_web_acl_its_rule_and_a_secret() {
        let stack = parse(crate::spec::BUILTIN).expect("the built-in stack");
        let costs = costs(&stack);
        let expected = [("web ACL", 500), ("1 firewall rule", 100), ("1 secret", 40)];
        let expected = expected.map(|(what, cents)| Cost { what: what.to_owned(), price: Price::Monthly(cents) });
        assert_eq!(costs, expected);
        assert_eq!(monthly_sum(&costs), 640);
    }

    #[test]
    fn the_hardened_posture_costs_by_use_too() {
        let hardened = crate::spec::BUILTIN.replacen("[stack]", "[stack]\nposture = \"hardened\"", 1);
        let costs = costs(&parse(&hardened).expect("a stack"));
        let by_use: Vec<&str> =
            costs.iter().filter(|cost| matches!(cost.price, Price::ByUse(_))).map(|cost| cost.what.as_str()).collect();
        assert_eq!(by_use, ["firewall log", "logs of the APIs", "X-Ray", "threat protection"]);
        for fixed in ["4 firewall rules", "KMS key", "10 alarms"] {
            assert!(costs.iter().any(|cost| cost.what == fixed), "{fixed}: {costs:?}");
        }
    }

    #[test]
    fn instances_that_are_kept_ready_cost_by_memory_and_processor() {
        let stack = "[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\nmemory_mb = 2048\n\
                     provisioned_concurrency = 2\n[functions.G]\nsource = \"g\"\narchitecture = \"x86_64\"\n\
                     memory_mb = 512\nprovisioned_concurrency = 1\n";
        let costs = costs(&parse(stack).expect("a stack"));
        let expected = Cost { what: "3 function instances kept ready".into(), price: Price::Monthly(4 * 876 + 548) };
        assert_eq!(costs, [expected]);
    }

    #[test]
    fn a_stack_that_costs_nothing_when_idle_has_no_costs() {
        let stack = parse("[stack]\nname = \"demo\"\n[topics.t]\n").expect("a stack");
        assert_eq!(costs(&stack), []);
    }
}

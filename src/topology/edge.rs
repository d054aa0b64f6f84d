//! The firewall: an IP set for each address family, and the web ACL that uses them.

use super::ids;
use crate::aws::wafv2::{IpSet, Rule, RuleAction, RuleKind, WebAcl};
use crate::engine::{Graph, Handle};
use crate::scope::Scope;
use crate::spec::managed;
use crate::spec::{Firewall, Mode, Stack};

pub(super) fn firewall(graph: &mut Graph, stack: &Stack, scope: &Scope) -> Option<Handle<WebAcl>> {
    let wanted = stack.firewall.as_ref()?;
    let families: Vec<bool> = [false, true]
        .into_iter()
        // An IP set has one address family. The IPv4 set exists even if it is empty, so that the web ACL has its rule.
        .filter(|v6| !v6 || wanted.addresses.iter().any(|network| network.addr().is_ipv6()))
        .collect();
    let sets: Vec<Handle<IpSet>> = families.iter().map(|&v6| ip_set(graph, wanted, scope, v6)).collect();
    let id = ids::web_acl();
    let name = scope.physical("web-acl");
    let web_acl = WebAcl {
        id: id.to_string(),
        metric: metric(&name),
        name,
        default_allow: wanted.mode != Mode::Allow,
        rules: Vec::new(),
    };
    let wanted = wanted.clone();
    let prefix = scope.stack.clone();
    Some(id.add(graph, sets, move |sets| {
        let arns: Vec<String> = sets.into_iter().map(|set| set.arn).collect();
        WebAcl { rules: rules(&wanted, &prefix, &families, &arns), ..web_acl.clone() }
    }))
}

fn ip_set(graph: &mut Graph, wanted: &Firewall, scope: &Scope, v6: bool) -> Handle<IpSet> {
    let name = if v6 { "addresses-v6" } else { "addresses-v4" };
    let id = ids::ip_set(v6);
    let set = IpSet {
        id: id.to_string(),
        name: scope.physical(name),
        description: None,
        addresses: wanted.addresses.iter().filter(|network| network.addr().is_ipv6() == v6).copied().collect(),
        v6,
    };
    id.add(graph, (), move |()| set.clone())
}

/// The rules in order. A request that an Allow rule matches is not evaluated further, so in the mode `allow` the
/// addresses come last, and in the other modes first (docs/aws.md, Associations).
fn rules(wanted: &Firewall, prefix: &str, families: &[bool], sets: &[String]) -> Vec<Rule> {
    let action = match wanted.mode {
        Mode::Count => RuleAction::Count,
        Mode::Allow => RuleAction::Allow,
        Mode::Block => RuleAction::Block,
    };
    let rule = |name: &str, priority: i32, kind: RuleKind| Rule {
        name: name.to_owned(),
        priority,
        metric: metric(&format!("{prefix}-{name}")),
        kind,
    };
    let first = if wanted.mode == Mode::Allow { 100 } else { 0 };
    let mut rules = Vec::new();
    for (position, (v6, arn)) in (first..).zip(families.iter().zip(sets)) {
        let name = if *v6 { "addresses-v6" } else { "addresses-v4" };
        rules.push(rule(name, position, RuleKind::IpSet { arn: arn.clone(), action }));
    }
    if let Some(limit) = wanted.rate_per_ip {
        rules.push(rule("rate-per-ip", 10, RuleKind::RatePerIp { limit: i64::from(limit) }));
    }
    for wanted in &wanted.managed_rules {
        // The order in the stack file does not matter: groups that judge the sender come first.
        if let Some((position, group)) = managed::group(&wanted.name) {
            let priority = 20 + i32::try_from(position).unwrap_or_default();
            let kind = RuleKind::Managed { vendor: "AWS".into(), group: group.to_owned(), count_only: !wanted.block };
            rules.push(rule(&wanted.name, priority, kind));
        }
    }
    rules.sort_by_key(|rule| rule.priority);
    rules
}

/// A rule's name is valid as a metric's name too: letters, digits, - and _ (docs/aws.md, Web ACLs).
fn metric(name: &str) -> String {
    name.to_owned()
}

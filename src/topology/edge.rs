//! The firewall: IP sets, the web ACL that uses them, its log, and its associations with user pools. The associations
//! with stages are parts of the APIs.

use ipnet::IpNet;

use super::Input;
use super::id::IdOf;
use super::identity::Pools;
use super::source::Source;
use crate::aws::Encryption;
use crate::aws::logs::LogGroup;
use crate::aws::wafv2::{IpSet, Logging, Match, Membership, PoolAssociation, Rule, RuleAction, RuleKind, WebAcl};
use crate::engine::{Graph, Handle};
use crate::scope::Scope;
use crate::spec::managed;
use crate::spec::{ApiKind, Firewall, FirewallAction, FirewallRule, Mode};

/// The ids of the resources that this file adds.
pub(crate) mod ids {
    use crate::aws::logs::LogGroup;
    use crate::aws::wafv2::{IpSet, Logging, PoolAssociation, WebAcl};
    use crate::topology::id::IdOf;

    pub(crate) fn web_acl() -> IdOf<WebAcl> {
        IdOf::new("firewall", "web-acl")
    }

    /// The IP set for IPv4 or IPv6.
    pub(crate) fn ip_set(v6: bool) -> IdOf<IpSet> {
        IdOf::new("firewall", if v6 { "addresses-v6" } else { "addresses-v4" })
    }

    /// The IP set of the addresses that are exempt from a rule of the firewall.
    pub(super) fn exempt(rule: &str, v6: bool) -> IdOf<IpSet> {
        IdOf::new("firewall", &format!("rule.{rule}-{}", if v6 { "v6" } else { "v4" }))
    }

    /// The firewall's log group.
    pub(super) fn firewall_log() -> IdOf<LogGroup> {
        IdOf::new("firewall", "log")
    }

    pub(super) fn logging() -> IdOf<Logging> {
        IdOf::new("firewall", "logging")
    }

    /// `firewall.pool.Users`
    pub(super) fn pool_association(pool: &str) -> IdOf<PoolAssociation> {
        IdOf::new("firewall", &format!("pool.{pool}"))
    }
}

/// How many days the firewall's log is kept if the stack has no functions.
const LOG_DAYS: u32 = 14;

/// The first priority of the rules in the stack file: after all others, before the addresses of the mode `allow`.
const OWN_FIRST: i32 = 40;

pub(super) fn firewall(graph: &mut Graph, from: Input<'_>) -> Option<Handle<WebAcl>> {
    let Input { stack, scope, .. } = from;
    let wanted = stack.firewall.as_ref()?;
    let mut sets = Vec::new();
    let mut lists = Lists { addresses: Vec::new(), exempt: Vec::new() };
    let membership = if wanted.mode == Mode::Allow { Membership::LetsIn } else { Membership::KeepsOut };
    for v6 in [false, true] {
        // An IP set has one address family. The IPv4 set exists even if it is empty, so that the web ACL has its rule.
        let addresses = of_family(&wanted.addresses, v6);
        if !v6 || !addresses.is_empty() {
            lists.addresses.push((v6, sets.len()));
            sets.push(ip_set(graph, scope, (ids::ip_set(v6), family_name("addresses", v6)), addresses, v6, membership));
        }
    }
    for rule in &wanted.rules {
        let mut exempt = Vec::new();
        // Addresses that are exempt from an Allow rule are kept out.
        let allows = rule.action == FirewallAction::Allow;
        let membership = if allows { Membership::KeepsOut } else { Membership::LetsIn };
        for v6 in [false, true] {
            let addresses = of_family(&rule.unless_address, v6);
            if !addresses.is_empty() {
                exempt.push(sets.len());
                let name = (ids::exempt(&rule.name, v6), family_name(&format!("rule-{}", rule.name), v6));
                sets.push(ip_set(graph, scope, name, addresses, v6, membership));
            }
        }
        lists.exempt.push(exempt);
    }
    let id = ids::web_acl();
    let name = web_acl_name(scope);
    let web_acl = WebAcl {
        id: id.to_string(),
        metric: metric(&name),
        name,
        default_allow: wanted.mode != Mode::Allow,
        rules: Vec::new(),
        body_limit_kb: wanted.body_limit_kb,
    };
    let rest = stack.all_apis().filter(|(_, api)| api.kind == ApiKind::Rest);
    let stages: Vec<String> = rest.map(|(_, api)| api.stage.clone()).collect();
    let wanted = wanted.clone();
    let prefix = scope.stack.clone();
    let web_acl = id.add(graph, sets, move |sets| {
        let arns: Vec<String> = sets.into_iter().map(|set| set.arn).collect();
        WebAcl { rules: rules(&wanted, &prefix, &stages, &lists, &arns), ..web_acl.clone() }
    });
    log(graph, from, web_acl);
    Some(web_acl)
}

/// Associates the web ACL with every user pool for which the stack file demands it.
pub(super) fn before_pools(
    graph: &mut Graph,
    Input { stack, .. }: Input<'_>,
    pools: &Pools,
    firewall: Option<Handle<WebAcl>>,
) {
    let Some(web_acl) = firewall else { return };
    for (name, _) in stack.pools.iter().filter(|(_, pool)| pool.firewall) {
        if let Some(pool) = pools.pools.get(name).and_then(Source::own) {
            ids::pool_association(name)
                .add_under(graph, pool, (pool, web_acl), |(pool, web_acl)| PoolAssociation::new(web_acl.arn, pool.arn));
        }
    }
}

fn web_acl_name(scope: &Scope) -> String {
    scope.physical("web-acl")
}

/// The name of the web ACL in its metrics.
pub(super) fn web_acl_metric(scope: &Scope) -> String {
    metric(&web_acl_name(scope))
}

/// The name of the web ACL's log group, whose beginning AWS demands.
pub(super) fn log_name(scope: &Scope) -> String {
    format!("aws-waf-logs-{}", scope.stack)
}

/// The log of the web ACL, which is kept as long as the longest kept log of a function.
fn log(graph: &mut Graph, Input { stack, scope, encrypted_by, .. }: Input<'_>, web_acl: Handle<WebAcl>) {
    if !stack.firewall.as_ref().is_some_and(|firewall| firewall.log) {
        return;
    }
    let days = stack.functions.values().map(|function| function.log_retention_days).max().unwrap_or(LOG_DAYS);
    let id = ids::firewall_log();
    let group = LogGroup {
        id: id.to_string(),
        name: log_name(scope),
        retention_days: i32::try_from(days).unwrap_or_default(),
        account: scope.account.clone(),
        kms_key: Encryption::default(),
    };
    let group = id.add(graph, encrypted_by.clone(), move |kms_key| LogGroup { kms_key, ..group.clone() });
    ids::logging().add_under(graph, web_acl, (web_acl, group), |(web_acl, group)| Logging {
        web_acl_arn: web_acl.arn,
        log_group_arn: group.arn,
    });
}

fn family_name(name: &str, v6: bool) -> String {
    format!("{name}-{}", if v6 { "v6" } else { "v4" })
}

fn of_family(addresses: &[IpNet], v6: bool) -> Vec<IpNet> {
    addresses.iter().filter(|network| network.addr().is_ipv6() == v6).copied().collect()
}

fn ip_set(
    graph: &mut Graph,
    scope: &Scope,
    (id, name): (IdOf<IpSet>, String),
    addresses: Vec<IpNet>,
    v6: bool,
    membership: Membership,
) -> Handle<IpSet> {
    let name = scope.physical(&name);
    let set = IpSet { id: id.to_string(), name, description: None, addresses, v6, membership };
    id.add(graph, (), move |()| set.clone())
}

/// The IP sets that the rules refer to, by their position in the list of all IP sets.
struct Lists {
    /// The IP sets of the firewall's addresses, each with a flag that is `true` for IPv6.
    addresses: Vec<(bool, usize)>,
    /// For each rule in the stack file, the IP sets of the addresses that are exempt from it.
    exempt: Vec<Vec<usize>>,
}

/// The rules in order. A request that an Allow rule matches is not evaluated further, so in the mode `allow` the
/// addresses come last, and in the other modes first (docs/aws.md, Associations).
fn rules(wanted: &Firewall, prefix: &str, stages: &[String], lists: &Lists, sets: &[String]) -> Vec<Rule> {
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
    for (position, (v6, set)) in (first..).zip(&lists.addresses) {
        let kind = RuleKind::IpSet { arn: sets[*set].clone(), action };
        rules.push(rule(&family_name("addresses", *v6), position, kind));
    }
    if let Some(limit) = wanted.rate_per_ip {
        rules.push(rule("rate-per-ip", 10, RuleKind::RatePerIp { limit: i64::from(limit) }));
    }
    if let Some(countries) = &wanted.countries {
        let kind = RuleKind::Countries { codes: countries.codes.clone(), all_others: countries.all_others };
        rules.push(rule("countries", 12, kind));
    }
    for wanted in &wanted.managed_rules {
        // The order in the stack file does not matter: groups that judge the sender come first.
        if let Some((position, group)) = managed::group(&wanted.name) {
            let priority = 20 + i32::try_from(position).unwrap_or_default();
            let kind = RuleKind::Managed {
                vendor: "AWS".into(),
                group: group.to_owned(),
                count_only: !wanted.block,
                exceptions: wanted.exceptions.clone(),
            };
            rules.push(rule(&wanted.name, priority, kind));
        }
    }
    for (position, (own, exempt)) in (OWN_FIRST..).zip(wanted.rules.iter().zip(&lists.exempt)) {
        let exempt = exempt.iter().map(|set| sets[*set].clone()).collect();
        rules.push(rule(&own.name, position, own_rule(own, stages, exempt)));
    }
    rules.sort_by_key(|rule| rule.priority);
    rules
}

/// A rule that the stack file describes.
fn own_rule(wanted: &FirewallRule, stages: &[String], exempt: Vec<String>) -> RuleKind {
    let mut conditions = Vec::new();
    conditions.extend(wanted.path.as_ref().map(|path| Match::Path(path_pattern(path, stages))));
    conditions.extend(
        wanted
            .header
            .as_ref()
            .map(|(name, value)| Match::Header { name: name.clone(), value: format!("^{}$", pattern(value)) }),
    );
    conditions.extend(wanted.method.clone().map(Match::Method));
    let kilobytes = wanted.body_over_kb.and_then(|kb| i32::try_from(kb).ok());
    conditions.extend(kilobytes.map(|kb| Match::BodyOver(kb * 1024)));
    conditions.extend(wanted.label.clone().map(Match::Label));
    if !exempt.is_empty() {
        conditions.push(Match::NotFrom(exempt));
    }
    let action = match wanted.action {
        FirewallAction::Block => RuleAction::Block,
        FirewallAction::Count => RuleAction::Count,
        FirewallAction::Allow => RuleAction::Allow,
    };
    RuleKind::Match { conditions, action }
}

/// A regular expression for a path. WAF sees the stage before the path, except behind a custom domain, and API Gateway
/// ignores a slash at the end (docs/aws.md, Rules of web ACLs).
fn path_pattern(path: &str, stages: &[String]) -> String {
    let stages: Vec<String> = stages.iter().map(|stage| pattern(stage)).collect();
    let stage = if stages.is_empty() { String::new() } else { format!("(/({}))?", stages.join("|")) };
    let slash = if path.ends_with(['*', '/']) { "" } else { "/?" };
    format!("^{stage}{}{slash}$", pattern(path))
}

/// A regular expression for text in which an asterisk stands for any characters.
fn pattern(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        match c {
            '*' => pattern += ".*",
            c if c.is_ascii_alphanumeric() || "/_-~%:@ ".contains(c) || !c.is_ascii() => pattern.push(c),
            c => pattern.extend(['\\', c]),
        }
    }
    pattern
}

/// A rule's name is valid as a metric's name too: letters, digits, - and _ (docs/aws.md, Web ACLs).
fn metric(name: &str) -> String {
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn firewall(text: &str) -> Firewall {
        let file = format!(
            "[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\n[api]\n[[api.routes]]\nroute = \"GET /\"\n\
             function = \"F\"\nauth = \"none\"\n{text}"
        );
        parse(&file).expect("a sound file").firewall.expect("a firewall")
    }

    #[test]
    fn a_path_is_matched_with_and_without_its_stage() {
        let stages = ["live".to_owned(), "v1.0".to_owned()];
        assert_eq!(path_pattern("/admin/*", &stages), r"^(/(live|v1\.0))?/admin/.*$");
        assert_eq!(path_pattern("/a.b", &[]), r"^/a\.b/?$");
        assert_eq!(path_pattern("/a+b/(x)", &[]), r"^/a\+b/\(x\)/?$");
    }

    #[test]
    fn rules_of_the_stacks_own_come_after_all_others_and_before_allowed_addresses() {
        let wanted = firewall(
            "[firewall]\nmode = \"allow\"\naddresses = [\"203.0.113.0/24\"]\nrate_per_ip = 100\n\
             managed_rules = [\"sqli:block\", \"common\"]\ncountries = { allow = [\"DE\", \"AT\"] }\n\
             exceptions = { common = [\"SizeRestrictions_BODY\"] }\n\
             [[firewall.rules]]\nname = \"admin\"\npath = \"/admin/*\"\nunless_address = [\"10.0.0.0/8\"]\n\
             [[firewall.rules]]\nname = \"beta\"\naction = \"count\"\nheader = \"X-Client: beta*\"\nmethod = \"POST\"\n\
             body_over_kb = 8\nlabel = \"awswaf:x\"\n",
        );
        let lists = Lists { addresses: vec![(false, 0)], exempt: vec![vec![1], vec![]] };
        let sets = ["arn:office".to_owned(), "arn:admins".to_owned()];
        let rules = rules(&wanted, "demo", &["live".to_owned()], &lists, &sets);
        let order: Vec<(&str, i32)> = rules.iter().map(|rule| (rule.name.as_str(), rule.priority)).collect();
        let expected = [
            ("rate-per-ip", 10),
            ("countries", 12),
            ("common", 22),
            ("sqli", 24),
            ("admin", 40),
            ("beta", 41),
            ("addresses-v4", 100),
        ];
        assert_eq!(order, expected);
        assert_eq!(rules[1].kind, RuleKind::Countries { codes: vec!["AT".into(), "DE".into()], all_others: true });
        let RuleKind::Managed { exceptions, count_only: true, .. } = &rules[2].kind else { panic!("{:?}", rules[2]) };
        assert_eq!(exceptions, &["SizeRestrictions_BODY"]);
        let admin = [Match::Path("^(/(live))?/admin/.*$".into()), Match::NotFrom(vec!["arn:admins".into()])];
        assert_eq!(rules[4].kind, RuleKind::Match { conditions: admin.to_vec(), action: RuleAction::Block });
        let beta = [
            Match::Header { name: "x-client".into(), value: "^beta.*$".into() },
            Match::Method("POST".into()),
            Match::BodyOver(8192),
            Match::Label("awswaf:x".into()),
        ];
        assert_eq!(rules[5].kind, RuleKind::Match { conditions: beta.to_vec(), action: RuleAction::Count });
    }
}

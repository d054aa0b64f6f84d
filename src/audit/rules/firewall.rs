//! Rules about web ACLs and the actions of their live rules.

use std::collections::BTreeSet;

use super::super::Finding;
use super::super::estate::{Estate, Values, found, not_tried};
use super::super::fix::Fix;
use crate::aws::wafv2;
use crate::emulator::UNSUPPORTED;
use crate::engine::Resource as Kind;

/// The value that `wafv2` reports for a rule that is missing in the stack file or in the live web ACL.
const ABSENT: &str = "no such rule";

/// The line of the stack file that makes AWS's rule groups block: the groups of `posture = "hardened"`, and those that
/// the stack file already has.
pub(super) fn managed_rules(estate: &Estate<'_>) -> String {
    let ours = estate.stack.firewall.iter().flat_map(|firewall| firewall.managed_rules.iter());
    let mut words: Vec<String> = ours.map(|rule| format!("\"{}:block\"", rule.name)).collect();
    for usual in ["ip-reputation", "common", "known-bad-inputs"] {
        let word = format!("\"{usual}:block\"");
        if !words.contains(&word) {
            words.push(word);
        }
    }
    format!("firewall.managed_rules = [{}]", words.join(", "))
}

/// The names of the rules, from settings such as `Rules.common.Priority`.
fn names<'a>(values: &Values<'a>) -> BTreeSet<&'a str> {
    let rules = values.iter().filter(|(_, value)| *value != ABSENT);
    rules.filter_map(|(field, _)| field.strip_prefix("Rules.")?.split('.').next()).collect()
}

/// Whether a rule or the default action of the web ACL blocks.
fn blocks(values: &Values<'_>) -> bool {
    values.iter().any(|(field, value)| match *field {
        "DefaultAction" => value.starts_with("Block"),
        _ if !field.starts_with("Rules.") => false,
        _ if field.ends_with(".Action") => value.starts_with("Block"),
        // The override `None` keeps the actions of the group's rules, which block.
        _ if field.ends_with(".OverrideAction") => value.starts_with("None"),
        // A rule that is not in the stack file is reported as one setting, whose value contains its action.
        _ => field.matches('.').count() == 1 && value.contains(": Block"),
    })
}

/// AWS's groups, as in `AWS/AWSManagedRulesCommonRuleSet`.
fn groups<'a>(values: &Values<'a>) -> Vec<&'a str> {
    let rules = values.iter().filter(|(field, _)| field.starts_with("Rules."));
    rules.filter_map(|(_, value)| value.strip_prefix("the group AWS/")).collect()
}

pub(super) fn has_rules(estate: &Estate<'_>) -> Vec<Finding> {
    estate.each(wafv2::WebAcl::KIND, |acl| {
        let count = names(&acl.live()).len();
        acl.judged(|values| !names(values).is_empty(), format!("{count} rules"), Fix::set(managed_rules(estate)))
    })
}

pub(super) fn some_block(estate: &Estate<'_>) -> Vec<Finding> {
    estate.each(wafv2::WebAcl::KIND, |acl| {
        let default = acl.value("DefaultAction").unwrap_or("not read");
        let rules = if blocks(&acl.live()) { "some rules block" } else { "every rule counts" };
        acl.judged(blocks, format!("{rules}; DefaultAction: {default}"), Fix::set(managed_rules(estate)))
    })
}

pub(super) fn has_managed_rules(estate: &Estate<'_>) -> Vec<Finding> {
    estate.each(wafv2::WebAcl::KIND, |acl| {
        let live = groups(&acl.live()).join(", ");
        let observed = if live.is_empty() { "no group of AWS".to_owned() } else { format!("groups of AWS: {live}") };
        acl.judged(|values| !groups(values).is_empty(), observed, Fix::set(managed_rules(estate)))
    })
}

pub(super) fn has_metrics(estate: &Estate<'_>) -> Vec<Finding> {
    let field = "VisibilityConfig.CloudWatchMetricsEnabled";
    estate.each(wafv2::WebAcl::KIND, |acl| {
        let live = acl.live();
        let metrics: Vec<_> = live.iter().filter(|(name, _)| name.ends_with(field)).collect();
        let without: Vec<&str> = metrics.iter().filter(|(_, value)| *value != "true").map(|(name, _)| *name).collect();
        let observed = if without.is_empty() {
            format!("{field} of the web ACL and of {} rules", metrics.len().saturating_sub(1))
        } else {
            format!("not enabled: {}", without.join(", "))
        };
        found(acl.id, without.is_empty() && !metrics.is_empty(), observed, Fix::Up)
    })
}

pub(super) fn has_a_log(estate: &Estate<'_>) -> Vec<Finding> {
    if estate.stack.firewall.as_ref().is_some_and(|firewall| firewall.log) {
        return estate
            .given(wafv2::Logging::KIND, "LoggingConfiguration.LogDestinationConfigs", |value| value != "none");
    }
    let field = "LoggingConfiguration";
    estate.each(wafv2::WebAcl::KIND, |acl| match acl.value(field) {
        None => not_tried(acl.id, format!("{field} was not read")),
        // An emulator has no such setting that could differ, so the stack file decides.
        Some(UNSUPPORTED) => found(acl.id, false, "the stack file asks for no log", Fix::set("firewall.log = true")),
        Some(value) => found(acl.id, value != "none", format!("{field}: {value}"), Fix::set("firewall.log = true")),
    })
}

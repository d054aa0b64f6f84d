//! Compares the rules of a web ACL with the wanted ones, each setting of each rule.
//!
//! A rule that counts is treated as protection too, because the stack's owner sees its counts.

use aws_sdk_wafv2::types;

use super::rule::Rule;
use super::statement::{Strength, action, action_strength, action_words, effect, may_allow, normal, strength, words};
use crate::engine::{Comparison, Effect, Failure};

/// Compares all rules. `blocks` says whether a request that no rule decides is blocked.
pub(super) fn rules(compared: Comparison, want: &[Rule], live: &[types::Rule], blocks: bool) -> Comparison {
    let pairs: Vec<(&Rule, Option<&types::Rule>)> =
        want.iter().map(|rule| (rule, live.iter().find(|live| live.name() == rule.name))).collect();
    let mut compared = compared;
    for (rule, found) in &pairs {
        compared = match rule.to_aws() {
            Ok(wanted) => one(compared, &wanted, *found, &pairs),
            Err(failure) => unwritable(compared, rule, &failure),
        };
    }
    let last =
        live.iter().filter(|live| want.iter().any(|rule| rule.name == live.name())).map(types::Rule::priority).max();
    let unwanted = live.iter().filter(|live| want.iter().all(|rule| rule.name != live.name()));
    unwanted.fold(compared, |compared, rule| {
        // An unwanted rule after all rules of the stack weakens only if the default action blocks.
        let early = last.is_some_and(|last| rule.priority() < last);
        let weakens = may_allow(rule) && (blocks || early);
        let effect = if weakens { Effect::Weakens } else { Effect::Differs };
        let statement = rule.statement().map_or_else(|| "no statement".to_owned(), words);
        let does = format!("{statement}: {} (priority {})", action(rule), rule.priority());
        compared.judged(format!("Rules.{}", rule.name()), "no such rule", does, effect)
    })
}

/// Reports a rule that cannot be converted. Rules are made from checked values, so this does not happen.
fn unwritable(compared: Comparison, rule: &Rule, failure: &Failure) -> Comparison {
    compared.judged(format!("Rules.{}", rule.name), failure, "not compared", Effect::Weakens)
}

fn one(
    compared: Comparison,
    want: &types::Rule,
    live: Option<&types::Rule>,
    pairs: &[(&Rule, Option<&types::Rule>)],
) -> Comparison {
    let name = |field: &str| format!("Rules.{}.{field}", want.name());
    let wanted = strength(want).unwrap_or(Strength::Blocks);
    let Some(live) = live else {
        let statement = want.statement().map(|statement| words(&normal(statement))).unwrap_or_default();
        // If a rule that lets requests pass is missing, fewer requests pass.
        let effect = if wanted == Strength::Allows { Effect::Differs } else { Effect::Weakens };
        return compared.judged(format!("Rules.{}", want.name()), statement, "no such rule", effect);
    };
    let field = if want.override_action().is_some() { "OverrideAction" } else { "Action" };
    let compared = compared
        .judged(name("Priority"), want.priority(), live.priority(), order(want, live, pairs))
        .judged(name(field), action(want), action(live), stronger(wanted, want, live));
    let compared = statement(compared, want, live);
    let labels = |rule: &types::Rule| {
        let labels: Vec<&str> = rule.rule_labels().iter().map(types::Label::name).collect();
        if labels.is_empty() { "none".to_owned() } else { labels.join(", ") }
    };
    let immunity = |some: bool| if some { "a custom immunity time" } else { "none" };
    let compared = compared
        .plain(name("RuleLabels"), labels(want), labels(live))
        .plain(name("CaptchaConfig"), "none", immunity(live.captcha_config().is_some()))
        .plain(name("ChallengeConfig"), "none", immunity(live.challenge_config().is_some()));
    let metric = want.visibility_config().map_or("", types::VisibilityConfig::metric_name);
    visibility(compared, &format!("Rules.{}.", want.name()), metric, live.visibility_config())
}

/// The effect of another priority. It weakens if a rule that lets requests pass now comes before one that would have
/// stopped them. Among rules that count and block, the order only decides which of them acts.
fn order(want: &types::Rule, live: &types::Rule, pairs: &[(&Rule, Option<&types::Rule>)]) -> Effect {
    if want.priority() == live.priority() {
        return Effect::Same;
    }
    let passes = |rule: &types::Rule| strength(rule) == Some(Strength::Allows);
    let overtaken = pairs.iter().filter_map(|(other, found)| found.map(|found| (other.priority, found)));
    let weakens = overtaken.filter(|(_, found)| found.name() != live.name()).any(|(wanted, found)| {
        let (before, is_before) = (want.priority() < wanted, live.priority() < found.priority());
        before != is_before && if is_before { passes(live) } else { passes(found) }
    });
    if weakens { Effect::Weakens } else { Effect::Differs }
}

/// The effect of another action. A stronger action, such as blocking instead of counting, does not weaken.
fn stronger(wanted: Strength, want: &types::Rule, live: &types::Rule) -> Effect {
    match strength(live) {
        _ if action(want) == action(live) => Effect::Same,
        Some(live) if live >= wanted => Effect::Differs,
        _ => Effect::Weakens,
    }
}

fn statement(compared: Comparison, want: &types::Rule, live: &types::Rule) -> Comparison {
    let name = |field: &str| format!("Rules.{}.Statement{field}", want.name());
    let (Some(want), Some(live)) = (want.statement().map(normal), live.statement().map(normal)) else {
        return compared.judged(name(""), "a statement", "none", Effect::Weakens);
    };
    match (want.managed_rule_group_statement(), live.managed_rule_group_statement()) {
        (Some(wanted), Some(group)) if (wanted.vendor_name(), wanted.name()) == (group.vendor_name(), group.name()) => {
            parts(compared.judged(name(""), words(&want), words(&live), Effect::Same), &name, wanted, group)
        }
        _ => compared.judged(name(""), words(&want), words(&live), effect(&want, &live)),
    }
}

/// Compares the settings by which a managed group does less than the group as AWS maintains it.
fn parts(
    compared: Comparison,
    name: &impl Fn(&str) -> String,
    want: &types::ManagedRuleGroupStatement,
    live: &types::ManagedRuleGroupStatement,
) -> Comparison {
    let down = live.scope_down_statement().map_or_else(|| "none".to_owned(), words);
    let excluded: Vec<&str> = live.excluded_rules().iter().map(types::ExcludedRule::name).collect();
    let configs = if live.managed_rule_group_configs().is_empty() { "none" } else { "some" };
    let (wanted, found) = (overrides(want.rule_action_overrides()), overrides(live.rule_action_overrides()));
    let lets_pass = |one: &&(String, Option<Strength>, String)| {
        one.1.is_none_or(|strength| strength < Strength::Challenges) && !wanted.contains(one)
    };
    let effect = if wanted == found {
        Effect::Same
    } else if found.iter().any(|one| lets_pass(&one)) {
        Effect::Weakens
    } else {
        Effect::Differs
    };
    compared
        .guard(name(".Version"), "none", live.version().unwrap_or("none"))
        .guard(name(".ScopeDownStatement"), "none", down)
        .nothing_else(name(".ExcludedRules"), excluded)
        .judged(name(".RuleActionOverrides"), overridden(&wanted), overridden(&found), effect)
        .plain(name(".ManagedRuleGroupConfigs"), "none", configs)
}

/// The rules of a group with other actions than the group's: name, strength and action, by name.
fn overrides(all: &[types::RuleActionOverride]) -> Vec<(String, Option<Strength>, String)> {
    let one = |one: &types::RuleActionOverride| {
        let action = one.action_to_use();
        (one.name().to_owned(), action.and_then(action_strength), action.map_or_else(String::new, action_words))
    };
    let mut all: Vec<_> = all.iter().map(one).collect();
    all.sort();
    all
}

fn overridden(all: &[(String, Option<Strength>, String)]) -> String {
    let words: Vec<String> = all.iter().map(|(name, _, action)| format!("{name}: {action}")).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// Compares a visibility configuration whose fields begin with `at`.
pub(super) fn visibility(
    compared: Comparison,
    at: &str,
    metric: &str,
    live: Option<&types::VisibilityConfig>,
) -> Comparison {
    let field = |name: &str| format!("{at}VisibilityConfig.{name}");
    compared
        .plain(field("MetricName"), metric, live.map_or("none", types::VisibilityConfig::metric_name))
        .plain(
            field("CloudWatchMetricsEnabled"),
            true,
            live.is_some_and(types::VisibilityConfig::cloud_watch_metrics_enabled),
        )
        .plain(
            field("SampledRequestsEnabled"),
            true,
            live.is_some_and(types::VisibilityConfig::sampled_requests_enabled),
        )
}

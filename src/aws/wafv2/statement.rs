//! The statements and actions of live rules: their texts, their normal form, and the comparison of their protection.

use aws_sdk_wafv2::types::{self, RateBasedStatementAggregateKeyType as AggregateKey};

use super::rule::WINDOW;
use crate::engine::Effect;

/// The strength of a rule's action on a matching request, from the weakest to the strongest. With a weaker action, more
/// requests pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// No rule after it sees the request.
    Allows,
    Counts,
    /// Only a person (`Captcha`) or a browser (`Challenge`) passes.
    Challenges,
    Blocks,
}

/// The strength of a rule's action; `None` if it has no known action. A group without an override uses its own actions,
/// which count as blocking.
pub(super) fn strength(rule: &types::Rule) -> Option<Strength> {
    match (rule.action(), rule.override_action()) {
        (Some(action), None) => action_strength(action),
        (None, Some(action)) if action.count().is_some() => Some(Strength::Counts),
        (None, Some(action)) if action.none().is_some() => Some(Strength::Blocks),
        _ => None,
    }
}

pub(super) fn action_strength(action: &types::RuleAction) -> Option<Strength> {
    let any = [
        (action.allow().is_some(), Strength::Allows),
        (action.count().is_some(), Strength::Counts),
        (action.captcha().is_some() || action.challenge().is_some(), Strength::Challenges),
        (action.block().is_some(), Strength::Blocks),
    ];
    any.into_iter().find(|(is, _)| *is).map(|(_, strength)| strength)
}

/// A rule's action in words. AWS calls an override that changes nothing `None`.
pub(super) fn action(rule: &types::Rule) -> String {
    match (rule.action(), rule.override_action()) {
        (Some(action), None) => action_words(action),
        (None, Some(action)) if action.count().is_some() => "Count".to_owned(),
        (None, Some(action)) if action.none().is_some() => "None (the group's own actions)".to_owned(),
        _ => "no action".to_owned(),
    }
}

/// An action in words, with its custom headers or response, if any.
pub(super) fn action_words(action: &types::RuleAction) -> String {
    let with = |name: &str, custom: bool, what: &str| {
        if custom { format!("{name} with {what}") } else { name.to_owned() }
    };
    let request = "custom request headers";
    if let Some(block) = action.block() {
        return with("Block", block.custom_response().is_some(), "a custom response");
    }
    if let Some(allow) = action.allow() {
        return with("Allow", allow.custom_request_handling().is_some(), request);
    }
    if let Some(count) = action.count() {
        return with("Count", count.custom_request_handling().is_some(), request);
    }
    if let Some(captcha) = action.captcha() {
        return with("Captcha", captcha.custom_request_handling().is_some(), request);
    }
    if let Some(challenge) = action.challenge() {
        return with("Challenge", challenge.custom_request_handling().is_some(), request);
    }
    "an unknown action".to_owned()
}

/// Whether a rule, which is not the stack's, can end the evaluation of a request by letting it pass. Rules of a group
/// that is not AWS's may do so.
pub(super) fn may_allow(rule: &types::Rule) -> bool {
    let Some(statement) = rule.statement() else { return true };
    let overrides = |overrides: &[types::RuleActionOverride]| {
        overrides.iter().any(|one| one.action_to_use().and_then(action_strength) == Some(Strength::Allows))
    };
    match strength(rule) {
        Some(Strength::Allows) | None => true,
        Some(Strength::Blocks) => {
            match (statement.managed_rule_group_statement(), statement.rule_group_reference_statement()) {
                (Some(group), _) => group.vendor_name() != "AWS" || overrides(group.rule_action_overrides()),
                (None, group) => group.is_some(),
            }
        }
        Some(Strength::Counts | Strength::Challenges) => false,
    }
}

/// A statement in a normal form: settings that are left out have the default, and an empty list is the same as none.
pub(super) fn normal(statement: &types::Statement) -> types::Statement {
    let mut statement = statement.clone();
    if let Some(rate) = &mut statement.rate_based_statement {
        if rate.evaluation_window_sec == 0 {
            rate.evaluation_window_sec = WINDOW;
        }
        rate.custom_keys = rate.custom_keys.take().filter(|keys| !keys.is_empty());
    }
    if let Some(group) = &mut statement.managed_rule_group_statement {
        group.excluded_rules = group.excluded_rules.take().filter(|rules| !rules.is_empty());
        group.rule_action_overrides = group.rule_action_overrides.take().filter(|rules| !rules.is_empty());
        group.managed_rule_group_configs = group.managed_rule_group_configs.take().filter(|all| !all.is_empty());
    }
    if let Some(from) = &mut statement.geo_match_statement
        && let Some(codes) = &mut from.country_codes
    {
        codes.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    }
    if let Some(not) = &mut statement.not_statement
        && let Some(inner) = &mut not.statement
    {
        **inner = normal(inner);
    }
    if let Some(and) = &mut statement.and_statement {
        and.statements.iter_mut().for_each(|inner| *inner = normal(inner));
    }
    statement
}

/// The effect of a rule that has the statement `live` instead of `want`. It weakens unless `live` is known to match at
/// least as many requests.
pub(super) fn effect(want: &types::Statement, live: &types::Statement) -> Effect {
    if want == live {
        return Effect::Same;
    }
    let stronger = match (want, live) {
        (
            types::Statement { rate_based_statement: Some(want), .. },
            types::Statement { rate_based_statement: Some(live), .. },
        ) => is_stricter(want, live),
        (
            types::Statement { geo_match_statement: Some(want), .. },
            types::Statement { geo_match_statement: Some(live), .. },
        ) => countries(want).is_some_and(|want| countries(live).is_some_and(|live| within(want, live))),
        (types::Statement { not_statement: Some(want), .. }, types::Statement { not_statement: Some(live), .. }) => {
            match (excepted(want), excepted(live)) {
                (Some(want), Some(live)) => within(live, want),
                _ => false,
            }
        }
        _ => false,
    };
    if stronger { Effect::Differs } else { Effect::Weakens }
}

/// Whether a rate rule of single addresses blocks every address that another one blocks.
fn is_stricter(want: &types::RateBasedStatement, live: &types::RateBasedStatement) -> bool {
    let plain = *live.aggregate_key_type() == AggregateKey::Ip && live.scope_down_statement().is_none();
    plain
        && live.limit() * want.evaluation_window_sec() <= want.limit() * live.evaluation_window_sec()
        && live.limit() <= want.limit()
}

/// The countries of an address; `None` if they are those of a header, which a sender chooses.
fn countries(from: &types::GeoMatchStatement) -> Option<&[types::CountryCode]> {
    from.forwarded_ip_config().is_none().then(|| from.country_codes())
}

/// The countries that a rule lets pass.
fn excepted(not: &types::NotStatement) -> Option<&[types::CountryCode]> {
    countries(not.statement()?.geo_match_statement()?)
}

fn within(few: &[types::CountryCode], many: &[types::CountryCode]) -> bool {
    few.iter().all(|code| many.contains(code))
}

fn listed<T>(all: &[T], word: impl Fn(&T) -> String) -> String {
    all.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// A statement in words.
pub(super) fn words(statement: &types::Statement) -> String {
    // The sender of a request chooses its headers.
    let forwarded = |is: bool| if is { ", read from a header" } else { "" };
    if let Some(set) = statement.ip_set_reference_statement() {
        let by = forwarded(set.ip_set_forwarded_ip_config().is_some());
        return format!("addresses of {}{by}", set.arn());
    }
    if let Some(rate) = statement.rate_based_statement() {
        return rate_words(rate);
    }
    if let Some(group) = statement.managed_rule_group_statement() {
        return format!("the group {}/{}", group.vendor_name(), group.name());
    }
    if let Some(group) = statement.rule_group_reference_statement() {
        return format!("the group {}", group.arn());
    }
    if let Some(from) = statement.geo_match_statement() {
        let codes = listed(from.country_codes(), |code| code.as_str().to_owned());
        return format!("countries {codes}{}", forwarded(from.forwarded_ip_config().is_some()));
    }
    if let Some(label) = statement.label_match_statement() {
        return format!("label {}", label.key());
    }
    if let Some(regex) = statement.regex_match_statement() {
        let field = field(regex.field_to_match());
        return format!("{field} matches {}{}", regex.regex_string(), changed(regex.text_transformations()));
    }
    if let Some(text) = statement.byte_match_statement() {
        let (field, how) = (field(text.field_to_match()), text.positional_constraint().as_str());
        let sought = String::from_utf8_lossy(text.search_string().as_ref()).into_owned();
        return format!("{field} {how} {sought:?}{}", changed(text.text_transformations()));
    }
    if let Some(size) = statement.size_constraint_statement() {
        let (field, how) = (field(size.field_to_match()), size.comparison_operator().as_str());
        return format!("size of {field} {how} {}{}", size.size(), changed(size.text_transformations()));
    }
    if let Some(not) = statement.not_statement() {
        return format!("not ({})", not.statement().map_or_else(|| "nothing".to_owned(), words));
    }
    if let Some(and) = statement.and_statement() {
        return format!("all of ({})", listed(and.statements(), words));
    }
    if let Some(or) = statement.or_statement() {
        return format!("any of ({})", listed(or.statements(), words));
    }
    if let Some(numbers) = statement.asn_match_statement() {
        return format!("networks {}", listed(numbers.asn_list(), ToString::to_string));
    }
    if let Some(set) = statement.regex_pattern_set_reference_statement() {
        return format!("{} matches the patterns of {}", field(set.field_to_match()), set.arn());
    }
    if let Some(sql) = statement.sqli_match_statement() {
        return format!("SQL in {}", field(sql.field_to_match()));
    }
    if let Some(script) = statement.xss_match_statement() {
        return format!("scripts in {}", field(script.field_to_match()));
    }
    "an unknown statement".to_owned()
}

fn rate_words(rate: &types::RateBasedStatement) -> String {
    let of = match rate.aggregate_key_type() {
        AggregateKey::Ip => "one address",
        AggregateKey::ForwardedIp => "one address, read from a header",
        AggregateKey::Constant => "all senders together",
        _ => "one sender, by other aggregation keys",
    };
    let only = rate.scope_down_statement().map(|down| format!(", only {}", words(down))).unwrap_or_default();
    format!("over {} requests in {} s from {of}{only}", rate.limit(), rate.evaluation_window_sec())
}

/// A part of a request.
fn field(field: Option<&types::FieldToMatch>) -> String {
    let Some(field) = field else { return "no part".to_owned() };
    let named = [
        (field.uri_path().is_some(), "path"),
        (field.method().is_some(), "method"),
        (field.query_string().is_some(), "query"),
        (field.body().is_some(), "body"),
        (field.json_body().is_some(), "JSON body"),
        (field.headers().is_some(), "headers"),
        (field.cookies().is_some(), "cookies"),
        (field.all_query_arguments().is_some(), "query arguments"),
    ];
    if let Some(header) = field.single_header() {
        return format!("header {}", header.name());
    }
    if let Some(argument) = field.single_query_argument() {
        return format!("query argument {}", argument.name());
    }
    named.into_iter().find(|(is, _)| *is).map_or_else(|| "another part".to_owned(), |(_, name)| name.to_owned())
}

/// The transformations before a comparison, except `NONE`.
fn changed(first: &[types::TextTransformation]) -> String {
    let some = first.iter().filter(|one| *one.r#type() != types::TextTransformationType::None);
    let names: Vec<&str> = some.map(|one| one.r#type().as_str()).collect();
    if names.is_empty() { String::new() } else { format!(" after {}", names.join(", ")) }
}

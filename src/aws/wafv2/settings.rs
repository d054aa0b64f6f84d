//! Compares the settings of a web ACL outside of its rules, and writes them.

use aws_sdk_wafv2::types::{self, AssociatedResourceType, SizeInspectionLimit};

use super::web_acl::{WebAcl, WebAclLive};
use crate::aws::error::built;
use crate::aws::unsupported::UNSUPPORTED;
use crate::engine::{Comparison, Effect, Failure};

/// How many KB of a request body to API Gateway WAF inspects by default (docs/aws.md, Web ACLs).
const USUAL_LIMIT: u32 = 16;

/// The limit of inspected bodies, by AWS's name.
fn limit(kb: u32) -> String {
    format!("KB_{kb}")
}

impl WebAcl {
    /// AWS's name of the limit of inspected bodies, unless it is the one that every web ACL has.
    pub(crate) fn body_limit(&self) -> Option<String> {
        (self.body_limit_kb != USUAL_LIMIT).then(|| limit(self.body_limit_kb))
    }
}

/// The limit in KB; 0 if it is not one that this program knows.
fn kilobytes(limit: &SizeInspectionLimit) -> u32 {
    limit.as_str().strip_prefix("KB_").and_then(|kb| kb.parse().ok()).unwrap_or_default()
}

fn none_or<T>(value: Option<T>, words: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "none".to_owned(), words)
}

/// The default action in words, with its custom headers or response, if any.
fn default_action(action: &types::DefaultAction) -> String {
    match (action.allow(), action.block()) {
        (Some(allow), None) if allow.custom_request_handling().is_some() => "Allow with custom request headers",
        (Some(_), None) => "Allow",
        (None, Some(block)) if block.custom_response().is_some() => "Block with a custom response",
        (None, Some(_)) => "Block",
        _ => "none",
    }
    .to_owned()
}

/// Compares the default action, which decides about requests that no rule decides.
pub(super) fn default(compared: Comparison, want: &WebAcl, live: &types::WebAcl) -> Comparison {
    let wanted = if want.default_allow { "Allow" } else { "Block" };
    let found = live.default_action().map_or_else(|| "none".to_owned(), default_action);
    let blocks = live.default_action().is_some_and(|action| action.block().is_some());
    let effect = if wanted == found {
        Effect::Same
    } else if blocks || want.default_allow && found.starts_with(wanted) {
        Effect::Differs
    } else {
        Effect::Weakens
    };
    compared.judged("DefaultAction", wanted, found, effect)
}

/// Compares the settings that belong to no rule. Those that cannot let more requests through, and for which the stack
/// file has no key, are only shown: `DataProtectionConfig`, which keeps values out of logs and samples, and the rule
/// groups that AWS Firewall Manager adds for the account.
pub(super) fn others(compared: Comparison, want: &WebAcl, live: &WebAclLive) -> Comparison {
    let acl = &live.acl;
    let bodies = acl.custom_response_bodies().map(|bodies| bodies.keys().cloned().collect::<Vec<_>>());
    let bodies = bodies.filter(|bodies| !bodies.is_empty()).map(|mut bodies| {
        bodies.sort();
        bodies.join(", ")
    });
    let immunity = |time: Option<i64>| none_or(time, |time| format!("{time} s"));
    let captcha = acl.captcha_config().and_then(|config| config.immunity_time_property());
    let challenge = acl.challenge_config().and_then(|config| config.immunity_time_property());
    let domains = Some(acl.token_domains()).filter(|domains| !domains.is_empty()).map(|domains| domains.join(", "));
    let protected = acl.data_protection_config().map(types::DataProtectionConfig::data_protections);
    let protected = none_or(protected.filter(|all| !all.is_empty()), |all| {
        let one = |one: &types::DataProtection| {
            let keys = one.field().map(|field| field.field_keys().join(" ")).unwrap_or_default();
            let kind = one.field().map_or("", |field| field.field_type().as_str());
            format!("{} {kind} {keys}", one.action().as_str()).trim_end().to_owned()
        };
        all.iter().map(one).collect::<Vec<_>>().join(", ")
    });
    let groups = |groups: &[types::FirewallManagerRuleGroup]| {
        let names: Vec<&str> = groups.iter().map(types::FirewallManagerRuleGroup::name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let compared = body_limit(compared, want.body_limit_kb, live)
        .plain("CustomResponseBodies", "none", none_or(bodies, |names| names))
        .plain(
            "CaptchaConfig.ImmunityTimeProperty",
            "none",
            immunity(captcha.map(types::ImmunityTimeProperty::immunity_time)),
        )
        .plain(
            "ChallengeConfig.ImmunityTimeProperty",
            "none",
            immunity(challenge.map(types::ImmunityTimeProperty::immunity_time)),
        )
        .plain("TokenDomains", "none", none_or(domains, |names| names));
    let resources = match live.resources.as_deref() {
        None => UNSUPPORTED.to_owned(),
        Some([]) => "none".to_owned(),
        Some(arns) => arns.join(", "),
    };
    let shown = [
        ("DataProtectionConfig", protected),
        ("PreProcessFirewallManagerRuleGroups", groups(acl.pre_process_firewall_manager_rule_groups())),
        ("PostProcessFirewallManagerRuleGroups", groups(acl.post_process_firewall_manager_rule_groups())),
        ("Capacity", acl.capacity().to_string()),
        ("LoggingConfiguration", live.logging.to_string()),
        ("ResourceArns", resources),
    ];
    shown.into_iter().fold(compared, |compared, (field, value)| compared.judged(field, &value, &value, Effect::Same))
}

/// Compares how much of a body WAF inspects. A longer part costs more and protects more.
fn body_limit(compared: Comparison, want: u32, live: &WebAclLive) -> Comparison {
    let field = "AssociationConfig.RequestBody.API_GATEWAY.DefaultSizeInspectionLimit";
    let bodies = live.acl.association_config().and_then(types::AssociationConfig::request_body);
    let set = bodies.and_then(|bodies| bodies.get(&AssociatedResourceType::ApiGateway));
    let found = set.map(types::RequestBodyAssociatedResourceTypeConfig::default_size_inspection_limit);
    if found.is_none() && want != USUAL_LIMIT && live.emulated {
        return compared.judged(field, limit(want), UNSUPPORTED, Effect::Same);
    }
    let found = found.map_or(USUAL_LIMIT, kilobytes);
    let effect = match found.cmp(&want) {
        std::cmp::Ordering::Equal => Effect::Same,
        std::cmp::Ordering::Greater => Effect::Differs,
        std::cmp::Ordering::Less => Effect::Weakens,
    };
    compared.judged(field, limit(want), limit(found), effect)
}

/// The association configuration with this limit for API Gateway. The rest of the live configuration is kept, because
/// an update resets the settings that it leaves out.
pub(super) fn association_config(
    kb: u32,
    live: Option<&types::AssociationConfig>,
) -> Result<Option<types::AssociationConfig>, Failure> {
    if kb == USUAL_LIMIT && live.is_none() {
        return Ok(None);
    }
    let mut bodies = live.and_then(types::AssociationConfig::request_body).cloned().unwrap_or_default();
    bodies.remove(&AssociatedResourceType::ApiGateway);
    if kb != USUAL_LIMIT {
        let size = types::RequestBodyAssociatedResourceTypeConfig::builder();
        let size = size.default_size_inspection_limit(limit(kb).as_str().into()).build();
        bodies.insert(AssociatedResourceType::ApiGateway, built(size)?);
    }
    let mut config = live.cloned().unwrap_or_else(|| types::AssociationConfig::builder().build());
    config.request_body = Some(bodies).filter(|bodies| !bodies.is_empty());
    Ok(Some(config))
}

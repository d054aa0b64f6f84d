//! Rules about user pools and their app clients.

use super::super::Finding;
use super::super::estate::{Estate, Resource, found, not_tried};
use super::super::fix::Fix;
use super::number;
use crate::aws::cognito;
use crate::emulator::UNSUPPORTED;
use crate::engine::Resource as Kind;

/// The longest validity of a short-lived token, in seconds.
const HOUR: i64 = 3600;

/// Whether pools ask every user for a second factor. Service users cannot provide a second factor.
pub(super) fn mfa(estate: &Estate<'_>) -> Vec<Finding> {
    estate.field(
        cognito::UserPool::KIND,
        "MfaConfiguration",
        |value| value == "ON",
        |pool| {
            let programs = estate.stack.service_users.values().any(|user| user.pool == pool.name());
            if programs { Fix::Accept } else { Fix::set(format!("pools.{}.mfa = \"on\"", pool.name())) }
        },
    )
}

/// Whether the pool blocks the risks that threat protection finds. Without threat protection, there are no actions to
/// read.
pub(super) fn risks(estate: &Estate<'_>, blocks: impl Fn(&Resource<'_>) -> bool) -> Vec<Finding> {
    estate.each(cognito::UserPool::KIND, |pool| {
        let live = pool.live();
        let read: Vec<_> = live.iter().filter(|(field, _)| field.starts_with("RiskConfiguration")).collect();
        if read.iter().any(|(_, value)| *value == UNSUPPORTED) {
            return not_tried(pool.id, format!("RiskConfiguration is {UNSUPPORTED}"));
        }
        let observed: Vec<String> = read.iter().map(|(field, value)| format!("{field}: {value}")).collect();
        let observed = if observed.is_empty() { "no threat protection".to_owned() } else { observed.join("; ") };
        let key = Fix::set(format!("pools.{}.threat_protection = \"enforced\"", pool.name()));
        let asked = pool.settings().any(|one| one.field.ends_with(".AdvancedSecurityMode") && one.want == "ENFORCED");
        found(pool.id, blocks(pool), observed, if asked { Fix::Up } else { key })
    })
}

/// Whether ID and access tokens are short-lived.
pub(super) fn short_tokens(estate: &Estate<'_>) -> Vec<Finding> {
    let lives = |field: &str, key: &str| {
        let short = |value: &str| number(value).is_some_and(|seconds| seconds <= HOUR);
        estate.field(cognito::AppClient::KIND, field, short, |client| {
            Fix::set(format!("pools.{}.tokens.{key} = 60", client.name()))
        })
    };
    let mut findings = lives("AccessTokenValidity", "access_minutes");
    findings.extend(lives("IdTokenValidity", "id_minutes"));
    findings
}

/// Whether nobody added app clients, identity providers, domains, resource servers or triggers to a pool.
pub(super) fn nothing_else(estate: &Estate<'_>) -> Vec<Finding> {
    let fields = ["UserPoolClients", "IdentityProviders", "Domains", "ResourceServers", "LambdaConfig"];
    let all = fields.iter().map(|field| estate.given(cognito::UserPool::KIND, field, |value| value == "none"));
    all.flatten().collect()
}

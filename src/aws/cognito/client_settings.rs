//! An app client's settings: the wanted ones, and how they compare with AWS's answer.

use std::collections::BTreeSet;

use aws_sdk_cognitoidentityprovider::types::{
    ExplicitAuthFlowsType as Flow, FeatureType, PreventUserExistenceErrorTypes, RefreshTokenRotationType,
    TimeUnitsType, TokenValidityUnitsType, UserPoolClientType,
};

use super::{AppClient, AppClientLive};
use crate::aws::error::built;
use crate::aws::unsupported::UNSUPPORTED;
use crate::choices::SignInFlow;
use crate::engine::{Comparison, Effect, Failure};

/// The attributes that tokens may contain.
const READ: [&str; 2] = ["email", "email_verified"];

/// The attributes that a user may set. Without a list these are nearly all.
const WRITE: [&str; 1] = ["email"];

/// For how many minutes a session of several steps of signing in is valid; AWS's least and default.
pub(super) const SESSION_MINUTES: i32 = 3;

/// For how many seconds a refresh token that was used can be used again, in case the answer got lost.
const GRACE_SECONDS: i32 = 10;

/// How long tokens are valid. Revocation does not shorten the validity of ID and access tokens (docs/aws.md, App
/// clients).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenRules {
    /// 5 to 1440.
    pub id_minutes: u16,
    /// 5 to 1440.
    pub access_minutes: u16,
    /// 1 to 3650.
    pub refresh_days: u16,
    /// Whether a refresh token can be used once.
    pub rotate: bool,
}

impl AppClient {
    /// The flows as AWS calls them. Where refresh tokens are rotated, the flow that renews tokens without a new refresh
    /// token is not allowed.
    pub(super) fn flows(&self) -> Vec<Flow> {
        let flow = |flow: &SignInFlow| match flow {
            SignInFlow::Srp => Flow::AllowUserSrpAuth,
            SignInFlow::Password => Flow::AllowUserPasswordAuth,
            SignInFlow::AdminPassword => Flow::AllowAdminUserPasswordAuth,
        };
        let refresh = (!self.tokens.rotate).then_some(Flow::AllowRefreshTokenAuth);
        self.flows.iter().map(flow).chain(refresh).collect()
    }

    pub(super) fn rotation(&self) -> Result<RefreshTokenRotationType, Failure> {
        let rotation = RefreshTokenRotationType::builder();
        built(if self.tokens.rotate {
            rotation.feature(FeatureType::Enabled).retry_grace_period_seconds(GRACE_SECONDS).build()
        } else {
            rotation.feature(FeatureType::Disabled).build()
        })
    }
}

pub(super) fn read_attributes() -> Vec<String> {
    READ.map(str::to_owned).to_vec()
}

pub(super) fn write_attributes() -> Vec<String> {
    WRITE.map(str::to_owned).to_vec()
}

/// The units of [`TokenRules`].
pub(super) fn units() -> TokenValidityUnitsType {
    TokenValidityUnitsType::builder()
        .access_token(TimeUnitsType::Minutes)
        .id_token(TimeUnitsType::Minutes)
        .refresh_token(TimeUnitsType::Days)
        .build()
}

fn set<T: ToString>(list: &[T]) -> BTreeSet<String> {
    list.iter().map(ToString::to_string).collect()
}

/// A set, sorted, in words.
fn words(set: &BTreeSet<String>) -> String {
    if set.is_empty() { "none".to_owned() } else { set.iter().map(String::as_str).collect::<Vec<_>>().join(", ") }
}

/// Adds a set of which more members weaken. An empty set stands for AWS's default, which is larger.
fn limited(found: Comparison, field: &str, want: &BTreeSet<String>, live: &BTreeSet<String>) -> Comparison {
    let effect = match (want == live, !live.is_empty() && live.is_subset(want)) {
        (true, _) => Effect::Same,
        (false, true) => Effect::Differs,
        (false, false) => Effect::Weakens,
    };
    found.judged(field, words(want), words(live), effect)
}

pub(super) fn compare(want: &AppClient, seen: &AppClientLive) -> Comparison {
    let AppClientLive { client: live, twins, overrides, emulator } = seen;
    let (flows, has_flows) = (set(&want.flows()), set(live.explicit_auth_flows()));
    let found = limited(Comparison::default(), "ExplicitAuthFlows", &flows, &has_flows);
    let found = limited(found, "ReadAttributes", &set(&READ), &set(live.read_attributes()));
    let found = limited(found, "WriteAttributes", &set(&WRITE), &set(live.write_attributes()));
    let hidden = live.prevent_user_existence_errors().map_or("LEGACY", PreventUserExistenceErrorTypes::as_str);
    let mut found = found.guard("PreventUserExistenceErrors", "ENABLED", hidden).guard(
        "EnableTokenRevocation",
        true,
        live.enable_token_revocation().unwrap_or(true),
    );
    for (field, want, live) in lifetimes(want, live) {
        found = found.judged(field, format!("{want} s"), format!("{live} s"), longer(want, live));
    }
    let session = live.auth_session_validity().filter(|minutes| *minutes != 0).unwrap_or(SESSION_MINUTES);
    let found =
        found.judged("AuthSessionValidity", SESSION_MINUTES, session, longer(SESSION_MINUTES.into(), session.into()));
    let found = rotation(found, want, live, *emulator);
    let found = hosted(found, live);
    let analytics = live
        .analytics_configuration()
        .map(|analytics| analytics.application_arn().or(analytics.application_id()).unwrap_or("set").to_owned());
    // With it, a client tells Cognito the address that a user has.
    let context = live.enable_propagate_additional_user_context_data().unwrap_or_default();
    found
        .plain("ClientSecret", "none", live.client_secret().map_or("none", |_| "set"))
        .nothing_else("AnalyticsConfiguration", analytics)
        .guard("EnablePropagateAdditionalUserContextData", false, context)
        .nothing_else("RiskConfiguration", overrides.then_some("the client has its own"))
        .nothing_else("UserPoolClients of the same name", twins)
}

/// The effect of a validity: a longer one weakens.
fn longer(want: i64, live: i64) -> Effect {
    match live.cmp(&want) {
        std::cmp::Ordering::Less => Effect::Differs,
        std::cmp::Ordering::Equal => Effect::Same,
        std::cmp::Ordering::Greater => Effect::Weakens,
    }
}

fn rotation(found: Comparison, want: &AppClient, live: &UserPoolClientType, emulator: bool) -> Comparison {
    let rotation = live.refresh_token_rotation();
    let is_on = rotation.is_some_and(|rotation| *rotation.feature() == FeatureType::Enabled);
    let word = |on: bool| if on { "ENABLED" } else { "DISABLED" };
    let effect = match (want.tokens.rotate, is_on) {
        (true, false) => Effect::Weakens,
        (false, true) => Effect::Differs,
        _ => Effect::Same,
    };
    if emulator && rotation.is_none() && want.tokens.rotate {
        return found.judged("RefreshTokenRotation.Feature", "ENABLED", UNSUPPORTED, Effect::Same);
    }
    found.judged("RefreshTokenRotation.Feature", word(want.tokens.rotate), word(is_on), effect)
}

/// Signing in on pages of Cognito's, which no stack uses.
fn hosted(found: Comparison, live: &UserPoolClientType) -> Comparison {
    let others = live.supported_identity_providers().iter().filter(|provider| *provider != "COGNITO");
    let redirect = live.default_redirect_uri().filter(|url| !url.is_empty());
    found
        .nothing_else("SupportedIdentityProviders", others)
        .guard("AllowedOAuthFlowsUserPoolClient", false, live.allowed_o_auth_flows_user_pool_client() == Some(true))
        .nothing_else("AllowedOAuthFlows", live.allowed_o_auth_flows())
        .nothing_else("AllowedOAuthScopes", live.allowed_o_auth_scopes())
        .nothing_else("CallbackURLs", live.callback_urls())
        .nothing_else("LogoutURLs", live.logout_urls())
        .nothing_else("DefaultRedirectURI", redirect)
}

/// The wanted and the live validity of each kind of token, in seconds. Missing or 0 means AWS's default.
fn lifetimes(want: &AppClient, live: &UserPoolClientType) -> [(&'static str, i64, i64); 3] {
    let units = live.token_validity_units();
    let seconds = |count: Option<i32>, unit: Option<&TimeUnitsType>, assumed: i64, default: i64| {
        let unit = match unit {
            Some(TimeUnitsType::Seconds) => 1,
            Some(TimeUnitsType::Minutes) => 60,
            Some(TimeUnitsType::Hours) => 3600,
            Some(TimeUnitsType::Days) => 86_400,
            _ => assumed,
        };
        count.filter(|count| *count != 0).map_or(default, |count| i64::from(count) * unit)
    };
    let (hour, day) = (3600, 86_400);
    let access = seconds(live.access_token_validity(), units.and_then(|u| u.access_token()), hour, hour);
    let id = seconds(live.id_token_validity(), units.and_then(|u| u.id_token()), hour, hour);
    let refresh = seconds(Some(live.refresh_token_validity()), units.and_then(|u| u.refresh_token()), day, 30 * day);
    let TokenRules { id_minutes, access_minutes, refresh_days, .. } = want.tokens;
    [
        ("AccessTokenValidity", i64::from(access_minutes) * 60, access),
        ("IdTokenValidity", i64::from(id_minutes) * 60, id),
        ("RefreshTokenValidity", i64::from(refresh_days) * day, refresh),
    ]
}

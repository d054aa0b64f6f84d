//! An app client's settings: the wanted ones, and how they compare with AWS's answer.

use std::collections::BTreeSet;

use aws_sdk_cognitoidentityprovider::types::{
    ExplicitAuthFlowsType as Flow, FeatureType, OAuthFlowType, PreventUserExistenceErrorTypes,
    RefreshTokenRotationType, TimeUnitsType, TokenValidityUnitsType, UserPoolClientType,
};

use super::{AppClient, AppClientLive};
use crate::aws::error::built;
use crate::aws::unsupported::UNSUPPORTED;
use crate::choices::{SignIn, SignInFlow, UserAttribute};
use crate::engine::{Comparison, Effect, Failure};

/// The minutes for which the session of a sign-in with several steps is valid: AWS's minimum and default.
pub(super) const SESSION_MINUTES: i32 = 3;

/// Cognito's name of the pool itself as an identity provider.
pub(super) const OWN_PROVIDER: &str = "COGNITO";

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

/// The settings of Cognito's sign-in pages for a client. A page sends the user back with a code, which the application
/// exchanges for tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInPages {
    /// The addresses to which a page may send a user with a code: at least one.
    pub callbacks: Vec<String>,
    /// The addresses to which a user may be sent after signing out.
    pub logouts: Vec<String>,
    /// The scopes that the application may ask for.
    pub scopes: Vec<String>,
    /// The identity providers of the pool whose users can sign in, beside the users with a password.
    pub providers: BTreeSet<String>,
}

/// The user attributes that an app client gives access to, by Cognito's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAttributes {
    /// Those that tokens contain.
    pub read: Vec<String>,
    /// Those that users may set.
    pub write: Vec<String>,
}

impl ClientAttributes {
    /// Users may change their email address, which Cognito then verifies, and the attributes that the stack file makes
    /// writable. They may not change a phone number that they sign in with, because the pool sends no messages to
    /// verify it. Required attributes are writable, because users set them when they sign up.
    pub fn of(attributes: &[UserAttribute], sign_in: &[SignIn]) -> Self {
        let numbers = ["phone_number", "phone_number_verified"].map(|name| (name, sign_in.contains(&SignIn::Phone)));
        let shown = [("email", true), ("email_verified", true)].into_iter().chain(numbers);
        let shown = shown.filter(|(_, shown)| *shown).map(|(name, _)| name.to_owned());
        let read: BTreeSet<String> = shown.chain(attributes.iter().map(|one| one.name.clone())).collect();
        let theirs = attributes.iter().filter(|one| one.writable || one.required).map(|one| one.name.clone());
        let write: BTreeSet<String> = std::iter::once("email".to_owned()).chain(theirs).collect();
        Self { read: read.into_iter().collect(), write: write.into_iter().collect() }
    }
}

impl AppClient {
    /// For how many seconds a rotated refresh token can be used again.
    pub(crate) const GRACE_SECONDS: i32 = GRACE_SECONDS;

    /// AWS's names of the flows.
    pub(crate) fn flow_names(&self) -> Vec<String> {
        self.flows().iter().map(|flow| flow.as_str().to_owned()).collect()
    }

    /// AWS's names of the grants at the pool's domain.
    pub(crate) fn grant_names(&self) -> Vec<String> {
        self.grants().iter().map(|grant| grant.as_str().to_owned()).collect()
    }

    /// The attributes that users may set.
    pub(crate) fn settable(&self, live: &AppClientLive) -> Vec<String> {
        self.writes(&live.required)
    }

    /// Whether it is a program that gets access tokens for itself.
    pub(super) fn is_machine(&self) -> bool {
        self.flows.is_empty()
    }

    /// Whether it gets tokens at the pool's domain.
    pub(crate) fn uses_domain(&self) -> bool {
        self.is_machine() || self.pages.is_some()
    }

    /// The OAuth grants with which it gets tokens at the pool's domain.
    pub(super) fn grants(&self) -> &'static [OAuthFlowType] {
        match (self.is_machine(), &self.pages) {
            (true, _) => &[OAuthFlowType::ClientCredentials],
            (false, Some(_)) => &[OAuthFlowType::Code],
            (false, None) => &[],
        }
    }

    /// The scopes that tokens from the pool's domain may have.
    pub(crate) fn granted_scopes(&self) -> &[String] {
        self.pages.as_ref().map_or(&self.scopes, |pages| &pages.scopes)
    }

    /// The pool itself and the identity providers whose users can sign in at the pages. `None`: there are no pages.
    pub(crate) fn providers(&self) -> Option<BTreeSet<String>> {
        let pages = self.pages.as_ref()?;
        Some(std::iter::once(OWN_PROVIDER.to_owned()).chain(pages.providers.iter().cloned()).collect())
    }

    /// The attributes that users may set. AWS refuses a client that cannot set those that the pool requires.
    pub(super) fn writes(&self, required: &[String]) -> Vec<String> {
        let all: BTreeSet<&String> = self.attributes.write.iter().chain(required).collect();
        all.into_iter().cloned().collect()
    }

    /// The flows by AWS's names. If refresh tokens are rotated, AWS does not allow the flow that renews tokens without
    /// a new refresh token.
    pub(super) fn flows(&self) -> Vec<Flow> {
        // With an empty list, AWS's default flows would let users sign in. This flow gives no access, because nobody
        // has a refresh token.
        if self.is_machine() {
            return vec![Flow::AllowRefreshTokenAuth];
        }
        let flow = |flow: &SignInFlow| match flow {
            SignInFlow::Srp => Flow::AllowUserSrpAuth,
            SignInFlow::Password => Flow::AllowUserPasswordAuth,
            SignInFlow::AdminPassword => Flow::AllowAdminUserPasswordAuth,
            SignInFlow::Custom => Flow::AllowCustomAuth,
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

/// The sorted members of a set as text, or `none`.
fn words(set: &BTreeSet<String>) -> String {
    if set.is_empty() { "none".to_owned() } else { set.iter().map(String::as_str).collect::<Vec<_>>().join(", ") }
}

/// Compares a set in which additional members weaken. An empty set means AWS's default, which is larger.
fn limited(found: Comparison, field: &str, want: &BTreeSet<String>, live: &BTreeSet<String>) -> Comparison {
    let effect = match (want == live, !live.is_empty() && live.is_subset(want)) {
        (true, _) => Effect::Same,
        (false, true) => Effect::Differs,
        (false, false) => Effect::Weakens,
    };
    found.judged(field, words(want), words(live), effect)
}

pub(super) fn compare(want: &AppClient, seen: &AppClientLive) -> Comparison {
    let AppClientLive { client: live, twins, overrides, required, emulator, secret: _ } = seen;
    let (flows, has_flows) = (set(&want.flows()), set(live.explicit_auth_flows()));
    let found = limited(Comparison::default(), "ExplicitAuthFlows", &flows, &has_flows);
    let (read, write) = (set(&want.attributes.read), set(&want.writes(required)));
    let found = limited(found, "ReadAttributes", &read, &set(live.read_attributes()));
    let found = limited(found, "WriteAttributes", &write, &set(live.write_attributes()));
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
    let found = hosted(found, want, live);
    let analytics = live
        .analytics_configuration()
        .map(|analytics| analytics.application_arn().or(analytics.application_id()).unwrap_or("set").to_owned());
    // This setting lets a client tell Cognito the IP address of a user.
    let context = live.enable_propagate_additional_user_context_data().unwrap_or_default();
    found
        .nothing_else("AnalyticsConfiguration", analytics)
        .guard("EnablePropagateAdditionalUserContextData", false, context)
        .nothing_else("RiskConfiguration", overrides.then_some("the client has its own"))
        .nothing_else("UserPoolClients of the same name", twins.iter().filter(|_| !want.in_their_pool))
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

/// Compares a set in which additional members weaken.
fn at_most(found: Comparison, field: &str, want: &BTreeSet<String>, live: &BTreeSet<String>) -> Comparison {
    let effect = if want == live { Effect::Same } else { Effect::of_difference(!live.is_subset(want)) };
    found.judged(field, words(want), words(live), effect)
}

/// Compares the OAuth settings of the pool's domain, which gives tokens to programs and to users of sign-in pages.
fn hosted(found: Comparison, want: &AppClient, live: &UserPoolClientType) -> Comparison {
    let (uses, has) = (want.uses_domain(), live.allowed_o_auth_flows_user_pool_client() == Some(true));
    let effect = if uses == has { Effect::Same } else { Effect::of_difference(has) };
    let found = found.judged("AllowedOAuthFlowsUserPoolClient", uses, has, effect);
    let found = at_most(found, "AllowedOAuthFlows", &set(want.grants()), &set(live.allowed_o_auth_flows()));
    let found = at_most(found, "AllowedOAuthScopes", &set(want.granted_scopes()), &set(live.allowed_o_auth_scopes()));
    let (callbacks, logouts) =
        want.pages.as_ref().map(|pages| (set(&pages.callbacks), set(&pages.logouts))).unwrap_or_default();
    let found = at_most(found, "CallbackURLs", &callbacks, &set(live.callback_urls()));
    let found = at_most(found, "LogoutURLs", &logouts, &set(live.logout_urls()));
    let providers = live.supported_identity_providers();
    let found = if let Some(wanted) = want.providers() {
        at_most(found, "SupportedIdentityProviders", &wanted, &set(providers))
    } else {
        // The pool itself has no effect without pages.
        found.nothing_else("SupportedIdentityProviders", providers.iter().filter(|provider| *provider != OWN_PROVIDER))
    };
    found.nothing_else("DefaultRedirectURI", live.default_redirect_uri().filter(|url| !url.is_empty()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choices::UserAttributeType;

    fn attribute(name: &str, writable: bool, required: bool) -> UserAttribute {
        UserAttribute { name: name.into(), kind: UserAttributeType::String, mutable: true, writable, required }
    }

    #[test]
    fn users_set_only_what_the_stack_file_lets_them_set() {
        let plain = ClientAttributes::of(&[], &[SignIn::Email]);
        assert_eq!((plain.read.join(" "), plain.write.join(" ")), ("email email_verified".into(), "email".into()));
        let attributes = [
            attribute("custom:tenant", false, false),
            attribute("custom:colour", true, false),
            attribute("family_name", false, true),
        ];
        let own = ClientAttributes::of(&attributes, &[SignIn::Email]);
        assert_eq!(own.read.join(" "), "custom:colour custom:tenant email email_verified family_name");
        assert_eq!(own.write.join(" "), "custom:colour email family_name");
        let phone = ClientAttributes::of(&[], &[SignIn::Phone]);
        assert_eq!(phone.read.join(" "), "email email_verified phone_number phone_number_verified");
        assert_eq!(phone.write.join(" "), "email", "nobody verifies a number");
    }
}

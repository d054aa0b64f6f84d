//! The callers that a route for a pool's users must refuse, each with a forged, foreign or misplaced token.

use std::collections::BTreeSet;

use serde_json::json;

use super::attacker;
use super::check_spec::{CheckResult, unix_ms};
use super::context::VerifyContext;
use super::programs::lacks_scopes;
use super::tokens::Parts;
use crate::secret::{self, SecretValue};

/// The claim that is checked first: if a call without a token passes, the gateway looks at no token.
pub(super) const NO_TOKEN: &str = "a call without a token is refused";

/// The difference between now and the times in forged claims: one hour, in seconds.
const HOUR: u64 = 3600;

/// The part of the request that contains the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// `authorization`, in lower case, as current HTTP/1.1 clients write it.
    Header,
    /// `Authorization`.
    TitleCaseHeader,
    /// The query parameters `Authorization`, `access_token` and `token`.
    Query,
}

/// A caller that the gateway must refuse.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub claim: String,
    /// The description of its token, as in `an ID token of Users with alg none`.
    pub token_is: String,
    /// The token, or the result of the check if there is none.
    pub token: Result<Option<SecretValue>, CheckResult>,
    pub place: Place,
    /// Whether the token is an access token, which some emulators accept.
    pub access: bool,
    /// Whether the token lacks a scope that the route requires.
    pub scope: bool,
    /// Whether the token is valid, so that only its place is wrong.
    pub valid: bool,
}

impl Caller {
    fn new(claim: impl Into<String>, token_is: impl Into<String>, token: Result<SecretValue, CheckResult>) -> Self {
        let (claim, token_is) = (claim.into(), token_is.into());
        let (place, token) = (Place::Header, token.map(Some));
        Self { claim, token_is, token, place, access: false, scope: false, valid: false }
    }

    /// A caller without a token.
    pub(super) fn anonymous() -> Self {
        Self { token: Ok(None), ..Self::new(NO_TOKEN, "", Err(CheckResult::not_tried(""))) }
    }

    /// The description of its credential in evidence.
    pub(super) fn words(&self) -> String {
        match (self.place, self.token_is.as_str()) {
            (_, "") => "no Authorization header".to_owned(),
            (Place::Header, token) => format!("authorization: {token}"),
            (Place::TitleCaseHeader, token) => format!("Authorization: {token}"),
            (Place::Query, token) => format!("no Authorization header; in the query: {token}"),
        }
    }
}

/// The callers with tokens that a route for this pool's users must refuse.
pub(super) fn callers(context: &VerifyContext<'_>, pool: &str) -> Vec<Caller> {
    let of_pool = format!("an ID token of {pool}");
    let parts = || {
        let parts = Parts::of(context.id_token(pool)?);
        parts.ok_or_else(|| CheckResult::because_failed(&format!("{pool}: ID tokens name their issuer and client")))
    };
    let forged = |forge: &dyn Fn(&Parts) -> Option<SecretValue>| {
        forge(&parts()?).ok_or_else(|| CheckResult::fail("the token could not be forged"))
    };
    let caller = |claim: &str, change: &str, forge: &dyn Fn(&Parts) -> Option<SecretValue>| {
        Caller::new(claim, format!("{of_pool}, {change}"), forged(forge))
    };
    let now = unix_ms() / 1000;
    let mut callers = vec![
        Caller::new("garbage is refused", "64 random letters and digits", Ok(secret::generate(64))),
        caller("a tampered signature is refused", "one character of its signature changed", &|parts| {
            Some(parts.tampered())
        }),
        caller("a token with alg none is refused", "alg none and no signature", &|parts| Some(parts.unsigned())),
        caller(
            "a token whose expiry was changed is refused",
            "its exp changed after signing, so that the signature is not valid",
            &|parts| Some(parts.changed("exp", json!(now - HOUR))),
        ),
        caller(
            "a token whose nbf was changed is refused",
            "an nbf in the future added after signing, so that the signature is not valid",
            &|parts| Some(parts.changed("nbf", json!(now + HOUR))),
        ),
        caller(
            "a token whose subject was changed is refused",
            "its sub changed after signing, so that the signature is not valid",
            &|parts| Some(parts.changed("sub", json!("00000000-0000-4000-8000-000000000000"))),
        ),
        caller(
            "a token that an attacker signed is refused",
            "signed with an attacker's key under the kid of the pool's key",
            &attacker::foreign_key,
        ),
        caller(
            "a token with an attacker's kid is refused",
            "signed with an attacker's key under that key's kid",
            &attacker::other_kid,
        ),
        caller(
            "a token with an attacker's key in jwk is refused",
            "signed with an attacker's key, which its header contains (jwk)",
            &attacker::jwk,
        ),
        caller(
            "a token with an attacker's key set in jku is refused",
            "signed with an attacker's key, which its header points to (jku)",
            &attacker::jku,
        ),
        caller(
            "a token with an attacker's certificate in x5u is refused",
            "signed with an attacker's key; its header points to the certificate of that key (x5u)",
            &attacker::x5u,
        ),
    ];
    callers.push(other_kid(context, pool, parts()));
    callers.push(Caller::new(
        "a token signed with the public key (HS256) is refused",
        format!("{of_pool}, alg HS256, signed with the pool's public key as the secret"),
        parts().and_then(|parts| {
            let keys = context.keys(pool)?;
            let forged = attacker::hmac_with_public_key(&parts, keys);
            forged.ok_or_else(|| CheckResult::not_tried("the pool does not publish the key that its token names"))
        }),
    ));
    callers.push(Caller {
        place: Place::TitleCaseHeader,
        ..Caller::new(
            "garbage in an Authorization header in title case is refused",
            "64 random letters and digits",
            Ok(secret::generate(64)),
        )
    });
    let others = context.subject.stack.pool_names().filter(|other| *other != pool);
    callers.extend(others.map(|other| {
        let token = context.id_token(other).cloned();
        Caller::new(format!("a token of {other} is refused"), format!("an ID token of {other}"), token)
    }));
    callers
}

/// A token whose header names another key than the one that signed it: a second published key if there is one.
fn other_kid(context: &VerifyContext<'_>, pool: &str, parts: Result<Parts, CheckResult>) -> Caller {
    let published = context.keys(pool).ok().and_then(|keys| keys.get("keys")?.as_array()).into_iter().flatten();
    let own = parts.as_ref().ok().and_then(|parts| parts.header.get("kid").cloned());
    let other = published.filter_map(|key| key.get("kid")).find(|kid| Some(*kid) != own.as_ref());
    let (kid, words) = match other.and_then(|kid| kid.as_str()) {
        Some(kid) => (kid, "its kid changed to that of the pool's other key"),
        None => ("securelambda-verify", "its kid changed to a name that the pool does not publish"),
    };
    Caller::new(
        "a token with the kid of another key is refused",
        format!("an ID token of {pool}, {words}"),
        parts.map(|parts| parts.named(kid)),
    )
}

/// A user of the pool with an access token.
pub(super) fn access(context: &VerifyContext<'_>, pool: &str) -> Caller {
    let token = context.access_token(pool).cloned();
    Caller { access: true, ..Caller::new("an access token is refused", format!("an access token of {pool}"), token) }
}

/// A user of the pool, whose tokens have no scope of a route unless a function adds one.
pub(super) fn without_scope(context: &VerifyContext<'_>, pool: &str, scopes: &BTreeSet<String>) -> Vec<Caller> {
    let (id, access) = (context.id_token(pool).cloned(), context.access_token(pool).cloned());
    let access = access.and_then(|token| lacks_scopes(token, scopes, context.subject.stack.gives_scopes(pool)));
    let caller = |claim: &str, token_is: String, token| Caller { scope: true, ..Caller::new(claim, token_is, token) };
    vec![
        caller("an ID token is refused", format!("an ID token of {pool}"), id),
        caller("an access token without the scope is refused", format!("an access token of a user of {pool}"), access),
    ]
}

/// Programs that get tokens for themselves and may ask for none of the route's scopes.
pub(super) fn programs(context: &VerifyContext<'_>, pool: &str, scopes: &BTreeSet<String>) -> Vec<Caller> {
    let refused = context.refused_programs(pool, scopes).into_iter();
    let caller = |(name, token): (String, _)| Caller {
        scope: !scopes.is_empty(),
        access: scopes.is_empty(),
        ..Caller::new(
            format!("a token of the client {name} is refused"),
            format!("an access token of the client {name} of {pool}"),
            token,
        )
    };
    refused.map(caller).collect()
}

/// A user of the pool with a valid token in the query, where the gateway must not look for it. Queries may be logged,
/// so the token of a real person is not used.
pub(super) fn in_query(context: &VerifyContext<'_>, pool: &str) -> Caller {
    let token = if context.is_theirs(pool) {
        Err(CheckResult::not_tried("a query may be logged, so the token of a person is not put into one"))
    } else {
        context.id_token(pool).cloned()
    };
    Caller {
        place: Place::Query,
        valid: true,
        ..Caller::new("a token in the query string is refused", format!("an ID token of {pool}"), token)
    }
}

//! The authorization of a route: its keys `pool`, `authorizer` and `auth`.

use toml::de::DeValue;

use crate::spec::field::{AuthKey, Required, Text};
use crate::spec::reader::{Reader, Table};
use crate::spec::section::section;

section! {
    AUTH: RouteAuthKeys = "auth";
    pool: Required = text("The pool whose users may call the route.");
}

/// The callers of a route that need no token.
#[derive(Debug, Clone, Copy)]
pub(in crate::spec) enum Untokened {
    Anyone,
    /// Callers who sign requests as a principal that IAM allows to call the route.
    Signed,
}

/// The authorization of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Users of this pool, by their ID tokens.
    Pool(String),
    /// Callers whom the function of this entry of `[authorizers]` admits.
    Lambda(String),
    /// IAM-signed requests.
    Iam,
    /// Anyone. It is never the default.
    None,
}

pub(super) fn auth(
    reader: &mut Reader,
    name: &str,
    table: &Table,
    (pool, authorizer): (&Text, &Text),
    auth: &AuthKey<RouteAuthKeys, Untokened>,
) -> Option<Auth> {
    let (by_pool, by_auth) = (table.get(&pool.key).or(table.get(&authorizer.key)), table.get(&auth.key));
    let only = reader.text(table, pool).map(|(pool, span)| (Auth::Pool(pool), span));
    let decides = reader.text(table, authorizer).map(|(name, span)| (Auth::Lambda(name), span));
    if let (Some(_), Some((_, span))) = (&only, &decides) {
        reader.diagnostic(span, "a route has either `pool` or `authorizer`, not both", None);
        return None;
    }
    let by = if decides.is_some() { authorizer.key.name } else { pool.key.name };
    let only = only.or(decides);
    let other = match by_auth.map(|item| (item, item.get_ref())) {
        // `auth = { pool = "…" }` means the same as `pool = "…"`.
        Some((item, DeValue::Table(_))) => {
            let RouteAuthKeys { pool: inner } = &AUTH;
            let from = reader.open(item, auth.key.name, table.at(&auth.key), auth.section)?;
            let (name, span) = reader.required(&from, inner)?;
            if by_pool.is_none() {
                reader.remember(table.at(&pool.key), span);
            }
            Some(Auth::Pool(name))
        }
        _ => reader.caller(table, auth).map(|caller| match caller {
            Untokened::Anyone => Auth::None,
            Untokened::Signed => Auth::Iam,
        }),
    };
    match (only, other) {
        (Some((auth, _)), None) | (None, Some(auth)) => Some(auth),
        (None, None) => {
            if by_pool.is_none() && by_auth.is_none() {
                let help = "name a `pool`, or with `authorizer` a function that decides; for a route that anyone may call, write \
                            `auth = \"none\"`";
                reader.diagnostic(&table.span, format!("{name} does not declare its authorization"), Some(help.into()));
            }
            None
        }
        (Some((_, span)), Some(_)) => {
            reader.diagnostic(&span, format!("a route has either `{by}` or `auth`, not both"), None);
            None
        }
    }
}

//! `tokens` of a pool: how long they are valid.

use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Flag, Number};
use crate::spec::reader::{Reader, Table};
use crate::spec::section::section;

section! {
    TOKENS: TokensKeys = "tokens";
    id_minutes: Number = hardened(5, 1440, 60, 15, "How many minutes an ID token is valid.");
    access_minutes: Number = hardened(5, 1440, 60, 15, "How many minutes an access token is valid.");
    refresh_days: Number = hardened(1, 3650, 30, 1, "How many days users can get new tokens without signing in again.");
    rotate: Flag = hardened(
        false, true, "Whether a refresh token can be used once. Clients then renew tokens with GetTokensFromRefreshToken.",
    );
}

/// How long tokens are valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens {
    /// 5 to 1440.
    pub id_minutes: u32,
    /// 5 to 1440.
    pub access_minutes: u32,
    /// 1 to 3650.
    pub refresh_days: u32,
    /// Whether a refresh token can be used once.
    pub rotate: bool,
}

pub(super) fn tokens(reader: &mut Reader, table: &Table) -> Tokens {
    let TokensKeys { id_minutes, access_minutes, refresh_days, rotate } = &TOKENS;
    Tokens {
        id_minutes: reader.number(table, id_minutes),
        access_minutes: reader.number(table, access_minutes),
        refresh_days: reader.number(table, refresh_days),
        rotate: reader.flag(table, rotate),
    }
}

/// Reports refresh tokens that are not valid for longer than the tokens that they renew.
pub(super) fn short_refresh(name: &str, tokens: Tokens) -> Option<Diagnostic> {
    let longest = tokens.id_minutes.max(tokens.access_minutes);
    (tokens.refresh_days * 24 * 60 <= longest).then(|| {
        let message = "refresh tokens would not be valid for longer than the tokens that they renew";
        let help = "set a larger refresh_days, or a smaller id_minutes and access_minutes";
        Diagnostic::new(format!("pools.{name}.tokens"), message).help(help)
    })
}

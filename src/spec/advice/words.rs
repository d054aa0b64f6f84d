//! Key names of other tools, and the hints for them.

mod apis;
mod data;
mod file;
mod functions;
mod pools;

/// Key names of other tools that mean the same in one kind of table, and the hint for them.
pub(super) struct Word {
    /// The kind of table, as in `a function`.
    pub(super) within: &'static str,
    /// In lower case, without `_` and `-`.
    pub(super) words: &'static [&'static str],
    /// The keys that the advice names, as in `functions.memory_mb`. If one does not exist, the advice does not apply.
    pub(super) keys: &'static [&'static str],
    pub(super) advice: Advice,
}

pub(super) enum Advice {
    /// The stack file has the setting under another name: the last part of the key.
    Name,
    Text(&'static str),
}

/// A setting that has another name in the stack file.
const fn name(within: &'static str, words: &'static [&'static str], key: &'static [&'static str; 1]) -> Word {
    Word { within, words, keys: key, advice: Advice::Name }
}

/// A setting that the stack file expresses in another way.
const fn text(
    within: &'static str,
    words: &'static [&'static str],
    keys: &'static [&'static str],
    advice: &'static str,
) -> Word {
    Word { within, words, keys, advice: Advice::Text(advice) }
}

const FILE: &str = "a stack file";
const STACK: &str = "stack";
const FUNCTION: &str = "a function";
const API: &str = "api";
const ROUTE: &str = "a route";
const POOL: &str = "a pool";
const HOOKS: &str = "hooks";
const LOGIN: &str = "a login";
const PROVIDER: &str = "an identity provider";
const MAIL: &str = "mail";
const PASSWORD: &str = "a password rule";
pub(super) const FIREWALL: &str = "firewall";
const SECRET: &str = "a secret's value";
const QUEUE: &str = "a queue";
const IDENTITY_POOL: &str = "an identity pool";
const TABLE: &str = "a table";
const INDEX: &str = "an index";
const TRIGGER: &str = "a trigger";
const CORS: &str = "cors";
const DOMAIN: &str = "domain";
const MOCK: &str = "mock";
const PLAN: &str = "a plan";
const AUTHORIZER: &str = "an authorizer";

/// All words, by theme.
pub(super) fn all() -> impl Iterator<Item = &'static Word> {
    [file::WORDS, functions::WORDS, apis::WORDS, data::WORDS, pools::WORDS].into_iter().flatten()
}

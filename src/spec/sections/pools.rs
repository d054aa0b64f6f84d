//! `[pools]`

use std::collections::BTreeMap;

use toml::de::DeTable;

use super::{Part, service_users};
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Flag, Key, Nested, Number, OptionalWord, Text, Word, WordList};
use crate::spec::reader::{Reader, Table};
use crate::spec::rules::{self, NAME};
use crate::spec::section::section;

pub(super) static KEY: Nested<PoolKeys> = Nested::named("pools", NAME, &POOL, "Cognito user pools, by name.");

section! {
    POOL: PoolKeys = "a pool";
    authorizer: Text = form(
        NAME.form,
        "The name of the API's authorizer for this pool. The default is the pool's name followed by Authorizer.",
    );
    password: Nested<PasswordKeys> = table(&PASSWORD, "The password policy.");
    self_sign_up: Flag = hardened(true, false, "Whether people may sign up themselves.");
    mfa: Word<Mfa> = hardened(
        &["off", "optional", "on"],
        &[Mfa::Off, Mfa::Optional, Mfa::On],
        2,
        "Whether users need a code from an authenticator app. A pool with service users cannot demand one of everybody, so there the default is off in either posture.",
    );
    deletion_protection: Flag = hardened(false, true, "Whether AWS refuses to delete the pool.");
    threat_protection: Word<ThreatProtection> = hardened(
        &["off", "audit", "enforced"],
        &[ThreatProtection::Off, ThreatProtection::Audit, ThreatProtection::Enforced],
        2,
        "Whether Cognito watches sign-ins for stolen passwords and unusual behaviour. audit: it logs them. enforced: it refuses them. Needs the plan plus, which costs money for each user.",
    );
    plan: OptionalWord<Plan> = of(
        &["lite", "essentials", "plus"],
        &[Plan::Lite, Plan::Essentials, Plan::Plus],
        "Cognito's feature plan, which decides the price. Left out: plus with threat_protection, at least essentials with a password history, otherwise what AWS gives the pool.",
    );
    tokens: Nested<TokensKeys> = table(&TOKENS, "How long tokens are valid.");
    flows: WordList<Flow> = hardened(
        &["srp", "password", "admin-password"],
        &[Flow::Srp, Flow::Password, Flow::AdminPassword],
        &["srp", "password"],
        "How users may sign in. `token`, `call` and `verify` need password, and so does a function that signs in with a service user's password.",
    );
    firewall: Flag = hardened(false, true, "Whether the firewall also filters the requests that sign in to the pool.");
}

section! {
    TOKENS: TokensKeys = "tokens";
    id_minutes: Number = hardened(5, 1440, 60, 15, "How many minutes an ID token is valid.");
    access_minutes: Number = hardened(5, 1440, 60, 15, "How many minutes an access token is valid.");
    refresh_days: Number = hardened(1, 3650, 30, 1, "How many days users can get new tokens without signing in again.");
    rotate: Flag = hardened(
        false, true, "Whether a refresh token can be used once. Clients then renew tokens with GetTokensFromRefreshToken.",
    );
}

section! {
    PASSWORD: PasswordKeys = "a password rule";
    minimum_length: Number = hardened(6, 99, 12, 14, "The least number of characters.");
    history: Number = hardened(
        0, 24, 0, 24, "How many earlier passwords a user cannot choose again. Needs the plan essentials or plus.",
    );
    lowercase: Flag = or(true, "At least one of a-z.");
    uppercase: Flag = or(true, "At least one of A-Z.");
    numbers: Flag = or(true, "At least one of 0-9.");
    symbols: Flag = or(true, "At least one of Cognito's symbols.");
}

/// A user pool, which has one app client.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// The name of the API's authorizer for this pool.
    pub authorizer: String,
    pub password: Password,
    /// Whether people may sign up themselves.
    pub self_sign_up: bool,
    pub mfa: Mfa,
    /// Whether AWS refuses to delete it.
    pub deletion_protection: bool,
    pub threat_protection: ThreatProtection,
    /// `None`: it follows from the other settings.
    pub plan: Option<Plan>,
    pub tokens: Tokens,
    /// At least one, in the order of the declaration.
    pub flows: Vec<Flow>,
    /// Whether the firewall filters the requests that sign in to it.
    pub firewall: bool,
}

/// Whether Cognito watches sign-ins for stolen passwords and unusual behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreatProtection {
    Off,
    /// It logs them.
    Audit,
    /// It refuses them.
    Enforced,
}

/// Cognito's feature plans, the cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plan {
    Lite,
    Essentials,
    Plus,
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

/// A way to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// The password is proved and never sent (Secure Remote Password).
    Srp,
    /// The client sends the password.
    Password,
    /// A program with AWS credentials sends the password.
    AdminPassword,
}

#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "Cognito's own four flags")]
pub struct Password {
    /// 6 to 99.
    pub minimum_length: u8,
    /// At least one a-z.
    pub lowercase: bool,
    /// At least one A-Z.
    pub uppercase: bool,
    /// At least one 0-9.
    pub numbers: bool,
    /// At least one of Cognito's symbols.
    pub symbols: bool,
    /// How many earlier passwords cannot be chosen again, 0 to 24.
    pub history: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mfa {
    Off,
    /// If the user has set one up.
    Optional,
    On,
}

impl Part for BTreeMap<String, Pool> {
    fn key() -> &'static Key {
        &KEY.key
    }

    fn read(reader: &mut Reader, root: &Table) -> Self {
        let of_programs = service_users::pools_of_programs(root);
        reader.each(root, &KEY, |reader, name, table| pool(reader, name, table, of_programs.contains(name)))
    }

    fn check(&self, checks: &mut Checks) {
        let mut authorizers = BTreeMap::new();
        for (name, pool) in self {
            if let Some(twin) = authorizers.insert(&pool.authorizer, name) {
                let message = format!("the pools {twin} and {name} both have the authorizer {}", pool.authorizer);
                checks.report([Diagnostic::new(format!("pools.{name}.authorizer"), message)]);
            }
            contradictions(name, pool, checks);
        }
    }
}

/// Settings of a user pool that exclude each other.
fn contradictions(name: &str, pool: &Pool, checks: &mut Checks) {
    let stack = checks.stack;
    let mut flaw = |key: &str, message: String, help: &str| {
        checks.report([Diagnostic::new(format!("pools.{name}.{key}"), message).help(help)]);
    };
    let programs = stack.service_users.iter().filter(|(_, user)| user.pool == name);
    let programs: Vec<&str> = programs.map(|(program, _)| program.as_str()).collect();
    if pool.mfa == Mfa::On && !programs.is_empty() {
        let message = format!(
            "the pool {name} would demand a code of an authenticator app from {}, which sign in with a password only",
            programs.join(", ")
        );
        flaw("mfa", message, "use mfa = \"optional\", or let the service users sign in to a pool of their own");
    }
    if pool.threat_protection != ThreatProtection::Off && pool.plan.is_some_and(|plan| plan < Plan::Plus) {
        let message = "threat protection needs the plan plus".to_owned();
        flaw("plan", message, "remove the key, or set threat_protection = \"off\"");
    }
    if pool.password.history > 0 && pool.plan == Some(Plan::Lite) {
        let message = "a password history needs the plan essentials or plus".to_owned();
        flaw("plan", message, "remove the key, or set history = 0 in the password rule");
    }
    let longest = pool.tokens.id_minutes.max(pool.tokens.access_minutes);
    if pool.tokens.refresh_days * 24 * 60 <= longest {
        let message = "refresh tokens would not be valid for longer than the tokens that they renew".to_owned();
        flaw("tokens", message, "set a larger refresh_days, or a smaller id_minutes and access_minutes");
    }
}

fn pool(reader: &mut Reader, name: &str, table: &Table, of_programs: bool) -> Pool {
    let PoolKeys {
        authorizer,
        password,
        self_sign_up,
        mfa,
        deletion_protection,
        threat_protection,
        plan,
        tokens,
        flows,
        firewall,
    } = &POOL;
    let authorizer = reader.text(table, authorizer);
    if let Some((authorizer, span)) = &authorizer
        && let Err(why) = rules::name("authorizers", authorizer, NAME)
    {
        reader.diagnostic(span, why, None);
    }
    let none = DeTable::new();
    let empty = || Table { span: table.span.clone(), entries: &none, path: String::new(), what: String::new() };
    let password = reader.table(table, password).unwrap_or_else(empty);
    let tokens = reader.table(table, tokens).unwrap_or_else(empty);
    // A program has no authenticator app, so the posture leaves its pool without the demand for a code.
    let no_codes = table.get(&mfa.key).is_none() && of_programs;
    Pool {
        authorizer: authorizer.map_or_else(|| format!("{name}Authorizer"), |(authorizer, _)| authorizer),
        password: self::password(reader, &password),
        self_sign_up: reader.flag(table, self_sign_up),
        mfa: if no_codes { Mfa::Off } else { reader.word(table, mfa) },
        deletion_protection: reader.flag(table, deletion_protection),
        threat_protection: reader.word(table, threat_protection),
        plan: reader.optional_word(table, plan),
        tokens: self::tokens(reader, &tokens),
        flows: reader.words(table, flows),
        firewall: reader.flag(table, firewall),
    }
}

fn tokens(reader: &mut Reader, table: &Table) -> Tokens {
    let TokensKeys { id_minutes, access_minutes, refresh_days, rotate } = &TOKENS;
    Tokens {
        id_minutes: reader.number(table, id_minutes),
        access_minutes: reader.number(table, access_minutes),
        refresh_days: reader.number(table, refresh_days),
        rotate: reader.flag(table, rotate),
    }
}

fn password(reader: &mut Reader, table: &Table) -> Password {
    let PasswordKeys { minimum_length, history, lowercase, uppercase, numbers, symbols } = &PASSWORD;
    Password {
        // The key's range ends at 99.
        minimum_length: u8::try_from(reader.number(table, minimum_length)).unwrap_or(u8::MAX),
        lowercase: reader.flag(table, lowercase),
        uppercase: reader.flag(table, uppercase),
        numbers: reader.flag(table, numbers),
        symbols: reader.flag(table, symbols),
        // The key's range ends at 24.
        history: u8::try_from(reader.number(table, history)).unwrap_or(u8::MAX),
    }
}

#[cfg(test)]
mod tests {
    use crate::spec::{Flow, Mfa, Plan, parse};

    const ROBOT: &str = "[service_users.Robot]\npool = \"People\"\n";

    fn file(posture: &str, pool: &str, more: &str) -> String {
        format!("[stack]\nname = \"demo\"\nposture = \"{posture}\"\n[pools.People]\n{pool}\n[pools.Staff]\n{more}")
    }

    /// The messages of all mistakes.
    fn mistakes(pool: &str, more: &str) -> Vec<String> {
        let mistakes = parse(&file("baseline", pool, more)).err().unwrap_or_default();
        mistakes.into_iter().map(|mistake| mistake.message).collect()
    }

    #[test]
    fn the_posture_demands_no_code_of_programs() {
        let mfa = |posture: &str, pool: &str, more: &str| {
            let stack = parse(&file(posture, pool, more)).expect("a sound file");
            (stack.pools["People"].mfa, stack.pools["Staff"].mfa)
        };
        assert_eq!(mfa("hardened", "", ""), (Mfa::On, Mfa::On));
        assert_eq!(mfa("hardened", "", ROBOT), (Mfa::Off, Mfa::On));
        assert_eq!(mfa("hardened", "mfa = \"optional\"", ROBOT), (Mfa::Optional, Mfa::On));
        assert_eq!(mfa("baseline", "", ROBOT), (Mfa::Off, Mfa::Off));
        let refused = mistakes("mfa = \"on\"", ROBOT);
        assert!(refused.len() == 1 && refused[0].contains("authenticator app from Robot"), "{refused:?}");
        assert_eq!(mistakes("mfa = \"on\"", ""), Vec::<String>::new());
    }

    #[test]
    fn flows_are_read_in_the_order_of_the_declaration() {
        let flows =
            |pool: &str| parse(&file("baseline", pool, "")).expect("a sound file").pools["People"].flows.clone();
        assert_eq!(flows("flows = [\"password\", \"srp\"]"), [Flow::Srp, Flow::Password]);
        assert_eq!(flows(""), [Flow::Srp, Flow::Password, Flow::AdminPassword]);
        assert_eq!(mistakes("flows = []", ""), ["`flows` must have at least one of srp, password, admin-password"]);
        assert_eq!(mistakes("flows = [\"spr\"]", ""), ["`flows` takes srp, password, admin-password, not spr"]);
    }

    #[test]
    fn a_plan_must_have_what_the_pool_asks_for() {
        let plan = |pool: &str| parse(&file("baseline", pool, "")).expect("a sound file").pools["People"].plan;
        assert_eq!((plan(""), plan("plan = \"lite\"")), (None, Some(Plan::Lite)));
        for pool in [
            "plan = \"essentials\"\nthreat_protection = \"audit\"",
            "plan = \"lite\"\npassword = { history = 5 }",
            "tokens = { refresh_days = 1, id_minutes = 1440 }",
        ] {
            assert_eq!(mistakes(pool, "").len(), 1, "{pool}");
        }
        assert_eq!(mistakes("plan = \"plus\"\nthreat_protection = \"enforced\"", ""), Vec::<String>::new());
        assert_eq!(mistakes("tokens = { refresh_days = 2, id_minutes = 1440 }", ""), Vec::<String>::new());
    }
}

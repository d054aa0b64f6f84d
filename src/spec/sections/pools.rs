//! `[pools]`

mod attributes;
mod clients;
mod existing;
mod hooks;
mod login;
mod mail;
mod password;
mod providers;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeTable;

use self::attributes::{ATTRIBUTE, ATTRIBUTE_NAME, AttributeKeys};
pub use self::clients::PoolClient;
use self::clients::{CLIENT, ClientKeys};
use self::existing::Existing;
pub use self::existing::ExistingPool;
pub(super) use self::existing::existing;
pub use self::hooks::Hooks;
use self::hooks::{HOOKS, HooksKeys};
pub use self::login::Login;
use self::login::{LOGIN, LoginKeys};
use self::mail::{MAIL, MailKeys};
pub use self::password::Password;
use self::password::{PASSWORD, PasswordKeys};
pub use self::providers::{LoginProvider, OauthClient, SecretKey};
use self::providers::{PROVIDER, PROVIDER_NAME, ProviderKeys};
pub use self::tokens::Tokens;
use self::tokens::{TOKENS, TokensKeys, short_refresh};
use super::{Part, service_users};
use crate::choices::{GROUP_COPY, Mail, Mfa, Plan, SignIn, SignInFlow, ThreatProtection, UserAttribute};
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Flag, Key, List, Lists, Nested, OptionalWord, Text, Word, WordList};
use crate::spec::reader::{Reader, Table};
use crate::spec::rules::{self, NAME};
use crate::spec::section::section;

pub(super) static KEY: Nested<PoolKeys> = Nested::named("pools", NAME, &POOL, "Cognito user pools, by name.");

/// The longest name of a group, in characters.
const LONGEST_GROUP: usize = 64;

section! {
    POOL: PoolKeys = "a pool";
    existing: Text = form(
        "^[a-z0-9-]+_[A-Za-z0-9]+$",
        "The id of an existing pool outside of the stack, as in eu-central-1_AbCdEfGhI. The stack only reads it: `up` adds an app client of the stack's own, and `down` removes this client. Only client_id, authorizer, tokens and flows are allowed beside this key.",
    );
    client_id: Text = form(
        "^[A-Za-z0-9_+]{1,128}$",
        "With existing: the id of an app client that the pool has already, instead of one of the stack's own. `token` and `call` need one without a secret.",
    );
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
        "Whether Cognito watches sign-ins for stolen passwords and unusual behaviour. audit: it logs them. enforced: it refuses them. Needs Cognito's feature plan Plus, which costs money for each user.",
    );
    plan: OptionalWord<Plan> = of(
        &["lite", "essentials", "plus"],
        &[Plan::Lite, Plan::Essentials, Plan::Plus],
        "Cognito's feature plan, which decides the price. Without it: plus with threat_protection, at least essentials with a password history, otherwise AWS's default.",
    );
    tokens: Nested<TokensKeys> = table(&TOKENS, "How long tokens are valid.");
    flows: WordList<SignInFlow> = hardened(
        &["srp", "password", "admin-password", "custom"],
        &[SignInFlow::Srp, SignInFlow::Password, SignInFlow::AdminPassword, SignInFlow::Custom],
        &["srp", "password", "admin-password"],
        &["srp", "password"],
        "How users may sign in. With custom, the functions of `hooks` define their own challenges. `token`, `call` and `verify` need password, and so does a function that signs in with a service user's password.",
    );
    sign_in: WordList<SignIn> = of(
        &["email", "phone", "username"],
        &[SignIn::Email, SignIn::Phone, SignIn::Username],
        &["email"],
        "The identifiers that users can sign in with. With username, each user has a username, and email and phone are aliases. Case does not matter. AWS cannot change it later.",
    );
    attributes: Nested<AttributeKeys> = named(
        ATTRIBUTE_NAME,
        &ATTRIBUTE,
        "Attributes of users, by name: Cognito's standard ones, such as family_name, and your own, which Cognito calls custom:NAME. Tokens contain them. AWS adds one to a pool and never removes it.",
    );
    groups: List = texts(
        "Groups that users can belong to, by name: 1 to 64 of A-Z, a-z, 0-9 and _ . @ + = -. `add-user --group` adds a user to one, and tokens name the groups of a user. `groups` of an identity pool gives the members of a group a role.",
    );
    scopes: Lists = of(
        "The scopes that programs can be granted, by the name of an API: { orders = [\"read\"] } is the scope orders/read, which `scopes` of clients and of routes name. Tokens of users who sign in with a password contain only those that the function of `hooks.pre_token` adds.",
    );
    clients: Nested<ClientKeys> = named(
        NAME, &CLIENT, "Further app clients, by name, beside the one that `token`, `call` and `verify` use.",
    );
    login: Nested<LoginKeys> = table(&LOGIN, "The domain of the pool, and Cognito's sign-in pages there.");
    providers: Nested<ProviderKeys> = named(
        PROVIDER_NAME, &PROVIDER, "Identity providers whose users can also sign in at the pages of `login`, by name: Google, a provider of OpenID Connect with `issuer`, or one of SAML with `metadata`.",
    );
    mail: Nested<MailKeys> = table(&MAIL, "The sender and the texts of the pool's e-mails.");
    hooks: Nested<HooksKeys> = table(&HOOKS, "The functions that Cognito calls at certain moments. Each must answer within 5 seconds.");
    firewall: Flag = hardened(false, true, "Whether the firewall also filters the requests that sign in to the pool.");
}

/// A user pool.
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
    pub flows: Vec<SignInFlow>,
    /// The identifiers that users can sign in with: at least one.
    pub sign_in: Vec<SignIn>,
    pub attributes: Vec<UserAttribute>,
    /// The names of its groups, in the order of the stack file.
    pub groups: Vec<String>,
    /// The scopes of each API that it names.
    pub scopes: BTreeMap<String, BTreeSet<String>>,
    /// Its app clients beside the first one, by name.
    pub clients: BTreeMap<String, PoolClient>,
    /// Its domain, and its sign-in pages.
    pub login: Option<Login>,
    /// The identity providers whose users can also sign in at its pages, by name.
    pub providers: BTreeMap<String, LoginProvider>,
    pub mail: Mail,
    pub hooks: Hooks,
    /// Whether the firewall filters the requests that sign in to it.
    pub firewall: bool,
    /// Set only while the file is read. Then the pool is outside of the stack, and
    /// [`Stack::existing_pools`](super::Stack::existing_pools) has it.
    existing: Option<Existing>,
}

impl Pool {
    /// Its sign-in pages, if it has any.
    pub fn pages(&self) -> Option<&Login> {
        self.login.as_ref().filter(|login| login.has_pages())
    }

    /// Its scopes as tokens name them, as in `orders/read`.
    pub fn scope_names(&self) -> impl Iterator<Item = String> + '_ {
        self.scopes.iter().flat_map(|(server, scopes)| scopes.iter().map(move |scope| format!("{server}/{scope}")))
    }
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
        let (mut authorizers, mut domains) = (BTreeMap::new(), BTreeMap::new());
        check_existing(checks, &mut authorizers);
        for (name, pool) in self {
            if let Some(Login { domain, .. }) = &pool.login
                && let Some(twin) = domains.insert(domain, name)
            {
                let message = format!("the pools {twin} and {name} both have the domain {domain}");
                checks.report([Diagnostic::new(format!("pools.{name}.login.domain"), message)]);
            }
            own_authorizer(name, &pool.authorizer, checks, &mut authorizers);
            contradictions(name, pool, checks);
        }
    }
}

/// The pools by the names of their authorizers.
type Authorizers = BTreeMap<String, String>;

/// Reports a name of an authorizer that another pool has too.
fn own_authorizer(name: &str, authorizer: &str, checks: &mut Checks, known: &mut Authorizers) {
    if let Some(twin) = known.insert(authorizer.to_owned(), name.to_owned()) {
        let message = format!("the pools {twin} and {name} both have the authorizer {authorizer}");
        checks.report([Diagnostic::new(format!("pools.{name}.authorizer"), message)]);
    }
}

/// Checks the pools that exist already.
fn check_existing(checks: &mut Checks, authorizers: &mut Authorizers) {
    let mut ids = BTreeMap::new();
    for (name, pool) in &checks.stack.existing_pools {
        own_authorizer(name, &pool.authorizer, checks, authorizers);
        if let Some(twin) = ids.insert(&pool.id, name) {
            let message = format!("the pools {twin} and {name} are both {}", pool.id);
            checks.report([Diagnostic::new(format!("pools.{name}.existing"), message)]);
        }
        checks.report(short_refresh(name, pool.tokens));
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
    if pool.sign_in == [SignIn::Phone] && pool.self_sign_up {
        let message = "nobody could confirm a sign-up, because the pool sends no messages to phone numbers".to_owned();
        flaw("sign_in", message, "set self_sign_up = false, or let people sign in with \"email\" too");
    }
    if !programs.is_empty() && (pool.sign_in.contains(&SignIn::Username) || !pool.sign_in.contains(&SignIn::Email)) {
        let message =
            format!("{} would sign in with addresses, which the pool {name} does not take", programs.join(", "));
        flaw("sign_in", message, "let the service users sign in to a pool of their own, with sign_in = [\"email\"]");
    }
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
    clients::check(name, pool, checks);
    self::login::check(name, pool, checks);
    providers::check(name, pool, checks);
    mail::check(name, pool, checks);
    hooks::check(name, pool, checks);
    attributes::check(name, &pool.attributes, &pool.sign_in, &programs, checks);
    checks.report(short_refresh(name, pool.tokens));
}

fn pool(reader: &mut Reader, name: &str, table: &Table, of_programs: bool) -> Pool {
    let existing = existing::read(reader, table);
    let PoolKeys {
        existing: _,
        client_id: _,
        authorizer,
        password,
        self_sign_up,
        mfa,
        deletion_protection,
        threat_protection,
        plan,
        tokens,
        flows,
        sign_in,
        attributes,
        groups,
        scopes,
        clients,
        login,
        providers,
        mail,
        hooks,
        firewall,
    } = &POOL;
    let authorizer = reader.text(table, authorizer);
    if let Some((authorizer, span)) = &authorizer
        && let Err(why) = rules::name("authorizers", authorizer, NAME)
    {
        reader.diagnostic(span, why, None);
    }
    let none = DeTable::new();
    let login = reader.table(table, login).map(|table| self::login::login(reader, &table));
    let empty = || Table { span: table.span.clone(), entries: &none, path: String::new(), what: String::new() };
    let password = reader.table(table, password).unwrap_or_else(empty);
    let tokens = reader.table(table, tokens).unwrap_or_else(empty);
    // A program has no authenticator app, so the posture does not require a code in its pool.
    let no_codes = table.get(&mfa.key).is_none() && of_programs;
    Pool {
        authorizer: authorizer.map_or_else(|| format!("{name}Authorizer"), |(authorizer, _)| authorizer),
        password: self::password::password(reader, &password),
        self_sign_up: reader.flag(table, self_sign_up),
        mfa: if no_codes { Mfa::Off } else { reader.word(table, mfa) },
        deletion_protection: reader.flag(table, deletion_protection),
        threat_protection: reader.word(table, threat_protection),
        plan: reader.optional_word(table, plan),
        tokens: self::tokens::tokens(reader, &tokens),
        flows: reader.words(table, flows),
        sign_in: reader.words(table, sign_in),
        attributes: reader.each(table, attributes, attributes::attribute).into_values().collect(),
        groups: self::groups(reader, table, groups),
        scopes: clients::scopes(reader, table, scopes),
        clients: reader.each(table, clients, clients::client),
        login,
        providers: providers::providers(reader, table, providers),
        mail: reader.table(table, mail).map(|table| mail::mail(reader, &table)).unwrap_or_default(),
        hooks: reader.table(table, hooks).map(|table| hooks::hooks(reader, &table)).unwrap_or_default(),
        firewall: reader.flag(table, firewall),
        existing,
    }
}

/// The names of groups. Those that are not valid are reported.
fn groups(reader: &mut Reader, table: &Table, key: &List) -> Vec<String> {
    let groups = reader.list(table, key);
    for (name, span) in groups.iter().filter(|(name, _)| name.starts_with(GROUP_COPY)) {
        let help = format!("`up` gives names that begin with {GROUP_COPY} to copies of groups");
        reader.diagnostic(span, format!("a group cannot be called {name}"), Some(help));
    }
    for (name, span) in groups.iter().filter(|(name, _)| !is_group_name(name)) {
        let message = format!("{name:?} is not a valid name of a group");
        let help = format!("names of groups have 1 to {LONGEST_GROUP} characters of A-Z, a-z, 0-9 and _ . @ + = -");
        reader.diagnostic(span, message, Some(help));
    }
    groups.into_iter().map(|(name, _)| name).collect()
}

/// AWS takes more characters and longer names. These characters need no quotes in a shell, and the limit leaves room
/// for the name of a group's copy.
fn is_group_name(name: &str) -> bool {
    let charset = |c: char| c.is_ascii_alphanumeric() || "_.@+=-".contains(c);
    (1..=LONGEST_GROUP).contains(&name.len()) && name.chars().all(charset)
}

#[cfg(test)]
mod tests {
    use crate::choices::{Mfa, Plan, SignIn, SignInFlow};
    use crate::spec::parse;

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
        assert_eq!(flows("flows = [\"password\", \"srp\"]"), [SignInFlow::Srp, SignInFlow::Password]);
        assert_eq!(flows(""), [SignInFlow::Srp, SignInFlow::Password, SignInFlow::AdminPassword]);
        assert_eq!(
            mistakes("flows = []", ""),
            ["`flows` must have at least one of srp, password, admin-password, custom"]
        );
        assert_eq!(mistakes("flows = [\"spr\"]", ""), ["`flows` takes srp, password, admin-password, custom, not spr"]);
    }

    #[test]
    fn ways_to_sign_in_must_work() {
        let sign_in =
            |pool: &str| parse(&file("baseline", pool, "")).expect("a sound file").pools["People"].sign_in.clone();
        assert_eq!(sign_in(""), [SignIn::Email]);
        assert_eq!(sign_in("sign_in = [\"username\", \"email\"]"), [SignIn::Email, SignIn::Username]);
        assert_eq!(sign_in("sign_in = [\"phone\"]\nself_sign_up = false"), [SignIn::Phone]);
        for (pool, more, message) in [
            ("sign_in = [\"phone\"]", "", "nobody could confirm a sign-up"),
            ("sign_in = [\"username\", \"email\"]", ROBOT, "Robot would sign in with addresses"),
            ("sign_in = []", "", "`sign_in` must have at least one of"),
        ] {
            let mistakes = mistakes(pool, more);
            assert!(mistakes.len() == 1 && mistakes[0].contains(message), "{pool}: {mistakes:?}");
        }
    }

    #[test]
    fn names_of_groups_are_checked() {
        let groups =
            |pool: &str| parse(&file("baseline", pool, "")).expect("a sound file").pools["People"].groups.clone();
        assert_eq!(groups("groups = [\"staff\", \"a.b@c+d=e_f-g\"]"), ["staff", "a.b@c+d=e_f-g"]);
        assert_eq!(groups(""), Vec::<String>::new());
        for wrong in ["", "two words", "a/b", "a,b", &"g".repeat(65)] {
            let mistakes = mistakes(&format!("groups = [\"{wrong}\"]"), "");
            assert_eq!(mistakes, [format!("{wrong:?} is not a valid name of a group")]);
        }
    }

    #[test]
    fn names_of_copies_of_groups_are_taken() {
        let mistakes = mistakes("groups = [\"securelambda-copy-of-staff\", \"securelambda\"]", "");
        assert_eq!(mistakes, ["a group cannot be called securelambda-copy-of-staff"]);
    }

    #[test]
    fn two_pools_cannot_have_one_domain() {
        let login = "login = { domain = \"demo-login\" }";
        let other = |domain: &str| format!("\n[pools.Others]\nlogin = {{ domain = \"{domain}\" }}");
        assert_eq!(mistakes(login, &other("demo-others")), Vec::<String>::new());
        let expected = "the pools Others and People both have the domain demo-login";
        assert_eq!(mistakes(login, &other("demo-login")), [expected]);
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

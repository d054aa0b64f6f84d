//! Every key of a stack file: its name, the values that it takes, its default and its meaning.
//!
//! `file` reads by these declarations, and the JSON schema and docs/stack-file.md are written from them. Each table of
//! the file is a struct with a field for each key. `file` takes these structs apart without `..`, so a key that it does
//! not read is an unused variable, which is an error there.

use super::field::{
    AuthKey, Choice, Flag, Key, List, Nested, Number, OnlyTrue, OptionalNumber, OptionalWord, Reasons, Required,
    Section, Text, TextOr, Word, WordList,
};
use super::model::{ApiKind, ExecutionLog, FirewallAction, Flow, Mfa, Mode, Plan, Posture, ThreatProtection, Tls};
use super::{managed, rules};

/// Names in the stack file: letters, digits, `_` and `-`, short enough for the stack's name in front of them.
pub(super) const NAME: &str = "^[A-Za-z0-9_-]{1,39}$";

/// Names of identity pools, short enough for `-caller` behind them too.
pub(super) const IDENTITY_POOL_NAME: &str = "^[A-Za-z0-9_-]{1,32}$";

/// Variables of a function's environment.
pub(super) const VARIABLE: &str = "^[A-Za-z][A-Za-z0-9_]+$";

/// Who may call a route without a token.
#[derive(Debug, Clone, Copy)]
pub(super) enum Untokened {
    Anyone,
    /// Who signs requests as somebody that IAM lets call the route.
    Signed,
}

/// The key of a secret's settings, beside the keys of its value.
pub(super) const SETTINGS: &str = "settings";

const RESOURCE_POLICY: &str = "Whether the secret's resource policy denies reading the value to everybody but the functions that may read it, and everything to other accounts.";

const ARCHITECTURES: [&str; 2] = ["arm64", "x86_64"];

/// Declares a table: a constant with its keys, the type of the constant, its name in messages and which keys exclude
/// each other; then each key with its kind, the constructor of that kind and the constructor's arguments.
macro_rules! section {
    (
        $constant:ident: $section:ident = $what:literal, $choice:expr;
        $($name:ident: $kind:ty = $make:ident($($value:expr),* $(,)?);)*
    ) => {
        #[allow(clippy::struct_field_names, reason = "a field has the name of its key")]
        pub(super) struct $section {
            $(pub $name: $kind,)*
        }

        pub(super) static $constant: $section = $section {
            $($name: <$kind>::$make(stringify!($name), $($value),*),)*
        };

        impl Section for $section {
            fn what(&self) -> &'static str {
                $what
            }

            fn keys(&'static self) -> Vec<&'static Key> {
                vec![$(&self.$name.key),*]
            }

            fn choice(&self) -> Choice {
                $choice
            }
        }
    };
}

section! {
    ROOT: Root = "a stack file", Choice::Free;
    stack: Nested<Stack> = table(&STACK, "The stack's name and what holds for all of it.");
    topics: Nested<Topic> = named(NAME, &TOPIC, "SNS topics, by name. All their keys can be left out.");
    secrets: Nested<Value> = secrets(
        &VALUE, &SECRET_SETTINGS, "Secrets in Secrets Manager, by name. Each is a JSON object.",
    );
    functions: Nested<Function> = named(
        NAME, &FUNCTION, "Lambda functions, by name. Each has a role of its own.",
    );
    pools: Nested<Pool> = named(NAME, &POOL, "Cognito user pools, by name.");
    service_users: Nested<ServiceUser> = named(
        NAME, &SERVICE_USER, "Programs that sign in to a pool, by name.",
    );
    identity_pools: Nested<IdentityPool> = named(
        IDENTITY_POOL_NAME, &IDENTITY_POOL, "Cognito identity pools, by name.",
    );
    api: Nested<Api> = table(&API, "The API.");
    apis: Nested<Api> = named(NAME, &API, "Further APIs, by name.");
    firewall: Nested<Firewall> = table(
        &FIREWALL,
        "The web ACL on the stages of REST APIs and on user pools. With posture = \"hardened\" there is one without it.",
    );
    audit: Nested<Audit> = table(&AUDIT, "What `audit` accepts.");
}

section! {
    STACK: Stack = "stack", Choice::Free;
    name: Required = form_or(
        "^[a-z][a-z0-9-]{0,23}$",
        "securelambda",
        "The prefix of every resource's name: 1 to 24 characters of a-z, 0-9 and -, beginning with a letter and not ending in -.",
    );
    permissions_boundary: Text = form(
        "^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/",
        "The ARN of the managed policy that is the permissions boundary of every role of the stack.",
    );
    kms_key: Text = form(
        "^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$",
        "The ARN of the KMS key that encrypts topics, queues, secrets, log groups and the variables of functions. Its key policy must let CloudWatch Logs use it, and the account's policies decide about the rest. Left out: AWS's own keys, or keys of this account that somebody set.",
    );
    posture: Word<Posture> = of(
        &["baseline", "hardened"],
        &[Posture::Baseline, Posture::Hardened],
        "Which defaults the other keys have. hardened: those that auditors expect; `plan` shows what costs money.",
    );
}

section! {
    TOPIC: Topic = "a topic", Choice::Free;
    tls_only: Flag = hardened(false, true, "Whether its policy denies messages that are published without TLS.");
    signature_version: Number = hardened(
        1, 2, 1, 2, "How SNS signs messages: 1 with SHA-1, 2 with SHA-256. Only receivers that check signatures notice.",
    );
    tracing: Flag = or(
        false,
        "Whether SNS sends traces of messages to X-Ray. The account needs an X-Ray resource policy that allows it, which `up` does not make.",
    );
}

section! {
    VALUE: Value = "a secret's value", Choice::OneKey;
    topic: Text = any("The ARN of this topic of the stack.");
    env: Text = form(
        "^[A-Za-z_][A-Za-z0-9_]*$", "The value of this variable of the environment in which `up` runs.",
    );
    prompt: OnlyTrue = of("`up` asks for the value at the terminal when it writes the secret.");
    generate: OptionalNumber = range(
        16, 4096, "`up` generates this many letters and digits, and keeps them from then on.",
    );
}

section! {
    SECRET_SETTINGS: SecretSettings = "a secret's settings", Choice::Free;
    resource_policy: Flag = hardened(false, true, RESOURCE_POLICY);
    administrators: List = texts(
        "ARNs of roles and users. With a resource policy, everybody else but the functions that may read the secret is denied everything. Whoever runs `up` must be among them.",
    );
    rotation: Nested<Rotation> = table(&ROTATION, "How the value is replaced regularly.");
}

section! {
    ROTATION: Rotation = "a rotation", Choice::Free;
    function: Required = text(
        "The function that replaces the value, as Secrets Manager asks it to. It may read and write this secret.",
    );
    days: Number = range(1, 1000, 30, "After how many days the value is replaced.");
}

section! {
    FUNCTION: Function = "a function", Choice::Free;
    source: Required = text("The folder of its code, relative to the stack file.");
    trigger: Nested<Trigger> = table(&TRIGGER, "What calls the function besides routes.");
    secrets: List = texts(
        "The secrets it may read. With one secret, the variable SECRET_ID has its name; with several, SECRET_ID_NAME has the name of each.",
    );
    publishes: List = texts("The topics it may publish to.");
    runtime: TextOr = word(&rules::RUNTIMES, "Lambda's runtime.");
    handler: TextOr = form(
        "^\\S{1,128}$",
        "index.handler",
        "The file without its extension, a dot, and the function that Lambda calls.",
    );
    architecture: Word<&'static str> = of(&ARCHITECTURES, &ARCHITECTURES, "The processor it runs on.");
    memory_mb: Number = range(128, 10_240, 128, "Memory in MB. CPU power grows with it.");
    timeout_s: Number = range(1, 900, 10, "How many seconds one call may take. The API waits 29 seconds.");
    reserved_concurrency: OptionalNumber = range(
        1, 10_000,
        "How many calls it may handle at the same time. They are reserved for it: at least 100 of the account must remain for all other functions, which `doctor` checks. Left out, it shares the account's with all functions.",
    );
    tracing: Flag = hardened(
        false, true, "Whether it sends traces to X-Ray. Not in China's regions, which do not have it.",
    );
    log_retention_days: Number = hardened_one_of(
        &rules::RETENTION_DAYS, 14, 365, "How many days its logs are kept.",
    );
    vpc: Nested<Vpc> = table(
        &VPC,
        "The VPC that it runs in. Left out: none; `up` takes the function out of a VPC that somebody else set. In a VPC it reaches AWS's services and the internet only as far as the VPC does.",
    );
    on_failure: Nested<OnFailure> = table(
        &ON_FAILURE,
        "Where the events of asynchronous calls go that failed again and again, such as a topic's messages. With posture = \"hardened\" it is { queue = \"dead\" }.",
    );
    environment: Nested<VariableFrom> = variables(&VARIABLE_FROM, "Environment variables that are not secret.");
}

section! {
    ON_FAILURE: OnFailure = "a destination", Choice::Free;
    queue: Required = form(
        NAME,
        "The name of a queue of the stack. `up` creates it, encrypted, and only this account can use it. It keeps events for 14 days. Several functions may share one.",
    );
}

section! {
    VPC: Vpc = "a VPC", Choice::Free;
    subnets: List = texts(
        "The ids of up to 16 subnets, in several zones if possible. Without subnets and security groups it runs in no VPC.",
    );
    security_groups: List = texts("The ids of up to 5 security groups.");
}

section! {
    VARIABLE_FROM: VariableFrom = "a variable", Choice::OneKey;
    pool_id: Text = any("The id of this pool.");
    client_id: Text = any("The id of this pool's app client.");
    identity_pool_id: Text = any("The id of this identity pool.");
    url: Text = any("The base URL of this API.");
}

section! {
    SERVICE_USER: ServiceUser = "a service user", Choice::Free;
    pool: Required = text(
        "The pool it signs in to. `up` writes its username and password to a secret of the same name, and nowhere else.",
    );
    resource_policy: Flag = hardened(false, true, RESOURCE_POLICY);
}

section! {
    IDENTITY_POOL: IdentityPool = "an identity pool", Choice::Free;
    pool: Required = text("The pool whose users get temporary credentials.");
    invokes: List = required(
        "The routes that these credentials may call, as in \"Age GET /age\": the API's name and the route.",
    );
}

section! {
    TRIGGER: Trigger = "a trigger", Choice::Free;
    topic: Required = text("The topic whose messages call the function.");
}

section! {
    POOL: Pool = "a pool", Choice::Free;
    authorizer: Text = form(
        NAME,
        "The name of the API's authorizer for this pool. The default is the pool's name followed by Authorizer.",
    );
    password: Nested<Password> = table(&PASSWORD, "The password policy.");
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
    tokens: Nested<Tokens> = table(&TOKENS, "How long tokens are valid.");
    flows: WordList<Flow> = hardened(
        &["srp", "password", "admin-password"],
        &[Flow::Srp, Flow::Password, Flow::AdminPassword],
        &["srp", "password"],
        "How users may sign in. `token`, `call` and `verify` need password, and so does a function that signs in with a service user's password.",
    );
    firewall: Flag = hardened(false, true, "Whether the firewall also filters the requests that sign in to the pool.");
}

section! {
    TOKENS: Tokens = "tokens", Choice::Free;
    id_minutes: Number = hardened(5, 1440, 60, 15, "How many minutes an ID token is valid.");
    access_minutes: Number = hardened(5, 1440, 60, 15, "How many minutes an access token is valid.");
    refresh_days: Number = hardened(1, 3650, 30, 1, "How many days users can get new tokens without signing in again.");
    rotate: Flag = hardened(
        false, true, "Whether a refresh token can be used once. Clients then renew tokens with GetTokensFromRefreshToken.",
    );
}

section! {
    PASSWORD: Password = "a password rule", Choice::Free;
    minimum_length: Number = hardened(6, 99, 12, 14, "The least number of characters.");
    history: Number = hardened(
        0, 24, 0, 24, "How many earlier passwords a user cannot choose again. Needs the plan essentials or plus.",
    );
    lowercase: Flag = or(true, "At least one of a-z.");
    uppercase: Flag = or(true, "At least one of A-Z.");
    numbers: Flag = or(true, "At least one of 0-9.");
    symbols: Flag = or(true, "At least one of Cognito's symbols.");
}

section! {
    API: Api = "api", Choice::Free;
    kind: Word<ApiKind> = of(
        &["rest", "http"],
        &[ApiKind::Rest, ApiKind::Http],
        "rest: supports a firewall and body validation. http: small and cheap.",
    );
    stage: Text = form(
        "^[A-Za-z0-9_-]{1,128}$",
        "The stage, which is the first part of every route's path. The default is development for a REST API; an HTTP API has none unless it is given.",
    );
    rate_limit: Number = range(
        1, 10_000, 50, "Requests a second that each route allows. All routes together allow the sum.",
    );
    burst_limit: Number = range(
        1, 5_000, 50, "Requests at once that each route allows. All routes together allow the sum.",
    );
    tls: Word<Tls> = hardened(
        &["1.2", "1.3"],
        &[Tls::V1_2, Tls::V1_3],
        1,
        "The oldest version of TLS that the API accepts. REST APIs only.",
    );
    logs: Nested<ApiLogs> = table(
        &API_LOGS, "What API Gateway logs. REST APIs only: an HTTP API always writes an access log.",
    );
    tracing: Flag = hardened(
        false, true, "Whether X-Ray traces requests, which costs money. REST APIs only.",
    );
    routes: Nested<Route> = tables(&ROUTE, "The routes that can be called.");
}

section! {
    API_LOGS: ApiLogs = "logs", Choice::Free;
    access: Flag = hardened(
        false, true, "Whether there is a line for each request, without the caller's identity and without contents.",
    );
    execution: Word<ExecutionLog> = hardened(
        &["off", "error", "info"],
        &[ExecutionLog::Off, ExecutionLog::Error, ExecutionLog::Info],
        1,
        "What is logged about the execution of requests. Bodies and tokens never are.",
    );
}

section! {
    ROUTE: Route = "a route", Choice::OneOf(&["pool", "auth"]);
    route: Required = form(
        "^(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|ANY) /\\S*$",
        "A method and a path, as in POST /items/{id} or ANY /files/{proxy+}.",
    );
    function: Required = text("The function that answers.");
    pool: Text = any("The pool whose users may call the route.");
    auth: AuthKey<RouteAuth, Untokened> = of(
        &AUTH,
        &["none", "iam"],
        &[Untokened::Anyone, Untokened::Signed],
        "Instead of a pool: \"iam\" for IAM-signed requests, \"none\" for a route that anyone may call.",
    );
    body: Text = any(
        "The JSON schema (draft 4) for request bodies: a file, relative to the stack file. Without one, any body passes.",
    );
    verify: Flag = or(
        false,
        "Whether `verify` may call the route as a user who is allowed to, although its method is POST, PUT, PATCH, DELETE or ANY. Such calls run the function.",
    );
}

section! {
    AUTH: RouteAuth = "auth", Choice::Free;
    pool: Required = text("The pool whose users may call the route.");
}

section! {
    FIREWALL: Firewall = "firewall", Choice::Free;
    mode: Word<Mode> = of(
        &["count", "allow", "block"],
        &[Mode::Count, Mode::Allow, Mode::Block],
        "count: requests from the addresses are counted and every request passes. allow: only the addresses pass. block: the addresses are blocked.",
    );
    addresses: List = texts("IPv4 and IPv6 networks, as CIDR.");
    rate_per_ip: OptionalNumber = range(
        10, 2_000_000_000, "The most requests of one address in 5 minutes. Above that, the address is blocked.",
    );
    managed_rules: List = hardened_words(
        &managed::WORDS,
        &["ip-reputation:block", "common:block", "known-bad-inputs:block"],
        "AWS's managed rule groups. WAF counts what a group would block, or blocks it with :block.",
    );
    exceptions: Nested<Exceptions> = table(&EXCEPTIONS, "Rules of the managed rule groups that only count.");
    countries: Nested<Countries> = table(&COUNTRIES, "The countries whose addresses are blocked.");
    body_limit_kb: Number = one_of(
        &[16, 32, 48, 64],
        16,
        "How many KB of a body WAF inspects before an API. It charges for more than 16.",
    );
    log: Flag = hardened(
        false,
        true,
        "Whether every request is logged to the log group aws-waf-logs-<stack>, without its authorization and cookie headers.",
    );
    rules: Nested<FirewallRule> = some_tables(
        &FIREWALL_RULE, "Rules of your own, in this order, after all others except the addresses of mode = \"allow\".",
    );
}

section! {
    COUNTRIES: Countries = "countries", Choice::OneKey;
    block: List = texts("Requests from these countries are blocked: codes of two letters, as in \"DE\" (ISO 3166).");
    allow: List = texts("Requests from all other countries are blocked.");
}

section! {
    FIREWALL_RULE: FirewallRule = "a firewall rule", Choice::Free;
    name: Required = form(NAME, "Its name in WAF, in its log and in its metrics.");
    action: Word<FirewallAction> = of(
        &["block", "count", "allow"],
        &[FirewallAction::Block, FirewallAction::Count, FirewallAction::Allow],
        "What happens to a request that meets all conditions below. allow: it passes, and no later rule sees it.",
    );
    path: Text = form(
        "^/\\S*$", "Its path without the stage, as in \"/admin/*\". An asterisk stands for any characters.",
    );
    header: Text = form(
        "^[A-Za-z0-9-]+: ?\\S",
        "A header with its value, as in \"X-Client: beta*\". An asterisk stands for any characters.",
    );
    method: Text = form("^[A-Z]+$", "Its method, as in DELETE.");
    body_over_kb: OptionalNumber = range(1, 64, "Its body is longer than this many KB.");
    label: Text = form(
        "^[0-9A-Za-z_:-]+$", "A managed rule group, or another rule before it, gave it this label.",
    );
    unless_address: List = texts("It comes from none of these IPv4 and IPv6 networks, given as CIDR.");
}

/// The keys of `exceptions` are the names of the managed rule groups, which are no names in Rust.
pub(super) struct Exceptions {
    /// In the order of [`managed::GROUPS`].
    pub groups: [List; managed::GROUPS.len()],
}

pub(super) static EXCEPTIONS: Exceptions = Exceptions {
    groups: [
        List::words("ip-reputation", managed::RULES[0], EXCEPTION),
        List::words("anonymous-ip", managed::RULES[1], EXCEPTION),
        List::words("common", managed::RULES[2], EXCEPTION),
        List::words("known-bad-inputs", managed::RULES[3], EXCEPTION),
        List::words("sqli", managed::RULES[4], EXCEPTION),
    ],
};

const EXCEPTION: &str = "Rules of this group that only count.";

impl Section for Exceptions {
    fn what(&self) -> &'static str {
        "exceptions"
    }

    fn keys(&'static self) -> Vec<&'static Key> {
        self.groups.iter().map(|group| &group.key).collect()
    }

    fn choice(&self) -> Choice {
        Choice::Free
    }
}

section! {
    AUDIT: Audit = "audit", Choice::Free;
    accept: Reasons = of(
        "Controls that may fail, each with the reason, as in { \"Lambda.3\" = \"the functions reach nothing private\" }.",
    );
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::BUILTIN;
    use super::super::field::Holds;
    use super::*;

    /// Every table, each once.
    fn sections() -> Vec<&'static dyn Section> {
        let mut found: Vec<&'static dyn Section> = vec![&ROOT];
        let mut next = 0;
        while let Some(section) = found.get(next).copied() {
            next += 1;
            for key in section.keys() {
                if let Holds::Secrets(_, settings) = key.holds {
                    found.push(settings);
                }
                if let Holds::Table(inner)
                | Holds::Tables(inner)
                | Holds::Named(_, inner)
                | Holds::Variables(inner)
                | Holds::Auth(_, inner)
                | Holds::Secrets(inner, _) = key.holds
                    && !found.iter().any(|known| known.what() == inner.what())
                {
                    found.push(inner);
                }
            }
        }
        found
    }

    /// A line of the commented file: the text as a setting or a heading, without the comment mark before it.
    fn settings() -> impl Iterator<Item = &'static str> {
        BUILTIN.lines().map(|line| line.trim_start_matches(['#', ' ']))
    }

    #[test]
    fn the_commented_file_has_every_key() {
        for section in sections() {
            for key in section.keys() {
                let name = key.name;
                let heading = [format!("[{name}]"), format!("[{name}."), format!(".{name}]]")];
                let written = |line: &str| {
                    line.starts_with(name) && line[name.len()..].trim_start().starts_with('=')
                        || line.contains(&format!("{name} = "))
                        || heading.iter().any(|heading| line.contains(heading.as_str()))
                };
                assert!(settings().any(written), "{name} of {} is not in builtin.toml", section.what());
            }
        }
    }

    #[test]
    fn the_commented_file_has_every_default() {
        for section in sections() {
            for key in section.keys() {
                let Some(default) = key.default() else { continue };
                let written = |line: &str| {
                    // JSON writes lists without spaces.
                    let line = line.split_whitespace().collect::<Vec<_>>().join(" ").replace("\", \"", "\",\"") + " ";
                    [" ", ","].iter().any(|end| line.contains(&format!("{} = {default}{end}", key.name)))
                };
                assert!(settings().any(written), "{} = {default} is not in builtin.toml", key.name);
            }
        }
    }

    #[test]
    fn names_are_as_long_as_the_parser_takes_them() {
        for key in ROOT.keys() {
            let Holds::Named(form, _) = key.holds else { continue };
            let longest = (1..99).rev().find(|length| rules::name(key.name, &"n".repeat(*length)).is_ok());
            let longest = longest.expect("some length is taken");
            assert!(form.ends_with(&format!("{{1,{longest}}}$")), "{}: {form}, {longest}", key.name);
        }
    }

    #[test]
    fn a_default_is_one_of_the_values_that_its_key_takes() {
        for key in sections().iter().flat_map(|section| section.keys()) {
            for default in key.default().into_iter().chain(key.hardened_default()) {
                let fits = match key.holds {
                    Holds::Word(words) => words.iter().any(|word| default == **word),
                    Holds::OneOf(numbers) => numbers.iter().any(|number| default == *number),
                    // The kinds of keys make sure of the rest.
                    _ => true,
                };
                assert!(fits, "{}", key.name);
            }
            let hardened = key.hardened_default();
            assert!(hardened.is_none() || hardened != key.default(), "{}: the posture changes nothing", key.name);
        }
    }

    #[test]
    fn keys_that_exclude_each_other_exist() {
        for section in sections() {
            if let Choice::OneOf(names) = section.choice() {
                let keys: BTreeSet<&str> = section.keys().iter().map(|key| key.name).collect();
                assert!(names.iter().all(|name| keys.contains(name)), "{}", section.what());
            }
        }
    }

    #[test]
    fn the_posture_decides_the_defaults_and_a_given_key_counts_in_either() {
        let pool = |posture: &str, key: &str| {
            let file = format!("[stack]\nname = \"demo\"\nposture = \"{posture}\"\n[pools.Users]\n{key}");
            let stack = super::super::parse(&file).expect("a stack file");
            (stack.posture, stack.pools["Users"].clone())
        };
        let (posture, baseline) = pool("baseline", "");
        assert_eq!((posture, baseline.self_sign_up, baseline.password.minimum_length), (Posture::Baseline, true, 12));
        let (posture, hardened) = pool("hardened", "self_sign_up = true");
        assert_eq!((posture, hardened.self_sign_up, hardened.password.minimum_length), (Posture::Hardened, true, 14));
        assert_eq!((hardened.mfa, hardened.deletion_protection), (Mfa::On, true));
        assert_eq!(baseline.flows, [Flow::Srp, Flow::Password, Flow::AdminPassword]);
        assert_eq!(hardened.flows, [Flow::Srp, Flow::Password]);
        assert_eq!(hardened.threat_protection, ThreatProtection::Enforced);
        assert_eq!((hardened.password.history, hardened.tokens.rotate, hardened.tokens.id_minutes), (24, true, 15));
        assert_eq!((baseline.password.history, baseline.tokens.rotate, baseline.tokens.id_minutes), (0, false, 60));
    }

    #[test]
    fn what_aws_has_for_rest_apis_alone_is_refused_for_http_apis_and_not_set_by_the_posture() {
        use super::super::{ApiLogs, ExecutionLog, Tls};
        let file = |posture: &str, keys: &str| {
            let route = "[[api.routes]]\nroute = \"GET /x\"\nfunction = \"F\"\nauth = \"none\"\n";
            let head = format!("[stack]\nname = \"demo\"\nposture = \"{posture}\"\n[functions.F]\nsource = \"f\"\n");
            super::super::parse(&format!("{head}[api]\n{keys}\n{route}"))
        };
        let api = |posture: &str, keys: &str| file(posture, keys).expect("a stack file").api.expect("an API");
        let seen = |api: super::super::Api| (api.tls, api.logs, api.tracing);
        let errors = ApiLogs { access: true, execution: ExecutionLog::Error };
        assert_eq!(seen(api("baseline", "")), (Tls::V1_2, ApiLogs::NONE, false));
        assert_eq!(seen(api("hardened", "")), (Tls::V1_3, errors, true));
        assert_eq!(seen(api("hardened", "kind = \"http\"")), (Tls::V1_2, ApiLogs::NONE, false));
        let kept = api("hardened", "tls = \"1.2\"\nlogs = { access = false }\ntracing = false");
        assert_eq!(seen(kept), (Tls::V1_2, ApiLogs { access: false, ..errors }, false));
        for key in ["tls = \"1.2\"", "logs = { access = true }", "tracing = false"] {
            let mistakes = file("baseline", &format!("kind = \"http\"\n{key}")).expect_err("refused");
            let name = key.split(' ').next().expect("a name");
            assert!(mistakes.iter().any(|one| one.message.starts_with(&format!("`{name}`: "))), "{mistakes:?}");
        }
    }

    /// The code that reads a stack file takes names and defaults from this table: a literal would be a second place.
    #[test]
    fn the_reading_code_names_no_key_in_a_literal() {
        let sources = [
            include_str!("reader.rs"),
            include_str!("file/mod.rs"),
            include_str!("file/functions.rs"),
            include_str!("file/identity.rs"),
            include_str!("file/api.rs"),
        ];
        let names: BTreeSet<&str> = sections().iter().flat_map(|section| section.keys()).map(|key| key.name).collect();
        for source in sources {
            for line in source.lines().filter(|line| !line.trim_start().starts_with("//")) {
                for literal in line.split('"').skip(1).step_by(2) {
                    assert!(!names.contains(literal), "the literal \"{literal}\" is a key: {}", line.trim());
                }
            }
        }
    }
}

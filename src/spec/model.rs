//! A stack as its file describes it, with all defaults. Nothing is checked against AWS. Lists keep the file's order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use ipnet::IpNet;

#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// 1 to 24 of a-z, 0-9 and -, beginning with a letter.
    pub name: String,
    /// The ARN of the managed policy that is the permissions boundary of every role of the stack.
    pub permissions_boundary: Option<String>,
    pub posture: Posture,
    pub topics: BTreeMap<String, Topic>,
    /// By name. A secret is a JSON object; for each of its keys, this is the source of the value.
    pub secrets: BTreeMap<String, BTreeMap<String, Value>>,
    /// The settings of these secrets, by their names.
    pub secret_settings: BTreeMap<String, SecretSettings>,
    pub functions: BTreeMap<String, Function>,
    pub pools: BTreeMap<String, Pool>,
    /// Programs that sign in to a pool, by name. A secret of the same name holds the username and the password.
    pub service_users: BTreeMap<String, ServiceUser>,
    pub identity_pools: BTreeMap<String, IdentityPool>,
    pub api: Option<Api>,
    pub apis: BTreeMap<String, Api>,
    pub firewall: Option<Firewall>,
    /// The controls of `audit` that may fail, by id, each with the reason.
    pub accepted: BTreeMap<String, String>,
}

/// Which defaults the stack file's keys have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Posture {
    /// Those of the tutorial.
    #[default]
    Baseline,
    /// Those that auditors expect. Some of them cost money.
    Hardened,
}

impl Stack {
    /// All APIs with their names. The API without a name is first.
    pub fn all_apis(&self) -> impl Iterator<Item = (Option<&str>, &Api)> {
        let further = self.apis.iter().map(|(name, api)| (Some(name.as_str()), api));
        self.api.iter().map(|api| (None, api)).chain(further)
    }

    /// All routes of all APIs, each with its place in the file: `routes.0` or `apis.Age.routes.0`.
    pub fn all_routes(&self) -> impl Iterator<Item = (String, &Route)> {
        self.all_apis().flat_map(|(name, api)| {
            let within = name.map(|name| format!("apis.{name}.")).unwrap_or_default();
            api.routes.iter().enumerate().map(move |(index, route)| (format!("{within}routes.{index}"), route))
        })
    }

    /// The routes that an identity pool's credentials open, each with its API. Entries that lead nowhere are left out;
    /// reading the file reports them.
    pub fn opened<'a>(&'a self, invokes: &'a [Invoke]) -> impl Iterator<Item = (&'a Invoke, &'a Api, &'a Route)> {
        invokes.iter().filter_map(|invoke| {
            let (_, api) = self.all_apis().find(|(name, _)| *name == invoke.api.as_deref())?;
            let route = api.routes.iter().find(|route| route.name() == invoke.route)?;
            Some((invoke, api, route))
        })
    }

    /// The names of the queues that receive events of functions.
    pub fn queues(&self) -> BTreeSet<&String> {
        self.functions.values().filter_map(|function| function.on_failure.as_ref()).collect()
    }

    /// The limits of all routes of all APIs together. A stage's limits apply to each route separately.
    pub fn throughput(&self) -> Throughput {
        self.all_apis().fold(Throughput::default(), |sum, (_, api)| {
            let routes = u64::try_from(api.routes.len()).unwrap_or(u64::MAX);
            Throughput {
                routes: sum.routes + routes,
                rate: sum.rate + u64::from(api.rate_limit) * routes,
                burst: sum.burst + u64::from(api.burst_limit) * routes,
            }
        })
    }
}

/// The limits of several routes together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Throughput {
    pub routes: u64,
    /// Requests per second.
    pub rate: u64,
    /// Requests at once.
    pub burst: u64,
}

/// What the stack file says of a secret beside its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretSettings {
    /// Reading is denied to everybody but the functions that may read it, and everything to other accounts.
    pub resource_policy: bool,
    /// With a resource policy: the ARNs of the roles and users that may do more than read; empty for everybody.
    pub administrators: Vec<String>,
    pub rotation: Option<Rotation>,
}

/// How a secret's value is replaced regularly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The function of the stack that does it.
    pub function: String,
    /// 1 to 1000.
    pub days: u32,
}

/// A topic's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Messages that are published without TLS are denied.
    pub tls_only: bool,
    /// 1 for SHA-1, 2 for SHA-256.
    pub signature_version: u8,
    /// SNS sends traces to X-Ray.
    pub tracing: bool,
}

/// The source of a secret's value, but never the value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// The ARN of this topic of the stack.
    Topic(String),
    /// This variable of the environment in which `up` runs.
    Env(String),
    /// `up` asks for it at the terminal when it writes the secret.
    Prompt,
    /// `up` generates this many characters.
    Generate(u16),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// The folder of its source, relative to the stack file.
    pub source: PathBuf,
    /// The topic whose messages call the function.
    pub trigger: Option<String>,
    /// The secrets it may read.
    pub secrets: Vec<String>,
    /// The topics it may publish to.
    pub publishes: Vec<String>,
    pub runtime: String,
    /// The file without its extension, a dot, and the function.
    pub handler: String,
    /// `arm64` or `x86_64`.
    pub architecture: String,
    /// 128 to 10,240.
    pub memory_mb: u32,
    /// 1 to 900.
    pub timeout_s: u32,
    /// How many executions are reserved for it, 1 to 10,000.
    pub reserved_concurrency: Option<u32>,
    /// Whether it sends traces to X-Ray.
    pub tracing: bool,
    /// One of the values that CloudWatch Logs allows.
    pub log_retention_days: u32,
    /// `None`: the stack file says nothing about it.
    pub vpc: Option<Vpc>,
    /// The name of the queue that receives the events of asynchronous calls that failed.
    pub on_failure: Option<String>,
    pub environment: BTreeMap<String, Variable>,
}

/// The network that a function runs in. Both lists are empty for a function in no VPC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vpc {
    /// Up to 16 ids, as in `subnet-0a1b2c3d4e5f60718`.
    pub subnets: Vec<String>,
    /// Up to 5 ids, as in `sg-0a1b2c3d4e5f60718`.
    pub security_groups: Vec<String>,
}

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    Text(String),
    /// The id of this user pool.
    PoolId(String),
    /// The id of this user pool's app client.
    ClientId(String),
    /// The id of this identity pool.
    IdentityPoolId(String),
    /// The beginning of the URLs of this API's routes.
    Url(String),
}

/// A program that signs in to a user pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceUser {
    pub pool: String,
    /// Reading its secret is denied to everybody but the functions that may read it.
    pub resource_policy: bool,
}

/// Temporary credentials for a pool's users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityPool {
    pub pool: String,
    /// The routes that the credentials may call. They allow nothing else.
    pub invokes: Vec<Invoke>,
}

/// A reference to a route, as in `Age GET /age`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoke {
    /// The API's name; `None` for the API without a name.
    pub api: Option<String>,
    pub route: String,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKind {
    /// Can validate bodies and have a firewall.
    Rest,
    /// Costs less, but cannot validate bodies or have a firewall.
    Http,
}

/// The oldest version of TLS that an API accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    V1_2,
    V1_3,
}

/// What API Gateway logs about the execution of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutionLog {
    Off,
    Error,
    Info,
}

/// What the stage of a REST API logs. The stage of an HTTP API always logs every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiLogs {
    /// A line for each request.
    pub access: bool,
    pub execution: ExecutionLog,
}

impl ApiLogs {
    pub const NONE: Self = Self { access: false, execution: ExecutionLog::Off };

    /// Whether anything is logged, for which API Gateway needs a role.
    pub fn any(self) -> bool {
        self != Self::NONE
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Api {
    pub kind: ApiKind,
    /// The stage's name, which is the first part of every route's path.
    pub stage: String,
    /// Requests per second that each route allows.
    pub rate_limit: u32,
    /// Requests at once that each route allows.
    pub burst_limit: u32,
    /// TLS 1.2 for HTTP APIs, whose own policy is AWS's.
    pub tls: Tls,
    /// None for HTTP APIs.
    pub logs: ApiLogs,
    /// Whether X-Ray traces requests. Never for HTTP APIs.
    pub tracing: bool,
    pub routes: Vec<Route>,
}

/// A method on a path.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// As in `POST`.
    pub method: String,
    /// As in `/items/{id}`.
    pub path: String,
    /// The function that answers.
    pub function: String,
    /// Who may call the route.
    pub auth: Auth,
    /// The file with the JSON schema of request bodies, relative to the stack file.
    pub body: Option<PathBuf>,
    /// Whether `verify` may call it as somebody who is allowed to, even if its method changes data.
    pub verify: bool,
}

impl Route {
    /// As in `POST /lambda1`.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether `verify` may send requests that reach its function.
    pub fn may_be_called(&self) -> bool {
        self.verify || ["GET", "HEAD", "OPTIONS"].contains(&self.method.as_str())
    }
}

/// Who may call a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Users of this pool, by their ID tokens.
    Pool(String),
    /// IAM-signed requests.
    Iam,
    /// Anyone. It is never the default.
    None,
}

/// The web ACL on the API's stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Firewall {
    pub mode: Mode,
    /// Networks. A single address is a network of one host.
    pub addresses: Vec<IpNet>,
    /// The most requests of one address in five minutes. Above that, WAF blocks the address.
    pub rate_per_ip: Option<u32>,
    pub managed_rules: Vec<ManagedRule>,
    pub countries: Option<Countries>,
    /// How much of a body WAF inspects before an API, in KB: 16, 32, 48 or 64.
    pub body_limit_kb: u32,
    /// Every request is logged.
    pub log: bool,
    /// In the order of evaluation.
    pub rules: Vec<FirewallRule>,
}

impl Firewall {
    /// Whether it blocks any request.
    pub fn blocks(&self) -> bool {
        // Without addresses, the mode `block` blocks nobody.
        let addresses = match self.mode {
            Mode::Count => false,
            Mode::Allow => true,
            Mode::Block => !self.addresses.is_empty(),
        };
        addresses || self.may_block_anyone()
    }

    /// Whether it blocks requests by other rules than that on its addresses.
    pub fn may_block_anyone(&self) -> bool {
        self.rate_per_ip.is_some()
            || self.managed_rules.iter().any(|group| group.block)
            || self.countries.is_some()
            || self.rules.iter().any(|rule| rule.action == FirewallAction::Block)
    }
}

/// Whose addresses are blocked, by country.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Countries {
    /// Codes of two letters, sorted.
    pub codes: Vec<String>,
    /// All countries except these are blocked, instead of these.
    pub all_others: bool,
}

/// A rule of the stack's own. It matches a request that meets all of its conditions; there is at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct FirewallRule {
    pub name: String,
    pub action: FirewallAction,
    /// Without the stage; `*` stands for any characters.
    pub path: Option<String>,
    /// Its name in lower case, and its value, in which `*` stands for any characters.
    pub header: Option<(String, String)>,
    pub method: Option<String>,
    pub body_over_kb: Option<u32>,
    pub label: Option<String>,
    pub unless_address: Vec<IpNet>,
}

impl FirewallRule {
    pub fn has_conditions(&self) -> bool {
        let Self { name: _, action: _, path, header, method, body_over_kb, label, unless_address } = self;
        let texts = [path.is_some(), header.is_some(), method.is_some(), body_over_kb.is_some(), label.is_some()];
        texts.contains(&true) || !unless_address.is_empty()
    }
}

/// What a rule of the stack's own does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirewallAction {
    Block,
    Count,
    /// Lets the request pass. No later rule sees it.
    Allow,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedRule {
    /// The short name in the stack file.
    pub name: String,
    /// Whether WAF blocks what the group matches, or only counts it.
    pub block: bool,
    /// Rules of the group that only count.
    pub exceptions: Vec<String>,
}

/// How the firewall uses its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Requests from them are counted, and every request passes.
    Count,
    /// Only requests from them pass.
    Allow,
    /// Requests from them are blocked.
    Block,
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_throughput_is_the_sum_of_each_route_with_the_limits_of_its_stage() {
        let route = |api: &str, path: &str| {
            format!("[[{api}.routes]]\nroute = \"GET {path}\"\nfunction = \"F\"\nauth = \"none\"\n")
        };
        let file = [
            "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n",
            "[api]\nrate_limit = 30\nburst_limit = 7\n",
            &route("api", "/a"),
            &route("api", "/b"),
            &route("api", "/c"),
            "[apis.Other]\nkind = \"http\"\n",
            &route("apis.Other", "/a"),
        ];
        let throughput = crate::spec::parse(&file.concat()).expect("it is sound").throughput();
        assert_eq!(throughput, super::Throughput { routes: 4, rate: 3 * 30 + 50, burst: 3 * 7 + 50 });
        let none = crate::spec::parse("[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n");
        assert_eq!(none.expect("it is sound").throughput(), super::Throughput::default());
    }
}

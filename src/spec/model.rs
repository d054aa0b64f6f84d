//! What a stack is, as the stack file says it: every default filled in, nothing checked against AWS. Order is the file's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use ipnet::IpNet;

/// A whole stack.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// 1 to 24 of a-z, 0-9 and -, beginning with a letter.
    pub name: String,
    /// The ARN of a managed policy that bounds what every role of the stack may do, whatever its own policies say.
    pub permissions_boundary: Option<String>,
    /// Topics; one has no settings but its name.
    pub topics: BTreeSet<String>,
    /// Secrets by name: for each key of their JSON value, where it comes from.
    pub secrets: BTreeMap<String, BTreeMap<String, Value>>,
    /// Functions by name.
    pub functions: BTreeMap<String, Function>,
    /// User pools by name.
    pub pools: BTreeMap<String, Pool>,
    /// Programs that sign in to a pool, by name; a secret of the same name has the name and password.
    pub service_users: BTreeMap<String, ServiceUser>,
    /// Identity pools by name.
    pub identity_pools: BTreeMap<String, IdentityPool>,
    /// The API, if there is one.
    pub api: Option<Api>,
    /// Further APIs, by name.
    pub apis: BTreeMap<String, Api>,
    /// The firewall in front of the API, if there is one.
    pub firewall: Option<Firewall>,
}

impl Stack {
    /// All APIs, the one without a name first.
    pub fn all_apis(&self) -> impl Iterator<Item = (Option<&str>, &Api)> {
        let further = self.apis.iter().map(|(name, api)| (Some(name.as_str()), api));
        self.api.iter().map(|api| (None, api)).chain(further)
    }

    /// All routes of all APIs, each with its place in the file, as in `routes.0` or `apis.Age.routes.0`.
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

    /// What the routes of all APIs let through together: a stage's limits hold for each route by itself.
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

/// What several routes let through together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Throughput {
    /// How many routes.
    pub routes: u64,
    /// Requests a second.
    pub rate: u64,
    /// Requests at once.
    pub burst: u64,
}

/// Where a secret's value comes from. Never the value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// The ARN of this topic of the stack.
    Topic(String),
    /// This variable of the environment `up` runs in.
    Env(String),
    /// The person at the terminal, asked by `up` when it is to be written.
    Prompt,
    /// Made up by `up`: this many characters.
    Generate(u16),
}

/// A function.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// The folder of its source, beside the stack file.
    pub source: PathBuf,
    /// The topic whose messages call it.
    pub trigger: Option<String>,
    /// The secrets it may read.
    pub secrets: Vec<String>,
    /// The topics it may publish to.
    pub publishes: Vec<String>,
    /// As Lambda calls it.
    pub runtime: String,
    /// `file.function`.
    pub handler: String,
    /// `arm64` or `x86_64`.
    pub architecture: String,
    /// 128 to 10,240.
    pub memory_mb: u32,
    /// 1 to 900.
    pub timeout_s: u32,
    /// One of the values CloudWatch Logs allows.
    pub log_retention_days: u32,
    /// Environment variables that are not secret.
    pub environment: BTreeMap<String, Variable>,
}

/// What an environment variable holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// This text.
    Text(String),
    /// The id of this user pool.
    PoolId(String),
    /// The id of this user pool's app client.
    ClientId(String),
    /// The id of this identity pool.
    IdentityPoolId(String),
    /// What the URLs of this API's routes begin with.
    Url(String),
}

/// A program that signs in to a user pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceUser {
    /// The pool.
    pub pool: String,
}

/// Temporary credentials for a pool's users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityPool {
    /// The user pool.
    pub pool: String,
    /// The routes that the credentials open, and nothing else.
    pub invokes: Vec<Invoke>,
}

/// A route of an API, as in `Age GET /age`; without a name it is the API that has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoke {
    /// The API's name.
    pub api: Option<String>,
    /// As in `GET /age`.
    pub route: String,
}

/// A user pool and its one app client.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// The name of the API's authorizer for it.
    pub authorizer: String,
    /// What its passwords must be.
    pub password: Password,
    /// Whether people may register themselves.
    pub self_sign_up: bool,
    /// Whether a second factor is asked for.
    pub mfa: Mfa,
    /// Whether AWS refuses to delete it.
    pub deletion_protection: bool,
}

/// What a pool's passwords must be.
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
}

/// Whether a second factor is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mfa {
    /// No.
    Off,
    /// If the user has set one up.
    Optional,
    /// Always.
    On,
}

/// Which of API Gateway's APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKind {
    /// A REST API: checks bodies, and a firewall can stand before it.
    Rest,
    /// An HTTP API: smaller, cheaper, and no firewall can stand before it.
    Http,
}

/// An API.
#[derive(Debug, Clone, PartialEq)]
pub struct Api {
    /// Which kind.
    pub kind: ApiKind,
    /// The stage's name, which is the first part of every route's path.
    pub stage: String,
    /// Requests a second that each route lets through.
    pub rate_limit: u32,
    /// Requests at once that each route lets through.
    pub burst_limit: u32,
    /// In the file's order.
    pub routes: Vec<Route>,
}

/// One method on one path.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// As in `POST`.
    pub method: String,
    /// As in `/items/{id}`.
    pub path: String,
    /// The function that answers.
    pub function: String,
    /// Who may call.
    pub auth: Auth,
    /// The JSON schema that a body must satisfy, beside the stack file.
    pub body: Option<PathBuf>,
}

impl Route {
    /// `POST /lambda1`.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// Who may call a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Who holds an ID token of this pool.
    Pool(String),
    /// Who signs as someone that IAM allows to.
    Iam,
    /// Anyone. Never by default.
    None,
}

/// The web ACL on the API's stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Firewall {
    /// What the addresses are for.
    pub mode: Mode,
    /// Networks; an address is one of a single host.
    pub addresses: Vec<IpNet>,
    /// Requests of one address in five minutes, over which it is blocked.
    pub rate_per_ip: Option<u32>,
    /// AWS's own rule groups.
    pub managed_rules: Vec<ManagedRule>,
}

/// One of AWS's own rule groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedRule {
    /// Our short name for it.
    pub name: String,
    /// What its rules say is done; else it is only counted.
    pub block: bool,
}

/// What the firewall's addresses are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are counted; everyone passes. The tutorial's.
    Count,
    /// Only they pass.
    Allow,
    /// They are blocked.
    Block,
}

#[cfg(test)]
mod tests {
    #[test]
    fn routes_add_up_and_each_counts_with_its_own_stages_limits() {
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

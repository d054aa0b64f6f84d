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
    /// Topics have no settings.
    pub topics: BTreeSet<String>,
    /// By name. A secret is a JSON object; for each of its keys, this is the source of the value.
    pub secrets: BTreeMap<String, BTreeMap<String, Value>>,
    pub functions: BTreeMap<String, Function>,
    pub pools: BTreeMap<String, Pool>,
    /// Programs that sign in to a pool, by name. A secret of the same name holds the username and the password.
    pub service_users: BTreeMap<String, ServiceUser>,
    pub identity_pools: BTreeMap<String, IdentityPool>,
    pub api: Option<Api>,
    pub apis: BTreeMap<String, Api>,
    pub firewall: Option<Firewall>,
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
    /// One of the values that CloudWatch Logs allows.
    pub log_retention_days: u32,
    pub environment: BTreeMap<String, Variable>,
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

#[derive(Debug, Clone, PartialEq)]
pub struct Api {
    pub kind: ApiKind,
    /// The stage's name, which is the first part of every route's path.
    pub stage: String,
    /// Requests per second that each route allows.
    pub rate_limit: u32,
    /// Requests at once that each route allows.
    pub burst_limit: u32,
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
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedRule {
    /// The short name in the stack file.
    pub name: String,
    /// Whether WAF blocks what the group matches, or only counts it.
    pub block: bool,
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

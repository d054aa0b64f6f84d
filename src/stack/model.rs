//! What a stack is, as the stack file says it: every default filled in, nothing checked against AWS. Order is the file's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use ipnet::IpNet;

/// A whole stack.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// 1 to 24 of a-z, 0-9 and -, beginning with a letter.
    pub name: String,
    /// Topics; one has no settings but its name.
    pub topics: BTreeSet<String>,
    /// Secrets by name: for each key of their JSON value, where it comes from.
    pub secrets: BTreeMap<String, BTreeMap<String, Value>>,
    /// Functions by name.
    pub functions: BTreeMap<String, Function>,
    /// User pools by name.
    pub pools: BTreeMap<String, Pool>,
    /// The API, if there is one.
    pub api: Option<Api>,
    /// The firewall in front of the API, if there is one.
    pub firewall: Option<Firewall>,
}

/// Where a secret's value comes from. Never the value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// The ARN of this topic of the stack.
    Topic(String),
    /// This variable of the environment `up` runs in.
    Env(String),
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
    pub environment: BTreeMap<String, String>,
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

/// The REST API.
#[derive(Debug, Clone, PartialEq)]
pub struct Api {
    /// The stage's name, which is the first part of every route's path.
    pub stage: String,
    /// Requests a second, the whole stage.
    pub rate_limit: u32,
    /// Requests at once, the whole stage.
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
    /// AWS's own rule groups, by short name.
    pub managed_rules: Vec<String>,
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

//! What the user wrote: the stack file, read and checked. Pure: no call, no clock, no terminal.
//!
//! `file` reads a file with the help of `reader`, by the declarations of all keys in `keys`; `check`, `rules` and
//! `sizes` find mistakes; `model` is the result. What follows from a stack at AWS is in [`topology`](crate::topology).

mod allow_ip;
pub mod blueprints;
mod body_schema;
mod check;
mod countries;
mod diagnostic;
mod field;
mod file;
mod keys;
pub mod managed;
mod model;
pub mod names;
pub mod policies;
mod reader;
#[cfg(test)]
mod reference;
mod rules;
mod schema;
mod sizes;

pub use allow_ip::{Unwritable, allow};
pub use body_schema::check_body_schema;
pub use diagnostic::{Diagnostic, SpanMap, conceal};
pub use file::{parse, read};
pub use model::{
    Api, ApiKind, ApiLogs, Auth, Countries, ExecutionLog, Firewall, FirewallAction, FirewallRule, Flow, Function,
    IdentityPool, Invoke, ManagedRule, Mfa, Mode, Password, Plan, Pool, Posture, Rotation, Route, SecretSettings,
    ServiceUser, Stack, ThreatProtection, Throughput, Tls, Tokens, Topic, Value, Variable,
};
pub use rules::{
    deprecated_on, newest_runtime, policy_arn as check_boundary, secret_variable, stack_name as check_name,
};
pub use schema::json_schema;
pub use sizes::MAX_SECRET;

/// The stack file of the built-in stack, which is used if there is no stack file.
pub const BUILTIN: &str = include_str!("builtin.toml");

//! WHAT: the stack as wanted. Pure: no client, no clock, no terminal. `model` is what a stack file can say, `file` reads
//! one, and `desired` turns it into the graph of AWS resources, box by box as in the README's drawing.

mod api;
mod check;
pub mod cleanup;
mod edge;
mod file;
mod functions;
mod identity;
mod messaging;
mod model;
pub mod policies;
mod rules;

use crate::bundle::Bundles;
use crate::engine::Graph;
use crate::scope::Scope;
use crate::secret::Hidden;

pub use file::{Mistake, parse};
pub use model::{Api, Auth, Firewall, Function, Mfa, Mode, Password, Pool, Route, Stack, Value};

/// Whether a stack can have this name; why not, if it cannot.
pub fn check_name(name: &str) -> Result<(), String> {
    rules::stack_name(name)
}

/// The day, as in `2028-04-30`, from which Lambda no longer patches this runtime, where it is known.
pub fn deprecated_on(runtime: &str) -> Option<&'static str> {
    rules::deprecated_on(runtime)
}

/// The stack that is built where there is no stack file.
pub const BUILTIN: &str = include_str!("builtin.toml");

/// Values that come from outside the stack file, by secret and key. In memory only.
pub type HiddenValues = std::collections::BTreeMap<(String, String), Hidden>;

/// Everything that should exist for `stack` in `scope`.
pub fn desired(stack: &Stack, scope: &Scope, bundles: &Bundles, hidden: &HiddenValues) -> Graph {
    let mut graph = Graph::default();
    let topics = messaging::topics(&mut graph, stack, scope);
    let secrets = messaging::secrets(&mut graph, stack, scope, &topics, hidden);
    let functions = functions::functions(&mut graph, stack, scope, bundles, &topics, &secrets);
    let pools = identity::pools(&mut graph, stack, scope);
    let firewall = edge::firewall(&mut graph, stack, scope);
    if let Some(wanted) = &stack.api {
        api::api(&mut graph, wanted, stack, scope, bundles, &functions, &pools, firewall);
    }
    graph
}

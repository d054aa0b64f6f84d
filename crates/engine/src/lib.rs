//! The engine of securelambda. It brings resources to their desired state and removes them again. It knows neither AWS
//! nor the terminal.
//!
//! A [`Graph`] holds descriptions of resources. An edge is data: one description takes another resource's outputs.
//! [`refresh`](refresh::refresh) reads everything that exists and compares it with the descriptions. The [`Plan`] lists
//! the changes that a run would make. [`apply`](apply::apply) creates, updates and replaces each resource as soon as
//! its dependencies are ready, and [`Removal`] deletes all resources. Both are run by one scheduler, a loop that owns
//! the state, the schedule and the events. The tasks that it spawns only return values.
//!
//! Three guarantees hold at every moment, so the process can be killed at any moment:
//! 1. Before a call that creates a resource, the intent and the key for finding the resource are on disk.
//! 2. A result is on disk before anything that needs it starts.
//! 3. If the outcome of a create call is not known, the engine looks for the resource before it repeats the call.
//!
//! Start reading in `apply.rs`, then `scheduler.rs`.

mod apply;
mod bring;
mod comparison;
mod delete;
mod dyn_provider;
mod event;
mod existing;
mod failure;
mod graph;
mod inventory;
mod order;
pub mod owner;
mod plan;
mod reads;
mod refresh;
mod removal;
mod resource;
mod save;
mod scheduler;
mod spared;
pub mod state;
mod tags;
mod targets;
mod task;
mod workers;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use apply::apply;
pub use comparison::{Comparison, Drift, Effect, Setting};
pub use delete::delete;
pub use dyn_provider::Registry;
pub use event::{Event, NotSaved, Outcome, Summary, Verb};
pub use existing::{Existing, Seen};
pub use failure::{Cause, Failure, Refusal, ServiceError, Shown};
pub use graph::{Deferred, Graph, Handle, Needs};
pub use inventory::{Inventory, InventoryItem, Leftover, Listing, Unread, list_all};
pub use order::Cleanup;
pub use plan::{Change, Plan};
pub use refresh::{ReadResult, Refresh, refresh};
pub use removal::{LINGERS, Removal, Removed};
pub use resource::{Does, Found, Lag, Provider, Resource};
pub use scheduler::Run;
pub use spared::Spared;
pub use tags::{Retag, Tags};
pub use targets::{FoundTargets, Target, UnreadTarget, add_listed, read_again, retry, targets, unwanted_targets};
pub use task::{CancellationToken, StopLevel, Task, TimeScale};

/// The name and version of this program, as states, plans and reports record it.
pub const TOOL: &str = concat!("securelambda ", env!("CARGO_PKG_VERSION"));

/// A resource's name within the stack: its type and its name in the stack file, as in `function.ExternalLambda1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(String);

impl Id {
    /// `function` and `ExternalLambda1` give `function.ExternalLambda1`.
    pub fn new(what: &str, name: &str) -> Self {
        Self(format!("{what}.{name}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The type, and the name in the stack file.
    pub fn parts(&self) -> (&str, &str) {
        self.0.split_once('.').unwrap_or((&self.0, ""))
    }
}

impl From<String> for Id {
    fn from(id: String) -> Self {
        Self(id)
    }
}

impl From<&str> for Id {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

//! The engine of securelambda. It brings what exists to its desired state, and removes it again. Knows resources, and neither AWS nor the terminal.
//!
//! A [`Graph`] holds descriptions of resources. An edge is data: one description takes another resource's outputs.
//! [`refresh`](refresh::refresh) reads everything that exists and compares it with the descriptions; the [`Plan`] says
//! what would be done. [`apply`](apply::apply) creates, updates and replaces each resource as soon as its dependencies
//! are ready, and [`Removal`] deletes them until nothing is left. Both are steps of one scheduler, a loop that owns the
//! state, the schedule and the events; the tasks that it spawns only return values.
//!
//! Three promises hold at every instant, so that the process may be killed at any of them:
//! 1. The intent to create, with the key to look it up by, is on disk before the call that creates.
//! 2. A result is on disk before anything that needs it starts.
//! 3. A create whose outcome is not known is looked up before it is tried again.
//!
//! Start reading in `apply.rs`, then `scheduler.rs`.

mod apply;
mod bring;
mod delete;
mod dyn_provider;
mod event;
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
pub mod state;
mod targets;
mod task;
mod workers;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use apply::apply;
pub use delete::delete;
pub use dyn_provider::Registry;
pub use event::{Event, NotSaved, Outcome, Summary, Verb};
pub use failure::{Cause, Failure, Refusal, ServiceError, Shown};
pub use graph::{Deferred, Graph, Handle, Needs};
pub use inventory::{Inventory, InventoryItem, Leftover, Listing, Unread, list_all};
pub use order::Cleanup;
pub use plan::{Change, Plan};
pub use refresh::{ReadResult, Refresh, refresh};
pub use removal::{LINGERS, Removal, Removed};
pub use resource::{Does, Drift, Found, Lag, Provider, Resource};
pub use scheduler::Run;
pub use targets::{FoundTargets, Target, UnreadTarget, add_listed, look_again, retry, targets, unwanted_targets};
pub use task::{CancellationToken, StopLevel, Task, TimeScale};

/// A resource's name within the stack: what it is and what the stack file calls it, as in `function.ExternalLambda1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(String);

impl Id {
    /// `function` and `ExternalLambda1` give `function.ExternalLambda1`.
    pub fn new(what: &str, name: &str) -> Self {
        Self(format!("{what}.{name}"))
    }

    /// The whole of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it is, and what the stack file calls it.
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

//! The events of a run, and its summary. Reporters decide how to show them.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::Id;
use super::comparison::Drift;
use super::failure::Failure;

/// An operation on a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    Read,
    Create,
    Update,
    Delete,
}

/// How the work on a resource ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    Created,
    /// The resource existed already and belongs to the stack, but the state did not contain it.
    Adopted,
    /// The settings in `drift` were changed.
    Updated {
        drift: Vec<Drift>,
    },
    Unchanged,
    Deleted,
    /// AWS deleted the resource together with its parent.
    WentWithParent,
}

/// Something that happened during a run.
#[derive(Debug, Clone)]
pub enum Event {
    /// A run began.
    Began {
        /// The number of resources. Each of them ends as done, failed or skipped, unless the run is stopped.
        total: usize,
    },
    /// Work on a resource began.
    Started { id: Id, verb: Verb },
    /// Work on a resource is waiting.
    Noted {
        id: Id,
        /// The reason for waiting.
        why: String,
    },
    /// Work on a resource succeeded.
    Done { id: Id, outcome: Outcome, elapsed: Duration },
    /// Work on a resource failed.
    Failed { id: Id, failure: Failure, elapsed: Duration },
    /// Work on a resource was not started, because another resource failed.
    Skipped {
        id: Id,
        /// The resource whose failure is the cause.
        because: Id,
    },
    /// The services' lists show resources of the stack that neither the graph nor the state contains. They are removed
    /// too.
    FoundByTag { ids: Vec<Id> },
    /// A deleted resource is still listed. The run waits at most `for_up_to` until it is no longer listed.
    StillListed { id: Id, for_up_to: Duration },
    /// The run starts nothing more and waits for calls in flight.
    Draining,
}

/// How a run ended.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// The resources whose work succeeded, in the order in which it ended.
    pub done: Vec<(Id, Outcome)>,
    pub failed: Vec<(Id, Failure)>,
    /// The resources that were not started, each with the resource whose failure is the cause.
    pub skipped: Vec<(Id, Id)>,
    /// The run was asked to stop before it was complete.
    pub stopped: bool,
    /// The run was asked to stop a second time and ended without waiting for calls in flight.
    pub abandoned: bool,
    /// The resources whose calls were in flight when the run ended. The state records these calls as started, and the
    /// next run checks their results.
    pub unanswered: Vec<Id>,
    /// A save of the state failed, so the run started nothing more.
    pub save_error: Option<NotSaved>,
}

/// A failed save of the state, and the results that are not on disk.
#[derive(Debug, Clone)]
pub struct NotSaved {
    pub message: String,
    /// The action that the user can take.
    pub hint: String,
    /// The resources whose outputs are not on disk, with these outputs. Empty if a later save succeeded.
    pub made: Vec<(Id, Value)>,
}

impl Summary {
    /// Whether everything was done.
    pub fn succeeded(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty() && !self.stopped && self.save_error.is_none()
    }

    /// Adds the summary of a later part of the same run.
    pub fn merge(&mut self, other: Self) {
        self.done.extend(other.done);
        self.failed.extend(other.failed);
        self.skipped.extend(other.skipped);
        self.stopped |= other.stopped;
        self.abandoned |= other.abandoned;
        self.unanswered.extend(other.unanswered);
        self.save_error = self.save_error.take().or(other.save_error);
    }

    /// The number of resources with an outcome for which `like` returns `true`.
    pub fn count(&self, like: impl Fn(&Outcome) -> bool) -> usize {
        self.done.iter().filter(|(_, outcome)| like(outcome)).count()
    }
}

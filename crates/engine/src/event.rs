//! What happened, as facts in the past tense. Reporters decide what they look like.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::Id;
use super::failure::Failure;
use super::resource::Drift;

/// What is being done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Reading it.
    Read,
    /// Making it.
    Create,
    /// Putting right what differs.
    Update,
    /// Removing it.
    Delete,
}

/// What became of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// Made in this run.
    Created,
    /// It was there and ours, though the state file did not know.
    Adopted,
    /// These settings were put right.
    Updated {
        /// What had differed.
        drift: Vec<Drift>,
    },
    /// As wanted already.
    Unchanged,
    /// Removed in this run.
    Deleted,
    /// Was not there to be removed.
    Gone,
    /// Went with what it hung under.
    WentWithParent,
}

/// One fact.
#[derive(Debug, Clone)]
pub enum Event {
    /// This many resources are to be changed.
    Began {
        /// How many lines a reporter can expect to see done, failed or skipped.
        total: usize,
    },
    /// Work on a resource began.
    Started {
        /// Which.
        id: Id,
        /// To do what.
        verb: Verb,
    },
    /// It is waiting, and this is why.
    Noted {
        /// Which.
        id: Id,
        /// What it waits for.
        why: String,
    },
    /// Work on a resource ended well.
    Done {
        /// Which.
        id: Id,
        /// How.
        outcome: Outcome,
        /// In which time.
        elapsed: Duration,
    },
    /// Work on a resource failed.
    Failed {
        /// Which.
        id: Id,
        /// Why.
        failure: Failure,
        /// After which time.
        elapsed: Duration,
    },
    /// Not begun, because something it needs did not succeed.
    Skipped {
        /// Which.
        id: Id,
        /// The culprit.
        because: Id,
    },
    /// Lists show these resources of the stack, which neither the stack file nor the state knew of. They are removed too.
    FoundByTag { ids: Vec<Id> },
    /// A deleted resource is still listed. The run waits for so long until it is gone.
    StillListed { id: Id, for_up_to: Duration },
    /// No more is begun; calls in flight are waited for.
    Draining,
}

/// How a run ended.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// What became of each resource that was dealt with, in the order it was.
    pub done: Vec<(Id, Outcome)>,
    /// What failed, and why.
    pub failed: Vec<(Id, Failure)>,
    /// What was not begun, and because of what.
    pub skipped: Vec<(Id, Id)>,
    /// The run was asked to stop before all was done.
    pub stopped: bool,
    /// It was asked twice, and left at once.
    pub abandoned: bool,
    /// Calls that were in flight when it left: on record as begun, and looked for by the next run.
    pub unanswered: Vec<Id>,
    /// The state could not be saved as it should, so that nothing more was begun.
    pub save_error: Option<NotSaved>,
}

/// Why the state could not be saved, and what it lacks for it.
#[derive(Debug, Clone)]
pub struct NotSaved {
    /// Why.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// What was made and is not on disk, with its ids. Empty where a later save went well.
    pub made: Vec<(Id, Value)>,
}

impl Summary {
    /// Everything that was asked for was done.
    pub fn succeeded(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty() && !self.stopped && self.save_error.is_none()
    }

    /// Takes in how the second half of a run ended.
    pub fn merge(&mut self, other: Self) {
        self.done.extend(other.done);
        self.failed.extend(other.failed);
        self.skipped.extend(other.skipped);
        self.stopped |= other.stopped;
        self.abandoned |= other.abandoned;
        self.unanswered.extend(other.unanswered);
        self.save_error = self.save_error.take().or(other.save_error);
    }

    /// How many resources ended with an outcome like this.
    pub fn count(&self, like: impl Fn(&Outcome) -> bool) -> usize {
        self.done.iter().filter(|(_, outcome)| like(outcome)).count()
    }
}

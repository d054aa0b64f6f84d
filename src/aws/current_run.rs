//! The run for which a call is made, for code below the SDK: the HTTP client and the credentials provider. Both may have
//! to wait for seconds. Then they tell the user why, and the HTTP client gives up if the run is asked to stop.
//!
//! The SDK calls this code without an argument of ours. So the engine puts the [`Task`] of each operation into a
//! task-local variable, and only this module reads it (`tests/it/architecture.rs` checks that). The alternative, an
//! interceptor that puts the task into the request, would have to be added to every call of the SDK. Calls outside a
//! run, such as the check of the credentials, have no task.

use std::time::Duration;

use crate::engine::Task;

/// The run for which the caller works, if there is one.
pub(super) struct CurrentRun(Option<Task>);

impl CurrentRun {
    pub(super) fn get() -> Self {
        Self(Task::current())
    }

    /// Tells the user why a resource waits. Returns `false` outside a run, where nothing receives the note.
    pub(super) fn note(&self, why: &str) -> bool {
        if let Some(task) = &self.0 {
            task.note(why);
        }
        self.0.is_some()
    }

    /// Tells the user why a resource waits, if `wait` is at least `noticeable` at the run's time scale.
    pub(super) fn note_long(&self, wait: Duration, noticeable: Duration, why: &str) {
        if let Some(task) = &self.0
            && wait >= task.time_scale().of(noticeable)
        {
            task.note(why);
        }
    }

    /// Waits. `None` if the run is asked to stop before the end; outside a run nothing can stop the wait.
    pub(super) async fn unless_stopped<F: Future>(&self, waiting: F) -> Option<F::Output> {
        match &self.0 {
            Some(task) => task.unless_stopped(waiting).await,
            None => Some(waiting.await),
        }
    }
}

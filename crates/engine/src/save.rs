//! Saves the state during a run. If a save fails, the run ends, and its summary lists the results that are not on disk.

use serde_json::Value;

use super::Id;
use super::event::{NotSaved, Summary};
use super::scheduler::Run;
use crate::state::StateError;

/// Saves the state and returns whether the run may continue. `made`: the outputs that are not on disk yet.
pub(super) async fn save(run: &mut Run<'_>, made: Vec<(Id, Value)>, summary: &mut Summary) -> bool {
    run.state.serial += 1;
    let saved = run.store.save(run.state).await;
    let on_disk = saved.as_ref().err().is_none_or(StateError::is_saved);
    if let Err(error) = &saved
        && summary.save_error.is_none()
    {
        summary.save_error = Some(NotSaved { message: error.to_string(), hint: error.hint.clone(), made: Vec::new() });
    }
    if let Some(not_saved) = &mut summary.save_error {
        if on_disk {
            not_saved.made.clear();
        } else {
            not_saved.made.extend(made);
        }
    }
    saved.is_ok()
}

/// Saves once more at the end of a run if any outputs are not on disk: the disk may have room again.
pub(super) async fn save_at_last(run: &mut Run<'_>, summary: &mut Summary) {
    if summary.save_error.as_ref().is_some_and(|not_saved| !not_saved.made.is_empty()) {
        save(run, Vec::new(), summary).await;
    }
}

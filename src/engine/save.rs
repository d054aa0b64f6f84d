//! Writing down how far a run is, and what becomes of it where that fails: it ends, and says what is not on disk.

use serde_json::Value;

use super::Id;
use super::event::{NotSaved, Summary};
use crate::state::{State, StateError, StateStore};

/// Saves; whether the run may go on. `made`: what this save is to put on disk that was not there before.
pub(super) fn save(
    state: &mut State,
    store: &mut dyn StateStore,
    made: Vec<(Id, Value)>,
    summary: &mut Summary,
) -> bool {
    state.serial += 1;
    let saved = store.save(state);
    let on_disk = saved.as_ref().err().is_none_or(StateError::is_saved);
    if let Err(error) = &saved
        && summary.save_error.is_none()
    {
        summary.save_error = Some(NotSaved { message: error.to_string(), hint: error.hint(), made: Vec::new() });
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

/// Once more at the end of a run, if anything that was made is not on disk: there may be room by now.
pub(super) fn save_at_last(state: &mut State, store: &mut dyn StateStore, summary: &mut Summary) {
    if summary.save_error.as_ref().is_some_and(|not_saved| !not_saved.made.is_empty()) {
        save(state, store, Vec::new(), summary);
    }
}

//! The backends that store states. [`crate::engine::state`] defines the state and the traits of a backend. [`Folder`]
//! stores states on the local disk.

mod folder;
mod holder;
mod reserve;

use std::path::Path;
use std::sync::Arc;

pub use crate::engine::state::*;
pub use folder::{FileError, Folder, LockedFile, StateFile};
pub use holder::Holder;

/// The backend for the states at `location`. A further backend needs a line here.
pub fn open(location: &Path) -> Arc<dyn StateBackend> {
    Arc::new(Folder::new(location))
}

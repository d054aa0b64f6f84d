//! Where states are kept. What a state is, and what a backend must do, is the engine's: see [`crate::engine::state`].
//! [`Folder`] keeps them on the local disk.

mod folder;
mod holder;
mod reserve;

use std::path::Path;
use std::sync::Arc;

pub use crate::engine::state::*;
pub use folder::{FileError, Folder, LockedFile, StateFile};
pub use holder::Holder;

/// The backend that keeps the states at `location`. A further backend is recognised here.
pub fn open(location: &Path) -> Arc<dyn StateBackend> {
    Arc::new(Folder::new(location))
}

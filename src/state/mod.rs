//! The backends that store states. [`crate::engine::state`] defines the state and the traits of a backend. [`Folder`]
//! stores states on the local disk.

mod holder;
mod reserve;

use std::path::Path;
use std::sync::Arc;

pub use crate::engine::state::*;
pub use folder::{FileError, Folder, LockedFile, StateFile};
pub use holder::Holder;

/// Declares the module of each backend. A module's function `at` returns its backend if the location belongs to that
/// backend. The first module has a function `open` instead, and its backend takes every other location.
macro_rules! backends {
    ($first:ident $(, $other:ident)* $(,)?) => {
        mod $first;
        $(mod $other;)*

        /// The backend for the states at `location`.
        pub fn open(location: &Path) -> Arc<dyn StateBackend> {
            $(
                if let Some(backend) = $other::at(location) {
                    return backend;
                }
            )*
            $first::open(location)
        }
    };
}

backends! {
    folder,
}

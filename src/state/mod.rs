//! The backends that store states. [`crate::engine::state`] defines the state and the traits of a backend. [`Folder`]
//! stores states on the local disk, [`Bucket`] in a bucket of S3.

mod bucket;
mod folder;
mod format;
mod holder;
mod reserve;

pub use crate::engine::state::*;
pub use bucket::objects::{Condition, Object, Objects, Tag, Written};
pub use bucket::{Bucket, Tell, Times};
pub use folder::{FileError, Folder, LockedFile, StateFile};
pub use format::{FormatError, parse};
pub use holder::Holder;

//! Reads and checks the stack file. The code is pure: it uses no network, no clock and no terminal.
//!
//! `sections` has a file for each section of the stack file: the declarations of its keys, the types for its values,
//! the code that reads it, and its checks. `file` reads a whole file with them and the `reader`; the JSON schema and
//! docs/stack-file.md are written from the declarations. The AWS resources that follow from a stack are in
//! [`topology`](crate::topology).

mod advice;
mod allow_ip;
pub mod blueprints;
mod body_schema;
mod callers;
mod checks;
mod diagnostic;
mod environments;
mod field;
mod file;
pub mod grants;
pub mod names;
pub mod policies;
mod reader;
#[cfg(test)]
mod reference;
pub mod routing;
mod rules;
mod schema;
mod section;
mod sections;
mod tags;

pub use allow_ip::{Unwritable, allow};
pub use body_schema::check_body_schema;
pub use diagnostic::{Diagnostic, SpanMap, conceal};
pub use environments::{environment_has, environments};
pub use file::{parse, read};
pub use schema::json_schema;
pub use sections::*;

/// The stack file of the built-in stack, which is used if there is no stack file.
pub const BUILTIN: &str = include_str!("builtin.toml");

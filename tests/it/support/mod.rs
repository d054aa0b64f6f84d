//! What the tests share.

pub mod botocore;
pub mod emulator;
pub mod fake;
pub mod graphs;
pub mod program;
#[allow(dead_code, reason = "the benchmark uses the rest")]
pub mod proxy;
pub mod sample;
pub mod world;

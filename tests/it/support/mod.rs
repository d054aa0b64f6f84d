//! What the tests share.

pub mod botocore;
pub mod emulator;
pub mod fake;
pub mod graphs;
pub mod iam;
pub mod program;
#[allow(dead_code, reason = "the benchmark uses the rest")]
pub mod proxy;
pub mod pty;
pub mod sample;
#[allow(dead_code, reason = "the benchmark uses the rest")]
pub mod size;
#[allow(dead_code, reason = "the benchmark needs none of it")]
pub mod weather;
pub mod witness;
pub mod world;

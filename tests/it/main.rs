//! The one integration binary: each binary links the AWS SDK anew, which is what the build's time goes into.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "tests")]

mod cli;
mod e2e;
mod killed;
mod support;

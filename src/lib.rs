//! securelambda: an API on AWS Lambda behind five layers, put up, looked after and taken down by SDK calls.
//!
//! The map, in the order data flows. An arrow is never followed backwards; `tests/it/architecture.rs` checks it.
//!
//! 1. [`args`]: the command line
//! 2. [`config`]: arguments and environment into something valid; [`bundle`] packs the functions
//! 3. [`stack`]: what should exist, as a graph of descriptions; pure
//! 4. [`engine`]: how it comes to exist and goes away again; knows no AWS and no terminal. Start in `engine/up.rs`
//! 5. [`aws`]: with what: one file a service, the only users of the SDK; [`local`] starts the emulator instead of AWS
//! 6. [`state`]: what is remembered between runs
//! 7. [`verify`]: the proof that what exists does what was asked
//! 8. [`report`]: what the user sees
//! 9. [`commands`]: the glue, one file a command
//!
//! Beside them: [`scope`] (names, ARNs, tags), [`policy`] (IAM documents by meaning),
//! [`secret`] (what must never be printed), [`outputs`] (what scripts rely
//! on), [`probe`] (requests as a client sends them), [`error`] (exit codes and words).

pub mod args;
pub mod aws;
pub mod bundle;
pub mod commands;
pub mod config;
pub mod engine;
pub mod error;
pub mod local;
pub mod outputs;
pub mod policy;
pub mod probe;
pub mod report;
pub mod scope;
pub mod secret;
pub mod stack;
pub mod state;
pub mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::commands::Ending;
use crate::config::Output;
use crate::engine::{Halt, Stop};
use crate::error::{Error, Kind};

/// The whole program: parses, does, prints an error once, and returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(asked_for_help) => {
            // Help and version are answers, the rest are usage errors; clap knows which stream each goes to.
            let _ = asked_for_help.print();
            return if asked_for_help.use_stderr() { Kind::Usage.code().into() } else { ExitCode::SUCCESS };
        }
    };
    let output = Output::new(&cli.shared);
    report::trace(cli.shared.verbose);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(async {
                let (asked, stop) = Stop::new();
                tokio::spawn(listen(asked));
                commands::dispatch(cli, output, stop).await
            });
            // A prompt may still be waiting on a thread of its own.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(Error::other(format!("could not start: {error}"))),
    };
    match ended {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Changes) => Kind::Changes.code().into(),
        Err(error) => {
            report::error(&error, output);
            error.kind.code().into()
        }
    }
}

/// Turns Ctrl-C and SIGTERM into a request to stop; the second one into a request to leave.
async fn listen(asked: tokio::sync::watch::Sender<Halt>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    for halt in [Halt::Drain, Halt::Now] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        let _ = asked.send(halt);
    }
    // Nobody left to listen: a third one must not be lost.
    std::future::pending::<()>().await;
}

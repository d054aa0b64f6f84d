//! securelambda publishes an API on AWS Lambda behind five layers, looks after it and removes it, by calls to the AWS SDK.
//!
//! The modules, in the order in which data flows. docs/architecture.md has the whole map, with what each module imports;
//! `tests/it/architecture.rs` checks the rules that are stated there.
//!
//! 1. [`args`]: the command line
//! 2. [`config`]: arguments, environment and stack file into a valid configuration; [`bundle`] packs the functions
//! 3. [`stack`]: what should exist, as a graph of descriptions; calls nothing
//! 4. [`engine`]: creates, changes and removes resources; knows neither AWS nor the terminal. Start in `engine/up.rs`
//! 5. [`aws`]: a module for each service, the only users of the SDK; [`local`] starts the emulator instead of AWS
//! 6. [`state`]: what is remembered between runs
//! 7. [`verify`]: the proof that what exists does what was asked
//! 8. [`report`]: what the user sees
//! 9. [`commands`]: one file for each command, which connects all of these
//!
//! Beside them:
//!
//! - [`scope`] (names, ARNs, tags), [`partition`] and [`regions`] (what differs between AWS's regions), [`policy`] (IAM
//!   documents, compared by meaning)
//! - [`operator`] (the permissions that an operator needs), [`doctor`] (problems, found before anything is created)
//! - [`outputs`] (ids and URLs for scripts), [`secret`] (values that must never be printed)
//! - [`probe`] (requests as a client sends them), [`meaning`] (what an answer to one means), [`proxies`] (which proxy a
//!   request uses), [`reach`] (why no answer came)
//! - [`error`] (exit codes and error messages), `signals` (Ctrl-C, SIGTERM, a closed terminal)

pub mod args;
pub mod aws;
pub mod bundle;
pub mod commands;
pub mod config;
pub mod doctor;
pub mod engine;
pub mod error;
pub mod layer;
pub mod local;
pub mod meaning;
pub mod operator;
pub mod outputs;
pub mod partition;
pub mod policy;
pub mod probe;
pub mod proxies;
pub mod reach;
pub mod regions;
pub mod report;
pub mod scope;
pub mod secret;
mod signals;
pub mod stack;
pub mod state;
pub mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::args::Cli;
use crate::commands::Ending;
use crate::config::Output;
use crate::engine::{CancellationToken, StopLevel};
use crate::error::{Error, Kind};
use crate::signals::Signals;

/// The whole program: parses, does, prints an error once, and returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::read(args, config::variable) {
        Ok(cli) => cli,
        Err(asked_for_help) => {
            // Help and version are answers, the rest are usage errors; clap knows which stream each goes to.
            let _ = asked_for_help.print();
            return if asked_for_help.use_stderr() { Kind::Usage.code().into() } else { ExitCode::SUCCESS };
        }
    };
    let output = Output::new(&cli.shared);
    report::trace(cli.shared.verbose);
    let (asked, stop) = CancellationToken::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(async {
                tokio::spawn(Signals::take().listen(asked));
                tokio::select! {
                    ended = on_its_own(cli, output, stop.clone()) => ended,
                    asked = signals::out_of_patience(&stop) => Err(stuck(asked)),
                }
            });
            // A prompt may still be waiting on a thread of its own.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(Error::other(format!("could not start: {error}"))),
    };
    match ended.and_then(answered) {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Changes) => Kind::Changes.code().into(),
        Err(error) => {
            let code = error.kind.code().into();
            print(error, output, &stop);
            code
        }
    }
}

/// An answer that did not arrive is none, whatever was done for it.
fn answered(ending: Ending) -> Result<Ending, Error> {
    match report::lost() {
        Some(why) => Err(Error::other(format!("the answer could not be written to standard output: {why}"))),
        None => Ok(ending),
    }
}

/// The stack of the thread that a command runs on, in bytes.
const STACK: usize = 8 << 20;

/// Runs the command on a thread of its own, which can be left behind wherever it is stuck.
async fn on_its_own(cli: Cli, output: Output, stop: CancellationToken) -> Result<Ending, Error> {
    let (end, ended) = tokio::sync::oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    let work = move || end.send(runtime.block_on(commands::dispatch(cli, output, stop)));
    // As much as the main thread has: what a command waits for is kept on its stack.
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(work);
    let thread = thread.map_err(|error| Error::other(format!("could not start: {error}")))?;
    match ended.await {
        Ok(ended) => ended,
        // It ended without a word: a panic, which goes on here.
        Err(_) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(_) => Err(Error::other("the command ended without an answer")),
        },
    }
}

/// Prints the error. Asked to stop, we do not wait for somebody who reads it.
fn print(error: Error, output: Output, stop: &CancellationToken) {
    if stop.level() == StopLevel::No {
        return report::error(&error, output);
    }
    let (printed, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        report::error(&error, output);
        printed.send(())
    });
    let _ = wait.recv_timeout(std::time::Duration::from_millis(200));
}

/// How a command ends that was asked to stop and did not.
fn stuck(asked: StopLevel) -> Error {
    let kind = if asked == StopLevel::Now { Kind::Interrupted } else { Kind::Stopped };
    Error::new(kind, "stopped, though something held it up: a pipe that nobody reads, or a disk that does not answer")
        .hint("what was begun is on record; run the same command again, or `securelambda down`")
}

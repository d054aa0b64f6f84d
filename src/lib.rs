//! securelambda deploys an API on AWS Lambda behind five layers of security, tests it and removes it. It uses the AWS
//! SDK.
//!
//! The modules, in the order in which data flows. docs/architecture.md has the whole map, with what each module
//! imports; `tests/it/architecture.rs` checks the rules that are stated there.
//!
//! 1. [`args`]: the command line
//! 2. [`config`]: makes a valid configuration of arguments, environment and stack file; [`bundle`] packs the functions
//! 3. [`spec`]: the stack file, read and checked; [`topology`]: the graph of resources that follows from it. Both make
//!    no calls
//! 4. [`engine`]: creates, changes and removes resources; knows neither AWS nor the terminal. Start in
//!    `crates/engine/src/apply.rs`
//! 5. [`aws`]: a module for each service, the only users of the SDK; [`local`] starts the emulator instead of AWS
//! 6. [`state`]: the state file, which connects one run with the next
//! 7. [`verify`]: tests the security layers of the live stack
//! 8. [`report`]: everything that is printed
//! 9. [`commands`]: one file for each command, which connects all of these
//!
//! Others:
//!
//! - [`scope`] (names, ARNs, tags), [`partition`] and [`regions`] (differences between AWS's regions), [`policy`] (IAM
//!   documents, compared by meaning)
//! - `authorization` (AWS's list of actions, the resources that each takes, and condition keys)
//! - [`operator`] (the permissions that an operator needs), [`doctor`] (problems, found before anything is created)
//! - [`ci`] (the workflow of GitHub Actions, and who may assume its roles), [`location`] (where states are stored), [`outputs`] (ids and URLs for scripts), [`export`] (a stack in the formats of other tools), [`secret`] (values
//!   that must never be printed)
//! - [`probe`] (requests as a client sends them), [`meaning`] (the meaning of an answer to such a request), [`proxies`]
//!   (the proxy that a request uses), [`reach`] (the reason why no answer came)
//! - [`error`] (exit codes and error messages), `spelling` (suggestions for mistyped words), `signals` (Ctrl-C,
//!   SIGTERM, a closed terminal)

pub use securelambda_engine as engine;

pub mod args;
pub mod audit;
mod authorization;
pub mod aws;
pub mod bundle;
pub mod choices;
pub mod ci;
pub mod commands;
pub mod config;
pub mod controls;
pub mod costs;
pub mod doctor;
pub mod emulator;
pub mod error;
pub mod export;
pub mod layer;
pub mod local;
pub mod location;
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
pub mod spec;
mod spelling;
pub mod state;
pub mod topology;
pub mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::args::Cli;
use crate::commands::Ending;
use crate::engine::{CancellationToken, StopLevel};
use crate::error::{Error, Kind};
use crate::report::Output;
use crate::signals::Signals;

/// Runs the program: parses the arguments, runs the command, prints an error, and returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let line: Vec<OsString> = args.into_iter().collect();
    match commands::complete(&line) {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        Err(error) => {
            let _ = error.print();
            return Kind::Usage.code().into();
        }
    }
    let cli = match Cli::read(line, config::variable) {
        Ok(cli) => cli,
        Err(asked_for_help) => {
            // Help and version go to standard output with exit code 0; everything else is a usage error.
            let _ = asked_for_help.print();
            return if asked_for_help.use_stderr() { Kind::Usage.code().into() } else { ExitCode::SUCCESS };
        }
    };
    let output = config::output(&cli.shared);
    report::keep_flags(config::same_stack(&cli.shared));
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

/// A result that could not be printed is an error.
fn answered(ending: Ending) -> Result<Ending, Error> {
    match report::lost() {
        Some(why) => Err(Error::other(format!("the result could not be written to standard output: {why}"))),
        None => Ok(ending),
    }
}

/// The stack size of the command's thread, in bytes.
const STACK: usize = 8 << 20;

/// Runs the command on a thread of its own, so that the program can end although the command is blocked.
async fn on_its_own(cli: Cli, output: Output, stop: CancellationToken) -> Result<Ending, Error> {
    let (end, ended) = tokio::sync::oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    let work = move || end.send(runtime.block_on(commands::dispatch(cli, output, stop)));
    // The size of a main thread's stack, because the command's futures live on it.
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(work);
    let thread = thread.map_err(|error| Error::other(format!("could not start: {error}")))?;
    match ended.await {
        Ok(ended) => ended,
        // The thread ended without a result: it panicked.
        Err(_) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(_) => Err(Error::other("the command ended without a result")),
        },
    }
}

/// Prints the error. After a request to stop, a blocked standard error delays the end by at most 200 ms.
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

/// The error of a command that did not stop when asked to.
fn stuck(asked: StopLevel) -> Error {
    let kind = if asked == StopLevel::Now { Kind::Interrupted } else { Kind::Stopped };
    Error::new(kind, "stopped while blocked, for example by a pipe that nobody reads or a disk that does not respond")
        .hint("changes that were started are recorded; run the same command again, or `securelambda down`")
}

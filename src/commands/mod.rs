//! One file a command: glue between what was asked, the engine and what is shown.

mod add_user;
mod ask;
mod call;
mod down;
mod graph;
mod local;
mod logs;
mod manual;
mod outputs;
mod plan;
mod session;
mod status;
mod token;
mod traffic;
mod up;
mod users;
mod verify;

use crate::args::{Cli, Command};
use crate::config::{Config, Output};
use crate::engine::{Cause, Halt, Stop, Summary};
use crate::error::{Error, Kind};
use crate::state::{State, Store};

/// How a command ends if it does not end in an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As asked.
    Done,
    /// As asked, and there are changes or drift that `--detailed-exitcode` tells of.
    Changes,
}

/// Does what was asked.
pub async fn dispatch(cli: Cli, output: Output, stop: Stop) -> Result<Ending, Error> {
    match &cli.command {
        Command::Local(command) => return unless_interrupted(&stop, local::run(command, output)).await,
        Command::Completions(args) => return Ok(manual::completions(args)),
        Command::Man(args) => return manual::man(args),
        _ => {}
    }
    let config = Config::new(&cli.shared, output)?;
    let stop = stop.at(config.connection.tempo);
    match &cli.command {
        Command::Up(args) => up::run(args, config, stop).await,
        Command::Down => down::run(config, stop).await,
        Command::Plan(args) => unless_interrupted(&stop, plan::run(args, config, stop.clone())).await,
        Command::Status(args) => unless_interrupted(&stop, status::run(args, config, stop.clone())).await,
        Command::Outputs(args) => outputs::run(args, &config),
        Command::AddUser(args) => unless_interrupted(&stop, add_user::run(args, config)).await,
        Command::Users(args) => unless_interrupted(&stop, users::list(args, config)).await,
        Command::RemoveUser(args) => unless_interrupted(&stop, users::remove(args, config)).await,
        Command::Token(args) => unless_interrupted(&stop, token::run(args, config)).await,
        Command::Call(args) => unless_interrupted(&stop, call::run(args, config)).await,
        Command::Logs(args) => logs::run(args, config, &stop).await,
        Command::Traffic(args) => unless_interrupted(&stop, traffic::run(args, config)).await,
        Command::Verify(args) => verify::run(args, config, stop).await,
        Command::Graph(args) => Ok(graph::run(args, &config)),
        Command::Local(_) | Command::Completions(_) | Command::Man(_) => Ok(Ending::Done),
    }
}

/// For commands that hold nothing a Ctrl-C could lose: they end at once.
async fn unless_interrupted(stop: &Stop, work: impl Future<Output = Result<Ending, Error>>) -> Result<Ending, Error> {
    tokio::select! {
        ended = work => ended,
        () = stop.reached(Halt::Drain) => Err(Error::new(Kind::Interrupted, "interrupted")),
    }
}

/// For the part of `up` and `down` before anything is written.
async fn or_stopped<T>(stop: &Stop, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::select! {
        ended = work => ended,
        () = stop.reached(Halt::Drain) => Err(Error::new(Kind::Stopped, "stopped before anything was changed")),
    }
}

/// Whether a run did all it was asked, as an error where it did not.
fn outcome_of(done: &Summary, verb: &str) -> Result<(), Error> {
    if let Some(why) = &done.save_error {
        return Err(Error::other(why.clone())
            .hint(format!("nothing more was begun; `securelambda {verb}` finds what was made and goes on")));
    }
    if done.stopped {
        return Err(Error::new(Kind::Stopped, "stopped; what was made is on record")
            .hint(format!("`securelambda {verb}` goes on from here, `securelambda down` removes it")));
    }
    if done.failed.iter().any(|(_, failure)| failure.cause == Cause::Fatal) {
        return Err(Error::new(Kind::Account, "the credentials are no longer accepted; what was made is on record")
            .hint(format!("sign in again, then `securelambda {verb}` goes on from here")));
    }
    if !done.failed.is_empty() || !done.skipped.is_empty() {
        return Err(up::failed(verb, done));
    }
    Ok(())
}

/// The one state file of this stack in the state folder, for commands that ask AWS nothing.
fn recorded(config: &Config) -> Result<State, Error> {
    let wanted = |state: &State| {
        config.connection.region.as_ref().is_none_or(|region| *region == state.region)
            && (!config.connection.local || state.endpoint.is_some())
    };
    let mut states = Store::of_stack(&config.state_dir, &config.stack.name)?;
    states.retain(wanted);
    match states.len() {
        0 => Err(Error::new(Kind::NoStack, format!("there is no stack {} on record", config.stack.name))
            .hint(format!("looked in {}; `securelambda up` builds it", config.state_dir.display()))),
        1 => Ok(states.remove(0)),
        _ => {
            let places: Vec<String> =
                states.iter().map(|state| format!("{} in {}", state.account, state.region)).collect();
            Err(Error::usage(format!("there are {} stacks of this name on record", places.len()))
                .hint(format!("they are in {}; choose with --region, --local or --state-dir", places.join(", "))))
        }
    }
}

/// JSON for people and programs alike.
fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
}

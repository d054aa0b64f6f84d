//! One file a command: glue between what was asked, the engine and what is shown.

mod add_user;
mod allow_ip;
mod ask;
mod call;
mod doctor;
mod down;
mod graph;
mod init;
mod interrupted;
mod local;
mod logs;
mod manual;
mod outputs;
mod plan;
mod policy;
mod pools;
mod removal;
mod schema;
mod session;
mod status;
mod sweep;
mod token;
mod traffic;
mod up;
mod users;
mod values;
mod verify;

use crate::args::{Cli, Command};
use crate::config::Config;
use crate::engine::{CancellationToken, Cause, StopLevel, Summary};
use crate::error::{Error, Kind};
use crate::report;
use crate::report::Output;
use crate::spec::{Api, ApiKind, Stack, Throughput};
use crate::state::{self, State};

/// How a command ends if it does not end in an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As asked.
    Done,
    /// As asked, and there are changes or drift that `--detailed-exitcode` tells of.
    Changes,
}

/// Does what was asked.
pub async fn dispatch(cli: Cli, output: Output, stop: CancellationToken) -> Result<Ending, Error> {
    match &cli.command {
        Command::Local(command) => return unless_interrupted(&stop, local::run(command, output)).await,
        Command::Completions(args) => return Ok(manual::completions(args)),
        Command::Man(args) => return manual::man(args),
        Command::Init(args) => return init::run(args, cli.shared.blueprint.as_deref(), output),
        Command::Schema => return Ok(schema::run()),
        _ => {}
    }
    let tells_events = match &cli.command {
        Command::Up(_) => Some("up"),
        Command::Down(_) => Some("down"),
        Command::Verify(_) => Some("verify"),
        // Without a stack it is a list.
        Command::Sweep(_) if cli.shared.stack.is_some() => Some("sweep"),
        _ => None,
    };
    let ended = match &cli.command {
        // It needs no stack file.
        Command::Sweep(args) => sweep::run(args, &cli.shared, output, stop).await,
        _ => asked(&cli, output, stop).await,
    };
    // Whatever kept such a command from its work, its last line is a summary.
    if let Err(error) = &ended
        && let Some(verb) = tells_events
        && output.json
        && !error.summed_up
    {
        report::answer(&report::failed_line(verb, error));
    }
    ended
}

async fn asked(cli: &Cli, output: Output, stop: CancellationToken) -> Result<Ending, Error> {
    let config = Config::new(&cli.shared, output)?;
    let stop = stop.at(config.connection.time_scale);
    match &cli.command {
        Command::Up(args) => up::run(args, config, stop).await,
        Command::Down(args) => down::run(args, config, stop).await,
        Command::Plan(args) => unless_interrupted(&stop, plan::run(args, config, stop.clone())).await,
        Command::Status(args) => unless_interrupted(&stop, status::run(args, config, stop.clone())).await,
        Command::Outputs(args) => outputs::run(args, &config).await,
        Command::AddUser(args) => unless_interrupted(&stop, add_user::run(args, config)).await,
        Command::Users(args) => unless_interrupted(&stop, users::list(args, config)).await,
        Command::RemoveUser(args) => unless_interrupted(&stop, users::remove(args, config)).await,
        Command::Token(args) => unless_interrupted(&stop, token::run(args, config)).await,
        Command::Call(args) => unless_interrupted(&stop, call::run(args, config)).await,
        Command::Logs(args) => logs::run(args, config, &stop).await,
        Command::Traffic(args) => unless_interrupted(&stop, traffic::run(args, config)).await,
        Command::Verify(args) => verify::run(args, config, stop).await,
        Command::Doctor => unless_interrupted(&stop, doctor::run(config, stop.clone())).await,
        Command::Policy(args) => unless_interrupted(&stop, policy::run(args, &config)).await,
        Command::Graph(args) => Ok(graph::run(args, &config)),
        Command::Init(_)
        | Command::Local(_)
        | Command::Sweep(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Schema => Ok(Ending::Done),
    }
}

/// For commands that hold nothing a Ctrl-C could lose: they end at once.
async fn unless_interrupted(
    stop: &CancellationToken,
    work: impl Future<Output = Result<Ending, Error>>,
) -> Result<Ending, Error> {
    let interrupted = || Err(Error::new(Kind::Interrupted, "interrupted"));
    tokio::select! {
        ended = work => match ended {
            Err(_) if stop.level() != StopLevel::No => interrupted(),
            ended => ended,
        },
        () = stop.reached(StopLevel::Drain) => interrupted(),
    }
}

/// For the part of `up` and `down` before anything is written.
async fn or_stopped<T>(stop: &CancellationToken, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let stopped = || {
        let error = Error::new(Kind::Stopped, "stopped before anything was changed");
        Err(error.hint("run the same command again when it suits you"))
    };
    tokio::select! {
        ended = work => match ended {
            // The work heard of it first, or a Ctrl-C has ended a process it waited for.
            Err(_) if stop.level() != StopLevel::No => stopped(),
            ended => ended,
        },
        () = stop.reached(StopLevel::Drain) => stopped(),
    }
}

/// Whether a run did all it was asked, as an error where it did not.
fn outcome_of(done: &Summary, verb: &str) -> Result<(), Error> {
    if done.save_error.is_some() || done.stopped {
        return Err(interrupted::error(done, verb));
    }
    if done.failed.iter().any(|(_, failure)| failure.cause == Cause::Fatal) {
        let message = format!("the credentials are no longer accepted; {}", interrupted::kept(verb));
        return Err(Error::new(Kind::Account, message)
            .hint(format!("sign in again, then `securelambda {verb}` goes on from here")));
    }
    if !done.failed.is_empty() || !done.skipped.is_empty() {
        return Err(up::failed(verb, done));
    }
    Ok(())
}

/// The one state file of this stack in the state folder, for commands that ask AWS nothing.
async fn recorded(config: &Config) -> Result<State, Error> {
    let wanted = |state: &State| {
        config.connection.region.as_ref().is_none_or(|region| *region == state.region)
            && (!config.connection.local || state.endpoint.is_some())
    };
    let mut states = state::states_of(&*state::open(&config.state_dir), &config.stack.name).await?;
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

/// What is said of a stack with an HTTP API, in front of which AWS puts no firewall.
fn no_firewall(stack: &Stack) -> Option<&'static str> {
    let http = stack.all_apis().any(|(_, api)| api.kind == ApiKind::Http);
    http.then_some(
        "No firewall can stand before an HTTP API: AWS attaches web ACLs to REST APIs alone. Its authorizer and its \
         throttle protect it.",
    )
}

/// What the routes of a stack let through; `None` where there are none. A stage's limits hold for each route by itself.
fn limits(stack: &Stack) -> Option<String> {
    let Throughput { routes, rate, burst } = stack.throughput();
    if routes == 0 {
        return None;
    }
    let of = |api: &Api| format!("{} requests/s and {} at once", api.rate_limit, api.burst_limit);
    let mut each: Vec<(Option<&str>, String)> = stack.all_apis().map(|(name, api)| (name, of(api))).collect();
    let same = each.iter().all(|(_, limits)| *limits == each[0].1);
    each.truncate(if same { 1 } else { each.len() });
    let lines = each.into_iter().map(|(name, limits)| {
        let of = if same { String::new() } else { format!(" of {}", name.unwrap_or("[api]")) };
        format!("Each route{of} lets through {limits}.")
    });
    let sum = (routes > 1)
        .then(|| format!("Together the {routes} routes let through {rate} requests/s and {burst} at once."));
    Some(lines.chain(sum).collect::<Vec<_>>().join(" "))
}

/// Tells on standard error what goes on meanwhile.
fn note_unless(quiet: bool) -> impl Fn(&str) + Copy {
    move |text: &str| {
        if !quiet {
            report::say(text);
        }
    }
}

/// JSON for people and programs alike.
fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
}

/// For a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/:._-".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_each_routes_and_their_sum_is_said() {
        let said = |more: &str| {
            let head = "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n";
            limits(&crate::spec::parse(&format!("{head}{more}")).expect("sound"))
        };
        let route = |api: &str, path: &str| {
            format!("[[{api}.routes]]\nroute = \"GET {path}\"\nfunction = \"F\"\nauth = \"none\"\n")
        };
        let one = format!("[api]\n{}", route("api", "/a"));
        let two = format!("{one}{}", route("api", "/b"));
        let other = format!("{two}[apis.Other]\nrate_limit = 7\n{}", route("apis.Other", "/c"));
        assert_eq!(said(""), None);
        assert_eq!(said(&one).as_deref(), Some("Each route lets through 50 requests/s and 50 at once."));
        let sum = "Together the 2 routes let through 100 requests/s and 100 at once.";
        assert_eq!(said(&two), Some(format!("Each route lets through 50 requests/s and 50 at once. {sum}")));
        let sum = "Together the 3 routes let through 107 requests/s and 150 at once.";
        let first = "Each route of [api] lets through 50 requests/s and 50 at once.";
        let second = "Each route of Other lets through 7 requests/s and 50 at once.";
        assert_eq!(said(&other), Some(format!("{first} {second} {sum}")));
    }
}

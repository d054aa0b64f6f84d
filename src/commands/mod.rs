//! One file for each command, and the parts that several commands share. A command connects the other modules: it reads
//! the stack, calls the engine and prints the result.

mod add_user;
mod allow_ip;
mod api_keys;
mod ask;
mod audit;
mod call;
mod ci;
mod ci_role;
mod consequences;
mod cost;
mod created;
mod dev;
mod doctor;
mod domains;
mod down;
mod emulated;
mod existing_pools;
mod export;
mod given_user;
mod graph;
mod groups;
mod headers;
mod identities;
mod init;
mod interrupted;
mod loaded;
mod local;
mod log_tail;
mod login;
mod logs;
mod manual;
mod next;
mod outputs;
mod ownership;
mod permissions;
mod plan;
mod policy;
mod pools;
mod programs;
mod queues;
mod readable;
mod removal;
mod report_file;
mod saved_plan;
mod schema;
mod session;
mod state;
mod states;
mod status;
mod sweep;
mod tables;
mod takeover;
mod token;
mod traffic;
mod unremoved;
mod up;
mod user_attributes;
mod user_files;
mod user_rows;
mod user_session;
mod users;
mod validate;
mod values;
mod verify;

use crate::args::{Cli, Command, Shared, StackCommand, ToolCommand, TrafficCommand, UserCommand};
use crate::config::{Config, DEFAULT_FILE};
use crate::engine::{CancellationToken, Cause, StopLevel, Summary};
use crate::error::{Error, Kind};
use crate::report;
use crate::report::{Output, say};
use crate::spec::{Api, ApiKind, Limits, Mode, Route, Stack, Throughput};
use crate::state::{State, StateStore, states_of};

pub use manual::complete;

/// How a command ends if it does not end in an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Done,
    /// There are changes or drift, and `--detailed-exitcode` asks to report them.
    Changes,
}

/// Runs the command. Every command has its own match arm, so the compiler reports a missing one.
pub async fn dispatch(cli: Cli, output: Output, stop: CancellationToken) -> Result<Ending, Error> {
    let run = Invocation { shared: &cli.shared, output, stop };
    match &cli.command {
        Command::Stack(command) => match command {
            StackCommand::Init(args) => init::run(args, run.shared, output),
            StackCommand::Validate => validate::run(&run.config()?),
            StackCommand::Up(args) => {
                run.with_events("up", async |config, stop| up::run(args, config, stop).await).await
            }
            StackCommand::Dev(args) => dev::run(args, run.shared, output, &run.stop).await,
            StackCommand::Plan(args) => {
                run.until_ctrl_c(async |config, stop| plan::run(args, config, stop).await).await
            }
            StackCommand::Down(args) => {
                run.with_events("down", async |config, stop| down::run(args, config, stop).await).await
            }
            StackCommand::Sweep(args) => {
                let ended = sweep::run(args, run.shared, output, run.stop.clone()).await;
                // Without a stack, `sweep` prints a list and no events.
                if run.shared.stack.is_some() || args.expired { run.summarize("sweep", ended) } else { ended }
            }
            StackCommand::Status(args) => {
                run.until_ctrl_c(async |config, stop| status::run(args, config, stop).await).await
            }
            StackCommand::Outputs(args) if args.keys => {
                run.until_ctrl_c(async |config, _| api_keys::show(args, config).await).await
            }
            StackCommand::Outputs(args) => outputs::run(args, &run.config()?).await,
        },
        Command::Users(command) => match command {
            UserCommand::AddUser(args) => run.until_ctrl_c(async |config, _| add_user::run(args, config).await).await,
            UserCommand::Users(args) => run.until_ctrl_c(async |config, _| users::list(args, config).await).await,
            UserCommand::Groups(args) => run.until_ctrl_c(async |config, _| groups::list(args, config).await).await,
            UserCommand::RemoveUser(args) => {
                run.until_ctrl_c(async |config, _| users::remove(args, config).await).await
            }
            UserCommand::ExportUsers(args) => {
                run.until_ctrl_c(async |config, _| user_files::export(args, config).await).await
            }
            UserCommand::ImportUsers(args) => {
                run.until_ctrl_c(async |config, _| user_files::import(args, config).await).await
            }
            UserCommand::Login(args) => run.until_ctrl_c(async |config, _| login::login(args, config).await).await,
            UserCommand::Logout(args) => run.until_ctrl_c(async |config, _| login::logout(args, config).await).await,
            UserCommand::Token(args) => run.until_ctrl_c(async |config, _| token::run(args, config).await).await,
        },
        Command::Traffic(command) => match command {
            TrafficCommand::Call(args) => run.until_ctrl_c(async |config, _| call::run(args, config).await).await,
            TrafficCommand::Logs(args) => {
                let config = run.config()?;
                let stop = run.stop_for(&config);
                logs::run(args, config, &stop).await
            }
            TrafficCommand::Traffic(args) => run.until_ctrl_c(async |config, _| traffic::run(args, config).await).await,
            TrafficCommand::Audit(args) => {
                run.until_ctrl_c(async |config, stop| audit::run(args, config, stop).await).await
            }
            TrafficCommand::Verify(args) => {
                run.with_events("verify", async |config, stop| verify::run(args, config, stop).await).await
            }
        },
        Command::Tools(command) => match command {
            ToolCommand::Doctor => run.until_ctrl_c(async |config, stop| doctor::run(config, stop).await).await,
            ToolCommand::Policy(args) => run.until_ctrl_c(async |config, _| policy::run(args, &config).await).await,
            ToolCommand::Export(args) => {
                run.until_ctrl_c(async |config, stop| export::run(args, config, stop).await).await
            }
            ToolCommand::Cost(args) => Ok(cost::run(args, &run.config()?)),
            ToolCommand::Graph(args) => Ok(graph::run(args, &run.config()?)),
            ToolCommand::State(command) => run.until_ctrl_c(async |config, _| state::run(command, config).await).await,
            ToolCommand::Ci(command) => run.until_ctrl_c(async |config, _| ci::run(command, config).await).await,
            ToolCommand::Local(command) => unless_interrupted(&run.stop, local::run(command, output)).await,
            ToolCommand::Completions(args) => manual::completions(args),
            ToolCommand::Man(args) => manual::man(args),
            ToolCommand::Schema => Ok(schema::run()),
        },
    }
}

/// The inputs of every command.
struct Invocation<'a> {
    shared: &'a Shared,
    output: Output,
    stop: CancellationToken,
}

impl Invocation<'_> {
    /// Reads the stack file and the environment.
    fn config(&self) -> Result<Config, Error> {
        Config::new(self.shared, self.output)
    }

    /// The cancellation token, with the time scale of the configuration for its waits.
    fn stop_for(&self, config: &Config) -> CancellationToken {
        self.stop.clone().at(config.connection.time_scale)
    }

    /// Runs a command that has nothing to clean up: Ctrl-C ends it at once.
    async fn until_ctrl_c(
        &self,
        command: impl AsyncFnOnce(Config, CancellationToken) -> Result<Ending, Error>,
    ) -> Result<Ending, Error> {
        let config = self.config()?;
        let stop = self.stop_for(&config);
        unless_interrupted(&stop, command(config, stop.clone())).await
    }

    /// Runs a command that prints events with `--json`, and that handles Ctrl-C itself.
    async fn with_events(
        &self,
        verb: &str,
        command: impl AsyncFnOnce(Config, CancellationToken) -> Result<Ending, Error>,
    ) -> Result<Ending, Error> {
        let ended = match self.config() {
            Ok(config) => {
                let stop = self.stop_for(&config);
                command(config, stop).await
            }
            Err(error) => Err(error),
        };
        self.summarize(verb, ended)
    }

    /// Prints the `summary` line for an error that the command itself has not summarized. The last line of a command
    /// that prints events is always a summary.
    fn summarize(&self, verb: &str, ended: Result<Ending, Error>) -> Result<Ending, Error> {
        if let Err(error) = &ended
            && self.output.json
            && !error.summed_up
        {
            report::answer(&report::failed_line(verb, error));
        }
        ended
    }
}

/// Runs something that can be dropped at any moment, until Ctrl-C.
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

/// Runs the part of a command that does not write anything yet. A request to stop ends it at once.
async fn or_stopped<T>(stop: &CancellationToken, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let stopped = || {
        let error = Error::new(Kind::Stopped, "stopped; nothing was changed");
        Err(error.hint("run the same command again"))
    };
    tokio::select! {
        ended = work => match ended {
            // The work noticed the request first, or Ctrl-C ended a process that it waited for.
            Err(_) if stop.level() != StopLevel::No => stopped(),
            ended => ended,
        },
        () = stop.reached(StopLevel::Drain) => stopped(),
    }
}

/// Releases the lock of a run that ended in any way. A lock that cannot be released only delays the next run, so that is no
/// error.
async fn released<T>(ended: Result<T, Error>, store: &mut dyn StateStore, output: Output) -> Result<T, Error> {
    if let Err(error) = store.release().await
        && !output.quiet
    {
        say(&format!("warning: the lock could not be released: {error}; {}", error.hint));
    }
    ended
}

/// The error of a run that did not finish everything.
fn outcome_of(done: &Summary, verb: &str) -> Result<(), Error> {
    if done.save_error.is_some() || done.stopped {
        return Err(interrupted::error(done, verb));
    }
    if done.failed.iter().any(|(_, failure)| failure.cause == Cause::Fatal) {
        let message = format!("the credentials are no longer accepted; {}", interrupted::kept(verb));
        return Err(Error::new(Kind::Account, message)
            .hint(format!("sign in again, then run `securelambda {verb}` to continue")));
    }
    if !done.failed.is_empty() || !done.skipped.is_empty() {
        return Err(up::failed(verb, done));
    }
    Ok(())
}

/// The state of this stack, found without an AWS call.
async fn recorded(config: &Config) -> Result<State, Error> {
    let wanted = |state: &State| {
        config.connection.region.as_ref().is_none_or(|region| *region == state.region)
            && (!config.connection.local || state.endpoint.is_some())
    };
    let backend = states::offline(config).await?;
    let mut states = states_of(&*backend, &config.stack.name).await?;
    states.retain(wanted);
    match states.len() {
        0 => {
            let (stack, place) = (&config.stack.name, backend.description());
            Err(Error::new(Kind::NoStack, format!("{place} has no state of the stack {stack}"))
                .hint("run `securelambda up` to create the stack"))
        }
        1 => Ok(states.remove(0)),
        _ => {
            let places: Vec<String> =
                states.iter().map(|state| format!("{} in {}", state.account, state.region)).collect();
            Err(Error::usage(format!("{} stacks have this name", places.len()))
                .hint(format!("choose one with --region, --local or --state: {}", places.join(", "))))
        }
    }
}

/// Notes about a stack for the user: functions of this program check groups, an HTTP API has no firewall, the firewall
/// blocks nothing, or a function may run longer than API Gateway waits for it.
fn notes(stack: &Stack) -> Vec<String> {
    let http = stack.all_apis().any(|(_, api)| api.kind == ApiKind::Http);
    let http = http.then_some(
        "HTTP APIs have no firewall, because AWS WAF supports only REST APIs. The authorizer and the rate limits \
         protect them.",
    );
    let idle = stack.firewall.as_ref().filter(|firewall| !firewall.blocks()).map(|firewall| match firewall.mode {
        Mode::Count => "The firewall blocks nothing: mode is count.",
        Mode::Allow | Mode::Block => "The firewall blocks nothing: it has no addresses to block.",
    });
    let checkers = stack.authorizers.values().filter_map(|authorizer| {
        let (function, pool) = (&authorizer.function, authorizer.pool.as_ref()?);
        Some(format!(
            "The function {function} of this program checks the groups of {pool}, because API Gateway cannot."
        ))
    });
    let others = http.into_iter().chain(idle).map(str::to_owned);
    checkers.chain(others).chain(stack.impatient_routes()).collect()
}

/// The request limits of the routes; `None` without routes. A stage applies its limits to each route separately.
fn limits(stack: &Stack) -> Option<String> {
    let Throughput { routes, rate, burst } = stack.throughput();
    if routes == 0 {
        return None;
    }
    let of = |api: &Api| format!("{} requests/s, burst {}", api.rate_limit, api.burst_limit);
    let mut each: Vec<(Option<&str>, String)> = stack.all_apis().map(|(name, api)| (name, of(api))).collect();
    let same = each.iter().all(|(_, limits)| *limits == each[0].1);
    each.truncate(if same { 1 } else { each.len() });
    let lines = each.into_iter().map(|(name, limits)| {
        let of = if same { String::new() } else { format!(" of {}", name.unwrap_or("[api]")) };
        format!("Limit per route{of}: {limits}.")
    });
    let own = stack.all_apis().flat_map(|(name, api)| {
        let within = name.map(|name| format!("{name} ")).unwrap_or_default();
        let of = move |(route, limits): (&Route, Limits)| {
            format!("{within}{}: {} requests/s, burst {}.", route.name(), limits.rate, limits.burst)
        };
        api.limited_routes().map(of).collect::<Vec<_>>()
    });
    let lines = lines.chain(own);
    let sum = (routes > 1).then(|| format!("All {routes} routes together: {rate} requests/s, burst {burst}."));
    Some(lines.chain(sum).collect::<Vec<_>>().join(" "))
}

/// Says that there is no stack file, so that nobody takes the built-in stack for their own.
fn note_built_in(config: &Config) {
    let output = config.output;
    if config.file.is_none() && config.blueprint.is_none() && !output.quiet && !output.json {
        say(&format!("There is no {DEFAULT_FILE} in this folder, so this is the built-in stack of the tutorial."));
    }
}

/// Prints progress on standard error.
fn note_unless(quiet: bool) -> impl Fn(&str) + Copy {
    move |text: &str| {
        if !quiet {
            report::say(text);
        }
    }
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_shown_per_route_and_as_a_sum() {
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
        assert_eq!(said(&one).as_deref(), Some("Limit per route: 50 requests/s, burst 50."));
        let sum = "All 2 routes together: 100 requests/s, burst 100.";
        assert_eq!(said(&two), Some(format!("Limit per route: 50 requests/s, burst 50. {sum}")));
        let sum = "All 3 routes together: 107 requests/s, burst 150.";
        let own = two.replacen("auth = \"none\"\n", "auth = \"none\"\nrate_limit = 5\n", 1);
        assert!(
            said(&own).is_some_and(|said| said.contains("burst 50. GET /a: 5 requests/s, burst 50.")),
            "{:?}",
            said(&own)
        );
        let first = "Limit per route of [api]: 50 requests/s, burst 50.";
        let second = "Limit per route of Other: 7 requests/s, burst 50.";
        assert_eq!(said(&other), Some(format!("{first} {second} {sum}")));
    }
}

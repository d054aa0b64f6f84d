//! The command line: commands, options and help texts. Each file holds a group of commands with their arguments.
//! `config` validates the values.

mod candidates;
mod ci;
mod other_tools;
mod purposes;
mod shared;
mod stack;
mod tools;
mod traffic;
mod users;

use std::ffi::{OsStr, OsString};

use clap::builder::BoolishValueParser;
use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use self::ci::*;
pub use self::shared::*;
pub use self::stack::*;
pub use self::tools::*;
pub use self::traffic::*;
pub use self::users::*;

/// Deploy an API on AWS Lambda behind five layers of security, test it, and remove it completely.
#[derive(Debug, Parser)]
#[command(
    name = "securelambda",
    version,
    long_version = env!("SECURELAMBDA_LONG_VERSION"),
    max_term_width = 100,
    after_help = "Examples:
  securelambda up --local                 create the stack on this machine; no AWS account needed
  securelambda add-user you@example.com --pool MyUserPool1 --local
  securelambda call 'POST /lambda1' --as you@example.com --data '{\"name\":\"Ada\"}' --local
  securelambda verify --local             test every security layer
  securelambda down --local               remove the stack

Every option can also be set by an environment variable, such as SECURELAMBDA_REGION or SECURELAMBDA_YES.

Exit codes:
  0    success
  1    another error
  2    usage, or a mistake in the stack file
  3    credentials, account or region
  4    a resource failed; the others are kept in the state file
  5    verify or audit failed
  6    the stack does not exist
  7    changes or drift, with --detailed-exitcode
  8    stopped on request; the next run continues
  9    another run holds the lock
  10   the stack's resources exist, but its state is not here
  130  interrupted"
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub shared: Shared,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    #[command(flatten)]
    Stack(StackCommand),
    #[command(flatten)]
    Users(UserCommand),
    #[command(flatten)]
    Traffic(TrafficCommand),
    #[command(flatten)]
    Tools(ToolCommand),
}

impl Cli {
    /// Parses the command line. Options that it does not set are taken from the environment, which `variable` reads.
    ///
    /// # Errors
    /// The command line is invalid. Requests for help or the version are errors too, as clap reports them.
    pub fn read(line: impl IntoIterator<Item = OsString>, variable: Lookup) -> Result<Self, clap::Error> {
        let mut command = purposes::by_purpose(with_environment(Self::command(), variable));
        let line: Vec<OsString> = line.into_iter().collect();
        let parsed = command.try_get_matches_from_mut(&line);
        let mut matches = parsed.map_err(|error| other_tools::explain(error, &line))?;
        let mut cli = Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))?;
        if let Command::Stack(StackCommand::Dev(Dev { remote: false })) = cli.command {
            cli.shared.local = true;
        }
        Ok(cli)
    }
}

/// Reads an environment variable; `None` if it is unset or empty.
type Lookup = fn(&str) -> Option<OsString>;

/// Adds an environment variable to every option: SECURELAMBDA_TIME_ZONE for `--time-zone`.
fn with_environment(command: clap::Command, variable: Lookup) -> clap::Command {
    command
        .mut_args(|arg| from_environment(arg, variable))
        .mut_subcommands(|command| with_environment(command, variable))
}

fn from_environment(arg: clap::Arg, variable: Lookup) -> clap::Arg {
    let set = variables_of(&arg).into_iter().find_map(|name| variable(&name).map(|value| (name, value)));
    let Some((name, value)) = set else { return arg };
    let is_switch = matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::Count);
    match arg.get_action() {
        // clap would count a switch that is set to "false" as given, and report conflicts with it.
        _ if is_switch && is_no(&value) => arg,
        ArgAction::SetTrue => arg.value_parser(BoolishValueParser::new()).env(name).hide_env(true),
        _ => arg.env(name).hide_env(true),
    }
}

/// The environment variables for an option, by its name and its older names. A positional argument has none.
fn variables_of(arg: &clap::Arg) -> Vec<String> {
    let names = arg.get_long().into_iter().chain(arg.get_all_aliases().into_iter().flatten());
    names.map(|long| format!("SECURELAMBDA_{}", long.replace('-', "_").to_uppercase())).collect()
}

fn is_no(value: &OsStr) -> bool {
    ["0", "n", "no", "f", "false", "off"].iter().any(|no| value.eq_ignore_ascii_case(no))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_definition_is_valid() {
        Cli::command().debug_assert();
    }

    /// The commands without subcommands, with the texts of their examples.
    fn examples(command: &clap::Command, path: &str, found: &mut Vec<(String, String)>) {
        let path = format!("{path} {}", command.get_name());
        if command.get_subcommands().next().is_none() {
            let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            found.push((path, text));
        } else {
            command.get_subcommands().for_each(|command| examples(command, &path, found));
        }
    }

    /// The words of a command line, as a shell splits it. What comes after two spaces is a remark.
    fn words(line: &str) -> Vec<OsString> {
        let line = line.split(['|', '>', '<']).next().unwrap_or(line).trim_end();
        let mut quoted = false;
        let mut words = vec![String::new()];
        let mut characters = line.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\'' => quoted = !quoted,
                ' ' if !quoted && characters.peek() == Some(&' ') => break,
                ' ' if !quoted => words.push(String::new()),
                other => words.last_mut().expect("a word").push(other),
            }
        }
        words.into_iter().map(Into::into).collect()
    }

    #[test]
    fn every_command_has_examples_that_this_program_accepts() {
        let mut found = Vec::new();
        examples(&Cli::command(), "", &mut found);
        found.push(("securelambda".into(), Cli::command().get_after_help().expect("examples").to_string()));
        for (path, text) in found {
            let commands: Vec<&str> =
                text.lines().map(str::trim).filter(|line| line.starts_with("securelambda ")).collect();
            assert!(!commands.is_empty(), "{path} has no example");
            let lines = commands.iter().flat_map(|line| line.split("&&").map(str::trim));
            for line in lines.filter(|line| line.starts_with("securelambda")) {
                if let Err(error) = Cli::read(words(line), |_| None) {
                    panic!("{path}: {line}\n{error}");
                }
            }
        }
    }
}

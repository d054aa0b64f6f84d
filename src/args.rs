//! The command line: every command, flag and word of help. Parsed here, made valid in `config`.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{BoolishValueParser, PossibleValue};
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::operator::CommandName;
use crate::spec::blueprints;

/// Puts an API on AWS Lambda behind five layers, and takes all of it away again.
#[derive(Debug, Parser)]
#[command(
    name = "securelambda",
    version,
    max_term_width = 100,
    after_help = "Examples:
  securelambda up --local                 the whole stack on this machine, no account needed
  securelambda add-user you@example.com --pool MyUserPool1
  securelambda call 'POST /lambda1' --as you@example.com --data '{\"name\":\"Ada\"}'
  securelambda verify --local             a proof that every layer holds
  securelambda down --local               all of it gone

Every option can be set in the environment too: SECURELAMBDA_REGION, SECURELAMBDA_YES, ...

Exit codes:
  0  done                                 6    there is no such stack
  1  another failure                      7    changes or drift, with --detailed-exitcode
  2  usage, or the stack file             8    stopped on request; the next run goes on
  3  credentials, account or region       9    another run holds the lock
  4  a resource failed, the rest is kept  130  stopped hard
  5  verify failed"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What every command takes.
    #[command(flatten)]
    pub shared: Shared,
}

impl Cli {
    /// Reads the command line, and for what it leaves out the environment, in which `variable` looks things up.
    ///
    /// # Errors
    /// Where it makes no sense; and where help or the version is asked for, which clap counts as errors too.
    pub fn read(line: impl IntoIterator<Item = OsString>, variable: Lookup) -> Result<Self, clap::Error> {
        let mut command = with_environment(Self::command(), variable);
        let mut matches = command.try_get_matches_from_mut(line)?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    }
}

/// What looks up an environment variable; one that is empty is not there.
type Lookup = fn(&str) -> Option<OsString>;

/// This command, whose options are looked for in the environment as well: `--state-dir` as SECURELAMBDA_STATE_DIR.
fn with_environment(command: clap::Command, variable: Lookup) -> clap::Command {
    command
        .mut_args(|arg| from_environment(arg, variable))
        .mut_subcommands(|command| with_environment(command, variable))
}

fn from_environment(arg: clap::Arg, variable: Lookup) -> clap::Arg {
    let Some(name) = variable_of(&arg) else { return arg };
    let Some(value) = variable(&name) else { return arg };
    let is_switch = matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::Count);
    match arg.get_action() {
        // What is switched off is not there: it must not conflict with anything either.
        _ if is_switch && is_no(&value) => arg,
        ArgAction::SetTrue => arg.value_parser(BoolishValueParser::new()).env(name).hide_env(true),
        _ => arg.env(name).hide_env(true),
    }
}

/// The environment variable that stands for an option; none for what is told by its place alone.
fn variable_of(arg: &clap::Arg) -> Option<String> {
    arg.get_long().map(|long| format!("SECURELAMBDA_{}", long.replace('-', "_").to_uppercase()))
}

fn is_no(value: &OsStr) -> bool {
    ["0", "n", "no", "f", "false", "off"].iter().any(|no| value.eq_ignore_ascii_case(no))
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags are what a command line is made of")]
#[command(next_help_heading = "Shared options")]
pub struct Shared {
    /// The stack file [default: securelambda.toml if there is one, else the built-in stack]
    #[arg(long, global = true, value_name = "PATH")]
    pub file: Option<PathBuf>,
    /// One of the stacks that this binary carries, instead of a stack file
    #[arg(
        long, global = true, value_name = "NAME",
        conflicts_with = "file", value_parser = blueprint_names()
    )]
    pub blueprint: Option<String>,
    /// Where the state files are
    #[arg(long, global = true, value_name = "DIR", default_value = "state")]
    pub state_dir: PathBuf,
    /// The stack's name, instead of the one in the stack file
    #[arg(long, global = true, value_name = "NAME")]
    pub stack: Option<String>,
    /// Bound what the stack's roles may do by this managed policy, instead of the stack file's
    #[arg(long, global = true, value_name = "ARN")]
    pub permissions_boundary: Option<String>,
    /// The AWS profile
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// The AWS region
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Option<String>,
    /// Talk to this endpoint instead of AWS's own; AWS_ENDPOINT_URL does the same
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// Use the emulator on this machine, and start it if need be
    #[arg(long, global = true, conflicts_with_all = ["endpoint_url", "profile"])]
    pub local: bool,
    /// How many resources are changed at once
    #[arg(
        long, global = true, value_name = "N", default_value_t = 8,
        value_parser = clap::value_parser!(u16).range(1..=64)
    )]
    pub jobs: u16,
    /// Do not ask
    #[arg(short, long, global = true)]
    pub yes: bool,
    /// Answer in JSON: one document, or a line an event for up, down, sweep --stack and verify, a line an entry for logs
    #[arg(long, global = true)]
    pub json: bool,
    /// Say at the end of up and down what took how long, and what it waited for
    #[arg(long, global = true)]
    pub timings: bool,
    /// Colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Tell more on standard error; twice for every call
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Tell only errors and answers
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented stack file and its functions, to begin with
    Init(Init),
    /// Build the stack, or bring it to what the stack file says
    Up(Up),
    /// Say what `up` would do, by reading only
    Plan(Plan),
    /// Remove the stack and look again that nothing is left
    Down(Down),
    /// List what carries a stack's tag, and remove it; needs neither state nor stack file
    Sweep(Sweep),
    /// Show every resource: live, missing, drifted or pending
    Status(Status),
    /// Print ids, ARNs and URLs
    Outputs(Outputs),
    /// Add a user who can sign in
    AddUser(AddUser),
    /// List a pool's users
    Users(Users),
    /// Remove a user
    RemoveUser(RemoveUser),
    /// Print a user's ID token, and nothing else
    Token(Token),
    /// Send one request to a route, as a client would
    Call(Call),
    /// Show what the functions logged
    Logs(Logs),
    /// Show what the firewall counted, let through and blocked
    Traffic(Traffic),
    /// Prove that every layer holds
    Verify(Verify),
    /// Look for what would go wrong, before anything is made
    Doctor,
    /// Print the least IAM policy that an operator of this stack needs
    Policy(Policy),
    /// Draw the stack: who may call what
    Graph(Graph),
    /// The emulator on this machine
    #[command(subcommand)]
    Local(Local),
    /// Print what a shell needs to complete commands and flags
    Completions(Completions),
    /// Print the manual page, or write one for every command
    Man(Man),
    /// Print the stack file's JSON schema, for editors
    Schema,
}

/// `init`.
#[derive(Debug, Args)]
#[command(
    after_help = "Writes securelambda.toml, in which every key is explained, securelambda.schema.json, with which editors check
it while you type, and lambdas/. Files that are there already are never overwritten.
  securelambda init my-api && cd my-api && securelambda up --local"
)]
pub struct Init {
    /// The folder; made if need be
    #[arg(value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,
}

fn blueprint_names() -> Vec<PossibleValue> {
    blueprints::ALL.iter().map(|blueprint| PossibleValue::new(blueprint.name).help(blueprint.about)).collect()
}

/// `up`.
#[derive(Debug, Args)]
pub struct Up {
    /// Write a secret's values anew: variables and prompts are read again, made-up values are made up again; may be repeated
    #[arg(long, value_name = "SECRET", value_delimiter = ',')]
    pub rotate: Vec<String>,
    /// Exit with 7 if anything was changed
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Remove this pool, which is no longer in the stack file, though it has users; may be repeated
    #[arg(long = "remove-pool", value_name = "NAME", value_delimiter = ',')]
    pub remove_pools: Vec<String>,
    /// Add this address or network to the firewall's addresses, in the stack file too; may be repeated
    #[arg(long = "allow-ip", value_name = "CIDR", value_delimiter = ',')]
    pub allow_ips: Vec<String>,
}

/// `down`.
#[derive(Debug, Args)]
pub struct Down {
    /// Remove secrets for good: those that wait in their recovery window too; their values are lost
    #[arg(long)]
    pub purge: bool,
}

/// `sweep`.
#[derive(Debug, Args)]
#[command(after_help = "Without --stack it lists what there is, by stack, and removes nothing:
  securelambda sweep                      everything in the account and region that carries a stack's tag
  securelambda sweep --stack NAME         shows what there is of one stack, asks, and removes it")]
pub struct Sweep {
    /// Remove secrets for good: those that wait in their recovery window too; their values are lost
    #[arg(long)]
    pub purge: bool,
}

/// `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// Exit with 7 if there is anything to do
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// Read the state file alone, no AWS
    #[arg(long)]
    pub offline: bool,
    /// Exit with 7 if anything is missing or drifted
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// `outputs`.
#[derive(Debug, Args)]
pub struct Outputs {
    /// One of them, as in api.base_url or pools.MyUserPool1.client_id
    pub path: Option<String>,
}

/// Which user, in which pool.
#[derive(Debug, Args)]
pub struct User {
    /// The user's e-mail address
    pub email: String,
    /// The pool's name in the stack file; may be left out where there is one pool
    #[arg(long, value_name = "POOL")]
    pub pool: Option<String>,
}

/// `add-user`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags are what a command line is made of")]
#[command(
    group = clap::ArgGroup::new("password").args(["password_stdin", "generate", "invite"]),
    after_help = "A password never goes on the command line, where others can read it:
  securelambda add-user you@example.com --pool MyUserPool1                     asks for it
  printf %s \"$PASSWORD\" | securelambda add-user … --password-stdin             reads one line
  securelambda add-user you@example.com --pool MyUserPool1 --generate          makes one and prints it once"
)]
pub struct AddUser {
    /// Who.
    #[command(flatten)]
    pub user: User,
    /// Read the password from standard input
    #[arg(long)]
    pub password_stdin: bool,
    /// Make up a password and print it on standard output
    #[arg(long)]
    pub generate: bool,
    /// Have Cognito mail a temporary password
    #[arg(long, conflicts_with_all = ["sign_up", "code"])]
    pub invite: bool,
    /// The tutorial's way: sign up, then confirm with the code from the mail
    #[arg(long)]
    pub sign_up: bool,
    /// The code from the mail, for a user who has signed up
    #[arg(long, value_name = "CODE", conflicts_with_all = ["password_stdin", "generate"])]
    pub code: Option<String>,
}

/// `users`.
#[derive(Debug, Args)]
pub struct Users {
    /// The pool's name in the stack file; all pools if left out
    #[arg(long, value_name = "POOL")]
    pub pool: Option<String>,
}

/// `remove-user`.
#[derive(Debug, Args)]
pub struct RemoveUser {
    /// Who.
    #[command(flatten)]
    pub user: User,
}

/// How a user's password is come by for signing in.
#[derive(Debug, Args)]
pub struct SignIn {
    /// Read the password from standard input instead of asking
    #[arg(long)]
    pub password_stdin: bool,
}

/// `token`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").args(["access", "refresh"]))]
pub struct Token {
    /// Who.
    #[command(flatten)]
    pub user: User,
    /// How.
    #[command(flatten)]
    pub sign_in: SignIn,
    /// The access token instead
    #[arg(long)]
    pub access: bool,
    /// The refresh token instead
    #[arg(long)]
    pub refresh: bool,
}

/// `call`.
#[derive(Debug, Args)]
pub struct Call {
    /// The route as in the stack file, such as 'POST /lambda1', or as a client calls it: 'GET /orders/7'; its path alone
    /// where that is clear
    pub route: String,
    /// Sign in as this user of the route's pool
    #[arg(long = "as", value_name = "EMAIL", required_unless_present_any = ["anonymous", "token_stdin"])]
    pub user: Option<String>,
    /// Sign in to this pool instead of the route's
    #[arg(long, value_name = "POOL")]
    pub pool: Option<String>,
    /// How.
    #[command(flatten)]
    pub sign_in: SignIn,
    /// Send this token, read from standard input, instead of signing in
    #[arg(long, conflicts_with_all = ["user", "anonymous", "password_stdin"])]
    pub token_stdin: bool,
    /// Send no token
    #[arg(long, conflicts_with = "user")]
    pub anonymous: bool,
    /// The request's body; @FILE reads it from a file
    #[arg(long, value_name = "DATA")]
    pub data: Option<String>,
    /// A value for a path parameter of the route
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub params: Vec<String>,
    /// Also print the status and headers, on standard error
    #[arg(short, long)]
    pub include: bool,
}

/// `logs`.
#[derive(Debug, Args)]
pub struct Logs {
    /// The function's name in the stack file; all of them side by side if left out
    pub function: Option<String>,
    /// Go on with what is logged from now on, until Ctrl-C
    #[arg(short, long)]
    pub follow: bool,
    /// How far back to begin: 30s, 10m, 2h or 1d
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = span)]
    pub since: Duration,
    /// Only what holds this text, upper and lower case told apart
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
}

/// `traffic`.
#[derive(Debug, Args)]
pub struct Traffic {
    /// How far back to begin, 3 hours at most: that is how long AWS keeps samples
    #[arg(long, value_name = "TIME", default_value = "3h", value_parser = span)]
    pub since: Duration,
}

/// A time as people write it: a whole number and a unit.
fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "write a whole number and a unit, as in 30s, 10m, 2h or 1d".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    match count.checked_mul(seconds) {
        Some(1..) if count <= 36_500 * 86_400 / seconds => Ok(Duration::from_secs(count * seconds)),
        Some(0) => Err("0 is no time at all; write as in 30s, 10m, 2h or 1d".to_owned()),
        _ => Err("that is longer than anything is kept".to_owned()),
    }
}

/// `verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Users with random addresses are added for it and removed again, also when it is stopped. Exits with 5 if
anything does not hold.
  securelambda verify --report proof.html --report proof.xml"
)]
pub struct Verify {
    /// Write the proof to a file: a page if it ends in .html, JUnit XML if it ends in .xml; may be repeated
    #[arg(long = "report", value_name = "FILE", value_parser = report_file)]
    pub reports: Vec<PathBuf>,
}

fn report_file(name: &str) -> Result<PathBuf, String> {
    let file = PathBuf::from(name);
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html" | "xml") => Ok(file),
        _ => Err("a report ends in .html or .xml".to_owned()),
    }
}

/// `graph`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  securelambda graph > stack.mmd            Mermaid, which GitHub and GitLab draw in a Markdown file
  securelambda graph --svg > stack.svg      a picture for any page")]
pub struct Graph {
    /// As SVG instead of Mermaid
    #[arg(long)]
    pub svg: bool,
}

/// `completions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  securelambda completions bash > ~/.local/share/bash-completion/completions/securelambda
  securelambda completions zsh > ~/.zfunc/_securelambda
  securelambda completions fish > ~/.config/fish/completions/securelambda.fish")]
pub struct Completions {
    /// Whose
    pub shell: clap_complete::Shell,
}

/// `man`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  securelambda man | man -l -
  securelambda man --dir ~/.local/share/man/man1")]
pub struct Man {
    /// Write a page for every command into this folder
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// `policy`.
#[derive(Debug, Args)]
#[command(after_help = "With --account and --region no credentials are needed:
  securelambda policy --account 123456789012 --region eu-central-1 --out policies

IAM takes 6144 characters in a managed policy. If one is enough it is printed as JSON; if more are needed, --out writes
a file for each and prints the commands that create them, and --json prints them as one document. Attach all of them.

An operator who may make roles can give them any right, and so have it, unless a permissions boundary is demanded:
  securelambda policy --permissions-boundary arn:aws:iam::123456789012:policy/functions")]
pub struct Policy {
    /// Only what this command needs; may be repeated. token, call, outputs and local need nothing
    #[arg(long = "for", value_name = "COMMAND", value_delimiter = ',')]
    pub works: Vec<CommandName>,
    /// Write each policy into a file in this folder, and print the commands that create them
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The account, instead of that of the credentials
    #[arg(long, value_name = "ID", value_parser = account)]
    pub account: Option<String>,
}

fn account(text: &str) -> Result<String, String> {
    let fits = text.len() == 12 && text.chars().all(|c| c.is_ascii_digit());
    fits.then(|| text.to_owned()).ok_or_else(|| "an account is 12 digits, as in 123456789012".to_owned())
}

/// `local`.
#[derive(Debug, Subcommand)]
pub enum Local {
    /// Start the emulator, installing it the first time
    Start {
        /// The port, instead of a free one
        #[arg(long, value_name = "PORT")]
        port: Option<u16>,
    },
    /// Stop it; what was in it is gone
    CancellationToken,
    /// Say whether it runs, and where
    Status,
    /// Empty it
    Reset,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_a_number_and_a_unit() {
        let table = [("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86_400)];
        for (text, seconds) in table {
            assert_eq!(span(text), Ok(Duration::from_secs(seconds)));
        }
        for text in ["", "m", "10", "10 m", "-1m", "1.5h", "10min", "1w", "1m30s", "+5m "] {
            assert!(span(text).is_err_and(|why| why.contains("30s, 10m, 2h or 1d")), "{text:?}");
        }
        assert!(span("0s").is_err());
        for text in ["99999999999999999999s", "18446744073709551615d", "40000d"] {
            assert!(span(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}

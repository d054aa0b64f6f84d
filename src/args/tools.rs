//! Commands for the operator: checks, permissions, diagrams, the emulator and the shell.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ci::Ci;
use crate::location::Location;
use crate::operator::CommandName;

#[derive(Debug, Subcommand)]
pub enum ToolCommand {
    /// Check credentials, permissions, quotas and this machine
    #[command(after_help = "Only reads.

Examples:
  securelambda doctor
  securelambda doctor --profile work --region eu-central-1")]
    Doctor,
    /// Print the minimal IAM policies for operating the stack
    Policy(Policy),
    /// Estimate what the stack costs in a month
    Cost(Cost),
    /// Draw the stack as a diagram
    Graph(Graph),
    /// Describe the stack in the formats of other tools
    #[command(subcommand)]
    Export(Export),
    /// List, show, repair, move or unlock states, or create a bucket for them
    #[command(subcommand)]
    State(State),
    /// Write a workflow for GitHub Actions, or create the roles that it runs as
    #[command(subcommand)]
    Ci(Ci),
    /// Start, stop or reset the local emulator
    #[command(subcommand)]
    Local(Local),
    /// Print a shell completion script
    Completions(Completions),
    /// Print the manual page, or write one for every command
    Man(Man),
    /// Print the JSON schema of the stack file
    #[command(after_help = "Example:
  securelambda schema > securelambda.schema.json")]
    Schema,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  securelambda policy --out policies      for every command
  securelambda policy --for plan,status   for commands that only read

With --account and --region, no credentials are needed:
  securelambda policy --account 123456789012 --region eu-central-1 --out policies

IAM allows 6144 characters in a managed policy. If one policy is enough, it is printed as JSON. If more are needed,
--out writes one file for each and prints the commands that create them, and --json prints all of them as one
document. Attach all of them to the operator.

Anyone who can create roles can escalate their own privileges, unless the policy requires a permissions boundary:
  securelambda policy --permissions-boundary arn:aws:iam::123456789012:policy/functions")]
pub struct Policy {
    /// Include only the permissions of this command; can be repeated. token, call, outputs and local need none
    #[arg(long = "for", value_name = "COMMAND", value_delimiter = ',')]
    pub works: Vec<CommandName>,
    /// Write each policy to a file in this folder, and print the commands that create the policies
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// AWS account id; overrides the account of the credentials
    #[arg(long, value_name = "ID", value_parser = account)]
    pub account: Option<String>,
}

pub(super) fn account(text: &str) -> Result<String, String> {
    let is_id = text.len() == 12 && text.chars().all(|c| c.is_ascii_digit());
    is_id.then(|| text.to_owned()).ok_or_else(|| "an account id has 12 digits, such as 123456789012".to_owned())
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  securelambda graph > stack.mmd            Mermaid, which GitHub and GitLab render in Markdown files
  securelambda graph --svg > stack.svg      an SVG picture")]
pub struct Graph {
    /// Print SVG instead of Mermaid
    #[arg(long)]
    pub svg: bool,
}

#[derive(Debug, Subcommand)]
pub enum Export {
    /// Print an API as an OpenAPI 3.0 document: its routes, who may call them, and the schemas of bodies
    Openapi(Openapi),
    /// Write the stack as a Terraform configuration that imports the existing resources
    Terraform(Takeover),
    /// Write the stack as a CloudFormation template, with the list of existing resources to import
    Cloudformation(Takeover),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  securelambda export terraform --out terraform
  securelambda export cloudformation --out cloudformation

The stack must exist. Nothing is changed, neither at AWS nor in the state. The files contain no value of a secret.")]
pub struct Takeover {
    /// Write the files, and the packages of the functions, to this folder
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  securelambda export openapi > openapi.json
  securelambda export openapi --out inventory     a file for each API of the stack

No credentials are needed. If the stack exists, the document has the API's address.")]
pub struct Openapi {
    /// The API to describe: NAME for [apis.NAME], api for [api]
    #[arg(long, value_name = "NAME")]
    pub api: Option<String>,
    /// Write a file for each API to this folder, NAME.openapi.json
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Local {
    /// Start the emulator; the first start installs it
    #[command(after_help = "Examples:
  securelambda local start
  securelambda local start --port 4566")]
    Start {
        /// Port to listen on [default: 4577, or any free port if that is taken]
        #[arg(long, value_name = "PORT")]
        port: Option<u16>,
    },
    /// Stop the emulator; the next start has its contents again
    #[command(after_help = "Example:
  securelambda local stop")]
    Stop,
    /// Show whether the emulator is running, and its endpoint
    #[command(after_help = "Example:
  securelambda local status")]
    Status,
    /// Delete everything in the emulator
    #[command(after_help = "Example:
  securelambda local reset")]
    Reset,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  securelambda cost
  securelambda cost --requests 1000000 --users 500")]
pub struct Cost {
    /// Requests in a month, spread evenly over all routes
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub requests: u64,
    /// Users who sign in during a month, in each pool
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub users: u64,
    /// How many milliseconds a function takes for a request
    #[arg(long, value_name = "MS", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=900_000))]
    pub ms: u32,
}

#[derive(Debug, Subcommand)]
pub enum State {
    /// List the stacks whose states are stored here
    #[command(after_help = "Examples:
  securelambda state list
  securelambda state list --state s3://acme-state/orders")]
    List,
    /// Show what the state of the stack records, and who holds its lock
    #[command(after_help = "Example:
  securelambda state show")]
    Show,
    /// Print the state of the stack as JSON
    #[command(after_help = "Example:
  securelambda state pull > state.json")]
    Pull,
    /// Replace the state of the stack, for example by a repaired one that `state pull` printed
    #[command(after_help = "Example:
  securelambda state push state.json")]
    Push {
        /// The file with the state
        #[arg(value_name = "FILE")]
        from: PathBuf,
        /// Replace a newer state, or one of another lineage
        #[arg(long)]
        force: bool,
    },
    /// Move the state of the stack to another folder or bucket
    #[command(after_help = "Example:
  securelambda state move s3://acme-state/orders")]
    Move {
        /// A folder, or s3://BUCKET/PREFIX
        #[arg(value_name = "PLACE")]
        to: Location,
    },
    /// Remove the lock of a run that ended without releasing it
    #[command(after_help = "Example:
  securelambda state unlock")]
    Unlock,
    /// Create a bucket for states: private, versioned, encrypted, and only with TLS
    #[command(after_help = "Example:
  securelambda state bucket acme-state")]
    Bucket {
        /// Its name, which is unique among all accounts of AWS
        #[arg(value_name = "BUCKET")]
        name: String,
    },
}

#[derive(Debug, Args)]
#[command(
    after_help = "The script calls this program, which also completes the names of pools, routes and functions in the stack file.

Examples:
  securelambda completions bash > ~/.local/share/bash-completion/completions/securelambda
  securelambda completions zsh > ~/.zfunc/_securelambda
  securelambda completions fish > ~/.config/fish/completions/securelambda.fish"
)]
pub struct Completions {
    /// The shell to print the script for
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  securelambda man | man -l -
  securelambda man --dir ~/.local/share/man/man1")]
pub struct Man {
    /// Write a page for every command to this folder
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

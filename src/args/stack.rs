//! Commands that create, change, inspect and remove a stack.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

use super::candidates;

#[derive(Debug, Subcommand)]
pub enum StackCommand {
    /// Create a commented stack file and its functions
    Init(Init),
    /// Check the stack file and the functions' files, offline
    #[command(after_help = "Needs neither AWS credentials nor a network.

Examples:
  securelambda validate
  securelambda validate --file other.toml --env prod")]
    Validate,
    /// Create or update the stack
    #[command(visible_aliases = ["deploy", "apply"])]
    Up(Up),
    /// Keep the stack up to date while its files are edited, and show its logs and requests
    Dev(Dev),
    /// Show the changes that `up` would make
    #[command(visible_aliases = ["diff", "preview"])]
    Plan(Plan),
    /// Remove the stack and check that nothing remains
    #[command(visible_alias = "destroy")]
    Down(Down),
    /// Find stacks by their tags, or remove one without its stack file or state file
    Sweep(Sweep),
    /// Compare every resource with the stack file
    Status(Status),
    /// Print ids, ARNs and URLs
    Outputs(Outputs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Creates securelambda.toml, which explains every key, securelambda.schema.json, which editors use to check
the stack file, and lambdas/, the functions' code. Existing files are never overwritten.

Example:
  securelambda init my-api && cd my-api && securelambda up --local"
)]
pub struct Init {
    /// Folder to write to; created if it does not exist
    #[arg(value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,
}

/// How long a stack may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    Never,
    /// Ten minutes to a year.
    After(Duration),
}

impl FromStr for Ttl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::Never);
        }
        let time = humantime::parse_duration(text).map_err(|error| format!("{error}; write it as in 90m, 4h or 7d"))?;
        if (600..=366 * 86_400).contains(&time.as_secs()) {
            Ok(Self::After(time))
        } else {
            Err("the time must be from 10m to 366d".to_owned())
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  securelambda up --local                 on this machine; no AWS account needed
  securelambda up                         on AWS: shows the plan, and asks before it changes anything
  securelambda up --plan plan.json        exactly what `plan --out plan.json` showed
  securelambda up --stack trial --ttl 4h  another copy of the stack, which expires")]
pub struct Up {
    /// Take over the resources of a stack whose state is not here, for example because it was lost
    #[arg(long)]
    pub adopt: bool,
    /// Do exactly what the plan in this file says, without a question, or refuse; `plan --out` writes it
    #[arg(long, value_name = "FILE", conflicts_with = "adopt", value_hint = ValueHint::FilePath)]
    pub plan: Option<PathBuf>,
    /// Let the stack expire after this time, as in 4h or 7d, so that `sweep --expired` removes it; `none` lets it stay
    #[arg(long, value_name = "TIME", conflicts_with = "plan")]
    pub ttl: Option<Ttl>,
    /// Rewrite this secret: read variables and prompts again, and generate new values; can be repeated
    #[arg(long, value_name = "SECRET", value_delimiter = ',', add = candidates::secrets())]
    pub rotate: Vec<String>,
    /// Exit with code 7 if anything was changed
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Remove this user pool, which the stack file no longer contains, together with its users; can be repeated
    #[arg(long = "remove-pool", value_name = "NAME", value_delimiter = ',')]
    pub remove_pools: Vec<String>,
    /// Remove this group, which the stack file no longer contains, although it has members; can be repeated
    #[arg(long = "remove-group", value_name = "NAME", value_delimiter = ',')]
    pub remove_groups: Vec<String>,
    /// Remove this table, which the stack file no longer contains, together with its data; can be repeated
    #[arg(long = "remove-table", value_name = "NAME", value_delimiter = ',')]
    pub remove_tables: Vec<String>,
    /// Add this IP address or network to the firewall's list and to the stack file; can be repeated
    #[arg(long = "allow-ip", value_name = "CIDR", value_delimiter = ',')]
    pub allow_ips: Vec<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Watches the stack file and the functions' folders. After each change it does what `up` does, and shows what went
wrong until that is corrected. Ctrl-C ends it; the stack stays.

Examples:
  securelambda dev                        on this machine
  securelambda dev --remote               on AWS: asks before each change that does more than update resources"
)]
pub struct Dev {
    /// Use AWS instead of the local emulator
    #[arg(long, conflicts_with = "local")]
    pub remote: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Tables stay, with their data, unless --remove-table names them.

Examples:
  securelambda down --local
  securelambda down --remove-table notes")]
pub struct Down {
    /// Take over the resources of a stack whose state is not here, for example because it was lost
    #[arg(long)]
    pub adopt: bool,
    /// Delete secrets permanently, without a recovery window; also deletes secrets that are already in one
    #[arg(long)]
    pub purge: bool,
    /// Also remove this table, together with its data; can be repeated
    #[arg(long = "remove-table", value_name = "NAME", value_delimiter = ',')]
    pub remove_tables: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Without --stack, `sweep` lists the stacks and removes nothing.

Examples:
  securelambda sweep                        list all tagged resources in the account and region, by stack
  securelambda sweep --stack demo           show the resources of one stack, ask for confirmation, and remove them
  securelambda sweep --stack demo --adopt   the same for a stack whose state is not here, without a further question")]
pub struct Sweep {
    /// With --stack: also remove a stack whose state is not here, for example because it was lost
    #[arg(long, conflicts_with = "expired")]
    pub adopt: bool,
    /// Remove every stack that has expired: see `up --ttl`
    #[arg(long, conflicts_with = "remove_tables")]
    pub expired: bool,
    /// Delete secrets permanently, without a recovery window; also deletes secrets that are already in one
    #[arg(long)]
    pub purge: bool,
    /// Also remove this table, together with its data; can be repeated
    #[arg(long = "remove-table", value_name = "NAME", value_delimiter = ',')]
    pub remove_tables: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  securelambda plan                       what `up` would do; only reads
  securelambda plan --out plan.json       to do exactly this later, with `up --plan plan.json`
  securelambda plan --markdown            for a comment on a pull request")]
pub struct Plan {
    /// Take over the resources of a stack whose state is not here, for example because it was lost
    #[arg(long)]
    pub adopt: bool,
    /// Exit with code 7 if there are changes to make
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Also write the plan to this file, for `up --plan`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
    /// Print Markdown, for example for a comment on a pull request
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  securelambda status
  securelambda status --detailed-exitcode   exits with code 7 if something is missing or has drifted
  securelambda status --offline             what the state records, without AWS calls")]
pub struct Status {
    /// Read only the state file; make no AWS calls
    #[arg(long)]
    pub offline: bool,
    /// Exit with code 7 if a resource is missing or has drifted
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// The forms in which all outputs can be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputsFormat {
    /// A path and a value on each line
    Text,
    /// One JSON document, as with --json
    Json,
    /// Variables, as in POOLS_USERS_CLIENT_ID=abc, for files called .env
    Dotenv,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  securelambda outputs api.base_url
  securelambda outputs 'POST /lambda1'    the URL of a route
  securelambda outputs --format dotenv > .env
  securelambda outputs --keys acme        the API key of the partner acme, for a secret store")]
pub struct Outputs {
    /// Print only this value, such as api.base_url or pools.MyUserPool1.client_id, or the URL of this route, as in 'GET
    /// /notes'; with --keys, the API key of this name
    pub path: Option<String>,
    /// Print all values in this form
    #[arg(long, value_enum, value_name = "FORM", conflicts_with_all = ["path", "keys", "json"])]
    pub format: Option<OutputsFormat>,
    /// Print the values of the API keys instead, which are secrets. They are read from AWS and kept nowhere
    #[arg(long)]
    pub keys: bool,
}

//! Commands that create, change, inspect and remove a stack.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum StackCommand {
    /// Create a commented stack file and its functions
    Init(Init),
    /// Check the stack file and the functions' files, without AWS credentials or a network
    Validate,
    /// Create or update the stack
    #[command(visible_aliases = ["deploy", "apply"])]
    Up(Up),
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

#[derive(Debug, Args)]
pub struct Up {
    /// Take over the resources of a stack whose state is not here, for example because it was lost
    #[arg(long)]
    pub adopt: bool,
    /// Rewrite this secret: read variables and prompts again, and generate new values; can be repeated
    #[arg(long, value_name = "SECRET", value_delimiter = ',')]
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
  securelambda sweep                      list all tagged resources in the account and region, by stack
  securelambda sweep --stack NAME         show the resources of one stack, ask for confirmation, and remove them")]
pub struct Sweep {
    /// Delete secrets permanently, without a recovery window; also deletes secrets that are already in one
    #[arg(long)]
    pub purge: bool,
    /// Also remove this table, together with its data; can be repeated
    #[arg(long = "remove-table", value_name = "NAME", value_delimiter = ',')]
    pub remove_tables: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Plan {
    /// Take over the resources of a stack whose state is not here, for example because it was lost
    #[arg(long)]
    pub adopt: bool,
    /// Exit with code 7 if there are changes to make
    #[arg(long)]
    pub detailed_exitcode: bool,
}

#[derive(Debug, Args)]
pub struct Status {
    /// Read only the state file; make no AWS calls
    #[arg(long)]
    pub offline: bool,
    /// Exit with code 7 if a resource is missing or has drifted
    #[arg(long)]
    pub detailed_exitcode: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  securelambda outputs api.base_url
  securelambda outputs --keys acme        the API key of the partner acme, for a secret store")]
pub struct Outputs {
    /// Print only this value, such as api.base_url or pools.MyUserPool1.client_id; with --keys, the API key of this name
    pub path: Option<String>,
    /// Print the values of the API keys instead, which are secrets. They are read from AWS and kept nowhere
    #[arg(long)]
    pub keys: bool,
}

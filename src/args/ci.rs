//! Commands for pipelines.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};

use super::stack::Ttl;
use super::tools::account;
use crate::ci::{Branch, Repository};

/// The file that GitHub reads the workflow from.
pub const WORKFLOW_FILE: &str = ".github/workflows/securelambda.yml";

#[derive(Debug, Subcommand)]
pub enum Ci {
    /// Write a workflow for GitHub Actions: a plan on pull requests, `up` and `verify` on the branch
    Github(CiGithub),
    /// Create the roles that the workflow runs as, each with exactly the permissions that it needs
    Role(CiRole),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  securelambda ci github
  securelambda ci github --env prod --out .github/workflows/prod.yml
  securelambda ci github --previews --ttl 1d      a stack for each pull request
  securelambda ci github --account 123456789012 --region eu-central-1 --print

With --account and --region, no credentials are needed. `securelambda ci role` creates the roles.")]
pub struct CiGithub {
    /// Write the workflow to this file [default: .github/workflows/securelambda.yml]
    #[arg(long, value_name = "FILE", conflicts_with = "print")]
    pub out: Option<PathBuf>,
    /// Print the workflow instead
    #[arg(long)]
    pub print: bool,
    /// Replace an existing file
    #[arg(long, conflicts_with = "print")]
    pub force: bool,
    /// The branch that is deployed
    #[arg(long, value_name = "NAME", default_value = "main")]
    pub branch: Branch,
    /// Give each pull request a stack of its own, STACK-pr-NUMBER, which is removed with the pull request
    #[arg(long)]
    pub previews: bool,
    /// After which time the stack of a pull request expires, as in 4h or 7d
    #[arg(long, value_name = "TIME", default_value = "3d", value_parser = preview_ttl, requires = "previews")]
    pub ttl: String,
    /// AWS account id; overrides the account of the credentials
    #[arg(long, value_name = "ID", value_parser = account)]
    pub account: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  securelambda ci role --repository octo-org@123456/orders@456789
  securelambda ci role --repository octo-org@123456/orders@456789 --print
  securelambda ci role --remove

GitHub names repositories by ids in the tokens of those that were created, renamed or transferred after 15 July 2026. This prints
the ids:
  gh api repos/OWNER/NAME --jq '\"\\(.owner.login)@\\(.owner.id)/\\(.name)@\\(.id)\"'

Needs an administrator's credentials.")]
pub struct CiRole {
    /// The repository on GitHub: OWNER@ID/NAME@ID, or OWNER/NAME for a repository whose tokens contain no ids
    #[arg(long, value_name = "REPOSITORY", required_unless_present = "remove")]
    pub repository: Option<Repository>,
    /// The branch that is deployed
    #[arg(long, value_name = "NAME", default_value = "main")]
    pub branch: Branch,
    /// Also the role for the stacks of pull requests; needs a permissions boundary
    #[arg(long)]
    pub previews: bool,
    /// Print the documents and the commands of the AWS CLI that create the roles, and change nothing
    #[arg(long)]
    pub print: bool,
    /// Remove the roles and their policies; keep the account's OIDC provider
    #[arg(long, conflicts_with_all = ["repository", "print"])]
    pub remove: bool,
    /// With --print: AWS account id; overrides the account of the credentials
    #[arg(long, value_name = "ID", value_parser = account, requires = "print")]
    pub account: Option<String>,
}

/// The time of previews, as text of one word.
fn preview_ttl(text: &str) -> Result<String, String> {
    match Ttl::from_str(text)? {
        Ttl::Never => Err("the stacks of pull requests expire".to_owned()),
        Ttl::After(_) if text.chars().all(|c| c.is_ascii_alphanumeric()) => Ok(text.to_owned()),
        Ttl::After(_) => Err("write it without spaces, as in 4h or 7d".to_owned()),
    }
}

//! The options that every command accepts.

use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum, ValueHint};

use crate::location::Location;
use crate::spec::blueprints;

/// The folder of the states if no place is named.
pub const STATE_DIR: &str = "state";

#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent flag")]
#[command(next_help_heading = "Shared options")]
pub struct Shared {
    /// Path to the stack file [default: securelambda.toml if it exists, otherwise the built-in stack]
    #[arg(long, global = true, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    /// Use one of the built-in blueprints instead of a stack file
    #[arg(
        long, global = true, value_name = "NAME", hide_short_help = true,
        conflicts_with = "file", value_parser = blueprint_names()
    )]
    pub blueprint: Option<String>,
    /// Environment: uses the keys of [environments.NAME] in the stack file, and adds -NAME to the stack's name
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub env: Option<String>,
    /// Where states are stored: a folder, or s3://BUCKET/PREFIX [default: `state` in the stack file, otherwise the folder
    /// state]
    #[arg(long, alias = "state-dir", global = true, value_name = "PLACE", hide_short_help = true)]
    pub state: Option<Location>,
    /// Stack name; overrides the name in the stack file
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub stack: Option<String>,
    /// Permissions boundary for the stack's roles; overrides the one in the stack file
    #[arg(long, global = true, value_name = "ARN", hide_short_help = true)]
    pub permissions_boundary: Option<String>,
    /// AWS profile
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub profile: Option<String>,
    /// AWS region
    #[arg(long, global = true, value_name = "REGION", hide_short_help = true)]
    pub region: Option<String>,
    /// Send AWS calls to this endpoint; AWS_ENDPOINT_URL has the same effect
    #[arg(long, global = true, value_name = "URL", hide_short_help = true)]
    pub endpoint_url: Option<String>,
    /// Use the local emulator; start it if necessary
    #[arg(long, global = true, conflicts_with_all = ["endpoint_url", "profile"])]
    pub local: bool,
    /// Maximum number of resources to change at the same time
    #[arg(
        long, global = true, value_name = "N", default_value_t = 8, hide_short_help = true,
        value_parser = clap::value_parser!(u16).range(1..=64)
    )]
    pub jobs: u16,
    /// Do not ask for confirmation
    #[arg(short, long, global = true)]
    pub yes: bool,
    /// Print JSON: one document, or one line per event or log entry
    #[arg(long, global = true)]
    pub json: bool,
    /// Show how long each resource took and what it waited for, at the end of `up` and `down`
    #[arg(long, global = true, hide_short_help = true)]
    pub timings: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_short_help = true)]
    pub color: Color,
    /// Print details on standard error; repeat to log every AWS call
    #[arg(short, long, global = true, action = clap::ArgAction::Count, hide_short_help = true)]
    pub verbose: u8,
    /// Print only results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose", hide_short_help = true)]
    pub quiet: bool,
}

fn blueprint_names() -> Vec<PossibleValue> {
    blueprints::ALL.iter().map(|blueprint| PossibleValue::new(blueprint.name).help(blueprint.about)).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// Use colours on a terminal, unless NO_COLOR is set.
    Auto,
    /// Always use colours.
    Always,
    /// Never use colours.
    Never,
}

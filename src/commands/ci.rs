//! `ci github`: writes the workflow of GitHub Actions. `ci role` creates the roles that it runs as.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::session::who_am_i;
use super::{Ending, ci_role, note_unless, policy, report_file};
use crate::args::{self, WORKFLOW_FILE};
use crate::ci::{LONGEST_NUMBER, Previews, Workflow, preview_stack};
use crate::config::Config;
use crate::error::Error;
use crate::location::Location;
use crate::outputs::SCHEMA_VERSION;
use crate::report::{answer, command};
use crate::scope::Scope;
use crate::spec::{self, Stack, Value};

pub(super) async fn run(command: &args::Ci, config: Config) -> Result<Ending, Error> {
    match command {
        args::Ci::Github(args) => {
            check(&config)?;
            github(args, &config).await
        }
        args::Ci::Role(args) if args.remove => ci_role::remove(args, &config).await,
        args::Ci::Role(args) => {
            check(&config)?;
            ci_role::create(args, &config).await
        }
    }
}

/// Refuses a stack that a workflow cannot deploy: the workflow needs the stack file, and a state that all its runs share.
fn check(config: &Config) -> Result<(), Error> {
    if config.file.is_none() {
        return Err(Error::usage("a workflow needs a stack file in the repository")
            .hint("create a stack file with `securelambda init`"));
    }
    if !matches!(config.stack.state, Some(Location::Bucket { .. })) {
        return Err(Error::usage("the stack file stores the state in a folder, which the runs of a workflow do not share")
            .hint("create a bucket with `securelambda state bucket BUCKET`, and write state = \"s3://BUCKET/PREFIX\" under [stack]"));
    }
    Ok(())
}

async fn github(args: &args::CiGithub, config: &Config) -> Result<Ending, Error> {
    let file = args.out.as_deref().unwrap_or(Path::new(WORKFLOW_FILE));
    if !args.print && !args.force && file.symlink_metadata().is_ok() {
        return Err(Error::usage(format!("nothing was written, because {} exists already", file.display()))
            .hint("--force replaces it; --out FILE writes another file; --print prints the workflow"));
    }
    let scope = match &args.account {
        Some(account) => policy::offline(account, config)?,
        None => who_am_i(config).await?.0.scope,
    };
    let (base, by_flag) = base(config)?;
    let previews = args.previews.then(|| previews(&base, &args.ttl)).transpose()?;
    let workflow = Workflow {
        scope: &scope,
        branch: &args.branch,
        flags: file_flag(config)?,
        stack_flags: stack_flags(config, by_flag),
        secrets: variables(&config.stack).chain(previews.iter().flat_map(|_| variables(&base))).collect(),
        previews,
    };
    let text = workflow.text();
    if args.print {
        answer(text.trim_end());
        return Ok(Ending::Done);
    }
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|why| {
            Error::other(format!("the folder {} cannot be created: {why}", folder.display()))
                .hint("choose a file in a folder that you can write to with --out")
        })?;
    }
    report_file::write(file, &text)?;
    if config.output.json {
        answer(&super::pretty(&json!({ "schema_version": SCHEMA_VERSION, "file": file })));
    } else {
        answer(&file.display().to_string());
    }
    next(config, &workflow, file);
    Ok(Ending::Done)
}

/// Says what else the workflow needs.
fn next(config: &Config, workflow: &Workflow<'_>, file: &Path) {
    let note = note_unless(config.output.quiet || config.output.json);
    note("\nNext:");
    let previews = if workflow.previews.is_some() { " --previews" } else { "" };
    let role = command(&format!("ci role --repository OWNER@ID/NAME@ID --branch {}{previews}", workflow.branch));
    note(&format!("  {role}\n    creates the roles that the workflow runs as"));
    if !workflow.secrets.is_empty() {
        let names: Vec<&str> = workflow.secrets.iter().map(String::as_str).collect();
        note(&format!("  Set these secrets of the repository, which the stack file reads: {}.", names.join(", ")));
    }
    let asks =
        config.stack.secrets.iter().filter(|(_, secret)| secret.values.values().any(|value| *value == Value::Prompt));
    for (name, _) in asks {
        note(&format!(
            "  The secret {name} asks for a value. Run `securelambda up` once at a terminal, or use {{ env = \"NAME\" }}."
        ));
    }
    if let Some(top) = repository_above() {
        note(&format!(
            "  GitHub runs only workflows in .github/workflows at the top of the repository: run this command in {}, and \
             name the stack file with --file.",
            top.display()
        ));
    }
    note(&format!("  Commit {} and the stack file.", file.display()));
}

/// The top of the repository, if this folder is below it.
fn repository_above() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let top = here.ancestors().find(|folder| folder.join(".git").exists())?;
    (top != here).then(|| top.to_owned())
}

/// The stack of the file without an environment, after which previews are named, and the name that a flag gives it
/// instead.
pub(super) fn base(config: &Config) -> Result<(Stack, Option<String>), Error> {
    let (mut base, _) = spec::read(&config.document.text, None)
        .map_err(|mistakes| config.document.mistaken(mistakes, config.output))?;
    let own = config.environment.as_ref().map_or(base.name.clone(), |name| format!("{}-{name}", base.name));
    let by_flag = Some(config.stack.name.clone()).filter(|name| *name != own);
    base.name = by_flag.clone().unwrap_or(base.name);
    Ok((base, by_flag))
}

/// Refuses a stack that cannot exist several times in an account.
pub(super) fn check_previews(base: &Stack) -> Result<(), Error> {
    if let Some(domain) = base.domains().next() {
        return Err(Error::usage(format!(
            "a domain name is for one stack, so pull requests cannot have stacks with {}",
            domain.name
        ))
        .hint("move `domain` to an environment, as in [environments.prod.api], and pass --env prod"));
    }
    spec::check_name(&preview_stack(&base.name, LONGEST_NUMBER)).map_err(|_| {
        Error::usage(format!("the name {} is too long for stacks of pull requests", base.name)).hint(format!(
            "{} must have at most {} characters",
            preview_stack(&base.name, "NUMBER"),
            spec::LONGEST_STACK_NAME
        ))
    })?;
    if base.permissions_boundary.is_none() {
        return Err(Error::usage("stacks of pull requests need a permissions boundary")
            .hint("whoever may push a branch could create a role with any permissions otherwise")
            .hint("write permissions_boundary = \"arn:aws:iam::ACCOUNT:policy/NAME\" under [stack]; see docs/least-privilege.md"));
    }
    Ok(())
}

fn previews(base: &Stack, ttl: &str) -> Result<Previews, Error> {
    check_previews(base)?;
    Ok(Previews { stack: base.name.clone(), ttl: ttl.to_owned(), tables: base.tables.keys().cloned().collect() })
}

/// The stack file, if it has another name than the one that every command reads.
fn file_flag(config: &Config) -> Result<BTreeMap<&'static str, String>, Error> {
    let Some(file) = config.file.as_ref().filter(|file| *file != Path::new(crate::config::DEFAULT_FILE)) else {
        return Ok(BTreeMap::new());
    };
    match file.to_str() {
        Some(text) if file.is_relative() && !text.starts_with("..") => {
            Ok([("SECURELAMBDA_FILE", text.to_owned())].into())
        }
        _ => Err(Error::usage(format!("the workflow cannot find the stack file {}", file.display()))
            .hint("run the command at the top of the repository, with a path within it")),
    }
}

/// The flags that choose the stack of the branch.
fn stack_flags(config: &Config, by_flag: Option<String>) -> BTreeMap<&'static str, String> {
    let environment = config.environment.clone().map(|name| ("SECURELAMBDA_ENV", name));
    environment.into_iter().chain(by_flag.map(|name| ("SECURELAMBDA_STACK", name))).collect()
}

/// The variables from which a stack reads values of secrets.
fn variables(stack: &Stack) -> impl Iterator<Item = String> {
    let values = stack.secrets.values().flat_map(|secret| secret.values.values());
    let names = values.filter_map(|value| match value {
        Value::Env(name) => Some(name.clone()),
        _ => None,
    });
    names.collect::<BTreeSet<_>>().into_iter()
}

/// The scope of all previews of a stack, for their policies.
pub(super) fn scope_of_previews(scope: &Scope, base: &Stack) -> Scope {
    Scope { stack: preview_stack(&base.name, "*"), ..scope.clone() }
}

//! `init`: writes a commented stack file and its functions, which are embedded in the program.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::Ending;
use crate::args;
use crate::bundle;
use crate::config::DEFAULT_FILE;
use crate::error::Error;
use crate::outputs::SCHEMA_VERSION;
use crate::report::{Output, answer, say};
use crate::spec::blueprints::{self, Blueprint};
use crate::spec::{self, json_schema};

/// The name of the schema file; the first line of the stack file refers to it.
const SCHEMA_FILE: &str = "securelambda.schema.json";

pub(super) fn run(args: &args::Init, shared: &args::Shared, output: Output) -> Result<Ending, Error> {
    // The argument parser accepts only known names.
    let blueprint = shared.blueprint.as_deref().and_then(Blueprint::of).unwrap_or(blueprints::DEFAULT);
    if let Some(name) = &shared.stack {
        spec::check_name(name).map_err(Error::usage)?;
    }
    let stack = shared.stack.clone().or_else(|| stack_name(&args.folder));
    let files = files(blueprint, stack.as_deref());
    let folder = if args.folder == Path::new(".") { Path::new("") } else { &args.folder };
    let in_the_way = in_the_way(folder, &files);
    if !in_the_way.is_empty() {
        let (these, what) = if in_the_way.len() == 1 { ("it", "a file exists") } else { ("them", "files exist") };
        let shown: Vec<String> = in_the_way.iter().map(|path| format!("  {}", path.display())).collect();
        let mut error = Error::usage(format!("nothing was written, because {what} already"))
            .hint(format!("choose another folder, such as `securelambda init my-api`, or move {these} away"));
        error.details = Some(shown.join("\n").into());
        return Err(error);
    }
    write(folder, &files)?;
    let written: Vec<String> = files.keys().map(|path| folder.join(path).display().to_string()).collect();
    if output.json {
        let folder = args.folder.display().to_string();
        let document = json!({ "schema_version": SCHEMA_VERSION, "blueprint": blueprint.name, "folder": folder, "files": written });
        answer(&super::pretty(&document));
    } else {
        answer(&written.join("\n"));
        if !output.quiet {
            say(&next(&args.folder, &output));
        }
    }
    Ok(Ending::Done)
}

/// A name for the stack that is made from the folder's name, so that the stacks of two folders have two names. `None` if
/// the folder's name has no letter that a stack's name may have.
fn stack_name(folder: &Path) -> Option<String> {
    let absolute = std::path::absolute(folder).ok()?;
    let name = absolute.file_name()?.to_string_lossy().to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let name = words.join("-");
    let name = name.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    let name: String = name.chars().take(spec::LONGEST_STACK_NAME).collect();
    let name = name.trim_end_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

/// A blueprint's stack file with this name of the stack.
fn named(text: &str, stack: &str) -> String {
    let Some(line) = text.lines().find(|line| line.starts_with("name ")) else { return text.to_owned() };
    // The comment stays in its column.
    let new = match line.split_once('#') {
        Some((before, comment)) => format!("{:<width$}#{comment}", format!("name = {stack:?}"), width = before.len()),
        None => format!("name = {stack:?}"),
    };
    text.replacen(line, &new, 1)
}

/// The files to write, by their paths within the folder.
fn files(blueprint: &Blueprint, stack: Option<&str>) -> BTreeMap<PathBuf, Vec<u8>> {
    let text = stack.map_or_else(|| blueprint.text.to_owned(), |stack| named(blueprint.text, stack));
    let lambdas = bundle::embedded(&blueprint.folders());
    let mut files: BTreeMap<PathBuf, Vec<u8>> = lambdas.into_iter().map(|(path, text)| (path, text.to_vec())).collect();
    files.insert(DEFAULT_FILE.into(), text.into_bytes());
    files.insert(SCHEMA_FILE.into(), format!("{}\n", super::pretty(&json_schema())).into_bytes());
    files
}

/// Existing files that would be overwritten, or that have the name of a folder to create.
fn in_the_way(folder: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for path in files.keys().map(|path| folder.join(path)) {
        // A dangling symbolic link counts as an existing file.
        let there = |path: &Path| path.symlink_metadata().is_ok();
        let blocking = path.ancestors().skip(1).find(|around| there(around) && !around.is_dir());
        let taken = blocking.map(Path::to_owned).or_else(|| there(&path).then_some(path));
        found.extend(taken);
    }
    found.sort();
    found.dedup();
    found
}

/// Writes all files. If one fails, deletes those that were written.
fn write(folder: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) -> Result<(), Error> {
    let mut written: Vec<PathBuf> = Vec::new();
    for (path, contents) in files {
        let path = folder.join(path);
        let new = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::File::create_new(&path));
        let done = new.and_then(|mut file| {
            written.push(path.clone());
            file.write_all(contents)
        });
        if let Err(why) = done {
            for path in &written {
                let _ = fs::remove_file(path);
            }
            let error = Error::other(format!("{} cannot be written: {why}", path.display()));
            return Err(match why.kind() {
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                    error.hint("choose a folder that you can write to")
                }
                _ => error.hint("nothing was written"),
            });
        }
    }
    Ok(())
}

fn next(folder: &Path, output: &Output) -> String {
    let mut next = String::from("\nNext:\n");
    if folder != Path::new(".") {
        next += &format!("  cd {}\n", folder.display());
    }
    let note = |text: &str| output.messages.dim(text);
    next +=
        &format!("  securelambda up --local     {}\n", note("create the stack on this machine; no AWS account needed"));
    next += &format!("  {DEFAULT_FILE}           {}\n", note("explains every key: change it, then run"));
    next += &format!("  securelambda plan --local   {}", note("show the changes that `up` would make"));
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    #[test]
    fn a_stack_is_named_after_its_folder() {
        for (folder, name) in [
            ("/home/ada/my-api", Some("my-api")),
            ("/home/ada/Orders API (new)", Some("orders-api-new")),
            ("/home/ada/2026.orders", Some("orders")),
            ("/home/ada/a-name-that-is-longer-than-a-stacks-name", Some("a-name-that-is-longer-th")),
            ("/home/ada/twenty-four-characters--x", Some("twenty-four-characters-x")),
            ("/home/ada/2026", None),
            ("/home/ada/äöü", None),
            ("/", None),
        ] {
            assert_eq!(stack_name(Path::new(folder)).as_deref(), name, "{folder}");
        }
    }

    #[test]
    fn every_blueprint_can_get_another_name() {
        for blueprint in blueprints::ALL {
            let text = named(blueprint.text, "my-api");
            let (new, old) = (parse(&text).expect("a sound file"), parse(blueprint.text).expect("a sound file"));
            assert_eq!(new.name, "my-api");
            assert_eq!(crate::spec::Stack { name: old.name.clone(), ..new }, old);
            assert_eq!(text.lines().count(), blueprint.text.lines().count());
        }
    }
}

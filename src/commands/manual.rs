//! `completions` and `man`: shell completion scripts and manual pages.

use std::ffi::OsString;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::CompleteEnv;
use clap_complete::env::Shells;

use super::Ending;
use crate::args::{self, Cli};
use crate::error::Error;
use crate::report::{answer, say};

/// The variable by which a shell asks for completions.
const COMPLETE: &str = "COMPLETE";

/// Prints the script that calls this program for completions.
pub(super) fn completions(args: &args::Completions) -> Result<Ending, Error> {
    const NAME: &str = "securelambda";
    let shell = args.shell.to_string();
    let unknown = || Error::usage(format!("{shell} cannot be completed"));
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let completer = shells.completer(&shell).ok_or_else(unknown)?;
    completer
        .write_registration(COMPLETE, NAME, NAME, NAME, &mut script)
        .map_err(|error| Error::other(error.to_string()))?;
    answer(String::from_utf8_lossy(&script).trim_end());
    Ok(Ending::Done)
}

/// Answers a shell that asks for completions; `false` if the program was not called for that.
///
/// # Errors
/// The shell is not known.
pub fn complete(line: &[OsString]) -> Result<bool, clap::Error> {
    let factory = || Cli::command().name("securelambda");
    CompleteEnv::with_factory(factory).var(COMPLETE).try_complete(line.to_vec(), None)
}

/// Prints the main page, or writes a page for every command to a folder.
pub(super) fn man(args: &args::Man) -> Result<Ending, Error> {
    let Some(folder) = &args.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(|error| Error::other(error.to_string()))?;
        answer(String::from_utf8_lossy(&page).trim_end());
        return Ok(Ending::Done);
    };
    let failed = |error: std::io::Error| Error::other(format!("could not write to {}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(failed)?;
    say(&format!("Wrote the manual pages to {0}. Read them with `man {0}/securelambda.1`.", shown(folder)));
    Ok(Ending::Done)
}

/// The folder with a slash in it: without one, `man` would not treat the page as a file.
fn shown(folder: &Path) -> String {
    if folder.components().count() == 1 && folder.is_relative() {
        format!("./{}", folder.display())
    } else {
        folder.display().to_string()
    }
}

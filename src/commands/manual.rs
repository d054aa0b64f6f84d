//! `completions` and `man`: what shells and `man` want to know of the command line.

use std::path::Path;

use clap::CommandFactory;

use super::Ending;
use crate::args::{self, Cli};
use crate::error::Error;
use crate::report::{answer, say};

/// A shell's completions, on standard output.
pub(super) fn completions(args: &args::Completions) -> Ending {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "securelambda", &mut script);
    answer(String::from_utf8_lossy(&script).trim_end());
    Ending::Done
}

/// The manual's main page on standard output, or a page for every command into a folder.
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
    say(&format!("The manual is in {0}; try `man {0}/securelambda.1`", shown(folder)));
    Ok(Ending::Done)
}

/// With a slash in it, so that `man` takes it for a file.
fn shown(folder: &Path) -> String {
    if folder.components().count() == 1 && folder.is_relative() {
        format!("./{}", folder.display())
    } else {
        folder.display().to_string()
    }
}

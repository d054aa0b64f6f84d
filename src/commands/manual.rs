//! `completions` and `man`: shell completion scripts and manual pages.

use std::path::Path;

use clap::CommandFactory;

use super::Ending;
use crate::args::{self, Cli};
use crate::error::Error;
use crate::report::{answer, say};

pub(super) fn completions(args: &args::Completions) -> Ending {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "securelambda", &mut script);
    answer(String::from_utf8_lossy(&script).trim_end());
    Ending::Done
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

//! Asking the person at the keyboard: only where there is one, and never for what could have been a flag without naming it.

use std::io::{BufRead, Read};

use dialoguer::theme::SimpleTheme;
use dialoguer::{Confirm, Input, Password};

use crate::config::Output;
use crate::error::{Error, Kind};
use crate::secret::Hidden;

/// The longest password or token that is read from standard input, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Asks before something is made or removed.
pub(super) fn confirm(output: Output, question: &str) -> Result<(), Error> {
    if !output.can_ask {
        return Err(Error::usage("this asks before it goes on, and there is nobody to ask").hint("give --yes"));
    }
    let yes = Confirm::with_theme(&SimpleTheme).with_prompt(question).default(false).interact().map_err(broken_off)?;
    if yes { Ok(()) } else { Err(Error::new(Kind::Stopped, "nothing was done")) }
}

/// Asks for a password, twice if it is a new one.
pub(super) fn password(output: Output, question: &str, new: bool, instead: &str) -> Result<Hidden, Error> {
    if !output.can_ask {
        return Err(Error::usage("a password is needed, and there is nobody to ask").hint(format!("give {instead}")));
    }
    let prompt = Password::with_theme(&SimpleTheme).with_prompt(question);
    let prompt = if new { prompt.with_confirmation("Once more", "They differ") } else { prompt };
    Ok(Hidden::new(prompt.interact().map_err(broken_off)?))
}

/// Asks for the code from the mail.
pub(super) fn code(output: Output) -> Result<Option<String>, Error> {
    if !output.can_ask {
        return Ok(None);
    }
    let code: String =
        Input::with_theme(&SimpleTheme).with_prompt("The code from the mail").interact_text().map_err(broken_off)?;
    Ok(Some(code))
}

/// One line of standard input, without its line break.
pub(super) fn standard_input(what: &str) -> Result<Hidden, Error> {
    let mut line = String::new();
    let unreadable = |error| Error::usage(format!("the {what} cannot be read from standard input: {error}"));
    std::io::stdin().lock().take(LONGEST).read_line(&mut line).map_err(unreadable)?;
    let line = line.trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        return Err(Error::usage(format!("there is no {what} on standard input")));
    }
    Ok(Hidden::from(line))
}

fn broken_off(_: dialoguer::Error) -> Error {
    Error::new(Kind::Interrupted, "interrupted")
}

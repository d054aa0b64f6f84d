//! Asking the person at the keyboard: only where there is one, and never for what could have been a flag without naming it.
//!
//! A question waits on a thread of its own, so that a request to stop is heard meanwhile.

use std::io::{BufRead, Read};

use dialoguer::theme::SimpleTheme;
use dialoguer::{Confirm, Input, Password};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::error::{Error, Kind};
use crate::report::Output;
use crate::secret::SecretValue;

/// The longest password or token that is read from standard input, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Asks before something is made or removed.
pub(super) async fn confirm(output: Output, question: &str) -> Result<(), Error> {
    if !output.can_ask {
        return Err(Error::usage("this asks before it goes on, and there is nobody to ask").hint("give --yes"));
    }
    let question = question.to_owned();
    let asked = asked(move || Confirm::with_theme(&SimpleTheme).with_prompt(question).default(false).interact());
    if asked.await.unwrap_or(false) { Ok(()) } else { Err(Error::new(Kind::Stopped, "nothing was done")) }
}

/// Asks for a password, twice if it is a new one.
pub(super) async fn password(output: Output, question: &str, new: bool, instead: &str) -> Result<SecretValue, Error> {
    if !output.can_ask {
        return Err(Error::usage("a password is needed, and there is nobody to ask").hint(format!("give {instead}")));
    }
    let question = question.to_owned();
    let asked = asked(move || {
        let prompt = Password::with_theme(&SimpleTheme).with_prompt(question);
        if new { prompt.with_confirmation("Once more", "They differ") } else { prompt }.interact()
    });
    Ok(SecretValue::new(asked.await?))
}

/// Asks for the code from the mail.
pub(super) async fn code(output: Output) -> Result<Option<String>, Error> {
    if !output.can_ask {
        return Ok(None);
    }
    let asked = asked(|| Input::with_theme(&SimpleTheme).with_prompt("The code from the mail").interact_text());
    Ok(Some(asked.await?))
}

/// One line of standard input, without its line break.
pub(super) async fn standard_input(what: &str) -> Result<SecretValue, Error> {
    let reading = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().take(LONGEST).read_line(&mut line).map(|_| line)
    });
    let read = reading.await.unwrap_or_else(|gone| Err(std::io::Error::other(gone)));
    let line = read.map_err(|error| Error::usage(format!("the {what} cannot be read from standard input: {error}")))?;
    let line = line.trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        return Err(Error::usage(format!("there is no {what} on standard input")));
    }
    Ok(SecretValue::from(line))
}

/// Asks, and leaves the terminal as it was, also if the answer is no longer waited for.
async fn asked<T: Send + 'static>(ask: impl FnOnce() -> dialoguer::Result<T> + Send + 'static) -> Result<T, Error> {
    let mut terminal = Terminal { settings: tcgetattr(std::io::stdin()).ok(), answered: false };
    let answer = tokio::task::spawn_blocking(ask).await.ok().and_then(Result::ok);
    terminal.answered = answer.is_some();
    answer.ok_or_else(|| Error::new(Kind::Interrupted, "interrupted"))
}

/// The terminal's settings from before a question, which may hide what is typed, and the cursor.
struct Terminal {
    settings: Option<Termios>,
    answered: bool,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        // The terminal may be gone: then there is nothing to restore.
        if let Some(settings) = &self.settings {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, settings);
        }
        let screen = console::Term::stderr();
        let _ = screen.show_cursor().and_then(|()| screen.write_line(""));
    }
}

//! Prompts. Without a terminal they fail, with a hint that names the flag to use instead.
//!
//! A prompt runs on a thread of its own, so that Ctrl-C works while it waits.

use std::io::{BufRead, Read};

use dialoguer::theme::SimpleTheme;
use dialoguer::{Confirm, Input, Password};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::error::{Error, Kind};
use crate::report::{Output, say};
use crate::scope::Scope;
use crate::secret::SecretValue;

/// The columns behind a question, for ` [y/n]` and an answer.
const ROOM_FOR_ANSWER: usize = 24;

/// The maximum length of a password or token on standard input, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Asks for confirmation. A "no" is an error that ends the command.
pub(super) async fn confirm(output: Output, question: &str) -> Result<(), Error> {
    if !output.can_ask {
        return Err(nobody_confirms());
    }
    let question = on_one_line(question, "Yes or no?");
    let asked = asked(move || Confirm::with_theme(&SimpleTheme).with_prompt(question).default(false).interact());
    if asked.await.unwrap_or(false) { Ok(()) } else { Err(cancelled()) }
}

fn nobody_confirms() -> Error {
    Error::usage("this command asks for confirmation, and there is no terminal (or CI is set)").hint("pass --yes")
}

fn cancelled() -> Error {
    Error::new(Kind::Stopped, "Cancelled. Nothing was changed.")
}

/// Asks, at a terminal, for the name of the stack. Another answer is an error that ends the command.
pub(super) async fn stack_name(Scope { stack, .. }: &Scope, question: &str) -> Result<(), Error> {
    if text(question).await? == *stack { Ok(()) } else { Err(cancelled()) }
}

/// Asks for confirmation of a removal. If people's data goes with it, the stack's name must be typed.
pub(super) async fn removal(output: Output, scope: &Scope, data_is_lost: bool) -> Result<(), Error> {
    let Scope { stack, account, region, .. } = scope;
    let what = format!("these resources of the stack {stack} from account {account}, {region}");
    if data_is_lost {
        return data(output, scope, &what).await;
    }
    confirm(output, &format!("Remove {what}?")).await
}

/// Asks before people's data is removed: the stack's name must be typed.
pub(super) async fn data(output: Output, scope: &Scope, what: &str) -> Result<(), Error> {
    if !output.can_ask {
        return Err(nobody_confirms());
    }
    stack_name(scope, &format!("Data of people is lost. Type {} to remove {what}", scope.stack)).await
}

/// Asks for a password. `instead` names the flags that replace the prompt.
pub(super) async fn password(output: Output, question: &str, instead: &str) -> Result<SecretValue, Error> {
    if !output.can_ask {
        return Err(no_terminal(instead));
    }
    let question = question.to_owned();
    let asked = asked(move || Password::with_theme(&SimpleTheme).with_prompt(question).interact());
    Ok(SecretValue::new(asked.await?))
}

/// Asks for a new password, and asks again until `check` accepts it. An accepted password must then be repeated.
pub(super) async fn new_password(
    output: Output,
    question: &str,
    instead: &str,
    check: impl Fn(&SecretValue) -> Result<(), String> + Send + 'static,
) -> Result<SecretValue, Error> {
    if !output.can_ask {
        return Err(no_terminal(instead));
    }
    let question = question.to_owned();
    let asked = asked(move || {
        Password::with_theme(&SimpleTheme)
            .with_prompt(question)
            .allow_empty_password(true)
            .validate_with(|typed: &String| check(&SecretValue::new(typed.clone())))
            .with_confirmation("Repeat the password", "The passwords differ.")
            .interact()
    });
    Ok(SecretValue::new(asked.await?))
}

fn no_terminal(instead: &str) -> Error {
    Error::usage("a password is required, and there is no terminal (or CI is set)").hint(format!("use {instead}"))
}

/// Asks for the code that Cognito sent; `None` without a terminal.
pub(super) async fn code(output: Output) -> Result<Option<String>, Error> {
    if !output.can_ask {
        return Ok(None);
    }
    typed("Code from the e-mail", false).await.map(Some)
}

/// Asks for a text, at a terminal.
pub(super) async fn text(question: &str) -> Result<String, Error> {
    Ok(typed(question, true).await?.trim().to_owned())
}

/// Asks for the code of an authenticator app.
pub(super) async fn factor(output: Output, question: &str) -> Result<SecretValue, Error> {
    if !output.can_ask {
        let hint = "write the password and, in a second line, the code to standard input, with --password-stdin";
        return Err(Error::usage(
            "a code of the authenticator app is required, and there is no terminal (or CI is set)",
        )
        .hint(hint));
    }
    Ok(SecretValue::from(typed(question, false).await?.trim()))
}

/// Reads all of standard input; the error names it with `what`. The read may block for ever, so it runs on a thread of
/// its own: Ctrl-C must still work.
pub(super) async fn all_of_standard_input(what: &str) -> Result<Vec<u8>, Error> {
    let reading = tokio::task::spawn_blocking(|| {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    });
    let read = reading.await.unwrap_or_else(|gone| Err(std::io::Error::other(gone)));
    read.map_err(|error| Error::usage(format!("the {what} cannot be read from standard input: {error}")))
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
        return Err(Error::usage(format!("standard input contains no {what}")));
    }
    Ok(SecretValue::from(line))
}

/// The question, or `short` after the question if the prompt would be wrapped: then it would be shown twice.
fn on_one_line(question: &str, short: &str) -> String {
    let columns = console::Term::stderr().size_checked().map_or(usize::MAX, |(_, columns)| columns.into());
    if console::measure_text_width(question) + ROOM_FOR_ANSWER <= columns {
        return question.to_owned();
    }
    say(question);
    short.to_owned()
}

/// The text that the user types.
async fn typed(question: &str, may_be_empty: bool) -> Result<String, Error> {
    let question = on_one_line(question, "Answer");
    asked(move || Input::with_theme(&SimpleTheme).with_prompt(question).allow_empty(may_be_empty).interact_text()).await
}

/// Runs a prompt, and restores the terminal if it is interrupted.
async fn asked<T: Send + 'static>(ask: impl FnOnce() -> dialoguer::Result<T> + Send + 'static) -> Result<T, Error> {
    let mut terminal = Terminal { settings: tcgetattr(std::io::stdin()).ok(), answered: false };
    let answer = tokio::task::spawn_blocking(ask).await.ok().and_then(Result::ok);
    terminal.answered = answer.is_some();
    answer.ok_or_else(|| Error::new(Kind::Interrupted, "interrupted"))
}

/// Restores the terminal's settings and its cursor. A password prompt switches the echo off.
struct Terminal {
    settings: Option<Termios>,
    answered: bool,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        // Fails if the terminal was closed; then there is nothing to restore.
        if let Some(settings) = &self.settings {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, settings);
        }
        let screen = console::Term::stderr();
        let _ = screen.show_cursor().and_then(|()| screen.write_line(""));
    }
}

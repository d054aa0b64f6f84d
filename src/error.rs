//! What a command can end with: one error shape, its exit code, its words, its next step.

use std::fmt;

use serde::Serialize;

use crate::engine::{Cause, Failure};
use crate::spelling::nearest;
use crate::state::{StateError, StateErrorKind};

/// Why a command did not do what it was asked; each has its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Anything that has no code of its own.
    Other = 1,
    /// The command line or the stack file.
    Usage = 2,
    /// Credentials, account or region.
    Account = 3,
    /// A resource failed; the rest is kept in the state file.
    Resource = 4,
    /// `verify` found something that does not hold.
    Verify = 5,
    /// There is no such stack.
    NoStack = 6,
    /// There are changes or drift, and `--detailed-exitcode` asks to be told.
    Changes = 7,
    /// Stopped on request; the next run goes on.
    Stopped = 8,
    /// Another run holds the lock.
    Locked = 9,
    /// Stopped hard.
    Interrupted = 130,
}

impl Kind {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// An error, in words for the user.
#[derive(Debug, thiserror::Error)]
pub struct Error {
    /// What kind, and so which exit code.
    pub kind: Kind,
    /// What failed: a sentence without its full stop.
    pub message: String,
    /// How AWS answered, where it did.
    pub aws: Option<Box<AwsAnswer>>,
    /// What to do next.
    pub hints: Vec<String>,
    /// Mistakes in the stack file, with their spans, already rendered; or the last words of a tool that failed.
    pub details: Option<Box<str>>,
    /// The same mistakes, for programs.
    pub mistakes: Box<[DiagnosticReport]>,
    /// With `--json`: a `summary` line has told of it.
    pub summed_up: bool,
}

/// A mistake in the stack file, for programs. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiagnosticReport {
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// The stack file.
    pub file: String,
    /// Where it begins.
    pub line: usize,
    /// Where it begins within the line.
    pub column: usize,
    /// For how many characters it goes on.
    pub length: usize,
}

/// What identifies an answer of AWS's, for its support.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AwsAnswer {
    /// The error code.
    pub code: String,
    /// The request id, unless it was lost on the way.
    pub request_id: Option<String>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error {
    /// An error of a kind, in words.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let mistakes = Box::default();
        Self { kind, message: message.into(), aws: None, hints: Vec::new(), details: None, mistakes, summed_up: false }
    }

    /// A mistake on the command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Anything without an exit code of its own.
    pub fn other(message: impl Into<String>) -> Self {
        Self::new(Kind::Other, message)
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// A `summary` line has told of it.
    #[must_use]
    pub fn summed_up(self) -> Self {
        Self { summed_up: true, ..self }
    }

    /// A name that is not among the known ones: lists them, the nearest first suggested.
    pub fn unknown(what: &str, name: &str, known: &[&str]) -> Self {
        let error = Self::usage(format!("there is no {what} called {name}"));
        let error = match nearest(name, known) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error,
        };
        if known.is_empty() {
            error.hint(format!("this stack has no {what}"))
        } else {
            error.hint(format!("known: {}", known.join(", ")))
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let kind = match failure.cause {
            Cause::Fatal => Kind::Account,
            Cause::Stopped => Kind::Stopped,
            Cause::Foreign | Cause::Exists => Kind::Resource,
            _ => Kind::Other,
        };
        Self {
            kind,
            message: failure.to_string(),
            aws: failure.code().map(|code| {
                let request_id = failure.request_id().map(str::to_owned);
                Box::new(AwsAnswer { code: code.to_string(), request_id })
            }),
            hints: failure.hint.into_iter().collect(),
            details: None,
            mistakes: Box::default(),
            summed_up: false,
        }
    }
}

impl From<StateError> for Error {
    fn from(error: StateError) -> Self {
        let kind = match error.kind {
            StateErrorKind::Locked => Kind::Locked,
            StateErrorKind::Foreign => Kind::Account,
            _ => Kind::Other,
        };
        Self::new(kind, error.message).hint(error.hint)
    }
}

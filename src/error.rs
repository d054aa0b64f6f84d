//! The error of a command: its exit code, its message and hints.

use std::fmt;

use serde::Serialize;

use crate::engine::{Cause, Failure};
use crate::spelling::nearest;
use crate::state::{StateError, StateErrorKind};

/// The kind of an error, which is the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An error without an exit code of its own.
    Other = 1,
    /// A mistake on the command line or in the stack file.
    Usage = 2,
    /// A problem with credentials, account or region.
    Account = 3,
    /// A resource failed; the others are kept in the state file.
    Resource = 4,
    /// A check of `verify` failed.
    Verify = 5,
    /// The stack does not exist.
    NoStack = 6,
    /// There are changes or drift, and `--detailed-exitcode` asks to report them. Not an error.
    Changes = 7,
    /// Stopped on request; the next run continues.
    Stopped = 8,
    /// Another run holds the lock.
    Locked = 9,
    /// The stack's resources exist, but its state is not here.
    NoState = 10,
    /// Interrupted without waiting for AWS calls in flight.
    Interrupted = 130,
}

impl Kind {
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// An error for the user.
#[derive(Debug, thiserror::Error)]
pub struct Error {
    pub kind: Kind,
    /// A sentence that names the failure, without the full stop.
    pub message: String,
    /// The error that AWS returned, if it did.
    pub aws: Option<Box<AwsAnswer>>,
    /// The actions that the user can take next.
    pub hints: Vec<String>,
    /// Further lines: the rendered mistakes of a stack file, or the last output of a tool that failed.
    pub details: Option<Box<str>>,
    /// The mistakes of a stack file, as JSON documents.
    pub mistakes: Box<[serde_json::Value]>,
    /// With `--json`: a `summary` line already reports this error.
    pub summed_up: bool,
}

/// Identifies an error response, for AWS Support.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AwsAnswer {
    pub code: String,
    /// `None` if the response has no request id.
    pub request_id: Option<String>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let mistakes = Box::default();
        Self { kind, message: message.into(), aws: None, hints: Vec::new(), details: None, mistakes, summed_up: false }
    }

    /// A mistake on the command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    pub fn other(message: impl Into<String>) -> Self {
        Self::new(Kind::Other, message)
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Marks the error as reported by a `summary` line.
    #[must_use]
    pub fn summed_up(self) -> Self {
        Self { summed_up: true, ..self }
    }

    /// An unknown name. The hint suggests the most similar name, or lists all of them.
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
            StateErrorKind::Locked | StateErrorKind::Lost => Kind::Locked,
            StateErrorKind::Foreign => Kind::Account,
            _ => Kind::Other,
        };
        Self::new(kind, error.message).hint(error.hint)
    }
}

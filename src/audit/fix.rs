//! The actions that make a failed finding pass.

use std::fmt;

/// An action against a failure. Its text is the `key` of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fix {
    /// Lines of the stack file, each a key with its whole path and a value. A value in capitals, as in `"POOL"`, is a
    /// placeholder for a value that only the owner knows.
    Set(Vec<String>),
    /// Run `up`: the values in the stack file would pass, and the live stack differs from them.
    Up,
    /// Read the log of the function, which did not do its work.
    Logs(String),
    /// Accept the failure, because no key of the stack file fixes it.
    Accept,
}

/// The text of [`Fix::Accept`]. `evaluation` replaces it by a line with the control's id.
pub(super) const ACCEPT: &str = "audit.accept";

impl Fix {
    /// A fix with one line of the stack file.
    pub(super) fn set(line: impl Into<String>) -> Self {
        Self::Set(vec![line.into()])
    }
}

impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(lines) => f.write_str(&lines.join("\n")),
            Self::Up => f.write_str("run `securelambda up`"),
            Self::Logs(function) => write!(f, "run `securelambda logs {function}`"),
            Self::Accept => f.write_str(ACCEPT),
        }
    }
}

/// The line that accepts a control.
pub(super) fn acceptance(control: &str) -> String {
    format!("audit.accept.{control:?} = \"REASON\"")
}

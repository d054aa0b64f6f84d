//! What makes a finding pass.

use std::fmt;

/// What to do about a failure. It prints as the text of a finding's `key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fix {
    /// Lines of the stack file, each a key with its whole path and a value. A value in capitals, as in `"POOL"`, is one
    /// that only the owner has.
    Set(Vec<String>),
    /// The stack file asks for what passes, and the live stack differs from it.
    Up,
    /// The function did not do its work, and its log says why.
    Logs(String),
    /// The stack file has no key for it.
    Accept,
}

/// How [`Fix::Accept`] prints; `evaluate` writes the control's id into it.
pub(super) const ACCEPT: &str = "audit.accept";

impl Fix {
    /// One line.
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

//! Errors of the emulator, with hints.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::tools::{OLDEST_NODE, OLDEST_PYTHON, Version};

/// An error of the emulator, not of a stack. [`hint`](Self::hint) says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    #[error("no cache folder for the emulator: neither SECURELAMBDA_CACHE_DIR nor HOME is set")]
    NoCacheFolder,
    /// Python is missing or too old.
    #[error("the emulator needs Python {OLDEST_PYTHON} or later; {}", Found("Python", .found.as_ref()))]
    Python {
        /// The newest version that was found.
        found: Option<Version>,
    },
    /// Debian and Ubuntu package `venv` and `ensurepip` separately.
    #[error("{python} has no module `{module}`, so it cannot make a virtual environment")]
    Venv { python: String, version: Version, module: String },
    /// Node.js is missing or too old.
    #[error("the emulator runs the functions with Node.js {OLDEST_NODE} or later; {}", Found("Node.js", .found.as_ref()))]
    Node {
        /// The version that was found.
        found: Option<Version>,
    },
    #[error("npm is missing; it installs the AWS SDK for JavaScript, which Lambda's Node.js runtime includes")]
    Npm,
    #[error("{step} failed:\n{output}")]
    Install {
        /// The command.
        step: &'static str,
        /// The last lines of its output.
        output: String,
    },
    #[error("port {port} of 127.0.0.1 is in use by another program")]
    PortTaken { port: u16 },
    /// The emulator is already running on another port than the requested one.
    #[error("the emulator is already running, on port {port}")]
    RunsElsewhere { port: u16 },
    /// The process ended during the start.
    #[error("the emulator ended during the start; its last output:\n{output}")]
    Died {
        /// The last lines of its log.
        output: String,
        log: PathBuf,
    },
    /// The process did not respond in time.
    #[error("the emulator did not respond within {seconds} s and was stopped; its last output:\n{output}")]
    TooSlow {
        seconds: u64,
        /// The last lines of its log.
        output: String,
        log: PathBuf,
    },
    #[error("the emulator (pid {pid}) is running but does not respond")]
    NotAnswering { pid: u32, log: PathBuf },
    #[error("the emulator is not running")]
    NotRunning,
    #[error("the emulator could not be reset: {0}")]
    Reset(#[source] io::Error),
    /// The process survived SIGKILL, or belongs to another user.
    #[error("the emulator (pid {pid}) could not be stopped: {why}")]
    Unstoppable {
        pid: u32,
        /// The error message of the operating system.
        why: String,
    },
    /// The record file is malformed.
    #[error("{} cannot be read: {source}", .path.display())]
    Record { path: PathBuf, source: serde_json::Error },
    /// A file or folder could not be read or written.
    #[error("{}: {source}", .path.display())]
    File { path: PathBuf, source: io::Error },
}

impl LocalError {
    /// The hint for the user; `None` if the message says everything.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoCacheFolder => "set SECURELAMBDA_CACHE_DIR to a folder that you can write to".to_owned(),
            Self::Python { .. } => format!(
                "install Python {OLDEST_PYTHON} or later: `apt install python3 python3-venv`, `dnf install python3`, `brew install python`, or python.org"
            ),
            Self::Venv { version: Version { major, minor, .. }, .. } => format!(
                "on Debian and Ubuntu: `apt install python3-venv` (or `python{major}.{minor}-venv`); elsewhere, install Python from python.org"
            ),
            Self::Node { .. } => {
                format!("install Node.js {OLDEST_NODE} or later: `brew install node`, or nodejs.org; `node --version` must then show it")
            }
            Self::Npm => "install npm (`apt install npm`); Node.js from nodejs.org and Homebrew includes it".to_owned(),
            Self::Install { .. } => {
                "the first start downloads from the Python and npm package registries; behind a proxy, set HTTPS_PROXY, then run the command again"
                    .to_owned()
            }
            Self::PortTaken { .. } => "omit --port to use a free port".to_owned(),
            Self::RunsElsewhere { port } => format!("use port {port}, or run `securelambda local stop` first"),
            Self::Died { log, .. } | Self::TooSlow { log, .. } => format!("the log is in {}", log.display()),
            Self::NotAnswering { log, .. } => {
                format!("run `securelambda local stop`, then `securelambda local start`; the log is in {}", log.display())
            }
            Self::NotRunning => "run `securelambda local start`".to_owned(),
            Self::Unstoppable { pid, .. } => format!("`ps -p {pid}` shows the process"),
            Self::Record { path, .. } => format!("delete {}; if an emulator is still running, end its process", path.display()),
            Self::File { .. } | Self::Reset(_) => return None,
        })
    }

    /// For `map_err`: adds the path to an I/O error.
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

/// Displays "found Python 3.9.6", or "none was found".
struct Found<'a>(&'static str, Option<&'a Version>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(version) => write!(f, "found {} {version}", self.0),
            None => f.write_str("none was found"),
        }
    }
}

/// The last lines of a program's output, which contain the reason of an error.
pub(super) fn tail(text: &str) -> String {
    const LINES: usize = 15;
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_version_found_and_what_to_install() {
        let old = LocalError::Python { found: Version::parse("3.9.6") };
        assert_eq!(old.to_string(), "the emulator needs Python 3.10 or later; found Python 3.9.6");
        let none = LocalError::Node { found: None };
        assert_eq!(none.to_string(), "the emulator runs the functions with Node.js 20 or later; none was found");
        let version = Version::parse("3.12.1").expect("a version");
        let venv = LocalError::Venv { python: "python3".into(), version, module: "ensurepip".into() };
        assert!(venv.hint().expect("a hint").contains("`apt install python3-venv` (or `python3.12-venv`)"));
    }

    #[test]
    fn the_tail_has_the_last_lines_that_are_not_empty() {
        let text = (1..=40).map(|n| format!("line {n}  \n")).collect::<Vec<_>>().join("\n");
        let tail = tail(&text);
        assert_eq!(tail.lines().count(), 15);
        assert!(tail.starts_with("line 26\n") && tail.ends_with("line 40"));
        assert_eq!(super::tail(""), "");
    }
}

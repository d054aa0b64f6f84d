//! What can go wrong with the emulator, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::tools::{OLDEST_NODE, OLDEST_PYTHON, Version};

/// A failure of the emulator, never of a stack. `Display` says what happened, [`hint`](Self::hint) what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// Neither a cache folder nor a home folder is known.
    #[error("no folder to keep the emulator in: neither SECURELAMBDA_CACHE_DIR nor HOME is set")]
    NoCacheFolder,
    /// No Python, or an old one.
    #[error("the emulator needs Python {OLDEST_PYTHON} or later; {}", Found("Python", .found.as_ref()))]
    Python {
        /// The newest there is.
        found: Option<Version>,
    },
    /// Debian and its kin pack `venv` and `ensurepip` apart.
    #[error("{python} has no module `{module}`, so it cannot make a virtual environment")]
    Venv {
        /// The command that was tried.
        python: String,
        /// Its version.
        version: Version,
        /// The module it lacks.
        module: String,
    },
    /// No Node.js, or an old one.
    #[error("the emulator runs the functions with Node.js {OLDEST_NODE} or later; {}", Found("Node.js", .found.as_ref()))]
    Node {
        /// What there is.
        found: Option<Version>,
    },
    /// Node.js without npm.
    #[error("npm is missing; it installs the AWS SDK for JavaScript, which on AWS the Node.js runtime carries")]
    Npm,
    /// A step of the installation failed.
    #[error("{step} failed:\n{output}")]
    Install {
        /// The command, as a person would type it.
        step: &'static str,
        /// The last lines it printed.
        output: String,
    },
    /// The port that was asked for is in use.
    #[error("port {port} of 127.0.0.1 is in use by another program")]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// It runs already, on another port than the one asked for.
    #[error("the emulator is already running, on port {port}")]
    RunsElsewhere {
        /// Where it is.
        port: u16,
    },
    /// The process ended before it answered.
    #[error("the emulator ended while it was starting; its last words:\n{output}")]
    Died {
        /// The end of its log.
        output: String,
        /// The log.
        log: PathBuf,
    },
    /// The process lives, yet did not answer in time.
    #[error("the emulator did not answer within {seconds} s, and was stopped; its last words:\n{output}")]
    TooSlow {
        /// The budget.
        seconds: u64,
        /// The end of its log.
        output: String,
        /// The log.
        log: PathBuf,
    },
    /// It was fine once and no longer answers.
    #[error("the emulator (pid {pid}) is running but does not answer")]
    NotAnswering {
        /// The process.
        pid: u32,
        /// Its log.
        log: PathBuf,
    },
    /// There is nothing to reset.
    #[error("the emulator is not running")]
    NotRunning,
    /// The emulator refused to forget.
    #[error("the emulator did not reset: {0}")]
    Reset(#[source] io::Error),
    /// It survived even SIGKILL, or belongs to someone else.
    #[error("the emulator (pid {pid}) could not be stopped: {why}")]
    Unstoppable {
        /// The process.
        pid: u32,
        /// In the system's words.
        why: String,
    },
    /// The record is not one that this program wrote.
    #[error("{} cannot be read: {source}", .path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
    /// A file or a folder could not be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl LocalError {
    /// What to do about it, as one sentence.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoCacheFolder => "set SECURELAMBDA_CACHE_DIR to a folder of yours".to_owned(),
            Self::Python { .. } => format!(
                "install Python {OLDEST_PYTHON} or later: `apt install python3 python3-venv`, `dnf install python3`, `brew install python`, or python.org"
            ),
            Self::Venv { version: Version { major, minor, .. }, .. } => format!(
                "on Debian and Ubuntu: `apt install python3-venv` (or `python{major}.{minor}-venv`); elsewhere, a Python from python.org has it"
            ),
            Self::Node { .. } => {
                format!("install Node.js {OLDEST_NODE} or later: `brew install node`, or nodejs.org; then `node --version` must say so")
            }
            Self::Npm => "install npm (`apt install npm`); the Node.js of nodejs.org and of Homebrew brings it".to_owned(),
            Self::Install { .. } => {
                "the first start needs to reach the Python and npm package registries; behind a proxy, set HTTPS_PROXY. Running it again starts afresh"
                    .to_owned()
            }
            Self::PortTaken { .. } => "leave the port out, and a free one is taken".to_owned(),
            Self::RunsElsewhere { port } => format!("use it there (port {port}), or `securelambda local stop` first"),
            Self::Died { log, .. } | Self::TooSlow { log, .. } => format!("the whole log is in {}", log.display()),
            Self::NotAnswering { log, .. } => {
                format!("`securelambda local stop`, then `securelambda local start`; its log is in {}", log.display())
            }
            Self::NotRunning => "`securelambda local start` starts it".to_owned(),
            Self::Unstoppable { pid, .. } => format!("see what it is with `ps -p {pid}`"),
            Self::Record { path, .. } => format!("remove {}; if an emulator still runs, end it by hand", path.display()),
            Self::File { .. } | Self::Reset(_) => return None,
        })
    }

    /// For `map_err`: a failure at this path.
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

/// "found Python 3.9.6", or "none was found".
struct Found<'a>(&'static str, Option<&'a Version>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(version) => write!(f, "found {} {version}", self.0),
            None => f.write_str("none was found"),
        }
    }
}

/// The last lines of what a program printed: where the reason is.
pub(crate) fn tail(text: &str) -> String {
    const LINES: usize = 15;
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_was_found_and_what_to_install() {
        let old = LocalError::Python { found: Version::parse("3.9.6") };
        assert_eq!(old.to_string(), "the emulator needs Python 3.10 or later; found Python 3.9.6");
        let none = LocalError::Node { found: None };
        assert_eq!(none.to_string(), "the emulator runs the functions with Node.js 20 or later; none was found");
        let version = Version::parse("3.12.1").expect("a version");
        let venv = LocalError::Venv { python: "python3".into(), version, module: "ensurepip".into() };
        assert!(venv.hint().expect("a hint").contains("`apt install python3-venv` (or `python3.12-venv`)"));
    }

    #[test]
    fn the_tail_is_the_last_lines_that_say_something() {
        let text = (1..=40).map(|n| format!("line {n}  \n")).collect::<Vec<_>>().join("\n");
        let tail = tail(&text);
        assert_eq!(tail.lines().count(), 15);
        assert!(tail.starts_with("line 26\n") && tail.ends_with("line 40"));
        assert_eq!(super::tail(""), "");
    }
}

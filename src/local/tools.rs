//! Finds Python, Node.js and npm on this machine.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use super::error::LocalError;

/// The oldest Python that MiniStack supports.
pub(super) const OLDEST_PYTHON: Minimum = Minimum(3, Some(10));
/// The oldest Node.js that the AWS SDK for JavaScript supports.
pub(super) const OLDEST_NODE: Minimum = Minimum(20, None);

/// The commands of Python. The first one that is new enough is used; `python3` may be older than the others (macOS has
/// 3.9).
const PYTHONS: [&str; 7] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"];

/// Prints the version, then those of the two modules for virtual environments that are missing.
const ASK_PYTHON: &str = "import sys, importlib.util as u; \
    print('%d.%d.%d' % sys.version_info[:3], *(m for m in ('venv', 'ensurepip') if u.find_spec(m) is None))";

/// Prints the version, then the path of the binary. The `node` in PATH may be a version manager's shim, which needs the
/// manager's environment.
const ASK_NODE: &str = "`${process.versions.node}\\n${process.execPath}`";

/// A version number. Suffixes such as `rc1` and `+` are ignored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub(super) major: u32,
    pub(super) minor: u32,
    pub(super) patch: u32,
}

impl Version {
    /// Parses the output of `--version`, with or without a name or a `v` before the number.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = text.split_whitespace().find_map(|word| {
            let word = word.trim_start_matches('v');
            word.starts_with(|c: char| c.is_ascii_digit()).then_some(word)
        })?;
        let mut parts = number.split('.').map(|part| {
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..end].parse().ok()
        });
        Some(Self {
            major: parts.next()??,
            minor: parts.next().unwrap_or(Some(0))?,
            patch: parts.next().flatten().unwrap_or(0),
        })
    }

    fn is_at_least(&self, Minimum(major, minor): Minimum) -> bool {
        (self.major, self.minor) >= (major, minor.unwrap_or(0))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The oldest supported version: major, and minor if it matters.
#[derive(Clone, Copy)]
pub(super) struct Minimum(u32, Option<u32>);

impl fmt::Display for Minimum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(minor) => write!(f, "{}.{minor}", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A Python that can create virtual environments.
#[derive(Debug)]
pub(super) struct Python {
    pub(super) command: &'static str,
}

impl Python {
    /// The first suitable Python. If there is none, the error is the one that is easiest to fix.
    pub(super) async fn find() -> Result<Self, LocalError> {
        let mut reason = LocalError::Python { found: None };
        for command in PYTHONS {
            let Some(answer) = ask(command, &["-c", ASK_PYTHON]).await else { continue };
            match check_python(command, &answer) {
                Ok(()) => return Ok(Self { command }),
                Err(venv @ LocalError::Venv { .. }) => reason = venv,
                Err(LocalError::Python { found }) => {
                    if let LocalError::Python { found: newest } = &mut reason {
                        *newest = found.max(newest.take());
                    }
                }
                Err(_) => {}
            }
        }
        Err(reason)
    }
}

fn check_python(command: &str, answer: &str) -> Result<(), LocalError> {
    let Some(version) = Version::parse(answer) else { return Err(LocalError::Python { found: None }) };
    if !version.is_at_least(OLDEST_PYTHON) {
        return Err(LocalError::Python { found: Some(version) });
    }
    match answer.split_whitespace().nth(1) {
        Some(module) => Err(LocalError::Venv { python: command.to_owned(), version, module: module.to_owned() }),
        None => Ok(()),
    }
}

/// The Node.js that runs the functions.
#[derive(Debug)]
pub(super) struct Node {
    /// The folder of the binary.
    pub(super) folder: PathBuf,
}

impl Node {
    pub(super) async fn find() -> Result<Self, LocalError> {
        check_node(&ask("node", &["-p", ASK_NODE]).await.unwrap_or_default())
    }

    /// The variable `PATH` of programs that need this Node.js and the tools of the system.
    pub(super) fn path(&self) -> OsString {
        let mut path = self.folder.clone().into_os_string();
        path.push(":/usr/bin:/bin");
        path
    }
}

fn check_node(answer: &str) -> Result<Node, LocalError> {
    let (version, binary) = answer.trim_end().split_once('\n').unwrap_or((answer, ""));
    let version = Version::parse(version);
    match (&version, PathBuf::from(binary).parent()) {
        (Some(found), Some(folder)) if found.is_at_least(OLDEST_NODE) => Ok(Node { folder: folder.to_owned() }),
        _ => Err(LocalError::Node { found: version }),
    }
}

/// Checks that npm exists. It is needed only for the installation.
pub(super) async fn npm() -> Result<(), LocalError> {
    ask("npm", &["--version"]).await.map(drop).ok_or(LocalError::Npm)
}

/// The output of a tool; `None` if it is missing or fails. (On macOS `python3` is a failing stub until it is
/// installed.)
async fn ask(command: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(command).args(arguments).stdin(Stdio::null()).kill_on_drop(true).output().await.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_parsed_from_tool_output() {
        let shown = |text| Version::parse(text).map(|version| version.to_string());
        assert_eq!(shown("Python 3.11.7\n"), Some("3.11.7".into()));
        assert_eq!(shown("Python 3.12.0+"), Some("3.12.0".into()));
        assert_eq!(shown("3.14.0rc2"), Some("3.14.0".into()));
        assert_eq!(shown("v24.1.0"), Some("24.1.0".into()));
        assert_eq!(shown("3.10"), Some("3.10.0".into()));
        assert_eq!(shown("22"), Some("22.0.0".into()));
        assert_eq!(shown(""), None);
        assert_eq!(shown("pyenv: no such command"), None);
        assert_eq!(shown("3.x"), None);
    }

    #[test]
    fn version_3_10_is_later_than_3_9() {
        let will_do = |text| Version::parse(text).is_some_and(|version| version.is_at_least(OLDEST_PYTHON));
        assert!(will_do("3.10.0") && will_do("3.13.1") && will_do("4.0.0"));
        assert!(!will_do("3.9.18") && !will_do("2.7.18"));
    }

    #[test]
    fn a_python_without_venv_is_distinguished_from_an_old_one() {
        assert!(check_python("python3", "3.11.2\n").is_ok());
        assert!(matches!(check_python("python3", "3.9.6\n"), Err(LocalError::Python { found: Some(_) })));
        assert!(matches!(check_python("python3", ""), Err(LocalError::Python { found: None })));
        let Err(LocalError::Venv { module, .. }) = check_python("python3", "3.11.2 ensurepip\n") else {
            panic!("expected a missing module")
        };
        assert_eq!(module, "ensurepip");
    }

    #[test]
    fn the_path_of_node_is_that_of_the_binary_behind_a_shim() {
        assert_eq!(check_node("20.11.1\n/opt/node/bin/node\n").expect("node").folder, PathBuf::from("/opt/node/bin"));
        assert!(matches!(check_node("18.19.0\n/usr/bin/node\n"), Err(LocalError::Node { found: Some(_) })));
        assert!(matches!(check_node(""), Err(LocalError::Node { found: None })));
    }
}

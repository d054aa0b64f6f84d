//! The local emulator: MiniStack on this machine, for `--local` and `securelambda local`.
//!
//! It needs Python and Node.js, no Docker and no account. The first start installs it; every start leaves it running
//! on 127.0.0.1 after this program has ended, with signatures checked and IAM enforced (`AUTH=true`).
//!
//! - [`tools`]: which Python, which Node.js
//! - [`install`]: a folder that holds all the emulator needs, made once a version
//! - [`launch`]: from that folder to a process that answers
//! - [`process`]: is it still ours, and how it ends
//! - [`record`]: what is remembered between two runs of this program
//! - [`control`]: the emulator's own endpoints, health and reset
//!
//! Prints nothing: progress goes to the caller's [`Note`]. Knows nothing of stacks or of AWS.

mod control;
mod error;
mod files;
mod install;
mod launch;
mod process;
mod record;
mod tools;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use self::error::LocalError;
pub(crate) use self::error::tail;
pub use self::record::Emulator;

use self::install::Installation;
use self::record::Record;

/// Where progress goes: one call, one sentence.
pub type Note<'a> = &'a (dyn Fn(&str) + Sync);

/// What there is to say about the emulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It answers, and it is ours.
    Running(Emulator),
    /// None was started, or it has ended.
    Stopped,
    /// The process lives but does not answer: it is starting, or it hangs.
    Unhealthy(Emulator),
}

/// The emulator of one cache folder. A folder has one at most.
#[derive(Clone, Debug)]
pub struct Local {
    cache: PathBuf,
}

impl Local {
    /// The emulator that lives in `cache`.
    pub fn new(cache: PathBuf) -> Self {
        // Absolute, because the emulator and its functions run in folders of their own.
        let cache = std::path::absolute(&cache).unwrap_or(cache);
        Self { cache }
    }

    /// The emulator of this user: `SECURELAMBDA_CACHE_DIR`, else `securelambda` in `XDG_CACHE_HOME` or `~/.cache`.
    /// The environment comes in as a look-up, so that only `config` reads the real one.
    pub fn from_env(look_up: impl Fn(&str) -> Option<OsString>) -> Result<Self, LocalError> {
        let folder = |name| look_up(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        folder("SECURELAMBDA_CACHE_DIR")
            // The XDG specification: a relative path is to be ignored.
            .or_else(|| {
                folder("XDG_CACHE_HOME").filter(|path| path.is_absolute()).map(|path| path.join("securelambda"))
            })
            .or_else(|| folder("HOME").map(|home| home.join(".cache/securelambda")))
            .map(Self::new)
            .ok_or(LocalError::NoCacheFolder)
    }

    /// The access key and the secret key of the emulator's root user, in account 000000000000.
    ///
    /// Not a secret: it listens on this machine's loopback only. IAM users made in the emulator get keys of their own.
    pub fn credentials() -> (&'static str, &'static str) {
        ("test", "test")
    }

    /// The emulator's Python, which runs the functions that are written in it; `None` before the first start.
    pub fn python(&self) -> Option<PathBuf> {
        Some(Installation::at(&self.cache).python()).filter(|python| python.exists())
    }

    /// Whether it is this kind of emulator that answers on a port of this machine, whoever started it.
    pub async fn answers(port: u16) -> bool {
        control::health(port).await.is_ok()
    }

    /// The folder that holds all of it.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Starts the emulator, installing it first where need be; says whether it was already running.
    ///
    /// Two at once are safe: the second waits, then finds the first one's emulator. Without a port, a free one is taken.
    pub async fn start(&self, port: Option<u16>, say: Note<'_>) -> Result<(Emulator, bool), LocalError> {
        let lock = files::lock(&self.cache, say).await?;
        match self.status().await? {
            Status::Running(emulator) if port.is_some_and(|port| port != emulator.port) => {
                return Err(LocalError::RunsElsewhere { port: emulator.port });
            }
            Status::Running(emulator) => {
                if emulator.version != install::MINISTACK {
                    let (old, new) = (&emulator.version, install::MINISTACK);
                    say(&format!("MiniStack {old} is running; `local stop`, then `local start` changes to {new}."));
                }
                return Ok((emulator, true));
            }
            Status::Unhealthy(Emulator { pid, log, .. }) => return Err(LocalError::NotAnswering { pid, log }),
            Status::Stopped => {}
        }
        let node = tools::Node::find().await?;
        let installation = Installation::ensure(&self.cache, &lock, say).await?;
        let emulator = launch::launch(&self.cache, &installation, &node, port, say).await?;
        Ok((emulator, false))
    }

    /// Ends the emulator and waits until it is gone, with the functions it was running; what it held goes with it.
    /// `None` if there was none.
    pub async fn stop(&self) -> Result<Option<Emulator>, LocalError> {
        if !self.cache.exists() {
            return Ok(None);
        }
        let _lock = files::lock(&self.cache, &|_| ()).await?;
        let Some(record) = Record::load(&self.cache)? else { return Ok(None) };
        let process = record.process();
        let was_alive = process.is_alive();
        process.end().await?;
        Record::remove(&self.cache)?;
        // Only tidiness: if a function's last file is still being written, the next start clears the folder.
        let _ = files::remove_folder(&Installation::at(&self.cache).tmp());
        Ok(was_alive.then_some(record.emulator))
    }

    /// Whether it runs. Looks at the process as well as at the record, which outlives a crash or a reboot.
    pub async fn status(&self) -> Result<Status, LocalError> {
        let Some(record) = Record::load(&self.cache)?.filter(|record| record.process().is_alive()) else {
            return Ok(Status::Stopped);
        };
        Ok(match control::health(record.emulator.port).await {
            Ok(health) if health.is_ours(&record.name) => Status::Running(record.emulator),
            _ => Status::Unhealthy(record.emulator),
        })
    }

    /// Makes the running emulator forget everything in it, in every account and region.
    pub async fn reset(&self) -> Result<Emulator, LocalError> {
        match self.status().await? {
            Status::Running(emulator) => {
                control::reset(emulator.port).await.map_err(LocalError::Reset)?;
                Ok(emulator)
            }
            Status::Unhealthy(Emulator { pid, log, .. }) => Err(LocalError::NotAnswering { pid, log }),
            Status::Stopped => Err(LocalError::NotRunning),
        }
    }
}

/// The tools that the emulator needs, and whether this machine has each: what it is called, or why it will not do.
pub async fn tools() -> [(&'static str, Result<String, LocalError>); 3] {
    let (python, node, npm) = tokio::join!(tools::Python::find(), tools::Node::find(), tools::npm());
    [
        ("Python", python.map(|python| python.command.to_owned())),
        ("Node.js", node.map(|node| node.folder.display().to_string())),
        ("npm", npm.map(|()| "npm".to_owned())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache_with(variables: &[(&str, &str)]) -> Option<PathBuf> {
        let look_up = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
        Local::from_env(look_up).ok().map(|local| local.cache)
    }

    #[test]
    fn the_cache_folder_is_the_first_that_is_named() {
        let home = ("HOME", "/home/ada");
        let xdg = ("XDG_CACHE_HOME", "/caches");
        let own = ("SECURELAMBDA_CACHE_DIR", "/own");
        assert_eq!(cache_with(&[home, xdg, own]), Some("/own".into()));
        assert_eq!(cache_with(&[home, xdg]), Some("/caches/securelambda".into()));
        assert_eq!(cache_with(&[home]), Some("/home/ada/.cache/securelambda".into()));
        assert_eq!(cache_with(&[]), None);
    }

    #[test]
    fn empty_and_relative_settings_do_not_count() {
        let home = ("HOME", "/home/ada");
        let default = Some("/home/ada/.cache/securelambda".into());
        assert_eq!(cache_with(&[home, ("SECURELAMBDA_CACHE_DIR", "")]), default);
        assert_eq!(cache_with(&[home, ("XDG_CACHE_HOME", "caches")]), default);
        assert!(cache_with(&[("SECURELAMBDA_CACHE_DIR", "here")]).is_some_and(|path| path.is_absolute()));
    }

    #[tokio::test]
    async fn nothing_started_is_stopped_and_looking_makes_no_folder() {
        let home = tempfile::tempdir().expect("a folder");
        let local = Local::new(home.path().join("cache"));
        assert_eq!(local.status().await.expect("status"), Status::Stopped);
        assert_eq!(local.stop().await.expect("stop"), None);
        assert!(matches!(local.reset().await, Err(LocalError::NotRunning)));
        assert!(!local.cache().exists());
    }
}

//! The local emulator, MiniStack, for `--local` and `securelambda local`.
//!
//! It needs Python and Node.js, but neither Docker nor an AWS account. The first start installs it. It keeps running on
//! 127.0.0.1 after this program has ended. It checks signatures and enforces IAM policies (`AUTH=true`).
//!
//! - [`tools`]: finds Python and Node.js
//! - [`install`]: installs the emulator into a folder, once per version
//! - [`launch`]: starts it
//! - [`load`]: loads the code of a function with it
//! - [`process`]: identifies and ends its process
//! - [`record`]: the file that describes the running emulator to the next run of this program
//! - [`control`]: the emulator's health and reset endpoints
//!
//! This module prints nothing: it passes progress to the caller's [`Note`]. It knows neither stacks nor AWS.

mod control;
mod error;
mod files;
mod install;
mod launch;
mod load;
mod process;
mod record;
mod tools;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use self::error::LocalError;
pub use self::load::Loadable;
pub use self::record::Emulator;

use self::install::Installation;
use self::record::Record;

/// Receives progress messages, one sentence per call.
pub type Note<'a> = &'a (dyn Fn(&str) + Sync);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// The emulator of this cache folder responds.
    Running(Emulator),
    /// The emulator was not started, or has ended.
    Stopped,
    /// The process is running but does not respond: it is starting, or it hangs.
    Unhealthy(Emulator),
}

/// The emulator of one cache folder. A folder has at most one.
#[derive(Clone, Debug)]
pub struct Local {
    cache: PathBuf,
}

impl Local {
    pub fn new(cache: PathBuf) -> Self {
        // Absolute, because the emulator and its functions run in other folders.
        let cache = std::path::absolute(&cache).unwrap_or(cache);
        Self { cache }
    }

    /// The emulator in `SECURELAMBDA_CACHE_DIR`, or else in `securelambda` in `XDG_CACHE_HOME` or `~/.cache`. `look_up`
    /// reads an environment variable.
    pub fn from_env(look_up: impl Fn(&str) -> Option<OsString>) -> Result<Self, LocalError> {
        let folder = |name| look_up(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        folder("SECURELAMBDA_CACHE_DIR")
            // The XDG specification says to ignore relative paths.
            .or_else(|| {
                folder("XDG_CACHE_HOME").filter(|path| path.is_absolute()).map(|path| path.join("securelambda"))
            })
            .or_else(|| folder("HOME").map(|home| home.join(".cache/securelambda")))
            .map(Self::new)
            .ok_or(LocalError::NoCacheFolder)
    }

    /// The access key and the secret key of the emulator's root user, in account 000000000000.
    ///
    /// Not secret, because the emulator listens only on the loopback interface. IAM users in the emulator get other
    /// keys.
    pub fn credentials() -> (&'static str, &'static str) {
        ("test", "test")
    }

    /// The emulator's Python, which also runs Python functions; `None` before the first start.
    pub fn python(&self) -> Option<PathBuf> {
        Some(Installation::at(&self.cache).python()).filter(|python| python.exists())
    }

    /// Whether a MiniStack responds on a port of this machine, regardless of who started it.
    pub async fn answers(port: u16) -> bool {
        control::health(port).await.is_ok()
    }

    /// The file with a line for each request to an API of the running emulator. A line is a JSON object: `at_ms` (since
    /// 1970), `method`, `path`, `status`, and `ms`, how long it took.
    pub fn requests_log(&self) -> PathBuf {
        launch::requests_log(&self.cache)
    }

    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Starts the emulator and installs it first if necessary. Also returns whether it was already running. Without a
    /// port, uses 4577 or, if that is taken, any free one.
    ///
    /// Concurrent starts are safe: the second one waits, then finds the emulator of the first.
    pub async fn start(&self, port: Option<u16>, say: Note<'_>) -> Result<(Emulator, bool), LocalError> {
        let lock = files::lock(&self.cache, say).await?;
        match self.status().await? {
            Status::Running(emulator) if port.is_some_and(|port| port != emulator.port) => {
                return Err(LocalError::RunsElsewhere { port: emulator.port });
            }
            Status::Running(emulator) => {
                if emulator.version != install::MINISTACK {
                    let (old, new) = (&emulator.version, install::MINISTACK);
                    say(&format!(
                        "MiniStack {old} is running. To change to {new}, run `securelambda local stop`, then `securelambda local start`."
                    ));
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

    /// Stops the emulator and its functions, and waits until they have ended. The emulator saves its contents, and the next
    /// start loads them. Returns `None` if it was not running.
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
        // May fail while a function still writes a file; the next start clears the folder.
        let _ = files::remove_folder(&Installation::at(&self.cache).tmp());
        Ok(was_alive.then_some(record.emulator))
    }

    /// Whether the emulator is running. Checks the process too, because the record survives a crash or a reboot.
    pub async fn status(&self) -> Result<Status, LocalError> {
        let Some(record) = Record::load(&self.cache)?.filter(|record| record.process().is_alive()) else {
            return Ok(Status::Stopped);
        };
        Ok(match control::health(record.emulator.port).await {
            Ok(health) if health.is_ours(&record.name) => Status::Running(record.emulator),
            _ => Status::Unhealthy(record.emulator),
        })
    }

    /// The id of the emulator's contents: another one after a reset or a crash. `None` if it has never started.
    pub fn contents(&self) -> Option<String> {
        launch::contents(&self.cache)
    }

    /// Deletes everything in the running emulator, in all accounts and regions.
    pub async fn reset(&self) -> Result<Emulator, LocalError> {
        match self.status().await? {
            Status::Running(emulator) => {
                control::reset(emulator.port).await.map_err(LocalError::Reset)?;
                launch::new_contents(&self.cache)?;
                Ok(emulator)
            }
            Status::Unhealthy(Emulator { pid, log, .. }) => Err(LocalError::NotAnswering { pid, log }),
            Status::Stopped => Err(LocalError::NotRunning),
        }
    }
}

/// The tools that the emulator needs: for each, the command or path that was found, or why it cannot be used.
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
    fn the_cache_folder_is_the_first_variable_that_is_set() {
        let home = ("HOME", "/home/ada");
        let xdg = ("XDG_CACHE_HOME", "/caches");
        let own = ("SECURELAMBDA_CACHE_DIR", "/own");
        assert_eq!(cache_with(&[home, xdg, own]), Some("/own".into()));
        assert_eq!(cache_with(&[home, xdg]), Some("/caches/securelambda".into()));
        assert_eq!(cache_with(&[home]), Some("/home/ada/.cache/securelambda".into()));
        assert_eq!(cache_with(&[]), None);
    }

    #[test]
    fn empty_and_relative_values_are_ignored() {
        let home = ("HOME", "/home/ada");
        let default = Some("/home/ada/.cache/securelambda".into());
        assert_eq!(cache_with(&[home, ("SECURELAMBDA_CACHE_DIR", "")]), default);
        assert_eq!(cache_with(&[home, ("XDG_CACHE_HOME", "caches")]), default);
        assert!(cache_with(&[("SECURELAMBDA_CACHE_DIR", "here")]).is_some_and(|path| path.is_absolute()));
    }

    #[tokio::test]
    async fn status_is_stopped_and_creates_no_folder_before_the_first_start() {
        let home = tempfile::tempdir().expect("a folder");
        let local = Local::new(home.path().join("cache"));
        assert_eq!(local.status().await.expect("status"), Status::Stopped);
        assert_eq!(local.stop().await.expect("stop"), None);
        assert!(matches!(local.reset().await, Err(LocalError::NotRunning)));
        assert!(!local.cache().exists());
    }
}

//! The record of the emulator between two runs of this program: `emulator.json` in the cache folder.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::LocalError;
use super::files;
use super::process::Process;

/// The address and the process of the emulator.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Emulator {
    /// `http://127.0.0.1:PORT`, for all services.
    pub endpoint: String,
    pub port: u16,
    /// The leader of its own process group.
    pub pid: u32,
    /// Its log file, which includes all calls.
    pub log: PathBuf,
    /// The version of MiniStack.
    pub version: String,
    /// The region of requests that name none.
    pub region: String,
    /// The start time, in seconds since 1970.
    pub started_unix: u64,
}

/// The emulator, with values that distinguish it from a later process with its pid and another emulator on its port.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Record {
    #[serde(flatten)]
    pub(super) emulator: Emulator,
    /// The start time of its process: see [`Process`].
    pub(super) birth: String,
    /// The unique name that its health endpoint returns.
    pub(super) name: String,
}

impl Record {
    fn path(cache: &Path) -> PathBuf {
        cache.join("emulator.json")
    }

    pub(super) fn load(cache: &Path) -> Result<Option<Self>, LocalError> {
        let path = Self::path(cache);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LocalError::file(path)(error)),
        };
        // An error, because otherwise a running emulator could never be stopped.
        serde_json::from_slice(&text).map(Some).map_err(|source| LocalError::Record { path, source })
    }

    pub(super) fn save(&self, cache: &Path) -> Result<(), LocalError> {
        let path = Self::path(cache);
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| LocalError::file(&path)(error.into()))?;
        text.push(b'\n');
        files::replace(&path, &text)
    }

    pub(super) fn remove(cache: &Path) -> Result<(), LocalError> {
        let path = Self::path(cache);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LocalError::file(path)(error)),
            _ => Ok(()),
        }
    }

    pub(super) fn process(&self) -> Process {
        Process { pid: self.emulator.pid, birth: self.birth.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            emulator: Emulator {
                endpoint: "http://127.0.0.1:4566".into(),
                port: 4566,
                pid: 7,
                log: "/cache/ministack.log".into(),
                version: "1.5.33".into(),
                region: "us-east-1".into(),
                started_unix: 1_700_000_000,
            },
            birth: "boot/123".into(),
            name: "securelambda-7-1".into(),
        }
    }

    #[test]
    fn a_saved_record_can_be_loaded_and_removed() {
        let cache = tempfile::tempdir().expect("a folder");
        assert_eq!(Record::load(cache.path()).expect("none yet"), None);
        record().save(cache.path()).expect("saved");
        assert_eq!(Record::load(cache.path()).expect("loaded"), Some(record()));
        Record::remove(cache.path()).expect("removed");
        Record::remove(cache.path()).expect("twice is fine");
        assert_eq!(Record::load(cache.path()).expect("none left"), None);
    }

    #[test]
    fn a_damaged_record_is_an_error_that_names_the_file() {
        let cache = tempfile::tempdir().expect("a folder");
        std::fs::write(cache.path().join("emulator.json"), "{\"port\":").expect("written");
        let error = Record::load(cache.path()).expect_err("damaged");
        assert!(error.to_string().contains("emulator.json"));
        assert!(error.hint().is_some());
    }

    #[test]
    fn unknown_fields_are_ignored() {
        let mut value = serde_json::to_value(record()).expect("a value");
        value["colour"] = "blue".into();
        assert_eq!(serde_json::from_value::<Record>(value).expect("read"), record());
    }
}

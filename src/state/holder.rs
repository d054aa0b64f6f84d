//! The holder of a lock.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The process that holds a lock, for messages only. The lock itself is the operating system's lock on the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The user's numeric id.
    pub owner: String,
    pub pid: u32,
    /// The machine's name.
    pub host: String,
    /// Seconds since 1970.
    pub since: u64,
    /// The command that it runs, as in `securelambda up`.
    pub command: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { owner, pid, host, since, command } = self;
        let ago = match now().saturating_sub(*since) {
            seconds @ 0..120 => format!("{seconds} s"),
            seconds @ 120..7200 => format!("{} min", seconds / 60),
            seconds => format!("{} h", seconds / 3600),
        };
        write!(f, "`{command}`, process {pid} of user {owner} on {host}, for {ago}")
    }
}

impl Holder {
    /// This process.
    pub(super) fn this(command: &str) -> Self {
        Self {
            owner: rustix::process::getuid().as_raw().to_string(),
            pid: std::process::id(),
            host: hostname(),
            since: now(),
            command: command.to_owned(),
        }
    }

    pub(super) fn unknown() -> Self {
        Self { owner: "?".into(), pid: 0, host: "?".into(), since: now(), command: "?".into() }
    }
}

pub(super) fn sign(file: &mut File, command: &str) -> io::Result<()> {
    let holder = Holder::this(command);
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    serde_json::to_writer(&mut *file, &holder)?;
    file.flush()
}

pub(super) fn holder(file: &mut File) -> Holder {
    let mut text = String::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_string(&mut text));
    read.ok().and_then(|_| serde_json::from_str(&text).ok()).unwrap_or_else(Holder::unknown)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

pub(super) fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

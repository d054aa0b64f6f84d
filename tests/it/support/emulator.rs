//! One emulator for all end-to-end tests of a process: installed once into the target folder, on a port of its own, and
//! stopped when the process ends, however it does. Tests keep apart by account: twelve digits as access key are the root
//! user of that account.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use securelambda::local::Local;

use super::proxy::Proxy;

struct Running {
    endpoint: String,
    /// Held for its standard input: when that closes, it stops the emulator.
    _watchdog: Child,
}

static RUNNING: Mutex<Option<Running>> = Mutex::new(None);
static ACCOUNTS: AtomicU64 = AtomicU64::new(1);

/// Where tests send their requests: a proxy in front of the emulator that has every request checked.
pub fn endpoint() -> String {
    proxy().endpoint.clone()
}

/// An endpoint without that proxy: for those who stand in its place, and for another tool.
pub fn straight(endpoint: &str) -> String {
    match PROXY.get() {
        Some(proxy) if proxy.endpoint == endpoint => direct(),
        _ => endpoint.to_owned(),
    }
}

static PROXY: OnceLock<Proxy> = OnceLock::new();

fn proxy() -> &'static Proxy {
    PROXY.get_or_init(|| Proxy::new(&direct(), Duration::ZERO))
}

/// The emulator's URL. Starts it if this is the first who asks.
fn direct() -> String {
    let mut running = RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    running.get_or_insert_with(start).endpoint.clone()
}

/// An account that no other test uses.
pub fn account() -> String {
    format!("{:012}", 100_000_000_000 + ACCOUNTS.fetch_add(1, Ordering::Relaxed))
}

/// The account that requests without a signature go to: signing in, and calling routes. One test at a time has it, for
/// as long as it holds what this returns.
pub fn default_account() -> MutexGuard<'static, ()> {
    static TAKEN: Mutex<()> = Mutex::new(());
    TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The Python of the emulator's environment, which has botocore.
pub fn python() -> PathBuf {
    direct();
    let versions = std::fs::read_dir(cache()).unwrap().flatten().map(|entry| entry.path());
    versions.map(|path| path.join("venv/bin/python")).find(|python| python.exists()).unwrap()
}

/// Where the emulator of these tests lives: one folder for all test runs and benchmarks of this target folder, for it
/// takes long to install. One of them has it at a time: see `lock`.
fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("emulator")
}

/// Waits until no other test run has the emulator. It is locked for as long as any copy of this handle is open.
fn lock() -> File {
    std::fs::create_dir_all(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let lock = File::options().create(true).append(true).open(cache().with_extension("lock")).unwrap();
    lock.lock().unwrap();
    lock
}

fn start() -> Running {
    let lock = lock();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let local = Local::new(cache());
    let (emulator, _) = runtime.block_on(local.start(None, &|_| {})).unwrap();
    runtime.block_on(local.reset()).unwrap();
    // A shell that waits for the end of this process, even a violent one, and then stops the emulator. By its output it
    // holds the lock until that is done: this process keeps no copy.
    let watchdog = Command::new("sh")
        .args(["-c", "cat >/dev/null; exec \"$0\" --quiet local stop", env!("CARGO_BIN_EXE_securelambda")])
        .env("SECURELAMBDA_CACHE_DIR", cache())
        .stdin(Stdio::piped())
        .stdout(lock)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Running { endpoint: emulator.endpoint, _watchdog: watchdog }
}

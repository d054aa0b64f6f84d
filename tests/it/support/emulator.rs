//! All end-to-end tests of a process share one emulator. It is installed once into the target folder, listens on its own
//! port, and stops when the process ends, even if the process is killed. Each test uses its own account: an access key of
//! twelve digits belongs to the root user of that account.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use securelambda::local::Local;

use super::proxy::Proxy;

struct Running {
    endpoint: String,
    /// Stops the emulator when its standard input closes.
    _watchdog: Child,
}

static RUNNING: Mutex<Option<Running>> = Mutex::new(None);
static ACCOUNTS: AtomicU64 = AtomicU64::new(1);

/// The endpoint for tests: a proxy in front of the emulator that checks every request.
pub fn endpoint() -> String {
    proxy().endpoint.clone()
}

/// The same endpoint without that proxy, for other proxies and other tools.
pub fn without_proxy(endpoint: &str) -> String {
    match PROXY.get() {
        Some(proxy) if proxy.endpoint == endpoint => url_without_proxy(),
        _ => endpoint.to_owned(),
    }
}

static PROXY: OnceLock<Proxy> = OnceLock::new();

fn proxy() -> &'static Proxy {
    PROXY.get_or_init(|| Proxy::new(&url_without_proxy(), Duration::ZERO))
}

/// The emulator's URL. The first call starts the emulator.
fn url_without_proxy() -> String {
    let mut running = RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    running.get_or_insert_with(start).endpoint.clone()
}

/// An account that no other test uses.
pub fn account() -> String {
    format!("{:012}", 100_000_000_000 + ACCOUNTS.fetch_add(1, Ordering::Relaxed))
}

/// The Python of the emulator's environment, which has botocore.
pub fn python() -> PathBuf {
    url_without_proxy();
    let versions = std::fs::read_dir(cache()).unwrap().flatten().map(|entry| entry.path());
    versions.map(|path| path.join("venv/bin/python")).find(|python| python.exists()).unwrap()
}

/// The emulator's folder. All test runs and benchmarks with this target folder share it, because the installation takes
/// long. One process uses it at a time: see `lock`.
pub fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("emulator")
}

/// Waits until no other test run uses the emulator. The lock is held while any copy of this handle is open.
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
    // What an earlier test run left is not loaded.
    for version in std::fs::read_dir(cache()).into_iter().flatten().flatten() {
        let _ = std::fs::remove_dir_all(version.path().join("saved"));
    }
    let (emulator, _) = runtime.block_on(local.start(None, &|_| {})).unwrap();
    runtime.block_on(local.reset()).unwrap();
    // This shell waits until this process ends, even by a kill, and then stops the emulator. Its standard output holds the
    // lock until then; this process keeps no copy of the handle.
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

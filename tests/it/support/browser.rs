//! A real browser without a window.
//!
//! Needs Chromium (Debian: `chromium`). Without it, tests print a message and pass; if `CI` is set, they fail.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A browser that needs longer than this hangs.
const PATIENCE: Duration = Duration::from_mins(1);

pub struct Browser(PathBuf);

/// The browser's result for a page.
pub struct Seen {
    pub dom: String,
    pub log: String,
}

impl Browser {
    /// `None`, with a message, if there is no browser and `CI` is not set.
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    pub fn find() -> Option<Self> {
        let found = find();
        if found.is_none() {
            assert!(std::env::var_os("CI").is_none(), "no Chromium on this machine: install `chromium`");
            eprintln!("skipped: no Chromium on this machine (install `chromium` to run this test)");
        }
        found.map(Self)
    }

    /// Opens a page.
    pub fn open(&self, url: &str, flags: &[&str]) -> Seen {
        let folder = TempDir::new().unwrap();
        let (dom, log) = (folder.path().join("dom"), folder.path().join("log"));
        let mut child = Command::new(&self.0)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--enable-logging=stderr", "--v=0", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .args(flags)
            .arg(url)
            .stdin(Stdio::null())
            .stdout(File::create(&dom).unwrap())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if began.elapsed() > PATIENCE {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("the browser hung:\n{}", std::fs::read_to_string(&log).unwrap());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        Seen { dom: read(&dom), log: read(&log) }
    }
}

impl Seen {
    /// Asserts that the browser's console is empty: nothing failed to load, and no script ran.
    #[track_caller]
    pub fn without_console_messages(self) -> Self {
        let said: Vec<&str> = self.log.lines().filter(|line| line.contains("CONSOLE")).collect();
        assert!(said.is_empty(), "the browser's console says:\n{}", said.join("\n"));
        self
    }
}

fn find() -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let named = |name: &str| folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(named)
}

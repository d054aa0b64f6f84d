//! Runs the program as a user would: as a process with its own folder, an empty home folder, and no variable of the test's
//! environment.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::signal::unix::SignalKind;

use super::aws_rules;
use super::emulator::{account, endpoint};
use super::proxy::models;

static USERS: AtomicU64 = AtomicU64::new(1);

/// A user's folder and environment.
pub struct User {
    /// The working directory, in which `state/` will be.
    pub folder: TempDir,
    env: Vec<(String, String)>,
    /// Identifies this user's requests.
    app: String,
}

/// The exit code and the output of a command.
#[derive(Debug)]
pub struct CommandOutput {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Makes the programs that these tests start receive SIGINT and SIGHUP. A process that a script started with `&`
/// ignores SIGINT, a process that `nohup` started ignores SIGHUP, and child processes inherit this. Installing a
/// handler makes them receive the signals again.
fn stop_ignoring_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
        let ignored = u64::from_str_radix(ignored.trim(), 16).unwrap();
        for (number, kind) in [(Signal::INT, SignalKind::interrupt()), (Signal::HUP, SignalKind::hangup())] {
            if ignored & (1 << (number.as_raw() - 1)) != 0 {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async { drop(tokio::signal::unix::signal(kind).unwrap()) });
            }
        }
    });
}

/// Lets a cache folder share the tools that the program downloads with the cache folders of all other tests.
pub fn share_tools(cache: &Path) {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tools");
    std::fs::create_dir_all(&tools).unwrap();
    std::fs::create_dir_all(cache).unwrap();
    std::os::unix::fs::symlink(tools, cache.join("tools")).unwrap();
}

impl User {
    /// A user without credentials and region.
    pub fn bare() -> Self {
        stop_ignoring_signals();
        let folder = TempDir::new().unwrap();
        let home = folder.path().join("home");
        std::fs::create_dir(&home).unwrap();
        share_tools(&home.join(".cache/securelambda"));
        let app = format!("it-{}", USERS.fetch_add(1, Ordering::Relaxed));
        let env = [
            ("AWS_SDK_UA_APP_ID", app.clone()),
            ("PATH", std::env::var("PATH").unwrap()),
            ("HOME", home.display().to_string()),
            ("LANG", "C.UTF-8".to_owned()),
            // No credentials from the machine's role: no call may leave this machine.
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        Self { folder, env: env.map(|(name, value)| (name.to_owned(), value)).to_vec(), app }
    }

    /// The root user of an account of the emulator, with this endpoint.
    pub fn of(account: &str, endpoint: &str) -> Self {
        Self::bare()
            .with("AWS_ENDPOINT_URL", endpoint)
            .with("AWS_ACCESS_KEY_ID", account)
            .with("AWS_SECRET_ACCESS_KEY", "test")
            .with("AWS_REGION", "eu-central-1")
    }

    /// The root user of an account that no other test uses.
    pub fn newcomer() -> Self {
        Self::of(&account(), &endpoint())
    }

    /// A newcomer, after `up` built the tutorial's stack.
    #[track_caller]
    pub fn with_a_stack() -> Self {
        let user = Self::newcomer();
        user.run(&["up", "--yes"]).ends(0);
        user
    }

    /// Sets an environment variable.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The access key, which names the account at the emulator.
    pub fn account(&self) -> Option<&str> {
        let key = self.env.iter().find(|(name, _)| name == "AWS_ACCESS_KEY_ID");
        key.map(|(_, value)| value.as_str())
    }

    /// The same credentials on another machine: without state and files, with this endpoint.
    pub fn on_another_machine(&self, endpoint: &str) -> Self {
        let kept = self.env.iter().filter(|(name, _)| name.starts_with("AWS_") && name != "AWS_ENDPOINT_URL");
        let other = Self::bare().with("AWS_ENDPOINT_URL", endpoint);
        kept.fold(other, |other, (name, value)| other.with(name, value))
    }

    /// The command, which is not started yet.
    pub fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_securelambda"));
        command.args(args).current_dir(&self.folder).env_clear().envs(self.env.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts a command without a terminal.
    pub fn start<S: AsRef<OsStr>>(&self, args: &[S]) -> Started {
        Started(self.command(args).spawn().unwrap())
    }

    /// Runs a command without a terminal. Fails if one of its requests violates AWS's service models or rules.
    #[track_caller]
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> CommandOutput {
        let ran = CommandOutput::from(self.command(args).output().unwrap());
        models::assert_valid(&self.app);
        aws_rules::assert_none_met(&self.app);
        ran
    }

    /// Runs a command with this text on standard input.
    pub fn run_with<S: AsRef<OsStr>>(&self, input: &str, args: &[S]) -> CommandOutput {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        // A program that ends without reading its input closes the pipe, which is no failure.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        CommandOutput::from(child.wait_with_output().unwrap())
    }

    /// The path of the state file, or a path that does not exist.
    pub fn state(&self) -> std::path::PathBuf {
        let state = self.folder.path().join("state");
        let files = std::fs::read_dir(&state).into_iter().flatten().flatten().map(|entry| entry.path());
        files.into_iter().find(|path| path.extension() == Some(OsStr::new("json"))).unwrap_or(state.join("none"))
    }

    /// Writes a file into the folder.
    /// Whether the state records any resource. Without any, it stays while a secret can be restored.
    pub fn records_resources(&self) -> bool {
        let state: Value =
            std::fs::read(self.state()).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        state["resources"].as_object().is_some_and(|resources| !resources.is_empty())
    }

    pub fn write(&self, path: impl AsRef<Path>, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// Checks the requests of commands that `run` did not start.
impl Drop for User {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            models::assert_valid(&self.app);
            aws_rules::assert_none_met(&self.app);
        }
    }
}

/// A running program. It is killed when this value is dropped.
pub struct Started(pub Child);

impl Started {
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// Waits until it ends, and returns how long that took.
    #[track_caller]
    pub fn ends_within(mut self, limit: Duration) -> (CommandOutput, Duration) {
        let begun = Instant::now();
        while self.0.try_wait().unwrap().is_none() {
            if begun.elapsed() > limit {
                self.0.kill().unwrap();
                panic!("it has not ended within {limit:?}: {:?}", self.ran());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let took = begun.elapsed();
        (self.ran(), took)
    }

    /// Its exit code and the output that nobody has read yet.
    pub fn ran(&mut self) -> CommandOutput {
        let status = self.0.wait().unwrap();
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        self.0.stdout.take().map(|mut pipe| pipe.read_to_end(&mut stdout).unwrap());
        self.0.stderr.take().map(|mut pipe| pipe.read_to_end(&mut stderr).unwrap());
        CommandOutput::from(Output { status, stdout, stderr })
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl From<Output> for CommandOutput {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl CommandOutput {
    /// Asserts the exit code, and shows the output if it differs.
    #[track_caller]
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that standard error contains this text.
    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "{words:?} is not in stderr:\n{}", self.stderr);
        self
    }

    /// Parses standard output as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in stdout:\n{}", self.stdout))
    }

    /// Parses the last line of standard output as JSON.
    #[track_caller]
    pub fn summary(&self) -> Value {
        serde_json::from_str(self.stdout.lines().last().unwrap_or_default())
            .unwrap_or_else(|error| panic!("{error} in stdout:\n{}", self.stdout))
    }
}

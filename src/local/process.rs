//! The emulator's process: identifies it, and ends it.

use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::{Instant, sleep};

use super::error::LocalError;

/// How long the process may take to end after SIGTERM, in which time the emulator saves its contents.
const GRACE: Duration = Duration::from_secs(20);
/// How long it may take after SIGKILL.
const LAST_GRACE: Duration = Duration::from_secs(5);

/// A process group and its leader. The start time distinguishes it from a later process with the same pid.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) birth: String,
}

impl Process {
    /// The process that has this pid now.
    pub(super) fn now(pid: u32) -> Option<Self> {
        birth(pid).map(|birth| Self { pid, birth })
    }

    /// Whether the process is still running. A zombie counts as ended.
    pub(super) fn is_alive(&self) -> bool {
        birth(self.pid).is_some_and(|birth| birth == self.birth)
    }

    /// Ends the process with SIGTERM, or with SIGKILL after the grace period, and waits for its end. The signal goes to
    /// the whole group, because the functions are child processes of the emulator.
    pub(super) async fn end(&self) -> Result<(), LocalError> {
        for (signal, grace) in [(Signal::TERM, GRACE), (Signal::KILL, LAST_GRACE)] {
            if !self.is_alive() {
                return Ok(());
            }
            self.signal(signal)?;
            let deadline = Instant::now() + grace;
            while self.is_alive() && Instant::now() < deadline {
                sleep(Duration::from_millis(50)).await;
            }
        }
        if self.is_alive() { Err(self.unstoppable("it survived SIGKILL")) } else { Ok(()) }
    }

    fn signal(&self, signal: Signal) -> Result<(), LocalError> {
        let group = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        let group = group.ok_or_else(|| self.unstoppable("not a pid"))?;
        match kill_process_group(group, signal) {
            // The process ended just before the signal.
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(self.unstoppable(&error.to_string())),
        }
    }

    fn unstoppable(&self, why: &str) -> LocalError {
        LocalError::Unstoppable { pid: self.pid, why: why.to_owned() }
    }
}

/// The start time of a process, as text for comparison: the boot id and the clock ticks since the boot.
#[cfg(target_os = "linux")]
fn birth(pid: u32) -> Option<String> {
    let ticks = start_in_stat(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Some(format!("{}/{ticks}", boot.trim()))
}

#[cfg(not(target_os = "linux"))]
fn birth(pid: u32) -> Option<String> {
    birth_by_ps(pid)
}

/// Field 22 of `/proc/PID/stat`, counted after the command's name, which may contain spaces and parentheses.
#[cfg(target_os = "linux")]
fn start_in_stat(line: &str) -> Option<u64> {
    let mut fields = line.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    let start = fields.nth(18)?.parse().ok()?;
    (!is_dead(state)).then_some(start)
}

/// The start time of a process from `ps`, for systems without `/proc`.
#[cfg(any(test, not(target_os = "linux")))]
fn birth_by_ps(pid: u32) -> Option<String> {
    let output = std::process::Command::new("ps")
        .args(["-o", "stat=,lstart=", "-p", &pid.to_string()])
        .envs([("LC_ALL", "C"), ("TZ", "UTC")])
        .output()
        .ok()?;
    start_in_ps(&String::from_utf8_lossy(&output.stdout))
}

#[cfg(any(test, not(target_os = "linux")))]
fn start_in_ps(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let state = words.next()?;
    let start = words.collect::<Vec<_>>().join(" ");
    (!is_dead(state) && !start.is_empty()).then_some(start)
}

/// Zombies, and processes that the kernel is removing.
fn is_dead(state: &str) -> bool {
    state.starts_with(['Z', 'X'])
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// Starts a shell in its own group, and returns the number that it prints when it is ready.
    fn shell(script: &str) -> (Child, u32) {
        let mut command = Command::new("sh");
        let mut child = command.args(["-c", script]).stdout(Stdio::piped()).process_group(0).spawn().expect("a shell");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("ready");
        (child, line.trim().parse().expect("a number"))
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn reads_the_start_from_a_stat_line() {
        let line = "7 (a (b) c) S 1 7 7 0 -1 4194560 9 0 0 0 0 0 0 0 20 0 1 0 4242 1000 1 18446744073709551615";
        assert_eq!(start_in_stat(line), Some(4242));
        assert_eq!(start_in_stat(&line.replace(") S", ") Z")), None);
        assert_eq!(start_in_stat("7 (sh) S 1"), None);
    }

    #[test]
    fn reads_the_start_from_ps() {
        assert_eq!(start_in_ps("Ss   Sat Nov  1 07:16:55 2025\n"), Some("Sat Nov 1 07:16:55 2025".to_owned()));
        assert_eq!(start_in_ps("Z+   Sat Nov  1 07:16:55 2025\n"), None);
        assert_eq!(start_in_ps(""), None);
        let own = birth_by_ps(std::process::id());
        assert!(own.is_some() && own == birth_by_ps(std::process::id()));
    }

    #[test]
    fn another_process_with_the_same_pid_is_not_it() {
        let own = Process::now(std::process::id()).expect("alive");
        assert!(own.is_alive());
        assert!(!Process { birth: "earlier".into(), ..own }.is_alive());
    }

    #[tokio::test]
    async fn another_process_with_the_same_pid_is_not_killed() {
        let (mut child, _) = shell("echo 0; exec sleep 60");
        let other = Process { pid: child.id(), birth: "earlier".into() };
        other.end().await.expect("nothing to end");
        assert!(child.try_wait().expect("asked").is_none(), "it was killed");
        Process::now(child.id()).expect("alive").end().await.expect("ended");
        child.wait().expect("gone");
    }

    #[tokio::test]
    async fn child_processes_end_with_it() {
        let (mut shell, child) = shell("sleep 60 & echo $!; wait");
        let (shell_process, child) = (Process::now(shell.id()).expect("alive"), Process::now(child).expect("alive"));
        shell_process.end().await.expect("ended");
        assert!(!shell_process.is_alive());
        shell.wait().expect("gone");
        let deadline = Instant::now() + GRACE;
        while child.is_alive() {
            assert!(Instant::now() < deadline, "the child is still running");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

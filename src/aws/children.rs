//! Ends the processes that the SDK starts for a `credential_process` and does not end itself.

use rustix::process::{Pid, Signal, kill_process};

/// Ends the processes that this program started, and those that they started. While the program waits for credentials,
/// the `credential_process` is the only process that it has started.
pub(super) fn kill() {
    let mut found = children(std::process::id());
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next += 1;
        found.extend(children(parent));
    }
    // Parents are ended before their children, so that they cannot start further processes.
    for pid in found.into_iter().filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
        // This fails if the process has ended meanwhile.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// The processes that a process started.
#[cfg(target_os = "linux")]
fn children(parent: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

/// The processes that a process started.
#[cfg(not(target_os = "linux"))]
fn children(parent: u32) -> Vec<u32> {
    let listed = std::process::Command::new("pgrep").args(["-P", &parent.to_string()]).output();
    let listed = listed.map(|listed| String::from_utf8_lossy(&listed.stdout).into_owned()).unwrap_or_default();
    listed.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

//! Handles Ctrl-C, SIGTERM and a closed terminal.

use std::time::Duration;

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::engine::{CancellationToken, StopLevel};

/// Two signals within this time count as one request. `timeout`, for example, signals the process and then its group.
const ONE_REQUEST: Duration = Duration::from_millis(50);

/// The program ends at the latest this long after the first request, even if a command is blocked.
const PATIENCE: Duration = Duration::from_millis(6800);

/// The program ends at the latest this long after the second request.
const NO_PATIENCE: Duration = Duration::from_millis(500);

/// The signal handlers. Signals that the parent process set to be ignored stay ignored: `nohup` does that with SIGHUP,
/// and `&` in a shell script with SIGINT.
pub(crate) struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hang_up: Option<Signal>,
    /// Handled so that a write beyond `ulimit -f` fails with an error instead of killing the process.
    _file_size: Option<Signal>,
}

impl Signals {
    /// Installs the handlers. Must be called within a Tokio runtime.
    pub(crate) fn take() -> Self {
        let ignored = ignored();
        let ours = |number: Number| {
            let number = number.as_raw();
            let wanted = ignored & (1 << (number - 1)) == 0;
            wanted.then(|| signal(SignalKind::from_raw(number)).ok()).flatten()
        };
        Self {
            interrupt: ours(Number::INT),
            terminate: ours(Number::TERM),
            hang_up: ours(Number::HUP),
            _file_size: ours(Number::XFSZ),
        }
    }

    /// Turns the first signal into a request to stop, and the second into a request to stop at once. Never returns, so
    /// that further signals do not kill the process.
    pub(crate) async fn listen(mut self, asked: watch::Sender<StopLevel>) {
        let mut first: Option<Instant> = None;
        loop {
            let may_insist = tokio::select! {
                () = next(&mut self.interrupt) => true,
                () = next(&mut self.terminate) => true,
                // Both the shell and the kernel send SIGHUP, so a second one is not a second request.
                () = next(&mut self.hang_up) => false,
            };
            let insists = may_insist && first.is_some_and(|first| first.elapsed() > ONE_REQUEST);
            first.get_or_insert_with(Instant::now);
            asked.send_modify(|level| *level = (*level).max(if insists { StopLevel::Now } else { StopLevel::Drain }));
        }
    }
}

/// Returns when a command has not stopped in time: it is blocked, for example by a pipe that nobody reads. As after a
/// kill, the changes that it started are recorded.
pub(crate) async fn out_of_patience(stop: &CancellationToken) -> StopLevel {
    stop.reached(StopLevel::Drain).await;
    let insisted = async {
        stop.reached(StopLevel::Now).await;
        tokio::time::sleep(NO_PATIENCE).await;
    };
    tokio::select! {
        () = insisted => StopLevel::Now,
        () = tokio::time::sleep(PATIENCE) => StopLevel::Drain,
    }
}

async fn next(signal: &mut Option<Signal>) {
    let heard = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if heard.is_none() {
        std::future::pending::<()>().await;
    }
}

/// The ignored signals as a bit mask whose lowest bit is SIGHUP. Zero if the system has no `/proc`.
fn ignored() -> u64 {
    std::fs::read_to_string("/proc/self/status").map_or(0, |status| ignored_in(&status))
}

fn ignored_in(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_proc() {
        let status = "Name:\tx\nSigBlk:\t00000000ffffffff\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        assert_eq!(ignored_in(status), 1 | 1 << 12, "SIGHUP and SIGPIPE");
        assert_eq!((ignored_in(""), ignored_in("SigIgn:\tno number\n")), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_blocked_command_ends_after_seven_seconds_or_half_a_second_after_the_second_request() {
        let (asked, stop) = CancellationToken::new();
        let begun = Instant::now();
        asked.send_replace(StopLevel::Drain);
        assert_eq!(out_of_patience(&stop).await, StopLevel::Drain);
        assert_eq!(begun.elapsed().as_secs(), 6);
        asked.send_replace(StopLevel::Now);
        assert_eq!(out_of_patience(&stop).await, StopLevel::Now);
        assert!(begun.elapsed().as_millis() < 7400);
    }
}

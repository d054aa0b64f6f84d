//! Requests to stop from outside: Ctrl-C, SIGTERM, the terminal's being closed.

use std::time::Duration;

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::engine::{CancellationToken, StopLevel};

/// Two signals this close together are one request that reached us twice, as when `timeout` tells the process and then
/// its group. No finger is that fast.
const ONE_REQUEST: Duration = Duration::from_millis(50);

/// Within this time of the first request the program is gone, whatever holds it up.
const PATIENCE: Duration = Duration::from_millis(6800);

/// And within this time of the second.
const NO_PATIENCE: Duration = Duration::from_millis(500);

/// The signals, ours from the moment this is made. Those that whoever started us wants ignored stay ignored: `nohup`
/// does that with SIGHUP, and a shell script's `&` with SIGINT.
pub(crate) struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hang_up: Option<Signal>,
    /// A file that grows beyond `ulimit -f` is then an error of the call that writes it, and not our end.
    _file_size: Option<Signal>,
}

impl Signals {
    /// To be called within a runtime.
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

    /// Turns the first into a request to stop and the second into a request to leave. Never ends: a third must not be
    /// our death either.
    pub(crate) async fn listen(mut self, asked: watch::Sender<StopLevel>) {
        let mut first: Option<Instant> = None;
        loop {
            let may_insist = tokio::select! {
                () = next(&mut self.interrupt) => true,
                () = next(&mut self.terminate) => true,
                // A closed terminal is told of by the shell and by the system, and nobody is there to insist.
                () = next(&mut self.hang_up) => false,
            };
            let insists = may_insist && first.is_some_and(|first| first.elapsed() > ONE_REQUEST);
            first.get_or_insert_with(Instant::now);
            asked.send_modify(|halt| *halt = (*halt).max(if insists { StopLevel::Now } else { StopLevel::Drain }));
        }
    }
}

/// Comes back once a command that was asked to stop should long have ended: it is stuck where it cannot hear, such as
/// in a pipe that nobody reads. What it was doing is on record, as if it were killed.
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

/// The signals that are ignored, as bits from SIGHUP on. Where the system does not say: none.
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
    fn what_is_ignored_is_read_from_the_systems_words() {
        let status = "Name:\tx\nSigBlk:\t00000000ffffffff\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        assert_eq!(ignored_in(status), 1 | 1 << 12, "SIGHUP and SIGPIPE");
        assert_eq!((ignored_in(""), ignored_in("SigIgn:\tno number\n")), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_is_seven_seconds_and_half_a_second_once_insisted() {
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

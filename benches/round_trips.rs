//! How many round trips deep `up`, a second `up`, `status` and `down` are: `cargo bench --profile dev
//! --bench round_trips`, with `-- --rows` for every call with its
//! times, those of the longest row marked.
//!
//! Every call is delayed by 150 ms on its way to the emulator. What counts is the longest row of calls each of which
//! began only after the one before had been answered; the wall-clock time is printed beside it, and the program's
//! starting time, as the median of many. Exits with 1 if a promise is broken.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement"
)]
#![allow(dead_code, reason = "shares the tests' support, and needs a part of it")]

#[path = "../tests/it/support/aws_rules/mod.rs"]
mod aws_rules;
#[path = "../tests/it/support/botocore.rs"]
mod botocore;
#[path = "../tests/it/support/emulator.rs"]
mod emulator;
#[path = "../tests/it/support/program.rs"]
mod program;
#[path = "../tests/it/support/proxy/mod.rs"]
mod proxy;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use program::User;
use proxy::{Proxy, longest_chain};

const DELAY: Duration = Duration::from_millis(150);

fn main() -> ExitCode {
    // `cargo test` runs benches too, with a flag that asks for a quick check; this one is a measurement.
    if std::env::args().any(|arg| arg == "--test") {
        return ExitCode::SUCCESS;
    }
    let proxy = Proxy::new(&emulator::endpoint(), DELAY);
    let user = User::of(&emulator::account(), &proxy.endpoint);
    let mut kept = true;
    println!("{:<14} {:>6} {:>6} {:>7} {:>7} {:>9}", "command", "calls", "writes", "depth", "at most", "seconds");
    let steps: [(&str, &[&str], usize); 5] = [
        ("up", &["up", "--yes", "--quiet"], 13),
        ("up, again", &["up", "--quiet"], 4),
        ("plan", &["plan", "--quiet"], 4),
        ("status", &["status", "--quiet"], 4),
        // The documented order takes 15. Beside that: two looks at AWS's own lists before, how many users go (2), and
        // that the API is gone from AWS's eyes.
        ("down", &["down", "--yes", "--quiet"], 20),
    ];
    for (name, args, limit) in steps {
        let began = Instant::now();
        user.run(args).ends(0);
        let seconds = began.elapsed().as_secs_f64();
        // Not those of nobody's service: at AWS nobody asks whether this is the emulator.
        let calls: Vec<_> = proxy.take().into_iter().filter(|call| !call.sent.service.is_empty()).collect();
        let writes = calls.iter().filter(|call| call.writes).count();
        let row = longest_chain(&calls);
        let depth = row.len();
        println!("{name:<14} {:>6} {writes:>6} {depth:>7} {limit:>7} {seconds:>9.2}", calls.len());
        if std::env::args().any(|arg| arg == "--rows") {
            let mut calls: Vec<_> = calls.iter().collect();
            calls.sort_by_key(|call| call.began);
            let first = calls.first().map(|call| call.began);
            for call in calls {
                let mark = if row.iter().any(|one| std::ptr::eq(*one, call)) { '*' } else { ' ' };
                let at = |time: Instant| first.map_or(0, |first| time.duration_since(first).as_millis());
                println!("  {mark} {:>6} to {:>6} ms  {}", at(call.began), at(call.ended), call.name);
            }
        }
        kept &= depth <= limit && (name == "up" || name == "down" || writes == 0);
    }
    let mut starts: Vec<Duration> = (0..41)
        .map(|_| {
            let began = Instant::now();
            user.run(&["--version"]).ends(0);
            began.elapsed()
        })
        .collect();
    starts.sort();
    let start = starts[starts.len() / 2];
    println!("start: median {:.1} ms of {} (at most 20 ms)", start.as_secs_f64() * 1000.0, starts.len());
    kept &= start < Duration::from_millis(20);
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

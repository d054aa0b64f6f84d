//! How many sequential round trips `up`, a second `up`, `plan`, `status` and `down` need: `cargo bench --profile dev
//! --bench round_trips`. With `-- --rows`, it prints every call with its times and marks the longest chain. With
//! `-- --bucket`, the state is in a bucket, and the limits do not hold.
//!
//! A proxy delays every call by 150 ms. The depth is the length of the longest chain of calls in which each began after the
//! previous one was answered. The wall-clock time and the median start time of the program are printed too. Exits with 1 if
//! a limit is exceeded.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
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
    // `cargo test` runs benches too, with `--test`. This one only measures, so it does nothing then.
    if std::env::args().any(|arg| arg == "--test") {
        return ExitCode::SUCCESS;
    }
    let proxy = Proxy::new(&emulator::endpoint(), DELAY);
    let account = emulator::account();
    let user = User::of(&account, &proxy.endpoint);
    let in_bucket = std::env::args().any(|arg| arg == "--bucket");
    let user = if in_bucket {
        let bucket = format!("states-{account}");
        user.run(&["state", "bucket", &bucket, "--yes"]).ends(0);
        proxy.take();
        user.with("SECURELAMBDA_STATE", &format!("s3://{bucket}"))
    } else {
        user
    };
    let mut kept = true;
    println!("{:<14} {:>6} {:>6} {:>7} {:>7} {:>9}", "command", "calls", "writes", "depth", "at most", "seconds");
    let steps: [(&str, &[&str], usize); 5] = [
        ("up", &["up", "--yes", "--quiet"], 13),
        ("up, again", &["up", "--quiet"], 4),
        ("plan", &["plan", "--quiet"], 4),
        ("status", &["status", "--quiet"], 4),
        // The cleanup order takes 15 round trips. In addition: two lists before it, two reads to count users, and the
        // reads until the API is gone.
        ("down", &["down", "--yes", "--quiet"], 20),
    ];
    for (name, args, limit) in steps {
        let began = Instant::now();
        user.run(args).ends(0);
        let seconds = began.elapsed().as_secs_f64();
        // Without the check for the emulator, which is not made on AWS.
        let calls: Vec<_> = proxy.take().into_iter().filter(|call| !call.sent.service.is_empty()).collect();
        let writes = calls.iter().filter(|call| call.writes).count();
        let chain = longest_chain(&calls);
        let depth = chain.len();
        println!("{name:<14} {:>6} {writes:>6} {depth:>7} {limit:>7} {seconds:>9.2}", calls.len());
        if std::env::args().any(|arg| arg == "--rows") {
            let mut calls: Vec<_> = calls.iter().collect();
            calls.sort_by_key(|call| call.began);
            let first = calls.first().map(|call| call.began);
            for call in calls {
                let mark = if chain.iter().any(|one| std::ptr::eq(*one, call)) { '*' } else { ' ' };
                let at = |time: Instant| first.map_or(0, |first| time.duration_since(first).as_millis());
                println!("  {mark} {:>6} to {:>6} ms  {}", at(call.began), at(call.ended), call.name);
            }
        }
        kept &= in_bucket || depth <= limit && (name == "up" || name == "down" || writes == 0);
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

//! Runs in which one call in twelve meets with a mishap, from a seed: after a few of them, all is as if nothing had been.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::fault_plan::Plan;
use super::test_account::{Built, TestAccount, Verb};

/// How many runs in a storm it may take to get there.
const RUNS: u64 = 4;

/// What came of it all.
#[derive(Default)]
pub struct Storms {
    seeds: usize,
    /// How many calls met with which mishap.
    mishaps: BTreeMap<String, usize>,
    calls: usize,
    /// How many runs it took, by verb.
    took: BTreeMap<(Verb, u64), usize>,
    pub failures: Vec<String>,
    time: Duration,
}

/// Brings the stack up and down in the storm of each seed.
pub fn faults(built: &Built, seeds: std::ops::Range<u64>, test_accounts: Vec<TestAccount>, evidence: &Path) -> Storms {
    let (next, storms, began) = (AtomicU64::new(seeds.start), Mutex::new(Storms::default()), Instant::now());
    std::thread::scope(|scope| {
        for mut test_account in test_accounts {
            let (next, storms, seeds) = (&next, &storms, &seeds);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let went = through(&mut test_account, built, seed, storms);
                    let mut storms = storms.lock().unwrap();
                    storms.seeds += 1;
                    if let Err(why) = went {
                        let folder = evidence.join(format!("seed-{seed}"));
                        test_account.keep(&folder, &why);
                        let why = why.lines().take(6).collect::<Vec<_>>().join("\n    ");
                        storms.failures.push(format!("seed {seed}: {why}\n    kept in {}", folder.display()));
                        test_account.move_on();
                    }
                }
            });
        }
    });
    let mut storms = storms.into_inner().unwrap();
    storms.time = began.elapsed();
    storms
}

fn through(test_account: &mut TestAccount, built: &Built, seed: u64, storms: &Mutex<Storms>) -> Result<(), String> {
    // Every other one begins where there was a stack before.
    if seed.is_multiple_of(2) {
        test_account.purge();
    }
    for verb in [Verb::Up, Verb::Down] {
        let mut codes = Vec::new();
        for turn in 1..=RUNS {
            let plan = Plan::Storm(seed << 8 | turn << 1 | u64::from(verb == Verb::Up));
            let code = test_account.run(verb, plan)?.code();
            {
                let mut storms = storms.lock().unwrap();
                for heard in test_account.fault_plan.calls() {
                    storms.calls += 1;
                    if let Some(outcome) = heard.outcome {
                        let kind = format!("{outcome:?}").split(['(', ' ']).next().unwrap_or_default().to_owned();
                        *storms.mishaps.entry(kind).or_default() += 1;
                    }
                }
            }
            codes.push(code);
            if code == Some(0) {
                *storms.lock().unwrap().took.entry((verb, turn)).or_default() += 1;
                break;
            }
        }
        if codes.last() != Some(&Some(0)) {
            return Err(format!("{RUNS} runs of `{}` in a storm were not enough: {codes:?}", verb.word()));
        }
        match verb {
            Verb::Up => test_account.holds(built)?,
            Verb::Down => test_account.is_empty()?,
        }
    }
    Ok(())
}

/// The report, for people.
pub fn table(storms: &Storms) -> String {
    let mishaps: Vec<String> = storms.mishaps.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let mut text = format!("\n{} seeds, {} calls, of which: {}\n", storms.seeds, storms.calls, mishaps.join(", "));
    for ((verb, turn), count) in &storms.took {
        text += &format!("`{}` done by run {turn}: {count}\n", verb.word());
    }
    text += &format!("{} failures, {} s\n", storms.failures.len(), storms.time.as_secs());
    for failure in &storms.failures {
        text += &format!("FAILED {failure}\n");
    }
    text
}

//! Runs in which about one call in twelve fails, by a seed. After at most a few runs the account must be as if nothing had
//! failed.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::fault_plan::FaultMode;
use super::part::Part;
use super::test_account::{Built, TestAccount, Verb};

/// How many runs a command may take to succeed.
const MOST_RUNS: u64 = 4;

#[derive(Default)]
pub struct Report {
    seeds: usize,
    /// How many calls met each fault.
    faults: BTreeMap<String, usize>,
    calls: usize,
    /// The number of seeds, by command and by the number of runs that the command needed.
    took: BTreeMap<(Verb, u64), usize>,
    pub failures: Vec<String>,
    time: Duration,
}

/// The seeds of this part. An even seed, which begins in a purged account, and the next odd seed, which does not, stay
/// together.
pub fn seeds_of(part: Part, group: usize, seeds: Range<u64>) -> Vec<u64> {
    seeds.filter(|seed| part.has(group, usize::try_from(seed / 2).unwrap())).collect()
}

/// Runs `up` and `down` under the random faults of each seed.
pub fn run(built: &Built, seeds: Vec<u64>, test_accounts: Vec<TestAccount>, evidence: &Path) -> Report {
    let (next, report, began) = (Mutex::new(seeds.into_iter()), Mutex::new(Report::default()), Instant::now());
    std::thread::scope(|scope| {
        for mut test_account in test_accounts {
            let (next, report) = (&next, &report);
            scope.spawn(move || {
                loop {
                    let Some(seed) = next.lock().unwrap().next() else { return };
                    let result = run_seed(&mut test_account, built, seed, report);
                    let mut report = report.lock().unwrap();
                    report.seeds += 1;
                    if let Err(why) = result {
                        let folder = evidence.join(format!("seed-{seed}"));
                        test_account.save_evidence(&folder, &why);
                        let why = why.lines().take(6).collect::<Vec<_>>().join("\n    ");
                        report.failures.push(format!("seed {seed}: {why}\n    kept in {}", folder.display()));
                        test_account.use_new_account();
                    }
                }
            });
        }
    });
    let mut report = report.into_inner().unwrap();
    report.time = began.elapsed();
    report
}

fn run_seed(test_account: &mut TestAccount, built: &Built, seed: u64, report: &Mutex<Report>) -> Result<(), String> {
    // With odd seeds, the account contained the stack before.
    if seed.is_multiple_of(2) {
        test_account.purge();
    }
    for verb in [Verb::Up, Verb::Down] {
        let mut codes = Vec::new();
        for turn in 1..=MOST_RUNS {
            let plan = FaultMode::Random(seed << 8 | turn << 1 | u64::from(verb == Verb::Up));
            let code = test_account.run(verb, plan)?.code();
            {
                let mut report = report.lock().unwrap();
                for call in test_account.fault_plan.calls() {
                    report.calls += 1;
                    if let Some(outcome) = call.outcome {
                        let kind = format!("{outcome:?}").split(['(', ' ']).next().unwrap_or_default().to_owned();
                        *report.faults.entry(kind).or_default() += 1;
                    }
                }
            }
            codes.push(code);
            if code == Some(0) {
                *report.lock().unwrap().took.entry((verb, turn)).or_default() += 1;
                break;
            }
        }
        if codes.last() != Some(&Some(0)) {
            return Err(format!(
                "{MOST_RUNS} runs of `{}` under random faults were not enough: {codes:?}",
                verb.word()
            ));
        }
        match verb {
            Verb::Up => test_account.check_built(built)?,
            Verb::Down => test_account.check_empty()?,
        }
    }
    Ok(())
}

pub fn table(report: &Report) -> String {
    let faults: Vec<String> = report.faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let mut text = format!("\n{} seeds, {} calls, of which: {}\n", report.seeds, report.calls, faults.join(", "));
    for ((verb, turn), count) in &report.took {
        text += &format!("`{}` done by run {turn}: {count}\n", verb.word());
    }
    text += &format!("{} failures, {} s\n", report.failures.len(), report.time.as_secs());
    for failure in &report.failures {
        text += &format!("FAILED {failure}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::part;
    use super::*;

    #[test]
    fn the_parts_of_the_seeds_are_disjoint_and_together_the_whole() {
        for (group, seeds) in [(0, 1..201), (1, 1..31), (2, 1000..1006), (0, 17..18)] {
            for of in 1..=7 {
                let parts: Vec<Vec<u64>> = part::all(of).map(|part| seeds_of(part, group, seeds.clone())).collect();
                let mut together = parts.concat();
                together.sort_unstable();
                assert_eq!(together, seeds.clone().collect::<Vec<_>>());
                let both = |part: &Vec<u64>| [0, 1].iter().all(|rest| part.iter().any(|seed| seed % 2 == *rest));
                assert!(seeds.end - seeds.start < 30 || parts.iter().all(both), "{parts:?}");
            }
        }
    }
}

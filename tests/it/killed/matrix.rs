//! The crash matrix: every call of `up` and `down` is cut in three ways, and after each cut both `up` and `down` are tried.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::address::Address;
use super::fault_plan::{FaultMode, ObservedCall};
use super::part::Part;
use super::test_account::{Built, TestAccount, Verb};
use crate::support::proxy::CallOutcome;

/// The account in which a run starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Start {
    /// The stack never existed there.
    Fresh,
    /// The stack existed before: `up` restores its secret, which is in the recovery window.
    AfterDown,
    WithStack,
}

/// How a call is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cut {
    KilledBefore,
    KilledAfter,
    AnswerLost,
}

impl Cut {
    pub const ALL: [Self; 3] = [Self::KilledBefore, Self::KilledAfter, Self::AnswerLost];

    fn outcome(self) -> CallOutcome {
        match self {
            Self::KilledBefore => CallOutcome::HungBefore,
            Self::KilledAfter => CallOutcome::HungAfter,
            Self::AnswerLost => CallOutcome::AnswerLost,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::KilledBefore => "killed before",
            Self::KilledAfter => "killed after",
            Self::AnswerLost => "answer lost",
        }
    }
}

/// One cell of the matrix: a run, the call that is cut, the kind of cut, and the next command.
#[derive(Debug, Clone)]
pub struct Case {
    pub from: Start,
    pub call: Address,
    pub cut: Cut,
    pub then: Verb,
    /// How many runs did not make the call.
    missed: usize,
}

impl Case {
    fn verb(&self) -> Verb {
        if self.from == Start::WithStack { Verb::Down } else { Verb::Up }
    }

    fn row(&self) -> (Start, Cut, Verb) {
        (self.from, self.cut, self.then)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, call, cut, then, .. } = self;
        write!(f, "{}, {}: {call}, then {}", run(*from), cut.words(), then.word())
    }
}

fn run(from: Start) -> &'static str {
    match from {
        Start::Fresh => "up",
        Start::AfterDown => "up again",
        Start::WithStack => "down",
    }
}

/// The calls that undisturbed runs make, and the account that they build.
pub struct Undisturbed {
    pub built: Built,
    pub calls: BTreeMap<Start, Vec<Address>>,
    /// Calls that are not cut, each with the reason.
    excluded: BTreeMap<Start, Vec<(Address, &'static str)>>,
}

/// Runs `up` and `down` without faults and collects every call that any of these runs makes.
pub fn undisturbed(test_account: &mut TestAccount) -> Undisturbed {
    let mut built: Option<Built> = None;
    let mut observed: BTreeMap<Start, Vec<Vec<ObservedCall>>> = BTreeMap::new();
    for _ in 0..2 {
        for from in [Start::Fresh, Start::AfterDown] {
            if from == Start::Fresh {
                test_account.purge();
            }
            observed.entry(from).or_default().push(test_account.run_undisturbed(Verb::Up).unwrap());
            if built.is_none() {
                built = Some(test_account.built());
            }
            built.as_ref().map_or(Ok(()), |built| test_account.check_built(built)).unwrap();
            observed.entry(Start::WithStack).or_default().push(test_account.run_undisturbed(Verb::Down).unwrap());
            test_account.check_empty().unwrap();
        }
    }
    let mut calls = BTreeMap::new();
    let mut excluded: BTreeMap<Start, Vec<(Address, &'static str)>> = BTreeMap::new();
    for (from, runs) in observed {
        let mut kept = Vec::new();
        let mut seen = HashSet::new();
        for call in runs.into_iter().flatten().filter(|call| seen.insert(call.address.clone())) {
            let waits = ["secretsmanager ", "kms "].iter().any(|service| call.address.name.starts_with(service));
            if call.poll {
                excluded
                    .entry(from)
                    .or_default()
                    .push((call.address, "repeats a read whose answer was \"not ready yet\""));
            } else if from == Start::AfterDown && !waits {
                excluded
                    .entry(from)
                    .or_default()
                    .push((call.address, "same as after `up`: only the secret and the key are found differently"));
            } else {
                kept.push(call.address);
            }
        }
        calls.insert(from, kept);
    }
    Undisturbed { built: built.unwrap(), calls, excluded }
}

/// The cases of this part whose call is wanted.
pub fn cases(undisturbed: &Undisturbed, part: Part, wanted: impl Fn(&Address) -> bool) -> Vec<Case> {
    let wanted = &wanted;
    let of = |(row, (from, cut, then)): (usize, (Start, Cut, Verb))| {
        let calls = undisturbed.calls.get(&from).into_iter().flatten();
        let calls = calls.filter(move |call| wanted(call));
        // A read changes neither the account nor the state, so killing the program before it covers both cases.
        let calls = calls.filter(move |call| cut != Cut::KilledAfter || !call.reads());
        // The order of parallel calls differs from run to run, and the parts must not.
        let calls = calls.collect::<BTreeSet<_>>().into_iter().enumerate();
        let calls = calls.filter(move |(index, _)| part.has(row, *index));
        calls.map(move |(_, call)| Case { from, call: call.clone(), cut, then, missed: 0 })
    };
    rows().into_iter().enumerate().flat_map(of).collect()
}

fn rows() -> Vec<(Start, Cut, Verb)> {
    let ways = [Verb::Up, Verb::Down];
    let of = |from| Cut::ALL.into_iter().flat_map(move |cut| ways.map(|then| (from, cut, then)));
    [Start::Fresh, Start::AfterDown, Start::WithStack].into_iter().flat_map(of).collect()
}

/// The cases that still have to run, by the account in which they start.
struct Queue(Mutex<BTreeMap<Start, VecDeque<Case>>>);

impl Queue {
    fn new(cases: Vec<Case>) -> Self {
        let mut queues: BTreeMap<Start, VecDeque<Case>> = BTreeMap::new();
        for case in cases {
            queues.entry(case.from).or_default().push_back(case);
        }
        // Cases that continue with `up` and with `down` alternate, so that a worker usually finds a case that starts in
        // the account that its last case left.
        for queue in queues.values_mut() {
            let (up, down): (Vec<Case>, Vec<Case>) = queue.drain(..).partition(|case| case.then == Verb::Up);
            let mut up = VecDeque::from(up);
            for case in down {
                queue.extend(up.pop_front());
                queue.push_back(case);
            }
            queue.extend(up);
        }
        Self(Mutex::new(queues))
    }

    fn take(&self, from: Start) -> Option<Case> {
        self.0.lock().unwrap().get_mut(&from)?.pop_front()
    }

    fn put_back(&self, case: Case) {
        self.0.lock().unwrap().entry(case.from).or_default().push_back(case);
    }
}

/// The results of all cases.
#[derive(Default)]
pub struct Report {
    rows: BTreeMap<(Start, Cut, Verb), Row>,
    failures: Vec<String>,
    runs: usize,
    took: Duration,
}

#[derive(Default)]
struct Row {
    cases: usize,
    failures: usize,
}

impl Report {
    pub fn failures(&self) -> &[String] {
        &self.failures
    }
}

/// Runs all cases, in parallel in these accounts.
pub fn run_cases(
    undisturbed: &Undisturbed,
    cases: Vec<Case>,
    test_accounts: Vec<TestAccount>,
    evidence: &Path,
) -> Report {
    let (queue, report, began) = (Queue::new(cases), Mutex::new(Report::default()), Instant::now());
    std::thread::scope(|scope| {
        for test_account in test_accounts {
            let (queue, report) = (&queue, &report);
            scope.spawn(move || {
                Worker { undisturbed, queue, report, evidence, test_account, at: AccountState::Empty }.run_all();
            });
        }
    });
    let mut report = report.into_inner().unwrap();
    report.took = began.elapsed();
    report
}

/// The content of a worker's account.
#[derive(Clone, Copy, PartialEq)]
enum AccountState {
    /// Nothing, or a secret in its recovery window.
    Empty,
    /// A secret in its recovery window.
    AfterDown,
    WithStack,
}

struct Worker<'a> {
    undisturbed: &'a Undisturbed,
    queue: &'a Queue,
    report: &'a Mutex<Report>,
    evidence: &'a Path,
    test_account: TestAccount,
    at: AccountState,
}

impl Worker<'_> {
    /// Runs cases until none is left. Prefers a case that starts in the account as it is. If there is none, an
    /// undisturbed run brings the account into the state in which another case starts.
    fn run_all(mut self) {
        loop {
            let case = match self.at {
                AccountState::WithStack => self.queue.take(Start::WithStack),
                AccountState::AfterDown => self.queue.take(Start::AfterDown).or_else(|| self.queue.take(Start::Fresh)),
                AccountState::Empty => self.queue.take(Start::Fresh),
            };
            let Some(case) = case else {
                let elsewhere = match self.at {
                    AccountState::WithStack => [Start::Fresh, Start::AfterDown],
                    AccountState::Empty | AccountState::AfterDown => [Start::WithStack, Start::AfterDown],
                };
                let Some(next) = elsewhere.into_iter().find_map(|from| self.queue.take(from)) else { return };
                let verb = if self.at == AccountState::WithStack { Verb::Down } else { Verb::Up };
                self.queue.put_back(next);
                self.run_undisturbed(verb);
                continue;
            };
            self.run_case(case);
        }
    }

    fn run_undisturbed(&mut self, verb: Verb) {
        let went = self.test_account.run_undisturbed(verb).and_then(|_| self.check_result(Start::WithStack, verb));
        self.report.lock().unwrap().runs += 1;
        if let Err(why) = went {
            self.record_failure(&format!("undisturbed {}", verb.word()), &why);
        }
    }

    fn run_case(&mut self, mut case: Case) {
        if case.from == Start::Fresh {
            self.test_account.purge();
        }
        let ran = self.test_account.run(case.verb(), FaultMode::Cut(case.call.clone(), case.cut.outcome()));
        self.report.lock().unwrap().runs += 2;
        let was_cut = self.test_account.fault_plan.hit();
        self.test_account.go_on();
        let went = match ran {
            Ok(_) if !was_cut && case.missed < 3 => {
                case.missed += 1;
                self.queue.put_back(case.clone());
                // The call was not made, so nothing was cut.
                if let Err(why) = self.check_result(case.from, case.verb()) {
                    self.record_failure(&format!("undisturbed {}", case.verb().word()), &why);
                }
                return;
            }
            // How often a run saves its state and renews its lock depends on how fast it is.
            Ok(_) if !was_cut && case.call.name.starts_with("s3 ") => return,
            Ok(_) if !was_cut => Err("the call was not made, in four runs".to_owned()),
            // The program must recover from one lost answer by itself.
            Ok(ran) if case.cut == Cut::AnswerLost && ran.code() != Some(0) => {
                Err(format!("that run itself ended with {:?}:\n{}", ran.code(), ran.stderr()))
            }
            Ok(_) => self.test_account.run_undisturbed(case.then).and_then(|_| self.check_result(case.from, case.then)),
            Err(why) => Err(why),
        };
        {
            let mut report = self.report.lock().unwrap();
            let row = report.rows.entry(case.row()).or_default();
            row.cases += 1;
            row.failures += usize::from(went.is_err());
        }
        if let Err(why) = went {
            self.record_failure(&case.to_string(), &why);
        }
    }

    /// Checks that the account is as `verb` must leave it, after a run that started from `from`.
    fn check_result(&mut self, from: Start, verb: Verb) -> Result<(), String> {
        match verb {
            Verb::Up => {
                self.at = AccountState::WithStack;
                self.test_account.check_built(&self.undisturbed.built)
            }
            Verb::Down => {
                // An `up` that was cut early created no secret.
                self.at = if from == Start::Fresh { AccountState::Empty } else { AccountState::AfterDown };
                self.test_account.check_empty()
            }
        }
    }

    /// Records a failure, saves the evidence and continues in a new account.
    fn record_failure(&mut self, what: &str, why: &str) {
        let number = {
            let mut report = self.report.lock().unwrap();
            report.failures.push(String::new());
            report.failures.len()
        };
        let folder = self.evidence.join(format!("{number}"));
        self.test_account.save_evidence(&folder, &format!("{what}\n\n{why}"));
        let why = why.lines().take(6).collect::<Vec<_>>().join("\n    ");
        let entry = format!("{what}\n    {why}\n    kept in {}", folder.display());
        self.report.lock().unwrap().failures[number - 1] = entry;
        self.test_account.use_new_account();
        self.at = AccountState::Empty;
    }
}

/// The report as a table of calls, cuts and failures.
pub fn table(undisturbed: &Undisturbed, report: &Report) -> String {
    let mut text = String::new();
    for (from, calls) in &undisturbed.calls {
        text += &format!("\ncalls of `{}` that are cut: {}\n", run(*from), calls.len());
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for call in calls {
            *counts.entry(&call.name).or_default() += 1;
        }
        let counts: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
        text += &format!("  {}\n", counts.join(", "));
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, reason) in undisturbed.excluded.get(from).into_iter().flatten() {
            *reasons.entry(reason).or_default() += 1;
        }
        for (reason, count) in reasons {
            text += &format!("  not cut: {count} ({reason})\n");
        }
    }
    text += "\nFor a call that only reads, the program is killed only before the call. A kill after the call would leave the same account and the same state file.\n";
    text += &format!("\n{:<10} {:<14} {:<6} {:>6} {:>9}\n", "run", "cut", "then", "cases", "failures");
    let (mut cases, mut failures) = (0, 0);
    for ((from, cut, then), row) in &report.rows {
        let Row { cases: of, failures: bad } = row;
        text += &format!("{:<10} {:<14} {:<6} {of:>6} {bad:>9}\n", run(*from), cut.words(), then.word());
        (cases, failures) = (cases + of, failures + bad);
    }
    text += &format!("{:<10} {:<14} {:<6} {cases:>6} {failures:>9}\n", "all", "", "");
    text += &format!("{} runs of the program in {} s\n", report.runs, report.took.as_secs());
    for failure in &report.failures {
        text += &format!("FAILED {failure}\n");
    }
    text
}

/// The folder for the evidence of failures. It is emptied first.
pub fn evidence(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

#[cfg(test)]
mod tests {
    use super::super::part;
    use super::*;

    /// The runs of a blueprint with this number of calls each; every second call is a read.
    fn undisturbed(calls: usize) -> Undisturbed {
        let address = |nth: usize| {
            let name = if nth.is_multiple_of(2) { "iam GetRole" } else { "iam CreateRole" };
            // As in real runs, the calls are not in the order of their addresses.
            Address { name: name.to_owned(), about: format!("demo-{}", nth * 7 % calls), nth: 1 }
        };
        let calls: Vec<Address> = (0..calls).map(address).collect();
        let of = |from| (from, calls.clone());
        Undisturbed {
            built: Built { account: BTreeMap::new(), rows: BTreeMap::new() },
            calls: [Start::Fresh, Start::AfterDown, Start::WithStack].map(of).into(),
            excluded: BTreeMap::new(),
        }
    }

    fn names(cases: &[Case]) -> Vec<String> {
        cases.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_parts_of_a_matrix_are_disjoint_and_together_the_whole() {
        for calls in [1, 2, 10, 97] {
            let undisturbed = undisturbed(calls);
            let whole = names(&cases(&undisturbed, Part::first_of(1), |_| true));
            assert_eq!(whole.len(), 3 * 2 * (2 * calls + calls / 2), "reads are not killed after the call");
            for of in 1..=7 {
                let mut together: Vec<String> =
                    part::all(of).flat_map(|part| names(&cases(&undisturbed, part, |_| true))).collect();
                together.sort();
                let mut whole = whole.clone();
                whole.sort();
                assert_eq!(together, whole, "{calls} calls in {of} parts");
            }
        }
    }

    #[test]
    fn every_part_of_a_matrix_has_every_run_every_cut_and_both_commands() {
        let undisturbed = undisturbed(12);
        for of in 1..=6 {
            for part in part::all(of) {
                let rows: BTreeSet<_> = cases(&undisturbed, part, |_| true).iter().map(Case::row).collect();
                assert_eq!(rows, rows_of_all(), "{part}");
            }
        }
    }

    fn rows_of_all() -> BTreeSet<(Start, Cut, Verb)> {
        rows().into_iter().collect()
    }

    #[test]
    fn a_part_has_the_same_cases_whatever_the_order_of_parallel_calls() {
        let (first, mut second) = (undisturbed(12), undisturbed(12));
        second.calls.values_mut().for_each(|calls| calls.reverse());
        for part in part::all(3) {
            assert_eq!(names(&cases(&first, part, |_| true)), names(&cases(&second, part, |_| true)));
        }
    }
}

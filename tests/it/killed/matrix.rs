//! Every call of `up` and of `down`, cut in three ways, and both ways on.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::address::Address;
use super::fault_plan::{Heard, Plan};
use super::test_account::{Built, TestAccount, Verb};
use crate::support::proxy::CallOutcome;

/// Where a run starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum From {
    /// An account that never held the stack.
    Nothing,
    /// One that held it before: its secret is in the recovery window, and is restored.
    Before,
    /// One that holds it.
    Stack,
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
            Self::AnswerLost => CallOutcome::Unanswered,
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

/// One cell: this call of this run is cut like this, and this comes next.
#[derive(Debug, Clone)]
pub struct Case {
    pub from: From,
    pub call: Address,
    pub cut: Cut,
    pub then: Verb,
    /// How often the call did not come.
    missed: usize,
}

impl Case {
    fn verb(&self) -> Verb {
        if self.from == From::Stack { Verb::Down } else { Verb::Up }
    }

    fn row(&self) -> (From, Cut, Verb) {
        (self.from, self.cut, self.then)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, call, cut, then, .. } = self;
        write!(f, "{}, {}: {call}, then {}", run(*from), cut.words(), then.word())
    }
}

fn run(from: From) -> &'static str {
    match from {
        From::Nothing => "up",
        From::Before => "up again",
        From::Stack => "down",
    }
}

/// The calls of undisturbed runs, and what they build.
pub struct Undisturbed {
    pub built: Built,
    pub calls: BTreeMap<From, Vec<Address>>,
    /// Calls that are not cut, and why not.
    folded: BTreeMap<From, Vec<(Address, &'static str)>>,
}

/// Watches runs that nothing disturbs. A call counts if it was made in each of them.
pub fn undisturbed(test_account: &mut TestAccount) -> Undisturbed {
    let mut built: Option<Built> = None;
    let mut heard: BTreeMap<From, Vec<Vec<Heard>>> = BTreeMap::new();
    for _ in 0..2 {
        for from in [From::Nothing, From::Before] {
            if from == From::Nothing {
                test_account.purge();
            }
            heard.entry(from).or_default().push(test_account.must(Verb::Up).unwrap());
            if built.is_none() {
                built = Some(test_account.built());
            }
            built.as_ref().map_or(Ok(()), |built| test_account.holds(built)).unwrap();
            heard.entry(From::Stack).or_default().push(test_account.must(Verb::Down).unwrap());
            test_account.is_empty().unwrap();
        }
    }
    let mut calls = BTreeMap::new();
    let mut folded: BTreeMap<From, Vec<(Address, &'static str)>> = BTreeMap::new();
    for (from, runs) in heard {
        let mut kept = Vec::new();
        let mut seen = HashSet::new();
        for call in runs.into_iter().flatten().filter(|call| seen.insert(call.address.clone())) {
            let about_secrets = call.address.name.starts_with("secretsmanager ");
            if call.poll {
                folded
                    .entry(from)
                    .or_default()
                    .push((call.address, "asks once more what was answered with \"not yet\""));
            } else if from == From::Before && !about_secrets {
                folded
                    .entry(from)
                    .or_default()
                    .push((call.address, "as in `up`: only the secret is found differently"));
            } else {
                kept.push(call.address);
            }
        }
        calls.insert(from, kept);
    }
    Undisturbed { built: built.unwrap(), calls, folded }
}

/// The cases of these runs, every `stride`th of those whose call is wanted.
pub fn cases(undisturbed: &Undisturbed, stride: usize, wanted: impl Fn(&Address) -> bool) -> Vec<Case> {
    let wanted = &wanted;
    let of = |(from, cut, then): (From, Cut, Verb)| {
        let calls = undisturbed.calls.get(&from).into_iter().flatten();
        let calls = calls.filter(move |call| wanted(call));
        // Killed before it or after it, a call that only reads leaves the account and the record alike.
        let calls = calls.filter(move |call| cut != Cut::KilledAfter || !call.reads());
        calls.map(move |call| Case { from, call: call.clone(), cut, then, missed: 0 })
    };
    rows().into_iter().flat_map(of).step_by(stride).collect()
}

fn rows() -> Vec<(From, Cut, Verb)> {
    let ways = [Verb::Up, Verb::Down];
    let of = |from| Cut::ALL.into_iter().flat_map(move |cut| ways.map(|then| (from, cut, then)));
    [From::Nothing, From::Before, From::Stack].into_iter().flat_map(of).collect()
}

/// Cases not yet taken, by where they start.
struct Queue(Mutex<BTreeMap<From, VecDeque<Case>>>);

impl Queue {
    fn new(cases: Vec<Case>) -> Self {
        let mut queues: BTreeMap<From, VecDeque<Case>> = BTreeMap::new();
        for case in cases {
            queues.entry(case.from).or_default().push_back(case);
        }
        // Both ways on in turn, so that a lane that ends in one place finds a case that starts there.
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

    fn take(&self, from: From) -> Option<Case> {
        self.0.lock().unwrap().get_mut(&from)?.pop_front()
    }

    fn put_back(&self, case: Case) {
        self.0.lock().unwrap().entry(case.from).or_default().push_back(case);
    }
}

/// What came of it all.
#[derive(Default)]
pub struct Report {
    rows: BTreeMap<(From, Cut, Verb), Row>,
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

/// Goes through all cases, in as many lanes as there are.
pub fn go_through(
    undisturbed: &Undisturbed,
    cases: Vec<Case>,
    test_accounts: Vec<TestAccount>,
    evidence: &Path,
) -> Report {
    let (queue, report, began) = (Queue::new(cases), Mutex::new(Report::default()), Instant::now());
    std::thread::scope(|scope| {
        for test_account in test_accounts {
            let (queue, report) = (&queue, &report);
            scope.spawn(move || Walk { undisturbed, queue, report, evidence, test_account, at: Place::Nothing }.walk());
        }
    });
    let mut report = report.into_inner().unwrap();
    report.took = began.elapsed();
    report
}

/// Where a lane's account stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// It is empty; a secret may or may not be in its recovery window.
    Nothing,
    /// It is empty but for a secret in its recovery window.
    Before,
    Stack,
}

struct Walk<'a> {
    undisturbed: &'a Undisturbed,
    queue: &'a Queue,
    report: &'a Mutex<Report>,
    evidence: &'a Path,
    test_account: TestAccount,
    at: Place,
}

impl Walk<'_> {
    /// Until no case is left: one that starts where the account stands, or else on to where one does.
    fn walk(mut self) {
        loop {
            let case = match self.at {
                Place::Stack => self.queue.take(From::Stack),
                Place::Before => self.queue.take(From::Before).or_else(|| self.queue.take(From::Nothing)),
                Place::Nothing => self.queue.take(From::Nothing),
            };
            let Some(case) = case else {
                let elsewhere = match self.at {
                    Place::Stack => [From::Nothing, From::Before],
                    Place::Nothing | Place::Before => [From::Stack, From::Before],
                };
                let Some(next) = elsewhere.into_iter().find_map(|from| self.queue.take(from)) else { return };
                let verb = if self.at == Place::Stack { Verb::Down } else { Verb::Up };
                self.queue.put_back(next);
                self.plainly(verb);
                continue;
            };
            self.go(case);
        }
    }

    /// An undisturbed run between two cases.
    fn plainly(&mut self, verb: Verb) {
        let went = self.test_account.must(verb).and_then(|_| self.arrived(From::Stack, verb));
        self.report.lock().unwrap().runs += 1;
        if let Err(why) = went {
            self.failed(&format!("undisturbed {}", verb.word()), &why);
        }
    }

    fn go(&mut self, mut case: Case) {
        if case.from == From::Nothing {
            self.test_account.purge();
        }
        let ran = self.test_account.run(case.verb(), Plan::Cut(case.call.clone(), case.cut.outcome()));
        self.report.lock().unwrap().runs += 2;
        let was_cut = self.test_account.fault_plan.hit();
        let went = match ran {
            Ok(_) if !was_cut && case.missed < 3 => {
                case.missed += 1;
                self.queue.put_back(case.clone());
                // Nothing was cut: it arrived.
                if let Err(why) = self.arrived(case.from, case.verb()) {
                    self.failed(&format!("undisturbed {}", case.verb().word()), &why);
                }
                return;
            }
            Ok(_) if !was_cut => Err("the call was not made, in four runs".to_owned()),
            // One lost answer is looked into, and stops nobody.
            Ok(ran) if case.cut == Cut::AnswerLost && ran.code() != Some(0) => {
                Err(format!("that run itself ended with {:?}:\n{}", ran.code(), ran.words()))
            }
            Ok(_) => self.test_account.must(case.then).and_then(|_| self.arrived(case.from, case.then)),
            Err(why) => Err(why),
        };
        {
            let mut report = self.report.lock().unwrap();
            let row = report.rows.entry(case.row()).or_default();
            row.cases += 1;
            row.failures += usize::from(went.is_err());
        }
        if let Err(why) = went {
            self.failed(&case.to_string(), &why);
        }
    }

    /// The account is as this verb leaves it, and a run from there before it.
    fn arrived(&mut self, from: From, verb: Verb) -> Result<(), String> {
        match verb {
            Verb::Up => {
                self.at = Place::Stack;
                self.test_account.holds(&self.undisturbed.built)
            }
            Verb::Down => {
                // An `up` that was cut early made no secret.
                self.at = if from == From::Nothing { Place::Nothing } else { Place::Before };
                self.test_account.is_empty()
            }
        }
    }

    /// Writes it down, keeps the evidence, and goes on in another account.
    fn failed(&mut self, what: &str, why: &str) {
        let number = {
            let mut report = self.report.lock().unwrap();
            report.failures.push(String::new());
            report.failures.len()
        };
        let folder = self.evidence.join(format!("{number}"));
        self.test_account.keep(&folder, &format!("{what}\n\n{why}"));
        let why = why.lines().take(6).collect::<Vec<_>>().join("\n    ");
        let entry = format!("{what}\n    {why}\n    kept in {}", folder.display());
        self.report.lock().unwrap().failures[number - 1] = entry;
        self.test_account.move_on();
        self.at = Place::Nothing;
    }
}

/// The report, for people: the calls, the cuts, the failures.
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
        for (_, reason) in undisturbed.folded.get(from).into_iter().flatten() {
            *reasons.entry(reason).or_default() += 1;
        }
        for (reason, count) in reasons {
            text += &format!("  not cut: {count} ({reason})\n");
        }
    }
    text += "\nA call that only reads is killed before it: after it leaves the account and the record alike.\n";
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

/// Where the evidence of failures goes: emptied first.
pub fn evidence(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

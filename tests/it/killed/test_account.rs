//! One account of its own, one user in it, one sky over both: what goes through many cases, one after another.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::fault_plan::{FaultPlan, Heard, Plan};
use crate::support::account_reader::{Account, AccountReader, difference};
use crate::support::emulator::{account, straight};
use crate::support::program::User;
use crate::support::proxy::{CallOutcome, Proxy};

/// How long a second lasts.
pub const TEMPO: &str = "0.02";
/// How long a run may take before it counts as stuck: undisturbed it takes one second.
const STUCK: Duration = Duration::from_mins(2);

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    Up,
    Down,
}

impl Verb {
    pub fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// How a run went.
pub struct Ran {
    /// `None` if it was killed.
    pub status: Option<ExitStatus>,
    said: PathBuf,
}

impl Ran {
    pub fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }

    /// What it said.
    pub fn words(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap_or_default()
    }
}

/// What an undisturbed `up` leaves behind.
#[derive(Debug, Clone)]
pub struct Built {
    pub account: Account,
    /// The rows of the state file: kind, status, and which outputs are on record.
    pub rows: Account,
}

/// The account, the user, the sky, and the other tool that looks at the account.
pub struct TestAccount {
    pub account: String,
    pub fault_plan: Arc<FaultPlan>,
    user: User,
    blueprint: &'static str,
    proxy: Proxy,
    account_reader: AccountReader,
    /// What is in the account and belongs to others.
    others: Account,
    runs: usize,
}

impl TestAccount {
    /// A new account of this emulator's.
    pub fn new(endpoint: &str, python: &Path, blueprint: &'static str) -> Self {
        let fault_plan = Arc::new(FaultPlan::new());
        let proxy = Proxy::with_faults(endpoint, Duration::ZERO, Arc::clone(&fault_plan) as Arc<_>);
        let account_reader = AccountReader::new(python, &straight(endpoint), "eu-central-1");
        let (account, user, others) = (String::new(), User::bare(), Account::new());
        let mut test_account = Self { account, fault_plan, user, blueprint, proxy, account_reader, others, runs: 0 };
        test_account.move_on();
        test_account
    }

    /// Leaves the account as it is, and goes on in a new one, in which only others have anything.
    pub fn move_on(&mut self) {
        self.account = account();
        self.account_reader.people(&self.account);
        self.others = self.account_reader.describe(&self.account);
        assert!(self.others.len() > 6, "{:#?}", self.others);
        self.user = User::of(&self.account, &self.proxy.endpoint).with("SECURELAMBDA_TIME_SCALE", TEMPO);
        self.runs = 0;
    }

    /// Runs a command under this plan; one that a call of its hangs in is killed there.
    pub fn run(&mut self, verb: Verb, plan: Plan) -> Result<Ran, String> {
        let kills = matches!(plan, Plan::Cut(_, CallOutcome::HungBefore | CallOutcome::HungAfter));
        self.fault_plan.begin(plan, self.user.folder.path().join("state"));
        self.proxy.take();
        self.runs += 1;
        let said = self.user.folder.path().join(format!("{}-{}.stderr", self.runs, verb.word()));
        let mut command = self.user.command(&[verb.word(), "--yes", "--blueprint", self.blueprint]);
        command.stdout(std::process::Stdio::null()).stderr(File::create(&said).unwrap());
        let mut process = command.spawn().unwrap();
        let status = self.wait(verb, &mut process, kills)?;
        let (ran, broken) = (Ran { status, said }, self.fault_plan.broken());
        match ran.code() {
            _ if !broken.is_empty() => Err(broken.join("\n")),
            // Done, refused, or something failed. All else is not an answer to bad weather.
            Some(0 | 1 | 3 | 4) => Ok(ran),
            None if ran.status.is_none() => Ok(ran),
            _ => Err(format!("`{}` ended with {:?}:\n{}", verb.word(), ran.status, ran.words())),
        }
    }

    /// Until it ends; `None` if a call of its hung, where it was to be killed.
    fn wait(&self, verb: Verb, process: &mut Child, kills: bool) -> Result<Option<ExitStatus>, String> {
        let (began, moment) = (Instant::now(), Duration::from_millis(3));
        loop {
            if kills && self.proxy.hangs_within(moment) {
                process.kill().unwrap();
                process.wait().unwrap();
                return Ok(None);
            }
            if let Some(status) = process.try_wait().unwrap() {
                return Ok(Some(status));
            }
            if began.elapsed() > STUCK {
                process.kill().unwrap();
                process.wait().unwrap();
                return Err(format!("`{}` did not end in {} s", verb.word(), STUCK.as_secs()));
            }
            if !kills {
                std::thread::sleep(moment);
            }
        }
    }

    /// Runs a command in fair weather; it must succeed.
    pub fn must(&mut self, verb: Verb) -> Result<Vec<Heard>, String> {
        let ran = self.run(verb, Plan::Fair)?;
        if ran.code() != Some(0) {
            return Err(format!("`{}` in fair weather ended with {:?}:\n{}", verb.word(), ran.code(), ran.words()));
        }
        if verb == Verb::Down && !ran.words().contains(" 0 left.") {
            return Err(format!("`down` did not say that 0 are left:\n{}", ran.words()));
        }
        Ok(self.fault_plan.calls())
    }

    /// Everything in the account, and on record of it.
    pub fn built(&mut self) -> Built {
        Built { account: self.account_reader.describe(&self.account), rows: self.rows() }
    }

    /// The account and the record are exactly as an undisturbed run leaves them. A stage that had to be moved keeps the
    /// deployment that it answered from before, for the servers that still do: that one, and no more.
    pub fn holds(&mut self, expected: &Built) -> Result<(), String> {
        let found = self.built();
        let differs = difference(&expected.account, &found.account);
        let is_the_one_before = |line: &str| line.starts_with('+') && line.contains(" deployment (another):");
        if !(differs.is_empty() || differs.lines().count() == 1 && is_the_one_before(&differs)) {
            return Err(format!("another account:\n{differs}"));
        }
        if found.rows != expected.rows {
            return Err(format!("another record:\n{}", difference(&expected.rows, &found.rows)));
        }
        Ok(())
    }

    /// Nothing is in the account, whatever its name, path or tags, but what belongs to others, which is as it was; and
    /// nothing is on record.
    pub fn is_empty(&mut self) -> Result<(), String> {
        let found = self.account_reader.describe(&self.account);
        if found != self.others {
            return Err(format!("left in the account, or taken from others:\n{}", difference(&self.others, &found)));
        }
        if self.user.state().exists() {
            return Err("the state file is still there".into());
        }
        Ok(())
    }

    /// Ends the recovery windows of secrets: the next `up` makes them anew.
    pub fn purge(&mut self) -> Vec<String> {
        self.account_reader.purge(&self.account)
    }

    /// Keeps what there is to see of a failure: what each run said, the state, the account.
    pub fn keep(&mut self, folder: &Path, why: &str) {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("why.txt"), why).unwrap();
        let account = serde_json::to_string_pretty(&self.account_reader.describe(&self.account)).unwrap();
        std::fs::write(folder.join("account.json"), account).unwrap();
        let calls = self.fault_plan.calls().into_iter().map(|heard| match heard.outcome {
            Some(outcome) => format!("{}: {outcome:?}\n", heard.address),
            None => format!("{}\n", heard.address),
        });
        std::fs::write(folder.join("calls-of-the-last-run.txt"), calls.collect::<String>()).unwrap();
        let mut said: Vec<PathBuf> =
            std::fs::read_dir(self.user.folder.path()).unwrap().flatten().map(|entry| entry.path()).collect();
        said.retain(|path| path.extension().is_some_and(|extension| extension == "stderr"));
        let state = Some(self.user.state()).filter(|state| state.exists());
        // The last few are of this case.
        said.sort_by_key(|path| std::fs::metadata(path).and_then(|about| about.modified()).ok());
        for file in said.into_iter().rev().take(10).chain(state) {
            std::fs::copy(&file, folder.join(file.file_name().unwrap())).unwrap();
        }
    }

    fn rows(&self) -> Account {
        let state: Value = std::fs::read(self.user.state())
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        let rows = state["resources"].as_object().into_iter().flatten();
        rows.map(|(id, row)| {
            let outputs: Vec<&String> = row["outputs"].as_object().into_iter().flatten().map(|(key, _)| key).collect();
            let row = serde_json::json!({
                "kind": row["kind"], "status": row["status"], "parent": row["parent"], "needs": row["needs"],
                "outputs": outputs,
            });
            (id.clone(), row)
        })
        .collect()
    }
}

//! An account of the emulator with a user and a fault plan, in which many cases run one after another.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::fault_plan::{FaultMode, FaultPlan, ObservedCall, StateAt};
use crate::support::account_reader::{Account, AccountReader, difference};
use crate::support::domains;
use crate::support::emulator::{account, without_proxy};
use crate::support::program::User;
use crate::support::proxy::{CallOutcome, Proxy};

/// How long one second lasts in these runs.
pub const TIME_SCALE: &str = "0.02";
/// A run that takes longer than this counts as stuck. An undisturbed run takes one second.
const STUCK: Duration = Duration::from_mins(2);

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

pub struct RunResult {
    /// `None` if the program was killed.
    pub status: Option<ExitStatus>,
    stderr_file: PathBuf,
}

impl RunResult {
    pub fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }

    /// The program's standard error.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr_file).unwrap_or_default()
    }
}

/// An account and its state.
#[derive(Debug, Clone)]
pub struct Built {
    pub account: Account,
    /// The rows of the state: kind, status, and the names of the recorded outputs.
    pub rows: Account,
}

pub struct TestAccount {
    pub account: String,
    pub fault_plan: Arc<FaultPlan>,
    user: User,
    blueprint: &'static str,
    /// The stack file, unless it is a blueprint's.
    file: Option<&'static str>,
    /// Whether the state is in a bucket of the account.
    in_bucket: bool,
    proxy: Proxy,
    account_reader: AccountReader,
    /// The resources of others in the account.
    others: Account,
    runs: usize,
}

impl TestAccount {
    pub fn new(
        endpoint: &str,
        python: &Path,
        (blueprint, file): (&'static str, Option<&'static str>),
        in_bucket: bool,
    ) -> Self {
        let fault_plan = Arc::new(FaultPlan::new());
        let proxy = Proxy::with_faults(endpoint, Duration::ZERO, Arc::clone(&fault_plan) as Arc<_>);
        let account_reader = AccountReader::new(python, &without_proxy(endpoint), "eu-central-1");
        let (account, user, others) = (String::new(), User::bare(), Account::new());
        let mut test_account =
            Self { account, fault_plan, user, blueprint, file, in_bucket, proxy, account_reader, others, runs: 0 };
        test_account.use_new_account();
        test_account
    }

    /// Continues in a new account, which contains only resources of others.
    pub fn use_new_account(&mut self) {
        self.account = account();
        self.account_reader.create_foreign_resources(&self.account);
        self.others = self.account_reader.describe(&self.account);
        assert!(self.others.len() > 6, "{:#?}", self.others);
        self.user = User::of(&self.account, &self.proxy.endpoint).with("SECURELAMBDA_TIME_SCALE", TIME_SCALE);
        if self.in_bucket {
            let bucket = format!("states-{}", self.account);
            self.directly().run(&["state", "bucket", &bucket, "--yes"]).ends(0);
            self.user =
                std::mem::replace(&mut self.user, User::bare()).with("SECURELAMBDA_STATE", &place(&self.account));
        }
        self.fault_plan.store_at(self.state_at());
        if let Some(file) = self.file {
            // Without the proxy, which counts the calls of the program.
            let direct = self.directly();
            self.user.write("securelambda.toml", &domains::filled_in(&direct, file));
            self.user.write("f/index.mjs", "export const handler = async () => ({});\n");
        }
        self.runs = 0;
    }

    fn state_at(&self) -> StateAt {
        if self.in_bucket {
            StateAt::Bucket(Value::Null)
        } else {
            StateAt::Folder(self.user.folder.path().join("state"))
        }
    }

    /// The same user, whose calls do not go through the proxy.
    fn directly(&self) -> User {
        User::of(&self.account, &without_proxy(&self.proxy.endpoint))
    }

    /// Goes on as another machine does after a run that may have left its lock. Without a bucket, the machine is the same,
    /// because nobody else has the state.
    pub fn go_on(&mut self) {
        if !self.in_bucket {
            return;
        }
        let place = place(&self.account);
        let direct = self.directly().with("SECURELAMBDA_STATE", &place);
        direct.run(&["state", "unlock", "--yes", "--blueprint", self.blueprint]).ends(0);
        let other = self.user.on_another_machine(&self.proxy.endpoint);
        self.user = other.with("SECURELAMBDA_TIME_SCALE", TIME_SCALE).with("SECURELAMBDA_STATE", &place);
    }

    /// Runs a command with these faults. If the mode makes a call hang, the program is killed at that call.
    pub fn run(&mut self, verb: Verb, mode: FaultMode) -> Result<RunResult, String> {
        let kills = matches!(mode, FaultMode::Cut(_, CallOutcome::HungBefore | CallOutcome::HungAfter));
        self.fault_plan.begin(mode);
        self.proxy.take();
        self.runs += 1;
        let stderr_file = self.user.folder.path().join(format!("{}-{}.stderr", self.runs, verb.word()));
        let mut arguments = vec![verb.word(), "--yes"];
        match self.file {
            None => arguments.extend(["--blueprint", self.blueprint]),
            // `down` must remove the table too, so that nothing is left.
            Some(file) if verb == Verb::Down && file.contains("[tables.notes]") => {
                arguments.extend(["--remove-table", "notes"]);
            }
            Some(_) => {}
        }
        let mut command = self.user.command(&arguments);
        command.stdout(std::process::Stdio::null()).stderr(File::create(&stderr_file).unwrap());
        let mut process = command.spawn().unwrap();
        let status = self.wait(verb, &mut process, kills)?;
        let (ran, violations) = (RunResult { status, stderr_file }, self.fault_plan.violations());
        match ran.code() {
            _ if !violations.is_empty() => Err(violations.join("\n")),
            // Success, or an error that injected faults can cause. No other exit code is acceptable.
            Some(0 | 1 | 3 | 4) => Ok(ran),
            None if ran.status.is_none() => Ok(ran),
            _ => Err(format!("`{}` ended with {:?}:\n{}", verb.word(), ran.status, ran.stderr())),
        }
    }

    /// Waits for the end of the process. `None` if it was killed at a hanging call.
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

    /// Runs a command without faults, which must succeed.
    pub fn run_undisturbed(&mut self, verb: Verb) -> Result<Vec<ObservedCall>, String> {
        let ran = self.run(verb, FaultMode::None)?;
        if ran.code() != Some(0) {
            return Err(format!("`{}` without faults ended with {:?}:\n{}", verb.word(), ran.code(), ran.stderr()));
        }
        if verb == Verb::Down && !ran.stderr().contains(" 0 left.") {
            return Err(format!("`down` did not say that 0 are left:\n{}", ran.stderr()));
        }
        Ok(self.fault_plan.calls())
    }

    pub fn built(&mut self) -> Built {
        Built { account: self.account_reader.describe(&self.account), rows: self.rows() }
    }

    /// Checks that the account and the state are exactly as an undisturbed run leaves them. One difference is allowed: a
    /// stage that was moved keeps its previous deployment, because some servers may still use it.
    pub fn check_built(&mut self, expected: &Built) -> Result<(), String> {
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

    /// Checks that the account contains exactly the resources of others, unchanged, and that the state records nothing.
    pub fn check_empty(&mut self) -> Result<(), String> {
        let found = self.account_reader.describe(&self.account);
        if found != self.others {
            return Err(format!("left in the account, or taken from others:\n{}", difference(&self.others, &found)));
        }
        if self.fault_plan.state()["resources"].as_object().is_some_and(|resources| !resources.is_empty()) {
            return Err("the state still records resources".into());
        }
        Ok(())
    }

    /// Deletes secrets that are in their recovery windows: the next `up` creates new ones.
    pub fn purge(&mut self) -> Vec<String> {
        self.account_reader.purge(&self.account)
    }

    /// Saves the evidence of a failure: the output of the latest runs, the calls, the state file and the account.
    pub fn save_evidence(&mut self, folder: &Path, why: &str) {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("why.txt"), why).unwrap();
        let account = serde_json::to_string_pretty(&self.account_reader.describe(&self.account)).unwrap();
        std::fs::write(folder.join("account.json"), account).unwrap();
        let calls = self.fault_plan.calls().into_iter().map(|call| match call.outcome {
            Some(outcome) => format!("{}: {outcome:?}\n", call.address),
            None => format!("{}\n", call.address),
        });
        std::fs::write(folder.join("calls-of-the-last-run.txt"), calls.collect::<String>()).unwrap();
        let mut outputs: Vec<PathBuf> =
            std::fs::read_dir(self.user.folder.path()).unwrap().flatten().map(|entry| entry.path()).collect();
        outputs.retain(|path| path.extension().is_some_and(|extension| extension == "stderr"));
        std::fs::write(folder.join("state.json"), self.fault_plan.state().to_string()).unwrap();
        // The latest outputs belong to this case.
        outputs.sort_by_key(|path| std::fs::metadata(path).and_then(|about| about.modified()).ok());
        for file in outputs.into_iter().rev().take(10) {
            std::fs::copy(&file, folder.join(file.file_name().unwrap())).unwrap();
        }
    }

    fn rows(&self) -> Account {
        let state = self.fault_plan.state();
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

/// Where the state of a user with a bucket is.
fn place(account: &str) -> String {
    format!("s3://states-{account}/team")
}

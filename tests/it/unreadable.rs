//! Refuses every read of `down` and `sweep` in turn. Everything that does not depend on the read must be removed, every
//! remaining resource must be named, and a run without the fault must remove the rest.
//!
//! `cargo test` runs a sample. All reads: `cargo test --test it unreadable:: -- --ignored --nocapture`

#![allow(clippy::print_stderr, reason = "the report")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::body::Bytes;

use crate::services::service;
use crate::support::account_reader::{Account, AccountReader, difference};
use crate::support::emulator::{account, endpoint, python, without_proxy};
use crate::support::program::{CommandOutput, User};
use crate::support::proxy::{AwsRequest, CallOutcome, Fault, FaultInjector, Proxy};

/// How long a second lasts.
const TIME_SCALE: &str = "0.02";

const BLUEPRINTS: [&str; 3] = ["tutorial", "http-jwt", "api-to-api"];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Verb {
    Down,
    /// On another machine, without the state.
    Sweep,
}

/// The ways in which a read is refused.
#[derive(Debug, Clone, Copy)]
enum ReadFault {
    Denied,
    ServerError,
    Garbled,
}

impl ReadFault {
    fn outcome(self, asked: &AwsRequest) -> CallOutcome {
        let service = service(&asked.service);
        match self {
            Self::Denied => {
                let (status, code) = service.refusals.denied;
                let message = format!(
                    "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: {}:{}",
                    service.name, asked.operation
                );
                CallOutcome::Refused(Fault::new(status, code, &message))
            }
            Self::ServerError => CallOutcome::Refused(service.server_error()),
            Self::Garbled => CallOutcome::Answered(200, Bytes::from("<!doctype html><title>404 Not Found</title>")),
        }
    }
}

/// Refuses the current operation, if there is one.
#[derive(Default)]
struct Refusing(Mutex<Option<(String, ReadFault)>>);

impl FaultInjector for Refusing {
    fn before(&self, asked: &AwsRequest) -> CallOutcome {
        match &*self.0.lock().unwrap() {
            Some((operation, fault)) if asked.is_control_plane() && asked.name() == *operation => fault.outcome(asked),
            _ => CallOutcome::Passed,
        }
    }
}

/// The resources that may remain while an operation is refused, as beginnings of the account reader's names.
fn may_remain(verb: Verb, operation: &str) -> Vec<&'static str> {
    let (asked, operation) = operation.split_once(' ').unwrap();
    let outlives = service(asked).kinds.iter().filter_map(|kind| kind.outlives.known());
    let concerned = outlives.filter(|reads| {
        let reads = if verb == Verb::Down { reads.with_state } else { reads.without_state };
        reads.contains(&operation)
    });
    concerned.map(|reads| reads.called).collect()
}

struct TestBed {
    blueprint: &'static str,
    account: String,
    proxy: Proxy,
    refusing: Arc<Refusing>,
    user: User,
    account_reader: AccountReader,
    others: Account,
}

impl TestBed {
    fn new(blueprint: &'static str) -> Self {
        let refusing = Arc::new(Refusing::default());
        let proxy = Proxy::with_faults(&endpoint(), Duration::ZERO, Arc::clone(&refusing) as Arc<_>);
        let account = account();
        let mut account_reader = AccountReader::new(&python(), &without_proxy(&endpoint()), "eu-central-1");
        account_reader.create_foreign_resources(&account);
        let others = account_reader.describe(&account);
        let user = User::of(&account, &proxy.endpoint).with("SECURELAMBDA_TIME_SCALE", TIME_SCALE);
        Self { blueprint, account, proxy, refusing, user, account_reader, others }
    }

    /// The stack's name: the blueprint's own.
    fn stack(&self) -> &'static str {
        if self.blueprint == "tutorial" { "securelambda" } else { self.blueprint }
    }

    fn up(&self) {
        self.user.run(&["up", "--yes", "--blueprint", self.blueprint]).ends(0);
    }

    fn remove(&self, verb: Verb) -> CommandOutput {
        match verb {
            Verb::Down => self.user.run(&["down", "--yes", "--blueprint", self.blueprint]),
            Verb::Sweep => {
                let beyond =
                    self.user.on_another_machine(&self.proxy.endpoint).with("SECURELAMBDA_TIME_SCALE", TIME_SCALE);
                beyond.run(&["sweep", "--yes", "--adopt", "--stack", self.stack()])
            }
        }
    }

    /// Builds the stack. For `sweep`, an old state is removed first.
    fn begin(&self, verb: Verb) {
        if verb == Verb::Sweep {
            let _ = std::fs::remove_dir_all(self.user.folder.path().join("state"));
        }
        self.up();
        self.proxy.take();
    }

    /// The reads of an undisturbed run. Calls to STS are left out, because without them nothing starts.
    fn reads(&mut self, verb: Verb) -> BTreeSet<String> {
        self.begin(verb);
        let ran = self.remove(verb).ends(0);
        assert!(ran.stderr.contains(" 0 left."), "{}", ran.stderr);
        self.is_as_before(&format!("undisturbed {verb:?}")).unwrap();
        let calls = self.proxy.take().into_iter().filter(|call| !call.writes && call.sent.is_control_plane());
        let reads: BTreeSet<String> = calls.map(|call| call.name).filter(|name| !name.starts_with("sts ")).collect();
        assert!(reads.len() > 10, "{reads:?}");
        reads
    }

    fn is_as_before(&mut self, when: &str) -> Result<(), String> {
        let found = self.account_reader.describe(&self.account);
        if found == self.others { Ok(()) } else { Err(format!("after {when}:\n{}", difference(&self.others, &found))) }
    }

    /// Refuses a read in one run, and continues with a run without faults. Returns everything that is wrong.
    fn case(&mut self, verb: Verb, operation: &str, fault: ReadFault) -> Vec<String> {
        self.begin(verb);
        *self.refusing.0.lock().unwrap() = Some((operation.to_owned(), fault));
        let ran = self.remove(verb);
        *self.refusing.0.lock().unwrap() = None;
        let met = self.proxy.take().iter().any(|call| call.name == operation);
        let mut wrong = Vec::new();
        if !met {
            wrong.push("it was not called".to_owned());
        }
        let found = self.account_reader.describe(&self.account);
        let remains: Vec<&String> = found.keys().filter(|name| !self.others.contains_key(*name)).collect();
        let ours = may_remain(verb, operation);
        for name in &remains {
            // A tagged resource is in the description twice: with its name and with its ARN.
            let tagged = name.starts_with("tagged ");
            if !tagged && !ours.iter().any(|beginning| name.starts_with(beginning)) {
                wrong.push(format!("{name} is still there"));
            }
            let physical = name.rsplit([' ', ':', '/']).next().unwrap_or(name);
            if !tagged && !ran.stderr.contains(physical) && !ran.stderr.contains("could not be listed") {
                wrong.push(format!("{name} is not named"));
            }
        }
        for lost in self.others.keys().filter(|name| !found.contains_key(*name)) {
            wrong.push(format!("{lost}, which is somebody else's, is gone"));
        }
        let all_gone = remains.is_empty() && ran.stderr.contains(" 0 left.");
        if ran.code != 4 && !(ran.code == 0 && all_gone) {
            wrong.push(format!("it ended with {}", ran.code));
        }
        if ran.code == 4 && !ran.stderr.contains(&format!("sweep --stack {}", self.stack())) {
            wrong.push("sweep is not mentioned".to_owned());
        }
        let call = operation.split(' ').nth(1).unwrap_or_default();
        if ran.code == 4 && !ran.stderr.contains(call) {
            wrong.push("the call that failed is not named".to_owned());
        }
        let rest = self.remove(verb);
        // If nothing remains, `sweep` reports that there is no such stack.
        if rest.code != 0 && !(verb == Verb::Sweep && rest.code == 6 && remains.is_empty()) {
            wrong.push(format!(
                "the run that removes the remaining resources ended with {}:\n{}",
                rest.code, rest.stderr
            ));
        }
        if let Err(why) = self.is_as_before("the rest") {
            wrong.push(why);
            // Clean up for the next cases.
            self.account_reader.purge(&self.account);
        }
        if !wrong.is_empty() {
            wrong.push(format!("stderr of the first run:\n{}", ran.stderr));
        }
        wrong
    }
}

/// Tests every `stride`th read, with all faults or with one fault that changes from read to read.
fn go_through(blueprint: &'static str, verb: Verb, stride: usize, all: bool) -> Vec<String> {
    let mut bed = TestBed::new(blueprint);
    let reads = bed.reads(verb);
    eprintln!("{blueprint} {verb:?}: {} reads: {reads:?}", reads.len());
    let kinds = [ReadFault::Denied, ReadFault::ServerError, ReadFault::Garbled];
    let mut failures = Vec::new();
    // This read is part of every sample, because the program uses another call if it is refused.
    let always = |operation: &str| operation == "lambda GetFunction";
    let wanted = reads.iter().enumerate().filter(|(index, name)| index % stride == stride / 2 || always(name));
    for (index, operation) in wanted {
        let kinds = if all { &kinds[..2 + usize::from(index % 3 == 0)] } else { &kinds[index % 3..=index % 3] };
        for fault in kinds {
            let wrong = bed.case(verb, operation, *fault);
            if !wrong.is_empty() {
                let wrong =
                    format!("FAILED {blueprint} {verb:?} without {operation} ({fault:?}):\n{}", wrong.join("\n"));
                eprintln!("{wrong}");
                failures.push(wrong);
            }
        }
    }
    failures
}

#[test]
fn a_sample_of_refused_reads_leaves_only_what_depends_on_them() {
    let failures: Vec<String> = [
        go_through("tutorial", Verb::Down, 7, false),
        go_through("http-jwt", Verb::Sweep, 6, false),
        go_through("api-to-api", Verb::Down, 12, false),
    ]
    .concat();
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
#[ignore = "takes ten minutes"]
fn every_refused_read_leaves_only_what_depends_on_it() {
    let test_accounts = BLUEPRINTS.iter().flat_map(|blueprint| [(*blueprint, Verb::Down), (*blueprint, Verb::Sweep)]);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let test_accounts: Vec<_> =
            test_accounts.map(|(blueprint, verb)| scope.spawn(move || go_through(blueprint, verb, 1, true))).collect();
        test_accounts.into_iter().flat_map(|test_account| test_account.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n\n"));
}

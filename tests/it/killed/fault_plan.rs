//! The faults of one run: none, one cut call, or random faults from a seed. In addition, lists omit new resources for a
//! moment, and the state is checked before every create and delete: the intent must be stored, and so must the ids of
//! everything that the new resource depends on.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use serde_json::Value;

use super::address::{Address, about};
use super::faults;
use crate::services::{Kind, Lag, service};
use crate::support::proxy::{AwsRequest, CallOutcome, FaultInjector};

/// How long lists omit a new resource whose name is not unique, counted from the first list that should show it. At the
/// time scale of these runs it stands for 1.5 s: longer than one of the program's three reads, shorter than all three.
const LAG: Duration = Duration::from_millis(30);

/// Every list shows resources that are older than this.
const NEW_FOR: Duration = Duration::from_secs(2);

/// Where the program stores its state.
#[derive(Debug, Clone)]
pub enum StateAt {
    Folder(PathBuf),
    /// In a bucket. The state that the program stored there last.
    Bucket(Value),
}

impl StateAt {
    /// Whether this call, if S3 performs it, stores or deletes the state.
    fn see(&mut self, asked: &AwsRequest) {
        let Self::Bucket(state) = self else { return };
        if asked.service != "s3" || !asked.path.contains(".json") {
            return;
        }
        match asked.operation.as_str() {
            "PutObject" => *state = serde_json::from_slice(&asked.body).unwrap(),
            "DeleteObject" => *state = Value::Null,
            _ => {}
        }
    }

    /// The stored state; `Null` if there is none.
    fn read(&self) -> Value {
        let folder: &Path = match self {
            Self::Folder(folder) => folder,
            Self::Bucket(state) => return state.clone(),
        };
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let file = files.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "json"));
        let text = file.and_then(|file| std::fs::read(file).ok()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

/// The faults of a run.
#[derive(Debug, Clone)]
pub enum FaultMode {
    None,
    /// The call at this address has this outcome.
    Cut(Address, CallOutcome),
    /// Any call may fail. Whether it does depends only on this seed and the call's address.
    Random(u64),
}

#[derive(Debug, Clone)]
pub struct ObservedCall {
    pub address: Address,
    /// Whether the call repeats a read that was answered with "not ready yet".
    pub poll: bool,
    /// The injected fault, if there was one.
    pub outcome: Option<CallOutcome>,
}

/// The fault injector of one proxy.
pub struct FaultPlan(Mutex<Inner>);

struct Inner {
    mode: FaultMode,
    state_at: StateAt,
    calls: Vec<ObservedCall>,
    counts: HashMap<(String, String), usize>,
    /// Reads that were answered with "not ready yet".
    pending: Vec<(String, String)>,
    hit: bool,
    /// By id: when the resource was created, and when a list first should have shown it.
    new_items: HashMap<String, (Instant, Option<Instant>)>,
    /// The kind of resource, by the id that AWS gave it.
    known_ids: HashMap<String, &'static str>,
    violations: Vec<String>,
}

impl FaultPlan {
    pub fn new() -> Self {
        Self(Mutex::new(Inner {
            mode: FaultMode::None,
            state_at: StateAt::Folder(PathBuf::new()),
            calls: Vec::new(),
            counts: HashMap::new(),
            pending: Vec::new(),
            hit: false,
            new_items: HashMap::new(),
            known_ids: HashMap::new(),
            violations: Vec::new(),
        }))
    }

    /// The program stores its state here from now on.
    pub fn store_at(&self, state_at: StateAt) {
        self.inner().state_at = state_at;
    }

    /// The state that the program has stored.
    pub fn state(&self) -> Value {
        self.inner().state_at.read()
    }

    /// Starts a run of the program.
    pub fn begin(&self, mode: FaultMode) {
        let mut inner = self.inner();
        (inner.mode, inner.hit) = (mode, false);
        inner.calls.clear();
        inner.counts.clear();
        inner.pending.clear();
    }

    /// Whether the call that was to be cut was made.
    pub fn hit(&self) -> bool {
        self.inner().hit
    }

    /// The calls since the run began.
    pub fn calls(&self) -> Vec<ObservedCall> {
        self.inner().calls.clone()
    }

    /// The engine's promises that were broken since the last call of this function.
    pub fn violations(&self) -> Vec<String> {
        std::mem::take(&mut self.inner().violations)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
}

impl FaultInjector for FaultPlan {
    fn before(&self, asked: &AwsRequest) -> CallOutcome {
        if !asked.is_control_plane() {
            return CallOutcome::Passed;
        }
        let mut inner = self.inner();
        let key = (asked.name(), about(asked));
        let nth = inner.counts.entry(key.clone()).or_default();
        *nth += 1;
        let address = Address { nth: *nth, name: key.0.clone(), about: key.1.clone() };
        inner.check_state_file(asked, &address);
        let outcome = match &inner.mode {
            FaultMode::Cut(at, outcome) if *at == address && !inner.hit => outcome.clone(),
            FaultMode::Random(seed) => {
                let mut hash = DefaultHasher::new();
                (seed, &address).hash(&mut hash);
                faults::outcome(asked, hash.finish())
            }
            FaultMode::None | FaultMode::Cut(..) => CallOutcome::Passed,
        };
        inner.hit |= outcome != CallOutcome::Passed;
        if matches!(outcome, CallOutcome::Passed | CallOutcome::HungAfter | CallOutcome::AnswerLost) {
            inner.state_at.see(asked);
        }
        let poll = inner.pending.contains(&key);
        inner.calls.push(ObservedCall {
            address,
            poll,
            outcome: Some(outcome.clone()).filter(|outcome| *outcome != CallOutcome::Passed),
        });
        outcome
    }

    fn after(&self, asked: &AwsRequest, status: u16, body: Bytes) -> (u16, Bytes) {
        // Requests to routes belong to no service.
        if status >= 300 || !asked.is_control_plane() {
            return (status, body);
        }
        let Ok(answer) = serde_json::from_slice::<Value>(&body) else { return (status, body) };
        let mut inner = self.inner();
        if answer["Configuration"]["State"] == "Pending" {
            inner.pending.push((asked.name(), about(asked)));
        }
        if let Some(kind) = service(&asked.service).created_by(asked)
            && let Some(id) = kind.id.known().and_then(|at| answer.pointer(at)).and_then(Value::as_str)
        {
            inner.known_ids.insert(id.to_owned(), kind.name);
            inner.new_items.insert(id.to_owned(), (Instant::now(), None));
        }
        let mut lags = service(&asked.service).kinds.iter().filter_map(|kind| kind.lag.known());
        match lags.find(|lag| lag.operation == asked.operation) {
            Some(lag) => (status, inner.without_new_items(answer, lag).unwrap_or(body)),
            None => (status, body),
        }
    }
}

/// The kind that this call deletes.
fn deleted_by(asked: &AwsRequest) -> Option<&'static Kind> {
    // A version of a function has no record: it is deleted when the function's alias points to another version.
    if asked.operation == "DeleteFunction" && asked.path.contains("Qualifier=") {
        return None;
    }
    let mut kinds = service(&asked.service).kinds.iter();
    kinds.find(|kind| kind.delete.known().is_some_and(|delete| *delete == asked.operation))
}

impl Inner {
    /// Checks the state when a call arrives. Before a create, it must contain the intent and the ids of all
    /// dependencies. Before a delete, it must say that the resource is being deleted.
    fn check_state_file(&mut self, asked: &AwsRequest, address: &Address) {
        if let Some(kind) = deleted_by(asked) {
            let state = self.state_at.read();
            let mut rows = state["resources"].as_object().into_iter().flatten().map(|(_, row)| row);
            if !rows.any(|row| row["kind"] == kind.name && row["status"] == "deleting") {
                self.violations
                    .push(format!("{address} was sent although no record of its kind has the status `deleting`"));
            }
            return;
        }
        let Some(kind) = service(&asked.service).created_by(asked).map(|kind| kind.name) else { return };
        let state = self.state_at.read();
        let rows = state["resources"].as_object().into_iter().flatten().map(|(_, row)| row);
        let rows: Vec<&Value> = rows.filter(|row| row["kind"] == kind).collect();
        let named = |row: &&&Value| {
            let key = row["key"]["name"].as_str().filter(|_| kind != "iam.role_policy");
            key.is_none_or(|name| asked.path.contains(name) || String::from_utf8_lossy(&asked.body).contains(name))
        };
        let about_it: Vec<&&Value> = rows.iter().filter(named).collect();
        if !about_it.iter().any(|row| row["status"] != "ready") {
            self.violations.push(format!("{address} was made before its intent was stored"));
        }
        let outputs: String =
            state["resources"].as_object().into_iter().flatten().map(|(_, row)| row["outputs"].to_string()).collect();
        let body = String::from_utf8_lossy(&asked.body);
        for (id, of) in &self.known_ids {
            if *of != kind
                && (asked.path.contains(id.as_str()) || body.contains(id.as_str()))
                && !outputs.contains(id.as_str())
            {
                self.violations.push(format!(
                    "{address} was sent before the state contained the id of the {of} that the request names"
                ));
            }
        }
    }

    /// The answer of a list without resources that it does not show yet. `None` if it shows all.
    fn without_new_items(&mut self, mut answer: Value, lag: &Lag) -> Option<Bytes> {
        let now = Instant::now();
        let items = answer.get_mut(lag.items)?.as_array_mut()?;
        let before = items.len();
        items.retain(|item| {
            let Some((made, missed)) = item[lag.id].as_str().and_then(|id| self.new_items.get_mut(id)) else {
                return true;
            };
            let missed = *missed.get_or_insert(now);
            now.duration_since(*made) > NEW_FOR || now.duration_since(missed) >= LAG
        });
        (items.len() < before).then(|| Bytes::from(answer.to_string()))
    }
}

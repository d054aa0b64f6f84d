//! States in a bucket: two writers on a store in memory, with every call cut, unanswered or late. Nothing that a run
//! created is forgotten, and no run that lost the lock overwrites what another one wrote.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use securelambda::state::{
    Answer, Bucket, Condition, Object, Objects, Record, State, StateBackend, StateError, StateErrorKind, StateId,
    Status, Tag, Times, Written,
};
use serde_json::json;
use tokio::time::Instant;

const TIMES: Times = Times::AWS;

/// An object, its version, and when it was written.
type Stored = (Vec<u8>, u64, Instant);

/// The store that all writers share.
#[derive(Default)]
struct Memory {
    objects: Mutex<BTreeMap<String, Stored>>,
    versions: Mutex<u64>,
}

/// What happens to one call of a writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The process is killed before the call arrives.
    KilledBefore,
    /// The process is killed after the call was carried out.
    KilledAfter,
    /// The call does not arrive, and the writer gets an error.
    NotArrived,
    /// The call is carried out, and the writer gets an error.
    Unanswered,
    /// The call is carried out, its answer is lost, and the SDK repeats it.
    Repeated,
    /// The store answers that another write is in progress.
    Conflict,
    /// The process is stopped before the call for longer than the lease, and then goes on.
    Stopped,
}

const FAULTS: [Fault; 7] = [
    Fault::KilledBefore,
    Fault::KilledAfter,
    Fault::NotArrived,
    Fault::Unanswered,
    Fault::Repeated,
    Fault::Conflict,
    Fault::Stopped,
];

/// A writer's way to the store.
struct Client {
    memory: Arc<Memory>,
    calls: AtomicUsize,
    /// The number of the call, from 0, and what happens to it.
    fault: Option<(usize, Fault)>,
    /// Whether the store heeds conditions.
    heeds: bool,
    /// What the store says about that.
    claims: bool,
}

impl Client {
    fn new(memory: &Arc<Memory>, fault: Option<(usize, Fault)>) -> Self {
        Self { memory: Arc::clone(memory), calls: AtomicUsize::new(0), fault, heeds: true, claims: true }
    }

    /// Carries out a call, with its fault.
    async fn call<T>(&self, call: impl Fn(&Memory) -> T, conflict: Option<T>) -> Result<T, StateError> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        // A round trip.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let no_answer = || StateError {
            kind: StateErrorKind::Other,
            message: "no answer".to_owned(),
            hint: "try again".to_owned(),
        };
        match self.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault) {
            None => Ok(call(&self.memory)),
            Some(Fault::KilledBefore) => std::future::pending().await,
            Some(Fault::KilledAfter) => {
                call(&self.memory);
                std::future::pending().await
            }
            Some(Fault::NotArrived) => Err(no_answer()),
            Some(Fault::Unanswered) => {
                call(&self.memory);
                Err(no_answer())
            }
            Some(Fault::Repeated) => {
                call(&self.memory);
                Ok(call(&self.memory))
            }
            Some(Fault::Conflict) => Ok(conflict.unwrap_or_else(|| call(&self.memory))),
            Some(Fault::Stopped) => {
                tokio::time::sleep(TIMES.lease * 3).await;
                Ok(call(&self.memory))
            }
        }
    }
}

impl Objects for Client {
    fn place(&self, key: &str) -> String {
        format!("memory://{key}")
    }

    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Object>> {
        let get = move |memory: &Memory| {
            let objects = memory.objects.lock().unwrap();
            objects.get(key).map(|(body, version, written)| Object {
                body: body.clone(),
                tag: Tag(version.to_string()),
                age: written.elapsed(),
            })
        };
        Box::pin(self.call(get, None))
    }

    fn put<'a>(&'a self, key: &'a str, body: Vec<u8>, when: Condition) -> Answer<'a, Written> {
        let put = move |memory: &Memory| {
            let mut objects = memory.objects.lock().unwrap();
            let there = objects.get(key).map(|(_, version, _)| version.to_string());
            let holds = match &when {
                Condition::Absent => there.is_none(),
                Condition::Unchanged(Tag(tag)) => there.as_ref() == Some(tag),
            };
            if self.heeds && !holds {
                return Written::No;
            }
            let mut versions = memory.versions.lock().unwrap();
            *versions += 1;
            objects.insert(key.to_owned(), (body.clone(), *versions, Instant::now()));
            Written::Yes(Tag(versions.to_string()))
        };
        Box::pin(self.call(put, Some(Written::Conflict)))
    }

    fn delete<'a>(&'a self, key: &'a str, version: &'a Tag) -> Answer<'a, ()> {
        let delete = move |memory: &Memory| {
            let mut objects = memory.objects.lock().unwrap();
            if objects.get(key).is_some_and(|(_, there, _)| there.to_string() == version.0) {
                objects.remove(key);
            }
        };
        Box::pin(self.call(delete, None))
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<String>> {
        let list = move |memory: &Memory| {
            let objects = memory.objects.lock().unwrap();
            objects.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
        };
        Box::pin(self.call(list, None))
    }

    fn honours_conditions(&self) -> bool {
        self.claims
    }
}

fn id() -> StateId {
    StateId { stack: "demo".into(), account: "123456789012".into(), region: "eu-central-1".into() }
}

fn bucket(client: &Arc<Client>, unsaved: &Path) -> Bucket {
    let objects: Arc<dyn Objects> = Arc::clone(client) as _;
    Bucket::new(objects, "states", unsaved.to_owned(), TIMES, Arc::new(|_| {}))
}

/// A writer without faults.
fn sound(memory: &Arc<Memory>, unsaved: &Path) -> Bucket {
    bucket(&Arc::new(Client::new(memory, None)), unsaved)
}

/// A run that creates `resources` one after the other, and saves the intent and the result of each. Like the engine, it
/// creates nothing after a save that failed. `created` gets every resource that it creates.
async fn run(bucket: &Bucket, resources: &[&str], created: &Mutex<Vec<String>>) -> Result<(), StateError> {
    let id = id();
    let (state, mut store) = bucket.lock(&id, "securelambda test").await?;
    let mut state = state.unwrap_or_else(|| State::new(&id, None));
    let work = async {
        for name in resources {
            state.resources.insert((*name).to_owned(), record(Status::Creating));
            state.serial += 1;
            store.save(&state).await?;
            created.lock().unwrap().push((*name).to_owned());
            state.resources.insert((*name).to_owned(), record(Status::Ready));
            state.serial += 1;
            store.save(&state).await?;
        }
        Ok(())
    };
    let ended = work.await;
    // As the commands do, whatever happened. A lock that cannot be released only delays the next run.
    let _ = store.release().await;
    ended
}

fn record(status: Status) -> Record {
    let outputs = (status == Status::Ready).then(|| json!({ "arn": "a" }));
    Record { kind: "sns.topic".into(), status, key: json!({ "name": "a" }), outputs, parent: None, needs: Vec::new() }
}

/// The resources that the state records.
async fn recorded(memory: &Arc<Memory>) -> Vec<String> {
    let state = sound(memory, Path::new(".")).read(&id()).await.unwrap();
    state.map(|state| state.resources.into_keys().collect()).unwrap_or_default()
}

/// The resources in the files of states that could not be saved.
fn unsaved(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten().map(|file| file.unwrap().path());
    let read = |file: PathBuf| serde_json::from_slice::<State>(&std::fs::read(file).unwrap()).unwrap();
    files.map(read).flat_map(|state| state.resources.into_keys()).collect()
}

const FIRST: [&str; 3] = ["topic.a", "topic.b", "topic.c"];
const SECOND: [&str; 2] = ["topic.d", "topic.e"];

/// How the second writer comes after the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// At the same time; it tries again until it gets the lock.
    AtOnce,
    /// After the lease.
    AfterTheLease,
    /// After somebody removed the lock.
    AfterUnlock,
}

/// One case. Returns a text for each broken promise.
async fn case(fault: Fault, at: usize, next: Next) -> Vec<String> {
    let memory = Arc::new(Memory::default());
    let folder = tempfile::tempdir().unwrap();
    let created = Arc::new(Mutex::new(Vec::new()));
    let first = {
        let client = Arc::new(Client::new(&memory, Some((at, fault))));
        let (created, unsaved) = (Arc::clone(&created), folder.path().join("first"));
        tokio::spawn(async move { run(&bucket(&client, &unsaved), &FIRST, &created).await })
    };
    let wait = match next {
        Next::AtOnce => Duration::from_millis(50),
        Next::AfterTheLease => TIMES.lease + Duration::from_secs(5),
        Next::AfterUnlock => Duration::from_secs(5),
    };
    tokio::time::sleep(wait).await;
    if [Fault::KilledBefore, Fault::KilledAfter].contains(&fault) && next != Next::AtOnce {
        first.abort();
    }
    let second = sound(&memory, &folder.path().join("second"));
    if next == Next::AfterUnlock {
        second.unlock(&id()).await.unwrap();
    }
    // The second run gets the lock, at the latest after the lease of the first one.
    let mut tries = 0;
    let ended = loop {
        if tries == 3 {
            first.abort();
        }
        match run(&second, &SECOND, &created).await {
            Err(error) if error.kind == StateErrorKind::Locked && tries < 30 => {
                tries += 1;
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
            ended => break ended,
        }
    };
    let mut broken: Vec<String> =
        ended.err().into_iter().map(|error| format!("the second run failed: {error}")).collect();
    // The stopped process goes on.
    tokio::time::sleep(TIMES.lease * 5).await;
    first.abort();
    let mut known = recorded(&memory).await;
    for name in SECOND.iter().filter(|name| !known.iter().any(|known| known == *name)) {
        broken.push(format!("{name} of the second run was overwritten"));
    }
    known.extend(unsaved(&folder.path().join("first")));
    for name in created.lock().unwrap().iter().filter(|name| !known.contains(name)) {
        broken.push(format!("{name} is forgotten"));
    }
    if let Err(error) = run(&sound(&memory, &folder.path().join("third")), &[], &created).await {
        broken.push(format!("the third run failed: {error}"));
    }
    broken
}

/// Every call of the first run, with every fault, followed by a second run in three ways.
#[tokio::test(start_paused = true)]
async fn two_writers_forget_nothing_and_overwrite_nothing() {
    let client = Arc::new(Client::new(&Arc::default(), None));
    run(&bucket(&client, Path::new(".")), &FIRST, &Mutex::default()).await.unwrap();
    let calls = client.calls.load(Ordering::Relaxed);
    let (mut cases, mut broken) = (0, Vec::new());
    for at in 0..calls {
        for fault in FAULTS {
            for next in [Next::AtOnce, Next::AfterTheLease, Next::AfterUnlock] {
                cases += 1;
                let found = case(fault, at, next).await;
                broken.extend(found.into_iter().map(|why| format!("{fault:?} at call {at}, {next:?}: {why}")));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
    // docs/state.md names these numbers.
    assert_eq!((calls, cases), (9, 189));
}

#[tokio::test(start_paused = true)]
async fn of_many_starts_at_once_one_gets_the_lock() {
    for starts in 2..8 {
        let memory = Arc::new(Memory::default());
        let start = |_| {
            let bucket = sound(&memory, Path::new("."));
            tokio::spawn(async move {
                let locked = bucket.lock(&id(), "securelambda up").await;
                tokio::time::sleep(Duration::from_secs(1)).await;
                locked.map(drop)
            })
        };
        let mut got = 0;
        for start in (0..starts).map(start).collect::<Vec<_>>() {
            match start.await.unwrap() {
                Ok(()) => got += 1,
                Err(error) => assert_eq!(error.kind, StateErrorKind::Locked, "{error}"),
            }
        }
        assert_eq!(got, 1, "of {starts} starts");
    }
}

/// A run that holds its lock renews it, however long it takes.
#[tokio::test(start_paused = true)]
async fn a_lock_that_is_renewed_is_not_taken() {
    let memory = Arc::new(Memory::default());
    let (_, mut store) = sound(&memory, Path::new(".")).lock(&id(), "securelambda up").await.unwrap();
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let error = sound(&memory, Path::new(".")).lock(&id(), "securelambda down").await.err().unwrap();
        assert_eq!(error.kind, StateErrorKind::Locked);
        assert!(error.message.contains("`securelambda up`, process"), "{error}");
    }
    store.save(&State { serial: 1, ..State::new(&id(), None) }).await.unwrap();
    store.release().await.unwrap();
    assert!(sound(&memory, Path::new(".")).lock(&id(), "securelambda down").await.is_ok());
}

/// Some stores accept the headers of conditions and ignore them.
#[tokio::test(start_paused = true)]
async fn a_store_that_ignores_conditions_is_found_out() {
    for heeds in [true, false] {
        let memory = Arc::new(Memory::default());
        let client = Arc::new(Client { heeds, claims: false, ..Client::new(&memory, None) });
        let bucket = bucket(&client, Path::new("."));
        let locked = bucket.lock(&id(), "securelambda up").await;
        assert_eq!(locked.is_ok(), heeds);
        let checked = bucket.check("demo").await;
        assert_eq!(checked.is_ok(), heeds);
        for error in locked.err().into_iter().chain(checked.err()) {
            assert!(error.message.contains("ignores conditions"), "{error}");
        }
    }
}

/// The next save after one without an answer succeeds, whether that one arrived or not.
#[tokio::test(start_paused = true)]
async fn a_save_after_an_unanswered_one_succeeds() {
    for (fault, at) in [(Fault::Unanswered, 2), (Fault::NotArrived, 2), (Fault::Unanswered, 3), (Fault::NotArrived, 3)]
    {
        let memory = Arc::new(Memory::default());
        let folder = tempfile::tempdir().unwrap();
        let client = Arc::new(Client::new(&memory, Some((at, fault))));
        let (_, mut store) = bucket(&client, folder.path()).lock(&id(), "securelambda up").await.unwrap();
        let mut state = State::new(&id(), None);
        let mut failed = 0;
        for name in FIRST {
            state.serial += 1;
            state.resources.insert(name.to_owned(), record(Status::Ready));
            failed += usize::from(store.save(&state).await.is_err());
        }
        assert_eq!(failed, 1, "{fault:?}");
        store.release().await.unwrap();
        assert_eq!(recorded(&memory).await, FIRST, "{fault:?}");
        assert_eq!(unsaved(folder.path()), Vec::<String>::new(), "the file is removed once its state is saved");
    }
}

/// The lock is released although the last renewal had no answer.
#[tokio::test(start_paused = true)]
async fn a_lock_is_released_after_an_unanswered_renewal() {
    for fault in [Fault::Unanswered, Fault::NotArrived] {
        let memory = Arc::new(Memory::default());
        // Calls 0 and 1 acquire the lock and read the state, and call 2 is the first renewal.
        let client = Arc::new(Client::new(&memory, Some((2, fault))));
        let (_, mut store) = bucket(&client, Path::new(".")).lock(&id(), "securelambda up").await.unwrap();
        tokio::time::sleep(TIMES.renewal + Duration::from_secs(1)).await;
        store.release().await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(sound(&memory, Path::new(".")).lock(&id(), "securelambda up").await.is_ok(), "{fault:?}");
    }
}

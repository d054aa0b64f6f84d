//! The backend for teams and pipelines: each state is an object in a bucket, with a lock beside it.
//!
//! Every save is conditional: it succeeds only if the state is still the version that this run read or wrote last. So a
//! run that was stopped while another one took its lock cannot overwrite what the other wrote, whatever its clock says.

mod lock;
pub(super) mod objects;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use self::lock::Held;
use self::objects::{Condition, Objects, Tag, Written};
use super::folder::keep_unsaved;
use super::format::{self, FormatError};
use super::holder::Holder;
use super::{Answer, State, StateBackend, StateError, StateErrorKind, StateId, StateStore};

/// Tells the user something while a lock is acquired.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// How long locks are held without a renewal.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// The time between two renewals.
    pub renewal: Duration,
    /// A lock that is older may be taken over. Several times as long as `renewal`.
    pub lease: Duration,
    /// The pause before a write that met another one is tried again.
    pub between: Duration,
}

impl Times {
    pub const AWS: Self =
        Self { renewal: Duration::from_secs(15), lease: Duration::from_mins(1), between: Duration::from_millis(200) };
}

/// States as objects in a bucket, named `<prefix>/<stack>.<account>.<region>.json`.
#[derive(Clone)]
pub struct Bucket {
    objects: Arc<dyn Objects>,
    /// Empty, or ends with a slash.
    prefix: String,
    /// The folder on this machine for states that could not be saved.
    unsaved: PathBuf,
    times: Times,
    tell: Tell,
}

impl Bucket {
    /// Makes no call. `prefix` is a path without slashes at its ends.
    pub fn new(objects: Arc<dyn Objects>, prefix: &str, unsaved: PathBuf, times: Times, tell: Tell) -> Self {
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Self { objects, prefix, unsaved, times, tell }
    }

    fn key(&self, id: &StateId) -> String {
        format!("{}{}.json", self.prefix, format::stem(id))
    }

    fn lock_key(&self, id: &StateId) -> String {
        format!("{}{}.lock", self.prefix, format::stem(id))
    }

    /// The state and its version.
    async fn get(&self, id: &StateId) -> Result<Option<(State, Tag)>, StateError> {
        let key = self.key(id);
        let Some(there) = self.objects.get(&key).await? else { return Ok(None) };
        let place = self.objects.place(&key);
        let state = format::parse(&there.body).map_err(|error| unreadable(&place, &error))?;
        format::check_place(&state, id).map_err(|is| foreign(&place, &is, id))?;
        Ok(Some((state, there.tag)))
    }

    /// Checks that the store refuses to create an object that exists. `key` exists.
    async fn probe(&self, key: &str, body: &[u8]) -> Result<(), StateError> {
        match self.objects.put(key, body.to_vec(), Condition::Absent).await? {
            Written::Yes(_) => Err(StateError {
                kind: StateErrorKind::Other,
                message: format!(
                    "{} ignores conditions, so two runs could overwrite each other's state",
                    self.objects.place("")
                ),
                hint: "use a store that supports the header If-None-Match, or a folder with --state".into(),
            }),
            Written::No | Written::Conflict => Ok(()),
        }
    }

    async fn locked(&self, id: &StateId, command: &str) -> Result<(Option<State>, Store), StateError> {
        let lock = self.lock_key(id);
        let held = lock::acquire(&self.objects, &lock, command, self.times, &self.tell).await?;
        let mut store = Store {
            objects: Arc::clone(&self.objects),
            key: self.key(id),
            lock,
            tag: None,
            unanswered: None,
            held,
            unsaved: self.unsaved.join(format!("{}.unsaved.json", format::stem(id))),
        };
        let read = async {
            let state = self.get(id).await?;
            if !self.objects.honours_conditions() {
                self.probe(&store.lock, b"{}").await?;
            }
            Ok(state)
        };
        let (state, tag) = match read.await {
            Ok(read) => read.unzip(),
            Err(error) => {
                let _ = store.held.release().await;
                return Err(error);
            }
        };
        store.tag = tag;
        let state = if store.held.taken_over { Some(store.fence(state, id).await?) } else { state };
        Ok((state, store))
    }

    /// Removes the lock, and writes the state, so that no save of the run that held the lock can succeed any more.
    async fn unlocked(&self, id: &StateId) -> Result<Option<Holder>, StateError> {
        let lock = self.lock_key(id);
        let Some((holder, tag, _)) = lock::holder(&*self.objects, &lock).await? else { return Ok(None) };
        if let Some((mut state, version)) = self.get(id).await? {
            state.serial += 1;
            let body = format::bytes(&state)?;
            if !matches!(self.objects.put(&self.key(id), body, Condition::Unchanged(version)).await?, Written::Yes(_)) {
                return Err(StateError {
                    kind: StateErrorKind::Locked,
                    message: format!(
                        "{} was written at this moment, so its run has not ended",
                        self.objects.place(&self.key(id))
                    ),
                    hint: "wait until that run ends".into(),
                });
            }
        }
        self.objects.delete(&lock, &tag).await?;
        Ok(Some(holder.unwrap_or_else(Holder::unknown)))
    }
}

impl StateBackend for Bucket {
    fn description(&self) -> String {
        self.objects.place(&self.prefix)
    }

    /// Writes an object, checks that it cannot be created a second time, and deletes it.
    fn check<'a>(&'a self, stack: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let key = format!("{}{stack}.check-{:016x}", self.prefix, rand::random::<u64>());
            let Written::Yes(tag) = self.objects.put(&key, b"{}".to_vec(), Condition::Absent).await? else {
                return Ok(());
            };
            let honoured = self.probe(&key, b"{}").await;
            self.objects.delete(&key, &tag).await?;
            honoured
        })
    }

    fn location(&self, id: &StateId) -> String {
        self.objects.place(&self.key(id))
    }

    fn read<'a>(&'a self, id: &'a StateId) -> Answer<'a, Option<State>> {
        Box::pin(async move { Ok(self.get(id).await?.map(|(state, _)| state)) })
    }

    fn lock<'a>(&'a self, id: &'a StateId, command: &'a str) -> Answer<'a, (Option<State>, Box<dyn StateStore>)> {
        Box::pin(async move {
            let (state, store) = self.locked(id, command).await?;
            Ok((state, Box::new(store) as Box<dyn StateStore>))
        })
    }

    fn list(&self) -> Answer<'_, Vec<StateId>> {
        Box::pin(async move {
            let keys = self.objects.list(&self.prefix).await?;
            let names = keys.iter().filter_map(|key| key.strip_prefix(&self.prefix));
            let mut ids: Vec<StateId> = names.filter_map(format::id_of).collect();
            ids.sort();
            Ok(ids)
        })
    }

    fn holder<'a>(&'a self, id: &'a StateId) -> Answer<'a, Option<String>> {
        Box::pin(async move {
            let held = lock::holder(&*self.objects, &self.lock_key(id)).await?;
            Ok(held.map(|(holder, _, age)| {
                let holder = holder.unwrap_or_else(Holder::unknown);
                format!("{holder}, renewed {} s ago", age.as_secs())
            }))
        })
    }

    fn unlock<'a>(&'a self, id: &'a StateId) -> Answer<'a, Option<String>> {
        Box::pin(async move { Ok(self.unlocked(id).await?.map(|holder| holder.to_string())) })
    }
}

/// A locked state in a bucket.
struct Store {
    objects: Arc<dyn Objects>,
    key: String,
    lock: String,
    /// The version that this run read or wrote last. `None`: there was none.
    tag: Option<Tag>,
    /// What this run sent without an answer. It may have arrived.
    unanswered: Option<Vec<u8>>,
    held: Held,
    /// The file on this machine for a state that could not be saved.
    unsaved: PathBuf,
}

impl Store {
    /// After the lock was taken from a run that may still be alive: writes the state, so that no save of that run can
    /// succeed any more.
    async fn fence(&mut self, state: Option<State>, id: &StateId) -> Result<State, StateError> {
        let mut state = state.unwrap_or_else(|| State::new(id, None));
        state.serial += 1;
        match self.write(&state).await {
            Ok(()) => Ok(state),
            Err(error) => {
                let _ = self.held.release().await;
                Err(error)
            }
        }
    }

    async fn write(&mut self, state: &State) -> Result<(), StateError> {
        /// How often a write that meets another one is tried.
        const TRIES: u32 = 6;
        self.held.check().await?;
        let body = format::bytes(state)?;
        for tries in 1..=TRIES {
            let when = self.tag.clone().map_or(Condition::Absent, Condition::Unchanged);
            let written = self.objects.put(&self.key, body.clone(), when).await;
            if written.is_err() {
                self.unanswered = Some(body.clone());
            }
            match written? {
                Written::Yes(tag) => {
                    (self.tag, self.unanswered) = (Some(tag), None);
                    return Ok(());
                }
                Written::Conflict => tokio::time::sleep(Duration::from_millis(100) * tries).await,
                Written::No => {
                    let Some(there) = self.objects.get(&self.key).await? else { break };
                    let is_ours = there.body == body || self.unanswered.as_ref() == Some(&there.body);
                    if !is_ours {
                        break;
                    }
                    // An earlier call arrived although its answer was lost.
                    self.tag = Some(there.tag);
                    if there.body == body {
                        self.unanswered = None;
                        return Ok(());
                    }
                }
            }
        }
        Err(overtaken(&self.objects.place(&self.key)))
    }

    async fn save_or_keep(&mut self, state: &State) -> Result<(), StateError> {
        let Err(error) = self.write(state).await else {
            // A state that could not be saved before is in this one.
            let _ = std::fs::remove_file(&self.unsaved);
            return Ok(());
        };
        let message = match keep_unsaved(&self.unsaved, state) {
            Ok(()) => format!("{}; what this run knows is in {}", error.message, self.unsaved.display()),
            Err(io) => format!("{}; {} could not be written either: {io}", error.message, self.unsaved.display()),
        };
        Err(StateError { message, ..error })
    }
}

impl StateStore for Store {
    fn save<'a>(&'a mut self, state: &'a State) -> Answer<'a, ()> {
        Box::pin(self.save_or_keep(state))
    }

    fn delete(&mut self) -> Answer<'_, ()> {
        Box::pin(async move {
            self.held.check().await?;
            if let Some(tag) = self.tag.take() {
                self.objects.delete(&self.key, &tag).await?;
            }
            Ok(())
        })
    }

    fn release(&mut self) -> Answer<'_, ()> {
        Box::pin(async move { self.held.release().await })
    }
}

fn unreadable(place: &str, error: &FormatError) -> StateError {
    let hint = match error {
        FormatError::Damaged(_) => format!(
            "restore an earlier version of the object, or move {place} away and run `up --adopt`: it finds the stack's \
             resources by name and tag"
        ),
        FormatError::Newer(_) => "use the newer securelambda that wrote it".to_owned(),
    };
    StateError { kind: StateErrorKind::Other, message: format!("the state {place} {error}"), hint }
}

fn foreign(place: &str, is: &str, wanted: &StateId) -> StateError {
    StateError {
        kind: StateErrorKind::Foreign,
        message: format!("the state {place} belongs to {is}, not to {}", format::place_of(wanted)),
        hint: "choose another --state, --stack or --region, or the other account".into(),
    }
}

fn overtaken(place: &str) -> StateError {
    StateError {
        kind: StateErrorKind::Lost,
        message: format!("another run has written {place}; this run starts nothing more and overwrites nothing"),
        hint: "run the same command again: it finds what this run created by its tags".into(),
    }
}

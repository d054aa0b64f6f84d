//! The state of a stack, which is kept between runs: the kind, the progress and the ids of every resource. It contains
//! neither secrets nor desired settings. A [`StateBackend`] stores it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::BoxFuture;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the state's format that this program writes.
pub const VERSION: u32 = 2;

/// The state of one stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The version of its format: see [`VERSION`].
    pub version: u32,
    /// The name and version of the program that wrote it last.
    pub tool: String,
    pub stack: String,
    /// Twelve digits.
    pub account: String,
    pub region: String,
    /// The endpoint through which the stack was created, if it is not AWS's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The keys of tags that the resources may carry because a stack file wanted them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// The random id that the first `up` gives the stack, also as a tag of every resource. `None`: a version before 2
    /// wrote the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<String>,
    /// While resources still have to get the lineage as a tag: the other lineages that they may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takeover: Option<BTreeSet<String>>,
    /// The time after which the stack may be removed, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
    /// A digest of the user's files, from which the last run that changed the stack was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// The contents of an emulator that the stack is a part of. Other contents do not have the stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emulator: Option<String>,
    /// Increases with every save, so the newer of two copies can be recognised.
    pub serial: u64,
    /// The records of the resources, by id within the stack.
    pub resources: BTreeMap<String, Record>,
}

/// The record of one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// See [`Resource::KIND`](crate::Resource::KIND).
    pub kind: String,
    pub status: Status,
    /// Finds the resource if its outputs are not known.
    pub key: Value,
    /// Its names, ids and ARNs. `None` until a call has returned them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Value>,
    /// The id of its parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The ids of its dependencies, so that the resource can be removed before them even without the stack file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
}

/// The progress of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A call that creates the resource was about to be made. The resource may or may not exist.
    Creating,
    /// The resource exists and was as desired.
    Ready,
    /// A call that changes the resource was about to be made.
    Updating,
    /// A call that deletes the resource was about to be made. The resource may or may not exist.
    Deleting,
}

/// Identifies a state. A stack of the same name in another account or region has a state of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateId {
    pub stack: String,
    /// Twelve digits.
    pub account: String,
    pub region: String,
}

/// Stores states, in a folder or elsewhere.
pub trait StateBackend: Send + Sync {
    /// Where all its states are stored, for messages: `the folder state`.
    fn description(&self) -> String;

    /// Checks that a state of a stack of this name could be saved now. Nothing that it writes remains.
    ///
    /// # Errors
    /// The reason why a state cannot be saved, with a hint.
    fn check<'a>(&'a self, stack: &'a str) -> Answer<'a, ()>;

    /// Where a state is stored, for messages.
    fn location(&self, id: &StateId) -> String;

    /// Reads a state without locking it, for commands that change nothing. `None`: it does not exist.
    fn read<'a>(&'a self, id: &'a StateId) -> Answer<'a, Option<State>>;

    /// Locks a state for this run and reads it. [`StateStore::release`] releases the lock. If the process is killed, a
    /// later run can acquire the lock, at once or after some time.
    ///
    /// # Errors
    /// Another run holds the lock, or a save would fail. The backend checks that here, before anything is created.
    fn lock<'a>(&'a self, id: &'a StateId, command: &'a str) -> Answer<'a, (Option<State>, Box<dyn StateStore>)>;

    /// All states that exist.
    fn list(&self) -> Answer<'_, Vec<StateId>>;

    /// Who holds the lock of a state, in words; `None` if nobody does.
    fn holder<'a>(&'a self, id: &'a StateId) -> Answer<'a, Option<String>>;

    /// Removes the lock of a run that ended without releasing it. If that run has not ended, it cannot save any more.
    /// Returns who held the lock; `None` if nobody did.
    fn unlock<'a>(&'a self, id: &'a StateId) -> Answer<'a, Option<String>>;
}

/// A locked state. The engine saves through it and does not know how states are stored.
pub trait StateStore: Send {
    /// Returns after `state` is stored so that it survives a power failure.
    ///
    /// # Errors
    /// `state` could not be stored. If [`StateError::is_saved`] is true, it was stored, but another save would fail.
    /// The run starts nothing more after either error.
    fn save<'a>(&'a mut self, state: &'a State) -> Answer<'a, ()>;

    /// Removes the state of a stack that no longer exists.
    fn delete(&mut self) -> Answer<'_, ()>;

    /// Releases the lock. Nothing is saved after that.
    fn release(&mut self) -> Answer<'_, ()>;
}

/// The future of a backend's answer.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, StateError>>;

/// A state cannot be read, locked or saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StateError {
    pub kind: StateErrorKind,
    pub message: String,
    /// The action that the user can take.
    pub hint: String,
}

/// The errors that commands treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateErrorKind {
    /// The state was saved, but another save would fail.
    LastSave,
    /// Another run holds the lock.
    Locked,
    /// Another run has taken the lock over, or has written the state.
    Lost,
    /// The state belongs to another stack, account or region.
    Foreign,
    Other,
}

impl StateError {
    /// Whether the state was saved despite the error.
    pub fn is_saved(&self) -> bool {
        self.kind == StateErrorKind::LastSave
    }
}

/// Access to the state of one stack, in any backend.
#[derive(Clone)]
pub struct StackState {
    backend: Arc<dyn StateBackend>,
    id: StateId,
    endpoint: Option<String>,
}

impl StackState {
    /// Reads and creates nothing. `endpoint`: the endpoint of all calls, if it is not AWS's own.
    pub fn new(backend: Arc<dyn StateBackend>, id: StateId, endpoint: Option<&str>) -> Self {
        Self { backend, id, endpoint: endpoint.map(str::to_owned) }
    }

    /// Where the state is stored, for messages.
    pub fn location(&self) -> String {
        self.backend.location(&self.id)
    }

    pub fn id(&self) -> &StateId {
        &self.id
    }

    /// Who holds the lock, in words; `None` if nobody does.
    pub async fn holder(&self) -> Result<Option<String>, StateError> {
        self.backend.holder(&self.id).await
    }

    /// See [`StateBackend::unlock`].
    pub async fn unlock(&self) -> Result<Option<String>, StateError> {
        self.backend.unlock(&self.id).await
    }

    /// Reads the state without locking it. `None`: the stack has no state.
    pub async fn read(&self) -> Result<Option<State>, StateError> {
        self.backend.read(&self.id).await
    }

    /// Locks the stack for this run and reads its state. If there is none, the state is empty.
    pub async fn lock(&self, command: &str) -> Result<(State, Box<dyn StateStore>), StateError> {
        let (state, store) = self.backend.lock(&self.id, command).await?;
        let blank = State::new(&self.id, self.endpoint.as_deref());
        let tool = blank.tool.clone();
        Ok((State { tool, ..state.unwrap_or(blank) }, store))
    }

    /// The other stacks of this account and region that the same backend has states of.
    pub async fn neighbours(&self) -> Result<Vec<StateId>, StateError> {
        let mut neighbours = Vec::new();
        for id in self.backend.list().await? {
            let is_here = (&id.account, &id.region) == (&self.id.account, &self.id.region);
            if !is_here || id.stack == self.id.stack {
                continue;
            }
            // The caller may not be allowed to read states of other stacks.
            if !exists(&*self.backend, &id).await.is_ok_and(|state| state.is_none()) {
                neighbours.push(id);
            }
        }
        Ok(neighbours)
    }

    /// The states of stacks with this name in other accounts or regions.
    pub async fn others(&self) -> Result<Vec<State>, StateError> {
        let mut states = states_of(&*self.backend, &self.id.stack).await?;
        states.retain(|state| (&state.account, &state.region) != (&self.id.account, &self.id.region));
        Ok(states)
    }
}

/// The states of all stacks with this name, in any account and region. A damaged state is an error.
pub async fn states_of(backend: &dyn StateBackend, stack: &str) -> Result<Vec<State>, StateError> {
    let mut states = Vec::new();
    for id in backend.list().await?.iter().filter(|id| id.stack == stack) {
        states.extend(exists(backend, id).await?);
    }
    Ok(states)
}

/// The state of a stack that exists.
async fn exists(backend: &dyn StateBackend, id: &StateId) -> Result<Option<State>, StateError> {
    Ok(backend.read(id).await?.filter(|state| !state.is_of_removed_stack()))
}

impl Record {
    /// Whether both records have the same kind and the same key.
    pub fn is_of_same_place(&self, other: &Self) -> bool {
        self.kind == other.kind && self.key == other.key
    }

    /// Whether both records are equal, except for the order of the dependencies.
    pub fn says(&self, other: &Self) -> bool {
        let needs = |record: &Self| record.needs.iter().cloned().collect::<BTreeSet<String>>();
        *self == Self { needs: self.needs.clone(), ..other.clone() } && needs(self) == needs(other)
    }
}

impl State {
    /// An empty state.
    pub fn new(id: &StateId, endpoint: Option<&str>) -> Self {
        let StateId { stack, account, region } = id.clone();
        Self {
            version: VERSION,
            tool: crate::TOOL.to_owned(),
            stack,
            account,
            region,
            endpoint: endpoint.map(str::to_owned),
            tags: BTreeSet::new(),
            lineage: None,
            takeover: None,
            applied: None,
            emulator: None,
            expires: None,
            serial: 0,
            resources: BTreeMap::new(),
        }
    }

    /// Whether the stack was removed. Its state stays while secrets or keys can be restored, for their lineage.
    pub fn is_of_removed_stack(&self) -> bool {
        self.resources.is_empty()
    }

    /// The outputs of a resource, if they are known.
    pub fn outputs(&self, id: &str) -> Option<&Value> {
        self.resources.get(id).and_then(|record| record.outputs.as_ref())
    }

    /// The outputs of a resource, if it is on record with this key. With another key, for example under another parent,
    /// the recorded ids are those of another resource.
    pub fn known(&self, id: &str, key: &Value) -> Option<&Value> {
        self.resources.get(id).filter(|record| record.key == *key).and_then(|record| record.outputs.as_ref())
    }

    /// The kind and the key of every recorded part of a resource.
    pub fn parts_of(&self, parent: &str) -> Vec<(String, Value)> {
        let parts = self.resources.values().filter(|record| record.parent.as_deref() == Some(parent));
        parts.map(|record| (record.kind.clone(), record.key.clone())).collect()
    }

    /// Whether a run recorded the intent to create a resource and no result, so that it may exist.
    pub fn unanswered(&self, id: &str) -> bool {
        self.resources.get(id).is_some_and(|record| record.status == Status::Creating)
    }

    /// Whether the resource is [`unanswered`](Self::unanswered) and its record has this key.
    pub fn unanswered_at(&self, id: &str, key: &Value) -> bool {
        self.unanswered(id) && self.resources.get(id).is_some_and(|record| record.key == *key)
    }

    /// Gives a record a new id, because its resource will be created again under another key. No desired resource has
    /// the new id, so the old resource is removed at the end of the run.
    pub fn set_aside(&mut self, id: &str) {
        let Some(record) = self.resources.remove(id) else { return };
        let named = |n: usize| if n == 1 { format!("{id} (replaced)") } else { format!("{id} (replaced {n})") };
        let aside = (1..=self.resources.len() + 1)
            .map(named)
            .find(|free| !self.resources.contains_key(free))
            .unwrap_or_default();
        // Records that refer to this id mean the old resource.
        for other in self.resources.values_mut() {
            for reference in other.parent.iter_mut().chain(&mut other.needs).filter(|reference| *reference == id) {
                reference.clone_from(&aside);
            }
        }
        self.resources.insert(aside, record);
    }

    /// Checks that every resource which is ready or being updated has outputs. If such a resource has none, the state
    /// was edited or damaged.
    pub fn check(&self) -> Result<(), String> {
        for (id, record) in &self.resources {
            if record.outputs.is_none() && matches!(record.status, Status::Ready | Status::Updating) {
                return Err(format!("{id} is {:?} but has no outputs", record.status).to_lowercase());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(parent: Option<&str>) -> Record {
        Record {
            kind: "k".into(),
            status: Status::Ready,
            key: json!("k"),
            outputs: Some(json!({})),
            parent: parent.map(str::to_owned),
            needs: parent.map(str::to_owned).into_iter().collect(),
        }
    }

    #[test]
    fn records_that_are_set_aside_keep_their_parents() {
        let id = StateId { stack: "s".into(), account: "1".into(), region: "r".into() };
        let mut state = State::new(&id, None);
        state.resources.insert("pool.p".into(), record(None));
        state.resources.insert("client.p".into(), record(Some("pool.p")));
        for _ in 0..2 {
            state.set_aside("pool.p");
            state.set_aside("client.p");
            state.resources.insert("pool.p".into(), record(None));
            state.resources.insert("client.p".into(), record(Some("pool.p")));
        }
        let parents: Vec<(&str, Option<&str>)> =
            state.resources.iter().map(|(id, record)| (id.as_str(), record.parent.as_deref())).collect();
        assert_eq!(
            parents,
            [
                ("client.p", Some("pool.p")),
                ("client.p (replaced 2)", Some("pool.p (replaced 2)")),
                ("client.p (replaced)", Some("pool.p (replaced)")),
                ("pool.p", None),
                ("pool.p (replaced 2)", None),
                ("pool.p (replaced)", None),
            ]
        );
    }

    #[test]
    fn the_parts_of_a_resource_are_those_on_record_whether_they_are_wanted_or_not() {
        let id = StateId { stack: "s".into(), account: "1".into(), region: "r".into() };
        let mut state = State::new(&id, None);
        state.resources.insert("pool.p".into(), record(None));
        for part in ["client.p", "client.old"] {
            let record = Record { kind: "client".into(), key: json!(part), outputs: None, ..record(Some("pool.p")) };
            state.resources.insert(part.into(), record);
        }
        state.resources.insert("client.q".into(), record(Some("pool.q")));
        let client = |key: &str| ("client".to_owned(), json!(key));
        assert_eq!(state.parts_of("pool.p"), [client("client.old"), client("client.p")]);
        assert_eq!(state.parts_of("client.p"), []);
    }
}

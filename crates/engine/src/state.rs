//! What is remembered between runs: for every resource its kind, its progress and its ids. Never a secret, and never the
//! desired settings. A [`StateBackend`] keeps it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the file's shape that this program writes.
pub const VERSION: u32 = 1;

/// The whole of a state file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The version of this shape.
    pub version: u32,
    /// The program that wrote it last.
    pub tool: String,
    /// The stack's name.
    pub stack: String,
    /// The account it lives in, twelve digits.
    pub account: String,
    /// The region it lives in.
    pub region: String,
    /// The endpoint it was made through, where that was not AWS's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Rises with every write, so that two files can be told apart by age.
    pub serial: u64,
    /// By id within the stack.
    pub resources: BTreeMap<String, Record>,
}

/// One resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its kind, as the engine's registry knows it.
    pub kind: String,
    /// How far it got.
    pub status: Status,
    /// Where to look for it if its outputs are not known.
    pub key: Value,
    /// Its names, ids and ARNs; absent until AWS has told them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Value>,
    /// The resource it hangs under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// What it was made from, so that it can be removed before them without the stack file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
}

/// How far a resource got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A call that creates it was about to be made. It may or may not be there.
    Creating,
    /// It is there, and was as wanted.
    Ready,
    /// A call that changes it was about to be made.
    Updating,
    /// A call that removes it was about to be made. It may or may not be there.
    Deleting,
}

/// Which stack's state: states of one name in other accounts or regions are others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateId {
    pub stack: String,
    /// Twelve digits.
    pub account: String,
    pub region: String,
}

/// Keeps states: in a folder, or elsewhere. Opened by [`open`].
pub trait StateBackend: Send + Sync {
    /// Where a state is, for people.
    fn location(&self, id: &StateId) -> String;

    /// Reads a state without locking it, for commands that change nothing. `None`: there is none.
    fn read<'a>(&'a self, id: &'a StateId) -> Answer<'a, Option<State>>;

    /// Locks a state for this run and reads it. The lock ends with the [`StateStore`], and with the process.
    ///
    /// # Errors
    /// Another run holds the lock, or saving is bound to fail: that is found out here, before anything is created.
    fn lock<'a>(&'a self, id: &'a StateId, command: &'a str) -> Answer<'a, (Option<State>, Box<dyn StateStore>)>;

    /// The states that there are.
    fn list(&self) -> Answer<'_, Vec<StateId>>;
}

/// A locked state. The engine saves through this and knows no files.
pub trait StateStore: Send {
    /// Returns once `state` would survive a power failure. An error that [is saved](StateError::is_saved) says that this
    /// one would, and that nothing more may be begun.
    fn save<'a>(&'a mut self, state: &'a State) -> Answer<'a, ()>;

    /// Removes the state: the stack is no more.
    fn delete(&mut self) -> Answer<'_, ()>;
}

/// What a backend will answer.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, StateError>>;

/// A state cannot be read, locked or saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StateError {
    pub kind: StateErrorKind,
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// What went wrong, as far as it changes what a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateErrorKind {
    /// The state was saved, but another save would fail.
    LastSave,
    /// Another run holds the lock.
    Locked,
    /// The state is of another stack, account or region.
    Foreign,
    Other,
}

impl StateError {
    /// The state is safe all the same.
    pub fn is_saved(&self) -> bool {
        self.kind == StateErrorKind::LastSave
    }
}

/// The state of one stack, wherever it is kept.
#[derive(Clone)]
pub struct StackState {
    backend: Arc<dyn StateBackend>,
    id: StateId,
    endpoint: Option<String>,
}

impl StackState {
    /// Nothing is read or made yet. `endpoint`: where AWS is, if it is not AWS itself.
    pub fn new(backend: Arc<dyn StateBackend>, id: StateId, endpoint: Option<&str>) -> Self {
        Self { backend, id, endpoint: endpoint.map(str::to_owned) }
    }

    /// Where the state is, for people.
    pub fn location(&self) -> String {
        self.backend.location(&self.id)
    }

    /// Reads without locking. `None`: there is no such stack on record.
    pub async fn read(&self) -> Result<Option<State>, StateError> {
        self.backend.read(&self.id).await
    }

    /// Locks the stack for this run and reads its state; a blank one if there is none.
    pub async fn lock(&self, command: &str) -> Result<(State, Box<dyn StateStore>), StateError> {
        let (state, store) = self.backend.lock(&self.id, command).await?;
        let blank = State::new(&self.id, self.endpoint.as_deref());
        let tool = blank.tool.clone();
        Ok((State { tool, ..state.unwrap_or(blank) }, store))
    }

    /// The states of this name in other accounts or regions.
    pub async fn others(&self) -> Result<Vec<State>, StateError> {
        let mut states = states_of(&*self.backend, &self.id.stack).await?;
        states.retain(|state| (&state.account, &state.region) != (&self.id.account, &self.id.region));
        Ok(states)
    }
}

/// Every state of a stack of this name, whatever its account and region. Damaged ones are errors.
pub async fn states_of(backend: &dyn StateBackend, stack: &str) -> Result<Vec<State>, StateError> {
    let mut states = Vec::new();
    for id in backend.list().await?.iter().filter(|id| id.stack == stack) {
        states.extend(backend.read(id).await?);
    }
    Ok(states)
}

impl Record {
    /// The same kind of resource, to be found in the same place.
    pub fn is_of_same_place(&self, other: &Self) -> bool {
        self.kind == other.kind && self.key == other.key
    }
}

impl State {
    /// The state of a stack of which nothing is known.
    pub fn new(id: &StateId, endpoint: Option<&str>) -> Self {
        let StateId { stack, account, region } = id.clone();
        Self {
            version: VERSION,
            tool: concat!("securelambda ", env!("CARGO_PKG_VERSION")).to_owned(),
            stack,
            account,
            region,
            endpoint: endpoint.map(str::to_owned),
            serial: 0,
            resources: BTreeMap::new(),
        }
    }

    /// The outputs of a resource, if AWS has told them.
    pub fn outputs(&self, id: &str) -> Option<&Value> {
        self.resources.get(id).and_then(|record| record.outputs.as_ref())
    }

    /// The outputs of a resource that was looked for in the same place: under another parent, recorded ids mean nothing.
    pub fn known(&self, id: &str, key: &Value) -> Option<&Value> {
        self.resources.get(id).filter(|record| record.key == *key).and_then(|record| record.outputs.as_ref())
    }

    /// Whether a run was about to make it and did not live to hear the answer.
    pub fn unanswered(&self, id: &str) -> bool {
        self.resources.get(id).is_some_and(|record| record.status == Status::Creating)
    }

    /// Whether a run was about to create it in this place and did not live to hear the answer.
    pub fn unanswered_at(&self, id: &str, key: &Value) -> bool {
        self.unanswered(id) && self.resources.get(id).is_some_and(|record| record.key == *key)
    }

    /// Gives a record an id of its own, because its resource is to be created again in another place. Under that id it is
    /// one that is no longer desired, and is removed as such.
    pub fn set_aside(&mut self, id: &str) {
        let Some(record) = self.resources.remove(id) else { return };
        let named = |n: usize| if n == 1 { format!("{id} (replaced)") } else { format!("{id} (replaced {n})") };
        let aside = (1..).map(named).find(|free| !self.resources.contains_key(free)).unwrap_or_default();
        // Whatever is on record belongs to the old resource, or depends on it.
        for other in self.resources.values_mut() {
            for reference in other.parent.iter_mut().chain(&mut other.needs).filter(|reference| *reference == id) {
                reference.clone_from(&aside);
            }
        }
        self.resources.insert(aside, record);
    }

    /// What the shape alone does not say: what is ready has outputs. A file that breaks this was edited or damaged.
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
    fn a_record_that_is_set_aside_keeps_what_it_belonged_to() {
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
}

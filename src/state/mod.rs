//! What we remember: for every resource its kind, how far it got, and its ids. Never a secret, never what was wanted
//! of it. Knows nothing of engines, AWS or terminals; `store` keeps it on disk.

mod reserve;
mod store;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use store::{Holder, Locked, StateError, Store};

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

/// Where the state is kept. The engine saves through this and knows no files.
pub trait StateStore: Send {
    /// Returns once `state` would survive the machine's losing power. An error that [is saved](StateError::is_saved)
    /// says that this one would, and that nothing more may be begun.
    fn save(&mut self, state: &State) -> Result<(), StateError>;
}

impl State {
    /// The state of a stack of which nothing is known.
    pub fn new(stack: &str, account: &str, region: &str, endpoint: Option<&str>) -> Self {
        Self {
            version: VERSION,
            tool: concat!("securelambda ", env!("CARGO_PKG_VERSION")).to_owned(),
            stack: stack.to_owned(),
            account: account.to_owned(),
            region: region.to_owned(),
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

    /// What the shape alone does not say: what is ready has outputs. A file that breaks this was edited or damaged.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (id, record) in &self.resources {
            if record.outputs.is_none() && matches!(record.status, Status::Ready | Status::Updating) {
                return Err(format!("{id} is {:?} but has no outputs", record.status).to_lowercase());
            }
        }
        Ok(())
    }
}

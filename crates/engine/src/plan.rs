//! The plan: what a run would do to each resource, from what was read and what is on record.

use std::collections::{BTreeSet, HashSet};

use serde::Serialize;
use serde_json::Value;

use super::Id;
use super::comparison::Drift;
use super::dyn_provider::Desired;
use super::failure::Failure;
use super::graph::Graph;
use super::refresh::{ReadResult, Refresh, Refreshed};
use crate::state::{Record, State, Status};

/// What `up` would do.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// One entry for each resource.
    pub changes: Vec<(Id, &'static str, Change)>,
    /// Resources that are on record and no longer desired.
    pub removals: Vec<Id>,
    /// Resources that protect the stack, existed before, and are missing now. `up` creates them again.
    pub lost_guards: Vec<Id>,
    /// The resources with a refused change that AWS cannot make in place. While there are any, `up` changes nothing.
    pub unchangeable: Vec<Id>,
}

/// What `up` would do to one resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Change {
    /// Nothing: it is as desired and on record.
    Keep,
    /// It exists already: only put it on record.
    Adopt,
    /// Create it.
    Create,
    /// Change these settings.
    Update { drift: Vec<Drift> },
    /// Create it in another place than before, and remove the one on record once nothing uses it any more.
    Replace {
        /// The parts of the key that differ.
        moved: Vec<Drift>,
    },
    /// A resource that it depends on does not exist yet, so the change is not known before that one is created.
    #[serde(rename = "depends")]
    KnownAfterApply,
    /// Nothing: it could not be read, it belongs to somebody else, or AWS cannot change it in place.
    Refuse { failure: Failure },
}

impl Plan {
    pub fn new(graph: &Graph, refresh: &Refresh, state: &State) -> Self {
        let (mut lost_guards, mut unchangeable) = (Vec::new(), Vec::new());
        let mut changes = Vec::new();
        for (index, (node, read)) in graph.nodes.iter().zip(&refresh.nodes).enumerate() {
            let on_record = state.resources.get(node.id.as_str());
            let was_there = on_record.is_some_and(|record| matches!(record.status, Status::Ready | Status::Updating));
            if read.result == ReadResult::Absent && node.guards && was_there {
                lost_guards.push(node.id.clone());
            }
            let change = change(graph, index, read, on_record);
            if let (Change::Refuse { .. }, ReadResult::Live { .. }) = (&change, &read.result) {
                unchangeable.push(node.id.clone());
            }
            changes.push((node.id.clone(), node.kind, change));
        }
        Self { changes, removals: unwanted(graph, state), lost_guards, unchangeable }
    }

    /// Whether `up` would write nothing, neither to AWS nor to the state.
    pub fn is_empty(&self) -> bool {
        self.removals.is_empty() && self.changes.iter().all(|(_, _, change)| *change == Change::Keep)
    }
}

fn change(graph: &Graph, index: usize, read: &Refreshed, on_record: Option<&Record>) -> Change {
    let settled = |desired: &Desired, outputs: &Value| {
        on_record == Some(&record(graph, index, desired, Status::Ready, Some(outputs.clone())))
    };
    let moved = moved(graph.nodes[index].kind, read, on_record);
    match &read.result {
        ReadResult::Blocked if on_record.is_some_and(|record| record.outputs.is_some()) => Change::KnownAfterApply,
        ReadResult::Absent if !moved.is_empty() => Change::Replace { moved },
        ReadResult::Absent | ReadResult::Blocked => Change::Create,
        ReadResult::Failed(failure) => Change::Refuse { failure: failure.clone() },
        ReadResult::Live { comparison, .. } if !comparison.is_as_wanted() => {
            let drift = comparison.drift();
            match read.desired.as_ref().and_then(|desired| desired.requires_replacement(&drift)) {
                Some(failure) => Change::Refuse { failure },
                None => Change::Update { drift },
            }
        }
        ReadResult::Live { outputs, .. } if read.desired.as_ref().is_some_and(|desired| settled(desired, outputs)) => {
            Change::Keep
        }
        ReadResult::Live { .. } if !moved.is_empty() => Change::Replace { moved },
        ReadResult::Live { .. } => Change::Adopt,
    }
}

/// The parts of a resource's key that differ from the record. Empty if the resource stays in its place.
fn moved(kind: &'static str, read: &Refreshed, on_record: Option<&Record>) -> Vec<Drift> {
    let (Some(record), Some(desired)) = (on_record, &read.desired) else { return Vec::new() };
    if record.kind != kind {
        return vec![Drift::new("kind", kind, &record.kind)];
    }
    if read.is_recorded {
        return Vec::new();
    }
    let fields = |key: &Value| key.as_object().cloned().unwrap_or_default();
    let (before, after) = (fields(&record.key), fields(&desired.key));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "none".to_owned(),
    };
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| Drift::new(name.clone(), text(after.get(name)), text(before.get(name))))
        .collect()
}

/// The ids that are on record and not in the graph, without those that are [kept](Graph::keep) or
/// [spared](Graph::spare).
pub(super) fn unwanted(graph: &Graph, state: &State) -> Vec<Id> {
    let unknown = unknown(graph, state).into_iter();
    unknown.filter(|id| state.resources.get(id.as_str()).is_none_or(|row| !graph.spares(&row.kind, id))).collect()
}

/// The ids that are on record and not in the graph, without those that are [kept](Graph::keep).
pub(super) fn unknown(graph: &Graph, state: &State) -> Vec<Id> {
    let wanted: HashSet<&str> = graph.nodes.iter().map(|node| node.id.as_str()).collect();
    let goes = |row: &Record| !graph.kept.contains(row.kind.as_str());
    let rows = state.resources.iter().filter(|(id, row)| !wanted.contains(id.as_str()) && goes(row));
    rows.map(|(id, _)| Id::from(id.as_str())).collect()
}

/// The record of a node.
pub(super) fn record(graph: &Graph, index: usize, desired: &Desired, status: Status, outputs: Option<Value>) -> Record {
    let node = &graph.nodes[index];
    Record {
        kind: node.kind.to_owned(),
        status,
        key: desired.key.clone(),
        outputs,
        parent: node.parent.map(|parent| graph.nodes[parent].id.to_string()),
        needs: node.needs.iter().map(|&need| graph.nodes[need].id.to_string()).collect(),
    }
}

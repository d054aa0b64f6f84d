//! The plan: the changes that a run would make to each resource. It is made from the live resources and the state.

use std::collections::{BTreeSet, HashSet};

use serde::Serialize;
use serde_json::Value;

use super::Id;
use super::comparison::Drift;
use super::dyn_provider::Desired;
use super::failure::Failure;
use super::graph::Graph;
use super::refresh::{ReadResult, Refresh, Refreshed, make};
use crate::state::{Record, State, Status};

/// The changes that `up` would make.
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
    /// The resources that are as desired and on record, but with other dependencies or outputs. `up` writes their records.
    pub outdated: Vec<Id>,
}

/// The change that `up` would make to one resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Change {
    /// No change: the resource is as desired and on record. See [`Plan::outdated`].
    Keep,
    /// The resource exists already: only record it in the state.
    Adopt,
    /// Create the resource.
    Create,
    /// Change these settings.
    Update { drift: Vec<Drift> },
    /// Create the resource under another key, and remove the recorded one once nothing uses it any more.
    Replace {
        /// The parts of the key that differ.
        moved: Vec<Drift>,
    },
    /// A dependency does not exist yet, so the change is not known before that dependency is created.
    #[serde(rename = "depends")]
    KnownAfterApply {
        /// The differences that are known already.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        drift: Vec<Drift>,
    },
    /// No change: the resource could not be read, it does not belong to the stack, or AWS cannot change it in place.
    Refuse { failure: Failure },
}

impl Plan {
    pub fn new(graph: &Graph, refresh: &Refresh, state: &State) -> Self {
        let (mut unchangeable, mut outdated) = (Vec::new(), Vec::new());
        let mut changes = Vec::new();
        for (index, (node, read)) in graph.nodes.iter().zip(&refresh.nodes).enumerate() {
            let change = change(graph, index, read, refresh, state);
            let change = after_renewal(graph, index, refresh).unwrap_or(change);
            if let (Change::Refuse { .. }, ReadResult::Live { .. }) = (&change, &read.result) {
                unchangeable.push(node.id.clone());
            }
            if change == Change::Keep && !is_recorded_as_it_is(graph, index, read, state) {
                outdated.push(node.id.clone());
            }
            changes.push((node.id.clone(), node.kind, change));
        }
        let (removals, lost_guards) = (unwanted(graph, state), lost_guards(graph, refresh, state));
        Self { changes, removals, lost_guards, unchangeable, outdated }
    }

    /// Whether `up` would write nothing, neither to AWS nor to the state.
    pub fn is_empty(&self) -> bool {
        let keeps = |(_, _, change): &(Id, &'static str, Change)| *change == Change::Keep;
        self.removals.is_empty() && self.outdated.is_empty() && self.changes.iter().all(keeps)
    }
}

/// The resources that protect the stack, existed before, and are missing now. A resource that will be created under
/// another key is not missing.
fn lost_guards(graph: &Graph, refresh: &Refresh, state: &State) -> Vec<Id> {
    let lost = |index: &usize| {
        let node = &graph.nodes[*index];
        let on_record = state.resources.get(node.id.as_str());
        let was_there = on_record.is_some_and(|record| matches!(record.status, Status::Ready | Status::Updating));
        let absent = refresh.nodes[*index].result == ReadResult::Absent;
        absent && node.guards && was_there && moved(graph, *index, refresh, state).is_empty()
    };
    (0..graph.nodes.len()).filter(lost).map(|index| graph.nodes[index].id.clone()).collect()
}

fn change(graph: &Graph, index: usize, read: &Refreshed, refresh: &Refresh, state: &State) -> Change {
    let on_record = state.resources.get(graph.nodes[index].id.as_str());
    let is_known = || on_record.is_some_and(|record| record.status == Status::Ready) && read.is_recorded;
    let moved = moved(graph, index, refresh, state);
    match &read.result {
        ReadResult::Blocked(comparison) if on_record.is_some_and(|record| record.outputs.is_some()) => {
            Change::KnownAfterApply { drift: comparison.drift() }
        }
        ReadResult::Absent if !moved.is_empty() => Change::Replace { moved },
        ReadResult::Absent | ReadResult::Blocked(_) => Change::Create,
        ReadResult::Failed(failure) => Change::Refuse { failure: failure.clone() },
        ReadResult::Live { comparison, .. } if !comparison.is_as_wanted() => {
            let drift = comparison.drift();
            match read.desired.as_ref().and_then(|desired| desired.requires_replacement(&drift)) {
                Some(failure) => Change::Refuse { failure },
                None => Change::Update { drift },
            }
        }
        _ if is_recorded_as_it_is(graph, index, read, state) => Change::Keep,
        ReadResult::Live { .. } if !moved.is_empty() => Change::Replace { moved },
        ReadResult::Live { .. } if is_known() => Change::Keep,
        ReadResult::Live { .. } => Change::Adopt,
    }
}

/// The change to a resource if the run also changes the [outputs](super::Resource::renewed) of a dependency.
fn after_renewal(graph: &Graph, index: usize, refresh: &Refresh) -> Option<Change> {
    let (node, read) = (&graph.nodes[index], &refresh.nodes[index]);
    let (Some(desired), Some(observed)) = (&read.desired, &read.observed) else { return None };
    let renewed = |&need: &usize| match &refresh.nodes[need] {
        Refreshed { result: ReadResult::Live { outputs, comparison }, desired: Some(desired), .. } => {
            desired.renewed(outputs, &comparison.drift())
        }
        _ => None,
    };
    let renewals: Vec<Option<Value>> = node.needs.iter().map(renewed).collect();
    if renewals.iter().all(Option::is_none) {
        return None;
    }
    let outputs = |(&need, renewal): (&usize, Option<Value>)| match (renewal, &refresh.nodes[need]) {
        (Some(renewal), _) => renewal,
        (None, Refreshed { result: ReadResult::Live { outputs, .. }, .. }) => outputs.clone(),
        // Only a dependency that is not needed to read this resource has no predicted outputs.
        (None, Refreshed { predicted, .. }) => predicted.clone().unwrap_or_default(),
    };
    let inputs: Vec<Value> = node.needs.iter().zip(renewals).map(outputs).collect();
    let then = make(graph, index, &inputs);
    if then.key != desired.key {
        return Some(Change::Replace { moved: key_differences(&desired.key, &then.key) });
    }
    let drift = then.compare(observed).drift();
    let changes = !drift.is_empty() && then.requires_replacement(&drift).is_none();
    changes.then_some(Change::Update { drift })
}

/// Whether the state's record of an existing resource says the same as the record that a run would write.
fn is_recorded_as_it_is(graph: &Graph, index: usize, read: &Refreshed, state: &State) -> bool {
    let (ReadResult::Live { outputs, .. }, Some(desired)) = (&read.result, &read.desired) else { return false };
    let wanted = record(graph, index, desired, Status::Ready, Some(outputs.clone()));
    state.resources.get(graph.nodes[index].id.as_str()).is_some_and(|on_record| on_record.says(&wanted))
}

/// The parts of a resource's key that differ from the record. Empty if the key has not changed. A resource whose parent
/// does not exist has no description. Then the result tells whether its parent has changed.
fn moved(graph: &Graph, index: usize, refresh: &Refresh, state: &State) -> Vec<Drift> {
    let (node, read) = (&graph.nodes[index], &refresh.nodes[index]);
    let Some(record) = state.resources.get(node.id.as_str()) else { return Vec::new() };
    if record.kind != node.kind {
        return vec![Drift::new("kind", node.kind, &record.kind)];
    }
    let Some(desired) = &read.desired else {
        return match (node.parent, &record.parent) {
            _ if read.result != ReadResult::Absent => Vec::new(),
            (Some(parent), Some(before)) if graph.nodes[parent].id.as_str() == before => {
                moved(graph, parent, refresh, state)
            }
            (Some(parent), Some(before)) => vec![elsewhere(&graph.nodes[parent].id, &Id::from(before.as_str()))],
            _ => Vec::new(),
        };
    };
    if read.is_recorded {
        return Vec::new();
    }
    key_differences(&record.key, &desired.key)
}

fn key_differences(before: &Value, after: &Value) -> Vec<Drift> {
    let fields = |key: &Value| key.as_object().cloned().unwrap_or_default();
    let (before, after) = (fields(before), fields(after));
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

/// Another parent than before: `topic: old → new`.
fn elsewhere(parent: &Id, before: &Id) -> Drift {
    match (parent.parts(), before.parts()) {
        ((what, name), (same, old)) if what == same => Drift::new(what, name, old),
        _ => Drift::new("parent", parent, before),
    }
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

//! Finds the resources to remove: by the graph, by the state, and by the services' lists. A resource that cannot be
//! read is removed anyway if that cannot affect somebody else's resource. Otherwise it is reported.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::Id;
use super::dyn_provider::Registry;
use super::failure::{Cause, Failure};
use super::graph::{Graph, Node};
use super::inventory::InventoryItem;
use super::plan::{unknown, unwanted};
use super::reads::{ReadRequest, ask_all, read_all};
use super::refresh::{ReadResult, Refresh};
use super::task::CancellationToken;
use crate::state::{Record, State, Status};

/// A resource to remove.
#[derive(Debug, Clone)]
pub struct Target {
    pub id: Id,
    pub kind: String,
    /// Finds the resource if its outputs are not known.
    pub key: Value,
    /// Its outputs, as just read.
    pub outputs: Value,
    /// See [`Resource::identity`](super::Resource::identity). `None`: the outputs cannot be read.
    pub(super) identity: Option<String>,
    /// The target whose deletion also deletes it.
    pub(super) goes_with: Option<Id>,
    pub(super) parent: Option<Id>,
    pub(super) needs: Vec<Id>,
}

/// A resource that could not be read, and whose deletion might affect somebody else's resource.
#[derive(Debug, Clone)]
pub struct UnreadTarget {
    /// Its outputs are those on record, or null.
    pub target: Target,
    pub failure: Failure,
}

/// The resources that were found when looking for resources to remove.
#[derive(Debug, Clone, Default)]
pub struct FoundTargets {
    pub targets: Vec<Target>,
    /// Resources that are [spared](Graph::spare). Their records stay.
    pub spared: Vec<Target>,
    /// Somebody else's resources with the names of ours.
    pub foreign: Vec<(Id, Failure)>,
    /// Resources that could not be read and may exist.
    pub unread: Vec<UnreadTarget>,
}

/// Finds the resources to remove: those of the graph that exist, and those that are on record and not in the graph. A
/// resource that could not be read is removed by its recorded ids if its provider
/// [vouches](super::Provider::vouch) for it.
///
/// Records of resources that do not exist or belong to somebody else are removed from `state`. Nothing else is written.
///
/// # Errors
/// A failure that every read would have, such as expired credentials, or a request to stop.
pub async fn targets(
    graph: &Graph,
    refresh: &Refresh,
    registry: &Registry,
    state: &mut State,
    stop: &CancellationToken,
) -> Result<FoundTargets, Failure> {
    let mut found = FoundTargets::default();
    // Kept resources are not part of the stack, so their records are removed.
    state.resources.retain(|_, row| !graph.kept.contains(row.kind.as_str()));
    let mut rows: HashSet<Id> = unknown(graph, state).into_iter().collect();
    let goes = |node: &Node| !graph.kept.contains(node.kind);
    for (node, read) in graph.nodes.iter().zip(&refresh.nodes).filter(|(node, _)| goes(node)) {
        let target = |key: &Value, outputs: Value| Target {
            id: node.id.clone(),
            kind: node.kind.to_owned(),
            key: key.clone(),
            identity: registry.identity(node.kind, &outputs),
            outputs,
            goes_with: node.goes_with_parent.then(|| node.parent.map(|p| graph.nodes[p].id.clone())).flatten(),
            parent: node.parent.map(|parent| graph.nodes[parent].id.clone()),
            needs: node.needs.iter().map(|&need| graph.nodes[need].id.clone()).collect(),
        };
        match (&read.result, &read.desired) {
            (ReadResult::Live { outputs, comparison }, Some(desired)) => {
                match desired.requires_replacement(&comparison.drift()).filter(|why| why.cause == Cause::Foreign) {
                    Some(failure) => {
                        state.resources.remove(node.id.as_str());
                        found.foreign.push((node.id.clone(), failure));
                    }
                    None => found.targets.push(target(&desired.key, outputs.clone())),
                }
            }
            (ReadResult::Failed(failure), _) if failure.cause == Cause::Foreign => {
                state.resources.remove(node.id.as_str());
                found.foreign.push((node.id.clone(), failure.clone()));
            }
            (ReadResult::Failed(failure), desired) => {
                let row = state.resources.get(node.id.as_str()).filter(|row| row.kind == node.kind);
                let key = row.map(|row| &row.key).or_else(|| desired.as_ref().map(|desired| &desired.key));
                let outputs = row.and_then(|row| row.outputs.clone()).unwrap_or(Value::Null);
                let target = target(key.unwrap_or(&Value::Null), outputs);
                found.unread.push(UnreadTarget { target, failure: failure.clone() });
            }
            (ReadResult::Absent, desired) if !state.unanswered(node.id.as_str()) => {
                let row = state.resources.get(node.id.as_str()).filter(|row| row.kind == node.kind);
                let goes_with =
                    node.parent.filter(|_| node.goes_with_parent).map(|parent| &refresh.nodes[parent].result);
                match row.filter(|row| desired.as_ref().is_some_and(|desired| desired.key != row.key)) {
                    // The stack file has changed, so the resource may be there under its earlier key.
                    Some(row) if matches!(goes_with, Some(ReadResult::Live { .. })) => {
                        found.targets.push(target(&row.key, row.outputs.clone().unwrap_or(Value::Null)));
                    }
                    Some(_) => drop(rows.insert(node.id.clone())),
                    None => drop(state.resources.remove(node.id.as_str())),
                }
            }
            // A dependency is gone or cannot be read, so only the record says where the resource is. Or its create call
            // was not answered, and one read is not enough.
            _ => {
                rows.insert(node.id.clone());
            }
        }
    }
    let more = recorded_targets(rows, registry, state, stop).await?;
    for target in more.targets {
        // The resource is on record under two ids.
        if found.targets.iter().any(|known| known.is(&target.kind, target.identity.as_deref())) {
            state.resources.remove(target.id.as_str());
        } else {
            found.targets.push(target);
        }
    }
    found.foreign.extend(more.foreign);
    found.unread.extend(more.unread);
    // Spared resources stay, so it does not matter that they could not be read.
    found.unread.retain(|one| !graph.spares(&one.target.kind, &one.target.id));
    vouched(&mut found, registry, stop).await?;
    let all = std::mem::take(&mut found.targets);
    (found.spared, found.targets) = all.into_iter().partition(|target| graph.spares(&target.kind, &target.id));
    found.targets.sort_by(|a, b| a.id.cmp(&b.id));
    found.unread.sort_by(|a, b| a.target.id.cmp(&b.target.id));
    Ok(found)
}

/// Moves resources that can be deleted safely without reading them from `unread` to `targets`.
async fn vouched(found: &mut FoundTargets, registry: &Registry, stop: &CancellationToken) -> Result<(), Failure> {
    let unread = std::mem::take(&mut found.unread);
    let asks = unread.iter().map(|UnreadTarget { target, .. }| {
        let (provider, outputs) = (registry.of(&target.kind), target.outputs.clone());
        let ask =
            move |task| async move { if outputs.is_null() { Ok(false) } else { provider?.vouch(outputs, task).await } };
        (target.id.clone(), ask)
    });
    for (one, vouched) in unread.iter().zip(ask_all(asks.collect(), stop).await) {
        match vouched {
            Ok(true) => found.targets.push(one.target.clone()),
            Err(failure) if failure.ends_all() => return Err(failure),
            // The failure of the read explains more than that of the second check.
            Ok(false) | Err(_) => found.unread.push(one.clone()),
        }
    }
    Ok(())
}

/// Reads the resources in `unread` again. Returns those that exist, and those that still cannot be read.
/// Records of resources that are gone or belong to somebody else are removed from `state`.
///
/// # Errors
/// The same errors as [`targets`].
pub async fn retry(
    unread: Vec<UnreadTarget>,
    registry: &Registry,
    state: &mut State,
    stop: &CancellationToken,
) -> Result<(Vec<Target>, Vec<UnreadTarget>), Failure> {
    let requests = unread.iter().map(|UnreadTarget { target, .. }| ReadRequest {
        id: target.id.clone(),
        kind: target.kind.clone(),
        key: target.key.clone(),
        known: Some(target.outputs.clone()).filter(|outputs| !outputs.is_null()),
        often: false,
    });
    let requests = requests.collect();
    let (mut targets, mut still_unread) = (Vec::new(), Vec::new());
    for (UnreadTarget { target, .. }, found) in unread.into_iter().zip(read_all(requests, registry, stop).await) {
        match found {
            Ok(Some(outputs)) => {
                let identity = registry.identity(&target.kind, &outputs);
                targets.push(Target { outputs, identity, ..target });
            }
            // Lists may not show it yet, so its record is kept for the next run.
            Ok(None) if state.unanswered(target.id.as_str()) => {}
            Ok(None) => {
                state.resources.remove(target.id.as_str());
            }
            Err(failure) if failure.cause == Cause::Foreign => {
                state.resources.remove(target.id.as_str());
            }
            Err(failure) if failure.ends_all() => return Err(failure),
            Err(failure) => still_unread.push(UnreadTarget { target, failure }),
        }
    }
    Ok((targets, still_unread))
}

/// The resources that are on record and not in the graph, for removal at the end of `up`.
///
/// # Errors
/// The failure of any read: a resource that cannot be read must not count as gone.
pub async fn unwanted_targets(
    graph: &Graph,
    registry: &Registry,
    state: &mut State,
    stop: &CancellationToken,
) -> Result<Vec<Target>, Failure> {
    let mut gone: HashSet<Id> = unwanted(graph, state).into_iter().collect();
    // A resource that is now desired under another id stays. Only its old record is removed.
    let same = |state: &State, old: &Id| {
        let row = state.resources.get(old.as_str());
        let wanted = graph.nodes.iter().filter_map(|node| state.resources.get(node.id.as_str()));
        row.is_some_and(|row| wanted.into_iter().any(|other| other.kind == row.kind && other.key == row.key))
    };
    gone.retain(|id| {
        let renamed = same(state, id);
        if renamed {
            state.resources.remove(id.as_str());
        }
        !renamed
    });
    let mut found = recorded_targets(gone, registry, state, stop).await?;
    // The key of a resource may change although the resource stays the same. Then only the old record is removed.
    let is_desired = |target: &Target, state: &State| {
        graph
            .nodes
            .iter()
            .filter(|node| node.kind == target.kind)
            .filter_map(|node| registry.identity(node.kind, state.outputs(node.id.as_str())?))
            .any(|identity| Some(identity) == target.identity)
    };
    found.targets.retain(|target| {
        let is_desired = is_desired(target, state);
        if is_desired {
            state.resources.remove(target.id.as_str());
        }
        !is_desired
    });
    match found.unread.into_iter().next() {
        // In `up`, the removal is part of a change, which is incomplete without it.
        Some(unread) => Err(unread.failure),
        None => Ok(found.targets),
    }
}

/// Adds listed resources to the targets, unless they are already among them. Returns the added targets.
pub fn add_listed<'a>(targets: &mut Vec<Target>, listed: impl IntoIterator<Item = &'a InventoryItem>) -> Vec<Target> {
    let first = targets.len();
    let mut resting: Vec<(usize, &str)> = Vec::new();
    // Children follow their parent in the list and name it by its ARN.
    let mut known: HashMap<&str, Id> = HashMap::new();
    for one in listed {
        if let Some(target) = targets.iter().find(|target| target.is(one.kind, one.identity.as_deref())) {
            known.insert(&one.arn, target.id.clone());
            continue;
        }
        // Names are not unique everywhere: a second pool may carry the same resource tag.
        let taken = targets.iter().any(|target| target.id == one.id);
        let id = if taken { Id::from(format!("{} ({})", one.id, one.arn)) } else { one.id.clone() };
        let parent = one.under.as_deref().and_then(|arn| known.get(arn)).cloned();
        let carrier = one.goes_with.as_deref().and_then(|arn| known.get(arn)).cloned();
        known.insert(&one.arn, id.clone());
        resting.extend(one.rests_on.map(|kind| (targets.len(), kind)));
        targets.push(Target {
            id,
            kind: one.kind.to_owned(),
            key: one.key.clone(),
            outputs: one.outputs.clone(),
            identity: one.identity.clone(),
            goes_with: carrier.or_else(|| parent.clone().filter(|_| one.goes_with_parent)),
            needs: parent.iter().cloned().collect(),
            parent,
        });
    }
    for (index, kind) in resting {
        let of_kind: Vec<Id> =
            targets.iter().filter(|other| other.kind == kind).map(|other| other.id.clone()).collect();
        targets[index].needs.extend(of_kind);
    }
    targets[first..].to_vec()
}

/// Reads recorded resources, and uses only their records to find them.
async fn recorded_targets(
    ids: HashSet<Id>,
    registry: &Registry,
    state: &mut State,
    stop: &CancellationToken,
) -> Result<FoundTargets, Failure> {
    let mut found = FoundTargets::default();
    let rows: Vec<(Id, Record)> =
        ids.into_iter().filter_map(|id| state.resources.get(id.as_str()).cloned().map(|row| (id, row))).collect();
    let requests = rows.iter().map(|(id, row)| ReadRequest {
        id: id.clone(),
        kind: row.kind.clone(),
        key: row.key.clone(),
        known: row.outputs.clone(),
        often: state.unanswered(id.as_str()),
    });
    let requests = requests.collect();
    for ((id, row), result) in rows.iter().zip(read_all(requests, registry, stop).await) {
        let parent = row.parent.as_deref().map(Id::from);
        let cascades = registry.of(&row.kind).is_ok_and(|provider| provider.goes_with_parent());
        let target = |outputs: Option<Value>| Target {
            id: id.clone(),
            kind: row.kind.clone(),
            key: row.key.clone(),
            identity: outputs.as_ref().and_then(|outputs| registry.identity(&row.kind, outputs)),
            outputs: outputs.unwrap_or(Value::Null),
            goes_with: parent.clone().filter(|_| cascades),
            parent: parent.clone(),
            needs: row.needs.iter().map(|need| Id::from(need.as_str())).collect(),
        };
        match result {
            Ok(Some(outputs)) => found.targets.push(target(Some(outputs))),
            Ok(None) => {
                state.resources.remove(id.as_str());
            }
            Err(failure) if failure.cause == Cause::Foreign => {
                state.resources.remove(id.as_str());
                found.foreign.push((id.clone(), failure));
            }
            Err(failure) if failure.ends_all() => return Err(failure),
            Err(failure) => found.unread.push(UnreadTarget { target: target(row.outputs.clone()), failure }),
        }
    }
    Ok(found)
}

/// Reads all targets again at the same time. Returns those that still exist or could not be read. Reads by key and not
/// by recorded id, because a resource of the stack with the target's name is left over even if it has another id.
pub async fn read_again(
    targets: &[Target],
    registry: &Registry,
    stop: &CancellationToken,
) -> Vec<(Id, Result<Value, Failure>)> {
    let requests = targets.iter().map(|target| ReadRequest {
        id: target.id.clone(),
        kind: target.kind.clone(),
        key: target.key.clone(),
        known: None,
        often: false,
    });
    let found = read_all(requests.collect(), registry, stop).await;
    targets
        .iter()
        .zip(found)
        .filter_map(|(target, found)| match found {
            Ok(None) => None,
            Ok(Some(outputs)) => Some((target.id.clone(), Ok(outputs))),
            // Somebody else's resource has the name now, so ours is gone.
            Err(failure) if failure.cause == Cause::Foreign => None,
            Err(failure) => Some((target.id.clone(), Err(failure))),
        })
        .collect()
}

impl Target {
    /// Whether a resource of this kind and [identity](super::Resource::identity) is this target.
    pub(super) fn is(&self, kind: &str, identity: Option<&str>) -> bool {
        self.kind == kind && identity.is_some() && self.identity.as_deref() == identity
    }

    #[cfg(test)]
    pub(super) fn needs(&self) -> &[Id] {
        &self.needs
    }

    pub fn parent(&self) -> Option<&Id> {
        self.parent.as_ref()
    }

    pub(super) fn record(&self) -> Record {
        Record {
            kind: self.kind.clone(),
            status: Status::Deleting,
            key: self.key.clone(),
            outputs: Some(self.outputs.clone()),
            parent: self.parent.as_ref().map(ToString::to_string),
            needs: self.needs.iter().map(ToString::to_string).collect(),
        }
    }
}

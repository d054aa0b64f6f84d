//! Reads every resource of the graph and changes nothing.
//!
//! A description is made from the outputs of its dependencies, so reading in dependency order would take as many round
//! trips as the graph is deep. Instead, a resource whose dependencies are on record is read at once, as if the record
//! were correct. If a dependency turns out to differ from its record, the result is compared with the correct
//! description; if that has another key, the resource is read again. So a stack that matches its record takes one round
//! trip. A stack without a record takes as many as the graph is deep.
//!
//! If a dependency is missing, its record is used instead, so that manual changes to its dependents are still found.
//! Such a comparison is only shown to the user. `up` reads the resource again once it can be described.

use std::collections::VecDeque;

use serde_json::Value;

use super::Id;
use super::comparison::Comparison;
use super::dyn_provider::{Desired, Observed, Registry};
use super::failure::{Cause, Failure};
use super::graph::{Graph, Node};
use super::task::{CancellationToken, StopLevel};
use super::workers::{WorkerEvent, Workers};
use crate::state::{Record, State};

/// The most reads in flight. Providers keep to the services' rates by themselves; this only limits memory and sockets.
const READS_AT_ONCE: usize = 64;

/// The result of reading one resource.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadResult {
    /// The resource does not exist.
    Absent,
    /// The resource exists, belongs to the stack, and was compared with its description.
    Live { outputs: Value, comparison: Comparison },
    /// A dependency does not exist or could not be read, so the resource's description is not known yet. It was
    /// compared with a description made from the dependency's record. The comparison is empty if this was not possible.
    Blocked(Comparison),
    /// The resource could not be read, or it belongs to somebody else.
    Failed(Failure),
}

/// The results for all resources, in the graph's order.
pub struct Refresh {
    pub(super) nodes: Vec<Refreshed>,
}

/// The result for one resource, and the description that it was compared with.
#[derive(Clone)]
pub(super) struct Refreshed {
    pub result: ReadResult,
    pub desired: Option<Desired>,
    pub observed: Option<Observed>,
    /// If it does not exist: the outputs that it will have, if they are certain.
    pub predicted: Option<Value>,
    /// Whether this is the resource that is on record, perhaps under another key.
    pub is_recorded: bool,
}

impl Refreshed {
    /// A result without a description.
    fn only(result: ReadResult) -> Self {
        Self { result, desired: None, observed: None, predicted: None, is_recorded: false }
    }
}

impl Refresh {
    pub fn results<'a>(&'a self, graph: &'a Graph) -> impl Iterator<Item = (&'a Id, &'static str, &'a ReadResult)> {
        graph.nodes.iter().zip(&self.nodes).map(|(node, read)| (&node.id, node.kind, &read.result))
    }
}

/// One read, perhaps with guessed inputs.
#[derive(Clone)]
struct Read {
    inputs: Vec<Value>,
    desired: Desired,
    result: Result<Option<Observed>, Failure>,
}

/// Reads every resource of `graph`.
///
/// # Errors
/// A failure that every read would have, such as expired credentials, or a request to stop. The failure of one read is
/// that resource's [`ReadResult`].
pub async fn refresh(
    graph: &Graph,
    registry: &Registry,
    state: &State,
    stop: &CancellationToken,
) -> Result<Refresh, Failure> {
    let count = graph.nodes.len();
    let recorded: Vec<Option<&Value>> = graph.nodes.iter().map(|node| guess(node, registry, state)).collect();
    let on_record = |index: usize| state.resources.get(graph.nodes[index].id.as_str());
    let mut seen: Vec<Option<Refreshed>> = vec![None; count];
    let mut reads: Vec<Option<Read>> = vec![None; count];
    let mut pending: Vec<Option<(Vec<Value>, Desired)>> = vec![None; count];
    let mut queue: VecDeque<usize> = VecDeque::new();
    let mut workers: Workers<Result<Option<Observed>, Failure>> = Workers::new(stop.clone());

    loop {
        // Nodes are in topological order, so one pass settles every node that can be settled.
        for index in 0..count {
            if seen[index].is_some() || pending[index].is_some() {
                continue;
            }
            match next_step(graph, index, &seen, &recorded, on_record(index), reads[index].as_ref()) {
                Step::Settle(mut done) => {
                    if let (ReadResult::Absent, Some(desired)) = (&done.result, &done.desired) {
                        done.predicted = registry.of(graph.nodes[index].kind)?.predict(desired);
                    }
                    if let (ReadResult::Live { outputs, .. }, Some(recorded)) = (&done.result, recorded[index]) {
                        let identity = |outputs| registry.identity(graph.nodes[index].kind, outputs);
                        done.is_recorded = identity(outputs).is_some() && identity(outputs) == identity(recorded);
                    }
                    seen[index] = Some(done);
                }
                Step::Read(inputs, desired) => {
                    pending[index] = Some((inputs, desired));
                    queue.push_back(index);
                }
                Step::Wait => {}
            }
        }
        while workers.in_flight() < READS_AT_ONCE
            && let Some(index) = queue.pop_front()
        {
            let node = &graph.nodes[index];
            let Some((_, desired)) = &pending[index] else { continue };
            let (key, known) = (desired.key.clone(), state.known(node.id.as_str(), &desired.key).cloned());
            let provider = registry.of(node.kind)?;
            let (parts, tags) = (state.parts_of(node.id.as_str()), state.tags.clone());
            workers.spawn(index, &node.id, |task| async move {
                provider.read(key, known, task.with_parts(parts).with_former_tags(&tags)).await
            });
        }
        // Reads change nothing, so they can be cancelled at any time.
        let event = tokio::select! {
            biased;
            () = stop.reached(StopLevel::Drain) => return Err(stopped()),
            event = workers.next() => event,
        };
        match event {
            None => break,
            Some(WorkerEvent::Note(..)) => {}
            Some(WorkerEvent::End(index, result)) => {
                if let Err(failure) = &result
                    && matches!(failure.cause, Cause::Fatal | Cause::Stopped)
                {
                    return Err(failure.clone());
                }
                if let Some((inputs, desired)) = pending[index].take() {
                    reads[index] = Some(Read { inputs, desired, result });
                }
            }
        }
    }
    let blocked = || Refreshed::only(ReadResult::Blocked(Comparison::default()));
    Ok(Refresh { nodes: seen.into_iter().map(|seen| seen.unwrap_or_else(blocked)).collect() })
}

/// The recorded outputs of a node, if they are readable.
fn guess<'a>(node: &Node, registry: &Registry, state: &'a State) -> Option<&'a Value> {
    let provider = registry.of(node.kind).ok()?;
    state.outputs(node.id.as_str()).filter(|outputs| provider.wrote(outputs))
}

#[allow(clippy::large_enum_variant, reason = "a step is matched at once and never kept")]
enum Step {
    /// Wait for the results of other resources.
    Wait,
    /// Read the resource. Its description was made from these outputs of its dependencies.
    Read(Vec<Value>, Desired),
    /// The result is final.
    Settle(Refreshed),
}

fn next_step(
    graph: &Graph,
    index: usize,
    seen: &[Option<Refreshed>],
    recorded: &[Option<&Value>],
    on_record: Option<&Record>,
    read: Option<&Read>,
) -> Step {
    let node = &graph.nodes[index];
    let live = |need: usize| match seen[need].as_ref()? {
        Refreshed { result: ReadResult::Live { outputs, .. }, .. } => Some(outputs),
        Refreshed { predicted, .. } => predicted.as_ref(),
    };
    if node.parent.is_some_and(|parent| is(seen, parent, &ReadResult::Absent)) {
        return Step::Settle(Refreshed::only(ReadResult::Absent));
    }
    let late = |need: &usize| node.late.contains(need) && node.parent != Some(*need);
    let kept_from = |need: &&usize| !late(need) && seen[**need].is_some() && live(**need).is_none();
    if node.needs.iter().any(|need| kept_from(&need)) {
        // The parent may turn out to be absent, which is the more precise result.
        if node.needs.iter().any(|&need| seen[need].is_none()) {
            return Step::Wait;
        }
        let stand_in = |&need: &usize| match live(need) {
            None if late(&need) => Some(Value::Null),
            None => recorded[need].cloned(),
            known => known.cloned(),
        };
        let inputs: Option<Vec<Value>> = node.needs.iter().map(stand_in).collect();
        let key = on_record.filter(|_| recorded[index].is_some()).map(|record| &record.key);
        return blocked(graph, index, inputs, key, read);
    }
    let certain = node.needs.iter().all(|&need| seen[need].is_some());
    let input = |&need: &usize| match live(need).or(recorded[need].filter(|_| seen[need].is_none() || !late(&need))) {
        None if late(&need) => Some(Value::Null),
        known => known.cloned(),
    };
    let inputs: Option<Vec<Value>> = node.needs.iter().map(input).collect();
    let Some(inputs) = inputs else { return Step::Wait };
    match read {
        None => {
            let desired = make(graph, index, &inputs);
            Step::Read(inputs, desired)
        }
        Some(read) if certain => {
            let desired = if read.inputs == inputs { read.desired.clone() } else { make(graph, index, &inputs) };
            if desired.key == read.desired.key {
                Step::Settle(settle(desired, read.result.clone()))
            } else {
                Step::Read(inputs, desired)
            }
        }
        Some(_) => Step::Wait,
    }
}

/// The step for a resource with a missing dependency. `inputs` are the outputs of its dependencies, the missing ones
/// from the record. If they give the recorded `key`, the resource was created with them. Then a difference does not
/// come from the missing dependency: somebody changed the resource, or its description changed.
fn blocked(graph: &Graph, index: usize, inputs: Option<Vec<Value>>, key: Option<&Value>, read: Option<&Read>) -> Step {
    let uncompared = || Step::Settle(Refreshed::only(ReadResult::Blocked(Comparison::default())));
    let Some(inputs) = inputs else { return uncompared() };
    let desired = make(graph, index, &inputs);
    if key != Some(&desired.key) {
        return uncompared();
    }
    match read {
        Some(Read { desired: then, result, .. }) if then.key == desired.key => match result {
            Ok(Some(observed)) => Step::Settle(Refreshed::only(ReadResult::Blocked(desired.compare(observed)))),
            _ => uncompared(),
        },
        _ => Step::Read(inputs, desired),
    }
}

pub(super) fn stopped() -> Failure {
    Failure::new(Cause::Stopped, "stopped while reading")
}

fn is(seen: &[Option<Refreshed>], index: usize, result: &ReadResult) -> bool {
    seen[index].as_ref().is_some_and(|seen| seen.result == *result)
}

fn settle(desired: Desired, result: Result<Option<Observed>, Failure>) -> Refreshed {
    match result {
        Ok(None) => Refreshed {
            result: ReadResult::Absent,
            desired: Some(desired),
            observed: None,
            predicted: None,
            is_recorded: false,
        },
        Ok(Some(observed)) => {
            let comparison = desired.compare(&observed);
            let result = ReadResult::Live { outputs: observed.outputs.clone(), comparison };
            Refreshed { result, desired: Some(desired), observed: Some(observed), predicted: None, is_recorded: false }
        }
        Err(failure) => Refreshed {
            result: ReadResult::Failed(failure),
            desired: Some(desired),
            observed: None,
            predicted: None,
            is_recorded: false,
        },
    }
}

/// The description of a node whose dependencies have these outputs. `inputs` has the order of `needs`.
pub(super) fn make(graph: &Graph, index: usize, inputs: &[Value]) -> Desired {
    let node = &graph.nodes[index];
    (node.desired)(&|need| {
        let position = node.needs.iter().position(|&known| known == need);
        position.and_then(|position| inputs.get(position)).cloned().unwrap_or(Value::Null)
    })
}

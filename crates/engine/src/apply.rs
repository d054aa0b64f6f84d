//! The steps that create, update and replace resources. Each resource of the graph is one step. A step starts as soon
//! as the resources that it depends on are ready, because its description is made from their outputs.
//!
//! A replacement creates the new resource first and deletes the old one last. If the key of a resource has changed, its
//! record is [set aside](State::set_aside) under an id of its own, and the resource is created in its new place. At the
//! end of the run, when no dependent uses the old resource any more, it is removed like any resource that is no longer
//! desired.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::Id;
use super::bring::{Start, bring};
use super::delete::delete;
use super::dyn_provider::{Desired, Registry};
use super::event::{Event, Outcome, Summary, Verb};
use super::failure::{Cause, Failure};
use super::graph::Graph;
use super::order::Cleanup;
use super::plan::{record, unwanted};
use super::refresh::{ReadResult, Refresh, Refreshed, make};
use super::save::save;
use super::scheduler::{Begin, Phase, Run, Steps, schedule};
use super::targets::unwanted_targets;
use super::task::{CancellationToken, StopLevel, Task};
use crate::state::{Record, State, Status};

/// Brings every resource of `graph` to its desired state. If that succeeds, removes the resources that are on record
/// and no longer desired, in the order of `cleanup`. With `lag`, the removal waits until [updates have reached all
/// servers](super::Lag).
///
/// The summary contains the outcome of each resource. All results are in the state, and the store has saved them
/// unless the summary has a `save_error`.
pub async fn apply(run: &mut Run<'_>, graph: &Graph, refresh: Refresh, cleanup: Cleanup, lag: bool) -> Summary {
    let mut steps = Apply::new(graph, &refresh, run.state);
    // The new tag keys are saved with the first intent, so before any resource gets such a tag.
    let former = run.state.tags.clone();
    run.state.tags.extend(run.registry.tag_keys().cloned());
    let mut summary = schedule(run, &mut steps).await;
    forget_tags(run, &former, &mut summary).await;
    let unwanted = unwanted(graph, run.state);
    if !summary.succeeded() || unwanted.is_empty() {
        return summary;
    }
    if lag && !wait_for_lag(run, graph, &unwanted, &summary).await {
        summary.stopped = true;
        return summary;
    }
    let removed = remove_unwanted(run, graph, cleanup).await;
    summary.merge(removed);
    summary
}

/// Removes unwanted tag keys from the state. This needs a successful run, after which no resource has such a tag.
async fn forget_tags(run: &mut Run<'_>, former: &BTreeSet<String>, summary: &mut Summary) {
    let wanted: BTreeSet<String> = run.registry.tag_keys().cloned().collect();
    if summary.succeeded() && *former != wanted {
        run.state.tags = wanted;
        save(run, Vec::new(), summary).await;
    }
}

/// Waits if this run updated a resource, some servers may still use its old settings, and these may need one of the
/// `unwanted` resources. Returns `false` if the run is asked to stop.
async fn wait_for_lag(run: &mut Run<'_>, graph: &Graph, unwanted: &[Id], done: &Summary) -> bool {
    let goes = |kind: &&'static str| {
        unwanted.iter().any(|id| run.state.resources.get(id.as_str()).is_some_and(|record| record.kind == **kind))
    };
    let updated =
        |id: &Id| done.done.iter().any(|(done, outcome)| done == id && matches!(outcome, Outcome::Updated { .. }));
    let mut lags = graph.nodes.iter().filter_map(|node| Some((&node.id, node.lag.as_ref()?)));
    let Some((id, lag)) = lags.find(|(id, lag)| updated(id) && lag.before_removing.iter().any(&goes)) else {
        return true;
    };
    (run.tell)(Event::Noted { id: id.clone(), why: lag.why.to_owned() });
    tokio::select! {
        () = tokio::time::sleep(run.stop.time_scale().of(lag.time)) => true,
        () = run.stop.reached(StopLevel::Drain) => false,
    }
}

/// Removes the resources that are on record and not in the graph. Nothing depends on them any more.
async fn remove_unwanted(run: &mut Run<'_>, graph: &Graph, cleanup: Cleanup) -> Summary {
    let stopped = || Summary { stopped: true, ..Summary::default() };
    let stop: CancellationToken = run.stop.clone();
    let found = tokio::select! {
        found = unwanted_targets(graph, run.registry, run.state, &stop) => found,
        () = stop.reached(StopLevel::Drain) => return stopped(),
    };
    match found {
        Ok(targets) => delete(run, &targets, &[], cleanup).await,
        Err(failure) if failure.cause == Cause::Stopped => stopped(),
        Err(failure) => {
            // The failure ended the reading of all these resources, so it is not reported for a single resource.
            let id = Id::from("resources that are no longer in the stack file");
            (run.tell)(Event::Failed { id: id.clone(), failure: failure.clone(), elapsed: Duration::ZERO });
            Summary { failed: vec![(id, failure)], ..Summary::default() }
        }
    }
}

struct Apply<'a> {
    graph: &'a Graph,
    refresh: &'a Refresh,
    weights: Vec<usize>,
    waits: Vec<Vec<usize>>,
    /// For each resource that is ready: its outputs, and whether this run created it, so that it has no children yet.
    ready: Vec<Option<(Value, bool)>>,
}

impl<'a> Apply<'a> {
    fn new(graph: &'a Graph, refresh: &'a Refresh, state: &State) -> Self {
        let count = graph.nodes.len();
        let waits = waits(graph, refresh, state);
        Self { graph, refresh, weights: graph.weights(), waits, ready: vec![None; count] }
    }

    fn desired(&self, index: usize) -> Desired {
        let output = |&need: &usize| self.ready[need].as_ref().map_or(Value::Null, |(outputs, _)| outputs.clone());
        let inputs: Vec<Value> = self.graph.nodes[index].needs.iter().map(output).collect();
        make(self.graph, index, &inputs)
    }

    /// Whether a recorded resource is gone because its parent did not exist when this run began.
    fn is_gone(&self, index: usize, on_record: &Record) -> bool {
        self.graph.nodes[index].parent.is_some_and(|parent| {
            on_record.parent.as_deref() == Some(self.id(parent).as_str())
                && (self.refresh.nodes[parent].result == ReadResult::Absent
                    || matches!(&self.ready[parent], Some((_, true))))
        })
    }
}

impl Steps for Apply<'_> {
    type Output = (Value, Outcome);

    fn len(&self) -> usize {
        self.graph.nodes.len()
    }

    fn id(&self, index: usize) -> &Id {
        &self.graph.nodes[index].id
    }

    /// The waiting resource that can start and has the longest chain of dependents.
    fn next(&self, phases: &[Phase]) -> Option<usize> {
        let ready = |index: &usize| {
            phases[*index] == Phase::Waiting && self.waits[*index].iter().all(|&first| phases[first] == Phase::Done)
        };
        (0..self.len()).filter(ready).max_by_key(|&index| (self.weights[index], std::cmp::Reverse(index)))
    }

    fn begin(&self, index: usize, registry: &Registry, state: &State) -> Begin<Self::Output> {
        let node = &self.graph.nodes[index];
        let desired = self.desired(index);
        let under_new = node.parent.is_some_and(|parent| matches!(&self.ready[parent], Some((_, true))));
        let start = match first_step(&desired, &self.refresh.nodes[index], under_new) {
            First::Nothing(outputs) => {
                return Begin::Settled(record(self.graph, index, &desired, Status::Ready, Some(outputs)));
            }
            First::Refuse(failure) => return Begin::Refused(failure),
            First::Calls(start) => start,
        };
        let known = state.known(node.id.as_str(), &desired.key).cloned();
        let (status, outputs) = match &start {
            Start::Create => (Status::Creating, None),
            Start::Have(observed) | Start::Update(observed, _) => (Status::Updating, Some(observed.outputs.clone())),
            Start::Read => match &known {
                Some(outputs) => (Status::Updating, Some(outputs.clone())),
                None => (Status::Creating, None),
            },
        };
        let verb = if matches!(start, Start::Update(..)) { Verb::Update } else { Verb::Create };
        let intent = Some(record(self.graph, index, &desired, status, outputs));
        let unanswered = state.unanswered_at(node.id.as_str(), &desired.key);
        let provider = registry.of(node.kind);
        let (parts, tags) = (state.parts_of(node.id.as_str()), state.tags.clone());
        let work = Box::new(move |task: Task| {
            let task = task.with_parts(parts).with_former_tags(&tags);
            Box::pin(async move { bring(&*provider?, desired, known, start, unanswered, &task).await }) as _
        });
        Begin::Calls { verb, intent, work }
    }

    fn put(&mut self, index: usize, record: Record, state: &mut State) -> bool {
        let id = self.id(index).clone();
        let moves = |old: &Record| !old.is_of_same_place(&record) && !self.is_gone(index, old);
        if state.resources.get(id.as_str()).is_some_and(moves) {
            state.set_aside(id.as_str());
        }
        if record.status == Status::Ready {
            self.ready[index] = record.outputs.clone().map(|outputs| (outputs, false));
        }
        state.resources.insert(id.to_string(), record.clone()).as_ref() != Some(&record)
    }

    fn record(
        &mut self,
        index: usize,
        (outputs, outcome): Self::Output,
        state: &mut State,
    ) -> (Vec<(usize, Outcome)>, Option<Value>) {
        if let Some(record) = state.resources.get_mut(self.id(index).as_str()) {
            record.status = Status::Ready;
            record.outputs = Some(outputs.clone());
        }
        self.ready[index] = Some((outputs.clone(), outcome == Outcome::Created));
        (vec![(index, outcome)], Some(outputs))
    }

    fn stuck(&self, phases: &[Phase]) -> Option<(usize, usize)> {
        let stuck = |index: usize| {
            let first = self.waits[index].iter().find(|&&first| phases[first].holds_up())?;
            (phases[index] == Phase::Waiting).then_some((index, *first))
        };
        (0..self.len()).find_map(stuck)
    }
}

enum First {
    Nothing(Value),
    Calls(Start),
    Refuse(Failure),
}

/// The first step for a resource, given what the refresh read. If the refresh read it by another key, it is read again.
/// A resource whose parent was just created cannot exist yet, so it is created without reading.
fn first_step(desired: &Desired, read: &Refreshed, under_new: bool) -> First {
    let same_key = read.desired.as_ref().is_some_and(|then| then.key == desired.key);
    match (&read.result, &read.observed) {
        (ReadResult::Failed(failure), _) if failure.cause == Cause::Foreign && same_key => {
            First::Refuse(failure.clone())
        }
        (ReadResult::Live { outputs, .. }, Some(observed)) if same_key => {
            let drift = desired.compare(observed).drift();
            if drift.is_empty() {
                First::Nothing(outputs.clone())
            } else if let Some(failure) = desired.requires_replacement(&drift) {
                First::Refuse(failure)
            } else {
                First::Calls(Start::Update(observed.clone(), drift))
            }
        }
        // An absent resource has no description if its parent did not exist. Then it did not exist either.
        (ReadResult::Absent, _) if same_key || read.desired.is_none() => First::Calls(Start::Create),
        _ if under_new => First::Calls(Start::Create),
        _ => First::Calls(Start::Read),
    }
}

/// The nodes that each node waits for: its dependencies and, if it exists already, the nodes that it is
/// [ordered after](Graph::order_after). A resource that could not be read because a dependency is missing counts as
/// existing if the state has its outputs.
fn waits(graph: &Graph, refresh: &Refresh, state: &State) -> Vec<Vec<usize>> {
    let waits = graph.nodes.iter().zip(&refresh.nodes).map(|(node, read)| {
        let there = match read.result {
            ReadResult::Live { .. } => true,
            ReadResult::Blocked(_) => state.outputs(node.id.as_str()).is_some(),
            ReadResult::Absent | ReadResult::Failed(_) => false,
        };
        node.needs.iter().chain(node.after.iter().filter(|_| there)).copied().collect()
    });
    waits.collect()
}

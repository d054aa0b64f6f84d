//! START HERE. The loop that brings a stack up: it alone owns the state, the schedule and the events while it runs.
//! Tasks are handed what they need and only return values.
//!
//! Told to stop (Ctrl-C, a failed save, expired credentials) it stops starting and never stops finishing: dropping a
//! create in flight would lose the id it returns. Hence no `?` in the loop.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::Id;
use super::dyn_provider::{Desired, DynProvider, Observed, Registry};
use super::event::{Event, Outcome, Summary, Verb};
use super::failure::{Cause, Failure};
use super::graph::{Graph, Node};
use super::refresh::{ReadResult, Refresh, Seen, make};
use super::resource::Drift;
use super::save::{save, save_at_last};
use super::task::{CancellationToken, StopLevel, Task};
use super::workers::{LoopEvent, WorkerEvent, Workers};
use crate::state::{Record, State, StateStore, Status};

/// How often an unanswered create is made again, each time after looking.
const CREATES: u32 = 4;

/// What `up` would do.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// One entry a resource.
    pub changes: Vec<(Id, &'static str, Change)>,
    /// What is on record and no longer wanted.
    pub removals: Vec<Id>,
    /// Of what is to be made, what was there before and without which less is protected.
    pub lost_guards: Vec<Id>,
    /// Of what is refused, what AWS cannot change in place: nothing may be changed before that is settled.
    pub unchangeable: Vec<Id>,
}

/// What `up` would do to one resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Change {
    /// Nothing.
    Keep,
    /// Nothing but write down that it is ours.
    Adopt,
    /// Make it.
    Create,
    /// Put these settings right.
    Update {
        /// What differs.
        drift: Vec<Drift>,
    },
    /// Look again once what it is made from is there, then make or mend it.
    KnownAfterApply,
    /// Nothing: it could not be read, or belongs to a stranger.
    Refuse {
        /// Why.
        failure: Failure,
    },
}

impl Plan {
    /// What would be done, from what was seen and what is on record.
    pub fn new(graph: &Graph, refresh: &Refresh, state: &State) -> Self {
        let (mut lost_guards, mut unchangeable) = (Vec::new(), Vec::new());
        let changes = graph.nodes.iter().zip(&refresh.seen).enumerate().map(|(index, (node, seen))| {
            let on_record = state.resources.get(node.id.as_str());
            let settled = |desired: &Desired, outputs: &Value| {
                on_record == Some(&row(graph, index, desired, Status::Ready, Some(outputs.clone())))
            };
            let was_there = on_record.is_some_and(|record| matches!(record.status, Status::Ready | Status::Updating));
            if seen.result == ReadResult::Absent && node.guards && was_there {
                lost_guards.push(node.id.clone());
            }
            let change = match &seen.result {
                ReadResult::Blocked if on_record.is_some_and(|record| record.outputs.is_some()) => {
                    Change::KnownAfterApply
                }
                ReadResult::Absent | ReadResult::Blocked => Change::Create,
                ReadResult::Failed(failure) => Change::Refuse { failure: failure.clone() },
                ReadResult::Live { drift, .. } if !drift.is_empty() => {
                    match seen.desired.as_ref().and_then(|desired| desired.requires_replacement(drift)) {
                        Some(failure) => {
                            unchangeable.push(node.id.clone());
                            Change::Refuse { failure }
                        }
                        None => Change::Update { drift: drift.clone() },
                    }
                }
                ReadResult::Live { outputs, .. }
                    if seen.desired.as_ref().is_some_and(|desired| settled(desired, outputs)) =>
                {
                    Change::Keep
                }
                ReadResult::Live { .. } => Change::Adopt,
            };
            (node.id.clone(), node.kind, change)
        });
        let changes = changes.collect();
        Self { changes, removals: unwanted(graph, state), lost_guards, unchangeable }
    }

    /// Whether nothing at all would be written, to AWS or to the state file.
    pub fn is_empty(&self) -> bool {
        self.removals.is_empty() && self.changes.iter().all(|(_, _, change)| *change == Change::Keep)
    }
}

/// What is on record and not in the graph.
pub(super) fn unwanted(graph: &Graph, state: &State) -> Vec<Id> {
    let wanted: std::collections::HashSet<&str> = graph.nodes.iter().map(|node| node.id.as_str()).collect();
    let rows = state.resources.keys().filter(|id| !wanted.contains(id.as_str()));
    rows.map(|id| Id::from(id.as_str())).collect()
}

/// Where a resource stands in this run.
enum Phase {
    Waiting,
    Running {
        since: Instant,
    },
    /// `new`: made in this run, so that nothing can hang under it yet.
    Ready {
        outputs: Value,
        new: bool,
    },
    Failed,
    Skipped,
}

/// How a task begins.
enum Start {
    Look,
    Create,
    /// It is there; mend it if need be.
    Have(Observed),
    Update(Observed, Vec<Drift>),
}

type Brought = Result<(Value, Outcome), Failure>;

/// Brings everything in `graph` to what is wanted, `jobs` resources at a time.
///
/// Whatever happens is in the summary; the state holds, and `store` has saved, all that was learned.
#[allow(clippy::too_many_arguments, reason = "the loop is handed everything it owns, once, by one caller")]
pub async fn up(
    graph: &Graph,
    registry: &Registry,
    refresh: Refresh,
    state: &mut State,
    store: &mut dyn StateStore,
    jobs: usize,
    stop: &CancellationToken,
    tell: &mut (dyn FnMut(Event) + Send),
) -> Summary {
    let mut phases: Vec<Phase> = graph.nodes.iter().map(|_| Phase::Waiting).collect();
    let weights = graph.weights();
    let waits = waits(graph, &refresh, state);
    let mut workers: Workers<Brought> = Workers::new(stop.clone());
    let mut summary = Summary::default();
    let mut halted = false;
    tell(Event::Began { total: graph.nodes.len() });

    loop {
        // 1. Start what is ready, the longest chain of dependents first. All intents go to disk in one write.
        let mut starting: Vec<(usize, Desired, Start, bool)> = Vec::new();
        let mut dirty = false;
        while let Some(index) = pick(&waits, &phases, &weights).filter(|_| !halted && stop.level() == StopLevel::No) {
            let free = jobs.max(1).saturating_sub(workers.in_flight() + starting.len());
            let inputs = inputs(graph, index, &phases);
            let desired = make(graph, index, &inputs);
            let id = &graph.nodes[index].id;
            let under_new = graph.nodes[index]
                .parent
                .is_some_and(|parent| matches!(phases[parent], Phase::Ready { new: true, .. }));
            match begin(&desired, &refresh.seen[index], under_new) {
                Begin::Refused(failure) => {
                    phases[index] = Phase::Failed;
                    tell(Event::Failed { id: id.clone(), failure: failure.clone(), elapsed: Duration::ZERO });
                    summary.failed.push((id.clone(), failure));
                }
                Begin::Nothing(outputs) => {
                    let news = settle(state, graph, index, &desired, &outputs);
                    dirty |= news;
                    let outcome = if news { Outcome::Adopted } else { Outcome::Unchanged };
                    phases[index] = Phase::Ready { outputs, new: false };
                    tell(Event::Done { id: id.clone(), outcome: outcome.clone(), elapsed: Duration::ZERO });
                    summary.done.push((id.clone(), outcome));
                }
                Begin::CommandName(_) if free == 0 => break,
                Begin::CommandName(start) => {
                    let unanswered = state.unanswered(id.as_str());
                    dirty |= intend(state, graph, index, &desired, &start);
                    phases[index] = Phase::Running { since: Instant::now() };
                    starting.push((index, desired, start, unanswered));
                }
            }
        }
        skip_dependents(graph, &waits, &mut phases, &mut summary, tell);
        if dirty && !save(state, store, Vec::new(), &mut summary) {
            halted = true;
            for (index, ..) in starting.drain(..) {
                phases[index] = Phase::Waiting;
            }
        }
        for (index, desired, start, unanswered) in starting {
            let node = &graph.nodes[index];
            let verb = if matches!(start, Start::Update(..)) { Verb::Update } else { Verb::Create };
            tell(Event::Started { id: node.id.clone(), verb });
            let known = state.known(node.id.as_str(), &desired.key).cloned();
            match registry.of(node.kind) {
                Ok(provider) => workers.spawn(index, &node.id, |task| async move {
                    bring(&*provider, desired, known, start, unanswered, &task).await
                }),
                Err(failure) => workers.spawn(index, &node.id, |_| async move { Err(failure) }),
            }
        }

        // 2. Hear what happened.
        let news = match workers.hear().await {
            LoopEvent::WorkerEvent(news) => news,
            LoopEvent::Drain => {
                halted = true;
                summary.stopped = true;
                if workers.in_flight() > 0 {
                    tell(Event::Draining);
                }
                continue;
            }
            LoopEvent::Idle if halted || pick(&waits, &phases, &weights).is_none() => break,
            LoopEvent::Idle => continue,
            LoopEvent::Leave => {
                let running =
                    |(node, phase): (&Node, &Phase)| matches!(phase, Phase::Running { .. }).then(|| node.id.clone());
                summary.unanswered = graph.nodes.iter().zip(&phases).filter_map(running).collect();
                break;
            }
        };

        // 3. Write down the results; only then may dependents start.
        let mut ready = Vec::new();
        for item in news {
            match item {
                WorkerEvent::Note(id, why) => tell(Event::Noted { id, why }),
                WorkerEvent::End(index, result) => {
                    let id = graph.nodes[index].id.clone();
                    let elapsed = match phases[index] {
                        Phase::Running { since } => since.elapsed(),
                        _ => Duration::ZERO,
                    };
                    match result {
                        Ok((outputs, outcome)) => {
                            record(state, graph, index, &outputs);
                            ready.push((index, id, outputs, outcome, elapsed));
                        }
                        Err(failure) => {
                            phases[index] = Phase::Failed;
                            match failure.cause {
                                Cause::Stopped => {
                                    phases[index] = Phase::Skipped;
                                    summary.stopped = true;
                                    continue;
                                }
                                Cause::Fatal => halted = true,
                                _ => {}
                            }
                            tell(Event::Failed { id: id.clone(), failure: failure.clone(), elapsed });
                            summary.failed.push((id, failure));
                        }
                    }
                }
            }
        }
        if !ready.is_empty() {
            let made = ready.iter().map(|(_, id, outputs, ..)| (id.clone(), outputs.clone())).collect();
            halted |= !save(state, store, made, &mut summary);
            for (index, id, outputs, outcome, elapsed) in ready {
                phases[index] = Phase::Ready { outputs, new: outcome == Outcome::Created };
                tell(Event::Done { id: id.clone(), outcome: outcome.clone(), elapsed });
                summary.done.push((id, outcome));
            }
        }
    }
    save_at_last(state, store, &mut summary);
    summary.abandoned = summary.stopped && stop.level() == StopLevel::Now;
    summary
}

enum Begin {
    Nothing(Value),
    CommandName(Start),
    Refused(Failure),
}

/// What to do first, given what the survey saw; if it looked with another key in mind, look again. What hangs under
/// something new need not be looked for.
fn begin(desired: &Desired, seen: &Seen, under_new: bool) -> Begin {
    let same_key = seen.desired.as_ref().is_some_and(|then| then.key == desired.key);
    match (&seen.result, &seen.observed) {
        (ReadResult::Failed(failure), _) if failure.cause == Cause::Foreign && same_key => {
            Begin::Refused(failure.clone())
        }
        (ReadResult::Live { outputs, .. }, Some(observed)) if same_key => {
            let drift = desired.drift(observed);
            if drift.is_empty() {
                Begin::Nothing(outputs.clone())
            } else if let Some(failure) = desired.requires_replacement(&drift) {
                Begin::Refused(failure)
            } else {
                Begin::CommandName(Start::Update(observed.clone(), drift))
            }
        }
        // Absent without a description in mind: its parent was not there, so neither was it.
        (ReadResult::Absent, _) if same_key || seen.desired.is_none() => Begin::CommandName(Start::Create),
        _ if under_new => Begin::CommandName(Start::Create),
        _ => Begin::CommandName(Start::Look),
    }
}

/// Makes or mends one resource, looking whenever it is not certain what is there. `unanswered`: an earlier run was
/// about to make it, and did not live to hear the answer.
async fn bring(
    provider: &dyn DynProvider,
    desired: Desired,
    known: Option<Value>,
    mut step: Start,
    unanswered: bool,
    task: &Task,
) -> Brought {
    let mut created = 0;
    if unanswered && !provider.name_is_unique() && matches!(step, Start::Look | Start::Create) {
        task.note("looking whether an earlier run made it");
        step = look_often(provider, &desired.key, 1, task).await?.map_or(Start::Create, Start::Have);
    }
    loop {
        step = match step {
            Start::Look => {
                let found = provider.read(desired.key.clone(), known.clone(), task.clone()).await?;
                found.map_or(Start::Create, Start::Have)
            }
            Start::Create | Start::Update(..) if task.stopping() => {
                return Err(Failure::new(Cause::Stopped, "stopped before it was begun"));
            }
            Start::Create => {
                created += 1;
                match provider.create(desired.clone(), task.clone()).await {
                    Ok(outputs) => return Ok((outputs, Outcome::Created)),
                    Err(failure) if matches!(failure.cause, Cause::Unknown | Cause::Exists) => {
                        tracing::info!(resource = %task.id(), "{failure}");
                        task.note(match failure.cause {
                            Cause::Exists => "there is one already: looking whose it is",
                            _ => "no answer came: looking whether it was made after all",
                        });
                        match look_often(provider, &desired.key, created, task).await? {
                            Some(observed) => Start::Have(observed),
                            None if created < CREATES => Start::Create,
                            None => return Err(Failure { cause: Cause::Refused, ..failure }),
                        }
                    }
                    Err(failure) => return Err(failure),
                }
            }
            Start::Have(observed) => {
                let drift = desired.drift(&observed);
                if drift.is_empty() {
                    let outcome = if created > 0 { Outcome::Created } else { Outcome::Adopted };
                    return Ok((observed.outputs, outcome));
                }
                Start::Update(observed, drift)
            }
            Start::Update(observed, drift) => {
                if let Some(failure) = desired.requires_replacement(&drift) {
                    return Err(failure);
                }
                let outputs = provider.update(desired, observed, task.clone()).await?;
                let outcome = if created > 0 { Outcome::Created } else { Outcome::Updated { drift } };
                return Ok((outputs, outcome));
            }
        };
    }
}

/// Looks for what an unanswered create may have made. Lists lag behind creates by some seconds, so where a second
/// create would make a second thing we look for eleven seconds before believing that there is nothing; longer each time
/// that it was created.
pub(super) async fn look_often(
    provider: &dyn DynProvider,
    key: &Value,
    created: u32,
    task: &Task,
) -> Result<Option<Observed>, Failure> {
    let looks: &[u64] = if provider.name_is_unique() { &[250] } else { &[250, 1000, 3000, 7000] };
    for wait in looks {
        if !task.pause(Duration::from_millis(wait * u64::from(created))).await {
            return Err(Failure::new(Cause::Stopped, "stopped while looking for an unanswered create"));
        }
        if let Some(observed) = provider.read(key.clone(), None, task.clone()).await? {
            return Ok(Some(observed));
        }
    }
    Ok(None)
}

/// What each resource waits for: its needs, and if it is there already what it is changed after. What could not be
/// looked at for want of something else is there if it is on record.
fn waits(graph: &Graph, refresh: &Refresh, state: &State) -> Vec<Vec<usize>> {
    let waits = graph.nodes.iter().zip(&refresh.seen).map(|(node, seen)| {
        let there = match seen.result {
            ReadResult::Live { .. } => true,
            ReadResult::Blocked => state.outputs(node.id.as_str()).is_some(),
            ReadResult::Absent | ReadResult::Failed(_) => false,
        };
        node.needs.iter().chain(node.after.iter().filter(|_| there)).copied().collect()
    });
    waits.collect()
}

/// The waiting resource with all that it waits for ready and most hanging on it.
fn pick(waits: &[Vec<usize>], phases: &[Phase], weights: &[usize]) -> Option<usize> {
    let ready = |index: &usize| {
        matches!(phases[*index], Phase::Waiting)
            && waits[*index].iter().all(|&first| matches!(phases[first], Phase::Ready { .. }))
    };
    (0..waits.len()).filter(ready).max_by_key(|&index| (weights[index], std::cmp::Reverse(index)))
}

fn inputs(graph: &Graph, index: usize, phases: &[Phase]) -> Vec<Value> {
    let output = |&need: &usize| match &phases[need] {
        Phase::Ready { outputs, .. } => outputs.clone(),
        _ => Value::Null,
    };
    graph.nodes[index].needs.iter().map(output).collect()
}

/// Marks what can no longer be begun, naming what failed.
fn skip_dependents(
    graph: &Graph,
    waits: &[Vec<usize>],
    phases: &mut [Phase],
    summary: &mut Summary,
    tell: &mut (dyn FnMut(Event) + Send),
) {
    let mut culprits: Vec<Option<Id>> = vec![None; phases.len()];
    for index in 0..phases.len() {
        let node = &graph.nodes[index];
        match phases[index] {
            Phase::Failed => culprits[index] = Some(node.id.clone()),
            Phase::Waiting => {
                if let Some(because) = waits[index].iter().find_map(|&need| culprits[need].clone()) {
                    phases[index] = Phase::Skipped;
                    culprits[index] = Some(because.clone());
                    tell(Event::Skipped { id: node.id.clone(), because: because.clone() });
                    summary.skipped.push((node.id.clone(), because));
                }
            }
            _ => {}
        }
    }
}

fn row(graph: &Graph, index: usize, desired: &Desired, status: Status, outputs: Option<Value>) -> Record {
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

/// Puts the intent on record; whether that changed anything.
fn intend(state: &mut State, graph: &Graph, index: usize, desired: &Desired, start: &Start) -> bool {
    let id = graph.nodes[index].id.as_str();
    let (status, outputs) = match start {
        Start::Create => (Status::Creating, None),
        Start::Have(observed) | Start::Update(observed, _) => (Status::Updating, Some(observed.outputs.clone())),
        Start::Look => match state.outputs(id) {
            Some(outputs) => (Status::Updating, Some(outputs.clone())),
            None => (Status::Creating, None),
        },
    };
    let row = row(graph, index, desired, status, outputs);
    state.resources.insert(id.to_owned(), row.clone()).as_ref() != Some(&row)
}

/// Puts on record what is there already; whether that was news.
fn settle(state: &mut State, graph: &Graph, index: usize, desired: &Desired, outputs: &Value) -> bool {
    let row = row(graph, index, desired, Status::Ready, Some(outputs.clone()));
    state.resources.insert(graph.nodes[index].id.to_string(), row.clone()).as_ref() != Some(&row)
}

fn record(state: &mut State, graph: &Graph, index: usize, outputs: &Value) {
    if let Some(row) = state.resources.get_mut(graph.nodes[index].id.as_str()) {
        row.status = Status::Ready;
        row.outputs = Some(outputs.clone());
    }
}

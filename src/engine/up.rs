//! START HERE. The loop that brings a stack up: it alone owns the state, the schedule and the events while it runs.
//! Tasks are handed what they need and only return values.
//!
//! Told to stop (Ctrl-C, a failed save, expired credentials) it stops starting and never stops finishing: dropping a
//! create in flight would lose the id it returns. Hence no `?` in the loop.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::Id;
use super::erased::{AnyProvider, Registry, Sighting, Wish};
use super::event::{Event, Outcome, Summary, Verb};
use super::failure::{Cause, Failure};
use super::graph::{Graph, Node};
use super::resource::Drift;
use super::save::{save, save_at_last};
use super::survey::{Seen, Sight, Survey, make};
use super::task::{Halt, Stop, Task};
use super::workers::{Heard, News, Workers};
use crate::state::{Journal, Record, State, Status};

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
    pub fixed: Vec<Id>,
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
    Depends,
    /// Nothing: it could not be read, or belongs to a stranger.
    Refuse {
        /// Why.
        failure: Failure,
    },
}

impl Plan {
    /// What would be done, from what was seen and what is on record.
    pub fn new(graph: &Graph, survey: &Survey, state: &State) -> Self {
        let (mut lost_guards, mut fixed) = (Vec::new(), Vec::new());
        let changes = graph.nodes.iter().zip(&survey.seen).enumerate().map(|(index, (node, seen))| {
            let on_record = state.resources.get(node.id.as_str());
            let settled = |wish: &Wish, outputs: &Value| {
                on_record == Some(&row(graph, index, wish, Status::Ready, Some(outputs.clone())))
            };
            let was_there = on_record.is_some_and(|record| matches!(record.status, Status::Ready | Status::Updating));
            if seen.sight == Sight::Absent && node.guards && was_there {
                lost_guards.push(node.id.clone());
            }
            let change = match &seen.sight {
                Sight::Blocked if on_record.is_some_and(|record| record.outputs.is_some()) => Change::Depends,
                Sight::Absent | Sight::Blocked => Change::Create,
                Sight::Failed(failure) => Change::Refuse { failure: failure.clone() },
                Sight::Live { drift, .. } if !drift.is_empty() => {
                    match seen.wish.as_ref().and_then(|wish| wish.fixed(drift)) {
                        Some(failure) => {
                            fixed.push(node.id.clone());
                            Change::Refuse { failure }
                        }
                        None => Change::Update { drift: drift.clone() },
                    }
                }
                Sight::Live { outputs, .. } if seen.wish.as_ref().is_some_and(|wish| settled(wish, outputs)) => {
                    Change::Keep
                }
                Sight::Live { .. } => Change::Adopt,
            };
            (node.id.clone(), node.kind, change)
        });
        let changes = changes.collect();
        Self { changes, removals: unwanted(graph, state), lost_guards, fixed }
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
    Have(Sighting),
    Converge(Sighting, Vec<Drift>),
}

type Brought = Result<(Value, Outcome), Failure>;

/// Brings everything in `graph` to what is wanted, `jobs` resources at a time.
///
/// Whatever happens is in the summary; the state holds, and `journal` has saved, all that was learned.
#[allow(clippy::too_many_arguments, reason = "the loop is handed everything it owns, once, by one caller")]
pub async fn up(
    graph: &Graph,
    registry: &Registry,
    survey: Survey,
    state: &mut State,
    journal: &mut dyn Journal,
    jobs: usize,
    stop: &Stop,
    tell: &mut (dyn FnMut(Event) + Send),
) -> Summary {
    let mut phases: Vec<Phase> = graph.nodes.iter().map(|_| Phase::Waiting).collect();
    let weights = graph.weights();
    let waits = waits(graph, &survey, state);
    let mut workers: Workers<Brought> = Workers::new(stop.clone());
    let mut summary = Summary::default();
    let mut halted = false;
    tell(Event::Began { total: graph.nodes.len() });

    loop {
        // 1. Start what is ready, the longest chain of dependents first. All intents go to disk in one write.
        let mut starting: Vec<(usize, Wish, Start, bool)> = Vec::new();
        let mut dirty = false;
        while let Some(index) = pick(&waits, &phases, &weights).filter(|_| !halted && stop.halt() == Halt::No) {
            let free = jobs.max(1).saturating_sub(workers.in_flight() + starting.len());
            let inputs = inputs(graph, index, &phases);
            let wish = make(graph, index, &inputs);
            let id = &graph.nodes[index].id;
            let under_new = graph.nodes[index]
                .parent
                .is_some_and(|parent| matches!(phases[parent], Phase::Ready { new: true, .. }));
            match begin(&wish, &survey.seen[index], under_new) {
                Begin::Refused(failure) => {
                    phases[index] = Phase::Failed;
                    tell(Event::Failed { id: id.clone(), failure: failure.clone(), elapsed: Duration::ZERO });
                    summary.failed.push((id.clone(), failure));
                }
                Begin::Nothing(outputs) => {
                    let news = settle(state, graph, index, &wish, &outputs);
                    dirty |= news;
                    let outcome = if news { Outcome::Adopted } else { Outcome::Unchanged };
                    phases[index] = Phase::Ready { outputs, new: false };
                    tell(Event::Done { id: id.clone(), outcome: outcome.clone(), elapsed: Duration::ZERO });
                    summary.done.push((id.clone(), outcome));
                }
                Begin::Work(_) if free == 0 => break,
                Begin::Work(start) => {
                    let unanswered = state.unanswered(id.as_str());
                    dirty |= intend(state, graph, index, &wish, &start);
                    phases[index] = Phase::Running { since: Instant::now() };
                    starting.push((index, wish, start, unanswered));
                }
            }
        }
        skip_dependents(graph, &waits, &mut phases, &mut summary, tell);
        if dirty && !save(state, journal, Vec::new(), &mut summary) {
            halted = true;
            for (index, ..) in starting.drain(..) {
                phases[index] = Phase::Waiting;
            }
        }
        for (index, wish, start, unanswered) in starting {
            let node = &graph.nodes[index];
            let verb = if matches!(start, Start::Converge(..)) { Verb::Converge } else { Verb::Create };
            tell(Event::Started { id: node.id.clone(), verb });
            let known = state.known(node.id.as_str(), &wish.key).cloned();
            match registry.of(node.kind) {
                Ok(provider) => workers.spawn(index, &node.id, |task| async move {
                    bring(&*provider, wish, known, start, unanswered, &task).await
                }),
                Err(failure) => workers.spawn(index, &node.id, |_| async move { Err(failure) }),
            }
        }

        // 2. Hear what happened.
        let news = match workers.hear().await {
            Heard::News(news) => news,
            Heard::Drain => {
                halted = true;
                summary.stopped = true;
                if workers.in_flight() > 0 {
                    tell(Event::Draining);
                }
                continue;
            }
            Heard::Idle if halted || pick(&waits, &phases, &weights).is_none() => break,
            Heard::Idle => continue,
            Heard::Leave => {
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
                News::Note(id, why) => tell(Event::Noted { id, why }),
                News::End(index, result) => {
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
            halted |= !save(state, journal, made, &mut summary);
            for (index, id, outputs, outcome, elapsed) in ready {
                phases[index] = Phase::Ready { outputs, new: outcome == Outcome::Created };
                tell(Event::Done { id: id.clone(), outcome: outcome.clone(), elapsed });
                summary.done.push((id, outcome));
            }
        }
    }
    save_at_last(state, journal, &mut summary);
    summary.abandoned = summary.stopped && stop.halt() == Halt::Now;
    summary
}

enum Begin {
    Nothing(Value),
    Work(Start),
    Refused(Failure),
}

/// What to do first, given what the survey saw; if it looked with another key in mind, look again. What hangs under
/// something new need not be looked for.
fn begin(wish: &Wish, seen: &Seen, under_new: bool) -> Begin {
    let same_key = seen.wish.as_ref().is_some_and(|then| then.key == wish.key);
    match (&seen.sight, &seen.sighting) {
        (Sight::Failed(failure), _) if failure.cause == Cause::Foreign && same_key => Begin::Refused(failure.clone()),
        (Sight::Live { outputs, .. }, Some(sighting)) if same_key => {
            let drift = wish.drift(sighting);
            if drift.is_empty() {
                Begin::Nothing(outputs.clone())
            } else if let Some(failure) = wish.fixed(&drift) {
                Begin::Refused(failure)
            } else {
                Begin::Work(Start::Converge(sighting.clone(), drift))
            }
        }
        // Absent without a description in mind: its parent was not there, so neither was it.
        (Sight::Absent, _) if same_key || seen.wish.is_none() => Begin::Work(Start::Create),
        _ if under_new => Begin::Work(Start::Create),
        _ => Begin::Work(Start::Look),
    }
}

/// Makes or mends one resource, looking whenever it is not certain what is there. `unanswered`: an earlier run was
/// about to make it, and did not live to hear the answer.
async fn bring(
    provider: &dyn AnyProvider,
    wish: Wish,
    known: Option<Value>,
    mut step: Start,
    unanswered: bool,
    task: &Task,
) -> Brought {
    let mut created = 0;
    if unanswered && !provider.name_is_unique() && matches!(step, Start::Look | Start::Create) {
        task.note("looking whether an earlier run made it");
        step = look_often(provider, &wish.key, 1, task).await?.map_or(Start::Create, Start::Have);
    }
    loop {
        step = match step {
            Start::Look => {
                let found = provider.find(wish.key.clone(), known.clone(), task.clone()).await?;
                found.map_or(Start::Create, Start::Have)
            }
            Start::Create | Start::Converge(..) if task.stopping() => {
                return Err(Failure::new(Cause::Stopped, "stopped before it was begun"));
            }
            Start::Create => {
                created += 1;
                match provider.create(wish.clone(), task.clone()).await {
                    Ok(outputs) => return Ok((outputs, Outcome::Created)),
                    Err(failure) if matches!(failure.cause, Cause::Unknown | Cause::Exists) => {
                        tracing::info!(resource = %task.id(), "{failure}");
                        task.note(match failure.cause {
                            Cause::Exists => "there is one already: looking whose it is",
                            _ => "no answer came: looking whether it was made after all",
                        });
                        match look_often(provider, &wish.key, created, task).await? {
                            Some(sighting) => Start::Have(sighting),
                            None if created < CREATES => Start::Create,
                            None => return Err(Failure { cause: Cause::Refused, ..failure }),
                        }
                    }
                    Err(failure) => return Err(failure),
                }
            }
            Start::Have(sighting) => {
                let drift = wish.drift(&sighting);
                if drift.is_empty() {
                    let outcome = if created > 0 { Outcome::Created } else { Outcome::Adopted };
                    return Ok((sighting.outputs, outcome));
                }
                Start::Converge(sighting, drift)
            }
            Start::Converge(sighting, drift) => {
                if let Some(failure) = wish.fixed(&drift) {
                    return Err(failure);
                }
                let outputs = provider.converge(wish, sighting, drift.clone(), task.clone()).await?;
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
    provider: &dyn AnyProvider,
    key: &Value,
    created: u32,
    task: &Task,
) -> Result<Option<Sighting>, Failure> {
    let looks: &[u64] = if provider.name_is_unique() { &[250] } else { &[250, 1000, 3000, 7000] };
    for wait in looks {
        if !task.pause(Duration::from_millis(wait * u64::from(created))).await {
            return Err(Failure::new(Cause::Stopped, "stopped while looking for an unanswered create"));
        }
        if let Some(sighting) = provider.find(key.clone(), None, task.clone()).await? {
            return Ok(Some(sighting));
        }
    }
    Ok(None)
}

/// What each resource waits for: its needs, and if it is there already what it is changed after. What could not be
/// looked at for want of something else is there if it is on record.
fn waits(graph: &Graph, survey: &Survey, state: &State) -> Vec<Vec<usize>> {
    let waits = graph.nodes.iter().zip(&survey.seen).map(|(node, seen)| {
        let there = match seen.sight {
            Sight::Live { .. } => true,
            Sight::Blocked => state.outputs(node.id.as_str()).is_some(),
            Sight::Absent | Sight::Failed(_) => false,
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

fn row(graph: &Graph, index: usize, wish: &Wish, status: Status, outputs: Option<Value>) -> Record {
    let node = &graph.nodes[index];
    Record {
        kind: node.kind.to_owned(),
        status,
        key: wish.key.clone(),
        outputs,
        parent: node.parent.map(|parent| graph.nodes[parent].id.to_string()),
        needs: node.needs.iter().map(|&need| graph.nodes[need].id.to_string()).collect(),
    }
}

/// Puts the intent on record; whether that changed anything.
fn intend(state: &mut State, graph: &Graph, index: usize, wish: &Wish, start: &Start) -> bool {
    let id = graph.nodes[index].id.as_str();
    let (status, outputs) = match start {
        Start::Create => (Status::Creating, None),
        Start::Have(sighting) | Start::Converge(sighting, _) => (Status::Updating, Some(sighting.outputs.clone())),
        Start::Look => match state.outputs(id) {
            Some(outputs) => (Status::Updating, Some(outputs.clone())),
            None => (Status::Creating, None),
        },
    };
    let row = row(graph, index, wish, status, outputs);
    state.resources.insert(id.to_owned(), row.clone()).as_ref() != Some(&row)
}

/// Puts on record what is there already; whether that was news.
fn settle(state: &mut State, graph: &Graph, index: usize, wish: &Wish, outputs: &Value) -> bool {
    let row = row(graph, index, wish, Status::Ready, Some(outputs.clone()));
    state.resources.insert(graph.nodes[index].id.to_string(), row.clone()).as_ref() != Some(&row)
}

fn record(state: &mut State, graph: &Graph, index: usize, outputs: &Value) {
    if let Some(row) = state.resources.get_mut(graph.nodes[index].id.as_str()) {
        row.status = Status::Ready;
        row.outputs = Some(outputs.clone());
    }
}

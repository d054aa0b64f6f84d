//! Takes a stack away: group by group in the order it is given, side by side within a group, what needs a thing before
//! the thing. Works from what is on record, from what the graph finds, or from both; and looks again afterwards.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Id;
use super::erased::Registry;
use super::event::{Event, Outcome, Summary, Verb};
use super::failure::{Cause, Failure};
use super::graph::Graph;
use super::save::save;
use super::stock::Listed;
use super::survey::{Sight, Survey, stopped};
use super::task::{Halt, Stop};
use super::up::{look_often, unwanted};
use super::workers::{Heard, News, Workers};
use crate::state::{Journal, Record, State, Status};

/// One thing to be removed.
#[derive(Debug, Clone)]
pub struct Target {
    /// Which.
    pub id: Id,
    /// Its kind.
    pub kind: String,
    /// How to look for it.
    pub key: Value,
    /// Its ids, as just seen.
    pub outputs: Value,
    /// It goes with this when this goes.
    goes_with: Option<Id>,
    parent: Option<Id>,
    needs: Vec<Id>,
}

/// What there is to remove: everything live that the graph describes, and everything on record that it does not.
/// `None` for the graph where there is no stack file.
///
/// Rows that turn out to be of nothing, or of a stranger's thing, are taken off the record; the latter are returned
/// second, with what they are. Nothing else is written.
///
/// # Errors
/// Whatever kept us from looking: what cannot be seen must not be taken for gone.
pub async fn targets(
    graph: &Graph,
    survey: &Survey,
    registry: &Registry,
    state: &mut State,
    stop: &Stop,
) -> Result<(Vec<Target>, Vec<(Id, Failure)>), Failure> {
    let mut targets = Vec::new();
    let mut strangers = Vec::new();
    let mut unseen: HashSet<Id> = unwanted(graph, state).into_iter().collect();
    for (node, seen) in graph.nodes.iter().zip(&survey.seen) {
        match (&seen.sight, &seen.wish) {
            (Sight::Live { outputs, .. }, Some(wish)) => targets.push(Target {
                id: node.id.clone(),
                kind: node.kind.to_owned(),
                key: wish.key.clone(),
                outputs: outputs.clone(),
                goes_with: node.goes_with_parent.then(|| node.parent.map(|p| graph.nodes[p].id.clone())).flatten(),
                parent: node.parent.map(|parent| graph.nodes[parent].id.clone()),
                needs: node.needs.iter().map(|&need| graph.nodes[need].id.clone()).collect(),
            }),
            (Sight::Failed(failure), _) if failure.cause == Cause::Foreign => {
                state.resources.remove(node.id.as_str());
                strangers.push((node.id.clone(), failure.clone()));
            }
            (Sight::Failed(failure), _) => return Err(failure.clone()),
            (Sight::Absent, _) if !state.unanswered(node.id.as_str()) => {
                state.resources.remove(node.id.as_str());
            }
            // What it was made from is gone, so the graph cannot say where it is; the record can. Or its create was
            // cut off and one look is not enough.
            _ => {
                unseen.insert(node.id.clone());
            }
        }
    }
    let (more, more_strangers) = recorded_targets(unseen, registry, state, stop).await?;
    targets.extend(more);
    strangers.extend(more_strangers);
    targets.sort_by(|a, b| a.id.cmp(&b.id));
    Ok((targets, strangers))
}

/// What is on record and no longer in the graph: for removal at the end of `up`.
///
/// # Errors
/// As [`targets`].
pub async fn unwanted_targets(
    graph: &Graph,
    registry: &Registry,
    state: &mut State,
    stop: &Stop,
) -> Result<Vec<Target>, Failure> {
    let mut gone: HashSet<Id> = unwanted(graph, state).into_iter().collect();
    // One that goes by another id now is wanted still, and only its old row goes.
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
    Ok(recorded_targets(gone, registry, state, stop).await?.0)
}

/// Adds what lists show to what is to be removed, where it is not among that already. Returns what was added.
pub fn add_listed<'a>(targets: &mut Vec<Target>, listed: impl IntoIterator<Item = &'a Listed>) -> Vec<Target> {
    let first = targets.len();
    let mut resting: Vec<(usize, &str)> = Vec::new();
    // What hangs under a thing is listed after it, and names it by its ARN.
    let mut known: HashMap<&str, Id> = HashMap::new();
    for one in listed {
        if let Some(target) = targets.iter().find(|target| one.is(&target.kind, &target.outputs)) {
            known.insert(&one.arn, target.id.clone());
            continue;
        }
        // Names are not unique everywhere: there may be a second pool that says it is the same resource of the stack.
        let taken = targets.iter().any(|target| target.id == one.id);
        let id = if taken { Id::from(format!("{} ({})", one.id, one.arn)) } else { one.id.clone() };
        known.insert(&one.arn, id.clone());
        let parent = one.under.as_deref().and_then(|arn| known.get(arn)).cloned();
        resting.extend(one.rests_on.map(|kind| (targets.len(), kind)));
        targets.push(Target {
            id,
            kind: one.kind.to_owned(),
            key: one.key.clone(),
            outputs: one.outputs.clone(),
            goes_with: parent.clone().filter(|_| one.goes_with_parent),
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

type Strangers = Vec<(Id, Failure)>;

/// Looks for rows by what they say of themselves.
async fn recorded_targets(
    ids: HashSet<Id>,
    registry: &Registry,
    state: &mut State,
    stop: &Stop,
) -> Result<(Vec<Target>, Strangers), Failure> {
    let (mut targets, mut strangers) = (Vec::new(), Vec::new());
    let rows: Vec<(Id, Record)> =
        ids.into_iter().filter_map(|id| state.resources.get(id.as_str()).cloned().map(|row| (id, row))).collect();
    let looks = rows.iter().map(|(id, row)| Look {
        id: id.clone(),
        kind: row.kind.clone(),
        key: row.key.clone(),
        known: row.outputs.clone(),
        often: state.unanswered(id.as_str()),
    });
    let looks = looks.collect();
    for ((id, row), found) in rows.iter().zip(find_all(looks, registry, stop).await) {
        match found {
            Ok(Some(outputs)) => {
                let parent = row.parent.as_deref().map(Id::from);
                let cascades = registry.of(&row.kind)?.goes_with_parent();
                targets.push(Target {
                    id: id.clone(),
                    kind: row.kind.clone(),
                    key: row.key.clone(),
                    outputs,
                    goes_with: parent.clone().filter(|_| cascades),
                    parent,
                    needs: row.needs.iter().map(|need| Id::from(need.as_str())).collect(),
                });
            }
            Ok(None) => {
                state.resources.remove(id.as_str());
            }
            Err(failure) if failure.cause == Cause::Foreign => {
                state.resources.remove(id.as_str());
                strangers.push((id.clone(), failure));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok((targets, strangers))
}

/// Looks for every target once more, all side by side; what is still there, or could not be looked for. By name, not by
/// id: something of ours that has the name is left over, whatever its id.
pub async fn look_again(targets: &[Target], registry: &Registry, stop: &Stop) -> Vec<(Id, Result<Value, Failure>)> {
    let looks = targets.iter().map(|target| Look {
        id: target.id.clone(),
        kind: target.kind.clone(),
        key: target.key.clone(),
        known: None,
        often: false,
    });
    let found = find_all(looks.collect(), registry, stop).await;
    targets
        .iter()
        .zip(found)
        .filter_map(|(target, found)| match found {
            Ok(None) => None,
            Ok(Some(outputs)) => Some((target.id.clone(), Ok(outputs))),
            // A stranger has taken the name in the meantime: ours is gone.
            Err(failure) if failure.cause == Cause::Foreign => None,
            Err(failure) => Some((target.id.clone(), Err(failure))),
        })
        .collect()
}

/// One thing to be looked for.
struct Look {
    id: Id,
    kind: String,
    key: Value,
    known: Option<Value>,
    /// Lists may not show it yet.
    often: bool,
}

async fn find_all(looks: Vec<Look>, registry: &Registry, stop: &Stop) -> Vec<Result<Option<Value>, Failure>> {
    let mut workers = Workers::new(stop.clone());
    let mut found: Vec<Result<Option<Value>, Failure>> = vec![Err(stopped()); looks.len()];
    for (index, Look { id, kind, key, known, often }) in looks.into_iter().enumerate() {
        let provider = registry.of(&kind);
        workers.spawn(index, &id, |task| async move {
            let provider = provider?;
            let sighting = if often {
                look_often(&*provider, &key, 1, &task).await?
            } else {
                provider.find(key, known, task).await?
            };
            Ok(sighting.map(|sighting| sighting.outputs))
        });
    }
    loop {
        tokio::select! {
            biased;
            () = stop.reached(Halt::Drain) => return found,
            news = workers.next() => match news {
                Some(News::End(index, result)) => found[index] = result,
                Some(News::Note(..)) => {}
                None => return found,
            }
        }
    }
}

/// Where a target stands in this run.
#[derive(PartialEq)]
enum Phase {
    Waiting,
    Running(Instant),
    Gone,
    Kept,
}

/// Removes `targets`, `jobs` at a time; `group` gives a kind's place in the cleanup order.
///
/// The record of each is taken out once it is gone, so that a run may be cut off anywhere and taken up again.
#[allow(clippy::too_many_arguments, reason = "the loop is handed everything it owns, once, by one caller")]
pub async fn down(
    targets: &[Target],
    group: &(dyn Fn(&str) -> usize + Sync),
    registry: &Registry,
    state: &mut State,
    journal: &mut dyn Journal,
    jobs: usize,
    stop: &Stop,
    tell: &mut (dyn FnMut(Event) + Send),
) -> Summary {
    let mut summary = Summary::default();
    tell(Event::Began { total: targets.len() });
    for target in targets {
        state.resources.insert(target.id.to_string(), target.record());
    }
    // Even if there is nothing to remove: looking for it may have taken rows off the record.
    if !save(state, journal, Vec::new(), &mut summary) {
        return summary;
    }

    let order = Order::new(targets, group);
    let mut phases: Vec<Phase> = targets.iter().map(|_| Phase::Waiting).collect();
    let mut workers: Workers<Result<(), Failure>> = Workers::new(stop.clone());
    let mut halted = false;
    loop {
        if !halted && stop.halt() == Halt::No {
            order.skip(targets, &mut phases, &mut summary, tell);
            while workers.in_flight() < jobs.max(1)
                && let Some(index) = order.next(&phases)
            {
                let target = &targets[index];
                phases[index] = Phase::Running(Instant::now());
                tell(Event::Started { id: target.id.clone(), verb: Verb::Delete });
                let (provider, outputs) = (registry.of(&target.kind), target.outputs.clone());
                workers.spawn(index, &target.id, |task| async move { provider?.delete(outputs, task).await });
            }
        }
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
            Heard::Idle => break,
            Heard::Leave => {
                let running =
                    |(target, phase): (&Target, &Phase)| matches!(phase, Phase::Running(_)).then(|| target.id.clone());
                summary.unanswered = targets.iter().zip(&phases).filter_map(running).collect();
                break;
            }
        };
        let mut changed = false;
        for item in news {
            let (index, result) = match item {
                News::Note(id, why) => {
                    tell(Event::Noted { id, why });
                    continue;
                }
                News::End(index, result) => (index, result),
            };
            let elapsed = match phases[index] {
                Phase::Running(since) => since.elapsed(),
                _ => Duration::ZERO,
            };
            let id = targets[index].id.clone();
            match result {
                Ok(()) => {
                    changed = true;
                    phases[index] = Phase::Gone;
                    state.resources.remove(id.as_str());
                    tell(Event::Done { id: id.clone(), outcome: Outcome::Deleted, elapsed });
                    summary.done.push((id, Outcome::Deleted));
                    for child in order.went_with(index) {
                        let id = targets[child].id.clone();
                        phases[child] = Phase::Gone;
                        state.resources.remove(id.as_str());
                        tell(Event::Done { id: id.clone(), outcome: Outcome::WentWithParent, elapsed: Duration::ZERO });
                        summary.done.push((id, Outcome::WentWithParent));
                    }
                }
                Err(failure) => {
                    phases[index] = Phase::Kept;
                    match failure.cause {
                        Cause::Stopped => {
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
        if changed && !save(state, journal, Vec::new(), &mut summary) {
            halted = true;
        }
    }
    summary.abandoned = summary.stopped && stop.halt() == Halt::Now;
    summary
}

impl Target {
    /// Whether this is the thing that a list shows.
    pub fn is(&self, listed: &Listed) -> bool {
        listed.is(&self.kind, &self.outputs)
    }

    /// What it goes before.
    #[cfg(test)]
    pub(super) fn needs(&self) -> &[Id] {
        &self.needs
    }

    fn record(&self) -> Record {
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

/// When a target's turn comes.
struct Order {
    groups: Vec<usize>,
    /// For each that has a call of its own, what must go first: what was made from it, or from anything that goes with
    /// it, or has something made from it going with it.
    dependents: Vec<Vec<usize>>,
    /// For each, the parent whose removal takes it along.
    carried: Vec<Option<usize>>,
}

impl Order {
    fn new(targets: &[Target], group: &dyn Fn(&str) -> usize) -> Self {
        let place: HashMap<&Id, usize> = targets.iter().enumerate().map(|(index, t)| (&t.id, index)).collect();
        let groups: Vec<usize> = targets.iter().map(|t| group(&t.kind)).collect();
        let carried: Vec<Option<usize>> =
            targets.iter().map(|t| t.goes_with.as_ref().and_then(|parent| place.get(parent).copied())).collect();
        let root = |index| std::iter::successors(Some(index), |&child: &usize| carried[child]).last().unwrap_or(index);

        let mut edges: Vec<Vec<(usize, bool)>> = vec![Vec::new(); targets.len()];
        for (index, target) in targets.iter().enumerate() {
            for &need in target.needs.iter().filter_map(|need| place.get(need)) {
                let (first, then) = (root(index), root(need));
                if first != then && groups[first] <= groups[then] {
                    edges[then].push((first, first == index && then == need));
                }
            }
        }
        // Children can close a circle: an API's method names a function, whose permission names the API. Such edges
        // give way; those without children between them never make one.
        let dependents = (0..targets.len()).map(|index| {
            let counts = |&&(first, direct): &&(usize, bool)| direct || !leads(&edges, first, index);
            edges[index].iter().filter(counts).map(|&(first, _)| first).collect()
        });
        Self { dependents: dependents.collect(), groups, carried }
    }

    /// A waiting target all of whose forerunners are through.
    fn next(&self, phases: &[Phase]) -> Option<usize> {
        let pending = |index: usize| matches!(phases[index], Phase::Waiting | Phase::Running(_));
        let own_call = |index: usize| self.carried[index].is_none();
        (0..phases.len()).find(|&index| {
            phases[index] == Phase::Waiting
                && own_call(index)
                && !self.dependents[index].iter().any(|&dependent| pending(dependent))
                && (0..phases.len())
                    .all(|other| !pending(other) || !own_call(other) || self.groups[other] >= self.groups[index])
        })
    }

    /// Marks what cannot go because something made from it could not, or what it goes with could not; naming what
    /// failed.
    fn skip(
        &self,
        targets: &[Target],
        phases: &mut [Phase],
        summary: &mut Summary,
        tell: &mut (dyn FnMut(Event) + Send),
    ) {
        loop {
            let stuck = (0..phases.len()).filter(|&index| phases[index] == Phase::Waiting).find_map(|index| {
                let mut firsts = self.dependents[index].iter().chain(&self.carried[index]);
                Some((index, *firsts.find(|&&first| phases[first] == Phase::Kept)?))
            });
            let Some((index, first)) = stuck else { return };
            phases[index] = Phase::Kept;
            let (id, first) = (targets[index].id.clone(), &targets[first].id);
            let because =
                summary.skipped.iter().find(|(id, _)| id == first).map_or(first, |(_, because)| because).clone();
            tell(Event::Skipped { id: id.clone(), because: because.clone() });
            summary.skipped.push((id, because));
        }
    }

    /// Everything that goes when this one goes, however deep.
    fn went_with(&self, index: usize) -> Vec<usize> {
        let mut gone = vec![index];
        let mut next = 0;
        while next < gone.len() {
            let parent = gone[next];
            gone.extend((0..self.carried.len()).filter(|&child| self.carried[child] == Some(parent)));
            next += 1;
        }
        gone.split_off(1)
    }
}

/// Whether there is a way along the edges.
fn leads(edges: &[Vec<(usize, bool)>], from: usize, to: usize) -> bool {
    let (mut reached, mut next) = (vec![from], 0);
    while let Some(&index) = reached.get(next) {
        for &(further, _) in &edges[index] {
            if !reached.contains(&further) {
                reached.push(further);
            }
        }
        next += 1;
    }
    reached.contains(&to)
}

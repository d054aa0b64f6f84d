//! A machine that runs the engine against the fake cloud: its disk, its power, and commands as a user gives them.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use securelambda::engine::{
    self, CancellationToken, Cleanup, Event, Failure, FoundTargets, Graph, Id, Outcome, Plan, Refresh, StopLevel,
    Summary,
};
use securelambda::state::{Answer, FileError, State, StateError, StateId, StateStore};
use tokio::sync::watch;
use tokio::time::Instant;

use super::fake::{Cloud, registry};

/// The power of a machine. Once it is cut nothing that the machine does has an effect.
#[derive(Clone)]
pub struct Power(Arc<watch::Sender<bool>>);

impl Power {
    pub fn cut(&self) {
        self.0.send_replace(true);
    }

    pub fn is_cut(&self) -> bool {
        *self.0.borrow()
    }

    async fn gone(&self) {
        self.0.subscribe().wait_for(|cut| *cut).await.unwrap();
    }
}

/// A state file in memory; clones are the same one.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<Sectors>>);

struct Sectors {
    state: State,
    saves: usize,
    cut_after: Option<usize>,
    fail: Option<usize>,
    full_from: Option<usize>,
    last_room: Option<usize>,
    power: Power,
}

impl Disk {
    fn new() -> Self {
        let id = StateId { stack: "toy".into(), account: "123456789012".into(), region: "eu-central-1".into() };
        let state = State::new(&id, None);
        let power = Power(Arc::new(watch::Sender::new(false)));
        Self(Arc::new(Mutex::new(Sectors {
            state,
            saves: 0,
            cut_after: None,
            fail: None,
            full_from: None,
            last_room: None,
            power,
        })))
    }

    /// The power goes as soon as the `nth` save from now is on disk.
    pub fn cut_after(&self, nth: usize) {
        self.sectors().cut_after = Some(nth);
    }

    /// The `nth` save from now fails.
    pub fn fail(&self, nth: usize) {
        self.sectors().fail = Some(nth);
    }

    /// It is full from the `nth` save from now on: none goes well.
    pub fn fill(&self, nth: usize) {
        self.sectors().full_from = Some(nth);
    }

    /// The `nth` save from now takes the room that is kept for the end; those after it find some by chance.
    pub fn take_last_room(&self, nth: usize) {
        self.sectors().last_room = Some(nth);
    }

    /// Behaves from now on.
    pub fn calm(&self) {
        let mut sectors = self.sectors();
        (sectors.cut_after, sectors.fail, sectors.full_from, sectors.last_room) = (None, None, None, None);
    }

    /// The saves since the last time this was asked.
    pub fn saves(&self) -> usize {
        std::mem::take(&mut self.sectors().saves)
    }

    /// What is on it.
    pub fn state(&self) -> State {
        self.sectors().state.clone()
    }

    /// The state file is lost.
    pub fn wipe(&self) {
        self.sectors().state.resources.clear();
    }

    pub fn power(&self) -> Power {
        self.sectors().power.clone()
    }

    fn sectors(&self) -> MutexGuard<'_, Sectors> {
        self.0.lock().unwrap()
    }
}

impl StateStore for Disk {
    fn save<'a>(&'a mut self, state: &'a State) -> Answer<'a, ()> {
        Box::pin(async move { self.write(state) })
    }

    fn delete(&mut self) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

impl Disk {
    fn write(&self, state: &State) -> Result<(), StateError> {
        let mut sectors = self.sectors();
        if sectors.power.is_cut() {
            return Ok(());
        }
        sectors.full_from = sectors.full_from.map(|left| left.saturating_sub(1));
        if countdown(&mut sectors.fail) || sectors.full_from == Some(0) {
            let (path, error) = (PathBuf::from("toy.json"), io::Error::from(io::ErrorKind::StorageFull));
            return Err(FileError::Io { what: "file", verb: "written", path, error }.into());
        }
        assert!(state.serial > sectors.state.serial, "every save has a higher serial");
        sectors.state = state.clone();
        sectors.saves += 1;
        if countdown(&mut sectors.cut_after) {
            sectors.power.cut();
        }
        if countdown(&mut sectors.last_room) {
            return Err(FileError::LastRoom { path: PathBuf::from("toy.json") }.into());
        }
        Ok(())
    }
}

fn countdown(left: &mut Option<usize>) -> bool {
    *left = left.map(|left| left.saturating_sub(1));
    left.take_if(|left| *left == 0).is_some()
}

/// How one command went.
#[derive(Debug)]
pub struct Run {
    pub summary: Summary,
    pub events: Vec<Event>,
    pub took: Duration,
    /// What `down` left alone because it is a stranger's.
    pub strangers: Vec<(Id, Failure)>,
    /// What `down` could not read, and so left alone.
    pub unseen: Vec<(Id, Failure)>,
    /// What was still there after a `down`.
    pub left: Vec<Id>,
}

impl Run {
    /// Asserts that all that was asked for was done.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(self.summary.succeeded(), "{:#?}", self.summary);
        self
    }

    /// The ids whose outcome is like this, sorted.
    pub fn with(&self, like: impl Fn(&Outcome) -> bool) -> Vec<String> {
        sorted(self.summary.done.iter().filter(|(_, outcome)| like(outcome)).map(|(id, _)| id.to_string()))
    }

    /// The ids of what failed.
    pub fn failed(&self) -> Vec<String> {
        sorted(self.summary.failed.iter().map(|(id, _)| id.to_string()))
    }

    /// What was skipped, and because of what: `function.greet because of role.exec`.
    pub fn skipped(&self) -> Vec<String> {
        sorted(self.summary.skipped.iter().map(|(id, because)| format!("{id} because of {because}")))
    }
}

/// Sorted.
pub fn sorted<T: Into<String>>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    let mut items: Vec<String> = items.into_iter().map(Into::into).collect();
    items.sort();
    items
}

/// The ids of a graph, sorted: what [`Cloud::ours`] shows when all is there exactly once.
pub fn all(graph: &Graph) -> Vec<String> {
    sorted(graph.ids().map(|(id, _)| id.to_string()))
}

/// The ids of a graph that are of these kinds, sorted.
pub fn of_kinds(graph: &Graph, kinds: &[&str]) -> Vec<String> {
    sorted(graph.ids().filter(|(_, kind)| kinds.contains(kind)).map(|(id, _)| id.to_string()))
}

/// A machine and the cloud it calls.
pub struct World {
    pub cloud: Cloud,
    pub disk: Disk,
    pub jobs: usize,
    /// A kind's place in the order of removal.
    pub group: fn(&str) -> usize,
    /// Whether something of the first kind keeps something of the second from being removed.
    pub holds: fn(&str, &str) -> bool,
    /// Asked to stop by Ctrl-C in the very moment of such an event.
    pub halt_when: fn(&Event) -> bool,
    halt: watch::Sender<StopLevel>,
    stop: CancellationToken,
}

impl World {
    pub fn new() -> Self {
        let disk = Disk::new();
        let (halt, stop) = CancellationToken::new();
        Self {
            cloud: Cloud::new(&disk),
            disk,
            jobs: 8,
            group: |_| 0,
            holds: |_, _| true,
            halt_when: |_| false,
            halt,
            stop,
        }
    }

    /// One in which all of `graph` is there and on record, and nothing is counted yet.
    pub async fn with(graph: &Graph) -> Self {
        let world = Self::new();
        world.up(graph).await.succeeded();
        world.cloud.calls();
        world.cloud.most_in_flight();
        world.disk.saves();
        world
    }

    /// Asks to stop in some time from now.
    pub fn halt_in(&self, time: Duration, halt: StopLevel) {
        let sender = self.halt.clone();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            sender.send_replace(halt);
        });
    }

    /// The faults are over.
    pub fn calm(&self) {
        self.cloud.calm();
        self.disk.calm();
        self.halt.send_replace(StopLevel::No);
    }

    /// Looks, by what is on disk.
    pub async fn refresh(&self, graph: &Graph) -> Result<Refresh, Failure> {
        engine::refresh(graph, &registry(&self.cloud), &self.disk.state(), &self.stop).await
    }

    /// `up`, through which the power must hold.
    pub async fn up(&self, graph: &Graph) -> Run {
        self.try_up(graph).await.expect("the power was cut").expect("the survey failed")
    }

    /// `up` without a survey: everything is looked at when its turn comes.
    pub async fn up_blind(&self, graph: &Graph) -> Run {
        self.up_as_if(graph, Refresh::blind(graph)).await
    }

    /// `up`, with another survey in mind than one would make now.
    pub async fn up_as_if(&self, graph: &Graph, refresh: Refresh) -> Run {
        self.powered(self.bring_up(graph, refresh)).await.expect("the power was cut")
    }

    /// `up`; `None` if the power was cut.
    pub async fn try_up(&self, graph: &Graph) -> Option<Result<Run, Failure>> {
        self.powered(async { Ok(self.bring_up(graph, self.refresh(graph).await?).await) }).await
    }

    async fn bring_up(&self, graph: &Graph, refresh: Refresh) -> Run {
        let (mut state, mut store, mut events) = (self.disk.state(), self.disk.clone(), Vec::new());
        let begun = Instant::now();
        let (registry, jobs) = (registry(&self.cloud), self.jobs);
        let mut tell = |event| self.hear(&mut events, event);
        let mut run = engine::Run {
            registry: &registry,
            state: &mut state,
            store: &mut store,
            jobs,
            stop: &self.stop,
            tell: &mut tell,
        };
        let order = Cleanup { group: self.group, holds: self.holds };
        let summary = engine::apply(&mut run, graph, refresh, order, true).await;
        Run { summary, events, took: begun.elapsed(), strangers: Vec::new(), unseen: Vec::new(), left: Vec::new() }
    }

    /// `down`, through which the power must hold.
    pub async fn down(&self, graph: &Graph) -> Run {
        self.try_down(graph).await.expect("the power was cut").expect("the survey failed")
    }

    /// `down`; `None` if the power was cut. With an empty graph, of what is on record.
    pub async fn try_down(&self, graph: &Graph) -> Option<Result<Run, Failure>> {
        self.powered(self.bring_down(graph, |_| true)).await
    }

    /// What is on record and no longer wanted is removed, as `up` does.
    pub async fn remove_unwanted(&self, graph: &Graph) -> Run {
        let refresh = self.refresh(graph).await.unwrap();
        let unwanted = Plan::new(graph, &refresh, &self.disk.state()).removals;
        self.bring_down(graph, |id| unwanted.contains(id)).await.unwrap()
    }

    async fn bring_down(&self, graph: &Graph, goes: impl Fn(&Id) -> bool) -> Result<Run, Failure> {
        let (registry, refresh) = (registry(&self.cloud), self.refresh(graph).await?);
        let (mut state, mut store, mut events) = (self.disk.state(), self.disk.clone(), Vec::new());
        let looked = engine::targets(graph, &refresh, &registry, &mut state, &self.stop).await?;
        let FoundTargets { mut targets, strangers, unseen } = looked;
        targets.retain(|target| goes(&target.id));
        let begun = Instant::now();
        let mut tell = |event| self.hear(&mut events, event);
        let (order, jobs) = (Cleanup { group: self.group, holds: self.holds }, self.jobs);
        let mut run = engine::Run {
            registry: &registry,
            state: &mut state,
            store: &mut store,
            jobs,
            stop: &self.stop,
            tell: &mut tell,
        };
        let summary = engine::delete(&mut run, &targets, &unseen, order).await;
        let took = begun.elapsed();
        let left = engine::look_again(&targets, &registry, &self.stop).await.into_iter().map(|(id, _)| id).collect();
        let unseen = unseen.into_iter().map(|one| (one.target.id, one.failure)).collect();
        Ok(Run { summary, events, took, strangers, unseen, left })
    }

    fn hear(&self, events: &mut Vec<Event>, event: Event) {
        if (self.halt_when)(&event) {
            self.halt.send_replace(StopLevel::Drain);
        }
        events.push(event);
    }

    /// Runs `work` until it ends or the power goes; then comes back with power for the next.
    async fn powered<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let power = self.disk.power();
        let done = tokio::select! {
            biased;
            () = power.gone() => None,
            done = work => Some(done),
        };
        let cut = power.0.send_replace(false);
        done.filter(|_| !cut)
    }

    /// Asserts that all of `graph`, and nothing else of ours, is there once, as wanted and on record.
    #[track_caller]
    pub fn holds(&self, graph: &Graph) {
        assert_eq!(self.cloud.ours(), all(graph));
        let state = self.disk.state();
        assert_eq!(sorted(state.resources.keys().cloned()), all(graph), "what is on record");
        for (id, row) in &state.resources {
            assert!(row.status == securelambda::state::Status::Ready && row.outputs.is_some(), "{id}: {row:?}");
        }
        self.keeps_promises();
    }

    /// Asserts that nothing of ours is there, or on record.
    #[track_caller]
    pub fn is_empty(&self) {
        assert_eq!(self.cloud.ours(), Vec::<String>::new());
        assert_eq!(self.disk.state().resources.into_keys().collect::<Vec<_>>(), Vec::<String>::new());
        self.keeps_promises();
    }

    /// Asserts that the cloud saw nothing that must not happen.
    #[track_caller]
    pub fn keeps_promises(&self) {
        assert_eq!(self.cloud.breaches(), Vec::<String>::new());
    }
}

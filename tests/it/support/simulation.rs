//! A simulated machine that runs the engine against the fake cloud. Its disk can fail, its power can be cut, and it runs `up`
//! and `down` as a user would.

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

use super::fake::{Cloud, Fault, registry};

/// The power of the machine. After it is cut, nothing that the machine does has an effect.
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

/// A state file in memory. Clones share it.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<DiskInner>>);

struct DiskInner {
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
        Self(Arc::new(Mutex::new(DiskInner {
            state,
            saves: 0,
            cut_after: None,
            fail: None,
            full_from: None,
            last_room: None,
            power,
        })))
    }

    /// Cuts the power after the `nth` save from now.
    pub fn cut_after(&self, nth: usize) {
        self.inner().cut_after = Some(nth);
    }

    /// Makes the `nth` save from now fail.
    pub fn fail_once(&self, nth: usize) {
        self.inner().fail = Some(nth);
    }

    /// Makes every save from the `nth` on fail, because the disk is full.
    pub fn fail_from(&self, nth: usize) {
        self.inner().full_from = Some(nth);
    }

    /// The `nth` save from now uses the reserved space. Later saves succeed.
    pub fn use_reserved_space(&self, nth: usize) {
        self.inner().last_room = Some(nth);
    }

    /// Removes all faults of the disk.
    pub fn clear_faults(&self) {
        let mut inner = self.inner();
        (inner.cut_after, inner.fail, inner.full_from, inner.last_room) = (None, None, None, None);
    }

    /// The number of saves since this was last called.
    pub fn saves(&self) -> usize {
        std::mem::take(&mut self.inner().saves)
    }

    pub fn state(&self) -> State {
        self.inner().state.clone()
    }

    /// Loses the state file.
    pub fn wipe(&self) {
        self.inner().state.resources.clear();
    }

    pub fn power(&self) -> Power {
        self.inner().power.clone()
    }

    fn inner(&self) -> MutexGuard<'_, DiskInner> {
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

    fn release(&mut self) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

impl Disk {
    fn write(&self, state: &State) -> Result<(), StateError> {
        let mut inner = self.inner();
        if inner.power.is_cut() {
            return Ok(());
        }
        inner.full_from = inner.full_from.map(|left| left.saturating_sub(1));
        if countdown(&mut inner.fail) || inner.full_from == Some(0) {
            let (path, error) = (PathBuf::from("toy.json"), io::Error::from(io::ErrorKind::StorageFull));
            return Err(FileError::Io { what: "file", verb: "written", path, error }.into());
        }
        assert!(state.serial > inner.state.serial, "every save has a higher serial");
        inner.state = state.clone();
        inner.saves += 1;
        if countdown(&mut inner.cut_after) {
            inner.power.cut();
        }
        if countdown(&mut inner.last_room) {
            return Err(FileError::LastRoom { path: PathBuf::from("toy.json") }.into());
        }
        Ok(())
    }
}

fn countdown(left: &mut Option<usize>) -> bool {
    *left = left.map(|left| left.saturating_sub(1));
    left.take_if(|left| *left == 0).is_some()
}

/// The result of one command.
#[derive(Debug)]
pub struct Run {
    pub summary: Summary,
    pub events: Vec<Event>,
    pub took: Duration,
    /// Foreign resources, which `down` left alone.
    pub foreign: Vec<(Id, Failure)>,
    /// Resources that `down` could not read and left alone.
    pub unread: Vec<(Id, Failure)>,
    /// Resources that still existed after `down`.
    pub left: Vec<Id>,
}

impl Run {
    /// Asserts that the command succeeded completely.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(self.summary.succeeded(), "{:#?}", self.summary);
        self
    }

    /// The ids whose outcome matches, sorted.
    pub fn with(&self, like: impl Fn(&Outcome) -> bool) -> Vec<String> {
        sorted(self.summary.done.iter().filter(|(_, outcome)| like(outcome)).map(|(id, _)| id.to_string()))
    }

    /// The ids of the resources that failed, sorted.
    pub fn failed(&self) -> Vec<String> {
        sorted(self.summary.failed.iter().map(|(id, _)| id.to_string()))
    }

    /// The skipped resources with the cause: `function.greet because of role.exec`.
    pub fn skipped(&self) -> Vec<String> {
        sorted(self.summary.skipped.iter().map(|(id, because)| format!("{id} because of {because}")))
    }
}

pub fn sorted<T: Into<String>>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    let mut items: Vec<String> = items.into_iter().map(Into::into).collect();
    items.sort();
    items
}

/// The ids of a graph, sorted. Equal to [`Cloud::ours`] if every resource exists exactly once.
pub fn all(graph: &Graph) -> Vec<String> {
    sorted(graph.ids().map(|(id, _)| id.to_string()))
}

/// The ids of the resources of these kinds in a graph, sorted.
pub fn of_kinds(graph: &Graph, kinds: &[&str]) -> Vec<String> {
    sorted(graph.ids().filter(|(_, kind)| kinds.contains(kind)).map(|(id, _)| id.to_string()))
}

/// The machine and the cloud that it calls.
pub struct Simulation {
    pub cloud: Cloud,
    pub disk: Disk,
    pub jobs: usize,
    /// The cleanup group of a kind.
    pub group: fn(&str) -> usize,
    /// Whether a resource of the first kind prevents the deletion of one of the second.
    pub holds: fn(&str, &str) -> bool,
    /// Requests a stop, like Ctrl-C, as soon as an event matches.
    pub stop_when: fn(&Event) -> bool,
    stop_sender: watch::Sender<StopLevel>,
    stop: CancellationToken,
}

impl Simulation {
    pub fn new() -> Self {
        let disk = Disk::new();
        let (stop_sender, stop) = CancellationToken::new();
        Self {
            cloud: Cloud::new(&disk),
            disk,
            jobs: 8,
            group: |_| 0,
            holds: |_, _| true,
            stop_when: |_| false,
            stop_sender,
            stop,
        }
    }

    /// A simulation in which `graph` is built and recorded. All counters are reset.
    pub async fn with(graph: &Graph) -> Self {
        let sim = Self::new();
        sim.up(graph).await.succeeded();
        sim.cloud.calls();
        sim.cloud.most_in_flight();
        sim.disk.saves();
        sim
    }

    /// Requests a stop after some time.
    pub fn stop_after(&self, time: Duration, level: StopLevel) {
        let sender = self.stop_sender.clone();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            sender.send_replace(level);
        });
    }

    /// Removes all faults of the cloud and the disk, and the stop request.
    pub fn clear_faults(&self) {
        self.cloud.clear_faults();
        self.disk.clear_faults();
        self.stop_sender.send_replace(StopLevel::No);
    }

    /// Refreshes from the recorded state.
    pub async fn refresh(&self, graph: &Graph) -> Result<Refresh, Failure> {
        engine::refresh(graph, &registry(&self.cloud), &self.disk.state(), &self.stop).await
    }

    /// Runs `up`, during which the power must not be cut.
    pub async fn up(&self, graph: &Graph) -> Run {
        self.try_up(graph).await.expect("the power was cut").expect("the refresh failed")
    }

    /// A refresh in which every read failed. `up` then reads each resource just before it changes or creates the
    /// resource.
    pub async fn failed_refresh(&self, graph: &Graph) -> Refresh {
        let unreadable = Cloud::new(&self.disk);
        (1..=graph.ids().count()).for_each(|nth| unreadable.on("read", nth, Fault::refuse()));
        let stop = CancellationToken::never();
        engine::refresh(graph, &registry(&unreadable), &self.disk.state(), &stop).await.expect("no failure ends it")
    }

    /// Runs `up` after [a refresh that failed](Self::failed_refresh).
    pub async fn up_without_refresh(&self, graph: &Graph) -> Run {
        let refresh = self.failed_refresh(graph).await;
        self.up_with_refresh(graph, refresh).await
    }

    /// Runs `up` with the result of an earlier refresh.
    pub async fn up_with_refresh(&self, graph: &Graph, refresh: Refresh) -> Run {
        self.until_power_cut(self.bring_up(graph, refresh)).await.expect("the power was cut")
    }

    /// Runs `up`. `None` if the power was cut.
    pub async fn try_up(&self, graph: &Graph) -> Option<Result<Run, Failure>> {
        self.until_power_cut(async { Ok(self.bring_up(graph, self.refresh(graph).await?).await) }).await
    }

    async fn bring_up(&self, graph: &Graph, refresh: Refresh) -> Run {
        let (mut state, mut store, mut events) = (self.disk.state(), self.disk.clone(), Vec::new());
        let begun = Instant::now();
        let (registry, jobs) = (registry(&self.cloud), self.jobs);
        let mut tell = |event| self.record(&mut events, event);
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
        Run { summary, events, took: begun.elapsed(), foreign: Vec::new(), unread: Vec::new(), left: Vec::new() }
    }

    /// Runs `down`, during which the power must not be cut.
    pub async fn down(&self, graph: &Graph) -> Run {
        self.try_down(graph).await.expect("the power was cut").expect("the refresh failed")
    }

    /// Runs `down`. `None` if the power was cut. With an empty graph it removes what the state records.
    pub async fn try_down(&self, graph: &Graph) -> Option<Result<Run, Failure>> {
        self.until_power_cut(self.bring_down(graph, |_| true)).await
    }

    /// Removes recorded resources that are not in the graph, as `up` does.
    pub async fn remove_unwanted(&self, graph: &Graph) -> Run {
        let refresh = self.refresh(graph).await.unwrap();
        let unwanted = Plan::new(graph, &refresh, &self.disk.state()).removals;
        self.bring_down(graph, |id| unwanted.contains(id)).await.unwrap()
    }

    async fn bring_down(&self, graph: &Graph, goes: impl Fn(&Id) -> bool) -> Result<Run, Failure> {
        let (registry, refresh) = (registry(&self.cloud), self.refresh(graph).await?);
        let (mut state, mut store, mut events) = (self.disk.state(), self.disk.clone(), Vec::new());
        let found = engine::targets(graph, &refresh, &registry, &mut state, &self.stop).await?;
        let FoundTargets { mut targets, foreign, unread, .. } = found;
        targets.retain(|target| goes(&target.id));
        let begun = Instant::now();
        let mut tell = |event| self.record(&mut events, event);
        let (order, jobs) = (Cleanup { group: self.group, holds: self.holds }, self.jobs);
        let mut run = engine::Run {
            registry: &registry,
            state: &mut state,
            store: &mut store,
            jobs,
            stop: &self.stop,
            tell: &mut tell,
        };
        let summary = engine::delete(&mut run, &targets, &unread, order).await;
        let took = begun.elapsed();
        let left = engine::read_again(&targets, &registry, &self.stop).await.into_iter().map(|(id, _)| id).collect();
        let unread = unread.into_iter().map(|one| (one.target.id, one.failure)).collect();
        Ok(Run { summary, events, took, foreign, unread, left })
    }

    fn record(&self, events: &mut Vec<Event>, event: Event) {
        if (self.stop_when)(&event) {
            self.stop_sender.send_replace(StopLevel::Drain);
        }
        events.push(event);
    }

    /// Runs `work` until it ends or the power is cut, and turns the power on again.
    async fn until_power_cut<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let power = self.disk.power();
        let done = tokio::select! {
            biased;
            () = power.gone() => None,
            done = work => Some(done),
        };
        let cut = power.0.send_replace(false);
        done.filter(|_| !cut)
    }

    /// Asserts that exactly the resources of `graph` exist, each once, and that all are recorded as ready.
    #[track_caller]
    pub fn assert_built(&self, graph: &Graph) {
        assert_eq!(self.cloud.ours(), all(graph));
        let state = self.disk.state();
        assert_eq!(sorted(state.resources.keys().cloned()), all(graph), "recorded resources");
        for (id, row) in &state.resources {
            assert!(row.status == securelambda::state::Status::Ready && row.outputs.is_some(), "{id}: {row:?}");
        }
        self.assert_promises_kept();
    }

    /// Asserts that no resource of the stack exists or is recorded.
    #[track_caller]
    pub fn assert_empty(&self) {
        assert_eq!(self.cloud.ours(), Vec::<String>::new());
        assert_eq!(self.disk.state().resources.into_keys().collect::<Vec<_>>(), Vec::<String>::new());
        self.assert_promises_kept();
    }

    /// Asserts that the cloud saw no violation of the engine's promises.
    #[track_caller]
    pub fn assert_promises_kept(&self) {
        assert_eq!(self.cloud.violations(), Vec::<String>::new());
    }
}

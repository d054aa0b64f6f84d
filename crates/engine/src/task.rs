//! The connection of an operation to the loop. Through it, the operation reports why it waits and receives requests to
//! stop.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::Id;
use super::resource::Resource;

/// How far a run has been asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopLevel {
    /// Not at all.
    No,
    /// Start nothing more; let calls in flight return.
    Drain,
    /// End at once.
    Now,
}

/// The length of a second in all pauses, time limits and rates. Tests use a shorter one than AWS needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeScale(f64);

impl TimeScale {
    /// For AWS: a second lasts one second.
    pub const REAL: Self = Self(1.0);

    /// A second lasts `second` seconds. `None` unless that is above 0 and at most 1.
    pub fn new(second: f64) -> Option<Self> {
        (second > 0.0 && second <= 1.0).then_some(Self(second))
    }

    /// `time` at this scale.
    pub fn of(self, time: Duration) -> Duration {
        time.mul_f64(self.0)
    }
}

/// Receives requests to stop a run, and carries the run's time scale. Cheap to clone. If its sender is dropped, the run
/// is not asked to stop any more.
#[derive(Debug, Clone)]
pub struct CancellationToken {
    level: watch::Receiver<StopLevel>,
    time_scale: TimeScale,
}

impl CancellationToken {
    /// A token, and the sender that asks it to stop.
    pub fn new() -> (watch::Sender<StopLevel>, Self) {
        let (tx, rx) = watch::channel(StopLevel::No);
        (tx, Self { level: rx, time_scale: TimeScale::REAL })
    }

    /// A token that is never asked to stop.
    pub fn never() -> Self {
        Self::new().1
    }

    /// The same token with another time scale.
    #[must_use]
    pub fn at(self, time_scale: TimeScale) -> Self {
        Self { time_scale, ..self }
    }

    pub fn time_scale(&self) -> TimeScale {
        self.time_scale
    }

    /// How far the run has been asked to stop.
    pub fn level(&self) -> StopLevel {
        *self.level.borrow()
    }

    /// Waits until at least `level` is asked for.
    pub async fn reached(&self, level: StopLevel) {
        let mut rx = self.level.clone();
        if rx.wait_for(|now| *now >= level).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

tokio::task_local! {
    /// The task for which the running future works.
    static CURRENT: Task;
}

/// The connection of one operation to the loop.
#[derive(Debug, Clone)]
pub struct Task {
    id: Id,
    stop: CancellationToken,
    notes: mpsc::UnboundedSender<(Id, String)>,
    /// The kind and the key of each part of the resource that is on record.
    parts: Arc<[(String, Value)]>,
    /// The keys of tags that runs have wanted so far.
    former_tags: Arc<BTreeSet<String>>,
    only_finds: bool,
}

impl Task {
    pub(super) fn new(id: Id, stop: CancellationToken, notes: mpsc::UnboundedSender<(Id, String)>) -> Self {
        Self { id, stop, notes, parts: Arc::default(), former_tags: Arc::default(), only_finds: false }
    }

    /// The same task, for a read whose result is not compared with a description.
    #[must_use]
    pub fn only_finding(self) -> Self {
        Self { only_finds: true, ..self }
    }

    /// Whether a read only finds out if the resource exists and belongs to the stack, because it is to be removed. Then
    /// calls that read further settings are not needed.
    pub fn only_finds(&self) -> bool {
        self.only_finds
    }

    /// The same task, for a resource with these recorded parts: the kind and the key of each.
    #[must_use]
    pub(super) fn with_parts(self, parts: Vec<(String, Value)>) -> Self {
        Self { parts: parts.into(), ..self }
    }

    /// The same task, for a stack whose runs have wanted tags with these keys so far.
    #[must_use]
    pub(super) fn with_former_tags(self, keys: &BTreeSet<String>) -> Self {
        Self { former_tags: Arc::new(keys.clone()), ..self }
    }

    /// The keys of tags that runs have wanted so far, whether they are still wanted or not.
    pub(super) fn former_tags(&self) -> &BTreeSet<String> {
        &self.former_tags
    }

    /// The same task, for a resource that has these recorded parts too. For tests of providers.
    #[must_use]
    pub fn with_parts_of<R: Resource>(self, keys: impl IntoIterator<Item = R::Key>) -> Self {
        let part = |key: R::Key| Some((R::KIND.to_owned(), serde_json::to_value(key).ok()?));
        let parts = self.parts.iter().cloned().chain(keys.into_iter().filter_map(part)).collect();
        self.with_parts(parts)
    }

    /// The keys of the parts of this kind that the resource has according to the state, whether they are still wanted
    /// or not. The engine removes the unwanted parts itself, so a provider must not report them as foreign parts.
    pub fn recorded_parts<R: Resource>(&self) -> impl Iterator<Item = R::Key> {
        let of_kind = self.parts.iter().filter(|(kind, _)| kind == R::KIND);
        of_kind.filter_map(|(_, key)| serde_json::from_value(key.clone()).ok())
    }

    /// A task without a loop, for calls outside a run and for tests.
    pub fn detached(id: impl Into<String>) -> Self {
        Self::new(Id::from(id.into()), CancellationToken::never(), mpsc::unbounded_channel().0)
    }

    /// A task without a loop, and the receiver of its notes. Each note comes with the resource that it is about.
    pub fn with_notes(id: impl Into<String>) -> (Self, mpsc::UnboundedReceiver<(Id, String)>) {
        let (notes, received) = mpsc::unbounded_channel();
        (Self::new(Id::from(id.into()), CancellationToken::never(), notes), received)
    }

    /// The same task with another time scale.
    #[must_use]
    pub fn at(self, time_scale: TimeScale) -> Self {
        Self { stop: self.stop.at(time_scale), ..self }
    }

    /// The same task, stopped by this token.
    #[must_use]
    pub fn stopped_by(self, stop: CancellationToken) -> Self {
        Self { stop, ..self }
    }

    /// The task for which the caller works, if it works within a run. It is meant for code that a library calls during
    /// an operation, because that code gets no task as an argument. All other code uses its task argument.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Runs `work`. Within it, [`Task::current`] returns this task.
    pub async fn within<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// The resource that the operation works on.
    pub fn id(&self) -> &Id {
        &self.id
    }

    /// Reports why the operation waits: "the role cannot be assumed yet".
    pub fn note(&self, why: impl Into<String>) {
        // Sending fails only without a loop, and then nobody needs the note.
        let _ = self.notes.send((self.id.clone(), why.into()));
    }

    /// Whether the run was asked to stop, so that nothing more may be started.
    pub fn stopping(&self) -> bool {
        self.stop.level() >= StopLevel::Drain
    }

    pub fn time_scale(&self) -> TimeScale {
        self.stop.time_scale
    }

    /// Waits for `time` at the run's time scale. Returns `false` at once if the run is asked to stop.
    pub async fn pause(&self, time: Duration) -> bool {
        self.unless_stopped(tokio::time::sleep(self.time_scale().of(time))).await.is_some()
    }

    /// Waits for a future that may be dropped at any moment. Returns `None` at once if the run is asked to stop.
    pub async fn unless_stopped<F: Future>(&self, waiting: F) -> Option<F::Output> {
        tokio::select! {
            done = waiting => Some(done),
            () = self.stop.reached(StopLevel::Drain) => None,
        }
    }
}

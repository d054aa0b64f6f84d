//! What a verb may say to the loop while it runs, and how it hears that it should stop.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::Id;

/// How far a run has been asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopLevel {
    /// Not at all.
    No,
    /// Start nothing more; let calls in flight return.
    Drain,
    /// Leave now.
    Now,
}

/// How long a second of waiting lasts. In tests, shorter than on AWS: every pause, every budget and every pace alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeScale(f64);

impl TimeScale {
    /// As AWS needs it.
    pub const REAL: Self = Self(1.0);

    /// A second lasts so many seconds: more than none, and no longer than a second. `None` for anything else.
    pub fn new(second: f64) -> Option<Self> {
        (second > 0.0 && second <= 1.0).then_some(Self(second))
    }

    /// How long this much waiting lasts.
    pub fn of(self, time: Duration) -> Duration {
        time.mul_f64(self.0)
    }
}

/// The receiving end of "please stop", at a run's tempo. Cheap to clone; never says stop if its sender is gone.
#[derive(Debug, Clone)]
pub struct CancellationToken {
    level: watch::Receiver<StopLevel>,
    time_scale: TimeScale,
}

impl CancellationToken {
    /// A stop that is said through the sender.
    pub fn new() -> (watch::Sender<StopLevel>, Self) {
        let (tx, rx) = watch::channel(StopLevel::No);
        (tx, Self { level: rx, time_scale: TimeScale::REAL })
    }

    /// A stop that never comes.
    pub fn never() -> Self {
        Self::new().1
    }

    /// The same, for a run of another tempo.
    #[must_use]
    pub fn at(self, time_scale: TimeScale) -> Self {
        Self { time_scale, ..self }
    }

    /// How long waiting lasts in this run.
    pub fn time_scale(&self) -> TimeScale {
        self.time_scale
    }

    /// How far we have been asked to stop.
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
    /// On whose behalf the running future works.
    static CURRENT: Task;
}

/// One verb's line to the loop.
#[derive(Debug, Clone)]
pub struct Task {
    id: Id,
    stop: CancellationToken,
    notes: mpsc::UnboundedSender<(Id, String)>,
}

impl Task {
    pub(super) fn new(id: Id, stop: CancellationToken, notes: mpsc::UnboundedSender<(Id, String)>) -> Self {
        Self { id, stop, notes }
    }

    /// A task that no loop listens to: for calls outside a run, and tests.
    pub fn detached(id: impl Into<String>) -> Self {
        Self::new(Id::from(id.into()), CancellationToken::never(), mpsc::unbounded_channel().0)
    }

    /// The same, and what it says: each note with the resource it is about.
    pub fn overheard(id: impl Into<String>) -> (Self, mpsc::UnboundedReceiver<(Id, String)>) {
        let (notes, heard) = mpsc::unbounded_channel();
        (Self::new(Id::from(id.into()), CancellationToken::never(), notes), heard)
    }

    /// The same, in a run of another tempo.
    #[must_use]
    pub fn at(self, time_scale: TimeScale) -> Self {
        Self { stop: self.stop.at(time_scale), ..self }
    }

    /// The same, in a run that is stopped by this.
    pub fn stopped_by(self, stop: CancellationToken) -> Self {
        Self { stop, ..self }
    }

    /// The task on whose behalf the caller works, if it works within a run: for what lies so deep under a verb that
    /// nobody hands it one.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Does `work`, in which [`Task::current`] is this one.
    pub async fn within<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// The resource this is about.
    pub fn id(&self) -> &Id {
        &self.id
    }

    /// Says why it takes long: "the role cannot be assumed yet".
    pub fn note(&self, why: impl Into<String>) {
        // No listener means nobody wants to know.
        let _ = self.notes.send((self.id.clone(), why.into()));
    }

    /// Whether we were asked to stop, so that nothing more may be begun.
    pub fn stopping(&self) -> bool {
        self.stop.level() >= StopLevel::Drain
    }

    /// How long waiting lasts in this run.
    pub fn time_scale(&self) -> TimeScale {
        self.stop.time_scale
    }

    /// Sleeps at the run's tempo, unless asked to stop: then `false`, at once.
    pub async fn pause(&self, time: Duration) -> bool {
        self.unless_stopped(tokio::time::sleep(self.time_scale().of(time))).await.is_some()
    }

    /// Waits for what may be given up at any moment, unless asked to stop: then `None`, at once.
    pub async fn unless_stopped<F: Future>(&self, waiting: F) -> Option<F::Output> {
        tokio::select! {
            done = waiting => Some(done),
            () = self.stop.reached(StopLevel::Drain) => None,
        }
    }
}

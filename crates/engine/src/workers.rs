//! The tasks in flight. Their results and notes arrive as one sequence of events. After a request to stop, a loop
//! starts nothing more and waits for the tasks in flight, for a limited time.

use std::future::Future;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Id;
use super::task::{CancellationToken, StopLevel, Task};

/// How long calls in flight may take to return after a request to stop. A call that has not returned by then is on
/// record as unanswered, and the next run checks its result.
const DRAIN: Duration = Duration::from_secs(6);

/// The next event for a loop.
pub(super) enum LoopEvent<T> {
    /// All events that have arrived, at least one.
    Happened(Vec<WorkerEvent<T>>),
    /// Nothing is in flight.
    Idle,
    /// The run is asked to stop: start nothing more, and wait for the tasks in flight. Reported once.
    Drain,
    /// End now: the run was asked to stop a second time, or the tasks in flight took too long.
    Leave,
}

/// An event of a task.
pub(super) enum WorkerEvent<T> {
    /// The resource of a task, and why the task waits.
    Note(Id, String),
    /// The index of a task that ended, and its result.
    End(usize, T),
}

/// Tasks, each with an index. Their results and notes arrive in the order in which they happened.
pub(super) struct Workers<T> {
    set: JoinSet<(usize, T)>,
    notes: mpsc::UnboundedReceiver<(Id, String)>,
    speak: mpsc::UnboundedSender<(Id, String)>,
    stop: CancellationToken,
    /// When the loop ends although tasks are in flight. `None` before a request to stop.
    deadline: Option<Instant>,
}

impl<T: Send + 'static> Workers<T> {
    pub(super) fn new(stop: CancellationToken) -> Self {
        let (speak, notes) = mpsc::unbounded_channel();
        Self { set: JoinSet::new(), notes, speak, stop, deadline: None }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.set.len()
    }

    /// Starts `work` with the [`Task`] that connects it to this loop.
    pub(super) fn spawn<F>(&mut self, index: usize, id: &Id, work: impl FnOnce(Task) -> F)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let task = Task::new(id.clone(), self.stop.clone(), self.speak.clone());
        let work = work(task.clone());
        self.set.spawn(task.within(async move { (index, work.await) }));
    }

    /// The next event. `None` if nothing is in flight.
    pub(super) async fn next(&mut self) -> Option<WorkerEvent<T>> {
        tokio::select! {
            biased;
            Some((id, why)) = self.notes.recv() => Some(WorkerEvent::Note(id, why)),
            ended = self.set.join_next() => ended.map(Self::ended),
        }
    }

    /// The next events for a loop that can be stopped. Returns all that have arrived, so that one save records them.
    pub(super) async fn hear(&mut self) -> LoopEvent<T> {
        let (stop, deadline) = (self.stop.clone(), self.deadline);
        let expired = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        // The order matters: a request to stop is handled before a result lets more steps start, and a result that has
        // arrived is taken before the loop ends.
        let first = tokio::select! {
            biased;
            () = stop.reached(StopLevel::Drain), if deadline.is_none() => {
                self.deadline = Some(Instant::now() + DRAIN);
                return LoopEvent::Drain;
            }
            first = self.next() => first,
            () = stop.reached(StopLevel::Now), if deadline.is_some() => return LoopEvent::Leave,
            () = expired => return LoopEvent::Leave,
        };
        let Some(first) = first else { return LoopEvent::Idle };
        let mut events = vec![first];
        while let Some(more) = self.try_next() {
            events.push(more);
        }
        LoopEvent::Happened(events)
    }

    /// An event that has already arrived.
    fn try_next(&mut self) -> Option<WorkerEvent<T>> {
        if let Ok((id, why)) = self.notes.try_recv() {
            return Some(WorkerEvent::Note(id, why));
        }
        self.set.try_join_next().map(Self::ended)
    }

    fn ended(joined: Result<(usize, T), tokio::task::JoinError>) -> WorkerEvent<T> {
        match joined {
            Ok((index, result)) => WorkerEvent::End(index, result),
            // Tasks are never cancelled one by one, so this is a panic in a provider: a bug, and no result to record.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

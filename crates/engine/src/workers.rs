//! The tasks in flight, their news in one line, and the drain: told to stop, a loop stops starting and never stops
//! finishing, for a while.

use std::future::Future;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Id;
use super::task::{CancellationToken, StopLevel, Task};

/// How long calls in flight may take to return once we were asked to stop. What has not returned by then is on record
/// as unanswered and is looked up by the next run.
const DRAIN: Duration = Duration::from_secs(6);

/// What a loop hears next.
pub(super) enum LoopEvent<T> {
    /// Whatever has arrived, at least one.
    Happened(Vec<WorkerEvent<T>>),
    /// Nothing is in flight.
    Idle,
    /// We are asked to stop, said once: start nothing more, and hear on.
    Drain,
    /// Leave: we were asked twice, or calls in flight took too long.
    Leave,
}

/// What a loop hears.
pub(super) enum WorkerEvent<T> {
    /// A task says why it waits.
    Note(Id, String),
    /// A task ended.
    End(usize, T),
}

/// Tasks, each known by an index, whose results and notes arrive in the order they happened.
pub(super) struct Workers<T> {
    set: JoinSet<(usize, T)>,
    notes: mpsc::UnboundedReceiver<(Id, String)>,
    speak: mpsc::UnboundedSender<(Id, String)>,
    stop: CancellationToken,
    /// Until when a drain may take.
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

    /// Starts `work`, which is handed its line to this loop.
    pub(super) fn spawn<F>(&mut self, index: usize, id: &Id, work: impl FnOnce(Task) -> F)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let task = Task::new(id.clone(), self.stop.clone(), self.speak.clone());
        let work = work(task.clone());
        self.set.spawn(task.within(async move { (index, work.await) }));
    }

    /// The next news; `None` when nothing is in flight.
    pub(super) async fn next(&mut self) -> Option<WorkerEvent<T>> {
        tokio::select! {
            biased;
            Some((id, why)) = self.notes.recv() => Some(WorkerEvent::Note(id, why)),
            ended = self.set.join_next() => ended.map(Self::ended),
        }
    }

    /// What a loop that can be stopped hears next. All that has arrived is taken along, for one write instead of many.
    pub(super) async fn hear(&mut self) -> LoopEvent<T> {
        let (stop, deadline) = (self.stop.clone(), self.deadline);
        let expired = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        // In this order: a request to stop is heard before an answer lets more start, and an answer that is there is
        // taken before we leave.
        let first = tokio::select! {
            biased;
            () = stop.reached(StopLevel::Drain), if deadline.is_none() => {
                self.deadline = Some(Instant::now() + DRAIN);
                return LoopEvent::Drain;
            }
            news = self.next() => news,
            () = stop.reached(StopLevel::Now), if deadline.is_some() => return LoopEvent::Leave,
            () = expired => return LoopEvent::Leave,
        };
        let Some(first) = first else { return LoopEvent::Idle };
        let mut news = vec![first];
        while let Some(more) = self.try_next() {
            news.push(more);
        }
        LoopEvent::Happened(news)
    }

    /// News that has arrived already.
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

//! The tasks in flight, and their news in one line.

use std::future::Future;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Id;
use super::task::{Stop, Task};

/// What a loop hears.
pub(super) enum News<T> {
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
    stop: Stop,
}

impl<T: Send + 'static> Workers<T> {
    pub(super) fn new(stop: Stop) -> Self {
        let (speak, notes) = mpsc::unbounded_channel();
        Self { set: JoinSet::new(), notes, speak, stop }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.set.len()
    }

    /// Starts `work`, which is handed its line to this loop.
    pub(super) fn spawn<F>(&mut self, index: usize, id: &Id, work: impl FnOnce(Task) -> F)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let work = work(Task::new(id.clone(), self.stop.clone(), self.speak.clone()));
        self.set.spawn(async move { (index, work.await) });
    }

    /// The next news; `None` when nothing is in flight.
    pub(super) async fn next(&mut self) -> Option<News<T>> {
        tokio::select! {
            biased;
            Some((id, why)) = self.notes.recv() => Some(News::Note(id, why)),
            ended = self.set.join_next() => ended.map(Self::ended),
        }
    }

    /// News that has arrived already.
    pub(super) fn try_next(&mut self) -> Option<News<T>> {
        if let Ok((id, why)) = self.notes.try_recv() {
            return Some(News::Note(id, why));
        }
        self.set.try_join_next().map(Self::ended)
    }

    fn ended(joined: Result<(usize, T), tokio::task::JoinError>) -> News<T> {
        match joined {
            Ok((index, result)) => News::End(index, result),
            // Tasks are never cancelled one by one, so this is a panic in a provider: a bug, and no result to record.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

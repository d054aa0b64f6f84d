//! What a verb may say to the loop while it runs, and how it hears that it should stop.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::Id;

/// How far a run has been asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Halt {
    /// Not at all.
    No,
    /// Start nothing more; let calls in flight return.
    Drain,
    /// Leave now.
    Now,
}

/// The receiving end of "please stop". Cheap to clone; never says stop if its sender is gone.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Halt>);

impl Stop {
    /// A stop that is said through the sender.
    pub fn new() -> (watch::Sender<Halt>, Self) {
        let (tx, rx) = watch::channel(Halt::No);
        (tx, Self(rx))
    }

    /// A stop that never comes.
    pub fn never() -> Self {
        Self::new().1
    }

    /// How far we have been asked to stop.
    pub fn halt(&self) -> Halt {
        *self.0.borrow()
    }

    /// Waits until at least `halt` is asked for.
    pub async fn reached(&self, halt: Halt) {
        let mut rx = self.0.clone();
        if rx.wait_for(|now| *now >= halt).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// One verb's line to the loop.
#[derive(Debug, Clone)]
pub struct Task {
    id: Id,
    stop: Stop,
    notes: mpsc::UnboundedSender<(Id, String)>,
}

impl Task {
    pub(super) fn new(id: Id, stop: Stop, notes: mpsc::UnboundedSender<(Id, String)>) -> Self {
        Self { id, stop, notes }
    }

    /// A task that no loop listens to: for calls outside a run, and tests.
    pub fn detached(id: impl Into<String>) -> Self {
        Self::new(Id::from(id.into()), Stop::never(), mpsc::unbounded_channel().0)
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
        self.stop.halt() >= Halt::Drain
    }

    /// Sleeps, unless asked to stop: then `false`, at once.
    pub async fn pause(&self, time: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(time) => true,
            () = self.stop.reached(Halt::Drain) => false,
        }
    }
}

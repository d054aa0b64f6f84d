//! Reads many resources at the same time.

use serde_json::Value;

use super::Id;
use super::bring::read_often;
use super::dyn_provider::Registry;
use super::failure::Failure;
use super::refresh::stopped;
use super::task::{CancellationToken, StopLevel, Task};
use super::workers::{WorkerEvent, Workers};

/// A resource to read.
pub(super) struct ReadRequest {
    pub(super) id: Id,
    pub(super) kind: String,
    pub(super) key: Value,
    pub(super) known: Option<Value>,
    /// Read it several times, because lists may not show it yet.
    pub(super) often: bool,
}

pub(super) async fn read_all(
    requests: Vec<ReadRequest>,
    registry: &Registry,
    stop: &CancellationToken,
) -> Vec<Result<Option<Value>, Failure>> {
    let asks = requests.into_iter().map(|ReadRequest { id, kind, key, known, often }| {
        let provider = registry.of(&kind);
        let ask = move |task: Task| async move {
            let (provider, task) = (provider?, task.only_finding());
            let observed = if often {
                read_often(&*provider, &key, 1, &task).await?
            } else {
                provider.read(key, known, task).await?
            };
            Ok(observed.map(|observed| observed.outputs))
        };
        (id, ask)
    });
    ask_all(asks.collect(), stop).await
}

/// Sends all requests at the same time. A request without an answer when the run is asked to stop fails with
/// [`Cause::Stopped`](super::Cause::Stopped).
pub(super) async fn ask_all<T, A, F>(asks: Vec<(Id, A)>, stop: &CancellationToken) -> Vec<Result<T, Failure>>
where
    T: Send + 'static,
    A: FnOnce(Task) -> F,
    F: Future<Output = Result<T, Failure>> + Send + 'static,
{
    let mut workers = Workers::new(stop.clone());
    let mut answers: Vec<Result<T, Failure>> = asks.iter().map(|_| Err(stopped())).collect();
    for (index, (id, ask)) in asks.into_iter().enumerate() {
        workers.spawn(index, &id, ask);
    }
    loop {
        tokio::select! {
            biased;
            () = stop.reached(StopLevel::Drain) => return answers,
            event = workers.next() => match event {
                Some(WorkerEvent::End(index, result)) => answers[index] = result,
                Some(WorkerEvent::Note(..)) => {}
                None => return answers,
            }
        }
    }
}

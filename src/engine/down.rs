//! Takes a stack away: group by group in the order it is given, side by side within a group, what needs a thing before
//! the thing. What is to go is in `targets.rs`, and when its turn comes in `order.rs`.

use std::time::{Duration, Instant};

use super::dyn_provider::Registry;
use super::event::{Event, Outcome, Summary, Verb};
use super::failure::{Cause, Failure};
use super::order::{Cleanup, Order, Phase};
use super::save::save;
use super::targets::{Target, UnreadTarget};
use super::task::{CancellationToken, StopLevel};
use super::workers::{LoopEvent, WorkerEvent, Workers};
use crate::state::{State, StateStore};

/// Removes `targets`, `jobs` at a time, in this order. What holds one of them and could not be read keeps it.
///
/// The record of each is taken out once it is gone, so that a run may be cut off anywhere and taken up again.
#[allow(clippy::too_many_arguments, reason = "the loop is handed everything it owns, once, by one caller")]
pub async fn down(
    targets: &[Target],
    unseen: &[UnreadTarget],
    cleanup: Cleanup,
    registry: &Registry,
    state: &mut State,
    store: &mut dyn StateStore,
    jobs: usize,
    stop: &CancellationToken,
    tell: &mut (dyn FnMut(Event) + Send),
) -> Summary {
    let mut summary = Summary::default();
    tell(Event::Began { total: targets.len() });
    for target in targets {
        state.resources.insert(target.id.to_string(), target.record());
    }
    // Even if there is nothing to remove: looking for it may have taken rows off the record.
    if !save(state, store, Vec::new(), &mut summary) {
        return summary;
    }

    let order = Order::new(targets, cleanup);
    let mut phases: Vec<Phase> = targets.iter().map(|_| Phase::Waiting).collect();
    for (index, because) in order.held(targets, unseen) {
        phases[index] = Phase::Kept;
        let id = targets[index].id.clone();
        tell(Event::Skipped { id: id.clone(), because: because.clone() });
        summary.skipped.push((id, because));
    }
    let mut workers: Workers<Result<(), Failure>> = Workers::new(stop.clone());
    let mut halted = false;
    loop {
        if !halted && stop.level() == StopLevel::No {
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
            LoopEvent::WorkerEvent(news) => news,
            LoopEvent::Drain => {
                halted = true;
                summary.stopped = true;
                if workers.in_flight() > 0 {
                    tell(Event::Draining);
                }
                continue;
            }
            LoopEvent::Idle => break,
            LoopEvent::Leave => {
                let running =
                    |(target, phase): (&Target, &Phase)| matches!(phase, Phase::Running(_)).then(|| target.id.clone());
                summary.unanswered = targets.iter().zip(&phases).filter_map(running).collect();
                break;
            }
        };
        let mut changed = false;
        for item in news {
            let (index, result) = match item {
                WorkerEvent::Note(id, why) => {
                    tell(Event::Noted { id, why });
                    continue;
                }
                WorkerEvent::End(index, result) => (index, result),
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
        if changed && !save(state, store, Vec::new(), &mut summary) {
            halted = true;
        }
    }
    summary.abandoned = summary.stopped && stop.level() == StopLevel::Now;
    summary
}

//! The scheduler: the one loop that creates, updates, replaces and deletes. It alone owns the state, the schedule and
//! the events while it runs. Tasks get everything that they need and only return values. The [`Steps`] decide what a
//! step does and when it may start; they are in `apply.rs` and `delete.rs`.
//!
//! After Ctrl-C, a failed save or expired credentials, the loop starts nothing more and waits for calls in flight,
//! because dropping a create call would lose the id that it returns. For the same reason, the loop contains no `?`.

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::Id;
use super::dyn_provider::Registry;
use super::event::{Event, Outcome, Summary, Verb};
use super::failure::{Cause, Failure};
use super::save::{save, save_at_last};
use super::task::{CancellationToken, StopLevel, Task};
use super::workers::{LoopEvent, WorkerEvent, Workers};
use crate::state::{Record, State, StateStore};

/// Everything that a run works with.
pub struct Run<'a> {
    pub registry: &'a Registry,
    /// The state of the stack. The run writes every result into it.
    pub state: &'a mut State,
    /// Saves `state`.
    pub store: &'a mut dyn StateStore,
    /// How many resources are worked on at the same time.
    pub jobs: usize,
    /// Asks the run to stop.
    pub stop: &'a CancellationToken,
    /// Receives every event.
    pub tell: &'a mut (dyn FnMut(Event) + Send),
}

/// The progress of a step.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Phase {
    Waiting,
    Running(Instant),
    Done,
    Failed,
    Skipped,
    /// The step ended because the run was asked to stop.
    Stopped,
}

impl Phase {
    /// Whether it has not ended yet.
    pub(super) fn is_pending(self) -> bool {
        matches!(self, Self::Waiting | Self::Running(_))
    }

    /// Whether steps that depend on it can never start.
    pub(super) fn holds_up(self) -> bool {
        matches!(self, Self::Failed | Self::Skipped)
    }
}

/// The calls of one step. The [`Task`] connects them to the loop.
pub(super) type Work<T> = Box<dyn FnOnce(Task) -> BoxFuture<'static, Result<T, Failure>> + Send>;

/// How a step begins.
pub(super) enum Begin<T> {
    /// The resource is as desired; this is its record.
    Settled(Record),
    /// The step fails without a call.
    Refused(Failure),
    /// The step makes calls.
    Calls {
        verb: Verb,
        /// Saved before the first call.
        intent: Option<Record>,
        work: Work<T>,
    },
}

/// The steps of a run.
pub(super) trait Steps {
    /// The result of a step's calls.
    type Output: Send + 'static;

    fn len(&self) -> usize;

    fn id(&self, index: usize) -> &Id;

    /// The steps that can never start, each with the id of the resource that is the cause.
    fn held(&self) -> Vec<(usize, Id)> {
        Vec::new()
    }

    /// The next step that may start.
    fn next(&self, phases: &[Phase]) -> Option<usize>;

    /// How a step begins. Called again if all workers are busy.
    fn begin(&self, index: usize, registry: &Registry, state: &State) -> Begin<Self::Output>;

    /// Writes a record into the state. Returns whether that changed the state.
    fn put(&mut self, index: usize, record: Record, state: &mut State) -> bool;

    /// Writes the result of a step's calls into the state. Returns all steps that this completes, beginning with the
    /// step itself, and the outputs that are not on disk yet.
    fn record(
        &mut self,
        index: usize,
        output: Self::Output,
        state: &mut State,
    ) -> (Vec<(usize, Outcome)>, Option<Value>);

    /// A waiting step that can never start, and the step that [holds it up](Phase::holds_up).
    fn stuck(&self, phases: &[Phase]) -> Option<(usize, usize)>;
}

/// The progress of a run.
struct Progress {
    phases: Vec<Phase>,
    /// For each step that failed or was skipped, the resource whose failure is the cause.
    cause: Vec<Option<Id>>,
    summary: Summary,
}

/// What changed in the state since it was last saved.
#[derive(Default)]
struct Unsaved {
    dirty: bool,
    /// Outputs that are not on disk yet.
    made: Vec<(Id, Value)>,
    /// The steps that ended, which are reported once their results are on disk.
    ended: Vec<(usize, Outcome, Duration)>,
}

/// Carries out all steps, as many at the same time as the run allows.
///
/// The summary contains the outcome of each resource. All results are in the state, and the store has saved them
/// unless the summary has a `save_error`.
pub(super) async fn schedule<S: Steps>(run: &mut Run<'_>, steps: &mut S) -> Summary {
    let count = steps.len();
    let mut progress =
        Progress { phases: vec![Phase::Waiting; count], cause: vec![None; count], summary: Summary::default() };
    let mut workers: Workers<Result<S::Output, Failure>> = Workers::new(run.stop.clone());
    let mut stopping = false;
    let mut unsaved = Unsaved::default();
    (run.tell)(Event::Began { total: count });
    for (index, because) in steps.held() {
        progress.skip(run, steps, index, because);
    }

    loop {
        progress.skip_stuck(run, steps);
        // 1. Start the steps that are ready. One save records their intents and the results on which they depend, so that
        //    a run that saves over a network waits once.
        let mut starting: Vec<(usize, Verb, Work<S::Output>)> = Vec::new();
        while let Some(index) = steps.next(&progress.phases).filter(|_| !stopping && run.stop.level() == StopLevel::No)
        {
            let free = run.jobs.max(1).saturating_sub(workers.in_flight() + starting.len());
            match steps.begin(index, run.registry, run.state) {
                Begin::Refused(failure) => progress.fail(run, steps, index, failure, Duration::ZERO),
                Begin::Settled(record) => {
                    let known = run.registry.is_on_record(steps.id(index), &record, run.state);
                    let changed = steps.put(index, record, run.state);
                    unsaved.dirty |= changed;
                    let outcome = if changed && !known { Outcome::Adopted } else { Outcome::Unchanged };
                    progress.done(run, steps, index, outcome, Duration::ZERO);
                }
                Begin::Calls { .. } if free == 0 => break,
                Begin::Calls { verb, intent, work } => {
                    unsaved.dirty |= intent.is_some_and(|record| steps.put(index, record, run.state));
                    progress.phases[index] = Phase::Running(Instant::now());
                    starting.push((index, verb, work));
                }
            }
        }
        progress.skip_stuck(run, steps);
        let Unsaved { dirty, made, ended } = std::mem::take(&mut unsaved);
        stopping |= dirty && !save(run, made, &mut progress.summary).await;
        for (index, outcome, elapsed) in ended {
            progress.done(run, steps, index, outcome, elapsed);
        }
        // A request to stop may have come during the save. The intents stay on record: the next run looks for the resources.
        if stopping || run.stop.level() != StopLevel::No {
            for (index, ..) in starting.drain(..) {
                progress.phases[index] = Phase::Waiting;
            }
        }
        for (index, verb, work) in starting {
            (run.tell)(Event::Started { id: steps.id(index).clone(), verb });
            workers.spawn(index, steps.id(index), work);
        }

        // 2. Wait for events.
        let events = match workers.hear().await {
            LoopEvent::Happened(events) => events,
            LoopEvent::Drain => {
                stopping = true;
                progress.summary.stopped = true;
                if workers.in_flight() > 0 {
                    (run.tell)(Event::Draining);
                }
                continue;
            }
            LoopEvent::Idle if stopping || steps.next(&progress.phases).is_none() => break,
            LoopEvent::Idle => continue,
            LoopEvent::Leave => {
                let running = |index: &usize| matches!(progress.phases[*index], Phase::Running(_));
                progress.summary.unanswered = (0..count).filter(running).map(|index| steps.id(index).clone()).collect();
                break;
            }
        };

        // 3. Write the results into the state. They are saved before anything else starts.
        for event in events {
            let (index, result) = match event {
                WorkerEvent::Note(id, why) => {
                    (run.tell)(Event::Noted { id, why });
                    continue;
                }
                WorkerEvent::End(index, result) => (index, result),
            };
            let elapsed = match progress.phases[index] {
                Phase::Running(since) => since.elapsed(),
                _ => Duration::ZERO,
            };
            match result {
                Ok(output) => {
                    let (outcomes, outputs) = steps.record(index, output, run.state);
                    unsaved.dirty = true;
                    unsaved.made.extend(outputs.map(|outputs| (steps.id(index).clone(), outputs)));
                    for (done, outcome) in outcomes {
                        progress.phases[done] = Phase::Done;
                        unsaved.ended.push((done, outcome, if done == index { elapsed } else { Duration::ZERO }));
                    }
                }
                Err(failure) if failure.cause == Cause::Stopped => {
                    progress.phases[index] = Phase::Stopped;
                    progress.summary.stopped = true;
                }
                Err(failure) => {
                    stopping |= failure.cause == Cause::Fatal;
                    progress.fail(run, steps, index, failure, elapsed);
                }
            }
        }
    }
    let mut summary = progress.summary;
    save_at_last(run, &mut summary).await;
    summary.abandoned = summary.stopped && run.stop.level() == StopLevel::Now;
    summary
}

impl Progress {
    fn done<S: Steps>(&mut self, run: &mut Run<'_>, steps: &S, index: usize, outcome: Outcome, elapsed: Duration) {
        let id = steps.id(index).clone();
        self.phases[index] = Phase::Done;
        (run.tell)(Event::Done { id: id.clone(), outcome: outcome.clone(), elapsed });
        self.summary.done.push((id, outcome));
    }

    fn fail<S: Steps>(&mut self, run: &mut Run<'_>, steps: &S, index: usize, failure: Failure, elapsed: Duration) {
        let id = steps.id(index).clone();
        self.phases[index] = Phase::Failed;
        self.cause[index] = Some(id.clone());
        (run.tell)(Event::Failed { id: id.clone(), failure: failure.clone(), elapsed });
        self.summary.failed.push((id, failure));
    }

    /// Skips every step that can never start, and names the resource whose failure is the cause.
    fn skip_stuck<S: Steps>(&mut self, run: &mut Run<'_>, steps: &S) {
        while let Some((index, first)) = steps.stuck(&self.phases) {
            let because = self.cause[first].clone().unwrap_or_else(|| steps.id(first).clone());
            self.skip(run, steps, index, because);
        }
    }

    fn skip<S: Steps>(&mut self, run: &mut Run<'_>, steps: &S, index: usize, because: Id) {
        let id = steps.id(index).clone();
        self.phases[index] = Phase::Skipped;
        self.cause[index] = Some(because.clone());
        (run.tell)(Event::Skipped { id: id.clone(), because: because.clone() });
        self.summary.skipped.push((id, because));
    }
}

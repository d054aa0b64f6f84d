//! Crashes: the power is cut after any save, and before or after any call takes effect. The next `up` or `down` must finish,
//! and nothing may be created twice.

use std::time::Duration;

use proptest::prelude::*;
use securelambda::engine::{Cause, Graph};

use super::support::fake::Fault;
use super::support::graphs::{NodeSketch, sketched, stack};
use super::support::simulation::Simulation;

/// How the cloud behaves before the crash.
const SETTINGS: [fn(&Simulation); 3] = [
    |_| {},
    // The cloud acts just before it answers, so a call in flight during the crash has no effect.
    |sim| sim.cloud.act_before_the_answer(),
    // Lists omit new resources.
    |sim| sim.cloud.lag(Duration::from_secs(2)),
];

/// Arranges a crash at the nth save or call.
pub type Crash = fn(&Simulation, usize);

pub const CRASHES: [Crash; 3] = [
    |sim, nth| sim.disk.cut_after(nth),
    |sim, nth| sim.cloud.on("", nth, Fault::CutBefore),
    |sim, nth| sim.cloud.on("", nth, Fault::CutAfter),
];

/// Crashes an `up` in every setting, by every kind of crash and at every possible point, and continues with `then`.
async fn after_each_crash(graph: &Graph, mut then: impl AsyncFnMut(Simulation)) {
    for setting in SETTINGS {
        for crash in CRASHES {
            for nth in 1.. {
                let sim = Simulation::new();
                setting(&sim);
                crash(&sim, nth);
                let survived = sim.try_up(graph).await.is_some();
                sim.clear_faults();
                if survived {
                    assert!(nth > 6, "there were too few crash points");
                    break;
                }
                then(sim).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn up_finishes_after_an_up_that_was_killed_at_any_point() {
    let stack = stack();
    after_each_crash(&stack, async |sim| {
        sim.up(&stack).await.succeeded();
        sim.assert_built(&stack);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn down_removes_all_after_an_up_that_was_killed_at_any_point() {
    let stack = stack();
    after_each_crash(&stack, async |sim| {
        sim.down(&stack).await.succeeded();
        sim.assert_empty();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn down_without_a_graph_removes_what_a_killed_up_created() {
    after_each_crash(&stack(), async |sim| {
        sim.down(&Graph::default()).await.succeeded();
        sim.assert_empty();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn down_finishes_after_a_down_that_was_killed_at_any_point() {
    let stack = stack();
    for graph in [&stack, &Graph::default()] {
        for crash in CRASHES {
            for nth in 1.. {
                let sim = Simulation::with(&stack).await;
                crash(&sim, nth);
                let survived = sim.try_down(graph).await.is_some();
                sim.clear_faults();
                sim.down(graph).await.succeeded();
                sim.assert_empty();
                if survived {
                    break;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn up_restores_all_after_a_down_that_was_killed_at_any_point() {
    let stack = stack();
    for crash in CRASHES {
        for nth in 1.. {
            let sim = Simulation::with(&stack).await;
            crash(&sim, nth);
            let survived = sim.try_down(&stack).await.is_some();
            sim.clear_faults();
            sim.up(&stack).await.succeeded();
            sim.assert_built(&stack);
            if survived {
                break;
            }
        }
    }
}

#[derive(Debug, Clone)]
pub enum RunFault {
    Call(&'static str, usize, Fault),
    SaveFails(usize),
    CutAfterSave(usize),
}

pub fn arrange(sim: &Simulation, run_faults: &[RunFault]) {
    for run_fault in run_faults {
        match run_fault {
            RunFault::Call(call, nth, fault) => sim.cloud.on(call, *nth, fault.clone()),
            RunFault::SaveFails(nth) => sim.disk.fail_once(*nth),
            RunFault::CutAfterSave(nth) => sim.disk.cut_after(*nth),
        }
    }
}

fn run_fault() -> impl Strategy<Value = RunFault> {
    let fault = prop_oneof![
        Just(Fault::refuse()),
        Just(Fault::fail(Cause::Unknown)),
        Just(Fault::fail(Cause::Fatal)),
        Just(Fault::LoseAnswer),
        Just(Fault::CutBefore),
        Just(Fault::CutAfter),
    ];
    let call = prop_oneof![Just(""), Just("create"), Just("update"), Just("delete")];
    prop_oneof![
        6 => (call, 1..20_usize, fault).prop_map(|(call, nth, fault)| RunFault::Call(call, nth, fault)),
        1 => (1..12_usize).prop_map(RunFault::SaveFails),
        1 => (1..12_usize).prop_map(RunFault::CutAfterSave),
    ]
}

/// The faults of each run.
pub fn runs() -> impl Strategy<Value = Vec<Vec<RunFault>>> {
    prop::collection::vec(prop::collection::vec(run_fault(), 1..5), 0..5)
}

async fn run_with_faults(
    graph: &Graph,
    jobs: usize,
    lag: u64,
    ups: &[Vec<RunFault>],
    downs: &[Vec<RunFault>],
    recorded_only: bool,
) {
    let mut sim = Simulation::new();
    sim.jobs = jobs;
    sim.cloud.lag(Duration::from_secs(lag));
    for run_faults in ups {
        arrange(&sim, run_faults);
        drop(sim.try_up(graph).await);
        sim.clear_faults();
        sim.assert_promises_kept();
    }
    sim.up(graph).await.succeeded();
    sim.assert_built(graph);
    let nothing = Graph::default();
    let described = if recorded_only { &nothing } else { graph };
    for run_faults in downs {
        arrange(&sim, run_faults);
        drop(sim.try_down(described).await);
        sim.clear_faults();
        sim.assert_promises_kept();
    }
    sim.down(described).await.succeeded();
    sim.assert_empty();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_graphs_under_random_faults_are_built_once_and_removed(
        sketch in prop::collection::vec(any::<NodeSketch>(), 1..15),
        jobs in 1..9_usize,
        lag in 0..3_u64,
        ups in runs(),
        downs in runs(),
        recorded_only in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run_with_faults(&sketched(&sketch), jobs, lag, &ups, &downs, recorded_only));
    }
}

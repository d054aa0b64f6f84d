//! Sudden death: the power goes after any write to disk, and before or after the work of any call. Whatever runs next,
//! `up` or `down`, finishes the job, and nothing was ever made twice.

use std::time::Duration;

use proptest::prelude::*;
use securelambda::engine::{Cause, Graph};

use super::support::fake::Fault;
use super::support::graphs::{Sketch, sketched, stack};
use super::support::world::World;

/// How a world is before its power goes.
const WORLDS: [fn(&World); 3] = [
    |_| {},
    // A call in flight is lost altogether.
    |world| world.cloud.work_late(),
    // What was just made is not in any list yet.
    |world| world.cloud.lag(Duration::from_secs(2)),
];

/// Arranges the nth death of a kind.
type Death = fn(&World, usize);

const DEATHS: [Death; 3] = [
    |world, nth| world.disk.cut_after(nth),
    |world, nth| world.cloud.on("", nth, Fault::CutBefore),
    |world, nth| world.cloud.on("", nth, Fault::CutAfter),
];

/// Every world in which an `up` died, by every death, as early as can be and then ever later.
async fn after_each_death(graph: &Graph, mut then: impl AsyncFnMut(World)) {
    for setting in WORLDS {
        for death in DEATHS {
            for nth in 1.. {
                let world = World::new();
                setting(&world);
                death(&world, nth);
                let survived = world.try_up(graph).await.is_some();
                world.calm();
                if survived {
                    assert!(nth > 6, "it died hardly ever");
                    break;
                }
                then(world).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn up_finishes_after_an_up_that_was_killed_at_any_point() {
    let stack = stack();
    after_each_death(&stack, async |world| {
        world.up(&stack).await.succeeded();
        world.holds(&stack);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn down_removes_all_after_an_up_that_was_killed_at_any_point() {
    let stack = stack();
    after_each_death(&stack, async |world| {
        world.down(&stack).await.succeeded();
        world.is_empty();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn down_without_a_graph_removes_what_a_killed_up_created() {
    after_each_death(&stack(), async |world| {
        world.down(&Graph::default()).await.succeeded();
        world.is_empty();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn down_finishes_after_a_down_that_was_killed_at_any_point() {
    let stack = stack();
    for graph in [&stack, &Graph::default()] {
        for death in DEATHS {
            for nth in 1.. {
                let world = World::with(&stack).await;
                death(&world, nth);
                let survived = world.try_down(graph).await.is_some();
                world.calm();
                world.down(graph).await.succeeded();
                world.is_empty();
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
    for death in DEATHS {
        for nth in 1.. {
            let world = World::with(&stack).await;
            death(&world, nth);
            let survived = world.try_down(&stack).await.is_some();
            world.calm();
            world.up(&stack).await.succeeded();
            world.holds(&stack);
            if survived {
                break;
            }
        }
    }
}

/// Something that goes wrong in a run.
#[derive(Debug, Clone)]
enum Mishap {
    Call(&'static str, usize, Fault),
    SaveFails(usize),
    CutAfterSave(usize),
}

fn befall(world: &World, mishaps: &[Mishap]) {
    for mishap in mishaps {
        match mishap {
            Mishap::Call(call, nth, fault) => world.cloud.on(call, *nth, fault.clone()),
            Mishap::SaveFails(nth) => world.disk.fail(*nth),
            Mishap::CutAfterSave(nth) => world.disk.cut_after(*nth),
        }
    }
}

fn mishap() -> impl Strategy<Value = Mishap> {
    let fault = prop_oneof![
        Just(Fault::refuse()),
        Just(Fault::fail(Cause::Unknown)),
        Just(Fault::fail(Cause::Fatal)),
        Just(Fault::Lose),
        Just(Fault::CutBefore),
        Just(Fault::CutAfter),
    ];
    let call = prop_oneof![Just(""), Just("create"), Just("update"), Just("delete")];
    prop_oneof![
        6 => (call, 1..20_usize, fault).prop_map(|(call, nth, fault)| Mishap::Call(call, nth, fault)),
        1 => (1..12_usize).prop_map(Mishap::SaveFails),
        1 => (1..12_usize).prop_map(Mishap::CutAfterSave),
    ]
}

/// For each run, what befalls it.
fn runs() -> impl Strategy<Value = Vec<Vec<Mishap>>> {
    prop::collection::vec(prop::collection::vec(mishap(), 1..5), 0..5)
}

async fn faults(graph: &Graph, jobs: usize, lag: u64, ups: &[Vec<Mishap>], downs: &[Vec<Mishap>], recorded_only: bool) {
    let mut world = World::new();
    world.jobs = jobs;
    world.cloud.lag(Duration::from_secs(lag));
    for mishaps in ups {
        befall(&world, mishaps);
        drop(world.try_up(graph).await);
        world.calm();
        world.keeps_promises();
    }
    world.up(graph).await.succeeded();
    world.holds(graph);
    let nothing = Graph::default();
    let described = if recorded_only { &nothing } else { graph };
    for mishaps in downs {
        befall(&world, mishaps);
        drop(world.try_down(described).await);
        world.calm();
        world.keeps_promises();
    }
    world.down(described).await.succeeded();
    world.is_empty();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_graphs_under_random_faults_are_built_once_and_removed(
        sketch in prop::collection::vec(any::<Sketch>(), 1..15),
        jobs in 1..9_usize,
        lag in 0..3_u64,
        ups in runs(),
        downs in runs(),
        recorded_only in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(faults(&sketched(&sketch), jobs, lag, &ups, &downs, recorded_only));
    }
}

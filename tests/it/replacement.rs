//! Changes from one graph to another: a resource that moves is created in its new place first and removed from the old
//! place last, and resources that only the first graph has are removed. Wherever the power is cut, the next `up` or
//! `down` finishes the change.

use std::time::Duration;

use proptest::prelude::*;
use securelambda::engine::{Change, Graph, Id, Plan};

use super::crash::{CRASHES, RunFault, arrange, runs};
use super::support::fake::{client, function, pool, role, route};
use super::support::graphs::{NodeSketch, add, sketched, under};
use super::support::simulation::Simulation;

/// A function that uses a client of one of two pools. The client has the same id in either pool.
fn client_in(second: bool) -> Graph {
    let mut graph = Graph::default();
    let one = add(&mut graph, pool, "one", (), |pool, ()| pool);
    let two = add(&mut graph, pool, "two", (), |pool, ()| pool);
    let home = if second { two } else { one };
    let web = under(&mut graph, home, client, "web", (), |client, ()| client);
    add(&mut graph, function, "greet", web, |it, web| it.using(&web));
    graph
}

fn changes(sim: &Simulation, plan: &Plan, id: &Id) -> Option<Change> {
    sim.assert_promises_kept();
    plan.changes.iter().find(|(known, ..)| known == id).map(|(.., change)| change.clone())
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_moves_is_created_first_and_removed_last() {
    let sim = Simulation::with(&client_in(false)).await;
    let graph = client_in(true);
    let plan = Plan::new(&graph, &sim.refresh(&graph).await.unwrap(), &sim.disk.state());
    let Some(Change::Replace { moved }) = changes(&sim, &plan, &Id::new("client", "web")) else { panic!("{plan:#?}") };
    assert_eq!(moved.iter().map(|part| part.field.as_str()).collect::<Vec<_>>(), ["under"]);
    sim.up(&graph).await.succeeded();
    assert_eq!(sim.cloud.writes(), ["create client.web", "update function.greet", "delete client.web"]);
    sim.assert_built(&graph);
    sim.up(&graph).await.succeeded();
    assert_eq!(sim.cloud.writes(), Vec::<String>::new(), "a second up changes nothing");
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_moves_and_moves_back_is_there_once() {
    let sim = Simulation::with(&client_in(false)).await;
    // The first move is cut off before the old client is removed.
    sim.cloud.on("update function.greet", 1, super::support::fake::Fault::CutBefore);
    assert!(sim.try_up(&client_in(true)).await.is_none());
    sim.clear_faults();
    sim.up(&client_in(false)).await.succeeded();
    sim.assert_built(&client_in(false));
}

#[tokio::test(start_paused = true)]
async fn children_of_a_parent_that_was_deleted_elsewhere_are_created_and_not_replaced() {
    let sim = Simulation::with(&client_in(false)).await;
    sim.cloud.delete_externally("pool.one");
    let graph = client_in(false);
    sim.up(&graph).await.succeeded();
    sim.assert_built(&graph);
    assert_eq!(sim.cloud.writes(), ["create pool.one", "create client.web", "update function.greet"]);
}

#[tokio::test(start_paused = true)]
async fn a_move_that_was_cut_off_anywhere_is_finished_by_up_and_removed_by_down() {
    let (before, after, nothing) = (client_in(false), client_in(true), Graph::default());
    for crash in CRASHES {
        for nth in 1.. {
            let mut survived = false;
            for then in [Some(&after), Some(&before), None] {
                for described in [&after, &nothing] {
                    let sim = Simulation::with(&before).await;
                    crash(&sim, nth);
                    survived = sim.try_up(&after).await.is_some();
                    sim.clear_faults();
                    if let Some(graph) = then {
                        sim.up(graph).await.succeeded();
                        sim.assert_built(graph);
                    }
                    sim.down(described).await.succeeded();
                    sim.assert_empty();
                }
            }
            if survived {
                assert!(nth > 3, "the power was hardly ever cut");
                break;
            }
        }
    }
}

/// A role uses a route of a pool. Both the role and the pool are removed, and the route moves to another pool.
#[tokio::test(start_paused = true)]
async fn what_used_a_moved_resource_is_removed_before_the_place_that_it_was_in() {
    let before = {
        let mut graph = Graph::default();
        let old = add(&mut graph, pool, "old", (), |pool, ()| pool);
        let hello = under(&mut graph, old, route, "hello", (), |route, ()| route);
        add(&mut graph, role, "edge", hello, |role, hello| role.using(&hello));
        graph
    };
    let after = {
        let mut graph = Graph::default();
        let new = add(&mut graph, pool, "new", (), |pool, ()| pool);
        under(&mut graph, new, route, "hello", (), |route, ()| route);
        graph
    };
    let sim = Simulation::with(&before).await;
    sim.up(&after).await.succeeded();
    sim.assert_built(&after);
    assert_eq!(sim.cloud.writes(), ["create pool.new", "create route.hello", "delete role.edge", "delete pool.old"]);
}

async fn change(graphs: &[Graph], lag: u64, faults: &[Vec<RunFault>]) {
    let sim = Simulation::new();
    sim.cloud.lag(Duration::from_secs(lag));
    for graph in graphs {
        for faults in faults {
            arrange(&sim, faults);
            drop(sim.try_up(graph).await);
            sim.clear_faults();
            sim.assert_promises_kept();
        }
        sim.up(graph).await.succeeded();
        sim.assert_built(graph);
    }
    sim.down(&Graph::default()).await.succeeded();
    sim.assert_empty();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_change_in_any_weather_leaves_exactly_the_new_graph(
        sketches in prop::collection::vec(prop::collection::vec(any::<NodeSketch>(), 1..12), 2..4),
        lag in 0..3_u64,
        faults in runs(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let graphs: Vec<Graph> = sketches.iter().map(|sketch| sketched(sketch)).collect();
        runtime.block_on(change(&graphs, lag, &faults));
    }
}

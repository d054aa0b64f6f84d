//! Changes from one graph to another: what moves is created in its new place first and removed from the old one last, and
//! nothing of the first graph remains that the second does not want. Wherever the power is cut, the next `up` or `down`
//! finishes the job.

use std::time::Duration;

use proptest::prelude::*;
use securelambda::engine::{Change, Graph, Id, Plan};

use super::crash::{DEATHS, Mishap, befall, runs};
use super::support::fake::{client, function, pool, role, route};
use super::support::graphs::{Sketch, add, sketched, under};
use super::support::world::World;

/// A function that uses a client of one of two pools. The client has the same id, whichever pool it is in.
fn client_in(second: bool) -> Graph {
    let mut graph = Graph::default();
    let one = add(&mut graph, pool, "one", (), |pool, ()| pool);
    let two = add(&mut graph, pool, "two", (), |pool, ()| pool);
    let home = if second { two } else { one };
    let web = under(&mut graph, home, client, "web", (), |client, ()| client);
    add(&mut graph, function, "greet", web, |it, web| it.using(&web));
    graph
}

fn changes(world: &World, plan: &Plan, id: &Id) -> Option<Change> {
    world.keeps_promises();
    plan.changes.iter().find(|(known, ..)| known == id).map(|(.., change)| change.clone())
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_moves_is_created_first_and_removed_last() {
    let world = World::with(&client_in(false)).await;
    let graph = client_in(true);
    let plan = Plan::new(&graph, &world.refresh(&graph).await.unwrap(), &world.disk.state());
    let Some(Change::Replace { moved }) = changes(&world, &plan, &Id::new("client", "web")) else {
        panic!("{plan:#?}")
    };
    assert_eq!(moved.iter().map(|part| part.field.as_str()).collect::<Vec<_>>(), ["under"]);
    world.up(&graph).await.succeeded();
    assert_eq!(world.cloud.writes(), ["create client.web", "update function.greet", "delete client.web"]);
    world.holds(&graph);
    world.up(&graph).await.succeeded();
    assert_eq!(world.cloud.writes(), Vec::<String>::new(), "a second up changes nothing");
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_moves_and_moves_back_is_there_once() {
    let world = World::with(&client_in(false)).await;
    // The first move is cut off before the old client is removed.
    world.cloud.on("update function.greet", 1, super::support::fake::Fault::CutBefore);
    assert!(world.try_up(&client_in(true)).await.is_none());
    world.calm();
    world.up(&client_in(false)).await.succeeded();
    world.holds(&client_in(false));
}

#[tokio::test(start_paused = true)]
async fn children_of_a_parent_that_was_deleted_elsewhere_are_created_and_not_replaced() {
    let world = World::with(&client_in(false)).await;
    world.cloud.lose("pool.one");
    let graph = client_in(false);
    world.up(&graph).await.succeeded();
    world.holds(&graph);
    assert_eq!(world.cloud.writes(), ["create pool.one", "create client.web", "update function.greet"]);
}

#[tokio::test(start_paused = true)]
async fn a_move_that_was_cut_off_anywhere_is_finished_by_up_and_removed_by_down() {
    let (before, after, nothing) = (client_in(false), client_in(true), Graph::default());
    for death in DEATHS {
        for nth in 1.. {
            let mut survived = false;
            for then in [Some(&after), Some(&before), None] {
                for described in [&after, &nothing] {
                    let world = World::with(&before).await;
                    death(&world, nth);
                    survived = world.try_up(&after).await.is_some();
                    world.calm();
                    if let Some(graph) = then {
                        world.up(graph).await.succeeded();
                        world.holds(graph);
                    }
                    world.down(described).await.succeeded();
                    world.is_empty();
                }
            }
            if survived {
                assert!(nth > 3, "the power was hardly ever cut");
                break;
            }
        }
    }
}

/// A role uses a route of a pool. Both the role and the pool go, and the route moves to another pool.
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
    let world = World::with(&before).await;
    world.up(&after).await.succeeded();
    world.holds(&after);
    assert_eq!(world.cloud.writes(), ["create pool.new", "create route.hello", "delete role.edge", "delete pool.old"]);
}

async fn change(graphs: &[Graph], lag: u64, mishaps: &[Vec<Mishap>]) {
    let world = World::new();
    world.cloud.lag(Duration::from_secs(lag));
    for graph in graphs {
        for mishaps in mishaps {
            befall(&world, mishaps);
            drop(world.try_up(graph).await);
            world.calm();
            world.keeps_promises();
        }
        world.up(graph).await.succeeded();
        world.holds(graph);
    }
    world.down(&Graph::default()).await.succeeded();
    world.is_empty();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_change_in_any_weather_leaves_exactly_the_new_graph(
        sketches in prop::collection::vec(prop::collection::vec(any::<Sketch>(), 1..12), 2..4),
        lag in 0..3_u64,
        mishaps in runs(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let graphs: Vec<Graph> = sketches.iter().map(|sketch| sketched(sketch)).collect();
        runtime.block_on(change(&graphs, lag, &mishaps));
    }
}

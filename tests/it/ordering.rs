//! Orderings that hold only for updates (`order_after`), deferred dependencies, and resources whose id in the graph changes.

use securelambda::engine::{Change, Deferred, Graph, Handle, Id, Plan};

use super::support::fake::{Fault, Pool, Role, Toy, function, pool, role};
use super::support::graphs::add;
use super::support::simulation::Simulation;

/// A pool that is updated only after a role, if there is one.
fn changed_after(mfa: &'static str, with_role: bool) -> Graph {
    let mut graph = Graph::default();
    let first = with_role.then(|| add(&mut graph, role, "first", (), |role, ()| role));
    let then = add(&mut graph, pool, "then", (), move |pool, ()| pool.with("mfa", mfa));
    if let Some(first) = first {
        graph.order_after(then, first);
    }
    graph
}

#[tokio::test(start_paused = true)]
async fn an_existing_resource_is_updated_after_the_one_it_is_ordered_after() {
    let sim = Simulation::with(&changed_after("off", false)).await;
    sim.up(&changed_after("on", true)).await.succeeded();
    assert_eq!(sim.cloud.writes(), ["create role.first", "update pool.then"]);
}

#[tokio::test(start_paused = true)]
async fn an_existing_resource_is_not_updated_if_the_one_before_it_fails() {
    let sim = Simulation::with(&changed_after("off", false)).await;
    sim.cloud.on("create role.first", 1, Fault::refuse());
    let run = sim.up(&changed_after("on", true)).await;
    assert_eq!(
        (run.failed(), run.skipped()),
        (vec!["role.first".into()], vec!["pool.then because of role.first".into()])
    );
    assert!(!sim.cloud.writes().contains(&"update pool.then".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_new_resource_is_created_even_if_the_one_before_it_fails() {
    let sim = Simulation::new();
    sim.cloud.on("create role.first", 1, Fault::refuse());
    let run = sim.up(&changed_after("on", true)).await;
    assert_eq!((run.failed(), run.skipped()), (vec!["role.first".into()], vec![]));
    assert!(sim.cloud.writes().contains(&"create pool.then".to_owned()));
}

/// Like [`changed_after`], but the pool also contains the id of a function. Until the function exists, the pool cannot
/// be read.
fn changed_after_and_mentioning() -> Graph {
    let mut graph = Graph::default();
    let first = add(&mut graph, role, "first", (), |role, ()| role);
    let extra = add(&mut graph, function, "extra", (), |it, ()| it);
    let then = add(&mut graph, pool, "then", extra, |pool, extra| pool.with("mfa", "on").mentioning(&extra));
    graph.order_after(then, first);
    graph
}

#[tokio::test(start_paused = true)]
async fn an_existing_resource_waits_even_if_a_dependency_does_not_exist_yet() {
    let sim = Simulation::with(&changed_after("off", false)).await;
    sim.cloud.on("create role.first", 1, Fault::refuse());
    let run = sim.up(&changed_after_and_mentioning()).await;
    assert_eq!(
        (run.failed(), run.skipped()),
        (vec!["role.first".into()], vec!["pool.then because of role.first".into()])
    );
    assert!(!sim.cloud.writes().contains(&"update pool.then".to_owned()));
    sim.up(&changed_after_and_mentioning()).await.succeeded();
    assert_eq!(sim.cloud.writes().last().map(String::as_str), Some("update pool.then"));
}

#[tokio::test(start_paused = true)]
async fn a_new_resource_waits_only_for_its_dependencies() {
    let sim = Simulation::new();
    sim.cloud.on("create role.first", 1, Fault::refuse());
    let run = sim.up(&changed_after_and_mentioning()).await;
    assert_eq!((run.failed(), run.skipped()), (vec!["role.first".into()], vec![]));
    assert!(sim.cloud.writes().contains(&"create pool.then".to_owned()));
}

#[test]
#[should_panic(expected = "`first` must be added to the graph before `then`")]
fn order_after_panics_if_the_other_resource_was_added_later() {
    let mut graph = Graph::default();
    let early: Handle<Toy<Role>> = add(&mut graph, role, "early", (), |role, ()| role);
    let late: Handle<Toy<Pool>> = add(&mut graph, pool, "late", (), |pool, ()| pool);
    graph.order_after(early, late);
}

/// A pool with a deferred dependency on a function.
fn needing(name: &'static str, mfa: &'static str) -> Graph {
    let mut graph = Graph::default();
    let first = add(&mut graph, function, name, (), |it, ()| it);
    add(&mut graph, pool, "stage", Deferred(first), move |pool, first| {
        // Known outputs belong to this function, not to the function of an earlier graph.
        assert!(first.is_none_or(|first| first.name == name));
        pool.with("mfa", mfa)
    });
    graph
}

#[tokio::test(start_paused = true)]
async fn a_missing_deferred_dependency_does_not_prevent_the_comparison() {
    let sim = Simulation::with(&needing("one", "off")).await;
    let graph = needing("two", "on");
    let plan = Plan::new(&graph, &sim.refresh(&graph).await.unwrap(), &sim.disk.state());
    let change = |id: Id| plan.changes.iter().find(|(known, ..)| *known == id).map(|(.., change)| change.clone());
    assert_eq!(change(Id::new("function", "two")), Some(Change::Create));
    let Some(Change::Update { drift }) = change(Id::new("pool", "stage")) else { panic!("{plan:?}") };
    assert_eq!((drift[0].want.as_str(), drift[0].live.as_str()), ("Some(\"on\")", "Some(\"off\")"));
    sim.up(&graph).await.succeeded();
    assert_eq!(sim.cloud.writes(), ["create function.two", "update pool.stage", "delete function.one"]);
}

#[tokio::test(start_paused = true)]
async fn a_deferred_dependency_is_created_before_its_dependent() {
    let sim = Simulation::new();
    let mut graph = Graph::default();
    let first = add(&mut graph, function, "first", (), |it, ()| it);
    add(&mut graph, pool, "stage", Deferred(first), |pool, first| first.iter().fold(pool, Toy::using));
    sim.up(&graph).await.succeeded();
    assert_eq!(sim.cloud.writes(), ["create function.first", "create pool.stage"]);
    sim.assert_built(&graph);
}

#[tokio::test(start_paused = true)]
async fn a_resource_with_a_new_id_in_the_graph_is_not_removed() {
    let named = |id: &str| {
        let mut graph = Graph::default();
        graph.add(Id::new("role", id), (), |()| role("one"));
        graph
    };
    let sim = Simulation::with(&named("old")).await;
    let graph = named("new");
    sim.up(&graph).await.succeeded();
    assert_eq!(sim.cloud.writes(), Vec::<String>::new());
    assert!(sim.disk.state().resources.keys().eq(["role.new"]));
}

//! Graphs of toy resources. The id of each is its kind and its name, as the fake cloud calls it.

use std::sync::Arc;

use securelambda::engine::{Graph, Handle, Id, Needs};
use serde_json::Value;

use super::fake::{Ids, Kind, Pool, Thing, client, function, pool, role, route};

/// How many steps [`stack`] is deep.
pub const DEPTH: usize = 6;

/// Twelve resources of five kinds, in diamonds:
///
/// ```text
/// exec ────────────┐
/// users ─┬─ web ───┴─ greet ─┬─ hello ─┬─ stage ── edge
///        ├─ app              │         │
///        └─ check ───────────┴─ admin ─┘
/// auth ────┘        hello and admin hang under rest, web and app under users
/// ```
pub fn stack() -> Graph {
    let mut graph = Graph::default();
    let exec = add(&mut graph, role, "exec", (), |role, ()| role.with("trusts", "lambda"));
    let auth = add(&mut graph, role, "auth", (), |role, ()| role);
    let users = add(&mut graph, pool, "users", (), |pool, ()| pool.with("mfa", "on").with("self sign-up", "off"));
    let web = under(&mut graph, users, client, "web", (), |client, ()| client);
    under(&mut graph, users, client, "app", (), |client, ()| client.with("flow", "code"));
    let greet = add(&mut graph, function, "greet", (exec, web), |it, (exec, web)| it.using(&exec).using(&web));
    let check = add(&mut graph, function, "check", (auth, users), |it, (auth, users)| it.using(&auth).using(&users));
    let rest = add(&mut graph, pool, "rest", (), |pool, ()| pool);
    let hello = under(&mut graph, rest, route, "hello", greet, |route, greet| route.using(&greet));
    let admin =
        under(&mut graph, rest, route, "admin", (greet, check), |it, (greet, check)| it.using(&greet).using(&check));
    let stage = add(&mut graph, function, "stage", vec![hello, admin], using);
    add(&mut graph, role, "edge", stage, |role, stage| role.using(&stage));
    graph
}

/// [`stack`] without what is made from its API.
pub fn half_a_stack() -> Graph {
    let mut graph = Graph::default();
    let exec = add(&mut graph, role, "exec", (), |role, ()| role.with("trusts", "lambda"));
    let users = add(&mut graph, pool, "users", (), |pool, ()| pool.with("mfa", "on").with("self sign-up", "off"));
    let web = under(&mut graph, users, client, "web", (), |client, ()| client);
    add(&mut graph, function, "greet", (exec, web), |it, (exec, web)| it.using(&exec).using(&web));
    graph
}

/// `count` roles that need nothing.
pub fn roles(count: usize) -> Graph {
    let mut graph = Graph::default();
    for index in 0..count {
        add(&mut graph, role, &format!("r{index:02}"), (), |role, ()| role);
    }
    graph
}

/// Adds a thing to a graph.
pub fn add<K: Kind, N: Needs + Send + Sync + 'static>(
    graph: &mut Graph,
    thing: fn(&str) -> Thing<K>,
    name: &str,
    needs: N,
    desired: impl Fn(Thing<K>, N::Out) -> Thing<K> + Send + Sync + 'static,
) -> Handle<Thing<K>> {
    let owned = name.to_owned();
    graph.add(Id::new(K::NAME, name), needs, move |outputs| desired(thing(&owned), outputs))
}

/// Adds a thing to a graph that hangs under another.
pub fn under<P: Kind, K: Kind, N: Needs + Send + Sync + 'static>(
    graph: &mut Graph,
    parent: Handle<Thing<P>>,
    thing: fn(&str) -> Thing<K>,
    name: &str,
    needs: N,
    desired: impl Fn(Thing<K>, N::Out) -> Thing<K> + Send + Sync + 'static,
) -> Handle<Thing<K>> {
    let owned = name.to_owned();
    graph.add_under(parent, Id::new(K::NAME, name), (parent, needs), move |(parent, outputs)| {
        desired(thing(&owned).under(&parent), outputs)
    })
}

/// A node of a random graph: which kind, and which of the nodes before it it needs.
pub type Sketch = (u8, u16);

/// The graph of a sketch. A child needs nothing younger than its parent: such needs can close a circle, in which this
/// cloud would let nothing go first.
pub fn sketched(sketches: &[Sketch]) -> Graph {
    let mut graph = Graph::default();
    let mut nodes: Vec<Any> = Vec::new();
    let mut pools: Vec<(usize, Handle<Thing<Pool>>)> = Vec::new();
    for (index, &(kind, needs)) in sketches.iter().enumerate() {
        let name = format!("n{index:02}");
        let needed = |before: usize| -> Vec<Any> {
            (0..before).filter(|&node| needs & (1 << node) != 0).map(|node| nodes[node].clone()).collect()
        };
        let parent = pools.get(usize::from(kind / 5) % pools.len().max(1)).copied();
        let node = match (kind % 5, parent) {
            (0, _) => any(add(&mut graph, role, &name, needed(index), using)),
            (1, Some((age, parent))) => any(under(&mut graph, parent, client, &name, needed(age), using)),
            (2, Some((age, parent))) => any(under(&mut graph, parent, route, &name, needed(age), using)),
            (3, _) => any(add(&mut graph, function, &name, needed(index), using)),
            _ => {
                let pool = add(&mut graph, pool, &name, needed(index), using);
                pools.push((index, pool));
                any(pool)
            }
        };
        nodes.push(node);
    }
    graph
}

#[allow(clippy::needless_pass_by_value, reason = "a graph hands it over")]
fn using<K: Kind>(thing: Thing<K>, all: Vec<Ids>) -> Thing<K> {
    all.iter().fold(thing, Thing::using)
}

/// A handle, its type forgotten: all toys have the same outputs.
#[derive(Clone)]
struct Any(Arc<dyn Needs<Out = Ids> + Send + Sync>);

fn any<K: Kind>(handle: Handle<Thing<K>>) -> Any {
    Any(Arc::new(handle))
}

impl Needs for Any {
    type Out = Ids;
    fn indices(&self) -> Vec<usize> {
        self.0.indices()
    }
    fn read(&self, outputs: &dyn Fn(usize) -> Value) -> Ids {
        self.0.read(outputs)
    }
}

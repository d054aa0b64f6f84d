//! Graphs of toy resources. The id of a resource is its kind and its name, as in the fake cloud.

use std::sync::Arc;

use securelambda::engine::{Graph, Handle, Id, Needs};
use serde_json::Value;

use super::fake::{Kind, Pool, Toy, ToyOutputs, client, function, pool, role, route};

/// The length of the longest chain of [`stack`].
pub const DEPTH: usize = 6;

/// Twelve resources of five kinds, in diamonds:
///
/// ```text
/// exec ────────────┐
/// users ─┬─ web ───┴─ greet ─┬─ hello ─┬─ stage ── edge
///        ├─ app              │         │
///        └─ check ───────────┴─ admin ─┘
/// auth ────┘        rest is the parent of hello and admin, users of web and app
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

/// A part of [`stack`]: four of its resources.
pub fn half_a_stack() -> Graph {
    let mut graph = Graph::default();
    let exec = add(&mut graph, role, "exec", (), |role, ()| role.with("trusts", "lambda"));
    let users = add(&mut graph, pool, "users", (), |pool, ()| pool.with("mfa", "on").with("self sign-up", "off"));
    let web = under(&mut graph, users, client, "web", (), |client, ()| client);
    add(&mut graph, function, "greet", (exec, web), |it, (exec, web)| it.using(&exec).using(&web));
    graph
}

/// `count` roles without dependencies.
pub fn roles(count: usize) -> Graph {
    let mut graph = Graph::default();
    for index in 0..count {
        add(&mut graph, role, &format!("r{index:02}"), (), |role, ()| role);
    }
    graph
}

/// Adds a toy to a graph.
pub fn add<K: Kind, N: Needs + Send + Sync + 'static>(
    graph: &mut Graph,
    thing: fn(&str) -> Toy<K>,
    name: &str,
    needs: N,
    desired: impl Fn(Toy<K>, N::Out) -> Toy<K> + Send + Sync + 'static,
) -> Handle<Toy<K>> {
    let owned = name.to_owned();
    graph.add(Id::new(K::NAME, name), needs, move |outputs| desired(thing(&owned), outputs))
}

/// Adds a toy to a graph as a child of another.
pub fn under<P: Kind, K: Kind, N: Needs + Send + Sync + 'static>(
    graph: &mut Graph,
    parent: Handle<Toy<P>>,
    thing: fn(&str) -> Toy<K>,
    name: &str,
    needs: N,
    desired: impl Fn(Toy<K>, N::Out) -> Toy<K> + Send + Sync + 'static,
) -> Handle<Toy<K>> {
    let owned = name.to_owned();
    graph.add_under(parent, Id::new(K::NAME, name), (parent, needs), move |(parent, outputs)| {
        desired(thing(&owned).under(&parent), outputs)
    })
}

/// A node of a random graph: its kind, and as bits the earlier nodes that it depends on.
pub type NodeSketch = (u8, u16);

/// The graph of these nodes. A child depends on nothing that was added after its parent, because such a dependency could
/// close a cycle, and the fake cloud would then refuse to delete any of its members.
pub fn sketched(sketches: &[NodeSketch]) -> Graph {
    let mut graph = Graph::default();
    let mut nodes: Vec<Any> = Vec::new();
    let mut pools: Vec<(usize, Handle<Toy<Pool>>)> = Vec::new();
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
fn using<K: Kind>(thing: Toy<K>, all: Vec<ToyOutputs>) -> Toy<K> {
    all.iter().fold(thing, Toy::using)
}

/// A handle of any kind of toy: all kinds have the same outputs.
#[derive(Clone)]
struct Any(Arc<dyn Needs<Out = ToyOutputs> + Send + Sync>);

fn any<K: Kind>(handle: Handle<Toy<K>>) -> Any {
    Any(Arc::new(handle))
}

impl Needs for Any {
    type Out = ToyOutputs;
    fn indices(&self) -> Vec<usize> {
        self.0.indices()
    }
    fn read(&self, outputs: &dyn Fn(usize) -> Value) -> ToyOutputs {
        self.0.read(outputs)
    }
}

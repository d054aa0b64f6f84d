//! The graph of the resources that should exist. An edge is data: a function makes a resource's description from the
//! outputs of its dependencies. So a forgotten dependency does not compile. A cycle cannot be written, because adding a
//! resource is the only way to get its [`Handle`].

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use serde_json::Value;

use super::Id;
use super::dyn_provider::{Desired, read};
use super::resource::{Lag, Resource};
use super::spared::Spared;

/// Proof that a resource was added earlier.
#[derive(Debug)]
pub struct Handle<R> {
    index: usize,
    kind: PhantomData<fn() -> R>,
}

impl<R> Clone for Handle<R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R> Copy for Handle<R> {}

/// The dependencies whose outputs a description is made from: nothing, a handle, or a tuple, list or map of
/// dependencies.
pub trait Needs {
    /// The outputs, in the same shape.
    type Out;
    /// The positions of the dependencies in the graph.
    fn indices(&self) -> Vec<usize>;
    /// The dependencies that are needed to create the resource but not to read it.
    fn late(&self) -> Vec<usize> {
        Vec::new()
    }
    /// Reads the outputs. Each is a JSON document that its own resource wrote.
    fn read(&self, outputs: &dyn Fn(usize) -> Value) -> Self::Out;
}

impl Needs for () {
    type Out = ();
    fn indices(&self) -> Vec<usize> {
        Vec::new()
    }
    fn read(&self, _: &dyn Fn(usize) -> Value) {}
}

impl<R: Resource> Needs for Handle<R> {
    type Out = R::Outputs;
    fn indices(&self) -> Vec<usize> {
        vec![self.index]
    }
    fn read(&self, outputs: &dyn Fn(usize) -> Value) -> R::Outputs {
        read::<R::Outputs>(R::KIND, outputs(self.index))
    }
}

/// A dependency that must exist when the resource is created or changed, but not when it is read. So the live settings
/// can be compared even if this dependency does not exist yet.
#[derive(Debug)]
pub struct Deferred<R>(pub Handle<R>);

impl<R> Clone for Deferred<R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R> Copy for Deferred<R> {}

impl<R: Resource> Needs for Deferred<R> {
    type Out = Option<R::Outputs>;
    fn indices(&self) -> Vec<usize> {
        self.0.indices()
    }
    fn late(&self) -> Vec<usize> {
        self.0.indices()
    }
    fn read(&self, outputs: &dyn Fn(usize) -> Value) -> Self::Out {
        let known = !outputs(self.0.index).is_null();
        known.then(|| self.0.read(outputs))
    }
}

/// A dependency that only some resources of a kind have.
impl<N: Needs> Needs for Option<N> {
    type Out = Option<N::Out>;
    fn indices(&self) -> Vec<usize> {
        self.iter().flat_map(Needs::indices).collect()
    }
    fn late(&self) -> Vec<usize> {
        self.iter().flat_map(Needs::late).collect()
    }
    fn read(&self, outputs: &dyn Fn(usize) -> Value) -> Self::Out {
        self.as_ref().map(|need| need.read(outputs))
    }
}

impl<N: Needs> Needs for Vec<N> {
    type Out = Vec<N::Out>;
    fn indices(&self) -> Vec<usize> {
        self.iter().flat_map(Needs::indices).collect()
    }
    fn late(&self) -> Vec<usize> {
        self.iter().flat_map(Needs::late).collect()
    }
    fn read(&self, outputs: &dyn Fn(usize) -> Value) -> Self::Out {
        self.iter().map(|need| need.read(outputs)).collect()
    }
}

impl<K: Clone + Ord, N: Needs> Needs for BTreeMap<K, N> {
    type Out = BTreeMap<K, N::Out>;
    fn indices(&self) -> Vec<usize> {
        self.values().flat_map(Needs::indices).collect()
    }
    fn late(&self) -> Vec<usize> {
        self.values().flat_map(Needs::late).collect()
    }
    fn read(&self, outputs: &dyn Fn(usize) -> Value) -> Self::Out {
        self.iter().map(|(key, need)| (key.clone(), need.read(outputs))).collect()
    }
}

// Tuples: (a, b), (a, b, c), ... each read in turn.
macro_rules! tuple_needs {
    ($($name:ident $field:tt),+) => {
        impl<$($name: Needs),+> Needs for ($($name,)+) {
            type Out = ($($name::Out,)+);
            fn indices(&self) -> Vec<usize> {
                [$(self.$field.indices()),+].concat()
            }
            fn late(&self) -> Vec<usize> {
                [$(self.$field.late()),+].concat()
            }
            fn read(&self, outputs: &dyn Fn(usize) -> Value) -> Self::Out {
                ($(self.$field.read(outputs),)+)
            }
        }
    };
}
tuple_needs!(A 0, B 1);
tuple_needs!(A 0, B 1, C 2);
tuple_needs!(A 0, B 1, C 2, D 3);
tuple_needs!(A 0, B 1, C 2, D 3, E 4);

type MakeDesired = Box<dyn Fn(&dyn Fn(usize) -> Value) -> Desired + Send + Sync>;

/// A resource of the graph, without its type.
pub(super) struct Node {
    pub id: Id,
    pub kind: &'static str,
    /// Its dependencies, each once.
    pub needs: Vec<usize>,
    /// The dependencies that are not needed to read it.
    pub late: Vec<usize>,
    /// See [`Graph::order_after`].
    pub after: Vec<usize>,
    /// If the parent does not exist, this resource does not exist either.
    pub parent: Option<usize>,
    pub goes_with_parent: bool,
    pub settles_in: usize,
    pub guards: bool,
    pub lag: Option<Lag>,
    /// Makes the description from the outputs of the dependencies.
    pub desired: MakeDesired,
}

/// The resources that should exist. Dependencies are added before their dependents, so the order of `nodes` is a valid
/// order of creation.
#[derive(Default)]
pub struct Graph {
    pub(super) nodes: Vec<Node>,
    /// The kinds that [`keep`](Self::keep) names.
    pub(super) kept: BTreeSet<&'static str>,
    /// See [`spare`](Self::spare).
    pub(super) spared: Spared,
}

impl Graph {
    /// Resources of this kind belong to the whole account: they are created if they are missing, and never removed.
    pub fn keep<R: Resource>(&mut self) {
        self.kept.insert(R::KIND);
    }

    /// Whether resources of this kind are never removed ([`keep`](Self::keep)).
    pub fn keeps(&self, kind: &str) -> bool {
        self.kept.contains(kind)
    }

    /// Resources that are not removed although the graph does not contain them.
    pub fn spare(&mut self, spared: Spared) {
        self.spared = spared;
    }

    /// Whether a resource is not removed although the graph does not contain it.
    pub fn spares(&self, kind: &str, id: &Id) -> bool {
        self.spared.holds(kind, id)
    }

    /// Adds a resource without a parent.
    ///
    /// # Panics
    /// If the graph already has a resource with this id, which is a bug of the caller.
    pub fn add<R: Resource, N: Needs + Send + Sync + 'static>(
        &mut self,
        id: Id,
        needs: N,
        desired: impl Fn(N::Out) -> R + Send + Sync + 'static,
    ) -> Handle<R> {
        self.insert(id, None, needs, desired)
    }

    /// Adds a resource below `parent`. The parent is one of its dependencies, even if the description does not use the
    /// parent's outputs.
    pub fn add_under<P: Resource, R: Resource, N: Needs + Send + Sync + 'static>(
        &mut self,
        parent: Handle<P>,
        id: Id,
        needs: N,
        desired: impl Fn(N::Out) -> R + Send + Sync + 'static,
    ) -> Handle<R> {
        self.insert(id, Some(parent.index), needs, desired)
    }

    fn insert<R: Resource, N: Needs + Send + Sync + 'static>(
        &mut self,
        id: Id,
        parent: Option<usize>,
        needs: N,
        desired: impl Fn(N::Out) -> R + Send + Sync + 'static,
    ) -> Handle<R> {
        assert!(self.nodes.iter().all(|node| node.id != id), "two resources are called {id}");
        let mut indices = needs.indices();
        indices.extend(parent);
        indices.sort_unstable();
        indices.dedup();
        self.nodes.push(Node {
            id,
            kind: R::KIND,
            needs: indices,
            late: needs.late(),
            after: Vec::new(),
            parent,
            goes_with_parent: R::GOES_WITH_PARENT,
            settles_in: R::SETTLES_IN,
            guards: R::GUARDS,
            lag: R::LAG,
            desired: Box::new(move |outputs| Desired::new(desired(needs.read(outputs)))),
        });
        Handle { index: self.nodes.len() - 1, kind: PhantomData }
    }

    /// If `then` exists already, it is changed only after `first` is ready, although it does not use the outputs of
    /// `first`. If `then` does not exist yet, it does not wait, because nobody can be using it.
    ///
    /// # Panics
    /// If `first` was added after `then`: such waits could form a cycle.
    pub fn order_after<T: Resource, F: Resource>(&mut self, then: Handle<T>, first: Handle<F>) {
        assert!(first.index < then.index, "`first` must be added to the graph before `then`");
        self.nodes[then.index].after.push(first.index);
    }

    /// The ids and kinds, in a valid order of creation.
    pub fn ids(&self) -> impl Iterator<Item = (&Id, &'static str)> {
        self.nodes.iter().map(|node| (&node.id, node.kind))
    }

    /// Whether the stack is less protected without this resource: see [`Resource::GUARDS`].
    pub fn guards(&self, id: &Id) -> bool {
        self.nodes.iter().any(|node| node.id == *id && node.guards)
    }

    /// The ids of a resource's dependencies.
    pub fn needs(&self, id: &Id) -> Vec<&Id> {
        self.nodes
            .iter()
            .find(|node| node.id == *id)
            .map(|node| node.needs.iter().map(|&need| &self.nodes[need].id).collect())
            .unwrap_or_default()
    }

    /// The ids of the resources that a resource is [ordered after](Self::order_after).
    pub fn ordered_after(&self, id: &Id) -> Vec<&Id> {
        let node = self.nodes.iter().find(|node| node.id == *id);
        node.map(|node| node.after.iter().map(|&first| &self.nodes[first].id).collect()).unwrap_or_default()
    }

    /// For each node, the total [`Resource::SETTLES_IN`] of the longest chain of dependents, the node itself included.
    /// Nodes with longer chains start first.
    pub(super) fn weights(&self) -> Vec<usize> {
        let mut weights: Vec<usize> = self.nodes.iter().map(|node| node.settles_in).collect();
        for index in (0..self.nodes.len()).rev() {
            for &need in &self.nodes[index].needs {
                weights[need] = weights[need].max(weights[index] + self.nodes[need].settles_in);
            }
        }
        weights
    }
}

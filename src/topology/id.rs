//! The id of a resource in the stack, with the resource's type. So the code that adds a resource to the graph and the
//! code that reads its outputs from the state cannot disagree about its kind. Each builder has the ids of the resources
//! that it adds.

use std::fmt;
use std::marker::PhantomData;

use crate::engine::{Graph, Handle, Id, Needs, Resource};
use crate::state::State;

/// The id of a resource of the type `R`.
pub(crate) struct IdOf<R> {
    id: Id,
    kind: PhantomData<fn() -> R>,
}

impl<R: Resource> IdOf<R> {
    pub(super) fn new(what: &str, name: &str) -> Self {
        Self { id: Id::new(what, name), kind: PhantomData }
    }

    /// Adds the resource to a graph, without a parent.
    pub(super) fn add<N: Needs + Send + Sync + 'static>(
        self,
        graph: &mut Graph,
        needs: N,
        desired: impl Fn(N::Out) -> R + Send + Sync + 'static,
    ) -> Handle<R> {
        graph.add(self.id, needs, desired)
    }

    /// Adds the resource to a graph, below `parent`.
    pub(super) fn add_under<P: Resource, N: Needs + Send + Sync + 'static>(
        self,
        graph: &mut Graph,
        parent: Handle<P>,
        needs: N,
        desired: impl Fn(N::Out) -> R + Send + Sync + 'static,
    ) -> Handle<R> {
        graph.add_under(parent, self.id, needs, desired)
    }

    /// The outputs that the state has of the resource, if it exists.
    pub(crate) fn recorded(&self, state: &State) -> Option<R::Outputs> {
        serde_json::from_value(state.outputs(self.id.as_str())?.clone()).ok()
    }

    pub(crate) fn as_str(&self) -> &str {
        self.id.as_str()
    }
}

impl<R> fmt::Display for IdOf<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.id, f)
    }
}

impl<R> From<IdOf<R>> for Id {
    fn from(id: IdOf<R>) -> Self {
        id.id
    }
}

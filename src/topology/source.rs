//! A dependency that is a resource of the stack, or somebody else's resource, whose outputs follow from the stack file.

use serde_json::Value;

use super::id::IdOf;
use crate::engine::{Graph, Handle, Needs, Resource};

/// A resource of the stack, or somebody else's resource, which is not part of the graph.
#[derive(Debug)]
pub(super) enum Source<R: Resource> {
    Own(Handle<R>),
    Theirs(R::Outputs),
}

impl<R: Resource<Outputs: Clone>> Clone for Source<R> {
    fn clone(&self) -> Self {
        match self {
            Self::Own(handle) => Self::Own(*handle),
            Self::Theirs(outputs) => Self::Theirs(outputs.clone()),
        }
    }
}

impl<R: Resource> Source<R> {
    /// The resource, if it is the stack's own.
    pub(super) fn own(&self) -> Option<Handle<R>> {
        match self {
            Self::Own(handle) => Some(*handle),
            Self::Theirs(_) => None,
        }
    }
}

impl<R: Resource<Outputs: Clone>> Needs for Source<R> {
    type Out = R::Outputs;

    fn indices(&self) -> Vec<usize> {
        self.own().map(|handle| handle.indices()).unwrap_or_default()
    }

    fn read(&self, outputs: &dyn Fn(usize) -> Value) -> R::Outputs {
        match self {
            Self::Own(handle) => handle.read(outputs),
            Self::Theirs(theirs) => theirs.clone(),
        }
    }
}

impl<R: Resource> IdOf<R> {
    /// Adds the resource to a graph: below `parent` if the parent is the stack's own, and otherwise without a parent.
    /// Somebody else's parent is not deleted, so the resource must be deleted by a call of its own.
    pub(super) fn add_in<P: Resource, N: Needs + Send + Sync + 'static>(
        self,
        graph: &mut Graph,
        parent: &Source<P>,
        needs: N,
        desired: impl Fn(N::Out) -> R + Send + Sync + 'static,
    ) -> Handle<R> {
        match parent.own() {
            Some(parent) => self.add_under(graph, parent, needs, desired),
            None => self.add(graph, needs, desired),
        }
    }
}

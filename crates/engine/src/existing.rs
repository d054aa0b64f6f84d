//! The resources that exist, each with its description, its outputs and its settings.

use serde::Deserialize;
use serde_json::Value;

use super::Id;
use super::dyn_provider::{Desired, Observed};
use super::graph::Graph;
use super::refresh::Refresh;
use super::resource::Resource;

/// A resource that exists and was read, without its type.
pub struct Existing<'a> {
    pub id: &'a Id,
    /// See [`Resource::KIND`].
    pub kind: &'static str,
    /// The ids of its dependencies.
    pub needs: Vec<&'a Id>,
    /// Its names, ids and ARNs.
    pub outputs: &'a Value,
    desired: &'a Desired,
    observed: &'a Observed,
}

/// A resource that exists.
pub struct Seen<'a, R: Resource> {
    /// Its description.
    pub want: &'a R,
    pub outputs: R::Outputs,
    /// Its settings, as read from AWS.
    pub live: &'a R::Live,
}

impl<'a> Existing<'a> {
    /// The resource with its type; `None` if it is of another kind.
    pub fn read<R: Resource>(&self) -> Option<Seen<'a, R>> {
        let want = self.desired.want().downcast_ref::<R>()?;
        let live = self.observed.live().downcast_ref::<R::Live>()?;
        Some(Seen { want, outputs: R::Outputs::deserialize(self.outputs).ok()?, live })
    }
}

impl Refresh {
    /// The resources that exist, in a valid order of creation.
    pub fn existing<'a>(&'a self, graph: &'a Graph) -> impl Iterator<Item = Existing<'a>> {
        graph.nodes.iter().zip(&self.nodes).filter_map(|(node, read)| {
            let (desired, observed) = read.desired.as_ref().zip(read.observed.as_ref())?;
            let needs = node.needs.iter().map(|&need| &graph.nodes[need].id).collect();
            let outputs = &observed.outputs;
            Some(Existing { id: &node.id, kind: node.kind, needs, outputs, desired, observed })
        })
    }
}

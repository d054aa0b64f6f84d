//! Resources that contain people's data. They are removed only if the user names them.

use std::collections::BTreeSet;

use super::Id;
use super::resource::Resource;

/// The resources that are not removed, although the stack file no longer has them or the whole stack is removed.
#[derive(Debug, Clone, Default)]
pub struct Spared {
    kinds: BTreeSet<&'static str>,
    /// The exceptions: resources of these kinds that the user named and that are removed.
    named: BTreeSet<Id>,
}

impl Spared {
    /// Also spares the resources of this kind, except those with these ids.
    #[must_use]
    pub fn but<R: Resource>(mut self, named: impl IntoIterator<Item = Id>) -> Self {
        self.kinds.insert(R::KIND);
        self.named.extend(named);
        self
    }

    pub fn holds(&self, kind: &str, id: &Id) -> bool {
        self.kinds.contains(kind) && !self.named.contains(id)
    }
}

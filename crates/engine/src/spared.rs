//! Resources that hold people's data. They are removed only if somebody names them.

use std::collections::BTreeSet;

use super::Id;
use super::resource::Resource;

/// Which resources are not removed, although the stack file no longer has them or the whole stack is removed.
#[derive(Debug, Clone, Default)]
pub struct Spared {
    kinds: BTreeSet<&'static str>,
    /// These are removed like any other.
    named: BTreeSet<Id>,
}

impl Spared {
    /// Spares the resources of this kind too, but for those with these ids.
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

//! The user's tags for every resource of a stack, in addition to the tags that name its [`owner`](crate::owner).
//!
//! A resource carries every wanted tag. Tags that neither this nor an earlier run wanted are somebody else's and stay.

use std::collections::{BTreeMap, BTreeSet};

use super::comparison::{Comparison, Effect};

/// The tags of a resource: values by key.
pub type Tags = BTreeMap<String, String>;

const NONE: &str = "none";

/// A change of a resource's tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retag {
    /// The tags to add, or to set to another value.
    pub set: Tags,
    /// The keys of the tags to remove.
    pub gone: Vec<String>,
}

impl Retag {
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.gone.is_empty()
    }
}

/// How the tags of a resource differ from the wanted ones.
#[derive(Debug, Clone, Default)]
pub(super) struct TagsCompared {
    pub comparison: Comparison,
    pub change: Retag,
}

impl TagsCompared {
    /// `former`: the keys that runs have wanted so far.
    pub(super) fn new(wanted: &Tags, former: &BTreeSet<String>, live: &Tags) -> Self {
        let mut compared = Self::default();
        for (key, value) in wanted {
            let there = live.get(key);
            if there != Some(value) {
                compared.change.set.insert(key.clone(), value.clone());
            }
            compared.compare(key, value, there.map_or(NONE, String::as_str));
        }
        for key in former.iter().filter(|key| !wanted.contains_key(*key)) {
            if let Some(value) = live.get(key) {
                compared.change.gone.push(key.clone());
                compared.compare(key, NONE, value);
            }
        }
        compared
    }

    fn compare(&mut self, key: &str, want: &str, live: &str) {
        let comparison = std::mem::take(&mut self.comparison);
        self.comparison = comparison.judged(format!("Tags.{key}"), want, live, Effect::differs_unless(want == live));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Drift;

    fn tags(all: &[(&str, &str)]) -> Tags {
        all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn wanted_tags_are_set_former_ones_removed_and_all_others_kept() {
        let wanted = tags(&[("team", "payments"), ("cost", "1"), ("env", "prod")]);
        let former = BTreeSet::from(["team".to_owned(), "old".to_owned(), "older".to_owned()]);
        let live = tags(&[("team", "payments"), ("cost", "2"), ("old", "x"), ("stranger", "y")]);
        let compared = TagsCompared::new(&wanted, &former, &live);
        let change = Retag { set: tags(&[("cost", "1"), ("env", "prod")]), gone: vec!["old".to_owned()] };
        assert_eq!(compared.change, change);
        let drift =
            [Drift::new("Tags.cost", 1, 2), Drift::new("Tags.env", "prod", NONE), Drift::new("Tags.old", NONE, "x")];
        assert_eq!(compared.comparison.drift(), drift);
        assert!(TagsCompared::new(&wanted, &former, &wanted).change.is_empty());
    }
}

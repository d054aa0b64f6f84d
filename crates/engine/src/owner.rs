//! The owner of a resource: the stack that its tags name, and the lineage of that stack's state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::state::State;

/// The tag with the stack's name. A resource belongs to a stack only if it, or its parent, has this tag.
pub const STACK_TAG: &str = "securelambda:stack";

/// The tag with the resource's id within the stack.
pub const RESOURCE_TAG: &str = "securelambda:resource";

/// The tag with the lineage of the state that manages the resource.
pub const LINEAGE_TAG: &str = "securelambda:lineage";

/// The tag with the time after which the stack may be removed, in seconds since 1970.
pub const EXPIRES_TAG: &str = "securelambda:expires";

/// The stacks whose resources a list should contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    Stack(String),
    /// Every stack whose name begins with this text.
    Named(String),
    /// Every stack in the account and region.
    Any,
}

impl Whose {
    /// The prefix of the names; empty for [`Whose::Any`].
    pub fn prefix(&self) -> String {
        match self {
            Self::Stack(stack) => format!("{stack}-"),
            Self::Named(beginning) => beginning.clone(),
            Self::Any => String::new(),
        }
    }

    /// Whether resources of the stack with this name belong in the list.
    pub fn includes(&self, stack: &str) -> bool {
        match self {
            Self::Stack(name) => stack == name,
            Self::Named(beginning) => stack.starts_with(beginning.as_str()),
            Self::Any => true,
        }
    }

    /// Whether a resource with this owner belongs in the list.
    pub fn owns(&self, owner: &Owner) -> bool {
        self.includes(&owner.stack)
    }

    /// Whether a resource with this name may belong in the list, so that its tags must be read: names of the stack
    /// `a-b` also begin with `a-`.
    pub fn may_own(&self, name: &str) -> bool {
        match self {
            Self::Stack(_) | Self::Named(_) => name.starts_with(&self.prefix()),
            Self::Any => name.split_once('-').is_some_and(|(stack, rest)| {
                let charset = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
                stack.starts_with(|c: char| c.is_ascii_lowercase()) && stack.chars().all(charset) && !rest.is_empty()
            }),
        }
    }
}

/// The owner of a resource, from its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub stack: String,
    /// The id within the stack; `None` if the tag is missing.
    pub resource: Option<String>,
    /// `None` if the tag is missing.
    pub lineage: Option<String>,
    /// When the stack expires, in seconds since 1970; `None` if it does not.
    pub expires: Option<i64>,
}

impl Owner {
    /// `None` if the stack's tag is missing.
    pub fn read<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        let (mut stack, mut resource, mut lineage, mut expires) = (None, None, None, None);
        for (key, value) in tags {
            match key {
                STACK_TAG => stack = Some(value.to_owned()),
                RESOURCE_TAG => resource = Some(value.to_owned()),
                LINEAGE_TAG => lineage = Some(value.to_owned()),
                EXPIRES_TAG => expires = value.parse().ok(),
                _ => {}
            }
        }
        stack.map(|stack| Self { stack, resource, lineage, expires })
    }
}

/// The lineages whose resources a run treats as the stack's own, and the resources of other lineages that it met.
///
/// Two folders can each have a state of a stack with the same name, account and region. The lineage distinguishes them:
/// a random id that the first `up` puts into its state and on every resource. Resources without a lineage were created
/// by an older version and belong to every state of the stack.
#[derive(Debug, Clone, Default)]
pub struct Lineage {
    own: Option<String>,
    /// `None`: every lineage is accepted.
    others: Option<BTreeSet<String>>,
    takes_over: bool,
    /// Shared by all clones, so the clients of a run report to its command.
    met: Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>,
}

impl Lineage {
    /// The lineage of this state. If the state has none, every lineage is accepted.
    pub fn of(state: &State) -> Self {
        Self {
            own: state.lineage.clone(),
            others: state.lineage.as_ref().map(|_| state.takeover.clone().unwrap_or_default()),
            takes_over: state.takeover.is_some(),
            ..Self::default()
        }
    }

    /// Accepts every lineage, because the user has chosen to take the stack over.
    #[must_use]
    pub fn accepting_all(self) -> Self {
        Self { others: None, ..self }
    }

    /// The lineage of new resources.
    pub fn own(&self) -> Option<&str> {
        self.own.as_deref()
    }

    /// The tag that existing resources must get; `None` if they have it already.
    pub fn new_tag(&self) -> Option<(String, String)> {
        let own = self.own.clone().filter(|_| self.takes_over)?;
        Some((LINEAGE_TAG.to_owned(), own))
    }

    /// Whether a resource of this owner is accepted. Remembers resources of other lineages.
    pub fn accepts(&self, owner: &Owner) -> bool {
        let Some(other) = owner.lineage.as_ref().filter(|lineage| self.own.as_ref() != Some(*lineage)) else {
            return true;
        };
        let resource = owner.resource.clone().unwrap_or_default();
        self.met.lock().unwrap_or_else(PoisonError::into_inner).entry(other.clone()).or_default().insert(resource);
        self.others.as_ref().is_none_or(|others| others.contains(other))
    }

    /// The resources of other lineages that the run met, by lineage. It does not matter whether they were accepted.
    pub fn met(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::StateId;

    fn owner(lineage: Option<&str>) -> Owner {
        Owner {
            stack: "demo".into(),
            resource: Some("topic.t".into()),
            lineage: lineage.map(str::to_owned),
            expires: None,
        }
    }

    #[test]
    fn a_state_accepts_its_own_lineage_those_it_takes_over_and_resources_without_one() {
        let id = StateId { stack: "demo".into(), account: "1".into(), region: "r".into() };
        let mut state = State::new(&id, None);
        let accepted =
            |lineage: &Lineage| [None, Some("a"), Some("b"), Some("c")].map(|other| lineage.accepts(&owner(other)));
        assert_eq!(accepted(&Lineage::of(&state)), [true; 4], "an old state has no lineage");
        state.lineage = Some("a".into());
        let lineage = Lineage::of(&state);
        assert_eq!(accepted(&lineage), [true, true, false, false]);
        assert_eq!(lineage.new_tag(), None);
        let topic = BTreeSet::from(["topic.t".to_owned()]);
        assert_eq!(lineage.clone().met(), BTreeMap::from([("b".into(), topic.clone()), ("c".into(), topic)]));
        assert_eq!(accepted(&lineage.accepting_all()), [true; 4]);
        state.takeover = Some(BTreeSet::from(["b".to_owned()]));
        let lineage = Lineage::of(&state);
        assert_eq!(accepted(&lineage), [true, true, true, false]);
        assert_eq!(lineage.new_tag(), Some((LINEAGE_TAG.into(), "a".into())));
    }
}

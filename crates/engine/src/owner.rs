//! The owner of a resource: the stack that its tags name.

/// The tag with the stack's name. A resource belongs to a stack only if it, or its parent, has this tag.
pub const STACK_TAG: &str = "securelambda:stack";

/// The tag with the resource's id within the stack.
pub const RESOURCE_TAG: &str = "securelambda:resource";

/// The stacks whose resources a list should contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    Stack(String),
    /// Every stack in the account and region.
    Any,
}

impl Whose {
    /// The prefix of the names; empty for [`Whose::Any`].
    pub fn prefix(&self) -> String {
        match self {
            Self::Stack(stack) => format!("{stack}-"),
            Self::Any => String::new(),
        }
    }

    /// Whether a resource with this owner belongs in the list.
    pub fn owns(&self, owner: &Owner) -> bool {
        match self {
            Self::Stack(stack) => owner.stack == *stack,
            Self::Any => true,
        }
    }

    /// Whether a resource with this name may belong in the list, so that its tags must be read: names of the stack
    /// `a-b` also begin with `a-`.
    pub fn may_own(&self, name: &str) -> bool {
        match self {
            Self::Stack(_) => name.starts_with(&self.prefix()),
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
}

impl Owner {
    /// `None` if the stack's tag is missing.
    pub fn read<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        let (mut stack, mut resource) = (None, None);
        for (key, value) in tags {
            match key {
                STACK_TAG => stack = Some(value.to_owned()),
                RESOURCE_TAG => resource = Some(value.to_owned()),
                _ => {}
            }
        }
        stack.map(|stack| Self { stack, resource })
    }
}

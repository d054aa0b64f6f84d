//! The tags of resources, in the forms of the services.

use std::collections::HashMap;

use crate::engine::Failure;
use crate::scope::Scope;

/// Our tags as a map.
pub(super) fn tag_map(scope: &Scope, id: &str) -> HashMap<String, String> {
    scope.tags(id).into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The tags in a map, which some answers leave out.
pub(super) fn pairs(tags: Option<&HashMap<String, String>>) -> impl Iterator<Item = (&str, &str)> {
    tags.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()))
}

/// Our tags in a service's own type.
pub(super) fn tags<T, E: std::fmt::Display>(
    scope: &Scope,
    id: &str,
    build: impl Fn(&str, String) -> Result<T, E>,
) -> Result<Vec<T>, Failure> {
    let tags = scope.tags(id).into_iter().map(|(key, value)| build(key, value));
    tags.collect::<Result<_, E>>().map_err(|error| Failure::refused(format!("could not build a tag: {error}")))
}

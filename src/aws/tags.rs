//! The tags of resources, in the forms of the services.

use std::collections::HashMap;

use super::error::OrFail;
use super::settle::{Wait, settled};
use crate::engine::{Failure, Retag, Tags, Task};
use crate::scope::Scope;

/// The tags of a new resource as a map.
pub(super) fn tag_map(scope: &Scope, id: &str) -> HashMap<String, String> {
    scope.tags(id).into_iter().collect()
}

/// The tags in a map, which some answers leave out.
pub(super) fn pairs(tags: Option<&HashMap<String, String>>) -> impl Iterator<Item = (&str, &str)> {
    tags.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()))
}

/// Tags in a service's own type.
pub(super) fn own<T, E: std::fmt::Display>(
    tags: &Tags,
    build: impl Fn(&str, String) -> Result<T, E>,
) -> Result<Vec<T>, Failure> {
    let tags = tags.iter().map(|(key, value)| build(key, value.clone()));
    tags.collect::<Result<_, E>>().map_err(|error| Failure::refused(format!("could not build a tag: {error}")))
}

/// A resource's tags from the pairs of an answer.
pub(super) fn read<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Tags {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The stack's tags in a service's own type.
pub(super) fn tags<T, E: std::fmt::Display>(
    scope: &Scope,
    id: &str,
    build: impl Fn(&str, String) -> Result<T, E>,
) -> Result<Vec<T>, Failure> {
    own(&scope.tags(id), build)
}

/// Tags in the form of the services that take a map.
pub(super) fn map_of(tags: &Tags) -> HashMap<String, String> {
    tags.clone().into_iter().collect()
}

/// Changes the tags of `what` with the calls of its service, `tag` and `untag`. A call that would change nothing is not
/// made.
pub(super) async fn retagged<S, U, T, V>(
    what: &str,
    change: &Retag,
    task: &Task,
    waits: &[&Wait],
    tag: impl Fn() -> S,
    untag: impl Fn() -> U,
) -> Result<(), Failure>
where
    S: Future<Output: OrFail<T>>,
    U: Future<Output: OrFail<V>>,
{
    let doing = format!("set the tags of {what}");
    if !change.set.is_empty() {
        settled(task, waits, async || tag().await.or_fail(&doing)).await?;
    }
    if !change.gone.is_empty() {
        settled(task, waits, async || untag().await.or_fail(&doing)).await?;
    }
    Ok(())
}

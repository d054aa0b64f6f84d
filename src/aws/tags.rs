//! The tags of resources, in the forms of the services.

use std::collections::HashMap;

use super::error::{OrAbsent, OrFail};
use super::settle::{Wait, settled};
use crate::engine::{Failure, Retag, Tags, Task};
use crate::scope::{LINEAGE_TAG, Scope};

/// The tags of a new resource as a map.
pub(super) fn tag_map(scope: &Scope, id: &str) -> HashMap<String, String> {
    scope.tags(id).into_iter().collect()
}

/// The tags in a map, which some answers leave out.
pub(super) fn pairs(tags: Option<&HashMap<String, String>>) -> impl Iterator<Item = (&str, &str)> {
    tags.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()))
}

/// The tags in the description of a resource of API Gateway, or of an identity pool. An emulator shows the tags with which
/// the resource was created, and changes of them only in another answer. The lineage may have been changed, so it is left
/// out there.
pub(super) fn described(tags: Option<&HashMap<String, String>>, emulated: bool) -> impl Iterator<Item = (&str, &str)> {
    pairs(tags).filter(move |(key, _)| !emulated || *key != LINEAGE_TAG)
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

/// The tags of the resource `what`, which `tags` takes out of its service's answer; `None` if it does not exist.
pub(super) fn answered<T>(
    what: &str,
    answer: impl OrFail<T>,
    tags: impl FnOnce(&T) -> Tags,
) -> Result<Option<Tags>, Failure> {
    let answer = answer.or_fail(&format!("read the tags of {what}")).or_absent()?;
    Ok(answer.as_ref().map(tags))
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::path::{Path, PathBuf};

    use crate::aws::settle;

    /// The files of `src/aws` that change tags.
    fn tagging() -> Vec<PathBuf> {
        let services = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws")).unwrap();
        let folders = services.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
        let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
        files.filter(|file| file.file_name().unwrap().to_str().unwrap().ends_with("tagging.rs")).collect()
    }

    /// `tag_resource` is TagResource.
    fn operation(method: &str) -> String {
        let words = method.split('_').map(|word| word[..1].to_uppercase() + &word[1..]);
        words.collect()
    }

    /// A wait that names other operations than those that change tags would never apply.
    #[test]
    fn every_wait_of_a_change_of_tags_names_its_operations() {
        let call = regex::Regex::new(r"\.((?:un)?tag_[a-z]+)\(\)").unwrap();
        let wait = regex::Regex::new(r"&([A-Z_]+)\b").unwrap();
        let mut seen = 0;
        for file in tagging() {
            let text = std::fs::read_to_string(&file).unwrap();
            let used = text.lines().find(|line| line.contains("retagged(") && line.contains("&[")).unwrap();
            for name in wait.captures_iter(used) {
                let (_, wait) = settle::all().find(|(known, _)| *known == &name[1]).unwrap();
                for called in call.captures_iter(&text) {
                    let operation = operation(&called[1]);
                    let names = |on: &&str| on.split_once(' ').is_none_or(|(_, one)| one == operation);
                    assert!(wait.refusal.on.iter().any(names), "{}: {operation}", file.display());
                    seen += 1;
                }
            }
        }
        assert!(seen >= 20, "{seen}");
    }
}

//! Remembers temporary users and app clients of `verify` that could not be removed, so that the next `verify` on this
//! machine removes them at once. All of them belong to a proof that has ended.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::config::variable;
use crate::local::Local;
use crate::state::StateId;
use crate::verify::Leftover;

/// The file for a stack; `None` without a cache folder. Then a later `verify` removes these users and clients when they
/// are old enough.
pub(super) fn file(id: &StateId) -> Option<PathBuf> {
    let StateId { stack, account, region } = id;
    let cache = Local::from_env(variable).ok()?.cache().to_owned();
    Some(cache.join("verify").join(format!("{stack}.{account}.{region}.json")))
}

/// The remembered users and app clients, as pairs of the pool's id and the name. A file that cannot be read counts as
/// empty.
pub(super) fn read(file: Option<&Path>) -> Vec<(String, String)> {
    let text = file.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Writes the users and app clients that remain after a proof. `before` has those that were remembered before it;
/// unless the proof was `finished`, it may not have removed them.
pub(super) fn write(file: Option<&Path>, before: &[(String, String)], left: &[Leftover], finished: bool) {
    let Some(file) = file else { return };
    let now = left.iter().map(|left| (left.pool_id.clone(), left.name.clone()));
    let mut all: Vec<(String, String)> = now.collect();
    all.extend(before.iter().filter(|_| !finished).cloned());
    all.sort();
    all.dedup();
    if all.is_empty() && !file.exists() {
        return;
    }
    if let Err(error) = replace(file, &all) {
        tracing::info!("{} could not be written: {error}", file.display());
    }
}

fn replace(file: &Path, all: &[(String, String)]) -> std::io::Result<()> {
    if all.is_empty() {
        return std::fs::remove_file(file);
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let private = Permissions::from_mode(0o600);
    let mut temporary = tempfile::Builder::new().permissions(private).tempfile_in(folder)?;
    temporary.write_all(serde_json::to_string(all)?.as_bytes())?;
    temporary.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(name: &str) -> Leftover {
        Leftover { pool: "Users".into(), pool_id: "p1".into(), name: name.into(), why: "expired".into() }
    }

    fn pair(name: &str) -> (String, String) {
        ("p1".to_owned(), name.to_owned())
    }

    #[test]
    fn what_remains_is_remembered_until_a_proof_has_removed_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("verify/demo.json");
        let file = Some(file.as_path());
        assert_eq!(read(file), []);
        write(file, &[], &[], true);
        assert!(!file.is_some_and(Path::exists), "nothing to remember");
        write(file, &[], &[left("a")], false);
        assert_eq!(read(file), [pair("a")]);
        // A proof that ended early may not have removed the first one.
        write(file, &read(file), &[left("b")], false);
        assert_eq!(read(file), [pair("a"), pair("b")]);
        write(file, &read(file), &[left("c")], true);
        assert_eq!(read(file), [pair("c")]);
        write(file, &read(file), &[], true);
        assert!(!file.is_some_and(Path::exists));
        write(None, &[], &[left("a")], false);
    }
}

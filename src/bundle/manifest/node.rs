//! `package.json`, with npm's lock files.

use serde_json::Value;

use super::super::files::Files;
use super::{Dependencies, Manifest, Tool, leaves, only, text};

pub(super) const PACKAGE: &str = "package.json";
const LOCKS: [&str; 2] = ["package-lock.json", "npm-shrinkwrap.json"];
/// The lock files of other package managers.
const OTHER_LOCKS: [&str; 4] = ["yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb"];
/// The sections of `package.json` that npm installs if development dependencies are omitted.
const ASKED: [&str; 3] = ["dependencies", "optionalDependencies", "peerDependencies"];

pub(super) fn dependencies(all: &Files) -> Result<Dependencies, String> {
    let Some(text) = text(all, PACKAGE)? else { return Ok(Dependencies::default()) };
    let package: Value = serde_json::from_str(&text).map_err(|why| format!("{PACKAGE} is not valid JSON: {why}"))?;
    let section = |key: &str| package.get(key).and_then(Value::as_object);
    let asked: Vec<(&String, &Value)> = ASKED.iter().filter_map(|key| section(key)).flatten().collect();
    let mut notes = Vec::new();
    let workspaces = package.get("workspaces").is_some();
    if asked.is_empty() && !workspaces {
        let vendored = all.keys().any(|path| path.starts_with("node_modules/"));
        if vendored && section("devDependencies").is_none_or(serde_json::Map::is_empty) {
            notes.push(format!(
                "node_modules is left out, because {PACKAGE} lists no dependencies; list them there, or remove \
                 {PACKAGE} to ship the folder as it is"
            ));
        }
        return Ok(Dependencies { manifest: None, notes });
    }
    let mut needs_folder = workspaces;
    for (name, version) in &asked {
        let Some(path) = version.as_str().and_then(local) else { continue };
        if leaves(path) {
            return Err(format!("{PACKAGE} takes {name} from {path}, which is outside of the folder"));
        }
        needs_folder = true;
    }
    let tool = if LOCKS.iter().any(|lock| all.contains_key(*lock)) { Tool::NpmCi } else { Tool::NpmInstall };
    if let Some(other) = OTHER_LOCKS.iter().find(|lock| all.contains_key(**lock))
        && tool == Tool::NpmInstall
    {
        notes.push(format!("{other} is not read; `npm install --package-lock-only` makes a lock file that is"));
    }
    let mut inputs = if needs_folder { all.clone() } else { only(all, &[PACKAGE, ".npmrc", LOCKS[0], LOCKS[1]]) };
    // The user's `node_modules` is not needed, because npm installs into another folder.
    inputs.retain(|path, _| !path.starts_with("node_modules/") && !path.contains("/node_modules/"));
    let names = section("dependencies").into_iter().flatten().map(|(name, _)| name.clone()).collect();
    Ok(Dependencies { manifest: Some(Manifest { tool, inputs, names }), notes })
}

/// The path in a version that is a path instead of a number.
fn local(version: &str) -> Option<&str> {
    let path = ["file:", "link:"].iter().find_map(|scheme| version.strip_prefix(scheme));
    path.or_else(|| version.starts_with(['.', '/', '~']).then_some(version).filter(|version| version.contains('/')))
}

#[cfg(test)]
mod tests {
    use super::super::super::files::folder;
    use super::*;

    fn found(files: &[(&str, &str)]) -> Result<Dependencies, String> {
        let (_folder, all) = folder(files);
        dependencies(&all)
    }

    fn inputs(files: &[(&str, &str)]) -> Result<Option<(Tool, Vec<String>)>, String> {
        Ok(found(files)?.manifest.map(|manifest| (manifest.tool, manifest.inputs.into_keys().collect())))
    }

    #[test]
    fn a_manifest_without_dependencies_needs_no_installation() {
        let node = |text: &str| inputs(&[("package.json", text), ("index.mjs", "")]);
        assert_eq!(node("{}"), Ok(None));
        assert_eq!(node(r#"{"devDependencies":{"a":"1"},"dependencies":{}}"#), Ok(None));
        let asked = node(r#"{"dependencies":{"a":"^1.0.0"}}"#);
        assert_eq!(asked, Ok(Some((Tool::NpmInstall, vec!["package.json".to_owned()]))));
        assert!(node("{").is_err_and(|why| why.contains("is not valid JSON")));
    }

    #[test]
    fn workspaces_without_dependencies_are_installed() {
        let files = [("package.json", r#"{"workspaces":["parts/*"]}"#), ("parts/a/package.json", "{}")];
        let names = vec!["package.json".to_owned(), "parts/a/package.json".to_owned()];
        assert_eq!(inputs(&files), Ok(Some((Tool::NpmInstall, names))));
    }

    #[test]
    fn a_byte_order_mark_is_ignored() {
        let files = [("package.json", "\u{feff}{\"dependencies\":{\"a\":\"1\"}}")];
        assert!(inputs(&files).is_ok_and(|found| found.is_some()));
    }

    #[test]
    fn npm_ci_is_used_if_there_is_a_lock_file() {
        let package = ("package.json", r#"{"dependencies":{"a":"1"}}"#);
        let names = vec!["package-lock.json".to_owned(), "package.json".to_owned()];
        let files = [package, ("package-lock.json", "{}"), ("yarn.lock", ""), ("index.mjs", "")];
        assert_eq!(inputs(&files), Ok(Some((Tool::NpmCi, names))));
        assert!(found(&files).is_ok_and(|found| found.notes.is_empty()));
        let notes = found(&[package, ("yarn.lock", "")]).expect("read").notes;
        assert!(notes[0].contains("yarn.lock is not read"), "{notes:?}");
    }

    #[test]
    fn vendored_modules_beside_a_manifest_without_dependencies_are_named() {
        let notes = |package: &str| {
            let files = [("package.json", package), ("node_modules/a/index.js", ""), ("index.mjs", "")];
            found(&files).expect("read").notes
        };
        assert!(notes(r#"{"type":"module"}"#)[0].contains("node_modules is left out"));
        assert_eq!(notes(r#"{"devDependencies":{"a":"1"}}"#), [""; 0]);
    }

    #[test]
    fn dependencies_on_files_of_the_folder_need_the_whole_folder_and_others_are_refused() {
        let node = |path: &str| {
            let text = format!(r#"{{"dependencies":{{"a":"{path}"}}}}"#);
            inputs(&[("package.json", &text), ("vendor/a/index.js", "1"), ("node_modules/b/index.js", "1")])
        };
        assert_eq!(node("file:vendor/a").map(|found| found.map(|(_, inputs)| inputs.len())), Ok(Some(2)));
        assert_eq!(node("~1.2.0").map(|found| found.map(|(_, inputs)| inputs.len())), Ok(Some(1)));
        for out in ["file:../a", "file:./b/../../a", "/srv/a", "~/a"] {
            assert!(node(out).is_err_and(|why| why.contains("outside")), "{out}");
        }
    }
}

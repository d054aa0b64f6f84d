//! Packages of Node.js with native or WebAssembly modules. A bundle cannot contain such a module, so these packages are
//! shipped as they were installed, with all that they need.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::bundle::files::{File, Files};

const MODULES: &str = "node_modules/";

/// The packages that a bundle leaves out.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    /// Packages that the code may import.
    pub packages: BTreeSet<String>,
    /// The files of these packages and of all that they need.
    pub files: Files,
}

/// The packages of an installation with a native module, those that need one of these directly, and their files. The
/// native module is usually in a separate package for each platform, whose name is computed at run time.
pub(super) fn left_out(installed: &Files) -> LeftOut {
    let is_native = |path: &&String| Path::new(path).extension().is_some_and(|kind| kind == "node" || kind == "wasm");
    let native: BTreeSet<&str> = installed.keys().filter(is_native).filter_map(|path| package_of(path)).collect();
    if native.is_empty() {
        return LeftOut::default();
    }
    let needs: BTreeMap<&str, BTreeSet<String>> =
        installed.iter().filter_map(|(path, file)| Some((folder_of_manifest(path)?, needed(file)))).collect();
    let needs_native = |wanted: &BTreeSet<String>| wanted.iter().any(|name| native.contains(name.as_str()));
    let direct = needs.iter().filter(|(_, wanted)| needs_native(wanted)).map(|(folder, _)| *folder);
    let packages: BTreeSet<String> = native.iter().copied().chain(direct).map(str::to_owned).collect();
    let mut shipped = packages.clone();
    let mut open: Vec<String> = packages.iter().cloned().collect();
    while let Some(package) = open.pop() {
        let inner = format!("{package}/{MODULES}");
        let own = needs.iter().filter(|(folder, _)| **folder == package || folder.starts_with(&inner));
        for name in own.flat_map(|(_, wanted)| wanted) {
            if needs.contains_key(name.as_str()) && shipped.insert(name.clone()) {
                open.push(name.clone());
            }
        }
    }
    let is_shipped = |path: &str| package_of(path).is_some_and(|package| shipped.contains(package));
    let files = installed.iter().filter(|(path, _)| is_shipped(path)).map(|(path, file)| (path.clone(), file.clone()));
    LeftOut { packages, files: files.collect() }
}

/// The package at the top of `node_modules` that a file belongs to.
fn package_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix(MODULES)?;
    let parts = if inside.starts_with('@') { 2 } else { 1 };
    let end = inside.match_indices('/').nth(parts - 1)?.0;
    Some(&inside[..end])
}

/// `sharp`, or `sharp/node_modules/color`, of the path of its `package.json`.
fn folder_of_manifest(path: &str) -> Option<&str> {
    let folder = path.strip_prefix(MODULES)?.strip_suffix("/package.json")?;
    let name = folder.rsplit(MODULES).next().unwrap_or(folder);
    // Subfolders of a package may contain a `package.json`, too.
    (name.split('/').count() == if name.starts_with('@') { 2 } else { 1 }).then_some(folder)
}

fn needed(manifest: &File) -> BTreeSet<String> {
    let text = manifest.text().unwrap_or_default();
    let manifest: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_default();
    let lists = ["dependencies", "optionalDependencies", "peerDependencies"];
    let names = lists.iter().filter_map(|list| manifest[*list].as_object()).flat_map(|list| list.keys().cloned());
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(files: &[(&str, &str)]) -> Files {
        let path = |path: &str| format!("{MODULES}{path}");
        files.iter().map(|(name, text)| (path(name), File::made((*text).to_owned()))).collect()
    }

    #[test]
    fn a_package_with_a_native_module_is_shipped_with_what_it_needs() {
        let files = installed(&[
            (
                "sharp/package.json",
                r#"{"dependencies":{"detect-libc":"2"},"optionalDependencies":{"@img/sharp-linux-x64":"1","@img/sharp-win32":"1"}}"#,
            ),
            ("sharp/lib/index.js", ""),
            ("sharp/test/package.json", r#"{"dependencies":{"left-pad":"1"}}"#),
            ("detect-libc/package.json", "{}"),
            ("detect-libc/lib/index.js", ""),
            ("@img/sharp-linux-x64/package.json", "{}"),
            ("@img/sharp-linux-x64/lib/sharp.node", ""),
            ("thumbnails/package.json", r#"{"dependencies":{"sharp":"1"}}"#),
            ("left-pad/package.json", "{}"),
            ("left-pad/index.js", ""),
        ]);
        let left_out = left_out(&files);
        assert_eq!(Vec::from_iter(&left_out.packages), ["@img/sharp-linux-x64", "sharp"]);
        let shipped: Vec<&str> = left_out.files.keys().filter_map(|path| package_of(path)).collect();
        assert_eq!(BTreeSet::from_iter(shipped), BTreeSet::from(["@img/sharp-linux-x64", "detect-libc", "sharp"]));
    }

    #[test]
    fn a_bundle_without_native_modules_leaves_nothing_out() {
        let left_out = left_out(&installed(&[("left-pad/package.json", "{}"), ("left-pad/index.js", "")]));
        assert!(left_out.packages.is_empty() && left_out.files.is_empty());
    }
}

//! Selects the files of a function's folder that are packed. The user is told about files that are left out, except
//! those that tools write for themselves.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::files::Files;

/// Folders and files of tools, at any depth. None of them is of use to a function.
const TOOLS: [&str; 23] = [
    ".aws-sam",
    ".coverage",
    ".DS_Store",
    ".git",
    ".gitattributes",
    ".github",
    ".gitignore",
    ".gitlab-ci.yml",
    ".hg",
    ".idea",
    ".mypy_cache",
    ".nox",
    ".npmrc",
    ".nyc_output",
    ".pytest_cache",
    ".python-version",
    ".ruff_cache",
    ".serverless",
    ".svn",
    ".terraform",
    ".tox",
    ".vscode",
    "__pycache__",
];

/// npm's own files in `node_modules`.
const NPMS: [&str; 3] = [".bin", ".cache", ".package-lock.json"];

/// The usual names of virtual environments. Only in folders with these names is `pyvenv.cfg` looked for.
const ENVIRONMENTS: [&str; 4] = ["venv", ".venv", "env", ".env"];

/// The folders and files of this program itself: the stack file, and the folder of states.
#[derive(Debug, Clone, Default)]
pub struct OwnFiles(Vec<PathBuf>);

impl OwnFiles {
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self(paths.into_iter().filter_map(|path| fs::canonicalize(path).ok()).collect())
    }

    /// Whether this is one of these files, or in one of these folders.
    pub(super) fn have(&self, path: &Path) -> bool {
        self.0.iter().any(|own| path.starts_with(own))
    }

    /// The paths of these files within a folder, with forward slashes.
    pub(super) fn within(&self, folder: &Path) -> BTreeSet<String> {
        let Ok(folder) = fs::canonicalize(folder) else { return BTreeSet::new() };
        let within = self.0.iter().filter_map(|path| path.strip_prefix(&folder).ok());
        within.map(|path| path.to_string_lossy().into_owned()).collect()
    }
}

/// Whether a file or folder is read at all. `folder` is the folder of the source, if it is on disk.
pub(super) fn is_looked_at(path: &str, folder: Option<&Path>) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    // The installation needs npm's settings.
    if path == NPMRC {
        return true;
    }
    let compiled = Path::new(name).extension().is_some_and(|end| end == "pyc");
    let npms = NPMS.contains(&name) && path.contains("node_modules/");
    let environment = || folder.is_some_and(|folder| folder.join(path).join("pyvenv.cfg").is_file());
    !(TOOLS.contains(&name) || compiled || npms || ENVIRONMENTS.contains(&name) && environment())
}

/// npm's settings, which only an installation needs.
pub(super) const NPMRC: &str = ".npmrc";

/// Removes the files that are read but not packed. Returns sentences about removed files that the function may need.
pub(super) fn select(files: &mut Files) -> Vec<String> {
    // An installation by the user may have development dependencies, and is for this machine.
    let has_manifest = files.contains_key("package.json");
    let installed =
        |path: &str| has_manifest && path.strip_prefix("node_modules/").is_some_and(|rest| !is_generated(rest));
    let tests = test_folders(files);
    let is_test = |path: &str| tests.iter().any(|folder| path.starts_with(folder.as_str()));
    let mut notes = Vec::new();
    files.retain(|path, _| {
        let name = path.rsplit('/').next().unwrap_or(path);
        if name == ".env" || name.starts_with(".env.") {
            notes.push(format!("{path} is left out, because such a file has secrets; use `secrets` or `environment`"));
            return false;
        }
        !(path == NPMRC || installed(path) || is_test(path))
    });
    notes
}

/// Whether a path in `node_modules` is in a hidden folder that no package manager makes. Code generators make such
/// folders, for example Prisma's.
fn is_generated(path: &str) -> bool {
    const MANAGERS: [&str; 5] = [".pnpm", ".modules", ".yarn", ".store", ".vite"];
    path.starts_with('.') && !MANAGERS.iter().any(|start| path.starts_with(start))
}

/// The folders called `test` in which every file is a test by its name. Other folders called `test` may have code that
/// the function uses.
fn test_folders(files: &Files) -> Vec<String> {
    let folder = |path: &str| {
        let end = if path.starts_with("test/") { 0 } else { path.find("/test/")? + 1 };
        (!path[..end].contains("node_modules/")).then(|| format!("{}test/", &path[..end]))
    };
    let candidates: BTreeSet<String> = files.keys().filter_map(|path| folder(path)).collect();
    let only_tests =
        |folder: &String| files.keys().filter(|path| path.starts_with(folder.as_str())).all(|path| is_test(path));
    candidates.into_iter().filter(only_tests).collect()
}

/// Whether a file is a test: `test_x.py`, `x_test.py`, `conftest.py`, `__init__.py`, `x.test.js`, `x.spec.ts`.
fn is_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.strip_suffix(".py") {
        Some(stem) => stem.starts_with("test_") || stem.ends_with("_test") || ["conftest", "__init__"].contains(&stem),
        None => name.contains(".test.") || name.contains(".spec."),
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::{File, folder};
    use super::*;

    fn selected(paths: &[&str]) -> (Vec<String>, Vec<String>) {
        let mut files: Files = paths.iter().map(|path| ((*path).to_owned(), File::made(String::new()))).collect();
        let notes = select(&mut files);
        (files.into_keys().collect(), notes)
    }

    #[test]
    fn files_of_tools_are_not_looked_at_and_other_hidden_files_are() {
        let left = ["a/.git", "__pycache__", "a/b.pyc", ".DS_Store", "node_modules/.bin", "a/.npmrc"];
        assert!(!left.iter().any(|path| is_looked_at(path, None)));
        let kept = [".well-known", "node_modules/.prisma", "node_modules/a/test", "test", "venv", ".npmrc", ".cache"];
        assert!(kept.iter().all(|path| is_looked_at(path, None)));
    }

    #[test]
    fn a_virtual_environment_is_recognised_by_its_configuration() {
        let (place, _) = folder(&[("venv/pyvenv.cfg", ""), ("env/settings.py", "")]);
        assert!(!is_looked_at("venv", Some(place.path())) && is_looked_at("env", Some(place.path())));
    }

    #[test]
    fn a_test_folder_is_left_out_only_if_all_its_files_are_tests() {
        let paths = ["test/a.test.mjs", "b/test/test_x.py", "b/test/__init__.py", "index.mjs", "c/test/helper.mjs"];
        assert_eq!(selected(&paths), (vec!["c/test/helper.mjs".to_owned(), "index.mjs".to_owned()], vec![]));
        let vendored = ["node_modules/a/test/x.test.js"];
        assert_eq!(selected(&vendored).0, vendored);
    }

    #[test]
    fn an_environment_file_is_left_out_and_named() {
        let (files, notes) = selected(&[".env", "a/.env.local", "index.mjs"]);
        assert_eq!(files, ["index.mjs"]);
        assert!(notes[0].starts_with(".env is left out") && notes[1].contains("a/.env.local"), "{notes:?}");
    }

    #[test]
    fn generated_code_in_node_modules_is_packed_beside_what_is_installed() {
        let paths = [
            "index.mjs",
            "node_modules/.pnpm/a/index.js",
            "node_modules/.prisma/client/index.js",
            "node_modules/a/index.js",
            "package.json",
        ];
        assert_eq!(selected(&paths).0, [paths[0], paths[2], paths[4]]);
        assert_eq!(selected(&paths[..4]).0, paths[..4], "without a manifest they are vendored");
    }

    #[test]
    fn the_stack_file_and_the_states_are_known_by_their_place() {
        let (place, _) = folder(&[("app/securelambda.toml", ""), ("app/state/x.json", ""), ("app/f/index.mjs", "")]);
        let app = place.path().join("app");
        let own = OwnFiles::new([app.join("securelambda.toml"), app.join("f/../state"), app.join("missing")]);
        assert_eq!(own.within(&app), BTreeSet::from(["securelambda.toml".to_owned(), "state".to_owned()]));
        assert_eq!(own.within(&app.join("f")), BTreeSet::new());
    }
}

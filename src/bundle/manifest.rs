//! Reads a function's dependencies: `package.json` for Node.js, `requirements.txt` for Python.

use std::io;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::archive::half;
use super::files::Files;

/// The command that installs the dependencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    /// Installs exactly the versions of the lock file.
    NpmCi,
    /// Installs the newest versions that `package.json` allows.
    NpmInstall,
    Pip,
}

/// Dependencies to be installed.
#[derive(Debug, Clone)]
pub(super) struct Manifest {
    pub tool: Tool,
    /// The files that the tool needs: the manifests, or the whole folder if they refer to files in it.
    pub inputs: Files,
}

const PACKAGE: &str = "package.json";
const LOCKS: [&str; 2] = ["package-lock.json", "npm-shrinkwrap.json"];
const REQUIREMENTS: &str = "requirements.txt";

impl Tool {
    /// The file that lists the dependencies.
    pub(super) fn manifest(self) -> &'static str {
        match self {
            Self::NpmCi | Self::NpmInstall => PACKAGE,
            Self::Pip => REQUIREMENTS,
        }
    }
}

impl Manifest {
    /// The dependencies of a function with this runtime, if it has any. `all` has all files of its folder, packed or
    /// not.
    ///
    /// # Errors
    /// The manifest cannot be read, or refers to files outside of the folder.
    pub(super) fn of(runtime: &str, all: &Files) -> Result<Option<Self>, String> {
        if runtime.starts_with("nodejs") {
            return npm(all);
        }
        if runtime.starts_with("python") {
            return pip(all);
        }
        Ok(None)
    }

    /// A digest of everything that determines the installation.
    pub(super) fn digest(&self, platform: &str) -> io::Result<String> {
        let mut digest = Sha256::new();
        digest.update(format!("1\0{:?}\0{platform}\0", self.tool));
        for (path, file) in &self.inputs {
            let contents = file.read()?;
            digest.update(format!("{path}\0{}\0", contents.len()));
            digest.update(contents);
        }
        Ok(half(&digest.finalize()))
    }
}

fn npm(all: &Files) -> Result<Option<Manifest>, String> {
    let Some(file) = all.get(PACKAGE) else { return Ok(None) };
    let text = file.text().map_err(|why| format!("{PACKAGE} cannot be read: {why}"))?;
    let package: Value = serde_json::from_str(&text).map_err(|why| format!("{PACKAGE} is not valid JSON: {why}"))?;
    let asked: Vec<(&String, &Value)> = ["dependencies", "optionalDependencies"]
        .iter()
        .filter_map(|key| package.get(key)?.as_object())
        .flatten()
        .collect();
    if asked.is_empty() {
        return Ok(None);
    }
    let mut leads_within = package.get("workspaces").is_some();
    for (name, version) in asked {
        let Some(path) = version.as_str().and_then(local) else { continue };
        if leaves(path) {
            return Err(format!("{PACKAGE} takes {name} from {path}, which is outside of the folder"));
        }
        leads_within = true;
    }
    let tool = if LOCKS.iter().any(|lock| all.contains_key(*lock)) { Tool::NpmCi } else { Tool::NpmInstall };
    let manifests = |path: &str| [PACKAGE, ".npmrc"].contains(&path) || LOCKS.contains(&path);
    Ok(Some(Manifest { tool, inputs: inputs(all, leads_within, &manifests) }))
}

fn pip(all: &Files) -> Result<Option<Manifest>, String> {
    let Some(file) = all.get(REQUIREMENTS) else { return Ok(None) };
    let text = file.text().map_err(|why| format!("{REQUIREMENTS} cannot be read: {why}"))?;
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    if lines.is_empty() {
        return Ok(None);
    }
    if let Some(line) = lines.iter().find(|line| line.split([' ', '=', ':']).any(leaves)) {
        return Err(format!("the line {line:?} of {REQUIREMENTS} refers to a file outside of the folder"));
    }
    // Options, paths and file URLs may refer to any file of the folder.
    let leads_within =
        lines.iter().any(|line| line.starts_with(['-', '.', '/']) || line.contains("file:") || line.contains(".whl"));
    Ok(Some(Manifest { tool: Tool::Pip, inputs: inputs(all, leads_within, &|path| path == REQUIREMENTS) }))
}

fn inputs(all: &Files, whole: bool, manifests: &dyn Fn(&str) -> bool) -> Files {
    let wanted = all.iter().filter(|(path, _)| whole || manifests(path));
    wanted.map(|(path, file)| (path.clone(), file.clone())).collect()
}

/// The path in a version that is a path instead of a number.
fn local(version: &str) -> Option<&str> {
    let path = ["file:", "link:"].iter().find_map(|scheme| version.strip_prefix(scheme));
    path.or_else(|| version.starts_with(['.', '/', '~']).then_some(version).filter(|version| version.contains('/')))
}

/// Whether a path is outside of the folder that it is relative to.
fn leaves(path: &str) -> bool {
    let mut depth = 0_i32;
    path.starts_with('~') && path.contains('/')
        || path.starts_with("../")
        || path.starts_with('/') && !path.starts_with("//")
        || path.contains("/../")
            && path.split('/').any(|part| {
                depth += match part {
                    ".." => -1,
                    "." | "" => 0,
                    _ => 1,
                };
                depth < 0
            })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::files::gather;
    use super::*;

    fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Files) {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        }
        let files = gather(folder.path(), &|_| true).expect("read");
        (folder, files)
    }

    fn found(runtime: &str, files: &[(&str, &str)]) -> Result<Option<(Tool, Vec<String>)>, String> {
        let (_folder, all) = folder(files);
        let manifest = Manifest::of(runtime, &all)?;
        Ok(manifest.map(|manifest| (manifest.tool, manifest.inputs.into_keys().collect())))
    }

    #[test]
    fn a_manifest_without_dependencies_needs_no_installation() {
        let node = |text: &str| found("nodejs24.x", &[("package.json", text), ("index.mjs", "")]);
        assert_eq!(node("{}"), Ok(None));
        assert_eq!(node(r#"{"devDependencies":{"a":"1"},"dependencies":{}}"#), Ok(None));
        let asked = node(r#"{"dependencies":{"a":"^1.0.0"}}"#);
        assert_eq!(asked, Ok(Some((Tool::NpmInstall, vec!["package.json".to_owned()]))));
        assert!(node("{").is_err_and(|why| why.contains("is not valid JSON")));
        let python = |text: &str| found("python3.13", &[("requirements.txt", text), ("package.json", "{")]);
        assert_eq!(python("# nothing\n\n"), Ok(None));
        assert_eq!(python("PyJWT[crypto]==2.10.1\n"), Ok(Some((Tool::Pip, vec!["requirements.txt".to_owned()]))));
    }

    #[test]
    fn npm_ci_is_used_if_there_is_a_lock_file() {
        let files = [("package.json", r#"{"dependencies":{"a":"1"}}"#), ("package-lock.json", "{}"), ("index.mjs", "")];
        let names = vec!["package-lock.json".to_owned(), "package.json".to_owned()];
        assert_eq!(found("nodejs24.x", &files), Ok(Some((Tool::NpmCi, names))));
    }

    #[test]
    fn dependencies_on_files_of_the_folder_need_the_whole_folder_and_others_are_refused() {
        let node = |path: &str| {
            let text = format!(r#"{{"dependencies":{{"a":"{path}"}}}}"#);
            found("nodejs24.x", &[("package.json", &text), ("vendor/a/index.js", "1")])
        };
        assert_eq!(node("file:vendor/a").map(|found| found.map(|(_, inputs)| inputs.len())), Ok(Some(2)));
        assert_eq!(node("~1.2.0").map(|found| found.map(|(_, inputs)| inputs.len())), Ok(Some(1)));
        for out in ["file:../a", "file:./b/../../a", "/srv/a", "~/a"] {
            assert!(node(out).is_err_and(|why| why.contains("outside")), "{out}");
        }
        let pip = |line: &str| found("python3.13", &[("requirements.txt", line), ("w/a-1-py3-none-any.whl", "1")]);
        assert_eq!(pip("./w/a-1-py3-none-any.whl").map(|found| found.map(|(_, inputs)| inputs.len())), Ok(Some(2)));
        assert_eq!(pip("a @ https://example.com/a.zip").map(|found| found.is_some()), Ok(true));
        for out in ["../a", "-r ../more.txt", "--find-links=/srv/wheels"] {
            assert!(pip(out).is_err_and(|why| why.contains("outside")), "{out}");
        }
    }

    #[test]
    fn manifests_have_equal_digests_if_their_inputs_are_equal() {
        let digest = |text: &str, platform: &str| {
            let (_folder, all) = folder(&[("requirements.txt", text)]);
            Manifest::of("python3.13", &all).expect("read").expect("asked").digest(platform).expect("digested")
        };
        assert_eq!(digest("a==1", "arm64"), digest("a==1", "arm64"));
        assert_ne!(digest("a==1", "arm64"), digest("a==1", "x86_64"));
        assert_ne!(digest("a==1", "arm64"), digest("a==2", "arm64"));
    }
}

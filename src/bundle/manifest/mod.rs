//! Reads a function's dependencies: `package.json` for Node.js; `requirements.txt`, `uv.lock`, `Pipfile.lock` or
//! `pyproject.toml` for Python. A manifest that is not read is named, because a function without its dependencies fails
//! at its first call.

mod node;
mod python;
pub(super) mod requirements;

use std::collections::BTreeSet;
use std::io;

use sha2::{Digest, Sha256};

use super::archive::half;
use super::files::Files;

pub(super) use self::python::{INDEXES, Lists, REQUIREMENTS};

/// The command that installs the dependencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    /// Installs exactly the versions of the lock file.
    NpmCi,
    /// Installs the newest versions that `package.json` allows.
    NpmInstall,
    /// Installs wheels.
    Uv(Lists),
}

/// Dependencies to be installed.
#[derive(Debug, Clone)]
pub(super) struct Manifest {
    pub tool: Tool,
    /// The files that the tool needs.
    pub inputs: Files,
    /// The packages that must be there afterwards, because they are needed on every platform.
    pub names: Vec<String>,
}

/// A function's dependencies, and notes for the user about them.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    /// `None` if nothing must be installed.
    pub manifest: Option<Manifest>,
    /// Sentences without the full stop.
    pub notes: Vec<String>,
}

/// Manifests of languages for which the program installs nothing.
const OTHERS: [&str; 8] =
    ["Gemfile", "go.mod", "Cargo.toml", "pom.xml", "build.gradle", "build.gradle.kts", "composer.json", "mix.exs"];

impl Tool {
    /// The file that lists the dependencies.
    pub(super) fn manifest(self) -> &'static str {
        match self {
            Self::NpmCi | Self::NpmInstall => node::PACKAGE,
            Self::Uv(lists) => lists.file(),
        }
    }
}

impl Manifest {
    /// The dependencies of a function with this runtime. `all` has all files of its folder, packed or not.
    ///
    /// # Errors
    /// The manifest cannot be read, refers to files outside of the folder, or requires a package that cannot be
    /// installed.
    pub(super) fn of(runtime: &str, all: &Files) -> Result<Dependencies, String> {
        let (mut found, strangers) = if runtime.starts_with("nodejs") {
            (node::dependencies(all)?, python::FILES.as_slice())
        } else if runtime.starts_with("python") {
            (python::dependencies(all)?, [node::PACKAGE].as_slice())
        } else {
            return Ok(Dependencies::default());
        };
        let unread = strangers.iter().chain(&OTHERS).filter(|name| all.contains_key(**name));
        found.notes.extend(unread.map(|name| format!("{name} is not read, because the runtime is {runtime}")));
        Ok(found)
    }

    /// The files of the folder that list packages and their sources.
    pub(super) fn lists(&self) -> BTreeSet<&str> {
        let is_list = |path: &&str| [".txt", ".lock", "package-lock.json"].iter().any(|end| path.ends_with(end));
        self.inputs.keys().map(String::as_str).filter(is_list).chain([self.tool.manifest()]).collect()
    }

    /// A digest of everything that determines the installation.
    pub(super) fn digest(&self, platform: &str) -> io::Result<String> {
        let mut digest = Sha256::new();
        digest.update(format!("2\0{:?}\0{platform}\0", self.tool));
        for (path, file) in &self.inputs {
            let contents = file.read()?;
            digest.update(format!("{path}\0{}\0", contents.len()));
            digest.update(contents);
        }
        Ok(half(&digest.finalize()))
    }
}

/// The text of a file of the folder.
fn text(all: &Files, name: &str) -> Result<Option<String>, String> {
    let Some(file) = all.get(name) else { return Ok(None) };
    file.text().map(Some).map_err(|why| format!("{name} cannot be read: {why}"))
}

/// The files of a folder with these names.
fn only(all: &Files, names: &[&str]) -> Files {
    let wanted = all.iter().filter(|(path, _)| names.contains(&path.as_str()));
    wanted.map(|(path, file)| (path.clone(), file.clone())).collect()
}

/// Whether a path is outside of the folder that it is relative to.
fn leaves(path: &str) -> bool {
    let mut depth = 0_i32;
    path.starts_with('~') && path.contains('/')
        || path.starts_with('/') && !path.starts_with("//")
        || path.split('/').any(|part| {
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
    use super::super::files::folder;
    use super::*;

    fn found(runtime: &str, files: &[(&str, &str)]) -> Result<Dependencies, String> {
        let (_folder, all) = folder(files);
        Manifest::of(runtime, &all)
    }

    #[test]
    fn the_manifest_of_another_language_is_named() {
        let notes = |runtime, file| found(runtime, &[(file, ""), ("handler.py", "")]).expect("read").notes;
        assert_eq!(
            notes("python3.13", "package.json"),
            ["package.json is not read, because the runtime is python3.13"]
        );
        assert_eq!(
            notes("nodejs24.x", "requirements.txt"),
            ["requirements.txt is not read, because the runtime is nodejs24.x"]
        );
        assert_eq!(notes("nodejs24.x", "Gemfile").len(), 1);
        assert_eq!(notes("provided.al2023", "Cargo.toml"), [""; 0]);
    }

    #[test]
    fn manifests_have_equal_digests_if_their_inputs_are_equal() {
        let digest = |text: &str, platform: &str| {
            let (_folder, all) = folder(&[("requirements.txt", text)]);
            let manifest = Manifest::of("python3.13", &all).expect("read").manifest.expect("asked");
            manifest.digest(platform).expect("digested")
        };
        assert_eq!(digest("a==1", "arm64"), digest("a==1", "arm64"));
        assert_ne!(digest("a==1", "arm64"), digest("a==1", "x86_64"));
        assert_ne!(digest("a==1", "arm64"), digest("a==2", "arm64"));
    }
}

//! The files that list the dependencies of Python functions. All of them become a requirements file.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Value;

use super::super::files::{File, Files};
use super::{Dependencies, Manifest, Tool, only, requirements, text};

pub(in crate::bundle) const REQUIREMENTS: &str = "requirements.txt";
const UV_LOCK: &str = "uv.lock";
const PIPFILE_LOCK: &str = "Pipfile.lock";
const PYPROJECT: &str = "pyproject.toml";

/// Files that only Python projects have.
pub(super) const FILES: [&str; 6] = [REQUIREMENTS, UV_LOCK, PIPFILE_LOCK, PYPROJECT, "Pipfile", "poetry.lock"];

/// Files that list dependencies in ways that are not read, and what to do instead.
const UNREAD: [(&str, &str); 7] = [
    ("poetry.lock", "run `poetry export --format requirements.txt --output requirements.txt`"),
    ("Pipfile", "run `pipenv lock`, which makes a Pipfile.lock"),
    ("pdm.lock", "run `pdm export --prod --output requirements.txt`"),
    ("pylock.toml", "list the dependencies in requirements.txt"),
    ("environment.yml", "list the dependencies in requirements.txt"),
    ("setup.py", "list the dependencies in requirements.txt or pyproject.toml"),
    ("setup.cfg", "list the dependencies in requirements.txt or pyproject.toml"),
];

/// The default index of packages.
const PYPI: &str = "https://pypi.org/simple";

/// The kinds of files that list dependencies. The first one that exists is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bundle) enum Lists {
    Requirements,
    /// uv first exports this file to a requirements file, without resolving versions.
    UvLock,
    PipfileLock,
    Pyproject,
}

impl Lists {
    const ALL: [Self; 4] = [Self::Requirements, Self::UvLock, Self::PipfileLock, Self::Pyproject];

    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Requirements => REQUIREMENTS,
            Self::UvLock => UV_LOCK,
            Self::PipfileLock => PIPFILE_LOCK,
            Self::Pyproject => PYPROJECT,
        }
    }

    fn read(self, all: &Files) -> Result<Option<Manifest>, String> {
        let Some(text) = text(all, self.file())? else { return Ok(None) };
        let made = match self {
            Self::Requirements => requirements::read(all, REQUIREMENTS)?,
            Self::UvLock => return uv_lock(all, &text).map(Some),
            Self::PipfileLock => required(&pipfile_lock(&text)?, self)?,
            Self::Pyproject => match pyproject(&text)? {
                Some(lines) => required(&lines, self)?,
                None => return Ok(None),
            },
        };
        Ok(Some(Manifest { tool: Tool::Uv(self), inputs: made.inputs, names: made.names }).filter(|_| made.asks))
    }
}

pub(super) fn dependencies(all: &Files) -> Result<Dependencies, String> {
    let present: Vec<Lists> = Lists::ALL.into_iter().filter(|lists| all.contains_key(lists.file())).collect();
    let mut notes = Vec::new();
    for lists in &present {
        let Some(manifest) = lists.read(all)? else { continue };
        let belongs = |other: &Lists| (*lists, *other) == (Lists::UvLock, Lists::Pyproject);
        let others = present.iter().skip_while(|other| *other != lists).skip(1);
        // A pyproject.toml without dependencies, which only configures tools, is not reported.
        let others = others.filter(|other| !belongs(other) && !matches!(other.read(all), Ok(None)));
        notes.extend(others.map(|other| format!("{} is not read, because there is a {}", other.file(), lists.file())));
        return Ok(Dependencies { manifest: Some(manifest), notes });
    }
    let reads_none = !present.iter().any(|lists| *lists != Lists::Pyproject);
    match UNREAD.iter().find(|(file, _)| reads_none && all.contains_key(*file)) {
        Some((file, instead)) => Err(format!("{file} is not read: {instead}")),
        None => Ok(Dependencies { manifest: None, notes }),
    }
}

/// Reads lines that were made from another file, as a requirements file.
fn required(lines: &[String], from: Lists) -> Result<requirements::Requirements, String> {
    let file = File::made(lines.concat());
    let all = Files::from([(REQUIREMENTS.to_owned(), file)]);
    requirements::read(&all, REQUIREMENTS).map_err(|why| format!("{}: {why}", from.file()))
}

fn index_line(url: &str, is_default: bool) -> String {
    let option = if is_default { "--index-url" } else { "--extra-index-url" };
    format!("{option} {url}\n")
}

#[derive(Deserialize)]
struct Pyproject {
    project: Option<Project>,
    #[serde(default)]
    tool: Tools,
}

#[derive(Deserialize)]
struct Project {
    #[serde(default)]
    dependencies: Vec<String>,
    #[serde(default)]
    dynamic: BTreeSet<String>,
}

#[derive(Default, Deserialize)]
struct Tools {
    #[serde(default)]
    uv: UvTool,
    poetry: Option<BTreeMap<String, Value>>,
}

#[derive(Default, Deserialize)]
struct UvTool {
    #[serde(default)]
    index: Vec<Index>,
    #[serde(default)]
    sources: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Index {
    url: String,
    #[serde(default)]
    default: bool,
}

/// The lines for the dependencies of a project; `None` if the file only configures tools.
fn pyproject(text: &str) -> Result<Option<Vec<String>>, String> {
    let read: Pyproject =
        toml::from_str(text).map_err(|why| format!("{PYPROJECT} cannot be read: {}", why.message()))?;
    let Some(project) = read.project else {
        let poetrys = read.tool.poetry.is_some_and(|poetry| poetry.contains_key("dependencies"));
        if poetrys {
            return Err(format!("{PYPROJECT} lists its dependencies for Poetry: {}", UNREAD[0].1));
        }
        return Ok(None);
    };
    if project.dynamic.contains("dependencies") {
        let why = "computes its dependencies when it is built; list them under `dependencies`, or in requirements.txt";
        return Err(format!("{PYPROJECT} {why}"));
    }
    for (name, source) in &read.tool.uv.sources {
        let sources = source.as_array().map_or(std::slice::from_ref(source), Vec::as_slice);
        let has = |key: &str| sources.iter().any(|one| one.get(key).is_some());
        if let Some(key) = ["git", "path", "url", "workspace"].into_iter().find(|key| has(key)) {
            let why = format!("takes {name} from its source `{key}`; only wheels of an index can be installed");
            return Err(format!("{PYPROJECT} {why}: build one, and name it in requirements.txt"));
        }
    }
    let indexes = read.tool.uv.index.iter().map(|index| index_line(&index.url, index.default));
    Ok(Some(indexes.chain(project.dependencies.iter().map(|one| format!("{}\n", one.replace('\n', " ")))).collect()))
}

#[derive(Deserialize)]
struct PipfileLock {
    #[serde(rename = "_meta")]
    meta: PipfileMeta,
    #[serde(default)]
    default: BTreeMap<String, Locked>,
}

#[derive(Deserialize)]
struct PipfileMeta {
    #[serde(default)]
    sources: Vec<Index>,
}

#[derive(Deserialize)]
struct Locked {
    version: Option<String>,
    #[serde(default)]
    hashes: Vec<String>,
    #[serde(default)]
    extras: Vec<String>,
    markers: Option<String>,
}

/// The lines for the packages of a `Pipfile.lock` that are not for development.
fn pipfile_lock(text: &str) -> Result<Vec<String>, String> {
    let read: PipfileLock =
        serde_json::from_str(text).map_err(|why| format!("{PIPFILE_LOCK} cannot be read: {why}"))?;
    let sources = read.meta.sources.iter().map(|source| source.url.trim_end_matches('/')).collect::<Vec<_>>();
    let mut lines = match sources.as_slice() {
        [] | [PYPI] => Vec::new(),
        several => several.iter().enumerate().map(|(at, url)| index_line(url, at == 0)).collect(),
    };
    for (name, Locked { version, hashes, extras, markers }) in &read.default {
        let Some(version) = version else {
            let why = "not from an index; only wheels of an index can be installed";
            return Err(format!("{PIPFILE_LOCK} takes {name} {why}: build one, and name it in requirements.txt"));
        };
        let extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
        let markers = markers.as_ref().map(|markers| format!(" ; {markers}")).unwrap_or_default();
        let hashes = hashes.iter().map(|hash| format!(" --hash={hash}")).collect::<Vec<_>>().concat();
        lines.push(format!("{name}{extras}{version}{markers}{hashes}\n"));
    }
    Ok(lines)
}

#[derive(Deserialize)]
struct UvLock {
    #[serde(default)]
    package: Vec<UvPackage>,
}

#[derive(Deserialize)]
struct UvPackage {
    name: String,
    source: BTreeMap<String, Value>,
}

/// Checks that uv's lock file only has packages of indexes. The indexes that are not PyPI are given to uv in a file of
/// their own, because uv does not read the project's configuration.
fn uv_lock(all: &Files, text: &str) -> Result<Manifest, String> {
    let read: UvLock = toml::from_str(text).map_err(|why| format!("{UV_LOCK} cannot be read: {}", why.message()))?;
    if !all.contains_key(PYPROJECT) {
        return Err(format!("{UV_LOCK} belongs to a {PYPROJECT}, which is not there"));
    }
    let mut indexes = BTreeSet::new();
    for UvPackage { name, source } in &read.package {
        // The project itself, which is not a dependency.
        let is_project =
            ["virtual", "editable"].iter().any(|key| source.get(*key).and_then(Value::as_str) == Some("."));
        match source.get("registry").and_then(Value::as_str) {
            Some(PYPI) => {}
            Some(index) => drop(indexes.insert(index_line(index, false))),
            None if is_project => {}
            None => {
                let source = source.keys().next().map_or("unknown", String::as_str);
                let why = format!("takes {name} from its source `{source}`; only wheels of an index can be installed");
                return Err(format!("{UV_LOCK} {why}: build one, and name it in requirements.txt"));
            }
        }
    }
    let mut inputs = only(all, &[UV_LOCK, PYPROJECT]);
    if !indexes.is_empty() {
        inputs.insert(INDEXES.to_owned(), File::made(indexes.into_iter().collect()));
    }
    Ok(Manifest { tool: Tool::Uv(Lists::UvLock), inputs, names: Vec::new() })
}

/// The indexes of a `uv.lock`, in the folder of an installation.
pub(in crate::bundle) const INDEXES: &str = ".indexes.txt";

#[cfg(test)]
mod tests {
    use super::super::super::files::folder;
    use super::*;

    fn found(files: &[(&str, &str)]) -> Result<Dependencies, String> {
        let (_folder, all) = folder(files);
        dependencies(&all)
    }

    /// The requirements file that a manifest becomes.
    fn lines(file: &str, content: &str) -> Result<String, String> {
        let found = found(&[(file, content)])?;
        let text = |manifest: Manifest| manifest.inputs[REQUIREMENTS].text().expect("a text");
        Ok(found.manifest.map(text).unwrap_or_default())
    }

    fn fails(file: &str, content: &str, why: &str) {
        let found = lines(file, content);
        assert!(found.as_ref().is_err_and(|error| error.contains(why)), "{found:?}");
    }

    #[test]
    fn the_dependencies_of_a_project_are_read_from_pyproject_toml() {
        let text = "[project]\nname = 'x'\ndependencies = ['six==1.16.0; python_version >= \"3.13\"', 'a']\n\
                    [dependency-groups]\ndev = ['pytest']\n[[tool.uv.index]]\nname = 'own'\n\
                    url = 'https://example.com/simple'\n[tool.uv.sources]\na = { index = 'own' }\n";
        let made = "--extra-index-url https://example.com/simple\nsix==1.16.0; python_version >= \"3.13\"\na\n";
        assert_eq!(lines("pyproject.toml", text), Ok(made.to_owned()));
        assert_eq!(lines("pyproject.toml", "[tool.ruff]\nline-length = 120\n"), Ok(String::new()));
        assert_eq!(lines("pyproject.toml", "[project]\nname = 'x'\n"), Ok(String::new()));
    }

    #[test]
    fn dependencies_that_must_be_built_or_computed_are_refused() {
        let project = "[project]\nname = 'x'\n";
        fails("pyproject.toml", &format!("{project}dependencies = ['a @ git+https://h/a']"), "from a repository");
        fails("pyproject.toml", &format!("{project}dependencies = ['a @ ../a']"), "not a wheel");
        fails("pyproject.toml", &format!("{project}dynamic = ['dependencies']"), "computes its dependencies");
        let source = format!("{project}dependencies = ['a']\n[tool.uv.sources]\na = {{ path = '../a' }}");
        fails("pyproject.toml", &source, "from its source `path`");
        fails("pyproject.toml", "[tool.poetry.dependencies]\npython = '^3.13'", "poetry export");
        fails("Pipfile.lock", r#"{"_meta":{},"default":{"a":{"git":"https://h/a"}}}"#, "not from an index");
    }

    #[test]
    fn a_pipfile_lock_becomes_requirements_with_hashes() {
        let lock = r#"{"_meta":{"sources":[{"name":"pypi","url":"https://pypi.org/simple","verify_ssl":true}]},
            "default":{"a":{"version":"==1.0","hashes":["sha256:00","sha256:01"],"extras":["x"],
            "markers":"python_version >= '3.8'","index":"pypi"}},"develop":{"b":{"version":"==2"}}}"#;
        let made = "a[x]==1.0 ; python_version >= '3.8' --hash=sha256:00 --hash=sha256:01\n";
        assert_eq!(lines("Pipfile.lock", lock), Ok(made.to_owned()));
        let lock =
            r#"{"_meta":{"sources":[{"url":"https://${USER}:${TOKEN}@h/s"}]},"default":{"a":{"version":"==1"}}}"#;
        assert_eq!(lines("Pipfile.lock", lock), Ok("--index-url https://${USER}:${TOKEN}@h/s\na==1\n".to_owned()));
    }

    #[test]
    fn a_uv_lock_keeps_its_indexes_and_has_no_package_of_another_source() {
        let lock = |source: &str| {
            let lock = format!(
                "version = 1\n[[package]]\nname = 'x'\nsource = {{ virtual = '.' }}\n[[package]]\nname = 'a'\n\
                 source = {source}\n"
            );
            found(&[("uv.lock", &lock), ("pyproject.toml", "[project]\nname='x'\ndependencies=['a']")])
        };
        let manifest = lock("{ registry = 'https://example.com/simple' }").expect("read").manifest.expect("asked");
        let indexes = manifest.inputs[INDEXES].text().expect("a text");
        assert_eq!(indexes, "--extra-index-url https://example.com/simple\n");
        let found = lock("{ registry = 'https://pypi.org/simple' }").expect("read");
        assert_eq!(found.notes, [""; 0], "pyproject.toml belongs to it");
        let inputs: Vec<String> = found.manifest.expect("asked").inputs.into_keys().collect();
        assert_eq!(inputs, ["pyproject.toml", "uv.lock"]);
        assert!(lock("{ git = 'https://h/a' }").is_err_and(|why| why.contains("from its source `git`")));
    }

    #[test]
    fn of_several_manifests_the_first_is_read_and_the_others_are_named() {
        let files = [("requirements.txt", "a==1"), ("pyproject.toml", "[project]\nname='x'\ndependencies=['b']")];
        let both = found(&files).expect("read");
        assert_eq!(both.manifest.expect("asked").names, ["a"]);
        assert_eq!(both.notes, ["pyproject.toml is not read, because there is a requirements.txt"]);
    }

    #[test]
    fn a_manifest_that_cannot_be_read_is_refused_if_there_is_no_other() {
        let refused = |file: &str| found(&[(file, "")]).err().unwrap_or_default();
        assert!(refused("Pipfile").contains("pipenv lock"));
        assert!(refused("poetry.lock").contains("poetry export"));
        assert!(refused("setup.py").contains("requirements.txt"));
        let both = found(&[("Pipfile", ""), ("requirements.txt", "# none\n")]).expect("read");
        assert!(both.manifest.is_none() && both.notes.is_empty());
    }
}

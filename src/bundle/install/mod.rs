//! Installs the dependencies of functions with npm or uv, into a folder of the cache. The folder's name is a digest of
//! everything that determines the installation, so it is made once. The user's own folder is never changed.
//!
//! No code of a dependency runs: npm does not run scripts, and uv only unpacks wheels. Packages that must be compiled
//! would be compiled for this machine, not for Lambda.
//!
//! - `environment` keeps the user's settings away from the tools, except those for the sources of packages
//! - `npm`, `uv` and `esbuild` are the tools
//! - `credentials` hides the credentials of registries in the output of the tools
//! - `verified` checks an installation before it is kept

mod credentials;
mod environment;
mod esbuild;
mod native;
mod npm;
mod uv;
mod verified;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use tokio::process::Command;

pub(super) use self::credentials::has_password;
pub use self::environment::Environment;

use self::credentials::Credentials;
use self::uv::{Glibc, Python, Uv};
use super::files::{self, Files};
use super::manifest::{INDEXES, Lists, Manifest, REQUIREMENTS, Tool, requirements};
use super::source::NPMRC;
use crate::error::Error;
use crate::local::Note;
use crate::spec::Packed;

/// Entries of the cache that were not used for this long are removed when another one is made.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// The machine that runs the functions, for which dependencies must be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Machine {
    /// AWS Lambda, with each function's architecture.
    Lambda,
    /// An emulator that runs functions as processes of this machine.
    This {
        /// The emulator's Python, if it is known.
        python: Option<PathBuf>,
    },
}

pub struct DependencyInstaller<'a> {
    /// The folder for installations and tools; `None` if the user has no cache folder.
    pub cache: Option<PathBuf>,
    /// The machine that runs the functions.
    pub machine: Machine,
    /// The process's environment.
    pub environment: Environment,
    /// Receives messages about the progress.
    pub note: Note<'a>,
}

pub(super) struct Installed {
    /// The installed files, by their path within the function's folder.
    pub files: Files,
    /// The folder of the installation, which can also keep what is made from it.
    pub folder: PathBuf,
}

/// One installation.
struct Job<'a> {
    /// The function's name.
    name: &'a str,
    function: &'a Packed,
    manifest: &'a Manifest,
    /// The cache folder.
    cache: &'a Path,
    /// For Python functions.
    python: Option<Python>,
}

impl Job<'_> {
    /// The file that lists the dependencies.
    fn listed(&self) -> String {
        self.function.source.join(self.manifest.tool.manifest()).display().to_string()
    }
}

impl DependencyInstaller<'_> {
    /// Installs the dependencies of `function`, unless they are installed already.
    pub(super) async fn install(&self, name: &str, function: &Packed, manifest: &Manifest) -> Result<Installed, Error> {
        let Some(cache) = &self.cache else {
            return Err(Error::other(format!("there is no cache folder for the dependencies of {name}"))
                .hint("set SECURELAMBDA_CACHE_DIR to a folder that you can write"));
        };
        let python = match manifest.tool {
            Tool::Uv(_) => Some(self.python(name).await?),
            Tool::NpmCi | Tool::NpmInstall => None,
        };
        let platform = match (&self.machine, &python) {
            (Machine::This { .. }, Some(python)) => python.platform.clone(),
            (Machine::This { .. }, None) => "this machine".to_owned(),
            (Machine::Lambda, _) => format!("{} {}", function.runtime, function.architecture),
        };
        let unreadable = |why| Error::other(format!("the dependencies of {name} cannot be read: {why}"));
        let folder = cache.join("packages").join(manifest.digest(&platform).map_err(unreadable)?);
        if !folder.exists() {
            self.build(&Job { name, function, manifest, cache, python }, &folder).await?;
        }
        in_use(&folder);
        let files = installed(&folder, manifest.tool);
        let files = files.map_err(|why| Error::other(format!("the dependencies of {name}: {why}")))?;
        Ok(Installed { files, folder })
    }

    /// Installs into a folder beside the final one and renames it at the end, so that a folder of that name is
    /// complete.
    async fn build(&self, job: &Job<'_>, folder: &Path) -> Result<(), Error> {
        let Job { name, manifest, .. } = job;
        let unwritable = |why: io::Error| {
            Error::other(format!("the dependencies of {name} cannot be written to {}: {why}", folder.display()))
                .hint("set SECURELAMBDA_CACHE_DIR to another folder")
        };
        let packages = folder.parent().unwrap_or(folder);
        fs::create_dir_all(packages).map_err(unwritable)?;
        sweep(packages);
        let work = tempfile::Builder::new().prefix(".new-").tempdir_in(packages).map_err(unwritable)?;
        for (path, file) in &manifest.inputs {
            let path = work.path().join(path);
            let copied = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, file.read()?));
            copied.map_err(unwritable)?;
        }
        let complete = match manifest.tool {
            Tool::NpmCi | Tool::NpmInstall => {
                let settings = tempfile::tempdir().map_err(unwritable)?;
                let locked = manifest.tool == Tool::NpmCi;
                let npm = npm::command(job.function, locked, &self.machine, &self.environment, settings.path()).await;
                let (npm, sources) = npm.map_err(unwritable)?;
                self.announce(job);
                self.run(job, npm, work.path(), &sources).await?;
                verified::modules(work.path(), &manifest.names)
            }
            Tool::Uv(lists) => self.install_wheels(job, lists, work.path()).await?,
        };
        if let Err(missing) = complete {
            let message = format!("the dependencies of {name} are not complete: {missing}");
            return Err(Error::other(message).hint("run the command again; nothing of this installation was kept"));
        }
        // These files may contain credentials, and the folder is kept.
        let sources = manifest.inputs.keys().filter(|path| matches!(manifest.tool, Tool::Uv(_)) || *path == NPMRC);
        for path in sources {
            fs::remove_file(work.path().join(path)).map_err(unwritable)?;
        }
        let work = work.keep();
        match fs::rename(&work, folder) {
            // Another run finished first, with the same result.
            Err(_) if folder.exists() => fs::remove_dir_all(&work).map_err(unwritable),
            done => done.map_err(unwritable),
        }
    }

    /// Installs with uv. The inner result says whether all packages are there.
    async fn install_wheels(&self, job: &Job<'_>, lists: Lists, work: &Path) -> Result<Result<(), String>, Error> {
        let Some(python) = &job.python else { return Ok(Err("there is no Python".to_owned())) };
        let uv = Uv::ready(job.cache, python, &self.environment, self.note).await?;
        self.announce(job);
        if lists == Lists::UvLock {
            let words =
                ["export", "--frozen", "--no-dev", "--no-emit-project", "--no-header", "--no-annotate", "--quiet"];
            let mut export = uv.command(&words, true);
            export.args(["--output-file", REQUIREMENTS]);
            self.run(job, export, work, &uv.settings).await?;
        }
        let wanted = required(work).map_err(|why| {
            Error::other(format!("the dependencies of {} cannot be installed: {}: {why}", job.name, job.listed()))
        })?;
        let own_index = wanted.names_index || work.join(INDEXES).exists();
        let install = |target: Option<[String; 4]>| {
            let mut install = uv.command(&["pip", "install", "--only-binary", ":all:"], own_index);
            install.args(["--requirement", REQUIREMENTS, "--target", PYTHON_FOLDER]);
            if work.join(INDEXES).exists() {
                install.args(["--requirement", INDEXES]);
            }
            install.args(target.into_iter().flatten());
            self.run(job, install, work, &uv.settings)
        };
        let target = work.join(PYTHON_FOLDER);
        match (&self.machine, Glibc::of(&job.function.runtime)) {
            (Machine::This { .. }, _) => install(None).await?,
            (Machine::Lambda, glibc) => {
                let platform = |glibc| Some(uv::target(&job.function.runtime, &job.function.architecture, glibc));
                if let Err(first) = install(platform(glibc.known)).await {
                    // A wheel may be for a glibc between the two that uv knows. With the next one, uv also takes wheels
                    // that are too new.
                    let Some(next) = glibc.next else { return Err(first) };
                    let _ = fs::remove_dir_all(&target);
                    if install(platform(next)).await.is_err() || verified::newest_glibc(&target) > glibc.version {
                        return Err(first);
                    }
                }
            }
        }
        // There is no folder yet if all packages of the list are for other versions or platforms.
        fs::create_dir_all(&target).map_err(|why| Error::other(format!("{}: {why}", target.display())))?;
        Ok(verified::wheels(&target, &wanted.names))
    }

    fn announce(&self, job: &Job<'_>) {
        (self.note)(&format!("Installing the dependencies of {} ({}).", job.listed(), job.manifest.tool.words()));
        if job.manifest.tool == Tool::NpmInstall {
            (self.note)(
                "There is no package-lock.json, so versions may differ from day to day. `npm install --package-lock-only` creates one.",
            );
        }
    }

    /// Runs a tool to its end in a working folder. `sources` are the user's settings that say where packages come from.
    async fn run(&self, job: &Job<'_>, mut command: Command, work: &Path, sources: &str) -> Result<(), Error> {
        let tool = job.manifest.tool;
        command.current_dir(work).stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await.map_err(|why| tool.missing(job.name, &why.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        let lists = job.manifest.lists();
        let inputs =
            job.manifest.inputs.iter().filter(|(path, _)| lists.contains(path.as_str()) || path.as_str() == NPMRC);
        let written: Vec<String> = inputs.filter_map(|(_, file)| file.text().ok()).collect();
        let settings = written.iter().map(String::as_str).chain([sources]);
        let said = Credentials::of(settings, &self.environment).hidden_in(said.trim());
        Err(tool.failed(job.name, &job.listed(), said, job.function))
    }

    async fn python(&self, name: &str) -> Result<Python, Error> {
        let emulators = match &self.machine {
            Machine::This { python } => python.clone(),
            Machine::Lambda => None,
        };
        let candidates = emulators.into_iter().chain(["python3", "python"].map(PathBuf::from));
        let found = Python::find(candidates, &self.environment).await;
        found.ok_or_else(|| {
            let why = "neither `python3 -m pip` nor `python -m pip` works";
            Error::other(format!("pip is needed to pack {name}, but cannot be run: {why}"))
                .hint("run `apt install python3-pip` or `python3 -m ensurepip`; `python3 -m pip --version` must work")
        })
    }
}

/// The requirements file of a working folder, checked once more: uv may have written it.
fn required(work: &Path) -> Result<requirements::Requirements, String> {
    let files = files::gather(work, &|path| path != PYTHON_FOLDER).map_err(|why| why.to_string())?;
    requirements::read(&files, REQUIREMENTS)
}

/// The folder for Python packages, within a working folder.
const PYTHON_FOLDER: &str = ".installed";

/// The installed files that are packed.
fn installed(folder: &Path, tool: Tool) -> Result<Files, files::Unreadable> {
    match tool {
        Tool::NpmCi | Tool::NpmInstall => {
            // The whole folder is read, because npm makes links to folders beside `node_modules`.
            let mut files = files::gather(folder, &|path| of_npm(path))?;
            files.retain(|path, _| path.starts_with("node_modules/"));
            Ok(not_own(files))
        }
        Tool::Uv(_) => files::gather(&folder.join(PYTHON_FOLDER), &of_uv).map(not_own),
    }
}

fn not_own(mut files: Files) -> Files {
    for file in files.values_mut() {
        file.own = false;
    }
    files
}

/// Leaves out shell programs and npm's own files, which differ between machines.
fn of_npm(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    ![".bin", ".cache", ".package-lock.json"].contains(&name)
}

/// Leaves out shell programs and the installer's own files, which differ between runs and machines.
fn of_uv(path: &str) -> bool {
    let notes = ["RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json"];
    let is_note =
        path.rsplit_once('/').is_some_and(|(folder, name)| folder.ends_with(".dist-info") && notes.contains(&name));
    let name = path.rsplit('/').next().unwrap_or(path);
    let compiled = name == "__pycache__" || Path::new(name).extension().is_some_and(|end| end == "pyc");
    !(is_note || compiled || path == "bin" || path == ".lock")
}

/// Protects an entry of the cache from [`sweep`] by its date. If the date cannot be set, the entry may be removed, and
/// is then made again.
pub(super) fn in_use(entry: &Path) {
    let _ = fs::File::open(entry).and_then(|entry| entry.set_modified(SystemTime::now()));
}

/// Removes the entries of a folder of the cache that were not used for a long time. Those that cannot be removed stay.
pub(super) fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(about) = entry.metadata() else { continue };
        let age = about.modified().ok().and_then(|used| used.elapsed().ok());
        if age.is_some_and(|age| age > KEPT) {
            let path = entry.path();
            let _ = if about.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
    }
}

impl Tool {
    /// The command as a person types it.
    fn words(self) -> &'static str {
        match self {
            Self::NpmCi => "npm ci",
            Self::NpmInstall => "npm install",
            Self::Uv(_) => "uv pip install",
        }
    }

    fn missing(self, name: &str, why: &str) -> Error {
        let (tool, how) = match self {
            Self::NpmCi | Self::NpmInstall => {
                ("npm", "install Node.js from nodejs.org, or run `apt install npm`; `npm --version` must work")
            }
            Self::Uv(_) => ("uv", "remove the folder `tools` in the cache folder; it is then downloaded again"),
        };
        Error::other(format!("{tool} is needed to pack {name}, but cannot be run: {why}")).hint(how)
    }

    fn failed(self, name: &str, manifest: &str, said: String, function: &Packed) -> Error {
        let mut error = Error::other(format!("`{}` failed for the function {name} and its {manifest}", self.words()));
        let lower = said.to_lowercase();
        error.details = Some(said.into());
        let unreachable = [
            "enotfound",
            "econnrefused",
            "etimedout",
            "eai_again",
            "dns error",
            "error sending request",
            "client error",
        ];
        if unreachable.iter().any(|word| lower.contains(word)) {
            return error.hint("the package registry must be reachable; behind a proxy, set HTTPS_PROXY");
        }
        match self {
            Self::NpmCi => error.hint("if package.json and its lock file differ, run `npm install` in that folder"),
            Self::NpmInstall => error.hint("run `npm install` in that folder to see the problem"),
            Self::Uv(_) if lower.contains("no solution") || lower.contains("wheel") => error.hint(format!(
                "only wheels can be installed, because other packages would be compiled for this machine; the function needs \
                 wheels for {} on {}",
                function.runtime, function.architecture
            )),
            Self::Uv(_) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_a_month_is_removed_from_the_cache() {
        let cache = tempfile::tempdir().expect("a folder");
        let month = SystemTime::now() - KEPT - Duration::from_mins(1);
        let names = ["folder", "file", "used", "new"];
        let [folder, file, used, new] = names.map(|name| cache.path().join(name));
        fs::create_dir(&folder).expect("made");
        fs::write(folder.join("inside"), "").expect("written");
        for file in [&file, &used, &new] {
            fs::write(file, "").expect("written");
        }
        for entry in [&folder, &file, &used] {
            fs::File::open(entry).and_then(|entry| entry.set_modified(month)).expect("dated");
        }
        in_use(&used);
        sweep(cache.path());
        assert_eq!([folder, file, used, new].map(|entry| entry.exists()), [false, false, true, true]);
    }

    #[test]
    fn programs_and_the_installers_own_files_are_not_packed() {
        assert!(of_npm("node_modules/a/.well-known/x") && of_npm("node_modules/a/test/b.js"));
        assert!(!of_npm("node_modules/.bin") && !of_npm("node_modules/.package-lock.json"));
        assert!(of_uv("a/__init__.py") && of_uv("a-1.dist-info/METADATA") && of_uv("a/bin/b.py"));
        assert!(!of_uv("a-1.dist-info/RECORD") && !of_uv("a-1.dist-info/direct_url.json"));
        assert!(!of_uv("bin") && !of_uv("a/__pycache__"));
    }
}

//! Installs the dependencies of functions with npm or pip, into a folder of the cache. The folder's name is a digest of
//! everything that determines the installation, so it is made once. The user's own folder is never changed.
//!
//! No code of a dependency runs: npm does not run scripts, and pip only unpacks wheels. Packages that must be compiled
//! would be compiled for this machine, not for Lambda's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use tokio::process::Command;

use super::files::{self, Files};
use super::manifest::{Manifest, Tool};
use crate::error::Error;
use crate::local::{Note, tail};
use crate::spec::Function;

/// Installations that were not used for this long are removed when another one is made.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// Lambda's Python runtimes run on Amazon Linux 2023, with glibc 2.34. pip prefers the most widely compatible wheel.
const MANYLINUX: [&str; 4] = ["manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34"];

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
    /// The folder for installations; `None` if the user has no cache folder.
    pub cache: Option<PathBuf>,
    /// What runs the functions.
    pub machine: Machine,
    /// Where progress goes.
    pub note: Note<'a>,
}

pub(super) struct Installed {
    /// By their path within the function's folder.
    pub files: Files,
    /// The folder of the installation, which can also keep what is made from it.
    pub folder: PathBuf,
}

impl DependencyInstaller<'_> {
    /// Installs the dependencies of `function`, unless they are installed already.
    pub(super) async fn install(
        &self,
        name: &str,
        function: &Function,
        manifest: &Manifest,
    ) -> Result<Installed, Error> {
        let Some(cache) = &self.cache else {
            return Err(Error::other(format!("there is no cache folder for the dependencies of {name}"))
                .hint("set SECURELAMBDA_CACHE_DIR to a folder that you can write"));
        };
        let python = match manifest.tool {
            Tool::Pip => Some(self.python(name).await?),
            Tool::NpmCi | Tool::NpmInstall => None,
        };
        let platform = match (&self.machine, &python) {
            (Machine::This { .. }, Some(python)) => python.platform.clone(),
            (Machine::This { .. }, None) => "this machine".to_owned(),
            (Machine::Lambda, _) => format!("{} {}", function.runtime, function.architecture),
        };
        let unreadable = |why| Error::other(format!("the dependencies of {name} cannot be read: {why}"));
        let folder = cache.join(manifest.digest(&platform).map_err(unreadable)?);
        if !folder.exists() {
            let command = self.command(function, manifest.tool, python.as_ref());
            self.build(name, function, manifest, &folder, command).await?;
        }
        // The date protects a folder in use from `sweep`. If it cannot be set, the dependencies are installed again one
        // day.
        let _ = fs::File::open(&folder).and_then(|folder| folder.set_modified(SystemTime::now()));
        let files = installed(&folder, manifest.tool);
        let files = files.map_err(|why| Error::other(format!("the dependencies of {name}: {why}")))?;
        Ok(Installed { files, folder })
    }

    /// Installs into a folder beside the final one and renames it at the end, so that a folder of that name is
    /// complete.
    async fn build(
        &self,
        name: &str,
        function: &Function,
        manifest: &Manifest,
        folder: &Path,
        mut command: Command,
    ) -> Result<(), Error> {
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
        let what = function.source.join(manifest.tool.manifest());
        (self.note)(&format!("Installing the dependencies of {} ({}).", what.display(), manifest.tool.words()));
        if manifest.tool == Tool::NpmInstall {
            (self.note)(
                "There is no package-lock.json, so versions may differ from day to day. `npm install --package-lock-only` creates one.",
            );
        }
        command.current_dir(work.path()).stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await.map_err(|why| manifest.tool.missing(name, &why.to_string()))?;
        if !output.status.success() {
            let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
            return Err(manifest.tool.failed(name, &what, &tail(&said), function));
        }
        let work = work.keep();
        match fs::rename(&work, folder) {
            // Another run finished first, with the same result.
            Err(_) if folder.exists() => fs::remove_dir_all(&work).map_err(unwritable),
            done => done.map_err(unwritable),
        }
    }

    fn command(&self, function: &Function, tool: Tool, python: Option<&Python>) -> Command {
        let on_lambda = self.machine == Machine::Lambda;
        let (Tool::Pip, Some(python)) = (tool, python) else {
            let mut npm = Command::new("npm");
            npm.arg(if tool == Tool::NpmCi { "ci" } else { "install" });
            npm.args(["--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
            if tool == Tool::NpmInstall {
                npm.arg("--no-package-lock");
            }
            if on_lambda {
                let cpu = if function.architecture == "arm64" { "arm64" } else { "x64" };
                npm.args(["--os=linux", "--libc=glibc"]).arg(format!("--cpu={cpu}"));
            }
            return npm;
        };
        let mut pip = Command::new(&python.command);
        pip.args(["-I", "-m", "pip", "install", "--requirement", "requirements.txt", "--target", PYTHON_FOLDER])
            .args(["--only-binary=:all:", "--no-compile", "--no-input", "--disable-pip-version-check"])
            // These settings would install into another folder. Mirrors, proxies and certificates of the user apply.
            .env_remove("PIP_TARGET")
            .env_remove("PIP_PREFIX")
            .env_remove("PIP_USER");
        if on_lambda {
            let processor = if function.architecture == "arm64" { "aarch64" } else { "x86_64" };
            let version = function.runtime.trim_start_matches("python");
            pip.args(["--implementation", "cp", "--python-version", version]);
            for libc in MANYLINUX {
                pip.args(["--platform", &format!("{libc}_{processor}")]);
            }
        }
        pip
    }

    async fn python(&self, name: &str) -> Result<Python, Error> {
        let emulators = match &self.machine {
            Machine::This { python } => python.clone(),
            Machine::Lambda => None,
        };
        let candidates = emulators.into_iter().chain(["python3", "python"].map(PathBuf::from));
        for command in candidates {
            if let Some(python) = ask(&command).await {
                return Ok(python);
            }
        }
        Err(Tool::Pip.missing(name, "neither `python3 -m pip` nor `python -m pip` works"))
    }
}

/// A Python that has pip.
struct Python {
    /// The interpreter itself, not a version manager's shim: pyenv rewrites its shims after each pip, and fails if
    /// another one does so at the same time.
    command: PathBuf,
    /// Its version and platform, in the terms of wheels.
    platform: String,
}

async fn ask(python: &Path) -> Option<Python> {
    const ASK: &str = "import pip, sys, sysconfig
print(sys.executable)
print(sys.implementation.cache_tag, sysconfig.get_platform())";
    let mut command = Command::new(python);
    command.args(["-I", "-c", ASK]).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.ok().filter(|output| output.status.success())?;
    let said = String::from_utf8_lossy(&output.stdout);
    let (itself, platform) = said.trim().split_once('\n')?;
    Some(Python { command: itself.trim().into(), platform: platform.trim().to_owned() })
}

/// The folder for pip's packages, within its working folder.
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
        Tool::Pip => files::gather(&folder.join(PYTHON_FOLDER), &of_pip).map(not_own),
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

/// Leaves out shell programs and pip's own files, which differ between runs and machines.
fn of_pip(path: &str) -> bool {
    let notes = ["RECORD", "INSTALLER", "REQUESTED", "direct_url.json"];
    let is_note =
        path.rsplit_once('/').is_some_and(|(folder, name)| folder.ends_with(".dist-info") && notes.contains(&name));
    let name = path.rsplit('/').next().unwrap_or(path);
    let compiled = name == "__pycache__" || Path::new(name).extension().is_some_and(|end| end == "pyc");
    !(is_note || compiled || path == "bin")
}

/// Removes installations that were not used for a long time. Those that cannot be removed stay.
fn sweep(packages: &Path) {
    for entry in fs::read_dir(packages).into_iter().flatten().flatten() {
        let used = entry.metadata().and_then(|about| about.modified()).ok();
        if used.and_then(|used| used.elapsed().ok()).is_some_and(|age| age > KEPT) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

impl Tool {
    /// The command as a person types it.
    fn words(self) -> &'static str {
        match self {
            Self::NpmCi => "npm ci",
            Self::NpmInstall => "npm install",
            Self::Pip => "pip install",
        }
    }

    fn missing(self, name: &str, why: &str) -> Error {
        let (tool, how) = match self {
            Self::NpmCi | Self::NpmInstall => {
                ("npm", "install Node.js from nodejs.org, or run `apt install npm`; `npm --version` must work")
            }
            Self::Pip => {
                ("pip", "run `apt install python3-pip` or `python3 -m ensurepip`; `python3 -m pip --version` must work")
            }
        };
        Error::other(format!("{tool} is needed to pack {name}, but cannot be run: {why}")).hint(how)
    }

    fn failed(self, name: &str, manifest: &Path, said: &str, function: &Function) -> Error {
        let mut error =
            Error::other(format!("`{}` failed for the function {name} and its {}", self.words(), manifest.display()));
        error.details = Some(said.into());
        let lower = said.to_lowercase();
        let unreachable =
            ["enotfound", "econnrefused", "etimedout", "eai_again", "network", "connection", "resolve host"];
        if unreachable.iter().any(|word| lower.contains(word)) {
            return error.hint("the package registry must be reachable; behind a proxy, set HTTPS_PROXY");
        }
        match self {
            Self::NpmCi => error.hint("if package.json and its lock file differ, run `npm install` in that folder"),
            Self::NpmInstall => error.hint("run `npm install` in that folder to see the problem"),
            Self::Pip if lower.contains("no matching distribution") => error.hint(format!(
                "only wheels can be installed, because other packages would be compiled for this machine; the function needs \
                 wheels for {} on {}",
                function.runtime, function.architecture
            )),
            Self::Pip => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_the_installers_own_files_are_not_packed() {
        assert!(of_npm("node_modules/a/.well-known/x") && of_npm("node_modules/a/test/b.js"));
        assert!(!of_npm("node_modules/.bin") && !of_npm("node_modules/.package-lock.json"));
        assert!(of_pip("a/__init__.py") && of_pip("a-1.dist-info/METADATA") && of_pip("a/bin/b.py"));
        assert!(!of_pip("a-1.dist-info/RECORD") && !of_pip("a-1.dist-info/direct_url.json"));
        assert!(!of_pip("bin") && !of_pip("a/__pycache__"));
    }
}

//! Installing what functions depend on, with the tools their authors use: npm and pip. Into a folder of the cache that is
//! named after all it depends on, so it is done once; never into the user's own folder.
//!
//! No code of a dependency runs: npm is kept from running scripts, and pip takes wheels only, which it unpacks. What must
//! be built would be built for this machine, which is not the function's.

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

/// What nobody has used for so long is removed when something new is installed.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// Lambda's Python runtimes run on Amazon Linux 2023, with glibc 2.34. The most widely compatible wheel is taken.
const MANYLINUX: [&str; 4] = ["manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34"];

/// What runs the functions, and so what their dependencies must be made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Machine {
    /// AWS Lambda, on each function's own architecture.
    Lambda,
    /// An emulator that runs them as processes of this machine, with its Node.js and this Python, if it is known.
    This {
        /// The emulator's Python.
        python: Option<PathBuf>,
    },
}

/// Where and for what dependencies are installed.
pub struct DependencyInstaller<'a> {
    /// The folder for what was installed; `None` where there is no home for one.
    pub cache: Option<PathBuf>,
    /// What runs the functions.
    pub machine: Machine,
    /// Where progress goes.
    pub note: Note<'a>,
}

/// Dependencies, and the folder that they are kept in.
pub(super) struct Installed {
    /// By their path within the function's folder.
    pub files: Files,
    /// Named after all that they depend on. What is made from them can be kept here too.
    pub folder: PathBuf,
}

impl DependencyInstaller<'_> {
    /// What `function` depends on, installed.
    pub(super) async fn install(
        &self,
        name: &str,
        function: &Function,
        manifest: &Manifest,
    ) -> Result<Installed, Error> {
        let Some(cache) = &self.cache else {
            return Err(Error::other(format!("there is no folder for what {name} depends on"))
                .hint("set SECURELAMBDA_CACHE_DIR to a folder of yours"));
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
        let unreadable = |why| Error::other(format!("what {name} depends on cannot be read: {why}"));
        let folder = cache.join(manifest.digest(&platform).map_err(unreadable)?);
        if !folder.exists() {
            let command = self.command(function, manifest.tool, python.as_ref());
            self.build(name, function, manifest, &folder, command).await?;
        }
        // So that what is in use is not swept away; if it cannot be noted, it is installed once more some day.
        let _ = fs::File::open(&folder).and_then(|folder| folder.set_modified(SystemTime::now()));
        let files = installed(&folder, manifest.tool);
        let files = files.map_err(|why| Error::other(format!("what {name} depends on: {why}")))?;
        Ok(Installed { files, folder })
    }

    /// Installs into a folder beside the final one and then renames it: whatever has that name is whole.
    async fn build(
        &self,
        name: &str,
        function: &Function,
        manifest: &Manifest,
        folder: &Path,
        mut command: Command,
    ) -> Result<(), Error> {
        let unwritable = |why: io::Error| {
            Error::other(format!("what {name} depends on cannot be kept in {}: {why}", folder.display()))
                .hint("SECURELAMBDA_CACHE_DIR names another folder")
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
        (self.note)(&format!("Installing what {} asks for ({}).", what.display(), manifest.tool.words()));
        if manifest.tool == Tool::NpmInstall {
            (self.note)(
                "It has no package-lock.json, so another day may bring other versions; `npm install --package-lock-only` makes one.",
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
            // Another run was quicker, with the same result.
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
            // Settings that would put the packages elsewhere. Mirrors, proxies and certificates stay the user's.
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
        Err(Tool::Pip.missing(name, "neither `python3 -m pip` nor `python -m pip` can be run"))
    }
}

/// A Python that has pip.
struct Python {
    /// Itself, and not what stands for it in a version manager's folder of shims: pyenv's rewrites that folder after each
    /// pip, and fails where another one is at it.
    command: PathBuf,
    /// Its version and what it runs on, as wheels know it.
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

/// Where pip puts packages, within the folder it works in.
const PYTHON_FOLDER: &str = ".installed";

/// What was installed and is to be shipped.
fn installed(folder: &Path, tool: Tool) -> Result<Files, files::Unreadable> {
    match tool {
        Tool::NpmCi | Tool::NpmInstall => {
            // The whole folder is walked because npm links to what is beside `node_modules`.
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

/// Programs for a shell and npm's notes, which differ from place to place, stay here.
fn of_npm(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    ![".bin", ".cache", ".package-lock.json"].contains(&name)
}

/// Programs for a shell and pip's notes, which differ from run to run and from place to place, stay here.
fn of_pip(path: &str) -> bool {
    let notes = ["RECORD", "INSTALLER", "REQUESTED", "direct_url.json"];
    let is_note =
        path.rsplit_once('/').is_some_and(|(folder, name)| folder.ends_with(".dist-info") && notes.contains(&name));
    let name = path.rsplit('/').next().unwrap_or(path);
    let compiled = name == "__pycache__" || Path::new(name).extension().is_some_and(|end| end == "pyc");
    !(is_note || compiled || path == "bin")
}

/// Removes what nobody has used for long. Whatever stands in the way of that can stay.
fn sweep(packages: &Path) {
    for entry in fs::read_dir(packages).into_iter().flatten().flatten() {
        let used = entry.metadata().and_then(|about| about.modified()).ok();
        if used.and_then(|used| used.elapsed().ok()).is_some_and(|age| age > KEPT) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

impl Tool {
    /// As a person would type it.
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
                ("npm", "install Node.js from nodejs.org, or `apt install npm`; then `npm --version` must say so")
            }
            Self::Pip => (
                "pip",
                "`apt install python3-pip`, or `python3 -m ensurepip`; then `python3 -m pip --version` must say so",
            ),
        };
        Error::other(format!("{tool} is needed to pack {name}, and cannot be run: {why}")).hint(how)
    }

    fn failed(self, name: &str, manifest: &Path, said: &str, function: &Function) -> Error {
        let mut error =
            Error::other(format!("`{}` failed for {name}, with what {} asks for", self.words(), manifest.display()));
        error.details = Some(said.into());
        let lower = said.to_lowercase();
        let unreachable =
            ["enotfound", "econnrefused", "etimedout", "eai_again", "network", "connection", "resolve host"];
        if unreachable.iter().any(|word| lower.contains(word)) {
            return error.hint("it needs to reach the package registry; behind a proxy, set HTTPS_PROXY");
        }
        match self {
            Self::NpmCi => error.hint("if package.json and its lock differ, `npm install` in that folder brings them together"),
            Self::NpmInstall => error.hint("try `npm install` in that folder"),
            Self::Pip if lower.contains("no matching distribution") => error.hint(format!(
                "only wheels are taken, since what must be built would be built for this machine; for Lambda, wheels for \
                 {} on {}",
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
    fn notes_and_programs_stay_here() {
        assert!(of_npm("node_modules/a/.well-known/x") && of_npm("node_modules/a/test/b.js"));
        assert!(!of_npm("node_modules/.bin") && !of_npm("node_modules/.package-lock.json"));
        assert!(of_pip("a/__init__.py") && of_pip("a-1.dist-info/METADATA") && of_pip("a/bin/b.py"));
        assert!(!of_pip("a-1.dist-info/RECORD") && !of_pip("a-1.dist-info/direct_url.json"));
        assert!(!of_pip("bin") && !of_pip("a/__pycache__"));
    }
}

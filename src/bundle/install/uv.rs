//! uv, which resolves Python packages for another version and platform than this machine's. It is a wheel on PyPI,
//! downloaded by pip the first time that a stack needs it.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::credentials::Credentials;
use super::environment::{self, Environment};
use crate::error::Error;
use crate::local::Note;

const VERSION: &str = "0.13.9";

/// The SHA-256 of its wheels on PyPI. pip takes the one for this machine.
const WHEELS: [&str; 6] = [
    // Linux, x86_64: glibc, musl.
    "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    "2c45530751517d6c3bbc69a19473f6effe47cce047bede01ffd8af7ea7b36b25",
    // Linux, arm64: old glibc and musl, newer glibc.
    "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
    "ecb6028d79dc96fbeafffe5c8af62a7099487ebc05a701e76714eebcffd06375",
    // macOS: x86_64, arm64.
    "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5",
    "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63",
];

/// A Python that has pip.
pub(super) struct Python {
    /// The interpreter itself, not a version manager's shim: pyenv rewrites its shims after each pip, and fails if
    /// another pip causes this at the same time.
    pub command: PathBuf,
    /// Its version and platform, in the terms of wheels.
    pub platform: String,
}

impl Python {
    /// The first of the candidates that has pip.
    pub(super) async fn find(candidates: impl Iterator<Item = PathBuf>, environment: &Environment) -> Option<Self> {
        for candidate in candidates {
            if let Some(python) = Self::ask(&candidate, environment).await {
                return Some(python);
            }
        }
        None
    }

    async fn ask(python: &Path, environment: &Environment) -> Option<Self> {
        const ASK: &str = "import pip, sys, sysconfig
print(sys.executable)
print(sys.implementation.cache_tag, sysconfig.get_platform())";
        let mut command = Command::new(python);
        environment.apply(&mut command);
        command.args(["-I", "-c", ASK]).stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await.ok().filter(|output| output.status.success())?;
        let said = String::from_utf8_lossy(&output.stdout);
        let (itself, platform) = said.trim().split_once('\n')?;
        Some(Self { command: itself.trim().into(), platform: platform.trim().to_owned() })
    }

    /// pip, with only those of the user's settings that are for the sources of packages.
    fn pip(&self, environment: &Environment) -> Command {
        let mut pip = Command::new(&self.command);
        environment.apply(&mut pip);
        pip.args(["-I", "-m", "pip"]).envs(environment.pip_sources());
        // Overrides settings in the user's file that would prevent a download.
        pip.env("PIP_REQUIRE_VIRTUALENV", "0").env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
        pip.stdin(Stdio::null()).kill_on_drop(true);
        pip
    }
}

/// uv, ready to run.
pub(super) struct Uv<'a> {
    program: PathBuf,
    cache: PathBuf,
    python: &'a Python,
    environment: &'a Environment,
    /// uv's variables for the sources of packages of this machine's pip.
    sources: Vec<(&'static str, String)>,
    /// pip's settings.
    pub settings: String,
}

impl<'a> Uv<'a> {
    /// uv from the cache; downloads it first if it is not there.
    pub(super) async fn ready(
        cache: &Path,
        python: &'a Python,
        environment: &'a Environment,
        note: Note<'_>,
    ) -> Result<Self, Error> {
        let config = python.pip(environment).args(["config", "list"]).output().await;
        let settings = config.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let folder = cache.join("tools").join(format!("uv-{VERSION}"));
        if !folder.exists() {
            note(&format!("Downloading uv {VERSION}, which installs Python packages (only once)."));
            download(&folder, python, environment, &settings).await?;
        }
        let sources = environment::uv_sources(&settings);
        Ok(Self { program: folder.join("uv"), cache: cache.join("uv"), python, environment, sources, settings })
    }

    /// A command of uv. The packages come from the sources of this machine's pip, unless `own_index`.
    pub(super) fn command(&self, words: &[&str], own_index: bool) -> Command {
        let mut uv = Command::new(&self.program);
        self.environment.apply(&mut uv);
        uv.args(words).args(["--no-config", "--no-progress", "--no-python-downloads", "--color", "never"]);
        uv.arg("--python").arg(&self.python.command).env("UV_CACHE_DIR", &self.cache);
        let is_index = |name: &str| ["UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "UV_NO_INDEX"].contains(&name);
        uv.envs(
            self.sources.iter().filter(|(name, _)| !(own_index && is_index(name))).map(|(name, value)| (name, value)),
        );
        uv.stdin(Stdio::null()).kill_on_drop(true);
        uv
    }
}

/// Downloads the wheel beside the final folder, takes the program out of it, and renames the folder at the end.
async fn download(folder: &Path, python: &Python, environment: &Environment, settings: &str) -> Result<(), Error> {
    let tools = folder.parent().unwrap_or(folder);
    let unwritable = |why: io::Error| {
        Error::other(format!("uv cannot be written to {}: {why}", tools.display()))
            .hint("set SECURELAMBDA_CACHE_DIR to another folder")
    };
    fs::create_dir_all(tools).map_err(unwritable)?;
    let work = tempfile::Builder::new().prefix(".new-").tempdir_in(tools).map_err(unwritable)?;
    let wanted = work.path().join("uv.txt");
    let hashes = WHEELS.map(|hash| format!(" --hash=sha256:{hash}")).concat();
    fs::write(&wanted, format!("uv=={VERSION}{hashes}\n")).map_err(unwritable)?;
    let mut pip = python.pip(environment);
    pip.args(["download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", "--no-input", "--dest"]);
    pip.arg(work.path()).arg("--requirement").arg(&wanted).current_dir(work.path());
    let failed = |details: String| {
        let mut error = Error::other(format!("uv {VERSION} could not be downloaded"));
        error.details = Some(Credentials::of([settings], environment).hidden_in(&details).into());
        error.hint("pip downloads it from PyPI, or from the index that pip is configured to use; it must be reachable")
    };
    let output = pip.output().await.map_err(|why| failed(why.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let wheel = fs::read_dir(work.path()).map_err(unwritable)?.flatten().map(|entry| entry.path());
    let wheel = wheel.into_iter().find(|path| path.extension().is_some_and(|end| end == "whl"));
    let wheel = wheel.ok_or_else(|| failed("pip downloaded nothing".to_owned()))?;
    let program = unpacked(&wheel).map_err(|why| failed(format!("{}: {why}", wheel.display())))?;
    let path = work.path().join("uv");
    fs::write(&path, program).map_err(unwritable)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(unwritable)?;
    let _ = fs::remove_file(wheel);
    let work = work.keep();
    match fs::rename(&work, folder) {
        // Another run finished first, with the same result.
        Err(_) if folder.exists() => fs::remove_dir_all(&work).map_err(unwritable),
        done => done.map_err(unwritable),
    }
}

/// The program in a wheel with one of the known digests.
fn unpacked(wheel: &Path) -> Result<Vec<u8>, String> {
    let bytes = fs::read(wheel).map_err(|why| why.to_string())?;
    let digest = hex::encode(Sha256::digest(&bytes));
    if !WHEELS.contains(&digest.as_str()) {
        return Err(format!("it has the unknown SHA-256 {digest}"));
    }
    let mut archive = zip::ZipArchive::new(io::Cursor::new(bytes)).map_err(|why| why.to_string())?;
    let mut file = archive.by_name(&format!("uv-{VERSION}.data/scripts/uv")).map_err(|why| why.to_string())?;
    let mut program = Vec::new();
    file.read_to_end(&mut program).map_err(|why| why.to_string())?;
    Ok(program)
}

/// The glibc of a runtime, by the second number of its version.
pub(super) struct Glibc {
    pub version: u32,
    /// The newest glibc that uv knows and that is not newer than the runtime's.
    pub known: u32,
    /// The next glibc that uv knows, if the runtime's is between the two.
    pub next: Option<u32>,
}

impl Glibc {
    /// Runtimes from Python 3.12 on have glibc 2.34, older ones 2.26 (docs/aws.md, Runtimes).
    pub(super) fn of(runtime: &str) -> Self {
        let version = runtime.trim_start_matches("python");
        let minor: u32 = version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or_default();
        if minor >= 12 {
            Self { version: 34, known: 34, next: None }
        } else {
            Self { version: 26, known: 17, next: Some(28) }
        }
    }
}

/// uv's arguments for a Lambda runtime, as in `python3.13`, on `arm64` or `x86_64`. uv then takes wheels for this glibc
/// and for older ones.
pub(super) fn target(runtime: &str, architecture: &str, glibc: u32) -> [String; 4] {
    let version = runtime.trim_start_matches("python");
    let processor = if architecture == "arm64" { "aarch64" } else { "x86_64" };
    let platform = format!("{processor}-manylinux_2_{glibc}");
    ["--python-version".to_owned(), version.to_owned(), "--python-platform".to_owned(), platform]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wheels_are_chosen_for_the_glibc_of_the_runtime() {
        let platform = |runtime, processor| target(runtime, processor, Glibc::of(runtime).known)[3].clone();
        assert_eq!(platform("python3.13", "arm64"), "aarch64-manylinux_2_34");
        assert_eq!(platform("python3.12", "x86_64"), "x86_64-manylinux_2_34");
        assert_eq!(platform("python3.11", "arm64"), "aarch64-manylinux_2_17");
        assert_eq!(target("python3.11", "arm64", 17)[1], "3.11");
    }

    #[test]
    fn a_wheel_with_another_digest_is_not_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let wheel = folder.path().join("uv.whl");
        fs::write(&wheel, "code").expect("written");
        assert!(unpacked(&wheel).is_err_and(|why| why.contains("unknown SHA-256")));
    }
}

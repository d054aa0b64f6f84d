//! The installation: one folder per version, with everything that the emulator and the functions need.
//!
//! ```text
//! ministack-<version>/
//! ├── venv/             Python's virtual environment with MiniStack
//! ├── functions/        the virtual environment of Python functions, with the AWS SDK for Python
//! ├── node_modules/     the AWS SDK for JavaScript
//! ├── tmp/              the emulator's TMPDIR, where it unpacks the functions
//! ├── home/             its HOME, empty, so that it reads no ~/.aws
//! └── installed.json    written last: the versions; marks a complete installation
//! ```
//!
//! Lambda's runtimes include the SDKs. Node.js looks for the imports of an ES module in the `node_modules` of
//! the parent folders (`NODE_PATH` does not apply to ES modules), so `tmp` is next to `node_modules`.
//!
//! Every step gets the lock file as its standard input. The lock is held as long as a process has the file open. If
//! this program is killed while pip runs, the next start waits for pip instead of changing the folder at the same time.
//!
//! A folder without `installed.json` is incomplete and is created again. Creating it elsewhere and renaming it would
//! not work, because a virtual environment contains absolute paths.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::process::Command;

use super::error::{LocalError, tail};
use super::tools::{self, Python};
use super::{Note, files};

/// The version of MiniStack, which is also the one that the tests use.
pub(super) const MINISTACK: &str = "1.5.33";
/// Optional for MiniStack, but without it MiniStack neither signs nor verifies tokens.
const CRYPTOGRAPHY: &str = "cryptography>=44,<51";
/// Also optional for MiniStack. Without this package, MiniStack answers CloudWatch's calls with JSON.
const CBOR: &str = "cbor2>=5.6,<7";
/// The package that Lambda's Python runtimes include (docs/aws.md, Modules of the runtimes).
const BOTO: &str = "boto3==1.43.106";
/// The packages of the AWS SDK that functions can import. Lambda has several hundred; these are the ones that APIs use
/// most.
const NODE_PACKAGES: [(&str, &str); 14] = [
    ("@aws-sdk/client-cognito-identity", "3.1162.0"),
    ("@aws-sdk/client-cognito-identity-provider", "3.1162.0"),
    ("@aws-sdk/client-dynamodb", "3.1169.0"),
    ("@aws-sdk/client-eventbridge", "3.1169.0"),
    ("@aws-sdk/client-lambda", "3.1164.0"),
    ("@aws-sdk/client-s3", "3.1169.0"),
    ("@aws-sdk/client-secrets-manager", "3.1162.0"),
    ("@aws-sdk/client-sesv2", "3.1169.0"),
    ("@aws-sdk/client-sfn", "3.1164.0"),
    ("@aws-sdk/client-sns", "3.1169.0"),
    ("@aws-sdk/client-sqs", "3.1169.0"),
    ("@aws-sdk/client-ssm", "3.1169.0"),
    ("@aws-sdk/lib-dynamodb", "3.1169.0"),
    ("@aws-sdk/s3-request-presigner", "3.1169.0"),
];

/// Fails if the virtual environment is broken, for example because its Python was removed or upgraded.
const STILL_WORKS: &str = "import sys, importlib.util as u; \
                           sys.exit(not all(u.find_spec(name) for name in ('ministack', 'cryptography', 'cbor2')))";

/// A complete installation.
#[derive(Debug)]
pub(super) struct Installation {
    folder: PathBuf,
}

impl Installation {
    pub(super) fn at(cache: &Path) -> Self {
        Self { folder: cache.join(format!("ministack-{MINISTACK}")) }
    }

    pub(super) fn python(&self) -> PathBuf {
        self.folder.join("venv/bin/python")
    }

    pub(super) fn python_of_functions(&self) -> PathBuf {
        self.folder.join("functions/bin/python")
    }

    pub(super) fn tmp(&self) -> PathBuf {
        self.folder.join("tmp")
    }

    /// What the emulator had when it was stopped.
    pub(super) fn saved(&self) -> PathBuf {
        self.folder.join("saved")
    }

    pub(super) fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    fn marker(&self) -> PathBuf {
        self.folder.join("installed.json")
    }

    /// Returns the installation; creates it if there is none that works.
    pub(super) async fn ensure(cache: &Path, lock: &File, say: Note<'_>) -> Result<Self, LocalError> {
        let this = Self::at(cache);
        if !this.is_marked() || !this.still_works().await {
            this.build(lock, say).await?;
        }
        Ok(this)
    }

    /// Whether the installation is complete and has the versions that this program installs.
    fn is_marked(&self) -> bool {
        std::fs::read(self.marker())
            .is_ok_and(|text| serde_json::from_slice(&text).is_ok_and(|found: Value| found == recipe()))
    }

    async fn still_works(&self) -> bool {
        run("python", Command::new(self.python()).args(["-I", "-c", STILL_WORKS]), None).await.is_ok()
    }

    async fn build(&self, lock: &File, say: Note<'_>) -> Result<(), LocalError> {
        // First, so that a missing tool is reported before a download.
        let (python, ()) = tokio::try_join!(Python::find(), tools::npm())?;
        if self.folder.exists() {
            say("The emulator's folder is incomplete or outdated; installing again.");
            files::remove_folder(&self.folder)?;
        }
        say(&format!(
            "Installing MiniStack {MINISTACK} and the AWS SDKs for Python and JavaScript in {} (only once).",
            self.folder.display()
        ));
        for folder in [&self.folder, &self.tmp(), &self.home()] {
            files::make_folder(folder)?;
        }
        let of_python = async {
            self.install_python(&python, lock).await?;
            say("  The Python packages are installed.");
            Ok(())
        };
        let of_node = async {
            self.install_node(lock).await?;
            say("  The Node.js packages are installed.");
            Ok(())
        };
        while_saying(say, async { tokio::try_join!(of_python, of_node) }).await?;
        files::replace(&self.marker(), recipe().to_string().as_bytes())?;
        say("Installed.");
        Ok(())
    }

    async fn install_python(&self, python: &Python, lock: &File) -> Result<(), LocalError> {
        let venv = self.folder.join("venv");
        run("python -m venv", Command::new(python.command).args(["-I", "-m", "venv"]).arg(venv), Some(lock)).await?;
        let mut pip = Command::new(self.python());
        pip.args(["-I", "-m", "pip", "install", "--no-user", "--prefer-binary", "--no-input"])
            .arg("--disable-pip-version-check")
            .arg(format!("ministack=={MINISTACK}"))
            .arg(CRYPTOGRAPHY)
            .arg(CBOR)
            // These settings would install to another folder. Mirrors, proxies and certificates of the user still
            // apply.
            .env_remove("PIP_TARGET")
            .env_remove("PIP_PREFIX");
        run("pip install", &mut pip, Some(lock)).await?;
        self.install_python_of_functions(python, lock).await
    }

    /// An environment without pip, because functions have none.
    async fn install_python_of_functions(&self, python: &Python, lock: &File) -> Result<(), LocalError> {
        let folder = self.folder.join("functions");
        let mut venv = Command::new(python.command);
        venv.args(["-I", "-m", "venv", "--without-pip"]).arg(&folder);
        run("python -m venv", &mut venv, Some(lock)).await?;
        let version = std::fs::read_dir(folder.join("lib")).map_err(LocalError::file(folder.join("lib")))?;
        let version = version.flatten().map(|entry| entry.path()).find(|path| path.join("site-packages").is_dir());
        let packages = version.unwrap_or(folder).join("site-packages");
        let mut pip = Command::new(self.python());
        pip.args(["-I", "-m", "pip", "install", "--no-user", "--only-binary=:all:", "--no-input"])
            .args(["--disable-pip-version-check", "--target"])
            .arg(packages)
            .arg(BOTO)
            .env_remove("PIP_PREFIX");
        run("pip install", &mut pip, Some(lock)).await
    }

    /// Installs a further package of the AWS SDK.
    pub(super) async fn add(&self, package: &str, lock: &File, say: Note<'_>) -> Result<(), LocalError> {
        say(&format!("Installing {package}, which Lambda's runtimes include (only once)."));
        // The version that Lambda's runtimes have. Other scopes have versions of their own.
        let wanted = if package.starts_with("@aws-sdk/") { format!("{package}@3") } else { package.to_owned() };
        run("npm install", self.npm_install().arg(wanted), Some(lock)).await
    }

    fn npm_install(&self) -> Command {
        let mut npm = Command::new("npm");
        npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"])
            .current_dir(&self.folder);
        npm
    }

    async fn install_node(&self, lock: &File) -> Result<(), LocalError> {
        let dependencies: Value = NODE_PACKAGES.into_iter().map(|(name, version)| (name, json!(version))).collect();
        let package = json!({ "private": true, "dependencies": dependencies });
        files::replace(&self.folder.join("package.json"), package.to_string().as_bytes())?;
        run("npm install", &mut self.npm_install(), Some(lock)).await
    }
}

/// Says from time to time that an installation is still going on.
async fn while_saying<T>(say: Note<'_>, work: impl Future<Output = T>) -> T {
    const EVERY: Duration = Duration::from_secs(5);
    let began = Instant::now();
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(EVERY, &mut work).await {
            Ok(done) => return done,
            Err(_) => say(&format!("  Installing for {} s.", began.elapsed().as_secs())),
        }
    }
}

/// The versions that this program installs. A folder with other versions is created again.
fn recipe() -> Value {
    json!({ "ministack": MINISTACK, "boto3": BOTO, "cryptography": CRYPTOGRAPHY, "cbor2": CBOR, "node": NODE_PACKAGES })
}

/// Runs one step, which holds the lock. An error contains the last lines of its output.
async fn run(step: &'static str, command: &mut Command, lock: Option<&File>) -> Result<(), LocalError> {
    let failed = |output: String| LocalError::Install { step, output };
    let stdin = match lock.map(File::try_clone) {
        Some(Ok(lock)) => lock.into(),
        Some(Err(error)) => return Err(failed(error.to_string())),
        None => Stdio::null(),
    };
    let output = command.stdin(stdin).kill_on_drop(true).output().await;
    let output = output.map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(failed(format!("{}\n{}", tail(&String::from_utf8_lossy(&said)), output.status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_with_the_same_versions_is_complete() {
        let cache = tempfile::tempdir().expect("a folder");
        let installation = Installation::at(cache.path());
        files::make_folder(&installation.folder).expect("made");
        assert!(!installation.is_marked(), "interrupted");
        std::fs::write(installation.marker(), r#"{"ministack":"1.0.0"}"#).expect("written");
        assert!(!installation.is_marked(), "another recipe");
        std::fs::write(installation.marker(), recipe().to_string()).expect("written");
        assert!(installation.is_marked());
    }

    #[tokio::test]
    async fn a_folder_without_its_python_does_not_work() {
        let cache = tempfile::tempdir().expect("a folder");
        assert!(!Installation::at(cache.path()).still_works().await);
    }

    #[tokio::test]
    async fn a_step_that_outlives_the_program_keeps_the_lock() {
        let cache = tempfile::tempdir().expect("a folder");
        let lock = files::lock(cache.path(), &|_| ()).await.expect("free");
        let stdin = lock.try_clone().expect("cloned");
        let mut orphan = std::process::Command::new("sleep").arg("60").stdin(stdin).spawn().expect("started");
        drop(lock);
        let again = File::open(cache.path().join("lock")).expect("there");
        assert!(again.try_lock().is_err(), "still held");
        orphan.kill().and_then(|()| orphan.wait()).expect("ended");
        again.try_lock().expect("free");
    }

    #[tokio::test]
    async fn a_failed_step_shows_its_last_output() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo 'no such package' >&2; exit 3"]);
        let error = run("pip install", &mut command, None).await.expect_err("it fails");
        assert_eq!(error.to_string(), "pip install failed:\nout\nno such package\nexit status: 3");
    }
}

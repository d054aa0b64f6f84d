//! npm, which installs Node.js packages without running their scripts.

use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::Machine;
use super::environment::Environment;
use crate::spec::Packed;

/// A command of npm without the user's settings, except those for the sources of packages, and these settings. They are
/// written to the folder `settings`, outside of the cache, because they may have credentials.
pub(super) async fn isolated(
    command: &str,
    environment: &Environment,
    settings: &Path,
) -> io::Result<(Command, String)> {
    let global = machines_settings(environment).await;
    let user = settings.join("npmrc");
    let mut file = fs::File::options().create_new(true).write(true).mode(0o600).open(&user)?;
    let sources = environment.npm_sources(global.as_deref());
    io::Write::write_all(&mut file, sources.as_bytes())?;
    let mut npm = Command::new("npm");
    environment.apply(&mut npm);
    npm.arg(command).args(["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    // npm's logs would keep the answers of registries.
    npm.arg("--logs-max=0");
    npm.arg("--globalconfig=/dev/null").arg(format!("--userconfig={}", user.display()));
    npm.stdin(Stdio::null()).kill_on_drop(true);
    Ok((npm, sources))
}

/// The file with the settings of all users of this machine. Its path depends on the installation of npm.
async fn machines_settings(environment: &Environment) -> Option<PathBuf> {
    let mut npm = Command::new("npm");
    environment.apply(&mut npm);
    let answer =
        npm.args(["config", "get", "globalconfig"]).stdin(Stdio::null()).kill_on_drop(true).output().await.ok()?;
    let file = String::from_utf8(answer.stdout).ok()?;
    answer.status.success().then(|| PathBuf::from(file.trim()))
}

/// The command that installs the dependencies of a function, and the settings for the sources of packages.
pub(super) async fn command(
    function: &Packed,
    locked: bool,
    machine: &Machine,
    environment: &Environment,
    settings: &Path,
) -> io::Result<(Command, String)> {
    let (mut npm, sources) = isolated(if locked { "ci" } else { "install" }, environment, settings).await?;
    npm.arg("--omit=dev");
    if !locked {
        npm.arg("--no-package-lock");
    }
    if *machine == Machine::Lambda {
        let cpu = if function.architecture == "arm64" { "arm64" } else { "x64" };
        npm.args(["--os=linux", "--libc=glibc"]).arg(format!("--cpu={cpu}"));
    }
    Ok((npm, sources))
}

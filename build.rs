//! Determines what `--version` prints: the version and, in release builds, the commit that the program was built from.
//!
//! In a checkout, git knows the commit and its date. A package of crates.io contains `.cargo_vcs_info.json`, which names the
//! commit. Without either, or in a debug build, the version stands alone. So a debug build is not repeated for each commit.
#![allow(clippy::print_stdout, reason = "a build script talks to cargo on standard output")]

use std::env;
use std::path::Path;
use std::process::Command;

/// How many digits of the commit are shown.
const DIGITS: usize = 12;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=Cargo.toml");
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let folder = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let commit = if is_release { commit(Path::new(&folder)) } else { None };
    let long = commit.map_or(version.clone(), |commit| format!("{version} ({commit})"));
    println!("cargo:rustc-env=SECURELAMBDA_LONG_VERSION={long}");
}

fn commit(folder: &Path) -> Option<String> {
    of_package(folder).or_else(|| of_checkout(folder))
}

/// The commit of a package: `"sha1": "…"`.
fn of_package(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join(".cargo_vcs_info.json")).ok()?;
    let commit = text.split_once("\"sha1\"")?.1.split('"').nth(1)?;
    let is_commit = commit.len() >= DIGITS && commit.chars().all(|c| c.is_ascii_hexdigit());
    is_commit.then(|| commit[..DIGITS].to_owned())
}

/// The commit of a checkout, with its date. The folder must be the top of the checkout: an unpacked package may lie within
/// another repository.
fn of_checkout(folder: &Path) -> Option<String> {
    let top = git(folder, &["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != folder.canonicalize().ok()? {
        return None;
    }
    // Git writes a line into this file whenever HEAD moves.
    println!("cargo:rerun-if-changed={}", git(folder, &["rev-parse", "--git-path", "logs/HEAD"])?);
    git(folder, &["log", "-1", "--format=%h %cs", &format!("--abbrev={DIGITS}")])
}

/// What git prints; `None` without git, or if it refuses.
fn git(folder: &Path, args: &[&str]) -> Option<String> {
    let ran = Command::new("git").arg("-C").arg(folder).args(args).output().ok().filter(|ran| ran.status.success())?;
    Some(String::from_utf8(ran.stdout).ok()?.trim().to_owned()).filter(|text| !text.is_empty())
}

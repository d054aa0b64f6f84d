//! The ways in which the program reaches its users: the commit in `--version`, the package of crates.io, the npm packages,
//! and this repository's own workflows.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::program::User;
use crate::support::workflows::complaints;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn done(command: &mut Command) -> String {
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn the_short_version_has_no_commit() {
    let user = User::bare();
    assert_eq!(user.run(&["-V"]).ends(0).stdout, format!("securelambda {}\n", env!("CARGO_PKG_VERSION")));
    let long = user.run(&["--version"]).ends(0).stdout;
    let form = regex::Regex::new(r"^securelambda \d+\.\d+\.\d+( \([0-9a-f]{12}( \d{4}-\d\d-\d\d)?\))?\n$").unwrap();
    assert!(form.is_match(&long), "{long}");
}

/// The build script in a checkout, in a package, within another repository, without git, and in a debug build.
#[test]
fn the_long_version_names_the_commit_that_was_built() {
    let folder = tempfile::TempDir::new().unwrap();
    let script = folder.path().join("script");
    done(Command::new("rustc").args(["--edition", "2024", "-o"]).arg(&script).arg(root().join("build.rs")));
    let version = |at: &Path, profile: &str, path: &str| {
        let mut command = Command::new(&script);
        command
            .env("CARGO_MANIFEST_DIR", at)
            .env("PROFILE", profile)
            .env("CARGO_PKG_VERSION", "1.2.3")
            .env("PATH", path);
        let said = done(&mut command);
        let watched = said.lines().filter(|line| line.starts_with("cargo:rerun-if-changed=")).count();
        let line = said.lines().find_map(|line| line.strip_prefix("cargo:rustc-env=SECURELAMBDA_LONG_VERSION="));
        (line.unwrap().to_owned(), watched)
    };
    let path = std::env::var("PATH").unwrap();
    let checkout = folder.path().join("checkout");
    let inside = checkout.join("vendored");
    std::fs::create_dir_all(&inside).unwrap();
    let git = |args: &[&str]| {
        let names = [("GIT_AUTHOR", "a"), ("GIT_COMMITTER", "a")];
        let mut git = Command::new("git");
        git.arg("-C").arg(&checkout).args(args).env("GIT_CONFIG_GLOBAL", "/dev/null");
        for (who, name) in names {
            git.env(format!("{who}_NAME"), name).env(format!("{who}_EMAIL"), "a@example.com");
            git.env(format!("{who}_DATE"), "2026-12-01T12:00:00Z");
        }
        done(&mut git)
    };
    git(&["init", "--quiet"]);
    assert_eq!(version(&checkout, "release", &path).0, "1.2.3", "there is no commit yet");
    git(&["commit", "--quiet", "--allow-empty", "--message", "first"]);
    let commit = git(&["rev-parse", "HEAD"]);
    let (long, watched) = version(&checkout, "release", &path);
    assert_eq!(long, format!("1.2.3 ({} 2026-12-01)", &commit[..12]));
    assert_eq!(watched, 3, "a new commit repeats the build script");
    assert_eq!(version(&checkout, "debug", &path), ("1.2.3".to_owned(), 2), "and not in a debug build");
    assert_eq!(version(&inside, "release", &path).0, "1.2.3", "another repository's commit says nothing");
    assert_eq!(version(&checkout, "release", "/nonexistent").0, "1.2.3", "without git");
    let package = r#"{ "git": { "sha1": "1a2b3c4d5e6f77889900aabbccddeeff00112233" }, "path_in_vcs": "" }"#;
    std::fs::write(inside.join(".cargo_vcs_info.json"), package).unwrap();
    assert_eq!(version(&inside, "release", "/nonexistent").0, "1.2.3 (1a2b3c4d5e6f)");
}

/// The files of a package, as cargo lists them.
fn packaged(name: &str) -> BTreeSet<PathBuf> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments = ["package", "--list", "--allow-dirty", "--offline", "--package", name];
    done(Command::new(cargo).args(arguments).current_dir(root())).lines().map(PathBuf::from).collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// `cargo install` builds from these files alone: everything below `src`, everything that it includes from elsewhere, and
/// the build script.
#[test]
fn the_packages_contain_everything_that_the_build_needs() {
    let include =
        regex::Regex::new(r#"include_(?:str|bytes)!\(\s*"([^"]+)"|include_dir!\(\s*"\$CARGO_MANIFEST_DIR/([^"]+)""#)
            .unwrap();
    for (name, at) in [("securelambda", root().to_owned()), ("securelambda-engine", root().join("crates/engine"))] {
        let packaged = packaged(name);
        let mut needed: BTreeSet<PathBuf> = files_below(&at.join("src")).into_iter().collect();
        for file in needed.clone().iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
            let text = std::fs::read_to_string(file).unwrap();
            for found in include.captures_iter(&text) {
                match (found.get(1), found.get(2)) {
                    (Some(beside), _) => drop(needed.insert(file.parent().unwrap().join(beside.as_str()))),
                    (_, Some(folder)) => {
                        let shipped = |path: &PathBuf| {
                            !path
                                .components()
                                .any(|part| part.as_os_str() == "node_modules" || part.as_os_str() == "__pycache__")
                        };
                        needed.extend(files_below(&at.join(folder.as_str())).into_iter().filter(shipped));
                    }
                    _ => {}
                }
            }
        }
        needed.extend(Some(at.join("build.rs")).filter(|file| file.exists()));
        assert!(needed.len() > 20, "{}", needed.len());
        let at = at.canonicalize().unwrap();
        let missing: Vec<PathBuf> = needed
            .iter()
            .map(|file| file.canonicalize().unwrap().strip_prefix(&at).unwrap().to_owned())
            // Snapshots and recordings of tests.
            .filter(|file| file.extension().is_none_or(|extension| extension != "snap") && !packaged.contains(file))
            .collect();
        assert_eq!(missing, Vec::<PathBuf>::new(), "not in the package {name}");
    }
}

/// The npm packages are installed as a user would, with a program that says what it was given.
#[test]
fn the_npm_package_starts_the_program_of_the_platform() {
    let folder = tempfile::TempDir::new().unwrap();
    let at = |path: &str| folder.path().join(path);
    std::fs::write(
        at("program"),
        "#!/bin/sh\necho \"$# $*\"\ntrap 'exit 42' TERM\n[ \"$1\" != wait ] || { sleep 60 & wait; }\nexit 3\n",
    )
    .unwrap();
    std::fs::set_permissions(at("program"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let platform = done(Command::new("node").args(["-p", "`${process.platform}-${process.arch}`"])).trim().to_owned();
    let assemble = |arguments: &[&str]| {
        Command::new("node")
            .arg(root().join("npm/assemble.mjs"))
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .unwrap()
    };
    assert!(assemble(&["1.2.3", "out", &format!("{platform}=program")]).status.success());
    for wrong in
        [&["v1.2.3", "out", "linux-x64=program"][..], &["1.2.3", "out", "windows-x64=program"], &["1.2.3", "out"]]
    {
        assert!(!assemble(wrong).status.success(), "{wrong:?}");
    }
    std::fs::create_dir_all(at("home")).unwrap();
    std::fs::create_dir_all(at("app")).unwrap();
    let npm = |arguments: &[&str]| {
        let mut npm = Command::new("npm");
        npm.args(arguments)
            .args(["--offline", "--no-audit", "--no-fund"])
            .current_dir(at("app"))
            .env("HOME", at("home"));
        done(&mut npm)
    };
    let packages: Vec<String> = [platform.as_str(), "securelambda"]
        .iter()
        .map(|name| npm(&["pack", "--silent", "--pack-destination", "..", &format!("../out/{name}")]).trim().to_owned())
        .map(|file| format!("../{file}"))
        .collect();
    npm(&["install", &packages[0], &packages[1]]);
    let program = at("app/node_modules/.bin/securelambda");
    let ran = Command::new(&program).args(["a b", "--c"]).output().unwrap();
    assert_eq!((ran.status.code(), String::from_utf8_lossy(&ran.stdout).as_ref()), (Some(3), "2 a b --c\n"));
    // A signal reaches the program, which decides how it ends.
    let waiting = Command::new(&program).arg("wait").stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    rustix::process::kill_process(rustix::process::Pid::from_child(&waiting), rustix::process::Signal::TERM).unwrap();
    assert_eq!(waiting.wait_with_output().unwrap().status.code(), Some(42));
    std::fs::remove_dir_all(at("app/node_modules/@securelambda")).unwrap();
    let ran = Command::new(&program).output().unwrap();
    assert_eq!(ran.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ran.stderr).contains(&format!("@securelambda/{platform} is not installed")));
}

#[test]
fn the_workflows_of_this_repository_pass_actionlint_and_zizmor() {
    assert_eq!(complaints(root()), "");
    let release = std::fs::read_to_string(root().join(".github/workflows/release.yml")).unwrap();
    let platforms = regex::Regex::new("platform: ([a-z0-9-]+)").unwrap();
    let built: BTreeSet<&str> = platforms.captures_iter(&release).map(|found| found.get(1).unwrap().as_str()).collect();
    assert_eq!(built, BTreeSet::from(["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64"]));
    let npm = std::fs::read_to_string(root().join("npm/assemble.mjs")).unwrap();
    assert!(
        built.iter().all(|platform| npm.contains(&format!("'{platform}'"))),
        "npm/assemble.mjs has other platforms"
    );
}

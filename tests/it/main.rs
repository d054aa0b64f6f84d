//! All integration tests, in one binary: each binary links the AWS SDK anew.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "a test fails by panicking, its name is its documentation, and nobody is outside"
)]

mod architecture;
mod bad_input;
mod cli;
mod crash;
mod drift;
mod e2e;
mod engine;
mod html;
mod killed;
mod logs;
mod promises;
mod secrets;
mod store;
mod support;
mod verify;

/// A file that no module line names is silently never run.
#[test]
fn every_file_is_a_module() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    for (folder, lists) in [(here.clone(), "main.rs"), (here.join("support"), "mod.rs")] {
        let list = std::fs::read_to_string(folder.join(lists)).unwrap();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let (name, stem) = (path.file_name().unwrap(), path.file_stem().unwrap().to_str().unwrap());
            let rust = path.join("mod.rs").exists() || path.extension().is_some_and(|extension| extension == "rs");
            let listed = list.lines().any(|line| line.trim_start_matches("pub ") == format!("mod {stem};"));
            assert!(!rust || name == lists || listed, "{} is not listed in {lists}", path.display());
        }
    }
}

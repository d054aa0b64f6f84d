//! Python programs that the tests check against, each with an environment of its own in the target folder.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

/// The folder `name` in the target folder, whose `venv` contains `requirement`. Installs it first if necessary, one
/// process at a time.
pub fn installed(name: &str, requirement: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let lock = File::options().create(true).append(true).open(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let marker = folder.join("installed");
    if std::fs::read_to_string(&marker).is_ok_and(|what| what == requirement) {
        return folder;
    }
    let venv = folder.join("venv");
    let _ = std::fs::remove_dir_all(&venv);
    run(Command::new("python3").args(["-I", "-m", "venv"]).arg(&venv));
    let pip = ["-I", "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", requirement];
    run(Command::new(venv.join("bin/python")).args(pip));
    std::fs::write(&marker, requirement).unwrap();
    folder
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

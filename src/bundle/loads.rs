//! Checks that the code of a package can be loaded: its syntax, the function that the handler names, and the imports
//! when it is loaded. Lambda would accept code that cannot be loaded, but the first call would fail.
//!
//! This machine's Python and Node.js parse the code, and never run it. Only what is certain is reported: imports in
//! conditions, in `try` and in functions may never run.

use std::fs;
use std::io::{Seek, Write};
use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::archive::half;
use super::files::Files;
use super::install::{DependencyInstaller, Machine, in_use, sweep};
use super::place;
use crate::spec::{Diagnostic, Language, Packed};

const PYTHON: &str = include_str!("loads.py");
const NODE: &str = include_str!("loads.cjs");

/// The modules that Python runtimes have (docs/aws.md, Modules of the runtimes), and those that some of them may have.
const OF_PYTHON: &str = "boto3 botocore s3transfer jmespath dateutil urllib3 six awslambdaric bootstrap runtime \
                         snapshot_restore_py simplejson pip setuptools pkg_resources wheel";

/// The beginnings of the names of the packages that Node.js runtimes have (docs/aws.md, Modules of the runtimes).
const OF_NODE: [&str; 3] = ["@aws-sdk/", "@smithy/", "@aws/"];

/// The ends of the files whose text is needed.
const SOURCES: [&str; 5] = [".py", ".js", ".mjs", ".cjs", "package.json"];

#[derive(Deserialize)]
struct Answer {
    flaw: Option<String>,
    unsure: Option<String>,
}

impl DependencyInstaller<'_> {
    /// Returns a mistake if the code of a function certainly cannot be loaded. A note tells the user if the code was
    /// not checked.
    pub(super) async fn loads(&self, name: &str, function: &Packed, files: &Files) -> Option<Diagnostic> {
        let version = function.runtime.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let (tool, programs, arguments, provided) = match Language::of(&function.runtime) {
            Language::Python => {
                let programs = vec![format!("python{version}"), "python3".to_owned(), "python".to_owned()];
                ("Python", programs, vec!["-I", "-c", PYTHON], json!(OF_PYTHON))
            }
            Language::Node => {
                let arguments = vec!["--experimental-vm-modules", "--no-warnings", "-e", NODE];
                let provided = if version.starts_with("16") { json!(["aws-sdk"]) } else { json!(OF_NODE) };
                ("Node.js", vec!["node".to_owned()], arguments, provided)
            }
            Language::Java | Language::Dotnet | Language::Ruby | Language::Provided => return None,
        };
        // The emulator runs functions with this machine's Node.js, so that must be able to parse them.
        let here = matches!(self.machine, Machine::This { .. }) && Language::of(&function.runtime) == Language::Node;
        let question = question(function, files, if here { "0" } else { version }, &provided);
        // Code that was found sound is not checked again.
        let known = self.cache.as_ref().map(|cache| cache.join("checked").join(digest(&question)));
        if let Some(known) = known.as_ref().filter(|known| known.exists()) {
            in_use(known);
            return None;
        }
        for program in programs {
            let Some(answer) = self.ask(&program, &arguments, &question).await else { continue };
            if let Some(unsure) = &answer.unsure {
                (self.note)(&format!(
                    "The code of {name} is not checked: {unsure}, but the runtime is {}.",
                    function.runtime
                ));
            }
            if answer.flaw.is_none() && answer.unsure.is_none() {
                note(known.as_deref());
            }
            return answer.flaw.map(|why| Diagnostic::new(place(name), format!("{name} cannot be loaded: {why}")));
        }
        (self.note)(&format!("The code of {name} is not checked, because {tool} cannot be run here."));
        None
    }

    async fn ask(&self, program: &str, arguments: &[&str], question: &Value) -> Option<Answer> {
        let mut command = Command::new(program);
        self.environment.apply(&mut command);
        command.env_remove("NODE_OPTIONS").args(arguments).kill_on_drop(true);
        let mut input = tempfile::tempfile().ok()?;
        input.write_all(question.to_string().as_bytes()).and_then(|()| input.rewind()).ok()?;
        let output = command.stdin(Stdio::from(input)).output().await.ok().filter(|output| output.status.success())?;
        serde_json::from_slice(&output.stdout).ok()
    }
}

/// Records in the cache that code is sound. If this fails, the next run checks the code again.
fn note(known: Option<&Path>) {
    if let Some((known, folder)) = known.and_then(|known| Some((known, known.parent()?))) {
        sweep(folder);
        let _ = fs::create_dir_all(folder).and_then(|()| fs::write(known, ""));
    }
}

fn digest(question: &Value) -> String {
    half(&Sha256::digest(format!("{PYTHON}{NODE}{question}")))
}

/// The input of the programs: the function's own sources, the paths of the package, and the modules of the runtime.
fn question(function: &Packed, files: &Files, version: &str, provided: &Value) -> Value {
    let is_source = |path: &str| SOURCES.iter().any(|end| path.ends_with(end));
    let own = files.iter().filter(|(path, file)| file.own && is_source(path));
    let sources: serde_json::Map<String, Value> =
        own.filter_map(|(path, file)| Some((path.clone(), Value::from(file.text().ok()?)))).collect();
    // The part of the version that differs: the minor version of Python, the major version of Node.js.
    let number = version.trim_end_matches(".x").rsplit('.').next().and_then(|number| number.parse::<u32>().ok());
    json!({
        "sources": sources,
        "paths": files.keys().collect::<Vec<_>>(),
        "handler": function.handler,
        "version": number,
        "layers": !function.layers.is_empty(),
        "provided": provided,
    })
}

#[cfg(test)]
mod tests {
    use super::super::files::File;
    use super::super::{Environment, Machine};
    use super::*;
    use crate::spec::parse;

    async fn said(keys: &str, files: &[(&str, &str)]) -> Option<String> {
        let stack =
            parse(&format!("[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\n{keys}\n")).expect("a stack");
        let files: Files =
            files.iter().map(|(path, text)| ((*path).to_owned(), File::made((*text).to_owned()))).collect();
        let path = option_env!("PATH").map(|path| ("PATH".into(), path.into()));
        let environment = Environment::new(path);
        let installer = DependencyInstaller { cache: None, machine: Machine::Lambda, environment, note: &|_| {} };
        installer.loads("F", stack.functions["F"].packed().expect("packed"), &files).await.map(|flaw| flaw.message)
    }

    async fn judge(keys: &str, others: &[(&str, &str)], file: &str, cases: &[(&str, Option<&str>)]) {
        for (code, words) in cases {
            let found = said(keys, &[others, &[(file, code)]].concat()).await;
            let right = match (words, &found) {
                (None, None) => true,
                (Some(words), Some(found)) => found.contains(words),
                _ => false,
            };
            assert!(right, "{code:?}: {found:?}, expected {words:?}");
        }
    }

    const HANDLER: &str = "def handler(event, context): pass";
    /// Old enough for the Python of every machine.
    const OLD: &str = "runtime = \"python3.8\"";

    #[tokio::test]
    async fn python_that_cannot_be_loaded_is_reported() {
        let others = [("lib/__init__.py", ""), ("lib/broken.py", "\n\ndef ("), ("lib/far.py", "import yaml")];
        let cases = [
            ("x = = 1", Some("F cannot be loaded: index.py, line 1: ")),
            ("def other(): pass", Some("index.py has no handler, which the handler index.handler needs")),
            (&format!("\nfrom yaml import load\n{HANDLER}"), Some("index.py, line 2: it imports yaml, which neither")),
            (&format!("from lib.broken import x\n{HANDLER}"), Some("lib/broken.py, line 3: ")),
            (&format!("import lib.far\n{HANDLER}"), Some("lib/far.py, line 1: it imports yaml")),
        ];
        judge(OLD, &others, "index.py", &cases).await;
    }

    #[tokio::test]
    async fn sound_python_is_not_reported() {
        let others =
            [("lib/__init__.py", "def handler(): pass"), ("native.cpython-38-aarch64.so", ""), ("data/x.txt", "")];
        let cases = [
            (HANDLER, None),
            ("handler = lambda event, context: 1", None),
            ("async def handler(event, context): pass", None),
            ("from lib import handler", None),
            ("from lib import *", None),
            ("for handler in [print]: pass", None),
            ("globals()['handler'] = print", None),
            (&format!("import os.path, cgi, boto3, botocore.session, native, data.x\n{HANDLER}"), None),
            (&format!("try:\n    import yaml\nexcept ImportError:\n    yaml = None\n{HANDLER}"), None),
            (
                &format!("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import mypy_boto3_s3\n{HANDLER}"),
                None,
            ),
            (&format!("import importlib\nyaml = importlib.import_module('yaml')\n{HANDLER}"), None),
            (&format!("def lazy():\n    import yaml\n{HANDLER}"), None),
        ];
        judge(OLD, &others, "index.py", &cases).await;
        let layers = format!("layers = [\"arn:aws:lambda:eu-central-1:123456789012:layer:yaml:1\"]\n{OLD}");
        judge(&layers, &[], "index.py", &[(&format!("import yaml\n{HANDLER}"), None)]).await;
        // Syntax that this machine's Python may not know.
        judge("runtime = \"python3.14\"", &[], "index.py", &[("type X = int\nhandler = lambda e, c: t\"{e}\"", None)])
            .await;
    }

    const EXPORT: &str = "export const handler = async () => {};";
    const OLD_NODE: &str = "runtime = \"nodejs18.x\"";

    #[tokio::test]
    async fn javascript_that_cannot_be_loaded_is_reported() {
        let others = [("lib.mjs", "\nimport 'far';"), ("broken.mjs", "export const = 1")];
        let cases = [
            ("export const x = = 1;", Some("F cannot be loaded: index.mjs: Unexpected token '='")),
            ("export const other = 1;", Some("index.mjs exports no handler, which the handler index.handler needs")),
            (&format!("import a from 'left-pad';\n{EXPORT}"), Some("index.mjs imports left-pad, which neither")),
            (&format!("import './nope.mjs';\n{EXPORT}"), Some("imports ./nope.mjs, which is not in the package")),
            (&format!("import './lib.mjs';\n{EXPORT}"), Some("lib.mjs imports far")),
            (&format!("import './broken.mjs';\n{EXPORT}"), Some("broken.mjs: ")),
        ];
        judge(OLD_NODE, &others, "index.mjs", &cases).await;
        judge(OLD_NODE, &[], "index.js", &[("\nconst x = = 1;", Some("index.js, line 2: "))]).await;
    }

    #[tokio::test]
    async fn sound_javascript_is_not_reported() {
        let others = [
            ("lib.mjs", "export const handler = 1;"),
            ("d.json", "{}"),
            ("node_modules/dep/index.js", ""),
            ("package.json", "{\"name\":\"me\",\"imports\":{\"#x\":\"./lib.mjs\"}}"),
        ];
        let cases = [
            (EXPORT, None),
            ("export { handler } from './lib.mjs';", None),
            ("export * from './lib.mjs';", None),
            (&format!("import fs from 'node:fs/promises'; import path from 'path';\n{EXPORT}"), None),
            (&format!("import {{ S3 }} from '@aws-sdk/client-s3'; import dep from 'dep/deep.js';\n{EXPORT}"), None),
            (&format!("import '#x'; import 'me'; import './d.json';\n{EXPORT}"), None),
            (&format!("const late = await import('left-pad').catch(() => null);\n{EXPORT}"), None),
        ];
        judge(OLD_NODE, &others, "index.mjs", &cases).await;
        let cases = [
            ("exports.handler = async () => {};", None),
            ("const pad = require('left-pad'); module.exports = build(); function build() {}", None),
            ("return;", None),
            (EXPORT, None),
        ];
        judge(OLD_NODE, &others, "index.js", &cases).await;
        judge(OLD_NODE, &[("package.json", "{\"type\":\"module\"}")], "index.js", &[(EXPORT, None)]).await;
    }
}

//! The code and the body schemas of a stack, from the stack file's folder or from this binary. A function's source and
//! its dependencies become a zip archive. Equal sources give equal bytes, so the archive's hash tells whether code
//! changed.
//!
//! - `files` selects files and checks that they can be read
//! - `manifest` reads the dependencies from `package.json` or `requirements.txt`
//! - `install` installs them into the cache
//! - `archive` packs the zip archive and checks Lambda's limits

mod archive;
mod files;
mod install;
mod manifest;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use include_dir::{Dir, include_dir};

pub use self::install::{DependencyInstaller, Machine};

use self::archive::Unpackable;
use self::files::{Files, Unreadable};
use self::manifest::Manifest;
use crate::error::Error;
use crate::spec::{Diagnostic, Function, Stack, check_body_schema};

/// The functions of the blueprints, which are part of this binary.
static LAMBDAS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/lambdas");

/// A function's packed code.
#[derive(Clone, PartialEq)]
pub struct Zip {
    pub bytes: Arc<Vec<u8>>,
    /// Its SHA-256 in base64, as AWS's `CodeSha256`.
    pub sha256: String,
}

impl std::fmt::Debug for Zip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Zip({} bytes, {})", self.bytes.len(), self.sha256)
    }
}

/// The packed functions and the body schemas of a stack.
#[derive(Debug, Clone, Default)]
pub struct Bundles {
    /// By the function's name. Functions with the same source share the bytes.
    pub functions: BTreeMap<String, Zip>,
    /// By the route's `body`: the schema's text.
    pub schemas: BTreeMap<PathBuf, String>,
}

/// Where a stack's sources are.
#[derive(Debug, Clone)]
pub enum Sources {
    /// In this binary.
    Embedded,
    /// Beside a stack file.
    Folder(PathBuf),
}

/// Why a stack's code could not be packed.
#[derive(Debug)]
pub enum Unpacked {
    /// All mistakes in the files that the stack file names.
    Flaws(Vec<Diagnostic>),
    /// Dependencies could not be installed.
    Failed(Error),
}

/// The files that a stack file names: found and checked, not packed yet.
#[derive(Debug)]
pub struct Code<'a> {
    stack: &'a Stack,
    sources: BTreeMap<&'a String, Source>,
    schemas: BTreeMap<PathBuf, String>,
}

#[derive(Debug)]
struct Source {
    /// The function's own files that are packed.
    own: Files,
    manifest: Option<Manifest>,
}

impl<'a> Code<'a> {
    /// Reads all files that `stack` names. The error has all mistakes.
    pub fn find(stack: &'a Stack, sources: &Sources) -> Result<Self, Vec<Diagnostic>> {
        let (schemas, mut flaws) = match schemas(stack, sources) {
            Ok(schemas) => (schemas, Vec::new()),
            Err(flaws) => (BTreeMap::new(), flaws),
        };
        let mut found = BTreeMap::new();
        for (name, function) in &stack.functions {
            match sources.function(function) {
                Ok(source) => drop(found.insert(name, source)),
                Err(why) => flaws.push(Diagnostic::new(place(name), why)),
            }
        }
        if flaws.is_empty() { Ok(Self { stack, sources: found, schemas }) } else { Err(flaws) }
    }

    /// Packs the functions with their dependencies.
    pub async fn pack(self, installer: &DependencyInstaller<'_>) -> Result<Bundles, Unpacked> {
        let mut flaws = Vec::new();
        let mut functions: BTreeMap<String, Zip> = BTreeMap::new();
        // Functions with the same source, runtime, architecture and handler share an archive.
        let mut packed: BTreeMap<(&PathBuf, &String, &String, &String), Zip> = BTreeMap::new();
        for (name, source) in self.sources {
            let function = &self.stack.functions[name];
            let Function { source: folder, runtime, architecture, handler, .. } = function;
            let zip = if let Some(zip) = packed.get(&(folder, runtime, architecture, handler)) {
                zip.clone()
            } else {
                let dependencies = match &source.manifest {
                    Some(manifest) => {
                        Some(installer.install(name, function, manifest).await.map_err(Unpacked::Failed)?)
                    }
                    None => None,
                };
                let (dependencies, kept) = dependencies.map(|found| (found.files, found.folder)).unzip();
                let mut files: Files = dependencies.unwrap_or_default();
                files.extend(source.own);
                flaws.extend(without_handler(name, function, &files));
                let zip = kept.map_or_else(|| archive::zip(&files), |folder| archive::zip_once(&files, &folder));
                match zip {
                    Ok(zip) => zip,
                    Err(why) => {
                        flaws.push(unpackable(name, &why));
                        continue;
                    }
                }
            };
            packed.insert((folder, runtime, architecture, handler), zip.clone());
            functions.insert(name.clone(), zip);
        }
        if flaws.is_empty() { Ok(Bundles { functions, schemas: self.schemas }) } else { Err(Unpacked::Flaws(flaws)) }
    }
}

fn place(name: &str) -> String {
    format!("functions.{name}.source")
}

fn unpackable(name: &str, why: &Unpackable) -> Diagnostic {
    let flaw = Diagnostic::new(place(name), format!("the code of {name}: {why}"));
    match why {
        Unpackable::TooLarge { largest, .. } => flaw.help(format!("the largest parts are {largest}")),
        _ => flaw,
    }
}

/// Reports a handler whose file is not in the package. Lambda would fail at the first call.
fn without_handler(name: &str, function: &Function, files: &Files) -> Option<Diagnostic> {
    let handler = &function.handler;
    let candidates: Vec<String> = if function.runtime.starts_with("python") {
        let module = handler.rsplit_once('.')?.0.replace('.', "/");
        [".py", "/__init__.py", ".so"].map(|end| format!("{module}{end}")).to_vec()
    } else {
        let (folder, file) = handler.rsplit_once('/').map_or(("", handler.as_str()), |(folder, file)| (folder, file));
        let stem = file.split('.').next().unwrap_or(file);
        let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        [".mjs", ".js", ".cjs"].map(|end| format!("{folder}{stem}{end}")).to_vec()
    };
    let shown = |path: &String| path.trim_start_matches("./").to_owned();
    if candidates.iter().any(|path| files.contains_key(&shown(path))) {
        return None;
    }
    let message = format!(
        "{} has no file {}, which the handler {handler} needs",
        function.source.display(),
        shown(&candidates[0])
    );
    Some(Diagnostic::new(place(name), message).help("correct `handler` (file.function) or `source`"))
}

/// The texts of the body schemas, by the routes' `body`. The error has all mistakes in them.
pub fn schemas(stack: &Stack, sources: &Sources) -> Result<BTreeMap<PathBuf, String>, Vec<Diagnostic>> {
    let (mut schemas, mut flaws) = (BTreeMap::new(), Vec::new());
    for (place, route) in stack.all_routes() {
        let Some(body) = &route.body else { continue };
        if schemas.contains_key(body) {
            continue;
        }
        let place = format!("{place}.body");
        match sources.text(body) {
            Err(why) => flaws.push(Diagnostic::new(place, format!("{} {}", body.display(), files::in_words(&why)))),
            Ok(text) => {
                let wrong = check_body_schema(&text);
                flaws.extend(wrong.into_iter().map(|(message, help)| Diagnostic {
                    help,
                    ..Diagnostic::new(place.clone(), format!("{}: {message}", body.display()))
                }));
                schemas.insert(body.clone(), text);
            }
        }
    }
    if flaws.is_empty() { Ok(schemas) } else { Err(flaws) }
}

/// npm's settings, which only an installation needs.
const NPMRC: &str = ".npmrc";

impl Sources {
    /// The files of a function's folder. The error is a message.
    fn function(&self, function: &Function) -> Result<Source, String> {
        let folder = &function.source;
        let all = self.files(folder).map_err(|why| why.to_string())?;
        let mut own = all.clone();
        // An installation by the user may have development dependencies, and is for this machine.
        let installed = all.contains_key("package.json");
        own.retain(|path, _| !(path.starts_with(NPMRC) || installed && path.starts_with("node_modules/")));
        if own.is_empty() {
            return Err(format!("the source folder {} is empty", folder.display()));
        }
        let manifest = Manifest::of(&function.runtime, &all).map_err(|why| format!("{}: {why}", folder.display()))?;
        Ok(Source { own, manifest })
    }

    /// The files below a folder, including those that only an installation needs.
    fn files(&self, folder: &Path) -> Result<Files, Unreadable> {
        let wanted = |path: &str| files::shipped(path) || path == NPMRC;
        match self {
            Self::Embedded => {
                let within = folder.strip_prefix("lambdas").unwrap_or(folder);
                let mut files = Files::new();
                if let Some(dir) = LAMBDAS.get_dir(within) {
                    files::embedded(dir, within, &wanted, &mut files);
                }
                Ok(files)
            }
            Self::Folder(root) => files::gather(&root.join(folder), &wanted),
        }
    }

    fn text(&self, file: &Path) -> std::io::Result<String> {
        let text = match self {
            Self::Embedded => {
                let within = file.strip_prefix("lambdas").unwrap_or(file);
                LAMBDAS.get_file(within).and_then(|file| file.contents_utf8()).map(str::to_owned)
            }
            Self::Folder(root) => Some(fs::read_to_string(root.join(file))?),
        };
        text.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound))
    }
}

/// All files below these folders of this binary, including tests, by their paths as in a stack file.
pub fn embedded(folders: &[PathBuf]) -> BTreeMap<PathBuf, &'static [u8]> {
    fn add(dir: &Dir<'static>, found: &mut BTreeMap<PathBuf, &'static [u8]>) {
        found.extend(dir.files().map(|file| (Path::new("lambdas").join(file.path()), file.contents())));
        for dir in dir.dirs() {
            add(dir, found);
        }
    }
    let mut found = BTreeMap::new();
    for folder in folders {
        if let Some(dir) = LAMBDAS.get_dir(folder.strip_prefix("lambdas").unwrap_or(folder)) {
            add(dir, &mut found);
        }
    }
    found
}

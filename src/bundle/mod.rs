//! The code and the body schemas of a stack, from the stack file's folder or from this binary. A function's source and
//! its dependencies become a zip archive. Equal sources give equal bytes, so the archive's hash tells whether code
//! changed.
//!
//! - `files` finds files and checks that they can be read
//! - `source` selects those that are packed
//! - `manifest` reads the dependencies from `package.json`, `requirements.txt` and others
//! - `install` installs them into the cache
//! - `handler` checks that the package has the file of the handler
//! - `loads` checks that Lambda can load the code
//! - `archive` packs the zip archive and checks Lambda's limits

mod archive;
mod files;
mod handler;
mod install;
mod loads;
mod manifest;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use include_dir::{Dir, include_dir};

pub use self::archive::contents;
pub use self::install::{DependencyInstaller, Environment, Machine};
pub use self::source::OwnFiles;

use self::archive::Unpackable;
use self::files::{Files, Unreadable};
use self::manifest::Manifest;
use crate::error::Error;
use crate::spec::{Aging, Bundler, Diagnostic, Language, Packed, Stack, aging, check_body_schema};

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

/// The location of a stack's sources.
#[derive(Debug, Clone)]
pub enum Sources {
    /// In this binary.
    Embedded,
    /// Beside a stack file.
    Folder {
        root: PathBuf,
        /// Files of this program, which are never part of a function.
        own: OwnFiles,
    },
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
    notes: BTreeSet<String>,
}

#[derive(Debug)]
struct Source {
    /// The function's own files that are packed.
    own: Files,
    manifest: Option<Manifest>,
    /// Notes about files that the package does not contain: sentences without the full stop.
    notes: Vec<String>,
    /// An archive that is shipped as it is. Its files are in `own`.
    archive: Option<Arc<Vec<u8>>>,
}

impl<'a> Code<'a> {
    /// Reads all files that `stack` names. `today`, as in `2026-11-29`, is compared with the end dates of runtimes. The
    /// error has all mistakes.
    pub fn find(stack: &'a Stack, sources: &Sources, today: &str) -> Result<Self, Vec<Diagnostic>> {
        let (schemas, mut flaws) = match schemas(stack, sources) {
            Ok(schemas) => (schemas, Vec::new()),
            Err(flaws) => (BTreeMap::new(), flaws),
        };
        let mut found = BTreeMap::new();
        let mut notes = BTreeSet::new();
        let packed = stack.functions.iter().filter_map(|(name, function)| Some((name, function.packed()?)));
        for (name, function) in packed {
            match aging(name, &function.runtime, today) {
                Some(Aging::Warning(warning)) => drop(notes.insert(format!("{warning}."))),
                Some(Aging::Refusal(flaw)) => flaws.push(flaw),
                None => {}
            }
            match sources.function(function) {
                Ok(source) => {
                    let of = |note: &String| format!("{}: {note}.", function.source.display());
                    notes.extend(source.notes.iter().map(of));
                    found.insert(name, source);
                }
                Err(why) => flaws.push(Diagnostic::new(place(name), why)),
            }
        }
        if flaws.is_empty() { Ok(Self { stack, sources: found, schemas, notes }) } else { Err(flaws) }
    }

    /// Notes for the user about the files, in sentences.
    pub fn notes(&self) -> impl Iterator<Item = &String> {
        self.notes.iter()
    }

    /// The mistakes that packing would find and that need no dependency: handlers without a file.
    pub fn without_handlers(&self) -> Vec<Diagnostic> {
        let of = |(name, source): (&&String, &Source)| {
            let function = self.stack.functions[*name].packed()?;
            // A dependency may have the file.
            let elsewhere = match Language::of(&function.runtime) {
                Language::Node => function.handler.starts_with("node_modules/"),
                _ => source.manifest.is_some(),
            };
            match function.bundler {
                Some(Bundler::Esbuild) => handler::entry(name, function, &source.own).err(),
                None if elsewhere => None,
                None => handler::missing(name, function, &source.own, true),
            }
        };
        self.sources.iter().filter_map(of).collect()
    }

    /// Packs the functions with their dependencies.
    pub async fn pack(self, installer: &DependencyInstaller<'_>) -> Result<Bundles, Unpacked> {
        let mut flaws = Vec::new();
        let mut functions: BTreeMap<String, Zip> = BTreeMap::new();
        // Functions with the same code, runtime, architecture, handler and bundler share an archive.
        let mut packed: BTreeMap<_, Zip> = BTreeMap::new();
        for (name, source) in self.sources {
            let Some(function) = self.stack.functions[name].packed() else { continue };
            let Packed { source: folder, shipped, runtime, architecture, handler, bundler, .. } = function;
            let same = (folder, shipped, runtime, architecture, handler, bundler);
            let zip = match packed.get(&same) {
                Some(zip) => Ok(zip.clone()),
                None => source.pack(name, function, installer).await,
            };
            match zip {
                Ok(zip) => {
                    packed.insert(same, zip.clone());
                    functions.insert(name.clone(), zip);
                }
                Err(Unpacked::Flaws(found)) => flaws.extend(found),
                Err(failed) => return Err(failed),
            }
        }
        if flaws.is_empty() { Ok(Bundles { functions, schemas: self.schemas }) } else { Err(Unpacked::Flaws(flaws)) }
    }
}

impl Source {
    async fn pack(self, name: &str, function: &Packed, installer: &DependencyInstaller<'_>) -> Result<Zip, Unpacked> {
        let flaw = |flaw: Diagnostic| Unpacked::Flaws(vec![flaw]);
        let dependencies = match &self.manifest {
            Some(manifest) => Some(installer.install(name, function, manifest).await.map_err(Unpacked::Failed)?),
            None => None,
        };
        let files = match function.bundler {
            Some(Bundler::Esbuild) => {
                let entry = handler::entry(name, function, &self.own).map_err(flaw)?;
                let made = installer.bundle(name, function, &self.own, &entry, dependencies.as_ref()).await;
                made.map_err(Unpacked::Failed)?
            }
            None => {
                let mut files = dependencies.as_ref().map(|found| found.files.clone()).unwrap_or_default();
                files.extend(self.own);
                files
            }
        };
        let on_lambda = installer.machine == Machine::Lambda;
        if let Some(missing) = handler::missing(name, function, &files, on_lambda) {
            return Err(flaw(missing));
        }
        if let Some(unsound) = installer.loads(name, function, &files).await {
            return Err(flaw(unsound));
        }
        let zip = match (self.archive.filter(|_| function.bundler.is_none()), dependencies) {
            (Some(archive), _) => archive::as_it_is(archive, &files),
            (None, Some(found)) => archive::zip_once(&files, &found.folder),
            (None, None) => archive::zip(&files),
        };
        zip.map_err(|why| flaw(unpackable(name, &why)))
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

/// The files beside a stack file that decide what is packed.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    /// The functions' folders, or archives.
    pub sources: BTreeSet<PathBuf>,
    /// The schemas of bodies.
    pub schemas: BTreeSet<PathBuf>,
    own: OwnFiles,
}

impl Watched {
    /// Whether a change of this file can change what is packed.
    pub fn concerns(&self, path: &Path) -> bool {
        let looked_at = |folder: &PathBuf| {
            let Ok(within) = path.strip_prefix(folder) else { return false };
            let parts = within.ancestors().filter(|part| !part.as_os_str().is_empty());
            let mut names = parts.map(|part| part.to_string_lossy());
            names.all(|part| source::is_looked_at(&part, Some(folder))) && !self.own.have(path)
        };
        self.schemas.contains(path) || self.sources.iter().any(looked_at)
    }
}

impl Sources {
    /// The files that decide what is packed for this stack. Those in this binary do not change.
    pub fn watched(&self, stack: &Stack) -> Watched {
        let Self::Folder { root, own } = self else { return Watched::default() };
        let packed = stack.functions.values().filter_map(|function| function.packed());
        let absolute = |path: &PathBuf| fs::canonicalize(root.join(path)).ok();
        Watched {
            sources: packed.filter(|one| !one.shipped).filter_map(|one| absolute(&one.source)).collect(),
            schemas: stack.all_routes().filter_map(|(_, route)| absolute(route.body.as_ref()?)).collect(),
            own: own.clone(),
        }
    }

    /// The files of a function's folder. The error is a message.
    fn function(&self, function: &Packed) -> Result<Source, String> {
        let folder = &function.source;
        if function.shipped && !matches!(self, Self::Embedded) {
            return Self::Embedded.function(function);
        }
        if let Self::Folder { root, .. } = self
            && let Some(archive) = archive::found(&root.join(folder), &function.runtime)?
        {
            return Ok(archive);
        }
        let all = self.files(folder).map_err(|why| why.to_string())?;
        let mut own = all.clone();
        let mut notes = source::select(&mut own);
        if own.is_empty() {
            return Err(format!("the source folder {} is empty", folder.display()));
        }
        let found = Manifest::of(&function.runtime, &all).map_err(|why| format!("{}: {why}", folder.display()))?;
        notes.extend(found.notes);
        let lists = found.manifest.iter().flat_map(Manifest::lists).filter_map(|path| own.get_key_value(path));
        let texts = lists.filter_map(|(path, file)| Some((path, file.text().ok()?)));
        notes.extend(texts.filter(|(_, text)| install::has_password(text)).map(|(path, _)| {
            format!("{path} has a password and is part of the package; write ${{VARIABLE}} in its place")
        }));
        Ok(Source { own, manifest: found.manifest, notes, archive: None })
    }

    /// The files below a folder, including those that only an installation needs.
    fn files(&self, folder: &Path) -> Result<Files, Unreadable> {
        match self {
            Self::Embedded => {
                let wanted = |path: &str| source::is_looked_at(path, None);
                let within = folder.strip_prefix("lambdas").unwrap_or(folder);
                let mut files = Files::new();
                if let Some(dir) = LAMBDAS.get_dir(within) {
                    files::embedded(dir, within, &wanted, &mut files);
                }
                Ok(files)
            }
            Self::Folder { root, own } => {
                let folder = root.join(folder);
                let own = own.within(&folder);
                files::gather(&folder, &|path| !own.contains(path) && source::is_looked_at(path, Some(&folder)))
            }
        }
    }

    fn text(&self, file: &Path) -> std::io::Result<String> {
        let text = match self {
            Self::Embedded => {
                let within = file.strip_prefix("lambdas").unwrap_or(file);
                LAMBDAS.get_file(within).and_then(|file| file.contents_utf8()).map(str::to_owned)
            }
            Self::Folder { root, .. } => Some(files::text_of(fs::read(root.join(file))?)?),
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

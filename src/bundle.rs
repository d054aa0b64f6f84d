//! What a stack ships: functions' sources, packed into zips that are equal to the byte when the sources are, so that
//! their hash says whether they changed; and body schemas. From the stack file's folder, or from this binary.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::error::Error;
use crate::stack::Stack;

/// The functions of the built-in stack.
static LAMBDAS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/lambdas");

/// The most that a direct upload may hold, zipped and unzipped (reference, 6.2).
const MAX_ZIP: usize = 50 * 1024 * 1024;
const MAX_UNZIPPED: usize = 250 * 1024 * 1024;

/// One function's code, packed.
#[derive(Clone, PartialEq)]
pub struct Zip {
    /// The archive.
    pub bytes: Arc<Vec<u8>>,
    /// Its SHA-256 in base64, as AWS's `CodeSha256`.
    pub sha256: String,
}

impl std::fmt::Debug for Zip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Zip({} bytes, {})", self.bytes.len(), self.sha256)
    }
}

/// Everything a stack ships.
#[derive(Debug, Clone, Default)]
pub struct Bundles {
    /// By the function's `source`.
    pub functions: BTreeMap<PathBuf, Zip>,
    /// By the route's `body`: the schema's text.
    pub schemas: BTreeMap<PathBuf, String>,
}

/// Where sources are.
#[derive(Debug, Clone)]
pub enum Sources {
    /// In this binary.
    Embedded,
    /// Beside a stack file.
    Folder(PathBuf),
}

impl Bundles {
    /// Packs all that `stack` names, each source once.
    pub fn pack(stack: &Stack, sources: &Sources) -> Result<Self, Error> {
        let mut bundles = Self::default();
        for (name, function) in &stack.functions {
            if bundles.functions.contains_key(&function.source) {
                continue;
            }
            let files = sources.files(&function.source).map_err(|why| {
                Error::usage(format!("the source of {name}, {}, cannot be read: {why}", function.source.display()))
            })?;
            if files.is_empty() {
                let what = function.source.display();
                return Err(Error::usage(format!("the source of {name}, {what}, is empty or no folder")));
            }
            bundles.functions.insert(function.source.clone(), zip(name, &files)?);
        }
        for route in stack.api.iter().flat_map(|api| &api.routes) {
            let Some(body) = &route.body else { continue };
            let unusable = |why: &dyn std::fmt::Display| {
                Error::usage(format!("the body schema of {}, {}, is unusable: {why}", route.name(), body.display()))
            };
            let text = sources.text(body).map_err(|why| unusable(&why))?;
            serde_json::from_str::<serde_json::Map<_, _>>(&text).map_err(|why| unusable(&why))?;
            bundles.schemas.insert(body.clone(), text);
        }
        Ok(bundles)
    }
}

type Files = BTreeMap<String, Vec<u8>>;

impl Sources {
    /// The files under a folder, by their path within it with forward slashes.
    fn files(&self, folder: &Path) -> std::io::Result<Files> {
        let mut files = Files::new();
        match self {
            Self::Embedded => {
                let within = folder.strip_prefix("lambdas").unwrap_or(folder);
                if let Some(dir) = LAMBDAS.get_dir(within) {
                    gather_embedded(dir, within, &mut files);
                }
            }
            Self::Folder(root) => gather(&root.join(folder), "", &mut files)?,
        }
        Ok(files)
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

/// What is not shipped: tests, and what begins with a dot.
fn shipped(name: &str) -> bool {
    name != "test" && !name.starts_with('.')
}

fn gather_embedded(dir: &Dir<'_>, root: &Path, files: &mut Files) {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    for file in dir.files().filter(|file| shipped(&name(file.path()))) {
        let within = file.path().strip_prefix(root).unwrap_or(file.path());
        files.insert(within.to_string_lossy().into_owned(), file.contents().to_vec());
    }
    for dir in dir.dirs().filter(|dir| shipped(&name(dir.path()))) {
        gather_embedded(dir, root, files);
    }
}

fn gather(dir: &Path, prefix: &str, files: &mut Files) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !shipped(&name) {
            continue;
        }
        let path = entry.path();
        if fs::metadata(&path)?.is_dir() {
            gather(&path, &format!("{prefix}{name}/"), files)?;
        } else {
            files.insert(format!("{prefix}{name}"), fs::read(path)?);
        }
    }
    Ok(())
}

/// Packs files in order of name, all of one age, readable by all: Lambda's user must be able to (reference, 6.3).
fn zip(name: &str, files: &Files) -> Result<Zip, Error> {
    let unzipped: usize = files.values().map(Vec::len).sum();
    if unzipped > MAX_UNZIPPED {
        return Err(Error::usage(format!(
            "the function {name} is {unzipped} bytes unzipped; Lambda takes {MAX_UNZIPPED}"
        )));
    }
    let broken = |error: &dyn std::fmt::Display| Error::other(format!("could not pack the function {name}: {error}"));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, contents) in files {
        archive.start_file(path.as_str(), options).map_err(|error| broken(&error))?;
        archive.write_all(contents).map_err(|error| broken(&error))?;
    }
    let bytes = archive.finish().map_err(|error| broken(&error))?.into_inner();
    if bytes.len() > MAX_ZIP {
        return Err(Error::usage(format!(
            "the function {name} is {} bytes zipped; Lambda takes {MAX_ZIP}",
            bytes.len()
        )));
    }
    let sha256 = BASE64_STANDARD.encode(Sha256::digest(&bytes));
    Ok(Zip { bytes: Arc::new(bytes), sha256 })
}

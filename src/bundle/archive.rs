//! Packs zip archives. Equal files give equal bytes, so the archive's hash tells whether code changed.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::files::{File, Files, in_words};
use super::{Source, Zip};
use crate::spec::Language;

/// Lambda's limits for a direct upload, zipped and unzipped (docs/aws.md, Packages).
const MAX_ZIP: u64 = 50 * MEGABYTE;
const MAX_UNZIPPED: u64 = 250 * MEGABYTE;
const MEGABYTE: u64 = 1024 * 1024;

/// How many of the largest folders an error names.
const LARGEST: usize = 5;

/// Why files cannot be packed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unpackable {
    #[error("{size} {what}, but Lambda allows {most}")]
    TooLarge {
        size: String,
        what: &'static str,
        most: String,
        /// The largest folders, largest first.
        largest: String,
    },
    /// The file could be opened when the files were gathered.
    #[error("{path} cannot be read: {why}")]
    Read { path: String, why: std::io::Error },
    #[error("it cannot be packed: {0}")]
    Zip(#[from] zip::result::ZipError),
    #[error("it cannot be packed: {0}")]
    Write(#[from] std::io::Error),
}

/// The files in an archive, each with the CRC-32 of its contents; `None` if it is no archive.
pub fn contents(archive: &[u8]) -> Option<BTreeMap<String, u32>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).ok()?;
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        // The contents themselves are not unpacked.
        let file = archive.by_index_raw(index).ok()?;
        if !file.is_dir() {
            files.insert(file.name().ok()?.into_owned(), file.crc32());
        }
    }
    Some(files)
}

/// Does the same as [`zip`] and keeps the archive in the folder of the dependencies, because packing them takes long.
pub(super) fn zip_once(files: &Files, shelf: &Path) -> Result<Zip, Unpackable> {
    let mut digest = Sha256::new();
    for (path, file) in files {
        // Files of dependencies are not read, because the folder's name identifies them.
        let own = if file.own {
            file.read().map_err(|why| Unpackable::Read { path: path.clone(), why })?
        } else {
            Vec::new()
        };
        digest.update(format!("{path}\0{}\0{}\0", file.executable, own.len()).as_bytes());
        digest.update(&own);
    }
    let name = half(&digest.finalize());
    let kept = shelf.join(format!("{name}.zip"));
    if let Ok(bytes) = std::fs::read(&kept) {
        return Ok(sealed(bytes));
    }
    let zip = zip(files)?;
    // If it cannot be kept, the next run packs it again.
    let _ = tempfile::NamedTempFile::new_in(shelf).and_then(|mut file| {
        file.write_all(&zip.bytes)?;
        file.persist(&kept).map_err(|error| error.error)
    });
    Ok(zip)
}

/// The archive at this path, which is shipped as it is; `None` if there is no archive at this path. The error is a
/// message.
pub(super) fn found(path: &Path, runtime: &str) -> Result<Option<Source>, String> {
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default().to_lowercase();
    if !(path.is_file() && ["zip", "jar"].contains(&end.as_str())) {
        return Ok(None);
    }
    if end == "jar" && Language::of(runtime) != Language::Java {
        return Err(format!("{} is a Java archive, but the runtime is {runtime}", path.display()));
    }
    let bytes = std::fs::read(path).map_err(|why| format!("{} {}", path.display(), in_words(&why)))?;
    let bytes = Arc::new(bytes);
    let own = archived(&bytes).map_err(|why| format!("{} is not a valid archive: {why}", path.display()))?;
    Ok(Some(Source { own, manifest: None, notes: Vec::new(), archive: Some(bytes) }))
}

/// The files in an archive.
fn archived(bytes: &Arc<Vec<u8>>) -> zip::result::ZipResult<Files> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes.as_slice()))?;
    let mut files = Files::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        if entry.is_file() {
            let executable = entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
            files.insert(entry.name()?.into_owned(), File::archived(bytes, index, entry.size(), executable));
        }
    }
    Ok(files)
}

/// Checks the sizes of an archive that is shipped as it is.
pub(super) fn as_it_is(bytes: Arc<Vec<u8>>, files: &Files) -> Result<Zip, Unpackable> {
    fits(files)?;
    fits_zipped(bytes.len() as u64, files)?;
    let sha256 = BASE64_STANDARD.encode(Sha256::digest(bytes.as_slice()));
    Ok(Zip { bytes, sha256 })
}

/// The first half of a digest, for a file's name.
pub(super) fn half(digest: &[u8]) -> String {
    hex::encode(&digest[..digest.len() / 2])
}

fn sealed(bytes: Vec<u8>) -> Zip {
    let sha256 = BASE64_STANDARD.encode(Sha256::digest(&bytes));
    Zip { bytes: Arc::new(bytes), sha256 }
}

/// Packs files in the order of their names, with a fixed date, and readable by everyone, because Lambda runs as another
/// user (docs/aws.md, Packages).
pub(super) fn zip(files: &Files) -> Result<Zip, Unpackable> {
    // Checked before reading, because a wrong folder may be larger than memory.
    fits(files)?;
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, file) in files {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(if file.executable { 0o755 } else { 0o644 });
        archive.start_file(path.as_str(), options)?;
        let contents = file.read().map_err(|why| Unpackable::Read { path: path.clone(), why })?;
        archive.write_all(&contents)?;
    }
    let bytes = archive.finish()?.into_inner();
    fits_zipped(bytes.len() as u64, files)?;
    Ok(sealed(bytes))
}

fn fits(files: &Files) -> Result<(), Unpackable> {
    let unzipped: u64 = files.values().map(|file| file.size).sum();
    if unzipped > MAX_UNZIPPED { Err(too_large(unzipped, "unzipped", MAX_UNZIPPED, files)) } else { Ok(()) }
}

fn fits_zipped(size: u64, files: &Files) -> Result<(), Unpackable> {
    if size > MAX_ZIP { Err(too_large(size, "zipped", MAX_ZIP, files)) } else { Ok(()) }
}

fn too_large(size: u64, what: &'static str, most: u64, files: &Files) -> Unpackable {
    let mut folders: BTreeMap<&str, u64> = BTreeMap::new();
    for (path, file) in files {
        *folders.entry(package(path)).or_default() += file.size;
    }
    let mut folders: Vec<(&str, u64)> = folders.into_iter().collect();
    folders.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    let named = folders.iter().take(LARGEST).map(|(folder, size)| format!("{folder} {}", megabytes(*size)));
    let largest = named.collect::<Vec<_>>().join(", ");
    Unpackable::TooLarge { size: megabytes(size), what, most: megabytes(most), largest }
}

/// The part of the package that a file counts for: an npm package, a folder, or the file itself.
fn package(path: &str) -> &str {
    let depth = match path.strip_prefix("node_modules/") {
        Some(rest) if rest.starts_with('@') => 3,
        Some(_) => 2,
        None => 1,
    };
    let end = path.match_indices('/').nth(depth - 1).map_or(path.len(), |(at, _)| at);
    &path[..end]
}

/// In megabytes as Lambda counts them, rounded up so that a size above a limit never looks equal to it.
fn megabytes(bytes: u64) -> String {
    let tenths = (bytes * 10).div_ceil(MEGABYTE);
    if tenths.is_multiple_of(10) {
        format!("{} MB", tenths / 10)
    } else {
        format!("{}.{} MB", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::files::gather;
    use super::*;

    #[test]
    fn an_archive_that_is_too_large_names_the_largest_folders() {
        let folder = tempfile::tempdir().expect("a folder");
        // Sparse files, which use no disk space.
        for (path, megabytes) in [("node_modules/@scope/big/a.bin", 200), ("node_modules/mid/b.bin", 51), ("c.mjs", 1)]
        {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::File::create(path).and_then(|file| file.set_len(megabytes * MEGABYTE)).expect("written");
        }
        let files = gather(folder.path(), &|_| true).expect("read");
        let Err(Unpackable::TooLarge { size, what, largest, .. }) = zip(&files) else { panic!("packed") };
        assert_eq!((size.as_str(), what), ("252 MB", "unzipped"));
        assert_eq!(largest, "node_modules/@scope/big 200 MB, node_modules/mid 51 MB, c.mjs 1 MB");
    }

    #[test]
    fn an_archive_is_shipped_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::write(folder.path().join("bootstrap"), "#!/bin/sh").expect("written");
        fs::set_permissions(folder.path().join("bootstrap"), program).expect("changed");
        let packed = zip(&gather(folder.path(), &|_| true).expect("read")).expect("packed");
        let path = folder.path().join("built.zip");
        fs::write(&path, packed.bytes.as_slice()).expect("written");
        let source = found(&path, "provided.al2023").expect("read").expect("an archive");
        let bootstrap = &source.own["bootstrap"];
        assert!(bootstrap.executable && bootstrap.text().expect("read") == "#!/bin/sh");
        let kept = as_it_is(source.archive.clone().expect("kept"), &source.own).expect("small");
        assert_eq!(kept.sha256, packed.sha256);
        assert!(found(folder.path(), "java25").expect("read").is_none(), "a folder");
        fs::rename(&path, path.with_extension("jar")).expect("renamed");
        assert!(found(&path.with_extension("jar"), "ruby4.0").is_err_and(|why| why.contains("a Java archive")));
        fs::write(&path, "not a zip").expect("written");
        assert!(found(&path, "java25").is_err_and(|why| why.contains("not a valid archive")));
    }

    #[test]
    fn the_permission_to_execute_is_packed() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("a"), "1").expect("written");
        let plain = zip(&gather(folder.path(), &|_| true).expect("read")).expect("packed");
        let run = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(folder.path().join("a"), run).expect("changed");
        let program = zip(&gather(folder.path(), &|_| true).expect("read")).expect("packed");
        assert_ne!(plain.sha256, program.sha256);
    }

    #[test]
    fn sizes_are_never_rounded_down_to_the_limit() {
        assert_eq!(megabytes(MAX_ZIP), "50 MB");
        assert_eq!(megabytes(MAX_ZIP + 1), "50.1 MB");
    }
}

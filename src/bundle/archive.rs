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

use super::Zip;
use super::files::Files;

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
    /// The file was readable before.
    #[error("{path} cannot be read: {why}")]
    Read { path: String, why: std::io::Error },
    #[error("it cannot be packed: {0}")]
    Zip(#[from] zip::result::ZipError),
    #[error("it cannot be packed: {0}")]
    Write(#[from] std::io::Error),
}

/// Does the same as [`zip`] and keeps the archive in the folder of the dependencies, because packing them takes long.
pub(super) fn zip_once(files: &Files, shelf: &Path) -> Result<Zip, Unpackable> {
    let mut digest = Sha256::new();
    for (path, file) in files {
        // The folder's name identifies the dependencies.
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
    let unzipped: u64 = files.values().map(|file| file.size).sum();
    if unzipped > MAX_UNZIPPED {
        return Err(too_large(unzipped, "unzipped", MAX_UNZIPPED, files));
    }
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
    if bytes.len() as u64 > MAX_ZIP {
        return Err(too_large(bytes.len() as u64, "zipped", MAX_ZIP, files));
    }
    Ok(sealed(bytes))
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

    use super::super::files::{gather, shipped};
    use super::*;

    #[test]
    fn an_archive_that_is_too_large_names_the_largest_folders() {
        let folder = tempfile::tempdir().expect("a folder");
        // Holes: they take no room here.
        for (path, megabytes) in [("node_modules/@scope/big/a.bin", 200), ("node_modules/mid/b.bin", 51), ("c.mjs", 1)]
        {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::File::create(path).and_then(|file| file.set_len(megabytes * MEGABYTE)).expect("written");
        }
        let files = gather(folder.path(), &shipped).expect("read");
        let Err(Unpackable::TooLarge { size, what, largest, .. }) = zip(&files) else { panic!("packed") };
        assert_eq!((size.as_str(), what), ("252 MB", "unzipped"));
        assert_eq!(largest, "node_modules/@scope/big 200 MB, node_modules/mid 51 MB, c.mjs 1 MB");
    }

    #[test]
    fn the_permission_to_execute_is_packed() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("a"), "1").expect("written");
        let plain = zip(&gather(folder.path(), &shipped).expect("read")).expect("packed");
        let run = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(folder.path().join("a"), run).expect("changed");
        let program = zip(&gather(folder.path(), &shipped).expect("read")).expect("packed");
        assert_ne!(plain.sha256, program.sha256);
    }

    #[test]
    fn sizes_are_never_rounded_down_to_the_limit() {
        assert_eq!(megabytes(MAX_ZIP), "50 MB");
        assert_eq!(megabytes(MAX_ZIP + 1), "50.1 MB");
    }
}

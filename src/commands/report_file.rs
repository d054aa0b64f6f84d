//! Files that commands write.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::error::Error;

/// Refuses a report whose folder does not exist, before anything else happens.
pub(super) fn check(file: &Path) -> Result<(), Error> {
    if folder(file).is_dir() {
        return Ok(());
    }
    Err(Error::usage(format!("the folder of the report {} does not exist", file.display())))
}

/// Creates the folder of `--out`, and those around it.
pub(super) fn create_folder(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|why| {
        Error::other(format!("the folder {} cannot be created: {why}", folder.display()))
            .hint("choose a folder that you can write to with --out")
    })
}

/// See [`write_bytes`].
pub(super) fn write(file: &Path, text: &str) -> Result<(), Error> {
    write_bytes(file, text.as_bytes())
}

/// Replaces the file in one step, so that nobody reads half of it.
pub(super) fn write_bytes(file: &Path, content: &[u8]) -> Result<(), Error> {
    let written = || -> std::io::Result<()> {
        // The umask restricts this, as for any file.
        let permissions = Permissions::from_mode(0o666);
        let mut temporary = tempfile::Builder::new().permissions(permissions).tempfile_in(folder(file))?;
        temporary.write_all(content)?;
        temporary.as_file().sync_all()?;
        temporary.persist(file)?;
        Ok(())
    };
    written().map_err(|error| Error::other(format!("the file {} could not be written: {error}", file.display())))
}

fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

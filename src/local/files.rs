//! The cache folder. It is private to its owner and locked during changes; files are replaced atomically.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::Note;
use super::error::LocalError;

/// Creates a folder and its parents, accessible only to the owner. An existing folder is not changed.
pub(super) fn make_folder(path: &Path) -> Result<(), LocalError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(LocalError::file(path))
}

/// Removes a folder with its contents. A missing folder is not an error.
pub(super) fn remove_folder(path: &Path) -> Result<(), LocalError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LocalError::file(path)(error)),
        _ => Ok(()),
    }
}

/// Replaces a file atomically. Only the owner can read it.
pub(super) fn replace(path: &Path, contents: &[u8]) -> Result<(), LocalError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(contents)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(LocalError::file(path))
}

/// Locks the cache folder; waits if another process holds the lock. It is released when the file is dropped or the
/// process ends. The emulator does not inherit it, because Rust opens files close-on-exec.
pub(super) async fn lock(cache: &Path, say: Note<'_>) -> Result<File, LocalError> {
    make_folder(cache)?;
    let path = cache.join("lock");
    let file = File::options().create(true).read(true).append(true).open(&path).map_err(LocalError::file(&path))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => say("Waiting for another securelambda process that uses the emulator."),
        Err(TryLockError::Error(error)) => return Err(LocalError::file(path)(error)),
    }
    let waiting = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
    waiting.await.unwrap_or_else(|gone| Err(io::Error::other(gone))).map_err(LocalError::file(path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().expect("metadata").permissions().mode() & 0o777
    }

    #[test]
    fn folders_and_files_are_private() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("a/b");
        make_folder(&folder).expect("made");
        make_folder(&folder).expect("twice is fine");
        replace(&folder.join("file"), b"one").expect("written");
        replace(&folder.join("file"), b"two").expect("replaced");
        assert_eq!(std::fs::read(folder.join("file")).expect("read"), b"two");
        assert_eq!((mode(&folder), mode(&folder.join("file"))), (0o700, 0o600));
        assert_eq!(folder.read_dir().expect("listed").count(), 1);
        remove_folder(&folder).expect("removed");
        remove_folder(&folder).expect("twice is fine");
    }

    #[tokio::test]
    async fn only_one_process_holds_the_lock() {
        let home = tempfile::tempdir().expect("a folder");
        let first = lock(home.path(), &|_| ()).await.expect("free");
        let said = std::sync::Mutex::new(Vec::new());
        let say = |text: &str| said.lock().expect("not poisoned").push(text.to_owned());
        let release = async {
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
            drop(first);
        };
        let (second, ()) = tokio::join!(lock(home.path(), &say), release);
        second.expect("free again");
        assert_eq!(said.into_inner().expect("not poisoned").len(), 1);
    }
}

//! Reserves disk space for the end of a run. If the disk fills up during the run, the results can still be saved.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// More bytes than the state file of a large stack has. Replacing a file needs as much space again as the file has.
const ENOUGH: usize = 1 << 20;

/// A file without a name. The operating system deletes it when the process ends, even if it is killed.
#[derive(Debug)]
pub(super) struct Reserve(Option<File>);

impl Reserve {
    /// Reserves the space, in the folder of the state file. `size`: the state file's size in bytes.
    ///
    /// # Errors
    /// There is not enough space. The run ends before it creates anything.
    pub(super) fn take(folder: &Path, size: u64) -> io::Result<Self> {
        let mut file = tempfile::tempfile_in(folder)?;
        // Random bytes cannot be compressed, so they take this much space on any file system.
        let mut block = vec![0_u8; ENOUGH];
        rand::fill(&mut block[..]);
        for _ in 0..=size / ENOUGH as u64 {
            file.write_all(&block)?;
        }
        // Some file systems, such as network file systems, report a full disk only now.
        file.sync_data()?;
        Ok(Self(Some(file)))
    }

    /// Calls `write`. If the disk is full, frees the reserved space and calls it again. Returns `true` if the space was
    /// needed.
    pub(super) fn spend_on(&mut self, mut write: impl FnMut() -> io::Result<()>) -> io::Result<bool> {
        match write() {
            Err(error) if no_room(&error) && self.0.take().is_some() => write().map(|()| true),
            written => written.map(|()| false),
        }
    }
}

/// Whether the disk or the user's quota is full.
pub(super) fn no_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn full() -> io::Error {
        io::ErrorKind::StorageFull.into()
    }

    #[test]
    fn a_reserve_takes_real_space_and_leaves_no_file_name() {
        let folder = tempfile::tempdir().expect("a folder");
        for (size, blocks) in [(0, 1), (3 << 20, 4)] {
            let reserve = Reserve::take(folder.path(), size).expect("there is room");
            let file = reserve.0.as_ref().and_then(|file| file.metadata().ok()).expect("open");
            assert!(file.blocks() * 512 >= blocks << 20, "{} blocks of 512 bytes", file.blocks());
            assert_eq!(folder.path().read_dir().expect("readable").count(), 0);
        }
    }

    #[test]
    fn a_reserve_is_used_once_and_only_if_the_disk_is_full() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut reserve = Reserve::take(folder.path(), 0).expect("there is room");
        assert!(!reserve.spend_on(|| Ok(())).expect("no need of it"));
        let denied = reserve.spend_on(|| Err(io::ErrorKind::PermissionDenied.into()));
        assert!(denied.is_err() && reserve.0.is_some(), "more room would not help");

        let tries = Cell::new(0);
        let once = || {
            tries.set(tries.get() + 1);
            if tries.get() == 1 { Err(full()) } else { Ok(()) }
        };
        assert!(reserve.spend_on(once).expect("the second try"), "ours was needed");
        assert!(reserve.spend_on(|| Err(full())).is_err(), "there is no more");
        assert!(!reserve.spend_on(|| Ok(())).expect("somebody made room"));
    }
}

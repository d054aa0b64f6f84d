//! Room on the disk that is kept for the end: if it fills up half-way, what is being made can still be written down.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// More than the state file of a large stack: replacing one takes as much room again as it has.
const ENOUGH: usize = 1 << 20;

/// A file without a name: gone with the process, however that ends.
#[derive(Debug)]
pub(super) struct Reserve(Option<File>);

impl Reserve {
    /// Takes the room, where the state file will need it. `size`: the state file's.
    ///
    /// # Errors
    /// There is not that much: better known now than once something is made.
    pub(super) fn take(folder: &Path, size: u64) -> io::Result<Self> {
        let mut file = tempfile::tempfile_in(folder)?;
        // Chance cannot be compressed, so this takes its room on any file system.
        let mut block = vec![0_u8; ENOUGH];
        rand::fill(&mut block[..]);
        for _ in 0..=size / ENOUGH as u64 {
            file.write_all(&block)?;
        }
        // Some, such as those of the network, tell of a full disk only now.
        file.sync_data()?;
        Ok(Self(Some(file)))
    }

    /// Writes; if there is no room for it, once more in ours. `true`: ours was needed.
    pub(super) fn spend_on(&mut self, mut write: impl FnMut() -> io::Result<()>) -> io::Result<bool> {
        match write() {
            Err(error) if no_room(&error) && self.0.take().is_some() => write().map(|()| true),
            written => written.map(|()| false),
        }
    }
}

/// Another's files take all there is, or the user's quota does.
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
    fn it_takes_real_room_and_leaves_no_name() {
        let folder = tempfile::tempdir().expect("a folder");
        for (size, blocks) in [(0, 1), (3 << 20, 4)] {
            let reserve = Reserve::take(folder.path(), size).expect("there is room");
            let file = reserve.0.as_ref().and_then(|file| file.metadata().ok()).expect("open");
            assert!(file.blocks() * 512 >= blocks << 20, "{} blocks of 512 bytes", file.blocks());
            assert_eq!(folder.path().read_dir().expect("readable").count(), 0);
        }
    }

    #[test]
    fn it_is_spent_once_and_only_on_a_full_disk() {
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

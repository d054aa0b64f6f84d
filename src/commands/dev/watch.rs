//! Watches the files of a stack.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use notify::event::{EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::bundle::Watched;
use crate::error::Error;

/// Editors write a file in several steps, and tools write many files. They are done when nothing was written for this long.
const QUIET: Duration = Duration::from_millis(40);

/// The longest wait for that, so that a file that is written all the time delays nothing forever.
const LONGEST: Duration = Duration::from_millis(400);

pub(super) struct Watch {
    watcher: RecommendedWatcher,
    events: UnboundedReceiver<notify::Result<Event>>,
    /// The stack file.
    file: PathBuf,
    watched: Watched,
    /// The folders that the watcher has.
    folders: BTreeSet<(PathBuf, bool)>,
}

impl Watch {
    /// Watches the stack file.
    pub(super) fn new(file: &Path) -> Result<Self, Error> {
        let (tell, events) = unbounded_channel();
        // The receiver is gone only when the program ends.
        let watcher = notify::recommended_watcher(move |event| drop(tell.send(event))).map_err(|why| failed(&why))?;
        let file = fs::canonicalize(file)
            .map_err(|why| Error::usage(format!("the stack file {} cannot be read: {why}", file.display())))?;
        let mut this = Self { watcher, events, file, watched: Watched::default(), folders: BTreeSet::new() };
        this.follow(Watched::default())?;
        Ok(this)
    }

    /// Watches the stack file and these files, and no others.
    pub(super) fn follow(&mut self, watched: Watched) -> Result<(), Error> {
        // A file is watched through its folder, because editors replace files instead of writing into them.
        let files = watched.schemas.iter().chain([&self.file]);
        let parents = files.filter_map(|file| file.parent()).map(|folder| (folder.to_owned(), false));
        let sources = watched.sources.iter().filter_map(|source| {
            if source.is_dir() { Some((source.clone(), true)) } else { Some((source.parent()?.to_owned(), false)) }
        });
        let mut folders: BTreeSet<(PathBuf, bool)> = parents.chain(sources).collect();
        // A folder is watched once: with everything in it, if a function needs that.
        let whole: Vec<PathBuf> = folders.iter().filter(|(_, whole)| *whole).map(|(path, _)| path.clone()).collect();
        folders.retain(|(path, recursive)| *recursive || !whole.contains(path));
        for (folder, _) in self.folders.difference(&folders) {
            // A folder that no longer exists is not watched any more either.
            let _ = self.watcher.unwatch(folder);
        }
        for (folder, whole) in folders.difference(&self.folders) {
            let mode = if *whole { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            self.watcher.watch(folder, mode).map_err(|why| failed(&why))?;
        }
        self.folders = folders;
        self.watched = watched;
        Ok(())
    }

    /// Waits until a file has changed and nothing more is written. Returns when the first change was seen. A change that was
    /// made before this call and after the last one counts too.
    pub(super) async fn changed(&mut self) -> Instant {
        let first = self.next().await;
        while first.elapsed() < LONGEST {
            if tokio::time::timeout(QUIET, self.next()).await.is_err() {
                break;
            }
        }
        first
    }

    async fn next(&mut self) -> Instant {
        loop {
            match self.events.recv().await {
                Some(Ok(event)) if !self.concerns(&event) => {}
                // After an error, changes may have been missed.
                Some(_) => return Instant::now(),
                // The watcher lives as long as this struct.
                None => std::future::pending().await,
            }
        }
    }

    fn concerns(&self, event: &Event) -> bool {
        let changes = match event.kind {
            EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)) => false,
            EventKind::Any | EventKind::Other | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) => {
                true
            }
        };
        let concerned = |path: &PathBuf| *path == self.file || self.watched.concerns(path);
        event.need_rescan() || changes && event.paths.iter().any(concerned)
    }
}

fn failed(why: &notify::Error) -> Error {
    let error = Error::other(format!("the files cannot be watched: {why}"));
    match why.kind {
        notify::ErrorKind::MaxFilesWatch => {
            error.hint("raise the limit: sudo sysctl fs.inotify.max_user_watches=524288")
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn is_seen(watch: &mut Watch, change: impl FnOnce()) -> bool {
        change();
        tokio::time::timeout(Duration::from_secs(2), watch.changed()).await.is_ok()
    }

    fn write(path: &Path) {
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, "changed").expect("written");
    }

    #[tokio::test]
    async fn the_stack_file_is_watched_even_if_it_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("securelambda.toml");
        write(&file);
        let mut watch = Watch::new(&file).expect("watched");
        assert!(is_seen(&mut watch, || write(&file)).await);
        for _ in 0..2 {
            let other = folder.path().join("new");
            write(&other);
            assert!(is_seen(&mut watch, || fs::rename(&other, &file).expect("renamed")).await);
        }
        assert!(!is_seen(&mut watch, || write(&folder.path().join("notes.txt"))).await);
    }
}

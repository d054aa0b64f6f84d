//! A folder with one file for each state.
//!
//! The lock is a separate file beside the state file, so that the state file can be replaced while the lock is held. To
//! replace it, the program writes a temporary file in the same folder, syncs it to disk, renames it over the state
//! file, and syncs the folder. So the state file is complete even if the program is killed at any moment.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::format::{self, FormatError};
use super::holder::{Holder, holder, hostname, sign};
use super::reserve::{Reserve, no_room};
use super::{Answer, State, StateBackend, StateError, StateErrorKind, StateId, StateStore, VERSION};

/// Keeps the states out of a repository. A new folder gets it; whoever deletes it can commit the states.
const GITIGNORE: &str = ".gitignore";

/// The advice for a full disk.
const MAKE_ROOM: &str = "make room on the disk, or in your quota, and run the same command again";

/// An error of a state file, its lock or its folder.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("the state {what} {} cannot be {verb}: {error}", path.display())]
    Io {
        /// `folder`, `file` or `lock`.
        what: &'static str,
        /// `read`, `written`, `opened` or `locked`.
        verb: &'static str,
        path: PathBuf,
        error: io::Error,
    },
    /// The state was saved in the space that is reserved for a full disk. There is no space for another save.
    #[error("the disk under {} is full; the created resources were saved in the space reserved for this", path.display())]
    LastRoom {
        /// The state file.
        path: PathBuf,
    },
    /// The file is not a state file, or not a complete one.
    #[error("the state file {} is damaged: {why}", path.display())]
    Damaged { path: PathBuf, why: String },
    /// A newer version of the program wrote the file.
    #[error("the state file {} has version {version}, this program knows up to {VERSION}", path.display())]
    Newer { path: PathBuf, version: u64 },
    /// The file belongs to another stack, account or region.
    #[error("the state file {} belongs to {is}, not to {wanted}", path.display())]
    Foreign {
        path: PathBuf,
        /// The stack, account and region in the file.
        is: String,
        /// The expected stack, account and region.
        wanted: String,
    },
    /// Another run holds the lock.
    #[error("another run holds the lock {}: {holder}", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        holder: Holder,
    },
}

impl FileError {
    /// Whether the state was saved despite the error.
    pub fn is_saved(&self) -> bool {
        matches!(self, Self::LastRoom { .. })
    }

    /// The action that the user can take next.
    pub fn hint(&self) -> String {
        use io::ErrorKind as Why;
        match self {
            Self::LastRoom { .. } => MAKE_ROOM.into(),
            Self::Io { error, .. } if no_room(error) => MAKE_ROOM.into(),
            Self::Io { error, .. } if error.kind() == Why::FileTooLarge => {
                "allow larger files (`ulimit -f`) and run the same command again".into()
            }
            Self::Io { error, .. } if error.kind() == Why::ReadOnlyFilesystem => {
                "nothing can be written there; choose another folder with --state".into()
            }
            Self::Io { what: "folder", error, .. }
                if matches!(error.kind(), Why::NotADirectory | Why::AlreadyExists) =>
            {
                "a file has the name of the state folder: move the file away, or choose another folder with --state".into()
            }
            Self::Io { what: "lock", .. } => {
                "the lock file may belong to another user: run the command as that user, or choose another folder with --state"
                    .into()
            }
            Self::Io { .. } => "check the folder's owner and permissions, or choose another with --state".into(),
            Self::Damaged { path, .. } => format!(
                "restore it from a backup, or move {} away and run `up`: it finds the stack's resources by name and tag",
                path.display()
            ),
            Self::Newer { .. } => "use the newer securelambda that wrote it".into(),
            Self::Foreign { .. } => "choose another --state, --stack or --region, or the other account".into(),
            Self::Locked { holder, .. } => {
                let stop = match holder.pid {
                    pid if pid > 0 && holder.host == hostname() => format!("stop it with `kill {pid}`"),
                    _ => "stop it".into(),
                };
                format!("wait until that run ends, or {stop}; a lock of a process that has ended does not block a new run")
            }
        }
    }
}

impl From<FileError> for StateError {
    fn from(error: FileError) -> Self {
        let kind = match &error {
            FileError::LastRoom { .. } => StateErrorKind::LastSave,
            FileError::Locked { .. } => StateErrorKind::Locked,
            FileError::Foreign { .. } => StateErrorKind::Foreign,
            _ => StateErrorKind::Other,
        };
        Self { kind, message: error.to_string(), hint: error.hint() }
    }
}

/// A folder on this machine with one file for each state, named `<stack>.<account>.<region>.json`.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// Reads and creates nothing.
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    fn file(&self, id: &StateId) -> StateFile {
        StateFile::new(&self.0, id)
    }
}

impl StateBackend for Folder {
    fn description(&self) -> String {
        format!("the folder {}", self.0.display())
    }

    /// Writes a temporary file into the folder or, if that does not exist yet, into its nearest existing parent.
    fn check<'a>(&'a self, _: &'a str) -> Answer<'a, ()> {
        let there = self.0.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("."));
        let written = tempfile::tempfile_in(there).map(drop);
        let unwritable = |error| FileError::Io { what: "folder", verb: "written", path: self.0.clone(), error };
        Box::pin(std::future::ready(written.map_err(|error| unwritable(error).into())))
    }

    fn location(&self, id: &StateId) -> String {
        self.file(id).path().display().to_string()
    }

    fn read<'a>(&'a self, id: &'a StateId) -> Answer<'a, Option<State>> {
        Box::pin(async move { Ok(self.file(id).read()?) })
    }

    fn lock<'a>(&'a self, id: &'a StateId, command: &'a str) -> Answer<'a, (Option<State>, Box<dyn StateStore>)> {
        Box::pin(async move {
            let (state, locked) = self.file(id).lock(command)?;
            Ok((state, Box::new(locked) as Box<dyn StateStore>))
        })
    }

    fn list(&self) -> Answer<'_, Vec<StateId>> {
        Box::pin(async move { Ok(StateFile::all(&self.0)?) })
    }

    fn holder<'a>(&'a self, id: &'a StateId) -> Answer<'a, Option<String>> {
        Box::pin(async move { Ok(self.file(id).holder()?.map(|holder| holder.to_string())) })
    }

    /// The operating system releases the lock of a process that has ended. So only the lock of a living process remains,
    /// and that is not removed.
    fn unlock<'a>(&'a self, id: &'a StateId) -> Answer<'a, Option<String>> {
        Box::pin(async move {
            let file = self.file(id);
            match file.holder()? {
                Some(holder) => Err(FileError::Locked { path: file.lock_path(), holder }.into()),
                None => Ok(None),
            }
        })
    }
}

/// The state file of one stack in one account and region.
#[derive(Debug, Clone)]
pub struct StateFile {
    folder: PathBuf,
    stem: String,
    id: StateId,
}

impl StateFile {
    /// `<stack>.<account>.<region>.json` in `folder`. Reads and creates nothing.
    pub fn new(folder: &Path, id: &StateId) -> Self {
        let stem = format::stem(id);
        Self { folder: folder.to_owned(), stem, id: id.clone() }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.json", self.stem))
    }

    /// The states in `folder`, by the names of their files.
    pub fn all(folder: &Path) -> Result<Vec<StateId>, FileError> {
        let unreadable = |error| FileError::Io { what: "folder", verb: "read", path: folder.to_owned(), error };
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
            ids.extend(format::id_of(&name));
        }
        ids.sort();
        Ok(ids)
    }

    /// Reads the file without locking it, for commands that change nothing. `None`: it does not exist.
    pub fn read(&self) -> Result<Option<State>, FileError> {
        let path = self.path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(FileError::Damaged { path, why: "it is not text".into() });
            }
            Err(error) => return Err(FileError::Io { what: "file", verb: "read", path, error }),
        };
        let state = format::parse(text.as_bytes()).map_err(|error| match error {
            FormatError::Damaged(why) => FileError::Damaged { path: path.clone(), why },
            FormatError::Newer(version) => FileError::Newer { path: path.clone(), version },
        })?;
        match format::check_place(&state, &self.id) {
            Ok(()) => Ok(Some(state)),
            Err(is) => Err(FileError::Foreign { path, is, wanted: format::place_of(&self.id) }),
        }
    }

    /// Locks the file for this process and reads it. `None`: it does not exist.
    ///
    /// Also checks that the folder can be written, before anything is created on AWS.
    pub fn lock(&self, command: &str) -> Result<(Option<State>, LockedFile), FileError> {
        let folder = |verb, error| FileError::Io { what: "folder", verb, path: self.folder.clone(), error };
        if !self.folder.exists() {
            fs::create_dir_all(&self.folder).map_err(|error| folder("written", error))?;
            // States name accounts and resources. If this file cannot be written, the next write fails, too.
            let _ = fs::write(self.folder.join(GITIGNORE), "# States of stacks. Git leaves this folder out.\n*\n");
        }
        let path = self.lock_path();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied if path.exists() => {
                FileError::Io { what: "lock", verb: "opened", path: path.clone(), error }
            }
            _ => folder("written", error),
        })?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FileError::Locked { holder: holder(&mut file), path }),
            Err(TryLockError::Error(error)) => {
                return Err(FileError::Io { what: "folder", verb: "locked", path: self.folder.clone(), error });
            }
        }
        sign(&mut file, command).map_err(|error| folder("written", error))?;
        // A temporary file and the reserved space prove that a save can succeed, before anything is created.
        self.sweep();
        temporary(&self.folder, &self.stem).map_err(|error| folder("written", error))?;
        let size = fs::metadata(self.path()).map_or(0, |file| file.len());
        let reserve = Reserve::take(&self.folder, size).map_err(|error| folder("written", error))?;
        Ok((self.read()?, LockedFile { file: self.clone(), _lock: file, reserve }))
    }
}

impl StateFile {
    fn lock_path(&self) -> PathBuf {
        self.folder.join(format!("{}.lock", self.stem))
    }

    /// The process that holds the lock; `None` if there is none.
    fn holder(&self) -> Result<Option<Holder>, FileError> {
        let path = self.lock_path();
        let unusable = |error| FileError::Io { what: "lock", verb: "opened", path: path.clone(), error };
        let mut file = match OpenOptions::new().read(true).write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(unusable)?,
        };
        match file.try_lock() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(holder(&mut file))),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    /// Deletes the temporary files of runs that were killed. Called with the lock held, so no other run is writing.
    fn sweep(&self) {
        let prefix = format!(".{}-", self.stem);
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(&prefix) && name.ends_with(".tmp") {
                // A temporary file that cannot be deleted does no harm.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// A locked state file. The lock is released when this is dropped, and also when the process is killed.
#[derive(Debug)]
pub struct LockedFile {
    file: StateFile,
    _lock: File,
    reserve: Reserve,
}

impl LockedFile {
    /// Deletes the state file. Succeeds if it does not exist.
    pub fn remove(&mut self) -> Result<(), FileError> {
        let path = self.file.path();
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(FileError::Io { what: "file", verb: "written", path, error })
            }
            _ => Ok(()),
        }
    }
}

impl LockedFile {
    /// Replaces the state file.
    pub fn write(&mut self, state: &State) -> Result<(), FileError> {
        let path = self.file.path();
        let StateFile { folder, stem, .. } = &self.file;
        match self.reserve.spend_on(|| replace(folder, stem, &path, state)) {
            Ok(false) => Ok(()),
            Ok(true) => Err(FileError::LastRoom { path }),
            Err(error) => Err(FileError::Io { what: "file", verb: "written", path, error }),
        }
    }
}

impl StateStore for LockedFile {
    fn save<'a>(&'a mut self, state: &'a State) -> Answer<'a, ()> {
        Box::pin(async move { Ok(self.write(state)?) })
    }

    fn delete(&mut self) -> Answer<'_, ()> {
        Box::pin(async move { Ok(self.remove()?) })
    }

    /// The operating system's lock is released when the file is closed.
    fn release(&mut self) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

fn replace(folder: &Path, stem: &str, path: &Path, state: &State) -> io::Result<()> {
    // The crate `tempfile` creates the file with mode 0600.
    let mut file = temporary(folder, stem)?;
    let text = format::bytes(state).map_err(|error| io::Error::other(error.message))?;
    file.write_all(&text)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// A new file in the folder, which is deleted unless it is renamed.
fn temporary(folder: &Path, stem: &str) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(&format!(".{stem}-")).suffix(".tmp").tempfile_in(folder)
}

/// Writes a state that its backend could not save into a file, which only its owner can read.
pub(super) fn keep_unsaved(path: &Path, state: &State) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    replace(folder, &stem, path, state)
}

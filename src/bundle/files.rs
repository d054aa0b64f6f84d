//! The files of functions: their own ones, from the stack file's folder or this binary, and those of dependencies.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use include_dir::Dir;

/// Files by their path within the function's folder, with forward slashes.
pub(super) type Files = BTreeMap<String, File>;

/// A file, which is read when it is packed.
#[derive(Debug, Clone)]
pub(super) struct File {
    content: Content,
    /// Whether the file has the permission to be executed.
    pub executable: bool,
    /// In bytes.
    pub size: u64,
    /// Whether the file belongs to the user's source, not to a dependency.
    pub own: bool,
}

#[derive(Debug, Clone)]
enum Content {
    Embedded(&'static [u8]),
    /// Written by this program.
    Made(Arc<[u8]>),
    At(PathBuf),
    /// A file of this archive.
    Archived(Arc<Vec<u8>>, usize),
}

impl File {
    /// A file that is not on disk.
    pub(super) fn made(text: String) -> Self {
        let size = text.len() as u64;
        Self { content: Content::Made(text.into_bytes().into()), executable: false, size, own: true }
    }

    /// A file of an archive.
    pub(super) fn archived(archive: &Arc<Vec<u8>>, index: usize, size: u64, executable: bool) -> Self {
        Self { content: Content::Archived(Arc::clone(archive), index), executable, size, own: true }
    }

    pub(super) fn read(&self) -> io::Result<Vec<u8>> {
        match &self.content {
            Content::Embedded(bytes) => Ok(bytes.to_vec()),
            Content::Made(bytes) => Ok(bytes.to_vec()),
            Content::At(path) => fs::read(path),
            Content::Archived(archive, index) => {
                let mut archive = zip::ZipArchive::new(io::Cursor::new(archive.as_slice()))?;
                let mut bytes = Vec::new();
                io::Read::read_to_end(&mut archive.by_index(*index)?, &mut bytes)?;
                Ok(bytes)
            }
        }
    }

    /// The text, as [`text_of`] reads it.
    pub(super) fn text(&self) -> io::Result<String> {
        text_of(self.read()?)
    }
}

/// The text of a file, without the byte order mark that some editors write in front of it: neither JSON parsers nor
/// Python's parser accept it.
pub(super) fn text_of(bytes: Vec<u8>) -> io::Result<String> {
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8"))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Why a folder cannot be packed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("{} {}", .path.display(), in_words(.why))]
    Io { path: PathBuf, why: io::Error },
    /// Its target would be packed, although it may be a file that nobody meant to publish.
    #[error("{} is a link to {}, which is outside of the folder", .path.display(), .to.display())]
    Outside { path: PathBuf, to: PathBuf },
    #[error("{} is a link to a folder that contains it", .path.display())]
    Loop { path: PathBuf },
    /// A pipe or a device, which could be read forever.
    #[error("{} is neither a file nor a folder", .path.display())]
    Special { path: PathBuf },
    #[error("{} has a name that is not UTF-8", .path.display())]
    Name { path: PathBuf },
    #[error("{} is a file; `source` must be a folder, a .zip file or, with java, a .jar file", .path.display())]
    NoFolder { path: PathBuf },
}

/// Why a file cannot be read, as words that follow its name.
pub(super) fn in_words(why: &io::Error) -> String {
    match why.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        _ => format!("cannot be read: {why}"),
    }
}

/// Selects files by their path within a folder.
pub(super) type Wanted<'a> = &'a dyn Fn(&str) -> bool;

/// The wanted files under a folder of this binary.
pub(super) fn embedded(dir: &Dir<'static>, root: &Path, wanted: Wanted<'_>, files: &mut Files) {
    let within = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
    for file in dir.files() {
        let path = within(file.path());
        if wanted(&path) {
            let size = file.contents().len() as u64;
            files
                .insert(path, File { content: Content::Embedded(file.contents()), executable: false, size, own: true });
        }
    }
    for dir in dir.dirs().filter(|dir| wanted(&within(dir.path()))) {
        embedded(dir, root, wanted, files);
    }
}

/// The wanted files under a folder. Links are followed as long as they stay within it.
pub(super) fn gather(folder: &Path, wanted: Wanted<'_>) -> Result<Files, Unreadable> {
    let root = fs::canonicalize(folder).map_err(|why| Unreadable::Io { path: folder.to_owned(), why })?;
    if !root.is_dir() {
        return Err(Unreadable::NoFolder { path: folder.to_owned() });
    }
    let mut files = Files::new();
    let mut walk = Walk { root: &root, wanted, around: vec![root.clone()], files: &mut files };
    walk.folder(folder, "")?;
    Ok(files)
}

struct Walk<'a> {
    root: &'a Path,
    wanted: Wanted<'a>,
    /// The canonical paths of the folders around the current one.
    around: Vec<PathBuf>,
    files: &'a mut Files,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, prefix: &str) -> Result<(), Unreadable> {
        let failed = |why| Unreadable::Io { path: folder.to_owned(), why };
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                return Err(Unreadable::Name { path });
            };
            let within = format!("{prefix}{name}");
            if (self.wanted)(&within) {
                self.entry(path, within)?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: PathBuf, within: String) -> Result<(), Unreadable> {
        let failed = |why| Unreadable::Io { path: path.clone(), why };
        let real = fs::canonicalize(&path).map_err(failed)?;
        if !real.starts_with(self.root) {
            return Err(Unreadable::Outside { path, to: real });
        }
        let about = fs::metadata(&real).map_err(failed)?;
        if about.is_dir() {
            if self.around.contains(&real) {
                return Err(Unreadable::Loop { path });
            }
            self.around.push(real);
            self.folder(&path, &format!("{within}/"))?;
            self.around.pop();
        } else if about.is_file() {
            // A file that cannot be read is reported now, with all other mistakes, and not when it is packed.
            fs::File::open(&real).map_err(failed)?;
            let executable = std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o111 != 0;
            self.files.insert(within, File { content: Content::At(real), executable, size: about.len(), own: true });
        } else {
            return Err(Unreadable::Special { path });
        }
        Ok(())
    }
}

/// A folder with these files, for tests.
#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
pub(super) fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Files) {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }
    let files = gather(folder.path(), &|_| true).expect("read");
    (folder, files)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_inside_of_the_folder_and_refused_outside() {
        let place = tempfile::tempdir().expect("a folder");
        let (inside, outside) = (place.path().join("f"), place.path().join("secret"));
        fs::create_dir_all(inside.join("a")).expect("made");
        fs::write(&outside, "key").expect("written");
        fs::write(inside.join("a/x.mjs"), "1").expect("written");
        symlink("a/x.mjs", inside.join("y.mjs")).expect("linked");
        let names = || gather(&inside, &|_| true).map(|files| files.into_keys().collect::<Vec<_>>());
        assert_eq!(names().expect("read"), ["a/x.mjs", "y.mjs"]);

        symlink(&outside, inside.join("z")).expect("linked");
        assert!(names().is_err_and(|why| why.to_string().contains("outside of the folder")));
        fs::remove_file(inside.join("z")).expect("removed");
        symlink("..", inside.join("a/up")).expect("linked");
        assert!(names().is_err_and(|why| why.to_string().contains("that contains it")));
    }
}

//! The files of a function: its own, from the stack file's folder or this binary, and those of its dependencies.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use include_dir::Dir;

/// Files by their path within the function's folder, with forward slashes.
pub(super) type Files = BTreeMap<String, File>;

/// One file, read when it is packed.
#[derive(Debug, Clone)]
pub(super) struct File {
    content: Content,
    /// Lambda may run it as a program.
    pub executable: bool,
    /// In bytes.
    pub size: u64,
    /// The user's own, not a dependency's.
    pub own: bool,
}

#[derive(Debug, Clone)]
enum Content {
    Embedded(&'static [u8]),
    At(PathBuf),
}

impl File {
    pub(super) fn read(&self) -> io::Result<Vec<u8>> {
        match &self.content {
            Content::Embedded(bytes) => Ok(bytes.to_vec()),
            Content::At(path) => fs::read(path),
        }
    }

    pub(super) fn text(&self) -> io::Result<String> {
        String::from_utf8(self.read()?).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
    }
}

/// Why a folder cannot be shipped.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// It, or something in it.
    #[error("{} {}", .path.display(), in_words(.why))]
    Io { path: PathBuf, why: io::Error },
    /// What a link leads to would be shipped, and nobody has looked at that.
    #[error("{} is a link that leads outside of the folder, to {}", .path.display(), .to.display())]
    Outside { path: PathBuf, to: PathBuf },
    #[error("{} is a link that leads back to a folder around it", .path.display())]
    Loop { path: PathBuf },
    /// A pipe or a device would be read for ever.
    #[error("{} is neither a file nor a folder", .path.display())]
    Special { path: PathBuf },
    #[error("{} has a name that is not UTF-8", .path.display())]
    Name { path: PathBuf },
    #[error("{} is a file; a source is a folder", .path.display())]
    NoFolder { path: PathBuf },
}

/// Why a file cannot be read, to follow its name.
pub(super) fn in_words(why: &io::Error) -> String {
    match why.kind() {
        io::ErrorKind::NotFound => "is not there".to_owned(),
        _ => format!("cannot be read: {why}"),
    }
}

/// Which files of a folder are wanted: by path within it.
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
    /// The real folders that lead to where we are.
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
            // That it can be read is found out now, with all other mistakes, and not when it is packed.
            fs::File::open(&real).map_err(failed)?;
            let executable = std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o111 != 0;
            self.files.insert(within, File { content: Content::At(real), executable, size: about.len(), own: true });
        } else {
            return Err(Unreadable::Special { path });
        }
        Ok(())
    }
}

/// Whether a file of a function's own is shipped: not tests, not what begins with a dot, not what is installed or
/// compiled on the way.
pub(super) fn shipped(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let compiled = name == "__pycache__" || Path::new(name).extension().is_some_and(|end| end == "pyc");
    !(name == "test" || name.starts_with('.') || name == "venv" || compiled)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_within_the_folder_and_no_further() {
        let place = tempfile::tempdir().expect("a folder");
        let (inside, outside) = (place.path().join("f"), place.path().join("secret"));
        fs::create_dir_all(inside.join("a")).expect("made");
        fs::write(&outside, "key").expect("written");
        fs::write(inside.join("a/x.mjs"), "1").expect("written");
        symlink("a/x.mjs", inside.join("y.mjs")).expect("linked");
        let names = || gather(&inside, &shipped).map(|files| files.into_keys().collect::<Vec<_>>());
        assert_eq!(names().expect("read"), ["a/x.mjs", "y.mjs"]);

        symlink(&outside, inside.join("z")).expect("linked");
        assert!(names().is_err_and(|why| why.to_string().contains("leads outside of the folder")));
        fs::remove_file(inside.join("z")).expect("removed");
        symlink("..", inside.join("a/up")).expect("linked");
        assert!(names().is_err_and(|why| why.to_string().contains("leads back")));
    }

    #[test]
    fn tests_and_leftovers_are_not_shipped() {
        let kept = ["index.mjs", "a/b.py", "package.json", "testing.mjs"];
        assert!(kept.iter().all(|path| shipped(path)));
        let left = ["test", "a/test", ".env", ".git", "__pycache__", "a/b.pyc", "venv"];
        assert!(!left.iter().any(|path| shipped(path)));
    }
}

//! `requirements.txt` in pip's format. Only wheels can be installed: everything else would have to be built, and a build
//! runs the code of the package on this machine.

use std::collections::BTreeSet;

use super::super::files::Files;
use super::{leaves, text};

/// A requirements file with the files that it includes.
#[derive(Debug, Default)]
pub(in crate::bundle) struct Requirements {
    /// All files of the folder that an installation needs.
    pub inputs: Files,
    /// The packages without a condition, as `normal` writes them.
    pub names: Vec<String>,
    /// Whether a package index or a folder with wheels is named, which then replaces those of this machine.
    pub names_index: bool,
    /// Whether a package is required.
    pub asks: bool,
}

/// Schemes of URLs that are checked out and built.
const CHECKED_OUT: [&str; 4] = ["git+", "hg+", "svn+", "bzr+"];

/// Reads the file `name` of a folder.
///
/// # Errors
/// A line refers to a file outside of the folder, or to something that is not a wheel.
pub(in crate::bundle) fn read(all: &Files, name: &str) -> Result<Requirements, String> {
    let mut reading = Reading { all, found: Requirements::default(), seen: BTreeSet::new() };
    reading.file(name)?;
    Ok(reading.found)
}

/// A package's name as indexes compare it.
pub(in crate::bundle) fn normal(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_lowercase()
}

struct Reading<'a> {
    all: &'a Files,
    found: Requirements,
    seen: BTreeSet<String>,
}

impl Reading<'_> {
    fn file(&mut self, name: &str) -> Result<(), String> {
        if !self.seen.insert(name.to_owned()) {
            return Ok(());
        }
        let text = text(self.all, name)?.ok_or_else(|| format!("there is no file {name}"))?;
        self.take(name);
        for line in lines(&text) {
            self.line(name, &line).map_err(|why| format!("the line {line:?} of {name} {why}"))?;
        }
        Ok(())
    }

    fn take(&mut self, name: &str) {
        self.found.inputs.extend(self.all.get(name).map(|file| (name.to_owned(), file.clone())));
    }

    fn line(&mut self, file: &str, line: &str) -> Result<(), String> {
        if line.starts_with('-') {
            let (option, value) = option(line);
            return self.option(file, option, value);
        }
        self.found.asks = true;
        let (requirement, condition) = match line.split_once(" --hash").map_or(line, |(before, _)| before) {
            line if line.contains("://") => line.split_once(" ;").map_or((line, false), |(before, _)| (before, true)),
            line => line.split_once(';').map_or((line, false), |(before, _)| (before, true)),
        };
        let requirement = requirement.trim();
        let end = requirement.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
        let (name, rest) = requirement.split_at(end.unwrap_or(requirement.len()));
        let rest = rest.trim_start();
        let rest = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(rest, |(_, rest)| rest).trim();
        if let Some(url) = rest.strip_prefix('@') {
            self.place(file, url.trim())?;
        } else if requirement.contains('/') || is_file(requirement) {
            return self.place(file, requirement);
        }
        if !condition {
            self.found.names.push(normal(name));
        }
        Ok(())
    }

    fn option(&mut self, file: &str, option: &str, value: &str) -> Result<(), String> {
        match option {
            "-r" | "--requirement" | "-c" | "--constraint" => {
                let path = within(file, value)?;
                // A file of constraints limits versions, but does not require packages.
                let limits = matches!(option, "-c" | "--constraint");
                let before = limits.then_some((self.found.names.len(), self.found.asks));
                self.file(&path)?;
                if let Some((names, asks)) = before {
                    self.found.names.truncate(names);
                    self.found.asks = asks;
                }
            }
            "-e" | "--editable" => return Err(format!("installs from a folder by a link to it; {MAKE_A_WHEEL}")),
            "--no-binary" => return Err("asks to build packages; only wheels can be installed".to_owned()),
            "-f" | "--find-links" if !value.contains("://") => {
                let folder = format!("{}/", within(file, value)?.trim_end_matches('/'));
                let wheels = self.all.iter().filter(|(path, _)| folder == "./" || path.starts_with(&folder));
                self.found.inputs.extend(wheels.map(|(path, file)| (path.clone(), file.clone())));
                self.found.names_index = true;
            }
            "-i" | "--index-url" | "--extra-index-url" | "--no-index" | "-f" | "--find-links" => {
                self.found.names_index = true;
            }
            _ => {}
        }
        Ok(())
    }

    /// A URL or a path in place of a version.
    fn place(&mut self, file: &str, place: &str) -> Result<(), String> {
        if CHECKED_OUT.iter().any(|scheme| place.starts_with(scheme)) {
            return Err(format!("takes the package from a repository; {MAKE_A_WHEEL}"));
        }
        let plain = place.split(['#', '?']).next().unwrap_or(place);
        if !plain.to_lowercase().ends_with(".whl") {
            let what = if plain.contains("://") { "is not the URL of a wheel" } else { "is not a wheel" };
            return Err(format!("{what}, so its code would run on this machine; {MAKE_A_WHEEL}"));
        }
        if !plain.contains("://") {
            let path = within(file, plain.strip_prefix("file:").unwrap_or(plain))?;
            self.take(&path);
        } else if plain.starts_with("file:") {
            return Err("names a file by a URL; write its path, relative to this file".to_owned());
        }
        Ok(())
    }
}

const MAKE_A_WHEEL: &str = "use a version from an index, or build a wheel (`pip wheel`) and name it: ./wheels/NAME.whl";

/// The logical lines, without comments.
fn lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        let code = if line.trim_start().starts_with('#') { "" } else { line.split(" #").next().unwrap_or(line) };
        let code = code.trim_end();
        if let Some(begun) = code.strip_suffix('\\') {
            open += begun;
            continue;
        }
        let whole = std::mem::take(&mut open) + code;
        if !whole.trim().is_empty() {
            lines.push(whole.trim().to_owned());
        }
    }
    if !open.trim().is_empty() {
        lines.push(open.trim().to_owned());
    }
    lines
}

/// The name and the value of an option, which are separated by a space or `=`, or by nothing after one letter.
fn option(line: &str) -> (&str, &str) {
    let (option, value) = match line.find([' ', '=', '\t']) {
        Some(at) => (&line[..at], &line[at + 1..]),
        None => (line, ""),
    };
    match option.get(2..) {
        Some(value) if !option.starts_with("--") && !value.is_empty() => (&option[..2], line[2..].trim()),
        _ => (option, value.trim().trim_matches('"')),
    }
}

/// A path in a file, relative to the function's folder.
fn within(file: &str, path: &str) -> Result<String, String> {
    let folder = file.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    if path.starts_with(['/', '~']) || leaves(&format!("{folder}{path}")) {
        return Err("refers to a file outside of the folder".to_owned());
    }
    let mut parts: Vec<&str> = Vec::new();
    let whole = format!("{folder}{path}");
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Ok(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}

/// Whether a requirement is the name of a file.
fn is_file(requirement: &str) -> bool {
    let lower = requirement.to_lowercase();
    [".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2"].iter().any(|end| lower.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::super::super::files::folder;
    use super::*;

    fn found(files: &[(&str, &str)]) -> Result<Requirements, String> {
        let (_folder, all) = folder(files);
        read(&all, "requirements.txt")
    }

    fn one(line: &str) -> Result<Requirements, String> {
        found(&[("requirements.txt", line), ("w/a-1-py3-none-any.whl", "1"), ("shared/setup.py", "1")])
    }

    #[test]
    fn comments_hashes_and_continued_lines_are_read() {
        let text = "\u{feff}# top\nidna==3.7  # via -r ../requirements.in\nA_b[x]>=1 \\\n    --hash=sha256:00 \\\n    \
                    --hash=sha256:01\nsix==1; python_version >= \"3.13\"\n\n";
        let found = found(&[("requirements.txt", text)]).expect("read");
        assert_eq!(found.names, ["idna", "a-b"], "six has a condition");
        assert!(found.asks && !found.names_index);
        assert!(one("# nothing\n\n").is_ok_and(|found| !found.asks));
    }

    #[test]
    fn included_files_and_constraints_belong_to_the_inputs() {
        let files = [
            ("requirements.txt", "-r more/base.txt\n-c limits.txt\n"),
            ("more/base.txt", "-r../last.txt\na==1\n--requirement=../requirements.txt"),
            ("last.txt", "b==1"),
            ("limits.txt", "c==1"),
            ("handler.py", ""),
        ];
        let found = found(&files).expect("read");
        assert_eq!(found.names, ["b", "a"]);
        let inputs: Vec<&String> = found.inputs.keys().collect();
        assert_eq!(inputs, ["last.txt", "limits.txt", "more/base.txt", "requirements.txt"]);
        assert!(one("-c limits.txt").is_err_and(|why| why.contains("no file limits.txt")));
    }

    #[test]
    fn a_wheel_is_accepted_as_a_file_or_a_url() {
        for line in ["./w/a-1-py3-none-any.whl", "w/a-1-py3-none-any.whl", "a @ ./w/a-1-py3-none-any.whl"] {
            let inputs: Vec<String> = one(line).expect(line).inputs.into_keys().collect();
            assert_eq!(inputs, ["requirements.txt", "w/a-1-py3-none-any.whl"], "{line}");
        }
        let url = one("a @ https://example.com/a-1-py3-none-any.whl#sha256=00 ; python_version > '3'");
        assert!(url.is_ok_and(|found| found.names.is_empty()));
        assert!(one("-f w\na").is_ok_and(|found| found.inputs.len() == 2 && found.names_index));
        assert!(one("--index-url https://example.com/simple\na").is_ok_and(|found| found.names_index));
    }

    #[test]
    fn what_must_be_built_is_refused_with_what_to_do() {
        for line in [
            "./shared",
            "-e ./shared",
            "--editable=shared",
            "shared/",
            "a @ ./shared",
            "a @ https://example.com/a-1.tar.gz",
            "https://example.com/a.zip",
            "git+https://example.com/a.git@main",
            "a @ git+ssh://git@example.com/a.git",
            "a-1.tar.gz",
        ] {
            assert!(one(line).is_err_and(|why| why.contains("build a wheel")), "{line}");
        }
        assert!(one("--no-binary :all:\na").is_err_and(|why| why.contains("only wheels")));
    }

    #[test]
    fn files_outside_of_the_folder_are_refused() {
        for line in ["-r ../more.txt", "--find-links=/srv/wheels", "../a.whl", "~/a.whl", "-c a/../../b.txt"] {
            assert!(one(line).is_err_and(|why| why.contains("outside of the folder")), "{line}");
        }
    }
}

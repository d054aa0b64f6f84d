//! Checks that an installation is complete. Otherwise it is not kept.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::manifest::requirements::normal;

/// Checks the wheels in a folder: those of `names` are there, and every file of a wheel has the digest in its `RECORD`.
///
/// # Errors
/// A sentence without the full stop that says what is missing or differs.
pub(super) fn wheels(folder: &Path, names: &[String]) -> Result<(), String> {
    let mut present = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(|why| format!("nothing was installed: {why}"))?.flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let Some(about) = file.strip_suffix(".dist-info") else { continue };
        present.insert(normal(about.rsplit_once('-').map_or(about, |(name, _)| name)));
        recorded(folder, &entry.path().join("RECORD"))?;
    }
    match names.iter().find(|name| !present.contains(*name)) {
        Some(missing) => Err(format!("{missing} was not installed")),
        None => Ok(()),
    }
}

/// The newest glibc that a wheel in a folder needs, by the second number of its version; 0 if none needs any. Of several tags
/// of a wheel, the one that needs the least counts.
pub(super) fn newest_glibc(folder: &Path) -> u32 {
    let wheels = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path().join("WHEEL"));
    let texts = wheels.filter_map(|wheel| fs::read_to_string(wheel).ok());
    let need = |text: String| text.lines().filter_map(|line| line.strip_prefix("Tag:").map(glibc)).min();
    texts.filter_map(need).max().unwrap_or_default()
}

/// The glibc that a tag requires, as in `cp39-abi3-manylinux_2_24_aarch64`; 0 for the old names of platforms, which
/// mean glibc 2.5 to 2.17.
fn glibc(tag: &str) -> u32 {
    let platform = tag.trim().splitn(3, '-').nth(2).unwrap_or_default();
    let minor = platform.strip_prefix("manylinux_2_").and_then(|rest| rest.split('_').next()?.parse().ok());
    minor.unwrap_or_default()
}

fn recorded(folder: &Path, record: &Path) -> Result<(), String> {
    let text = fs::read_to_string(record).map_err(|why| format!("{} cannot be read: {why}", record.display()))?;
    for line in text.lines() {
        let mut parts = line.rsplitn(3, ',').skip(1);
        let (Some(hash), Some(path)) = (parts.next(), parts.next()) else { continue };
        let path = path.trim_matches('"');
        let Some(wanted) = hash.strip_prefix("sha256=") else { continue };
        let found = fs::read(folder.join(path)).map_err(|why| format!("{path} is not complete: {why}"))?;
        if BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(found)) != wanted.trim_end_matches('=') {
            return Err(format!("{path} is not complete"));
        }
    }
    Ok(())
}

/// Checks the packages that npm installed: those of `names`, and all in npm's own `.package-lock.json`.
///
/// # Errors
/// A sentence without the full stop that says what is missing.
pub(super) fn modules(folder: &Path, names: &[String]) -> Result<(), String> {
    let has = |path: &str| folder.join(path).join("package.json").is_file();
    if let Some(missing) = names.iter().find(|name| !has(&format!("node_modules/{name}"))) {
        return Err(format!("{missing} was not installed"));
    }
    let noted = fs::read(folder.join("node_modules/.package-lock.json")).ok();
    let noted: Value = noted.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let packages = noted.get("packages").and_then(Value::as_object).into_iter().flatten();
    let is_missing = |(path, about): &(&String, &Value)| {
        let may_lack = ["optional", "link"].iter().any(|key| about.get(key).and_then(Value::as_bool) == Some(true));
        !may_lack && !has(path)
    };
    match packages.into_iter().find(is_missing) {
        Some((path, _)) => Err(format!("{} was not installed", path.trim_start_matches("node_modules/"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::files::folder;
    use super::*;

    #[test]
    fn a_wheel_is_complete_if_its_files_are_as_recorded() {
        // The digest of "x = 1".
        let hash = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest("x = 1"));
        let record = format!("a/x.py,sha256={hash},5\n\"a,b.py\",,\na-1.dist-info/RECORD,,\n");
        let complete = |code: &str| {
            let (place, _) = folder(&[("a/x.py", code), ("My_A-1.dist-info/RECORD", &record)]);
            wheels(place.path(), &["my-a".to_owned()])
        };
        assert_eq!(complete("x = 1"), Ok(()));
        assert_eq!(complete("x = "), Err("a/x.py is not complete".to_owned()));
        let (place, _) = folder(&[("b.py", "")]);
        assert_eq!(wheels(place.path(), &["a".to_owned()]), Err("a was not installed".to_owned()));
        assert!(wheels(&place.path().join("none"), &[]).is_err());
    }

    #[test]
    fn modules_are_complete_if_all_that_npm_notes_are_there() {
        let noted = r#"{"packages":{"node_modules/a":{},"node_modules/b":{},"node_modules/c":{"optional":true}}}"#;
        let files = [("node_modules/a/package.json", "{}"), ("node_modules/.package-lock.json", noted)];
        let (place, _) = folder(&files);
        assert_eq!(modules(place.path(), &["a".to_owned()]), Err("b was not installed".to_owned()));
        assert_eq!(modules(place.path(), &["d".to_owned()]), Err("d was not installed".to_owned()));
        fs::create_dir(place.path().join("node_modules/b")).expect("made");
        fs::write(place.path().join("node_modules/b/package.json"), "{}").expect("written");
        assert_eq!(modules(place.path(), &["a".to_owned()]), Ok(()));
    }
}

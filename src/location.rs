//! Where states are stored, as a user writes it.

use std::path::PathBuf;
use std::str::FromStr;

/// The place of states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A folder on this machine.
    Folder(PathBuf),
    /// Objects in a bucket of S3.
    Bucket {
        bucket: String,
        /// A path without slashes at its ends; empty for the top of the bucket.
        prefix: String,
    },
}

/// A text that begins with `s3://` and names no bucket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidLocation(&'static str);

const SCHEME: &str = "s3://";

impl FromStr for Location {
    type Err = InvalidLocation;

    fn from_str(text: &str) -> Result<Self, InvalidLocation> {
        let Some(rest) = text.strip_prefix(SCHEME) else {
            if text.contains("://") || text.starts_with("s3:") || text.starts_with("arn:") {
                return Err(InvalidLocation("states are stored in a folder or at s3://BUCKET/PREFIX"));
            }
            if text.is_empty() {
                return Err(InvalidLocation("the name of the folder is empty"));
            }
            return Ok(Self::Folder(PathBuf::from(text)));
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        if !is_bucket(bucket) {
            return Err(InvalidLocation(
                "the name of a bucket has 3 to 63 characters of a-z, 0-9, - and ., and begins and ends with a letter or digit",
            ));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || "/!-_.*'()".contains(c);
        if prefix.len() > 500
            || !prefix.chars().all(fits)
            || prefix.split('/').any(|part| ["", ".", ".."].contains(&part)) && !prefix.is_empty()
        {
            return Err(InvalidLocation(
                "the prefix in a bucket has at most 500 characters of A-Z, a-z, 0-9 and /!-_.*'(), and no empty part",
            ));
        }
        Ok(Self::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

/// Whether this can be the name of a bucket (docs/aws.md, S3).
fn is_bucket(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    let outer = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    (3..=63).contains(&name.len())
        && name.chars().all(inner)
        && outer(name.chars().next())
        && outer(name.chars().next_back())
        && !name.contains("..")
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Bucket { bucket, prefix } if prefix.is_empty() => write!(f, "{SCHEME}{bucket}"),
            Self::Bucket { bucket, prefix } => write!(f, "{SCHEME}{bucket}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_or_a_bucket() {
        for (text, bucket, prefix) in [
            ("s3://acme-state/orders", "acme-state", "orders"),
            ("s3://abc", "abc", ""),
            ("s3://a.b-1/x/y/", "a.b-1", "x/y"),
        ] {
            let location: Location = text.parse().expect(text);
            assert_eq!(location, Location::Bucket { bucket: bucket.into(), prefix: prefix.into() });
            assert_eq!(location.to_string(), text.trim_end_matches('/'));
        }
        for folder in ["state", "../x", "/var/s3", "./s3:x"] {
            assert_eq!(folder.parse(), Ok(Location::Folder(folder.into())));
        }
        for wrong in [
            "",
            "s3://",
            "s3://ab",
            "s3://Acme",
            "s3://acme//x",
            "s3://acme/a/../b",
            "s3://acme/a b",
            "gs://acme",
            "s3:/acme/x",
            "arn:aws:s3:::acme",
            "s3://-acme",
        ] {
            assert!(wrong.parse::<Location>().is_err(), "{wrong}");
        }
    }
}

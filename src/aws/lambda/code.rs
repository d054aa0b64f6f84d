//! The code of a function.

use std::fmt;
use std::sync::Arc;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, FunctionCodeLocation, PackageType};

/// A function's code. Cheap to clone.
#[derive(Clone)]
pub enum Code {
    Zip {
        bytes: Arc<Vec<u8>>,
        /// Its SHA-256 in base64, as in AWS's `CodeSha256`.
        sha256: String,
    },
    /// The URI of a container image in ECR, with its digest.
    Image(String),
}

impl Default for Code {
    /// An empty archive, for uses in which the code does not matter.
    fn default() -> Self {
        Self::Zip { bytes: Arc::default(), sha256: String::new() }
    }
}

impl Code {
    /// Whether AWS takes the runtime, the handler and the layers from the code itself.
    pub(super) fn is_image(&self) -> bool {
        matches!(self, Self::Image(_))
    }

    pub(super) fn package(&self) -> PackageType {
        if self.is_image() { PackageType::Image } else { PackageType::Zip }
    }

    /// The code in the form that CreateFunction accepts.
    pub(super) fn sent(&self) -> FunctionCode {
        let code = FunctionCode::builder();
        match self {
            Self::Zip { .. } => code.set_zip_file(self.archive()),
            Self::Image(uri) => code.image_uri(uri),
        }
        .build()
    }

    pub(super) fn archive(&self) -> Option<Blob> {
        match self {
            Self::Zip { bytes, .. } => Some(Blob::new(bytes.as_slice())),
            Self::Image(_) => None,
        }
    }

    pub(super) fn image(&self) -> Option<&String> {
        match self {
            Self::Zip { .. } => None,
            Self::Image(uri) => Some(uri),
        }
    }
}

/// The URI of the image that a function runs, with its digest; empty if its code is an archive.
pub(super) fn image_of(code: Option<&FunctionCodeLocation>) -> String {
    let uri = code.and_then(|code| code.resolved_image_uri().or(code.image_uri()));
    uri.unwrap_or_default().to_owned()
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zip { bytes, sha256 } => write!(f, "Code({} bytes, {sha256})", bytes.len()),
            Self::Image(uri) => write!(f, "Code({uri})"),
        }
    }
}

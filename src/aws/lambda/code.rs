//! The code of a function.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

/// A function's code. Cheap to clone.
#[derive(Clone)]
pub struct Code {
    pub zip: Arc<Vec<u8>>,
    /// Its SHA-256 in base64, as in AWS's `CodeSha256`.
    pub sha256: String,
}

impl Code {
    pub fn new(zip: Vec<u8>) -> Self {
        Self { sha256: BASE64_STANDARD.encode(Sha256::digest(&zip)), zip: Arc::new(zip) }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({} bytes, {})", self.zip.len(), self.sha256)
    }
}

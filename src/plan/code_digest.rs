//! What tells one code of a function from another, so that what is rolled out is what was built.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// The SHA-256 of a deployment package as AWS tells it: base64, 44 characters.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html>
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CodeDigest(Arc<str>);

impl CodeDigest {
    /// As AWS told it.
    pub fn new(digest: impl Into<Arc<str>>) -> Self {
        Self(digest.into())
    }

    /// As a person wrote it, if it can be one: 32 bytes in base64.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_suffix('=')?;
        let known = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
        (digits.len() == 43 && digits.bytes().all(known)).then(|| Self::new(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CodeDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

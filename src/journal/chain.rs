//! A chain of digests over the events of a run. The *before* pictures in them are what a run is put back to, so a digit
//! that a disk, an editor or a tool has changed must be found before it is restored. Each event's file ends with the digest
//! of its own text and of the digest before it; reading a run checks them all. It keeps no enemy out, who could write
//! them anew, and journals that were written without it are read as ever.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Where the digest stands in an event's text, which is one JSON object.
const KEY: &str = ",\"chain\":\"";
const END: &str = "\"}";
/// How an event begins that may have none.
const UNCHAINED: &str = "{\"format\":1,";

/// An event's text as its file has it.
pub(super) struct Link<'a> {
    /// Up to where the digest would stand.
    content: &'a str,
    digest: Option<&'a str>,
}

impl<'a> Link<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let text = text.trim_end();
        let parts = text.strip_suffix(END).and_then(|text| text.rsplit_once(KEY));
        match parts {
            Some((content, digest)) => Self { content, digest: Some(digest) },
            None => Self { content: text.strip_suffix('}').unwrap_or(text), digest: None },
        }
    }

    /// What the next one follows: an event from before there were chains stands for itself.
    pub(super) fn end(&self) -> String {
        self.digest.map_or_else(|| digest("", self.content), str::to_owned)
    }

    /// Whether it is what was written, after what it was written after. The first follows nothing.
    pub(super) fn follows(&self, before: Option<&Link<'_>>) -> bool {
        let end = before.map(Link::end).unwrap_or_default();
        match self.digest {
            Some(written) => written == digest(&end, self.content),
            // Once begun, a chain has no gap, and later formats know of nothing else.
            None => {
                self.content.starts_with(UNCHAINED)
                    && before.is_none_or(|before| before.digest.is_none())
            }
        }
    }
}

/// The text of an event that follows what ends like this.
pub(super) fn linked(line: &str, before: &str) -> String {
    let content = line.strip_suffix('}').unwrap_or(line);
    format!("{content}{KEY}{}{END}", digest(before, content))
}

fn digest(before: &str, content: &str) -> String {
    let hash = Sha256::new().chain_update(before).chain_update(content).finalize();
    hash.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

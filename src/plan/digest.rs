//! What identifies a plan as it will run: a hash over its canonical text, so that comments, layout and the spelling
//! of a strategy make no difference, and a parameter's value does.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::{render::expand_to_yaml, whole::Plan};

/// SHA-256 over the plan, in hexadecimal. The plan's own digest field plays no part.
pub(super) fn digest(plan: &Plan) -> String {
    let hash = Sha256::digest(expand_to_yaml(plan));
    hash.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

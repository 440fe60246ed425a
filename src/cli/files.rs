//! The files a person names on the command line. Journals have a module of their own.
#![expect(clippy::disallowed_methods, reason = "this is the one place that opens users' files")]

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use anyhow::Context;

use super::exit::{Exit, Failure};
use crate::runner::Hangup;

/// Whether whoever started this process had SIGHUP ignored. Only Linux tells; elsewhere it ends a run in good order.
pub(super) fn at_hangup() -> Hangup {
    const SIGHUP: u64 = 1;
    let mut status = String::new();
    // What cannot be read tells nothing.
    let _ = File::open("/proc/self/status")
        .and_then(|file| file.take(64 * 1024).read_to_string(&mut status));
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    match ignored {
        Some(mask) if mask & SIGHUP != 0 => Hangup::Ignored,
        Some(_) | None => Hangup::Ends,
    }
}

/// A plan or scenario, or `-` for standard input. It may be a pipe into which nobody ever writes, so it is read beside
/// everything else, and whoever waits for it can be interrupted.
pub(super) async fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let from = path.to_owned();
    let bytes = tokio::task::spawn_blocking(move || bounded(&from)).await;
    let bytes = bytes.unwrap_or_else(|stopped| Err(io::Error::other(stopped)));
    bytes.with_context(|| format!("cannot read {}", path.display())).map_err(|error| {
        let hint = "check the path; `-` reads standard input".to_owned();
        Failure::new(Exit::Usage, error, Some(hint))
    })
}

/// Reading stops a little above what any plan may have, so that a wrong file name does not fill the memory; the language
/// then says that it is too large.
fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    const ENOUGH: u64 = 2 * 1024 * 1024;
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().take(ENOUGH).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(ENOUGH).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

//! The files a person names on the command line. Journals have a module of their own.
#![expect(clippy::disallowed_methods, reason = "this is the one place that opens users' files")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use anyhow::Context;

use super::exit::{Exit, Failure};
use crate::{plan, runner::Hangup};

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

/// The files that a plan names, from the folder in which it stands; from where one works, for a plan on standard input. What
/// is wrong with one is for the language to tell, at the key that names it.
pub(super) async fn beside(
    plan: &Path,
    names: BTreeSet<String>,
) -> Result<BTreeMap<String, Result<String, String>>, Failure> {
    let folder = plan.parent().unwrap_or(Path::new("")).to_owned();
    let read = tokio::task::spawn_blocking(move || {
        // A little more than any plan may have, so that the language finds what is too much.
        let mut left = 2 * plan::MOST_OF_FILES;
        let read = names.into_iter().map(|name| {
            let text = text_of(&folder.join(&name), left);
            left = left.saturating_sub(text.as_ref().map_or(0, String::len));
            (name, text.map_err(|error| error.to_string()))
        });
        read.collect()
    });
    read.await.context("cannot read the files of the plan").map_err(Failure::from)
}

/// Pipes and devices are no files: whoever opens one may wait for ever.
fn text_of(path: &Path, left: usize) -> io::Result<String> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no plain file"));
    }
    if left == 0 {
        return Err(io::Error::other("there are too many files before it"));
    }
    let (mut bytes, most) = (Vec::new(), plan::MOST_OF_FILE as u64 + 1);
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    // The end may stand within a character; then it is too large anyway.
    if bytes.len() > plan::MOST_OF_FILE {
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))
}

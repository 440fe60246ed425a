//! Room on the disk that is kept back: nothing is done to the world that is not in the journal first, so on a full disk a
//! run could not even take back what it has done. A file beside its events holds as much as a roll-back writes; it is
//! given up when there is no other room.

use std::path::PathBuf;

use super::{Files, disk};
use crate::{
    journal::{Error, RunId},
    rollout::Event,
};

/// Some 60 events, each in a block of its own.
const BYTES: usize = 256 * 1024;

impl Files {
    pub(super) fn reserve(&self, run: &RunId) -> PathBuf {
        self.folder(run).join("reserve")
    }

    /// Really takes the room: what is all alike may be stored as nothing.
    pub(super) fn make_reserve(&self, run: &RunId) -> Result<(), Error> {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let noise = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(b' ' + u8::try_from(state % 95).unwrap_or(0))
        });
        let noise: String = noise.take(BYTES).collect();
        disk::create(&self.reserve(run), &noise).map(|_| ())
    }

    /// Writes, and once more when that fails for want of room that the reserve can give.
    pub(super) fn within_reserve<T>(
        &self,
        run: &RunId,
        write: impl Fn() -> Result<T, Error>,
    ) -> Result<T, Error> {
        match write() {
            Err(error) if error.is_out_of_space() && self.reserve(run).is_file() => {
                disk::remove(&self.reserve(run))?;
                write()
            }
            other => other,
        }
    }

    /// Whoever takes a run over makes its reserve anew if it is gone and there is room again; what has ended needs none.
    pub(super) fn tend_reserve(&self, run: &RunId, appended: &Event) {
        // The event is durable, which is what was asked for; without a reserve the run is short, and that is seen.
        let _ = match appended {
            Event::RunnerStarted { .. } if !self.reserve(run).is_file() => self.make_reserve(run),
            Event::RunEnded { .. } => disk::remove(&self.reserve(run)),
            _ => Ok(()),
        };
    }
}

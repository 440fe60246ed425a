//! Room on the disk that is kept back: nothing is done to the world that is not in the journal first, so on a full disk a
//! run could not even take back what it has done. A file beside its events holds as much as a roll-back writes; it is
//! given up when there is no other room.

use std::path::PathBuf;

use super::{Files, disk};
use crate::journal::Error;

/// Some 60 events, each in a block of its own.
const BYTES: usize = 256 * 1024;

impl Files {
    pub(super) fn reserve(&self, folder: &str) -> PathBuf {
        self.path(folder).join("reserve")
    }

    /// That of the run to which an object belongs: the first two names of its key.
    pub(super) fn reserve_of(&self, key: &str) -> PathBuf {
        let run: Vec<&str> = key.splitn(3, '/').take(2).collect();
        self.reserve(&run.join("/"))
    }

    /// Really takes the room, unless that is done: what is all alike may be stored as nothing.
    pub(super) fn make_reserve(&self, folder: &str) -> Result<(), Error> {
        let path = self.reserve(folder);
        if path.is_file() {
            return Ok(());
        }
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let noise = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(b' ' + u8::try_from(state % 95).unwrap_or(0))
        });
        let noise: String = noise.take(BYTES).collect();
        disk::create(&path, &noise).map(|_| ())
    }
}

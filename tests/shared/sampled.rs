//! Which stories of a long list a test goes through. All of them are `make sweep`'s; in between each test takes a part, by
//! a seed that it prints, and as many runs as there are parts are likely to make up the whole.

use std::{env, time::SystemTime};

#[derive(Clone, Copy)]
pub(crate) enum Sampled {
    All,
    OneOf { parts: usize, seed: usize },
}

impl Sampled {
    /// As `TIDEGATE_SWEEP` says: `all`, or the seed of a sample; without it, another one each second.
    pub(crate) fn one_of(parts: usize, what: &str) -> Self {
        let seed = match env::var("TIDEGATE_SWEEP").as_deref() {
            Ok("all") => return Self::All,
            Ok(seed) => seed.parse().expect("TIDEGATE_SWEEP is `all` or a number"),
            Err(_) => now_in_seconds() % parts,
        };
        println!("one of {parts} {what}, TIDEGATE_SWEEP={seed}");
        Self::OneOf { parts, seed }
    }

    /// Whether the story with this number is gone through.
    pub(crate) fn takes(self, story: usize) -> bool {
        match self {
            Self::All => true,
            Self::OneOf { parts, seed } => (story + seed).is_multiple_of(parts),
        }
    }
}

fn now_in_seconds() -> usize {
    usize::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap()
}

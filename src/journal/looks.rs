//! What was looked at last, beside the events of a run: `runs/<run>/looks.json`. The journal keeps only answers that
//! matter; `status` tells by these when somebody last looked. They are no facts: nothing is decided from them.

use serde::{Deserialize, Serialize};

use super::{Error, RunId, Store, store::folder};
use crate::rollout::{Check, Reading, Timestamp};

/// The last answer to each check, whether or not the journal keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looks {
    /// When the runner noted them, and so was there.
    pub at: Timestamp,
    /// How many events it had written by then.
    #[serde(default)]
    pub events: u64,
    /// In the order of the checks.
    pub readings: Vec<Look>,
}

/// The last answer to one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    pub check: Check,
    pub reading: Reading,
}

impl Looks {
    /// Takes an answer in the place of the last one to the same check.
    pub fn keep(&mut self, check: &Check, reading: &Reading) {
        let look = Look { check: check.clone(), reading: reading.clone() };
        match self.readings.binary_search_by(|look| look.check.cmp(check)) {
            Ok(at) => {
                if let Some(old) = self.readings.get_mut(at) {
                    *old = look;
                }
            }
            Err(at) => self.readings.insert(at, look),
        }
    }
}

fn key(run: &RunId) -> String {
    format!("{}/looks.json", folder(run))
}

impl Store {
    /// Notes what was looked at last, in the place of what was noted before. It may be lost.
    pub async fn note(&self, run: &RunId, looks: &Looks) -> Result<(), Error> {
        let text = serde_json::to_string(looks).map_err(|source| Error::Unwritable {
            what: format!("what run {run} has looked at"),
            source,
        })?;
        self.objects.put(&key(run), &(text + "\n")).await
    }

    /// Whether anything was ever noted, readable or not.
    pub(super) async fn has_looked(&self, run: &RunId) -> bool {
        !matches!(self.objects.get(&key(run)).await, Ok(None))
    }

    /// What was noted last, as far as it can be read.
    pub async fn noted(&self, run: &RunId) -> Option<Looks> {
        serde_json::from_str(&self.objects.get(&key(run)).await.ok()??).ok()
    }
}

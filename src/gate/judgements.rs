//! What the `compare` gates of a run have judged so far, so that a poll costs what is new since the last. Nothing hangs on
//! it: without it a poll gives the same reading, as it does after a crash.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{judge::Judgement, plan::GateName};

#[derive(Clone, Debug, Default)]
pub struct Judgements(Arc<Mutex<BTreeMap<GateName, Judgement>>>);

impl Judgements {
    /// That of a gate, which is at nobody else's disposal until it is kept again.
    pub(super) fn take(&self, gate: &GateName) -> Judgement {
        self.all().remove(gate).unwrap_or_default()
    }

    pub(super) fn keep(&self, gate: &GateName, judgement: Judgement) {
        self.all().insert(gate.clone(), judgement);
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<GateName, Judgement>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

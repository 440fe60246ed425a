//! What watches a run from beside it: the terminal today. It folds the same events as everything else and decides nothing.

use crate::{
    journal::Envelope,
    rollout::{State, Timestamp},
};

/// Who wants to see what happens.
pub trait Observer: Send {
    /// An event is durable and has been folded.
    fn event(&mut self, envelope: &Envelope, state: &State);

    /// Something worth telling that is not a fact of the run.
    fn notice(&mut self, words: &str);

    /// Time has passed.
    fn tick(&mut self, _state: &State, _now: Timestamp) {}
}

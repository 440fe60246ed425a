//! What watches a run from beside it. It folds the same events as everything else and decides nothing.

use crate::{journal::Envelope, rollout::Timestamp};

/// Who wants to see what happens. It is called on the loop: whoever may take time stands behind [`super::Observers`].
pub trait Observer: Send {
    /// An event is durable and has been folded.
    fn event(&mut self, envelope: &Envelope);

    /// Something worth telling that is not a fact of the run.
    fn notice(&mut self, words: &str);

    /// Time has passed.
    fn tick(&mut self, _now: Timestamp) {}
}

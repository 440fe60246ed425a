//! Shows a run while it happens: the same timeline that `history` tells later, or the events themselves as JSON.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::sync::{Notify, mpsc::UnboundedReceiver};

use crate::{
    cli::{args::Format, output::Output},
    journal::Envelope,
    plan::Plan,
    report::{Offers, RunFold, Timeline, progress},
    rollout::Timestamp,
    runner::{Clock, Observer, Observers},
};

/// The terminal, as one of the run's observers.
pub(super) struct Witness {
    plan: Arc<Plan>,
    output: Output,
    timeline: Timeline,
    fold: RunFold,
    offers: Offers,
    /// Notes that were given: each is true until something else is told, and is not repeated at every look.
    noted: BTreeSet<String>,
    /// What goes on beside the loop.
    told: UnboundedReceiver<String>,
}

/// Whoever watches a simulation, which may be given up.
pub(super) struct Bounded {
    pub(super) observers: Observers,
    /// Nobody bounds a run in the real cloud.
    pub(super) effort: Option<Effort>,
}

/// What a simulation may take of the machine, whatever its plan: virtual time costs nothing, looking does. Whoever waits
/// for `spent` hears when it has taken that.
pub(super) struct Effort {
    pub(super) spent: Arc<Notify>,
    looks: u64,
    /// The machine's own, since the simulation's stands still while it works.
    clock: Clock,
    began: Timestamp,
}

impl Effort {
    /// More than a week of gates that are read every second.
    const MOST_LOOKS: u64 = 1_000_000;
    /// Plans of thousands of gates look slowly.
    const LONGEST: Duration = Duration::from_mins(2);

    pub(super) fn new() -> Self {
        let clock = Clock::system();
        let began = clock.undisturbed();
        Self { spent: Arc::default(), looks: 0, clock, began }
    }

    fn look(&mut self) {
        self.looks += 1;
        let took = self.clock.undisturbed().since(self.began);
        if self.looks >= Self::MOST_LOOKS || took >= Self::LONGEST {
            self.spent.notify_one();
        }
    }
}

impl Witness {
    /// Events that happened before this process are remembered, and not shown again.
    pub(super) fn new(
        plan: &Arc<Plan>,
        output: &Output,
        (before, offers): (&[Envelope], &Offers),
        told: UnboundedReceiver<String>,
    ) -> Self {
        let timeline = Timeline::new(plan, output.style);
        let mut timeline = timeline.within(output.width()).offering(offers.clone());
        let mut fold = RunFold::default();
        for envelope in before {
            timeline.lines(envelope);
            fold.take(envelope);
        }
        let (plan, output, offers) = (plan.clone(), output.clone(), offers.clone());
        Self { plan, output, timeline, fold, offers, noted: BTreeSet::new(), told }
    }

    fn show_progress(&mut self, now: Timestamp) {
        if self.output.shows_progress() {
            let line = progress(&self.fold.view(&self.plan, now).offering(&self.offers));
            self.output.progress(line);
        }
    }
}

impl Observer for Witness {
    fn event(&mut self, envelope: &Envelope) {
        match self.output.format {
            Format::Json => self.output.json(envelope),
            Format::Text => {
                for line in self.timeline.lines(envelope) {
                    self.output.page(&line);
                }
            }
        }
        self.fold.take(envelope);
        self.show_progress(envelope.at);
    }

    fn notice(&mut self, words: &str) {
        if self.noted.insert(words.to_owned()) {
            self.output.say("note", words);
        }
    }

    fn tick(&mut self, now: Timestamp) {
        while let Ok(words) = self.told.try_recv() {
            self.notice(&words);
        }
        self.show_progress(now);
    }
}

/// The line at the bottom goes with whoever draws it.
impl Drop for Witness {
    fn drop(&mut self) {
        self.output.progress(None);
    }
}

impl Bounded {
    /// How often it was looked.
    pub(super) fn looks(&self) -> u64 {
        self.effort.as_ref().map_or(0, |effort| effort.looks)
    }

    fn look(&mut self) {
        if let Some(effort) = &mut self.effort {
            effort.look();
        }
    }
}

impl Observer for Bounded {
    fn event(&mut self, envelope: &Envelope) {
        self.look();
        self.observers.event(envelope);
    }

    fn notice(&mut self, words: &str) {
        self.observers.notice(words);
    }

    fn tick(&mut self, now: Timestamp) {
        self.look();
        self.observers.tick(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_simulation_that_looks_for_ever_is_given_up() {
        let given_up = async |effort: &Effort| {
            let patience = Duration::from_millis(10);
            tokio::time::timeout(patience, effort.spent.notified()).await.is_ok()
        };
        let mut effort = Effort { looks: Effort::MOST_LOOKS - 2, ..Effort::new() };
        effort.look();
        assert!(!given_up(&effort).await, "one is left");
        effort.look();
        assert!(given_up(&effort).await);
        let mut slow = Effort::new();
        slow.began = slow.began.before(Effort::LONGEST);
        slow.look();
        assert!(given_up(&slow).await, "a single look that takes too long counts too");
    }
}

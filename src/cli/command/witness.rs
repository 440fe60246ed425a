//! Shows a run while it happens: the same timeline that `history` tells later, or the events themselves as JSON.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::sync::{Notify, mpsc::UnboundedReceiver};

use crate::{
    cli::{args::Format, output::Output},
    journal::Envelope,
    plan::Plan,
    report::{RunFold, RunView, Timeline, progress},
    rollout::{State, Timestamp},
    runner::{Clock, Observer},
};

pub(super) struct Witness<'a> {
    plan: &'a Plan,
    output: &'a mut Output,
    timeline: Timeline,
    fold: RunFold,
    /// Notes that were given: each is true until something else is told, and is not repeated at every look.
    noted: BTreeSet<String>,
    /// What goes on beside the loop.
    told: UnboundedReceiver<String>,
    effort: Option<Effort>,
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

impl<'a> Witness<'a> {
    /// Events that happened before this process are remembered, and not shown again.
    pub(super) fn new(
        plan: &'a Plan,
        output: &'a mut Output,
        before: &[Envelope],
        told: UnboundedReceiver<String>,
    ) -> Self {
        let mut timeline = Timeline::new(plan, output.style).within(output.width());
        let mut fold = RunFold::default();
        for envelope in before {
            timeline.lines(envelope);
            fold.take(envelope);
        }
        Self { plan, output, timeline, fold, noted: BTreeSet::new(), told, effort: None }
    }

    /// A simulation is watched, too.
    pub(super) fn bounded(self, effort: Effort) -> Self {
        Self { effort: Some(effort), ..self }
    }

    /// How often it was looked.
    pub(super) fn looks(&self) -> u64 {
        self.effort.as_ref().map_or(0, |effort| effort.looks)
    }

    fn look(&mut self) {
        if let Some(effort) = &mut self.effort {
            effort.look();
        }
    }

    pub(super) fn view(&self, now: Timestamp) -> RunView {
        self.fold.view(self.plan, now)
    }

    fn show_progress(&mut self, now: Timestamp) {
        if self.output.shows_progress() {
            let line = progress(&self.view(now));
            self.output.progress(line);
        }
    }
}

impl Observer for Witness<'_> {
    fn event(&mut self, envelope: &Envelope, _state: &State) {
        match self.output.format {
            Format::Json => self.output.json(envelope),
            Format::Text => {
                for line in self.timeline.lines(envelope) {
                    self.output.page(&line);
                }
            }
        }
        self.fold.take(envelope);
        self.look();
        self.show_progress(envelope.at);
    }

    fn notice(&mut self, words: &str) {
        if self.noted.insert(words.to_owned()) {
            self.output.say("note", words);
        }
    }

    fn tick(&mut self, _state: &State, now: Timestamp) {
        while let Ok(words) = self.told.try_recv() {
            self.notice(&words);
        }
        self.look();
        self.show_progress(now);
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

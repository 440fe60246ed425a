//! Shows a run while it happens: the same timeline that `history` tells later, or the events themselves as JSON.

use std::collections::BTreeSet;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::{
    cli::{args::Format, output::Output},
    journal::Envelope,
    plan::Plan,
    report::{RunFold, RunView, Timeline, progress},
    rollout::{State, Timestamp},
    runner::Observer,
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
        Self { plan, output, timeline, fold, noted: BTreeSet::new(), told }
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
        self.show_progress(now);
    }
}

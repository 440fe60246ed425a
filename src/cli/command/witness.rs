//! Shows a run while it happens: the same timeline that `history` tells later, or the events themselves as JSON.

use crate::{
    cli::{args::Format, output::Output},
    journal::Envelope,
    plan::Plan,
    report::{RunView, Timeline, progress},
    rollout::{State, Timestamp},
    runner::Observer,
};

pub(super) struct Witness<'a> {
    plan: &'a Plan,
    output: &'a mut Output,
    timeline: Timeline,
    journal: Vec<Envelope>,
}

impl<'a> Witness<'a> {
    /// Events that happened before this process are remembered, and not shown again.
    pub(super) fn new(plan: &'a Plan, output: &'a mut Output, before: Vec<Envelope>) -> Self {
        let mut timeline = Timeline::new(plan, output.style);
        for envelope in &before {
            timeline.lines(envelope);
        }
        Self { plan, output, timeline, journal: before }
    }

    pub(super) fn view(&self, now: Timestamp) -> RunView {
        RunView::of(self.plan, &self.journal, now)
    }

    fn show_progress(&mut self, now: Timestamp) {
        let line = progress(&self.view(now));
        self.output.progress(line);
    }
}

impl Observer for Witness<'_> {
    fn event(&mut self, envelope: &Envelope, _state: &State) {
        match self.output.format {
            Format::Json => self.output.json(envelope),
            Format::Text => {
                for line in self.timeline.lines(envelope) {
                    self.output.data(&line);
                }
            }
        }
        self.journal.push(envelope.clone());
        self.show_progress(envelope.at);
    }

    fn notice(&mut self, words: &str) {
        self.output.talk(&format!("note: {words}"));
    }

    fn tick(&mut self, _state: &State, now: Timestamp) {
        self.show_progress(now);
    }
}

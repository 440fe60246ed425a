//! What has to be counted of a gate's readings: how often it failed, and since when nobody knows. A fold like the state
//! it is a part of, so that a crash neither forgives nor repeats a failure.

use std::time::Duration;

use super::{Outcome, Reading, Timestamp};
use crate::plan::Tolerance;

/// What a gate has said that counts. Waiting and unknown neither end a row of failures nor add to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tally {
    /// Failed readings since the last one that passed.
    pub consecutive: u32,
    /// Failed readings in all.
    pub total: u32,
    /// When the last one began.
    pub failed_at: Option<Timestamp>,
    /// Since when it has been unknown without a break; later by the time in which nothing could move.
    pub unknown_since: Option<Timestamp>,
}

impl Tally {
    /// Takes the next reading in.
    pub fn count(&mut self, reading: &Reading) {
        match reading.outcome {
            Outcome::Unknown => {
                self.unknown_since.get_or_insert(reading.at);
                return;
            }
            Outcome::Wait => {}
            Outcome::Pass => self.consecutive = 0,
            Outcome::Fail => {
                self.consecutive = self.consecutive.saturating_add(1);
                self.total = self.total.saturating_add(1);
                self.failed_at = Some(reading.at);
            }
        }
        self.unknown_since = None;
    }

    /// Whether it has come to anything that may stop a step.
    pub(super) fn may_stop(&self) -> bool {
        self.total > 0 || self.unknown_since.is_some()
    }

    /// Whether the gate has failed more often than is tolerated.
    pub fn is_beyond(&self, tolerance: &Tolerance) -> bool {
        self.consecutive > tolerance.consecutive || self.total > tolerance.total
    }

    /// When a gate watched since `watched` will have been unknown for so long, if it stays so.
    pub(super) fn patience_ends(&self, lasts: Duration, watched: Timestamp) -> Option<Timestamp> {
        Some(self.unknown_since?.max(watched).plus(lasts))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        plan::{GateName, OnFailure, Patience, Plan},
        rollout::{
            Actor, Bindings, Cause, Check, Command, Event, Input, Mode, State, handle, outstanding,
        },
        testkit::sample_plan,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    /// A run whose first step waits for gate `errors`, which tolerates so much.
    struct Story {
        plan: Plan,
        state: State,
        events: Vec<Event>,
    }

    impl Story {
        fn with(tolerance: Tolerance) -> Self {
            let mut plan = sample_plan();
            plan.gates.get_mut("errors").unwrap().tolerance = tolerance;
            plan.components.edit()[0].steps.drain(..2);
            let mut story = Self { plan, state: State::default(), events: Vec::new() };
            let started = Event::RunStarted {
                plan: story.plan.name.clone(),
                digest: String::new(),
                params: BTreeMap::new(),
                by: Actor("test".into()),
                bindings: Bindings::default(),
                found: Vec::new(),
                excused: Vec::new(),
                attempts: BTreeMap::new(),
                acting_as: None,
            };
            story.state.apply(&started, at(0));
            story.put(&Input::Tick, 0);
            story
        }

        fn put(&mut self, input: &Input, seconds: i64) {
            for event in handle(&self.plan, &self.state, input, at(seconds)).unwrap() {
                self.state.apply(&event, at(seconds));
                self.events.push(event);
            }
        }

        fn say(&mut self, outcome: Outcome, seconds: i64) {
            let check = Check::Gate(GateName::new("errors"));
            let reading = Reading::new(outcome, at(seconds), "test");
            self.put(&Input::Answered { check, reading }, seconds);
        }

        fn failure(&self) -> Option<&Cause> {
            self.events.iter().find_map(|event| match event {
                Event::StepFailed { cause, .. } => Some(cause),
                _ => None,
            })
        }
    }

    const TWICE: Tolerance = Tolerance { consecutive: 1, total: 2, unknown: None };

    fn impatient(then: OnFailure) -> Tolerance {
        let unknown = Some(Patience { lasts: Duration::from_mins(5), then });
        Tolerance { unknown, ..Tolerance::default() }
    }

    #[test]
    fn without_a_word_the_first_failure_fails() {
        let mut story = Story::with(Tolerance::default());
        story.say(Outcome::Fail, 10);
        assert!(matches!(story.failure(), Some(Cause::GateFailed { .. })), "{:?}", story.events);
        assert!(matches!(story.state.mode, Mode::RollingBack { .. } | Mode::Ended(_)));
    }

    #[test]
    fn a_tolerated_failure_is_kept_and_the_next_in_a_row_fails() {
        let mut story = Story::with(TWICE);
        story.say(Outcome::Fail, 10);
        assert_eq!(story.failure(), None);
        story.say(Outcome::Unknown, 20);
        story.say(Outcome::Fail, 30);
        assert!(story.failure().is_some(), "unknown does not end the row");
    }

    #[test]
    fn passing_between_ends_the_row_but_not_the_count() {
        let mut story = Story::with(TWICE);
        for (seconds, outcome) in [(10, Outcome::Fail), (20, Outcome::Pass), (30, Outcome::Fail)] {
            story.say(outcome, seconds);
        }
        assert_eq!(story.failure(), None);
        story.say(Outcome::Pass, 40);
        story.say(Outcome::Fail, 50);
        assert!(story.failure().is_some(), "a third in all");
    }

    #[test]
    fn a_forgiven_failure_is_not_found_again_in_the_history() {
        let mut story = Story::with(TWICE);
        story.say(Outcome::Fail, 10);
        let polls = outstanding(&story.plan, &story.state, at(10)).polls;
        let covering = polls.iter().map(|poll| poll.covering).max();
        assert_eq!(covering, Some(Timestamp::from_millis(10_001)));
    }

    #[test]
    fn a_crash_after_the_last_straw_does_not_forgive_it() {
        let mut story = Story::with(Tolerance::default());
        let reading = Reading::new(Outcome::Fail, at(10), "test");
        let read = Event::Read { check: Check::Gate(GateName::new("errors")), reading };
        story.state.apply(&read, at(10));
        story.put(&Input::RunnerStarted { by: Actor("second".into()), then: Vec::new() }, 60);
        assert!(story.failure().is_some());
    }

    #[test]
    fn a_gate_that_stays_unknown_holds_the_run_which_then_starts_afresh() {
        let mut story = Story::with(impatient(OnFailure::Hold));
        story.say(Outcome::Unknown, 10);
        let wake = outstanding(&story.plan, &story.state, at(10)).wake;
        assert_eq!(wake, Some(at(310)));
        story.put(&Input::Tick, 309);
        assert_eq!(story.failure(), None);
        story.put(&Input::Tick, 310);
        assert!(matches!(&story.state.mode, Mode::Held(Cause::GateUnknown { .. })));
        let by = Actor("test".into());
        story.put(&Input::Command { by, command: Command::Resume }, 400);
        story.put(&Input::Tick, 700);
        assert_eq!(story.state.mode, Mode::Forward, "a person has looked at it");
    }

    #[test]
    fn a_gate_that_stays_unknown_rolls_back_where_the_plan_says_so() {
        let mut story = Story::with(impatient(OnFailure::RollBack));
        story.say(Outcome::Unknown, 10);
        story.put(&Input::Tick, 310);
        assert!(!matches!(story.state.mode, Mode::Forward | Mode::Held(_)));
    }

    #[test]
    fn one_answer_in_between_and_time_without_a_runner_prolong_the_patience() {
        let mut story = Story::with(impatient(OnFailure::Hold));
        story.say(Outcome::Unknown, 10);
        story.say(Outcome::Wait, 200);
        story.say(Outcome::Unknown, 210);
        story.put(&Input::Tick, 500);
        story.put(&Input::RunnerStarted { by: Actor("second".into()), then: Vec::new() }, 560);
        assert_eq!(story.failure(), None);
        story.put(&Input::Tick, 860);
        assert!(story.failure().is_some());
    }
}

//! Windows: what the clock alone says about when a step may start. Nobody is asked, so there is nothing to poll; what is
//! said goes into the journal like any other reading.

use super::{Check, Event, Outcome, Reading, State, Timestamp, step::next_steps};
use crate::plan::{GateKind, GateName, Opening, Plan, Step, Window};

/// What a window says of a moment.
pub fn window_reading(window: &Window, now: Timestamp) -> Reading {
    let (outcome, because) = match window.at(now.as_millis()) {
        Opening::Open => {
            (Outcome::Pass, format!("{} is within {window}", window.local(now.as_millis())))
        }
        Opening::Closed { opens: Some(opens) } => {
            (Outcome::Wait, format!("closed until {}", window.local(opens)))
        }
        Opening::Closed { opens: None } => {
            (Outcome::Unknown, format!("{window} does not open within a year"))
        }
    };
    Reading::new(outcome, now, because)
}

fn windows<'a>(plan: &'a Plan, step: &'a Step) -> impl Iterator<Item = (&'a GateName, &'a Window)> {
    step.conduct().gates.iter().filter_map(|name| match &plan.gates.get(name)?.kind {
        GateKind::Window(window) => Some((name, window)),
        GateKind::Alarms(_)
        | GateKind::Healthy { .. }
        | GateKind::Http(_)
        | GateKind::Metric(_)
        | GateKind::Compare(_)
        | GateKind::ErrorBudget(_)
        | GateKind::Command(_)
        | GateKind::Lambda(_)
        | GateKind::Queue(_)
        | GateKind::Stream(_)
        | GateKind::Invoke(_) => None,
    })
}

/// What is new about the windows of a step that is about to start.
pub(super) fn news(plan: &Plan, state: &State, step: &Step, now: Timestamp) -> Vec<Event> {
    let news = windows(plan, step).filter_map(|(name, window)| {
        let check = Check::Gate(name.clone());
        let reading = window_reading(window, now);
        let last = state.readings.get(&check);
        let is_new = last.is_none_or(|last| last.outcome != reading.outcome);
        is_new.then_some(Event::Read { check, reading })
    });
    news.collect()
}

/// When the windows of a step let it start: `None` when they do now.
pub(super) fn closed_until(plan: &Plan, step: &Step, now: Timestamp) -> Option<Timestamp> {
    let closed = windows(plan, step).filter_map(|(_, window)| match window.at(now.as_millis()) {
        Opening::Open => None,
        Opening::Closed { opens } => Some(Timestamp::from_millis(opens.unwrap_or(i64::MAX))),
    });
    closed.max()
}

/// The steps that would start if their windows were open, and when those open.
pub(super) fn shut_out<'a>(
    plan: &'a Plan,
    state: &'a State,
    now: Timestamp,
) -> impl Iterator<Item = (&'a Step, Timestamp)> {
    let waiting = next_steps(plan, state).filter(|(_, step)| !state.steps.contains_key(&step.id));
    waiting.filter_map(move |(_, step)| Some((step, closed_until(plan, step, now)?)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        plan::{Gate, Place, SourceFile, Tolerance, Verb, read},
        rollout::{Actor, Bindings, Input, handle, outstanding},
        testkit::sample_plan,
    };

    /// 2026-11-24T06:00:00Z, a Tuesday.
    const SIX: Timestamp = Timestamp::from_millis(1_795_500_000_000);
    const NINE: Timestamp = Timestamp::from_millis(1_795_510_800_000);

    fn window() -> Window {
        let text = "tidegate: 1\nname: x\ngates: { g: { window: { hours: '09:00-17:00' } } }\nsteps: [probe: g]\n";
        let plan = read(&SourceFile::new("plan", text), &BTreeMap::new()).unwrap().plan;
        match &plan.gates["g"].kind {
            GateKind::Window(window) => window.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// A run of the sample plan without its first two steps, its shifts bound to office hours.
    fn begin(at: Timestamp) -> (Plan, State, Vec<Event>) {
        let mut plan = sample_plan();
        let name = GateName::new("hours");
        let every = std::time::Duration::from_secs(10);
        let gate = Gate {
            kind: GateKind::Window(window()),
            every,
            tolerance: Tolerance::default(),
            place: Place::default(),
        };
        plan.gates.insert(name.clone(), gate);
        plan.components.edit()[0].steps.drain(..2);
        for step in &mut plan.components.edit()[0].steps {
            if let Verb::Shift { gates, .. } = &mut step.verb {
                gates.push(name.clone());
            }
        }
        let mut state = State::default();
        let started = Event::RunStarted {
            plan: plan.name.clone(),
            digest: String::new(),
            params: BTreeMap::new(),
            by: Actor("test".into()),
            bindings: Bindings::default(),
            found: Vec::new(),
            excused: Vec::new(),
            attempts: BTreeMap::new(),
            acting_as: None,
        };
        state.apply(&started, at);
        let events = put(&plan, &mut state, &Input::Tick, at);
        (plan, state, events)
    }

    fn put(plan: &Plan, state: &mut State, input: &Input, at: Timestamp) -> Vec<Event> {
        let events = handle(plan, state, input, at).unwrap();
        for event in &events {
            state.apply(event, at);
        }
        events
    }

    fn outcomes(events: &[Event]) -> Vec<Outcome> {
        let outcome = |event: &Event| match event {
            Event::Read { reading, .. } => Some(reading.outcome),
            _ => None,
        };
        events.iter().filter_map(outcome).collect()
    }

    #[test]
    fn a_step_starts_when_its_window_opens_and_its_time_begins_then() {
        let (plan, mut state, events) = begin(SIX);
        assert_eq!(outcomes(&events), [Outcome::Wait]);
        assert!(state.steps.is_empty(), "nothing has started");
        assert_eq!(outstanding(&plan, &state, SIX).wake, Some(NINE));
        assert_eq!(
            put(&plan, &mut state, &Input::Tick, SIX.plus(std::time::Duration::from_mins(1))),
            []
        );
        let events = put(&plan, &mut state, &Input::Tick, NINE);
        assert_eq!(outcomes(&events), [Outcome::Pass]);
        let step = state.steps.values().next().unwrap();
        let timeout = plan.components[0].steps[0].timeout.unwrap();
        assert_eq!(step.deadline, Some(NINE.plus(timeout)));
    }

    #[test]
    fn a_step_that_has_started_is_not_stopped_when_its_window_closes() {
        let (plan, state, _) = begin(NINE);
        assert_eq!(state.steps.len(), 1);
        let polls = outstanding(&plan, &state, NINE).polls;
        let hours = Check::Gate(GateName::new("hours"));
        let asked =
            polls.iter().any(|p| p.subject == crate::rollout::Subject::Check(hours.clone()));
        assert!(!asked, "nobody is asked what the clock tells");
    }

    #[test]
    fn another_runner_waits_for_the_same_moment() {
        let (plan, mut state, _) = begin(SIX);
        put(
            &plan,
            &mut state,
            &Input::RunnerStarted { by: Actor("second".into()), then: Vec::new() },
            SIX,
        );
        assert_eq!(outstanding(&plan, &state, SIX).wake, Some(NINE));
    }
}

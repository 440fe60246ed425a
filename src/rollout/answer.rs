//! Which answers to checks become events. Most say what the one before them said, and are not kept.

use std::time::Duration;

use super::{
    Beside, Check, Event, Mode, Outcome, Reading, State, Timestamp, attempts, rollback, watch,
};
use crate::plan::Plan;

/// A check was answered. Answers nobody waits for are dropped; those that change nothing are not kept, but a gate's
/// failures all are: they are counted; and evidence is that has moved, for a later run. What follows from them is
/// `stopping.rs`'s business.
pub(super) fn answered(
    plan: &Plan,
    state: &State,
    check: &Check,
    reading: &Reading,
    now: Timestamp,
) -> Vec<Event> {
    let forward = || watch::forward_on(plan, state, check, now);
    let back = |since| {
        let mut watched = rollback::watched(plan, state, since).into_iter();
        watched.find(|watched| watched.check == *check)
    };
    // What goes back has as long as a roll-back has, and all else as long as its step.
    let (watched, since) = match &state.mode {
        Mode::NotStarted | Mode::Held(_) | Mode::Ended(_) => return Vec::new(),
        Mode::Forward => (forward(), None),
        Mode::RollingBack { since, beside, .. } => match (back(*since), beside) {
            (Some(watched), _) => (Some(watched), Some(*since)),
            (None, Beside::Nobody) => return Vec::new(),
            (None, Beside::Held(_)) if !watch::is_alarming(check) => return Vec::new(),
            (None, Beside::Held(_) | Beside::Forward) => (forward(), None),
        },
    };
    let Some(watched) = watched else { return Vec::new() };
    let failed = reading.outcome == Outcome::Fail && matches!(check, Check::Gate(_));
    if reading.at < watched.since && !failed {
        return Vec::new();
    }
    let last = state.readings.get(check);
    // That users are served is what everybody expects; only the news that they are not, and its end, are kept.
    if matches!(check, Check::Served { .. }) && reading.outcome == Outcome::Pass && last.is_none() {
        return Vec::new();
    }
    let new = last.is_none_or(|last| {
        last.outcome != reading.outcome
            || (last.at < watched.since && !matches!(check, Check::Served { .. }))
            || last.gone != reading.gone
            || last.given_up != reading.given_up
            || has_other_words(&watched, last, reading)
            || is_last_word(plan, state, (&watched, since), last, reading)
            || attempts::has_moved(&last.carried, &reading.carried)
    }) || !reading.recovered.is_empty();
    if new || failed {
        vec![Event::Read { check: check.clone(), reading: reading.clone() }]
    } else {
        Vec::new()
    }
}

/// What a step waits for is told in words that are not older than this, so that a time-out says what AWS said last.
const WORDS_EVERY: Duration = Duration::from_mins(2);

fn has_other_words(watched: &watch::Watched, last: &Reading, reading: &Reading) -> bool {
    watched.check.asks_after_targets()
        && last.because != reading.because
        && reading.at.since(last.at) >= WORDS_EVERY
}

/// Whether patience may be over before there is another answer: what is given up for is told in the last one's words.
fn is_last_word(
    plan: &Plan,
    state: &State,
    (watched, rolling_back): (&watch::Watched, Option<Timestamp>),
    last: &Reading,
    reading: &Reading,
) -> bool {
    if last.because == reading.because || reading.outcome == Outcome::Pass {
        return false;
    }
    let ends = if let Some(since) = rolling_back {
        Some(since.plus(rollback::patience(plan, state)))
    } else {
        let deadline = state.steps.get(&watched.step).and_then(|step| step.deadline);
        let patience = match &watched.check {
            Check::Gate(gate) => watch::patience_ends_of(plan, state, gate, watched.covering),
            Check::Healthy { .. }
            | Check::BaselineHealthy { .. }
            | Check::Served { .. }
            | Check::Drained { .. }
            | Check::Requests { .. }
            | Check::Stands(_) => None,
        };
        deadline.into_iter().chain(patience).min()
    };
    ends.is_some_and(|ends| reading.at.plus(watched.every * 2) >= ends)
}

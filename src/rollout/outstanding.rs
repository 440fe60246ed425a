//! What should be under way in the world, derived from the state alone: which calls, which polls, and when time by
//! itself will change something. The runner compares this with what it has in flight. After a crash the same question
//! gives the same answer, which is why recovery is not a second path.

use super::{
    Beside, Call, Change, Check, Doubt, Mode, Outstanding, Poll, Progress, Purpose, Stage, State,
    Subject, Timestamp, calendar, rollback,
    seen::{READ_BACK_EVERY, follow_every, known_since},
    step::{active_steps, reference_of, target_of},
    watch,
};
use crate::plan::Plan;

/// What should be under way in the world, and when time alone will change something.
pub fn outstanding(plan: &Plan, state: &State, now: Timestamp) -> Outstanding {
    let calls = state.changes.iter().filter(|(_, change)| change.progress == Progress::Calling);
    let calls = calls
        .map(|(target, change)| Call {
            target: target.clone(),
            before: change.before.clone(),
            after: change.after.clone(),
        })
        .collect();
    if state.interrupted.is_some() {
        return Outstanding { calls, ..Outstanding::default() };
    }
    match &state.mode {
        Mode::NotStarted | Mode::Held(_) | Mode::Ended(_) => {
            Outstanding { calls, ..Outstanding::default() }
        }
        Mode::Forward => {
            let watched = watch::forward(plan, state, now);
            let wake = wakes(plan, state, &watched, now).filter(|at| *at > now).min();
            Outstanding { calls, polls: forward_polls(plan, state, watched, now), wake }
        }
        Mode::RollingBack { since, beside, .. } => {
            let mut polls = rollback::polls(plan, state, *since);
            let back = rollback::wakes(plan, state, *since).filter(|at| *at > now).min();
            let (others, wake) = beside_polls(plan, state, beside, now);
            let is_new = |poll: &Poll| polls.iter().all(|other| other.subject != poll.subject);
            let others: Vec<Poll> = others.into_iter().filter(is_new).collect();
            polls.extend(others);
            Outstanding { calls, polls, wake: back.into_iter().chain(wake).min() }
        }
    }
}

/// What is asked for the components that do not go back, and when time alone changes something for them.
fn beside_polls(
    plan: &Plan,
    state: &State,
    beside: &Beside,
    now: Timestamp,
) -> (Vec<Poll>, Option<Timestamp>) {
    let mut watched = match beside {
        Beside::Nobody => return (Vec::new(), None),
        Beside::Held(_) | Beside::Forward => watch::forward(plan, state, now),
    };
    if *beside == Beside::Forward {
        let wake = wakes(plan, state, &watched, now).filter(|at| *at > now).min();
        return (forward_polls(plan, state, watched, now), wake);
    }
    watched.retain(|watched| watch::is_alarming(&watched.check));
    // Which answers count changes when a bake's time is up, though nothing follows from that.
    let bakes = active_steps(plan, state).filter_map(|(_, _, active)| active.stage.bakes_until());
    let patience = watch::patience_ends(plan, state, &watched);
    let wake = patience.chain(bakes).filter(|at| *at > now).min();
    (watched.into_iter().map(watch::Watched::poll).collect(), wake)
}

fn forward_polls(
    plan: &Plan,
    state: &State,
    watched: Vec<watch::Watched>,
    now: Timestamp,
) -> Vec<Poll> {
    let mut polls: Vec<Poll> = watched
        .into_iter()
        .filter(|watched| !matches!(watched.check, Check::Stands(_)))
        .map(watch::Watched::poll)
        .collect();
    for (_, step, active) in active_steps(plan, state) {
        let Some(target) = target_of(step) else { continue };
        let observe = |target, every, since| Poll {
            subject: Subject::Target(target),
            every,
            since,
            covering: since,
        };
        match &active.stage {
            Stage::Cleared if state.paused.is_none() => {
                let since = active.started;
                if watch::must_drain(plan, state, step, active) {
                    continue;
                }
                match reference_of(step).filter(|other| !known_since(state, other, since)) {
                    Some(other) => polls.push(observe(other, READ_BACK_EVERY, since)),
                    None => polls.push(observe(target, READ_BACK_EVERY, since)),
                }
            }
            Stage::Changing => {
                let since = match state.changes.get(&target).map(|change| &change.progress) {
                    Some(Progress::Confirming { since }) => *since,
                    Some(Progress::InDoubt(Doubt::RetryAt(at))) => *at,
                    Some(Progress::InDoubt(Doubt::GivenUp(_))) => active.started,
                    Some(Progress::Calling | Progress::Confirmed) | None => continue,
                };
                let every = follow_every(&target);
                polls.push(observe(target, every, since));
            }
            Stage::Baking { .. } => {
                polls.push(observe(target, watch::STANDS_EVERY, watch::fresh_since(active, now)));
            }
            Stage::Entered
            | Stage::Cleared
            | Stage::Done
            | Stage::Failed(_)
            | Stage::Reverted
            | Stage::NeedsAttention => {}
        }
    }
    for (target, change) in state.changes.iter() {
        let observed = |poll: &Poll| poll.subject == Subject::Target(target.clone());
        if let Some(since) = pending_since(change)
            && change.purpose == Purpose::Hold
            && !state.has_back(target)
            && !polls.iter().any(observed)
        {
            let subject = Subject::Target(target.clone());
            polls.push(Poll { subject, every: follow_every(target), since, covering: since });
        }
    }
    polls
}

/// From when on a reading says something about a change that is not confirmed.
fn pending_since(change: &Change) -> Option<Timestamp> {
    match &change.progress {
        Progress::Confirming { since } => Some(*since),
        Progress::InDoubt(Doubt::RetryAt(at)) => Some(*at),
        Progress::InDoubt(Doubt::GivenUp(_)) | Progress::Calling | Progress::Confirmed => None,
    }
}

fn wakes<'a>(
    plan: &'a Plan,
    state: &'a State,
    watched: &'a [watch::Watched],
    now: Timestamp,
) -> impl Iterator<Item = Timestamp> + 'a {
    let settles = watch::settles(plan, state);
    let patience = watch::patience_ends(plan, state, watched);
    let openings = calendar::shut_out(plan, state, now)
        .filter(|_| state.paused.is_none())
        .map(|(_, opens)| opens);
    let steps = active_steps(plan, state).flat_map(move |(_, step, active)| {
        let deadline = active.deadline.filter(|_| state.paused.is_none());
        let retry = target_of(step)
            .and_then(|target| state.changes.get(&target))
            .and_then(|change| change.progress.retry_at());
        [deadline, active.stage.bakes_until(), retry].into_iter().flatten()
    });
    steps.chain(settles).chain(patience).chain(openings)
}

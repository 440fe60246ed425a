//! The heart: what a run does next. [`handle`] turns one input into events; `outstanding.rs` derives from the state what
//! should be under way. Both are pure, so every interleaving can be tried (tests/model), and no crash can strand
//! traffic, for four reasons:
//!
//! 1. a call is only ever made for a `ChangeIntended` that is already an event, with the picture from before in it (`observe.rs`);
//! 2. a call without an answer is *in doubt*: the target is read, and only a picture this run made or replaced leads to
//!    another call, anything else is drift;
//! 3. going forward is gated by readings that began after the question came up (`watch.rs`), before a weight rises and
//!    again when its bake ends;
//! 4. going back (`rollback.rs`) starts from what is in the events, never from the plan file.
//!
//! `handle` answers the input first and then lets consequences follow (`advance`) until nothing more happens by itself.

use std::time::Duration;

use super::{
    Actor, CallProblem, Cause, Change, Check, Command, Ending, Event, Input, Mode, Outcome,
    ProblemKind, Progress, Purpose, Reading, Refusal, Stage, State, StepState, Target, Timestamp,
    approvals_of, attempts, calendar, command, observe,
    replace::{self, Next},
    rollback,
    state::MAX_ATTEMPTS,
    watch,
};
use crate::plan::{
    Component, ComponentName, GateName, OnFailure, OnInterrupt, Plan, RouteName, Step, StepId, Verb,
};

/// How long a call that has returned may stay invisible before it counts as failed.
pub(super) const CONFIRM_PATIENCE: Duration = Duration::from_mins(2);

/// From one try of a roll-back to the next, in the end.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// What follows from an input, as events; they hold once they are durable. An operator's command may be refused.
pub fn handle(
    plan: &Plan,
    state: &State,
    input: &Input,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let mut events = react(plan, state, input, now)?;
    let mut next = state.clone();
    for event in &events {
        next.apply(event, now);
    }
    loop {
        let consequences = advance(plan, &next, now);
        if consequences.is_empty() {
            return Ok(events);
        }
        for event in consequences {
            next.apply(&event, now);
            events.push(event);
        }
    }
}

/// How many steps of a component have started. They start one after the other, so those are the first ones.
fn started(component: &Component, state: &State) -> usize {
    component.steps.partition_point(|step| state.steps.contains_key(&step.id))
}

/// The step a component has come to: the last that has started.
fn latest<'a>(component: &'a Component, state: &'a State) -> Option<(&'a Step, &'a StepState)> {
    let step = component.steps.get(started(component, state).checked_sub(1)?)?;
    Some((step, state.steps.get(&step.id)?))
}

/// The step of a component that is under way.
pub(super) fn active_step<'a>(
    component: &'a Component,
    state: &'a State,
) -> Option<(&'a Step, &'a StepState)> {
    latest(component, state).filter(|(_, step)| step.stage.is_active())
}

/// The step of each component that is under way.
pub(super) fn active_steps<'a>(
    plan: &'a Plan,
    state: &'a State,
) -> impl Iterator<Item = (&'a Component, &'a Step, &'a StepState)> {
    plan.components.iter().filter_map(|component| {
        active_step(component, state).map(|(step, active)| (component, step, active))
    })
}

/// What a step changes, if it changes anything.
pub fn target_of(step: &Step) -> Option<Target> {
    match &step.verb {
        Verb::Scale { fleet, side, .. } => {
            Some(Target::Fleet { fleet: fleet.clone(), side: *side })
        }
        Verb::Shift { route, .. } => Some(Target::Route(route.clone())),
        Verb::TestRoute { route, .. } => Some(Target::TestRoute(route.clone())),
        Verb::Replace(replace) => Some(Target::Software(replace.fleet.clone())),
        Verb::Wait { .. } | Verb::Probe { .. } | Verb::Approve { .. } | Verb::Pause { .. } => None,
    }
}

// ---- reacting to inputs

fn react(plan: &Plan, state: &State, input: &Input, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    Ok(match input {
        Input::Tick => Vec::new(),
        Input::RunnerStarted { by, then } => taken_over(plan, state, by, then, now),
        Input::ClockJumped { by } => vec![Event::ClockJumped { by: *by }],
        Input::Vanished { target, words } => observe::vanished(plan, state, target, words),
        Input::Observed { target, live } => observe::observed(plan, state, target, live, now),
        Input::Called { target, result } => called(state, target, result, now),
        Input::Answered { check, reading } => answered(plan, state, check, reading, now),
        Input::Command { by, command } => command::obey(plan, state, by, command)?,
        Input::Interrupted { signal } => match (&state.mode, plan.on_interrupt) {
            (Mode::Forward, OnInterrupt::RollBack) => {
                vec![Event::RollbackStarted { cause: Cause::Interrupted { signal: *signal } }]
            }
            _ => vec![Event::Interrupted { signal: *signal }],
        },
    })
}

/// A new runner begins where the old one was. Its clock may be behind that one's, and what people have asked for
/// meanwhile comes before anything that would follow by itself.
fn taken_over(
    plan: &Plan,
    state: &State,
    by: &Actor,
    then: &[(Actor, Command)],
    now: Timestamp,
) -> Vec<Event> {
    let mut events = Vec::new();
    let mut next = state.clone();
    let mut happen = |next: &mut State, event: Event| {
        next.apply(&event, now);
        events.push(event);
    };
    if now < state.at {
        happen(&mut next, Event::ClockJumped { by: state.at.jump_to(now) });
    }
    happen(&mut next, Event::RunnerStarted { by: by.clone() });
    for (by, command) in then {
        let answer = command::obey(plan, &next, by, command);
        for event in answer.unwrap_or_else(|refusal| vec![command.refused(by, &refusal)]) {
            happen(&mut next, event);
        }
    }
    events
}

fn called(
    state: &State,
    target: &Target,
    result: &Result<(), CallProblem>,
    now: Timestamp,
) -> Vec<Event> {
    let Some(change) = state.changes.get(target).filter(|c| c.progress == Progress::Calling) else {
        return Vec::new();
    };
    match result {
        Ok(()) => vec![Event::CallReturned { target: target.clone() }],
        Err(problem) => called_problem(state, (target, change), problem.clone(), now),
    }
}

pub(super) fn called_problem(
    state: &State,
    (target, change): (&Target, &Change),
    problem: CallProblem,
    now: Timestamp,
) -> Vec<Event> {
    let retry_at = retry_at(state, change, &problem, now);
    vec![Event::CallFailed { target: target.clone(), problem, retry_at }]
}

/// Passing problems are tried again after 2, 4, 8, 16 seconds; others are not. Going forward the fifth in a row is not
/// either, and the run goes back; a roll-back has nowhere else to go, so it tries on, once a minute in the end.
fn retry_at(
    state: &State,
    change: &Change,
    problem: &CallProblem,
    now: Timestamp,
) -> Option<Timestamp> {
    let pause = Duration::from_secs(2 << change.failures.min(5)).min(LONGEST_PAUSE);
    match (problem.kind, &state.mode) {
        (ProblemKind::Final, _) => None,
        (ProblemKind::Passing, Mode::RollingBack { .. }) => Some(now.plus(pause)),
        (
            ProblemKind::Passing,
            Mode::NotStarted | Mode::Forward | Mode::Held(_) | Mode::Ended(_),
        ) => (change.failures.saturating_add(1) < MAX_ATTEMPTS).then(|| now.plus(pause)),
    }
}

/// A check was answered. Answers nobody waits for are dropped; those that change nothing are not kept, but a gate's
/// failures all are: they are counted; and evidence is that has moved, for a later run. What follows from them is
/// `stopped`'s business.
fn answered(
    plan: &Plan,
    state: &State,
    check: &Check,
    reading: &Reading,
    now: Timestamp,
) -> Vec<Event> {
    let rolling_back = match &state.mode {
        Mode::NotStarted | Mode::Held(_) | Mode::Ended(_) => return Vec::new(),
        Mode::Forward => None,
        Mode::RollingBack { since, .. } => Some(*since),
    };
    let watched = match rolling_back {
        None => watch::forward_on(plan, state, check, now),
        Some(since) => {
            let mut watched = rollback::watched(plan, state, since).into_iter();
            watched.find(|watched| watched.check == *check)
        }
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
            || has_other_words(&watched, last, reading)
            || is_last_word(plan, state, &watched, last, reading)
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
    watched: &watch::Watched,
    last: &Reading,
    reading: &Reading,
) -> bool {
    if last.because == reading.because || reading.outcome == Outcome::Pass {
        return false;
    }
    let ends = match &state.mode {
        Mode::RollingBack { since, .. } => Some(since.plus(rollback::patience(plan, state))),
        Mode::NotStarted | Mode::Forward | Mode::Held(_) | Mode::Ended(_) => {
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
        }
    };
    ends.is_some_and(|ends| reading.at.plus(watched.every * 2) >= ends)
}

/// Gates that have failed, or stayed unknown, for longer than is tolerated stop the step they watch. This follows from
/// the state, so a crash after the last straw changes nothing.
fn stopped(plan: &Plan, state: &State, now: Timestamp) -> Vec<Event> {
    let has_failed = |component| {
        latest(component, state).is_some_and(|(_, step)| matches!(step.stage, Stage::Failed(_)))
    };
    if !may_stop(state) || plan.components.iter().any(has_failed) {
        return Vec::new();
    }
    let stops = watch::forward(plan, state, now).into_iter().find_map(|watched| {
        let cause = match &watched.check {
            Check::Gate(gate) => gate_stops(plan, state, gate, watched.covering, now),
            Check::Served { route } => nobody_serves(state, route, now),
            Check::Healthy { .. } | Check::BaselineHealthy { .. } => is_gone(state, &watched),
            Check::Drained { .. } | Check::Requests { .. } | Check::Stands(_) => None,
        };
        Some(fail(&watched.step, cause?))
    });
    stops.unwrap_or_default()
}

/// Whether anything was read that could stop a step; mostly nothing was, and nobody need go through all that is watched.
fn may_stop(state: &State) -> bool {
    state.tallies.values().any(|tally| tally.total > 0 || tally.unknown_since.is_some())
        || !state.unserved.is_empty()
        || state.readings.values().any(|reading| reading.gone.is_some())
}

fn because(state: &State, check: &Check) -> String {
    state.readings.get(check).map_or_else(String::new, |reading| reading.because.clone())
}

fn gate_stops(
    plan: &Plan,
    state: &State,
    gate: &GateName,
    covering: Timestamp,
    now: Timestamp,
) -> Option<Cause> {
    let (tally, tolerance) = (state.tallies.get(gate)?, &plan.gates.get(gate)?.tolerance);
    let because = || because(state, &Check::Gate(gate.clone()));
    if tally.is_beyond(tolerance) {
        return Some(Cause::GateFailed { gate: gate.clone(), because: because() });
    }
    let ends = watch::patience_ends_of(plan, state, gate, covering)?;
    (now >= ends && state.paused.is_none())
        .then(|| Cause::GateUnknown { gate: gate.clone(), because: because() })
}

/// A load balancer whose targets are all unhealthy sends them requests all the same.
fn nobody_serves(state: &State, route: &RouteName, now: Timestamp) -> Option<Cause> {
    let check = Check::Served { route: route.clone() };
    if let Some(words) = state.readings.get(&check).and_then(|reading| reading.gone.clone()) {
        return Some(Cause::Vanished { words });
    }
    let since = state.unserved.get(route)?;
    (now >= since.plus(watch::UNSERVED_FOR))
        .then(|| Cause::Unserved { route: route.clone(), because: because(state, &check) })
}

/// Waiting brings nothing back that was deleted.
fn is_gone(state: &State, watched: &watch::Watched) -> Option<Cause> {
    let reading = state.readings.get(&watched.check).filter(|r| r.at >= watched.since)?;
    reading.gone.clone().map(|words| Cause::Vanished { words })
}

/// A step has failed. What follows from that is not decided here but by [`consequence`], so that a crash between the two
/// events changes nothing.
pub(super) fn fail(step: &StepId, cause: Cause) -> Vec<Event> {
    vec![Event::StepFailed { step: step.clone(), cause }]
}

/// A failed step takes the run where the plan says.
fn consequence(plan: &Plan, step: &Step, cause: &Cause) -> Event {
    let policy = match (cause, &step.verb) {
        (Cause::ApprovalExpired { .. }, Verb::Approve { on_expiry, .. }) => *on_expiry,
        (Cause::GateUnknown { gate, .. }, _) => {
            let patience = plan.gates.get(gate).and_then(|gate| gate.tolerance.unknown);
            patience.map_or(plan.on_failure, |patience| patience.then)
        }
        _ => plan.on_failure,
    };
    let cause = cause.clone();
    match policy {
        OnFailure::RollBack => Event::RollbackStarted { cause },
        OnFailure::Hold => Event::Held { cause },
    }
}

// ---- what happens by itself

/// The next events that follow from the state and the time alone.
fn advance(plan: &Plan, state: &State, now: Timestamp) -> Vec<Event> {
    if state.interrupted.is_some() {
        return replace::hold_all(plan, state);
    }
    match &state.mode {
        Mode::NotStarted | Mode::Ended(_) => Vec::new(),
        // A run that stops deciding lets nothing go on by itself.
        Mode::Held(_) => replace::hold_all(plan, state),
        Mode::RollingBack { since, .. } => rollback::advance(plan, state, *since, now),
        Mode::Forward => forward(plan, state, now),
    }
}

fn forward(plan: &Plan, state: &State, now: Timestamp) -> Vec<Event> {
    let stopped = stopped(plan, state, now);
    if !stopped.is_empty() {
        return stopped;
    }
    for (_, step) in next_steps(plan, state) {
        let events = match state.steps.get(&step.id) {
            None if state.paused.is_some() => Vec::new(),
            None => begin(plan, state, step, now),
            Some(StepState { stage: Stage::Failed(cause), .. }) => {
                vec![consequence(plan, step, cause)]
            }
            Some(active) => proceed(plan, state, step, active, now),
        };
        if !events.is_empty() {
            return events;
        }
    }
    if plan.components.iter().all(|component| is_complete(state, component)) {
        return vec![Event::RunEnded { ending: Ending::Promoted }];
    }
    Vec::new()
}

fn is_done(state: &State, step: &Step) -> bool {
    state.steps.get(&step.id).is_some_and(|step| step.stage == Stage::Done)
}

fn is_complete(state: &State, component: &Component) -> bool {
    component.steps.last().is_none_or(|step| is_done(state, step))
}

/// The step each component is at or would start next, where all that the component needs is done.
pub(super) fn next_steps<'a>(
    plan: &'a Plan,
    state: &'a State,
) -> impl Iterator<Item = (&'a Component, &'a Step)> {
    plan.components.iter().filter_map(|component| {
        let needed = |name: &ComponentName| plan.components.iter().find(|c| c.name == *name);
        if !component.needs.iter().filter_map(needed).all(|needed| is_complete(state, needed)) {
            return None;
        }
        let started = started(component, state);
        let latest = started.checked_sub(1).and_then(|at| component.steps.get(at));
        let at = latest.filter(|step| !is_done(state, step));
        Some((component, at.or_else(|| component.steps.get(started))?))
    })
}

/// A step starts once its windows are open; its time begins to run then.
fn begin(plan: &Plan, state: &State, step: &Step, now: Timestamp) -> Vec<Event> {
    let mut events = calendar::news(plan, state, step, now);
    if calendar::closed_until(plan, step, now).is_none() {
        events.push(start(plan, state, step, now));
    }
    events
}

/// Where clients follow a change only after a while, that while burns no deadline.
fn start(plan: &Plan, state: &State, step: &Step, now: Timestamp) -> Event {
    let with_lag = |route: Option<&RouteName>| {
        let lag = route.map_or(Duration::ZERO, |route| state.bindings.lag(route));
        step.timeout.map(|timeout| timeout + lag)
    };
    let limit = match &step.verb {
        Verb::Approve { expires, .. } => *expires,
        Verb::Pause { duration } => *duration,
        Verb::Wait { .. } | Verb::Probe { .. } | Verb::Replace(_) | Verb::TestRoute { .. } => {
            step.timeout
        }
        Verb::Shift { route, .. } => with_lag(Some(route)),
        Verb::Scale { fleet, .. } => {
            with_lag(plan.fleets.get(fleet).and_then(|fleet| fleet.behind.as_ref()))
        }
    };
    Event::StepStarted { step: step.id.clone(), deadline: limit.map(|limit| now.plus(limit)) }
}

fn proceed(
    plan: &Plan,
    state: &State,
    step: &Step,
    active: &StepState,
    now: Timestamp,
) -> Vec<Event> {
    let done = || vec![Event::StepDone { step: step.id.clone() }];
    let reached =
        |from: Timestamp, bake: Duration, gates: &[GateName], min_requests: Option<u32>| {
            if bake.is_zero() && gates.is_empty() && min_requests.is_none() {
                done()
            } else {
                vec![Event::BakeStarted { step: step.id.clone(), until: from.plus(bake) }]
            }
        };
    if let (Verb::Replace(replacement), Stage::Changing) = (&step.verb, &active.stage) {
        let intend = |purpose, after| replace::intend(state, &replacement.fleet, purpose, after);
        match replace::steer(plan, state, (step, replacement), active) {
            Next::Time => {}
            Next::Hold(after) => return intend(Purpose::Hold, after).into_iter().collect(),
            Next::GoOn(after) => {
                return intend(Purpose::Step(step.id.clone()), after).into_iter().collect();
            }
            Next::Reached => {
                let mut events = replace::confirmed(state, &replacement.fleet);
                events.extend(reached(now, replacement.bake, &replacement.gates, None));
                return events;
            }
        }
    }
    // A change that was confirmed is recorded as such even while paused; nothing new begins.
    if active.stage == Stage::Changing
        && !matches!(step.verb, Verb::Replace(_))
        && let Some(target) = target_of(step)
        && let Some(change) = state.changes.get(&target)
        && change.progress == Progress::Confirmed
    {
        return match &step.verb {
            Verb::Shift { route, bake, gates, min_requests, .. } => {
                reached(watch::arrives(state, route, now), *bake, gates, *min_requests)
            }
            // Load balancer nodes follow some time after the API has answered; a probe would still meet the stable side.
            Verb::TestRoute { route, header: Some(_) } => {
                let settle = plan.routes.get(route).map_or(Duration::ZERO, |route| route.settle);
                reached(now, settle, &[], None)
            }
            _ => done(),
        };
    }
    if state.paused.is_some() {
        return Vec::new();
    }
    let is_late = active.deadline.is_some_and(|deadline| now >= deadline);
    match (&step.verb, &active.stage) {
        (Verb::Pause { .. }, Stage::Entered) if is_late => done(),
        (Verb::Approve { approvers, .. }, Stage::Entered)
            if usize::try_from(approvers.quorum)
                .is_ok_and(|q| approvals_of(state, &step.id) >= q) =>
        {
            done()
        }
        (Verb::Approve { .. }, Stage::Entered) if is_late => {
            fail(&step.id, Cause::ApprovalExpired { step: step.id.clone() })
        }
        (Verb::Wait { .. } | Verb::Probe { .. }, Stage::Entered)
            if watch::all_pass(plan, state, step, active, now) =>
        {
            done()
        }
        (Verb::Shift { .. } | Verb::Replace(_), Stage::Entered)
            if watch::all_clear(plan, state, step, active) =>
        {
            vec![Event::StepCleared { step: step.id.clone() }]
        }
        // Neither takes anything from users that they have, nor gives them anything new.
        (Verb::Scale { .. } | Verb::TestRoute { .. }, Stage::Entered) => {
            vec![Event::StepCleared { step: step.id.clone() }]
        }
        (
            Verb::Shift { .. } | Verb::TestRoute { .. } | Verb::Replace(_),
            Stage::Baking { until },
        ) if now >= *until && watch::all_pass(plan, state, step, active, now) => done(),
        // A call under way is waited for: its own time limit is short, and its answer decides what there is to revert.
        _ if is_late && active.stage.is_active() && !is_calling(state, step) => {
            let waiting_for = watch::waiting_for(plan, state, step, active, now);
            fail(&step.id, Cause::TimedOut { step: step.id.clone(), waiting_for })
        }
        _ => Vec::new(),
    }
}

fn is_calling(state: &State, step: &Step) -> bool {
    target_of(step)
        .and_then(|target| state.changes.get(&target))
        .is_some_and(|change| change.progress == Progress::Calling)
}

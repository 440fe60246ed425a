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

use std::{cell::OnceCell, time::Duration};

use super::{
    Actor, Beside, CallProblem, Cause, Command, Event, Input, Made, Mode, Progress, Purpose, Reach,
    Refusal, Stage, State, StepState, Target, Timestamp,
    agenda::Agenda,
    answer::answered,
    approvals_of, calendar, command,
    failing::{called_problem, fail},
    observe, reach,
    replace::{self, Next},
    rollback,
    step::{failed_step, has_room, is_complete, next_step, target_of},
    stopping::{is_its_own, stopped},
    waiting, watch,
};
use crate::plan::{
    Aim, Clears, Component, Conduct, Ends, OnFailure, OnInterrupt, Plan, Replace, RouteName, Step,
    TimeLimit,
};

/// What follows from an input, as events; they hold once they are durable. An operator's command may be refused.
pub fn handle(
    plan: &Plan,
    state: &State,
    input: &Input,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    Ok(followed(plan, state, react(plan, state, input, now)?, Agenda::of_all(plan), now))
}

/// The same where nothing follows from this state at this moment, as of one that all events of [`handle`] have led to, or
/// in which it has found none: then an input that brings no news leads to nothing either, and one that does only to what
/// follows for those whom it concerns. Of many answers in one moment most are such.
pub fn handle_at_rest(
    plan: &Plan,
    state: &State,
    input: &Input,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let events = react(plan, state, input, now)?;
    if events.is_empty() {
        return Ok(events);
    }
    Ok(followed(plan, state, events, Agenda::of_none(), now))
}

/// With what follows from these events by itself, and for those on the agenda from the state as it is.
fn followed(
    plan: &Plan,
    state: &State,
    mut events: Vec<Event>,
    mut agenda: Agenda,
    now: Timestamp,
) -> Vec<Event> {
    let mut next = state.clone();
    for event in &events {
        next.apply(event, now);
        agenda.note(plan, event);
    }
    loop {
        let consequences = advance(plan, &next, &mut agenda, now);
        if consequences.is_empty() {
            return events;
        }
        for event in consequences {
            next.apply(&event, now);
            agenda.note(plan, &event);
            events.push(event);
        }
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
        Input::Called { target, result } => called(plan, state, (target, result), now),
        Input::Answered { check, reading } => answered(plan, state, check, reading, now),
        Input::Command { by, command } => command::obey(plan, state, by, command)?,
        Input::Interrupted { signal } => match plan.on_interrupt {
            OnInterrupt::RollBack if reach::goes_on(&state.mode) => {
                let cause = Cause::Interrupted { signal: *signal };
                vec![Event::RollbackStarted { cause, scope: None }]
            }
            OnInterrupt::RollBack | OnInterrupt::Hold => {
                vec![Event::Interrupted { signal: *signal }]
            }
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
    plan: &Plan,
    state: &State,
    (target, result): (&Target, &Result<Option<Made>, CallProblem>),
    now: Timestamp,
) -> Vec<Event> {
    let Some(change) = state.changes.get(target).filter(|c| c.progress == Progress::Calling) else {
        return Vec::new();
    };
    match result {
        Ok(made) => {
            let mut events = vec![Event::CallReturned { target: target.clone() }];
            events.extend(made.iter().flat_map(|made| observe::learned(plan, state, target, made)));
            events
        }
        Err(problem) => called_problem(state, (target, change), problem.clone(), now),
    }
}

/// Failed steps take the run where the plan says: back, with all that follows whoever failed, or to a stand.
fn consequence(plan: &Plan, state: &State) -> Option<Event> {
    let components = plan.components.iter();
    let failed = components.filter_map(|component| {
        let (step, cause) = failed_step(component, state)?;
        Some((component, cause, policy(plan, step, cause)))
    });
    let mut failed: Vec<_> = failed.collect();
    failed.sort_by_key(|(component, cause, _)| !is_its_own(plan, state, component, cause));
    let back = failed.iter().filter(|(_, _, policy)| *policy == OnFailure::RollBack);
    let back: Vec<&Component> = back.map(|(component, _, _)| *component).collect();
    let (_, cause, _) =
        failed.iter().find(|(_, _, policy)| back.is_empty() || *policy == OnFailure::RollBack)?;
    let cause = (*cause).clone();
    Some(if back.is_empty() {
        Event::Held { cause }
    } else {
        Event::RollbackStarted { cause, scope: reach::scope(plan, state, &back) }
    })
}

/// What the plan says about a failed step.
fn policy(plan: &Plan, step: &Step, cause: &Cause) -> OnFailure {
    match (cause, step.conduct().ends) {
        (Cause::ApprovalExpired { .. }, Ends::OnVotes(ballot)) => ballot.on_expiry,
        (Cause::GateUnknown { gate, .. }, _) => {
            let patience = plan.gates.get(gate).and_then(|gate| gate.tolerance.unknown);
            patience.map_or(plan.on_failure, |patience| patience.then)
        }
        // Users are well served; a person says whether what is left over is worth another try.
        (Cause::CallFailed { .. } | Cause::TimedOut { .. }, _)
            if step.conduct().aim.tidies_up() =>
        {
            OnFailure::Hold
        }
        // Every other cause, a new one too, is a failure as the plan means the word.
        _ => plan.on_failure,
    }
}

// ---- what happens by itself

/// The next events that follow from the state and the time alone.
fn advance(plan: &Plan, state: &State, agenda: &mut Agenda, now: Timestamp) -> Vec<Event> {
    if state.interrupted.is_some() {
        return replace::hold_all(plan, state);
    }
    match &state.mode {
        Mode::NotStarted | Mode::Ended(_) => Vec::new(),
        // A run that stops deciding lets nothing go on by itself.
        Mode::Held(_) => replace::hold_all(plan, state),
        Mode::RollingBack { since, beside, .. } => back(plan, state, (agenda, beside), *since, now),
        Mode::Forward => forward(plan, state, agenda, now),
    }
}

/// A part of the run goes back, and the others stand still or go on; theirs are watched all the same.
fn back(
    plan: &Plan,
    state: &State,
    (agenda, beside): (&mut Agenda, &Beside),
    since: Timestamp,
    now: Timestamp,
) -> Vec<Event> {
    let others = match beside {
        Beside::Nobody => Vec::new(),
        Beside::Forward => stopped(plan, state, now),
        Beside::Held(_) => {
            let stopped = stopped(plan, state, now);
            // Whoever is held already is not held once more.
            let wider = consequence(plan, state)
                .filter(|event| matches!(event, Event::RollbackStarted { .. }));
            if stopped.is_empty() {
                wider.into_iter().chain(replace::hold_all(plan, state)).collect()
            } else {
                stopped
            }
        }
    };
    if !others.is_empty() {
        return others;
    }
    let events = rollback::advance(plan, state, beside, since, now);
    if !events.is_empty() || *beside != Beside::Forward {
        return events;
    }
    follow_all(plan, state, agenda, now)
}

fn forward(plan: &Plan, state: &State, agenda: &mut Agenda, now: Timestamp) -> Vec<Event> {
    let stopped = stopped(plan, state, now);
    if !stopped.is_empty() {
        return stopped;
    }
    let events = follow_all(plan, state, agenda, now);
    // The last component is done last, mostly.
    let is_done =
        |component| is_complete(state, component) || matches!(*state.reach, Reach::Components(_));
    if events.is_empty()
        && plan.components.iter().rev().all(is_done)
        && reach::is_rest_over(plan, state)
    {
        return vec![Event::RunEnded { ending: reach::ending(state) }];
    }
    events
}

/// What follows for the components on the agenda.
fn follow_all(plan: &Plan, state: &State, agenda: &mut Agenda, now: Timestamp) -> Vec<Event> {
    let room = OnceCell::new();
    let has_room = || *room.get_or_init(|| has_room(plan, state));
    while let Some(component) = agenda.first(plan) {
        if failed_step(component, state).is_some() {
            return consequence(plan, state).into_iter().collect();
        }
        let step = next_step(plan, state, component, has_room);
        let events = step.map_or_else(Vec::new, |step| follow(plan, state, step, now));
        if !events.is_empty() {
            return events;
        }
        agenda.strike_first();
    }
    Vec::new()
}

/// What follows for the step that a component is at, or would start.
fn follow(plan: &Plan, state: &State, step: &Step, now: Timestamp) -> Vec<Event> {
    match state.steps.get(&step.id) {
        None if state.paused.is_some() => Vec::new(),
        None => begin(plan, state, step, now),
        Some(active) => proceed(plan, state, step, active, now),
    }
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
    let conduct = step.conduct();
    let limit = match conduct.limit {
        TimeLimit::Of(limit) => limit,
        TimeLimit::Timeout => step.timeout,
        TimeLimit::TimeoutAndLag => {
            let route = route_of(plan, conduct.aim);
            let lag = route.map_or(Duration::ZERO, |route| state.bindings.lag(route));
            step.timeout.map(|timeout| timeout + lag)
        }
    };
    Event::StepStarted { step: step.id.clone(), deadline: limit.map(|limit| now.plus(limit)) }
}

/// The route whose users meet what a step changes.
fn route_of<'a>(plan: &'a Plan, aim: Aim<'a>) -> Option<&'a RouteName> {
    match aim {
        Aim::Weights { route, .. } | Aim::TestRoute { route, .. } => Some(route),
        Aim::Capacity { fleet, .. } => plan.fleets.get(fleet)?.behind.as_ref(),
        Aim::Software(_)
        | Aim::Release { .. }
        | Aim::OldVersions { .. }
        | Aim::Replay(_)
        | Aim::Nothing => None,
    }
}

/// What follows for a step from where it is. Nothing, for as long as it only waits.
fn proceed(
    plan: &Plan,
    state: &State,
    step: &Step,
    active: &StepState,
    now: Timestamp,
) -> Vec<Event> {
    let conduct = step.conduct();
    // What was reached is recorded as such even while paused; nothing new begins.
    if active.stage == Stage::Changing {
        let events = match conduct.aim {
            Aim::Software(replacement) => replaced(plan, state, (step, replacement), active, now),
            Aim::Weights { .. }
            | Aim::Capacity { .. }
            | Aim::TestRoute { .. }
            | Aim::Release { .. }
            | Aim::OldVersions { .. }
            | Aim::Replay(_)
            | Aim::Nothing => changed(plan, state, step, now),
        };
        if !events.is_empty() {
            return events;
        }
    }
    if state.paused.is_some() {
        return Vec::new();
    }
    let done = || vec![Event::StepDone { step: step.id.clone() }];
    let cleared = || vec![Event::StepCleared { step: step.id.clone() }];
    let all_pass = || watch::all_pass(plan, state, step, active, now);
    let is_late = active.deadline.is_some_and(|deadline| now >= deadline);
    match (&active.stage, conduct) {
        (Stage::Entered, Conduct { clears: Clears::AtOnce | Clears::WhenDrained, .. }) => cleared(),
        (Stage::Entered, Conduct { clears: Clears::WhenGatesPass, .. })
            if watch::all_clear(plan, state, step, active) =>
        {
            cleared()
        }
        (Stage::Entered, Conduct { ends: Ends::OnTime(_) | Ends::OnWord, .. }) if is_late => done(),
        (Stage::Entered, Conduct { ends: Ends::OnVotes(ballot), .. })
            if usize::try_from(ballot.approvers.quorum)
                .is_ok_and(|q| approvals_of(state, &step.id) >= q) =>
        {
            done()
        }
        (Stage::Entered, Conduct { ends: Ends::OnVotes(_), .. }) if is_late => {
            fail(&step.id, Cause::ApprovalExpired { step: step.id.clone() })
        }
        (Stage::Entered, Conduct { ends: Ends::WhenAllPass { .. }, .. }) if all_pass() => done(),
        (Stage::Baking { until }, _) if now >= *until && all_pass() => done(),
        // A call under way is waited for: its own time limit is short, and its answer decides what there is to revert.
        _ if is_late && active.stage.is_active() && !is_calling(state, step) => {
            let waiting_for = waiting::waiting_for(plan, state, step, active, now);
            fail(&step.id, Cause::TimedOut { step: step.id.clone(), waiting_for })
        }
        // It waits: whatever stage and conduct there may be, nothing happens that is not said above.
        _ => Vec::new(),
    }
}

/// What a replacement that AWS carries out needs next, while its step is at work.
fn replaced(
    plan: &Plan,
    state: &State,
    (step, replacement): (&Step, &Replace),
    active: &StepState,
    now: Timestamp,
) -> Vec<Event> {
    let intend = |purpose, after| replace::intend(state, &replacement.fleet, purpose, after);
    match replace::steer(plan, state, (step, replacement), active) {
        Next::Time => Vec::new(),
        Next::Hold(after) => intend(Purpose::Hold, after).into_iter().collect(),
        Next::GoOn(after) => intend(Purpose::Step(step.id.clone()), after).into_iter().collect(),
        Next::Reached => {
            let mut events = replace::confirmed(state, &replacement.fleet);
            events.push(reached(plan, state, step, now));
            events
        }
    }
}

/// A change that was read back has reached what it was for.
fn changed(plan: &Plan, state: &State, step: &Step, now: Timestamp) -> Vec<Event> {
    let change = target_of(step).and_then(|target| state.changes.get(&target));
    match change.map(|change| &change.progress) {
        Some(Progress::Confirmed) => vec![reached(plan, state, step, now)],
        Some(Progress::Calling | Progress::Confirming { .. } | Progress::InDoubt(_)) | None => {
            Vec::new()
        }
    }
}

/// A step's target is as the step wants it: it is done, or bakes first.
fn reached(plan: &Plan, state: &State, step: &Step, now: Timestamp) -> Event {
    let conduct = step.conduct();
    let (from, lasts, waits) = match conduct.ends {
        Ends::AfterBake { lasts, min_requests } => {
            let from = match conduct.aim {
                Aim::Weights { route, .. } => watch::arrives(state, route, now),
                Aim::Capacity { .. }
                | Aim::Software(_)
                | Aim::TestRoute { .. }
                | Aim::Release { .. }
                | Aim::OldVersions { .. }
                | Aim::Replay(_)
                | Aim::Nothing => now,
            };
            (from, lasts, !conduct.gates.is_empty() || min_requests.is_some())
        }
        Ends::WhenSettled(route) => {
            let settle = plan.routes.get(route).map_or(Duration::ZERO, |route| route.settle);
            (now, settle, false)
        }
        Ends::WhenChanged
        | Ends::WhenAllPass { .. }
        | Ends::OnVotes(_)
        | Ends::OnTime(_)
        | Ends::OnWord => (now, Duration::ZERO, false),
    };
    if lasts.is_zero() && !waits {
        Event::StepDone { step: step.id.clone() }
    } else {
        Event::BakeStarted { step: step.id.clone(), until: from.plus(lasts) }
    }
}

fn is_calling(state: &State, step: &Step) -> bool {
    target_of(step)
        .and_then(|target| state.changes.get(&target))
        .is_some_and(|change| change.progress == Progress::Calling)
}

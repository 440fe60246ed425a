//! What a reading of a target leads to. It is read for the step that is about to change it, that has changed it, or that
//! bakes; here an intent is born, a call in doubt is settled, and drift is found.

use super::{
    CallProblem, Cause, Change, Check, Event, Made, Making, Mode, Outcome, Picture, ProblemKind,
    Progress, Purpose, Reading, Stage, State, StepState, Target, Timestamp,
    change::{self, progressed},
    failing::{called_problem, fail},
    reach, rollback,
    seen::{Seen, invisible},
    seen_software,
    step::{active_steps_on, reference_of, target_of},
    watch,
};
use crate::plan::{Extent, Plan, Step, units::Percent};

/// A target was read. What that means depends on what it was read for.
pub(super) fn observed(
    plan: &Plan,
    state: &State,
    target: &Target,
    live: &Picture,
    now: Timestamp,
) -> Vec<Event> {
    match course(state, target) {
        Course::Stands => Vec::new(),
        Course::Back => rollback::observed(state, target, live, now),
        Course::Forward => {
            let wanting =
                active_steps_on(plan, state, target).find(|(_, step, _)| wants(step, target));
            let Some((_, step, active)) = wanting else {
                return match pending_hold(state, target) {
                    Some(change) => holding(state, change, target, live, now),
                    None => Vec::new(),
                };
            };
            if let Picture::Release(release) = live
                && let Some(member) = release.made()
            {
                let made = Made { member: member.clone(), making: Making::New };
                let news = learned(plan, state, target, &made);
                if !news.is_empty() {
                    return news;
                }
            }
            match active.stage {
                Stage::Changing => changing(plan, state, step, target, live, now),
                Stage::Cleared if state.paused.is_none() => {
                    cleared(plan, state, step, active, target, live)
                }
                Stage::Baking { .. } => baking(state, (step, active), target, live, now),
                Stage::Entered
                | Stage::Cleared
                | Stage::Done
                | Stage::Failed(_)
                | Stage::Reverted
                | Stage::NeedsAttention => Vec::new(),
            }
        }
    }
}

/// Which way a target goes.
enum Course {
    Stands,
    Back,
    Forward,
}

fn course(state: &State, target: &Target) -> Course {
    match &state.mode {
        Mode::RollingBack { .. } if state.has_back(target) => Course::Back,
        mode if reach::goes_on(mode) => Course::Forward,
        Mode::NotStarted
        | Mode::Held(_)
        | Mode::Ended(_)
        | Mode::Forward
        | Mode::RollingBack { .. } => Course::Stands,
    }
}

/// What a step has made is the route's candidate from here on. What serves already is none.
pub(super) fn learned(
    plan: &Plan,
    state: &State,
    target: &Target,
    Made { member, making }: &Made,
) -> Vec<Event> {
    let Target::Candidate(route) = target else { return Vec::new() };
    let Some(bound) = state.bindings.routes.get(route) else { return Vec::new() };
    if bound.candidate.is_some() {
        return Vec::new();
    }
    if *member != bound.stable {
        let (route, member) = (route.clone(), member.clone());
        return vec![Event::Learned { route, member, making: *making }];
    }
    let message =
        format!("nothing new is uploaded: version {member} is the same, and serves already");
    let problem = CallProblem { kind: ProblemKind::Final, message };
    let cause = Cause::CallFailed { target: target.clone(), problem };
    // Of what goes back no step fails any more.
    let goes_on = reach::goes_on(&state.mode);
    let mut steps = active_steps_on(plan, state, target).filter(|_| goes_on);
    let step = steps.find(|(_, step, _)| wants(step, target));
    step.map_or_else(Vec::new, |(_, step, _)| fail(&step.id, cause))
}

/// A hold that was asked for and is not confirmed.
fn pending_hold<'a>(state: &'a State, target: &Target) -> Option<&'a Change> {
    let change = state.changes.get(target)?;
    (change.purpose == Purpose::Hold && change.progress != Progress::Confirmed).then_some(change)
}

/// A hold whose step is not at work, because the run had stopped: it is seen through all the same.
fn holding(
    state: &State,
    change: &Change,
    target: &Target,
    live: &Picture,
    now: Timestamp,
) -> Vec<Event> {
    match change::seen(&state.bindings, (target, change), live, now) {
        Seen::Nothing | Seen::Failed(_) | Seen::Foreign => Vec::new(),
        Seen::Progress => progressed(state, (target, change), live, None, now),
        Seen::Done => vec![Event::ChangeConfirmed { target: target.clone(), live: live.clone() }],
        Seen::CallAgain => vec![change::intend_again(target, change)],
        Seen::Invisible => called_problem(state, (target, change), invisible(target), now),
    }
}

/// A target is not there any more. Asking again will not bring it back: going forward ends here, and while going back
/// the others are restored.
pub(super) fn vanished(plan: &Plan, state: &State, target: &Target, words: &str) -> Vec<Event> {
    match course(state, target) {
        Course::Stands => Vec::new(),
        Course::Back => rollback::vanished(state, target, words),
        Course::Forward => {
            let wanting =
                active_steps_on(plan, state, target).find(|(_, step, _)| wants(step, target));
            wanting.map_or_else(Vec::new, |(_, step, _)| {
                fail(&step.id, Cause::Vanished { words: words.to_owned() })
            })
        }
    }
}

/// Where the step has a replacement stop.
fn stop_of(step: &Step) -> Option<Percent> {
    match step.replaces()?.extent {
        Extent::UpTo(share) => Some(share),
        Extent::Ready | Extent::Whole => None,
    }
}

/// Whether a step has a use for a reading of this target.
fn wants(step: &Step, target: &Target) -> bool {
    target_of(step).as_ref() == Some(target) || reference_of(step).as_ref() == Some(target)
}

/// A call was made for this step; has it taken effect?
fn changing(
    plan: &Plan,
    state: &State,
    step: &Step,
    target: &Target,
    live: &Picture,
    now: Timestamp,
) -> Vec<Event> {
    let Some(change) = state.changes.get(target) else { return Vec::new() };
    match change::seen(&state.bindings, (target, change), live, now) {
        Seen::Nothing => Vec::new(),
        Seen::Progress => progressed(state, (target, change), live, stop_of(step), now),
        Seen::Done => {
            vec![Event::ChangeConfirmed { target: target.clone(), live: live.clone() }]
        }
        Seen::CallAgain if change.purpose == Purpose::Hold => {
            vec![change::intend_again(target, change)]
        }
        Seen::CallAgain if state.paused.is_some() || !is_clear(plan, state, step) => Vec::new(),
        Seen::CallAgain => vec![change::intend_again(target, change)],
        Seen::Invisible => called_problem(state, (target, change), invisible(target), now),
        Seen::Failed(problem) => {
            let cause = Cause::CallFailed { target: target.clone(), problem };
            fail(&step.id, cause)
        }
        Seen::Foreign => {
            let cause = match change.progress {
                // The call has just returned: whether AWS made something else of it or somebody was quick, nobody knows.
                Progress::Confirming { .. } => Cause::NotAsAsked { target: target.clone() },
                Progress::Calling | Progress::InDoubt(_) | Progress::Confirmed => {
                    Cause::Drift { target: target.clone() }
                }
            };
            found_different(target, &change.after, live, cause)
        }
    }
}

fn is_clear(plan: &Plan, state: &State, step: &Step) -> bool {
    state.steps.get(&step.id).is_some_and(|active| watch::all_clear(plan, state, step, active))
}

/// The step may change its target, which has just been read: this is where an intent is born, or drift is found.
fn cleared(
    plan: &Plan,
    state: &State,
    step: &Step,
    active: &StepState,
    target: &Target,
    live: &Picture,
) -> Vec<Event> {
    if let Some(expected) = change::unexpected(state, target, live) {
        return drift(target, &expected, live);
    }
    if let Some(problem) = ended_meanwhile(state, target, live) {
        return fail(&step.id, Cause::CallFailed { target: target.clone(), problem });
    }
    let mut events = Vec::new();
    if state.known.get(target) != Some(live) || reference_of(step).as_ref() == Some(target) {
        events.push(Event::Observed { target: target.clone(), live: live.clone() });
    }
    if target_of(step).as_ref() != Some(target) {
        return events;
    }
    if !watch::all_clear(plan, state, step, active) {
        return events;
    }
    let Some(after) = change::after(state, step, active, live) else { return events };
    if change::shrinks(live, &after) && !watch::drained(plan, state, target, active.started) {
        return events;
    }
    events.push(Event::ChangeIntended {
        purpose: Purpose::Step(step.id.clone()),
        target: target.clone(),
        before: live.clone(),
        after: after.clone(),
    });
    if after == *live {
        events.push(Event::ChangeConfirmed { target: target.clone(), live: after });
    }
    events
}

/// While a step bakes its target must stay as it was set.
fn baking(
    state: &State,
    (step, active): (&Step, &StepState),
    target: &Target,
    live: &Picture,
    now: Timestamp,
) -> Vec<Event> {
    let Some(known) = state.known.get(target) else { return Vec::new() };
    if !known.stands_in(live) {
        return drift(target, known, live);
    }
    if let Some(problem) = ended_meanwhile(state, target, live) {
        return fail(&step.id, Cause::CallFailed { target: target.clone(), problem });
    }
    let check = Check::Stands(target.clone());
    let since = watch::fresh_since(active, now);
    if state.readings.get(&check).is_some_and(|last| last.at >= since) {
        return Vec::new();
    }
    let reading = Reading::new(Outcome::Pass, now, format!("{target} is as set: {live}"));
    vec![Event::Read { check, reading }]
}

/// An operation that was held or waiting when last seen came to an end by itself.
fn ended_meanwhile(state: &State, target: &Target, live: &Picture) -> Option<CallProblem> {
    match (state.known.get(target), live) {
        (Some(Picture::Software(known)), Picture::Software(live)) => {
            seen_software::ended_meanwhile(known, live)
        }
        // Nothing else has an operation that could end.
        _ => None,
    }
}

fn drift(target: &Target, expected: &Picture, found: &Picture) -> Vec<Event> {
    found_different(target, expected, found, Cause::Drift { target: target.clone() })
}

fn found_different(
    target: &Target,
    expected: &Picture,
    found: &Picture,
    cause: Cause,
) -> Vec<Event> {
    vec![
        Event::DriftFound {
            target: target.clone(),
            expected: expected.clone(),
            found: found.clone(),
        },
        Event::Held { cause },
    ]
}

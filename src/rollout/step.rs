//! Where the components are in their steps, and what a step is about: what it changes, and what it has to read
//! besides.

use super::{Cause, Stage, State, StepState, Target};
use crate::plan::{Aim, Component, ComponentName, Plan, Step};

/// How many steps of a component have started. They start one after the other, so those are the first ones.
pub(super) fn started(component: &Component, state: &State) -> usize {
    component.steps.partition_point(|step| state.steps.contains_key(&step.id))
}

/// The step a component has come to: the last that has started.
fn latest<'a>(component: &'a Component, state: &'a State) -> Option<(&'a Step, &'a StepState)> {
    let step = component.steps.get(started(component, state).checked_sub(1)?)?;
    Some((step, state.steps.get(&step.id)?))
}

/// The step of a component that has failed, of one that does not go back. It need not be the last: the gates of one that is done
/// stay armed.
pub(super) fn failed_step<'a>(
    component: &'a Component,
    state: &'a State,
) -> Option<(&'a Step, &'a Cause)> {
    if state.reach.covers(&component.name) {
        return None;
    }
    component.steps.iter().find_map(|step| match &state.steps.get(&step.id)?.stage {
        Stage::Failed(cause) => Some((step, cause)),
        Stage::Entered
        | Stage::Cleared
        | Stage::Changing
        | Stage::Baking { .. }
        | Stage::Done
        | Stage::Reverted
        | Stage::NeedsAttention => None,
    })
}

/// Whether a component has meant to change anything. One that was held on its way has no step any more when it is resumed, and
/// is not to be left there though what it needs went back.
pub(super) fn has_touched(component: &Component, state: &State) -> bool {
    let mut targets = component.steps.iter().filter_map(target_of);
    targets.any(|target| state.changes.contains_key(&target))
}

/// The step of a component that is under way; what goes back has none.
pub(super) fn active_step<'a>(
    component: &'a Component,
    state: &'a State,
) -> Option<(&'a Step, &'a StepState)> {
    if state.reach.covers(&component.name) {
        return None;
    }
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

/// The step each component is at or would start next, where all that the component needs is done, and where the plan lets
/// one more be under way.
pub(super) fn next_steps<'a>(
    plan: &'a Plan,
    state: &'a State,
) -> impl Iterator<Item = (&'a Component, &'a Step)> {
    let has_room = has_room(plan, state);
    plan.components.iter().filter_map(move |component| {
        Some((component, next_step(plan, state, component, || has_room)?))
    })
}

/// The same of one component; whether another component may begin is asked only where that matters.
pub(super) fn next_step<'a>(
    plan: &Plan,
    state: &State,
    component: &'a Component,
    has_room: impl FnOnce() -> bool,
) -> Option<&'a Step> {
    if state.reach.covers(&component.name) {
        return None;
    }
    let started = started(component, state);
    let needed = |name: &ComponentName| plan.components.named(name);
    let is_there =
        |needed: &Component| is_complete(state, needed) && !state.reach.covers(&needed.name);
    if started == 0
        && !component.needs.iter().filter_map(needed).all(is_there)
        && !has_touched(component, state)
    {
        return None;
    }
    if started == 0 && !has_room() {
        return None;
    }
    let latest = started.checked_sub(1).and_then(|at| component.steps.get(at));
    let at = latest.filter(|step| !is_done(state, step));
    at.or_else(|| component.steps.get(started))
}

/// Those of the components under way that may have to do with a target, with their steps under way.
pub(super) fn active_steps_on<'a>(
    plan: &'a Plan,
    state: &'a State,
    target: &Target,
) -> impl Iterator<Item = (&'a Component, &'a Step, &'a StepState)> {
    let components = on_target(plan, target).iter().filter_map(|at| plan.components.get(*at));
    components.filter_map(|component| {
        active_step(component, state).map(|(step, active)| (component, step, active))
    })
}

/// The components that have a step which reads or changes a target, by their places.
pub(super) fn on_target<'a>(plan: &'a Plan, target: &Target) -> &'a [usize] {
    match target {
        Target::Fleet { fleet, .. } | Target::Software(fleet) => plan.components.on_fleet(fleet),
        Target::Route(route)
        | Target::TestRoute(route)
        | Target::Candidate(route)
        | Target::OldVersions(route)
        | Target::Replay(route) => plan.components.on_route(route),
    }
}

/// Whether another component may begin.
pub(super) fn has_room(plan: &Plan, state: &State) -> bool {
    let is_under_way = |component: &&Component| {
        started(component, state) > 0
            && !is_complete(state, component)
            && !state.reach.covers(&component.name)
    };
    plan.max_parallel.is_none_or(|most| {
        let under_way = plan.components.iter().filter(is_under_way).count();
        u32::try_from(under_way).is_ok_and(|under_way| under_way < most.get())
    })
}

fn is_done(state: &State, step: &Step) -> bool {
    state.steps.get(&step.id).is_some_and(|step| step.stage == Stage::Done)
}

pub(super) fn is_complete(state: &State, component: &Component) -> bool {
    component.steps.last().is_none_or(|step| is_done(state, step))
}

/// What a step changes, if it changes anything.
pub fn target_of(step: &Step) -> Option<Target> {
    match step.conduct().aim {
        Aim::Capacity { fleet, side, .. } => Some(Target::Fleet { fleet: fleet.clone(), side }),
        Aim::Weights { route, .. } => Some(Target::Route(route.clone())),
        Aim::TestRoute { route, .. } => Some(Target::TestRoute(route.clone())),
        Aim::Software(replace) => Some(Target::Software(replace.fleet.clone())),
        Aim::Release { route, .. } => Some(Target::Candidate(route.clone())),
        Aim::OldVersions { route, .. } => Some(Target::OldVersions(route.clone())),
        Aim::Replay(replay) => Some(Target::Replay(replay.route.clone())),
        Aim::Nothing => None,
    }
}

/// The other target a step must read before it knows its own aim.
pub(super) fn reference_of(step: &Step) -> Option<Target> {
    let (fleet, side) = step.conduct().aim.reference()?;
    Some(Target::Fleet { fleet: fleet.clone(), side })
}

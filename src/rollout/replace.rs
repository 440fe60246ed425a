//! Steering a replacement that AWS carries out. It moves by itself, so what a run decides is when it may not: while a
//! gate fails or cannot tell, while the run is paused, held or interrupted, and where the plan says to stop. Holding is
//! a change like any other, with an intent before it, and so is going on.

use std::collections::BTreeSet;

use super::{
    Change, Event, Flow, Phase, Picture, Progress, Purpose, Software, State, StepState, Target,
    goal, watch,
};
use crate::plan::{Extent, FleetName, How, Plan, Replace, Step};

/// A fleet's software as it was last seen.
pub(super) fn known<'a>(state: &'a State, fleet: &FleetName) -> Option<&'a Software> {
    match state.known.get(&Target::Software(fleet.clone())) {
        Some(Picture::Software(software)) => Some(software),
        Some(
            Picture::Split(_)
            | Picture::Uneven(_)
            | Picture::Capacity(_)
            | Picture::TestRoute(_)
            | Picture::Release(_)
            | Picture::OldVersions(_)
            | Picture::Replay(_),
        )
        | None => None,
    }
}

/// What a replacement needs next while its step is at work.
pub(super) enum Next {
    /// Nothing but time, or a reading.
    Time,
    /// It has come as far as the step takes it.
    Reached,
    Hold(Software),
    GoOn(Software),
}

/// What a replacement needs next, from what was last seen of it.
pub(super) fn steer(
    plan: &Plan,
    state: &State,
    (step, replace): (&Step, &Replace),
    active: &StepState,
) -> Next {
    let target = Target::Software(replace.fleet.clone());
    let (Some(live), Some(change)) = (known(state, &replace.fleet), state.changes.get(&target))
    else {
        return Next::Time;
    };
    // What was called for has to show first; an operation that has begun shows as it moves.
    let shows = match (&change.purpose, &change.progress) {
        (_, Progress::Confirmed) => true,
        (Purpose::Step(_), Progress::Confirming { .. }) => live.flow == Flow::Open,
        (_, Progress::Calling | Progress::InDoubt(_) | Progress::Confirming { .. }) => false,
    };
    if !shows {
        return Next::Time;
    }
    let goal = goal(replace, live);
    let go_on = || Next::GoOn(Software::at(goal.clone()));
    let may_move = state.paused.is_none() && watch::all_clear(plan, state, step, active);
    let operation = live.under_way().filter(|operation| operation.to == goal);
    match (operation.map(|operation| &operation.phase), live.flow, replace.extent) {
        (None, Flow::Open, _) if change.progress == Progress::Confirmed && live.rests_at(&goal) => {
            Next::Reached
        }
        // All of it was replaced before the hold took effect: only the suspension is left.
        (None, Flow::Held, _) if live.rests_at(&goal) => go_on(),
        (Some(Phase::Ready), Flow::Open, Extent::Ready) => Next::Reached,
        (Some(Phase::Ready), Flow::Open, _) if may_move && !is_told_to_go_on(change) => go_on(),
        (Some(Phase::Moving { done }), Flow::Held, Extent::UpTo(share)) if *done >= share => {
            Next::Reached
        }
        (Some(Phase::Moving { .. }), Flow::Held, _) if may_move => go_on(),
        (Some(Phase::Moving { done }), Flow::Open, extent)
            if holdable(replace) && (!may_move || extent.is_reached_at(*done)) =>
        {
            Next::Hold(live.held())
        }
        // On its way, on another one, or waiting for leave: nothing is to be asked until more is seen.
        _ => Next::Time,
    }
}

/// Whether the last call was the one that ends the waiting, and only does not show yet.
fn is_told_to_go_on(change: &Change) -> bool {
    let Picture::Software(before) = &change.before else { return false };
    before.under_way().is_some_and(|operation| operation.phase == Phase::Ready)
        && change.progress != Progress::Confirmed
}

/// The intent to change what a fleet was last seen at.
pub(super) fn intend(
    state: &State,
    fleet: &FleetName,
    purpose: Purpose,
    after: Software,
) -> Option<Event> {
    Some(Event::ChangeIntended {
        purpose,
        target: Target::Software(fleet.clone()),
        before: Picture::Software(known(state, fleet)?.clone()),
        after: Picture::Software(after),
    })
}

/// What was reached stands as it was seen, though the operation that led there may have more to do.
pub(super) fn confirmed(state: &State, fleet: &FleetName) -> Vec<Event> {
    let target = Target::Software(fleet.clone());
    let (Some(live), Some(change)) = (known(state, fleet), state.changes.get(&target)) else {
        return Vec::new();
    };
    if change.progress == Progress::Confirmed {
        return Vec::new();
    }
    vec![Event::ChangeConfirmed { target, live: Picture::Software(live.clone()) }]
}

/// Only an instance refresh can be suspended on the way.
fn holdable(replace: &Replace) -> bool {
    match replace.how {
        How::Refresh(_) => true,
        How::Deploy(_) => false,
    }
}

/// The intents that bring to a stand what is under way, or may be, and can be held: for a run that stops deciding. A
/// call under way is waited for; what its answer leaves to hold is held then. What goes back, or has, is not held on its way.
pub(super) fn hold_all(plan: &Plan, state: &State) -> Vec<Event> {
    let replaced = plan.steps().filter_map(|(_, step)| step.replaces());
    let fleets: BTreeSet<&FleetName> =
        replaced.filter(|replace| holdable(replace)).map(|replace| &replace.fleet).collect();
    let hold = |fleet: &FleetName| {
        let live = known(state, fleet)?;
        let target = Target::Software(fleet.clone());
        let change = state.changes.get(&target).filter(|_| !state.has_back(&target))?;
        let moves = match (&change.purpose, &change.progress) {
            (Purpose::Step(_), Progress::Confirming { .. } | Progress::InDoubt(_)) => true,
            (Purpose::Step(_) | Purpose::Hold, Progress::Confirmed) => {
                live.under_way().is_some() && live.flow == Flow::Open
            }
            (_, Progress::Calling)
            | (Purpose::Restore, _)
            | (Purpose::Hold, Progress::Confirming { .. } | Progress::InDoubt(_)) => false,
        };
        if moves { intend(state, fleet, Purpose::Hold, live.held()) } else { None }
    };
    fleets.into_iter().filter_map(hold).collect()
}

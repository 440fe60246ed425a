//! Steering a replacement that AWS carries out. It moves by itself, so what a run decides is when it may not: while a
//! gate is not known to hold, while the run is paused, held or interrupted, and where the plan says to stop. Holding is
//! a change like any other, with an intent before it, and so is going on.

use super::{
    Event, Flow, Phase, Picture, Progress, Purpose, Software, State, StepState, Target, Version,
    watch,
};
use crate::plan::{Extent, FleetName, How, Plan, Replace, Revision, Step};

/// The version a replacement leads to, given what there is.
pub(super) fn goal(replace: &Replace, live: &Software) -> Version {
    match &replace.how {
        How::Refresh(refresh) => {
            let template =
                live.version.as_str().rsplit_once(':').map_or("", |(template, _)| template);
            Version::new(format!("{template}:{}", refresh.version))
        }
        How::Deploy(deploy) => revision(&deploy.revision),
    }
}

fn revision(revision: &Revision) -> Version {
    Version::new(revision.to_string())
}

/// A fleet's software as it was last seen.
pub(super) fn known<'a>(state: &'a State, fleet: &FleetName) -> Option<&'a Software> {
    match state.known.get(&Target::Software(fleet.clone())) {
        Some(Picture::Software(software)) => Some(software),
        Some(Picture::Split(_) | Picture::Capacity(_) | Picture::TestRoute(_)) | None => None,
    }
}

/// What a replacement needs next while its step is at work; nothing when it only needs time.
pub(super) enum Next {
    Time,
    /// It has come as far as the step takes it.
    Reached(Vec<Event>),
    Change(Event),
}

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
    let goal = goal(replace, live);
    let intend = |purpose: Purpose, after: Software| {
        Next::Change(Event::ChangeIntended {
            purpose,
            target: target.clone(),
            before: Picture::Software(live.clone()),
            after: Picture::Software(after),
        })
    };
    let go_on = || intend(Purpose::Step(step.id.clone()), live.arrived_at(goal.clone()));
    let settled = change.progress == Progress::Confirmed;
    let may_move = state.paused.is_none() && watch::all_clear(plan, state, step, active);
    let Some(operation) = live.under_way().filter(|operation| operation.to == goal) else {
        return match (settled && live.rests_at(&goal), live.flow) {
            (true, Flow::Open) => Next::Reached(Vec::new()),
            (true, Flow::Held) => go_on(),
            (false, _) => Next::Time,
        };
    };
    let arrived = match (replace.extent, &operation.phase) {
        (Extent::UpTo(share), Phase::Moving { done }) => *done >= share,
        (Extent::Ready, Phase::Ready) => true,
        _ => false,
    };
    match (live.flow, &change.purpose, &change.progress) {
        // What was called for does not show yet; reading it decides.
        (_, _, Progress::Calling | Progress::InDoubt(_)) => Next::Time,
        (_, Purpose::Hold, Progress::Confirming { .. }) => Next::Time,
        (Flow::Held, Purpose::Step(_), Progress::Confirming { .. }) => Next::Time,
        (_, Purpose::Restore, _) => Next::Time,
        (Flow::Open, _, _) if arrived && operation.phase == Phase::Ready => {
            let live = Picture::Software(live.clone());
            Next::Reached(vec![Event::ChangeConfirmed { target: target.clone(), live }])
        }
        (Flow::Open, _, _) if holdable(replace) && (arrived || !may_move) => {
            intend(Purpose::Hold, live.held())
        }
        (Flow::Open, _, _)
            if operation.phase == Phase::Ready && may_move && settled_at_ready(change) =>
        {
            go_on()
        }
        (Flow::Open, _, _) => Next::Time,
        (Flow::Held, _, Progress::Confirmed) if arrived => Next::Reached(Vec::new()),
        (Flow::Held, _, Progress::Confirmed) if may_move => go_on(),
        (Flow::Held, _, Progress::Confirmed) => Next::Time,
    }
}

/// Whether the last change did not itself begin where the deployment waits, so that telling it to go on is new.
fn settled_at_ready(change: &super::Change) -> bool {
    let Picture::Software(before) = &change.before else { return false };
    before.under_way().is_none_or(|operation| operation.phase != Phase::Ready)
        || change.progress == Progress::Confirmed
}

/// Only an instance refresh can be suspended on the way.
fn holdable(replace: &Replace) -> bool {
    match replace.how {
        How::Refresh(_) => true,
        How::Deploy(_) => false,
    }
}

/// The intents that bring to a stand what is under way, or may be, and can be held: for a run that stops deciding. A
/// call under way is waited for; what its answer leaves to hold is held then.
pub(super) fn hold_all(plan: &Plan, state: &State) -> Vec<Event> {
    let replaced = plan.steps().filter_map(|(_, step)| step.replaces());
    let fleets: std::collections::BTreeSet<&FleetName> =
        replaced.filter(|replace| holdable(replace)).map(|replace| &replace.fleet).collect();
    let hold = |fleet: &FleetName| {
        let target = Target::Software(fleet.clone());
        let live = known(state, fleet)?;
        let change = state.changes.get(&target)?;
        let moves = match (&change.purpose, &change.progress) {
            (_, Progress::Calling) | (Purpose::Restore, _) => false,
            (Purpose::Hold, Progress::Confirming { .. } | Progress::InDoubt(_)) => false,
            (Purpose::Step(_), Progress::Confirming { .. } | Progress::InDoubt(_)) => true,
            (Purpose::Step(_) | Purpose::Hold, Progress::Confirmed) => {
                live.under_way().is_some() && live.flow == Flow::Open
            }
        };
        moves.then(|| Event::ChangeIntended {
            purpose: Purpose::Hold,
            before: Picture::Software(live.clone()),
            after: Picture::Software(live.held()),
            target,
        })
    };
    fleets.into_iter().filter_map(hold).collect()
}

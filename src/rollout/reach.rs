//! How far a failure reaches: which components go back because of it, and what the others do meanwhile. A part that goes
//! back and the rest that stands still or goes on never wait for one another, because nothing is moved by both: whoever
//! moves the same things goes the same way.

use std::collections::BTreeSet;

use super::{
    Beside, Ending, Mode, Reach, Restore, Scope, State, Target,
    step::{failed_step, has_touched, is_complete, started, target_of},
};
use crate::plan::{Component, ComponentName, FailureScope, FleetName, Others, Plan, RouteName};

/// How far the failure of components reaches; everything where that is no less.
pub(super) fn scope(plan: &Plan, state: &State, failed: &[&Component]) -> Option<Scope> {
    if plan.failure_scope == FailureScope::All {
        return None;
    }
    let mut names: BTreeSet<ComponentName> = failed.iter().map(|c| c.name.clone()).collect();
    loop {
        let before = names.len();
        let joining: Vec<ComponentName> = plan
            .components
            .iter()
            .filter(|component| !names.contains(&component.name))
            .filter(|component| follows(plan, component, &names))
            .map(|component| component.name.clone())
            .collect();
        names.extend(joining);
        if names.len() == before {
            break;
        }
    }
    let is_left = |c: &Component| !names.contains(&c.name) && !state.reach.covers(&c.name);
    if !plan.components.iter().any(is_left) {
        return None;
    }
    let failed = failed.iter().map(|component| component.name.clone()).collect();
    Some(Scope { failed, components: names, others: plan.others })
}

/// Whether a component has to go where these go.
fn follows(plan: &Plan, component: &Component, names: &BTreeSet<ComponentName>) -> bool {
    let needs = plan.failure_scope == FailureScope::Dependents
        && component.needs.iter().any(|need| names.contains(need));
    needs || {
        let own = moved_by(plan, component);
        let others = names.iter().filter_map(|name| plan.components.named(name));
        others.flat_map(|other| moved_by(plan, other)).any(|thing| own.contains(&thing))
    }
}

/// What is moved as one: a route with all that is behind it, or a fleet that is behind none.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Route(RouteName),
    Fleet(FleetName),
}

fn moved_by(plan: &Plan, component: &Component) -> BTreeSet<Thing> {
    let targets = component.steps.iter().filter_map(target_of);
    let things = targets.map(|target| match target {
        Target::Fleet { fleet, .. } | Target::Software(fleet) => {
            let behind = plan.fleets.get(&fleet).and_then(|fleet| fleet.behind.clone());
            behind.map_or(Thing::Fleet(fleet), Thing::Route)
        }
        Target::Route(route)
        | Target::TestRoute(route)
        | Target::Candidate(route)
        | Target::OldVersions(route)
        | Target::Replay(route) => Thing::Route(route),
    });
    things.collect()
}

/// Whether nothing is left to be done by what does not go back.
pub(super) fn is_rest_over(plan: &Plan, state: &State) -> bool {
    let mut never: BTreeSet<&ComponentName> = BTreeSet::new();
    // In this order whatever a component needs was looked at before it.
    plan.components.iter().all(|component| {
        let waits_in_vain = |need: &ComponentName| never.contains(need) || state.reach.covers(need);
        if started(component, state) == 0
            && component.needs.iter().any(waits_in_vain)
            && !has_touched(component, state)
        {
            never.insert(&component.name);
            return true;
        }
        state.reach.covers(&component.name)
            || (is_complete(state, component) && failed_step(component, state).is_none())
    })
}

/// How a run ends of which all that goes back has gone back, and all else is done.
pub(super) fn ending(state: &State) -> Ending {
    let needs_attention = state.restores.values().any(|r| *r == Restore::NeedsAttention);
    match &*state.reach {
        Reach::Nothing => Ending::Promoted,
        Reach::Components(_) | Reach::Everything if needs_attention => Ending::NeedsAttention,
        Reach::Components(_) if state.trails.keys().any(|target| !state.has_back(target)) => {
            Ending::PartlyRolledBack
        }
        Reach::Components(_) | Reach::Everything => Ending::RolledBack,
    }
}

/// A person wants what went back and could not be restored tried again: the same part of the run, if it was a part.
pub(super) fn once_more(state: &State) -> Option<Scope> {
    match &*state.reach {
        Reach::Nothing | Reach::Everything => None,
        Reach::Components(names) => {
            Some(Scope { failed: Vec::new(), components: names.clone(), others: Others::Hold })
        }
    }
}

/// Whether what does not go back goes on.
pub(super) fn goes_on(mode: &Mode) -> bool {
    match mode {
        Mode::Forward => true,
        Mode::RollingBack { beside, .. } => *beside == Beside::Forward,
        Mode::NotStarted | Mode::Held(_) | Mode::Ended(_) => false,
    }
}

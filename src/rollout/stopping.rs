//! What stops a step while it is under way or its gates are armed: a gate that has failed or stayed unknown for longer
//! than is tolerated, users who meet nobody healthy, or something that is not there any more. It follows from what was read,
//! never from the moment of reading it.

use std::collections::BTreeMap;

use super::{
    Cause, Check, Event, Outcome, State, Timestamp, failing::fail, step::failed_step, watch,
};
use crate::plan::{Component, GateName, Plan, RouteName, StepId};

/// Gates that have failed, or stayed unknown, for longer than is tolerated stop the steps they watch: of every component
/// that waits for them one, and first of those whose own gates fail. This follows from the state, so a crash after the last
/// straw changes nothing.
pub(super) fn stopped(plan: &Plan, state: &State, now: Timestamp) -> Vec<Event> {
    // Mostly nothing was read that could stop a step, and nobody need go through all that is watched.
    let stops = |watched: &watch::Watched| cause(plan, state, watched, now);
    let is_stopped = |check| {
        watch::forward_on(plan, state, check, now).is_some_and(|watched| stops(&watched).is_some())
    };
    if !state.suspects.iter().any(is_stopped) {
        return Vec::new();
    }
    let watched = watch::forward(plan, state, now);
    let causes: BTreeMap<&Check, Cause> =
        watched.iter().filter_map(|watched| Some((&watched.check, stops(watched)?))).collect();
    let mut failed: Vec<(&Component, StepId, Cause)> = Vec::new();
    watch::each(plan, state, None, now, |watched| {
        let Some(cause) = causes.get(&watched.check) else { return };
        let Some((component, _)) = plan.step(&watched.step) else { return };
        // Of several causes the first in the order of what is watched; what has failed does not fail again.
        if failed_step(component, state).is_none()
            && !failed.iter().any(|(other, _, _)| other.name == component.name)
        {
            failed.push((component, watched.step, cause.clone()));
        }
    });
    failed.sort_by_key(|(component, _, cause)| !is_its_own(plan, state, component, cause));
    failed.into_iter().flat_map(|(_, step, cause)| fail(&step, cause)).collect()
}

/// Whether a component fails by itself, and not only by a gate that others wait for as well.
pub(super) fn is_its_own(plan: &Plan, state: &State, component: &Component, cause: &Cause) -> bool {
    let is_shared = |gate: &GateName| plan.components.guarded_by(gate).len() > 1;
    let fails = |gate: &GateName| {
        let reading = state.readings.get(&Check::Gate(gate.clone()));
        reading.is_some_and(|reading| reading.outcome == Outcome::Fail)
    };
    let (Cause::GateFailed { gate, .. } | Cause::GateUnknown { gate, .. }) = cause else {
        return true;
    };
    !is_shared(gate) || {
        let mut gates = component.steps.iter().flat_map(|step| step.conduct().gates);
        gates.any(|gate| !is_shared(gate) && fails(gate))
    }
}

/// Why what was read stops a step, if it does.
fn cause(plan: &Plan, state: &State, watched: &watch::Watched, now: Timestamp) -> Option<Cause> {
    match &watched.check {
        Check::Gate(gate) => gate_stops(plan, state, gate, watched.covering, now),
        Check::Served { route } => nobody_serves(state, route, now),
        Check::Healthy { .. } | Check::BaselineHealthy { .. } => is_in_vain(state, watched),
        Check::Drained { .. } | Check::Requests { .. } | Check::Stands(_) => None,
    }
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

/// Waiting brings nothing back that was deleted, and nothing about that AWS has given up.
fn is_in_vain(state: &State, watched: &watch::Watched) -> Option<Cause> {
    let reading = state.readings.get(&watched.check).filter(|r| r.at >= watched.since)?;
    let gone = reading.gone.clone().map(|words| Cause::Vanished { words });
    gone.or_else(|| reading.given_up.clone().map(|words| Cause::GivenUp { words }))
}

//! What has to be asked of the world, and whether the answers suffice. A reading counts for a step only when it began
//! after the step did, and for the end of a bake only when it began after the bake's time was up: yesterday's pass, or
//! one from the middle, proves nothing about now. No reading is never a pass.
//!
//! Whoever asks what suffices reads all of it: which checks there are, how often they are asked and from when they count
//! belong together, and a rule that is not seen beside the others is easily broken.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    Armed, Check, Outcome, Picture, Poll, Split, Stage, State, StepState, Subject, Target,
    TestRoute, Timestamp, change,
    step::{active_step, active_steps, on_target, target_of},
};
use crate::plan::{
    Aim, Clears, Component, Ends, GateKind, GateName, Plan, RouteName, Side, Step, StepId, Until,
    units::{Percent, Weight},
};

/// How often target health and drained sides are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often requests are counted; figures come by the minute.
const COUNT_EVERY: Duration = Duration::from_secs(30);
/// How long gates may be unreadable while users are on the candidate, where the plan does not say.
const BLIND_FOR: Duration = Duration::from_mins(5);
/// How long users may be sent where nobody is healthy: longer than one answer of a health check that came at a bad time.
pub(super) const UNSERVED_FOR: Duration = Duration::from_secs(15);
/// How often a baking target is compared with what was set.
pub(super) const STANDS_EVERY: Duration = Duration::from_secs(15);

/// A check somebody waits for.
pub(super) struct Watched {
    pub check: Check,
    /// The step that fails when a gate does.
    pub step: StepId,
    pub every: Duration,
    pub since: Timestamp,
    pub covering: Timestamp,
}

impl Watched {
    /// The same check, waited for by somebody else too.
    fn join(&mut self, other: &Self) {
        self.since = self.since.max(other.since);
        self.covering = self.covering.min(other.covering);
    }

    pub(super) fn poll(self) -> Poll {
        Poll {
            subject: Subject::Check(self.check),
            every: self.every,
            since: self.since,
            covering: self.covering,
        }
    }
}

/// Whether an answer to a check may stop a step whatever stage it is at: what is watched of components that stand still
/// while others go back.
pub(super) fn is_alarming(check: &Check) -> bool {
    matches!(check, Check::Gate(_) | Check::Served { .. })
}

/// Every check that steps under way or armed gates wait for, each once.
pub(super) fn forward(plan: &Plan, state: &State, now: Timestamp) -> Vec<Watched> {
    let mut all: Vec<Watched> = Vec::new();
    let mut places: BTreeMap<Check, usize> = BTreeMap::new();
    each(plan, state, None, now, |new| {
        if let Some(old) = places.get(&new.check).and_then(|at| all.get_mut(*at)) {
            old.join(&new);
        } else {
            places.insert(new.check.clone(), all.len());
            all.push(new);
        }
    });
    all
}

/// One of them, if it is waited for.
pub(super) fn forward_on(
    plan: &Plan,
    state: &State,
    check: &Check,
    now: Timestamp,
) -> Option<Watched> {
    let mut found: Option<Watched> = None;
    each(plan, state, Some(check), now, |new| match &mut found {
        Some(old) => old.join(&new),
        None => found = Some(new),
    });
    found
}

/// Adds every wait of a step or armed gate for a check, or for one check `only`. What goes back waits for none of them.
pub(super) fn each(
    plan: &Plan,
    state: &State,
    only: Option<&Check>,
    now: Timestamp,
    mut add: impl FnMut(Watched),
) {
    let is_asked = |check: &Check| only.is_none_or(|only| only == check);
    // What a gate has failed by and was forgiven is not held against it again.
    let covering = |check: &Check, from: Timestamp| {
        let Some(gate) = check.gate() else { return from };
        let from = from.before(state.slept);
        let failed_at = state.tallies.get(gate).and_then(|tally| tally.failed_at);
        failed_at.map_or(from, |at| from.max(at.plus(Duration::from_millis(1))))
    };
    // Whoever may wait for a check is told by the plan alone, which spares looking for all the others in the state.
    let asking = only.map(|check| asking(plan, check));
    let places = asking.unwrap_or_else(|| (0..plan.components.len()).collect());
    let components = places.into_iter().filter_map(|place| plan.components.get(place));
    for (step, active) in components.filter_map(|component| active_step(component, state)) {
        let gates = gates_of(plan, step, only).cloned().map(Check::Gate);
        // No step waits for these two beside its gates, so there is nothing to look through.
        let others = if matches!(only, Some(Check::Gate(_) | Check::Served { .. })) {
            Vec::new()
        } else {
            others_of(plan, state, step, active)
        };
        for check in gates.chain(others.into_iter().filter(is_asked)) {
            let since = match check.drained() {
                Some((route, side)) => settled_at(plan, state, route, side)
                    .map_or(active.started, |at| at.max(active.started)),
                None => fresh_since(active, now),
            };
            add(Watched {
                every: every(plan, &check),
                step: step.id.clone(),
                since,
                covering: covering(&check, active.started),
                check,
            });
        }
    }
    for (target, armed) in armed_for(plan, state, only) {
        let Some((component, step)) = plan.step(&armed.step) else { continue };
        if state.reach.covers(&component.name) {
            continue;
        }
        if let Target::Route(route) = &*target
            && let check = (Check::Served { route: route.clone() })
            && is_asked(&check)
            && has_users(state, route)
        {
            add(Watched {
                every: every(plan, &check),
                step: culprit(component, state, &armed.step),
                since: armed.since,
                covering: armed.since,
                check,
            });
        }
        for gate in gates_of(plan, step, only) {
            let check = Check::Gate(gate.clone());
            add(Watched {
                every: every(plan, &check),
                step: culprit(component, state, &armed.step),
                since: armed.since,
                covering: covering(&check, armed.since),
                check,
            });
        }
    }
}

/// The components whose steps may wait for a check, by their places in the plan.
fn asking(plan: &Plan, check: &Check) -> Vec<usize> {
    match check {
        Check::Gate(gate) => plan.components.guarded_by(gate).to_vec(),
        Check::Healthy { route, .. }
        | Check::BaselineHealthy { route, .. }
        | Check::Requests { route, .. } => plan.components.on_route(route).to_vec(),
        Check::Drained { route, .. } => {
            let behind = plan.fleets_behind(route);
            let places = behind.flat_map(|fleet| plan.components.on_fleet(fleet)).copied();
            places.collect::<BTreeSet<_>>().into_iter().collect()
        }
        Check::Stands(target) => on_target(plan, target).to_vec(),
        // Only what is armed is asked for it.
        Check::Served { .. } => Vec::new(),
    }
}

/// What is armed, or as much of it as may wait for one check.
fn armed_for<'a>(
    plan: &Plan,
    state: &'a State,
    only: Option<&Check>,
) -> Vec<(Cow<'a, Target>, &'a Armed)> {
    match only {
        None => state.armed.iter().map(|(target, armed)| (Cow::Borrowed(target), armed)).collect(),
        Some(Check::Gate(gate)) => armed_before(plan, state, gate),
        Some(Check::Served { route }) => {
            let target = Target::Route(route.clone());
            let armed = state.armed.get(&target);
            armed.map(|armed| (Cow::Owned(target), armed)).into_iter().collect()
        }
        Some(
            Check::Healthy { .. }
            | Check::BaselineHealthy { .. }
            | Check::Drained { .. }
            | Check::Requests { .. }
            | Check::Stands(_),
        ) => Vec::new(),
    }
}

/// What is armed by a step that a gate stands before: a step arms its own target, and none else.
fn armed_before<'a>(
    plan: &Plan,
    state: &'a State,
    gate: &GateName,
) -> Vec<(Cow<'a, Target>, &'a Armed)> {
    let places = plan.components.guarded_by(gate).iter();
    let steps = places.filter_map(|place| plan.components.get(*place)).flat_map(|c| &c.steps);
    let guarded: BTreeMap<&StepId, &Step> = steps
        .filter(|step| step.conduct().gates.contains(gate))
        .map(|step| (&step.id, step))
        .collect();
    let targets: BTreeSet<Target> = guarded.values().filter_map(|step| target_of(step)).collect();
    let armed = targets.into_iter().filter_map(|target| {
        let armed = state.armed.get(&target)?;
        guarded.contains_key(&armed.step).then_some((Cow::Owned(target), armed))
    });
    armed.collect()
}

/// Whether users are sent to the candidate of a route, as far as is known.
fn has_users(state: &State, route: &RouteName) -> bool {
    let Some(bound) = state.bindings.routes.get(route) else { return false };
    let weighs = |split: &Split| bound.weight(split, Side::Candidate) > Weight::ZERO;
    match state.known.get(&Target::Route(route.clone())) {
        Some(Picture::Split(split)) => weighs(split),
        Some(Picture::Uneven(parts)) => parts.values().any(weighs),
        Some(
            Picture::Capacity(_)
            | Picture::Software(_)
            | Picture::TestRoute(_)
            | Picture::Release(_)
            | Picture::OldVersions(_)
            | Picture::Replay(_),
        )
        | None => false,
    }
}

/// Whether users meet what a gate guards: a candidate with traffic, or a replacement that has begun.
fn is_exposed(plan: &Plan, state: &State, gate: &GateName) -> bool {
    armed_before(plan, state, gate).iter().any(|(target, _)| match &**target {
        Target::Route(route) => has_users(state, route),
        Target::Software(_) => true,
        Target::Fleet { .. }
        | Target::TestRoute(_)
        | Target::Candidate(_)
        | Target::OldVersions(_)
        | Target::Replay(_) => false,
    })
}

/// The step that an armed gate stops: the one its component is at.
fn culprit(component: &Component, state: &State, armed: &StepId) -> StepId {
    active_step(component, state).map_or_else(|| armed.clone(), |(step, _)| step.id.clone())
}

pub(super) fn every(plan: &Plan, check: &Check) -> Duration {
    match check {
        Check::Gate(gate) => plan.gates.get(gate).map_or(LOOK_EVERY, |gate| gate.every),
        Check::Healthy { .. }
        | Check::BaselineHealthy { .. }
        | Check::Served { .. }
        | Check::Drained { .. } => LOOK_EVERY,
        Check::Requests { .. } => COUNT_EVERY,
        Check::Stands(_) => STANDS_EVERY,
    }
}

/// The gates that are read while a step is under way, or the one that is asked for `only`; windows have let it start.
fn gates_of<'a>(
    plan: &'a Plan,
    step: &'a Step,
    only: Option<&'a Check>,
) -> impl DoubleEndedIterator<Item = &'a GateName> {
    let is_asked = move |gate: &&GateName| only.is_none_or(|only| only.gate() == Some(*gate));
    let is_window = |gate: &&GateName| {
        plan.gates.get(*gate).is_some_and(|gate| matches!(gate.kind, GateKind::Window(_)))
    };
    step.conduct().gates.iter().filter(is_asked).filter(move |gate| !is_window(gate))
}

/// What a step waits for at the stage it is at.
pub(super) fn checks_of<'a>(
    plan: &'a Plan,
    state: &State,
    step: &'a Step,
    active: &StepState,
) -> impl DoubleEndedIterator<Item = Check> + use<'a> {
    let gates = gates_of(plan, step, None).cloned().map(Check::Gate);
    gates.chain(others_of(plan, state, step, active))
}

/// What it waits for beside its gates.
fn others_of(plan: &Plan, state: &State, step: &Step, active: &StepState) -> Vec<Check> {
    let conduct = step.conduct();
    let mut checks = Vec::new();
    if let Ends::WhenAllPass { until: Some(Until::Healthy { route, side, at_least }) } =
        conduct.ends
    {
        checks.push(Check::Healthy { route: route.clone(), side: *side, at_least: *at_least });
    }
    match (&active.stage, conduct.aim) {
        (Stage::Entered | Stage::Cleared | Stage::Changing, Aim::Weights { route, candidate })
            if rises(state, step, active) =>
        {
            let at_least = enough(plan, route, Side::Candidate);
            let bound = state.bindings.routes.get(route);
            if bound.is_some_and(|bound| bound.baseline_at(candidate) > Weight::ZERO) {
                checks.push(Check::BaselineHealthy { route: route.clone(), at_least });
            }
            checks.push(Check::Healthy { route: route.clone(), side: Side::Candidate, at_least });
        }
        (Stage::Cleared, Aim::Capacity { fleet, side, .. })
            if conduct.clears == Clears::WhenDrained && is_shrink(state, step, active) =>
        {
            let behind = plan.fleets.get(fleet).and_then(|fleet| fleet.behind.as_ref());
            checks.extend(behind.map(|route| Check::Drained { route: route.clone(), side }));
        }
        (Stage::Baking { until }, aim) => {
            checks.extend(checks_of_bake(step, aim, conduct.ends, *until));
        }
        (
            Stage::Entered
            | Stage::Cleared
            | Stage::Changing
            | Stage::Done
            | Stage::Failed(_)
            | Stage::Reverted
            | Stage::NeedsAttention,
            Aim::Nothing
            | Aim::Weights { .. }
            | Aim::Capacity { .. }
            | Aim::Software(_)
            | Aim::TestRoute { .. }
            | Aim::Release { .. }
            | Aim::OldVersions { .. }
            | Aim::Replay(_),
        ) => {}
    }
    checks
}

/// While a step bakes, its target has to stand as it was set, and enough requests have to come.
fn checks_of_bake(
    step: &Step,
    aim: Aim<'_>,
    ends: Ends<'_>,
    until: Timestamp,
) -> impl Iterator<Item = Check> {
    let (lasts, min_requests) = match ends {
        Ends::AfterBake { lasts, min_requests } => (Some(lasts), min_requests),
        // Nodes that follow take nothing back.
        Ends::WhenSettled(_)
        | Ends::WhenChanged
        | Ends::WhenAllPass { .. }
        | Ends::OnVotes(_)
        | Ends::OnTime(_)
        | Ends::OnWord => (None, None),
    };
    let stands = lasts.and_then(|_| target_of(step)).map(Check::Stands);
    let requests = match aim {
        Aim::Weights { route, .. } => lasts.zip(min_requests).map(|(lasts, at_least)| {
            Check::Requests { route: route.clone(), since: until.before(lasts), at_least }
        }),
        Aim::Nothing
        | Aim::Capacity { .. }
        | Aim::Software(_)
        | Aim::TestRoute { .. }
        | Aim::Release { .. }
        | Aim::OldVersions { .. }
        | Aim::Replay(_) => None,
    };
    stands.into_iter().chain(requests)
}

/// The moment from which readings count for a step: its start; once its bake's time is up, that moment.
pub(super) fn fresh_since(active: &StepState, now: Timestamp) -> Timestamp {
    active.stage.bakes_until().filter(|until| now >= *until).unwrap_or(active.started)
}

/// Whether a step would raise the candidate's share, as far as is known. More of a new version always does.
fn rises(state: &State, step: &Step, active: &StepState) -> bool {
    let (route, target) = match (step.conduct().aim, target_of(step)) {
        (Aim::Software(_), _) => return true,
        (Aim::Weights { route, .. }, Some(target)) => (route, target),
        (
            Aim::Nothing
            | Aim::Weights { .. }
            | Aim::Capacity { .. }
            | Aim::TestRoute { .. }
            | Aim::Release { .. }
            | Aim::OldVersions { .. }
            | Aim::Replay(_),
            Some(_) | None,
        ) => return false,
    };
    let (Some(bound), Some(Picture::Split(known))) =
        (state.bindings.routes.get(route), state.known.get(&target))
    else {
        return true;
    };
    match change::after(state, step, active, &Picture::Split(known.clone())) {
        Some(Picture::Split(after)) => {
            bound.share(&after, Side::Candidate) > bound.share(known, Side::Candidate)
        }
        // What cannot be told is taken for more.
        _ => true,
    }
}

/// Whether a step would take capacity away, as far as is known.
fn is_shrink(state: &State, step: &Step, active: &StepState) -> bool {
    let known = target_of(step).and_then(|target| state.known.get(&target));
    known.is_some_and(|known| {
        change::after(state, step, active, known)
            .is_some_and(|after| change::shrinks(known, &after))
    })
}

/// Whether a step has to see its side drained before it may change anything.
pub(super) fn must_drain(plan: &Plan, state: &State, step: &Step, active: &StepState) -> bool {
    is_shrink(state, step, active)
        && target_of(step).is_some_and(|target| !drained(plan, state, &target, active.started))
}

/// The share of healthy targets that counts as enough on a side: what the plan waits for there, or all of them.
pub(super) fn enough(plan: &Plan, route: &RouteName, side: Side) -> Percent {
    let places = plan.components.on_route(route).iter();
    let steps = places.filter_map(|place| plan.components.get(*place)).flat_map(|c| &c.steps);
    let waits = steps.filter_map(|step| match step.conduct().ends {
        Ends::WhenAllPass { until: Some(Until::Healthy { route: r, side: s, at_least }) }
            if r == route && *s == side =>
        {
            Some(*at_least)
        }
        Ends::WhenAllPass { .. }
        | Ends::WhenChanged
        | Ends::WhenSettled(_)
        | Ends::AfterBake { .. }
        | Ends::OnVotes(_)
        | Ends::OnTime(_)
        | Ends::OnWord => None,
    });
    waits.min().unwrap_or(Percent::HUNDRED)
}

/// Whether every check of the step passes.
pub(super) fn all_pass(
    plan: &Plan,
    state: &State,
    step: &Step,
    active: &StepState,
    now: Timestamp,
) -> bool {
    let since = fresh_since(active, now);
    // Answers come in the order of the checks, so the one that is still waited for is the last.
    checks_of(plan, state, step, active)
        .rev()
        .all(|check| outcome(state, &check, since) == Some(Outcome::Pass))
}

/// Whether a shift may begin to change weights: nothing it depends on fails or is unknown. A gate that has not seen
/// enough yet does not stand in the way, or one that needs the candidate's traffic could never begin.
pub(super) fn all_clear(plan: &Plan, state: &State, step: &Step, active: &StepState) -> bool {
    if !rises(state, step, active) {
        return true;
    }
    checks_of(plan, state, step, active).rev().all(|check| {
        match (&check, outcome(state, &check, active.started)) {
            (_, Some(Outcome::Pass)) | (Check::Gate(_), Some(Outcome::Wait)) => true,
            (_, Some(Outcome::Fail | Outcome::Unknown | Outcome::Wait) | None) => false,
        }
    })
}

pub(super) fn outcome(state: &State, check: &Check, since: Timestamp) -> Option<Outcome> {
    state.readings.get(check).filter(|reading| reading.at >= since).map(|reading| reading.outcome)
}

/// From when a route's clients go by the weights that were read back last.
pub(super) fn arrives(state: &State, route: &RouteName, now: Timestamp) -> Timestamp {
    let in_effect = state.in_effect.get(route).map_or(now, |at| now.max(*at));
    in_effect.plus(state.bindings.lag(route))
}

/// When a side that receives nothing has also finished what it had: some time after the weight was read back as zero,
/// and never before every client knows.
pub(super) fn settled_at(
    plan: &Plan,
    state: &State,
    route: &RouteName,
    side: Side,
) -> Option<Timestamp> {
    let idle = state.idle_since.get(&(route.clone(), side))?;
    let in_effect = state.in_effect.get(route).map_or(*idle, |at| *at.max(idle));
    Some(in_effect.plus(plan.routes.get(route)?.settle.max(state.bindings.lag(route))))
}

/// Whether the side of a fleet is known to serve nothing any more, by a reading newer than `since`. A fleet behind no
/// route serves nobody we know of.
pub(super) fn drained(plan: &Plan, state: &State, target: &Target, since: Timestamp) -> bool {
    let (fleet, side) = match target {
        Target::Fleet { fleet, side } => (fleet, side),
        Target::Route(_)
        | Target::Software(_)
        | Target::TestRoute(_)
        | Target::Candidate(_)
        | Target::OldVersions(_)
        | Target::Replay(_) => {
            return true;
        }
    };
    let Some(route) = plan.fleets.get(fleet).and_then(|fleet| fleet.behind.as_ref()) else {
        return true;
    };
    let tests = state.known.get(&Target::TestRoute(route.clone()));
    if *side == Side::Candidate
        && matches!(tests, Some(Picture::TestRoute(TestRoute::Present { .. })))
        && !state.gone.contains(&Target::TestRoute(route.clone()))
    {
        return false;
    }
    let Some(settled) = settled_at(plan, state, route, *side) else { return false };
    let check = Check::Drained { route: route.clone(), side: *side };
    outcome(state, &check, since.max(settled)) == Some(Outcome::Pass)
}

/// When gates that are watched will have been unknown for longer than is tolerated.
pub(super) fn patience_ends(
    plan: &Plan,
    state: &State,
    watched: &[Watched],
) -> impl Iterator<Item = Timestamp> {
    let ends = |watched: &Watched| match &watched.check {
        Check::Gate(gate) => patience_ends_of(plan, state, gate, watched.covering),
        Check::Served { route } => Some(state.unserved.get(route)?.plus(UNSERVED_FOR)),
        Check::Healthy { .. }
        | Check::BaselineHealthy { .. }
        | Check::Drained { .. }
        | Check::Requests { .. }
        | Check::Stands(_) => None,
    };
    watched.iter().filter(|_| state.paused.is_none()).filter_map(ends)
}

/// When a gate will have been unknown for too long: for longer than the plan bears, or, where it does not say, for
/// longer than users may stand before gates that see nothing.
pub(super) fn patience_ends_of(
    plan: &Plan,
    state: &State,
    gate: &GateName,
    covering: Timestamp,
) -> Option<Timestamp> {
    let tally = state.tallies.get(gate).filter(|tally| tally.unknown_since.is_some())?;
    let lasts = match plan.gates.get(gate)?.tolerance.unknown {
        Some(patience) => patience.lasts,
        None if is_exposed(plan, state, gate) => BLIND_FOR,
        None => return None,
    };
    tally.patience_ends(lasts, covering)
}

/// When sides that steps wait for to drain will have settled.
pub(super) fn settles(plan: &Plan, state: &State) -> Vec<Timestamp> {
    active_steps(plan, state)
        .flat_map(|(_, step, active)| others_of(plan, state, step, active))
        .filter_map(|check| {
            let (route, side) = check.drained()?;
            settled_at(plan, state, route, side)
        })
        .collect()
}

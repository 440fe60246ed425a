//! The fold of a journal into a [`RunView`]: the rollout's own state for where things stand, and beside it what that
//! state forgets and a page wants to know (who approved, when a step ended, what was refused).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    ApprovalView, AttentionView, BakeView, ComponentView, DriftView, DriverView, FleetView,
    GateView, Presence, RefusedView, RouteView, RunView, ServesView, SideView, SoftwareView,
    Standing, StepStanding, StepView, TestRouteView, Watch,
    by_hand::{ByHand, Left},
    next::{Situation, next},
    page::route_line,
    standing::approvals_awaited,
    tree::component_standing,
    words::{self, describe, share},
};
use crate::{
    journal::{Envelope, Liveness, RunId},
    plan::{
        Component, ComponentName, FleetName, GateName, Member, Plan, RouteName, Side, Step, StepId,
        units::Weight,
    },
    rollout::{
        Actor, Bindings, Check, Ending, Event, FleetBound, Mode, Picture, Reach, Restore,
        RouteBound, Split, Stage, State, Target, Timestamp, Voter, why,
    },
};

impl RunView {
    /// Folds a run's journal. `now` only measures what is still under way.
    pub fn of(plan: &Plan, envelopes: &[Envelope], now: Timestamp) -> Self {
        RunFold::of(envelopes).view(plan, now)
    }

    /// The same from outside: who drives it, and what was read last, is not in the journal.
    pub fn seen(plan: &Plan, envelopes: &[Envelope], presence: &Presence, now: Timestamp) -> Self {
        let mut fold = RunFold::of(envelopes);
        fold.look(presence);
        fold.view(plan, now)
    }
}

/// Where each route's traffic was last seen, in the words of a status page. Needs no plan.
pub fn traffic(envelopes: &[Envelope]) -> Vec<String> {
    RunFold::of(envelopes).routes().iter().map(route_line).collect()
}

/// The same of one route that was read just now.
pub fn traffic_in(
    bindings: &Bindings,
    route: &RouteName,
    picture: &Picture,
    now: Timestamp,
) -> Vec<String> {
    let bound = bindings.routes.get(route);
    let views = bound.map(|bound| route_views((route, bound), picture, now)).unwrap_or_default();
    views.iter().map(route_line).collect()
}

/// A route as a picture has it; one for each of its rules where they do not agree.
fn route_views(
    (route, bound): (&RouteName, &RouteBound),
    picture: &Picture,
    seen: Timestamp,
) -> Vec<RouteView> {
    let view = |place: Option<&String>, split: &Split| {
        let side = |member: &Member| SideView {
            member: member.clone(),
            weight: split.weight(member),
            share: share(split, member),
        };
        let is_ours = |member| bound.members().any(|ours| ours == member);
        let others = split.0.iter().filter(|(member, _)| !is_ours(*member));
        RouteView {
            route: route.clone(),
            place: place.cloned(),
            stable: side(&bound.stable),
            candidate: bound.candidate.as_ref().map(side),
            baseline: bound.baseline.as_ref().map(side),
            others: others.map(|(member, weight)| (member.clone(), *weight)).collect(),
            seen,
        }
    };
    match picture {
        Picture::Split(split) => vec![view(None, split)],
        Picture::Uneven(parts) => {
            parts.iter().map(|(place, split)| view(Some(place), split)).collect()
        }
        Picture::Capacity(_)
        | Picture::Software(_)
        | Picture::TestRoute(_)
        | Picture::Release(_)
        | Picture::OldVersions(_)
        | Picture::Replay(_) => Vec::new(),
    }
}

/// A run so far: whoever watches it folds each event once and looks as often as wanted.
#[derive(Clone, Debug, Default)]
pub struct RunFold {
    run: Option<RunId>,
    state: State,
    by: Option<Actor>,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    step_ends: BTreeMap<StepId, Timestamp>,
    /// How long each bakes; when that is over moves on while nobody is there.
    bakes: BTreeMap<StepId, Duration>,
    approvals: Vec<ApprovalView>,
    drifts: Vec<DriftView>,
    /// Every target as it was last seen; unlike the state's, foreign changes included.
    seen: BTreeMap<Target, (Picture, Timestamp)>,
    attention: BTreeMap<Target, AttentionView>,
    refused: Vec<RefusedView>,
    cause: Option<String>,
    /// As everything was before.
    found: BTreeMap<Target, Picture>,
    /// What somebody has deleted.
    gone: BTreeSet<Target>,
    region: Option<String>,
    driver: Option<DriverView>,
    unwatched_since: Option<Timestamp>,
    /// When each gate was last asked.
    asked: BTreeMap<GateName, Timestamp>,
}

impl RunFold {
    fn of(envelopes: &[Envelope]) -> Self {
        let mut fold = Self::default();
        for envelope in envelopes {
            fold.take(envelope);
        }
        fold
    }

    /// The last answers stand in the place of those that the journal keeps; nothing is decided from them here.
    fn look(&mut self, presence: &Presence) {
        let looks = presence.looks.as_ref();
        for look in looks.into_iter().flat_map(|looks| &looks.readings) {
            if let Check::Gate(gate) = &look.check {
                self.asked.insert(gate.clone(), look.reading.at);
            }
            let kept = self.state.readings.get(&look.check);
            if kept.is_some_and(|kept| kept.at < look.reading.at) {
                self.state.readings.insert(look.check.clone(), look.reading.clone());
            }
        }
        self.driver = presence.driver.as_ref().map(|held| {
            let noted = looks.map_or(held.info.heartbeat, |looks| looks.at);
            DriverView {
                holder: held.info.holder.clone(),
                alive: held.liveness == Liveness::Alive,
                last_beat: held.info.heartbeat.max(noted),
            }
        });
        let is_driven = self.driver.as_ref().is_some_and(|driver| driver.alive);
        if !is_driven && !matches!(self.state.mode, Mode::Ended(_) | Mode::NotStarted) {
            let beat = self.driver.as_ref().map_or(self.state.at, |driver| driver.last_beat);
            self.unwatched_since = Some(beat.max(self.state.at));
        }
    }

    fn watch(&self) -> Watch {
        if self.unwatched_since.is_some() { Watch::Nobody } else { Watch::Somebody }
    }

    /// How a target stood before the run.
    fn before(&self, target: &Target) -> Option<&Picture> {
        let origin = self.state.trails.get(target).map(|trail| &trail.origin);
        origin.or_else(|| self.found.get(target))
    }

    /// What a person would have to put right about a target, if it came to that.
    fn by_hand<'a>(&'a self, target: &'a Target) -> ByHand<'a> {
        ByHand {
            bindings: &self.state.bindings,
            region: self.region.as_deref(),
            target,
            before: self.before(target),
            left: if self.gone.contains(target) { Left::Gone } else { Left::There },
        }
    }

    /// The next event.
    pub fn take(&mut self, envelope: &Envelope) {
        let at = envelope.at;
        self.run.get_or_insert_with(|| envelope.run.clone());
        self.state.apply(&envelope.event, at);
        match &envelope.event {
            Event::RunStarted { by, found, acting_as, .. } => {
                self.region = acting_as.as_ref().map(|acting| acting.region.clone());
                for found in found {
                    self.found.insert(found.target.clone(), found.picture.clone());
                    self.seen.insert(found.target.clone(), (found.picture.clone(), at));
                }
                self.by = Some(by.clone());
                self.started = Some(at);
            }
            Event::StepStarted { step, .. } => {
                self.step_ends.remove(step);
            }
            Event::BakeStarted { step, until } => {
                self.bakes.insert(step.clone(), until.since(at));
            }
            Event::StepDone { step } => {
                self.step_ends.insert(step.clone(), at);
            }
            Event::StepFailed { step, cause } => {
                self.step_ends.insert(step.clone(), at);
                self.cause = Some(cause.to_string());
            }
            Event::Approved { step, voter, reason, .. } => {
                let (step, reason) = (step.clone(), reason.clone());
                let Voter { by, identity } = voter.clone();
                self.approvals.push(ApprovalView { step, by, identity, at, reason });
            }
            Event::DriftFound { target, expected, found } => {
                self.seen.insert(target.clone(), (found.clone(), at));
                let drift = self.by_hand(target).drift((expected, found), at);
                self.drifts.push(drift);
            }
            Event::Observed { target, live: seen }
            | Event::ChangeConfirmed { target, live: seen }
            // The picture from before is read right before the change is meant.
            | Event::ChangeIntended { target, before: seen, .. }
            | Event::OverwriteAllowed { target, found: seen, .. } => {
                self.seen.insert(target.clone(), (seen.clone(), at));
            }
            Event::Held { cause } => self.cause = Some(cause.to_string()),
            Event::RollbackStarted { cause, .. } => {
                self.ended = None;
                // A hold that ends in a roll-back failed for the hold's reason; who asked comes second.
                let cause = cause.to_string();
                self.cause = Some(match self.cause.take() {
                    // Who asks again for the same adds nothing.
                    Some(first) if first == cause || first.ends_with(&format!("; then {cause}")) => {
                        first
                    }
                    Some(first) => format!("{first}; then {cause}"),
                    None => cause,
                });
            }
            Event::Resumed { .. } => self.cause = None,
            Event::CommandRefused { by, command, refusal } => {
                let (by, command, refusal) = (by.clone(), command.clone(), refusal.clone());
                self.refused.push(RefusedView { by, at, command, refusal });
            }
            Event::Restored { target } => {
                if let Some(trail) = self.state.trails.get(target) {
                    self.seen.insert(target.clone(), (trail.origin.clone(), at));
                }
                self.end_steps_of(target, at);
            }
            Event::AttentionNeeded { target, problem, hint, found } => {
                if let Some(found) = found {
                    self.seen.insert(target.clone(), (found.clone(), at));
                }
                self.end_steps_of(target, at);
                let view = self.by_hand(target).attention((problem, hint), at);
                self.attention.insert(target.clone(), view);
            }
            Event::Vanished { target, .. } => {
                self.gone.insert(target.clone());
            }
            Event::RunEnded { .. } => self.ended = Some(at),
            Event::RunnerStarted { .. }
            | Event::ClockJumped { .. }
            | Event::StepCleared { .. }
            | Event::Read { .. }
            | Event::CallReturned { .. }
            | Event::Learned { .. }
            | Event::CallFailed { .. }
            | Event::RestoreStarted { .. }
            | Event::WentBack
            | Event::Paused { .. }
            | Event::Interrupted { .. } => {}
        }
    }

    fn end_steps_of(&mut self, target: &Target, at: Timestamp) {
        let steps = self.state.trails.get(target).into_iter().flat_map(|trail| &trail.steps);
        self.step_ends.extend(steps.map(|step| (step.clone(), at)));
    }

    /// How it stands; `now` only measures what is still under way.
    pub fn view(&self, plan: &Plan, now: Timestamp) -> RunView {
        let (state, run) = (&self.state, self.run.clone());
        let watch = self.watch();
        let situation = Situation {
            standing: Standing::of(plan, state).under(watch),
            watch,
            approvals: approvals_awaited(plan, state),
            foreign: state.foreign.len(),
            part: matches!(*state.reach, Reach::Components(_)),
        };
        let end = self.ended.unwrap_or(now);
        // While nobody is there nothing goes on.
        let left = self.unwatched_since.unwrap_or(now);
        RunView {
            plan: plan.name.clone(),
            digest: plan.digest.chars().take(12).collect(),
            standing: situation.standing,
            next: run.as_ref().map(|run| next(run, &situation)).unwrap_or_default(),
            run,
            duration: self.started.map(|started| end.since(started)).unwrap_or_default(),
            components: self.components(plan, left),
            routes: self.routes(),
            fleets: self.fleets(),
            software: self.software(),
            test_routes: self.test_routes(),
            serves: self.serves(plan),
            locks: plan.locks.iter().filter(|_| self.ended.is_none()).cloned().collect(),
            gates: gates(plan, state, &self.asked),
            attention: self
                .attention
                .values()
                .filter(|item| state.restores.get(&item.target) == Some(&Restore::NeedsAttention))
                .cloned()
                .collect(),
            why: why(plan, state, left),
            by: self.by.clone(),
            driver: self.driver.clone(),
            unwatched_since: self.unwatched_since,
            started: self.started,
            ended: self.ended,
            approvals: self.approvals.clone(),
            drifts: self.drifts.clone(),
            refused: self.refused.clone(),
            cause: self.cause.clone(),
        }
    }

    fn components(&self, plan: &Plan, now: Timestamp) -> Vec<ComponentView> {
        let view = |component: &Component| ComponentView {
            name: component.name.clone(),
            needs: component.needs.clone(),
            standing: (plan.components.len() > 1)
                .then(|| component_standing(plan, &self.state, component)),
            steps: component
                .steps
                .iter()
                .map(|step| self.step(step, words::place(component, &step.id), now))
                .collect(),
        };
        plan.components.iter().map(view).collect()
    }

    fn step(&self, step: &Step, place: String, now: Timestamp) -> StepView {
        let state = self.state.steps.get(&step.id);
        let bake = match state.map(|state| &state.stage) {
            // Going back, nothing bakes any more.
            Some(Stage::Baking { until }) if !self.has_stopped(step) => {
                let total = self.bakes.get(&step.id).copied().unwrap_or_default();
                let elapsed = total.saturating_sub(until.since(now));
                Some(BakeView { until: *until, total, elapsed })
            }
            _ => None,
        };
        StepView {
            id: step.id.clone(),
            place,
            what: describe(step),
            state: self.step_standing(step, state.map(|state| &state.stage)),
            started: state.map(|state| state.started),
            ended: self.step_ends.get(&step.id).copied().filter(|_| state.is_some()),
            bake,
            gates: step.conduct().gates.to_vec(),
            cause: match state.map(|state| &state.stage) {
                Some(Stage::Failed(cause)) => Some(cause.to_string()),
                _ => None,
            },
        }
    }

    /// Whether nothing of a step goes on any more, because the run is over or goes back with it.
    fn has_stopped(&self, step: &Step) -> bool {
        let component = step.id.component().map(ComponentName::new);
        matches!(self.state.mode, Mode::Ended(_))
            || component.is_some_and(|component| self.state.reach.covers(&component))
    }

    fn step_standing(&self, step: &Step, stage: Option<&Stage>) -> StepStanding {
        match stage {
            None => StepStanding::Pending,
            Some(Stage::Done) => StepStanding::Done,
            Some(Stage::Failed(_)) => StepStanding::Failed,
            Some(Stage::Reverted) => StepStanding::Reverted,
            Some(Stage::NeedsAttention) => StepStanding::NeedsAttention,
            Some(Stage::Entered | Stage::Cleared | Stage::Changing | Stage::Baking { .. }) => {
                if self.has_stopped(step) {
                    StepStanding::Stopped
                } else {
                    StepStanding::Active
                }
            }
        }
    }

    fn routes(&self) -> Vec<RouteView> {
        let views = |(route, bound): (&RouteName, &RouteBound)| {
            let seen = self.seen.get(&Target::Route(route.clone()));
            seen.map(|(picture, at)| route_views((route, bound), picture, *at)).unwrap_or_default()
        };
        self.state.bindings.routes.iter().flat_map(views).collect()
    }

    fn fleets(&self) -> Vec<FleetView> {
        let state = &self.state;
        let sides = state.bindings.fleets.iter().flat_map(|(fleet, bound)| {
            let sides = [Side::Stable, Side::Candidate].into_iter();
            sides.filter_map(move |side| Some((fleet, bound.member(side)?, side)))
        });
        let view = |(fleet, member, side): (&FleetName, &Member, Side)| {
            let target = Target::Fleet { fleet: fleet.clone(), side };
            let (Picture::Capacity(capacity), seen) = self.seen.get(&target)? else { return None };
            let (fleet, member) = (fleet.clone(), member.clone());
            Some(FleetView { fleet, side, member, capacity: *capacity, seen: *seen })
        };
        sides.filter_map(view).collect()
    }

    fn software(&self) -> Vec<SoftwareView> {
        let view =
            |(target, (picture, seen)): (&Target, &(Picture, Timestamp))| match (target, picture) {
                (Target::Software(fleet), Picture::Software(software)) => Some(SoftwareView {
                    fleet: fleet.clone(),
                    software: software.clone(),
                    seen: *seen,
                }),
                _ => None,
            };
        self.seen.iter().filter_map(view).collect()
    }

    fn test_routes(&self) -> Vec<TestRouteView> {
        let view =
            |(target, (picture, seen)): (&Target, &(Picture, Timestamp))| match (target, picture) {
                (Target::TestRoute(route), Picture::TestRoute(test_route)) => Some(TestRouteView {
                    route: route.clone(),
                    test_route: test_route.clone(),
                    seen: *seen,
                }),
                _ => None,
            };
        self.seen.iter().filter_map(view).collect()
    }

    /// The sides that have a share of the traffic, or, of a fleet behind no route, the one that its run has come to.
    fn serves(&self, plan: &Plan) -> Vec<ServesView> {
        let bindings = &self.state.bindings;
        let has_traffic = |fleet: &FleetName, side: Side| {
            let behind = plan.fleets.get(fleet).and_then(|fleet| fleet.behind.as_ref());
            match behind.and_then(|route| Some((route, bindings.routes.get(route)?))) {
                Some((route, bound)) => {
                    let weighs = |split: &Split| bound.weight(split, side) > Weight::ZERO;
                    match self.seen.get(&Target::Route(route.clone())) {
                        Some((Picture::Split(split), _)) => weighs(split),
                        Some((Picture::Uneven(parts), _)) => parts.values().any(weighs),
                        Some((
                            Picture::Capacity(_)
                            | Picture::Software(_)
                            | Picture::TestRoute(_)
                            | Picture::Release(_)
                            | Picture::OldVersions(_)
                            | Picture::Replay(_),
                            _,
                        ))
                        | None => false,
                    }
                }
                None => match (&self.state.mode, side) {
                    (Mode::Ended(Ending::Promoted), side) => side == Side::Candidate,
                    (_, side) => side == Side::Stable,
                },
            }
        };
        let sides = bindings.fleets.iter().flat_map(|(fleet, bound)| {
            [Side::Stable, Side::Candidate].map(|side| (fleet, bound, side))
        });
        let view = |(fleet, bound, side): (&FleetName, &FleetBound, Side)| {
            let member = bound.member(side)?;
            let versions = bound.versions.get(member)?.clone();
            let (is_there, fleet, member) =
                (has_traffic(fleet, side), fleet.clone(), member.clone());
            is_there.then_some(ServesView { fleet, member, versions })
        };
        sides.filter_map(view).collect()
    }
}

fn gates(plan: &Plan, state: &State, asked: &BTreeMap<GateName, Timestamp>) -> Vec<GateView> {
    let view = |gate: &GateName| {
        let reading = state.readings.get(&Check::Gate(gate.clone())).cloned();
        let kept = reading.as_ref().map(|reading| reading.at);
        let last_read = asked.get(gate).map(|at| kept.map_or(*at, |kept| kept.max(*at)));
        GateView { gate: gate.clone(), reading, last_read }
    };
    plan.gates.keys().map(view).collect()
}

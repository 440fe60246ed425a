//! The fold of a journal into a [`RunView`]: the rollout's own state for where things stand, and beside it what that
//! state forgets and a page wants to know (who approved, when a step ended, what was refused).

use std::collections::BTreeMap;

use super::{
    ApprovalView, AttentionView, BakeView, ComponentView, DriftView, FleetView, GateView,
    RefusedView, RouteView, RunView, SideView, Standing, StepStanding, StepView,
    next::next,
    standing::approvals_awaited,
    words::{self, describe, share},
};
use crate::{
    journal::{Envelope, RunId},
    plan::{
        Component, FleetName, GateName, Member, Plan, Replace, RouteName, Side, Step, StepId, Verb,
    },
    rollout::{
        Actor, Bound, Check, Event, Mode, Picture, Restore, Split, Stage, State, Target, Timestamp,
        Voter, why,
    },
};

impl RunView {
    /// Folds a run's journal. `now` only measures what is still under way.
    pub fn of(plan: &Plan, envelopes: &[Envelope], now: Timestamp) -> Self {
        let mut fold = Fold::default();
        for envelope in envelopes {
            fold.take(envelope);
        }
        fold.view(plan, envelopes.first().map(|envelope| envelope.run.clone()), now)
    }
}

/// What the state forgets and a page wants to know.
#[derive(Default)]
struct Fold {
    state: State,
    by: Option<Actor>,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    step_ends: BTreeMap<StepId, Timestamp>,
    bakes: BTreeMap<StepId, Timestamp>,
    approvals: Vec<ApprovalView>,
    drifts: Vec<DriftView>,
    /// Every target as it was last seen; unlike the state's, foreign changes included.
    seen: BTreeMap<Target, (Picture, Timestamp)>,
    attention: BTreeMap<Target, AttentionView>,
    refused: Vec<RefusedView>,
    cause: Option<String>,
}

impl Fold {
    fn take(&mut self, envelope: &Envelope) {
        let at = envelope.at;
        self.state.apply(&envelope.event, at);
        match &envelope.event {
            Event::RunStarted { by, found, .. } => {
                for found in found {
                    self.seen.insert(found.target.clone(), (found.picture.clone(), at));
                }
                self.by = Some(by.clone());
                self.started = Some(at);
            }
            Event::StepStarted { step, .. } => {
                self.step_ends.remove(step);
            }
            Event::BakeStarted { step, .. } => {
                self.bakes.insert(step.clone(), at);
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
                self.drifts.push(DriftView {
                    target: target.clone(),
                    expected: words::picture(&self.state.bindings, target, expected),
                    found: words::picture(&self.state.bindings, target, found),
                    at,
                });
            }
            Event::Observed { target, live: seen }
            | Event::ChangeConfirmed { target, live: seen }
            // The picture from before is read right before the change is meant.
            | Event::ChangeIntended { target, before: seen, .. } => {
                self.seen.insert(target.clone(), (seen.clone(), at));
            }
            Event::Held { cause } => self.cause = Some(cause.to_string()),
            Event::RollbackStarted { cause } => {
                self.ended = None;
                // A hold that ends in a roll-back failed for the hold's reason; who asked comes second.
                let cause = cause.to_string();
                self.cause = Some(match self.cause.take() {
                    Some(first) if first != cause => format!("{first}; then {cause}"),
                    _ => cause,
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
            Event::AttentionNeeded { target, problem, hint } => {
                self.end_steps_of(target, at);
                let (problem, hint) = (problem.clone(), hint.clone());
                let view = AttentionView { target: target.clone(), problem, hint, at };
                self.attention.insert(target.clone(), view);
            }
            Event::RunEnded { .. } => self.ended = Some(at),
            Event::RunnerStarted { .. }
            | Event::StepCleared { .. }
            | Event::Read { .. }
            | Event::CallReturned { .. }
            | Event::CallFailed { .. }
            | Event::RestoreStarted { .. }
            | Event::Paused { .. }
            | Event::Interrupted { .. } => {}
        }
    }

    fn end_steps_of(&mut self, target: &Target, at: Timestamp) {
        let steps = self.state.trails.get(target).into_iter().flat_map(|trail| &trail.steps);
        self.step_ends.extend(steps.map(|step| (step.clone(), at)));
    }

    fn view(self, plan: &Plan, run: Option<RunId>, now: Timestamp) -> RunView {
        let state = &self.state;
        let standing = Standing::of(plan, state);
        let awaited = approvals_awaited(plan, state);
        let end = self.ended.unwrap_or(now);
        RunView {
            plan: plan.name.clone(),
            digest: plan.digest.chars().take(12).collect(),
            standing,
            next: run.as_ref().map(|run| next(run, standing, &awaited)).unwrap_or_default(),
            run,
            duration: self.started.map(|started| end.since(started)).unwrap_or_default(),
            components: self.components(plan, now),
            routes: self.routes(),
            fleets: self.fleets(),
            gates: gates(plan, state),
            attention: self
                .attention
                .values()
                .filter(|item| state.restores.get(&item.target) == Some(&Restore::NeedsAttention))
                .cloned()
                .collect(),
            why: why(plan, state, now),
            by: self.by,
            started: self.started,
            ended: self.ended,
            approvals: self.approvals,
            drifts: self.drifts,
            refused: self.refused,
            cause: self.cause,
        }
    }

    fn components(&self, plan: &Plan, now: Timestamp) -> Vec<ComponentView> {
        let view = |component: &Component| ComponentView {
            name: component.name.clone(),
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
            Some(Stage::Baking { until }) => {
                let began = self.bakes.get(&step.id).copied().unwrap_or(*until);
                let total = until.since(began);
                Some(BakeView { until: *until, total, elapsed: now.since(began).min(total) })
            }
            _ => None,
        };
        StepView {
            id: step.id.clone(),
            place,
            what: describe(step),
            state: self.step_standing(state.map(|state| &state.stage)),
            started: state.map(|state| state.started),
            ended: self.step_ends.get(&step.id).copied().filter(|_| state.is_some()),
            bake,
            gates: gates_of(step),
            cause: match state.map(|state| &state.stage) {
                Some(Stage::Failed(cause)) => Some(cause.to_string()),
                _ => None,
            },
        }
    }

    fn step_standing(&self, stage: Option<&Stage>) -> StepStanding {
        match stage {
            None => StepStanding::Pending,
            Some(Stage::Done) => StepStanding::Done,
            Some(Stage::Failed(_)) => StepStanding::Failed,
            Some(Stage::Reverted) => StepStanding::Reverted,
            Some(Stage::NeedsAttention) => StepStanding::NeedsAttention,
            Some(Stage::Entered | Stage::Cleared | Stage::Changing | Stage::Baking { .. }) => {
                match self.state.mode {
                    Mode::RollingBack { .. } | Mode::Ended(_) => StepStanding::Stopped,
                    Mode::NotStarted | Mode::Forward | Mode::Held(_) => StepStanding::Active,
                }
            }
        }
    }

    fn routes(&self) -> Vec<RouteView> {
        let state = &self.state;
        let views = |(route, bound): (&RouteName, &Bound)| {
            let view = |place: Option<&String>, split: &Split, seen| {
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
                    candidate: side(&bound.candidate),
                    baseline: bound.baseline.as_ref().map(side),
                    others: others.map(|(member, weight)| (member.clone(), *weight)).collect(),
                    seen,
                }
            };
            match self.seen.get(&Target::Route(route.clone())) {
                Some((Picture::Split(split), at)) => vec![view(None, split, *at)],
                Some((Picture::Uneven(parts), at)) => {
                    parts.iter().map(|(place, split)| view(Some(place), split, *at)).collect()
                }
                Some((Picture::Capacity(_) | Picture::Software(_) | Picture::TestRoute(_), _))
                | None => Vec::new(),
            }
        };
        state.bindings.routes.iter().flat_map(views).collect()
    }

    fn fleets(&self) -> Vec<FleetView> {
        let state = &self.state;
        let sides = state.bindings.fleets.iter().flat_map(|(fleet, bound)| {
            [Side::Stable, Side::Candidate].map(|side| (fleet, bound.member(side), side))
        });
        let view = |(fleet, member, side): (&FleetName, &Member, Side)| {
            let target = Target::Fleet { fleet: fleet.clone(), side };
            let (Picture::Capacity(capacity), seen) = self.seen.get(&target)? else { return None };
            let (fleet, member) = (fleet.clone(), member.clone());
            Some(FleetView { fleet, side, member, capacity: *capacity, seen: *seen })
        };
        sides.filter_map(view).collect()
    }
}

fn gates(plan: &Plan, state: &State) -> Vec<GateView> {
    let reading = |gate: &GateName| state.readings.get(&Check::Gate(gate.clone())).cloned();
    plan.gates.keys().map(|gate| GateView { gate: gate.clone(), reading: reading(gate) }).collect()
}

fn gates_of(step: &Step) -> Vec<GateName> {
    match &step.verb {
        Verb::Shift { gates, .. } | Verb::Replace(Replace { gates, .. }) => gates.clone(),
        Verb::Probe { gate } => vec![gate.clone()],
        Verb::Scale { .. }
        | Verb::Wait { .. }
        | Verb::TestRoute { .. }
        | Verb::Approve { .. }
        | Verb::Pause { .. } => Vec::new(),
    }
}

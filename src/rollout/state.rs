//! Where a run stands: the fold of its events, and nothing that is not in them. [`State::apply`] is the only mutation
//! and cannot fail; whether an event may happen was decided before it was written.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    Armed, Beside, Bindings, CallProblem, Cause, Change, Check, Doubt, Event, Excuse, Excused,
    ExcusedUntil, Found, Jump, Map, Mode, Outcome, Picture, Progress, Purpose, Reach, Reading,
    Restore, Scope, Shared, Signal, Split, Stage, StepState, Tally, Target, Timestamp, Trail,
};
use crate::plan::{GateName, Others, RouteName, Side, StepId, units::Weight};

/// Failed calls after which a change is given up while going forward; a roll-back goes on for as long as its plan says.
pub const MAX_ATTEMPTS: u8 = 5;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    pub mode: Mode,
    pub bindings: Shared<Bindings>,
    /// Steps that have started.
    pub steps: Map<StepId, StepState>,
    /// What each target looked like when it was last known for sure: found at the start, observed, or read back.
    pub known: Map<Target, Picture>,
    /// When that was.
    pub known_at: Map<Target, Timestamp>,
    /// The last change of each target.
    pub changes: Map<Target, Change>,
    /// What a roll-back needs to know of every target this run ever meant to change.
    pub trails: Map<Target, Trail>,
    /// What goes back, or has gone back.
    pub reach: Shared<Reach>,
    /// How far the roll-back is, by target.
    pub restores: Map<Target, Restore>,
    /// The last answer to each check that was worth keeping.
    pub readings: Map<Check, Reading>,
    /// Checks of which something was read last, or counted, that may stop a step.
    pub suspects: Shared<BTreeSet<Check>>,
    /// What has to be counted of the gates that did not always pass.
    pub tallies: Map<GateName, Tally>,
    /// Alarms of each gate that were in `ALARM` before the run started.
    pub excuses: Map<GateName, BTreeMap<String, Excuse>>,
    /// The step whose gates watch over a route or fleet: the last one that changed it. They stay armed through the steps that
    /// follow, a wait for approval too.
    pub armed: Map<Target, Armed>,
    /// Since when a side of a route is known to receive nothing.
    pub idle_since: Map<(RouteName, Side), Timestamp>,
    /// Since when nobody healthy stands behind the candidate of a route that sends it users.
    pub unserved: Map<RouteName, Timestamp>,
    /// Targets that were not there any more when this roll-back read them.
    pub gone: Shared<BTreeSet<Target>>,
    /// What somebody else has made of targets, as this run found it, until a person decides.
    pub foreign: Map<Target, Picture>,
    /// For how long the machine may have slept: so much further back answers have to cover what happened.
    pub slept: Duration,
    /// Who has approved each step since it began; see [`Voter::key`].
    pub approvals: Map<StepId, BTreeSet<String>>,
    /// From when the last change of DNS records that was read back is in effect at every name server.
    pub in_effect: Map<RouteName, Timestamp>,
    pub paused: Option<Timestamp>,
    pub interrupted: Option<Signal>,
    /// When the last event happened.
    pub at: Timestamp,
}

impl State {
    /// Folds a journal.
    pub fn fold<'a>(events: impl IntoIterator<Item = (&'a Event, Timestamp)>) -> Self {
        let mut state = Self::default();
        for (event, at) in events {
            state.apply(event, at);
        }
        state
    }

    /// The fact `event` happened at `at`.
    pub fn apply(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::RunStarted { bindings, found, excused, .. } => {
                self.begin((bindings, found), excused, at);
            }
            Event::RunnerStarted { .. } => {
                self.interrupted = None;
                let lost = at.since(self.at);
                self.forgive(lost, at);
                self.make_up(lost);
                if let Mode::RollingBack { since, .. } = &mut self.mode {
                    *since = at;
                }
                for change in self.changes.values_mut() {
                    if change.progress == Progress::Calling {
                        change.progress = Progress::InDoubt(Doubt::RetryAt(at));
                    }
                }
            }
            Event::ClockJumped { by } => self.follow(*by),
            Event::StepStarted { step, deadline } => {
                let fresh = StepState { started: at, deadline: *deadline, stage: Stage::Entered };
                self.steps.insert(step.clone(), fresh);
                self.approvals.remove(step);
            }
            Event::StepCleared { step } => self.enter(step, Stage::Cleared),
            Event::Observed { target, live } => self.learn(target, live, at),
            Event::Read { check, reading } => self.take_in(check, reading),
            Event::ChangeIntended { purpose, target, before, after } => {
                self.intend(purpose, target, before, after);
            }
            Event::Learned { route, member, making: _ } => self.bindings.learn(route, member),
            Event::CallReturned { target } => {
                self.progress(target, Progress::Confirming { since: at });
            }
            Event::CallFailed { target, problem, retry_at } => {
                self.doubt(target, problem, *retry_at);
            }
            Event::ChangeConfirmed { target, live } => {
                self.take_effect(target, at);
                self.progress(target, Progress::Confirmed);
                if let Some(trail) = self.trails.get_mut(target) {
                    trail.unconfirmed = false;
                }
                self.learn(target, live, at);
            }
            Event::BakeStarted { step, until } => self.enter(step, Stage::Baking { until: *until }),
            Event::StepDone { step } => self.enter(step, Stage::Done),
            Event::Approved { step, voter, .. } => {
                let key = voter.key().to_owned();
                self.approvals.change(step, BTreeSet::new, |voters| _ = voters.insert(key));
            }
            Event::StepFailed { step, cause } => self.enter(step, Stage::Failed(cause.clone())),
            Event::Paused { .. } => self.paused = Some(at),
            Event::Resumed { .. } => self.resume(at),
            Event::Interrupted { signal } => self.interrupted = Some(*signal),
            Event::Held { cause } => self.hold(cause),
            Event::RollbackStarted { cause, scope } => self.go_back(cause, scope.as_ref(), at),
            Event::WentBack => self.mode = Mode::Forward,
            Event::RestoreStarted { target, .. } => {
                self.restores.insert(target.clone(), Restore::Started);
            }
            Event::Restored { target } => {
                self.settle(target, Restore::Restored, &Stage::Reverted);
                let origin = self.trails.get(target).map(|trail| trail.origin.clone());
                // Somebody else may have put it back, which is known only from here on.
                if let Some(origin) = origin.filter(|o| self.known.get(target) != Some(o)) {
                    self.learn(target, &origin, at);
                }
            }
            Event::Vanished { target, .. } => self.vanish(target, at),
            Event::AttentionNeeded { target, found, .. } => {
                self.settle(target, Restore::NeedsAttention, &Stage::NeedsAttention);
                self.foreign.extend(found.iter().map(|found| (target.clone(), found.clone())));
            }
            Event::OverwriteAllowed { target, found, .. } => {
                self.foreign.remove(target);
                if let Some(trail) = self.trails.get_mut(target) {
                    trail.ours.insert(found.clone());
                }
                self.learn(target, found, at);
            }
            Event::RunEnded { ending } => self.mode = Mode::Ended(*ending),
            Event::DriftFound { target, found, .. } => {
                self.foreign.insert(target.clone(), found.clone());
            }
            Event::CommandRefused { .. } => {}
        }
        self.at = at;
    }

    fn begin(
        &mut self,
        (bindings, found): (&Bindings, &[Found]),
        excused: &[Excused],
        at: Timestamp,
    ) {
        for Excused { gate, alarm, until, .. } in excused {
            let excuse = match until {
                ExcusedUntil::Ok => Excuse::UntilOk(at),
                ExcusedUntil::TheEnd => Excuse::ForGood,
            };
            let excuse = |alarms: &mut BTreeMap<_, _>| _ = alarms.insert(alarm.clone(), excuse);
            self.excuses.change(gate, BTreeMap::new, excuse);
        }
        self.mode = Mode::Forward;
        self.bindings = bindings.clone().into();
        for found in found {
            self.learn(&found.target, &found.picture, at);
        }
    }

    fn take_in(&mut self, check: &Check, reading: &Reading) {
        if let Check::Gate(gate) = check {
            self.count(gate, reading);
            let excuses = self.excuses.get_mut(gate);
            let alarms = excuses.into_iter().flat_map(BTreeMap::iter_mut);
            for (alarm, excuse) in alarms {
                if let Some(at) = reading.recovered.get(alarm) {
                    *excuse = Excuse::Recovered(*at);
                }
            }
        }
        if let Check::Served { route } = check {
            self.note_served(route, reading);
        }
        self.readings.insert(check.clone(), reading.clone());
        self.suspect(check, reading);
    }

    /// Notes whether what is known of a check may stop a step.
    fn suspect(&mut self, check: &Check, reading: &Reading) {
        let is_suspect = reading.gone.is_some()
            || reading.given_up.is_some()
            || match check {
                Check::Gate(gate) => self.tallies.get(gate).is_some_and(Tally::may_stop),
                Check::Served { route } => self.unserved.contains_key(route),
                Check::Healthy { .. }
                | Check::BaselineHealthy { .. }
                | Check::Drained { .. }
                | Check::Requests { .. }
                | Check::Stands(_) => false,
            };
        if is_suspect == self.suspects.contains(check) {
            return;
        }
        if is_suspect {
            self.suspects.insert(check.clone());
        } else {
            self.suspects.remove(check);
        }
    }

    /// Time in which nothing could move, because the run was paused or nobody ran it, burns no deadline.
    fn forgive(&mut self, lost: Duration, at: Timestamp) {
        for step in self.steps.values_mut().filter(|step| step.stage.is_active()) {
            step.deadline = step.deadline.map(|deadline| deadline.plus(lost));
        }
        let unknown = self.tallies.values_mut().filter_map(|tally| tally.unknown_since.as_mut());
        for since in unknown.chain(self.unserved.values_mut()) {
            *since = since.plus(lost).min(at);
        }
    }

    /// A bake is time in which somebody looked, so time without a runner is added to it.
    fn make_up(&mut self, lost: Duration) {
        for step in self.steps.values_mut() {
            if let Stage::Baking { until } = &mut step.stage {
                *until = until.plus(lost);
            }
        }
    }

    /// The clock was set: every moment of this run is as long ago as before, so that a deadline has as long to go and no
    /// reading comes from the future. What AWS told of its own time stays.
    fn follow(&mut self, by: Jump) {
        let mut move_on = |moment: &mut Timestamp| *moment = moment.moved(by);
        for step in self.steps.values_mut() {
            move_on(&mut step.started);
            step.deadline.iter_mut().for_each(&mut move_on);
            if let Stage::Baking { until } = &mut step.stage {
                move_on(until);
            }
        }
        for change in self.changes.values_mut() {
            match &mut change.progress {
                Progress::Confirming { since: at } | Progress::InDoubt(Doubt::RetryAt(at)) => {
                    move_on(at);
                }
                Progress::Calling | Progress::InDoubt(Doubt::GivenUp(_)) | Progress::Confirmed => {}
            }
        }
        if let Mode::RollingBack { since, .. } = &mut self.mode {
            move_on(since);
        }
        for tally in self.tallies.values_mut() {
            let moments = [&mut tally.unknown_since, &mut tally.failed_at];
            moments.into_iter().flatten().for_each(&mut move_on);
        }
        self.armed.values_mut().for_each(|armed| move_on(&mut armed.since));
        self.readings.values_mut().for_each(|reading| move_on(&mut reading.at));
        self.known_at.values_mut().for_each(&mut move_on);
        self.idle_since.values_mut().for_each(&mut move_on);
        self.unserved.values_mut().for_each(&mut move_on);
        self.in_effect.values_mut().for_each(&mut move_on);
        self.paused.iter_mut().for_each(&mut move_on);
        if !by.is_back() {
            self.slept += by.size();
            return;
        }
        for excuse in self.excuses.values_mut().flat_map(BTreeMap::values_mut) {
            match excuse {
                Excuse::UntilOk(at) => move_on(at),
                Excuse::Recovered(_) | Excuse::ForGood => {}
            }
        }
    }

    fn count(&mut self, gate: &GateName, reading: &Reading) {
        if reading.outcome != Outcome::Pass || self.tallies.contains_key(gate) {
            self.tallies.change(gate, Tally::default, |tally| tally.count(reading));
        }
    }

    fn enter(&mut self, step: &StepId, stage: Stage) {
        if let Some(state) = self.steps.get_mut(step) {
            state.stage = stage;
        }
    }

    fn doubt(&mut self, target: &Target, problem: &CallProblem, retry_at: Option<Timestamp>) {
        let doubt = match retry_at {
            Some(at) => Doubt::RetryAt(at),
            None => Doubt::GivenUp(problem.clone()),
        };
        self.progress(target, Progress::InDoubt(doubt));
        if let Some(change) = self.changes.get_mut(target) {
            change.failures = change.failures.saturating_add(1);
        }
    }

    fn progress(&mut self, target: &Target, progress: Progress) {
        if let Some(change) = self.changes.get_mut(target) {
            change.progress = progress;
        }
    }

    fn intend(&mut self, purpose: &Purpose, target: &Target, before: &Picture, after: &Picture) {
        let failures = match self.changes.get(target) {
            Some(last) if last.purpose == *purpose && last.after == *after => match last.progress {
                Progress::Confirmed => 0,
                Progress::Calling | Progress::Confirming { .. } | Progress::InDoubt(_) => {
                    last.failures
                }
            },
            Some(_) | None => 0,
        };
        let change = Change {
            purpose: purpose.clone(),
            before: before.clone(),
            after: after.clone(),
            progress: Progress::Calling,
            failures,
        };
        self.changes.insert(target.clone(), change);
        if let Purpose::Step(step) = purpose {
            self.enter(step, Stage::Changing);
        }
        if !target.is_put_back() {
            return;
        }
        let first = || Trail {
            origin: before.clone(),
            ours: BTreeSet::new(),
            steps: Vec::new(),
            unconfirmed: true,
        };
        self.trails.change(target, first, |trail| {
            trail.unconfirmed = true;
            trail.ours.insert(before.clone());
            trail.ours.insert(after.clone());
            if let Purpose::Step(step) = purpose
                && !trail.steps.contains(step)
            {
                trail.steps.push(step.clone());
            }
        });
        if let Purpose::Step(step) = purpose
            && let Some(state) = self.steps.get(step)
        {
            let armed = Armed { step: step.clone(), since: state.started };
            self.armed.insert(target.clone(), armed);
        }
    }

    /// A call that returned has seen its change everywhere. Of DNS records whose call gave no answer only what one name
    /// server says is known.
    fn take_effect(&mut self, target: &Target, at: Timestamp) {
        let Target::Route(route) = target else { return };
        let returned = self
            .changes
            .get(target)
            .is_some_and(|change| matches!(change.progress, Progress::Confirming { .. }));
        let spreading = self.bindings.routes.get(route).map_or(0, |bound| bound.nature.spreading);
        if spreading > 0 {
            let delay = if returned { 0 } else { spreading };
            self.in_effect.insert(route.clone(), at.plus(Duration::from_secs(delay)));
        }
    }

    fn learn(&mut self, target: &Target, live: &Picture, at: Timestamp) {
        self.known.insert(target.clone(), live.clone());
        self.known_at.insert(target.clone(), at);
        if let Target::Route(route) = target
            && let Some(bound) = self.bindings.routes.get(route)
        {
            for side in [Side::Stable, Side::Candidate] {
                let key = (route.clone(), side);
                let is_idle = |split: &Split| bound.weight(split, side) == Weight::ZERO;
                let idle = match live {
                    Picture::Split(split) => is_idle(split),
                    Picture::Uneven(parts) => parts.values().all(is_idle),
                    Picture::Capacity(_)
                    | Picture::Software(_)
                    | Picture::TestRoute(_)
                    | Picture::Release(_)
                    | Picture::OldVersions(_)
                    | Picture::Replay(_) => false,
                };
                if idle {
                    self.idle_since.change(&key, || at, |_| ());
                } else {
                    self.idle_since.remove(&key);
                }
            }
        }
    }

    /// After a hold the failed step is taken again from its beginning, and what
    /// gates saw before is forgiven: a person has looked at it.
    fn resume(&mut self, at: Timestamp) {
        if let Some(paused) = self.paused.take() {
            self.forgive(at.since(paused), at);
        }
        if matches!(self.mode, Mode::Held(_)) {
            self.mode = Mode::Forward;
            let reach = self.reach.clone();
            let is_back = |id: &StepId| id.component().is_some_and(|name| reach.covers_named(name));
            self.steps.retain(|id, step| step.stage == Stage::Done || is_back(id));
            self.readings.clear();
            self.suspects.clear();
            self.tallies.clear();
            self.unserved.clear();
            let kept = self.foreign.keys().filter(|target| self.has_back(target));
            let kept: BTreeSet<Target> = kept.cloned().collect();
            self.foreign.retain(|target, _| kept.contains(target));
            for armed in self.armed.values_mut() {
                armed.since = at;
            }
            for change in self.changes.values_mut() {
                change.failures = 0;
            }
        }
    }

    fn settle(&mut self, target: &Target, restore: Restore, stage: &Stage) {
        self.restores.insert(target.clone(), restore);
        let steps = self.trails.get(target).map(|trail| trail.steps.clone()).unwrap_or_default();
        for step in steps {
            self.enter(&step, stage.clone());
        }
    }

    /// What goes back is not kept by what stops the rest.
    fn hold(&mut self, cause: &Cause) {
        match &mut self.mode {
            Mode::RollingBack { beside: beside @ Beside::Forward, .. } => {
                *beside = Beside::Held(cause.clone());
            }
            Mode::RollingBack { beside: Beside::Nobody | Beside::Held(_), .. }
            | Mode::NotStarted
            | Mode::Forward
            | Mode::Held(_)
            | Mode::Ended(_) => self.mode = Mode::Held(cause.clone()),
        }
    }

    /// A roll-back begins, or takes back more than the one under way.
    fn go_back(&mut self, cause: &Cause, scope: Option<&Scope>, at: Timestamp) {
        let was_on_its_way = matches!(self.mode, Mode::RollingBack { .. });
        let beside = match (&self.mode, scope.map(|scope| scope.others)) {
            (_, None) => Beside::Nobody,
            (Mode::RollingBack { beside: Beside::Held(first), .. }, Some(_)) => {
                Beside::Held(first.clone())
            }
            (_, Some(Others::Hold)) => Beside::Held(cause.clone()),
            (_, Some(Others::GoOn)) => Beside::Forward,
        };
        if beside == Beside::Nobody {
            self.paused = None;
        }
        self.mode = Mode::RollingBack { cause: cause.clone(), since: at, beside };
        self.reach = self.reach.and(scope).into();
        // Only who asks has put right what could not be restored before.
        let is_asked = matches!(cause, Cause::Asked { .. } | Cause::Interrupted { .. });
        self.restores.retain(|_, restore| match restore {
            Restore::Restored => true,
            Restore::Started => was_on_its_way,
            Restore::NeedsAttention => !is_asked,
        });
        let back = |target: &Target| self.has_back(target);
        let gone =
            self.gone.iter().filter(|target| !back(target)).cloned().collect::<BTreeSet<_>>();
        let foreign: Vec<Target> =
            self.foreign.keys().filter(|target| back(target)).cloned().collect();
        self.gone = gone.into();
        for target in foreign {
            self.foreign.remove(&target);
        }
        if is_asked {
            self.try_again(at);
        }
    }

    /// Whether a target that was to be changed belongs to what goes back.
    pub fn has_back(&self, target: &Target) -> bool {
        match &*self.reach {
            Reach::Nothing => return false,
            Reach::Everything => return true,
            Reach::Components(_) => {}
        }
        let trailed = self.trails.get(target).and_then(|trail| trail.steps.first());
        let step = trailed.or_else(|| match &self.changes.get(target)?.purpose {
            Purpose::Step(step) => Some(step),
            Purpose::Hold | Purpose::Restore => None,
        });
        step.and_then(StepId::component).is_some_and(|name| self.reach.covers_named(name))
    }

    /// A person who asks for a roll-back again has put right what made the last one give up.
    fn try_again(&mut self, at: Timestamp) {
        for change in self.changes.values_mut().filter(|c| c.purpose == Purpose::Restore) {
            if matches!(change.progress, Progress::InDoubt(Doubt::GivenUp(_))) {
                change.progress = Progress::InDoubt(Doubt::RetryAt(at));
            }
            change.failures = 0;
        }
    }

    /// What is not there sends nobody anything.
    fn vanish(&mut self, target: &Target, at: Timestamp) {
        self.gone.insert(target.clone());
        if let Target::Route(route) = target {
            for side in [Side::Stable, Side::Candidate] {
                self.idle_since.change(&(route.clone(), side), || at, |_| ());
            }
        }
    }

    fn note_served(&mut self, route: &RouteName, reading: &Reading) {
        match reading.outcome {
            Outcome::Pass => {
                self.unserved.remove(route);
            }
            Outcome::Wait | Outcome::Fail => {
                self.unserved.change(route, || reading.at, |_| ());
            }
            Outcome::Unknown => {}
        }
    }
}

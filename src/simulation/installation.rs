//! Software that is replaced where it stands: an operation that moves second by second, waits at its checkpoints, can be
//! held, turned around, or break on the way. What users meet meanwhile is a mixture, shared out like the weights of a
//! rule.

use std::time::Duration;

use super::{scripts::ReplacementScript, standing::Standing};
use crate::{
    cloud::Pace,
    plan::units::{Percent, Scale, Weight},
    rollout::{Flow, Move, Operation, Phase, Software, Split, Version},
};

const TICK: Duration = Duration::from_secs(1);
/// How long an operation waits at a checkpoint by itself.
const CHECKPOINT_DELAY: Duration = Duration::from_mins(2);
/// How long moving traffic takes once a deployment that was ready is told to go on.
const TRAFFIC: Duration = Duration::from_secs(10);

/// Whether a deployment stops before it moves traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    InPlace,
    /// The new instances stand beside the old ones until traffic moves.
    BlueGreen,
}

#[derive(Debug)]
pub(super) struct SimulatedInstallation {
    pub(super) software: Software,
    /// The rule that stands for the mixture.
    pub(super) resource: String,
    pub(super) sides: Standing,
    /// Suspended processes that would keep instances from coming or going.
    pub(super) suspended: Vec<String>,
    kind: Kind,
    script: ReplacementScript,
    /// What ran when the world began.
    first: Version,
    /// How far from that version; `script.takes` is all the way.
    replaced: Duration,
    /// How long it has stood at a checkpoint, and those still to come.
    waited: Duration,
    stops: Vec<Percent>,
    operations: u32,
    turned: bool,
}

impl SimulatedInstallation {
    pub(super) fn new(
        version: &str,
        (resource, sides): (String, Standing),
        kind: Kind,
        script: ReplacementScript,
    ) -> Self {
        let first = Version::new(version);
        let software = Software { version: first.clone(), operation: None, flow: Flow::Open };
        Self {
            software,
            resource,
            sides,
            suspended: Vec::new(),
            kind,
            script,
            first,
            replaced: Duration::ZERO,
            waited: Duration::ZERO,
            stops: Vec::new(),
            operations: 0,
            turned: false,
        }
    }

    fn share(&self) -> Percent {
        let whole = self.script.takes.as_millis().max(1);
        let points = self.replaced.as_millis().min(whole) * 10_000 / whole;
        u16::try_from(points).ok().and_then(Percent::from_basis_points).unwrap_or(Percent::HUNDRED)
    }

    /// What reaches users.
    pub(super) fn split(&self) -> Split {
        let is_apart = self.kind == Kind::BlueGreen
            && self.software.under_way().is_some_and(|operation| operation.to != self.first)
            && !self.is_switching();
        let share = if is_apart { Percent::ZERO } else { self.share() };
        let (stable, candidate) = Weight::split(share, Scale::LoadBalancer);
        Split::default().with((&self.sides.stable, stable), (&self.sides.candidate, candidate))
    }

    fn is_switching(&self) -> bool {
        self.waited >= CHECKPOINT_DELAY
    }

    /// A second goes by. `sound` tells whether the new version's instances ever become healthy.
    pub(super) fn step(&mut self, sound: Soundness) {
        if self.software.flow == Flow::Held {
            return;
        }
        let Some(Operation { to, phase: Phase::Moving { .. }, .. }) =
            self.software.operation.clone()
        else {
            return;
        };
        if to == self.first {
            self.step_back();
        } else {
            self.step_forward(sound, &to);
        }
    }

    fn step_back(&mut self) {
        self.replaced = self.replaced.saturating_sub(TICK);
        if self.replaced.is_zero() {
            self.software.version = self.first.clone();
            if self.turned {
                self.end(Phase::TakenBack { reason: "rolled back on request".into() });
            } else {
                self.software.operation = None;
            }
        } else {
            let left = self.share().basis_points();
            self.move_to(Percent::from_basis_points(10_000 - left).unwrap_or(Percent::HUNDRED));
        }
    }

    fn step_forward(&mut self, sound: Soundness, to: &Version) {
        if let Some(stop) = self.stops.first()
            && self.share() >= *stop
        {
            self.waited += TICK;
            if self.waited < CHECKPOINT_DELAY {
                return;
            }
            self.stops.remove(0);
            self.waited = Duration::ZERO;
        }
        if self.is_switching() {
            self.replaced = self.script.takes;
        } else {
            self.replaced += TICK;
        }
        let share = self.share();
        if sound == Soundness::NeverHealthy && share > Percent::ZERO {
            self.replaced = Duration::ZERO;
            self.end(Phase::Failed { reason: "new instances did not become healthy".into() });
        } else if self.script.breaks_at.is_some_and(|at| share >= at) {
            self.end(Phase::Failed { reason: "a lifecycle event failed".into() });
        } else if share < Percent::HUNDRED {
            self.move_to(share);
        } else if self.kind == Kind::BlueGreen && !self.is_switching() {
            self.replaced = self.script.takes;
            self.end(Phase::Ready);
        } else {
            self.software.version = to.clone();
            self.software.operation = None;
        }
    }

    fn move_to(&mut self, done: Percent) {
        self.end(Phase::Moving { done });
    }

    fn end(&mut self, phase: Phase) {
        if let Some(operation) = &mut self.software.operation {
            operation.phase = phase;
        }
    }

    /// Somebody else stops what is under way and begins another operation.
    pub(super) fn replace_by_hand(&mut self, version: &str) {
        let phase = Phase::Moving { done: Percent::ZERO };
        let to = Version::new(version);
        self.software.operation = Some(Operation { id: "by-hand".into(), to, phase, detail: None });
        self.stops.clear();
    }

    /// As the services would: what another operation is in the way of is refused, in these words.
    pub(super) fn make(&mut self, what: &Move, pace: &Pace) -> Result<(), &'static str> {
        let under_way = self.software.under_way().is_some();
        match what {
            Move::Start(_) if under_way => Err("another operation is under way"),
            Move::Start(to) => {
                self.operations += 1;
                self.turned = false;
                self.waited = Duration::ZERO;
                self.stops = pace.stops.iter().copied().filter(|_| *to != self.first).collect();
                let id = format!("operation-{}", self.operations);
                let phase = Phase::Moving { done: Percent::ZERO };
                self.software.operation =
                    Some(Operation { id, to: to.clone(), phase, detail: None });
                Ok(())
            }
            Move::Hold => {
                self.software.flow = Flow::Held;
                Ok(())
            }
            Move::GoOn | Move::Release => {
                self.software.flow = Flow::Open;
                if let Some(Operation { phase: Phase::Ready, .. }) = &self.software.operation {
                    self.waited = CHECKPOINT_DELAY;
                    self.replaced = self.script.takes.saturating_sub(TRAFFIC);
                    self.move_to(Percent::ZERO);
                } else if self.stops.first().is_some_and(|stop| self.share() >= *stop) {
                    // It stood at its checkpoint for long enough while it was held.
                    self.stops.remove(0);
                }
                Ok(())
            }
            Move::Follow => Ok(()),
            Move::TakeBack if under_way => {
                self.turned = true;
                if self.kind == Kind::BlueGreen && !self.is_switching() {
                    self.replaced = Duration::ZERO;
                }
                let first = self.first.clone();
                if let Some(operation) = &mut self.software.operation {
                    operation.to = first;
                    operation.phase = Phase::Moving { done: Percent::ZERO };
                }
                Ok(())
            }
            Move::TakeBack => Err("nothing is under way"),
        }
    }
}

/// Whether what is put in place can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Soundness {
    Healthy,
    NeverHealthy,
}

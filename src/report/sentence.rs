//! One event, one sentence. Each says what happened with the figures that matter, and where a person has to act, what
//! to type; what the line before has just said is not said again.

use super::{
    NextCommand, Sign, Standing,
    next::next,
    standing::approvals_awaited,
    words::{self, clock, evidence, place, placed, span},
};
use crate::{
    journal::RunId,
    plan::{ComponentName, OnFailure, Plan, Side, StepId, Verb},
    rollout::{
        Actor, Bindings, Cause, Check, Ending, Event, Found, Mode, Outcome, Picture, Progress,
        Purpose, Reading, State, Target, Timestamp, target_of,
    },
};

/// A line of the timeline before it is laid out.
pub(super) struct Sentence {
    pub sign: Sign,
    pub component: Option<ComponentName>,
    pub text: String,
    /// Lines below it, in the same column.
    pub more: Vec<String>,
}

/// What is known when an event is told: the states around it and what was said last.
pub(super) struct Teller<'a> {
    pub plan: &'a Plan,
    pub run: &'a RunId,
    pub before: &'a State,
    pub after: &'a State,
    pub at: Timestamp,
    pub started: Timestamp,
    /// The cause that the event before already gave.
    pub said: Option<&'a Cause>,
}

/// The cause an event gives, so that the next does not repeat it.
pub(super) fn cause_given(event: &Event) -> Option<Cause> {
    match event {
        Event::StepFailed { cause, .. }
        | Event::Held { cause }
        | Event::RollbackStarted { cause } => Some(cause.clone()),
        Event::DriftFound { target, .. } => Some(Cause::Drift { target: target.clone() }),
        Event::CallFailed { target, problem, retry_at: None } => {
            Some(Cause::CallFailed { target: target.clone(), problem: problem.clone() })
        }
        Event::Read { check: Check::Gate(gate), reading } if reading.outcome == Outcome::Fail => {
            Some(Cause::GateFailed { gate: gate.clone(), because: reading.because.clone() })
        }
        Event::CallFailed { .. }
        | Event::Read { .. }
        | Event::RunStarted { .. }
        | Event::RunnerStarted { .. }
        | Event::StepStarted { .. }
        | Event::StepCleared { .. }
        | Event::Observed { .. }
        | Event::ChangeIntended { .. }
        | Event::CallReturned { .. }
        | Event::ChangeConfirmed { .. }
        | Event::BakeStarted { .. }
        | Event::StepDone { .. }
        | Event::Approved { .. }
        | Event::Paused { .. }
        | Event::Resumed { .. }
        | Event::CommandRefused { .. }
        | Event::Interrupted { .. }
        | Event::RestoreStarted { .. }
        | Event::Restored { .. }
        | Event::AttentionNeeded { .. }
        | Event::RunEnded { .. } => None,
    }
}

impl Teller<'_> {
    /// `None` for what the events around it tell as well.
    pub(super) fn tell(&self, event: &Event) -> Option<Sentence> {
        match event {
            Event::RunStarted { plan, digest, by, bindings, found } => {
                let digest: String = digest.chars().take(12).collect();
                let text = format!("run {} of plan {plan} ({digest}) started by {by}", self.run);
                let more = found.iter().map(|found| found_line(bindings, found)).collect();
                self.line(Sign::Note, text, more)
            }
            Event::RunnerStarted { by } => self.runner_started(by),
            Event::StepStarted { step, deadline } => self.step_started(step, *deadline),
            Event::StepCleared { .. } | Event::CallReturned { .. } => None,
            Event::Observed { target, live } => self.observed(target, live),
            Event::Read { check, reading } => self.read(check, reading),
            Event::ChangeIntended { purpose, target, before, after } => {
                self.intended(purpose, target, before, after)
            }
            Event::CallFailed { target, problem, retry_at } => {
                let name = words::target(target);
                let (sign, then) = match retry_at {
                    Some(at) => (Sign::Warning, format!("next try at {}", clock(*at))),
                    None => (Sign::Bad, "given up".to_owned()),
                };
                self.on(target, sign, format!("{name}: call failed, {}; {then}", problem.message))
            }
            Event::ChangeConfirmed { target, live } => self.confirmed(target, live),
            Event::BakeStarted { step, until } => self.bake_started(step, *until),
            Event::StepDone { step } => self.step_done(step),
            Event::StepFailed { step, cause } => {
                let name = placed(self.plan, step);
                let text = match (self.said == Some(cause), cause) {
                    (true, Cause::GateFailed { gate, .. }) => {
                        format!("{name} failed on gate {gate}")
                    }
                    (true, _) => format!("{name} failed"),
                    (false, _) => format!("{name} failed: {cause}"),
                };
                self.at_step(step, Sign::Bad, text, Vec::new())
            }
            Event::DriftFound { target, expected, found } => {
                let name = words::target(target);
                let text = format!("{name}: somebody else changed it; it is left alone");
                let more = vec![
                    format!("expected {}", self.picture(target, expected)),
                    format!("found    {}", self.picture(target, found)),
                ];
                Some(Sentence { more, ..self.on(target, Sign::Bad, text)? })
            }
            Event::Approved { step, by, reason } => {
                let text = match reason {
                    Some(reason) => format!("approved by {by}: {reason}"),
                    None => format!("approved by {by}"),
                };
                self.at_step(step, Sign::Good, text, Vec::new())
            }
            Event::Paused { by } => {
                self.line(Sign::Halt, format!("paused by {by}"), self.to_type(Standing::Paused))
            }
            Event::Resumed { by } => self.line(Sign::Note, format!("resumed by {by}"), Vec::new()),
            Event::CommandRefused { by, command, refusal } => {
                let text = format!("{command}, asked for by {by}, refused: {refusal}");
                self.line(Sign::Warning, text, Vec::new())
            }
            Event::Interrupted { signal } => {
                let text = format!("interrupted by {signal}; nothing new is started");
                self.line(Sign::Halt, text, self.to_type(Standing::Interrupted))
            }
            Event::Held { cause } => {
                let what = "held where it is until a person decides";
                let standing = Standing::without_plan(self.after);
                self.line(Sign::Halt, self.unless_said(what, cause), self.to_type(standing))
            }
            Event::RollbackStarted { cause } => {
                let what = "rolling back everything this run changed";
                self.line(Sign::Back, self.unless_said(what, cause), Vec::new())
            }
            Event::RestoreStarted { target, to } => {
                let (name, to) = (words::target(target), self.picture(target, to));
                self.on(target, Sign::Back, format!("{name}: back to {to}"))
            }
            Event::Restored { target } => self.restored(target),
            Event::AttentionNeeded { target, problem, hint } => {
                let text = format!("{} needs attention: {problem}", words::target(target));
                Some(Sentence { more: vec![hint.clone()], ..self.on(target, Sign::Bad, text)? })
            }
            Event::RunEnded { ending } => {
                let took = span(self.at.since(self.started));
                let (sign, what) = match ending {
                    Ending::Promoted => (Sign::Good, "promoted"),
                    Ending::RolledBack => (Sign::Back, "rolled back"),
                    Ending::NeedsAttention => {
                        (Sign::Bad, "roll-back incomplete, a person is needed,")
                    }
                };
                self.line(sign, format!("{what} after {took}"), Vec::new())
            }
        }
    }

    fn runner_started(&self, by: &Actor) -> Option<Sentence> {
        let doubtful = self.before.changes.iter().filter(|(_, c)| c.progress == Progress::Calling);
        let more = doubtful
            .map(|(target, _)| {
                format!("{}: whether the last call took effect is looked up", words::target(target))
            })
            .collect();
        self.line(Sign::Note, format!("taken over by {by}"), more)
    }

    fn step_started(&self, id: &StepId, deadline: Option<Timestamp>) -> Option<Sentence> {
        let text = placed(self.plan, id);
        let Some((_, step)) = self.plan.step(id) else {
            return self.at_step(id, Sign::Note, text, Vec::new());
        };
        match &step.verb {
            Verb::Approve { on_expiry, .. } => {
                let mut more = self.to_type(Standing::AwaitingApproval);
                let then = match on_expiry {
                    OnFailure::RollBack => "rolled back",
                    OnFailure::Hold => "held",
                };
                more.extend(
                    deadline.map(|at| format!("not approved by {}, the run is {then}", clock(at))),
                );
                self.at_step(id, Sign::Question, text, more)
            }
            Verb::Pause { duration: None } => {
                self.at_step(id, Sign::Halt, text, self.to_type(Standing::Paused))
            }
            Verb::Scale { .. }
            | Verb::Wait { .. }
            | Verb::Probe { .. }
            | Verb::Shift { .. }
            | Verb::Pause { duration: Some(_) } => self.at_step(id, Sign::Note, text, Vec::new()),
        }
    }

    /// Only a look that shows something new is worth a line.
    fn observed(&self, target: &Target, live: &Picture) -> Option<Sentence> {
        if self.before.known.get(target) == Some(live) {
            return None;
        }
        let text = format!("{}: now {}", words::target(target), self.picture(target, live));
        self.on(target, Sign::Note, text)
    }

    fn read(&self, check: &Check, reading: &Reading) -> Option<Sentence> {
        let sign = match reading.outcome {
            // That a target still stands as set is the rule; when it does not, that is drift.
            Outcome::Pass if matches!(check, Check::Stands(_)) => return None,
            Outcome::Pass => Sign::Good,
            Outcome::Fail => Sign::Bad,
            Outcome::Wait => Sign::Note,
            Outcome::Unknown => Sign::Question,
        };
        self.line(sign, format!("{check}: {}, {}", reading.outcome, evidence(reading)), Vec::new())
    }

    fn intended(
        &self,
        purpose: &Purpose,
        target: &Target,
        before: &Picture,
        after: &Picture,
    ) -> Option<Sentence> {
        let again = self.after.changes.get(target).is_some_and(|change| change.failures > 0);
        let asked = if again { "asked for again" } else { "asked for" };
        let (name, picture) = (words::target(target), self.picture(target, after));
        match purpose {
            // `RestoreStarted` has just named it.
            Purpose::Restore if !again => None,
            Purpose::Restore => self.on(target, Sign::Back, format!("{name}: {picture} {asked}")),
            Purpose::Step(_) if before == after => {
                self.on(target, Sign::Good, format!("{name}: {picture} already"))
            }
            Purpose::Step(_) => {
                let sign = self.direction(target, before, after);
                self.on(target, sign, format!("{name}: {picture} {asked}"))
            }
        }
    }

    fn direction(&self, target: &Target, before: &Picture, after: &Picture) -> Sign {
        let size = |picture: &Picture| match (picture, target) {
            (Picture::Split(split), Target::Route(route)) => {
                let bound = self.before.bindings.routes.get(route);
                bound.map_or(0, |bound| split.share(bound.member(Side::Candidate)))
            }
            (Picture::Capacity(capacity), _) => capacity.desired,
            (Picture::Split(_), Target::Fleet { .. }) => 0,
        };
        match size(after).cmp(&size(before)) {
            std::cmp::Ordering::Greater => Sign::Up,
            std::cmp::Ordering::Less => Sign::Down,
            std::cmp::Ordering::Equal => Sign::Note,
        }
    }

    fn confirmed(&self, target: &Target, live: &Picture) -> Option<Sentence> {
        let name = words::target(target);
        let text = match self.before.changes.get(target) {
            // `Restored` follows, and an unneeded change has said so.
            Some(change) if change.purpose == Purpose::Restore => return None,
            Some(change) if change.before == change.after => return None,
            Some(change) if change.after == *live => format!("{name}: read back, matches"),
            _ => format!("{name}: read back, {}", self.picture(target, live)),
        };
        self.on(target, Sign::Good, text)
    }

    fn bake_started(&self, id: &StepId, until: Timestamp) -> Option<Sentence> {
        let gates = match self.plan.step(id).map(|(_, step)| &step.verb) {
            Some(Verb::Shift { gates, .. }) => gates.as_slice(),
            _ => &[],
        };
        let names = || gates.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let gates = match gates {
            [] => "no gates".to_owned(),
            [gate] => format!("gate {gate}"),
            _ => format!("gates {}", names()),
        };
        let bake = until.since(self.at);
        let text = if bake.is_zero() {
            format!("no bake, {gates}")
        } else {
            format!("bakes {} until {}, {gates}", span(bake), clock(until))
        };
        self.at_step(id, Sign::Note, text, Vec::new())
    }

    fn step_done(&self, id: &StepId) -> Option<Sentence> {
        let place = match self.plan.step(id) {
            // `Approved` has said so.
            Some((_, step)) if matches!(step.verb, Verb::Approve { .. }) => return None,
            Some((component, _)) => place(component, id),
            None => id.to_string(),
        };
        let took = self.before.steps.get(id).map(|step| self.at.since(step.started));
        let took = took.map(|took| format!(" in {}", span(took))).unwrap_or_default();
        self.at_step(id, Sign::Good, format!("{place} done{took}"), Vec::new())
    }

    fn restored(&self, target: &Target) -> Option<Sentence> {
        let confirmed = self.before.changes.get(target).is_some_and(|change| {
            change.purpose == Purpose::Restore && change.progress == Progress::Confirmed
        });
        let how = if confirmed { "restored, read back, matches" } else { "as it was already" };
        self.on(target, Sign::Good, format!("{}: {how}", words::target(target)))
    }

    fn unless_said(&self, what: &str, cause: &Cause) -> String {
        if self.said == Some(cause) { what.to_owned() } else { format!("{what}: {cause}") }
    }

    fn to_type(&self, standing: Standing) -> Vec<String> {
        typed(&next(self.run, standing, &approvals_awaited(self.plan, self.after)))
    }

    fn picture(&self, target: &Target, picture: &Picture) -> String {
        words::picture(&self.after.bindings, target, picture)
    }

    fn line(&self, sign: Sign, text: String, more: Vec<String>) -> Option<Sentence> {
        Some(Sentence { sign, component: None, text, more })
    }

    fn at_step(
        &self,
        id: &StepId,
        sign: Sign,
        text: String,
        more: Vec<String>,
    ) -> Option<Sentence> {
        let component = self.plan.step(id).map(|(component, _)| component.name.clone());
        Some(Sentence { sign, component, text, more })
    }

    fn on(&self, target: &Target, sign: Sign, text: String) -> Option<Sentence> {
        let owner = self.plan.steps().find(|(_, step)| target_of(step).as_ref() == Some(target));
        let component = owner.map(|(component, _)| component.name.clone());
        Some(Sentence { sign, component, text, more: Vec::new() })
    }
}

fn found_line(bindings: &Bindings, found: &Found) -> String {
    let picture = words::picture(bindings, &found.target, &found.picture);
    format!("{}: {picture}", words::target(&found.target))
}

/// Commands with their effects in two columns.
pub(super) fn typed(commands: &[NextCommand]) -> Vec<String> {
    let width = commands.iter().map(|next| next.command.chars().count()).max().unwrap_or(0);
    commands.iter().map(|next| format!("{:width$}  {}", next.command, next.effect)).collect()
}

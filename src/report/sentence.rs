//! One event, one sentence. Each says what happened with the figures that matter, and where a person has to act, what
//! to type; what the line before has just said is not said again.

use super::{
    NextCommand, Offers, Sign, Standing, Watch,
    next::{Situation, next},
    standing::approvals_awaited,
    tree::{part_goes_back, parted},
    words::{self, attempts_line, clock, evidence, figures, place, placed, printable, span},
};
use crate::{
    journal::RunId,
    plan::{ComponentName, Ends, Member, OnFailure, Plan, RouteName, Side, StepId},
    rollout::{
        Actor, Bindings, Cause, Check, Ending, Event, Excused, ExcusedUntil, Found, Making,
        Outcome, Picture, Progress, Purpose, Reach, Reading, RouteService, Scope, State, Target,
        TestRoute, Timestamp, approvals_of, target_of,
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

impl Sentence {
    fn new(sign: Sign, text: impl Into<String>) -> Self {
        Self { sign, component: None, text: text.into(), more: Vec::new() }
    }

    fn with(self, more: Vec<String>) -> Self {
        Self { more, ..self }
    }
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
    pub offers: &'a Offers,
}

impl Teller<'_> {
    /// `None` for what the events around it tell as well.
    pub(super) fn tell(&self, event: &Event) -> Option<Sentence> {
        Some(match event {
            Event::RunStarted { plan, digest, by, bindings, found, excused, attempts, .. } => {
                let digest: String = digest.chars().take(12).collect();
                let text = format!("run {} of plan {plan} ({digest}) started by {by}", self.run);
                let found = found.iter().map(|found| found_line(bindings, found));
                let attempts =
                    attempts.iter().filter_map(|(gate, past)| attempts_line(self.plan, gate, past));
                let more = found.chain(excused.iter().map(excused_line)).chain(attempts).collect();
                Sentence::new(Sign::Note, text).with(more)
            }
            Event::RunnerStarted { by } => self.runner_started(by),
            Event::ClockJumped { by } => {
                let text =
                    format!("the clock was set {by}; bakes and deadlines last as long as before");
                Sentence::new(Sign::Warning, text)
                    .with(vec!["times above are by the clock as it was".to_owned()])
            }
            Event::StepStarted { step, deadline } => self.step_started(step, *deadline),
            // What a person has to know of it comes with the call for attention.
            Event::StepCleared { .. }
            | Event::CallReturned { .. }
            | Event::Vanished { .. }
            // That it goes back is told once it does: it may be as it was already, or somebody else's.
            | Event::RestoreStarted { .. } => return None,
            Event::Observed { target, live } => self.observed(target, live)?,
            Event::Read { check, reading } => self.read(check, reading)?,
            Event::ChangeIntended { purpose, target, before, after } => {
                self.intended(purpose, target, before, after)
            }
            Event::CallFailed { target, problem, retry_at } => {
                let (sign, then) = match retry_at {
                    Some(at) => (Sign::Warning, format!("next try at {}", clock(*at))),
                    None => (Sign::Bad, "given up".to_owned()),
                };
                let (name, problem) = (words::target(target), &problem.message);
                self.on(target, sign, format!("{name}: call failed, {problem}; {then}"))
            }
            Event::Learned { route, member, making } => self.learned(route, member, *making),
            Event::ChangeConfirmed { target, live } => self.confirmed(target, live)?,
            Event::BakeStarted { step, until } => self.bake_started(step, *until),
            Event::StepDone { step } => self.step_done(step)?,
            Event::StepFailed { step, cause } => self.step_failed(step, cause),
            Event::DriftFound { target, expected, found } => {
                self.found_different(target, expected, found)
            }
            Event::Approved { step, voter, reason, .. } => {
                let reason = reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
                let quorum = match self.ends(step) {
                    Some(Ends::OnVotes(ballot)) if ballot.approvers.quorum > 1 => {
                        let (given, needed) =
                            (approvals_of(self.after, step), ballot.approvers.quorum);
                        format!(" ({given} of {needed})")
                    }
                    _ => String::new(),
                };
                self.at_step(step, Sign::Good, format!("approved by {voter}{quorum}{reason}"))
            }
            Event::Paused { by } => Sentence::new(Sign::Halt, format!("paused by {by}"))
                .with(self.to_type(Standing::Paused)),
            Event::Resumed { by } => Sentence::new(Sign::Note, format!("resumed by {by}")),
            Event::CommandRefused { by, command, refusal } => {
                let text = format!("{command}, asked for by {by}, refused: {refusal}");
                Sentence::new(Sign::Warning, text)
            }
            Event::Interrupted { signal } => {
                let text = format!("interrupted by {signal}; nothing new is started");
                Sentence::new(Sign::Halt, text).with(self.to_type(Standing::Interrupted))
            }
            Event::Held { cause } => {
                let text = self.unless_said("held where it is until a person decides", cause);
                let standing = Standing::without_plan(self.after);
                Sentence::new(Sign::Halt, text).with(self.to_type(standing))
            }
            Event::RollbackStarted { cause, scope } => self.goes_back(cause, scope.as_ref()),
            Event::WentBack => {
                Sentence::new(Sign::Back, "what was to go back has gone back; the others go on")
            }
            Event::Restored { target } => self.restored(target),
            Event::OverwriteAllowed { by, target, found } => {
                let (name, found) = (words::target(target), self.picture(target, found));
                let text = format!("{name}: {by} lets {found} be written over");
                self.on(target, Sign::Warning, text)
            }
            Event::AttentionNeeded { target, problem, hint, .. } => {
                let text = format!("{} needs attention: {problem}", words::target(target));
                self.on(target, Sign::Bad, text).with(vec![hint.clone()])
            }
            Event::RunEnded { ending } => self.ended(*ending),
        })
    }

    fn goes_back(&self, cause: &Cause, scope: Option<&Scope>) -> Sentence {
        let Some(scope) = scope else {
            let text = self.unless_said("rolling back everything this run changed", cause);
            return Sentence::new(Sign::Back, text);
        };
        let (back, rest) = part_goes_back(self.plan, self.after, scope);
        Sentence::new(Sign::Back, self.unless_said(&back, cause)).with(vec![rest])
    }

    fn ended(&self, ending: Ending) -> Sentence {
        let took = span(self.at.since(self.started));
        let (sign, text) = match ending {
            Ending::Promoted => (Sign::Good, format!("promoted after {took}")),
            Ending::RolledBack => (Sign::Back, format!("rolled back after {took}")),
            Ending::PartlyRolledBack => {
                let (back, rest) = parted(self.plan, self.after);
                let back = format!("{} went back", back.join(", "));
                (
                    Sign::Back,
                    format!("partly rolled back after {took}: {back}; {}", rest.join(", ")),
                )
            }
            Ending::NeedsAttention => {
                let text = "the roll-back is incomplete and needs a person";
                (Sign::Bad, format!("ended after {took}: {text}"))
            }
        };
        Sentence::new(sign, text)
    }

    fn found_different(&self, target: &Target, expected: &Picture, found: &Picture) -> Sentence {
        let text = match self.before.changes.get(target).map(|c| &c.progress) {
            Some(Progress::Confirming { .. }) => {
                "what reads back is not what was set; it is left alone"
            }
            Some(Progress::Calling | Progress::InDoubt(_) | Progress::Confirmed) | None => {
                "somebody else changed it; it is left alone"
            }
        };
        self.on(target, Sign::Bad, format!("{}: {text}", words::target(target))).with(vec![
            format!("expected {}", self.picture(target, expected)),
            format!("found    {}", self.picture(target, found)),
        ])
    }

    fn runner_started(&self, by: &Actor) -> Sentence {
        let doubtful = self.before.changes.iter().filter(|(_, c)| c.progress == Progress::Calling);
        let what = "whether the last call took effect is looked up";
        let more = doubtful.map(|(target, _)| format!("{}: {what}", words::target(target)));
        Sentence::new(Sign::Note, format!("taken over by {by}")).with(more.collect())
    }

    fn ends(&self, step: &StepId) -> Option<Ends<'_>> {
        self.plan.step(step).map(|(_, step)| step.conduct().ends)
    }

    fn step_started(&self, id: &StepId, deadline: Option<Timestamp>) -> Sentence {
        let say = |sign| self.at_step(id, sign, placed(self.plan, id));
        match self.ends(id) {
            Some(Ends::OnVotes(ballot)) => {
                let then = match ballot.on_expiry {
                    OnFailure::RollBack => "rolled back",
                    OnFailure::Hold => "held",
                };
                let mut more = self.to_type(Standing::AwaitingApproval);
                more.extend(
                    deadline.map(|at| format!("not approved by {}, the run is {then}", clock(at))),
                );
                say(Sign::Question).with(more)
            }
            Some(Ends::OnWord) => say(Sign::Halt).with(self.to_type(Standing::Paused)),
            Some(Ends::OnTime(_)) => {
                let kept = self.plan.kept_by(id).zip(deadline).map(|(fleet, until)| {
                    let until = clock(until);
                    format!("the old fleet of {fleet} is kept until {until}; the gates stay armed")
                });
                say(Sign::Note).with(kept.into_iter().collect())
            }
            None
            | Some(
                Ends::WhenChanged
                | Ends::WhenSettled(_)
                | Ends::AfterBake { .. }
                | Ends::WhenAllPass { .. },
            ) => say(Sign::Note),
        }
    }

    fn step_failed(&self, id: &StepId, cause: &Cause) -> Sentence {
        let name = placed(self.plan, id);
        let text = match (self.said == Some(cause), cause) {
            (true, Cause::GateFailed { gate, .. }) => format!("{name} failed on gate {gate}"),
            (true, _) => format!("{name} failed"),
            (false, _) => format!("{name} failed: {cause}"),
        };
        self.at_step(id, Sign::Bad, text)
    }

    /// Only a look that shows something new is worth a line.
    fn observed(&self, target: &Target, live: &Picture) -> Option<Sentence> {
        if self.before.known.get(target) == Some(live) {
            return None;
        }
        let text = format!("{}: now {}", words::target(target), self.picture(target, live));
        Some(self.on(target, Sign::Note, text))
    }

    fn intended(
        &self,
        purpose: &Purpose,
        target: &Target,
        before: &Picture,
        after: &Picture,
    ) -> Sentence {
        let again = self.after.changes.get(target).is_some_and(|change| change.failures > 0);
        let asked = if again { "asked for again" } else { "asked for" };
        let (name, picture) = (words::target(target), self.picture(target, after));
        let (sign, text) = match purpose {
            Purpose::Restore if !again => {
                let to = match after {
                    Picture::Software(software) => software.version.to_string(),
                    Picture::Split(_)
                    | Picture::Uneven(_)
                    | Picture::Capacity(_)
                    | Picture::TestRoute(_)
                    | Picture::Release(_)
                    | Picture::OldVersions(_)
                    | Picture::Replay(_) => picture,
                };
                (Sign::Back, format!("{name}: back to {to}"))
            }
            Purpose::Restore => (Sign::Back, format!("{name}: {picture} {asked}")),
            Purpose::Hold => (Sign::Halt, format!("{name}: asked to hold where it is")),
            Purpose::Step(_) if before == after => {
                (Sign::Good, format!("{name}: {picture} already"))
            }
            Purpose::Step(_) => {
                let sign = self.direction(target, before, after);
                (sign, format!("{name}: {picture} {asked}"))
            }
        };
        self.on(target, sign, text)
    }

    fn learned(&self, route: &RouteName, member: &Member, making: Making) -> Sentence {
        let bound = self.before.bindings.routes.get(route);
        let is_stage = bound.is_some_and(|bound| bound.service == RouteService::ApiGateway);
        let text = match making {
            Making::New if is_stage => format!("candidate of {route}: deployment {member} is made"),
            Making::New => format!("candidate of {route}: version {member} is published"),
            Making::Unchanged => format!(
                "candidate of {route}: nothing has changed since version {member} was published, which it is"
            ),
        };
        self.on(&Target::Candidate(route.clone()), Sign::Note, text)
    }

    fn direction(&self, target: &Target, before: &Picture, after: &Picture) -> Sign {
        let size = |picture: &Picture| match (picture, target) {
            (Picture::Split(split), Target::Route(route)) => {
                let bound = self.before.bindings.routes.get(route);
                bound.map_or(0, |bound| bound.share(split, Side::Candidate))
            }
            (Picture::Uneven(parts), Target::Route(route)) => {
                let bound = self.before.bindings.routes.get(route);
                let shares = bound.into_iter().flat_map(|bound| {
                    parts.values().map(|split| bound.share(split, Side::Candidate))
                });
                shares.min().unwrap_or(0)
            }
            (Picture::Capacity(capacity), _) => capacity.desired,
            (Picture::TestRoute(TestRoute::Present { .. }), _) => 1,
            (
                Picture::Software(_)
                | Picture::Split(_)
                | Picture::Uneven(_)
                | Picture::TestRoute(_)
                | Picture::Release(_)
                | Picture::OldVersions(_)
                | Picture::Replay(_),
                _,
            ) => 0,
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
        Some(self.on(target, Sign::Good, text))
    }

    fn bake_started(&self, id: &StepId, until: Timestamp) -> Sentence {
        let conduct = self.plan.step(id).map(|(_, step)| step.conduct());
        let ends = conduct.map(|conduct| conduct.ends);
        if let Some(Ends::WhenSettled(_)) = ends {
            let text = format!("load balancer nodes follow until {}", clock(until));
            return self.at_step(id, Sign::Note, text);
        }
        let gates = conduct.map_or(&[][..], |conduct| conduct.gates);
        let requests = match ends {
            Some(Ends::AfterBake { min_requests, .. }) => min_requests,
            _ => None,
        };
        let and = requests.map_or_else(String::new, |n| format!(" and for at least {n} requests"));
        let names = || gates.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let gates = match gates {
            [] => "no gates".to_owned(),
            [gate] => format!("gate {gate}"),
            _ => format!("gates {}", names()),
        };
        let bake = until.since(self.at);
        let text = if bake.is_zero() {
            format!("no bake{and}, {gates}")
        } else {
            format!("bakes {} until {}{and}, {gates}", span(bake), clock(until))
        };
        self.at_step(id, Sign::Note, text)
    }

    fn step_done(&self, id: &StepId) -> Option<Sentence> {
        let place = match self.plan.step(id) {
            // `Approved` has said so.
            Some((_, step)) if matches!(step.conduct().ends, Ends::OnVotes(_)) => return None,
            Some((component, _)) => place(component, id),
            None => id.to_string(),
        };
        let took = self.before.steps.get(id).map(|step| self.at.since(step.started));
        let took = took.map(|took| format!(" in {}", span(took))).unwrap_or_default();
        Some(self.at_step(id, Sign::Good, format!("{place} done{took}")))
    }

    fn restored(&self, target: &Target) -> Sentence {
        let confirmed = self.before.changes.get(target).is_some_and(|change| {
            change.purpose == Purpose::Restore && change.progress == Progress::Confirmed
        });
        let how = if confirmed { "restored, read back, matches" } else { "as it was already" };
        self.on(target, Sign::Good, format!("{}: {how}", words::target(target)))
    }

    fn read(&self, check: &Check, reading: &Reading) -> Option<Sentence> {
        let tolerated = self.tolerated(check).filter(|_| reading.outcome == Outcome::Fail);
        let sign = match reading.outcome {
            // That a target still stands as set is the rule; when it does not, that is drift.
            Outcome::Pass if matches!(check, Check::Stands(_)) => return None,
            Outcome::Pass => Sign::Good,
            Outcome::Fail if tolerated.is_some() => Sign::Warning,
            Outcome::Fail => Sign::Bad,
            Outcome::Wait => Sign::Note,
            Outcome::Unknown => Sign::Question,
        };
        let text = format!("{check}: {}, {}", reading.outcome, evidence(reading));
        // Of what goes well the sentence is enough; the figures are in the journal.
        let below = match reading.outcome {
            Outcome::Fail | Outcome::Unknown => figures(reading),
            Outcome::Pass | Outcome::Wait => Vec::new(),
        };
        Some(Sentence::new(sign, text + &tolerated.unwrap_or_default()).with(below))
    }

    /// In words, how often a gate has failed, while that is tolerated.
    fn tolerated(&self, check: &Check) -> Option<String> {
        let Check::Gate(gate) = check else { return None };
        let tolerance = self.plan.gates.get(gate)?.tolerance;
        let tally = self.after.tallies.get(gate).filter(|tally| !tally.is_beyond(&tolerance))?;
        let (row, all) = (tolerance.consecutive, tolerance.total);
        Some(format!(
            "; tolerated, {} of {row} in a row and {} of {all} in all",
            tally.consecutive, tally.total
        ))
    }

    fn unless_said(&self, what: &str, cause: &Cause) -> String {
        if self.said == Some(cause) { what.to_owned() } else { format!("{what}: {cause}") }
    }

    fn to_type(&self, standing: Standing) -> Vec<String> {
        let approvals = approvals_awaited(self.plan, self.after);
        let (watch, foreign) = (Watch::Somebody, self.after.foreign.len());
        let part = matches!(*self.after.reach, Reach::Components(_));
        let next = next(self.run, &Situation { standing, watch, approvals, foreign, part });
        typed(&self.offers.of(next))
    }

    fn picture(&self, target: &Target, picture: &Picture) -> String {
        words::picture(&self.after.bindings, target, picture)
    }

    fn at_step(&self, id: &StepId, sign: Sign, text: String) -> Sentence {
        let component = self.plan.step(id).map(|(component, _)| component.name.clone());
        Sentence { component, ..Sentence::new(sign, text) }
    }

    fn on(&self, target: &Target, sign: Sign, text: String) -> Sentence {
        let owner = self.plan.steps().find(|(_, step)| target_of(step).as_ref() == Some(target));
        let component = owner.map(|(component, _)| component.name.clone());
        Sentence { component, ..Sentence::new(sign, text) }
    }
}

fn found_line(bindings: &Bindings, found: &Found) -> String {
    let picture = words::picture(bindings, &found.target, &found.picture);
    format!("{}: {picture}", words::target(&found.target))
}

fn excused_line(excused: &Excused) -> String {
    let Excused { gate, alarm, until, reason } = excused;
    let what = match until {
        ExcusedUntil::Ok => "does not count until it has been OK",
        ExcusedUntil::TheEnd => "does not count in this run",
    };
    format!("alarm {alarm} is in ALARM already and {what} (gate {gate}): {}", printable(reason))
}

/// Commands with their effects in two columns.
pub(super) fn typed(commands: &[NextCommand]) -> Vec<String> {
    let width = commands.iter().map(|next| next.command.chars().count()).max().unwrap_or(0);
    commands.iter().map(|next| format!("{:width$}  {}", next.command, next.effect)).collect()
}

//! The people of a scenario. They speak to a run the way everybody does, through its inbox, at the moments the scenario
//! gives; the run cannot tell them from real ones.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{Moment, OperatorCommand, OperatorScript, Scenario, World};
use crate::{
    journal::{self, Envelope, Request, RunId, Seq, Store, send},
    plan::{Ends, Plan},
    rollout::{Actor, Command, Event, Timestamp, Vote},
    runner::Clock,
};

#[derive(Clone)]
pub struct Operators {
    scripts: Arc<Vec<OperatorScript>>,
    world: World,
    silent: Arc<AtomicUsize>,
}

impl Operators {
    pub fn new(scenario: &Scenario, world: &World) -> Self {
        Self {
            scripts: Arc::new(scenario.operators.clone()),
            world: world.clone(),
            silent: Arc::new(AtomicUsize::new(0)),
        }
    }

    /// Whether anybody has something left to say.
    pub fn may_speak(&self) -> bool {
        self.silent.load(Ordering::Relaxed) < self.scripts.len()
    }

    /// Says everything in its time; returns when all has been said.
    pub async fn speak(
        &self,
        plan: &Plan,
        run: &RunId,
        store: &Store,
        clock: Clock,
    ) -> Result<(), journal::Error> {
        let mut said = vec![Timestamp::default(); self.scripts.len()];
        let mut left: Vec<usize> = (0..self.scripts.len()).collect();
        let (mut asked, mut next) = (Vec::new(), Seq::FIRST);
        while !left.is_empty() {
            let (now, world_time) = (clock.now(), clock.undisturbed());
            for envelope in store.from(run, next).await? {
                next = envelope.seq.next();
                asked.extend(asks(plan, &envelope).then_some(envelope.at));
            }
            for (index, script) in self.scripts.iter().enumerate() {
                let Some(last) = said.get_mut(index) else { continue };
                let has_come = match script.at {
                    Moment::Asked(after) => {
                        let question = asked.iter().find(|at| **at > *last);
                        question.is_some_and(|at| at.plus(after) <= now)
                    }
                    at @ (Moment::Start(_) | Moment::Traffic(_)) => {
                        self.world.moment(at).is_some_and(|moment| moment <= world_time)
                    }
                };
                if !left.contains(&index) || !has_come {
                    continue;
                }
                let request = Request {
                    id: format!("operator{index}"),
                    by: Actor(script.by.clone()),
                    at: now,
                    command: command(script),
                };
                send(store, run, &request).await?;
                // Whoever answers questions answers each of them; everybody else speaks once.
                *last = now;
                if !matches!(script.at, Moment::Asked(_)) {
                    left.retain(|other| *other != index);
                    self.silent.fetch_add(1, Ordering::Relaxed);
                }
            }
            clock.sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    }
}

/// Whether the run asks for an approval.
fn asks(plan: &Plan, envelope: &Envelope) -> bool {
    let Event::StepStarted { step, .. } = &envelope.event else { return false };
    plan.step(step).is_some_and(|(_, step)| matches!(step.conduct().ends, Ends::OnVotes(_)))
}

/// Whoever is called by an ARN has that identity.
fn vote(script: &OperatorScript) -> Vote {
    let identity = Some(script.by.clone()).filter(|by| by.starts_with("arn:"));
    Vote { reason: script.reason.clone(), identity, ..Vote::default() }
}

fn command(script: &OperatorScript) -> Command {
    let reason = script.reason.clone();
    match script.command {
        OperatorCommand::Approve => Command::Approve(vote(script)),
        OperatorCommand::Deny => Command::Deny(vote(script)),
        OperatorCommand::Pause => Command::Pause,
        OperatorCommand::Resume => Command::Resume,
        OperatorCommand::Abort => Command::Abort { reason },
    }
}

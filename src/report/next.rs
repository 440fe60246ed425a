//! What can be typed now. Whoever is called at night should copy a command, not compose one.

use serde::Serialize;

use super::{Standing, Watch};
use crate::{journal::RunId, plan::StepId};

/// A command that would be obeyed now, and what it leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct NextCommand {
    pub command: String,
    pub effect: String,
}

/// What it depends on.
pub(super) struct Situation {
    pub standing: Standing,
    pub watch: Watch,
    /// The steps that wait for approval.
    pub approvals: Vec<StepId>,
    /// How many targets somebody else has changed.
    pub foreign: usize,
}

/// The commands for a run that stands like this, the most likely one first.
pub(super) fn next(run: &RunId, situation: &Situation) -> Vec<NextCommand> {
    let Situation { standing, watch, approvals, foreign } = situation;
    let answer = |verb, more: &str, effect: &str| -> Vec<NextCommand> {
        let to = |step: &StepId| {
            let step = if approvals.len() > 1 { format!(" --step {step}") } else { String::new() };
            let command = format!("tidegate {verb} {run}{step}{more}");
            NextCommand { command, effect: effect.to_owned() }
        };
        approvals.iter().map(to).collect()
    };
    let rollback = || command("rollback", run, "puts everything back as it was before");
    let abort = || command("abort", run, "stops and puts everything back as it was before");
    let resume = |effect| command("resume", run, effect);
    let over = |verb, effect: &str| {
        let with = (*foreign > 0).then(|| command(verb, run, effect));
        with.map(|next| NextCommand { command: format!("{} --overwrite", next.command), ..next })
    };
    let back_over = || over("rollback", "puts back also what somebody else has changed");
    match (standing, watch) {
        (Standing::NotStarted | Standing::RolledBack | Standing::RollingBack, _) => Vec::new(),
        (Standing::Abandoned, _) => {
            vec![resume("watches the gates again and goes on where it stopped"), rollback()]
        }
        (Standing::AbandonedRollingBack, _) => {
            vec![command("rollback", run, "goes on putting everything back as it was before")]
        }
        (Standing::AwaitingApproval | Standing::Paused, Watch::Nobody) => {
            let resume = match standing {
                Standing::Paused => resume("watches the gates again and goes on"),
                _ => resume("watches the gates again while it waits"),
            };
            let approve = answer("approve", "", "lets the run go on, once it is resumed");
            std::iter::once(resume).chain(approve).chain([rollback()]).collect()
        }
        (Standing::Running | Standing::AwaitingApproval, Watch::Somebody | Watch::Nobody) => {
            let pause = command("pause", run, "starts nothing new until resumed");
            let rest = if approvals.is_empty() { vec![pause, abort()] } else { vec![abort()] };
            let approve = answer("approve", "", "lets the run go on");
            let deny = answer("deny", " --reason WHY", "refuses: the step fails");
            approve.into_iter().chain(deny).chain(rest).collect()
        }
        (Standing::Paused, Watch::Somebody) => vec![resume("goes on"), abort()],
        (Standing::Held, _) => vec![resume("takes the step again"), rollback()],
        (Standing::Drift, _) => {
            let back =
                command("rollback", run, "puts back what this run changed and nobody else touched");
            let resume = resume("takes the step again, once the foreign change is undone");
            let resume_over = over("resume", "writes over it and takes the step again");
            let resuming = std::iter::once(resume).chain(resume_over);
            resuming.chain([back]).chain(back_over()).collect()
        }
        (Standing::Interrupted, _) => vec![resume("goes on where it stopped"), rollback()],
        (Standing::Promoted, _) => vec![rollback()],
        (Standing::NeedsAttention, _) => {
            let again = command("rollback", run, "tries again, once the problem is put right");
            std::iter::once(again).chain(back_over()).collect()
        }
    }
}

fn command(verb: &str, run: &RunId, effect: &str) -> NextCommand {
    NextCommand { command: format!("tidegate {verb} {run}"), effect: effect.to_owned() }
}

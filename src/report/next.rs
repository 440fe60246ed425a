//! What can be typed now. Whoever is called at night should copy a command, not compose one.

use serde::Serialize;

use super::Standing;
use crate::{journal::RunId, plan::StepId};

/// A command that would be obeyed now, and what it leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct NextCommand {
    pub command: String,
    pub effect: String,
}

/// The commands for a run that stands like this, the most likely one first.
pub(super) fn next(run: &RunId, standing: Standing, approvals: &[StepId]) -> Vec<NextCommand> {
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
    match standing {
        Standing::NotStarted | Standing::RolledBack | Standing::RollingBack => Vec::new(),
        Standing::Running | Standing::AwaitingApproval => {
            let pause = command("pause", run, "starts nothing new until resumed");
            let rest = if approvals.is_empty() { vec![pause, abort()] } else { vec![abort()] };
            let approve = answer("approve", "", "lets the run go on");
            let deny = answer("deny", " --reason WHY", "refuses: the step fails");
            approve.into_iter().chain(deny).chain(rest).collect()
        }
        Standing::Paused => vec![resume("goes on"), abort()],
        Standing::Held => vec![resume("takes the step again"), rollback()],
        Standing::Drift => vec![
            resume("takes the step again, once the foreign change is undone"),
            command("rollback", run, "puts back what this run changed and nobody else touched"),
        ],
        Standing::Interrupted => vec![resume("goes on where it stopped"), rollback()],
        Standing::Promoted => vec![rollback()],
        Standing::NeedsAttention => {
            vec![command("rollback", run, "tries again, once the problem is put right")]
        }
    }
}

fn command(verb: &str, run: &RunId, effect: &str) -> NextCommand {
    NextCommand { command: format!("tidegate {verb} {run}"), effect: effect.to_owned() }
}

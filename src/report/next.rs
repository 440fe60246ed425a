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
    /// Whether a part of it goes back, or has.
    pub part: bool,
}

/// The commands for a run that stands like this, the most likely one first.
pub(super) fn next(run: &RunId, situation: &Situation) -> Vec<NextCommand> {
    let Situation { standing, watch, approvals, foreign, part } = situation;
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
        (Standing::RollingBack, _) if *part => vec![abort()],
        (Standing::NotStarted | Standing::RolledBack | Standing::RollingBack, _) => Vec::new(),
        (Standing::AbandonedRollingBack, _) if *part => {
            let goes_on = "watches the gates again and goes on with what goes back";
            vec![resume(goes_on), rollback()]
        }
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
        (Standing::Held, _) if *part => {
            vec![resume("lets the others go on; what went back stays back"), rollback()]
        }
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
        (Standing::Promoted | Standing::PartlyRolledBack, _) => vec![rollback()],
        (Standing::NeedsAttention, _) if *part => {
            let again = resume("tries again what went back, once the problem is put right");
            std::iter::once(again).chain([rollback()]).chain(back_over()).collect()
        }
        (Standing::NeedsAttention, _) => {
            let again = command("rollback", run, "tries again, once the problem is put right");
            std::iter::once(again).chain(back_over()).collect()
        }
    }
}

fn command(verb: &str, run: &RunId, effect: &str) -> NextCommand {
    NextCommand { command: format!("tidegate {verb} {run}"), effect: effect.to_owned() }
}

/// Which commands are offered of those that would be obeyed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Offers {
    #[default]
    Plain,
    /// Runs are looked for in this folder of journals, as a shell takes it for one word.
    Within(String),
    /// The run is gone with its process, so there is nothing a command could act on.
    Nothing,
}

/// The verbs that find a run by its name.
const OF_RUNS: [&str; 8] =
    ["status", "history", "approve", "deny", "pause", "resume", "abort", "rollback"];

impl Offers {
    pub(super) fn of(&self, commands: Vec<NextCommand>) -> Vec<NextCommand> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Plain | Self::Within(_) => {
                let located = |NextCommand { command, effect }| NextCommand {
                    command: self.located(&command),
                    effect,
                };
                commands.into_iter().map(located).collect()
            }
        }
    }

    /// A text whose commands find the runs that are meant.
    pub fn located(&self, text: &str) -> String {
        let Self::Within(journal) = self else { return text.to_owned() };
        let mut parts = text.split("tidegate ");
        let mut told = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            told.push_str("tidegate ");
            let verb = part.split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default();
            let rest = part.get(verb.len()..).unwrap_or_default();
            told.push_str(verb);
            if OF_RUNS.contains(&verb) && !rest.starts_with(" --journal") {
                told.push_str(" --journal ");
                told.push_str(journal);
            }
            told.push_str(rest);
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_are_told_act_on_the_same_folder() {
        let offers = Offers::Within("'/srv/my runs'".to_owned());
        assert_eq!(
            offers.located(
                "`tidegate resume shop-1` or `tidegate history`; `tidegate run PLAN` starts one"
            ),
            "`tidegate resume --journal '/srv/my runs' shop-1` or `tidegate history --journal '/srv/my runs'`; \
             `tidegate run PLAN` starts one"
        );
        let elsewhere = "`tidegate status --journal /other shop-1`";
        assert_eq!(offers.located(elsewhere), elsewhere);
    }
}

//! Why a run is where it is, in words: for `status`, for the last line of a run, and for whoever is called at night.

use std::fmt;

use super::{
    Beside, Cause, Ending, Mode, Restore, Signal, State, Timestamp, calendar, step::active_steps,
    waiting,
};
use crate::plan::Plan;

/// What the run is waiting for or has come to, one sentence each; never empty.
pub fn why(plan: &Plan, state: &State, now: Timestamp) -> Vec<String> {
    match &state.mode {
        Mode::NotStarted => vec!["not started".to_owned()],
        Mode::Ended(Ending::Promoted) => vec!["every step is done".to_owned()],
        Mode::Ended(Ending::RolledBack) => {
            vec!["everything this run touched is as it was before".to_owned()]
        }
        Mode::Ended(Ending::PartlyRolledBack) => {
            vec![
                "a part of what this run touched is as it was before, and the rest promoted"
                    .to_owned(),
            ]
        }
        Mode::Ended(Ending::NeedsAttention) => state
            .restores
            .iter()
            .filter(|(_, restore)| **restore == Restore::NeedsAttention)
            .map(|(target, _)| format!("{target} could not be restored"))
            .collect(),
        Mode::Held(cause) => vec![format!("held: {cause}")],
        Mode::RollingBack { cause, beside, .. } => {
            let open: Vec<String> = state
                .trails
                .keys()
                .filter(|target| state.has_back(target))
                .filter(|target| state.restores.get(*target) != Some(&Restore::Restored))
                .map(ToString::to_string)
                .collect();
            let back =
                format!("rolling back because {cause}; still to restore: {}", open.join(", "));
            let others = match beside {
                Beside::Nobody => Vec::new(),
                Beside::Held(_) => vec!["all else stands still meanwhile".to_owned()],
                Beside::Forward => under_way(plan, state, now),
            };
            std::iter::once(back).chain(others).collect()
        }
        Mode::Forward => under_way(plan, state, now),
    }
}

/// What goes on, and what it waits for.
fn under_way(plan: &Plan, state: &State, now: Timestamp) -> Vec<String> {
    let paused = state.paused.map(|at| format!("paused since {at}"));
    let steps = active_steps(plan, state).map(|(_, step, active)| {
        let doing = match active.stage.bakes_until() {
            Some(_) => "bakes, waiting for",
            None => "waits for",
        };
        format!("{} {doing} {}", step.id, waiting::waiting_for(plan, state, step, active, now))
    });
    let shut = calendar::shut_out(plan, state, now).map(|(step, opens)| {
        format!("{} may not start before its window opens at {opens}", step.id)
    });
    paused.into_iter().chain(steps).chain(shut).collect()
}

/// Whether the run waits for a person and for nothing else.
pub fn awaits_person(plan: &Plan, state: &State) -> bool {
    let mut active = active_steps(plan, state).peekable();
    state.paused.is_some()
        || (active.peek().is_some()
            && active.all(|(_, step, _)| step.conduct().ends.needs_person()))
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GateFailed { gate, because } => write!(f, "gate {gate} failed: {because}"),
            Self::GateUnknown { gate, because } => {
                write!(f, "gate {gate} was unknown for too long: {because}")
            }
            Self::TimedOut { step, waiting_for } => {
                write!(f, "{step} ran out of time waiting for {waiting_for}")
            }
            Self::CallFailed { target, problem } => {
                write!(f, "{target} could not be changed: {}", problem.message)
            }
            Self::ApprovalExpired { step } => write!(f, "nobody approved {step} in time"),
            Self::Denied { step, voter, reason: None } => write!(f, "{voter} denied {step}"),
            Self::Denied { step, voter, reason: Some(reason) } => {
                write!(f, "{voter} denied {step}: {reason}")
            }
            Self::Drift { target } => write!(f, "somebody else changed {target}"),
            Self::NotAsAsked { target } => {
                write!(f, "{target} reads back as something else than was set")
            }
            Self::Vanished { words } => {
                write!(f, "what the run needs is not there any more: {words}")
            }
            Self::GivenUp { words } => write!(f, "AWS has given up what is waited for: {words}"),
            Self::Unserved { route, because } => {
                write!(f, "nobody serves the users that {route} sends to the candidate: {because}")
            }
            Self::Asked { by, reason: None } => write!(f, "{by} asked for it"),
            Self::Asked { by, reason: Some(reason) } => write!(f, "{by} asked for it: {reason}"),
            Self::Interrupted { signal } => write!(f, "it was interrupted by {signal}"),
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::SigInt => "SIGINT",
            Self::SigTerm => "SIGTERM",
            Self::SigHup => "SIGHUP",
            Self::SigQuit => "SIGQUIT",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        plan::{ComponentName, RouteName, Side, StepId, units::Percent},
        rollout::{Check, Event, Input, Outcome, Reading, handle},
        testkit::sample_plan,
    };

    #[test]
    fn what_ran_out_of_time_is_told_in_the_words_of_the_last_reading() {
        let (plan, main) = (sample_plan(), ComponentName::new("main"));
        let at = |seconds: u64| Timestamp::from_millis(0).plus(Duration::from_secs(seconds));
        let (first, wait) = (StepId::of(&main, 1, "scale"), StepId::of(&main, 2, "wait"));
        let mut state = State { mode: Mode::Forward, ..State::default() };
        for event in [
            Event::StepStarted { step: first.clone(), deadline: None },
            Event::StepDone { step: first },
            Event::StepStarted { step: wait.clone(), deadline: Some(at(100)) },
        ] {
            state.apply(&event, at(0));
        }
        let check = Check::Healthy {
            route: RouteName::new("web"),
            side: Side::Candidate,
            at_least: Percent::HUNDRED,
        };
        let mut told = |seconds, input: Input| {
            let events = handle(&plan, &state, &input, at(seconds)).unwrap();
            for event in &events {
                state.apply(event, at(seconds));
            }
            events
        };
        let answered = |seconds, words: &str| Input::Answered {
            check: check.clone(),
            reading: Reading::new(Outcome::Wait, at(seconds), words),
        };
        assert_eq!(told(1, answered(1, "0 of 2 registered")).len(), 1);
        assert_eq!(told(50, answered(50, "1 of 2 registered")), [], "there will be others");
        assert_eq!(told(96, answered(96, "2 registered (unused, Target.NotInUse)")).len(), 1);
        let late = told(100, Input::Tick);
        let cause = late.iter().find_map(|event| match event {
            Event::StepFailed { cause, .. } => Some(cause.to_string()),
            _ => None,
        });
        assert!(cause.clone().unwrap().contains("unused, Target.NotInUse"), "{cause:?}");
    }
}

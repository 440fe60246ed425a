//! Who may say yes or no to a step that waits for a person, and how many it takes. An answer names the plan and the
//! step it is about, so that none is ever counted for something else than was looked at.

use super::{Refusal, State, Vote, Voter};
use crate::plan::{Approvers, Ends, Plan, Step, StepId};

/// Fewer characters of a digest could stand for two plans.
const LEAST_DIGEST: usize = 8;

/// Whether a vote is about this plan.
pub(super) fn is_about(plan: &Plan, vote: &Vote) -> Result<(), Refusal> {
    match &vote.digest {
        Some(digest) if digest.len() < LEAST_DIGEST || !plan.digest.starts_with(digest) => {
            Err(Refusal::OtherPlan { given: digest.clone(), digest: plan.digest.clone() })
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether this voter may approve the step, and has not yet.
pub(super) fn may_approve(state: &State, step: &Step, voter: &Voter) -> Result<(), Refusal> {
    let Ends::OnVotes(ballot) = step.conduct().ends else {
        return Err(Refusal::NotAwaiting(step.id.clone()));
    };
    let Approvers { from, .. } = ballot.approvers;
    let is_named = |arn: &String| from.iter().any(|pattern| matches(pattern, arn));
    if !from.is_empty() && !voter.identity.as_ref().is_some_and(is_named) {
        return Err(Refusal::NotAnApprover { who: voter.to_string(), from: from.clone() });
    }
    let given = state.approvals.get(&step.id);
    if given.is_some_and(|given| given.contains(voter.key())) {
        return Err(Refusal::ApprovedAlready(voter.to_string()));
    }
    Ok(())
}

/// How many have approved a step since it began.
pub fn approvals_of(state: &State, step: &StepId) -> usize {
    state.approvals.get(step).map_or(0, std::collections::BTreeSet::len)
}

/// `*` stands for any characters, `?` for one.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    // Which prefixes of the text the pattern so far can stand for.
    let mut reached = vec![false; text.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for wanted in pattern {
        let mut next = Vec::with_capacity(reached.len());
        let mut any = false;
        for (at, here) in reached.iter().enumerate() {
            any |= *here;
            let before = at
                .checked_sub(1)
                .and_then(|before| Some((reached.get(before)?, text.get(before)?)));
            next.push(match wanted {
                '*' => any,
                '?' => before.is_some_and(|(reached, _)| *reached),
                exact => before.is_some_and(|(reached, c)| *reached && *c == exact),
            });
        }
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        plan::{ComponentName, OnFailure, Verb},
        rollout::{Actor, Bindings, Cause, Command, Event, Input, Mode, Stage, Timestamp, handle},
        testkit::sample_plan,
    };

    #[test]
    fn a_pattern_stands_for_whole_arns() {
        let arn = "arn:aws:sts::111122223333:assumed-role/release/ann";
        for yes in [arn, "*", "arn:aws:sts::*:assumed-role/release/*", "arn:*:assumed-role/*/a?n"] {
            assert!(matches(yes, arn), "{yes}");
        }
        for no in ["", "arn:aws:sts::111122223333:assumed-role/release", "*/release", "*/a?nn"] {
            assert!(!matches(no, arn), "{no}");
        }
        assert!(matches("", "") && matches("**", "") && !matches("?", ""));
    }

    const ROLE: &str = "arn:aws:sts::1:assumed-role/release/";

    /// A run that waits for an approval and nothing else.
    fn waiting(from: &[&str], quorum: u32) -> (Plan, State) {
        let mut plan = sample_plan();
        plan.digest = "0123456789abcdef".into();
        let verb = Verb::Approve {
            message: "go on".into(),
            expires: None,
            on_expiry: OnFailure::Hold,
            approvers: Approvers { from: from.iter().map(|p| (*p).to_owned()).collect(), quorum },
        };
        let id = StepId::of(&ComponentName::new("main"), 1, "approve");
        plan.components.edit()[0].steps = vec![Step { id, verb, timeout: None }];
        let mut state = State::default();
        let started = Event::RunStarted {
            plan: plan.name.clone(),
            digest: plan.digest.clone(),
            params: BTreeMap::new(),
            by: Actor("test".into()),
            bindings: Bindings::default(),
            found: Vec::new(),
            excused: Vec::new(),
            attempts: BTreeMap::new(),
            acting_as: None,
        };
        state.apply(&started, Timestamp::default());
        for event in handle(&plan, &state, &Input::Tick, Timestamp::default()).unwrap() {
            state.apply(&event, Timestamp::default());
        }
        (plan, state)
    }

    fn say(plan: &Plan, state: &mut State, command: Command) -> Result<(), Refusal> {
        let input = Input::Command { by: Actor("someone".into()), command };
        for event in handle(plan, state, &input, Timestamp::default())? {
            state.apply(&event, Timestamp::default());
        }
        Ok(())
    }

    fn yes(who: &str) -> Command {
        Command::Approve(Vote { identity: Some(format!("{ROLE}{who}")), ..Vote::default() })
    }

    #[test]
    fn a_quorum_takes_as_many_people() {
        let (plan, mut state) = waiting(&[], 2);
        say(&plan, &mut state, yes("ann")).unwrap();
        assert_eq!(state.mode, Mode::Forward);
        let again = say(&plan, &mut state, yes("ann"));
        assert!(matches!(again, Err(Refusal::ApprovedAlready(_))), "{again:?}");
        say(&plan, &mut state, yes("bob")).unwrap();
        assert!(matches!(state.mode, Mode::Ended(_)), "{:?}", state.mode);
    }

    #[test]
    fn only_those_who_are_named_may_approve() {
        let (plan, mut state) = waiting(&["arn:aws:sts::1:assumed-role/release/*"], 1);
        let unknown = say(&plan, &mut state, Command::Approve(Vote::default()));
        assert!(matches!(unknown, Err(Refusal::NotAnApprover { .. })), "{unknown:?}");
        let other = Vote { identity: Some("arn:aws:iam::1:user/eve".into()), ..Vote::default() };
        assert!(say(&plan, &mut state, Command::Approve(other)).is_err());
        say(&plan, &mut state, yes("ann")).unwrap();
        assert!(matches!(state.mode, Mode::Ended(_)));
    }

    #[test]
    fn a_vote_about_another_plan_or_step_is_refused() {
        let (plan, mut state) = waiting(&[], 1);
        for digest in ["fedcba9876543210", "0123", ""] {
            let vote = Vote { digest: Some(digest.into()), ..Vote::default() };
            for command in [Command::Approve(vote.clone()), Command::Deny(vote)] {
                let refused = say(&plan, &mut state, command);
                assert!(matches!(refused, Err(Refusal::OtherPlan { .. })), "{refused:?}");
            }
        }
        let vote = Vote { step: Some(StepId::new("main/9-approve")), ..Vote::default() };
        let refused = say(&plan, &mut state, Command::Approve(vote));
        assert!(matches!(refused, Err(Refusal::NotAwaiting(_))), "{refused:?}");
        let vote = Vote { digest: Some("01234567".into()), ..Vote::default() };
        say(&plan, &mut state, Command::Approve(vote)).unwrap();
    }

    #[test]
    fn a_no_fails_the_step_and_forgets_the_ayes_before_it() {
        let (mut plan, mut state) = waiting(&[], 2);
        plan.on_failure = OnFailure::Hold;
        say(&plan, &mut state, yes("ann")).unwrap();
        let no = Vote { reason: Some("not today".into()), ..Vote::default() };
        say(&plan, &mut state, Command::Deny(no)).unwrap();
        assert!(matches!(&state.mode, Mode::Held(Cause::Denied { .. })), "{:?}", state.mode);
        say(&plan, &mut state, Command::Resume).unwrap();
        let step = &plan.components[0].steps[0].id;
        assert_eq!(state.steps.get(step).unwrap().stage, Stage::Entered);
        assert_eq!(approvals_of(&state, step), 0, "it is asked afresh");
    }

    #[test]
    fn a_request_of_an_older_version_is_still_read() {
        let old = r#"{"approve":{"step":"main/1-approve","reason":null}}"#;
        let read: Command = serde_json::from_str(old).unwrap();
        assert!(matches!(read, Command::Approve(Vote { step: Some(_), .. })));
    }
}

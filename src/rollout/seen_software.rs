//! What a reading of a replacement says about a call. It takes its time, can be held, fails halfway and goes back, so it
//! needs rules of its own; `change.rs` has those of everything that is set at once.

use super::{
    CallProblem, Change, Doubt, Flow, Operation, Phase, Picture, ProblemKind, Progress, Purpose,
    Software, Timestamp,
    seen::{CONFIRM_PATIENCE, Seen},
};

/// An operation that waits, held or ready, may still fail or be stopped by AWS or by somebody: its own end, in words.
pub(super) fn ended_meanwhile(known: &Software, live: &Software) -> Option<CallProblem> {
    let (known, operation) = (known.under_way()?, live.operation.as_ref()?);
    let how = match &operation.phase {
        Phase::Failed { reason } | Phase::TakenBack { reason } => reason.clone(),
        Phase::Moving { .. } | Phase::Ready if operation.to != known.to => {
            format!("AWS takes it to {}", operation.to)
        }
        Phase::Moving { .. } | Phase::Ready => return None,
    };
    let message = format!("{} ended while it waited: {how}", operation.id);
    Some(CallProblem { kind: ProblemKind::Final, message })
}

/// What a reading of a replacement says about a change of it.
pub(super) fn seen(change: &Change, live: &Software, now: Timestamp) -> Seen {
    let (Picture::Software(before), Picture::Software(after)) = (&change.before, &change.after)
    else {
        return Seen::Foreign;
    };
    match &change.progress {
        Progress::Calling | Progress::Confirmed => return Seen::Nothing,
        Progress::Confirming { .. } | Progress::InDoubt(_) => {}
    }
    match &change.purpose {
        Purpose::Hold => hold_seen(change, live, now),
        Purpose::Restore if live.is_back_at(after) => Seen::Done,
        Purpose::Restore => match live.under_way() {
            // What goes back waits too before it moves traffic, and is told to go on.
            Some(to) if to.to == after.version && to.phase == Phase::Ready => {
                match before.under_way() {
                    Some(known) if known.phase == Phase::Ready && known.id == to.id => {
                        unchanged(&change.progress, now)
                    }
                    Some(_) | None => Seen::Foreign,
                }
            }
            Some(to) if to.to == after.version && live.flow == Flow::Open => Seen::Progress,
            _ if before.stands_in(live)
                && before.under_way().is_some() == live.under_way().is_some() =>
            {
                unchanged(&change.progress, now)
            }
            None => restore_ended(before, live),
            Some(_) => Seen::Foreign,
        },
        Purpose::Step(_) => step_seen(change, (before, after), live, now),
    }
}

/// Nothing moves, and it is not where it was to go back to.
fn restore_ended(before: &Software, live: &Software) -> Seen {
    match &live.operation {
        // What was turned around did not arrive: another operation has to.
        Some(Operation { phase: Phase::Failed { reason }, id, .. })
            if before.under_way().is_none() =>
        {
            let message = format!("{id} ended: {reason}");
            Seen::Failed(CallProblem { kind: ProblemKind::Final, message })
        }
        Some(_) | None => Seen::Foreign,
    }
}

fn hold_seen(change: &Change, live: &Software, now: Timestamp) -> Seen {
    match (live.flow, live.under_way()) {
        // It may have come to its end before it could be held.
        (Flow::Held, _) | (Flow::Open, None) => Seen::Done,
        (Flow::Open, Some(_)) => unchanged(&change.progress, now),
    }
}

fn step_seen(
    change: &Change,
    (before, after): (&Software, &Software),
    live: &Software,
    now: Timestamp,
) -> Seen {
    if live.rests_at(&after.version) && live.flow == after.flow {
        return Seen::Done;
    }
    let Some(operation) = &live.operation else {
        // What succeeded may show a moment before its version does; what had ended before may be forgotten meanwhile.
        let is_as_before = before.version == live.version
            && before.flow == live.flow
            && before.under_way().is_none();
        return if is_as_before { unchanged(&change.progress, now) } else { Seen::Foreign };
    };
    let known = before.operation.as_ref().is_some_and(|known| known.id == operation.id);
    let was_ours = before.under_way().is_some_and(|known| known.id == operation.id);
    match &operation.phase {
        Phase::Failed { reason } | Phase::TakenBack { reason } if !known || was_ours => {
            let detail = operation.detail.as_deref().map(|detail| format!(" ({detail})"));
            let message = format!("{} ended: {reason}{}", operation.id, detail.unwrap_or_default());
            Seen::Failed(CallProblem { kind: ProblemKind::Final, message })
        }
        Phase::Failed { .. } | Phase::TakenBack { .. } => unchanged(&change.progress, now),
        Phase::Moving { .. } | Phase::Ready if operation.to == after.version => {
            match (before.flow, live.flow) {
                // Going on was asked for, and does not show yet.
                (Flow::Held, Flow::Held) => unchanged(&change.progress, now),
                _ if before.under_way().is_some_and(|known| known.phase == Phase::Ready)
                    && operation.phase == Phase::Ready =>
                {
                    unchanged(&change.progress, now)
                }
                (Flow::Open, Flow::Held) => Seen::Foreign,
                (_, Flow::Open) => Seen::Progress,
            }
        }
        Phase::Moving { .. } | Phase::Ready if operation.to == before.version => {
            let why = operation.detail.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            let message = format!("AWS takes it back to {}{why}", before.version);
            Seen::Failed(CallProblem { kind: ProblemKind::Final, message })
        }
        Phase::Moving { .. } | Phase::Ready => Seen::Foreign,
    }
}

/// The picture is the one from before: what that says about the call.
fn unchanged(progress: &Progress, now: Timestamp) -> Seen {
    match progress {
        Progress::Confirming { since } if now.since(*since) >= CONFIRM_PATIENCE => Seen::Invisible,
        Progress::InDoubt(Doubt::RetryAt(at)) if now >= *at => Seen::CallAgain,
        Progress::Calling
        | Progress::Confirmed
        | Progress::Confirming { .. }
        | Progress::InDoubt(Doubt::RetryAt(_)) => Seen::Nothing,
        Progress::InDoubt(Doubt::GivenUp(problem)) => Seen::Failed(problem.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::Version;

    #[test]
    fn a_success_that_the_group_does_not_show_yet_is_no_foreign_change() {
        let [old, new] = ["lt:1", "lt:2"].map(Version::new);
        let phase = Phase::TakenBack { reason: "by hand".into() };
        let earlier = Operation { id: "1".into(), to: new.clone(), phase, detail: None };
        let (before, now) = (Software::at(old.clone()), Timestamp::from_millis(1_000));
        let change = Change {
            purpose: Purpose::Step(crate::plan::StepId::new("1")),
            before: Picture::Software(Software { operation: Some(earlier), ..before }),
            after: Picture::Software(Software::at(new)),
            progress: Progress::Confirming { since: now },
            failures: 0,
        };
        assert!(matches!(seen(&change, &Software::at(old), now), Seen::Nothing));
    }
}

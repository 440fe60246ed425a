//! What a reading of a replay says about a call to start or to end it. It goes on by itself, so what is under way is
//! progress of its start, and no effect yet of its end.

use super::{
    CallProblem, Change, Doubt, Picture, ProblemKind, Progress, Replay, Timestamp,
    seen::{CONFIRM_PATIENCE, Seen},
};

pub(super) fn seen(change: &Change, live: &Replay, now: Timestamp) -> Seen {
    if matches!(change.progress, Progress::Calling | Progress::Confirmed) {
        return Seen::Nothing;
    }
    let ends = change.after == Picture::Replay(Replay::Absent);
    match live {
        _ if ends && live.is_over() => Seen::Done,
        Replay::Completed => Seen::Done,
        Replay::UnderWay { .. } if !ends => Seen::Progress,
        Replay::Cancelled => failed("the replay was cancelled by somebody else".to_owned()),
        Replay::Failed { reason } => failed(format!("the replay has failed: {reason}")),
        Replay::Absent | Replay::Sent { .. } | Replay::UnderWay { .. } => match &change.progress {
            Progress::Confirming { since } if now.since(*since) >= CONFIRM_PATIENCE => {
                Seen::Invisible
            }
            Progress::InDoubt(Doubt::RetryAt(at)) if now >= *at => Seen::CallAgain,
            Progress::InDoubt(Doubt::GivenUp(problem)) => Seen::Failed(problem.clone()),
            Progress::Calling
            | Progress::Confirmed
            | Progress::Confirming { .. }
            | Progress::InDoubt(Doubt::RetryAt(_)) => Seen::Nothing,
        },
    }
}

fn failed(message: String) -> Seen {
    Seen::Failed(CallProblem { kind: ProblemKind::Final, message })
}

//! One change of one target: what it should look like afterwards, and what a reading of it tells about a call whose
//! outcome is not known. Going forward and going back share these rules.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    Bindings, Capacity, Change, Doubt, Event, Picture, Progress, Replay, Software, Split, State,
    StepState, Target, TestRoute, Timestamp, goal,
    seen::{CONFIRM_PATIENCE, Seen, known_since},
    seen_release, seen_replay, seen_software, software,
    step::{reference_of, target_of},
};
use crate::plan::{Aim, Size, Step, units::Percent};

/// How long small progress of a replacement may go unrecorded.
const NEWS_EVERY: Duration = Duration::from_mins(5);

/// What a reading says about a change that has not been confirmed.
pub(super) fn seen(
    bindings: &Bindings,
    (target, change): (&Target, &Change),
    live: &Picture,
    now: Timestamp,
) -> Seen {
    if let Picture::Software(live) = live {
        return seen_software::seen(change, live, now);
    }
    if let Picture::Release(live) = live {
        return seen_release::seen(change, live, now);
    }
    if let Picture::Replay(live) = live {
        return seen_replay::seen(change, live, now);
    }
    // A group whose bounds do not change differs before and after in its desired capacity only, which also moves by
    // itself. So equality is asked first, and bounds decide what is left.
    let is_after = *live == change.after;
    let is_before = *live == change.before
        // The call reached some rules of a route and not others: it is made again, and writes those that differ.
        || bindings.is_halfway(target, live, &[&change.before, &change.after])
        || (change.before.stands_in(live) && !change.after.stands_in(live))
        || (change.before.stands_in(live) && matches!(change.progress, Progress::InDoubt(_)));
    match &change.progress {
        Progress::Calling | Progress::Confirmed => Seen::Nothing,
        Progress::Confirming { .. } | Progress::InDoubt(_) if is_after => Seen::Done,
        Progress::Confirming { since } if is_before => {
            if now.since(*since) >= CONFIRM_PATIENCE {
                Seen::Invisible
            } else {
                Seen::Nothing
            }
        }
        Progress::InDoubt(Doubt::RetryAt(at)) if is_before => {
            if now >= *at {
                Seen::CallAgain
            } else {
                Seen::Nothing
            }
        }
        Progress::InDoubt(Doubt::GivenUp(problem)) if is_before => Seen::Failed(problem.clone()),
        Progress::Confirming { .. } | Progress::InDoubt(_) if change.after.stands_in(live) => {
            Seen::Done
        }
        Progress::Confirming { .. } | Progress::InDoubt(_) => Seen::Foreign,
    }
}

pub(super) fn intend_again(target: &Target, change: &Change) -> Event {
    Event::ChangeIntended {
        purpose: change.purpose.clone(),
        target: target.clone(),
        before: change.before.clone(),
        after: change.after.clone(),
    }
}

/// An operation is under way: its call took effect, and it has come so far. Not every percent is worth an event.
pub(super) fn progressed(
    state: &State,
    (target, change): (&Target, &Change),
    live: &Picture,
    stop: Option<Percent>,
    now: Timestamp,
) -> Vec<Event> {
    let mut events = Vec::new();
    if matches!(change.progress, Progress::InDoubt(_)) {
        events.push(Event::CallReturned { target: target.clone() });
    }
    let is_old = state.known_at.get(target).is_none_or(|at| now.since(*at) >= NEWS_EVERY);
    let is_news = match (state.known.get(target), live) {
        (Some(Picture::Software(known)), Picture::Software(live)) => {
            software::is_news(known, live, stop) || (is_old && known != live)
        }
        (known, live) => known != Some(live),
    };
    if is_news {
        events.push(Event::Observed { target: target.clone(), live: live.clone() });
    }
    events
}

/// What was expected, when `live` is not within what this run knows or has left behind.
pub(super) fn unexpected(state: &State, target: &Target, live: &Picture) -> Option<Picture> {
    let known = state.known.get(target)?;
    let left_behind = state.changes.get(target).is_some_and(|change| {
        change.progress != Progress::Confirmed
            && (change.before.stands_in(live)
                || change.after.stands_in(live)
                || state.bindings.is_halfway(target, live, &[&change.before, &change.after])
                // What was begun moves by itself, seen or not.
                || (matches!(live, Picture::Software(_)) && is_owned(state, target, live)))
    });
    (!known.stands_in(live) && !left_behind).then(|| known.clone())
}

fn is_owned(state: &State, target: &Target, live: &Picture) -> bool {
    state.trails.get(target).is_some_and(|trail| trail.owns((&state.bindings, target), live))
}

/// What the step's target will look like, given what it looks like now. `None` while the reference was not read, or
/// when target and step do not fit together.
pub(super) fn after(
    state: &State,
    step: &Step,
    active: &StepState,
    live: &Picture,
) -> Option<Picture> {
    match (step.conduct().aim, live) {
        (Aim::Weights { route, candidate }, Picture::Split(split)) => {
            let bound = state.bindings.routes.get(route)?;
            bound.shifted(split, candidate).map(Picture::Split)
        }
        (Aim::Weights { .. }, Picture::Uneven(parts)) => {
            let whole = |split: &Split| after(state, step, active, &Picture::Split(split.clone()));
            let mut wholes = parts.values().map(whole);
            let first = wholes.next()??;
            // Rules that send traffic to different strangers can never agree.
            wholes.all(|other| other.as_ref() == Some(&first)).then_some(first)
        }
        (Aim::Capacity { to, .. }, Picture::Capacity(live)) => {
            let model = match reference_of(step) {
                None => None,
                Some(reference) => {
                    let fresh = known_since(state, &reference, active.started);
                    match state.known.get(&reference).filter(|_| fresh) {
                        Some(Picture::Capacity(model)) => Some(*model),
                        Some(
                            Picture::Split(_)
                            | Picture::Uneven(_)
                            | Picture::Software(_)
                            | Picture::TestRoute(_)
                            | Picture::Release(_)
                            | Picture::OldVersions(_)
                            | Picture::Replay(_),
                        )
                        | None => return None,
                    }
                }
            };
            resized(*live, to, model).map(Picture::Capacity)
        }
        (Aim::TestRoute { route, header }, Picture::TestRoute(_)) => {
            let group = state.bindings.routes.get(route)?.candidate.as_ref()?;
            Some(Picture::TestRoute(match header {
                Some(header) => TestRoute::Present { header: header.clone(), group: group.clone() },
                None => TestRoute::Absent,
            }))
        }
        (Aim::Software(replacement), Picture::Software(live)) => {
            Some(Picture::Software(Software::at(goal(replacement, live))))
        }
        (Aim::Replay(asked), Picture::Replay(_)) => {
            Some(Picture::Replay(Replay::wanted(asked, active.started)))
        }
        (Aim::Release { .. }, Picture::Release(live)) => Some(Picture::Release(live.wanted())),
        (Aim::OldVersions { .. }, Picture::OldVersions(_)) => {
            Some(Picture::OldVersions(BTreeSet::new()))
        }
        // Whatever else is read does not fit the step: nothing can follow from it.
        _ => None,
    }
}

/// The capacity a size stands for. Sizes taken from the other side need that side's capacity as `model`.
fn resized(live: Capacity, to: Size, model: Option<Capacity>) -> Option<Capacity> {
    let widened =
        |desired: u32| Capacity { min: live.min.min(desired), max: live.max.max(desired), desired };
    Some(match to {
        Size::SameAs(_) => {
            let model = model?;
            Capacity { max: live.max.max(model.max), ..model }
        }
        Size::Share { share, .. } => widened(share_of(share, model?.desired)),
        Size::Instances(desired) => widened(desired),
        Size::Bounds { min, max, desired } => Capacity { min, max, desired },
    })
}

/// So much of a number of instances, rounded up.
fn share_of(share: Percent, instances: u32) -> u32 {
    let parts = u64::from(instances) * u64::from(share.basis_points());
    u32::try_from(parts.div_ceil(10_000)).unwrap_or(instances)
}

/// What a step would make of a target that looks as in `live`: the target, its picture now, and the one after.
pub fn change_of(
    state: &State,
    step: &Step,
    active: &StepState,
    live: &BTreeMap<Target, Picture>,
) -> Option<(Target, Picture, Picture)> {
    let target = target_of(step)?;
    let before = live.get(&target)?;
    let after = after(state, step, active, before)?;
    Some((target, before.clone(), after))
}

/// Whether going from one picture to the other takes capacity away.
pub(super) fn shrinks(before: &Picture, after: &Picture) -> bool {
    match (before, after) {
        (Picture::Capacity(before), Picture::Capacity(after)) => after.desired < before.desired,
        // Nothing but capacity can be taken away, and a target keeps its kind.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Side;

    const LIVE: Capacity = Capacity { min: 1, max: 5, desired: 2 };

    fn sized(to: Size, other: u32) -> Capacity {
        resized(LIVE, to, Some(Capacity { min: 2, max: 9, desired: other })).unwrap()
    }

    #[test]
    fn a_share_of_the_other_side_is_rounded_up_and_widens_the_bounds_as_far_as_it_must() {
        let share = |percent: u16, other| {
            let share = Percent::from_basis_points(percent * 100).unwrap();
            sized(Size::Share { share, of: Side::Stable }, other)
        };
        assert_eq!(share(50, 5), Capacity { min: 1, max: 5, desired: 3 });
        assert_eq!(share(1, 5), Capacity { min: 1, max: 5, desired: 1 });
        assert_eq!(share(100, 7), Capacity { min: 1, max: 7, desired: 7 });
        assert_eq!(share(50, 0), Capacity { min: 0, max: 5, desired: 0 });
    }

    #[test]
    fn bounds_are_set_as_given_and_the_other_side_is_taken_over_with_its_minimum() {
        let bounds = sized(Size::Bounds { min: 3, max: 4, desired: 4 }, 7);
        assert_eq!(bounds, Capacity { min: 3, max: 4, desired: 4 });
        assert_eq!(sized(Size::SameAs(Side::Stable), 7), Capacity { min: 2, max: 9, desired: 7 });
        assert_eq!(resized(LIVE, Size::SameAs(Side::Stable), None), None);
    }
}

//! Going back. Every target this run ever meant to change is restored to the picture in the journal from before it was
//! first touched, in an order that never leaves traffic without capacity: grow what was shrunk, then move the traffic,
//! then shrink what was grown. Components are taken back after those that need them. What cannot be put right is named
//! and left to a person; nothing is forgotten, and nothing of somebody else's is overwritten.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Beside, Bindings, Change, Check, Doubt, Event, Named, Outcome, Picture, Poll, Progress,
    Purpose, Restore, State, Subject, Target, Timestamp, Trail,
    change::{self, progressed},
    failing::called_problem,
    reach,
    seen::{Seen, follow_every, invisible},
    waiting,
    watch::{self, Watched},
};
use crate::plan::{
    Component, FleetName, Plan, RouteName, Side, StepId,
    units::{Weight, format_duration},
};

/// A replacement that was seen to move within this time is still at work.
const AT_WORK: Duration = Duration::from_mins(30);

/// Whether a target may be restored now.
enum Turn {
    Now,
    /// Something else comes first; the check, if any, that will tell.
    Later(Option<Check>),
    /// It must not be: in words, why.
    Never(String),
}

/// The targets of what goes back.
fn trails(state: &State) -> impl Iterator<Item = (&Target, &Trail)> {
    state.trails.iter().filter(|(target, _)| state.has_back(target))
}

pub(super) fn advance(
    plan: &Plan,
    state: &State,
    beside: &Beside,
    since: Timestamp,
    now: Timestamp,
) -> Vec<Event> {
    let patience = patience(plan, state);
    let is_late = now.since(since) >= patience;
    let patience = format_duration(patience);
    for (target, trail) in trails(state) {
        let attention = |problem: String, hint: &str| {
            let (target, hint) = (target.clone(), hint.to_owned());
            vec![Event::AttentionNeeded { target, problem, hint, found: None }]
        };
        let is_calling = state.changes.get(target).is_some_and(|c| c.progress == Progress::Calling);
        match state.restores.get(target) {
            Some(Restore::Started) if is_late && !is_calling && !moves(state, target, now) => {
                return attention(
                    format!("could not be restored to {} within {patience}", trail.origin),
                    "`tidegate rollback` tries again",
                );
            }
            Some(Restore::Started | Restore::Restored | Restore::NeedsAttention) => {}
            None if is_calling => {}
            None => match turn(plan, state, target, trail, since) {
                Turn::Now => {
                    return vec![Event::RestoreStarted {
                        target: target.clone(),
                        to: trail.origin.clone(),
                    }];
                }
                Turn::Later(check) if is_late => {
                    let blocker = check.map_or("others to be restored".to_owned(), |check| {
                        waiting::told(state, &check)
                    });
                    return attention(
                        format!("not restored: waited {patience} for {blocker}"),
                        "put right what it waits for, then `tidegate rollback` tries again",
                    );
                }
                Turn::Later(_) => {}
                Turn::Never(why) => {
                    return attention(why, "put the route right, then `tidegate rollback`");
                }
            },
        }
    }
    let settled = |target| {
        matches!(state.restores.get(target), Some(Restore::Restored | Restore::NeedsAttention))
    };
    // What a call makes that need not be put back is waited for all the same: its end is not to come after the run's.
    let calls = |is_meant: &dyn Fn(&Target) -> bool| {
        let mut calling =
            state.changes.iter().filter(|(_, change)| change.progress == Progress::Calling);
        calling.any(|(target, _)| is_meant(target))
    };
    if calls(&|target| state.has_back(target)) || !trails(state).all(|(target, _)| settled(target))
    {
        return Vec::new();
    }
    let is_over = *beside == Beside::Nobody || reach::is_rest_over(plan, state);
    match beside {
        _ if is_over && calls(&|_| true) => Vec::new(),
        _ if is_over => vec![Event::RunEnded { ending: reach::ending(state) }],
        Beside::Held(cause) => vec![Event::Held { cause: cause.clone() }],
        Beside::Forward | Beside::Nobody => vec![Event::WentBack],
    }
}

/// Whether AWS was seen at work on it lately; a replacement takes as long as it takes.
fn moves(state: &State, target: &Target, now: Timestamp) -> bool {
    matches!(target, Target::Software(_))
        && state.known_at.get(target).is_some_and(|at| now.since(*at) < AT_WORK)
}

/// How long a target may wait for what it depends on, or for its own restoration, before a person is called. A side is
/// not idle before its clients know, which counts against nobody's patience.
pub(super) fn patience(plan: &Plan, state: &State) -> Duration {
    let lags = state.bindings.routes.values().map(|bound| bound.nature.lag());
    plan.roll_back_for + lags.max().unwrap_or_default()
}

fn turn(plan: &Plan, state: &State, target: &Target, trail: &Trail, since: Timestamp) -> Turn {
    let Some(component) = component_of(plan, &trail.steps) else { return Turn::Now };
    let waits_for_dependants = || {
        trails(state).any(|(other, trail)| {
            !is_settled(state, other)
                && component_of(plan, &trail.steps).is_some_and(|c| needs(plan, c, component))
        })
    };
    if !plan.components.needing(&component.name).is_empty() && waits_for_dependants() {
        return Turn::Later(None);
    }
    match target {
        Target::Route(route) => route_turn(plan, state, route, since),
        Target::Software(_)
        | Target::TestRoute(_)
        | Target::Candidate(_)
        | Target::OldVersions(_)
        | Target::Replay(_) => Turn::Now,
        Target::Fleet { .. } if grows(state, target, trail) => Turn::Now,
        Target::Fleet { fleet, side } => {
            match plan.fleets.get(fleet).and_then(|fleet| fleet.behind.as_ref()) {
                None => Turn::Now,
                Some(route) => shrink_turn(plan, state, target, route, *side, since),
            }
        }
    }
}

/// Traffic moves back once what was taken from the stable side is there again. For what only makes it quicker, users do not
/// stay with a version that has failed; but a call that may still take it away comes back first.
fn route_turn(plan: &Plan, state: &State, route: &RouteName, since: Timestamp) -> Turn {
    let counts = |(fleet, target): &(&FleetName, Target)| {
        let is_calling = || {
            let change = state.changes.get(target);
            change.is_some_and(|change| change.progress == Progress::Calling)
        };
        plan.fleets.get(*fleet).is_some_and(|fleet| fleet.kind.is_needed_to_serve()) || is_calling()
    };
    let behind = |side| {
        let targets = plan.fleets_behind(route).map(move |fleet| {
            let target = Target::Fleet { fleet: fleet.clone(), side };
            (fleet, target)
        });
        let counting = targets.filter(counts);
        counting.filter_map(|(_, target)| Some((state.trails.get(&target)?, target)))
    };
    let growing = |(trail, target): (&Trail, Target)| {
        grows(state, &target, trail) && !is_settled(state, &target)
    };
    if behind(Side::Stable).chain(behind(Side::Candidate)).any(growing) {
        return Turn::Later(None);
    }
    let was_shrunk = behind(Side::Stable).any(|(trail, _)| was_shrunk(trail));
    let at_least = watch::enough(plan, route, Side::Stable);
    let check = Check::Healthy { route: route.clone(), side: Side::Stable, at_least };
    if was_shrunk && watch::outcome(state, &check, since) != Some(Outcome::Pass) {
        let last = state.readings.get(&check).filter(|reading| reading.at >= since);
        if let Some(words) = last.and_then(|reading| reading.gone.as_ref()) {
            return Turn::Never(format!(
                "left as it is, because users would be sent back to nothing: {words}"
            ));
        }
        return Turn::Later(Some(check));
    }
    Turn::Now
}

/// Capacity goes once its side serves nothing. A side that served when the run began may shrink to what it had then.
fn shrink_turn(
    plan: &Plan,
    state: &State,
    target: &Target,
    route: &RouteName,
    side: Side,
    since: Timestamp,
) -> Turn {
    let route_target = Target::Route(route.clone());
    let tests = match side {
        Side::Stable => None,
        Side::Candidate => Some(Target::TestRoute(route.clone())),
    };
    let senders = std::iter::once(&route_target).chain(&tests);
    for sender in senders.filter(|sender| state.trails.contains_key(*sender)) {
        match state.restores.get(sender) {
            Some(Restore::Restored) => {}
            // What is not there sends it nothing; whether others do is asked before it shrinks.
            Some(Restore::NeedsAttention) if state.gone.contains(sender) => {}
            Some(Restore::NeedsAttention) => {
                return Turn::Never(format!(
                    "left as it is, because {sender} could not be restored and may still send it \
                     traffic"
                ));
            }
            Some(Restore::Started) | None => return Turn::Later(None),
        }
    }
    let serves = match (state.known.get(&route_target), state.bindings.routes.get(route)) {
        (Some(Picture::Split(split)), Some(bound)) => {
            bound.weight(split, side) != Weight::ZERO && !state.gone.contains(&route_target)
        }
        // Of rules that differ, or a route that was not read, nobody knows whether it serves.
        _ => false,
    };
    if serves || watch::drained(plan, state, target, since) {
        Turn::Now
    } else {
        Turn::Later(Some(Check::Drained { route: route.clone(), side }))
    }
}

fn was_shrunk(trail: &Trail) -> bool {
    trail.ours.iter().any(|picture| change::shrinks(&trail.origin, picture))
}

/// Whether restoring a fleet gives it capacity back. A shrinking call in doubt counts as one that took effect.
fn grows(state: &State, target: &Target, trail: &Trail) -> bool {
    let is_larger_now =
        state.known.get(target).is_some_and(|known| change::shrinks(known, &trail.origin));
    was_shrunk(trail) && !is_larger_now
}

fn is_settled(state: &State, target: &Target) -> bool {
    matches!(state.restores.get(target), Some(Restore::Restored | Restore::NeedsAttention))
}

fn component_of<'a>(plan: &'a Plan, steps: &[StepId]) -> Option<&'a Component> {
    steps.first().and_then(|step| plan.step(step)).map(|(component, _)| component)
}

/// Whether `dependant` needs `component`, directly or through others. The plan has no cycles.
fn needs(plan: &Plan, dependant: &Component, component: &Component) -> bool {
    dependant.needs.iter().any(|name| {
        *name == component.name
            || plan.components.named(name).is_some_and(|c| needs(plan, c, component))
    })
}

/// A target is not there any more: there is nothing to restore, and the others are not kept waiting for it.
pub(super) fn vanished(state: &State, target: &Target, words: &str) -> Vec<Event> {
    let (Some(Restore::Started), Some(trail)) =
        (state.restores.get(target), state.trails.get(target))
    else {
        return Vec::new();
    };
    let names_itself = match target {
        // AWS gives another rule, or listener, another name.
        Target::Route(route) => {
            let bound = state.bindings.routes.get(route);
            bound.is_none_or(|bound| bound.nature.named == Named::ByMaker)
        }
        Target::Fleet { .. }
        | Target::Software(_)
        | Target::TestRoute(_)
        | Target::Candidate(_)
        | Target::OldVersions(_)
        | Target::Replay(_) => true,
    };
    let then = if names_itself {
        ", then `tidegate rollback`"
    } else {
        "; what is new is none of this run's, which has nothing more to do there"
    };
    vec![
        Event::Vanished { target: target.clone(), words: words.to_owned() },
        Event::AttentionNeeded {
            target: target.clone(),
            problem: format!("it is not there any more: {words}"),
            hint: format!("before this run it was {}; make it again like that{then}", trail.origin),
            found: None,
        },
    ]
}

/// A target was read while rolling back.
pub(super) fn observed(
    state: &State,
    target: &Target,
    live: &Picture,
    now: Timestamp,
) -> Vec<Event> {
    let (Some(Restore::Started), Some(trail)) =
        (state.restores.get(target), state.trails.get(target))
    else {
        return Vec::new();
    };
    let restored = || Event::Restored { target: target.clone() };
    let restoring = state.changes.get(target).filter(|change| is_restoring(change));
    let Some(change) = restoring else {
        // A call of which nobody knows whether it will still take effect is overruled by another, even when what is
        // read looks right already.
        if trail.origin.is_back_in(live) && !trail.unconfirmed {
            return vec![restored()];
        }
        return vec![restore((&state.bindings, target), trail, live)];
    };
    match change::seen(&state.bindings, (target, change), live, now) {
        Seen::Nothing => Vec::new(),
        Seen::Progress => progressed(state, (target, change), live, None, now),
        Seen::Done => {
            let confirmed = Event::ChangeConfirmed { target: target.clone(), live: live.clone() };
            vec![confirmed, restored()]
        }
        Seen::Invisible => called_problem(state, (target, change), invisible(target), now),
        Seen::Failed(problem) => vec![Event::AttentionNeeded {
            target: target.clone(),
            problem: format!("could not be restored to {}: {}", trail.origin, problem.message),
            hint: format!(
                "set {target} to {} yourself, or put right what stops the call and run \
                 `tidegate rollback` again",
                trail.origin
            ),
            found: None,
        }],
        Seen::Foreign
            if matches!(change.progress, Progress::Confirming { .. })
                && !trail.owns((&state.bindings, target), live) =>
        {
            vec![Event::AttentionNeeded {
                target: target.clone(),
                problem: format!("it was set to {}, and reads back as {live}", trail.origin),
                hint: overwritten(trail),
                found: Some(live.clone()),
            }]
        }
        Seen::CallAgain | Seen::Foreign => vec![restore((&state.bindings, target), trail, live)],
    }
}

fn is_restoring(change: &Change) -> bool {
    change.purpose == Purpose::Restore && change.progress != Progress::Confirmed
}

/// The intent to restore, provided that what is there now is this run's own work.
fn restore((bindings, target): (&Bindings, &Target), trail: &Trail, live: &Picture) -> Event {
    if trail.owns((bindings, target), live) {
        Event::ChangeIntended {
            purpose: Purpose::Restore,
            target: target.clone(),
            before: live.clone(),
            after: trail.origin.clone(),
        }
    } else {
        Event::AttentionNeeded {
            target: target.clone(),
            problem: format!("somebody else has set it to {live}; that is not overwritten"),
            hint: overwritten(trail),
            found: Some(live.clone()),
        }
    }
}

fn overwritten(trail: &Trail) -> String {
    format!(
        "before this run it was {}; set it as you want it, or let `tidegate rollback --overwrite` do it",
        trail.origin
    )
}

pub(super) fn polls(plan: &Plan, state: &State, since: Timestamp) -> Vec<Poll> {
    let mut polls: Vec<Poll> = watched(plan, state, since).into_iter().map(Watched::poll).collect();
    for (target, _) in state.restores.iter().filter(|(_, r)| **r == Restore::Started) {
        let since = match state.changes.get(target).filter(|change| is_restoring(change)) {
            None => since,
            Some(change) => match &change.progress {
                Progress::Confirming { since } => *since,
                Progress::InDoubt(Doubt::RetryAt(at)) => *at,
                Progress::InDoubt(Doubt::GivenUp(_)) => since,
                Progress::Calling | Progress::Confirmed => continue,
            },
        };
        let subject = Subject::Target(target.clone());
        polls.push(Poll { subject, every: follow_every(target), since, covering: since });
    }
    polls
}

/// The checks that targets not yet restored wait for.
pub(super) fn watched(plan: &Plan, state: &State, since: Timestamp) -> Vec<Watched> {
    let waiting = trails(state).filter(|(target, _)| !state.restores.contains_key(*target));
    let checks = waiting.filter_map(|(target, trail)| {
        match (turn(plan, state, target, trail, since), trail.steps.first()) {
            (Turn::Later(Some(check)), Some(step)) => Some((check, step.clone())),
            (Turn::Now | Turn::Later(_) | Turn::Never(_), Some(_) | None) => None,
        }
    });
    let (mut all, mut seen): (Vec<Watched>, BTreeSet<Check>) = (Vec::new(), BTreeSet::new());
    for (check, step) in checks {
        if !seen.insert(check.clone()) {
            continue;
        }
        let settled = check.drained().and_then(|(r, side)| watch::settled_at(plan, state, r, side));
        let fresh = settled.map_or(since, |at| at.max(since));
        let every = watch::every(plan, &check);
        all.push(Watched { check, step, every, since: fresh, covering: since });
    }
    all
}

pub(super) fn wakes(
    plan: &Plan,
    state: &State,
    since: Timestamp,
) -> impl Iterator<Item = Timestamp> {
    let back = state.changes.iter().filter(|(target, _)| state.has_back(target));
    let retries = back.filter_map(|(_, change)| change.progress.retry_at());
    let settles = state
        .idle_since
        .keys()
        .filter_map(move |(route, side)| watch::settled_at(plan, state, route, *side));
    retries.chain(settles).chain([since.plus(patience(plan, state))])
}

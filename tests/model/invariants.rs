//! What must always be true, asserted event by event and effect by effect. The numbers are those of ARCHITECTURE.md.

use std::{collections::BTreeSet, time::Duration};

use tidegate::{
    plan::{Component, ComponentName, FailureScope, GateName, Plan, Side, Verb, units::Weight},
    rollout::{
        Beside, Call, Cause, Check, Ending, Event, Flow, Mode, Outcome, Picture, Progress, Purpose,
        Readiness, Release, Restore, Scope, Stage, Target, Timestamp, Version, target_of,
    },
};

use crate::{
    explore::Node,
    world::{World, bindings},
};

/// Checks an event against the node it is about to be applied to.
pub(crate) fn check(plan: &Plan, node: &Node, event: &Event, now: Timestamp) -> Result<(), String> {
    // Most states lie behind the last misfortune and repeat what was checked on the way there.
    if node.budget.total > 0 {
        let json = serde_json::to_string(event).map_err(|e| e.to_string())?;
        let back: Event = serde_json::from_str(&json).map_err(|e| format!("{e}: {json}"))?;
        if back != *event {
            return Err(format!("invariant 2: an event does not survive the journal: {json}"));
        }
    }
    match event {
        Event::ChangeIntended { purpose, target, before, after } => {
            intended(plan, node, purpose, target, before, after)
        }
        Event::BakeStarted { step, until } => baking(plan, node, step, *until, now),
        Event::DriftFound { target, found, .. } if node.strange.as_ref() != Some(target) => {
            Err(format!("invariant 6: nobody else has touched {target}, found at {found}"))
        }
        Event::AttentionNeeded { target, problem, .. }
            if problem.starts_with("somebody else") && node.strange.as_ref() != Some(target) =>
        {
            Err(format!("invariant 6: nobody else has touched {target}, and it is left: {problem}"))
        }
        Event::StepDone { step } => {
            failures_count(plan, node)?;
            done(plan, node, step, now)
        }
        Event::StepFailed { step, cause: Cause::TimedOut { .. } } => in_time(plan, node, step, now),
        Event::StepFailed { cause: Cause::GateFailed { gate, .. }, .. } => {
            match failures_count(plan, node) {
                Ok(()) => Err(format!("{gate} failed a step within what it may fail")),
                Err(_) => Ok(()),
            }
        }
        Event::RollbackStarted { scope: Some(scope), .. } => scoped(plan, node, scope),
        Event::WentBack => restored(plan, node),
        // What is held at last has taken back what was to go back.
        Event::Held { .. }
            if matches!(node.state.mode, Mode::RollingBack { beside: Beside::Held(_), .. }) =>
        {
            restored(plan, node)
        }
        Event::RunEnded { ending } => ended(plan, node, *ending),
        _ => Ok(()),
    }
}

/// Whether a target belongs to what has gone back or is to, as the events before have it.
fn goes_back(plan: &Plan, node: &Node, target: &Target) -> bool {
    let owner = plan.steps().find(|(_, step)| target_of(step).as_ref() == Some(target));
    owner.is_some_and(|(component, _)| node.back.contains(component.name.as_str()))
}

/// What goes back is what has failed and, as the plan says, what needs it; never less, and nothing else.
fn scoped(plan: &Plan, node: &Node, scope: &Scope) -> Result<(), String> {
    let failed = |component: &&Component| {
        let mut steps = component.steps.iter().filter_map(|step| node.state.steps.get(&step.id));
        !node.back.contains(component.name.as_str())
            && steps.any(|step| matches!(step.stage, Stage::Failed(_)))
    };
    let mut meant: BTreeSet<ComponentName> =
        plan.components.iter().filter(failed).map(|component| component.name.clone()).collect();
    if scope.failed.is_empty() {
        meant.clone_from(&scope.components);
    } else if scope.failed.iter().cloned().collect::<BTreeSet<_>>() != meant {
        return Err(format!("{meant:?} have failed, and {:?} are told", scope.failed));
    }
    // Components come after what they need.
    for component in plan.components.iter() {
        let dependents = plan.failure_scope == FailureScope::Dependents;
        if dependents && component.needs.iter().any(|need| meant.contains(need)) {
            meant.insert(component.name.clone());
        }
    }
    if plan.failure_scope == FailureScope::All || scope.components != meant {
        return Err(format!("{:?} go back, and {meant:?} are to", scope.components));
    }
    Ok(())
}

/// All that goes back has gone back, or is left to a person by name.
fn restored(plan: &Plan, node: &Node) -> Result<(), String> {
    let origin = World::of(plan);
    for target in node.state.trails.keys().filter(|target| goes_back(plan, node, target)) {
        let (live, restore) = (&node.world.0[target], node.state.restores.get(target));
        let strange = node.strange.as_ref() == Some(target) || node.gone.as_ref() == Some(target);
        match restore {
            Some(Restore::NeedsAttention) => {}
            Some(Restore::Restored) if origin.0[target].is_back_in(live) || strange => {}
            Some(Restore::Restored | Restore::Started) | None => {
                return Err(format!("invariant 3: {target} {restore:?} at {live}"));
            }
        }
    }
    Ok(())
}

/// A step has as long as its plan says, whatever the clock is set to.
fn in_time(
    plan: &Plan,
    node: &Node,
    step: &tidegate::plan::StepId,
    now: Timestamp,
) -> Result<(), String> {
    let timeout = plan.step(step).and_then(|(_, step)| step.timeout).unwrap_or_default();
    let took = node.truth(now).since(node.began[step]);
    if took < timeout {
        return Err(format!("{step} is said to be late after {took:?} of {timeout:?}"));
    }
    Ok(())
}

/// No gate has failed more often than the plan tolerates; in the model's plans, in a row or not. Those of what has gone back
/// have failed what they guard.
fn failures_count(plan: &Plan, node: &Node) -> Result<(), String> {
    let guards = |gate: &GateName| {
        let components = plan.components.guarded_by(gate).iter();
        components.map(|at| &plan.components[*at].name).any(|c| !node.back.contains(c.as_str()))
    };
    for (check, failed) in &*node.failed {
        if let Check::Gate(gate) = check
            && guards(gate)
            && *failed > plan.gates[gate].tolerance.total
        {
            return Err(format!("the run goes on though {check} has failed {failed} times"));
        }
    }
    Ok(())
}

fn intended(
    plan: &Plan,
    node: &Node,
    purpose: &Purpose,
    target: &Target,
    before: &Picture,
    after: &Picture,
) -> Result<(), String> {
    if node.strange.as_ref() == Some(target) && World::is_strange(before) {
        return Err(format!("invariant 6: a stranger's {target} would be overwritten"));
    }
    let origin = &World::of(plan).0[target];
    match (purpose, &node.state.mode) {
        (Purpose::Restore, _) if after != origin => {
            return Err(format!(
                "invariant 11: {target} would be restored to {after}, was {origin}"
            ));
        }
        (Purpose::Restore, mode) if !goes_back(plan, node, target) => {
            return Err(format!("invariant 4: {target} would be taken back in {mode:?}"));
        }
        (Purpose::Restore | Purpose::Hold, _) => return Ok(()),
        (Purpose::Step(step), _) if node.back.contains(step.component().unwrap()) => {
            return Err(format!("invariant 4: {step} moves forward, and has gone back"));
        }
        (Purpose::Step(_), Mode::Forward | Mode::RollingBack { beside: Beside::Forward, .. }) => {
            failures_count(plan, node)?;
        }
        (Purpose::Step(step), mode) => {
            return Err(format!("invariant 4: {step} moves forward in {mode:?}"));
        }
    }
    let Purpose::Step(step) = purpose else { return Ok(()) };
    let Some((_, step)) = plan.step(step) else { return Err("a step that is not there".into()) };
    // Lifting a suspension from what has arrived already replaces nothing.
    let arrived = |picture: &Picture| match picture {
        Picture::Software(software) => software.rests_at(&Version::new("lt:2")),
        Picture::Split(_)
        | Picture::Uneven(_)
        | Picture::Capacity(_)
        | Picture::TestRoute(_)
        | Picture::Release(_)
        | Picture::OldVersions(_)
        | Picture::Replay(_) => false,
    };
    if let Verb::Replace(replace) = &step.verb
        && !arrived(before)
    {
        for gate in &replace.gates {
            let said = node.said.get(&Check::Gate(gate.clone())).map(|(outcome, _)| *outcome);
            if !matches!(said, Some(Outcome::Pass | Outcome::Wait)) {
                return Err(format!(
                    "invariant 7: {} goes on while gate {gate} is {said:?}",
                    step.id
                ));
            }
        }
    }
    if let (Verb::Shift { route, gates, .. }, Picture::Split(after)) = (&step.verb, after) {
        let bound = &bindings(plan).routes[route];
        let share = |split| bound.share(split, Side::Candidate);
        let before = bound.places().filter_map(|place| before.part(place)).map(share);
        if before.min().is_some_and(|before| share(after) > before) {
            let made = node.world.0.get(&Target::Candidate(route.clone()));
            if made.is_some_and(|made| !is_ready(made)) {
                return Err(format!(
                    "invariant 7: {} rises to a version that is not ready",
                    step.id
                ));
            }
            for gate in gates {
                let said = node.said.get(&Check::Gate(gate.clone())).map(|(outcome, _)| *outcome);
                if !matches!(said, Some(Outcome::Pass | Outcome::Wait)) {
                    return Err(format!(
                        "invariant 7: {} rises while gate {gate} is {said:?}",
                        step.id
                    ));
                }
            }
            for fleet in plan.fleets_behind(route) {
                let strange =
                    matches!(&node.strange, Some(Target::Fleet { fleet: f, .. }) if f == fleet);
                if node.world.desired(fleet, Side::Candidate) == 0 && !strange {
                    return Err(format!("invariant 7: {} rises to an empty fleet", step.id));
                }
            }
        }
    }
    Ok(())
}

fn is_ready(picture: &Picture) -> bool {
    matches!(picture, Picture::Release(Release::Version { readiness: Readiness::Ready, .. }))
}

/// A bake measures what clients do, so it lasts its time from when they know.
fn baking(
    plan: &Plan,
    node: &Node,
    step: &tidegate::plan::StepId,
    until: Timestamp,
    now: Timestamp,
) -> Result<(), String> {
    let (bake, least) = match plan.step(step).map(|(_, step)| &step.verb) {
        Some(Verb::Shift { route, bake, .. }) => {
            let lag = bindings(plan).lag(route);
            let spreads = Duration::from_mins(1);
            // A call without an answer, a crash before it came included, has not seen its change at every name server.
            let in_doubt = node.doubted.contains(&Target::Route(route.clone()));
            (bake, if in_doubt && !lag.is_zero() { lag + spreads } else { lag })
        }
        Some(Verb::Replace(replace)) => (&replace.bake, Duration::ZERO),
        // Nobody bakes here: nodes of the load balancer follow.
        Some(Verb::TestRoute { .. }) => return Ok(()),
        _ => return Err(format!("{step} bakes and moves nothing")),
    };
    if until < now.plus(*bake + least) {
        return Err(format!("{step} bakes until {until}, less than {bake:?} after clients know"));
    }
    Ok(())
}

fn done(
    plan: &Plan,
    node: &Node,
    step: &tidegate::plan::StepId,
    now: Timestamp,
) -> Result<(), String> {
    let Some((_, plan_step)) = plan.step(step) else {
        return Err("a step that is not there".into());
    };
    let (gates, bake) = match &plan_step.verb {
        Verb::Shift { gates, bake, .. } => (gates, bake),
        Verb::Replace(replace) => (&replace.gates, &replace.bake),
        _ => return Ok(()),
    };
    let Some(Stage::Baking { until }) = node.state.steps.get(step).map(|s| s.stage.clone()) else {
        return Ok(());
    };
    let lasted = node.truth(now).since(node.baked[step]);
    if now < until || lasted < *bake {
        return Err(format!("{step} is done after {lasted:?} of its bake of {bake:?}"));
    }
    for gate in gates {
        match node.said.get(&Check::Gate(gate.clone())) {
            Some((Outcome::Pass, at)) if *at >= until => {}
            said => {
                return Err(format!("invariant 9: {step} is done with gate {gate} at {said:?}"));
            }
        }
    }
    Ok(())
}

/// At the end nothing is forgotten.
fn ended(plan: &Plan, node: &Node, ending: Ending) -> Result<(), String> {
    let origin = World::of(plan);
    let is_part = node.state.trails.keys().any(|target| !goes_back(plan, node, target));
    if (ending == Ending::PartlyRolledBack) != (is_part && !node.back.is_empty())
        && ending != Ending::NeedsAttention
    {
        return Err(format!("{ending:?}, and {:?} went back", node.back));
    }
    for (target, trail) in node.state.trails.iter() {
        let live = &node.world.0[target];
        let strange = node.strange.as_ref() == Some(target) || node.gone.as_ref() == Some(target);
        // What did not go back is done, whatever became of the rest.
        let is_promoted = match ending {
            Ending::Promoted => true,
            Ending::PartlyRolledBack | Ending::NeedsAttention => !goes_back(plan, node, target),
            Ending::RolledBack => false,
        };
        match (ending, node.state.restores.get(target)) {
            _ if is_promoted => {
                let fine = trail
                    .steps
                    .iter()
                    .all(|s| node.state.steps.get(s).unwrap().stage == Stage::Done);
                if !fine {
                    return Err(format!("invariant 3: {ending:?} with {target} not done"));
                }
                if let Picture::Software(software) = live
                    && !(software.rests_at(&Version::new("lt:2")) && software.flow == Flow::Open)
                    && !strange
                {
                    return Err(format!("promoted with {target} at {live}"));
                }
            }
            (Ending::NeedsAttention, Some(Restore::NeedsAttention)) => {}
            (
                Ending::RolledBack | Ending::PartlyRolledBack | Ending::NeedsAttention,
                Some(Restore::Restored),
            ) if origin.0[target].is_back_in(live) || strange => {}
            (_, restore) => {
                return Err(format!("invariant 3: {ending:?} with {target} {restore:?} at {live}"));
            }
        }
    }
    for (target, live) in &*node.world.0 {
        let touched =
            node.state.changes.contains_key(target) || node.strange.as_ref() == Some(target);
        if !touched && *live != origin.0[target] {
            return Err(format!("invariant 1: {target} changed without an intent"));
        }
    }
    Ok(())
}

/// A run that waits for a person leaves nothing moving that it knows of.
pub(crate) fn held(plan: &Plan, node: &Node) -> Result<(), String> {
    for fleet in plan.fleets.keys() {
        let target = Target::Software(fleet.clone());
        let Some(Picture::Software(known)) = node.state.known.get(&target) else { continue };
        let change = node.state.changes.get(&target);
        let asked = change.is_some_and(|change| change.purpose == Purpose::Hold);
        let calling = change.is_some_and(|change| change.progress == Progress::Calling);
        if known.under_way().is_some() && known.flow == Flow::Open && !asked && !calling {
            return Err(format!("the run is held while {target} moves: {known}"));
        }
    }
    Ok(())
}

/// Checks a call at the moment it takes effect, as traffic would feel it.
pub(crate) fn effect(plan: &Plan, node: &Node, call: &Call) -> Result<(), String> {
    if World::made(call).is_some() && node.world.0[&call.target] != call.before {
        return Err(format!("invariant 15: {} is made twice", call.target));
    }
    let (Target::Fleet { fleet, side }, Picture::Capacity(after)) = (&call.target, &call.after)
    else {
        return Ok(());
    };
    if node.state.bindings.fleets[fleet].member(*side).is_none() {
        return Err(format!(
            "invariant 15: {} is changed, and nobody knows what it is",
            call.target
        ));
    }
    let shrinks = after.desired < node.world.desired(fleet, *side);
    let below_origin =
        after.desired < World::of(plan).desired(fleet, *side) || *side == Side::Candidate;
    let Some(route) = plan.fleets[fleet].behind.as_ref() else { return Ok(()) };
    if shrinks && *side == Side::Candidate && node.world.is_tested(route) {
        return Err(format!("invariant 8: {} shrinks while {route} is tested", call.target));
    }
    let strange = node.strange == Some(Target::Route(route.clone()))
        || node.gone == Some(Target::Route(route.clone()));
    let knew = node.state.known_at.get(&Target::Route(route.clone()));
    let moved = node.state.trails.contains_key(&Target::Route(route.clone()));
    let lag = bindings(plan).lag(route);
    if shrinks
        && below_origin
        && !strange
        && moved
        && knew.is_some_and(|at| node.now < at.plus(lag))
    {
        return Err(format!("invariant 8: {} shrinks before clients of {route} know", call.target));
    }
    if shrinks && below_origin && !strange && node.world.weight(plan, route, *side) != Weight::ZERO
    {
        return Err(format!("invariant 8: {} shrinks while {route} sends it traffic", call.target));
    }
    Ok(())
}

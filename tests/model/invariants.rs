//! What must always be true, asserted event by event and effect by effect. The numbers are those of ARCHITECTURE.md.

use std::time::Duration;

use tidegate::{
    plan::{Plan, Side, Step, Verb, units::Weight},
    rollout::{
        Call, Check, Ending, Event, Mode, Outcome, Picture, Purpose, Restore, Stage, Target,
        Timestamp,
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
        Event::StepDone { step } => done(plan, node, step, now),
        Event::RunEnded { ending } => ended(plan, node, *ending),
        _ => Ok(()),
    }
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
        (Purpose::Restore, _) => return Ok(()),
        (Purpose::Step(_), Mode::Forward) => {}
        (Purpose::Step(step), mode) => {
            return Err(format!("invariant 4: {step} moves forward in {mode:?}"));
        }
    }
    let Purpose::Step(step) = purpose else { return Ok(()) };
    let Some((_, step)) = plan.step(step) else { return Err("a step that is not there".into()) };
    if let (Verb::Shift { route, gates, .. }, Picture::Split(after)) = (&step.verb, after) {
        let bound = &bindings(plan).routes[route];
        let (candidate, places) = (&bound.candidate, bound.places());
        let before = places.filter_map(|place| before.part(place)).map(|s| s.share(candidate));
        if before.min().is_some_and(|before| after.share(candidate) > before) {
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

/// A bake measures what clients do, so it lasts its time from when they know.
fn baking(
    plan: &Plan,
    node: &Node,
    step: &tidegate::plan::StepId,
    until: Timestamp,
    now: Timestamp,
) -> Result<(), String> {
    let Some((_, Step { verb: Verb::Shift { route, bake, .. }, .. })) = plan.step(step) else {
        return Err(format!("{step} bakes and is no shift"));
    };
    let lag = bindings(plan).lag(route);
    let spreads = Duration::from_mins(1);
    // A call without an answer, a crash before it came included, has not seen its change at every name server.
    let in_doubt = node.doubted.contains(&Target::Route(route.clone()));
    let least = if in_doubt && !lag.is_zero() { lag + spreads } else { lag };
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
    let (Verb::Shift { gates, bake, .. }, Some(Stage::Baking { until })) =
        (&plan_step.verb, node.state.steps.get(step).map(|s| s.stage.clone()))
    else {
        return Ok(());
    };
    if now < until {
        return Err(format!("{step} is done before its bake of {bake:?}"));
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
    for (target, trail) in &node.state.trails {
        let live = &node.world.0[target];
        let strange = node.strange.as_ref() == Some(target);
        match (ending, node.state.restores.get(target)) {
            (Ending::Promoted, _) => {
                let fine = trail.steps.iter().all(|s| node.state.steps[s].stage == Stage::Done);
                if !fine {
                    return Err(format!("invariant 3: promoted with {target} not done"));
                }
            }
            (Ending::NeedsAttention, Some(Restore::NeedsAttention)) => {}
            (Ending::RolledBack | Ending::NeedsAttention, Some(Restore::Restored))
                if *live == origin.0[target] || strange => {}
            (_, restore) => {
                return Err(format!("invariant 3: {ending:?} with {target} {restore:?} at {live}"));
            }
        }
    }
    for (target, live) in &node.world.0 {
        let touched =
            node.state.trails.contains_key(target) || node.strange.as_ref() == Some(target);
        if !touched && *live != origin.0[target] {
            return Err(format!("invariant 1: {target} changed without an intent"));
        }
    }
    Ok(())
}

/// Checks a call at the moment it takes effect, as traffic would feel it.
pub(crate) fn effect(plan: &Plan, node: &Node, call: &Call) -> Result<(), String> {
    let (Target::Fleet { fleet, side }, Picture::Capacity(after)) = (&call.target, &call.after)
    else {
        return Ok(());
    };
    let shrinks = after.desired < node.world.desired(fleet, *side);
    let below_origin =
        after.desired < World::of(plan).desired(fleet, *side) || *side == Side::Candidate;
    let Some(route) = plan.fleets[fleet].behind.as_ref() else { return Ok(()) };
    let strange = node.strange == Some(Target::Route(route.clone()));
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

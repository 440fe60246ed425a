//! What a run would do, call by call, from before to after. The same function that makes a step's picture in a run
//! makes it here, so a preview cannot tell another story.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Settled;
use crate::{
    plan::{Member, Plan, StepId},
    rollout::{
        Actor, Event, Making, Picture, Stage, State, StepState, Target, Timestamp, change_of,
    },
};

/// One call a run would make, if everything goes well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Planned {
    pub step: StepId,
    pub target: Target,
    pub before: Picture,
    pub after: Picture,
}

/// Stands for the version that a run will publish, as it does in a plan: what AWS will call it is not known yet.
const TO_BE_PUBLISHED: &str = "published";

/// Every call, in the order of the steps. A step that changes nothing makes none.
pub fn preview(plan: &Plan, settled: &Settled) -> Vec<Planned> {
    let mut state = State::default();
    let begin = Event::RunStarted {
        plan: plan.name.clone(),
        digest: plan.digest.clone(),
        params: BTreeMap::new(),
        by: Actor(String::new()),
        bindings: settled.bindings.clone(),
        found: settled.found.clone(),
        excused: Vec::new(),
        attempts: BTreeMap::new(),
        acting_as: None,
    };
    let now = Timestamp::default();
    state.apply(&begin, now);
    let mut live: BTreeMap<Target, Picture> =
        settled.found.iter().map(|f| (f.target.clone(), f.picture.clone())).collect();
    let mut calls = Vec::new();
    for (_, step) in plan.steps() {
        let active = StepState { started: now, deadline: None, stage: Stage::Cleared };
        let Some((target, before, after)) = change_of(&state, step, &active, &live) else {
            continue;
        };
        if before == after {
            continue;
        }
        state.apply(&Event::Observed { target: target.clone(), live: after.clone() }, now);
        if let Target::Candidate(route) = &target {
            let (route, member) = (route.clone(), Member::new(TO_BE_PUBLISHED));
            state.apply(&Event::Learned { route, member, making: Making::New }, now);
        }
        live.insert(target.clone(), after.clone());
        calls.push(Planned { step: step.id.clone(), target, before, after });
    }
    calls
}
